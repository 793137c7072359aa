package profile

import (
	"net/http"
	"net/netip"
	"sync"
	"time"
)

const (
	// maxHosts bounds the devices whose profile is remembered.
	maxHosts = 256
	// memory is how long a device is remembered by its address.
	memory = 6 * time.Hour
	// maxHeader bounds how much of a header is looked at, in bytes.
	maxHeader = 512
)

// generic is the profile of what is not recognized.
var generic Profile

// Set recognizes devices. The zero value knows none; it may be used by many goroutines.
type Set struct {
	profiles []Profile // the first that fits counts

	mu    sync.Mutex
	hosts map[netip.Addr]remembered
}

type remembered struct {
	profile *Profile
	at      time.Time
}

// Profiles returns how many kinds of devices the set knows.
func (s *Set) Profiles() int { return len(s.profiles) }

// Of returns the profile of the device that sends a request, never nil. Many devices tell their
// name when they browse and another one, of the library that plays, when they fetch the film: who
// is not recognized is taken for what its address was lately.
func (s *Set) Of(r *http.Request) *Profile {
	p := s.match(r.Header)
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	host := from.Addr().Unmap()
	if err != nil || host.IsLoopback() { // programs of this machine have nothing in common
		return p
	}
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if p != &generic {
		s.remember(host, remembered{p, now})
		return p
	}
	if known, ok := s.hosts[host]; ok && now.Sub(known.at) < memory {
		return known.profile
	}
	return p
}

// match returns the first profile that fits the headers, generic if none does.
func (s *Set) match(h http.Header) *Profile {
	for i := range s.profiles {
		p := &s.profiles[i]
		for _, rule := range p.Match {
			for _, value := range h[http.CanonicalHeaderKey(rule.Header)] {
				if rule.fits(value[:min(len(value), maxHeader)]) {
					return p
				}
			}
		}
	}
	return &generic
}

// remember notes what a host is. The caller holds mu.
func (s *Set) remember(host netip.Addr, r remembered) {
	if s.hosts == nil {
		s.hosts = make(map[netip.Addr]remembered)
	}
	if _, known := s.hosts[host]; !known && len(s.hosts) >= maxHosts {
		var oldest netip.Addr
		for h, have := range s.hosts {
			if !oldest.IsValid() || have.at.Before(s.hosts[oldest].at) {
				oldest = h
			}
		}
		delete(s.hosts, oldest)
	}
	s.hosts[host] = r
}
