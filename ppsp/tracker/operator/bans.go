package operator

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/swarmgate/swarmgate/ppsp/tracker"
)

// Bounds of bans.
const (
	MaxBans     = 10_000
	maxReason   = 200 // bytes
	maxBansFile = 16 << 20
)

// Ban is somebody who is shut out.
type Ban struct {
	ID     string     `json:"id"`
	Who    string     `json:"who"`    // peer ID, address, or network
	Until  *time.Time `json:"until"`  // null for good
	Reason string     `json:"reason"` // may be empty
	Added  time.Time  `json:"added"`
}

func (b *Ban) holds(now time.Time) bool { return b.Until == nil || now.Before(*b.Until) }

// network returns what a ban by address shuts out; false for one by peer ID.
func (b *Ban) network() (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(b.Who); err == nil {
		return p.Masked(), true
	}
	a, err := netip.ParseAddr(b.Who)
	if err != nil {
		return netip.Prefix{}, false
	}
	p, err := a.Unmap().WithZone("").Prefix(a.Unmap().BitLen())
	return p, err == nil
}

// Bans are kept in a file; a question costs no lock. Make them by OpenBans. A nil *Bans bans
// nobody.
type Bans struct {
	path string

	mu      sync.Mutex
	list    []Ban // oldest first
	shared  Table // nil for none, see Share
	version int64 // of the table, as it was taken over
	now     atomic.Pointer[banned]
}

// banned is what is asked at each request. It is never changed.
type banned struct {
	peers    map[string]time.Time // until when, zero for good
	networks map[netip.Prefix]time.Time
	bits     [2][]int // lengths of networks of IPv4 and IPv6
}

// OpenBans reads the file, which may be missing; no file is kept for an empty path.
func OpenBans(path string) (*Bans, error) {
	b := &Bans{path: path}
	if path != "" {
		if info, err := os.Stat(path); err == nil && info.Size() > maxBansFile {
			return nil, fmt.Errorf("bans %s: it has more than %d bytes", path, maxBansFile)
		}
		text, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("bans: %w", err)
		}
		if err == nil {
			if err := json.Unmarshal(text, &b.list); err != nil {
				return nil, fmt.Errorf("bans %s: %w; mend it, or take it away", path, err)
			}
		}
	}
	if len(b.list) > MaxBans {
		return nil, fmt.Errorf("bans %s: there are more than %d", path, MaxBans)
	}
	b.index()
	return b, nil
}

// Holds is for tracker.ServerConfig's Banned.
func (b *Bans) Holds(from netip.Addr, peerID string, now time.Time) bool {
	if b.names(peerID, now) {
		return true
	}
	if b == nil || !from.IsValid() {
		return false
	}
	x := b.now.Load()
	family := 0
	if from.Is6() {
		family = 1
	}
	for _, bits := range x.bits[family] {
		p, err := from.Prefix(bits)
		if until, ok := x.networks[p]; err == nil && ok && (until.IsZero() || now.Before(until)) {
			return true
		}
	}
	return false
}

// names tells whether a ban names this peer.
func (b *Bans) names(peerID string, now time.Time) bool {
	if b == nil {
		return false
	}
	until, ok := b.now.Load().peers[peerID]
	return ok && (until.IsZero() || now.Before(until))
}

// index makes what Holds asks. The caller holds mu.
func (b *Bans) index() {
	x := &banned{peers: map[string]time.Time{}, networks: map[netip.Prefix]time.Time{}}
	for i := range b.list {
		var until time.Time
		if b.list[i].Until != nil {
			until = *b.list[i].Until
		}
		p, ok := b.list[i].network()
		if !ok {
			x.peers[b.list[i].Who] = until
			continue
		}
		x.networks[p] = until
		family := 0
		if p.Addr().Is6() {
			family = 1
		}
		if !slices.Contains(x.bits[family], p.Bits()) {
			x.bits[family] = append(x.bits[family], p.Bits())
		}
	}
	b.now.Store(x)
}

// List returns those that hold, oldest first.
func (b *Bans) List(now time.Time) []Ban {
	out := []Ban{}
	if b == nil {
		return out
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, one := range b.list {
		if one.holds(now) {
			out = append(out, one)
		}
	}
	return out
}

// errBadBan marks what a person asked for wrongly.
type errBadBan struct{ error }

// Add shuts somebody out for so long, 0 for good. Who is shut out already gets the new time.
// When it returns, the ban is on the disk, and shared.
func (b *Bans) Add(ctx context.Context, who string, d time.Duration, reason string, now time.Time) (Ban, error) {
	who, reason = strings.TrimSpace(who), strings.TrimSpace(reason)
	switch {
	case who == "" || len(who) > tracker.MaxPeerID || !utf8.ValidString(who) || strings.ContainsFunc(who, unicode.IsControl):
		return Ban{}, errBadBan{fmt.Errorf("name a peer ID, an IP address such as 192.0.2.7, or a network such as 192.0.2.0/24")}
	case len(reason) > maxReason || !utf8.ValidString(reason) || strings.ContainsFunc(reason, unicode.IsControl):
		return Ban{}, errBadBan{fmt.Errorf("a reason is one line of at most %d bytes", maxReason)}
	case d < 0:
		return Ban{}, errBadBan{fmt.Errorf("a ban lasts for some hours, or for good with 0")}
	}
	one := Ban{Who: who, Reason: reason, Added: now.UTC().Truncate(time.Second)}
	if d > 0 {
		until := now.Add(d).UTC().Truncate(time.Second)
		one.Until = &until
	}
	if p, ok := one.network(); ok {
		one.Who = p.String()
		if p.IsSingleIP() {
			one.Who = p.Addr().String()
		}
	} else if strings.Contains(who, "/") {
		return Ban{}, errBadBan{fmt.Errorf("%q is no network; write as 192.0.2.0/24 or 2001:db8::/32", who)}
	}
	sum := sha256.Sum256([]byte(one.Who))
	one.ID = hex.EncodeToString(sum[:8])
	b.mu.Lock()
	defer b.mu.Unlock()
	var over []string
	list := slices.DeleteFunc(slices.Clone(b.list), func(o Ban) bool {
		if !o.holds(now) && o.ID != one.ID {
			over = append(over, o.ID)
		}
		return o.ID == one.ID || !o.holds(now)
	})
	if len(list) >= MaxBans {
		return Ban{}, errBadBan{fmt.Errorf("there are %d bans, and no room for more; take some back, or shut out networks", MaxBans)}
	}
	if err := errors.Join(b.withdraw(ctx, over...), b.publish(ctx, &one)); err != nil {
		return Ban{}, err
	}
	return one, b.change(append(list, one))
}

// Remove takes a ban back, named by its ID or by whom it shuts out; false if there is none.
func (b *Bans) Remove(ctx context.Context, id string, now time.Time) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.IndexFunc(b.list, func(o Ban) bool { return (o.ID == id || o.Who == id) && o.holds(now) })
	if i < 0 {
		return false, nil
	}
	if err := b.withdraw(ctx, b.list[i].ID); err != nil {
		return true, err
	}
	return true, b.change(slices.Delete(slices.Clone(b.list), i, i+1))
}

// change writes the list, and then goes by it. The caller holds mu.
func (b *Bans) change(list []Ban) error {
	if b.path != "" {
		text, err := json.MarshalIndent(list, "", " ")
		if err == nil {
			err = replace(b.path, text)
		}
		if err != nil {
			return fmt.Errorf("bans %s were not kept: %w", b.path, err)
		}
	}
	b.list = list
	b.index()
	return nil
}

// replace writes a file whole or not at all.
func replace(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".bans-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
