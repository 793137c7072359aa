package livesig

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func TestNTP(t *testing.T) {
	for _, v := range []struct {
		at   time.Time
		want uint64
	}{
		{time.Unix(0, 0), 2_208_988_800 << 32},
		{time.Unix(0, 500_000_000), 2_208_988_800<<32 | 1<<31},
		{time.Date(1972, 1, 1, 0, 0, 0, 0, time.UTC), 2_272_060_800 << 32}, // RFC 5905, Figure 4
		{time.Date(2036, 2, 7, 6, 28, 15, 0, time.UTC), 0xffffffff << 32},
		{time.Date(2036, 2, 7, 6, 28, 16, 0, time.UTC), 0}, // "First day NTP Era 1" (RFC 5905, Figure 4)
		{time.Date(2026, 1, 1, 1, 0, 0, 0, time.FixedZone("", 3600)), 3_976_214_400 << 32},
	} {
		if got := NTP(v.at); got != v.want {
			t.Errorf("NTP(%v) = %x, want %x", v.at, got, v.want)
		}
		if got := Time(v.want); !got.Equal(v.at) || got.Location() != time.UTC {
			t.Errorf("Time(%x) = %v, want %v", v.want, got, v.at)
		}
	}
}

func TestNTPKeepsNanoseconds(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	first := time.Date(1968, 1, 21, 0, 0, 0, 0, time.UTC)
	span := time.Date(2104, 2, 25, 0, 0, 0, 0, time.UTC).Unix() - first.Unix()
	for range 10000 {
		at := time.Unix(first.Unix()+r.Int64N(span), r.Int64N(1e9))
		if got := Time(NTP(at)); !got.Equal(at) {
			t.Fatalf("%v comes back as %v", at.UTC(), got)
		}
	}
	last := time.Unix(0, 999_999_999)
	if got := Time(NTP(last)); !got.Equal(last) {
		t.Errorf("%v comes back as %v", last.UTC(), got)
	}
}

// Draft 10 has microseconds since 1970 in the place of NTP timestamps.
func TestMicros(t *testing.T) {
	for _, micros := range []uint64{0, 1, 999_999, 1_700_000_000_123_456, 2_085_978_496_000_000, 2_085_978_495_999_999, 4_200_000_000_000_001} {
		ntp := NTPOfMicros(micros)
		if at := time.UnixMicro(int64(micros)); NTP(at) != ntp {
			t.Errorf("%d µs are %x, want %x", micros, ntp, NTP(at))
		}
		if back := MicrosOfNTP(ntp); back != micros {
			t.Errorf("%d µs come back as %d", micros, back)
		}
	}
	for _, hostile := range []uint64{math.MaxUint64, 1 << 63} { // anything goes, and nothing breaks
		_ = MicrosOfNTP(NTPOfMicros(hostile))
	}
}
