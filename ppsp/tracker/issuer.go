package tracker

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	certs "github.com/swarmgate/swarmgate/ppsp/member"
)

// CertificatePath is where a tracker that is a certification authority answers (RFC 7574, 12.2.2):
// a GET by a CertificateOffer, a POST of a CertificateRequest by a CertificateAnswer, all JSON.
const CertificatePath = "/certificate"

// CertificateOffer is what a tracker says of its authority.
type CertificateOffer struct {
	Authority string `json:"authority"` // its public key, see member.AuthorityKey
	// StunPort is where STUN requests get proofs, on the tracker's own address (stunserver.AttrProof).
	StunPort uint16 `json:"stun_port"`
	Seconds  int64  `json:"valid_s"` // how long a certificate holds
}

// CertificateRequest asks for a membership certificate, for an address that datagrams reach us at.
type CertificateRequest struct {
	SwarmID string         `json:"swarm_id"`
	PeerID  string         `json:"peer_id"`
	Address netip.AddrPort `json:"peer_addr"`
	Proof   []byte         `json:"proof"`   // in Base64, as STUN gave it for this address
	Request []byte         `json:"request"` // PKCS #10 (RFC 2986) in DER, in Base64, of a key of P-256
}

// CertificateAnswer is the answer to a CertificateRequest.
type CertificateAnswer struct {
	Certificate []byte `json:"certificate,omitempty"` // DER, in Base64
	Error       string `json:"error,omitempty"`       // why there is none
}

// Bounds of what an Issuer does.
const (
	MaxCertificateRequest = 8 << 10 // bytes of a request's body

	proofSize   = 4 + 16
	proofLife   = 2 * time.Minute
	issuesEvery = 10 * time.Second // to one proven IPv4 address or IPv6 /64, in the long run
	issuesRoom  = 50               // at once: a carrier's address has many homes behind it
	issuesAll   = 10 * time.Millisecond
	issuesBurst = 1000
)

// Issuer makes a Server the certification authority of its swarms: members to whose address
// datagrams get through are given certificates that say so. Make it by NewIssuer. Its methods may
// be called from any goroutine.
type Issuer struct {
	authority *certs.Authority
	life      time.Duration
	stunPort  uint16
	key       [sha256.Size]byte // of proofs, the same for all trackers of the authority
	one, all  rates
}

// Bounds of how long a certificate of an Issuer holds.
const (
	DefaultCertificateLife = 6 * time.Hour
	MinCertificateLife     = 10 * time.Minute
	MaxCertificateLife     = 30 * 24 * time.Hour
)

// NewIssuer returns an issuer. life is how long certificates hold, DefaultCertificateLife if
// zero; stunPort is where STUN gives proofs by Proof.
func NewIssuer(a *certs.Authority, life time.Duration, stunPort uint16) *Issuer {
	if life <= 0 {
		life = DefaultCertificateLife
	}
	return &Issuer{
		authority: a, life: min(max(life, MinCertificateLife), MaxCertificateLife), stunPort: stunPort,
		key: a.Derive("return routability"),
		one: rates{every: issuesEvery, room: issuesRoom * issuesEvery},
		all: rates{every: issuesAll, room: issuesBurst * issuesAll},
	}
}

// Offer is what the tracker says of it.
func (i *Issuer) Offer() CertificateOffer {
	return CertificateOffer{i.authority.Key().String(), i.stunPort, int64(i.life / time.Second)}
}

// Proof is what is sent to an address, and nowhere else, so that who has it gets what is sent
// there: "malicious peers cannot obtain a certificate for a random host, just for hosts where
// they can eavesdrop on incoming traffic" (RFC 7574, 12.2.2). It needs no memory.
func (i *Issuer) Proof(of netip.AddrPort, now time.Time) []byte {
	return i.proof(of, uint32(now.Unix()))
}

func (i *Issuer) proof(of netip.AddrPort, at uint32) []byte {
	h := hmac.New(sha256.New, i.key[:])
	raw := of.Addr().Unmap().As16()
	var head [22]byte
	binary.BigEndian.PutUint32(head[:], at)
	copy(head[4:], raw[:])
	binary.BigEndian.PutUint16(head[20:], of.Port())
	h.Write(head[:])
	return append(head[:4:4], h.Sum(nil)[:proofSize-4]...)
}

// proven tells whether the proof is one for the address, and fresh.
func (i *Issuer) proven(proof []byte, of netip.AddrPort, now time.Time) bool {
	if len(proof) != proofSize {
		return false
	}
	at := binary.BigEndian.Uint32(proof)
	age := now.Sub(time.Unix(int64(at), 0))
	return age < proofLife && age > -proofLife && hmac.Equal(proof, i.proof(of, at))
}

// errCertificate is why there is no certificate, with its HTTP status.
type errCertificate struct {
	status int
	words  string
}

func (e *errCertificate) Error() string { return e.words }

// allowed are the methods at CertificatePath.
func allowed(method string) bool {
	return method == http.MethodPost || method == http.MethodGet || method == http.MethodHead
}

// serveCertificate answers at CertificatePath.
func (s *Server) serveCertificate(w http.ResponseWriter, r *http.Request) {
	reply := func(status int, v any) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v)
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		reply(http.StatusOK, s.config.Issuer.Offer())
		return
	}
	der, err := s.certificate(w, r)
	if err == nil {
		reply(http.StatusOK, CertificateAnswer{Certificate: der})
		return
	}
	refused, ok := errors.AsType[*errCertificate](err)
	if !ok {
		s.config.Logger.Error().Err(err).Msg("tracker: can't issue a membership certificate")
		refused = &errCertificate{http.StatusServiceUnavailable, "the tracker can't issue certificates now; try again later"}
	}
	if refused.status == http.StatusTooManyRequests || refused.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", strconv.Itoa(int(issuesEvery/time.Second)))
	}
	reply(refused.status, CertificateAnswer{Error: refused.words})
}

// certificate checks a request, what costs least first, and issues a certificate for it.
func (s *Server) certificate(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	now, from, i := s.config.Now(), source(r).Addr(), s.config.Issuer
	if !s.rates.may(from, now) {
		return nil, &errCertificate{http.StatusTooManyRequests, "too many requests from this address"}
	}
	var q CertificateRequest
	body := http.MaxBytesReader(w, r.Body, MaxCertificateRequest)
	if err := json.NewDecoder(body).Decode(&q); err != nil {
		return nil, &errCertificate{http.StatusBadRequest, "this is no request for a certificate: JSON of swarm_id, peer_id, peer_addr, proof and request, at most 8 KiB"}
	}
	swarm, err := ppsp.ParseSwarmID(q.SwarmID)
	if err != nil {
		return nil, &errCertificate{http.StatusBadRequest, "swarm_id: " + err.Error()}
	}
	if err := checkID("peer_id", q.PeerID, MaxPeerID); err != nil {
		return nil, &errCertificate{http.StatusBadRequest, err.Error()}
	}
	q.Address = netip.AddrPortFrom(q.Address.Addr().Unmap(), q.Address.Port())
	banned := s.config.Banned
	switch {
	case banned != nil && (banned(from, q.PeerID) || q.Address.IsValid() && banned(q.Address.Addr(), "")):
		return nil, &errCertificate{http.StatusForbidden, "you are shut out; ask the operator"}
	case !Address{AddrPort: q.Address}.Usable():
		return nil, &errCertificate{http.StatusBadRequest, "peer_addr is no address of a peer, such as 192.0.2.1:7000"}
	}
	if challenges, ok := s.authorize(r, q.PeerID); !ok {
		w.Header()["Www-Authenticate"] = challenges
		return nil, &errCertificate{http.StatusUnauthorized, "authentication required"}
	}
	if !i.proven(q.Proof, q.Address, now) {
		return nil, &errCertificate{http.StatusForbidden, "the proof is not for this address, or too old; ask the STUN server for another"}
	}
	_, err = s.config.Registry.Find(r.Context(), now, q.SwarmID, q.PeerID, 0, nil)
	switch {
	case errors.Is(err, ErrNotMember):
		return nil, &errCertificate{http.StatusForbidden, "this peer is not in the swarm; CONNECT first"}
	case err != nil:
		return nil, err
	case !i.one.may(q.Address.Addr(), now):
		return nil, &errCertificate{http.StatusTooManyRequests, "too many certificates for this address"}
	case !i.all.may(everywhere, now):
		return nil, &errCertificate{http.StatusServiceUnavailable, "the tracker issues too many certificates now; try again later"}
	}
	return i.issue(swarm, &q, now)
}

// everywhere is what all addresses count as.
var everywhere = netip.IPv6Unspecified()

// issue makes the certificate. What a request for it holds beside the key is not looked at.
func (i *Issuer) issue(swarm ppsp.SwarmID, q *CertificateRequest, now time.Time) ([]byte, error) {
	bad := &errCertificate{http.StatusBadRequest, "request is no PKCS #10 request, signed by its key of P-256"}
	request, err := x509.ParseCertificateRequest(q.Request)
	if err != nil || request.SignatureAlgorithm != x509.ECDSAWithSHA256 {
		return nil, bad
	}
	key, ok := request.PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() || request.CheckSignature() != nil {
		return nil, bad
	}
	from := now.Truncate(time.Second)
	c, err := i.authority.Issue(rand.Reader, certs.Grant{
		Swarm: swarm, Address: q.Address.String(), From: from, Until: from.Add(i.life), PublicKey: key,
	})
	if err != nil {
		return nil, err
	}
	return c.DER, nil
}
