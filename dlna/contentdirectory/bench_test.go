package contentdirectory

import (
	"net/http/httptest"
	"testing"

	"github.com/swarmgate/swarmgate/dlna/profile"
)

// The catalog after a change: what SystemUpdateID takes.
func BenchmarkTree(b *testing.B) {
	l := many(1000)
	d := &Directory{Library: l, Name: "Home", Language: "en"}
	b.ReportAllocs()
	for b.Loop() {
		l.changes++
		d.tree()
	}
}

// Browse of 1,000 items that nobody has asked for before.
func BenchmarkBrowseAfterAChange(b *testing.B) {
	l := many(1000)
	profiles, err := profile.Load("")
	if err != nil {
		b.Fatal(err)
	}
	h := serviceOf(&Directory{Library: l, Name: "Home", Language: "en", Profiles: profiles})
	body := browseArgs{"0$channels", browseChildren, "*", "0", "1000", ""}.xml()
	b.ReportAllocs()
	for b.Loop() {
		l.changes++
		h.ServeHTTP(httptest.NewRecorder(), request("Browse", body))
	}
}
