package contentdirectory

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/swarmgate/swarmgate/proxy"
)

func TestSortItems(t *testing.T) {
	items := []proxy.Item{
		{ID: "1", Title: "b", Length: 30, Duration: time.Hour},
		{ID: "2", Title: "A", Length: 10, Duration: time.Minute},
		{ID: "3", Title: "B", Length: 10, Duration: time.Hour},
		{ID: "4", Title: "a", Length: 20},
	}
	for criteria, want := range map[string]string{
		"":                               "1234",
		"dc:title":                       "2413", // a sign left out, equal ones in their order
		"+dc:title":                      "2413",
		"-dc:title":                      "1324",
		"+dc:title,+res@size":            "2431",
		"+dc:title,-res@size":            "4213",
		"+res@size":                      "2341",
		"-res@duration,+res@size":        "3124",
		" +upnp:class , +dc:title ":      "2413",
		"+dc:date":                       "1234",
		strings.Repeat("+dc:title,", 99): "2413",
	} {
		list := append([]proxy.Item(nil), items...)
		_, list = sorted(nil, list, criteria)
		var got strings.Builder
		for _, i := range list {
			got.WriteString(i.ID)
		}
		if got.String() != want {
			t.Errorf("sorted by %q: %s, want %s", criteria, got.String(), want)
		}
	}
}

func TestSortFolders(t *testing.T) {
	folders := []*container{{id: "1", title: "b"}, {id: "2", title: "A"}, {id: "3", title: "c"}}
	for criteria, want := range map[string]string{
		"": "123", "+dc:title": "213", "-dc:title": "312", "+res@size": "123", "+res@size,-dc:title": "312", "+upnp:genre,dc:title,-dc:title": "213",
	} {
		var got strings.Builder
		list, _ := sorted(slices.Clone(folders), nil, criteria)
		for _, f := range list {
			got.WriteString(f.id)
		}
		if got.String() != want {
			t.Errorf("sorted by %q: %s, want %s", criteria, got.String(), want)
		}
	}
}

func TestCriteriaAreBounded(t *testing.T) {
	if n := len(parseCriteria(strings.Repeat("+dc:title,", 1000))); n != maxCriteria {
		t.Errorf("%d criteria kept, want %d", n, maxCriteria)
	}
}

func FuzzParseCriteria(f *testing.F) {
	f.Add("+dc:title,-res@size")
	f.Add("+-+,dc:title,,")
	f.Fuzz(func(t *testing.T, criteria string) {
		list := []proxy.Item{{ID: "1", Title: "b"}, {ID: "2", Title: "a", Length: 1}, {ID: "3", Title: "c", Duration: 1}}
		_, list = sorted(nil, list, criteria)
		seen := make(map[string]bool)
		for _, i := range list {
			seen[i.ID] = true
		}
		if len(seen) != 3 {
			t.Fatalf("sorted by %q: %v", criteria, list)
		}
	})
}
