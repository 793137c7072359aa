package operator

import (
	"net/http"

	"github.com/swarmgate/swarmgate/ppsp/tracker"
)

// swarmList is the answer of /api/v1/swarms.
type swarmList struct {
	tracker.Totals
	List []tracker.SwarmSummary `json:"list"`
	Next string                 `json:"next"` // for ?after=, empty at the end
}

// memberList is the answer of /api/v1/swarms/{id}/peers.
type memberList struct {
	List []tracker.MemberView `json:"list"`
	Next string               `json:"next"`
}

// peerAnswer is the answer of /api/v1/peers/{id}.
type peerAnswer struct {
	PeerID string               `json:"peer_id"`
	Swarms []tracker.MemberView `json:"swarms"`
	Banned bool                 `json:"banned"`
}

func (d *Desk) swarms(w http.ResponseWriter, r *http.Request) {
	after, n, ok := pageOf(r)
	if !ok {
		fail(w, http.StatusBadRequest, pageWords)
		return
	}
	list, err := d.listSwarms(r, after, n)
	if err != nil {
		d.trouble(w, err)
		return
	}
	answer(w, http.StatusOK, list)
}

func (d *Desk) listSwarms(r *http.Request, after string, n int) (out swarmList, err error) {
	if out.Totals, err = d.count(r.Context()); err != nil {
		return out, err
	}
	if out.List, err = d.config.Registry.Swarms(r.Context(), d.config.Now(), after, n); err != nil {
		return out, err
	}
	if len(out.List) == n {
		out.Next = out.List[n-1].SwarmID
	}
	return out, nil
}

func (d *Desk) swarm(w http.ResponseWriter, r *http.Request) {
	s, err := d.config.Registry.Swarm(r.Context(), d.config.Now(), r.PathValue("id"))
	if err != nil {
		d.trouble(w, err)
		return
	}
	answer(w, http.StatusOK, s)
}

func (d *Desk) members(w http.ResponseWriter, r *http.Request) {
	after, n, ok := pageOf(r)
	if !ok {
		fail(w, http.StatusBadRequest, pageWords)
		return
	}
	list, err := d.listMembers(r, r.PathValue("id"), after, n)
	if err != nil {
		d.trouble(w, err)
		return
	}
	answer(w, http.StatusOK, list)
}

func (d *Desk) listMembers(r *http.Request, swarm, after string, n int) (out memberList, err error) {
	if out.List, err = d.config.Registry.Members(r.Context(), d.config.Now(), swarm, after, n); err != nil {
		return out, err
	}
	if len(out.List) == n {
		out.Next = out.List[n-1].PeerID
	}
	return out, nil
}

func (d *Desk) peer(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	swarms, err := d.config.Registry.Memberships(r.Context(), d.config.Now(), id)
	if err != nil {
		d.trouble(w, err)
		return
	}
	if len(swarms) == 0 {
		fail(w, http.StatusNotFound, "There is no such peer.")
		return
	}
	answer(w, http.StatusOK, peerAnswer{id, swarms, d.config.Bans.names(id, d.config.Now())})
}

// removePeer forgets a peer. One that is still there comes back; a ban keeps it away.
func (d *Desk) removePeer(w http.ResponseWriter, r *http.Request) {
	if err := d.config.Registry.Remove(r.Context(), d.config.Now(), r.PathValue("id")); err != nil {
		d.trouble(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
