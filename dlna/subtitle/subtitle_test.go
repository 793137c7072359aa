package subtitle

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/rs/zerolog"
	"github.com/swarmgate/swarmgate/proxy"
)

// files is a Library: texts by film and language.
type files map[[2]string]string

func (f files) Subtitle(id, language string) ([]byte, error) {
	text, ok := f[[2]string{id, language}]
	switch {
	case !ok:
		return nil, proxy.ErrNotFound
	case text == "":
		return nil, errors.New("disk /secret")
	}
	return []byte(text), nil
}

func TestServe(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle("GET "+Root+"{file}", &Server{Library: files{{"f1", ""}: "one", {"f1", "de"}: "eins", {"f2", ""}: ""}, Product: "test/1", Logger: zerolog.Nop()})
	for _, c := range []struct {
		path string
		code int
		want string
	}{
		{Path("f1", ""), 200, "one"},
		{Path("f1", "de"), 200, "eins"},
		{Path("f1", "fr"), 404, ""},
		{Path("f3", ""), 404, ""},
		{Path("f2", ""), 500, "the subtitles can't be read\n"},
		{Root + "f1", 200, "one"}, // a screen that cuts off what it knows
	} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, c.path, nil))
		if w.Code != c.code || c.want != "" && w.Body.String() != c.want {
			t.Errorf("%s: %d %q", c.path, w.Code, w.Body)
		}
		if c.code == 200 && w.Header().Get("Content-Type") != "text/srt; charset=utf-8" {
			t.Errorf("%s: %v", c.path, w.Header())
		}
	}
}

func TestFirst(t *testing.T) {
	if got := First(proxy.Item{ID: "f1", Subtitles: []proxy.Subtitle{{Language: "de"}, {Language: "en"}}}); got != "/dlna/subtitle/f1.de.srt" {
		t.Errorf("%s", got)
	}
	if got := First(proxy.Item{ID: "f1"}); got != "" {
		t.Errorf("%s", got)
	}
}
