package config

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
)

// The types of this file own their text form: MarshalText writes what UnmarshalText
// reads, and the error of UnmarshalText says what to write instead.

// ByteSize is an amount of memory or disk in bytes, 0 or more: "64MiB", "1.5GB", "0".
type ByteSize int64

// Rate is a rate in bits per second, 0 for unlimited: "10Mbit/s", "800kbit/s", "unlimited".
type Rate int64

// Duration is a time span, 0 or more: "90s", "1m30s", "2h".
type Duration time.Duration

const minute = time.Minute

// HostPort is an address and a port: ":8088", "192.168.1.5:8088", "[fe80::1]:0",
// "stun.example.org:3478". An empty host means all addresses.
type HostPort struct {
	Host string
	Port uint16
}

// Level is the least important kind of message that is logged.
type Level string

// Format is the form of log lines.
type Format string

// Language is one in which TVs show the folders (ISO 639).
type Language string

// Offload says whether the kernel helps with trains of datagrams.
type Offload string

// Network is a range of addresses: "192.168.1.0/24", "fd77::/64", or one address alone.
type Network struct{ netip.Prefix }

// Link is a link to a swarm.
type Link struct{ ppsp.Link }

// unit is a suffix of a number.
type unit struct {
	suffix string
	factor float64
}

// Longer suffixes come first; the first of those with one factor is the one written.
var (
	byteUnits = []unit{
		{"TiB", 1 << 40},
		{"GiB", 1 << 30},
		{"MiB", 1 << 20},
		{"KiB", 1 << 10},
		{"TB", 1e12},
		{"GB", 1e9},
		{"MB", 1e6},
		{"kB", 1e3},
		{"KB", 1e3},
		{"B", 1},
		{"", 1},
	}
	rateUnits = []unit{
		{"Gbit/s", 1e9},
		{"Mbit/s", 1e6},
		{"kbit/s", 1e3},
		{"bit/s", 1},
		{"GB/s", 8e9},
		{"MB/s", 8e6},
		{"kB/s", 8e3},
		{"B/s", 8},
	}
)

// maxAmount bounds sizes and rates so that sums of them don't overflow.
const maxAmount = 1 << 60

// amount reads a number with one of the units.
func amount(s string, units []unit) (int64, bool) {
	s = strings.TrimSpace(s)
	for _, u := range units {
		number, found := strings.CutSuffix(s, u.suffix)
		if !found {
			continue
		}
		number = strings.TrimSpace(number)
		if strings.Trim(number, "0123456789.") != "" {
			return 0, false
		}
		v, err := strconv.ParseFloat(number, 64)
		if err != nil || v*u.factor > maxAmount {
			return 0, false
		}
		return int64(v * u.factor), true
	}
	return 0, false
}

// text writes n in the largest unit in which it is whole.
func text(n int64, units []unit) string {
	for _, u := range units {
		if f := int64(u.factor); n >= f && n%f == 0 {
			return strconv.FormatInt(n/f, 10) + u.suffix
		}
	}
	return strconv.FormatInt(n, 10)
}

// UnmarshalText reads a size.
func (b *ByteSize) UnmarshalText(s []byte) error {
	n, ok := amount(string(s), byteUnits)
	if !ok {
		return fmt.Errorf(`%q is no size; write a number with a unit, as "64MiB" or "10GB"`, s)
	}
	*b = ByteSize(n)
	return nil
}

// MarshalText writes the size in the largest unit in which it is whole.
func (b ByteSize) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// String returns the text form.
func (b ByteSize) String() string { return text(int64(b), byteUnits) }

// UnmarshalText reads a rate.
func (r *Rate) UnmarshalText(s []byte) error {
	if w := string(s); w == "unlimited" || w == "0" {
		*r = 0
		return nil
	}
	n, ok := amount(string(s), rateUnits)
	if !ok || n == 0 {
		return fmt.Errorf(`%q is no rate; write a number with a unit, as "10Mbit/s", or "unlimited"`, s)
	}
	*r = Rate(n)
	return nil
}

// MarshalText writes the rate in bits per second, or "unlimited".
func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// String returns the text form.
func (r Rate) String() string {
	if r == 0 {
		return "unlimited"
	}
	return text(int64(r), rateUnits)
}

// UnmarshalText reads a time span.
func (d *Duration) UnmarshalText(s []byte) error {
	v, err := time.ParseDuration(strings.ReplaceAll(string(s), " ", ""))
	if err != nil || v < 0 {
		return fmt.Errorf(`%q is no time span; write as "90s", "1m30s" or "2h"`, s)
	}
	*d = Duration(v)
	return nil
}

// MarshalText writes the time span.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// String returns the text form, "2h" and not "2h0m0s".
func (d Duration) String() string {
	s := time.Duration(d).String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(s, zero) {
			s = s[:len(s)-2]
		}
	}
	return s
}

// UnmarshalText reads an address with a port.
func (h *HostPort) UnmarshalText(s []byte) error {
	host, port, err := net.SplitHostPort(string(s))
	if err != nil {
		return fmt.Errorf(`%q is no address with a port; write as ":8088", "192.168.1.5:8088" or "[::1]:8088"`, s)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return fmt.Errorf("%q has no port from 0 to 65535 behind its last colon", s)
	}
	if !validHost(host) {
		return fmt.Errorf("%q names no address or host before the port", s)
	}
	*h = HostPort{Host: host, Port: uint16(n)}
	return nil
}

func validHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil || host == "" {
		return true
	}
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._"
	return len(host) <= 253 && strings.Trim(host, letters) == ""
}

// MarshalText writes the address with its port.
func (h HostPort) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// String returns the text form, which net.Listen takes.
func (h HostPort) String() string {
	return net.JoinHostPort(h.Host, strconv.Itoa(int(h.Port)))
}

// UnmarshalText reads the name of a level.
func (l *Level) UnmarshalText(s []byte) error {
	return oneOf(l, s, l.choices())
}

func (Level) choices() []string { return []string{"debug", "info", "warn", "error"} }

// UnmarshalText reads the code of a language.
func (l *Language) UnmarshalText(s []byte) error {
	return oneOf(l, s, l.choices())
}

func (Language) choices() []string { return []string{"en", "de", "es", "ar"} }

// UnmarshalText reads the name of a format.
func (f *Format) UnmarshalText(s []byte) error {
	return oneOf(f, s, f.choices())
}

func (Format) choices() []string { return []string{"text", "json"} }

// UnmarshalText reads the word.
func (o *Offload) UnmarshalText(s []byte) error {
	return oneOf(o, s, o.choices())
}

func (Offload) choices() []string { return []string{"auto", "off"} }

func oneOf[T ~string](v *T, s []byte, words []string) error {
	for _, w := range words {
		if string(s) == w {
			*v = T(w)
			return nil
		}
	}
	return fmt.Errorf(`%q is none of "%s"`, s, strings.Join(words, `", "`))
}

// UnmarshalText reads a network.
func (n *Network) UnmarshalText(s []byte) error {
	if a, err := netip.ParseAddr(string(s)); err == nil && a.Zone() == "" {
		n.Prefix = netip.PrefixFrom(a, a.BitLen())
		return nil
	}
	p, err := netip.ParsePrefix(string(s))
	if err != nil {
		return fmt.Errorf(`%q is no network; write as "192.168.1.0/24" or "fd77::/64"`, s)
	}
	n.Prefix = p.Masked()
	return nil
}

// MarshalText writes the network, nothing for none.
func (n Network) MarshalText() ([]byte, error) {
	if !n.IsValid() {
		return nil, nil
	}
	return []byte(n.Prefix.String()), nil
}

// UnmarshalText reads a link.
func (l *Link) UnmarshalText(s []byte) error {
	v, err := ppsp.ParseLink(string(s))
	if err != nil {
		return err
	}
	l.Link = v
	return nil
}

// MarshalText writes the link, nothing for none.
func (l Link) MarshalText() ([]byte, error) {
	if l.SwarmID == "" {
		return nil, nil
	}
	return []byte(l.Link.String()), nil
}
