package contentdirectory

import (
	"errors"
	"html"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/dlna/profile"
	"github.com/swarmgate/swarmgate/proxy"
)

func searchArgs(container, criteria, start, count, sort string) string {
	return "<ContainerID>" + container + "</ContainerID><SearchCriteria>" + html.EscapeString(criteria) + "</SearchCriteria><Filter>*</Filter>" +
		"<StartingIndex>" + start + "</StartingIndex><RequestedCount>" + count + "</RequestedCount><SortCriteria>" + sort + "</SortCriteria>"
}

func TestSearch(t *testing.T) {
	for _, c := range []struct {
		name, container, criteria string
		want                      string // titles
	}{
		{"everything", "0", "*", "Channels,News,Films,News &amp; \"More\",Äther 📺,First light,f2"},
		{"by class", "0", `upnp:class = "object.item.videoItem.movie"`, "First light,f2"},
		{"by class and those derived from it", "0", `upnp:class derivedfrom "object.item.videoItem"`, "News &amp; \"More\",Äther 📺,First light,f2"},
		{"by title", "0", `dc:title contains "more"`, `News &amp; "More"`},
		{"by title with quotation marks", "0", `dc:title contains "\"More\""`, `News &amp; "More"`},
		{"by group", "0", `upnp:genre = "News"`, `News &amp; "More"`},
		{"in one folder", "0$films", `dc:title contains "s"`, "First light"},
		{"folders", "0", `upnp:class derivedfrom "object.container" and dc:title contains "s"`, "Channels,News,Films"},
		{"as Windows asks", "0", `upnp:class derivedfrom "object.item.videoItem" and @refID exists false`, "News &amp; \"More\",Äther 📺,First light,f2"},
		{"by size", "0", `res@size > "1000"`, "First light"},
		{"by duration", "0", `res@duration >= "0:00:24"`, "First light"},
		{"by format", "0", `res@protocolInfo contains "matroska"`, "f2"},
		{"by ID", "0", `@id = "a2"`, "Äther 📺"},
		{"by parent", "0", `@parentID = "0$films"`, "First light,f2"},
		{"with a picture", "0", `upnp:albumArtURI exists true`, `News &amp; "More"`},
		{"by what is not there", "0", `dc:creator = "x"`, ""},
		{"audio", "0", `upnp:class derivedfrom "object.item.audioItem"`, ""},
		{"in a group", newsID, `@refID exists true`, `News &amp; "More"`},
		{"the root under no name", "", `@id = "f1"`, "First light"},
	} {
		got := call(t, directory(household()), "Search", searchArgs(c.container, c.criteria, "0", "0", ""))
		n := 0
		if c.want != "" {
			n = strings.Count(c.want, ",") + 1
		}
		if titles(got["Result"]) != c.want || got["NumberReturned"] != strconv.Itoa(n) || got["TotalMatches"] != strconv.Itoa(n) || got["UpdateID"] != "1000" {
			t.Errorf("%s: %v, want %s", c.name, got, c.want)
		}
	}
}

// An item that is found in a folder of references is told as one.
func TestSearchResultsAreThere(t *testing.T) {
	for container, want := range map[string]string{newsID: reference(channel1, newsID), "0": channel1, "0$channels": channel1} {
		got := call(t, directory(household()), "Search", searchArgs(container, `upnp:genre = "News"`, "0", "0", ""))
		if inside(t, got["Result"]) != want {
			t.Errorf("in %s: %s", container, got["Result"])
		}
	}
}

func TestSearchPagesAndSorts(t *testing.T) {
	h := directory(many(50))
	got := call(t, h, "Search", searchArgs("0", `dc:title contains "Channel 1"`, "2", "3", "-dc:title"))
	if titles(got["Result"]) != "Channel 17,Channel 16,Channel 15" || got["NumberReturned"] != "3" || got["TotalMatches"] != "11" {
		t.Errorf("%v", got)
	}
}

func TestSearchErrors(t *testing.T) {
	for _, c := range []struct{ name, args, code string }{
		// ContentDirectory:1, 2.7.5.3.
		{"no such container", searchArgs("nope", "*", "0", "0", ""), "710"},
		{"in an item", searchArgs("f1", "*", "0", "0", ""), "710"},
		{"no criteria of the standard", searchArgs("0", "dc:title like x", "0", "0", ""), "708"},
		{"endless criteria", searchArgs("0", strings.Repeat("(", 60000), "0", "0", ""), "708"},
		{"no container", "<SearchCriteria>*</SearchCriteria>", "402"},
		{"negative start", searchArgs("0", "*", "-1", "0", ""), "402"},
	} {
		if got := call(t, directory(household()), "Search", c.args); got["errorCode"] != c.code {
			t.Errorf("%s: %v, want error %s", c.name, got, c.code)
		}
	}
}

func bookmark(id, seconds string) string {
	return "<CategoryType>0</CategoryType><RID>0</RID><ObjectID>" + id + "</ObjectID><PosSecond>" + seconds + "</PosSecond>"
}

func TestSetBookmark(t *testing.T) {
	l := household()
	h := directory(l)
	for _, c := range []struct{ name, args, code string }{
		{"a film", bookmark("f1", "12"), ""},
		{"a channel", bookmark("a1", "12"), ""}, // Samsung does it, and shows an error of ours
		{"what is not there", bookmark("nope", "12"), "701"},
		{"a folder", bookmark("0$films", "12"), "701"},
		{"no position", "<ObjectID>f1</ObjectID>", "402"},
		{"no object", "<PosSecond>1</PosSecond>", "402"},
		{"no number", bookmark("f1", "x"), "402"},
	} {
		if got := call(t, h, "X_SetBookmark", c.args); got["errorCode"] != c.code {
			t.Errorf("%s: %v, want %q", c.name, got, c.code)
		}
	}
	if len(l.at) != 1 || l.at["f1"] != 12*time.Second {
		t.Errorf("%v", l.at)
	}
	l.err = errors.New("disk full")
	if got := call(t, h, "X_SetBookmark", bookmark("f1", "13")); got["errorCode"] != "501" {
		t.Errorf("%v", got)
	}
}

// With QLED Samsung counts in milliseconds, both ways.
func TestBookmarkInMilliseconds(t *testing.T) {
	profiles, err := profile.Load("")
	if err != nil {
		t.Fatal(err)
	}
	l := household()
	l.items[1].Position = 12500 * time.Millisecond
	h := serviceOf(&Directory{Library: l, Profiles: profiles})
	for agent, want := range map[string]struct {
		at time.Duration
		bm string
	}{
		"DLNAADOC/1.50 SEC_HHP_[TV] Samsung Q7 Series (49)/1.0": {20 * time.Second, ",BM=12500<"},
		"DLNADOC/1.50 SEC_HHP_[TV]UE40D7000/1.0":                {20000 * time.Second, ",BM=12<"},
	} {
		if got := callAs(t, h, agent, "X_SetBookmark", bookmark("f1", "20000")); got["errorCode"] != "" || l.at["f1"] != want.at {
			t.Errorf("%s: %v, %v", agent, got, l.at)
		}
		got := callAs(t, h, agent, "Browse", browseArgs{"f1", browseMetadata, "*", "0", "0", ""}.xml())["Result"]
		if !strings.Contains(got, want.bm) || !strings.Contains(got, "<upnp:lastPlaybackPosition>00:00:12.500</upnp:lastPlaybackPosition>") {
			t.Errorf("%s: %s", agent, got)
		}
	}
}

// Who is told of titles with endings finds them by those.
func TestSearchByTitleAsItIsTold(t *testing.T) {
	file := filepath.Join(t.TempDir(), "profiles.toml")
	text := "[[profile]]\nname = \"Old\"\nextension = true\nmatch = [{ header = \"User-Agent\", contains = \"OldTV\" }]\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	profiles, err := profile.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	h := serviceOf(&Directory{Library: household(), Profiles: profiles})
	for agent, want := range map[string]string{"OldTV/1": "1", "NewTV/1": "0"} {
		if got := callAs(t, h, agent, "Search", searchArgs("0", `dc:title = "First light.mp4"`, "0", "0", "")); got["TotalMatches"] != want {
			t.Errorf("%s: %v, want %s", agent, got, want)
		}
	}
}

// guide knows what is on channel a1.
type guide struct{}

func (guide) OnAir(id string, _ time.Time) (now, next proxy.Programme) {
	at := time.Date(2026, 11, 22, 20, 0, 0, 0, time.UTC)
	if id == "a1" {
		now = proxy.Programme{Title: "Quiz & more", Start: at, End: at.Add(45 * time.Minute)}
		next = proxy.Programme{Title: "Film", Start: at.Add(45 * time.Minute)}
	}
	return now, next
}

func TestGuide(t *testing.T) {
	h := serviceOf(&Directory{Library: household(), Guide: guide{}, Language: "de"})
	got := call(t, h, "Browse", browseArgs{"0$channels", browseChildren, "*", "0", "0", ""}.xml())["Result"]
	if want := "<dc:description>20:00–20:45 Quiz &amp; more · Danach: 20:45 Film</dc:description>"; strings.Count(got, "<dc:description>") != 1 || !strings.Contains(got, want) {
		t.Errorf("%s", got)
	}
}
