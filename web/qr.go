package web

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"

	"rsc.io/qr"
)

// maxQR bounds the text of a QR code in bytes: a finer one is hard to read from a screen.
const maxQR = 1024

// quiet is the white border that readers want, in modules (ISO/IEC 18004, 5.3.8).
const quiet = 4

var errNoQR = errors.New("a QR code holds 1 to 1024 bytes")

// showQR draws the text of the parameter "text" as a QR code.
func (s *Server) showQR(w http.ResponseWriter, r *http.Request) {
	picture, err := drawQR(r.URL.Query().Get("text"))
	if err != nil {
		s.fail(w, http.StatusBadRequest, "Name what the code is to say, as in ?text=http://…: "+err.Error()+".")
		return
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(picture) // a client that has gone needs no answer
}

// drawQR returns a QR code as SVG: black on white whatever the page's colours are, since many
// readers know no other.
func drawQR(text string) ([]byte, error) {
	if text == "" || len(text) > maxQR {
		return nil, errNoQR
	}
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return nil, err
	}
	side := code.Size + 2*quiet
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h%dv%dH0z"/><path d="`, side, side, side, side)
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			from := x
			for x < code.Size && code.Black(x, y) {
				x++
			}
			if x > from {
				fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", from+quiet, y+quiet, x-from, x-from)
			}
		}
	}
	b.WriteString(`"/></svg>`)
	return b.Bytes(), nil
}
