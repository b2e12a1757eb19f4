package configs

import "time"

// What a process can do; Roles returns them all.
const (
	RoleAPI       = "api"
	RoleWorker    = "worker"
	RoleScheduler = "scheduler"
	RoleDashboard = "dashboard"
)

// Roles returns every role, in the order of the documentation.
func Roles() []string {
	return []string{RoleAPI, RoleWorker, RoleScheduler, RoleDashboard}
}

// plainNames returns what can be left to asynq as it is.
func plainNames() []string {
	return []string{"dequeue", "forward", "acknowledge", "archive", "reap", "timeouts"}
}

// RedisEmbedded is the value of redis.url that asks for a Redis inside the
// process. It is for development only.
const RedisEmbedded = "embedded"

// How much Redis may lose; the values of redis.durability.
const (
	DurabilityStandard = "standard" // whatever its persistence loses
	DurabilityStrict   = "strict"   // nothing that was accepted, on a single server
)

// Config is the whole configuration. The doc tags describe the fields,
// [Default] has their defaults. A Config holds secrets: print [Config.Redacted].
type Config struct {
	Roles       []string    `yaml:"roles" env:"ROLES" doc:"what this process does: api, worker, scheduler, dashboard"`
	HTTP        HTTP        `yaml:"http" envPrefix:"HTTP_"`
	Redis       Redis       `yaml:"redis" envPrefix:"REDIS_"`
	Worker      Worker      `yaml:"worker" envPrefix:"WORKER_"`
	Jobs        Jobs        `yaml:"jobs" envPrefix:"JOBS_"`
	DeadLetters DeadLetters `yaml:"dead_letters" envPrefix:"DEAD_LETTERS_"`
	Handlers    Handlers    `yaml:"handlers" envPrefix:"HANDLERS_"`
	Memory      Memory      `yaml:"memory" envPrefix:"MEMORY_"`
	Log         Log         `yaml:"log" envPrefix:"LOG_"`
}

// HTTP configures the server of the API and the dashboard.
type HTTP struct {
	Addr            string        `yaml:"addr" env:"ADDR" doc:"address to listen on, host:port; port 0 takes a free one"`
	BodyLimit       ByteSize      `yaml:"body_limit" env:"BODY_LIMIT" range:"1KiB..256MiB" doc:"largest body of a request with one job"`
	BatchBodyLimit  ByteSize      `yaml:"batch_body_limit" env:"BATCH_BODY_LIMIT" range:"1KiB..1GiB" doc:"largest body of a request with many jobs"`
	ReadTimeout     time.Duration `yaml:"read_timeout" env:"READ_TIMEOUT" range:"100ms..1h" doc:"how long a request may take to arrive"`
	WriteTimeout    time.Duration `yaml:"write_timeout" env:"WRITE_TIMEOUT" range:"61s..1h" doc:"how long a request may take to be answered; must exceed the longest Prefer: wait, 60s"`
	IdleTimeout     time.Duration `yaml:"idle_timeout" env:"IDLE_TIMEOUT" range:"1s..1h" doc:"how long an idle connection stays open"`
	ShutdownTimeout time.Duration `yaml:"shutdown_timeout" env:"SHUTDOWN_TIMEOUT" range:"0s..1h" doc:"how long running requests may finish at a stop"`
}

// Redis configures the connection to Redis.
type Redis struct {
	URL            string        `yaml:"url" env:"URL" secret:"url" doc:"redis://, rediss://, redis-sentinel://, redis-cluster:// or unix:// URL, or embedded (development only)"`
	Username       string        `yaml:"username" env:"USERNAME" doc:"user name; overrides the URL's"`
	Password       string        `yaml:"password" env:"PASSWORD" secret:"true" doc:"password; overrides the URL's"`
	PasswordFile   string        `yaml:"password_file" env:"PASSWORD_FILE" doc:"file that holds the password; instead of password"`
	TLS            TLS           `yaml:"tls" envPrefix:"TLS_"`
	PoolSize       int           `yaml:"pool_size" env:"POOL_SIZE" range:"0..10000" doc:"connections per process and node; 0 means 10 per CPU"`
	DialTimeout    time.Duration `yaml:"dial_timeout" env:"DIAL_TIMEOUT" range:"10ms..1m" doc:"how long connecting may take"`
	ReadTimeout    time.Duration `yaml:"read_timeout" env:"READ_TIMEOUT" range:"10ms..1m" doc:"how long a reply may take"`
	WriteTimeout   time.Duration `yaml:"write_timeout" env:"WRITE_TIMEOUT" range:"10ms..1m" doc:"how long sending a command may take"`
	StartTimeout   time.Duration `yaml:"start_timeout" env:"START_TIMEOUT" range:"0s..1h" doc:"how long serve keeps trying to reach Redis before it gives up"`
	Durability     string        `yaml:"durability" env:"DURABILITY" oneof:"standard,strict" doc:"strict: refuse to start unless Redis syncs its append-only file at every write"`
	FullAt         int           `yaml:"full_at" env:"FULL_AT" range:"0..100" doc:"percent of Redis' maxmemory in use from which on new jobs are refused; 0 never refuses"`
	RequestTimeout time.Duration `yaml:"request_timeout" env:"REQUEST_TIMEOUT" range:"50ms..2s" doc:"how long Redis may take for one API request before the answer is 503"`
}

// TLS configures the encryption of the connection to Redis. Which scheme turns
// it on is the URL's matter; an empty TLS trusts the system's authorities.
type TLS struct {
	CAFile             string `yaml:"ca_file" env:"CA_FILE" doc:"PEM file of the authorities to trust; empty means the system's"`
	CertFile           string `yaml:"cert_file" env:"CERT_FILE" doc:"PEM file of the client certificate; goes with key_file"`
	KeyFile            string `yaml:"key_file" env:"KEY_FILE" doc:"PEM file of the client certificate's key; goes with cert_file"`
	ServerName         string `yaml:"server_name" env:"SERVER_NAME" doc:"name expected in the server's certificate; empty means the host"`
	InsecureSkipVerify bool   `yaml:"insecure_skip_verify" env:"INSECURE_SKIP_VERIFY" doc:"accept any server certificate; for tests only"`
}

// Worker configures the execution of jobs.
type Worker struct {
	Concurrency    int            `yaml:"concurrency" env:"CONCURRENCY" range:"0..10000" doc:"jobs run at the same time; 0 means 10 per CPU"`
	Queues         map[string]int `yaml:"queues" env:"QUEUES" doc:"queues to work on, each with its weight from 1 to 100"`
	Shards         map[string]int `yaml:"shards" env:"SHARDS" doc:"queues to spread over several slots of a Redis Cluster, each with its number of shards from 1 to 32"`
	Dedicated      map[string]int `yaml:"dedicated" env:"DEDICATED" doc:"queues with slots of their own, each with its number from 1 to 10000; the other queues share concurrency"`
	StrictPriority bool           `yaml:"strict_priority" env:"STRICT_PRIORITY" doc:"empty a heavier queue before taking from a lighter one"`
	StopTimeout    time.Duration  `yaml:"stop_timeout" env:"STOP_TIMEOUT" range:"0s..24h" doc:"how long running jobs may finish at a stop"`
	CancelGrace    time.Duration  `yaml:"cancel_grace" env:"CANCEL_GRACE" range:"0s..1h" doc:"how long jobs have to return once stop_timeout has passed and their contexts are cancelled"`
	ZombieLimit    int            `yaml:"zombie_limit" env:"ZOMBIE_LIMIT" range:"0..10000" doc:"handlers that may ignore their cancelled contexts before the process stops; 0 means as many as there are slots"`
	Plain          []string       `yaml:"plain" env:"PLAIN" doc:"what is left to asynq as it is, to tell its faults from Legwork's: dequeue, forward, acknowledge, archive, reap, timeouts"`
}

// Jobs configures what a job may carry.
type Jobs struct {
	PayloadLimit ByteSize `yaml:"payload_limit" env:"PAYLOAD_LIMIT" range:"1KiB..64MiB" doc:"largest payload of a job; at most http.body_limit"`
	ResultLimit  ByteSize `yaml:"result_limit" env:"RESULT_LIMIT" range:"1KiB..64MiB" doc:"largest result of a job"`
	BatchLimit   int      `yaml:"batch_limit" env:"BATCH_LIMIT" range:"1..10000" doc:"most jobs in one request"`
}

// Memory configures what the process spends to save CPU.
type Memory struct {
	GCSlack ByteSize `yaml:"gc_slack" env:"GC_SLACK" range:"0..1GiB" doc:"garbage that may gather beyond what Go allows by itself; without effect when GOGC or GOMEMLIMIT is set"`
}

// Log configures what the process writes about itself.
type Log struct {
	Level  string `yaml:"level" env:"LEVEL" oneof:"debug,info,warn,error" doc:"least severe level that is written"`
	Format string `yaml:"format" env:"FORMAT" oneof:"text,json" doc:"form of a line"`
}
