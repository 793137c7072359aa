package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/swarmgate/swarmgate/proxy/config"
)

// tokenFile is the name, in the folder for state, of what opens a gateway to its owner from
// another machine: 64 hexadecimal digits.
const tokenFile = "owner.token"

const tokenBytes = 32

// ownerToken reads the token of a gateway, or makes it when the file is missing.
func ownerToken(dir string) (string, error) {
	path := filepath.Join(dir, tokenFile)
	token, err := readToken(path)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return token, err
	}
	var b [tokenBytes]byte
	_, _ = rand.Read(b[:]) // never fails
	token = hex.EncodeToString(b[:])
	return token, writeKey(path, []byte(token+"\n"))
}

func readToken(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("token %s: %w; copy owner.token out of the gateway's --dir", path, err)
	}
	token := strings.TrimSpace(string(b))
	if raw, err := hex.DecodeString(token); err != nil || len(raw) != tokenBytes {
		return "", fmt.Errorf("token %s does not hold %d hexadecimal digits; remove it, and a gateway that starts makes another", path, 2*tokenBytes)
	}
	return token, nil
}

// token returns what shows that the owner asks, empty for nothing: that of --token, or that of
// the default folder, which only a gateway on this machine is shown.
func (a apiFlags) token() (string, error) {
	if a.Token != "" {
		return readToken(a.Token)
	}
	if !a.here() {
		return "", nil
	}
	token, err := readToken(filepath.Join(config.Here().DefaultDir(), tokenFile))
	if err != nil {
		return "", nil //nolint:nilerr // without it, this machine may do as much
	}
	return token, nil
}

// here tells whether --api names this machine.
func (a apiFlags) here() bool {
	u, err := url.Parse(string(a.API))
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && addr.IsLoopback()
}
