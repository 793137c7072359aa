package sim

import (
	"bytes"
	"testing"
)

// The first scenario: 20 homes, one live channel, 1 % loss.
func TestLive(t *testing.T) {
	sc, err := Find("live")
	if err != nil {
		t.Fatal(err)
	}
	r, err := Run(sc, 1)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := r.WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s", b.String())
	if r.ContinuityP50 < 0.999 || r.ContinuityP5 < 0.99 {
		t.Errorf("continuity median %.4f, 5th percentile %.4f: want at least 0.999 and 0.99", r.ContinuityP50, r.ContinuityP5)
	}
}
