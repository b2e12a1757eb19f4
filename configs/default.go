package configs

import "time"

// Default returns the configuration that holds without file, environment and
// flags. Each call returns a fresh copy.
func Default() Config {
	return Config{
		Roles: Roles(),
		HTTP: HTTP{
			Addr:            "127.0.0.1:8080",
			BodyLimit:       1 * MiB,
			BatchBodyLimit:  32 * MiB,
			ReadTimeout:     30 * time.Second,
			WriteTimeout:    90 * time.Second,
			IdleTimeout:     2 * time.Minute,
			ShutdownTimeout: 15 * time.Second,
		},
		Redis: Redis{
			URL:            "redis://127.0.0.1:6379/0",
			DialTimeout:    time.Second,
			ReadTimeout:    3 * time.Second,
			WriteTimeout:   3 * time.Second,
			StartTimeout:   30 * time.Second,
			Durability:     DurabilityStandard,
			FullAt:         80,
			RequestTimeout: 1500 * time.Millisecond,
		},
		Worker: Worker{
			Queues:      map[string]int{"default": 1},
			Shards:      map[string]int{},
			Dedicated:   map[string]int{},
			StopTimeout: 25 * time.Second,
			CancelGrace: 5 * time.Second,
		},
		Jobs: Jobs{
			PayloadLimit: 256 * KiB,
			ResultLimit:  256 * KiB,
			BatchLimit:   10_000,
		},
		DeadLetters: DeadLetters{
			Archive:          true,
			ArchiveFileLimit: 64 * MiB,
			WarnAt:           []int{1_000, 10_000, 100_000},
		},
		Handlers: Handlers{
			HTTPRequest:    HTTPRequest{ResponseLimit: 1 * MiB, Timeout: 30 * time.Second},
			EmailSend:      EmailSend{Port: 587, TLS: "starttls", Timeout: 30 * time.Second},
			ImageThumbnail: ImageThumbnail{MaxPixels: 50_000_000, MaxSource: 64 * MiB},
		},
		Memory: Memory{GCSlack: 32 * MiB},
		Log:    Log{Level: "info", Format: "text"},
	}
}
