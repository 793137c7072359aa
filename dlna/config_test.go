package dlna

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/iotest"
)

func TestNewRefuses(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"has no name":                          func(c *Config) { c.Name = " " },
		"not of the form uuid:":                func(c *Config) { c.UDN = "0f5e3a52-6f1b-4c7e-9d0a-7a52b2f6c9d1" },
		"UDN \"\" is not":                      func(c *Config) { c.UDN = "" },
		"HTTP port is not known":               func(c *Config) { c.HTTPPort = 0 },
		"has no library":                       func(c *Config) { c.Library = nil },
		"network interface \"eth[\" is not":    func(c *Config) { c.Interfaces = []string{"eth["} },
		"network interface \"\" is not a name": func(c *Config) { c.DenyInterfaces = []string{""} },
	} {
		c := testConfig(newHousehold())
		change(&c)
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that says %q", err, want)
		}
	}
}

func TestNewTellsEverythingAtOnce(t *testing.T) {
	_, err := New(Config{})
	for _, want := range []string{"name", "UDN", "port", "library"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not tell of the %s", err, want)
		}
	}
}

func TestNewUDN(t *testing.T) {
	udn, err := NewUDN(bytes.NewReader(bytes.Repeat([]byte{0xFF}, 16)))
	// RFC 9562, 5.4: version 4 in the 13th digit, variant 10 in the first bits of the 17th.
	if want := "uuid:ffffffff-ffff-4fff-bfff-ffffffffffff"; err != nil || udn != want {
		t.Errorf("%s, %v; want %s", udn, err, want)
	}
	if !udnForm.MatchString(udn) {
		t.Errorf("%s is not taken back", udn)
	}
	if _, err := NewUDN(iotest.ErrReader(errors.New("no entropy"))); err == nil || !strings.Contains(err.Error(), "make a UDN: no entropy") {
		t.Errorf("error %v", err)
	}
}

func TestServerHeader(t *testing.T) {
	for version, want := range map[string]string{"1.2": "Swarmgate/1.2", "": "Swarmgate/0", "1.2 (dirty)": "Swarmgate/1.2_(dirty)"} {
		// UDA 1.1, 1.2.2: three tokens, "OS/version UPnP/1.1 product/version".
		got := serverHeader(version)
		if !strings.HasSuffix(got, want) || !strings.Contains(got, " UPnP/1.0 DLNADOC/1.50 ") || len(strings.Fields(got)) != 4 {
			t.Errorf("version %q: %q", version, got)
		}
	}
}
