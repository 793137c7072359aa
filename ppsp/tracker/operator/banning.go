package operator

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// maxHours bounds a ban that ends.
const maxHours = 10 * 365 * 24

const banExample = `{"who": "192.0.2.0/24", "hours": 24, "reason": "…"}`

// banEntry is a Ban as the gateway's API tells it too.
type banEntry struct {
	Ban
	Member  bool   `json:"member"` // never: the tracker knows no members
	By      string `json:"by"`     // "hand"
	Warning string `json:"warning,omitempty"`
}

func (d *Desk) listBans(w http.ResponseWriter, _ *http.Request) {
	list := []banEntry{}
	for _, b := range d.config.Bans.List(d.config.Now()) {
		list = append(list, banEntry{Ban: b, By: "hand"})
	}
	answer(w, http.StatusOK, list)
}

// addBan takes banExample; without hours the ban does not end.
func (d *Desk) addBan(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Who    string  `json:"who"`
		Hours  float64 `json:"hours"`
		Reason string  `json:"reason"`
	}
	if !readJSON(w, r, banExample, &body) {
		return
	}
	b, warning, err := d.ban(r.Context(), body.Who, body.Hours, body.Reason)
	if err != nil {
		d.cantBan(w, err)
		return
	}
	w.Header().Set("Location", "/api/v1/bans/"+b.ID)
	answer(w, http.StatusCreated, banEntry{Ban: b, By: "hand", Warning: warning})
}

func (d *Desk) cantBan(w http.ResponseWriter, err error) {
	if _, bad := errors.AsType[errBadBan](err); bad {
		fail(w, http.StatusBadRequest, err.Error()+".")
		return
	}
	d.config.Logger.Error().Err(err).Msg("tracker: a ban was not carried out")
	fail(w, http.StatusInternalServerError, err.Error()+".")
}

// stillListed is said of a ban that holds, where the registry could not forget whom it meets.
const stillListed = "The ban holds, but the registry did not answer: peers of it that are listed already are forgotten only when the track timer runs out."

// ban shuts somebody out, and forgets whom it meets, so that nobody is told of them any more;
// where that fails, the ban holds nevertheless, and there is a warning.
func (d *Desk) ban(ctx context.Context, who string, hours float64, reason string) (b Ban, warning string, err error) {
	if !(hours >= 0 && hours <= maxHours) {
		return Ban{}, "", errBadBan{errors.New("a ban lasts for 0 to 87600 hours, where 0 is for good")}
	}
	now := d.config.Now()
	b, err = d.config.Bans.Add(ctx, who, time.Duration(hours*float64(time.Hour)), reason, now)
	if err != nil {
		return b, "", err
	}
	if p, ok := b.network(); ok {
		_, err = d.config.Registry.Evict(ctx, now, p)
	} else {
		err = d.config.Registry.Remove(ctx, now, b.Who)
	}
	if err != nil {
		warning = stillListed
		d.config.Logger.Warn().Err(err).Str("who", b.Who).Msg("tracker: shut out, but listed until the track timer runs out")
	}
	d.config.Logger.Info().Str("who", b.Who).Str("reason", b.Reason).Msg("tracker: shut out")
	d.hub.tell(Event{At: now, Kind: "banned", Who: b.Who, Words: b.Reason}, false)
	return b, warning, nil
}

func (d *Desk) removeBan(w http.ResponseWriter, r *http.Request) {
	switch found, err := d.unban(r.Context(), r.PathValue("id")); {
	case err != nil:
		d.cantBan(w, err)
	case !found:
		fail(w, http.StatusNotFound, "There is no such ban; /api/v1/bans lists those that there are.")
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

func (d *Desk) unban(ctx context.Context, id string) (found bool, err error) {
	now := d.config.Now()
	if found, err = d.config.Bans.Remove(ctx, id, now); found && err == nil {
		d.config.Logger.Info().Str("ban", id).Msg("tracker: ban taken back")
		d.hub.tell(Event{At: now, Kind: "unbanned", Who: id}, false)
	}
	return found, err
}
