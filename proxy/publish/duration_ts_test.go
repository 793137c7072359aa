package publish

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/proxy/mpegts"
)

// clocked makes a stream of packets with a clock each 40 ms, from one time on.
func clocked(from uint64, length time.Duration, perClock int) []byte {
	var b []byte
	for t := time.Duration(0); t <= length; t += 40 * time.Millisecond {
		ticks := (from + uint64(t.Microseconds())*27) % mpegts.PCRModulus
		base, extension := ticks/300, ticks%300
		p := bytes.Repeat([]byte{0xff}, mpegts.PacketSize)
		copy(p, []byte{
			0x47, 1, 0, 0x30, 7, 0x10, byte(base >> 25), byte(base >> 17), byte(base >> 9), byte(base >> 1),
			byte(base<<7) | 0x7e | byte(extension>>8), byte(extension),
		})
		b = append(b, p...)
		for range perClock - 1 {
			p := bytes.Repeat([]byte{0}, mpegts.PacketSize)
			copy(p, []byte{0x47, 1, 1, 0x10})
			b = append(b, p...)
		}
	}
	return b
}

// A transport stream plays as long as its clocks say, around their end and where they wrap; a
// stream whose clock was set on the way does not tell.
func TestDurationOfTransportStreams(t *testing.T) {
	clip, err := os.ReadFile("../../cmd/swarmgate/media/channel.ts")
	if err != nil {
		t.Fatal(err)
	}
	minutes := clocked(5, 2*time.Minute, 40) // 22 MB
	other := bytes.Clone(minutes[:mpegts.PacketSize*1000])
	for k := 0; k < len(other); k += mpegts.PacketSize {
		other[k+3] = 0x10 // no clock
	}
	slots := func(b []byte) (all []byte) {
		for p := range slices.Chunk(b, mpegts.PacketSize) {
			all = append(append(all, 1, 2, 3, 4), p...)
		}
		return all
	}
	for name, c := range map[string]struct {
		content  []byte
		from, to time.Duration
	}{
		"the demo's clip":    {clip, 23800 * time.Millisecond, 24 * time.Second},
		"long":               {minutes, 2 * time.Minute, 2 * time.Minute},
		"across the wrap":    {clocked(mpegts.PCRModulus-27e6, time.Minute, 30), time.Minute, time.Minute},
		"short":              {clocked(0, 2*time.Second, 3), 2 * time.Second, 2 * time.Second},
		"joined, backwards":  {append(bytes.Clone(minutes), minutes...), 0, 0},
		"joined, far ahead":  {append(bytes.Clone(minutes), clocked(27e6*3600*9, 2*time.Minute, 40)...), 0, 0},
		"joined at once":     {append(clocked(27e6*60, 2*time.Second, 3), clocked(0, 2*time.Second, 3)...), 0, 0},
		"no clock":           {other, 0, 0},
		"no stream":          {bytes.Repeat([]byte("no stream"), 1<<18), 0, 0},
		"nothing":            {nil, 0, 0},
		"in slots of m2ts":   {slots(clocked(0, 20*time.Second, 30)), 20 * time.Second, 20 * time.Second},
		"rubbish at the end": {append(clocked(0, time.Minute, 30), make([]byte, 3<<20)...), 0, 0},
	} {
		path := filepath.Join(t.TempDir(), "show.TS")
		if err := os.WriteFile(path, c.content, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := Duration(path); got < c.from || got > c.to {
			t.Errorf("%s: %s, want %s to %s", name, got, c.from, c.to)
		}
	}
}
