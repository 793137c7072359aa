//go:build e2e

package e2e

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// The large household: groups, and channels in each.
const (
	manyGroups  = 20
	manyInGroup = 50
)

// deadLink is a link to a channel that nobody sends.
func deadLink(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := key.PublicKey.Bytes() // 4, X, Y
	if err != nil {
		t.Fatal(err)
	}
	return "ppsp:live/0d" + hex.EncodeToString(point[1:]) + "?tr=http://192.168.77.10:1/"
}

// groupName and channelName have all that XML, JSON and URLs stumble over.
func groupName(g int) string { return fmt.Sprintf(`Group & "%d"`, g) }

func channelName(g, n int) string {
	frames := []string{`Nº %d "quoted" <b>`, "Rock & Roll Nº %d", "📺 emoji 👨‍👩‍👧 Nº %d", "שלום עולם Nº %d", "قناة الأخبار Nº %d", "ﬀ ß İ Nº %d &amp; &#34;", "'single' ; % + # ? / \\ Nº %d"}
	return fmt.Sprintf(frames[n%len(frames)], g*manyInGroup+n)
}

// largeHousehold writes a configuration with a thousand channels and returns its path and
// the titles by group.
func largeHousehold(t *testing.T) (string, map[string][]string) {
	t.Helper()
	titles := map[string][]string{}
	var b bytes.Buffer
	b.WriteString("[dlna]\nname = 'Large & \"Happy\"'\ninterfaces = ['lan0']\n")
	quote := func(s string) []byte {
		q, err := json.Marshal(s) // a basic string of TOML has the same escapes
		if err != nil {
			t.Fatal(err)
		}
		return q
	}
	for g := range manyGroups {
		for n := range manyInGroup {
			fmt.Fprintf(&b, "[[channel]]\nlink = %s\ntitle = %s\ngroup = %s\n", quote(deadLink(t)), quote(channelName(g, n)), quote(groupName(g)))
			titles[groupName(g)] = append(titles[groupName(g)], channelName(g, n))
		}
	}
	path := filepath.Join(t.TempDir(), "swarmgate.toml")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path, titles
}

// survey is what household.py found.
type survey struct {
	Total, After, Lost int
	Titles, Up, Down   []string
	Paged              bool
	Groups, Search     map[string][]string
	BrowseMS           float64 `json:"browse_ms"`
	SearchCaps         string  `json:"search_caps"`
	SortCaps           string  `json:"sort_caps"`
	SystemUpdate       int     `json:"system_update"`
	Events             struct {
		InitialS float64 `json:"initial_s"`
		ChangeS  float64 `json:"change_s"`
		Initial  [][2]string
		Change   [][2]string
	}
}

// TestLargeHousehold has GUPnP go through a thousand channels in twenty groups.
func TestLargeHousehold(t *testing.T) {
	l := livingRoom(t)
	path, titles := largeHousehold(t)
	p := l.nas.run("run", "--json", "--config", path, "--dir", t.TempDir(), "--log-level", "debug", "--no-nat")
	p.event("ready", 10*time.Second, nil)
	point := l.tv.prepare("/usr/bin/python3", "household.py", "lan0", `Large & "Happy"`, "10", "http://192.168.77.10:8088/api/v1/channels",
		deadLink(t)+"&t=One+more", "--renew")
	in, err := point.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	point.launch()
	point.await("the catalog to be walked through", 20*time.Second, func() bool { return strings.Contains(point.output(), "waiting\n") })
	p.logged(35*time.Second, "subscription renewed")
	renewed := time.Since(point.started)
	fmt.Fprintln(in, "go on")
	if status := point.exit(15 * time.Second); status != 0 {
		t.Fatalf("household.py ended with status %d: %s", status, point.log())
	}
	var s survey
	if err := json.Unmarshal([]byte(point.output()[len("waiting\n"):]), &s); err != nil {
		t.Fatal(err)
	}
	s.judge(t, titles)
	t.Logf("Browse of all with GUPnP's own work: %.1f ms; initial events after %.2f s, the change after %.2f s; a subscription renewed within %v",
		s.BrowseMS, s.Events.InitialS, s.Events.ChangeS, renewed.Round(100*time.Millisecond))
	p.end()
}

// judge compares what was found with what the configuration has.
func (s survey) judge(t *testing.T, titles map[string][]string) {
	t.Helper()
	var all []string
	for g := range manyGroups {
		all = append(all, titles[groupName(g)]...)
	}
	if s.Total != len(all)+manyGroups || !slices.Equal(s.Titles, all) || !s.Paged {
		t.Errorf("%d objects, %d channels, as configured: %v, the same by pages: %v", s.Total, len(s.Titles), slices.Equal(s.Titles, all), s.Paged)
	}
	for g, want := range titles {
		if !slices.Equal(s.Groups[g], want) {
			t.Errorf("%s: %d channels: %.3q", g, len(s.Groups[g]), s.Groups[g])
		}
	}
	if len(s.Groups) != manyGroups {
		t.Errorf("%d groups", len(s.Groups))
	}
	s.judgeOrder(t, all)
	s.judgeSearch(t, titles, all)
	s.judgeEvents(t)
}

func (s survey) judgeOrder(t *testing.T, all []string) {
	t.Helper()
	down := slices.Clone(s.Down)
	slices.Reverse(down)
	if !slices.Equal(s.Up, down) {
		t.Error("downwards is not upwards the other way round")
	}
	sorted, up := slices.Sorted(slices.Values(all)), slices.Sorted(slices.Values(s.Up))
	if !slices.Equal(sorted, up) {
		t.Error("other channels when sorted")
	}
	// Whatever the order among scripts: one that begins with the same words is in the order of what follows.
	var rock []string
	for _, title := range s.Up {
		if strings.HasPrefix(title, "Rock & Roll") {
			rock = append(rock, title)
		}
	}
	if !slices.IsSorted(rock) {
		t.Errorf("sorted by title: %q", rock[:min(len(rock), 12)])
	}
	if slices.Equal(s.Up, s.Titles) || !strings.Contains(s.SortCaps, "dc:title") {
		t.Errorf("not sorted, capabilities %q", s.SortCaps)
	}
}

func (s survey) judgeSearch(t *testing.T, titles map[string][]string, all []string) {
	t.Helper()
	having := func(text string) (found []string) {
		for _, title := range all {
			if strings.Contains(strings.ToLower(title), strings.ToLower(text)) {
				found = append(found, title)
			}
		}
		return found
	}
	for criteria, want := range map[string][]string{
		`dc:title contains "Nº 7"`: having("Nº 7"),
		`upnp:class derivedfrom "object.item.videoItem" and upnp:genre = "Group & \"3\""`: titles[groupName(3)],
		`upnp:class derivedfrom "object.item" and dc:title contains "ROCK & ROLL"`:        having("Rock & Roll"),
		`dc:title contains "שלום"`:          having("שלום"),
		`dc:title contains "there is none"`: nil,
	} {
		got := slices.Sorted(slices.Values(s.Search[criteria]))
		if !slices.Equal(got, slices.Sorted(slices.Values(want))) {
			t.Errorf("search %s: %d found, want %d: %.3q", criteria, len(got), len(want), got)
		}
	}
	for _, c := range []string{"dc:title", "upnp:class"} {
		if !strings.Contains(s.SearchCaps, c) {
			t.Errorf("search capabilities %q lack %s", s.SearchCaps, c)
		}
	}
}

func (s survey) judgeEvents(t *testing.T) {
	t.Helper()
	value := func(list [][2]string, name string) (found string) {
		for _, e := range list {
			if e[0] == name {
				found = e[1]
			}
		}
		return found
	}
	before, after := value(s.Events.Initial, "SystemUpdateID"), value(s.Events.Change, "SystemUpdateID")
	if before != fmt.Sprint(s.SystemUpdate) || value(s.Events.Initial, "SourceProtocolInfo") == "" {
		t.Errorf("initial events %q, SystemUpdateID %d", s.Events.Initial, s.SystemUpdate)
	}
	if after == "" || after == before || !strings.Contains(value(s.Events.Change, "ContainerUpdateIDs"), "0$channels,") {
		t.Errorf("events of a change %q, before %q", s.Events.Change, before)
	}
	if s.Events.ChangeS > 2 || s.After != s.Total+1 || s.Lost != 0 {
		t.Errorf("the change told after %.1f s; %d objects, before %d; %d subscriptions lost", s.Events.ChangeS, s.After, s.Total, s.Lost)
	}
}
