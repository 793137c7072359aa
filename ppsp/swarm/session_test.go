package swarm

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/hex"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/livesig"
	"github.com/swarmgate/swarmgate/ppsp/merkle"
	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// recorded is a datagram between our engine and another program, see testdata/README.md.
type recorded struct {
	at     int64 // ns
	theirs bool
	b      []byte
}

func recording(t *testing.T, name string) []recorded {
	t.Helper()
	file, err := os.Open("testdata/" + name + ".txt.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	z, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []recorded
	for s := bufio.NewScanner(z); s.Scan(); {
		at, rest, _ := strings.Cut(s.Text(), " ")
		micros, err := strconv.ParseInt(at, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		b, err := hex.DecodeString(rest[1:])
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, recorded{micros * 1000, rest[0] == '<', b})
	}
	return all
}

// session replays a recording to the engine of h: the other program's datagrams, each at
// least step after the one before. What the engine says itself is for the test to look at.
type session struct {
	h     *host
	p     *host // in the place of the other program
	step  time.Duration
	old   []uint32 // our channel IDs, as recorded
	now   []uint32 // the engine's in their places
	read  int      // of the puppet's inbox
	seen  func(r recorded)
	heard func(all []wire.Message)
}

func (v *session) replay(all []recorded) {
	t := v.h.l.t
	t.Helper()
	start, last := v.h.l.now, int64(0)
	for _, r := range all {
		if v.seen != nil {
			v.seen(r)
		}
		if !r.theirs {
			v.old = hello(t, v.h, r.b, v.old)
			continue
		}
		wait := max(start+r.at-v.h.l.now, int64(v.step))
		if r.at == last {
			wait = 1e3
		}
		last = r.at
		v.h.l.run(time.Duration(wait))
		v.listen()
		b := bytes.Clone(r.b)
		if to, _ := wire.Channel(b); to != 0 {
			k := slices.Index(v.old, to)
			if k < 0 || k >= len(v.now) {
				t.Fatalf("at %d µs: the engine has no channel in the place of %x", r.at/1e3, to)
			}
			binary.BigEndian.PutUint32(b, v.now[k])
		}
		v.h.s.HandleDatagram(v.h.l.now, v.p.addr, b)
		v.h.drain()
	}
	v.h.l.run(time.Second)
	v.listen()
}

// hello appends the channel ID of a HANDSHAKE that opens a channel.
func hello(t testing.TB, h *host, b []byte, ids []uint32) []uint32 {
	t.Helper()
	if len(b) <= wire.ChannelSize || b[wire.ChannelSize] != byte(wire.TypeHandshake) {
		return ids
	}
	if g := messages(t, h.s.format, b)[0].Handshake; !g.Closing() && !slices.Contains(ids, g.SourceChannel) {
		ids = append(ids, g.SourceChannel)
	}
	return ids
}

// listen looks at what the engine has said.
func (v *session) listen() {
	for ; v.read < len(v.p.inbox); v.read++ {
		b := v.p.inbox[v.read].b
		v.now = hello(v.h.l.t, v.h, b, v.now)
		if v.heard != nil {
			v.heard(messages(v.h.l.t, v.h.s.format, b))
		}
	}
}

// recordedFilm is what was exchanged in the recordings of films.
func recordedFilm(t *testing.T) film {
	t.Helper()
	content := generated(1, 61440)
	tree, _, err := merkle.Build(ppsp.SHA1, 1024, bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	meta := ppsp.StaticDefaults(ppsp.SwarmID(tree.Root()))
	meta.Hash = ppsp.SHA1
	return film{content, meta, tree}
}

func generated(seed uint32, n int) []byte {
	b := make([]byte, n)
	for k, x := 0, seed; k < n; k++ {
		x = x*1103515245 + 12345
		b[k] = byte(x >> 16)
	}
	return b
}

// Other programs that fetch a film are given all they ask for, in the form they understand:
// one chunk a datagram, at its end, and whatever proves it before it.
func TestSessionsOfLeechers(t *testing.T) {
	for _, name := range []string{"film-to-libswift", "film-to-libperegrine"} {
		t.Run(name, func(t *testing.T) {
			f := recordedFilm(t)
			l := newLab(t, 1)
			l.delay = 1e3
			seed, p := l.host(f.seed(f.all())), l.puppet()
			v := &strict{f: f, tree: merkle.NewTree(ppsp.SHA1, []byte(f.meta.SwarmID))}
			v.tree.SetChunkSize(1024)
			var asked chunk.Set
			s := &session{h: seed, p: p, step: 30 * time.Millisecond, heard: func(all []wire.Message) { v.hear(t, all) }, seen: func(r recorded) {
				if r.theirs {
					for _, c := range ranges(spread(messages(t, seed.s.format, r.b), wire.TypeRequest)) {
						asked.Add(c.Intersect(f.all()))
					}
				}
			}}
			all := recording(t, name)
			s.replay(all)
			if asked.Count() != f.chunks() || !v.got.Equal(&asked) || v.drops != 0 {
				t.Errorf("of %v that were asked for %v came, %d without proof", &asked, &v.got, v.drops)
			}
			if c := seed.s.Counters(); c.BadMessages != 0 || seed.count(EventBan) != 0 {
				t.Errorf("counters %+v, bans %v", c, seed.of(EventBan))
			}
			if got, want := p.inbox[0].b[9:], first(all, false)[9:]; !bytes.Equal(got, want) {
				t.Errorf("the answer\n  is  %x\n  was %x", got, want)
			}
		})
	}
}

// first returns the first datagram of a side.
func first(all []recorded, theirs bool) []byte {
	return all[slices.IndexFunc(all, func(r recorded) bool { return r.theirs == theirs })].b
}

// Other programs that seed a film are had all of it, every chunk verified, and hear of each.
func TestSessionsOfSeeders(t *testing.T) {
	for name, profile := range map[string]Profile{"film-from-libswift": ProfileDraft10, "film-from-libperegrine": ProfileAuto} {
		t.Run(name, func(t *testing.T) {
			f := recordedFilm(t)
			l := newLab(t, 1)
			l.delay = 1e3
			leech, p := l.host(by(profile, f.leech())), l.puppet()
			var asked, acked chunk.Set
			s := &session{h: leech, p: p, step: time.Millisecond, heard: func(all []wire.Message) {
				for _, m := range all {
					switch m.Type {
					case wire.TypeRequest:
						asked.Add(m.Chunks)
					case wire.TypeAck:
						acked.Add(m.Chunks)
						if m.Chunks.Len() != 1 {
							t.Errorf("%v is acknowledged at once", m.Chunks)
						}
					}
				}
			}}
			leech.want(true)
			leech.meet(p)
			all := recording(t, name)
			s.replay(all)
			f.check(t, leech)
			if c := leech.s.Counters(); c.BadMessages != 0 || c.BadChunks != 0 || leech.count(EventBan) != 0 {
				t.Errorf("counters %+v, bans %v", c, leech.of(EventBan))
			}
			if asked.Count() == 0 || acked.Count() != f.chunks() {
				t.Errorf("asked for %v, acknowledged %v", &asked, &acked)
			}
			was, is := first(all, false), p.inbox[0].b
			if !bytes.Equal(was[9:], is[9:]) || !bytes.Equal(was[:5], is[:5]) {
				t.Errorf("the greeting\n  is  %x\n  was %x", is, was)
			}
		})
	}
}

// A live stream of libswift is tuned into, verified and played without a gap.
func TestSessionOfLiveSource(t *testing.T) {
	all := recording(t, "live-from-libswift")
	l := newLab(t, 1)
	l.delay = 1e3
	meta := ppsp.LiveDefaults(ppsp.SwarmID(messages(t, wire.Format{}, first(all, false))[0].Handshake.SwarmID))
	meta.Hash = ppsp.SHA1
	home, p := l.host(Config{Meta: meta, Window: 0x7f00, Profile: ProfileDraft10}), l.puppet()
	home.meet(p)
	var sent chunk.Set
	s := &session{h: home, p: p, step: 10 * time.Microsecond, seen: func(r recorded) {
		if r.theirs {
			for _, c := range ranges(spread(messages(t, home.s.format, r.b), wire.TypeData)) {
				sent.Add(c)
			}
		}
	}}
	s.replay(all)
	content := generated(2, 1<<20)
	for i, b := range home.store.chunks {
		if !bytes.Equal(b, content[i*1024:(i+1)*1024]) {
			t.Errorf("chunk %d is wrong", i)
		}
	}
	runs := played(t, home)
	if sent.Count() < 64 || home.s.have.Count() != sent.Count() || len(runs) != 1 || runs[0].Len() != sent.Count() {
		t.Errorf("sent %v, verified %v, played %v", &sent, &home.s.have, runs)
	}
	if c := home.s.Counters(); c.BadMessages != 0 || home.count(EventBan) != 0 || home.count(EventSkip) != 0 {
		t.Errorf("counters %+v, bans %v", c, home.of(EventBan))
	}
	if got, want := p.inbox[0].b, first(all, false); len(got) != len(want) || !bytes.Equal(got[9:len(got)-5], want[9:len(want)-5]) {
		t.Errorf("the greeting\n  is  %x\n  was %x", got, want)
	}
}

// countingChunk is chunk i of the stream in the recording of our source.
func countingChunk(i uint64) []byte {
	var b []byte
	for k := 7 * i; k < 7*(i+1); k++ {
		b = append(b, 0x47, 1, 0, 0x10|byte(k&15))
		b = append(b, bytes.Repeat(binary.BigEndian.AppendUint32(nil, uint32(k)), 46)...)
	}
	return b
}

// Our live stream is served to libswift as it asks for it: each chunk behind a munro that was
// signed in its form, and with the hashes between the two.
func TestSessionOfLiveReceiver(t *testing.T) {
	all := recording(t, "live-to-libswift")
	l := newLab(t, 1)
	l.delay = 1e3
	st := l.oldStream(16, ProfileDraft10)
	st.meta.ChunkSize = 1316
	st.source.start(by(ProfileDraft10, Config{Meta: st.meta, Window: 25488, Key: st.key, ChunksPerSignature: 16}))
	if id := messages(t, wire.Format{}, first(all, true))[0].Handshake.SwarmID; !bytes.Equal(id, []byte(st.meta.SwarmID)) {
		t.Fatalf("the recording is of another key, %x", id)
	}
	p := l.puppet()
	v := &liveReceiver{t: t, key: st.key.Public(), tree: merkle.NewLive(ppsp.SHA1)}
	var asked chunk.Set
	s := &session{h: st.source, p: p, step: 5 * time.Millisecond, heard: v.hear, seen: func(r recorded) {
		m := messages(t, st.source.s.format, r.b)
		if r.theirs {
			for _, c := range ranges(spread(m, wire.TypeRequest)) {
				asked.Add(c)
			}
			return
		}
		for _, c := range ranges(spread(m, wire.TypeHave)) { // the stream had come so far
			for st.source.s.NextChunk() < c.End {
				if err := st.source.s.Append(l.now, countingChunk(st.source.s.NextChunk())); err != nil {
					t.Fatal(err)
				}
			}
			st.source.drain()
		}
	}}
	s.replay(all)
	if asked.Count() < 100 || !v.got.Equal(&asked) || v.wrong != 0 {
		t.Errorf("of %v that were asked for %v came, %d wrong", &asked, &v.got, v.wrong)
	}
	if c := st.source.s.Counters(); c.BadMessages != 0 || st.source.count(EventBan) != 0 {
		t.Errorf("counters %+v, bans %v", c, st.source.of(EventBan))
	}
}

// liveReceiver verifies as libswift does.
type liveReceiver struct {
	t     *testing.T
	key   *livesig.PublicKey
	tree  *merkle.Live
	proof merkle.Proof
	got   chunk.Set
	wrong int
}

func (v *liveReceiver) hear(all []wire.Message) {
	for n, m := range all {
		bin, _ := chunk.BinOf(m.Chunks)
		switch m.Type {
		case wire.TypeIntegrity:
			v.proof.Add(bin, m.Payload)
		case wire.TypeSignedIntegrity:
			if all[n-1].Type != wire.TypeIntegrity || all[n-1].Chunks != m.Chunks || !v.key.VerifyBare(all[n-1].Payload, m.Payload) {
				v.t.Errorf("the signature of %v proves nothing", m.Chunks)
				continue
			}
			_ = v.tree.AddMunro(bin, all[n-1].Payload) // comes again until it is acknowledged
		case wire.TypeData:
			if err := v.tree.Verify(m.Chunks.Start, m.Payload, &v.proof); err != nil || !bytes.Equal(m.Payload, countingChunk(m.Chunks.Start)) {
				v.wrong++
			}
			v.got.Add(m.Chunks)
		}
	}
}
