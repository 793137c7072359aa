package tracker

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/netip"
	"reflect"
	"testing"
)

func addExamples(f *testing.F, names ...string) {
	for _, name := range names {
		f.Add(example(f, name))
	}
	f.Add([]byte(`{"PPSPTrackerProtocol":{"version":1,"transaction_id":"t","peer_id":"p","request_type":"STAT_REPORT","stat_report":{"type":"x","stat":[]}}}`))
	f.Add([]byte(`{"PPSPTrackerProtocol":{"version":"2","transaction_id":"t","response_type":"1","error_code":"06"}}`))
	f.Add([]byte(`{"PPSPTrackerProtocol":[{"swarm_result":null}]}`))
}

// FuzzDecodeRequest holds that what is accepted is within the bounds and survives encoding,
// that what is refused has an answer, and that a server answers it.
func FuzzDecodeRequest(f *testing.F) {
	addExamples(f, "connect_seeder", "connect_leech", "connect_switch", "find", "stat_report")
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := DecodeRequest(b)
		slow, slowErr := decodeLeniently(b)
		if !reflect.DeepEqual(r, slow) || (err == nil) != (slowErr == nil) {
			t.Fatalf("%+v, %v, but leniently %+v, %v", r, err, slow, slowErr)
		}
		if r == nil {
			t.Fatal("no request to answer to")
		}
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || (e.Code != BadRequest && e.Code != UnsupportedVersion) {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		if len(r.TransactionID) > MaxTransactionID || len(r.PeerID) > MaxPeerID {
			t.Fatalf("IDs out of bounds: %+v", r)
		}
		if c := r.Connect; c != nil && r.Type == TypeConnect && (len(c.Actions) == 0 || len(c.Actions) > MaxActions) {
			t.Fatalf("%d actions", len(c.Actions))
		}
		first, err := EncodeRequest(r)
		if err != nil {
			t.Fatal(err)
		}
		again, err := DecodeRequest(first)
		if err != nil {
			t.Fatalf("%s\nbecame %s\n%v", b, first, err)
		}
		second, err := EncodeRequest(again)
		if err != nil || !bytes.Equal(first, second) {
			t.Fatalf("%s\nbecame %s, %v", first, second, err)
		}
		response := NewServer(ServerConfig{}).answer(t.Context(), r, b, Address{})
		if response.TransactionID != r.TransactionID || (response.ResponseType == Successful) != (response.ErrorCode == NoError) {
			t.Fatalf("answered with %+v", response)
		}
	})
}

// FuzzDecodeResponse holds that what a client accepts lists only usable addresses within
// the bounds, and survives encoding.
func FuzzDecodeResponse(f *testing.F) {
	addExamples(f, "connect_response", "find_response", "stat_report_response")
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := DecodeResponse(b)
		if err != nil {
			if r != nil {
				t.Fatal("a response beside an error")
			}
			return
		}
		var client Client
		for _, result := range r.Results {
			answer := client.swarmAnswer(result, netip.Addr{}, func() []netip.Prefix { return nil })
			if len(answer.Peers) > MaxPeers {
				t.Fatalf("%d peers", len(answer.Peers))
			}
			for _, p := range answer.Peers {
				if len(p.Addresses) == 0 || len(p.Addresses) > MaxAddresses {
					t.Fatalf("%d addresses", len(p.Addresses))
				}
				for _, a := range p.Addresses {
					if !a.Usable() {
						t.Fatalf("unusable address %v", a)
					}
					if !public(a.Addr()) {
						t.Fatalf("private address %v of a tracker outside", a)
					}
				}
			}
		}
		if d := trackTimeout(r.TrackTimeout); d < 0 || d > maxTrackTimeout {
			t.Fatalf("track timeout %v", d)
		}
		first, err := EncodeResponse(r)
		if err != nil {
			t.Fatal(err)
		}
		r.Version = Version
		if by, err := json.Marshal(root[Response]{*r}); err != nil || !bytes.Equal(first, by) {
			t.Fatalf("%s\nencoding/json: %s, %v", first, by, err)
		}
		again, err := DecodeResponse(first)
		if err != nil {
			t.Fatalf("%s\nbecame %s\n%v", b, first, err)
		}
		second, err := EncodeResponse(again)
		if err != nil || !bytes.Equal(first, second) {
			t.Fatalf("%s\nbecame %s, %v", first, second, err)
		}
	})
}

// FuzzList holds that a list reads one element like an array of it.
func FuzzList(f *testing.F) {
	f.Add([]byte(`{"swarm_id":"1","action":"JOIN"}`))
	f.Add([]byte(` {"swarm_id":7}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var one, many List[SwarmAction]
		trimmed := bytes.TrimLeft(b, " \t\r\n")
		if len(trimmed) == 0 || trimmed[0] != '{' {
			return
		}
		errOne := one.UnmarshalJSON(b)
		errMany := many.UnmarshalJSON(append(append([]byte{'['}, b...), ']'))
		if errOne == nil && (errMany != nil || !reflect.DeepEqual(one, many)) {
			t.Fatalf("%s: %v, but as an array %v, %v", b, one, many, errMany)
		}
	})
}
