package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"
)

// dist is the page as built from page/src by packaging/tools/page.
//
//go:embed page/dist
var dist embed.FS

// pagePolicy lets the page run its own files only. Media sources of the player are blobs
// that it makes itself; logos may lie with their publishers.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: https:; " +
	"media-src 'self' blob:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// page serves the built files.
type page struct {
	start  *asset
	others map[string]*asset // by path in dist
}

// asset is a file of the page. It is read when first asked for, since a gateway whose TVs are
// all that looks at it need not hold the page.
type asset struct {
	kind    string // Content-Type
	content func() content
	gz      func() []byte // compressed
}

// content is what an asset holds.
type content struct {
	body []byte
	etag string // without quotes
}

func newPage(name, version string) page {
	p := page{others: map[string]*asset{}}
	fill := strings.NewReplacer("{{NAME}}", html.EscapeString(name), "{{VERSION}}", html.EscapeString(version))
	err := fs.WalkDir(dist, "page/dist", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		read := func() []byte {
			body, _ := dist.ReadFile(file) // it was there when the program was built
			if path.Ext(file) == ".gz" {
				return decompress(body)
			}
			return body
		}
		switch short := strings.TrimSuffix(strings.TrimPrefix(file, "page/dist/"), ".gz"); short {
		case "index.html":
			p.start = newAsset(short, func() []byte { return []byte(fill.Replace(string(read()))) })
		default:
			p.others[short] = newAsset(short, read)
		}
		return nil
	})
	if err != nil || p.start == nil {
		panic(fmt.Sprintf("the page is not embedded whole: %v", err)) // a broken build, found by any test
	}
	return p
}

var assetTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".svg":  "image/svg+xml",
	".txt":  "text/plain; charset=utf-8",
}

func newAsset(name string, read func() []byte) *asset {
	held := sync.OnceValue(func() content {
		body := read()
		sum := sha256.Sum256(body)
		return content{body, hex.EncodeToString(sum[:8])}
	})
	return &asset{
		kind:    assetTypes[path.Ext(name)],
		content: held,
		gz:      sync.OnceValue(func() []byte { return compress(held().body) }),
	}
}

func compress(body []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is a constant that exists
	_, _ = w.Write(body)                                  // a buffer takes everything
	_ = w.Close()
	return b.Bytes()
}

// decompress undoes compress.
func decompress(packed []byte) []byte {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil // a broken build, found by a test
	}
	body, _ := io.ReadAll(r)
	return body
}

// serve answers with the asset, compressed where the client can take it.
func (a *asset) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", a.kind)
	h.Add("Vary", "Accept-Encoding")
	held := a.content()
	body, etag := held.body, held.etag
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") && r.Header.Get("Range") == "" {
		h.Set("Content-Encoding", "gzip")
		body, etag = a.gz(), etag+"-gz"
	}
	h.Set("ETag", `"`+etag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

func (p page) index(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("Cache-Control", "no-cache")
	if base := reachOf(r).base; base != "" {
		based := strings.NewReplacer(`="/`, `="`+base+`/`, "open /channels", "open "+base+"/channels")
		newAsset("index.html", func() []byte { return []byte(based.Replace(string(p.start.content().body))) }).serve(w, r)
		return
	}
	p.start.serve(w, r)
}

// asset serves a file whose name holds a hash of its content: it never changes.
func (p page) asset(w http.ResponseWriter, r *http.Request) {
	found, ok := p.others["assets/"+r.PathValue("name")]
	if !ok {
		answerJSON(w, http.StatusNotFound, problem{"There is no such file; reload the page."})
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	found.serve(w, r)
}

func (p page) licences(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-cache")
	p.others["licences.txt"].serve(w, r)
}

// icon answers browsers that ask for /favicon.ico without reading the page.
func (p page) icon(w http.ResponseWriter, r *http.Request) {
	for name, found := range p.others {
		if path.Ext(name) == ".svg" {
			w.Header().Set("Cache-Control", "no-cache")
			found.serve(w, r)
			return
		}
	}
	http.NotFound(w, r)
}
