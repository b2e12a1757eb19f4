package email

import (
	"fmt"
	"net/mail"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
)

// parseAddress reads one mailbox (RFC 5322, 3.4). Its errors name the field and
// do not repeat the address.
func parseAddress(field, s string) (*mail.Address, error) {
	if hasControl(s) {
		return nil, fmt.Errorf("%s: holds a line break or another control character", field)
	}
	a, err := mail.ParseAddress(s)
	if err != nil {
		return nil, fmt.Errorf(`%s: is not a mail address such as "ann@example.com" or "Ann <ann@example.com>"`, field)
	}
	if hasControl(a.Name) || hasControl(a.Address) {
		return nil, fmt.Errorf("%s: holds an encoded line break or another control character", field)
	}
	return a, nil
}

func parseAddresses(field string, list []string) ([]*mail.Address, error) {
	out := make([]*mail.Address, len(list))
	for i, s := range list {
		var err error
		if out[i], err = parseAddress(field+"["+strconv.Itoa(i)+"]", s); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func hasControl(s string) bool { return strings.ContainsFunc(s, unicode.IsControl) }

// domainOf returns what follows the last @, in ASCII.
func domainOf(a *mail.Address) string {
	domain := a.Address[strings.LastIndexByte(a.Address, '@')+1:]
	ascii, err := idna.ToASCII(domain)
	if err != nil {
		return "legwork.invalid"
	}
	return ascii
}
