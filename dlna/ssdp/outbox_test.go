package ssdp

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
)

var asker = netip.MustParseAddrPort("192.168.77.20:40000")

func TestOutboxKeepsOrder(t *testing.T) {
	start := time.Unix(1760000000, 0)
	random := rand.New(rand.NewPCG(1, 2))
	var o outbox
	for i := range 40 {
		delay := time.Duration(random.IntN(10)) * time.Millisecond
		if !o.answer(start, delay, asker, []string{fmt.Sprint(i)}) {
			t.Fatalf("answer %d refused", i)
		}
	}
	o.announce(start.Add(4*time.Millisecond), []string{"a", "b", "c"})
	var last letter
	for n := range 43 {
		due, ok := o.next()
		if !ok || due.Before(last.due) {
			t.Fatalf("letter %d is due %v, after one due %v", n, due, last.due)
		}
		if _, early := o.take(due.Add(-1)); early {
			t.Fatalf("letter %d taken before it was due", n)
		}
		if last, ok = o.take(due); !ok || last.due != due {
			t.Fatalf("letter %d not taken when due", n)
		}
	}
	if _, ok := o.next(); ok || o.answers != 0 {
		t.Errorf("%d answers and %d letters left", o.answers, len(o.letters))
	}
}

func TestOutboxKeepsLettersOfOneMomentInOrder(t *testing.T) {
	now := time.Unix(1760000000, 0)
	var o outbox
	for _, target := range []string{"a", "b", "c"} {
		o.insert(letter{due: now, target: target})
	}
	for _, want := range []string{"a", "b", "c"} {
		if l, _ := o.take(now); l.target != want {
			t.Errorf("got %s, want %s", l.target, want)
		}
	}
}

func TestOutboxIsBounded(t *testing.T) {
	now := time.Unix(1760000000, 0)
	var o outbox
	for range 3 * maxAnswers {
		o.answer(now, 0, asker, []string{rootDevice})
	}
	if o.answers != maxAnswers || len(o.letters) != maxAnswers {
		t.Errorf("%d answers wait, want %d", o.answers, maxAnswers)
	}
	o.announce(now, []string{rootDevice})
	if len(o.letters) != maxAnswers+1 {
		t.Error("a flood of searches kept an announcement out")
	}
}

func TestOutboxRateIsBounded(t *testing.T) {
	now := time.Unix(1760000000, 0)
	var o outbox
	sent := func(from time.Time) (n int) {
		for range 1000 {
			if o.answer(from, 0, asker, []string{rootDevice}) {
				n++
			}
			o.take(from)
		}
		return n
	}
	if n := sent(now); n != answersPerSecond {
		t.Errorf("%d answers in the first second, want %d", n, answersPerSecond)
	}
	if n := sent(now.Add(999 * time.Millisecond)); n != 0 {
		t.Errorf("%d answers more in the same second", n)
	}
	if n := sent(now.Add(time.Second)); n != answersPerSecond {
		t.Errorf("%d answers in the next second, want %d", n, answersPerSecond)
	}
}
