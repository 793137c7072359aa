package swarm

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/hex"
	"os"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
	"github.com/swarmgate/swarmgate/ppsp/merkle"
	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// captured returns the film that other programs were recorded exchanging, and their datagrams:
// those of the leecher, or those of the seeder. See ../wire/testdata/README.md.
func captured(t *testing.T, name string, direction byte) (film, [][]byte) {
	t.Helper()
	content := make([]byte, 61440)
	for k, x := 0, uint32(1); k < len(content); k++ {
		x = x*1103515245 + 12345
		content[k] = byte(x >> 16)
	}
	tree, _, err := merkle.Build(ppsp.SHA1, 1024, bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	meta := ppsp.StaticDefaults(ppsp.SwarmID(tree.Root()))
	meta.Hash = ppsp.SHA1
	file, err := os.Open("../wire/testdata/" + name + ".txt.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	z, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	var datagrams [][]byte
	for s := bufio.NewScanner(z); s.Scan(); {
		if line := s.Text(); line[0] == direction {
			b, err := hex.DecodeString(line[1:])
			if err != nil {
				t.Fatal(err)
			}
			datagrams = append(datagrams, b)
		}
	}
	return film{content, meta, tree}, datagrams
}

// What other seeders sent is a film to our engine: peaks, hashes and chunks prove each other.
// libswift and the ETRI prototype lost chunks and hashes on the way, and sent some twice.
func TestCapturedSeeders(t *testing.T) {
	tests := []struct {
		name   string
		chunks uint64 // sent in the recorded time
	}{{"vod-libswift", 60}, {"vod-peregrine", 60}, {"vod-etri", 60}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, datagrams := captured(t, tt.name, '<')
			l := newLab(t, 1)
			leech, p := l.host(f.leech()), l.puppet()
			leech.want(true)
			leech.meet(p)
			id := leech.s.order[0].id
			for _, b := range datagrams {
				m := messages(t, leech.s.format, b)
				if len(m) > 0 && m[0].Type == wire.TypeHandshake && m[0].Handshake.Closing() {
					break
				}
				binary.BigEndian.PutUint32(b, id)
				leech.s.HandleDatagram(l.now, p.addr, b)
				leech.drain()
				l.now += 1e6
			}
			c := leech.s.Counters()
			if c.ChunksReceived != tt.chunks || c.BadChunks+c.BadMessages != 0 || len(leech.of(EventBan)) != 0 {
				t.Errorf("%d chunks of %d were proven: %+v", c.ChunksReceived, tt.chunks, c)
			}
			for i := range leech.store.chunks {
				if !bytes.Equal(leech.store.chunks[i], f.chunk(i)) {
					t.Errorf("chunk %d is wrong", i)
				}
			}
			if tt.chunks == f.chunks() {
				f.check(t, leech)
			}
		})
	}
}

// Other leechers get from our engine what they ask for, with the hashes that prove it to who
// knows nothing but the root.
func TestCapturedLeechers(t *testing.T) {
	for _, name := range []string{"vod-libswift", "vod-peregrine", "vod-etri"} {
		t.Run(name, func(t *testing.T) {
			f, datagrams := captured(t, name, '>')
			l := newLab(t, 1)
			seed, p := l.host(f.seed(f.all())), l.puppet()
			var asked chunk.Set
			id := uint32(0)
			for _, b := range datagrams {
				m := messages(t, seed.s.format, b)
				if len(m) > 0 && m[0].Type == wire.TypeHandshake && m[0].Handshake.Closing() {
					break
				}
				if to, _ := wire.Channel(b); to != 0 {
					binary.BigEndian.PutUint32(b, id)
				}
				for _, r := range ranges(spread(m, wire.TypeRequest)) {
					asked.Add(r.Intersect(f.all()))
				}
				seed.s.HandleDatagram(l.now, p.addr, b)
				seed.drain()
				l.run(30e6)
				if id == 0 {
					if len(p.inbox) == 0 {
						t.Fatal("the HANDSHAKE was not answered")
					}
					id = messages(t, seed.s.format, p.inbox[0].b)[0].Handshake.SourceChannel
				}
			}
			tree, proof := merkle.NewTree(ppsp.SHA1, []byte(f.meta.SwarmID)), merkle.Proof{}
			tree.SetChunkSize(1024)
			var got chunk.Set
			for _, d := range p.inbox {
				for _, m := range messages(t, seed.s.format, d.b) {
					switch m.Type {
					case wire.TypeIntegrity:
						b, _ := chunk.BinOf(m.Chunks)
						proof.Add(b, m.Payload)
					case wire.TypeData:
						if err := tree.Verify(m.Chunks.Start, m.Payload, &proof); err != nil {
							t.Errorf("chunk %d: %v", m.Chunks.Start, err)
						}
						got.Add(m.Chunks)
					}
				}
			}
			if asked.Count() == 0 || !got.Equal(&asked) {
				t.Errorf("sent %d chunks of %d that were asked for", got.Count(), asked.Count())
			}
		})
	}
}

// What libswift sent live, from its first munro to the end of the recording, is a stream to our
// engine: each chunk is proven by a munro that the key in the swarm ID signed.
func TestCapturedLiveSource(t *testing.T) {
	_, datagrams := captured(t, "live-libswift", '<')
	_, asked := captured(t, "live-libswift", '>')
	l := newLab(t, 1)
	meta := ppsp.LiveDefaults(ppsp.SwarmID(messages(t, wire.Format{}, asked[0])[0].Handshake.SwarmID))
	meta.Hash = ppsp.SHA1
	home, p := l.host(Config{Meta: meta, Window: 1 << 12, Behind: 1 << 11, Profile: ProfileDraft10}), l.puppet()
	home.meet(p)
	id := home.s.order[0].id
	for _, b := range datagrams {
		m := messages(t, home.s.format, b)
		if len(m) > 0 && m[0].Type == wire.TypeHandshake && m[0].Handshake.Closing() {
			break
		}
		binary.BigEndian.PutUint32(b, id)
		home.s.HandleDatagram(l.now, p.addr, b)
		home.drain()
		l.now += 1e6
	}
	content := generated(2, 1<<18)
	for i, b := range home.store.chunks {
		if !bytes.Equal(b, content[i*1024:(i+1)*1024]) {
			t.Errorf("chunk %d is wrong", i)
		}
	}
	if c := home.s.Counters(); c.ChunksReceived != 224 || c.BadChunks+c.BadMessages != 0 || len(home.of(EventBan)) != 0 {
		t.Errorf("%d chunks were proven, want 224: %+v, bans %v", c.ChunksReceived, c, home.of(EventBan))
	}
	if runs := played(t, home); len(runs) != 1 || runs[0] != (chunk.Range{End: 224}) {
		t.Errorf("played %v", runs)
	}
}
