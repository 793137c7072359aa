package tracker

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
)

// places is a laboratory of several trackers, each with a host name of its own.
type places map[string]*lab

func (p places) RoundTrip(r *http.Request) (*http.Response, error) { return p[r.URL.Host].RoundTrip(r) }

// tiers returns the clients of a peer, a tier for each argument: "a b" are equals.
func (p places) tiers(peer byte, tiers ...string) (out [][]*Client) {
	for _, names := range tiers {
		var tier []*Client
		for name := range strings.FieldsSeq(names) {
			tier = append(tier, NewClient(ClientConfig{URL: "https://" + name + "/", PeerID: ppsp.PeerID{peer}, HTTP: &http.Client{Transport: p}}))
		}
		out = append(out, tier)
	}
	return out
}

// where returns at which trackers the swarm has members.
func (p places) where() (names []string) {
	for name, l := range p {
		l.mu.Lock()
		there := l.server != nil
		l.mu.Unlock()
		if there && len(l.listed()) > 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func newPlaces(t *testing.T, names ...string) places {
	p := places{}
	for _, n := range names {
		p[n] = newLab(t)
	}
	return p
}

// off lets the tracker refuse connections, on lets it answer with an empty registry.
func (l *lab) off() { l.set(func(l *lab) { l.server = nil }) }
func (l *lab) on()  { l.set(func(l *lab) { l.server = NewServer(ServerConfig{}) }) }

// BEP 12: the tiers are processed in order, and a later one is asked only when all of the earlier failed.
func TestNextTierWhenAllOfOneFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlaces(t, "a", "b", "c")
		p["a"].off()
		p["b"].off()
		n := p["a"].start(0xaa, Leech, 0, func(c *AnnouncerConfig) { c.Tiers = p.tiers(0xaa, "a b", "c") })
		if got := p.where(); !slices.Equal(got, []string{"c"}) {
			t.Fatalf("a member at %v, want c at once", got)
		}
		if s := n.Status(); !s.Joined || s.Err != nil || !s.Since.IsZero() || s.Tracker != "https://c/" {
			t.Errorf("status %+v", s)
		}
		// One of the first tier comes back: the swarm meets there again, and leaves the other.
		p["b"].on()
		time.Sleep(maxBackoff + maxBackoff)
		if got := p.where(); !slices.Equal(got, []string{"b"}) {
			t.Errorf("a member at %v, want b alone", got)
		}
		if s := n.Status(); !s.Joined || s.Tracker != "https://b/" {
			t.Errorf("status %+v", s)
		}
		// It stays there, though its equal answers as well.
		p["a"].on()
		time.Sleep(5 * time.Minute)
		if got := p.where(); !slices.Equal(got, []string{"b"}) {
			t.Errorf("a member at %v, want b alone", got)
		}
		n.end(t)
		if got := p.where(); len(got) != 0 {
			t.Errorf("left behind at %v", got)
		}
	})
}

// Trackers of a tier share the peers; when one dies its peers go to the other, which is then in front.
func TestEqualsShareThePeers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlaces(t, "a", "b")
		var all []*node
		for i := range byte(40) {
			all = append(all, p["a"].start(i+1, Leech, 0, func(c *AnnouncerConfig) { c.Tiers = p.tiers(i+1, "a b") }))
		}
		atA, atB := len(p["a"].listed()), len(p["b"].listed())
		if atA+atB != 40 || atA < 8 || atB < 8 {
			t.Errorf("%d at a, %d at b, want 40 spread over both", atA, atB)
		}
		p["a"].off()
		time.Sleep(DefaultReportInterval + DefaultReportInterval/10)
		if got := len(p["b"].listed()); got != 40 {
			t.Errorf("%d of 40 at the one that is left", got)
		}
		p["a"].on()
		time.Sleep(3 * time.Minute)
		if got := len(p["b"].listed()); got != 40 {
			t.Errorf("%d of 40 stayed where they were", got)
		}
		for _, n := range all {
			n.end(t)
		}
	})
}

// When all are down each is tried as often as a single one would be, and people learn since when.
func TestAllTrackersDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlaces(t, "a", "b", "c")
		began := time.Now()
		for _, l := range p {
			l.off()
		}
		n := p["a"].start(0xaa, Leech, 0, func(c *AnnouncerConfig) { c.Tiers = p.tiers(0xaa, "a", "b c") })
		time.Sleep(5 * time.Minute)
		if s := n.Status(); s.Joined || s.Err == nil || s.Since.Sub(began) > time.Second || s.Tracker == "" {
			t.Errorf("status %+v", s)
		}
		for name, l := range p {
			if tries := len(l.said(0xaa)); tries < 12 || tries > 40 {
				t.Errorf("%s was asked %d times in 5 minutes", name, tries)
			}
		}
		p["c"].on()
		time.Sleep(maxBackoff)
		if s := n.Status(); !s.Joined || !s.Since.IsZero() {
			t.Errorf("status %+v", s)
		}
		n.end(t)
	})
}

// Who loses its way back to the better tracker at the end leaves both.
func TestReturnThatIsBrokenOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlaces(t, "a", "b")
		p["a"].off()
		n := p["a"].start(0xaa, Leech, 0, func(c *AnnouncerConfig) { c.Tiers = p.tiers(0xaa, "a", "b") })
		p["a"].set(func(l *lab) { l.server, l.hangs = NewServer(ServerConfig{}), true })
		time.Sleep(2 * minBackoff) // it is being asked
		p["a"].said(0xaa)
		p["b"].said(0xaa)
		n.stop()
		if err := <-n.ended; err != nil {
			t.Error(err)
		}
		wantLog(t, p["a"].said(0xaa), "LEAVE LEECH")
		wantLog(t, p["b"].said(0xaa), "LEAVE LEECH")
	})
}

func TestAnnouncerWithoutTrackers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newLab(t).start(0xaa, Leech, 5, func(c *AnnouncerConfig) { c.Tiers = [][]*Client{{}} })
		time.Sleep(time.Minute)
		n.end(t)
	})
}

func TestLadder(t *testing.T) {
	a, b, c, d := &Client{url: "a"}, &Client{url: "b"}, &Client{url: "c"}, &Client{url: "d"}
	l := ladder{tiers: [][]*Client{{a, b}, {c, d}}}
	order := func() string {
		var s strings.Builder
		for _, t := range l.tiers {
			for _, c := range t {
				s.WriteString(c.url)
			}
		}
		return s.String()
	}
	for _, want := range []struct {
		at   *Client
		more bool
	}{{a, true}, {b, true}, {c, true}, {d, false}, {a, true}} {
		if l.current() != want.at {
			t.Fatalf("at %s, want %s", l.current().url, want.at.url)
		}
		if more := l.next(); more != want.more {
			t.Errorf("behind %s: more is %v", want.at.url, more)
		}
	}
	l.works()
	if order() != "bacd" || l.current() != b || l.lowered() {
		t.Errorf("order %s, at %s", order(), l.current().url)
	}
	l.take(rung{1, 1})
	if order() != "badc" || l.current() != d || !l.lowered() {
		t.Errorf("order %s, at %s", order(), l.current().url)
	}
	if got := []rung{l.better(1), l.better(2), l.better(3)}; !slices.Equal(got, []rung{{0, 0}, {0, 1}, {0, 0}}) {
		t.Errorf("turns %v", got)
	}
}
