package nat

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// obtainAt asks a gateway for a mapping of port 6881; the ports drawn are 20000, 20001, ...
func obtainAt(t *testing.T, g *simGateway) (*mapping, error) {
	t.Helper()
	tr := newTraversal(t, Config{})
	next := -1
	tr.random = func(int) int { next++; return next }
	return tr.obtain(t.Context(), tr.portWish(), g)
}

func TestObtain(t *testing.T) {
	other := entry{to: addr("192.168.11.77:6881")}
	anotherProgram := entry{to: addr("192.168.11.11:7000")}
	ours := entry{to: addr("192.168.11.11:6881")}
	refuseAdd := func(code int, when func(port uint16, lease uint32) bool) func(string, uint16, uint32) int {
		return func(action string, port uint16, lease uint32) int {
			if action == "AddPortMapping" && when(port, lease) {
				return code
			}
			return 0
		}
	}
	always := func(uint16, uint32) bool { return true }
	leased := func(_ uint16, lease uint32) bool { return lease != 0 }
	own := func(port uint16, _ uint32) bool { return port == 6881 }
	for name, c := range map[string]struct {
		rows     map[uint16]entry
		refuse   func(string, uint16, uint32) int
		external uint16 // 0 = fails
		lease    uint32
		code     int
		adds     int
	}{
		"free":                        {nil, nil, 6881, 3600, 0, 1},
		"ours since before":           {map[uint16]entry{6881: ours}, nil, 6881, 3600, 0, 1},
		"taken by another machine":    {map[uint16]entry{6881: other}, nil, 20000, 3600, 0, 1},
		"taken by another program":    {map[uint16]entry{6881: anotherProgram, 20000: other}, nil, 20001, 3600, 0, 1},
		"conflict":                    {nil, refuseAdd(codeConflict, own), 20000, 3600, 0, 2},
		"taken by no mapping":         {nil, refuseAdd(codeOtherMechanisms, own), 20000, 3600, 0, 2},
		"permanent only":              {nil, refuseAdd(codeOnlyPermanent, leased), 6881, 0, 0, 2},
		"permanent only, says always": {nil, refuseAdd(codeOnlyPermanent, always), 0, 0, codeOnlyPermanent, 2},
		"all taken":                   {nil, refuseAdd(codeConflict, always), 0, 0, 0, maxPortTries},
		"not authorized":              {nil, refuseAdd(codeNotAuthorized, always), 0, 0, codeNotAuthorized, 1},
		"only the same port":          {nil, refuseAdd(codeSamePort, always), 0, 0, codeSamePort, 1},
		"cannot look up": {nil, func(action string, _ uint16, _ uint32) int {
			if action == "GetSpecificPortMappingEntry" {
				return 401
			}
			return 0
		}, 6881, 3600, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			g := newSimGateway()
			maps.Copy(g.rows, c.rows)
			g.refuse = c.refuse
			m, err := obtainAt(t, g)
			if (err == nil) != (c.external != 0) || codeOf(err) != c.code {
				t.Fatalf("obtain: %v", err)
			}
			if n := g.count("AddPortMapping"); n != c.adds {
				t.Errorf("%d mappings asked for, want %d", n, c.adds)
			}
			for port, e := range c.rows {
				if now, _ := g.row(port); now.to != e.to {
					t.Errorf("port %d went from %v to %v", port, e.to, now.to)
				}
			}
			if err != nil {
				return
			}
			e, ok := g.row(c.external)
			if m.external != c.external || m.lease != c.lease || !ok || e.to != addr("192.168.11.11:6881") {
				t.Errorf("mapped %d for %d s to %v, want %d for %d s", m.external, m.lease, e.to, c.external, c.lease)
			}
		})
	}
}

// runMapped starts a Traversal with a gateway and returns when its mapping is found.
func runMapped(t *testing.T, g *simGateway, cfg Config) (*Traversal, func()) {
	t.Helper()
	tr, _, stop := runWith(t, cfg, func(tr *Traversal) { tr.discover = g.found })
	synctest.Wait()
	return tr, stop
}

const mappedHere = "mapped 203.0.113.11:6881"

func TestMappingIsHeldAndRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newSimGateway()
		tr, stop := runMapped(t, g, Config{})
		if got := texts(tr.Findings()); !slices.Contains(got, mappedHere) {
			t.Fatalf("findings are %q", got)
		}
		if by := tr.Findings()[1].By; by != "gateway 192.168.11.1 (lab)" {
			t.Errorf("mapped by %q", by)
		}
		for range 2 * 24 * 60 { // a day in half minutes: the table never lacks it
			time.Sleep(30 * time.Second)
			if _, ok := g.row(6881); !ok {
				t.Fatal("the mapping is gone")
			}
		}
		if n := g.count("AddPortMapping"); n < 48 || n > 50 {
			t.Errorf("asked %d times in a day for a lease of an hour, renewed at half", n)
		}
		start := time.Now()
		stop()
		if len(g.ports()) != 0 || time.Since(start) > removalTime {
			t.Errorf("%v after the end the table has %v", time.Since(start), g.ports())
		}
	})
}

func TestPermanentMappingIsNotRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newSimGateway()
		g.refuse = func(action string, _ uint16, lease uint32) int {
			if action == "AddPortMapping" && lease != 0 {
				return codeOnlyPermanent
			}
			return 0
		}
		_, stop := runMapped(t, g, Config{})
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if !slices.Equal(g.leases, []uint32{mappingLease, 0}) {
			t.Errorf("leases asked for: %v", g.leases)
		}
		stop()
		if len(g.ports()) != 0 {
			t.Errorf("a permanent mapping is left: %v", g.ports())
		}
	})
}

func TestForgottenMappingIsMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newSimGateway()
		_, stop := runMapped(t, g, Config{})
		defer stop()
		time.Sleep(7 * time.Second)
		g.set(func() { clear(g.rows) }) // the gateway was restarted
		time.Sleep(time.Minute)
		synctest.Wait()
		if _, ok := g.row(6881); !ok {
			t.Error("a minute after the gateway's restart nothing is mapped")
		}
	})
}

func TestMappingTakenByAnotherMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newSimGateway()
		tr, stop := runMapped(t, g, Config{})
		tr.random = func(int) int { return 5 }
		thief := entry{to: addr("192.168.11.77:6881")}
		g.put(6881, thief, 0)
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := texts(tr.Findings()); !slices.Contains(got, "mapped 203.0.113.11:20005") {
			t.Errorf("findings are %q", got)
		}
		stop()
		if rows := g.ports(); len(rows) != 1 || rows[6881].to != thief.to {
			t.Errorf("at the end the table has %v, want the other's row alone", rows)
		}
	})
}

func TestNewExternalAddressIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newSimGateway()
		tr, stop := runMapped(t, g, Config{})
		defer stop()
		<-tr.Changed()
		g.set(func() { g.external = "203.0.113.99" })
		start := time.Now()
		<-tr.Changed()
		if got := texts(tr.Findings()); !slices.Contains(got, "mapped 203.0.113.99:6881") || time.Since(start) > 30*time.Second {
			t.Errorf("after %v findings are %q", time.Since(start), got)
		}
	})
}

func TestLostGatewayIsFoundAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newSimGateway()
		tr, stop := runMapped(t, g, Config{})
		defer stop()
		g.set(func() { g.mute = true; clear(g.rows) })
		time.Sleep(mappingCheck + 2*httpTimeout + time.Second)
		synctest.Wait()
		if got := texts(tr.Findings()); slices.Contains(got, mappedHere) {
			t.Errorf("the gateway is gone, findings are %q", got)
		}
		if !strings.Contains(tr.Status(), "No port mapping") {
			t.Errorf("status is %q", tr.Status())
		}
		g.set(func() { g.mute = false })
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := texts(tr.Findings()); !slices.Contains(got, mappedHere) {
			t.Errorf("a minute after its return findings are %q", got)
		}
	})
}

func TestLateGatewayIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newSimGateway()
		g.mute = true
		tr, _, stop := runWith(t, Config{}, func(tr *Traversal) {
			tr.discover = func(ctx context.Context) ([]gateway, error) {
				g.take("search", 0, 0)
				return g.found(ctx)
			}
		})
		defer stop()
		time.Sleep(time.Hour)
		synctest.Wait()
		if searches := g.count("search"); searches > 20 || !strings.Contains(tr.Status(), "Switch on UPnP") {
			t.Errorf("%d searches in an hour, status %q", searches, tr.Status())
		}
		g.set(func() { g.mute = false })
		time.Sleep(mappingRetryMax + time.Second)
		synctest.Wait()
		if got := texts(tr.Findings()); !slices.Contains(got, mappedHere) {
			t.Errorf("findings are %q", got)
		}
	})
}

func TestEndIsNotDelayedByMuteGateway(t *testing.T) {
	for name, muted := range map[string]time.Duration{"while it holds": time.Second, "in the middle of a check": mappingCheck + time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newSimGateway()
				_, stop := runMapped(t, g, Config{})
				g.set(func() { g.mute = true })
				time.Sleep(muted)
				start := time.Now()
				stop()
				if took := time.Since(start); took > removalTime {
					t.Errorf("the end took %v", took)
				}
			})
		})
	}
}

// slowAdd maps only after the caller has left: the gateway was slow, not deaf.
type slowAdd struct{ *simGateway }

func (g slowAdd) add(ctx context.Context, external, internal uint16, lease uint32) error {
	<-ctx.Done()
	if err := g.simGateway.add(context.WithoutCancel(ctx), external, internal, lease); err != nil {
		return err
	}
	return errors.New("canceled")
}

func TestMappingMadeWhileEndingIsRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newSimGateway()
		_, _, stop := runWith(t, Config{}, func(tr *Traversal) {
			tr.discover = func(context.Context) ([]gateway, error) { return []gateway{slowAdd{g}}, nil }
		})
		synctest.Wait()
		stop()
		if g.count("AddPortMapping") != 1 || len(g.ports()) != 0 {
			t.Errorf("left: %v", g.ports())
		}
	})
}

func TestNewHostAddressMapsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newSimGateway()
		_, _, stop := runWith(t, Config{}, func(tr *Traversal) {
			tr.discover = g.found
			tr.hosts = func() ([]Finding, error) {
				g.mu.Lock()
				defer g.mu.Unlock()
				return []Finding{{netip.AddrPortFrom(g.self, 6881), Host, "eth0"}}, nil
			}
		})
		synctest.Wait()
		g.set(func() { clear(g.rows); g.self = netip.MustParseAddr("192.168.11.99") })
		time.Sleep(hostInterval + time.Second)
		synctest.Wait()
		if e, _ := g.row(6881); e.to != addr("192.168.11.99:6881") {
			t.Errorf("after the machine moved, the gateway forwards to %v", e.to)
		}
		stop()
	})
}

// A mapping outlives changes of the other family, and is not made again and again while a network comes and goes.
func TestMappingAmidMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newSimGateway()
		var mu sync.Mutex
		four, six := "192.168.11.11:6881", "[2001:db8::1]:6881"
		told := make(chan struct{}, 1)
		_, _, stop := runWith(t, Config{}, func(tr *Traversal) {
			tr.discover = g.found
			tr.hosts = func() ([]Finding, error) {
				mu.Lock()
				defer mu.Unlock()
				return []Finding{{addr(four), Host, "eth0"}, {addr(six), Host, "eth0"}}, nil
			}
			tr.system = func() (<-chan struct{}, func(), error) { return told, func() {}, nil }
		})
		defer stop()
		synctest.Wait()
		made := func() int { return g.count("AddPortMapping") }
		first := made()
		for k := range 20 {
			mu.Lock()
			six = fmt.Sprintf("[2001:db8::%d]:6881", k+2)
			mu.Unlock()
			rouse(told)
			time.Sleep(time.Second)
		}
		if n := made(); first == 0 || n != first {
			t.Errorf("made %d times, and %d times after changes of IPv6", first, n)
		}
		for k := range 100 {
			mu.Lock()
			four = fmt.Sprintf("192.168.11.%d:6881", 20+k%2)
			mu.Unlock()
			rouse(told)
			time.Sleep(200 * time.Millisecond)
		}
		if n := made() - first; n < 1 || n > 6 {
			t.Errorf("made %d times in 20 s of a network that comes and goes", n)
		}
	})
}

// When those outside see another address, the gateway is asked for its own at once.
func TestNewAddressOutsideIsReadAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const server = "203.0.113.2:3478"
		g := newSimGateway()
		tr, net, stop := runWith(t, Config{STUN: []string{server}}, func(tr *Traversal) { tr.discover = g.found }, server, "203.0.113.11:6881")
		defer stop()
		time.Sleep(2 * time.Second)
		if got := texts(tr.Findings()); !slices.Contains(got, "mapped 203.0.113.11:6881") {
			t.Fatalf("findings %q", got)
		}
		g.set(func() { g.external = "203.0.113.77" })
		net.sees(server, "203.0.113.77:6881")
		tr.Recheck()
		time.Sleep(100 * time.Millisecond)
		if got := texts(tr.Findings()); !slices.Contains(got, "mapped 203.0.113.77:6881") {
			t.Errorf("findings %q: %s", got, tr.Status())
		}
	})
}

func TestDisabledAsksNoGateway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newSimGateway()
		tr, stop := runMapped(t, g, Config{Disabled: true})
		time.Sleep(time.Hour)
		synctest.Wait()
		stop()
		if len(g.asked) != 0 || !strings.Contains(tr.Status(), "switched off") {
			t.Errorf("asked %v, status %q", g.asked, tr.Status())
		}
	})
}

func TestWorthOfMapping(t *testing.T) {
	for external, want := range map[string]string{
		"203.0.113.11": "forwards 203.0.113.11:6881 to us",
		"100.64.0.11":  "another router lies in front",
		"192.168.1.2":  "another router lies in front",
		"127.0.0.1":    "another router lies in front",
		"":             "may have no connection",
	} {
		synctest.Test(t, func(t *testing.T) {
			g := newSimGateway()
			g.external = external
			tr, stop := runMapped(t, g, Config{})
			defer stop()
			if !strings.Contains(tr.Status(), want) {
				t.Errorf("with %q the status is %q", external, tr.Status())
			}
			if got := slices.Contains(texts(tr.Findings()), mappedHere); got != (external == "203.0.113.11") {
				t.Errorf("with %q findings are %q", external, texts(tr.Findings()))
			}
		})
	}
}

func TestMappingProblem(t *testing.T) {
	for want, err := range map[string]error{
		"Switch on UPnP":                  errNoGateway,
		"Allow UPnP for this machine":     errors.Join(errors.New("x"), fmt.Errorf("g: %w", &refusal{"map a port", codeNotAuthorized, "no"})),
		"Choose another port":             &refusal{"map a port", codeSamePort, "no"},
		"table is full":                   &refusal{"map a port", codeNoRoom, "no"},
		"all ports that were tried are":   errPortsTaken,
		"no public address itself":        &refusal{"map a port", 501, "Action Failed"},
		"No port mapping: first  second.": errors.New("first\r\nsecond"),
	} {
		if got := mappingProblem(err); !strings.Contains(got, want) {
			t.Errorf("mappingProblem(%v) = %q, want %q", err, got, want)
		}
	}
}
