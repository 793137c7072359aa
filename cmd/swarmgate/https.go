package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Files of the certificate that the gateway makes for itself, in its folder for state.
const (
	gatewayCert = "https.crt"
	gatewayKey  = "https.key"
)

// openHTTPS opens the port of HTTPS, nil for none.
func (h *home) openHTTPS() (net.Listener, error) {
	c := h.cfg.reach
	if c.TLSListen == "" {
		return nil, nil //nolint:nilnil // none is what was asked for
	}
	cert, key := c.TLSCert, c.TLSKey
	switch {
	case cert == "":
		cert, key = filepath.Join(h.cfg.dir, gatewayCert), filepath.Join(h.cfg.dir, gatewayKey)
		if err := renewOwn(cert, key); err != nil {
			return nil, fmt.Errorf("HTTPS: %w", err)
		}
		if _, err := makeOwn(h.cfg.dir, cert, key); err != nil {
			return nil, fmt.Errorf("HTTPS: %w", err)
		}
	case key == "":
		key = cert
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("HTTPS: certificate %s, key %s: %w", cert, key, err)
	}
	listener, err := listenHTTP(c.TLSListen)
	if err != nil {
		return nil, err
	}
	return tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}), nil
}

// renewBefore is how long before its end a certificate of our own is replaced.
const renewBefore = 30 * 24 * time.Hour

// renewOwn takes away a certificate of our own that ends soon, so that another is made.
func renewOwn(cert, key string) error {
	b, err := os.ReadFile(cert)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if block, _ := pem.Decode(b); block != nil {
		if known, err := x509.ParseCertificate(block.Bytes); err == nil && time.Until(known.NotAfter) > renewBefore {
			return nil
		}
	}
	return errors.Join(os.Remove(cert), os.Remove(key))
}
