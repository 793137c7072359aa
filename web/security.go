package web

import (
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/swarmgate/swarmgate/ppsp/node"
	"github.com/swarmgate/swarmgate/proxy"
	"github.com/swarmgate/swarmgate/proxy/members"
)

// Security is what this package needs of proxy.Gateway to let an owner decide who may take
// part. Errors tell a person what is wrong.
type Security interface {
	// Bans returns who is shut out, oldest first.
	Bans() []node.Ban
	// Ban shuts somebody out for so long, 0 for good.
	Ban(who string, d time.Duration, reason string) (node.Ban, error)
	// Unban takes a ban back: proxy.ErrNotFound when there is none, proxy.ErrRemoved when he
	// was removed from the members.
	Unban(id string) error
	// Members returns who was issued membership certificates, oldest first.
	Members() ([]members.Member, error)
	// AddMember issues certificates.
	AddMember(name, address string, swarms []string, valid time.Duration) (members.Issued, error)
	// RemoveMember takes them back: proxy.ErrNotFound when there is no such member.
	RemoveMember(who string) error
}

func (s *Server) securityRoutes() map[string]http.Handler {
	return map[string]http.Handler{
		"/api/v1/bans":         methods{http.MethodGet: s.listBans, http.MethodPost: s.ownerOnly(s.addBan)},
		"/api/v1/bans/{id}":    methods{http.MethodDelete: s.ownerOnly(s.removeBan)},
		"/api/v1/members":      methods{http.MethodGet: s.listMembers, http.MethodPost: s.ownerOnly(s.addMember)},
		"/api/v1/members/{id}": methods{http.MethodDelete: s.ownerOnly(s.removeMember)},
	}
}

// ban is an entry of /api/v1/bans.
type ban struct {
	ID     string     `json:"id"`
	Who    string     `json:"who"`            // address, address and port, network, or a member's ID
	Name   string     `json:"name,omitempty"` // of the member, where he is one of ours
	Member bool       `json:"member"`         // it is a member's ID
	Until  *time.Time `json:"until"`          // null for good
	Reason string     `json:"reason"`
	By     string     `json:"by"` // "hand", or "node" for who sent what is not so
}

func banOf(b node.Ban) ban {
	out := ban{ID: b.ID(), Who: b.Who(), Member: b.Member != "", Reason: b.Reason, By: "node"}
	if b.Manual {
		out.By = "hand"
	}
	if !b.Until.IsZero() {
		until := b.Until.UTC()
		out.Until = &until
	}
	return out
}

func (s *Server) listBans(w http.ResponseWriter, _ *http.Request) {
	bans := s.config.Security.Bans()
	list := make([]ban, 0, len(bans))
	for _, b := range bans {
		list = append(list, s.named(banOf(b)))
	}
	answerJSON(w, http.StatusOK, list)
}

// named fills in what the owner calls the member whom a ban shuts out.
func (s *Server) named(b ban) ban {
	if !b.Member {
		return b
	}
	list, err := s.config.Security.Members()
	if i := slices.IndexFunc(list, func(m members.Member) bool { return m.ID == b.Who }); err == nil && i >= 0 {
		b.Name = list[i].Name
	}
	return b
}

// maxHours bounds a ban that ends, and the validity of certificates.
const maxHours = 10 * 365 * 24

// addBan takes {"who": "…", "hours": 24, "reason": "…"}; without hours the ban does not end.
func (s *Server) addBan(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Who    string  `json:"who"`
		Hours  float64 `json:"hours"`
		Reason string  `json:"reason"`
	}
	if !s.readBody(w, r, `{"who": "192.0.2.7", "hours": 24, "reason": "…"}`, &body) {
		return
	}
	if body.Hours < 0 || body.Hours > maxHours {
		s.fail(w, http.StatusBadRequest, "A ban lasts for 0 to 87600 hours, where 0 is for good.")
		return
	}
	b, err := s.config.Security.Ban(body.Who, time.Duration(body.Hours*float64(time.Hour)), body.Reason)
	if errors.Is(err, proxy.ErrNotKept) {
		s.fail(w, http.StatusInternalServerError, err.Error())
		return
	}
	if err != nil {
		s.fail(w, http.StatusBadRequest, err.Error())
		return
	}
	s.log.Info().Str("who", b.Who()).Str("client", r.RemoteAddr).Msg("shut out by hand")
	w.Header().Set("Location", "/api/v1/bans/"+b.ID())
	answerJSON(w, http.StatusCreated, s.named(banOf(b)))
}

func (s *Server) removeBan(w http.ResponseWriter, r *http.Request) {
	switch err := s.config.Security.Unban(r.PathValue("id")); {
	case errors.Is(err, proxy.ErrNotFound):
		s.fail(w, http.StatusNotFound, "There is no such ban; /api/v1/bans lists those that there are.")
	case errors.Is(err, proxy.ErrRemoved):
		s.fail(w, http.StatusConflict, err.Error()+".")
	case err != nil:
		s.fail(w, http.StatusInternalServerError, "The ban can't be taken back: "+err.Error()+".")
	default:
		s.log.Info().Str("ban", r.PathValue("id")).Str("client", r.RemoteAddr).Msg("ban taken back")
		w.WriteHeader(http.StatusNoContent)
	}
}

// memberEntry is an entry of /api/v1/members.
type memberEntry struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Address string    `json:"address"` // host:port, empty for none that lasts
	Swarms  []string  `json:"swarms"`  // IDs in hexadecimal
	Added   time.Time `json:"added"`
	Until   time.Time `json:"until"`

	// Only in the answer to POST: the key is kept nowhere else.
	Authority   string `json:"authority,omitempty"`
	Certificate string `json:"certificate,omitempty"` // PEM
	Key         string `json:"key,omitempty"`         // PEM
}

func entryOf(m members.Member) memberEntry {
	e := memberEntry{ID: m.ID, Name: m.Name, Address: m.Address, Swarms: []string{}, Added: m.Added, Until: m.Until}
	for _, id := range m.Swarms {
		e.Swarms = append(e.Swarms, id.String())
	}
	return e
}

func (s *Server) listMembers(w http.ResponseWriter, _ *http.Request) {
	found, err := s.config.Security.Members()
	if err != nil {
		s.fail(w, http.StatusInternalServerError, "The members can't be listed: "+err.Error()+".")
		return
	}
	list := make([]memberEntry, 0, len(found))
	for _, m := range found {
		list = append(list, entryOf(m))
	}
	answerJSON(w, http.StatusOK, list)
}

// addMember takes {"name": "…", "swarms": ["ppsp:…"], "address": "", "hours": 720}.
func (s *Server) addMember(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Name    string   `json:"name"`
		Swarms  []string `json:"swarms"`
		Address string   `json:"address"`
		Hours   float64  `json:"hours"`
	}
	if !s.readBody(w, r, `{"name": "Alice", "swarms": ["ppsp:…"]}`, &body) {
		return
	}
	if body.Hours < 0 || body.Hours > maxHours {
		s.fail(w, http.StatusBadRequest, "A certificate holds for 0 to 87600 hours, where 0 is 30 days.")
		return
	}
	issued, err := s.config.Security.AddMember(body.Name, body.Address, body.Swarms, time.Duration(body.Hours*float64(time.Hour)))
	if err != nil {
		s.fail(w, http.StatusBadRequest, err.Error())
		return
	}
	s.log.Info().Str("name", issued.Name).Str("member", issued.ID).Str("client", r.RemoteAddr).Msg("member added")
	e := entryOf(issued.Member)
	e.Authority, e.Certificate, e.Key = issued.Authority, string(issued.Certificates), string(issued.Key)
	w.Header().Set("Location", "/api/v1/members/"+url.PathEscape(e.ID))
	answerJSON(w, http.StatusCreated, e)
}

func (s *Server) removeMember(w http.ResponseWriter, r *http.Request) {
	switch err := s.config.Security.RemoveMember(r.PathValue("id")); {
	case errors.Is(err, proxy.ErrNotFound):
		s.fail(w, http.StatusNotFound, "There is no such member; /api/v1/members lists those that there are.")
	case err != nil:
		s.fail(w, http.StatusInternalServerError, "The member can't be removed: "+err.Error()+".")
	default:
		s.log.Info().Str("member", r.PathValue("id")).Str("client", r.RemoteAddr).Msg("member removed")
		w.WriteHeader(http.StatusNoContent)
	}
}

// readBody reads the JSON of a request into v; false when it has answered with what is wrong.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request, example string, v any) bool {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		s.fail(w, http.StatusUnsupportedMediaType, "Send JSON such as "+example+", with Content-Type: application/json.")
		return false
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout)) // a connection without deadlines only waits longer
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(v)
	if err == nil {
		return true
	}
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		s.fail(w, http.StatusRequestEntityTooLarge, "This is too long.")
	} else {
		s.fail(w, http.StatusBadRequest, "Send JSON such as "+example+": "+err.Error()+".")
	}
	return false
}
