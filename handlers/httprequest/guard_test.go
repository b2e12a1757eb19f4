package httprequest

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"legwork/jobs"
)

func control(t *testing.T, o Options) controlFunc {
	t.Helper()
	c, err := newControl(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func dial(c controlFunc, addr netip.Addr) error {
	network := "tcp4"
	if addr.Is6() {
		network = "tcp6"
	}
	return c(network, net.JoinHostPort(addr.String(), "8080"), nil)
}

// No address that leads into the machine, its network or its cloud is dialled,
// however it is written.
func TestGuardRefusesWhatIsNotPublic(t *testing.T) {
	t.Parallel()
	c := control(t, Options{})
	for name, addr := range map[string]string{
		"loopback":                    "127.0.0.1",
		"loopback, other":             "127.8.9.10",
		"unspecified":                 "0.0.0.0",
		"private 10":                  "10.1.2.3",
		"private 172.16":              "172.31.255.254",
		"private 192.168":             "192.168.1.1",
		"carrier grade NAT":           "100.64.0.1",
		"Alibaba metadata":            "100.100.100.200",
		"link local metadata":         "169.254.169.254",
		"Azure wire server":           "168.63.129.16",
		"Oracle metadata":             "192.0.0.192",
		"multicast":                   "224.0.0.1",
		"broadcast":                   "255.255.255.255",
		"benchmarking":                "198.18.0.1",
		"IPv6 loopback":               "::1",
		"IPv6 unspecified":            "::",
		"IPv4-mapped loopback":        "::ffff:127.0.0.1",
		"IPv4-mapped private":         "::ffff:10.0.0.1",
		"IPv4-mapped public":          "::ffff:93.184.216.34",
		"IPv4-compatible":             "::127.0.0.1",
		"IPv4-translated":             "::ffff:0:127.0.0.1",
		"NAT64 loopback":              "64:ff9b::7f00:1",
		"NAT64 metadata":              "64:ff9b::a9fe:a9fe",
		"NAT64 local":                 "64:ff9b:1::a00:1",
		"6to4 loopback":               "2002:7f00:1::1",
		"6to4 private":                "2002:a00:1::1",
		"Teredo":                      "2001:0:7f00:1::1",
		"link local":                  "fe80::1",
		"link local with zone":        "fe80::1%eth0",
		"public prefix with zone":     "2606:4700::1%eth0",
		"unique local":                "fd12:3456::1",
		"AWS metadata":                "fd00:ec2::254",
		"site local":                  "fec0::1",
		"IPv6 multicast":              "ff02::1",
		"documentation":               "2001:db8::1",
		"segment routing identifiers": "5f00::1",
	} {
		if dial(c, netip.MustParseAddr(addr)) == nil {
			t.Errorf("%s (%s) is dialled", name, addr)
		}
	}
}

// Public addresses are dialled on any port; anything but TCP is not.
func TestGuardAllowsThePublicInternet(t *testing.T) {
	t.Parallel()
	c := control(t, Options{})
	for _, addr := range []string{"93.184.216.34", "8.8.8.8", "168.63.129.17", "2606:4700:4700::1111"} {
		if err := dial(c, netip.MustParseAddr(addr)); err != nil {
			t.Errorf("%s: %v", addr, err)
		}
	}
	for network, address := range map[string]string{"unix": "/run/docker.sock", "udp4": "8.8.8.8:53", "tcp4": "no address"} {
		if c(network, address, nil) == nil {
			t.Errorf("%s %s is dialled", network, address)
		}
	}
}

// Allowed networks open exactly themselves, in both families.
func TestGuardAllowsConfiguredNetworks(t *testing.T) {
	t.Parallel()
	c := control(t, Options{AllowCIDRs: []string{"10.2.0.0/16", "fd00:1::/32", "168.63.129.16/32"}})
	for addr, want := range map[string]bool{
		"10.2.255.1": true, "10.3.0.1": false, "fd00:1::5": true, "fd00:2::5": false,
		"168.63.129.16": true, "::ffff:10.2.0.1": false, "169.254.169.254": false,
	} {
		if err := dial(c, netip.MustParseAddr(addr)); (err == nil) != want {
			t.Errorf("%s: dialled is %t, want %t", addr, err == nil, want)
		}
	}
}

// Whatever IPv4 address is denied stays denied in each way of writing it as IPv6.
func TestGuardRefusesEmbeddedAddresses(t *testing.T) {
	t.Parallel()
	c := control(t, Options{})
	rapid.Check(t, func(rt *rapid.T) {
		four := [4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(rt, "address"))
		mapped := netip.AddrFrom16(netip.AddrFrom4(four).As16())
		var compatible, nat64, sixToFour [16]byte
		copy(compatible[12:], four[:])
		copy(nat64[:], []byte{0, 0x64, 0xff, 0x9b})
		copy(nat64[12:], four[:])
		copy(sixToFour[:], []byte{0x20, 0x02, four[0], four[1], four[2], four[3]})
		for _, addr := range []netip.Addr{mapped, netip.AddrFrom16(compatible), netip.AddrFrom16(nat64), netip.AddrFrom16(sixToFour)} {
			if dial(c, addr) == nil {
				rt.Fatalf("%s is dialled", addr)
			}
		}
	})
}

// A bad option is named by Check, and until it is mended no job goes anywhere.
func TestOptionsCheck(t *testing.T) {
	t.Parallel()
	for setting, o := range map[string]Options{
		"allow_cidrs":    {AllowCIDRs: []string{"10.0.0.0/8", "10.0.0.1"}},
		"IPv4":           {AllowCIDRs: []string{"::ffff:10.0.0.0/104"}},
		"response_limit": {ResponseLimit: -1},
	} {
		err := o.Check()
		if err == nil || !strings.Contains(err.Error(), setting) || !strings.Contains(err.Error(), "handlers.http_request.") {
			t.Errorf("%+v: %v", o, err)
		}
		o.AllowPrivate = true
		_, err = setup(t, o).run(t.Context(), Payload{URL: serve(t, answer(http.StatusOK))})
		wantVerdict(t, err, jobs.VerdictPermanent)
	}
	if c, err := newControl(Options{AllowCIDRs: []string{"x"}}); err == nil || dial(c, netip.MustParseAddr("8.8.8.8")) == nil {
		t.Error("a broken allow list lets jobs out")
	}
	if err := open().Check(); err != nil {
		t.Error(err)
	}
}

// A refused address is final, names the setting, and says nothing of where the
// name led; the server never sees the request.
func TestPrivateAddressIsRefused(t *testing.T) {
	t.Parallel()
	asked := false
	server := serve(t, func(http.ResponseWriter, *http.Request) { asked = true })
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0"} {
		_, err := setup(t, Options{}).run(t.Context(), Payload{URL: "http://" + host + ":" + portOf(t, server) + "/?q=s3cret"})
		d := wantVerdict(t, err, jobs.VerdictPermanent)
		if !strings.Contains(d.Reason, "handlers.http_request.allow_private") {
			t.Errorf("%s: %s", host, d.Reason)
		}
		wantWithout(t, d.Reason, "s3cret")
		if host == "localhost" {
			wantWithout(t, d.Reason, "127.0.0.1", "::1")
		}
	}
	if asked {
		t.Error("the server was asked")
	}
}

// AllowPrivate opens everything.
func TestAllowPrivate(t *testing.T) {
	t.Parallel()
	if _, err := setup(t, Options{AllowPrivate: true}).run(t.Context(), Payload{URL: serve(t, answer(http.StatusOK))}); err != nil {
		t.Error(err)
	}
}
