package store

import (
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"sync"

	"github.com/swarmgate/swarmgate/ppsp/merkle"
)

// side is an open sidecar file. All methods may be called by several goroutines at once.
type side struct {
	path   string // empty for one without a name, which ends with its process
	layout layout

	mu     sync.RWMutex // no record is read while it is written
	file   sideFile
	epoch  uint64          // counts beginnings of sync
	synced uint64          // what was written up to this epoch is durable
	pairs  map[int64]*pair // by place of the first copy
	copied []byte          // scratch of writeOver
}

// sideFile is a file that a sidecar lies in; *os.File but in tests.
type sideFile interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Truncate(size int64) error
	Sync() error
}

// pair is what is known of a record in two copies.
type pair struct {
	newest  int64  // which copy, 0 or 1
	version uint64 // of that, 0 for none
	written uint64 // epoch when it was written, 0 for before
	size    int64  // of a copy in bytes
}

// errStale comes with the older copy of a record, whose newer one may be damaged.
var errStale = errors.New("one copy is damaged")

func newSide(path string, file sideFile, hashSize int) *side {
	return &side{path: path, file: file, layout: newLayout(hashSize), epoch: 1, pairs: map[int64]*pair{}}
}

// openSide opens the sidecar at path and locks it, made if create is set. The errors are
// fs.ErrNotExist and ErrInUse, among others.
func openSide(path string, create bool, hashSize int) (*side, error) {
	how := os.O_RDWR
	if create {
		how |= os.O_CREATE
	}
	file, err := os.OpenFile(path, how, 0o644)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		err = errors.New("it is not a regular file; choose another name for the film")
	default:
		err = lock(file)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return newSide(path, file, hashSize), nil
}

// tempSide makes a sidecar that nobody finds again, for a tree that can't be kept.
func tempSide(hashSize int) (*side, error) {
	file, err := os.CreateTemp("", "swarmgate-tree-*")
	if err != nil {
		return nil, err
	}
	// Where an open file can't be removed the system's cleaning of its temporary folder will.
	_ = os.Remove(file.Name())
	return newSide("", file, hashSize), nil
}

// readRecord reads the record at off, which lies there once.
func (s *side) readRecord(record []byte, off int64) (version uint64, err error) {
	n, err := s.file.ReadAt(record, off)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	clear(record[n:])
	return unseal(record, off)
}

func (s *side) writeRecord(record []byte, off int64, version uint64) error {
	seal(record, off, version)
	_, err := s.file.WriteAt(record, off)
	return err
}

// readPair reads the newest good copy of the record at off. It returns errStale with a copy
// that may not be the newest, errDamaged where there is none left, errAbsent where there
// never was.
func (s *side) readPair(record []byte, off int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.readPairLocked(record, off)
}

func (s *side) readPairLocked(record []byte, off int64) error {
	size := int64(len(record))
	other := make([]byte, size)
	first, err1 := s.readRecord(record, off)
	second, err2 := s.readRecord(other, off+size)
	if s.pairs[off] == nil {
		s.pairs[off] = &pair{}
	}
	p := s.pairs[off]
	p.newest, p.version = 0, first
	if second > first {
		p.newest, p.version = 1, second
		copy(record, other)
	}
	absent1, absent2 := errors.Is(err1, errAbsent), errors.Is(err2, errAbsent)
	switch {
	case absent1 && absent2:
		return errAbsent
	case p.version == 0:
		clear(record)
		return errDamaged
	case err1 != nil && !absent1, err2 != nil && !absent2:
		return errStale
	}
	return nil
}

// writePair writes the record at off over the copy that is not the last durable one.
func (s *side) writePair(record []byte, off int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writePairLocked(record, off)
}

func (s *side) writePairLocked(record []byte, off int64) error {
	if s.pairs[off] == nil {
		_ = s.readPairLocked(make([]byte, len(record)), off) // only to know which is the newest
	}
	p := s.pairs[off]
	to := p.newest
	if p.version != 0 && p.written <= s.synced {
		to = 1 - to
	}
	if err := s.writeRecord(record, off+to*int64(len(record)), p.version+1); err != nil {
		return err
	}
	*p = pair{newest: to, version: p.version + 1, written: s.epoch, size: int64(len(record))}
	return nil
}

// reservePair takes the room on the disk for both copies of a record that is not there yet.
func (s *side) reservePair(record []byte, off int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reservePairLocked(record, off)
}

func (s *side) reservePairLocked(record []byte, off int64) error {
	for to := range int64(2) {
		if err := s.writeRecord(record, off+to*int64(len(record)), uint64(1+to)); err != nil {
			return err
		}
	}
	s.pairs[off] = &pair{newest: 1, version: 2, written: s.epoch, size: int64(len(record))}
	return nil
}

// readPage reads a page, or tells as readPair why not; pages of level 0 have one copy.
func (s *side) readPage(id merkle.PageID, page []byte) error {
	off := s.layout.place(id)
	if id.Level > 0 {
		return s.readPair(page, off)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, err := s.readRecord(page, off)
	if err != nil {
		clear(page)
	}
	return err
}

// writePage writes a page, whose last slot it fills.
func (s *side) writePage(id merkle.PageID, page []byte) error {
	off := s.layout.place(id)
	if id.Level > 0 {
		return s.writePair(page, off)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writeRecord(page, off, 1)
}

// rewrite is writePage for a page that was derived because what lies there is damaged. Should
// that not be so any more, another was faster, who may know more than what could be derived.
func (s *side) rewrite(id merkle.PageID, page []byte) error {
	off := s.layout.place(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	there := make([]byte, len(page))
	if id.Level > 0 {
		if s.readPairLocked(there, off) == nil {
			return nil
		}
		return s.writePairLocked(page, off)
	}
	if _, err := s.readRecord(there, off); err == nil {
		return nil
	}
	return s.writeRecord(page, off, 1)
}

// writeOver is writePage for a page of level 0 that other records rely on already: it is
// written to the spare place first, so that who is killed in the middle leaves one of both.
func (s *side) writeOver(id merkle.PageID, page []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.copied = append(s.copied[:0], page...)
	binary.BigEndian.PutUint32(s.copied[s.nameSlot():], id.Number)
	if err := s.writeRecord(s.copied, s.layout.spare(), 1); err != nil {
		return err
	}
	return s.writeRecord(page, s.layout.place(id), 1)
}

// reserveSpare takes the room for the spare place.
func (s *side) reserveSpare() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.file.WriteAt(make([]byte, s.layout.page), s.layout.spare())
	return err
}

// nameSlot is where in the spare page its number stands: the slot in the middle, which no
// tree uses.
func (s *side) nameSlot() int64 { return s.layout.page / merkle.PageSlots * (merkle.PageSlots/2 - 1) }

// mend writes the page again that was being written over when the process ended.
func (s *side) mend() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	page := make([]byte, s.layout.page)
	if _, err := s.readRecord(page, s.layout.spare()); err != nil {
		return nil // there is none, or it was not complete: then the page itself is
	}
	name := page[s.nameSlot():][:4]
	off := s.layout.place(merkle.PageID{Number: binary.BigEndian.Uint32(name)})
	if _, err := s.readRecord(make([]byte, len(page)), off); !errors.Is(err, errDamaged) {
		return nil
	}
	clear(name)
	return s.writeRecord(page, off, 1)
}

// reserve takes the room for a page that is empty so far, and for what comes with it, so that
// a full disk is met before a chunk depends on it.
func (s *side) reserve(id merkle.PageID, page []byte) error {
	off := s.layout.place(id)
	if id.Level == 0 {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.writeRecord(page, off, 1)
	}
	return s.reservePair(page, off)
}

// empty gives all room back.
func (s *side) empty() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.pairs)
	return s.file.Truncate(0)
}

// sync makes durable what was written before.
func (s *side) sync() error {
	s.mu.Lock()
	now := s.epoch
	s.epoch++
	s.mu.Unlock()
	if err := s.file.Sync(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.synced = max(s.synced, now)
	return nil
}

// twin makes both copies the same of all records that were written, which are durable: who
// finds the sidecar later may lose one and nothing else.
func (s *side) twin() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for off, p := range s.pairs {
		if p.written == 0 || p.written > s.synced {
			continue
		}
		record := make([]byte, p.size)
		version, err := s.readRecord(record, off+p.newest*p.size)
		if err == nil {
			err = s.writeRecord(record, off+(1-p.newest)*p.size, version)
		}
		if err != nil {
			return err
		}
		p.written = 0
	}
	return nil
}

func (s *side) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.file.Close()
}

// missing tells whether err says that there is no file.
func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
