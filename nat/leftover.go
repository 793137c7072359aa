package nat

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"
)

// Bounds of what is remembered of mappings.
const (
	maxLeftovers    = 16
	maxLeftoverSize = 4096 // bytes
	leftoverAge     = 2 * mappingLease * time.Second
)

// leftover is a mapping as it is remembered over a crash.
type leftover struct {
	Protocol string     `json:"protocol"`
	Internal uint16     `json:"internal"`
	External uint16     `json:"external"`
	Nonce    [12]byte   `json:"nonce"`            // of PCP
	Address  netip.Addr `json:"address,omitzero"` // of this machine, where an IPv6 firewall has a hole
	ID       uint16     `json:"id,omitempty"`     // of a UPnP pinhole
}

// leaver is a gateway that can remove what a run before has left; ok tells that it is not there any more.
type leaver interface {
	leave(ctx context.Context, l leftover) (ok bool)
	// remembered is what leave needs to know; ok is false while that is not known yet.
	remembered() (l leftover, ok bool)
}

// Remember has mappings noted in a folder while they are held, so that the next run removes what a crash has left. Call it
// before Run.
func (t *Traversal) Remember(dir string) { t.notes = dir }

func (t *Traversal) noteFile(w wish, port uint16) string {
	return filepath.Join(t.notes, fmt.Sprintf("%s-%d.json", w.notes, port))
}

// note takes down a mapping, before it is asked for where that is possible: whoever crashes while the router makes it leaves
// it, too.
func (t *Traversal) note(w wish, m *mapping) {
	gw, ok := m.gw.(leaver)
	if t.notes == "" || !ok {
		return
	}
	l, ok := gw.remembered()
	if !ok {
		return
	}
	l.Internal, l.External = m.internal.Port(), m.external
	b, err := json.Marshal(l)
	if err == nil {
		err = os.WriteFile(t.noteFile(w, l.Internal), b, 0o600)
	}
	if err != nil {
		t.cfg.Logger.Debug().Err(err).Msg("port mapping is not noted")
	}
}

// forget ends the note of our mapping, which is removed.
func (t *Traversal) forget(w wish) {
	if t.notes != "" {
		_ = os.Remove(t.noteFile(w, t.cfg.Port)) // there may be none
	}
}

// tidy removes what runs before have left at a gateway. Whose port is in use is no leftover: another program of ours runs.
func (t *Traversal) tidy(ctx context.Context, w wish, gw gateway) {
	g, ok := gw.(leaver)
	if t.notes == "" || !ok {
		return
	}
	files, _ := filepath.Glob(filepath.Join(t.notes, w.notes+"-*.json")) // the pattern is good
	for _, path := range files[:min(len(files), maxLeftovers)] {
		info, err := os.Stat(path)
		if err != nil || info.Size() > maxLeftoverSize {
			continue
		}
		b, err := os.ReadFile(path)
		var l leftover
		if err != nil || json.Unmarshal(b, &l) != nil || l.Internal != t.cfg.Port && inUse(ctx, l.Internal) {
			continue
		}
		if g.leave(ctx, l) || time.Since(info.ModTime()) > leftoverAge {
			_ = os.Remove(path)
		}
	}
}

// inUse tells whether somebody on this machine has a UDP port.
func inUse(ctx context.Context, port uint16) bool {
	var lc net.ListenConfig
	conn, err := lc.ListenPacket(ctx, "udp", fmt.Sprintf(":%d", port))
	if err != nil {
		return true
	}
	_ = conn.Close()
	return false
}

func (g *igd) remembered() (leftover, bool) { return leftover{Protocol: "UPnP"}, true }

// leave removes the mapping if it is still to us.
func (g *igd) leave(ctx context.Context, l leftover) bool {
	owner, err := g.lookup(ctx, l.External)
	if err != nil {
		return codeOf(err) == codeNoSuchEntry
	}
	return owner != netip.AddrPortFrom(g.self, l.Internal) || g.remove(ctx, l.External) == nil
}

func (g *portGateway) remembered() (leftover, bool) {
	l := leftover{Protocol: g.dialect.title()}
	if g.self.Is6() {
		l.Address = g.self
	}
	if p, ok := g.dialect.(pcp); ok {
		l.Nonce = p.nonce
	}
	return l, true
}

// leave removes the mapping of a run that used the same protocol.
func (g *portGateway) leave(ctx context.Context, l leftover) bool {
	d := g.dialect
	if l.Protocol != d.title() {
		return false
	}
	if _, ok := d.(pcp); ok {
		d = pcp{l.Nonce}
	}
	former := &portGateway{dialect: d, router: g.router, self: g.self}
	if l.Address.IsValid() {
		former.self = l.Address // which must be ours still; the lease ends it otherwise
	}
	_, err := former.ask(ctx, d.mapping(former.self, l.Internal, 0, 0))
	return err == nil
}
