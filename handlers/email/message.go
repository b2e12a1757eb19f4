package email

import (
	"bytes"
	"errors"
	"fmt"
	"mime"
	"net/mail"
	"net/textproto"
	"slices"
	"strconv"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"legwork/jobs"
)

// headerValueMax bounds a header, in bytes (RFC 5322, 2.1.1).
const headerValueMax = 998

// compose turns the payload into a message. Its errors are the payload's fault,
// or that of the settings when nobody named a sender.
func compose(in Payload, fallbackFrom string, info jobs.JobInfo) (*gomail.Msg, error) {
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	from, err := sender(in.From, fallbackFrom)
	if err != nil {
		return nil, err
	}
	m.FromMailAddress(from)
	if info.ID != "" {
		m.SetMessageIDWithValue(messageID(info, domainOf(from)))
	} else {
		m.SetMessageID()
	}
	for _, step := range []func(*gomail.Msg, Payload) error{setRecipients, setSubject, setBody, setHeaders, attach} {
		if err := step(m, in); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func sender(from, fallback string) (*mail.Address, error) {
	if from != "" {
		return parseAddress("from", from)
	}
	if fallback == "" {
		return nil, errors.New("from: nobody is named; set it in the payload or as handlers.email_send.from")
	}
	return parseAddress("handlers.email_send.from", fallback)
}

// messageID is the same for every attempt of a job. The time of creation tells
// apart jobs that were given one id in turn. The characters of a job id that an
// RFC 5322 dot-atom does not allow everywhere become = and two hex digits.
func messageID(info jobs.JobInfo, domain string) string {
	id := strings.NewReplacer(":", "=3A", ".", "=2E").Replace(info.ID)
	return id + "." + strconv.FormatInt(max(0, info.CreatedAt.Unix()), 36) + "@" + domain
}

func setRecipients(m *gomail.Msg, in Payload) error {
	if len(in.To) == 0 {
		return errors.New("to: at least one recipient is needed")
	}
	for _, list := range []struct {
		field     string
		header    gomail.AddrHeader
		addresses []string
	}{{"to", gomail.HeaderTo, in.To}, {"cc", gomail.HeaderCc, in.Cc}, {"bcc", gomail.HeaderBcc, in.Bcc}} {
		addresses, err := parseAddresses(list.field, list.addresses)
		if err != nil {
			return err
		}
		m.SetAddrHeaderFromMailAddress(list.header, addresses...)
	}
	if in.ReplyTo == "" {
		return nil
	}
	address, err := parseAddress("reply_to", in.ReplyTo)
	if err != nil {
		return err
	}
	m.ReplyToMailAddress(address)
	return nil
}

func setSubject(m *gomail.Msg, in Payload) error {
	if hasControl(in.Subject) {
		return errors.New("subject: holds a line break or another control character")
	}
	m.Subject(in.Subject)
	return nil
}

func setBody(m *gomail.Msg, in Payload) error {
	switch {
	case in.Text == "" && in.HTML == "":
		return errors.New("text and html: at least one of them is needed")
	case in.Text == "":
		m.SetBodyString(gomail.TypeTextHTML, in.HTML)
	default:
		m.SetBodyString(gomail.TypeTextPlain, in.Text)
		if in.HTML != "" {
			m.AddAlternativeString(gomail.TypeTextHTML, in.HTML)
		}
	}
	return nil
}

func setHeaders(m *gomail.Msg, in Payload) error {
	seen := map[string]bool{}
	for name, value := range in.Headers {
		if !headerName(name) {
			return fmt.Errorf("header %q: is not a header name", name)
		}
		key := textproto.CanonicalMIMEHeaderKey(name)
		switch {
		case ownHeader(key):
			return fmt.Errorf("header %q: cannot be set here; use the payload's fields", name)
		case seen[key]:
			return fmt.Errorf("header %q: is given twice in different letter case", key)
		case hasControl(value) || len(value) > headerValueMax:
			return fmt.Errorf("header %q: its value holds a control character or is longer than %d bytes", name, headerValueMax)
		}
		seen[key] = true
		m.SetGenHeader(gomail.Header(name), value)
	}
	return nil
}

// headerName reports whether s is a field name (RFC 5322, 2.2) of letters,
// digits and hyphens.
func headerName(s string) bool {
	return s != "" && len(s) <= 76 && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-'
	})
}

// ownHeader reports whether the payload's fields, the message's structure or
// the transport set the header.
func ownHeader(key string) bool {
	owned := []string{
		"Bcc", "Cc", "Date", "Dkim-Signature", "From", "Message-Id", "Mime-Version", "Received", "Reply-To",
		"Return-Path", "Sender", "Subject", "To",
	}
	return slices.Contains(owned, key) || strings.HasPrefix(key, "Content-") || strings.HasPrefix(key, "Resent-")
}

func attach(m *gomail.Msg, in Payload) error {
	for i, a := range in.Attachments {
		if a.Name == "" || hasControl(a.Name) {
			return fmt.Errorf("attachments[%d].name: is empty or holds a control character", i)
		}
		var options []gomail.FileOption
		if a.ContentType != "" {
			media, params, err := mime.ParseMediaType(a.ContentType)
			if err != nil || hasControl(a.ContentType) || !strings.Contains(media, "/") {
				return fmt.Errorf(`attachments[%d].content_type: is not a media type such as "application/pdf"`, i)
			}
			delete(params, "name")
			options = append(options, gomail.WithFileContentType(gomail.ContentType(mime.FormatMediaType(media, params))))
		}
		m.AttachReadSeeker(a.Name, bytes.NewReader(a.Content), options...)
	}
	return nil
}
