//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// object is a folder or an item as GUPnP read it from the DIDL.
type object struct {
	ID, Title, Class string
	Count            int
	Children         []object
	Resources        []struct {
		URL, Protocol string
		Size          int64
	}
}

// child is the object below o with this title.
func (o object) child(t *testing.T, title string) object {
	t.Helper()
	for _, c := range o.Children {
		if c.Title == title {
			return c
		}
	}
	t.Fatalf("%q holds no %q: %+v", o.Title, title, o.Children)
	return object{}
}

// room is a home's LAN with a router, a machine for the gateway and one for the screen.
type room struct{ router, nas, tv *machine }

func livingRoom(t *testing.T) room {
	t.Helper()
	l := room{boot(t, "router"), boot(t, "nas"), boot(t, "tv")}
	l.router.bridge("lan", "192.168.77.1/24")
	l.nas.plug("lan0", "192.168.77.10/24", l.router, "lan")
	l.tv.plug("lan0", "192.168.77.20/24", l.router, "lan")
	for _, m := range []*machine{l.nas, l.tv} {
		m.ip("route add default via 192.168.77.1")
	}
	return l
}

// discover searches for media servers from the screen for a while.
func (l room) discover(seconds int) string {
	return string(l.tv.command(time.Duration(seconds+5)*time.Second, "gssdp-discover", "-i", "lan0",
		"-n", fmt.Sprint(seconds), "-t", "urn:schemas-upnp-org:device:MediaServer:1"))
}

func TestScreenInTheLivingRoom(t *testing.T) {
	l := livingRoom(t)
	p := l.nas.run("demo", "--json", "--interface", "lan0", "--http", ":8088", "--name", "Swarmgate (nas)")
	ready := p.event("ready", 5*time.Second, nil)
	if ready["device"] != "Swarmgate (nas)" {
		t.Errorf("device %q in the ready line", ready["device"])
	}
	const location = "http://192.168.77.10:8088/"
	if found := l.discover(2); !strings.Contains(found, location) {
		t.Fatalf("gssdp-discover does not find the server:\n%s", found)
	}

	var root object
	out := l.tv.command(15*time.Second, "/usr/bin/python3", "controlpoint.py", "lan0", "Swarmgate (nas)", "8")
	if err := json.Unmarshal(out, &root); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	live := root.child(t, "Channels").child(t, "Swarmgate One")
	film := root.child(t, "Films").child(t, "A Film in Twenty-Four Seconds")
	for _, o := range []object{live, film} {
		if o.Class != "object.item.videoItem" && !strings.HasPrefix(o.Class, "object.item.videoItem.") {
			t.Errorf("%s: class %s", o.Title, o.Class)
		}
		if len(o.Resources) == 0 || !strings.HasPrefix(o.Resources[0].URL, location) {
			t.Fatalf("%s: resources %+v", o.Title, o.Resources)
		}
	}
	if got, want := film.Resources[0].Size, int64(len(filmBytes(t))); got != want {
		t.Errorf("film: size %d, want %d", got, want)
	}
	l.plays(t, live.Resources[0].URL, frame.live)
	l.plays(t, film.Resources[0].URL, frame.ofFilm)
	l.vlc(t, "Swarmgate (nas)", live.Title, film.Title)
	l.headers(t, live.Resources[0].URL, live.Resources[0].Protocol, "Streaming")
	l.headers(t, film.Resources[0].URL, film.Resources[0].Protocol, "Streaming")
	l.whole(t, film.Resources[0].URL)

	heard := l.tv.start("gssdp-discover", "-i", "lan0", "-n", "8", "-m", "all",
		"-t", "urn:schemas-upnp-org:device:MediaServer:1")
	heard.await("the server", 5*time.Second, func() bool { return strings.Contains(heard.output(), "resource available") })
	p.end()
	heard.await("byebye", 3*time.Second, func() bool { return strings.Contains(heard.output(), "resource unavailable") })
	heard.kill()
	if found := l.discover(1); strings.Contains(found, location) {
		t.Errorf("still found after the end:\n%s", found)
	}
}

// plays names the codecs by ffprobe and decodes 5 s by ffmpeg, of which each picture has
// to follow the one before.
func (l room) plays(t *testing.T, url string, belongs func(frame) bool) {
	t.Helper()
	codecs := l.tv.command(15*time.Second, "ffprobe", "-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0", url)
	if !bytes.Contains(codecs, []byte("h264")) || !bytes.Contains(codecs, []byte("aac")) {
		t.Errorf("%s: ffprobe names %q, want h264 and aac", url, codecs)
	}
	pixels := l.tv.command(20*time.Second, "ffmpeg", "-v", "error", "-xerror", "-analyzeduration", "1000000", "-i", url, "-t", "5",
		"-map", "0:v", "-fps_mode", "passthrough", "-vf", stripFilter, "-f", "rawvideo", "pipe:1", "-map", "0:a", "-t", "5", "-f", "null", "-")
	numbers := strips(pixels)
	if len(numbers) < 5*frameRate-3 {
		t.Errorf("%s: %d pictures of 5 s", url, len(numbers))
	}
	for i, n := range numbers {
		if f := (frame{Number: n}); !belongs(f) || i > 0 && steps(frame{Number: numbers[i-1]}, f) != 1 {
			t.Fatalf("%s: picture %d has number %d; all: %v", url, i, n, numbers)
		}
	}
}

// headers asks as a TV does, and expects what the DIDL promised.
func (l room) headers(t *testing.T, url, protocol, mode string) {
	t.Helper()
	features := protocol[strings.LastIndex(protocol, ":")+1:]
	out := l.tv.command(10*time.Second, "curl", "-sS", "--fail", "-I", "-H", "getcontentFeatures.dlna.org: 1",
		"-H", "transferMode.dlna.org: "+mode, url)
	h := http.Header{}
	for line := range strings.Lines(string(out)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			h.Add(name, strings.TrimSpace(value))
		}
	}
	if h.Get("transferMode.dlna.org") != mode {
		t.Errorf("%s: transferMode.dlna.org %q, want %q", url, h.Get("transferMode.dlna.org"), mode)
	}
	if got := h.Get("contentFeatures.dlna.org"); got == "" || got != features {
		t.Errorf("%s: contentFeatures.dlna.org %q, in the DIDL %q", url, got, features)
	}
}

// whole compares the film from the TV's URL with the original.
func (l room) whole(t *testing.T, url string) {
	t.Helper()
	if got := l.tv.command(10*time.Second, "curl", "-sS", "--fail", url); !bytes.Equal(got, filmBytes(t)) {
		t.Errorf("%s: %d bytes that are not the film's", url, len(got))
	}
}

// TestNoDLNAIsSilent listens for a media server that was told not to be one.
func TestNoDLNAIsSilent(t *testing.T) {
	l := livingRoom(t)
	p := l.nas.run("demo", "--json", "--no-dlna", "--http", ":8088", "--interface", "lan0")
	if ready := p.event("ready", 5*time.Second, nil); ready["device"] != "" {
		t.Errorf("ready line names the device %q", ready["device"])
	}
	if found := l.discover(2); strings.Contains(found, "resource available") {
		t.Errorf("a server is found:\n%s", found)
	}
	if page := l.tv.command(5*time.Second, "curl", "-sS", "--fail", "http://192.168.77.10:8088/"); !bytes.Contains(page, []byte("<html")) {
		t.Errorf("the page does not answer on the LAN: %.80s", page)
	}
	p.end()
}
