package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What can't be read hides nothing of what is wrong beside it, and makes nothing else wrong.
func TestCheckTellsAll(t *testing.T) {
	for name, c := range map[string]struct {
		text    string
		environ []string
		want    []string // beginnings behind the file's name, in order
	}{
		"both kinds": {
			"[http]\nlisten = 'nonsense'\n[buffer]\nlive = '5'\nsessions = -3\n[log]\nlevel = 'loud'\n",
			nil,
			[]string{":2:10: http.listen", ":4:8: buffer.live", ":5:12: buffer.sessions", ":7:9: log.level"},
		},
		"unknown key, too": {
			"lnks = 1\n[buffer]\nsessions = 0\nlive = 'big'\n",
			nil,
			[]string{":1:1: lnks", ":3:12: buffer.sessions", ":4:8: buffer.live"},
		},
		"unknown key alone": {"[buffer]\nsessions = 0\n[peer]\nuplod = '1'\n", nil, []string{":2:12: buffer.sessions", ":4:1: peer.uplod"}},
		"a link of several": {
			"links = [\n  '" + linkA + "',\n  'ppsp:live/0d12',\n]\n[buffer]\nsessions = 0\n",
			nil,
			[]string{":3:3: links", ":6:12: buffer.sessions"},
		},
		"environment": {
			"[buffer]\nsessions = 'x'\n",
			[]string{"SWARMGATE_BUFFER_LIVE=1B", "SWARMGATE_HTTP_LISTEN=x", "SWARMGATE_PEER_UPLOAD=fast"},
			[]string{"environment variable SWARMGATE_HTTP_LISTEN", "environment variable SWARMGATE_PEER_UPLOAD", "environment variable SWARMGATE_BUFFER_LIVE", ":2:12: buffer.sessions"},
		},
		"key of unreadable certificates": {"[members]\ncertificate = 5\nkey = 'k'\n", nil, []string{":2:15: members.certificate"}},
		"unreadable link of a channel":   {"[[channel]]\nlink = 'x'\n", nil, []string{":2:8: channel.link"}},
		"no TOML at all":                 {"[buffer]\nsessions = 0\nlive = = 5\n", nil, []string{":3:8: "}},
		"nothing":                        {"[buffer]\nsessions = 1\n", nil, nil},
	} {
		path := write(t, c.text)
		_, err := Check(path, Surroundings{Environ: append(c.environ, "STATE_DIRECTORY="+t.TempDir())})
		var got []string
		for _, e := range parts(err) {
			got = append(got, strings.TrimPrefix(e.Error(), path))
		}
		if len(got) != len(c.want) {
			t.Errorf("%s: %d mistakes, want %d:\n%v", name, len(got), len(c.want), err)
			continue
		}
		for i, want := range c.want {
			if !strings.HasPrefix(got[i], want) {
				t.Errorf("%s: mistake %d is %q, want %q", name, i+1, got[i], want)
			}
		}
	}
}

// What was chosen on the page is looked at, too, and what stands in the file hides it.
func TestCheckReadsWhatWasChosenOnThePage(t *testing.T) {
	dir := t.TempDir()
	path := write(t, "dir = '"+dir+"'\n[buffer]\nsessions = 3\n")
	check := func(chosen string) (*Settings, []error) {
		if err := os.WriteFile(filepath.Join(dir, ownerFile), []byte(chosen), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Check(path, Surroundings{})
		return s, parts(err)
	}
	if s, wrong := check("buffer.live = '64MiB'\nbuffer.sessions = 0\n"); len(wrong) > 0 || s.Buffer.Live != 64<<20 || s.Chosen != filepath.Join(dir, ownerFile) {
		t.Errorf("%v, read %q", wrong, s.Chosen)
	}
	for chosen, want := range map[string]string{"buffer.live = '1KiB'\n": "buffer.live", "buffer.live = \n": "remove the file"} {
		if _, wrong := check(chosen); len(wrong) != 1 || !strings.Contains(wrong[0].Error(), want) || !strings.Contains(wrong[0].Error(), ownerFile) {
			t.Errorf("%q: %v", chosen, wrong)
		}
	}
}
