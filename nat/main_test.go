package nat

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// Package net makes the channel of its resolver when a name is first looked up. Were that in the bubble of a
	// synctest, nobody outside could look one up any more; tests come in any order.
	_, _ = net.DefaultResolver.LookupNetIP(context.Background(), "ip", "localhost")
	goleak.VerifyTestMain(m)
}

func addr(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// newTraversal makes one whose machine has one address and which finds no gateway.
func newTraversal(t *testing.T, cfg Config) *Traversal {
	t.Helper()
	if cfg.Port == 0 {
		cfg.Port = 6881
	}
	tr, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	tr.hosts = func() ([]Finding, error) { return []Finding{{addr("192.168.11.11:6881"), Host, "eth0"}}, nil }
	tr.routers = func() []netip.Addr { return nil }
	tr.system = func() (<-chan struct{}, func(), error) { return nil, nil, errors.ErrUnsupported }
	tr.discover, tr.firewall = noGateway, noGateway
	return tr
}

// types tells findings shortly: "host 192.168.11.11:6881".
func texts(found []Finding) []string {
	var list []string
	for _, f := range found {
		list = append(list, f.Type+" "+f.Addr.String())
	}
	return list
}
