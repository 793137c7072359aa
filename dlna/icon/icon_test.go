package icon

import (
	"image"
	_ "image/jpeg"
	_ "image/png"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func get(path string) *httptest.ResponseRecorder {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /dlna/icon/{file}", ServeHTTP)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w
}

// Every icon of the description is there, in the format and the size that it says.
func TestIconsAreWhatTheDescriptionSays(t *testing.T) {
	icons := List("/dlna/icon")
	// DLNA Guidelines, 7.3.7: JPEG and PNG, 48 and 120 pixels.
	if len(icons) != 4 {
		t.Fatalf("%d icons", len(icons))
	}
	for _, i := range icons {
		w := get(i.URL)
		if w.Code != http.StatusOK || w.Header().Get("Content-Type") != i.Mimetype {
			t.Errorf("%s: %d %s", i.URL, w.Code, w.Header().Get("Content-Type"))
			continue
		}
		config, format, err := image.DecodeConfig(w.Body)
		if err != nil || config.Width != i.Width || config.Height != i.Height || !strings.HasSuffix(i.Mimetype, format) || i.Depth != 24 {
			t.Errorf("%s: %s %dx%d, %v; described as %+v", i.URL, format, config.Width, config.Height, err, i)
		}
	}
}

func TestIconsAreDrawn(t *testing.T) {
	picture, _, err := image.Decode(get("/dlna/icon/120.png").Body)
	if err != nil {
		t.Fatal(err)
	}
	colours := make(map[any]bool)
	for y := range 120 {
		for x := range 120 {
			colours[picture.At(x, y)] = true
			if _, _, _, alpha := picture.At(x, y).RGBA(); alpha != 0xFFFF {
				t.Fatalf("transparent at %d, %d: 24 bits have no alpha", x, y)
			}
		}
	}
	if len(colours) < 50 {
		t.Errorf("%d colours: the icon is empty", len(colours))
	}
}

func TestOtherFiles(t *testing.T) {
	for _, path := range []string{"/dlna/icon/icon.go", "/dlna/icon/49.png", "/dlna/icon/..%2Ficon.go"} {
		if w := get(path); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}
