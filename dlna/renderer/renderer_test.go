package renderer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/swarmgate/swarmgate/dlna/lan"
	"github.com/swarmgate/swarmgate/dlna/media"
	"github.com/swarmgate/swarmgate/dlna/renderer/finder"
	"github.com/swarmgate/swarmgate/proxy"
)

const udn = "uuid:0f5e3a52-6f1b-4c7e-9d0a-7a52b2f6c9d1"

func TestFindsAndDescribes(t *testing.T) {
	inLiving(t, func(l *living) {
		if list := l.controller.List(); list == nil || len(list) != 0 {
			t.Errorf("nobody is there, yet: %+v", list)
		}
		l.plug("192.168.77.30", udn)
		want := Renderer{ID: idOf(udn), Name: "TV " + udn, Model: "Maker M1", State: Idle, Volume: 20} // 10 of 50
		if got := l.one(); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}

func TestPlaysAFilm(t *testing.T) {
	inLiving(t, func(l *living) {
		tv := l.plug("192.168.77.30", udn)
		id := l.one().ID
		if err := l.controller.Play(l.t.Context(), id, "film"); err != nil {
			t.Fatal(err)
		}
		at := "http://192.168.77.10:8088/dlna/to/" + id + "/film.mp4"
		asked := tv.orders()
		if len(asked) != 2 || !strings.HasPrefix(asked[0], "SetAVTransportURI "+at+" <DIDL-Lite") || asked[1] != "Play" {
			t.Fatalf("asked %q", asked)
		}
		for _, want := range []string{
			"<dc:title>A film</dc:title>", "<upnp:class>object.item.videoItem.movie</upnp:class>", `size="366100"`, `duration="00:00:24.000"`,
			`protocolInfo="` + media.FormatOf(items[1]).ProtocolInfo + `"`, ">" + at + "</res>",
		} {
			if !strings.Contains(asked[0], want) {
				t.Errorf("the metadata lacks %s: %s", want, asked[0])
			}
		}
		if got := l.one(); got.State != Buffering || got.Channel != "film" || got.Duration != 24*time.Second {
			t.Errorf("at once: %+v", got)
		}
		tv.set(func() { tv.position, tv.duration = "0:00:02", "0:00:24" })
		time.Sleep(2 * time.Second)
		if got := l.one(); got.State != Playing || got.Channel != "film" || got.Position < 2*time.Second || got.Position > 4*time.Second {
			t.Errorf("then: %+v", got)
		}
		for _, c := range []struct {
			do   func(context.Context, string) error
			want string
			is   State
		}{{l.controller.Pause, "Pause", Paused}, {l.controller.Resume, "Play", Playing}} {
			if err := c.do(l.t.Context(), id); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Second)
			if got := tv.orders(); !slices.Equal(got, []string{c.want}) || l.one().State != c.is {
				t.Errorf("%s: asked %q, state %s", c.want, got, l.one().State)
			}
		}
		if err := l.controller.Seek(l.t.Context(), id, 15*time.Second+600*time.Millisecond); err != nil || l.one().Position != 15*time.Second {
			t.Errorf("seek: %v, at %v", err, l.one().Position)
		}
		if err := l.controller.Seek(l.t.Context(), id, time.Hour); err != nil {
			t.Error(err)
		}
		if err := l.controller.SetVolume(l.t.Context(), id, 30); err != nil || l.one().Volume != 30 {
			t.Errorf("volume: %v, %d", err, l.one().Volume)
		}
		if err := l.controller.Stop(l.t.Context(), id); err != nil {
			t.Error(err)
		}
		if got := tv.orders(); !slices.Equal(got, []string{"Seek REL_TIME 0:00:15", "Seek REL_TIME 0:00:24", "SetVolume 15", "Stop"}) {
			t.Errorf("asked %q", got)
		}
		if got := l.one(); got.State != Stopped || got.Channel != "" || got.Position != 0 || got.Duration != 0 {
			t.Errorf("after stop: %+v", got)
		}
	})
}

func TestMetadataOfAChannelAndOfMusic(t *testing.T) {
	inLiving(t, func(l *living) {
		tv := l.plug("192.168.77.30", udn)
		id := l.one().ID
		for channel, want := range map[string][]string{
			"news": {`<dc:title>News &amp; "Views"</dc:title>`, "object.item.videoItem.videoBroadcast", `protocolInfo="` + media.FormatOf(items[0]).ProtocolInfo + `"`, "/news.ts</res>"},
			"song": {"<dc:title>song</dc:title>", "object.item.audioItem", "/song.mp3</res>"},
		} {
			if err := l.controller.Play(l.t.Context(), id, channel); err != nil {
				t.Fatal(err)
			}
			asked := tv.orders()[0]
			for _, w := range want {
				if !strings.Contains(asked, w) {
					t.Errorf("%s: %s is not in %s", channel, w, asked)
				}
			}
			if channel == "news" && strings.Contains(asked, "size=") {
				t.Errorf("a channel with a size: %s", asked)
			}
		}
	})
}

// What a renderer still tells of the film before is not believed of the channel after it.
func TestNewChannelHasNoOldTimes(t *testing.T) {
	inLiving(t, func(l *living) {
		tv := l.plug("192.168.77.30", udn)
		id := l.one().ID
		_ = l.controller.Play(l.t.Context(), id, "film")
		tv.set(func() { tv.position, tv.duration = "0:00:20", "0:00:24" })
		time.Sleep(2 * time.Second)
		_ = l.controller.Play(l.t.Context(), id, "news")
		time.Sleep(100 * time.Millisecond)
		if got := l.one(); got.State != Buffering || got.Channel != "news" || got.Position != 0 || got.Duration != 0 {
			t.Errorf("at once: %+v", got)
		}
		tv.set(func() { tv.position = "0:00:01" })
		time.Sleep(2 * time.Second)
		if got := l.one(); got.State != Playing || got.Duration != 0 || got.Position > 5*time.Second {
			t.Errorf("then: %+v", got)
		}
		if err := l.controller.Seek(l.t.Context(), id, time.Second); !errors.Is(err, ErrRefused) {
			t.Errorf("seek in a channel: %v", err)
		}
	})
}

// notify has the television send an event.
func (tv *television) notify(path, event string) int {
	tv.mu.Lock()
	callback := tv.callback[path]
	tv.mu.Unlock()
	body := "<p><property><LastChange><![CDATA[<Event><InstanceID val='0'>" + event + "</InstanceID></Event>]]></LastChange></property></p>"
	r := httptest.NewRequest("NOTIFY", callback, strings.NewReader(body))
	r.RemoteAddr = netip.AddrPortFrom(tv.addr, 5000).String()
	for name, value := range map[string]string{"NT": "upnp:event", "NTS": "upnp:propchange", "SID": "uuid:" + strings.Trim(path, "/")} {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	tv.home.controller.Events().ServeHTTP(w, r)
	return w.Code
}

func TestEventsTellAtOnce(t *testing.T) {
	inLiving(t, func(l *living) {
		tv := l.plug("192.168.77.30", udn)
		_ = l.controller.Play(l.t.Context(), l.one().ID, "film")
		time.Sleep(5 * time.Second)
		tv.set(func() { tv.state = "PAUSED_PLAYBACK" })
		if code := tv.notify("/AVTransport", `<TransportState val="PAUSED_PLAYBACK"/>`); code != http.StatusOK || l.one().State != Paused {
			t.Errorf("status %d, %+v", code, l.one())
		}
		if code := tv.notify("/RenderingControl", `<Volume channel="LF" val="1"/><Volume channel="Master" val="40"/>`); code != http.StatusOK || l.one().Volume != 80 {
			t.Errorf("status %d, %+v", code, l.one())
		}
		// Somebody plays his own film there.
		tv.set(func() { tv.uri, tv.state = "http://192.168.77.99/other.mp4", "PLAYING" })
		tv.notify("/AVTransport", `<AVTransportURI val="http://192.168.77.99/other.mp4"/><TransportState val="PLAYING"/>`)
		if got := l.one(); got.Channel != "" || got.State != Playing {
			t.Errorf("somebody else's: %+v", got)
		}
		time.Sleep(20 * time.Minute) // subscriptions are renewed
		tv.set(func() { tv.state = "STOPPED" })
		if code := tv.notify("/AVTransport", `<TransportState val="STOPPED"/>`); code != http.StatusOK || l.one().State != Stopped {
			t.Errorf("later: status %d, %+v", code, l.one())
		}
	})
}

func TestPollsWhereThereAreNoEvents(t *testing.T) {
	inLiving(t, func(l *living) {
		l.mute = true
		tv := l.plug("192.168.77.30", udn)
		_ = l.controller.Play(l.t.Context(), l.one().ID, "film")
		time.Sleep(3 * time.Second)
		tv.set(func() { tv.state = "PAUSED_PLAYBACK"; tv.volume = "25" })
		for range 3 {
			l.one()
			time.Sleep(time.Second)
		}
		if got := l.one(); got.State != Paused || got.Volume != 50 {
			t.Errorf("%+v", got)
		}
	})
}

// While nobody looks, little is asked: 1 Hz is for an open page alone.
func TestPollsSeldomWhenNobodyLooks(t *testing.T) {
	inLiving(t, func(l *living) {
		tv := l.plug("192.168.77.30", udn)
		id := l.one().ID
		count := func(d time.Duration) int {
			tv.set(func() { tv.polls = 0 })
			time.Sleep(d)
			tv.mu.Lock()
			defer tv.mu.Unlock()
			return tv.polls
		}
		if n := count(10 * time.Minute); n > 12 {
			t.Errorf("%d questions in ten minutes to one that does nothing", n)
		}
		_ = l.controller.Play(l.t.Context(), id, "film")
		time.Sleep(time.Minute)
		if n := count(10 * time.Minute); n > 65 || n < 50 {
			t.Errorf("%d questions in ten minutes to one that plays", n)
		}
		watch := func() (n int) {
			tv.set(func() { tv.polls = 0 })
			for range 60 {
				l.one()
				time.Sleep(time.Second)
			}
			tv.mu.Lock()
			defer tv.mu.Unlock()
			return tv.polls
		}
		if n := watch(); n < 50 || n > 70 {
			t.Errorf("%d questions in a minute to one that plays, with the page open", n)
		}
	})
}

func TestFarewell(t *testing.T) {
	inLiving(t, func(l *living) {
		tv := l.plug("192.168.77.30", udn)
		l.one()
		stranger := *l.conn
		stranger.in <- heardOf{"NOTIFY * HTTP/1.1\r\nNT: upnp:rootdevice\r\nNTS: ssdp:byebye\r\nUSN: " + udn + "::upnp:rootdevice\r\n\r\n", netip.MustParseAddrPort("192.168.77.66:1900")}
		synctest.Wait()
		l.one() // nobody says farewell for another
		tv.announce("ssdp:byebye", 0)
		synctest.Wait()
		if list := l.controller.List(); len(list) != 0 {
			t.Errorf("still listed: %+v", list)
		}
		if err := l.controller.Play(l.t.Context(), idOf(udn), "film"); !errors.Is(err, ErrNoRenderer) {
			t.Errorf("play: %v", err)
		}
		tv.announce("ssdp:alive", 1800)
		synctest.Wait()
		if got := l.one(); got.ID != idOf(udn) {
			t.Errorf("back as %+v", got)
		}
	})
}

// A television that is switched off and on says farewell and hello at once, while its
// subscriptions are still being given back.
func TestFarewellAndBackAtOnce(t *testing.T) {
	inLiving(t, func(l *living) {
		tv := l.plug("192.168.77.30", udn)
		l.one()
		tv.set(func() { tv.hangs = "UNSUBSCRIBE" })
		tv.announce("ssdp:byebye", 0)
		tv.announce("ssdp:alive", 1800)
		synctest.Wait()
		if list := l.controller.List(); len(list) != 0 {
			t.Errorf("the one that has gone is listed: %+v", list)
		}
		time.Sleep(2 * time.Second)
		if got := l.one(); got.ID != idOf(udn) {
			t.Errorf("back as %+v", got)
		}
		tv.announce("ssdp:byebye", 0)
		tv.announce("ssdp:alive", 1800)
		tv.announce("ssdp:byebye", 0)
		time.Sleep(2 * time.Second)
		if list := l.controller.List(); len(list) != 0 {
			t.Errorf("it went in the end, and is listed: %+v", list)
		}
	})
}

// fetch has the television hold a stream, as its player does. What it returns is closed when the
// stream has ended.
func (tv *television) fetch(id, file string) <-chan struct{} {
	ended := make(chan struct{})
	streams := tv.home.controller.Streams(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	r := httptest.NewRequestWithContext(tv.home.t.Context(), http.MethodGet, "/dlna/to/"+id+"/"+file, nil)
	r.RemoteAddr = netip.AddrPortFrom(tv.addr, 40000).String()
	r.SetPathValue("renderer", id)
	r.SetPathValue("file", file)
	go func() {
		defer close(ended)
		streams.ServeHTTP(httptest.NewRecorder(), r)
	}()
	synctest.Wait()
	return ended
}

func over(ended <-chan struct{}) bool {
	select {
	case <-ended:
		return true
	default:
		return false
	}
}

// Some televisions answer nothing while they open a cold channel.
func TestSilentWhileAChannelOpens(t *testing.T) {
	inLiving(t, func(l *living) {
		tv := l.plug("192.168.77.30", udn)
		id := l.one().ID
		_ = l.controller.Play(l.t.Context(), id, "news")
		ended := tv.fetch(id, "news.ts")
		tv.set(func() { tv.hangs = http.MethodPost })
		for range 25 {
			time.Sleep(time.Second)
			l.one()
		}
		tv.set(func() { tv.hangs = "" })
		time.Sleep(5 * time.Second)
		if over(ended) {
			t.Error("the stream was cut")
		}
		// One that never speaks again has gone, whatever it holds.
		tv.set(func() { tv.hangs = http.MethodPost })
		time.Sleep(streamSilence + 15*time.Second)
		if list := l.controller.List(); !over(ended) || len(list) != 0 {
			t.Errorf("the stream is still held, listed %+v", list)
		}
	})
}

// The plug of one that was seen playing is pulled: it has its streams no longer than others do.
func TestVanishedOneThatPlayed(t *testing.T) {
	inLiving(t, func(l *living) {
		tv := l.plug("192.168.77.30", udn)
		id := l.one().ID
		_ = l.controller.Play(l.t.Context(), id, "news")
		ended := tv.fetch(id, "news.ts")
		for range 20 {
			time.Sleep(time.Second)
			l.one()
		}
		tv.set(func() { tv.plugged = false })
		for range 20 {
			time.Sleep(time.Second)
			l.controller.List()
		}
		if list := l.controller.List(); !over(ended) || len(list) != 0 {
			t.Errorf("the stream is still held, listed %+v", list)
		}
	})
}

// It opens the stream and answers Play only when the first bytes are there.
func TestSilentWhileItIsToldToPlay(t *testing.T) {
	inLiving(t, func(l *living) {
		tv := l.plug("192.168.77.30", udn)
		id := l.one().ID
		tv.set(func() { tv.hangs = http.MethodPost })
		answer := make(chan error, 1)
		go func() { answer <- l.controller.Play(l.t.Context(), id, "news") }()
		time.Sleep(20 * time.Second)
		l.one() // nothing counts against it while it is told
		tv.set(func() { tv.hangs = "" })
		<-answer // this one may be lost
		if err := l.controller.Play(l.t.Context(), l.one().ID, "news"); err != nil {
			t.Error(err)
		}
	})
}

func TestPlayIsAnsweredByFetching(t *testing.T) {
	inLiving(t, func(l *living) {
		tv := l.plug("192.168.77.30", udn)
		id := l.one().ID
		tv.set(func() { tv.slow, tv.state = "Play", "TRANSITIONING" })
		answer := make(chan error, 1)
		go func() { answer <- l.controller.Play(l.t.Context(), id, "news") }()
		time.Sleep(time.Second)
		ended := tv.fetch(id, "news.ts")
		if err := <-answer; err != nil || over(ended) || l.one().Channel != "news" {
			t.Errorf("%v, %+v", err, l.one())
		}
	})
}

// An answer that makes no sense is still an answer.
func TestAnyAnswerIsASignOfLife(t *testing.T) {
	inLiving(t, func(l *living) {
		tv := l.plug("192.168.77.30", udn)
		id := l.one().ID
		tv.set(func() { tv.garbled = true })
		for range 60 {
			l.one()
			time.Sleep(time.Second)
		}
		if err := l.controller.Pause(l.t.Context(), id); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "makes no sense") {
			t.Errorf("%v", err)
		}
	})
}

// What it refuses to stop gets no more bytes.
func TestStopThatIsRefused(t *testing.T) {
	inLiving(t, func(l *living) {
		tv := l.plug("192.168.77.30", udn)
		id := l.one().ID
		_ = l.controller.Play(l.t.Context(), id, "news")
		ended := tv.fetch(id, "news.ts")
		tv.set(func() { tv.faults["Stop"] = 701 })
		if err := l.controller.Stop(l.t.Context(), id); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if !over(ended) {
			t.Error("the stream goes on")
		}
		if err := l.controller.Stop(l.t.Context(), id); !errors.Is(err, ErrRefused) {
			t.Errorf("nothing was cut: %v", err)
		}
	})
}

// A film that a screen was told to play can be gone on with where it was left, however that came.
func TestProgressIsNoted(t *testing.T) {
	about := func(noted []time.Duration, want time.Duration) bool {
		return len(noted) > 0 && noted[len(noted)-1] > want-3*time.Second && noted[len(noted)-1] < want+12*time.Second
	}
	inLiving(t, func(l *living) {
		notes := l.controller.config.Library.(library)
		tv := l.plug("192.168.77.30", udn)
		id := l.one().ID
		start := func(at string, minutes int) {
			_ = l.controller.Play(l.t.Context(), id, "film")
			tv.set(func() { tv.position, tv.duration = at, fmt.Sprintf("%d:00:00", minutes/60) })
			time.Sleep(20 * time.Second)
		}
		start("0:00:04", 60)
		if noted := notes.take("film"); len(noted) != 0 {
			t.Errorf("hardly begun, and noted %v", noted)
		}
		start("0:20:00", 60)
		tv.set(func() { tv.position = "0:30:00" })
		time.Sleep(15 * time.Second)
		notes.take("film")
		if err := l.controller.Pause(l.t.Context(), id); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * time.Second)
		if noted := notes.take("film"); len(noted) != 1 || !about(noted, 30*time.Minute) {
			t.Errorf("paused: %v", noted)
		}
		_ = l.controller.Resume(l.t.Context(), id)
		time.Sleep(10 * time.Minute)
		if noted := notes.take("film"); len(noted) < 8 || len(noted) > 12 {
			t.Errorf("noted %d times in ten minutes: %v", len(noted), noted)
		}
		tv.set(func() { tv.position = "0:50:00" })
		time.Sleep(15 * time.Second)
		if err := l.controller.Stop(l.t.Context(), id); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * time.Second)
		if noted := notes.take("film"); !about(noted, 50*time.Minute) {
			t.Errorf("stopped: %v", noted)
		}
		start("0:10:00", 60)
		notes.take("film")
		tv.set(func() { tv.plugged = false })
		time.Sleep(time.Minute)
		if noted := notes.take("film"); !about(noted, 10*time.Minute+10*time.Second) {
			t.Errorf("unplugged: %v", noted)
		}
		if noted := notes.take("news"); len(noted) != 0 {
			t.Errorf("a channel: %v", noted)
		}
	})
}

func TestSameHost(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"192.168.1.2", "::ffff:192.168.1.2", true},
		{"192.168.1.2", "192.168.1.3", false},
		{"fd77::1%lan0", "fd77::1", true},
		{"fd77::1", "fd77::2:2", true}, // an address for privacy
		{"fd77::1", "fd77:0:0:1::1", false},
		{"fd77::1", "192.168.1.2", false},
	} {
		if got := sameHost(netip.MustParseAddr(c.a), netip.MustParseAddr(c.b)); got != c.want {
			t.Errorf("%s and %s: %v", c.a, c.b, got)
		}
	}
	if sameHost(netip.Addr{}, netip.MustParseAddr("192.168.1.2")) {
		t.Error("an unknown address is a host's")
	}
}

// A plug is pulled: no farewell, no end of the connection. The stream is given back, long
// before TCP would notice.
func TestVanishedOneGivesItsStreamBack(t *testing.T) {
	inLiving(t, func(l *living) {
		tv := l.plug("192.168.77.30", udn)
		id := l.one().ID
		_ = l.controller.Play(l.t.Context(), id, "news")
		ended := make(chan time.Time, 1)
		streams := l.controller.Streams(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/dlna/media/news.ts" || r.PathValue("file") != "news.ts" {
				t.Errorf("fetches %s, file %q", r.URL.Path, r.PathValue("file"))
			}
			<-r.Context().Done()
			ended <- time.Now()
		}))
		r := httptest.NewRequestWithContext(l.t.Context(), http.MethodGet, "/dlna/to/"+id+"/news.ts", nil)
		r.SetPathValue("renderer", id)
		r.SetPathValue("file", "news.ts")
		go streams.ServeHTTP(httptest.NewRecorder(), r)
		time.Sleep(time.Minute)
		pulled := time.Now()
		tv.set(func() { tv.plugged = false })
		if took := (<-ended).Sub(pulled); took > 20*time.Second {
			t.Errorf("given back after %v", took)
		}
		synctest.Wait()
		if list := l.controller.List(); len(list) != 0 {
			t.Errorf("still listed: %+v", list)
		}
	})
}

func TestStopGivesTheStreamBack(t *testing.T) {
	inLiving(t, func(l *living) {
		l.plug("192.168.77.30", udn)
		id := l.one().ID
		_ = l.controller.Play(l.t.Context(), id, "news")
		ended := make(chan struct{})
		streams := l.controller.Streams(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			close(ended)
		}))
		r := httptest.NewRequestWithContext(l.t.Context(), http.MethodGet, "/dlna/to/"+id+"/news.ts", nil)
		r.SetPathValue("renderer", id)
		r.SetPathValue("file", "news.ts")
		go streams.ServeHTTP(httptest.NewRecorder(), r)
		synctest.Wait()
		if err := l.controller.Stop(l.t.Context(), id); err != nil {
			t.Error(err)
		}
		<-ended
	})
}

// max-age has passed and the renderer does not answer: one question is enough.
func TestExpiry(t *testing.T) {
	inLiving(t, func(l *living) {
		tv := l.plug("192.168.77.30", udn)
		tv.announce("ssdp:alive", 30)
		time.Sleep(10 * time.Minute) // it announces nothing more, yet it answers
		l.one()
		tv.set(func() { tv.plugged = false })
		time.Sleep(70 * time.Second)
		if list := l.controller.List(); len(list) != 0 {
			t.Errorf("still listed: %+v", list)
		}
	})
}

func TestFollowsToANewAddress(t *testing.T) {
	inLiving(t, func(l *living) {
		tv := l.plug("192.168.77.30", udn)
		id := l.one().ID
		// Another host claims the name while the renderer answers where it was.
		thief := l.plug("192.168.77.66", udn)
		time.Sleep(5 * time.Second)
		_ = l.controller.Pause(l.t.Context(), id)
		if got := thief.orders(); len(got) != 0 {
			t.Errorf("the thief got %q", got)
		}
		// The router gives it another address.
		tv.set(func() { tv.plugged = false })
		thief.announce("ssdp:alive", 1800)
		time.Sleep(15 * time.Second) // some questions to the old one may have to fail
		if got := l.one(); got.ID != id {
			t.Errorf("listed as %+v", got)
		}
		if err := l.controller.Pause(l.t.Context(), id); err != nil || !slices.Equal(thief.orders(), []string{"Pause"}) {
			t.Errorf("at the new address: %v", err)
		}
	})
}

func TestRefusals(t *testing.T) {
	inLiving(t, func(l *living) {
		tv := l.plug("192.168.77.30", udn)
		id := l.one().ID
		c := l.controller
		for _, test := range []struct {
			action string
			code   int
			do     func() error
			words  string
		}{
			{"Pause", 701, func() error { return c.Pause(l.t.Context(), id) }, "can't pause: it can't do that at the moment"},
			{"Seek", 711, func() error { return c.Seek(l.t.Context(), id, 0) }, "can't go there: there is no such place"},
			{"Stop", 799, func() error { return c.Stop(l.t.Context(), id) }, "can't stop: it gives error 799"},
			{"SetVolume", 501, func() error { return c.SetVolume(l.t.Context(), id, 5) }, "can't set its volume: it failed"},
			{"SetAVTransportURI", 714, func() error { return c.Play(l.t.Context(), id, "film") }, "can't take A film: it does not take this format"},
			{"Play", 716, func() error { return c.Play(l.t.Context(), id, "film") }, "can't play A film: it did not get the stream"},
		} {
			tv.set(func() { tv.faults = map[string]int{test.action: test.code} })
			if err := test.do(); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), test.words) {
				t.Errorf("%s: %v, want %q", test.action, err, test.words)
			}
		}
		if got := l.one(); got.Channel != "" {
			t.Errorf("it plays nothing of ours: %+v", got)
		}
		if err := c.Play(l.t.Context(), id, "nothing"); !errors.Is(err, proxy.ErrNotFound) {
			t.Errorf("what is not there: %v", err)
		}
		if err := c.Play(l.t.Context(), "0000", "film"); !errors.Is(err, ErrNoRenderer) {
			t.Errorf("where nobody is: %v", err)
		}
		tv.set(func() { tv.plugged = false })
		if err := c.Pause(l.t.Context(), id); !errors.Is(err, ErrSilent) || !strings.Contains(err.Error(), "does not answer") {
			t.Errorf("switched off: %v", err)
		}
	})
}

// Some take nothing new before they have stopped.
func TestPlayStopsFirstWhereItMust(t *testing.T) {
	inLiving(t, func(l *living) {
		tv := l.plug("192.168.77.30", udn)
		tv.set(func() { tv.faults["SetAVTransportURI"] = 705 })
		go func() {
			time.Sleep(100 * time.Millisecond)
			tv.set(func() { delete(tv.faults, "SetAVTransportURI") })
		}()
		if err := l.controller.Play(l.t.Context(), l.one().ID, "film"); err != nil {
			t.Error(err)
		}
		if got := tv.orders(); len(got) != 4 || got[1] != "Stop" || got[3] != "Play" {
			t.Errorf("asked %q", got)
		}
	})
}

func TestOnlyWhereTheScreenCanFetch(t *testing.T) {
	inLiving(t, func(l *living) {
		l.plug("192.168.77.30", udn)
		l.controller.config.HTTPAddress = netip.MustParseAddr("127.0.0.1")
		err := l.controller.Play(l.t.Context(), l.one().ID, "film")
		if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "--http :8088") {
			t.Errorf("HTTP on loopback alone: %v", err)
		}
	})
}

// One host has as many addresses of IPv6 as it likes.
func TestRoomOfANetworkOfIPv6(t *testing.T) {
	c := New(Config{})
	add := func(addr string) bool {
		host := netip.MustParseAddr(addr)
		if !c.room(host) {
			return false
		}
		udn := fmt.Sprint("uuid:", len(c.devices))
		c.devices[udn] = newDevice(c, finder.Sighting{UDN: udn, Host: host})
		return true
	}
	n := 0
	for i := range 3 * maxRenderers {
		if add(fmt.Sprintf("fd77::%x", i+1)) {
			n++
		}
	}
	if n != maxPerNetwork {
		t.Errorf("%d devices of one network are followed", n)
	}
	if !add("192.168.77.30") || !add("fd78::1") {
		t.Error("others find no room")
	}
}

// What a screen that was found by its link-local address is to fetch has an address that it can use.
func TestAddressForAScreenOnTheLink(t *testing.T) {
	for want, prefixes := range map[string][]string{
		"192.168.77.10": {"192.168.77.10/24", "fd77::10/64", "fe80::10/64"},
		"fd77::10":      {"fd77::10/64", "fe80::10/64"},
		"fe80::10":      {"fe80::10/64"},
	} {
		i := lan.Interface{Name: "lan0"}
		for _, p := range prefixes {
			i.Prefixes = append(i.Prefixes, netip.MustParsePrefix(p))
		}
		c := Config{Interfaces: func() ([]lan.Interface, []lan.Problem, error) { return []lan.Interface{i}, nil, nil }}
		if got, err := c.own(netip.MustParseAddr("fe80::30%lan0")); err != nil || got != netip.MustParseAddr(want) {
			t.Errorf("%v: %v, %v", prefixes, got, err)
		}
	}
}

func TestTooManyRenderers(t *testing.T) {
	inLiving(t, func(l *living) {
		for n := range 3 * maxPerHost {
			tv := l.plug("192.168.77.30", fmt.Sprintf("uuid:%d", n))
			tv.set(func() {})
		}
		if n := len(l.controller.devices); n != maxPerHost {
			t.Errorf("%d devices of one host are followed", n)
		}
		for n := range 2 * maxRenderers {
			l.plug(fmt.Sprintf("192.168.77.%d", 100+n), fmt.Sprintf("uuid:h%d", n))
		}
		l.controller.mu.Lock()
		defer l.controller.mu.Unlock()
		if n := len(l.controller.devices); n != maxRenderers {
			t.Errorf("%d devices are followed", n)
		}
	})
}

// One whose description can't be read is not asked again at each announcement.
func TestUnreadableDescription(t *testing.T) {
	inLiving(t, func(l *living) {
		tv := l.plug("192.168.77.30", udn)
		tv.announce("ssdp:byebye", 0)
		tv.set(func() { tv.plugged = false })
		for range 100 {
			tv.announce("ssdp:alive", 1800)
			time.Sleep(100 * time.Millisecond)
		}
		if list := l.controller.List(); len(list) != 0 {
			t.Errorf("listed: %+v", list)
		}
		tv.set(func() { tv.plugged = true })
		time.Sleep(2 * time.Minute)
		tv.announce("ssdp:alive", 1800)
		time.Sleep(time.Second)
		l.one()
	})
}
