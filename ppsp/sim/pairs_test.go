package sim

import (
	"bytes"
	"reflect"
	"testing"
)

// All pairs of homes that can connect do, as fast as they are to, and the others get the film
// through a third peer.
func TestPairs(t *testing.T) {
	for _, tt := range []struct {
		name  string
		loss  float64
		limit float64 // ms
	}{
		{"no loss", 0, 2*80 + 300},
		{"10 % loss", 0.1, 2000},
	} {
		cfg := PairsConfig{Seed: 1, Runs: 10, Delay: 40e6, Loss: tt.loss}
		table, err := RunPairs(cfg)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := WritePairs(&b, table); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s\n%s", tt.name, b.String())
		possible := 0
		for _, p := range table {
			if p.Complete != p.Runs {
				t.Errorf("%s: %s and %s: the film came in %d of %d runs", tt.name, p.A, p.B, p.Complete, p.Runs)
			}
			if !p.Possible {
				if p.Connected > 0 {
					t.Errorf("%s: %s and %s connected: the NATs are no such NATs", tt.name, p.A, p.B)
				}
				continue
			}
			possible++
			if p.Connected != p.Runs || p.WorstMs > tt.limit || p.Channels > 0 {
				t.Errorf("%s: %s and %s: %d of %d connected, the slowest in %.0f ms, %d with two channels; want all within %.0f ms", tt.name, p.A, p.B, p.Connected, p.Runs, p.WorstMs, p.Channels, tt.limit)
			}
		}
		if len(table) != 28 || possible != 21 {
			t.Errorf("%d pairs, %d of them possible", len(table), possible)
		}
	}
}

// The same seed gives the same table.
func TestPairsRepeat(t *testing.T) {
	cfg := PairsConfig{Seed: 3, Runs: 1, Delay: 40e6, Loss: 0.1}
	one, err := RunPairs(cfg)
	if err != nil {
		t.Fatal(err)
	}
	two, err := RunPairs(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(one, two) {
		t.Errorf("%v\nthen\n%v", one, two)
	}
}
