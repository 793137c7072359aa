package operator

import (
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"strconv"

	"github.com/swarmgate/swarmgate/ppsp/tracker"
)

// Bounds of answers and requests.
const (
	MaxPage     = 500     // entries in one answer
	defaultPage = 100     // where none is asked for
	maxBody     = 4 << 10 // bytes of a request
)

// answer writes JSON.
func answer(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		fail(w, http.StatusInternalServerError, "This can't be written as JSON.")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) // a client that is gone needs no answer
}

// fail answers with what is wrong, in words.
func fail(w http.ResponseWriter, status int, words string) {
	answer(w, status, map[string]string{"error": words})
}

// trouble answers for a registry that could not.
func (d *Desk) trouble(w http.ResponseWriter, err error) {
	if errors.Is(err, tracker.ErrNotMember) {
		fail(w, http.StatusNotFound, "There is no such swarm.")
		return
	}
	d.config.Logger.Error().Err(err).Msg("tracker: the registry can't be read")
	fail(w, http.StatusServiceUnavailable, "The registry can't be read; is it running?")
}

// pageOf reads which part of a list is wanted: ?after=ID&limit=N.
func pageOf(r *http.Request) (after string, n int, ok bool) {
	q := r.URL.Query()
	n = defaultPage
	if text := q.Get("limit"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 1 || n > MaxPage {
			return "", 0, false
		}
	}
	return q.Get("after"), n, true
}

const pageWords = "limit is a number from 1 to 500."

// readJSON reads a body; false when it has answered with what is wrong.
func readJSON(w http.ResponseWriter, r *http.Request, example string, v any) bool {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		fail(w, http.StatusUnsupportedMediaType, "Send JSON such as "+example+", with Content-Type: application/json.")
		return false
	}
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		fail(w, http.StatusBadRequest, "Send JSON such as "+example+": "+err.Error()+".")
		return false
	}
	return true
}
