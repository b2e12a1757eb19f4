package cmd

import (
	"legwork/configs"
	"legwork/handlers"
	"legwork/handlers/email"
	"legwork/handlers/httprequest"
	"legwork/handlers/thumbnail"
	"legwork/jobs"
)

// Shipped registers the job types that Legwork ships (http.request, email.send
// and image.thumbnail) with the operator's settings. A program of your own that
// wants them calls it from the function it gives to [MainWithConfig].
func Shipped(r *jobs.Registry, c configs.Config) {
	h := c.Handlers
	networks := make([]string, len(h.HTTPRequest.AllowCIDRs))
	for i, prefix := range h.HTTPRequest.AllowCIDRs {
		networks[i] = prefix.String()
	}
	o := handlers.Options{
		HTTPRequest: httprequest.Options{
			AllowPrivate: h.HTTPRequest.AllowPrivate, AllowCIDRs: networks,
			ResponseLimit: int64(h.HTTPRequest.ResponseLimit), Timeout: h.HTTPRequest.Timeout,
		},
		EmailSend: email.Options{
			Host: h.EmailSend.Host, Port: h.EmailSend.Port, Username: h.EmailSend.Username, Password: h.EmailSend.Password,
			From: h.EmailSend.From, TLS: h.EmailSend.TLS, Timeout: h.EmailSend.Timeout, CAFile: h.EmailSend.CAFile,
		},
		ImageThumbnail: thumbnail.Options{
			Dir: h.ImageThumbnail.Dir, MaxPixels: h.ImageThumbnail.MaxPixels, MaxSourceBytes: int64(h.ImageThumbnail.MaxSource),
		},
	}
	handlers.Register(r, o)
	r.AddError(o.Check())
}
