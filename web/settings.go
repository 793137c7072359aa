package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/swarmgate/swarmgate/proxy/config"
)

// Settings is what this package needs of config.Owner.
type Settings interface {
	// Settings lists all.
	Settings() []config.Setting
	// Change sets values by key, null for the default; its error says what is wrong with which.
	Change(values map[string]json.RawMessage) error
	// Check says what Change would say is wrong, and changes nothing.
	Check(values map[string]json.RawMessage) error
}

// setting is an entry of /api/v1/settings.
type setting struct {
	Key        string        `json:"key"`
	Value      any           `json:"value"` // as it is after the next start
	Default    any           `json:"default"`
	Origin     config.Origin `json:"origin"`     // "default", "page", "file", "environment", "flag"
	Overridden string        `json:"overridden"` // by which file, variable or flag, empty for nothing
	Changeable bool          `json:"changeable"` // by PATCH
	Applies    string        `json:"applies"`    // when a change counts: "restart"
	Pending    bool          `json:"pending"`    // value waits for that
	Meaning    string        `json:"meaning"`    // in English
	Choices    []string      `json:"choices"`    // what value can be; empty where that can't be listed
}

// settingsProblem is the body of a refusal: the sentence for people, and the reason of each setting.
type settingsProblem struct {
	Error   string            `json:"error"`
	Reasons map[string]string `json:"reasons"`
}

func (s *Server) settingsRoutes() map[string]http.Handler {
	return map[string]http.Handler{
		"/api/v1/settings":       methods{http.MethodGet: s.household(s.listSettings), http.MethodPatch: s.household(s.changeSettings)},
		"/api/v1/settings/check": methods{http.MethodPost: s.household(s.checkSettings)},
	}
}

func (s *Server) listSettings(w http.ResponseWriter, _ *http.Request) {
	all := s.config.Settings.Settings()
	list := make([]setting, 0, len(all))
	for _, one := range all {
		list = append(list, setting{one.Key, one.Value, one.Default, one.Origin, one.Place, one.Changeable, "restart", one.Pending, one.Meaning, append([]string{}, one.Choices...)})
	}
	answerJSON(w, http.StatusOK, list)
}

func (s *Server) readValues(w http.ResponseWriter, r *http.Request) (values map[string]json.RawMessage, ok bool) {
	values = map[string]json.RawMessage{}
	return values, s.readBody(w, r, `{"buffer.live": "64MiB"}`, &values)
}

// checkSettings takes what changeSettings takes, for who is still writing: that something is wrong is an answer then.
func (s *Server) checkSettings(w http.ResponseWriter, r *http.Request) {
	values, ok := s.readValues(w, r)
	if !ok {
		return
	}
	p := settingsProblem{Reasons: map[string]string{}}
	if err := s.config.Settings.Check(values); err != nil {
		p = settingsProblemOf(err)
	}
	answerJSON(w, http.StatusOK, p)
}

// changeSettings takes {"buffer.live": "64MiB", "dlna.enabled": null}; null is for the default. It
// answers with all settings.
func (s *Server) changeSettings(w http.ResponseWriter, r *http.Request) {
	values, ok := s.readValues(w, r)
	if !ok {
		return
	}
	err := s.config.Settings.Change(values)
	if errors.Is(err, config.ErrNotSaved) {
		s.fail(w, http.StatusInternalServerError, asSentence(err.Error()))
		return
	}
	if err != nil {
		answerJSON(w, http.StatusBadRequest, settingsProblemOf(err))
		return
	}
	keys := make([]string, 0, len(values))
	for key := range values {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	s.log.Info().Strs("settings", keys).Str("client", r.RemoteAddr).Msg("settings changed, for the next start")
	s.listSettings(w, r)
}

func settingsProblemOf(err error) settingsProblem {
	all := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		all = joined.Unwrap()
	}
	p := settingsProblem{Reasons: map[string]string{}}
	for _, one := range all {
		key, reason := "", one.Error()
		if refusal, ok := errors.AsType[*config.Refusal](one); ok {
			key, reason = refusal.Key, refusal.Reason
		} else if problem, ok := errors.AsType[*config.Problem](one); ok {
			key, reason = problem.Key, problem.Reason
		}
		if p.Error == "" {
			p.Error = strings.TrimPrefix(key+": "+reason, ": ") + "." // a key keeps its small letter
		}
		p.Reasons[key] = reason
	}
	return p
}
