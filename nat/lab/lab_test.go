//go:build linux && e2e

package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v3"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	status, done, err := Enter()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	if done {
		os.Exit(status)
	}
	if os.Getenv(victim) != "" {
		os.Exit(live())
	}
	goleak.VerifyTestMain(m)
}

func build(t *testing.T, specs ...Spec) *Lab {
	t.Helper()
	l, err := New(specs...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// client asks STUN servers from one socket of a host.
type client struct {
	t    *testing.T
	conn *net.UDPConn
}

func ask(t *testing.T, h *Host) client {
	t.Helper()
	c := client{t: t}
	if err := h.In(func() (err error) { c.conn, err = net.ListenUDP("udp4", nil); return err }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.conn.Close() })
	return c
}

// CHANGE-REQUEST, RFC 5780, 7.2: "A: ... change IP", "B: ... change port".
const (
	changeIP   = 4
	changePort = 2
)

// seen returns the address that a server sees, invalid when no answer comes. change has it answer from elsewhere.
func (c client) seen(server string, change byte, tries int) (netip.AddrPort, time.Duration) {
	c.t.Helper()
	setters := []stun.Setter{stun.TransactionID, stun.BindingRequest}
	if change != 0 {
		setters = append(setters, stun.RawAttribute{Type: stun.AttrChangeRequest, Value: []byte{0, 0, 0, change}})
	}
	m, err := stun.Build(setters...)
	if err != nil {
		c.t.Fatal(err)
	}
	b := make([]byte, 1500)
	for range tries {
		began := time.Now()
		if _, err := c.conn.WriteToUDPAddrPort(m.Raw, netip.MustParseAddrPort(server)); err != nil && !errors.Is(err, os.ErrPermission) {
			c.t.Fatal(err)
		}
		_ = c.conn.SetReadDeadline(began.Add(250 * time.Millisecond))
		for {
			n, _, err := c.conn.ReadFromUDPAddrPort(b)
			if err != nil {
				break
			}
			answer := &stun.Message{Raw: b[:n]}
			var address stun.XORMappedAddress
			if answer.Decode() == nil && answer.TransactionID == m.TransactionID && address.GetFrom(answer) == nil {
				return netip.AddrPortFrom(netip.MustParseAddr(address.IP.String()), uint16(address.Port)), time.Since(began)
			}
		}
	}
	return netip.AddrPort{}, 0
}

// behaviour is what RFC 5780, 4.3 and 4.4 find out.
func behaviour(t *testing.T, h *Home) string {
	t.Helper()
	c := ask(t, h.Host)
	first, _ := c.seen(ServerAddr+":3478", 0, 10)
	if !first.IsValid() {
		return "no UDP"
	}
	if first.Addr() != h.Outside {
		t.Errorf("%s is seen as %s, want %s", h.Kind, first, h.Outside)
	}
	// Filtering comes first: nothing may have been sent to the addresses from which the server answers.
	words := "none"
	if first.Addr() != h.Inside {
		words = "mapping"
	}
	filters := "address and port"
	if a, _ := c.seen(ServerAddr+":3478", changeIP|changePort, 2); a.IsValid() {
		filters = "nothing"
	} else if a, _ := c.seen(ServerAddr+":3478", changePort, 2); a.IsValid() {
		filters = "address"
	}
	if words == "mapping" {
		second, _ := c.seen(SecondAddr+":3478", 0, 10)
		third, _ := c.seen(SecondAddr+":3479", 0, 10)
		switch {
		case first == second && second == third:
			words = "mapping by nothing"
		case second == third:
			words = "mapping by address"
		default:
			words = "mapping by address and port"
		}
	}
	return words + ", filters by " + filters
}

// Each kind behaves as RFC 4787 has it, as coturn sees it.
func TestKinds(t *testing.T) {
	want := map[Kind]string{
		Open:     "none, filters by nothing",
		FullCone: "mapping by nothing, filters by nothing",
		Addr:     "mapping by nothing, filters by address",
		Port:     "mapping by nothing, filters by address and port",
		Sym:      "mapping by address and port, filters by address and port",
		CGNAT:    "mapping by nothing, filters by address and port",
		CGNATSym: "mapping by address and port, filters by address and port",
		BlockUDP: "no UDP",
		Offline:  "no UDP",
	}
	var specs []Spec
	for k := range want {
		specs = append(specs, Spec{Kind: k})
	}
	l := build(t, specs...)
	if err := l.ServeCoturn(); err != nil {
		t.Fatal(err)
	}
	for _, h := range l.Homes {
		t.Run(string(h.Kind), func(t *testing.T) {
			t.Parallel()
			if got := behaviour(t, h); got != want[h.Kind] {
				t.Errorf("%s, want %s", got, want[h.Kind])
			}
		})
	}
}

// Which kinds meet: the impossible pairs are those of RFC 5128, 3.5.
func TestConnects(t *testing.T) {
	possible := 0
	for i, a := range Kinds() {
		for _, b := range Kinds()[i:] {
			if Connects(a, b) != Connects(b, a) {
				t.Errorf("%s and %s: it depends on who is asked", a, b)
			}
			if Connects(a, b) {
				possible++
			}
		}
	}
	if possible != 21 {
		t.Errorf("%d pairs of 28 connect, want 21", possible)
	}
	if Connects(Open, BlockUDP) || Connects(Sym, Port) || !Connects(Sym, Addr) || !Connects(CGNAT, Port) {
		t.Error("wrong pairs")
	}
	if _, err := ParseKind("cone"); err == nil {
		t.Error("a kind that is none")
	}
}

// A slow line takes its time and loses what it should, and the project's own STUN server answers through it.
func TestPath(t *testing.T) {
	l := build(t, Spec{Kind: Port, Path: Path{Delay: 30 * time.Millisecond, Loss: 0.3}}, Spec{Kind: Open, Path: Path{Delay: 10 * time.Millisecond}})
	if err := l.ServeSTUN(SecondAddr + ":3478"); err != nil {
		t.Fatal(err)
	}
	for i, least := range []time.Duration{60 * time.Millisecond, 20 * time.Millisecond} {
		c := ask(t, l.Homes[i].Host)
		if _, took := c.seen(SecondAddr+":3478", 0, 20); took < least {
			t.Errorf("%s: an answer after %v, want %v at least", l.Homes[i].Kind, took, least)
		}
	}
	arrived := 0
	c := ask(t, l.Homes[0].Host)
	for range 30 {
		if a, _ := c.seen(SecondAddr+":3478", 0, 1); a.IsValid() {
			arrived++
		}
	}
	if arrived < 4 || arrived > 26 { // 30 × 0.7² = 15 on average
		t.Errorf("%d of 30 answers arrived over a line that loses 30 %% each way", arrived)
	}
}

// What miniupnpd maps lets strangers in, until the mapping is dead, and a home that moves is seen elsewhere.
func TestFaults(t *testing.T) {
	l := build(t, Spec{Kind: Port, Gateway: Gateway{UPnP: true}})
	if err := l.ServeCoturn(); err != nil {
		t.Fatal(err)
	}
	h := l.Homes[0]
	arrives := func(want bool) {
		t.Helper()
		within := 15 * time.Second
		if !want {
			within = 300 * time.Millisecond
		}
		if got, err := h.Arrives(45000, netip.AddrPortFrom(h.Outside, 45000), within); err != nil || got != want {
			t.Errorf("a stranger's datagram arrives: %v (%v), want %v", got, err, want)
		}
	}
	arrives(false)
	if _, err := h.Host.Run("", "upnpc", "-a", h.Inside.String(), "45000", "45000", "UDP", "600"); err != nil {
		t.Fatal(err)
	}
	arrives(true)
	if m, err := h.Mappings(); err != nil || !strings.Contains(m, "45000") {
		t.Errorf("mappings %q, %v", m, err)
	}
	if err := errors.Join(h.Deafen(), h.Forget()); err != nil {
		t.Fatal(err)
	}
	arrives(false)
	if m, err := h.Mappings(); err != nil || !strings.Contains(m, "45000") {
		t.Errorf("mappings %q, %v of a router that is deaf", m, err)
	}
	h.StopGateway()
	if err := h.StartGateway(); err != nil {
		t.Fatal(err)
	}
	c := ask(t, h.Host)
	if err := h.Move(200); err != nil {
		t.Fatal(err)
	}
	if a, _ := c.seen(ServerAddr+":3478", 0, 10); a.Addr() != netip.MustParseAddr("11.0.0.200") {
		t.Errorf("seen as %s after the move", a)
	}
	if err := h.Unplug(); err != nil {
		t.Fatal(err)
	}
	if a, _ := c.seen(ServerAddr+":3478", 0, 1); a.IsValid() {
		t.Errorf("seen as %s without a plug", a)
	}
	if err := h.Plug(); err != nil {
		t.Fatal(err)
	}
	if a, _ := c.seen(ServerAddr+":3478", 0, 10); !a.IsValid() {
		t.Error("not seen with the plug in again")
	}
}

// Two homes of one carrier meet by their addresses outside.
func TestNeighbours(t *testing.T) {
	l := build(t, Spec{Kind: CGNAT}, Spec{Kind: CGNAT, Neighbour: true})
	if err := l.ServeSTUN(SecondAddr + ":3478"); err != nil {
		t.Fatal(err)
	}
	var clients [2]client
	var outside [2]netip.AddrPort
	for i, h := range l.Homes {
		clients[i] = ask(t, h.Host)
		outside[i], _ = clients[i].seen(SecondAddr+":3478", 0, 20)
	}
	if outside[0].Addr() != outside[1].Addr() || !outside[0].IsValid() {
		t.Fatalf("seen as %s and %s, want one address", outside[0], outside[1])
	}
	b := make([]byte, 100)
	for range 100 {
		for i, c := range clients {
			if _, err := c.conn.WriteToUDPAddrPort([]byte("from a neighbour"), outside[1-i]); err != nil {
				t.Fatal(err)
			}
			_ = c.conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
			if _, from, err := c.conn.ReadFromUDPAddrPort(b); err == nil && from.Port() == outside[1-i].Port() {
				return
			}
		}
	}
	out, _ := l.Homes[0].Carrier.Run("", "conntrack", "-L")
	rules, _ := l.Homes[0].Carrier.Run("", "nft", "list", "ruleset")
	t.Errorf("neighbours do not meet: %s\n%s", out, rules)
}

// A home's firewall lets no stranger in by IPv6 but where it was asked to.
func TestPinhole(t *testing.T) {
	l := build(t, Spec{Kind: Port, IPv6: true, Gateway: Gateway{UPnP: true, PCP: true}}, Spec{Kind: Open, IPv6: true})
	h, open := l.Homes[0], l.Homes[1]
	if ok, err := open.Arrives(45000, netip.AddrPortFrom(open.Inside6, 45000), 15*time.Second); err != nil || !ok {
		t.Errorf("nothing arrives at %s (%v)", open.Inside6, err)
	}
	if ok, err := h.Arrives(45000, netip.AddrPortFrom(h.Inside6, 45000), 300*time.Millisecond); err != nil || ok {
		t.Errorf("a stranger's datagram arrives without a pinhole (%v)", err)
	}
	out, err := h.Host.Run("", "upnpc", "-6", "-A", "", "0", h.Inside6.String(), "45000", "UDP", "600")
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := h.Arrives(45000, netip.AddrPortFrom(h.Inside6, 45000), 15*time.Second); err != nil || !ok {
		m, _ := h.Mappings()
		t.Errorf("nothing arrives through the pinhole (%v): %s\n%s", err, out, m)
	}
}

// victim is set in the environment of a process that is to be killed.
const victim = "SWARMGATE_LAB_VICTIM"

// live builds a laboratory, tells its namespaces and waits for the end.
func live() int {
	l, err := New(Spec{Kind: CGNAT, Path: Path{Delay: time.Millisecond}}, Spec{Kind: Port, Gateway: Gateway{UPnP: true}})
	if err == nil {
		err = l.ServeCoturn()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for _, h := range []*Host{l.WAN, l.Server, l.Homes[0].Host, l.Homes[0].Carrier, l.Homes[1].Router} {
		name, _ := os.Readlink(h.Path())
		fmt.Println(name)
	}
	fmt.Println(l.dir)
	time.Sleep(time.Minute)
	return 1
}

// Whoever is killed leaves no namespace and no daemon, and the next laboratory removes his files.
func TestKilled(t *testing.T) {
	cmd := exec.Command("/proc/self/exe", "-test.run=^$")
	cmd.Env = append(os.Environ(), victim+"=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill() }()
	var spaces []string
	var dir string
	for dir == "" {
		var line string
		if _, err := fmt.Fscanln(out, &line); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(line, "net:") {
			spaces = append(spaces, line)
		} else {
			dir = line
		}
	}
	if inhabitants(t, spaces) == 0 {
		t.Error("nobody lives in the laboratory")
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	for deadline := time.Now().Add(30 * time.Second); inhabitants(t, spaces) > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d programs still live in %q", inhabitants(t, spaces), spaces)
		}
	}
	if _, err := os.Stat(dir); err != nil {
		t.Fatal(err)
	}
	build(t)
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", dir, err)
	}
}

// inhabitants counts the processes in network namespaces.
func inhabitants(t *testing.T, spaces []string) int {
	t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, p := range paths {
		if name, err := os.Readlink(p); err == nil && strings.Contains(strings.Join(spaces, " "), name) {
			n++
		}
	}
	return n
}
