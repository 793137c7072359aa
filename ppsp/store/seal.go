package store

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// sealSize is what ends each record of a sidecar: 8 bytes version, 4 bytes CRC-32C over where
// the record lies and all of it before. A version is never 0.
const sealSize = 8 + 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errDamaged says that a sidecar, or a part of one, is not what was written.
var errDamaged = errors.New("sidecar is damaged")

// errAbsent says that a record was never written.
var errAbsent = errors.New("not written yet")

// seal ends a record.
func seal(record []byte, off int64, version uint64) {
	at := len(record) - sealSize
	binary.BigEndian.PutUint64(record[at:], version)
	binary.BigEndian.PutUint32(record[at+8:], checksum(record[:at+8], off))
}

// unseal returns the version of a record, errAbsent where there is none, or errDamaged.
func unseal(record []byte, off int64) (uint64, error) {
	at := len(record) - sealSize
	version, sum := binary.BigEndian.Uint64(record[at:]), binary.BigEndian.Uint32(record[at+8:])
	switch {
	case version == 0 && sum == 0 && empty(record):
		return 0, errAbsent
	case version == 0 || sum != checksum(record[:at+8], off):
		return 0, errDamaged
	}
	return version, nil
}

func checksum(b []byte, off int64) uint32 {
	var place [8]byte
	binary.BigEndian.PutUint64(place[:], uint64(off))
	return crc32.Update(crc32.Checksum(place[:], castagnoli), castagnoli, b)
}

// empty tells whether all bytes are zero.
func empty(b []byte) bool {
	for ; len(b) >= 8; b = b[8:] {
		if binary.NativeEndian.Uint64(b) != 0 {
			return false
		}
	}
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}
