package configs

import (
	"net/netip"
	"time"
)

// Handlers configures the handlers that Legwork ships.
type Handlers struct {
	HTTPRequest    HTTPRequest    `yaml:"http_request" envPrefix:"HTTP_REQUEST_"`
	EmailSend      EmailSend      `yaml:"email_send" envPrefix:"EMAIL_SEND_"`
	ImageThumbnail ImageThumbnail `yaml:"image_thumbnail" envPrefix:"IMAGE_THUMBNAIL_"`
}

// HTTPRequest configures the handler http.request.
type HTTPRequest struct {
	AllowPrivate  bool           `yaml:"allow_private" env:"ALLOW_PRIVATE" doc:"let jobs call private and loopback addresses"`
	AllowCIDRs    []netip.Prefix `yaml:"allow_cidrs" env:"ALLOW_CIDRS" doc:"private networks that jobs may call all the same, such as 10.1.0.0/16"`
	ResponseLimit ByteSize       `yaml:"response_limit" env:"RESPONSE_LIMIT" range:"1KiB..256MiB" doc:"most of a response that is read"`
	Timeout       time.Duration  `yaml:"timeout" env:"TIMEOUT" range:"100ms..1h" doc:"how long one request may take when its job names no timeout"`
}

// EmailSend configures the handler email.send.
type EmailSend struct {
	Host     string        `yaml:"host" env:"HOST" doc:"SMTP server; email.send needs one"`
	Port     int           `yaml:"port" env:"PORT" range:"1..65535" doc:"port of the SMTP server"`
	Username string        `yaml:"username" env:"USERNAME" doc:"user name at the SMTP server; goes with password"`
	Password string        `yaml:"password" env:"PASSWORD" secret:"true" doc:"password at the SMTP server; goes with username"`
	From     string        `yaml:"from" env:"FROM" doc:"sender of mails that name none"`
	TLS      string        `yaml:"tls" env:"TLS" oneof:"starttls,tls,none" doc:"encryption of the SMTP connection"`
	Timeout  time.Duration `yaml:"timeout" env:"TIMEOUT" range:"100ms..1h" doc:"how long sending one mail may take"`
	CAFile   string        `yaml:"ca_file" env:"CA_FILE" doc:"PEM file of the authorities to trust; empty means the system's"`
}

// ImageThumbnail configures the handler image.thumbnail.
type ImageThumbnail struct {
	Dir       string   `yaml:"dir" env:"DIR" doc:"only folder that images are read from and written to; image.thumbnail needs one"`
	MaxPixels int      `yaml:"max_pixels" env:"MAX_PIXELS" range:"1..1000000000" doc:"largest image that is decoded, width times height"`
	MaxSource ByteSize `yaml:"max_source" env:"MAX_SOURCE" range:"1KiB..1GiB" doc:"largest image file that is read"`
}
