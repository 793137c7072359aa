package tracker

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

// Valkey is a Registry in Valkey or Redis 6.2 and later, one server or a cluster, for several
// tracker processes: all state lives there alone, and any process can die. A key holds one
// thing, so that keys may lie on different machines:
//
//	swarmgate:peer:ID           hash: "b" blob, "a" traits and abilities, "m:SWARM" mode, "r:SWARM" report
//	swarmgate:swarm:SWARM:S, :L set of the IDs of seeders, of leeches
//	swarmgate:swarms            set of all swarms, for Status
//
// A peer's key lives for the track timer and is renewed by every sign of life: it alone decides
// who is there. A set may name peers that are gone; who comes upon such a one takes it out. It
// may lack one whose tracker died halfway; the peer's next request puts it back. When the memory
// given to the server is full (maxmemory, with the policy noeviction), joins get ErrFull.
type Valkey struct {
	client  rueidis.Client
	cursor  atomic.Uint64 // where the next Expire goes on in the set of swarms
	timeout time.Duration
	wait    time.Duration // for the answers to one request
	glances time.Duration // for the answers to an operator, and to a look at all
	places  *Places
	marks   *Marks
	cost    func(from, to netip.Addr) int
	seed    maphash.Seed
}

// ValkeyConfig configures a Valkey.
type ValkeyConfig struct {
	URL          string        // redis://, rediss:// or unix://; several hosts of a cluster by addr=HOST:PORT in its query
	Password     string        // instead of the one in URL, if not empty
	TrackTimeout time.Duration // DefaultTrackTimeout if zero; the same for all processes
	Places       *Places       // may be nil
	Marks        *Marks        // may be nil
	// Cost is as in a MemoryConfig.
	Cost func(from, to netip.Addr) int
}

// Bounds of what is asked of the server at once.
const (
	maxSwarmsValkey = 1000            // of a peer
	maxSwarmValkey  = 100_000         // members of one mode
	valkeyDial      = 2 * time.Second // to connect
	valkeyWait      = 3 * time.Second // for the answers to one request
	swarmLife       = 24 * time.Hour  // of a set that nobody renews
)

const valkeyPrefix = "swarmgate:"

// OpenValkey connects. Close ends it.
func OpenValkey(c ValkeyConfig) (*Valkey, error) {
	option, err := rueidis.ParseURL(c.URL)
	if err != nil {
		return nil, fmt.Errorf("%q is no address of a registry: %w; write as redis://HOST:6379/0", withoutPassword(c.URL), unwrapURL(err))
	}
	if c.Password != "" {
		option.Password = c.Password
	}
	option.DisableCache = true
	option.Dialer.Timeout = valkeyDial
	option.ConnWriteTimeout = valkeyWait
	client, err := rueidis.NewClient(option)
	if err != nil {
		return nil, fmt.Errorf("connect to the registry: %w", err)
	}
	if c.TrackTimeout <= 0 {
		c.TrackTimeout = DefaultTrackTimeout
	}
	return &Valkey{client: client, timeout: c.TrackTimeout, wait: valkeyWait, glances: valkeySweep, places: c.Places, marks: c.Marks, cost: c.Cost, seed: maphash.MakeSeed()}, nil
}

// withoutPassword returns what of an address may be shown.
func withoutPassword(address string) string {
	u, err := url.Parse(address)
	if err == nil && u.Scheme != "" && u.Opaque == "" {
		return u.Redacted()
	}
	if at := strings.LastIndexByte(address, '@'); at >= 0 { // whatever it is, a secret may stand before it
		scheme, _, found := strings.Cut(address[:at], "://")
		if !found {
			scheme = "…"
		}
		return scheme + "://…" + address[at:]
	}
	return address
}

// Close closes the connections.
func (v *Valkey) Close() { v.client.Close() }

func peerKey(id string) string { return valkeyPrefix + "peer:" + id }

func swarmKey(swarm string, seeder bool) string {
	if seeder {
		return valkeyPrefix + "swarm:" + swarm + ":S"
	}
	return valkeyPrefix + "swarm:" + swarm + ":L"
}

const swarmsKey = valkeyPrefix + "swarms"

// Scripts on the key of a peer, which the server carries out as one.
var (
	// joinScript: life in ms, most swarms, field and value of the mode, blob, about. It returns 0
	// for too many swarms, 2 for a membership that is renewed: that begins by what needs no
	// memory, and a server that is full lets a script go on that has written.
	joinScript = rueidis.NewLuaScript(`
local was = redis.call('HEXISTS', KEYS[1], ARGV[3])
if was == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1])
elseif redis.call('HLEN', KEYS[1]) > 2 * tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[3], ARGV[4], 'b', ARGV[5], 'a', ARGV[6])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1 + was`)
	// leaveScript: life, fields of mode and report. It returns the mode that was, and forgets a
	// peer after its last swarm.
	leaveScript = rueidis.NewLuaScript(`
if redis.call('EXISTS', KEYS[1]) == 0 then return false end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
local mode = redis.call('HGET', KEYS[1], ARGV[2])
if not mode then return false end
redis.call('HDEL', KEYS[1], ARGV[2], ARGV[3])
for _, f in ipairs(redis.call('HKEYS', KEYS[1])) do
  if string.sub(f, 1, 2) == 'm:' then return mode end
end
redis.call('DEL', KEYS[1])
return mode`)
	// signScript: life, field of the mode, field and value of the report or nothing. A sign of
	// life; it returns mode, blob and about, nothing for no member.
	signScript = rueidis.NewLuaScript(`
if redis.call('PEXPIRE', KEYS[1], ARGV[1]) == 0 then return false end
local mode = redis.call('HGET', KEYS[1], ARGV[2])
if not mode then return false end
if ARGV[3] ~= '' then redis.call('HSET', KEYS[1], ARGV[3], ARGV[4]) end
return {mode, redis.call('HGET', KEYS[1], 'b'), redis.call('HGET', KEYS[1], 'a')}`)
)

func (v *Valkey) life() string { return fmt.Sprint(v.timeout.Milliseconds()) }

// about is what a peer's hash has of it under "a".
type about struct {
	Joined  int64   `json:"j"` // Unix seconds
	Upload  uint32  `json:"u,omitempty"`
	ASN     uint32  `json:"n,omitempty"`
	Ability ability `json:"a,omitempty"`
	Traits  traits  `json:"t,omitempty"`
}

func (a *about) member(region uint32) *member {
	return &member{joined: tick(a.Joined * ticksASecond), upload: a.Upload, asn: a.ASN, ability: a.Ability, traits: a.Traits, region: region}
}

// trouble turns an error of the server into what a Registry returns.
func trouble(err error) error {
	if err == nil || rueidis.IsRedisNil(err) || errors.Is(err, context.Canceled) {
		return err
	}
	e, ok := rueidis.IsRedisErr(err)
	switch {
	case !ok: // it is not the server who says so
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	case strings.HasPrefix(e.Error(), "OOM "):
		return ErrFull
	}
	for _, passing := range []string{"LOADING ", "BUSY ", "CLUSTERDOWN ", "MASTERDOWN ", "TRYAGAIN ", "READONLY "} {
		if strings.HasPrefix(e.Error(), passing) {
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
	}
	return err
}

// limit bounds what a request may wait for the server.
func (v *Valkey) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, v.wait)
}

// Join implements Registry.
func (v *Valkey) Join(ctx context.Context, now time.Time, swarm string, m Member) error {
	ctx, cancel := v.limit(ctx)
	defer cancel()
	key := peerKey(m.ID)
	other := swarmKey(swarm, m.Mode != Seeder)
	own := swarmKey(swarm, m.Mode == Seeder)
	was := v.client.DoMulti(ctx,
		v.client.B().Hmget().Key(key).Field("b", "a").Build(),
		v.client.B().Scard().Key(own).Build(),
		v.client.B().Sismember().Key(own).Member(m.ID).Build())
	fields, err := was[0].ToArray()
	if err != nil {
		return trouble(err)
	}
	if n, err := was[1].AsInt64(); err != nil || n >= maxSwarmValkey {
		if in, _ := was[2].AsBool(); !in {
			return cmp.Or(trouble(err), ErrFull)
		}
	}
	b, a := v.restated(now, m, fields)
	words, err := json.Marshal(a)
	if err != nil {
		return err
	}
	mode := "L"
	if m.Mode == Seeder {
		mode = "S"
	}
	done, err := joinScript.Exec(ctx, v.client, []string{key}, []string{v.life(), fmt.Sprint(maxSwarmsValkey), "m:" + swarm, mode, string(b), string(words)}).AsInt64()
	switch {
	case err != nil:
		return trouble(err)
	case done == 0:
		return ErrFull
	}
	err = v.seat(ctx, swarm, m.ID, own, other)
	if done == 2 && errors.Is(err, ErrFull) {
		return nil // it is in the set, or will be when there is room
	}
	return err
}

// restated returns a peer's blob and what else is known of it, after what it says now.
func (v *Valkey) restated(now time.Time, m Member, fields []rueidis.RedisMessage) (blob, about) {
	a := about{Joined: now.Unix()}
	usable, source := best(m.Addresses), m.Source
	if text, err := fields[1].ToString(); err == nil {
		_ = json.Unmarshal([]byte(text), &a)
		if old, ok := field(fields[0]); ok && len(usable) == 0 && a.Traits&stated != 0 {
			usable = old.Addresses
		}
	}
	a.Traits &^= super | edge
	t := a.member(0)
	t.note(m.About)
	a.Ability, a.Upload, a.Traits = t.ability, t.upload, t.traits
	a.Traits &^= stated | listed | hidden
	if slices.ContainsFunc(usable, func(a Address) bool { return a.Connection != "" }) {
		a.Traits &^= onWire
	}
	if len(usable) > 0 {
		a.Traits |= stated
	} else if source.Usable() {
		usable = []Address{source}
	}
	a.Traits |= traitsOf(usable, source.Addr()) | v.marks.of(m.ID, source.Addr())
	a.ASN = v.places.network(source.Addr(), usable)
	return appendBlob(nil, m.ID, source.Addr(), usable), a
}

// field reads a blob out of an answer.
func field(m rueidis.RedisMessage) (Member, bool) {
	text, err := m.ToString()
	if err != nil {
		return Member{}, false
	}
	return memberOf(blob(text))
}

// seat puts the peer into the set of its mode.
func (v *Valkey) seat(ctx context.Context, swarm, id, own, other string) error {
	commands := rueidis.Commands{
		v.client.B().Sadd().Key(own).Member(id).Build(),
		v.client.B().Pexpire().Key(own).Milliseconds(swarmLife.Milliseconds()).Build(),
		v.client.B().Sadd().Key(swarmsKey).Member(swarm).Build(),
	}
	if other != "" {
		commands = append(commands, v.client.B().Srem().Key(other).Member(id).Build())
	}
	var err error
	for _, r := range v.client.DoMulti(ctx, commands...) {
		err = errors.Join(err, trouble(r.Error()))
	}
	return err
}

// Leave implements Registry.
func (v *Valkey) Leave(ctx context.Context, _ time.Time, swarm, peer string) error {
	ctx, cancel := v.limit(ctx)
	defer cancel()
	_, err := leaveScript.Exec(ctx, v.client, []string{peerKey(peer)}, []string{v.life(), "m:" + swarm, "r:" + swarm}).ToString()
	if rueidis.IsRedisNil(err) {
		return ErrNotMember
	}
	if err != nil {
		return trouble(err)
	}
	return v.unseat(ctx, swarm, peer)
}

// unseat takes peers out of both sets of a swarm.
func (v *Valkey) unseat(ctx context.Context, swarm string, ids ...string) (err error) {
	for _, r := range v.client.DoMulti(ctx,
		v.client.B().Srem().Key(swarmKey(swarm, true)).Member(ids...).Build(),
		v.client.B().Srem().Key(swarmKey(swarm, false)).Member(ids...).Build()) {
		err = errors.Join(err, trouble(r.Error()))
	}
	return err
}

// Touch implements Registry.
func (v *Valkey) Touch(ctx context.Context, _ time.Time, peer string) error {
	ctx, cancel := v.limit(ctx)
	defer cancel()
	n, err := v.client.Do(ctx, v.client.B().Pexpire().Key(peerKey(peer)).Milliseconds(v.timeout.Milliseconds()).Build()).AsInt64()
	if err == nil && n == 0 {
		return ErrNotMember
	}
	return trouble(err)
}

// sign notes a sign of life in a swarm and returns the peer as it is known.
func (v *Valkey) sign(ctx context.Context, swarm, peer string, report *StreamStats) (seeder bool, m Member, a about, err error) {
	name, value := "", ""
	if report != nil {
		b, err := json.Marshal(report)
		if err != nil {
			return false, m, a, err
		}
		name, value = "r:"+swarm, string(b)
	}
	answer, err := signScript.Exec(ctx, v.client, []string{peerKey(peer)}, []string{v.life(), "m:" + swarm, name, value}).ToArray()
	if rueidis.IsRedisNil(err) {
		return false, m, a, ErrNotMember
	}
	if err != nil || len(answer) != 3 {
		return false, m, a, cmp.Or(trouble(err), errors.New("the registry answers in another form than expected"))
	}
	mode, _ := answer[0].ToString()
	m, _ = field(answer[1])
	text, _ := answer[2].ToString()
	_ = json.Unmarshal([]byte(text), &a)
	return mode == "S", m, a, nil
}

// Report implements Registry.
func (v *Valkey) Report(ctx context.Context, _ time.Time, peer string, s StreamStats) error {
	ctx, cancel := v.limit(ctx)
	defer cancel()
	seeder, _, _, err := v.sign(ctx, s.SwarmID, peer, &s)
	if errors.Is(err, ErrFull) { // no room for what it reports, but it is there
		seeder, _, _, err = v.sign(ctx, s.SwarmID, peer, nil)
	}
	if err != nil {
		return err
	}
	if err := v.seat(ctx, s.SwarmID, peer, swarmKey(s.SwarmID, seeder), ""); !errors.Is(err, ErrFull) {
		return err
	}
	return nil // it is in the set, or will be when there is room
}

// Find implements Registry.
func (v *Valkey) Find(ctx context.Context, now time.Time, swarm, id string, n int, num *PeerNum) ([]Peer, error) {
	ctx, cancel := v.limit(ctx)
	defer cancel()
	seeder, m, a, err := v.sign(ctx, swarm, id, nil)
	if err != nil {
		return nil, err
	}
	region := regionOf(v.seed, m.Source.Addr())
	t := a.member(region)
	t.note(num)
	who := asker{
		source: m.Source.Addr(), asn: a.ASN, region: region, ability: t.ability, now: tick(now.Unix() * ticksASecond),
		chooses: t.ability != unknownNAT || t.upload != 0 || v.places != nil,
	}
	sets := v.client.DoMulti(ctx,
		v.client.B().Sadd().Key(swarmKey(swarm, seeder)).Member(id).Build(),
		v.client.B().Scard().Key(swarmKey(swarm, true)).Build(), v.client.B().Scard().Key(swarmKey(swarm, false)).Build(),
		v.client.B().Srandmember().Key(swarmKey(swarm, true)).Count(int64(sampleOf*n+1)).Build(),
		v.client.B().Srandmember().Key(swarmKey(swarm, false)).Count(int64(sampleOf*n+1)).Build())
	var sizes [2]int64
	var ids [2][]string
	for i := range 2 {
		var err1, err2 error
		sizes[i], err1 = sets[1+i].AsInt64()
		ids[i], err2 = sets[3+i].AsStrSlice()
		rand.Shuffle(len(ids[i]), func(a, b int) { ids[i][a], ids[i][b] = ids[i][b], ids[i][a] }) // they come in the order of a table
		if err := errors.Join(trouble(err1), trouble(err2)); err != nil {
			return nil, err
		}
	}
	if seeder {
		ids[0], sizes[0] = nil, 0
	} else {
		sizes[1]--
	}
	found, err := v.look(ctx, swarm, id, who, ids)
	if err != nil {
		return nil, err
	}
	// As many seeders as is their share, or more where there are no leeches; and the other way round.
	seeders := share(int(sizes[0]), int(max(sizes[1], 0)), n)
	seeders = min(len(found[0]), max(seeders, n-len(found[1])))
	out := append(pick(found[0], seeders), pick(found[1], n-seeders)...)
	rand.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out, nil
}

// listing is a peer that may be listed.
type listing struct {
	Peer
	fitness int
}

// pick returns n of them: half as they come, half the fittest.
func pick(all []listing, n int) (out []Peer) {
	if len(all) > n {
		slices.SortStableFunc(all[n/2:], func(a, b listing) int { return cmp.Compare(b.fitness, a.fitness) })
		all = all[:n]
	}
	for _, l := range all {
		out = append(out, l.Peer)
	}
	return out
}

// look reads the peers of both samples and takes those that are gone out of the sets.
func (v *Valkey) look(ctx context.Context, swarm, self string, who asker, ids [2][]string) (found [2][]listing, err error) {
	var commands rueidis.Commands
	for _, set := range ids {
		for _, id := range set {
			commands = append(commands, v.client.B().Hmget().Key(peerKey(id)).Field("b", "a", "m:"+swarm, "r:"+swarm).Build())
		}
	}
	if len(commands) == 0 {
		return found, nil
	}
	answers := v.client.DoMulti(ctx, commands...)
	var gone []string
	for i, set := range ids {
		for _, id := range set {
			fields, err := answers[0].ToArray()
			answers = answers[1:]
			if err != nil {
				return found, trouble(err)
			}
			if fields[2].IsNil() {
				gone = append(gone, id)
				continue
			}
			mode, _ := fields[2].ToString()
			if l, ok := v.listing(fields, who); ok && id != self && (mode == "S") == (i == 0) {
				found[i] = append(found[i], l)
			}
		}
	}
	if len(gone) > 0 {
		err = v.unseat(ctx, swarm, gone...)
	}
	return found, err
}

// listing makes an entry of a list, if the peer is of use to who asks.
func (v *Valkey) listing(fields []rueidis.RedisMessage, who asker) (l listing, ok bool) {
	m, ok := field(fields[0])
	if !ok {
		return l, false
	}
	var a about
	if text, err := fields[1].ToString(); err == nil {
		_ = json.Unmarshal([]byte(text), &a)
	}
	from := m.Source.Addr()
	if !together(who.source, from) {
		m.Addresses = slices.DeleteFunc(m.Addresses, func(a Address) bool { return a.domestic(from) })
	}
	s, t := seat{}, a.member(regionOf(v.seed, from))
	if text, err := fields[3].ToString(); err == nil {
		var report StreamStats
		if json.Unmarshal([]byte(text), &report) == nil {
			s.set(&report)
			t.traits.take(&report)
		}
	}
	l = listing{Peer{m.ID, m.Addresses, t.traits.role()}, fitness(&s, t, &who)}
	if v.cost != nil {
		l.fitness += v.cost(from, who.source)
	}
	return l, len(m.Addresses) > 0
}

// Known implements Registry.
func (v *Valkey) Known(ctx context.Context, _ time.Time, peer string) (bool, error) {
	ctx, cancel := v.limit(ctx)
	defer cancel()
	n, err := v.client.Do(ctx, v.client.B().Exists().Key(peerKey(peer)).Build()).AsInt64()
	return n == 1, trouble(err)
}

// Remove implements Registry. The sets lose the peer when somebody comes upon it.
func (v *Valkey) Remove(ctx context.Context, _ time.Time, peer string) error {
	ctx, cancel := v.limit(ctx)
	defer cancel()
	return trouble(v.client.Do(ctx, v.client.B().Del().Key(peerKey(peer)).Build()).Error())
}

// Status implements Registry. It costs the server a look at every peer that it tells of. Peers
// counts each once.
func (v *Valkey) Status(ctx context.Context, _ time.Time) (Status, error) {
	out := Status{Swarms: []SwarmStatus{}}
	ctx, cancel := v.glance(ctx)
	defer cancel()
	swarms, err := v.client.Do(ctx, v.client.B().Smembers().Key(swarmsKey).Build()).AsStrSlice()
	if err != nil {
		return out, err
	}
	slices.Sort(swarms)
	seen := map[string]bool{}
	left := MaxStatusPeers
	for _, swarm := range swarms {
		entry := SwarmStatus{SwarmID: swarm, Members: []MemberStatus{}}
		for i, mode := range []Mode{Seeder, Leech} {
			ids, err := v.client.Do(ctx, v.client.B().Srandmember().Key(swarmKey(swarm, i == 0)).Count(int64(left)).Build()).AsStrSlice()
			if err != nil {
				return out, err
			}
			for _, id := range ids {
				m, err := v.status(ctx, swarm, id, mode)
				if errors.Is(err, ErrNotMember) {
					continue
				}
				if err != nil {
					return out, err
				}
				seen[id] = true
				left--
				entry.Members = append(entry.Members, m)
				if mode == Seeder {
					entry.Seeders++
				} else {
					entry.Leeches++
				}
			}
		}
		if len(entry.Members) > 0 {
			slices.SortFunc(entry.Members, func(a, b MemberStatus) int { return cmp.Compare(a.PeerID, b.PeerID) })
			out.Swarms = append(out.Swarms, entry)
		}
		if left <= 0 {
			out.Truncated = true
			break
		}
	}
	out.Peers = len(seen)
	return out, nil
}

// status reads one peer.
func (v *Valkey) status(ctx context.Context, swarm, id string, mode Mode) (MemberStatus, error) {
	answers := v.client.DoMulti(ctx,
		v.client.B().Hmget().Key(peerKey(id)).Field("b", "m:"+swarm, "r:"+swarm, "a").Build(), v.client.B().Pttl().Key(peerKey(id)).Build())
	fields, err := answers[0].ToArray()
	if err != nil {
		return MemberStatus{}, err
	}
	life, err := answers[1].AsInt64()
	m, ok := field(fields[0])
	if err != nil || !ok || fields[1].IsNil() {
		return MemberStatus{}, cmp.Or(err, ErrNotMember)
	}
	out := MemberStatus{PeerID: id, Mode: mode, SilentFor: (v.timeout - time.Duration(life)*time.Millisecond).Seconds(), Addresses: m.Addresses}
	var a about
	if text, err := fields[3].ToString(); err == nil && json.Unmarshal([]byte(text), &a) == nil {
		out.Role = a.Traits.role()
	}
	if text, err := fields[2].ToString(); err == nil {
		out.Stats = &StreamStats{}
		if json.Unmarshal([]byte(text), out.Stats) != nil {
			out.Stats = nil
		}
	}
	return out, nil
}
