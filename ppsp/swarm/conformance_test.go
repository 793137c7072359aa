package swarm

import (
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/wire"
)

// "In case a datagram contains one DATA message, a sender MUST always put the DATA message in
// the tail of the datagram. A datagram MAY contain multiple DATA messages when the chunk size
// is fixed and when none of the DATA messages carry the last chunk, if that is smaller than the
// chunk size" (RFC 7574, 8.6).
func TestDataAtTheTail(t *testing.T) {
	check := func(t *testing.T, l *lab, f wire.Format, whole int) {
		t.Helper()
		chunks, several := 0, false
		for _, d := range l.log {
			all := messages(t, f, d.b)
			short, n := false, 0
			for _, m := range all {
				if m.Type != wire.TypeData {
					if n > 0 {
						t.Fatalf("a %v behind DATA: %v", m.Type, types(t, f, d.b))
					}
					continue
				}
				n++
				short = short || len(m.Payload) != whole
				if whole == 0 && n > 1 {
					t.Fatal("several chunks of variable size in one datagram")
				}
			}
			if short && n > 1 {
				t.Fatal("a short last chunk beside others")
			}
			chunks += n
			several = several || n > 1
		}
		if chunks == 0 {
			t.Error("no DATA at all")
		}
		if whole > 0 && whole < 200 && !several {
			t.Error("small chunks go one by one")
		}
	}
	for _, size := range []uint32{100, 512, 1024, 2000} {
		l := newLab(t, 1)
		l.logging, l.delay = true, 1e6
		f := newFilm(t, 2000*int(size)+int(size)/3, func(m *ppsp.Metadata) { m.ChunkSize = size })
		seeder, h := l.host(f.seed(f.all())), l.host(f.leech())
		h.want(true)
		h.meet(seeder)
		l.until(time.Minute, "complete", h.s.Complete)
		check(t, l, h.s.format, int(size))
	}
	for _, method := range liveMethods {
		l := newLab(t, 1)
		l.logging = true
		st := l.stream(method.n, func(m *ppsp.Metadata) { m.Integrity = method.integrity })
		h := l.host(st.home(16))
		h.meet(st.source)
		l.run(time.Second)
		st.append(100, 5*time.Millisecond)
		st.finish(30)
		l.run(2 * time.Second)
		check(t, l, h.s.format, 256)
	}
}

// Versions are negotiated by minimum and maximum (RFC 7574, 7.2 and 7.3; RFC 6709, 4.1, strategy
// 5): two peers meet if their ranges overlap. The responder states its maximum alone.
func TestVersions(t *testing.T) {
	f := newFilm(t, 5000, nil)
	for _, tt := range []struct {
		min, max uint8
		meet     bool
	}{{1, 1, true}, {1, 255, true}, {0, 3, true}, {2, 3, false}, {255, 255, false}} {
		l := newLab(t, 1)
		q, p := l.host(f.seed(f.all())), l.puppet()
		h := greeting(f.meta, 99)
		h.MinVersion, h.Version = tt.min, tt.max
		l.send(p.addr, q.addr, initiating(h))
		l.run(100 * time.Millisecond)
		if (len(p.inbox) > 0) != tt.meet {
			t.Errorf("versions %d to %d: %d answers", tt.min, tt.max, len(p.inbox))
		}
		if tt.meet {
			if reply := messages(t, q.s.format, p.inbox[0].b)[0].Handshake; reply.Version != 1 || reply.Has&wire.HasMinVersion != 0 {
				t.Errorf("versions %d to %d: the answer is %+v", tt.min, tt.max, reply)
			}
		}
		// The same of the answer to us.
		home, r := l.host(f.leech()), l.puppet()
		home.meet(r)
		l.run(50 * time.Millisecond)
		id := messages(t, home.s.format, r.inbox[0].b)[0].Handshake.SourceChannel
		h.SwarmID, h.MinVersion = nil, 0
		l.send(r.addr, home.addr, wire.AppendHandshake(wire.AppendChannel(nil, id), &h))
		l.run(50 * time.Millisecond)
		if home.s.Peers() != 1 {
			t.Errorf("an answer of version %d opens no channel", tt.max)
		}
	}
}
