package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// sentence checks that the only thing a command says is one line on standard error.
func sentence(t *testing.T, args []string, status int, words string) {
	t.Helper()
	got, out, err := once(t, args...)
	name := "swarmgate " + strings.Join(args, " ")
	if got != status {
		t.Errorf("%s: exit status %d, want %d", name, got, status)
	}
	if !strings.HasPrefix(err, "swarmgate: ") || strings.Count(err, "\n") != 1 || !strings.HasSuffix(err, "\n") {
		t.Errorf("%s: says %q, want one line", name, err)
	}
	if !strings.Contains(err, words) {
		t.Errorf("%s: says %q, want %q in it", name, err, words)
	}
	if out != "" {
		t.Errorf("%s: prints %q", name, out)
	}
}

const filmID = "47a0aef17d4d1c9ad9bd4b7d49b94aebf1ed48db5c24d1ae3be1a9e2d5d8b03b"

// What can't work is told in one sentence that names the place and the remedy.
func TestWrongUsage(t *testing.T) {
	dir := atHome(t)
	file := filepath.Join(dir, "film.mp4")
	if err := os.WriteFile(file, []byte("a film"), 0o600); err != nil {
		t.Fatal(err)
	}
	live := "ppsp:live/0d" + strings.Repeat("11", 64)
	film := "ppsp:film/" + filmID
	films := filepath.Join(dir, "films")
	for _, name := range []string{"a.mp4", "b.mp4"} {
		if err := errors.Join(os.MkdirAll(films, 0o700), os.WriteFile(filepath.Join(films, name), []byte(name), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ line, words string }{
		{"--nosuch", "unknown flag --nosuch; see swarmgate --help"},
		{"nosuch", "there is no command nosuch; see swarmgate --help"},
		{"demoo", `there is no command demoo, did you mean "demo"; see swarmgate --help`},
		{"demo --nosuch", "unknown flag --nosuch; see swarmgate demo --help"},
		{"demo extra", "unexpected argument extra; see swarmgate demo --help"},
		{"demo --http nonsense", `--http: "nonsense" is no address with a port; write as ":8088"`},
		{"demo --http :99999", `--http: ":99999" has no port from 0 to 65535`},
		{"demo --log-level loud", `--log-level: "loud" is none of "debug", "info", "warn", "error"`},
		{"demo --log-format xml", `--log-format: "xml" is none of "text", "json"`},
		{"run --log-level loud", `--log-level: "loud" is none of`},
		{"run --http x", `--http: "x" is no address with a port`},
		{"run --listen x", `--listen: "x" is no address with a port`},
		{"run --stun x", `--stun: "x" is no address with a port`},
		{"run --upload fast", `--upload: "fast" is no rate; write a number with a unit, as "10Mbit/s", or "unlimited"`},
		{"publish", "<path> is missing; see swarmgate publish --help"},
		{"publish --rate 5 FILE", `--rate: "5" is no rate; write a number with a unit`},
		{"publish --upload 5bit/s FILE", "--upload 5bit/s leaves nothing for other peers; write at least 64kbit/s"},
		{"publish --duration soon FILE", `--duration: "soon" is no time span; write as "90s"`},
		{"publish --hash md5 FILE", `--hash: hash function "md5" is unknown, use one of: sha1 sha224 sha256 sha384 sha512`},
		{"publish --addressing octal FILE", `--addressing: chunk addressing method "octal" is unknown, use one of: bin32`},
		{"publish --chunk-size 61441 FILE", "--chunk-size: 61441 is outside 512 to 61440 bytes"},
		{"publish --chunk-size 0 FILE", "--chunk-size: 0 is outside 512 to 61440 bytes"},
		{"publish --chunk-size 7 FILE", "--chunk-size: 7 is outside 512 to 61440 bytes"},
		{"publish --chunk-size 2147483648 FILE", "--chunk-size: 2147483648 is outside 512 to 61440 bytes"},
		{"publish --chunk-size x FILE", `--chunk-size: "x" is no number of bytes; write as "1024"`},
		{"publish --chunk-size variable FILE", "--chunk-size variable is for live streams: a film is cut evenly, so give a number, such as 1024"},
		{"publish --chunk-size variable --addressing byte64 -", "--chunk-size variable can't go with --addressing byte64, which has to know where each chunk begins; take chunk64"},
		{"publish --integrity pgp FILE", `--integrity: integrity method "pgp" is unknown, use one of: none merkle signall unified`},
		{"publish --integrity signall FILE", "--integrity signall is for live streams; a film takes merkle or none"},
		{"publish --integrity unified FILE", "--integrity unified is for live streams; a film takes merkle or none"},
		{"publish --integrity merkle -", "--integrity merkle is for films, whose end is known; a live stream takes unified, signall or none"},
		{"publish --integrity signall --hash sha1 -", "--hash sha1: integrity method signall uses no hashes; leave --hash out, or take --integrity unified"},
		{"publish --integrity none --chunks-per-signature 8 -", "--chunks-per-signature 8: integrity method none knows no such number; leave it out, or take --integrity unified"},
		{"publish --signature rsasha1 FILE", "--signature is for live streams, and a film has no use for it; leave it out, or add --live"},
		{"publish --chunks-per-signature 4 FILE", "--chunks-per-signature is for live streams"},
		{"publish --key KEY FILE", "--key is for live streams"},
		{"publish --record COPY FILE", "--record is for live streams"},
		{"link --swarm-id HEX --chunk-size 0", "--chunk-size: 0 is outside 1 to 61440 bytes"},
		{"link --swarm-id HEX --chunk-size 2147483648", "--chunk-size: 2147483648 is outside 1 to 61440 bytes"},
		{"link --swarm-id HEX --integrity unified", "--integrity unified is not for a film swarm"},
		{"link --swarm-id 47a", `--swarm-id: swarm ID "47a" is not hexadecimal`},
		{"inspect --chunk-size 0 FILE", "--chunk-size: 0 is outside 512 to 61440 bytes"},
		{"inspect --integrity unified FILE", "--integrity unified is for live streams; a film takes merkle or none"},
		{"inspect ppsp:film/HEX?c=0", "write a whole number above zero in plain digits"},
		{"inspect ppsp:film/HEX?c=2147483648", "a chunk has 1 to 61440 bytes; correct the number, or write variable"},
		{"inspect ppsp:film/HEX?c=variable&a=byte64", "chunks of variable size can't be addressed by byte64"},
		{"inspect ppsp:film/HEX?i=unified", "integrity method unified is not for a film swarm; correct one of them"},
		{"inspect LIVE?i=merkle", "integrity method merkle is not for a live swarm; correct one of them"},
		{"inspect ppsp:film/HEX?h=sha1", "swarm ID has 32 bytes, but a root of sha1 has 20"},
		{"publish --tracker here FILE", `--tracker: "here" is no address of a tracker; write as "https://tracker.example.org/"`},
		{"publish --tracker ftp://x/ FILE", `--tracker: "ftp://x/" is no address of a tracker`},
		{"publish --listen x FILE", `--listen: "x" is no address with a port`},
		{"publish --stun a:b:c FILE", "a:b:c"},
		{"publish --live --chunk-size 1000 FILE", "--chunk-size 1000: a live chunk holds whole packets of 188 bytes, so take a multiple, such as 1316"},
		{"publish --signature pgp -", `--signature: signature algorithm "pgp" is unknown, use one of: rsasha1`},
		{"publish --chunks-per-signature 3 -", "--chunks-per-signature 3: take a power of two from 2 to 4096"},
		{"publish --live DIR", ": it is a folder; name one transport stream, or - for standard input"},
		{"get", "<link> is missing; see swarmgate get --help"},
		{"get -o x ppsp:film/xyz", `"xyz" at character 11`},
		{"get -o x http://example.org/", `"http"`},
		{"get -o x --no-local LIVE", "the link names neither tracker nor peer; name one with --peer HOST:PORT"},
		{"get -o x --profile draft11 FILM", `--profile: profile "draft11" is unknown; use auto, rfc7574 or draft10`},
		{"publish --profile old FILE", `--profile: profile "old" is unknown; use auto, rfc7574 or draft10`},
		{"publish --profile draft10 --hash sha256 FILE", "--profile draft10: draft 10 knows the hash function sha1 only, not sha256"},
		{"publish --profile draft10 --signature ed25519 -", "--profile draft10: draft 10 knows the signatures rsasha1, ecdsap256sha256 and ecdsap384sha384 only, not ed25519"},
		{"link", "--swarm-id=HEX is missing; see swarmgate link --help"},
		{"link --swarm-id xy", `--swarm-id: swarm ID "xy" is not hexadecimal`},
		{"link --swarm-id f0f0 --kind song", `--kind "song": write film or live`},
		{"link --swarm-id f0f0", "--swarm-id: a film's has 20, 28, 32, 48 or 64 bytes, and a live channel's 33 or more, but this one has 2; copy it again whole"},
		{"link --swarm-id f0f0 --kind film", "but this one has 2; copy it again whole"},
		{"link --swarm-id HEX --kind live", "--kind live: a swarm ID of 32 bytes is a film's, the root of a hash tree; leave --kind out"},
		{"link --swarm-id HEX --hash sha1", "--hash sha1: a swarm ID of 32 bytes is a root of sha256; leave --hash out"},
		{"link --swarm-id HEX --length -3", `--length: "-3" begins with a dash; write --length=-3 if you mean it; see swarmgate link --help`},
		{"link --swarm-id HEX --length=-3", `--length: "-3" is no length of a film; write its bytes to the last one, as "366100"`},
		{"link --swarm-id HEX --length 1GB", `--length: "1GB" is no length of a film`},
		{"link --swarm-id HEX --hash md5", `--hash: hash function "md5" is unknown`},
		{"link --swarm-id HEX --addressing octal", `--addressing: chunk addressing method "octal" is unknown`},
		{"link --swarm-id HEX --integrity trust", `--integrity: integrity method "trust" is unknown`},
		{"get -o x --listen 127.0.0.1:0 FILM", "the link names neither tracker nor peer; name one with --peer HOST:PORT"},
		{"get -o x --peer 7 FILM", `--peer: "7" is no address with a port`},
		{"get -o x --timeout 5 FILM", `--timeout: "5" is no time span`},
		{"get -o x --log-level loud FILM", `--log-level: "loud" is none of`},
		{"inspect", "<link-or-file> is missing; see swarmgate inspect --help"},
		{"inspect ppsp:film/1", `"1" at character 11: the swarm ID has 1 digits`},
		{"inspect ppsp:song/11", `"song"`},
		{"inspect --hash md5 FILE", `--hash: hash function "md5" is unknown`},
		{"tracker --auth digest", "--auth digest needs --users FILE"},
		{"tracker --auth x", `--auth "x" is unknown; there are none, digest, cert and token`},
		{"tracker --auth none,token", "--auth none lets everybody in, so it stands alone"},
		{"tracker --tokens FILE", "--tokens is of no use without --auth token"},
		{"tracker --http --cert FILE --key FILE", "--http is without a certificate; leave out --cert and --key, or --http"},
		{"tracker --cert FILE", "--cert and --key go together"},
		{"tracker --http --listen x", `--listen: "x" is no address with a port`},
		{"tracker --http --track-timeout x", `--track-timeout: "x" is no time span`},
		{"sim nosuch", `scenario "nosuch" is unknown, use one of: live`},
		{"sim --peers=-1", "--peers -1: take 1 to 5000 homes"},
		{"sim --peers 0", "--peers 0: take 1 to 5000 homes"},
		{"publish --duration 0 FILE", `--duration: "0" is no time at all; write more, or leave it out`},
		{"get -o x --timeout 0s FILM", `--timeout: "0s" is no time at all; write more, or leave it out`},
		{"bans add 192.0.2.1 --for 0", `--for: "0" is no time at all; write more, or leave it out`},
		{"publish --title One FILMS", "--title is for one film, and FILMS has 2, which are called after their files; leave it out"},
		{"inspect --hash sha1 ppsp:film/HEX", "say how a file would be published, and a link says that itself; leave them out"},
		{"run --interface lo,nosuch", "--interface nosuch: this machine has no such network; it has "},
		{"demo --interface lo,nosuch", "--interface nosuch: this machine has no such network; it has "},
		{"sim --peers 5001", "--peers 5001: take 1 to 5000 homes"},
		{"sim --duration x", `--duration: "x" is no time span`},
		{"sim --seed x", "--seed: "},
		{"config", `a command is missing: one of "check", "show", "init"; see swarmgate config --help`},
		{"config nosuch", "there is no command nosuch; see swarmgate config --help"},
		{"config check extra", "name the configuration file with --config extra; see swarmgate config check --help"},
		{"version extra", "unexpected argument extra; see swarmgate version --help"},
	} {
		line := strings.NewReplacer("FILE", file, "DIR", dir, "FILMS", films, "FILM", film, "LIVE", live, "HEX", filmID).Replace(c.line)
		sentence(t, strings.Fields(line), 2, strings.ReplaceAll(c.words, "FILMS", films))
	}
}

// What fails is told in the same way, with another exit status.
func TestFailures(t *testing.T) {
	dir := atHome(t)
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	file, empty, key := write("film.mp4", "a film"), write("empty.mp4", ""), write("bad.key", "no key")
	bad, unknown := write("bad.toml", "[http]\nlisten = \n"), write("wrong.toml", "[http]\nlisten = \"here\"\n")
	below := filepath.Join(file, "folder") // no folder can be there, even for root
	tcp, err := net.Listen("tcp", free)
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	udp, err := net.ListenPacket("udp", free)
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	film := "ppsp:film/" + filmID + "?peer=127.0.0.1:9"
	for _, c := range []struct{ line, words string }{
		{"demo --no-dlna --http TCP", "HTTP TCP is in use by another program; end that, or choose another port with --http, such as 127.0.0.1:0 for a free one"},
		{"demo --no-dlna --http 192.0.2.1:80", "HTTP 192.0.2.1:80: cannot assign requested address; choose an address of this machine with --http"},
		{"demo --no-dlna --dir BELOW", "folder BELOW can't be made: not a directory; choose another with --dir"},
		{"run --http 127.0.0.1:0 --no-dlna --no-nat --dir BELOW", "folder BELOW can't be made: not a directory; choose another with --dir"},
		{"run --no-dlna --no-nat --listen 127.0.0.1:0 --http TCP", "HTTP TCP is in use by another program"},
		{"run --http 127.0.0.1:0 --no-dlna --no-nat --listen UDP", "UDP UDP is in use by another program; end that, or listen on another port with --listen, port 0 for a free one"},
		{"run --config DIR/not-there.toml", "not-there.toml: there is no such file; \"swarmgate config init --config "},
		{"run --config BAD", "bad.toml:2:10: "},
		{"run --config WRONG", `wrong.toml:2:10: http.listen has a mistake: "here" is no address with a port`},
		{"config check --config BAD", "bad.toml:2:10: "},
		{"config check --config DIR/not-there.toml", "there is no such file"},
		{"config show --config BAD", "bad.toml:2:10: "},
		{"config init --config BAD", "bad.toml is there already and was not touched; choose another with --config"},
		{"config init --config BELOW/x.toml", "not a directory; choose another place with --config"},
		{"publish DIR/nothing", "there is no such file or folder; check the path"},
		{"publish --live DIR/nothing.ts", "there is no such file or folder; check the path, or give - for standard input"},
		{"publish EMPTY", "the file is empty, and there is nothing to share; name one that holds a film"},
		{"publish --listen UDP FILE", "UDP UDP is in use by another program"},
		{"publish --dir BELOW FILE", "folder BELOW can't be made"},
		{"publish --key KEY -", "it was not changed, give another with --key"},
		{"publish --key BELOW/k -", "not a directory; give another with --key"},
		{"get --listen UDP -o DIR/x FILM", "UDP UDP is in use by another program"},
		{"get -o BELOW/x FILM", "not a directory"},
		{"inspect DIR/nothing", "there is no such file; a link would begin with \"ppsp:\""},
		{"inspect DIR", "it is a folder; name one film in it"},
		{"inspect EMPTY", "the file is empty"},
		{"tracker --http --listen TCP", "tracker: TCP is in use by another program; end that, or choose another with --listen, port 0 for a free one"},
		{"tracker --http --listen 192.0.2.1:80", "tracker: listen on 192.0.2.1:80: cannot assign requested address; choose an address of this machine with --listen"},
		{"tracker --cert FILE --key FILE", "both have to be PEM files that belong together"},
		{"tracker --cert DIR/nothing --key FILE", "no such file or directory; both have to be PEM files that belong together"},
	} {
		names := strings.NewReplacer(
			"UDP UDP", "UDP "+udp.LocalAddr().String(), "TCP", tcp.Addr().String(), "UDP", udp.LocalAddr().String(), "BELOW", below,
			"FILE", file, "EMPTY", empty, "KEY", key, "FILM", film, "BAD", bad, "WRONG", unknown, "DIR", dir)
		words := strings.NewReplacer("UDP UDP", "UDP "+udp.LocalAddr().String(), "TCP", tcp.Addr().String(), "BELOW", below).Replace(c.words)
		sentence(t, strings.Fields(names.Replace(c.line)), 1, words)
	}
	if b, err := os.ReadFile(bad); err != nil || string(b) != "[http]\nlisten = \n" {
		t.Errorf("the configuration that was there is now %q, error %v", b, err)
	}
}

// help returns what --help prints of a command.
func help(t *testing.T, command ...string) string {
	t.Helper()
	status, out, err := once(t, append(command, "--help")...)
	if status != 0 || err != "" {
		t.Errorf("swarmgate %s --help: exit status %d, %q", strings.Join(command, " "), status, err)
	}
	return out
}

func TestHelp(t *testing.T) {
	_, whole, _ := once(t)
	if whole != help(t) {
		t.Error("swarmgate alone does not print its help")
	}
	if _, out, _ := once(t, "help", "get"); out != help(t, "get") {
		t.Error("swarmgate help get does not print the help of get")
	}
	for _, c := range []struct{ command, flags string }{
		{"demo", "http dir name interface no-dlna json log-level log-format"},
		{"run", "config http dir name interface no-dlna member-ca member-cert member-key listen stun no-nat upload json log-level log-format"},
		{"publish", "live listen tracker title key dir hash addressing chunk-size integrity signature chunks-per-signature profile record duration closed member-ca stun no-nat upload json log-level log-format"},
		{"get", "output peer listen timeout duration seed limit-down profile member-cert member-key stun no-nat upload json log-level log-format"},
		{"link", "swarm-id kind hash addressing chunk-size integrity tracker peer title length rate json"},
		{"inspect", "hash addressing chunk-size integrity json"},
		{"tracker", "listen http cert key auth users tokens client-ca networks track-timeout strict dir json log-level log-format"},
		{"sim", "peers seed duration list json"},
		{"config check", "config json"},
		{"config show", "config json"},
		{"config init", "config json"},
		{"bans list", "api json"},
		{"bans add", "for reason api json"},
		{"bans remove", "api json"},
		{"members list", "api json"},
		{"members add", "swarm address for cert key member-ca api json"},
		{"members remove", "api json"},
		{"version", "json"},
	} {
		if !strings.Contains(whole, "\n  "+c.command+" ") {
			t.Errorf("the help names no command %s", c.command)
		}
		out := help(t, strings.Fields(c.command)...)
		for flag := range strings.FieldsSeq(c.flags) {
			if !strings.Contains(out, " --"+flag+" ") && !strings.Contains(out, " --"+flag+"=") {
				t.Errorf("the help of %s names no --%s", c.command, flag)
			}
		}
		for line := range strings.SplitSeq(out, "\n") {
			if len([]rune(line)) > 80 {
				t.Errorf("the help of %s has a line of %d characters: %s", c.command, len([]rune(line)), line)
			}
		}
	}
}

// Every command, flag and argument has a sentence for people, and says what to put there.
func TestHelpTexts(t *testing.T) {
	line, err := newLine()
	if err != nil {
		t.Fatal(err)
	}
	entries := line.Entries()
	if len(entries) < 100 {
		t.Errorf("%d commands, flags and arguments, want all", len(entries))
	}
	for _, e := range entries {
		if e.Help == "" || !strings.HasSuffix(e.Help, ".") || strings.ToUpper(e.Help[:1]) != e.Help[:1] && e.Help[0] != '-' {
			t.Errorf("the help of %s is no sentence: %q", e.Name, e.Help)
		}
		if e.TakesValue && (e.Placeholder == "" || strings.Trim(e.Placeholder, "ABCDEFGHIJKLMNOPQRSTUVWXYZ:,.") != "") {
			t.Errorf("%s=%s says not what to put there", e.Name, e.Placeholder)
		}
	}
}

func TestErrorsAreToldInOneLine(t *testing.T) {
	two := errors.Join(errors.New("first"), fmt.Errorf("second: %w", io.EOF))
	if got := oneLine(two); got != "first; second: EOF" {
		t.Errorf("%q, want both in one line", got)
	}
	inner := &net.OpError{Op: "listen", Net: "tcp", Err: &os.SyscallError{Syscall: "bind", Err: syscall.EADDRINUSE}}
	for _, c := range []struct{ err, want error }{
		{inner, syscall.EADDRINUSE},
		{&fs.PathError{Op: "open", Path: "x", Err: fs.ErrPermission}, fs.ErrPermission},
		{io.EOF, io.EOF},
	} {
		if got := bare(c.err); got != c.want {
			t.Errorf("of %v is left %v, want %v", c.err, got, c.want)
		}
	}
	if err := wrongUsage("--x: %w", io.EOF); !errors.Is(err, io.EOF) || err.Error() != "--x: EOF" {
		t.Errorf("wrong usage %v, want what it was made of", err)
	}
}

// Only the end of the context is no failure.
func TestStopped(t *testing.T) {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if !stopped(ended, context.Canceled) || stopped(ended, io.EOF) || stopped(t.Context(), context.Canceled) {
		t.Error("another error than the end of the context counts as stopped, or that does not")
	}
}

// What fails before it begins leaves no folder behind.
func TestFailuresLeaveNothing(t *testing.T) {
	dir := atHome(t)
	tcp, err := net.Listen("tcp", free)
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	there := filepath.Join(dir, "x")
	for _, line := range []string{
		"publish nothing.mp4 --dir X", "publish --live nothing.ts --dir X", "run --no-dlna --no-nat --listen 127.0.0.1:0 --http TCP --dir X",
	} {
		line = strings.NewReplacer("X", there, "TCP", tcp.Addr().String()).Replace(line)
		if status, _, words := once(t, strings.Fields(line)...); status != 1 {
			t.Errorf("%s: %d %s", line, status, words)
		}
		if _, err := os.Stat(there); err == nil {
			t.Errorf("%s: it leaves a folder", line)
		}
	}
}
