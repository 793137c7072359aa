package tracker

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/swarmgate/swarmgate/ppsp"
)

// TestMain looks for goroutines that were left. rueidis tries a server as a cluster first, and
// when the connection of that attempt is closed, it sleeps for a random time below a second
// before it asks for the cluster's slots once more, which ends at once: nothing stops that sleep,
// Client.Close does not wait for it, and there is one of them for a client at most.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1"))
}

// example reads a message body from RFC 7846, 4.1, copied from its text.
func example(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/rfc7846_" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func address(s string, kind AddressType, priority int64) Address {
	return Address{AddrPort: netip.MustParseAddrPort(s), Type: kind, Priority: priority}
}

const (
	swarmA = ppsp.SwarmID("\x47\xa0\x13\xe6\x60\xd4\xb0\x3b")
	swarmB = ppsp.SwarmID("\x0d\x01\x02\x03\x04\x05\x06\x07")
)

type jar struct{}

func (jar) SetCookies(*url.URL, []*http.Cookie) {}
func (jar) Cookies(*url.URL) []*http.Cookie     { return []*http.Cookie{{Name: "track", Value: "me"}} }

// addrPort returns a different address for each i up to 255.
func addrPort(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), 7574)
}

func contextOf(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithCancel(t.Context())
}
