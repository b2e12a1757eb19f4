package httprequest

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"

	"code.dny.dev/ssrf"
)

// refusal is an error that another attempt cannot mend.
type refusal string

func (r refusal) Error() string { return string(r) }

// refusedAddress does not say which address a name resolved to: whoever
// enqueues jobs is not always allowed to know the inner network.
const refusedAddress refusal = "the address, or that of a redirect, is not public; " +
	"an operator can allow it with handlers.http_request.allow_private or handlers.http_request.allow_cidrs"

type controlFunc func(network, address string, c syscall.RawConn) error

// newControl returns the check that a dialer makes of every address it is about
// to connect to, or nil when all are allowed. With an error, none is.
func newControl(o Options) (controlFunc, error) {
	v4, v6, err := splitPrefixes(o.AllowCIDRs)
	if err != nil {
		return func(string, string, syscall.RawConn) error { return refusedAddress }, err
	}
	if o.AllowPrivate {
		return nil, nil
	}
	guard := ssrf.New(
		ssrf.WithAnyPort(),
		ssrf.WithAllowedV4Prefixes(v4...),
		ssrf.WithAllowedV6Prefixes(v6...),
		ssrf.WithDeniedV4Prefixes(azureWireServer()),
	)
	return func(network, address string, c syscall.RawConn) error {
		if guard.Safe(network, address, c) != nil {
			return refusedAddress
		}
		return nil
	}, nil
}

// azureWireServer is the public-looking address at which Azure hands out
// certificates and secrets to any process of a virtual machine
// (https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16).
func azureWireServer() netip.Prefix { return netip.MustParsePrefix("168.63.129.16/32") }

func splitPrefixes(cidrs []string) (v4, v6 []netip.Prefix, err error) {
	var errs []error
	for _, cidr := range cidrs {
		p, err := netip.ParsePrefix(cidr)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf(`handlers.http_request.allow_cidrs: %q is not a network such as "10.2.0.0/16"`, cidr))
		case p.Addr().Is4In6():
			errs = append(errs, fmt.Errorf("handlers.http_request.allow_cidrs: write %q as an IPv4 network", cidr))
		case p.Addr().Is4():
			v4 = append(v4, p.Masked())
		default:
			v6 = append(v6, p.Masked())
		}
	}
	return v4, v6, errors.Join(errs...)
}
