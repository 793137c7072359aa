package tracker

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// RFC 7846, 4.3: "the same request with identical content including the same transaction_id MUST be
// repeated." So it is when no response comes at all, until one does or a minute has passed.
func TestRequestsWithoutAnswerAreRepeatedAsTheyWere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var bodies []string
		answers := false
		c := clientOf(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			bodies = append(bodies, string(b))
			if !answers {
				w.WriteHeader(http.StatusBadGateway)
				return
			}
			request, _ := DecodeRequest(b)
			_, _ = fmt.Fprintf(w, `{"PPSPTrackerProtocol":{"version":1,"transaction_id":%q,"response_type":0,"error_code":0}}`, request.TransactionID)
		}), 1)
		ctx := context.Background()
		join := func(online Number) string {
			_, _ = c.Connect(ctx, []SwarmAction{Join(swarmA, Leech)}, nil, &PeerNum{PeerCount: 5, OnlineTime: online})
			return bodies[len(bodies)-1]
		}
		first := join(1)
		time.Sleep(20 * time.Second)
		if again := join(21); again != first {
			t.Errorf("again:\n%s\nwant\n%s", again, first)
		}
		if _, err := c.Connect(ctx, []SwarmAction{Join(swarmB, Leech)}, nil, nil); err == nil || bodies[len(bodies)-1] == first {
			t.Errorf("another swarm: error %v, %s", err, bodies[len(bodies)-1])
		}
		_, _ = c.StatReport(ctx)
		report := bodies[len(bodies)-1]
		if _, _ = c.StatReport(ctx); bodies[len(bodies)-1] == report {
			t.Error("reports have the same transaction ID")
		}
		time.Sleep(unansweredFor - 20*time.Second)
		fresh := join(60)
		if fresh == first {
			t.Error("after a minute it is still the old request")
		}
		answers = true
		if again := join(61); again != fresh {
			t.Errorf("again:\n%s\nwant\n%s", again, fresh)
		}
		if next := join(62); next == fresh {
			t.Error("an answered request was repeated")
		}
		answers = false
		for i := range 20 {
			_, _ = c.Find(ctx, swarmA[:len(swarmA)-1]+swarmA[:1], &PeerNum{PeerCount: Number(i)})
			_, _ = c.Connect(ctx, []SwarmAction{Join(swarmA, Leech)}, []Address{{AddrPort: addrPort(i)}}, nil)
		}
		if len(c.unanswered) > maxUnanswered {
			t.Errorf("%d requests are kept", len(c.unanswered))
		}
	})
}

// What was carried out although its answer was lost is not carried out as another deed.
func TestLeaveWhoseAnswerWasLost(t *testing.T) {
	s := NewServer(ServerConfig{Strict: true})
	lost := true
	c := clientOf(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if lost {
			w = blackHole{w}
		}
		s.ServeHTTP(w, r)
	}), 1)
	join := func() error {
		_, err := c.Connect(t.Context(), []SwarmAction{Join(swarmA, Leech)}, nil, nil)
		return err
	}
	if err := join(); err == nil {
		t.Fatal("no error without an answer")
	}
	lost = false
	// RFC 7846, Table 6, to the letter: a leech may not join anew what it has joined.
	if err := join(); err != nil {
		t.Errorf("the repetition: %v", err)
	}
	if err := join(); !Forgotten(err) {
		t.Errorf("a new request: %v, want 03", err)
	}
}

// blackHole is an answer that gets lost.
type blackHole struct{ http.ResponseWriter }

func (blackHole) WriteHeader(int)             {}
func (blackHole) Write(b []byte) (int, error) { return len(b), nil }
