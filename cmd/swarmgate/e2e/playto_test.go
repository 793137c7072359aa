//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// screen is a renderer as the API tells of it.
type screen struct {
	ID, Name, Model, State, Channel string
	PositionS                       float64 `json:"position_s"`
	DurationS                       float64 `json:"duration_s"`
	Volume                          *int
}

// salon is the name of the renderer, with what XML and JSON stumble over.
const salon = `Salon & "Kitchen"`

// speaker plugs a machine into the LAN on which gmediarender plays in real time.
func (l room) speaker(t *testing.T) (*machine, *process) {
	t.Helper()
	m := boot(t, "salon")
	m.plug("lan0", "192.168.77.30/24", l.router, "lan")
	m.ip("route add default via 192.168.77.1")
	return m, m.start("gmediarender", "-I", "lan0", "-f", salon, "-u", "GMediaRender-1_0-000-000-0e2e", "--logfile", "stdout",
		"--gstout-audiopipe", "fakesink sync=true", "--gstout-videopipe", "fakesink sync=true")
}

// remote is a phone in the living room that uses the API.
type remote struct {
	room
	base string
}

// get reads a JSON answer of the API.
func (r remote) get(path string, into any) {
	r.tv.t.Helper()
	if err := json.Unmarshal(r.tv.command(5*time.Second, "curl", "-sS", "--fail", r.base+path), into); err != nil {
		r.tv.t.Fatalf("%s: %v", path, err)
	}
}

// post sends an order and returns the status and the answer.
func (r remote) post(path, body string) (string, string) {
	r.tv.t.Helper()
	words := []string{"curl", "-sS", "-X", "POST", "-w", "\n%{http_code}", r.base + path}
	if body != "" {
		words = append(words, "-H", "Content-Type: application/json", "-d", body)
	}
	out := strings.TrimSpace(string(r.tv.command(25*time.Second, words...)))
	at := strings.LastIndexByte(out, '\n')
	return out[at+1:], strings.TrimSpace(out[:max(at, 0)])
}

// order sends an order that has to succeed.
func (r remote) order(s screen, what, body string) {
	r.tv.t.Helper()
	if status, answer := r.post("/api/v1/renderers/"+s.ID+"/"+what, body); status != "200" {
		r.tv.t.Fatalf("%s %s: status %s: %s", what, body, status, answer)
	}
}

// await waits until the renderer of that name is as the condition wants it.
func (r remote) await(name, what string, limit time.Duration, is func(screen) bool) screen {
	r.tv.t.Helper()
	deadline := time.Now().Add(limit)
	for {
		var all []screen
		r.get("/api/v1/renderers", &all)
		for _, s := range all {
			if s.Name == name && is(s) {
				return s
			}
		}
		if time.Now().After(deadline) {
			r.tv.t.Fatalf("%s: not %s within %v; renderers: %+v", name, what, limit, all)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// viewers waits until so many screens are being sent something.
func (r remote) viewers(want int, limit time.Duration) {
	r.tv.t.Helper()
	deadline := time.Now().Add(limit)
	for {
		var sessions []struct{ Viewers int }
		r.get("/api/v1/sessions", &sessions)
		have := 0
		for _, s := range sessions {
			have += s.Viewers
		}
		if have == want {
			return
		}
		if time.Now().After(deadline) {
			r.tv.t.Fatalf("%d viewers after %v, want %d", have, limit, want)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// page sends the film to the renderer by the page, with keys alone, and uses its remote control.
func (r remote) page(t *testing.T, film string) {
	t.Helper()
	b := r.tv.openBrowser()
	b.do(nil, "open", "url", r.base+"/watch/"+film, "dark", true)
	b.do(nil, "wait", "selector", ".send .button")
	b.do(nil, "focus", "selector", ".send .button")
	b.do(nil, "press", "key", "Enter")
	b.do(nil, "wait", "selector", ".screens .screen:focus") // the first TV has the focus
	b.shot("playto-choose")
	b.do(nil, "press", "key", "Enter")
	b.do(nil, "wait", "selector", ".remote-seek")
	r.await(salon, "playing the film from the page", 15*time.Second, func(s screen) bool { return s.State == "playing" && s.Channel == film })
	b.do(nil, "focus", "selector", ".remote-keys .main")
	b.do(nil, "press", "key", " ")
	r.await(salon, "paused by the page", 10*time.Second, func(s screen) bool { return s.State == "paused" })
	b.do(nil, "focus", "selector", ".remote-seek input")
	b.do(nil, "press", "key", "End")
	at := r.await(salon, "at the end", 10*time.Second, func(s screen) bool { return s.PositionS > 20 })
	b.do(nil, "press", "key", "Home")
	r.await(salon, "at the beginning", 10*time.Second, func(s screen) bool { return s.PositionS < 5 })
	t.Logf("the slider's end is at %v of %v s", at.PositionS, at.DurationS)
	b.shot("playto-remote-dark")
	b.do(nil, "open", "url", r.base+"/", "width", 390, "height", 844, "phone", true)
	b.do(nil, "wait", "selector", ".remote-seek")
	var overflow int
	if b.do(&overflow, "overflow"); overflow > 0 {
		t.Errorf("the page is %d pixels wider than a phone", overflow)
	}
	b.shot("playto-remote-phone")
	b.do(nil, "focus", "selector", ".remote-keys .main")
	b.do(nil, "press", "key", "Enter")
	r.await(salon, "going on by the page", 10*time.Second, func(s screen) bool { return s.State == "playing" })
	b.do(nil, "press", "key", "ArrowRight") // to the next key
	b.do(nil, "press", "key", "ArrowRight") // to Stop
	b.do(nil, "press", "key", "Enter")
	r.await(salon, "stopped by the page", 10*time.Second, func(s screen) bool { return s.Channel == "" })
	var problems []string
	if b.do(&problems, "problems"); len(problems) > 0 {
		t.Errorf("the page complains: %q", problems)
	}
	r.order(screen{ID: at.ID}, "play", fmt.Sprintf(`{"channel":%q}`, film))
}

// TestPlayTo has a real renderer play what a phone sends to it.
func TestPlayTo(t *testing.T) {
	l := livingRoom(t)
	p := l.nas.run("demo", "--json", "--interface", "lan0", "--http", ":8088", "--name", "Swarmgate (nas)", "--log-level", "debug")
	ready := p.event("ready", 5*time.Second, nil)
	second := l.nas.run("publish", "--json", "--live", "../media/channel.ts", "--title", "Second", "--listen", "127.0.0.1:0", "--no-nat",
		"--tracker", ready["tracker"].(string), "--dir", t.TempDir())
	link := second.event("swarm", 10*time.Second, nil)["link"].(string)
	salonMachine, _ := l.speaker(t)
	r := remote{l, "http://192.168.77.10:8088"}
	tv := r.await(salon, "found", 10*time.Second, func(screen) bool { return true })
	if tv.State != "idle" && tv.State != "stopped" || tv.Channel != "" || tv.Volume == nil {
		t.Errorf("before it plays: %+v", tv)
	}
	if status, answer := r.post("/api/v1/channels", fmt.Sprintf(`{"link":%q}`, link)); status != "201" {
		t.Fatalf("add a channel: status %s: %s", status, answer)
	}
	var items []struct{ ID, Kind, Title string }
	r.get("/api/v1/channels", &items)
	ids := map[string]string{}
	for _, i := range items {
		if ids[i.Title] = i.ID; ids[i.Kind] == "" {
			ids[i.Kind] = i.ID
		}
	}

	began := time.Now()
	r.order(tv, "play", fmt.Sprintf(`{"channel":%q}`, ids["film"]))
	film := r.await(salon, "playing the film", 15*time.Second, func(s screen) bool { return s.State == "playing" && s.PositionS >= 1 })
	t.Logf("film: a second of it after %v: %+v", time.Since(began).Round(time.Millisecond), film)
	if film.Channel != ids["film"] || film.DurationS < 23 || film.DurationS > 25 {
		t.Errorf("playing the film: %+v", film)
	}
	r.order(tv, "pause", "")
	paused := r.await(salon, "paused", 10*time.Second, func(s screen) bool { return s.State == "paused" })
	r.order(tv, "seek", `{"position_s":12}`)
	r.await(salon, "at 12 s", 10*time.Second, func(s screen) bool { return s.PositionS >= 12 && s.PositionS < 14 })
	if paused.PositionS > 11 {
		t.Errorf("paused at %v s, before the seek to 12 s", paused.PositionS)
	}
	r.order(tv, "resume", "")
	r.await(salon, "going on", 10*time.Second, func(s screen) bool { return s.State == "playing" && s.PositionS >= 13 && s.PositionS < 18 })
	r.order(tv, "volume", `{"percent":35}`)
	r.await(salon, "at volume 35", 10*time.Second, func(s screen) bool { return s.Volume != nil && *s.Volume == 35 })

	began = time.Now()
	r.order(tv, "play", fmt.Sprintf(`{"channel":%q}`, ids["live"]))
	live := r.await(salon, "playing the channel", 15*time.Second, func(s screen) bool {
		return s.State == "playing" && s.Channel == ids["live"] && s.PositionS >= 1
	})
	if live.DurationS != 0 || live.PositionS > 6 {
		t.Errorf("the channel has the times of the film before it: %+v", live)
	}
	t.Logf("channel: a second of it after %v: %+v", time.Since(began).Round(time.Millisecond), live)
	if status, answer := r.post("/api/v1/renderers/"+tv.ID+"/seek", `{"position_s":5}`); status != fmt.Sprint(http.StatusConflict) || !strings.Contains(answer, "only films") {
		t.Errorf("seek in a channel: status %s: %s", status, answer)
	}
	began = time.Now()
	r.order(tv, "next", "")
	next := r.await(salon, "playing the next channel", 10*time.Second, func(s screen) bool {
		return s.State == "playing" && s.Channel == ids["Second"] && s.PositionS >= 1
	})
	t.Logf("next channel: a second of it after %v: %+v", time.Since(began).Round(time.Millisecond), next)
	r.page(t, ids["film"])
	r.order(tv, "stop", "")
	r.await(salon, "stopped", 10*time.Second, func(s screen) bool { return s.Channel == "" && (s.State == "stopped" || s.State == "idle") })
	r.viewers(0, 5*time.Second)

	r.order(tv, "play", fmt.Sprintf(`{"channel":%q}`, ids["live"]))
	r.await(salon, "playing again", 15*time.Second, func(s screen) bool { return s.State == "playing" && s.PositionS >= 1 })
	r.viewers(1, 5*time.Second)
	// It vanishes without a word: whoever pulls the plug sends no farewell and closes no connection.
	salonMachine.ip("link set lan0 down")
	gone := time.Now()
	for {
		var all []screen
		if r.get("/api/v1/renderers", &all); len(all) == 0 {
			break
		}
		if time.Since(gone) > 30*time.Second {
			t.Fatalf("still listed %v after it vanished: %+v", time.Since(gone), all)
		}
		time.Sleep(200 * time.Millisecond)
	}
	r.viewers(0, 5*time.Second)
	t.Logf("forgotten, with its stream, %v after its plug was pulled", time.Since(gone).Round(100*time.Millisecond))
	p.end()
}
