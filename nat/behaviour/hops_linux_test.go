package behaviour

import (
	"net/netip"
	"testing"
)

// FuzzOffender holds that what the kernel hands over beside an error is read within its bounds.
func FuzzOffender(f *testing.F) {
	f.Add([]byte{48, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 11, 0, 0, 0, 113, 0, 0, 0, 2, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 100, 64, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		if a := offender(b); a.IsValid() && !a.Is4() {
			t.Errorf("%s", a)
		}
	})
}

func TestOffender(t *testing.T) {
	b := []byte{48, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 11, 0, 0, 0, 113, 0, 0, 0, 2, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 100, 64, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}
	if got := offender(b); got != netip.MustParseAddr("100.64.0.1") {
		t.Error(got)
	}
}
