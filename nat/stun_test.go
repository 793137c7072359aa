package nat

import (
	"context"
	"encoding/hex"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/stun/v3"
)

// RFC 5769, 2.2 and 2.3: sample responses of a server that sees 192.0.2.1 and 2001:db8:1234:5678:11:2233:4455:6677, both
// at port 32853.
const (
	sampleIPv4 = `0101003c 2112a442 b7e7a701 bc34d686 fa87dfae 8022000b 74657374 20766563 746f7220
		00200008 0001a147 e112a643 00080014 2b91f599 fd9e90c3 8c7489f9 2af9ba53 f06be7d7 80280004 c07d4c96`
	sampleIPv6 = `01010048 2112a442 b7e7a701 bc34d686 fa87dfae 8022000b 74657374 20766563 746f7220
		00200014 0002a147 0113a9fa a5d3f179 bc25f4b5 bed2b9d9
		00080014 a382954e 4be67bf1 1784c97c 8292c275 bfe3ed41 80280004 c8fb0b4c`
)

func sample(s string) []byte {
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		panic(err)
	}
	return b
}

func TestParseAnswerOfRFC5769(t *testing.T) {
	for _, c := range []struct{ message, want string }{
		{sampleIPv4, "192.0.2.1:32853"},
		{sampleIPv6, "[2001:db8:1234:5678:11:2233:4455:6677]:32853"},
	} {
		got, ok := parseAnswer(sample(c.message))
		if !ok || got.err != nil || got.seen != addr(c.want) {
			t.Errorf("parseAnswer = %v, %v; want %s", got, ok, c.want)
		}
	}
}

// RFC 8489, 14.7: FINGERPRINT tells STUN from other protocols; a wrong one means that the message is damaged.
func TestParseAnswerDropsDamaged(t *testing.T) {
	fingerprint := len(sample(sampleIPv4)) - 8 // its own type is all that it cannot protect
	for i := range sample(sampleIPv4) {
		if i == fingerprint || i == fingerprint+1 {
			continue
		}
		b := sample(sampleIPv4)
		b[i] ^= 0x10
		if got, ok := parseAnswer(b); ok && got.err == nil {
			t.Errorf("with byte %d changed the answer counts: %v", i, got.seen)
		}
	}
}

// message builds a Binding response, or what the setters make of it.
func message(setters ...stun.Setter) []byte {
	m, err := stun.Build(append([]stun.Setter{stun.TransactionID, stun.BindingSuccess}, setters...)...)
	if err != nil {
		panic(err)
	}
	return m.Raw
}

func xor(a string) stun.Setter {
	p := addr(a)
	return &stun.XORMappedAddress{IP: p.Addr().AsSlice(), Port: int(p.Port())}
}

func TestParseAnswer(t *testing.T) {
	old := &stun.MappedAddress{IP: []byte{203, 0, 113, 9}, Port: 4000}
	for name, c := range map[string]struct {
		message []byte
		seen    string // "" = none
		ok      bool
		err     string
	}{
		"xor":               {message(xor("203.0.113.9:4000")), "203.0.113.9:4000", true, ""},
		"before RFC 5389":   {message(old), "203.0.113.9:4000", true, ""},
		"xor wins":          {message(old, xor("203.0.113.8:5000")), "203.0.113.8:5000", true, ""},
		"empty":             {message(), "", true, "no address"},
		"port 0":            {message(xor("203.0.113.9:0")), "", true, "cannot be ours"},
		"unspecified":       {message(xor("0.0.0.0:4000")), "", true, "cannot be ours"},
		"multicast":         {message(xor("239.1.2.3:4000")), "", true, "cannot be ours"},
		"broadcast":         {message(xor("255.255.255.255:4000")), "", true, "cannot be ours"},
		"short address":     {message(stun.RawAttribute{Type: stun.AttrXORMappedAddress, Value: []byte{0, 1, 9, 9, 1}}), "", true, "no address"},
		"family for length": {message(stun.RawAttribute{Type: stun.AttrXORMappedAddress, Value: []byte{0, 2, 9, 9, 1, 2, 3, 4}}), "", true, "no address"},
		// RFC 8489, 6.3.3: "If the success response contains unknown comprehension-required attributes, the response is
		// discarded and the transaction is considered to have failed."
		"unknown required":   {message(xor("203.0.113.9:4000"), stun.RawAttribute{Type: 0x7abc, Value: []byte("1234")}), "", true, "0x7abc"},
		"unknown optional":   {message(xor("203.0.113.9:4000"), stun.RawAttribute{Type: 0xfabc, Value: []byte("1234")}), "203.0.113.9:4000", true, ""},
		"error":              {message(stun.BindingError, stun.CodeServerError), "", true, "error 500"},
		"error without code": {message(stun.BindingError), "", false, ""},
		"request":            {message(stun.BindingRequest), "", false, ""},
		"indication":         {message(stun.NewType(stun.MethodBinding, stun.ClassIndication), xor("203.0.113.9:4000")), "", false, ""},
		"other method":       {message(stun.NewType(stun.MethodAllocate, stun.ClassSuccessResponse), xor("203.0.113.9:4000")), "", false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := parseAnswer(c.message)
			if ok != c.ok {
				t.Fatalf("ok = %v, want %v", ok, c.ok)
			}
			if c.seen != "" && got.seen != addr(c.seen) || c.seen == "" && got.seen.IsValid() {
				t.Errorf("seen = %v, want %q", got.seen, c.seen)
			}
			if c.err == "" && got.err != nil || c.err != "" && (got.err == nil || !strings.Contains(got.err.Error(), c.err)) {
				t.Errorf("err = %v, want %q", got.err, c.err)
			}
		})
	}
}

func TestIsSTUN(t *testing.T) {
	for name, c := range map[string]struct {
		b    []byte
		want bool
	}{
		"answer":              {sample(sampleIPv4), true},
		"header alone":        {sample(sampleIPv4)[:20], true},
		"short":               {sample(sampleIPv4)[:19], false},
		"empty":               {nil, false},
		"PPSPP keep-alive":    {[]byte{1, 2, 3, 4}, false},
		"PPSPP handshake":     {append([]byte{0, 0, 0, 0, 0, 0x21, 0x12, 0xa4}, make([]byte, 30)...), false},
		"PPSPP data":          {append([]byte{0x21, 0x12, 0xa4, 0x42, 1}, make([]byte, 1041)...), false},
		"first bits not zero": {append([]byte{0x41}, sample(sampleIPv4)[1:]...), false},
	} {
		if got := IsSTUN(c.b); got != c.want {
			t.Errorf("%s: IsSTUN = %v", name, got)
		}
	}
}

// stunServer answers in memory, at the speed of a call; it stands for the network behind Send.
type stunServer struct {
	tr    *Traversal
	at    netip.AddrPort                            // where it is
	reply func(n int, request *stun.Message) []byte // to its n-th request from 0 on; nil = silence
	from  netip.AddrPort                            // where its answers come from, when not from at
	sent  []time.Time
}

func (s *stunServer) send(b []byte, to netip.AddrPort) error {
	if to != s.at {
		return errors.New("network is unreachable")
	}
	s.sent = append(s.sent, time.Now())
	var m stun.Message
	if err := stun.Decode(b, &m); err != nil || m.Type != stun.BindingRequest {
		return errors.New("not a Binding request")
	}
	from := s.from
	if !from.IsValid() {
		from = s.at
	}
	if answer := s.reply(len(s.sent)-1, &m); answer != nil {
		s.tr.HandleSTUN(answer, from)
	}
	return nil
}

// sees answers a request rightly.
func sees(request *stun.Message, a string) []byte {
	m, err := stun.Build(request, stun.BindingSuccess, xor(a), stun.Fingerprint)
	if err != nil {
		panic(err)
	}
	return m.Raw
}

func TestAskRetransmits(t *testing.T) {
	// RFC 8489, 6.2.1: "A client SHOULD retransmit a STUN request message starting with an interval of RTO ("Retransmission
	// TimeOut"), doubling after each retransmission."
	schedule := []time.Duration{0, 500 * time.Millisecond, 1500 * time.Millisecond}
	for answered := range 4 {
		synctest.Test(t, func(t *testing.T) {
			tr := newTraversal(t, Config{})
			server := &stunServer{tr: tr, at: addr("203.0.113.2:3478"), reply: func(n int, request *stun.Message) []byte {
				if n < answered {
					return nil
				}
				return sees(request, "203.0.113.11:4000")
			}}
			start := time.Now()
			a, err := tr.stun.ask(t.Context(), server.send, server.at, netip.AddrPort{})
			var sent []time.Duration
			for _, at := range server.sent {
				sent = append(sent, at.Sub(start))
			}
			if want := schedule[:min(answered+1, 3)]; !slices.Equal(sent, want) {
				t.Errorf("sent at %v, want %v", sent, want)
			}
			if answered < 3 && (err != nil || a.seen != addr("203.0.113.11:4000")) {
				t.Errorf("ask = %v, %v", a.seen, err)
			}
			if answered == 3 && (!errors.Is(err, errNoAnswer) || time.Since(start) > 5*time.Second) {
				t.Errorf("ask = %v after %v, want no answer within 5 s", err, time.Since(start))
			}
			if len(tr.stun.open) != 0 {
				t.Errorf("%d transactions stay open", len(tr.stun.open))
			}
		})
	}
}

func TestAskBelievesOnlyTheServerAsked(t *testing.T) {
	other := func(id byte) func(int, *stun.Message) []byte {
		return func(_ int, request *stun.Message) []byte {
			forged := *request
			forged.TransactionID[11] ^= id
			return sees(&forged, "198.51.100.66:666")
		}
	}
	for name, c := range map[string]struct {
		from  string
		reply func(int, *stun.Message) []byte
		want  bool
	}{
		"the server":         {"203.0.113.2:3478", other(0), true},
		"mapped into IPv6":   {"[::ffff:203.0.113.2]:3478", other(0), true},
		"another host":       {"203.0.113.3:3478", other(0), false},
		"another port":       {"203.0.113.2:3479", other(0), false},
		"other transaction":  {"203.0.113.2:3478", other(1), false},
		"longer than we ask": {"203.0.113.2:3478", func(n int, r *stun.Message) []byte { return append(other(0)(n, r), make([]byte, maxSTUN)...) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := newTraversal(t, Config{})
				server := &stunServer{tr: tr, at: addr("203.0.113.2:3478"), from: addr(c.from), reply: c.reply}
				if _, err := tr.stun.ask(t.Context(), server.send, server.at, netip.AddrPort{}); (err == nil) != c.want {
					t.Errorf("ask: %v", err)
				}
			})
		})
	}
}

func TestAskEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTraversal(t, Config{})
		server := &stunServer{tr: tr, at: addr("203.0.113.2:3478"), reply: func(int, *stun.Message) []byte { return nil }}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		start := time.Now()
		if _, err := tr.stun.ask(ctx, server.send, server.at, netip.AddrPort{}); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 100*time.Millisecond {
			t.Errorf("ask = %v after %v", err, time.Since(start))
		}
	})
}

func TestHandleDuplicates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTraversal(t, Config{})
		server := &stunServer{tr: tr, at: addr("203.0.113.2:3478")}
		server.reply = func(_ int, request *stun.Message) []byte {
			for range 100 {
				tr.HandleSTUN(sees(request, "203.0.113.11:4000"), server.at)
			}
			return nil
		}
		if a, err := tr.stun.ask(t.Context(), server.send, server.at, netip.AddrPort{}); err != nil || a.seen != addr("203.0.113.11:4000") {
			t.Errorf("ask = %v, %v", a.seen, err)
		}
	})
}

func FuzzParseAnswer(f *testing.F) {
	f.Add(sample(sampleIPv4))
	f.Add(sample(sampleIPv6))
	f.Add(message(stun.BindingError, stun.CodeServerError))
	f.Add(message(&stun.MappedAddress{IP: []byte{203, 0, 113, 9}, Port: 4000}, &stun.OtherAddress{IP: []byte{203, 0, 113, 3}, Port: 3479}))
	f.Fuzz(func(t *testing.T, b []byte) {
		var s transactions
		s.handle(b, addr("203.0.113.2:3478")) // nothing is open
		got, ok := parseAnswer(b)
		if !ok {
			return
		}
		if got.seen.IsValid() == (got.err != nil) {
			t.Fatalf("an answer has an address or an error, got %v and %v", got.seen, got.err)
		}
		if got.err != nil && len([]rune(got.err.Error())) > maxPlain+120 {
			t.Fatalf("error of %d characters", len(got.err.Error()))
		}
		for _, at := range []netip.AddrPort{got.seen, got.other} {
			if a := at.Addr(); at.IsValid() && (a.IsUnspecified() || a.IsMulticast() || a.Is4In6() || at.Port() == 0) {
				t.Fatalf("impossible address %v", at)
			}
		}
	})
}
