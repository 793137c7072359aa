// Package members keeps who may take part in the closed swarms of a home: it issues
// membership certificates (ppsp/member), lists them, and takes them back.
//
// The authority is a file, made at its first use; a publisher on the same machine is given
// the same file. What was taken back stands in a file beside it, which a publisher follows.
package members

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/member"
)

// Member is somebody who was issued certificates.
type Member struct {
	ID      member.ID
	Name    string // what the owner calls him; it stands in no certificate
	Address string // host:port where he listens, empty for none that lasts
	Swarms  []ppsp.SwarmID
	Until   time.Time // UTC
	Added   time.Time // UTC
}

// Store keeps members over restarts (proxy/state implements it). What it acknowledges is on
// the disk.
type Store interface {
	Members() ([]Member, error)
	PutMember(m Member) error
	RemoveMember(id member.ID) error
}

// Bounds and defaults.
const (
	MaxMembers = 1000
	MaxSwarms  = member.MaxCertificates // of one member
	MaxName    = 100                    // bytes

	// DefaultValid is short because who was removed is in for as long, with members that do not
	// follow the authority's file.
	DefaultValid = 30 * 24 * time.Hour
)

// Config is what a Registry is made of.
type Config struct {
	File  string // of the authority
	Store Store  // nil: members are issued and not listed
	// Expelled is told who is a member no more, and until when his certificates would have
	// held. Optional.
	Expelled func(id member.ID, until time.Time) error
}

// Registry issues certificates and remembers to whom. Its methods may be called from any
// goroutine.
type Registry struct {
	cfg Config
	mu  sync.Mutex
}

// New makes a registry. It reads and makes no file yet.
func New(c Config) *Registry { return &Registry{cfg: c} }

// Request says for whom certificates are wanted.
type Request struct {
	Name    string
	Address string // host:port, empty for none that lasts
	Swarms  []ppsp.SwarmID
	Links   []ppsp.Link   // of Swarms, as far as they are known: each has to name this authority
	Valid   time.Duration // 0 for DefaultValid
}

// AddSwarm takes a swarm by what names it: its link, or its ID in hexadecimal.
func (q *Request) AddSwarm(s string) error {
	s = strings.TrimSpace(s)
	if len(s) > len(ppsp.LinkScheme) && strings.EqualFold(s[:len(ppsp.LinkScheme)+1], ppsp.LinkScheme+":") {
		l, err := ppsp.ParseLink(s)
		if err == nil {
			q.AddLink(l)
		}
		return err
	}
	id, err := ppsp.ParseSwarmID(s)
	if err == nil {
		q.Swarms = append(q.Swarms, id)
	}
	return err
}

// AddLink takes a swarm by its link.
func (q *Request) AddLink(l ppsp.Link) {
	q.Swarms, q.Links = append(q.Swarms, l.SwarmID), append(q.Links, l)
}

// fits refuses links that a certificate of the authority is of no use for.
func (q *Request) fits(a *member.Authority, file string) error {
	for _, l := range q.Links {
		if l.Authority == "" {
			return fmt.Errorf("swarm %s is open to everyone: its link names no authority, and no certificate is needed; to let in members alone, publish it with --closed, and name that link", l.SwarmID.Short())
		}
		if key, err := member.ParseAuthorityKey(l.Authority); err != nil || key != a.Key() {
			return fmt.Errorf("swarm %s lets in members of another authority than %s, so nothing was issued; name the file that its publisher has as --member-ca, or with --api the gateway that has it", l.SwarmID.Short(), file)
		}
	}
	return nil
}

// Issued is what a new member is given. The key is a secret that is kept nowhere.
type Issued struct {
	Member
	Authority    string // key of the authority, as links have it
	Certificates []byte // PEM, one for each swarm
	Key          []byte // PEM
}

// ErrUnknown says that there is no such member.
var ErrUnknown = errors.New("there is no such member; swarmgate members list shows those that there are")

// List returns the members, oldest first.
func (r *Registry) List() ([]Member, error) {
	if r.cfg.Store == nil {
		return nil, nil
	}
	return r.cfg.Store.Members()
}

// Add issues certificates to a new member; when it returns, he is listed.
func (r *Registry) Add(q Request, now time.Time) (Issued, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.check(&q, now); err != nil {
		return Issued{}, err
	}
	authority, err := OpenAuthority(r.cfg.File)
	if err != nil {
		return Issued{}, err
	}
	if err := q.fits(authority, r.cfg.File); err != nil {
		return Issued{}, err
	}
	c, err := member.NewCredential(rand.Reader)
	if err != nil {
		return Issued{}, err
	}
	from := now.UTC().Truncate(time.Second)
	until := from.Add(q.Valid)
	for _, swarm := range q.Swarms {
		o, err := authority.Issue(rand.Reader, member.Grant{Swarm: swarm, Address: q.Address, From: from, Until: until, PublicKey: &c.Key.PublicKey})
		if err != nil {
			return Issued{}, err
		}
		c.Certificates = append(c.Certificates, o)
	}
	key, err := c.MarshalKey()
	if err != nil {
		return Issued{}, err
	}
	m := Member{ID: c.Certificates[0].ID, Name: q.Name, Address: q.Address, Swarms: q.Swarms, Until: until, Added: from}
	if r.cfg.Store != nil {
		if err := r.cfg.Store.PutMember(m); err != nil {
			return Issued{}, err
		}
	}
	return Issued{Member: m, Authority: authority.Key().String(), Certificates: c.MarshalCertificates(), Key: key}, nil
}

// check holds a request to its bounds and fills in what it left out.
func (r *Registry) check(q *Request, now time.Time) error {
	q.Name = strings.TrimSpace(q.Name)
	switch {
	case q.Name == "" || len(q.Name) > MaxName || !utf8.ValidString(q.Name) || strings.ContainsFunc(q.Name, unicode.IsControl):
		return fmt.Errorf("a member's name is one line of 1 to %d bytes; write one", MaxName)
	case len(q.Swarms) == 0 || len(q.Swarms) > MaxSwarms:
		return fmt.Errorf("a member is one of 1 to %d swarms; name them by their links", MaxSwarms)
	case q.Valid < 0 || q.Valid > member.MaxValidity:
		return fmt.Errorf("a certificate holds for %d days at most; ask for less", member.MaxValidity/(24*time.Hour))
	case q.Valid == 0:
		q.Valid = DefaultValid
	}
	list, err := r.List()
	if err != nil {
		return err
	}
	if len(list) >= MaxMembers {
		return fmt.Errorf("there are %d members; remove some", len(list))
	}
	revoked, err := Revoked(r.cfg.File, now)
	if err != nil {
		return err
	}
	if len(revoked)+len(list) >= MaxRemoved {
		return fmt.Errorf("the certificates of %d removed members still hold, and no more can be noted; wait until some have ended, or begin another authority with --member-ca", len(revoked))
	}
	if slices.ContainsFunc(list, func(m Member) bool { return m.Name == q.Name }) {
		return fmt.Errorf("there is a member %q already; choose another name, or remove that one", q.Name)
	}
	return nil
}

// minPrefix is how many digits of an ID name its member at the least.
const minPrefix = 8

// Find returns the member of this name or ID, or of the only ID that begins so: ErrUnknown
// when there is none.
func (r *Registry) Find(who string) (Member, error) {
	list, err := r.List()
	if err != nil {
		return Member{}, err
	}
	if i := slices.IndexFunc(list, func(m Member) bool { return m.ID == who || m.Name == who }); i >= 0 {
		return list[i], nil
	}
	begins := func(m Member) bool { return len(who) >= minPrefix && strings.HasPrefix(m.ID, strings.ToLower(who)) }
	i := slices.IndexFunc(list, begins)
	if i < 0 || slices.ContainsFunc(list[i+1:], begins) {
		return Member{}, ErrUnknown
	}
	return list[i], nil
}

// Removed tells whether who is the ID of a member that was removed, or begins it, and whose
// certificates still hold.
func (r *Registry) Removed(who string, now time.Time) bool {
	if len(who) < minPrefix {
		return false
	}
	revoked, err := Revoked(r.cfg.File, now)
	for id := range revoked {
		if err == nil && strings.HasPrefix(id, strings.ToLower(who)) {
			return true
		}
	}
	return false
}

// Remove takes back the certificates of a member, as Find finds him: he is listed no
// more, and everyone who follows the authority's file shuts him out.
func (r *Registry) Remove(who string, now time.Time) (Member, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m, err := r.Find(who)
	if err != nil {
		return Member{}, err
	}
	if m.Until.Add(member.Leeway).After(now) {
		if err := revoke(r.cfg.File, m.ID, m.Until, now); err != nil {
			return m, err
		}
		if r.cfg.Expelled != nil {
			if err := r.cfg.Expelled(m.ID, m.Until.Add(member.Leeway)); err != nil {
				return m, err
			}
		}
	}
	return m, r.cfg.Store.RemoveMember(m.ID)
}
