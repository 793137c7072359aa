package tracker

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	certs "github.com/swarmgate/swarmgate/ppsp/member"
)

// CertificateQuery is what a Client needs to get a membership certificate.
type CertificateQuery struct {
	Swarm     ppsp.SwarmID
	Authority certs.AuthorityKey // as the swarm's link names it
	Key       *ecdsa.PrivateKey  // of P-256, ours
	// Prove asks the STUN server there, from the socket that peers are to reach, for a proof of its
	// address.
	Prove func(ctx context.Context, server netip.AddrPort) (at netip.AddrPort, proof []byte, err error)
}

// ErrNoIssuer says that a tracker issues no certificates of the swarm's authority.
var ErrNoIssuer = errors.New("it issues no membership certificates of this swarm's authority")

// maxCertificateAnswer bounds an answer, bytes: a certificate in Base64 and a little.
const maxCertificateAnswer = 2*certs.MaxCertificate + 1024

// Certificate gets a membership certificate for the address at which we are reached, from a
// tracker that is a certification authority, and where we are in the swarm (RFC 7574, 12.2.2). It
// says what the swarm's authority signs, and nothing else: a tracker can't make us say more.
func (c *Client) Certificate(ctx context.Context, q CertificateQuery) (*certs.Certificate, error) {
	out, err := c.certificate(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("get a membership certificate of swarm %s: tracker %s: %w", q.Swarm.Short(), c.url, err)
	}
	return out, nil
}

func (c *Client) certificate(ctx context.Context, q CertificateQuery) (*certs.Certificate, error) {
	var offer CertificateOffer
	home, err := c.atCertificate(ctx, http.MethodGet, nil, &offer)
	if err != nil {
		return nil, err
	}
	if offer.Authority != q.Authority.String() || offer.StunPort == 0 {
		return nil, ErrNoIssuer
	}
	at, proof, err := q.Prove(ctx, netip.AddrPortFrom(home, offer.StunPort))
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{SignatureAlgorithm: x509.ECDSAWithSHA256}, q.Key)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(CertificateRequest{q.Swarm.String(), c.peerID.String(), at, proof, der})
	if err != nil {
		return nil, err
	}
	var answer CertificateAnswer
	if _, err = c.atCertificate(ctx, http.MethodPost, body, &answer); err != nil {
		return nil, err
	}
	return ours(answer.Certificate, at, q)
}

// ours checks that a certificate is what was asked for.
func ours(der []byte, at netip.AddrPort, q CertificateQuery) (*certs.Certificate, error) {
	out, err := certs.Parse(der)
	if err != nil {
		return nil, err
	}
	if err := out.Verify(q.Authority, q.Swarm, time.Now()); err != nil {
		return nil, err
	}
	id, err := certs.IDOf(&q.Key.PublicKey)
	if where, ok := out.AddrPort(); err != nil || out.ID != id || !ok || where != at {
		return nil, errors.New("its certificate is another one's")
	}
	return out, nil
}

// atCertificate asks at CertificatePath, and returns the tracker's address.
func (c *Client) atCertificate(ctx context.Context, method string, body []byte, answer any) (home netip.Addr, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	at, err := url.Parse(c.url)
	if err != nil {
		return home, unwrapURL(err)
	}
	at = &url.URL{Scheme: at.Scheme, Host: at.Host, Path: CertificatePath}
	request, err := http.NewRequestWithContext(c.reach.trace(ctx, &home), method, at.String(), bytes.NewReader(body))
	if err != nil {
		return home, unwrapURL(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := c.http.Do(request)
	if err != nil {
		return home, unwrapURL(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(io.LimitReader(response.Body, maxCertificateAnswer+1))
	switch {
	case err != nil:
		return home, err
	case response.StatusCode == http.StatusMethodNotAllowed, response.StatusCode == http.StatusNotFound:
		return home, ErrNoIssuer
	case len(b) > maxCertificateAnswer:
		return home, fmt.Errorf("its answer has more than %d bytes", maxCertificateAnswer)
	case response.StatusCode != http.StatusOK:
		var refused CertificateAnswer
		_ = json.Unmarshal(b, &refused)
		return home, fmt.Errorf("HTTP status %s %.200s", response.Status, refused.Error)
	case json.Unmarshal(b, answer) != nil:
		return home, errors.New("its answer is no JSON")
	}
	return home, nil
}
