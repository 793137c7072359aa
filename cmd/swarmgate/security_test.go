package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/proxy/members"
)

// events returns all lines of --json of one name.
func events(t *testing.T, out, name string) []map[string]any {
	t.Helper()
	var all []map[string]any
	for line := range strings.Lines(out) {
		fields := map[string]any{}
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if fields["event"] == name {
			all = append(all, fields)
		}
	}
	return all
}

// home starts a gateway and returns its address.
func gatewayAt(t *testing.T, dir string) (p *program, api string) {
	t.Helper()
	p = begin(t, nil, "run", "--dir", dir, "--http", free, "--listen", free, "--no-dlna", "--no-nat", "--json")
	return p, strings.TrimSuffix(text(t, p.event(t, "ready"), "page"), "/")
}

// Bans are listed, added and removed, and last over restarts.
func TestBansCommand(t *testing.T) {
	dir := filepath.Join(atHome(t), "state")
	gateway, api := gatewayAt(t, dir)
	list := func() []map[string]any {
		t.Helper()
		status, out, err := once(t, "bans", "list", "--api", api, "--json")
		if status != 0 {
			t.Fatalf("bans list: %d %s", status, err)
		}
		return events(t, out, "ban")
	}
	if got := list(); len(got) != 0 {
		t.Fatalf("a new gateway shuts out %v", got)
	}
	member := strings.Repeat("ab", 32)
	for _, args := range [][]string{{"192.0.2.7:99", "--for", "2h", "--reason", "a test"}, {"10.0.0.0/8"}, {member}} {
		status, out, err := once(t, slices.Concat([]string{"bans", "add", "--api", api, "--json"}, args)...)
		if e := events(t, out, "ban"); status != 0 || len(e) != 1 || fields(e[0]) != "by event id member reason until who" || e[0]["who"] != args[0] {
			t.Fatalf("bans add %v: %d %s%s", args, status, out, err)
		}
	}
	for _, wrong := range []string{"nobody", "192.0.2.7:0", "192.0.2.0/33", ""} {
		if status, _, err := once(t, "bans", "add", wrong, "--api", api); status != 1 || !strings.Contains(err, "nobody to ban") {
			t.Errorf("bans add %q: %d %s", wrong, status, err)
		}
	}
	before := list()
	if len(before) != 3 || before[0]["reason"] != "a test" || before[0]["until"] == nil || before[1]["until"] != nil || before[2]["member"] != true {
		t.Fatalf("%v", before)
	}
	gateway.stop()
	gateway.end(t, patience)
	_, api = gatewayAt(t, dir)
	after := list()
	if len(after) != 3 || after[0]["id"] != before[0]["id"] || after[2]["who"] != member {
		t.Fatalf("after a restart: %v", after)
	}
	for _, id := range []string{text(t, after[0], "id"), "10.0.0.0/8"} {
		if status, out, err := once(t, "bans", "remove", id, "--api", api); status != 0 || !strings.Contains(out, "taken back") {
			t.Errorf("bans remove %s: %d %s", id, status, err)
		}
	}
	if status, _, err := once(t, "bans", "remove", "10.0.0.0/8", "--api", api); status != 1 || !strings.Contains(err, "no such ban") {
		t.Errorf("bans remove, again: %d %s", status, err)
	}
	if got := list(); len(got) != 1 {
		t.Errorf("%v", got)
	}
	if _, out, _ := once(t, "bans", "list", "--api", api); !strings.Contains(out, member+" for good, by hand") {
		t.Errorf("for people: %s", out)
	}
}

func TestNoGatewayAnswers(t *testing.T) {
	for _, args := range [][]string{{"bans", "list"}, {"bans", "add", "192.0.2.1"}, {"members", "list"}, {"members", "remove", "Alice"}} {
		status, _, err := once(t, append(args, "--api", "http://127.0.0.1:1")...)
		if status != 1 || !strings.Contains(err, "no gateway answers at http://127.0.0.1:1") || !strings.Contains(err, "--api") {
			t.Errorf("%v: %d %s", args, status, err)
		}
	}
	if status, _, err := once(t, "bans", "list", "--api", "localhost"); status != 2 || !strings.Contains(err, "no address of a gateway") {
		t.Errorf("%d %s", status, err)
	}
}

// A film for members alone: published, a member added, fetched, and the member removed.
func TestClosedSwarm(t *testing.T) {
	dir := atHome(t)
	path := filepath.Join(dir, "film.mp4")
	content, _ := newFilm(t, path, 200_000)
	_, api := gatewayAt(t, filepath.Join(dir, "gateway"))
	ca := filepath.Join(dir, "gateway", authorityFile)
	if info, err := os.Stat(ca); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("a gateway that runs has an authority for publishers to read: %v, %v", info, err)
	}
	p := begin(t, nil, "publish", path, "--closed", "--member-ca", ca, "--listen", free, "--no-nat", "--dir", filepath.Join(dir, "publisher"), "--json")
	published := p.event(t, "swarm")
	link := text(t, published, "link")
	if published["closed"] != true || !strings.Contains(link, "closed="+text(t, published, "authority")) {
		t.Fatalf("%v", published)
	}
	get := func(args ...string) (status int, words string) {
		t.Helper()
		to := filepath.Join(t.TempDir(), "copy.mp4")
		status, out, words := once(t, slices.Concat([]string{"get", link, "-o", to, "--listen", free, "--no-nat", "--timeout", "5s"}, args)...)
		if got, err := os.ReadFile(to); status == 0 && (err != nil || !bytes.Equal(got, content)) {
			t.Errorf("another film, %v", err)
		}
		return status, out + words
	}
	if status, words := get(); status != 2 || !strings.Contains(words, "--member-cert") {
		t.Errorf("without certificate: %d %s", status, words)
	}
	cert, key := filepath.Join(dir, "a.crt"), filepath.Join(dir, "a.key")
	add := []string{"members", "add", "Alice", "--swarm", link, "--for", "24h", "--cert", cert, "--key", key, "--api", api, "--json"}
	status, out, words := once(t, add...)
	e := events(t, out, "member")
	if status != 0 || len(e) != 1 || fields(e[0]) != "added address authority cert event id key name swarms until" || e[0]["authority"] != published["authority"] {
		t.Fatalf("members add: %d %s%s", status, out, words)
	}
	if info, err := os.Stat(key); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v, %v", info, err)
	}
	if status, _, words := once(t, add...); status != 1 || !strings.Contains(words, "is there already") {
		t.Errorf("members add over files: %d %s", status, words)
	}
	if status, words := get("--member-cert", cert, "--member-key", key); status != 0 {
		t.Errorf("a member: %d %s", status, words)
	}
	stray, strayKey, other := filepath.Join(dir, "s.crt"), filepath.Join(dir, "s.key"), filepath.Join(dir, "other.pem")
	by := func(swarm string) (status int, words string) {
		t.Helper()
		status, out, words := once(t, "members", "add", "Stray", "--swarm", swarm, "--cert", stray, "--key", strayKey, "--member-ca", other)
		return status, out + words
	}
	if status, words := by(link); status != 1 || !strings.Contains(words, "other.pem: there is no such file") {
		t.Errorf("members add by a file that is not there: %d %s", status, words)
	}
	if _, err := members.OpenAuthority(other); err != nil {
		t.Fatal(err)
	}
	if status, words := by(link); status != 1 || !strings.Contains(words, "members of another authority than "+other) {
		t.Errorf("members add by another authority: %d %s", status, words)
	}
	for _, path := range []string{stray, strayKey} {
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s is there, though nothing was issued", path)
		}
	}
	if status, words := by(text(t, published, "swarm_id")); status != 0 {
		t.Fatalf("members add by a file: %d %s", status, words)
	}
	if status, words := get("--member-cert", stray, "--member-key", strayKey); status != 1 || !strings.Contains(words, "not from the authority") {
		t.Errorf("a member of another authority: %d %s", status, words)
	}
	if status, words := get("--member-cert", cert, "--member-key", strayKey); status != 1 || !strings.Contains(words, "does not belong") {
		t.Errorf("another's key: %d %s", status, words)
	}
	if _, out, _ := once(t, "members", "list", "--api", api, "--json"); len(events(t, out, "member")) != 1 {
		t.Errorf("members list: %s", out)
	}
	if status, _, words := once(t, "members", "remove", "Alice", "--api", api); status != 0 {
		t.Fatalf("members remove: %d %s", status, words)
	}
	p.say(t, "the membership was taken back")
	if status, words := get("--member-cert", cert, "--member-key", key); status != 1 || !strings.Contains(words, "does not take this certificate any more") {
		t.Errorf("who was a member: %d %s", status, words)
	}
	if status, _, words := once(t, "bans", "remove", text(t, e[0], "id")[:16], "--api", api); status != 1 || !strings.Contains(words, "swarmgate members add") {
		t.Errorf("bans remove of who was a member: %d %s", status, words)
	}
	if status, _, words := once(t, "members", "remove", "Alice", "--api", api); status != 1 || !strings.Contains(words, "no such member") {
		t.Errorf("members remove, again: %d %s", status, words)
	}
}

// What is printed to be copied into a shell is one word there.
func TestQuoted(t *testing.T) {
	for path, want := range map[string]string{
		"/tmp/Alice.crt": "/tmp/Alice.crt", "Bob Smith.crt": "'Bob Smith.crt'", "O'Hara.key": `'O'\''Hara.key'`, "$HOME;": "'$HOME;'", "~": "'~'", "": "''",
	} {
		if got := quoted(path); got != want {
			t.Errorf("%q: %s, want %s", path, got, want)
		}
	}
}

// Certificates hold for 30 days unless told otherwise: for so long other members may let in who was removed.
func TestDaysOfCertificates(t *testing.T) {
	dir := atHome(t)
	_, api := gatewayAt(t, filepath.Join(dir, "gateway"))
	if _, err := members.OpenAuthority(filepath.Join(dir, "ca.pem")); err != nil {
		t.Fatal(err)
	}
	for k, c := range []struct {
		args  []string
		hours float64
	}{
		{nil, 30 * 24},
		{[]string{"--days", "2"}, 48},
		{[]string{"--for", "90m"}, 1.5},
		{[]string{"--member-ca", filepath.Join(dir, "ca.pem")}, 30 * 24},
		{[]string{"--member-ca", filepath.Join(dir, "ca.pem"), "--days", "3650"}, 3650 * 24},
	} {
		stem := filepath.Join(dir, string(rune('a'+k)))
		status, out, words := once(t, slices.Concat([]string{
			"members", "add", stem, "--swarm", strings.Repeat("01", 32), "--api", api, "--json", "--cert", stem + ".crt", "--key", stem + ".key",
		}, c.args)...)
		e := events(t, out, "member")
		if status != 0 || len(e) != 1 {
			t.Fatalf("%v: %d %s%s", c.args, status, out, words)
		}
		added, err := time.Parse(time.RFC3339, text(t, e[0], "added"))
		until, err2 := time.Parse(time.RFC3339, text(t, e[0], "until"))
		if err != nil || err2 != nil || until.Sub(added).Hours() != c.hours {
			t.Errorf("%v: from %v until %v", c.args, added, until)
		}
	}
}

// Nobody is added whose certificate or key has no place.
func TestMembersAddWithoutPlace(t *testing.T) {
	dir := atHome(t)
	_, api := gatewayAt(t, filepath.Join(dir, "gateway"))
	there := filepath.Join(dir, "there")
	if err := os.WriteFile(there, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	fresh := filepath.Join(dir, "fresh")
	for words, files := range map[string][2]string{
		"/proc/x.crt":         {"/proc/x.crt", fresh},
		"/proc/x.key":         {fresh, "/proc/x.key"},
		"is there already":    {fresh, there},
		"its folder does not": {fresh, filepath.Join(dir, "none", "a.key")},
	} {
		status, _, err := once(t, "members", "add", "Eve", "--swarm", "01ff", "--cert", files[0], "--key", files[1], "--api", api)
		if status != 1 || !strings.Contains(err, words) || !strings.Contains(err, "--cert and --key") || strings.Contains(err, "was added") {
			t.Errorf("%v: %d %s", files, status, err)
		}
		if _, err := os.Stat(fresh); err == nil {
			t.Errorf("%v: one of both is left", files)
		}
	}
	if _, out, _ := once(t, "members", "list", "--api", api); out != "There are no members yet.\n" {
		t.Errorf("members list: %s", out)
	}
	if b, err := os.ReadFile(there); err != nil || string(b) != "precious" {
		t.Errorf("a file was overwritten: %q, %v", b, err)
	}
}

// Short IDs and names, as the lists show them, are taken by every command; what is not there is
// told in the words of the command line.
func TestNamesOfMembers(t *testing.T) {
	dir := atHome(t)
	_, api := gatewayAt(t, filepath.Join(dir, "gateway"))
	say := func(want int, args ...string) string {
		t.Helper()
		status, out, err := once(t, append(args, "--api", api)...)
		if status != want {
			t.Errorf("%v: %d %s%s", args, status, out, err)
		}
		return out + err
	}
	stem := filepath.Join(dir, "Bob")
	say(0, "members", "add", "Bob", "--swarm", "01ff", "--cert", stem+".crt", "--key", stem+".key")
	short, _, _ := strings.Cut(say(0, "members", "list"), " ")
	for _, who := range []string{short, "Bob"} {
		if words := say(0, "bans", "add", who); !strings.Contains(words, "Bob ("+short+") for good, by hand") {
			t.Errorf("bans add %s: %s", who, words)
		}
		if words := say(0, "bans", "list"); !strings.Contains(words, "Bob ("+short+") for good, by hand") {
			t.Errorf("bans list: %s", words)
		}
		say(0, "bans", "remove", who)
	}
	say(0, "members", "remove", short)
	for _, args := range [][]string{{"members", "remove", short}, {"bans", "remove", "xyz"}} {
		if words := say(1, args...); !strings.Contains(words, "swarmgate "+args[0]+" list") || strings.Contains(words, "/api/") {
			t.Errorf("%v: %s", args, words)
		}
	}
}

// A ban that meets more than was meant is made, and told.
func TestWideBans(t *testing.T) {
	for who, words := range map[string]string{
		"0.0.0.0/0": "every address", "::/0": "every address", "127.0.0.1": "this machine", "::1": "this machine", "127.0.0.0/8": "this machine",
		"192.168.1.5": "of a home", "fe80::/64": "of a home", "192.0.2.7": "", "192.0.2.0/24": "", "192.0.2.7:99": "", "127.0.0.1:99": "", strings.Repeat("ab", 32): "",
	} {
		if got := (banAnswer{ID: "1234", Who: who}).warning(); !strings.Contains(got, words) || (got == "") != (words == "") || got != "" && !strings.Contains(got, "bans remove 1234") {
			t.Errorf("%s: %q, want %q", who, got, words)
		}
	}
}

// An address that is no gateway's is told as what it is.
func TestNotTheGateway(t *testing.T) {
	_, api := gatewayAt(t, filepath.Join(atHome(t), "gateway"))
	for at, words := range map[string]string{
		api + "/watch": "there is no gateway's API at " + api + "/watch; name the address of its page with --api",
		strings.Replace(api, "http://", "https://", 1): "speaks plain HTTP; write --api http://",
	} {
		if status, _, err := once(t, "bans", "list", "--api", at); status != 1 || !strings.Contains(err, words) {
			t.Errorf("%s: %d %s", at, status, err)
		}
	}
}

// An open swarm with an authority is open: its certificates are for peer exchange (RFC 7574, 12.2.2).
func TestOpenSwarmWithAuthority(t *testing.T) {
	dir := atHome(t)
	path, to := filepath.Join(dir, "film.mp4"), filepath.Join(dir, "copy.mp4")
	content, _ := newFilm(t, path, 50_000)
	p := begin(t, nil, "publish", path, "--member-ca", filepath.Join(dir, "ca.pem"), "--listen", free, "--no-nat", "--dir", filepath.Join(dir, "p"), "--json")
	published := p.event(t, "swarm")
	link := text(t, published, "link")
	if published["closed"] != false || !strings.Contains(link, "&ca="+text(t, published, "authority")) {
		t.Fatalf("%v", published)
	}
	if status, _, words := once(t, "get", link, "-o", to, "--listen", free, "--no-nat"); status != 0 {
		t.Fatalf("get: %d %s", status, words)
	}
	if got, err := os.ReadFile(to); err != nil || !bytes.Equal(got, content) {
		t.Errorf("another film, %v", err)
	}
}

func TestMemberFlagsThatCantBe(t *testing.T) {
	dir := atHome(t)
	path := filepath.Join(dir, "film.mp4")
	newFilm(t, path, 1000)
	link := "ppsp:film/" + strings.Repeat("ab", 32) + "?peer=127.0.0.1:9"
	for _, c := range []struct {
		words  string
		status int
		args   []string
	}{
		{"of no use alone", 2, []string{"get", link, "-o", "x", "--member-key", "x.key"}},
		{"no such file", 1, []string{"get", link, "-o", "x", "--member-cert", filepath.Join(dir, "none.crt")}},
		{"holds no key", 1, []string{"get", link, "-o", "x", "--member-cert", path}},
		{"start the gateway first", 1, []string{"publish", path, "--closed", "--member-ca", filepath.Join(dir, "gateway", "members.pem"), "--dir", filepath.Join(dir, "p")}},
		{"it was not changed", 1, []string{"publish", path, "--closed", "--member-ca", path, "--dir", filepath.Join(dir, "p")}},
		{"same file", 2, []string{"members", "add", "A", "--swarm", "01ff", "--cert", filepath.Join(dir, "a.pem"), "--key", filepath.Join(dir, "a.pem")}},
		{"does not exist", 1, []string{"members", "add", "A", "--swarm", "01ff", "--cert", filepath.Join(dir, "none", "a.crt")}},
		{"--days", 2, []string{"members", "add", "A", "--swarm", "01ff", "--days", "3651"}},
		{`--days: "0" is no number of days from 1 to 3650`, 2, []string{"members", "add", "A", "--swarm", "01ff", "--days", "0"}},
		{`--days: "1.5" is no number of days from 1 to 3650; for hours there is --for`, 2, []string{"members", "add", "A", "--swarm", "01ff", "--days", "1.5"}},
		{"together", 2, []string{"members", "add", "A", "--swarm", "01ff", "--days", "2", "--for", "2h"}},
		{"hexadecimal", 2, []string{"members", "add", "A", "--swarm", "xyz", "--member-ca", filepath.Join(dir, "ca.pem")}},
	} {
		if status, _, err := once(t, c.args...); status != c.status || !strings.Contains(err, c.words) {
			t.Errorf("%v: %d %s, want %q", c.args, status, err, c.words)
		}
	}
}
