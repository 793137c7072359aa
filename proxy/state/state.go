// Package state keeps what a node must remember: who it is, which channels people added,
// and which chunk numbers its live streams have used. It is an embedded store (bbolt), the
// file "state.db" in the folder that --dir names.
//
// What a method has acknowledged is on the disk and survives a kill or a power cut at any
// moment. A store that turns out to be damaged is set aside, never deleted.
package state

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/swarmgate/swarmgate/ppsp"
)

// FileName is the store's name in its folder.
const FileName = "state.db"

// DefaultWait is how long Open waits for another process to let go of the store: enough
// for one that is ending.
const DefaultWait = 2 * time.Second

// Config tells where and how to open a State.
type Config struct {
	Dir    string           // folder, made if it is missing
	Wait   time.Duration    // for another process to end, 0 for DefaultWait
	Random io.Reader        // nil for crypto/rand
	Now    func() time.Time // nil for time.Now
}

// State is the open store. All methods may be called by several goroutines at once.
type State struct {
	path   string
	now    func() time.Time
	notice error
	peer   ppsp.PeerID
	device string

	mu     sync.Mutex // taken for each transaction; bbolt's own locks stay locked when it panics
	db     *bbolt.DB
	file   *os.File // of db
	broken error    // db has panicked and must not be called any more
}

// ErrInUse says that another process has the store open.
var ErrInUse = errors.New("another swarmgate uses this folder")

// errDamaged says that the store can't be read.
var errDamaged = errors.New("the store is damaged")

// Open opens the store, makes it if there is none, and sets it aside and begins a new one
// if it is damaged: Notice then tells so. The error says what to do.
func Open(c Config) (*State, error) {
	if c.Wait == 0 {
		c.Wait = DefaultWait
	}
	if c.Random == nil {
		c.Random = rand.Reader
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &State{path: filepath.Join(c.Dir, FileName), now: c.Now}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, s.explain(err)
	}
	err := s.open(c)
	if errors.Is(err, errDamaged) {
		if err = s.setAside(err); err == nil {
			err = s.open(c)
		}
	}
	if err != nil {
		return nil, s.explain(err)
	}
	return s, nil
}

// open opens the file as it is; errDamaged if it can't be used.
func (s *State) open(c Config) error {
	if err := s.openFile(c.Wait); err != nil {
		return err
	}
	err := s.check()
	if err == nil {
		err = s.identify(c.Random)
	}
	if err != nil {
		_ = s.Close() // of no interest beside err
		return err
	}
	return syncFolder(c.Dir)
}

func (s *State) openFile(wait time.Duration) error {
	s.file, s.broken = nil, nil
	options := &bbolt.Options{
		Timeout: wait, FreelistType: bbolt.FreelistMapType, NoStatistics: true,
		OpenFile: func(name string, flag int, mode os.FileMode) (file *os.File, err error) {
			s.file, err = os.OpenFile(name, flag, mode)
			return s.file, err
		},
	}
	err := guard(func() (err error) {
		s.db, err = bbolt.Open(s.path, 0o600, options)
		return err
	})
	if err == nil {
		return nil
	}
	if s.file != nil {
		_ = release(s.file) // bbolt has done so, unless it panicked
	}
	if errors.Is(err, bolterrors.ErrTimeout) {
		return ErrInUse
	}
	if _, system := errors.AsType[syscall.Errno](err); system {
		return err
	}
	return fmt.Errorf("%w: %w", errDamaged, err)
}

// panicked is what guard makes of a panic.
type panicked struct{ value any }

func (p panicked) Error() string { return fmt.Sprint(p.value) }

// guard calls f and turns the panics by which bbolt answers damage into an error, also
// those of reading beyond what is left of a memory-mapped file.
func guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = panicked{r}
		}
	}()
	return f()
}

// view runs f in a transaction that only reads.
func (s *State) view(f func(*bbolt.Tx) error) error {
	return s.do(func() error { return s.db.View(f) })
}

// update runs f in a transaction that is on the disk when update returns nil.
func (s *State) update(f func(*bbolt.Tx) error) error {
	return s.do(func() error { return s.db.Update(f) })
}

func (s *State) do(transaction func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		return s.broken
	}
	err := guard(transaction)
	if p, broken := errors.AsType[panicked](err); broken {
		s.broken = fmt.Errorf("%w: %w", errDamaged, p)
		return s.broken
	}
	return err
}

// Notice tells of a damaged store that was set aside, or of channels that this version
// can't read, for the log. It is nil if all is well.
func (s *State) Notice() error { return s.notice }

// Close closes the store. No method may be called afterwards but Close, which then does
// nothing.
func (s *State) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		file := s.file
		s.file = nil
		if file == nil {
			return nil
		}
		return release(file) // bbolt would wait for its locks
	}
	return s.db.Close()
}

// explain adds the file and what to do to an error.
func (s *State) explain(err error) error {
	var hint string
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrInUse):
		hint = "end it or choose another folder with --dir"
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		hint = "free space on that disk"
	case errors.Is(err, syscall.EROFS):
		hint = "the file system is read-only; choose another folder with --dir"
	case errors.Is(err, fs.ErrPermission):
		hint = "give this user the right to write there or choose another folder with --dir"
	case errors.Is(err, syscall.ENOTDIR):
		hint = "a file is in the way of the folder; choose another one with --dir"
	case errors.Is(err, errDamaged):
		hint = "start again to have it checked and set aside"
	}
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err
	}
	if hint == "" {
		return fmt.Errorf("state in %s: %w", s.path, err)
	}
	return fmt.Errorf("state in %s: %w; %s", s.path, err, hint)
}
