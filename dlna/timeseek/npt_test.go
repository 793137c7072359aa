package timeseek

import (
	"strings"
	"testing"
	"time"
)

func TestParseRange(t *testing.T) {
	for text, want := range map[string]Range{
		"npt=0-":                            {},
		"npt=0.000-":                        {},
		"npt=12.5-":                         {From: 12500 * time.Millisecond},
		"npt=00:00:12.500-":                 {From: 12500 * time.Millisecond},
		"NPT=1:02:03-":                      {From: time.Hour + 2*time.Minute + 3*time.Second},
		" npt=335.11-336.08":                {From: 335110 * time.Millisecond, To: 336080 * time.Millisecond},
		"npt=0:00:10.000-0:00:20.000/0:24:": {From: 10 * time.Second, To: 20 * time.Second},
		"npt=10-20/*":                       {From: 10 * time.Second, To: 20 * time.Second},
		"npt= 7 - ":                         {From: 7 * time.Second},
		"npt=123:59:59-":                    {From: 124*time.Hour - time.Second},
		"npt=0-12":                          {To: 12 * time.Second},
	} {
		if got, err := ParseRange(text); err != nil || got != want {
			t.Errorf("%q: %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "npt=", "npt=-", "npt=-5", "0-", "bytes=0-", "npt=a-", "npt=1e3-", "npt=0x10-", "npt=+5-", "npt=1:2-", "npt=0:60:00-", "npt=0:00:60-",
		"npt=0:00:60.5-", "npt=20-10", "npt=10-10", "npt=1.5:00:00-", "npt=inf-", "npt=nan-", "npt=10-x", "npt=99999999999-", "npt=--5", "npt=.-",
		"npt=" + strings.Repeat("0", 100) + "-",
	} {
		if got, err := ParseRange(text); err == nil {
			t.Errorf("%q is taken for %+v", text, got)
		}
	}
}

func TestTime(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0.000", 12500 * time.Millisecond: "12.500", time.Hour + time.Millisecond: "3600.001"} {
		if got := Time(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}

// What is understood, written again, means the same.
func FuzzParseRange(f *testing.F) {
	for _, seed := range []string{"npt=0-", "npt=12.5-", "npt=00:00:12.500-0:01:00.000/0:02:00", "npt=1:2:3-", "npt=335.11-336.08", "npt=-5", "npt=1e9-"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParseRange(s)
		if err != nil {
			if r != (Range{}) {
				t.Fatalf("error %v and yet %+v", err, r)
			}
			return
		}
		if r.From < 0 || r.From > maxTime || r.To < 0 || r.To > maxTime || r.To != 0 && r.To <= r.From {
			t.Fatalf("%q: %+v", s, r)
		}
		again := "npt=" + Time(r.From) + "-"
		if r.To != 0 {
			again += Time(r.To)
		}
		if o, err := ParseRange(again); err != nil || o != r {
			t.Fatalf("%q, written %q: %+v, %v; want %+v", s, again, o, err, r)
		}
	})
}
