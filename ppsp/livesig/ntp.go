package livesig

import "time"

// NTP seconds count from 1900 and wrap in 2036 (RFC 5905, 6).
const (
	ntpUnix    = 2_208_988_800 // Unix epoch in NTP seconds
	ntpEra     = 1 << 32       // seconds of one era
	ntpSign    = 1 << 63       // set from 1968 to 2036
	nanosecond = int64(time.Second)
)

// NTP returns t in the 64-bit NTP timestamp format: seconds, then their fraction
// (RFC 5905, 6). Within 1968 to 2104 Time gives t back to the nanosecond.
func NTP(t time.Time) uint64 {
	seconds := uint64(t.Unix() + ntpUnix)
	fraction := uint64(t.Nanosecond()) << 32 / uint64(nanosecond)
	return seconds<<32 | fraction
}

// Time returns the time in UTC that NTP encoded. The highest bit tells the era: set means
// 1968 to 2036, clear 2036 to 2104 (RFC 4330, 3).
func Time(ntp uint64) time.Time {
	seconds := int64(ntp>>32) - ntpUnix
	if ntp&ntpSign == 0 {
		seconds += ntpEra
	}
	ns := (int64(ntp&0xffffffff)*nanosecond + 1<<31) >> 32
	return time.Unix(seconds, ns).UTC()
}

const microsecond = int64(time.Second / time.Microsecond) // per second

// NTPOfMicros returns the NTP timestamp of a number of microseconds since 1970, as draft 10
// of the protocol has in place of it. Any number will do: what is out of range wraps.
func NTPOfMicros(t uint64) uint64 {
	seconds := t/uint64(microsecond) + ntpUnix
	return seconds<<32 | t%uint64(microsecond)<<32/uint64(microsecond)
}

// MicrosOfNTP is the reverse of NTPOfMicros, exact from 1970 to 2104.
func MicrosOfNTP(ntp uint64) uint64 { return uint64(Time(ntp).UnixMicro()) }
