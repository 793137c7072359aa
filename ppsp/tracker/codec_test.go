package tracker

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

// What the request examples of RFC 7846, 4.1 say.
var exampleRequests = map[string]*Request{
	"connect_seeder": {
		Version: 1, Type: TypeConnect, TransactionID: "12345", PeerID: "656164657220",
		Connect: &Connect{
			Addresses: List[Address]{wired(address("192.0.2.2:80", Host, 1), "45645")},
			Actions:   List[SwarmAction]{{"1111", ActionJoin, Seeder}, {"2222", ActionJoin, Seeder}},
		},
	},
	"connect_leech": {
		Version: 1, Type: TypeConnect, TransactionID: "12345.0", PeerID: "656164657221",
		Connect: &Connect{
			PeerNum: examplePeerNum(),
			Addresses: List[Address]{wired(address("192.0.2.2:80", Host, 1), "3256546"), {
				AddrPort: address("[2001:db8::2]:80", "", 0).AddrPort, Type: Host, Priority: 2,
				Connection: "wireless", ASN: "34563456", Protocol: "PPSP-PP",
			}},
			Actions: List[SwarmAction]{{"1111", ActionJoin, Leech}},
		},
	},
	"connect_switch": {
		Version: 1, Type: TypeConnect, TransactionID: "12345", PeerID: "656164657221",
		Connect: &Connect{
			PeerNum: examplePeerNum(),
			Actions: List[SwarmAction]{{"1111", ActionLeave, Leech}, {"2222", ActionJoin, Leech}},
		},
	},
	"find": {
		Version: 1, Type: TypeFind, TransactionID: "12345", PeerID: "656164657221",
		Find: &Find{SwarmID: "1111", PeerNum: examplePeerNum()},
	},
	"stat_report": {
		Version: 1, Type: TypeStatReport, TransactionID: "12345", PeerID: "656164657221",
		StatReport: &StatReport{Type: StreamStatsType, Stats: List[StreamStats]{{SwarmID: "1111", UploadedBytes: 512, DownloadedBytes: 768, AvailableBandwidth: 1024000, ConcurrentLinks: 5}}},
	},
}

// What the response examples say.
var exampleResponses = map[string]*Response{
	"connect_response": {
		Version: 1, TransactionID: "12345",
		PeerAddress: &Address{AddrPort: address("198.51.100.1:80", "", 0).AddrPort, Priority: 1, ASN: "64496"},
		Results: List[SwarmResult]{{SwarmID: "2222", PeerGroup: &PeerGroup{Peers: []Peer{
			{"956264622298", []Address{ppspp(wired(address("198.51.100.22:80", Reflexive, 2), "64496"))}, ""},
			{"3332001256741", []Address{ppspp(wired(address("198.51.100.201:80", Reflexive, 2), "64496"))}, ""},
		}}}},
	},
	"find_response": {
		Version: 1, TransactionID: "12345",
		Results: List[SwarmResult]{{SwarmID: "1111", PeerGroup: &PeerGroup{Peers: []Peer{
			{"656164657221", []Address{wireless(address("198.51.100.1:80", Reflexive, 1), "64496")}, ""},
			{"956264622298", []Address{wireless(address("198.51.100.22:80", Reflexive, 1), "64496")}, ""},
			{"3332001256741", []Address{wireless(address("198.51.100.201:80", Reflexive, 1), "64496")}, ""},
		}}}},
	},
	"stat_report_response": {
		Version: 1, TransactionID: "12345", Results: List[SwarmResult]{{SwarmID: "1111"}},
	},
}

func examplePeerNum() *PeerNum {
	return &PeerNum{PeerCount: 5, AbilityNAT: "STUN", ConcurrentLinks: 5, OnlineTime: 200, UploadBandwidth: 600}
}

func wired(a Address, asn string) Address    { a.Connection, a.ASN = "wired", asn; return a }
func wireless(a Address, asn string) Address { a.Connection, a.ASN = "wireless", asn; return a }
func ppspp(a Address) Address                { a.Protocol = PeerProtocol; return a }

func TestExamplesOfTheRFCDecode(t *testing.T) {
	for name, want := range exampleRequests {
		got, err := DecodeRequest(example(t, name))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %+v, %v\nwant %+v", name, got, err, want)
		}
	}
	for name, want := range exampleResponses {
		got, err := DecodeResponse(example(t, name))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %+v, %v\nwant %+v", name, got, err, want)
		}
	}
}

// Encoding keeps to the schema of RFC 7846, 3 where its examples do not: "connect", "find"
// and "stat_report" are objects (Table 5), what is <1..*> is an array, ppsp_tp_integer_t is
// a JSON number (3.1), and every address has its type (3.2.4).
func TestEncodingKeepsToTheSchema(t *testing.T) {
	const (
		peerNum = `"peer_num":{"peer_count":5,"ability_nat":"STUN","concurrent_links":5,"online_time":200,"upload_bandwidth":600}`
		host    = `{"ip_address":{"address_type":"ipv4","address":"192.0.2.2"},"port":80,"priority":1,"type":"HOST","connection":"wired","asn":`
		peer    = `{"ip_address":{"address_type":"ipv4","address":"198.51.100.`
	)
	for name, want := range map[string]string{
		"connect_seeder": `{"PPSPTrackerProtocol":{"version":1,"request_type":"CONNECT","transaction_id":"12345","peer_id":"656164657220","connect":{` +
			`"peer_addr":[` + host + `"45645"}],` +
			`"swarm_action":[{"swarm_id":"1111","action":"JOIN","peer_mode":"SEEDER"},{"swarm_id":"2222","action":"JOIN","peer_mode":"SEEDER"}]}}}`,
		"connect_leech": `{"PPSPTrackerProtocol":{"version":1,"request_type":"CONNECT","transaction_id":"12345.0","peer_id":"656164657221","connect":{` + peerNum +
			`,"peer_addr":[` + host + `"3256546"},` +
			`{"ip_address":{"address_type":"ipv6","address":"2001:db8::2"},"port":80,"priority":2,"type":"HOST","connection":"wireless","asn":"34563456","peer_protocol":"PPSP-PP"}],` +
			`"swarm_action":[{"swarm_id":"1111","action":"JOIN","peer_mode":"LEECH"}]}}}`,
		"find": `{"PPSPTrackerProtocol":{"version":1,"request_type":"FIND","transaction_id":"12345","peer_id":"656164657221","find":{"swarm_id":"1111",` + peerNum + `}}}`,
		"stat_report": `{"PPSPTrackerProtocol":{"version":1,"request_type":"STAT_REPORT","transaction_id":"12345","peer_id":"656164657221","stat_report":{"type":"STREAM_STATS",` +
			`"stat":[{"swarm_id":"1111","uploaded_bytes":512,"downloaded_bytes":768,"available_bandwidth":1024000,"concurrent_links":5}]}}}`,
	} {
		got, err := EncodeRequest(exampleRequests[name])
		if err != nil || string(got) != want {
			t.Errorf("%s: %v\n got %s\nwant %s", name, err, got, want)
		}
	}
	for name, want := range map[string]string{
		"connect_response": `{"PPSPTrackerProtocol":{"version":1,"response_type":0,"error_code":0,"transaction_id":"12345",` +
			`"peer_addr":` + peer + `1"},"port":80,"priority":1,"type":"HOST","asn":"64496"},` +
			`"swarm_result":[{"swarm_id":"2222","result":0,"peer_group":{"peer_info":[` +
			`{"peer_id":"956264622298","peer_addr":` + peer + `22"},"port":80,"priority":2,"type":"REFLEXIVE","connection":"wired","asn":"64496","peer_protocol":"PPSP-PP"}},` +
			`{"peer_id":"3332001256741","peer_addr":` + peer + `201"},"port":80,"priority":2,"type":"REFLEXIVE","connection":"wired","asn":"64496","peer_protocol":"PPSP-PP"}}]}}]}}`,
		"stat_report_response": `{"PPSPTrackerProtocol":{"version":1,"response_type":0,"error_code":0,"transaction_id":"12345","swarm_result":[{"swarm_id":"1111","result":0}]}}`,
	} {
		got, err := EncodeResponse(exampleResponses[name])
		if err != nil || string(got) != want {
			t.Errorf("%s: %v\n got %s\nwant %s", name, err, got, want)
		}
	}
}

func TestPeerOfSeveralAddressesIsListedOncePerAddress(t *testing.T) {
	in := &Response{TransactionID: "1", Results: List[SwarmResult]{{SwarmID: "1111", PeerGroup: &PeerGroup{Peers: []Peer{
		{"p", []Address{address("192.0.2.1:1", Reflexive, 2), address("10.0.0.1:2", Host, 1)}, ""},
		{"q", []Address{address("[2001:db8::1]:3", Host, 1)}, ""},
	}}}}}
	b, err := EncodeResponse(in)
	if err != nil {
		t.Fatal(err)
	}
	// RFC 7846, 3.2.4: ppsp_tp_peer_info_t has one "ppsp_tp_peer_addr_t peer_addr".
	if n := strings.Count(string(b), `"peer_id":"p","peer_addr":{`); n != 2 {
		t.Errorf("peer p stands there %d times: %s", n, b)
	}
	out, err := DecodeResponse(b)
	if err != nil || !reflect.DeepEqual(out.Results, in.Results) {
		t.Errorf("came back as %+v, %v", out, err)
	}
}

func TestDecodeRequestLeniency(t *testing.T) {
	for name, body := range map[string]string{
		// RFC 7846, 4.4: "PPSTP implementations MUST ignore unknown members".
		"unknown members": `{"new":1,"PPSPTrackerProtocol":{"version":1,"later":[{}],"request_type":"FIND","transaction_id":"1","peer_id":"p","find":{"swarm_id":"1111","x":{}}}}`,
		"numbers as text": `{"PPSPTrackerProtocol":{"version":"1","request_type":"FIND","transaction_id":"1","peer_id":"p","find":{"swarm_id":"1111"}}}`,
		"members of find beside it are second to it": `{"PPSPTrackerProtocol":{"version":1,"request_type":"FIND","transaction_id":"1","peer_id":"p","swarm_id":"2222","find":{"swarm_id":"1111"}}}`,
		"null is absent":  `{"PPSPTrackerProtocol":{"version":1,"request_type":"FIND","transaction_id":"1","peer_id":"p","connect":null,"find":{"swarm_id":"1111","peer_num":null}}}`,
		"any white space": "\r\n\t {\"PPSPTrackerProtocol\" :\n{\"version\":1,\"request_type\":\"FIND\",\"transaction_id\":\"1\",\"peer_id\":\"p\",\"find\": \t{\"swarm_id\":\"1111\"}}}\n",
	} {
		got, err := DecodeRequest([]byte(body))
		want := &Request{Version: 1, Type: TypeFind, TransactionID: "1", PeerID: "p", Find: &Find{SwarmID: "1111"}}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

// body returns a request with the given members after the transaction ID.
func body(members string) string {
	return `{"PPSPTrackerProtocol":{"version":1,"transaction_id":"t1","peer_id":"p",` + members + `}}`
}

func TestDecodeRequestRefuses(t *testing.T) {
	connect := func(inside string) string { return body(`"request_type":"CONNECT","connect":{` + inside + `}`) }
	action := `"swarm_action":{"swarm_id":"1","action":"JOIN","peer_mode":"LEECH"}`
	long := strings.Repeat("a", 2000)
	for _, c := range []struct {
		name, body string
		code       ErrorCode
		id         string // transaction ID that comes along
		reason     string
	}{
		{"empty", "", BadRequest, "", "unexpected end"},
		{"not JSON", "CONNECT", BadRequest, "", "invalid character"},
		{"not an object", "[]", BadRequest, "", "array"},
		{"no root", `{"version":1}`, BadRequest, "", "no PPSPTrackerProtocol"},
		{"root is null", `{"PPSPTrackerProtocol":null}`, BadRequest, "", "transaction_id"},
		{"root is text", `{"PPSPTrackerProtocol":"x"}`, BadRequest, "", "string"},
		{"two documents", body(`"request_type":"FIND","swarm_id":"1"`) + "{}", BadRequest, "", "after top-level"},
		{"no transaction ID", `{"PPSPTrackerProtocol":{"version":1}}`, BadRequest, "", "transaction_id is missing"},
		{"long transaction ID", `{"PPSPTrackerProtocol":{"version":1,"transaction_id":"` + long + `"}}`, BadRequest, "", "more than 128"},
		{"no version", `{"PPSPTrackerProtocol":{"transaction_id":"t1"}}`, BadRequest, "t1", "version is missing"},
		{"version 0 is reserved", `{"PPSPTrackerProtocol":{"version":0,"transaction_id":"t1"}}`, BadRequest, "t1", "version is missing"},
		// RFC 7846, 4.3: "If the version number of the protocol is for a version the receiver
		// does not support, the receiver MUST respond with a 02".
		{"version 2", `{"PPSPTrackerProtocol":{"version":2,"transaction_id":"t1","request_type":7}}`, UnsupportedVersion, "t1", "version 2"},
		{"no peer ID", `{"PPSPTrackerProtocol":{"version":1,"transaction_id":"t1","request_type":"STAT_REPORT"}}`, BadRequest, "t1", "peer_id is missing"},
		{"control character in an ID", `{"PPSPTrackerProtocol":{"version":1,"transaction_id":"t1","peer_id":"a\nb","request_type":"STAT_REPORT"}}`, BadRequest, "t1", "control"},
		{"no type", body(`"x":1`), BadRequest, "t1", "request_type"},
		// RFC 7846, 7.2: "Method names are case sensitive in PPSTP."
		{"type in small letters", body(`"request_type":"find","swarm_id":"1"`), BadRequest, "t1", "request_type"},
		{"CONNECT with the body of FIND", body(`"request_type":"CONNECT","find":{"swarm_id":"1"}`), BadRequest, "t1", "no connect"},
		{"FIND without a body", body(`"request_type":"FIND"`), BadRequest, "t1", "no find"},
		{"FIND without a swarm", body(`"request_type":"FIND","find":{}`), BadRequest, "t1", "swarm_id is missing"},
		{"FIND of a long swarm ID", body(`"request_type":"FIND","find":{"swarm_id":"` + long + `"}`), BadRequest, "t1", "more than 1200"},
		{"negative peer_count", body(`"request_type":"FIND","find":{"swarm_id":"1","peer_num":{"peer_count":-1}}`), BadRequest, "t1", "negative"},
		{"fraction", body(`"request_type":"FIND","find":{"swarm_id":"1","peer_num":{"peer_count":1.5}}`), BadRequest, "t1", "not an integer"},
		{"NAT ability", body(`"request_type":"FIND","find":{"swarm_id":"1","peer_num":{"peer_count":1,"ability_nat":"ICE"}}`), BadRequest, "t1", "ability_nat"},
		{"no actions", connect(`"peer_addr":[]`), BadRequest, "t1", "0 swarm actions"},
		{"too many actions", connect(`"swarm_action":[` + strings.TrimSuffix(strings.Repeat(`{"swarm_id":"1","action":"JOIN","peer_mode":"LEECH"},`, MaxActions+1), ",") + `]`), BadRequest, "t1", "33 swarm actions"},
		{"action", connect(`"swarm_action":{"swarm_id":"1","action":"STAY","peer_mode":"LEECH"}`), BadRequest, "t1", "action"},
		{"mode", connect(`"swarm_action":{"swarm_id":"1","action":"JOIN","peer_mode":"LEECHER"}`), BadRequest, "t1", "peer_mode"},
		{"address is a name", connect(action + `,"peer_addr":{"ip_address":{"address_type":"ipv4","address":"example.com"},"port":1,"priority":1,"type":"HOST"}`), BadRequest, "t1", "no IP address"},
		{"address of another family", connect(action + `,"peer_addr":{"ip_address":{"address_type":"ipv6","address":"192.0.2.1"},"port":1,"priority":1,"type":"HOST"}`), BadRequest, "t1", "no IP address"},
		{"port", connect(action + `,"peer_addr":{"ip_address":{"address_type":"ipv4","address":"192.0.2.1"},"port":65536,"priority":1,"type":"HOST"}`), BadRequest, "t1", "no IP address"},
		{"address type", connect(action + `,"peer_addr":{"ip_address":{"address_type":"ipv4","address":"192.0.2.1"},"port":1,"priority":1,"type":"RELAY"}`), BadRequest, "t1", "address type"},
		{"connection", connect(action + `,"peer_addr":{"ip_address":{"address_type":"ipv4","address":"192.0.2.1"},"port":1,"priority":1,"type":"HOST","connection":"avian"}`), BadRequest, "t1", "connection"},
		{"long ASN", connect(action + `,"peer_addr":{"ip_address":{"address_type":"ipv4","address":"192.0.2.1"},"port":1,"priority":1,"type":"HOST","asn":"` + long + `"}`), BadRequest, "t1", "asn"},
		{"negative statistic", body(`"request_type":"STAT_REPORT","stat_report":{"type":"STREAM_STATS","stat":{"swarm_id":"1","uploaded_bytes":-1}}`), BadRequest, "t1", "negative"},
		{"statistic without a swarm", body(`"request_type":"STAT_REPORT","stat_report":{"stat":{"uploaded_bytes":1}}`), BadRequest, "t1", "swarm_id"},
		{"too many statistics", body(`"request_type":"STAT_REPORT","stat_report":{"stat":[` + strings.TrimSuffix(strings.Repeat(`{"swarm_id":"1"},`, MaxStats+1), ",") + `]}`), BadRequest, "t1", "65 statistics"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := DecodeRequest([]byte(c.body))
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %+v, %v, want an *Error", r, err)
			}
			if e.Code != c.code || !strings.Contains(e.Reason, c.reason) {
				t.Errorf("got %v, want %v with %q", e, c.code, c.reason)
			}
			if want := (&Request{TransactionID: c.id}); !reflect.DeepEqual(r, want) {
				t.Errorf("beside the error: %+v, want %+v", r, want)
			}
		})
	}
}

func TestStatisticsOfALaterExtensionAreNoError(t *testing.T) {
	r, err := DecodeRequest([]byte(body(`"request_type":"STAT_REPORT","stat_report":{"type":"REPUTATION","stat":[{"karma":-1}]}`)))
	if err != nil || r.StatReport.known() {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestDecodeResponseRefuses(t *testing.T) {
	for name, body := range map[string]string{
		"a web page":        "<html>",
		"a request's root":  `{"x":{}}`,
		"no transaction ID": `{"PPSPTrackerProtocol":{"version":1,"response_type":0}}`,
		"version":           `{"PPSPTrackerProtocol":{"version":2,"transaction_id":"1","response_type":0}}`,
		"response type":     `{"PPSPTrackerProtocol":{"version":1,"transaction_id":"1","response_type":2}}`,
		"error code":        `{"PPSPTrackerProtocol":{"version":1,"transaction_id":"1","response_type":1,"error_code":256}}`,
		"peers":             `{"PPSPTrackerProtocol":{"version":1,"transaction_id":"1","response_type":0,"swarm_result":[{"peer_group":{"peer_info":7}}]}}`,
	} {
		if r, err := DecodeResponse([]byte(body)); err == nil {
			t.Errorf("%s: accepted as %+v", name, r)
		}
	}
}

func TestOneBadAddressDoesNotSpoilAList(t *testing.T) {
	r, err := DecodeResponse([]byte(`{"PPSPTrackerProtocol":{"version":1,"transaction_id":"1","response_type":0,"swarm_result":{"swarm_id":"1","result":0,"peer_group":{"peer_info":[
		{"peer_id":"a","peer_addr":{"ip_address":{"address_type":"onion","address":"abc.onion"},"port":1}},
		{"peer_id":"b","peer_addr":[{"ip_address":{"address":"0.0.0.0"},"port":1},{"ip_address":{"address":"192.0.2.1"},"port":"5"}]},
		{"peer_id":"c"}]}}}}`))
	want := []Peer{{"b", []Address{address("192.0.2.1:5", "", 0)}, ""}}
	if err != nil || !reflect.DeepEqual(r.Results[0].PeerGroup.Peers, want) {
		t.Errorf("got %+v, %v", r, err)
	}
}

// What a client writes is read by the fast way.
func TestRequestsOfAClientArePlain(t *testing.T) {
	for name, r := range exampleRequests {
		b, err := EncodeRequest(r)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := scanRequest(string(b)); !ok || !reflect.DeepEqual(got, r) {
			t.Errorf("%s: %v, %+v\nwant %+v", name, ok, got, r)
		}
	}
}

func BenchmarkDecodeRequest(b *testing.B) {
	for name, r := range exampleRequests {
		body, err := EncodeRequest(r)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := DecodeRequest(body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEncodeResponse(b *testing.B) {
	b.ReportAllocs()
	buffer := make([]byte, 0, 4096)
	for b.Loop() {
		buffer = appendResponse(buffer[:0], exampleResponses["find_response"])
	}
}
