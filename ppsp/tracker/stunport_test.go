package tracker

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp"
)

// A tracker names the STUN server of its own host in every answer, also when it refuses, and no other host's.
func TestSTUNPort(t *testing.T) {
	for _, c := range []struct {
		name   string
		server http.Handler
		want   []string
	}{
		{"with one", NewServer(ServerConfig{STUNPort: 3478}), []string{"127.0.0.1:3478"}},
		{"that refuses", NewServer(ServerConfig{STUNPort: 3478, Authorize: func(*http.Request, string) ([]string, bool) { return nil, false }}), []string{"127.0.0.1:3478"}},
		{"without", NewServer(ServerConfig{}), nil},
		{"elsewhere", naming("192.0.2.1:3478"), nil},
		{"nonsense", naming("0"), nil},
		{"more nonsense", naming("65536"), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := httptest.NewServer(c.server)
			defer s.Close()
			var told []string
			client := NewClient(ClientConfig{URL: s.URL, STUN: func(at string) { told = append(told, at) }})
			defer client.CloseIdleConnections()
			_, _ = client.Find(t.Context(), ppsp.SwarmID("nobody is in here!!!"), nil) // refused, one way or another
			if !slices.Equal(slices.Compact(told), c.want) {
				t.Errorf("told of %q", told)
			}
		})
	}
}

// naming answers with a header and nothing else.
func naming(port string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set(STUNPortHeader, port) })
}
