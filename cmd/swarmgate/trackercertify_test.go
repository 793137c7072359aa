package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp"
)

// A tracker is the certification authority of an open swarm (RFC 7574, 12.2.2): its key stands in
// the link, and publisher and viewer are given certificates of where they are.
func TestTrackerIssuesCertificates(t *testing.T) {
	dir := atHome(t)
	ca := filepath.Join(dir, "ca.pem")
	run := func() (url, authority string, stop func()) {
		p := begin(t, nil, "tracker", "--http", "--listen", free, "--stun", free, "--operator", free, "--dir", filepath.Join(dir, "tracker"), "--member-ca", ca, "--json")
		ready := p.event(t, "ready")
		return text(t, ready, "url"), text(t, ready, "authority"), func() { p.stop(); p.end(t, patience) }
	}
	_, before, stop := run()
	stop()
	url, authority, _ := run()
	if before != authority {
		t.Errorf("the authority was %s, and is %s after a restart", before, authority)
	}
	film := filepath.Join(dir, "film.mp4")
	_, digest := newFilm(t, film, 50_000)
	seed := begin(t, nil, "publish", film, "--listen", free, "--tracker", url, "--authority", authority, "--dir", filepath.Join(dir, "p"), "--log-level", "debug", "--json")
	address := text(t, seed.event(t, "swarm"), "link")
	if link, err := ppsp.ParseLink(address); err != nil || link.Authority != authority || link.Closed {
		t.Errorf("the link is %s: %v", address, err)
	}
	seed.say(t, "the tracker certified our address")
	g := begin(t, nil, "get", address, "-o", filepath.Join(dir, "copy"), "--listen", free, "--seed", "1h", "--log-level", "debug", "--json")
	if g.event(t, "done")["sha256"] != digest {
		t.Error("the copy is another film")
	}
	g.say(t, "the tracker certified our address")
}

// What can't be is told in a sentence.
func TestWrongUsageOfAuthorities(t *testing.T) {
	dir := atHome(t)
	film := filepath.Join(dir, "film.mp4")
	newFilm(t, film, 5000)
	key := strings.Repeat("02", 33)
	for _, c := range []struct{ line, words string }{
		{"tracker --listen " + free + " --no-operator --member-ca ca.pem", "--member-ca needs --stun, by which peers prove where they are"},
		{"tracker --listen " + free + " --no-operator --stun " + free + " --member-ca ca.pem --certificate-life 1m", "--certificate-life 1m0s: give 10m to 720h"},
		{"publish " + film + " --authority " + key, "--authority is of no use without --tracker: the tracker gives out the certificates"},
		{"publish " + film + " --tracker http://localhost:1/ --closed --authority " + key, "--authority is for open swarms whose trackers give out certificates; leave it out, or --closed and --member-ca"},
		{"publish " + film + " --tracker http://localhost:1/ --authority 02", "--authority: the key of a membership authority has 66 hexadecimal digits; copy it again"},
	} {
		sentence(t, strings.Fields(c.line), 2, c.words)
	}
}
