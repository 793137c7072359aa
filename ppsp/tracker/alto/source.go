package alto

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// Times and bounds of a Source.
const (
	DefaultEvery = 30 * time.Minute // between two looks
	minRetry     = time.Minute      // after a failure; it doubles
	loadTimeout  = time.Minute
	maxLocations = 8
	maxRedirects = 3
)

// Source keeps Maps up to date. Locations have to be set.
type Source struct {
	// Locations are files or URLs of a network map and a cost map, or of a directory that names
	// both.
	Locations []string
	Every     time.Duration // between two looks; DefaultEvery if zero
	HTTP      *http.Client  // http.DefaultClient's transport if nil
	Logger    zerolog.Logger

	maps atomic.Pointer[Maps]
}

// Cost is for tracker.MemoryConfig: 0 while nothing is known.
func (s *Source) Cost(from, to netip.Addr) int { return s.maps.Load().Score(from, to) }

// Remote tells whether a location is a URL.
func Remote(location string) bool {
	return strings.HasPrefix(location, "https://") || strings.HasPrefix(location, "http://")
}

// Load gets the maps now. When it fails, those that were there stay.
func (s *Source) Load(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	var l load
	for _, at := range s.Locations {
		if err := s.take(ctx, &l, at); err != nil {
			return err
		}
	}
	switch {
	case l.network == nil:
		return errors.New("ALTO: there is no network map; name one, or a directory")
	case l.costs == nil:
		return errors.New("ALTO: there is no cost map; name one, or a directory")
	}
	m, err := Parse(l.network, l.costs)
	if err != nil {
		return fmt.Errorf("ALTO: %w", err)
	}
	s.maps.Store(m)
	return nil
}

// load is what was found so far.
type load struct {
	network, costs []byte
	looked         int
}

// take gets what is at one location, and where that leads.
func (s *Source) take(ctx context.Context, l *load, at string) error {
	if l.looked++; l.looked > maxLocations {
		return fmt.Errorf("ALTO: more than %d locations", maxLocations)
	}
	b, err := s.get(ctx, at)
	if err != nil {
		return fmt.Errorf("ALTO: %w", err)
	}
	var kind struct {
		Network   json.RawMessage `json:"network-map"`
		Costs     json.RawMessage `json:"cost-map"`
		Resources json.RawMessage `json:"resources"`
	}
	if err := json.Unmarshal(b, &kind); err != nil {
		return fmt.Errorf("ALTO: %s: %w", at, err)
	}
	switch {
	case kind.Network != nil:
		l.network = b
	case kind.Costs != nil:
		l.costs = b
	case kind.Resources != nil && l.looked <= len(s.Locations):
		network, costs, err := follow(b, at)
		if err != nil {
			return fmt.Errorf("ALTO: %s: %w", at, err)
		}
		return errors.Join(s.take(ctx, l, network), s.take(ctx, l, costs))
	default:
		return fmt.Errorf("ALTO: %s is neither a network map nor a cost map nor a directory of them", at)
	}
	return nil
}

// get reads a file, or asks a server.
func (s *Source) get(ctx context.Context, at string) ([]byte, error) {
	if !Remote(at) {
		f, err := os.Open(at)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return bounded(f, at)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/alto-networkmap+json, application/alto-costmap+json, application/alto-directory+json, application/alto-error+json")
	client := http.Client{CheckRedirect: redirect}
	if s.HTTP != nil {
		client.Transport = s.HTTP.Transport
	}
	response, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: HTTP status %s", at, response.Status)
	}
	return bounded(response.Body, at)
}

func bounded(r io.Reader, at string) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, MaxMap+1))
	if err == nil && len(b) > MaxMap {
		err = fmt.Errorf("%s has more than %d bytes", at, MaxMap)
	}
	return b, err
}

// redirect follows a few, and none that leads away from HTTPS.
func redirect(r *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects || via[0].URL.Scheme == "https" && r.URL.Scheme != "https" {
		return fmt.Errorf("it leads on to %s, which is not followed", r.URL.Redacted())
	}
	return nil
}

// directory is an information resource directory (RFC 7285, 9.2.2).
type directory struct {
	Meta struct {
		Types map[string]struct {
			Mode   string `json:"cost-mode"`
			Metric string `json:"cost-metric"`
		} `json:"cost-types"`
		Default string `json:"default-alto-network-map"`
	} `json:"meta"`
	Resources map[string]struct {
		URI  string   `json:"uri"`
		Type string   `json:"media-type"`
		Uses []string `json:"uses"`
		Can  struct {
			Types []string `json:"cost-type-names"`
		} `json:"capabilities"`
	} `json:"resources"`
}

// follow returns where a directory's default network map is, and the numerical routing costs of it.
func follow(b []byte, from string) (network, costs string, err error) {
	var d directory
	if err := json.Unmarshal(b, &d); err != nil {
		return "", "", err
	}
	base, err := url.Parse(from)
	if err != nil || !Remote(from) {
		return "", "", errors.New("a directory has to be a URL")
	}
	resolve := func(uri string) (string, error) {
		u, err := base.Parse(uri)
		if err != nil || u.Scheme != "https" && u.Scheme != base.Scheme || u.Host == "" {
			return "", fmt.Errorf("it names the address %.80q, which is not followed", uri)
		}
		return u.String(), nil
	}
	if network, err = resolve(d.Resources[d.Meta.Default].URI); err != nil || d.Resources[d.Meta.Default].URI == "" {
		return "", "", errors.Join(errors.New("it has no default network map"), err)
	}
	names := make([]string, 0, len(d.Resources))
	for name := range d.Resources {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		r := d.Resources[name]
		if r.Type != "application/alto-costmap+json" || !slices.Contains(r.Uses, d.Meta.Default) {
			continue
		}
		for _, t := range r.Can.Types {
			if k := d.Meta.Types[t]; k.Mode == "numerical" && k.Metric == "routingcost" {
				costs, err = resolve(r.URI)
				return network, costs, err
			}
		}
	}
	return "", "", errors.New("it has no map of numerical routing costs")
}

// Run looks again from time to time, until ctx ends; then it returns nil.
func (s *Source) Run(ctx context.Context) error {
	every := s.Every
	if every <= 0 {
		every = DefaultEvery
	}
	failures := 0
	if s.maps.Load() == nil {
		failures = 1
	}
	for {
		wait := every
		if failures > 0 {
			wait = min(minRetry<<min(failures-1, 10), every)
		}
		timer := time.NewTimer(wait - wait/20 + rand.N(wait/10+1))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
		if err := s.Load(ctx); err == nil {
			failures = 0
		} else if ctx.Err() == nil {
			failures++
			s.Logger.Warn().Err(err).Msg("tracker: costs of networks are not known anew; those known before hold")
		}
	}
}
