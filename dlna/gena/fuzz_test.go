package gena

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// Whatever is asked: there are no more subscriptions than allowed, none lasts for ever, and no event
// goes to a host outside of the home.
func FuzzServeHTTP(f *testing.F) {
	f.Add("SUBSCRIBE", "upnp:event", "<http://192.168.77.20:5000/evt><http://8.8.8.8/>", "", "Second-300")
	f.Add("SUBSCRIBE", "", "", "uuid:1", "Second-infinite")
	f.Add("UNSUBSCRIBE", "", "", "uuid:1", "")
	f.Add("SUBSCRIBE", "upnp:event", "<http://user@192.168.77.20/><https://192.168.77.21/><http://[::1%25lo]/>", "", "Second-99999999999999")
	f.Add("NOTIFY", "upnp:event", "<>", "\r\n", "x")
	f.Fuzz(func(t *testing.T, method, nt, callback, sid, timeout string) {
		p := New("ContentDirectory", "test/1", homeGuard(), zerolog.Nop())
		for range 2 * maxPerHost {
			r := httptest.NewRequest(http.MethodGet, "/dlna/ContentDirectory/event", nil)
			r.Method, r.RemoteAddr = method, "192.168.77.20:40000"
			for name, value := range map[string]string{"NT": nt, "CALLBACK": callback, "SID": sid, "TIMEOUT": timeout} {
				if value != "" {
					r.Header.Set(name, value)
				}
			}
			w := httptest.NewRecorder()
			p.ServeHTTP(w, r)
			switch w.Code {
			case http.StatusOK, http.StatusBadRequest, http.StatusPreconditionFailed, http.StatusMethodNotAllowed:
			default:
				t.Fatalf("status %d", w.Code)
			}
		}
		if n := p.Subscribers(); n > maxPerHost {
			t.Fatalf("%d subscriptions of one host", n)
		}
		home := netip.MustParsePrefix("192.168.77.0/24")
		for _, s := range p.subscribers {
			if time.Until(s.expires) > maxTimeout || len(s.callbacks) > maxCallbacks {
				t.Fatalf("%+v", s)
			}
			for _, raw := range s.callbacks {
				u, err := url.Parse(raw)
				if err != nil {
					t.Fatal(err)
				}
				to, err := netip.ParseAddr(u.Hostname())
				if err != nil || u.Scheme != "http" || !home.Contains(to.Unmap()) {
					t.Fatalf("events go to %q: %v", raw, err)
				}
			}
		}
	})
}
