package publish

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/swarm"
)

// What fills no chunk and no signature at the end of the input comes to the viewers, and into
// the recording, by each method and with chunks of any size.
func TestEndOfTheInputIsNotCutOff(t *testing.T) {
	for name, change := range map[string]func(*ppsp.Metadata){
		"unified":  func(*ppsp.Metadata) {},
		"signall":  func(m *ppsp.Metadata) { m.Integrity = ppsp.IntegritySignAll },
		"none":     func(m *ppsp.Metadata) { m.Integrity = ppsp.IntegrityNone },
		"variable": func(m *ppsp.Metadata) { m.ChunkSize = ppsp.VariableChunks },
	} {
		t.Run(name, func(t *testing.T) {
			meta := ppsp.LiveDefaults("")
			meta.ChunkSize, meta.Addressing = LiveChunkSize, ppsp.ChunkRanges64
			change(&meta)
			in, record := make(feed), filepath.Join(t.TempDir(), "show.ts")
			c := LiveConfig{Source: in, Key: newKey(t), Metadata: meta, Record: record}
			if meta.Integrity == ppsp.IntegrityUnified {
				c.ChunksPerSignature = 16
			}
			l, n := openLive(t, c)
			run := start(t, l.Run)
			v := watch(t, l.Link(), n)
			v.await(t, swarm.EventPeerUp)
			var sent []byte
			for k := range 9 {
				in <- packets(20*k, 20)
				sent = append(sent, packets(20*k, 20)...)
			}
			if len(sent)%LiveChunkSize == 0 || len(sent)/LiveChunkSize%16 == 0 {
				t.Fatal("the input fills its last chunk, or its last signature")
			}
			close(in)
			if err := run.wait(t); err != nil {
				t.Errorf("at the end of the input: %v", err)
			}
			if got := v.store.from(0); !bytes.Equal(got, sent) {
				t.Errorf("%d bytes of %d were played", len(got), len(sent))
			}
			if got, err := os.ReadFile(record); err != nil || !bytes.Equal(got, sent) || !l.Recorded() {
				t.Errorf("%d bytes of %d are kept, error %v", len(got), len(sent), err)
			}
		})
	}
}

// A recording that can't be begun is told before anything is published; one that fails on the
// way ends, and the stream goes on.
func TestRecordingFails(t *testing.T) {
	there, _ := writeFile(t, "there.ts", 10)
	for _, path := range []string{there, filepath.Join(there, "x.ts")} {
		_, err := OpenLive(LiveConfig{Source: make(feed), Key: newKey(t), Title: "One", Node: openNode(t), Record: path})
		if err == nil || !strings.HasPrefix(err.Error(), "publish One: record: ") || !strings.Contains(err.Error(), "name a new file") {
			t.Errorf("%s: error %v", path, err)
		}
	}
	var log bytes.Buffer
	l, _ := openLive(t, LiveConfig{Source: make(feed), Key: newKey(t), ChunksPerSignature: 2, Record: filepath.Join(t.TempDir(), "x.ts")})
	l.cfg.Logger = zerolog.New(&log)
	if err := l.record.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.emit(packets(0, 28)); err != nil {
		t.Errorf("the stream ends with its recording: %v", err)
	}
	if l.next != 4 || l.Recorded() || !errors.Is(l.unkept, os.ErrClosed) || strings.Count(log.String(), "the recording ends here") != 1 {
		t.Errorf("chunk %d, recorded %v, %v, log %s", l.next, l.Recorded(), l.unkept, &log)
	}
}

// A peer with another link is logged, and not each time.
func TestMismatchIsLogged(t *testing.T) {
	var log bytes.Buffer
	told := peerLog(zerolog.New(&log), "\x01\x02")
	for range 3 {
		told(swarm.Event{Kind: swarm.EventMismatch, Reason: "its chunk size is 2048, ours 1024"})
	}
	if strings.Count(log.String(), "its chunk size is 2048, ours 1024") != 1 || !strings.Contains(log.String(), `"swarm":"0102"`) {
		t.Errorf("the log says %s", &log)
	}
}
