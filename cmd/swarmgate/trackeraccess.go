package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/nat/stunserver"
	"github.com/swarmgate/swarmgate/ppsp/tracker"
	"github.com/swarmgate/swarmgate/ppsp/tracker/alto"
	"github.com/swarmgate/swarmgate/ppsp/tracker/auth"
	"github.com/swarmgate/swarmgate/proxy/members"
)

// Files of the certificate that a tracker makes for itself, in its folder.
const (
	ownCert = "tracker.crt"
	ownKey  = "tracker.key"
)

// ownLife is how long a self-made certificate is good: whoever trusts it was given the file.
const ownLife = 10 * 365 * 24 * time.Hour

// local tells whether the tracker is to be reached from this machine alone.
func (t *trackerCommand) local() bool {
	return thisMachine(string(t.Listen)) && (t.NoOperator || thisMachine(string(t.Operator)))
}

// thisMachine tells whether HOST:PORT is of this machine alone.
func thisMachine(address string) bool {
	host, _, err := net.SplitHostPort(address)
	a, bad := netip.ParseAddr(host)
	return err == nil && (host == "localhost" || bad == nil && a.IsLoopback())
}

// secure returns what HTTPS needs, nil for plain HTTP.
func (t *trackerCommand) secure(dir string, out *printer) (*tls.Config, error) {
	byCert := slices.Contains(t.Auth, "cert")
	switch {
	case (t.Cert == "") != (t.Key == ""):
		return nil, wrongUsage("--cert and --key go together")
	case t.HTTP && t.Cert != "":
		return nil, wrongUsage("--http is without a certificate; leave out --cert and --key, or --http")
	case t.HTTP && byCert:
		return nil, wrongUsage("--auth cert needs HTTPS; leave out --http")
	case t.HTTP, t.Cert == "" && t.local() && !byCert:
		return nil, nil
	}
	cert, key, made := t.Cert, t.Key, false
	if cert == "" {
		cert, key = filepath.Join(dir, ownCert), filepath.Join(dir, ownKey)
		var err error
		if made, err = makeOwn(dir, cert, key); err != nil {
			return nil, fmt.Errorf("tracker: certificate %s: %w", cert, err)
		}
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("tracker: --cert %s and --key %s: %w; both have to be PEM files that belong together", cert, key, err)
	}
	if t.Cert == "" {
		if made {
			out.say("Made the certificate %s, which peers have to be given.", cert)
		}
		out.say("Peers trust it by a line \"URL ca FILE\" in their --tracker-auth file, or \"URL pin FINGERPRINT\" with its fingerprint:")
		out.say("  %s", auth.Fingerprint(pair.Certificate[0]))
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

// makeOwn makes a certificate for all names and addresses of this machine, if there is none.
func makeOwn(dir, cert, key string) (made bool, err error) {
	if _, err := os.Stat(cert); !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	if err := makeFolder(dir); err != nil {
		return false, err
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return false, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return false, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "Swarmgate tracker"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(ownLife),
		DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if host, err := os.Hostname(); err == nil && host != "" {
		template.DNSNames = append(template.DNSNames, host)
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return false, err
	}
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && !n.IP.IsLinkLocalUnicast() {
			template.IPAddresses = append(template.IPAddresses, n.IP)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return false, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return false, err
	}
	// The key first: a certificate is only there when all of it is.
	if err := writeKey(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})); err != nil {
		return false, err
	}
	return true, writeKey(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// checker returns who lets peers in, nil for everybody, and what a TLS server has to ask for.
func (t *trackerCommand) checker(enrolment *auth.Enrolment) (c *auth.Checker, ask func(*tls.Config), err error) {
	ask = func(*tls.Config) {}
	var ways []any
	for _, w := range t.Auth {
		switch w {
		case "none":
			if len(t.Auth) > 1 {
				return nil, nil, wrongUsage("--auth none lets everybody in, so it stands alone")
			}
		case "digest":
			users, err := readBy("--users", t.Users, "--auth digest", auth.ReadUsers)
			if err != nil {
				return nil, nil, err
			}
			ways = append(ways, auth.NewDigest(users))
		case "token":
			tokens, err := t.tokens(enrolment)
			if err != nil {
				return nil, nil, err
			}
			ways = append(ways, tokens)
		case "cert":
			roots, err := readBy("--client-ca", t.ClientCA, "--auth cert", auth.ReadRoots)
			if err != nil {
				return nil, nil, err
			}
			by := auth.NewCertificates(roots)
			ways = append(ways, by)
			ask = by.TLS
		default:
			return nil, nil, wrongUsage("--auth %.20q is unknown; there are none, digest, cert and token", w)
		}
	}
	for _, f := range []struct{ flag, value, way string }{{"--users", t.Users, "digest"}, {"--tokens", t.Tokens, "token"}, {"--enrolment", t.Enrolment, "token"}, {"--client-ca", t.ClientCA, "cert"}} {
		if f.value != "" && !slices.Contains(t.Auth, f.way) {
			return nil, nil, wrongUsage("%s is of no use without --auth %s", f.flag, f.way)
		}
	}
	if len(ways) == 0 {
		return nil, ask, nil
	}
	return auth.New(nil, ways...), ask, nil
}

// tokens are those of the file, and those that peers get by enrolment.
func (t *trackerCommand) tokens(enrolment *auth.Enrolment) (*auth.Tokens, error) {
	if enrolment != nil && t.Tokens == "" {
		return auth.NewTokens(enrolment), nil
	}
	tokens, err := readBy("--tokens", t.Tokens, "--auth token", auth.ReadTokens)
	if err == nil {
		tokens.Enrol(enrolment)
	}
	return tokens, err
}

// enrolledFile remembers who enrolled, in the tracker's folder.
const enrolledFile = "enrolled"

// enrolment reads the codes by which peers enrol, nil without them.
func (t *trackerCommand) enrolment(dir string) (*auth.Enrolment, error) {
	if t.Enrolment == "" {
		return nil, nil
	}
	e, err := readBy("--enrolment", t.Enrolment, "", auth.ReadCodes)
	if err == nil && t.Registry != "memory" { // then all trackers of it share who enrolled
		return e, nil
	}
	if err == nil {
		err = makeFolder(dir)
	}
	if err == nil {
		err = e.Keep(filepath.Join(dir, enrolledFile))
	}
	if err != nil {
		return nil, fmt.Errorf("tracker: enrolment: %w", bare(err))
	}
	return e, nil
}

// issuer makes the tracker a certification authority, nil for none (RFC 7574, 12.2.2).
func (t *trackerCommand) issuer(stun *stunserver.Server) (*tracker.Issuer, error) {
	life := time.Duration(t.Certify)
	switch {
	case t.MemberCA == "":
		return nil, nil
	case stun == nil:
		return nil, wrongUsage("--member-ca needs --stun, by which peers prove where they are")
	case life < tracker.MinCertificateLife || life > tracker.MaxCertificateLife:
		return nil, errors.Join(wrongUsage("--certificate-life %s: give 10m to 720h", life), stun.Close())
	}
	authority, err := members.OpenAuthority(t.MemberCA)
	if err != nil {
		return nil, errors.Join(err, stun.Close())
	}
	issuer := tracker.NewIssuer(authority, life, stun.Addr().Port())
	stun.Prove = func(from netip.AddrPort) []byte { return issuer.Proof(from, time.Now()) }
	return issuer, nil
}

// places reads the table of networks, nil without one.
func (t *trackerCommand) places() (*tracker.Places, error) {
	if t.Networks == "" {
		return nil, nil
	}
	return readBy("--networks", t.Networks, "", tracker.ReadPlaces)
}

// costs are those of networks, nil for none. A file that is wrong is an error; a server may come later.
func (t *trackerCommand) costs(ctx context.Context, log zerolog.Logger) (*alto.Source, error) {
	if len(t.ALTO) == 0 {
		return nil, nil
	}
	s := &alto.Source{Locations: t.ALTO, Logger: log}
	err := s.Load(ctx)
	if err != nil && !slices.ContainsFunc(t.ALTO, alto.Remote) {
		return nil, fmt.Errorf("tracker: --alto: %w", bare(err))
	}
	if err != nil {
		log.Warn().Err(err).Msg("tracker: costs of networks are not known yet; it tries again")
	}
	return s, nil
}

// marks reads who has a role, nil for nobody.
func (t *trackerCommand) marks() (*tracker.Marks, error) {
	if t.Marks == "" {
		return nil, nil
	}
	return readBy("--marks", t.Marks, "", tracker.ReadMarks)
}

// registryPassword reads the first line of --registry-password.
func (t *trackerCommand) registryPassword() (string, error) {
	if t.RegistryPassword == "" {
		return "", nil
	}
	text, err := os.ReadFile(t.RegistryPassword)
	if err != nil {
		return "", fmt.Errorf("tracker: --registry-password: %w", err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	if line = strings.TrimRight(line, "\r"); line == "" {
		return "", fmt.Errorf("tracker: --registry-password: %s has no password in its first line", t.RegistryPassword)
	}
	return line, nil
}
