package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/livesig"
	"github.com/swarmgate/swarmgate/proxy/state"
)

// openKey reads the private key of a live stream, or makes it when the file is missing:
// whoever goes on with the key goes on with the channel. It tells whether the key is new.
func openKey(path string, algorithm ppsp.Signature) (key *livesig.PrivateKey, fresh bool, err error) {
	if key, err = readKey(path); key != nil || err != nil {
		return key, false, err
	}
	var b []byte
	if key, err = livesig.Generate(algorithm, rand.Reader); err != nil {
		return nil, false, fmt.Errorf("make key %s: %w", path, err)
	}
	if b, err = key.MarshalPEM(); err != nil {
		return nil, false, fmt.Errorf("make key %s: %w", path, err)
	}
	return key, true, writeKey(path, b)
}

// readKey reads the private key of a live stream; there is neither key nor error when the file
// is missing.
func readKey(path string) (*livesig.PrivateKey, error) {
	b, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("key %s: %w; give another with --key", path, bare(err))
	}
	key, err := livesig.ParsePEM(b)
	if err != nil {
		return nil, fmt.Errorf("key %s: %w; it was not changed, give another with --key", path, err)
	}
	return key, nil
}

// writeKey writes the key so that it is either there whole or not at all.
func writeKey(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".key-*")
	if err != nil {
		return fmt.Errorf("write key %s: %w; the folder has to exist", path, bare(err))
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Chmod(0o600), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write key %s: %w", path, err), os.Remove(f.Name()))
	}
	return nil
}

// openState opens the state in a folder and tells what was not well with it.
func openState(dir string, log zerolog.Logger) (*state.State, error) {
	if err := makeFolder(dir); err != nil {
		return nil, err
	}
	s, err := state.Open(state.Config{Dir: dir})
	if err != nil {
		return nil, err
	}
	if notice := s.Notice(); notice != nil {
		log.Warn().Err(notice).Msg("state")
	}
	return s, nil
}
