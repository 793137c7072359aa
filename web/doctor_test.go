package web

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/swarmgate/swarmgate/proxy/doctor"
)

func soundDoctor(_ context.Context, tell func(doctor.Check)) bool {
	tell(doctor.Check{Name: "disk", State: doctor.Well, OK: true, Value: "/srv", Meaning: "It can be written."})
	return true
}

// Many ask at once, and one examination is made; later a new one.
func TestOneExaminationAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var made, at atomic.Int32
		began := make(chan struct{}, 2)
		s := New(Config{Gateway: newFakeGateway(), Doctor: func(_ context.Context, tell func(doctor.Check)) bool {
			if at.Add(1) != 1 {
				t.Error("two at a time")
			}
			tell(doctor.Check{Name: "stun", State: doctor.Unwell, Value: "no answer", Meaning: "The Internet is away.", Remedy: "Look."})
			began <- struct{}{}
			time.Sleep(3 * time.Second)
			at.Add(-1)
			made.Add(1)
			return false
		}})
		ask := func(method string) (e examination) {
			w := httptest.NewRecorder()
			s.doctorRoutes()["/api/v1/doctor"].ServeHTTP(w, httptest.NewRequest(method, "/api/v1/doctor", nil))
			if w.Code != http.StatusOK || json.Unmarshal(w.Body.Bytes(), &e) != nil {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			return e
		}
		if e := ask(http.MethodGet); e.At != nil || e.Checks == nil || e.Well || e.UnderWay != nil {
			t.Errorf("before the first: %+v", e)
		}
		var group sync.WaitGroup
		for range 5 {
			group.Go(func() {
				if e := ask(http.MethodPost); e.Well || len(e.Checks) != 1 || e.Checks[0].Remedy != "Look." {
					t.Errorf("%+v", e)
				}
			})
		}
		<-began
		if e := ask(http.MethodGet); e.At != nil || len(e.UnderWay) != 1 {
			t.Errorf("meanwhile: %+v", e)
		}
		group.Wait()
		if e := ask(http.MethodGet); made.Load() != 1 || e.At == nil || e.UnderWay != nil {
			t.Errorf("%d were made: %+v", made.Load(), e)
		}
		time.Sleep(doctorRest)
		ask(http.MethodPost)
		if made.Load() != 2 {
			t.Errorf("%d were made, the last being old", made.Load())
		}
	})
}

// Who leaves before the end leaves no half of an examination.
func TestExaminationBrokenOff(t *testing.T) {
	c := newConsultation()
	ctx, cancel := context.WithCancel(t.Context())
	_, ok := c.examine(ctx, func(_ context.Context, tell func(doctor.Check)) bool {
		tell(doctor.Check{Name: "disk"})
		cancel()
		return false
	})
	if ok || c.latest().At != nil {
		t.Errorf("kept: %+v", c.latest())
	}
}

func TestWithoutADoctor(t *testing.T) {
	w := ask(t, newFakeGateway(), http.MethodPost, "/api/v1/doctor", "")
	if w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "nothing under this address") {
		t.Errorf("without a doctor: %d %s", w.Code, w.Body)
	}
}

// What the doctor finds are addresses, folders and trackers: guests do not see them.
func TestGuestsSeeNoExamination(t *testing.T) {
	s := New(Config{
		Gateway: newFakeGateway(), Doctor: soundDoctor,
		Access: Access{Password: []byte("$2a$04$x"), Guests: true, Tokens: []string{"a token of a program"}},
	})
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		if w := serveTo(t, s, method, "/api/v1/doctor", ""); w.Code != http.StatusUnauthorized {
			t.Errorf("a guest, %s: %d %s", method, w.Code, w.Body)
		}
	}
}
