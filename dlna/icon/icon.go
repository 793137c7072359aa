// Package icon has the pictures by which screens show the server, in the sizes and formats
// that DLNA asks for (DLNA Guidelines, 7.3.7): 48 and 120 pixels, JPEG and PNG, 24 bits.
package icon

import (
	"embed"
	"net/http"
	"path"
	"strconv"

	"github.com/anacrolix/dms/upnp"
)

//go:generate go run draw.go

//go:embed *.png *.jpg
var files embed.FS

// names of the files, in the order of the device description.
var names = []struct {
	file, mime string
	size       int // width and height in pixels
}{
	{"48.png", "image/png", 48},
	{"120.png", "image/png", 120},
	{"48.jpg", "image/jpeg", 48},
	{"120.jpg", "image/jpeg", 120},
}

// List describes the icons, which lie under the path root.
func List(root string) []upnp.Icon {
	var icons []upnp.Icon
	for _, n := range names {
		icons = append(icons, upnp.Icon{
			Mimetype: n.mime, Width: n.size, Height: n.size, Depth: 24, URL: path.Join(root, n.file),
		})
	}
	return icons
}

// ServeHTTP sends the icon named by the path value "file".
func ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for _, n := range names {
		if n.file != r.PathValue("file") {
			continue
		}
		b, err := files.ReadFile(n.file)
		if err != nil {
			break
		}
		h := w.Header()
		h.Set("Content-Type", n.mime)
		h.Set("Content-Length", strconv.Itoa(len(b)))
		h.Set("Cache-Control", "max-age=86400")
		_, _ = w.Write(b)
		return
	}
	http.NotFound(w, r)
}
