package swarm

import (
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// crowd is puppets at a source, and what each of them was offered.
type crowd struct {
	l     *lab
	links []link
	told  []chunk.Set
}

// join adds puppets.
func (w *crowd) join(st *host, n int) {
	for range n {
		w.links = append(w.links, w.l.puppet().greet(st))
		w.told = append(w.told, chunk.Set{})
	}
}

// hear notes what was offered since the last call, and returns how many chunks were, in all.
func (w *crowd) hear() (chunks uint64) {
	for n, k := range w.links {
		for r := range spread(k.heard(), wire.TypeHave).Ranges() {
			w.told[n].Add(r)
		}
		chunks += w.told[n].Count()
	}
	return chunks
}

// copies returns to how many of the peers from the k-th on the chunks were offered, at the least and
// at the most.
func (w *crowd) copies(k int, chunks uint64) (least, most int) {
	least = len(w.links)
	for i := range chunks {
		n := 0
		for p := range w.told[k:] {
			if w.told[k+p].Has(i) {
				n++
			}
		}
		least, most = min(least, n), max(most, n)
	}
	return least, most
}

// A crowd that joins a stream is offered what was before by blocks, each peer others, so that the
// source sends each chunk once before it sends one twice; and no more while many wait to be sent.
func TestCrowdIsOfferedBlocks(t *testing.T) {
	l := newLab(t, 1)
	st := l.stream(32, nil)
	st.append(640, 0)
	w := &crowd{l: l}
	w.join(st.source, offerCopies)
	if w.hear() != offerCopies*640 {
		t.Errorf("the first peers were offered %d and %d chunks of 640", w.told[0].Count(), w.told[1].Count())
	}
	w.join(st.source, 6)
	for range 30 {
		l.run(20 * time.Millisecond)
		w.hear()
		if least, most := w.copies(offerCopies, 640); most > least+1 {
			t.Fatalf("some chunks were offered to %d of those who came later, others to %d", most, least)
		}
	}
	before := w.hear()
	if least, _ := w.copies(offerCopies, 640); least == 0 || before == 8*640 {
		t.Errorf("%d chunks were offered, each to %d who came later at least: want more than one, not yet six", before, least)
	}
	for _, k := range w.links[offerCopies:] {
		k.say(k.f.AppendRequest(nil, chunk.Range{End: 640})) // which nobody ever acknowledges
	}
	l.run(100 * time.Millisecond)
	before = w.hear()
	for range 6 {
		for _, k := range w.links {
			k.say(nil)
		}
		l.run(50 * time.Millisecond)
	}
	if after := w.hear(); after != before {
		t.Errorf("%d more chunks were offered while %d wait to be sent", after-before, st.source.s.waiting(l.now))
	}
}

// All who were offered chunks leave before these are offered to others.
func TestCrowdLeavesBetweenOffers(t *testing.T) {
	l := newLab(t, 1)
	st := l.stream(32, nil)
	w := &crowd{l: l}
	w.join(st.source, 4)
	st.append(32, 0)
	l.run(50 * time.Millisecond)
	for _, k := range w.links {
		k.say(wire.AppendHandshake(nil, &wire.Handshake{}))
	}
	l.run(2 * offerAgain)
	if n := len(st.source.s.order); n != 0 {
		t.Fatalf("%d channels are left", n)
	}
	w.join(st.source, 1)
	if w.hear() == 0 {
		t.Error("who comes next is offered nothing")
	}
}

// A peer that shows to have some of the stream is offered what it lacks from there on, and a
// silent one nothing.
func TestRestIsForWhoLacksIt(t *testing.T) {
	l := newLab(t, 1)
	st := l.stream(32, nil)
	st.append(320, 0)
	w := &crowd{l: l}
	w.join(st.source, 5)
	has, silent := w.links[3], w.links[4]
	has.say(has.f.AppendHave(nil, chunk.Range{Start: 96, End: 256}))
	for range 30 {
		for _, k := range w.links {
			if k != silent {
				k.say(nil)
			}
		}
		l.run(100 * time.Millisecond)
	}
	w.hear()
	if got := &w.told[3]; got.Count() != 64 || !got.ContainsAll(chunk.Range{Start: 256, End: 320}) {
		t.Errorf("who has chunks 96 to 255 was offered %d chunks, want 256 to 319", got.Count())
	}
	if got := &w.told[2]; got.Count() != 320 {
		t.Errorf("who has nothing was offered %d chunks of 320", got.Count())
	}
	before := w.told[4].Count()
	st.append(160, 0)
	for range 20 {
		for _, k := range w.links {
			if k != silent {
				k.say(nil)
			}
		}
		l.run(100 * time.Millisecond)
	}
	w.hear()
	if got := w.told[4].Count(); got != before {
		t.Errorf("who is silent was offered %d more chunks", got-before)
	}
	if got := w.told[2].Count(); got != 480 {
		t.Errorf("who takes nothing was offered %d chunks of 480", got)
	}
}

// What was signed long ago and is still missing is asked of another peer sooner than what is
// new: everybody has it by then, and the screen is next.
func TestLateChunksMoveSooner(t *testing.T) {
	for _, late := range []bool{false, true} {
		l := newLab(t, 1)
		st := l.stream(8, nil)
		st.append(8, 0)
		h := l.host(st.home(8))
		slow, other := l.puppet().accept(h), l.puppet().accept(h)
		slow.say(append(st.munro(chunk.Range{Start: 0, End: 8}, time.Second), slow.f.AppendHave(nil, chunk.Range{End: 8})...))
		if late {
			l.run(1100 * time.Millisecond)
		}
		slow.say(wire.AppendChoke(nil))
		l.run(20 * time.Millisecond)
		slow.say(wire.AppendUnchoke(nil)) // asked from now on
		l.run(40 * time.Millisecond)
		if got := spread(slow.heard(), wire.TypeRequest); got.Count() != 8 {
			t.Fatalf("late %v: %d chunks were asked for, want 8", late, got.Count())
		}
		other.heard()
		for range 6 {
			other.say(other.f.AppendHave(nil, chunk.Range{End: 8}))
			l.run(40 * time.Millisecond)
		}
		if got := spread(other.heard(), wire.TypeRequest); (got.Count() > 0) != late {
			t.Errorf("late %v: another peer was asked for %d chunks after 260 ms", late, got.Count())
		}
	}
}

// A datagram that asks for the same again and again is a flood: its sender is shut out. Requests that
// overlap a little, as those of other implementations may, are none.
func TestRequestFlood(t *testing.T) {
	for _, flood := range []bool{false, true} {
		l := newLab(t, 1)
		st := l.stream(8, nil)
		st.append(80, 0)
		k := l.puppet().greet(st.source)
		var b []byte
		for i := range uint64(maxRepeats + 2) {
			r := chunk.Range{Start: 4 * i, End: 4*i + 5} // the last is the next one's first
			if flood {
				r = chunk.Range{End: 80}
			}
			b = k.f.AppendRequest(b, r)
		}
		k.say(b)
		l.run(50 * time.Millisecond)
		if bans := st.source.of(EventBan); (len(bans) > 0) != flood {
			t.Errorf("flood %v: bans %v", flood, bans)
		}
	}
}

// Stripes are given to peers that get chunks from others too: who does not has nobody to pass them on to.
func TestShunnedPeersAreNoFosters(t *testing.T) {
	l := newLab(t, 1)
	st := l.stream(32, nil)
	st.append(64, 0)
	w := &crowd{l: l}
	w.join(st.source, 6)
	stay := func(d time.Duration) { // the first four show what they have of each other, all but the newest
		for range int(d / (50 * time.Millisecond)) {
			edge, _ := st.source.s.Edge()
			for n, k := range w.links {
				if n < 4 {
					k.say(k.f.AppendHave(nil, chunk.Range{End: edge - 32}))
				} else {
					k.say(nil)
				}
			}
			l.run(50 * time.Millisecond)
		}
	}
	for range 20 {
		st.append(32, 0)
		stay(150 * time.Millisecond)
	}
	w.hear()
	st.append(32, 0)
	l.run(60 * time.Millisecond)
	w.hear()
	edge, _ := st.source.s.Edge()
	for n := 4; n < 6; n++ {
		if run, ok := w.told[n].NextIn(edge - 32); ok {
			t.Errorf("a peer that has no others was given chunks from %d on to pass on", run.Start)
		}
	}
	given := 0
	for n := range 4 {
		if w.told[n].Has(edge - 1) {
			given++
		}
	}
	if given != offerCopies {
		t.Errorf("the newest chunk was given to %d of the others, want %d", given, offerCopies)
	}
}

// A peer whose discard window lets go all but one chunk may tell of the same thousands again and again:
// to count them at the source takes no more than the work that a datagram is worth.
func TestHoldersAreCountedWithinBounds(t *testing.T) {
	l := newLab(t, 1)
	st := l.stream(32, nil)
	st.append(4096, 0)
	k := l.puppet().greet(st.source)
	l.run(time.Second)
	st.source.s.channelTo(k.p.addr).discard = 1
	st.source.s.channelTo(k.p.addr).offered.Clear()
	clear(st.source.s.live.offers.holders)
	var b []byte
	for range 80 {
		b = k.f.AppendHave(b, chunk.Range{End: 4096})
	}
	k.say(b)
	l.run(100 * time.Millisecond)
	counted := 0
	for _, n := range st.source.s.live.offers.holders {
		counted += int(n)
	}
	if counted == 0 || counted > 4*maxWork+4096 {
		t.Errorf("%d times was a chunk counted for one datagram of %d bytes, want at most %d", counted, len(b), 4*maxWork+4096)
	}
}
