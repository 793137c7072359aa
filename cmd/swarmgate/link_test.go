package main

import (
	"strings"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp"
)

func TestLink(t *testing.T) {
	root, key := strings.Repeat("f0", 20), "0d"+strings.Repeat("ab", 64)
	for _, c := range []struct{ line, want string }{
		{"--swarm-id " + root, "ppsp:film/" + root + "?h=sha1"},
		{"--swarm-id " + root + " --kind film --length 61440 --peer 127.0.0.1:7000 --peer 127.0.0.1:7001", "ppsp:film/" + root + "?h=sha1&len=61440&peer=127.0.0.1:7000&peer=127.0.0.1:7001"},
		{"--swarm-id " + strings.Repeat("f0", 32) + " --title One --chunk-size 8192 --addressing bin32", "ppsp:film/" + strings.Repeat("f0", 32) + "?a=bin32&c=8192&t=One"},
		{"--swarm-id " + key + " --hash sha1", "ppsp:live/" + key + "?h=sha1"},
		{"--swarm-id " + key + " --kind live --integrity signall --addressing chunk64 --rate 2Mbit/s --tracker http://t.example/", "ppsp:live/" + key + "?i=signall&a=chunk64&rate=2000000&tr=http://t.example/"},
	} {
		status, out, err := once(t, append([]string{"link", "--json"}, strings.Fields(c.line)...)...)
		if status != 0 {
			t.Errorf("link %s: exit status %d: %s", c.line, status, err)
			continue
		}
		v := object(t, out)
		if fields(v) != "event link" || v["event"] != "link" {
			t.Errorf("link %s: %v", c.line, v)
		}
		got, wrong := ppsp.ParseLink(text(t, v, "link"))
		want, bad := ppsp.ParseLink(c.want)
		if wrong != nil || bad != nil || !got.Equal(want) {
			t.Errorf("link %s\n  is %v (%v)\n  want %s (%v)", c.line, v["link"], wrong, c.want, bad)
		}
		if _, people, _ := once(t, append([]string{"link"}, strings.Fields(c.line)...)...); people != text(t, v, "link")+"\n" {
			t.Errorf("for people it prints %q", people)
		}
	}
}
