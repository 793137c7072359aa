package operator

import (
	"embed"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/swarmgate/swarmgate/ppsp/tracker"
)

//go:embed page.css page.js openapi.json
var files embed.FS

// view is what the page shows.
type view struct {
	Health   Health
	Activity Activity
	Errors   uint64
	Swarms   swarmList
	Swarm    *tracker.SwarmSummary // nil: the list of swarms
	Members  memberList
	Bans     []Ban
	Events   []Event // newest first
	Mistake  string
	Who      string // of a ban that was refused
}

func (d *Desk) view(r *http.Request) (*view, error) {
	v := &view{Health: d.healthOf(r), Activity: d.active(), Bans: d.config.Bans.List(d.config.Now()), Events: d.hub.latest()}
	for _, n := range v.Activity.Errors {
		v.Errors += n
	}
	slices.Reverse(v.Events)
	v.Events = v.Events[:min(len(v.Events), shownEvents)]
	if v.Health.Problem != "" || r.PathValue("id") != "" {
		return v, nil
	}
	var err error
	v.Swarms, err = d.listSwarms(r, r.URL.Query().Get("after"), defaultPage)
	return v, err
}

// shownEvents is how many of the latest events the page shows.
const shownEvents = 20

func (d *Desk) servePage(w http.ResponseWriter, r *http.Request) { d.show(w, r, http.StatusOK, "", "") }

func (d *Desk) show(w http.ResponseWriter, r *http.Request, status int, mistake, who string) {
	v, err := d.view(r)
	if err != nil {
		d.trouble(w, err)
		return
	}
	v.Mistake, v.Who = mistake, who
	d.write(w, status, v)
}

func (d *Desk) serveSwarmPage(w http.ResponseWriter, r *http.Request) {
	v, err := d.view(r)
	if err == nil {
		var s tracker.SwarmSummary
		s, err = d.config.Registry.Swarm(r.Context(), d.config.Now(), r.PathValue("id"))
		v.Swarm = &s
	}
	if err == nil {
		v.Members, err = d.listMembers(r, r.PathValue("id"), r.URL.Query().Get("after"), defaultPage)
	}
	if errors.Is(err, tracker.ErrNotMember) {
		d.show(w, r, http.StatusNotFound, "There is nobody in this swarm any more.", "")
		return
	}
	if err != nil {
		d.trouble(w, err)
		return
	}
	d.write(w, http.StatusOK, v)
}

func (d *Desk) write(w http.ResponseWriter, status int, v *view) {
	var b markup
	v.render(&b)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}

func (d *Desk) serveFile(w http.ResponseWriter, r *http.Request) {
	http.ServeFileFS(w, r, files, strings.TrimPrefix(r.URL.Path, "/"))
}

func (d *Desk) serveOpenAPI(w http.ResponseWriter, r *http.Request) {
	http.ServeFileFS(w, r, files, "openapi.json")
}

// banByForm is the page's form, which works without scripts.
func (d *Desk) banByForm(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	var warning string
	hours, err := strconv.ParseFloat(r.PostFormValue("hours"), 64)
	if err == nil {
		_, warning, err = d.ban(r.Context(), r.PostFormValue("who"), hours, r.PostFormValue("reason"))
	} else {
		err = errBadBan{errors.New("say for how many hours, or 0 for good")}
	}
	if err != nil {
		d.show(w, r, http.StatusBadRequest, strings.ToUpper(err.Error()[:1])+err.Error()[1:]+".", r.PostFormValue("who"))
		return
	}
	if warning != "" {
		d.show(w, r, http.StatusOK, warning, "")
		return
	}
	back(w, r)
}

func (d *Desk) unbanByForm(w http.ResponseWriter, r *http.Request) {
	if _, err := d.unban(r.Context(), r.PathValue("id")); err != nil {
		d.cantBan(w, err)
		return
	}
	back(w, r)
}

// back leads to the page again.
func back(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, "/#bans", http.StatusSeeOther)
}

// short is as much of an ID as people compare.
func short(id string) string {
	if len(id) <= 16 {
		return id
	}
	return id[:8] + "…" + id[len(id)-4:]
}

// bytesOf writes an amount for people.
func bytesOf(n tracker.Number) string {
	v, units := float64(n), []string{"B", "kB", "MB", "GB", "TB", "PB"}
	for v >= 999.5 && len(units) > 1 {
		v, units = v/1000, units[1:]
	}
	if units[0] == "B" || v >= 99.5 {
		return fmt.Sprintf("%.0f %s", v, units[0])
	}
	return fmt.Sprintf("%.1f %s", v, units[0])
}

// countOf writes a number with spaces between thousands.
func countOf(n any) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}

// spanOf writes seconds for people.
func spanOf(s float64) string {
	switch d := time.Duration(s * float64(time.Second)); {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	default:
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	}
}

// clockOf writes a moment.
func clockOf(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

// Path is where a swarm's page is.
func (v *view) Path(id string) string { return "/swarms/" + url.PathEscape(id) }
