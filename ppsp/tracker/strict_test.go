package tracker

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// Each row of RFC 7846, Table 6, as a verdict and as what a strict server does.
func TestTable6(t *testing.T) {
	const start, tracking, terminate = "START", "TRACKING", "TERMINATE"
	seederOf := func(swarms ...string) (out []string) {
		for _, s := range swarms {
			out = append(out, action(s, ActionJoin, Seeder))
		}
		return out
	}
	for _, row := range []struct {
		name       string
		before     []string // the CONNECT by which the peer came into TRACKING
		actions    []string
		final      string
		valid      bool
		leniently  bool // valid when the table is read for each swarm
		membership []string
	}{
		{"1 LEECH JOIN, START", nil, []string{action("1", ActionJoin, Leech)}, tracking, true, true, []string{"1"}},
		{"1 LEECH LEAVE, START", nil, []string{action("1", ActionLeave, Leech)}, terminate, false, false, nil},
		{"1 LEECH LEAVE, TRACKING", []string{action("1", ActionJoin, Leech)}, []string{action("1", ActionLeave, Leech)}, terminate, true, true, nil},
		{"LEECH JOIN and LEAVE, START", nil, []string{action("2", ActionJoin, Leech), action("1", ActionLeave, Leech)}, terminate, false, true, nil},
		{"LEECH LEAVE and JOIN, TRACKING", []string{action("1", ActionJoin, Leech)}, []string{action("1", ActionLeave, Leech), action("2", ActionJoin, Leech)}, tracking, true, true, []string{"2"}},
		{"N SEEDER JOIN, START", nil, seederOf("1", "2", "3"), tracking, true, true, []string{"1", "2", "3"}},
		{"N SEEDER JOIN, TRACKING", seederOf("1"), seederOf("2", "3"), terminate, false, true, nil},
		{"N SEEDER LEAVE, TRACKING", seederOf("1", "2"), []string{action("1", ActionLeave, Seeder), action("2", ActionLeave, Seeder)}, terminate, true, true, nil},
		// What stands in no row.
		{"a second channel", []string{action("1", ActionJoin, Leech)}, []string{action("2", ActionJoin, Leech)}, terminate, false, true, nil},
		{"two channels at once", nil, []string{action("1", ActionJoin, Leech), action("2", ActionJoin, Leech)}, terminate, false, true, nil},
		{"both modes at once", nil, []string{action("1", ActionJoin, Leech), action("2", ActionJoin, Seeder)}, terminate, false, true, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			for _, strict := range []bool{true, false} {
				registry := newMemory(nil)
				s := NewServer(ServerConfig{Strict: strict, Registry: registry, Now: func() time.Time { return at(0) }})
				if row.before != nil {
					if status, _ := post(t, s, connectBody("p", "", row.before...)); status != 200 {
						t.Fatalf("the first CONNECT: status %d", status)
					}
				}
				body := connectBody("p", "", row.actions...)
				status, r := post(t, s, body)
				want := row.valid
				if !strict {
					want = row.leniently
				}
				if want != (r.ErrorCode == NoError) || !want && (r.ErrorCode != ForbiddenAction || status != 403) {
					t.Errorf("strict %v: status %d, %+v", strict, status, r)
				}
				known, _ := registry.Known(t.Context(), at(0), "p")
				if strict && (known != (row.final == tracking) || !slices.Equal(swarmsOf(t, registry), row.membership)) {
					t.Errorf("final state: known %v, in %v; want %s, in %v", known, swarmsOf(t, registry), row.final, row.membership)
				}
				// RFC 7846, 4.3: the answer was lost, and the same request comes again.
				if _, again := post(t, s, body); want && (again.ErrorCode != NoError || !slices.EqualFunc(again.Results, r.Results, func(a, b SwarmResult) bool { return a.Result == b.Result })) {
					t.Errorf("strict %v: repeated: %+v, at first %+v", strict, again, r)
				}
			}
		})
	}
}

// swarmsOf returns the swarms that there are.
func swarmsOf(t *testing.T, r Registry) (out []string) {
	t.Helper()
	s, err := r.Status(t.Context(), at(0))
	if err != nil {
		t.Fatal(err)
	}
	for _, swarm := range s.Swarms {
		out = append(out, swarm.SwarmID)
	}
	return out
}

// RFC 7846, Figure 5: the states of one peer, arrow by arrow.
func TestFigure5(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewServer(ServerConfig{TrackTimeout: 10 * time.Second})
		known := func() bool { k, _ := s.config.Registry.Known(t.Context(), time.Now(), "p"); return k }
		n := 0
		say := func(what, body string, code ErrorCode, tracking bool) {
			t.Helper()
			n++
			_, r := post(t, s, body)
			if r.ErrorCode != code || known() != tracking {
				t.Errorf("%d, %s: error code %v, want %v; tracking %v, want %v", n, what, r.ErrorCode, code, known(), tracking)
			}
		}
		join, leave := connectBody("p", "", action("1", ActionJoin, Leech)), connectBody("p", "", action("1", ActionLeave, Leech))
		stat := statBody("p", `,"stat_report":{"type":"STREAM_STATS","stat":{"swarm_id":"2"}}`)
		say("(B) FIND in START", findBody("p", "1"), ForbiddenAction, false)
		say("(B) STAT_REPORT in START", statBody("p", ""), ForbiddenAction, false)
		say("(A) action error", leave, ForbiddenAction, false)
		say("(1), (2) CONNECT", join, NoError, true)
		for range 3 { // (3) resets the track timer
			time.Sleep(8 * time.Second)
			say("(3) FIND", findBody("p", "1"), NoError, true)
			time.Sleep(8 * time.Second)
			say("(3) STAT_REPORT", statBody("p", ""), NoError, true)
		}
		say("(C) FIND ERR", findBody("p", "2"), ForbiddenAction, true)
		say("(C) STAT_REPORT ERR", stat, ForbiddenAction, true)
		say("(C) CONNECT ERR", connectBody("p", "", action("2", ActionLeave, Leech)), ForbiddenAction, true)
		time.Sleep(8 * time.Second)
		say("(4) CONNECT", connectBody("p", "", action("1", ActionJoin, Seeder)), NoError, true)
		time.Sleep(8 * time.Second)
		say("(4) reset the track timer", statBody("p", ""), NoError, true)
		time.Sleep(10 * time.Second)
		say("(D) on timeout", findBody("p", "1"), ForbiddenAction, false)
	})
}

// stuck is a registry that does not come to an end.
type stuck struct{ broken }

func (stuck) Join(ctx context.Context, _ time.Time, _ string, _ Member) error {
	<-ctx.Done()
	return ctx.Err()
}

// RFC 7846, 2.3.1: the "init timer" bounds the way from START to TRACKING.
func TestInitTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewServer(ServerConfig{Registry: stuck{}})
		began := time.Now()
		status, r := post(t, s, connectBody("p", "", action("1", ActionJoin, Leech)))
		if took := time.Since(began); status != http.StatusInternalServerError || r.ErrorCode != InternalServerError || took != initTimeout {
			t.Errorf("status %d, %+v after %v", status, r, took)
		}
	})
}

// A repetition of a LEAVE is answered as the LEAVE was; another LEAVE is not.
func TestRepeatedLeave(t *testing.T) {
	now := at(0)
	s := NewServer(ServerConfig{Now: func() time.Time { return now }})
	leave := connectBody("p", "", action("1", ActionLeave, Leech))
	post(t, s, connectBody("p", "", action("1", ActionJoin, Leech)))
	for i := range 3 {
		if _, r := post(t, s, leave); r.ErrorCode != NoError || results(r)["1"] != Successful {
			t.Errorf("time %d: %+v", i, r)
		}
	}
	if _, r := post(t, s, leave+" "); r.ErrorCode != ForbiddenAction {
		t.Errorf("another request of the same ID: %+v", r)
	}
	now = now.Add(2 * repeatAge)
	if _, r := post(t, s, leave); r.ErrorCode != ForbiddenAction {
		t.Errorf("after %v: %+v", 2*repeatAge, r)
	}
}
