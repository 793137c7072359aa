package web

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/proxy/logbook"
)

// logLine is a line of the log at /api/v1/log.
type logLine struct {
	Number  uint64    `json:"number"` // counts from 1 since the start
	Time    time.Time `json:"time"`
	Level   string    `json:"level"` // "debug", "info", "warn", "error"
	Message string    `json:"message"`
	Details string    `json:"details"` // "name=value …", empty for none
}

// defaultLines is how many lines are told of when nobody says how many.
const defaultLines = 200

// showLog lists the last lines: of ?level= and worse, at most ?limit=, those after number ?after=.
func (s *Server) showLog(w http.ResponseWriter, r *http.Request) {
	level, limit, after := zerolog.TraceLevel, defaultLines, uint64(0)
	q := r.URL.Query()
	var err error
	if text := q.Get("level"); text != "" {
		if level, err = zerolog.ParseLevel(text); err != nil || level < zerolog.DebugLevel || level > zerolog.ErrorLevel {
			s.fail(w, http.StatusBadRequest, `The level is "debug", "info", "warn" or "error".`)
			return
		}
	}
	if text := q.Get("limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > logbook.MaxLines {
			s.fail(w, http.StatusBadRequest, fmt.Sprintf("The limit is a number from 1 to %d.", logbook.MaxLines))
			return
		}
	}
	if text := q.Get("after"); text != "" {
		if after, err = strconv.ParseUint(text, 10, 64); err != nil {
			s.fail(w, http.StatusBadRequest, "Behind after= stands the number of a line.")
			return
		}
	}
	list := []logLine{}
	for _, l := range s.config.Log.Lines(level, after, limit) {
		list = append(list, logLine{l.Number, l.Time.UTC(), l.Level.String(), l.Message, l.Details})
	}
	answerJSON(w, http.StatusOK, list)
}
