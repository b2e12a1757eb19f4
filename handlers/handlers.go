// Package handlers registers the job types that come with Legwork:
//
//   - http.request calls an HTTP address ([legwork/handlers/httprequest])
//   - email.send sends a mail ([legwork/handlers/email])
//   - image.thumbnail makes a picture smaller ([legwork/handlers/thumbnail])
//
// They use nothing but the public package jobs, so they also show how to write
// a handler.
package handlers

import (
	"errors"

	"legwork/handlers/email"
	"legwork/handlers/httprequest"
	"legwork/handlers/thumbnail"
	"legwork/jobs"
)

// Options are the operator's settings, one field per type. The zero value
// registers every type; those that need a setting fail their jobs with its name.
type Options struct {
	HTTPRequest    httprequest.Options
	EmailSend      email.Options
	ImageThumbnail thumbnail.Options
}

// Check says everything that is wrong with the options, naming each setting, or
// is nil. A program should stop its start on an error; a program that does not
// finds the same error on each job of the type.
func (o Options) Check() error {
	return errors.Join(o.HTTPRequest.Check(), o.EmailSend.Check(), o.ImageThumbnail.Check())
}

// Register adds all shipped types to r.
func Register(r *jobs.Registry, o Options) {
	httprequest.Register(r, o.HTTPRequest)
	email.Register(r, o.EmailSend)
	thumbnail.Register(r, o.ImageThumbnail)
}
