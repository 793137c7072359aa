// Package tracker is the tracker protocol PPSTP (RFC 7846): peers tell a tracker which
// swarms they are in and get to know each other through it.
//
// One set of message types serves the client and the server. Encoding keeps to the schema
// of RFC 7846, 3; decoding also takes what the RFC's own examples write otherwise (one
// object for an array of one, numbers as strings, "Stat", FIND without its "find" object)
// and ignores unknown members (4.4).
//
//	Announcer ── keeps one swarm membership alive ──> Client ── HTTP POST ──> Server ──> Registry
package tracker

import "github.com/swarmgate/swarmgate/ppsp"

// MediaType is the Content-Type of all requests and responses (RFC 7846, 4).
const MediaType = "application/ppsp-tracker+json"

// Version is the only protocol version there is (RFC 7846, 3.2.1).
const Version = 1

// Bounds of messages. The server answers 01 (Bad Request) beyond them.
const (
	MaxRequest       = 64 << 10            // bytes of a request's body
	MaxResponse      = 4 << 20             // bytes of a response's body; the fullest one has about 3 MB
	MaxTransactionID = 128                 // bytes
	MaxPeerID        = 128                 // bytes
	MaxSwarmIDText   = 2 * ppsp.MaxSwarmID // bytes, hexadecimal
	MaxActions       = 32                  // swarm actions in a CONNECT
	MaxStats         = 64                  // statistics in a STAT_REPORT
	MaxAddresses     = 8                   // addresses of one peer; the server keeps the best
	MaxPeers         = 29                  // peers in one list ("less than 30", RFC 7846, 3.2.2)
)

// RequestType names what a peer wants (RFC 7846, 3.3.1).
type RequestType string

// The registered request types (RFC 7846, Table 8).
const (
	TypeConnect    RequestType = "CONNECT"
	TypeFind       RequestType = "FIND"
	TypeStatReport RequestType = "STAT_REPORT"
)

// Mode is how a peer takes part in a swarm (RFC 7846, 3.2.3).
type Mode string

// The two modes. A publisher of a live stream is a Seeder: it downloads nothing.
const (
	Seeder Mode = "SEEDER"
	Leech  Mode = "LEECH"
)

// ActionType says what a peer does with a swarm (RFC 7846, 3.2.3).
type ActionType string

// The two actions.
const (
	ActionJoin  ActionType = "JOIN"
	ActionLeave ActionType = "LEAVE"
)

// Request is a request element (RFC 7846, 3.3.3). The member that belongs to Type is set
// (Table 5); a STAT_REPORT without StatReport only resets the track timer (4.1.3).
type Request struct {
	Version       Number      `json:"version"`
	Type          RequestType `json:"request_type"`
	TransactionID string      `json:"transaction_id"`
	PeerID        string      `json:"peer_id"`
	Connect       *Connect    `json:"connect,omitempty"`
	Find          *Find       `json:"find,omitempty"`
	StatReport    *StatReport `json:"stat_report,omitempty"`
}

// Connect is the body of a CONNECT (RFC 7846, 3.3.3).
type Connect struct {
	PeerNum   *PeerNum          `json:"peer_num,omitempty"`
	Addresses List[Address]     `json:"peer_addr,omitempty"`
	Actions   List[SwarmAction] `json:"swarm_action"`
}

// Find is the body of a FIND (RFC 7846, 3.3.3).
type Find struct {
	SwarmID string   `json:"swarm_id"`
	PeerNum *PeerNum `json:"peer_num,omitempty"`
}

// PeerNum says how many peers are wanted and what the asker is like (RFC 7846, 3.2.2).
type PeerNum struct {
	PeerCount       Number `json:"peer_count"`                 // at most MaxPeers
	AbilityNAT      string `json:"ability_nat,omitempty"`      // "NO_NAT", "STUN" or "TURN"
	ConcurrentLinks Number `json:"concurrent_links,omitempty"` // peer connections now
	OnlineTime      Number `json:"online_time,omitempty"`      // seconds
	UploadBandwidth Number `json:"upload_bandwidth,omitempty"` // kbit/s

	// Role is an extension member (RFC 7846, 7.1): Edge, or empty. Trackers heed it of peers that
	// prove who they are.
	Role Role `json:"peer_role,omitempty"`
}

// SwarmAction joins or leaves one swarm (RFC 7846, 3.2.3).
type SwarmAction struct {
	SwarmID string     `json:"swarm_id"`
	Action  ActionType `json:"action"`
	Mode    Mode       `json:"peer_mode"`
}

// Join returns the action that joins the swarm, or renews the membership.
func Join(swarm ppsp.SwarmID, mode Mode) SwarmAction {
	return SwarmAction{SwarmID: swarm.String(), Action: ActionJoin, Mode: mode}
}

// Leave returns the action that leaves the swarm. RFC 7846, 4.1.1: "it should set action
// type to LEAVE, regardless of the peer mode", yet the schema wants one.
func Leave(swarm ppsp.SwarmID) SwarmAction {
	return SwarmAction{SwarmID: swarm.String(), Action: ActionLeave, Mode: Leech}
}

// StatReport is the body of a STAT_REPORT (RFC 7846, 3.2.5).
type StatReport struct {
	Type  string            `json:"type"` // StreamStatsType
	Stats List[StreamStats] `json:"stat"`
}

// StreamStatsType is the only type of statistics defined (RFC 7846, 3.2.5).
const StreamStatsType = "STREAM_STATS"

// StreamStats is what a peer tells of its part in one swarm (RFC 7846, Table 4).
type StreamStats struct {
	SwarmID            string `json:"swarm_id"`
	UploadedBytes      Number `json:"uploaded_bytes"`
	DownloadedBytes    Number `json:"downloaded_bytes"`
	AvailableBandwidth Number `json:"available_bandwidth"` // upload, bit/s
	ConcurrentLinks    Number `json:"concurrent_links"`

	// Extension members (RFC 7846, 3.2.5 and 7.1), each left out when not known.
	Connection string `json:"connection,omitempty"`  // "wired" or "wireless"
	Power      string `json:"power,omitempty"`       // "mains" or "battery"
	ChunksHeld string `json:"chunks_held,omitempty"` // ranges such as "0-99,120-1023", see HeldRanges
	ChunksLate Number `json:"chunks_late,omitempty"` // that came after they were to be played, or never
}

// Response is a response element (RFC 7846, 3.3.4).
type Response struct {
	Version       Number            `json:"version"`
	ResponseType  Number            `json:"response_type"` // Successful or Failed
	ErrorCode     ErrorCode         `json:"error_code"`
	TransactionID string            `json:"transaction_id"`
	PeerAddress   *Address          `json:"peer_addr,omitempty"` // the asker's, as the tracker sees it
	Results       List[SwarmResult] `json:"swarm_result,omitempty"`

	// TrackTimeout is the track timer in seconds (RFC 7846, 2.3), 0 when not told: an
	// extension member (7.1), so that peers report neither too seldom nor too often.
	TrackTimeout Number `json:"track_timeout,omitempty"`
}

// The response types and results (RFC 7846, 3.3.2 and Table 7).
const (
	Successful Number = 0
	Failed     Number = 1
)

// SwarmResult is the outcome of one swarm action (RFC 7846, 3.3.4).
type SwarmResult struct {
	SwarmID   string     `json:"swarm_id"`
	Result    Number     `json:"result"` // Successful or Failed
	PeerGroup *PeerGroup `json:"peer_group,omitempty"`
}
