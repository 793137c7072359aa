// Package hdhomerun speaks the discovery protocol of network tuners, by which Plex, Jellyfin, Emby
// and Channels find a tuner in the home:
//
//	| type 16 | length 16 | tag 8, length 7 or 15, value … | CRC-32, little endian |    UDP port 65001
//
// All else of a tuner is HTTP, which package web serves.
package hdhomerun

import (
	"encoding/binary"
	"hash/crc32"
)

// Port is the UDP port on which tuners are asked for.
const Port = 65001

const (
	typeRequest = 0x0002
	typeReply   = 0x0003

	tagDeviceType = 0x01
	tagDeviceID   = 0x02
	tagTunerCount = 0x10
	tagLineupURL  = 0x27
	tagBaseURL    = 0x2a

	deviceTuner = 1
	wildcard    = 0xffffffff

	maxPacket = 1460
)

// Device is a tuner as it is announced.
type Device struct {
	ID     uint32 // DeviceID makes one
	Tuners int    // 1 to 255
}

// checksumTable is what the digits of a device ID are exchanged for in its checksum.
var checksumTable = [16]uint32{0xa, 0x5, 0xf, 0x6, 0x7, 0xc, 0x1, 0xb, 0x9, 0x2, 0x8, 0xd, 0x4, 0x3, 0xe, 0x0}

// Valid says whether a device ID has the right checksum; programs leave out others.
func Valid(id uint32) bool {
	sum := uint32(0)
	for shift := 28; shift >= 0; shift -= 8 {
		sum ^= checksumTable[id>>shift&0xf] ^ id>>(shift-4)&0xf
	}
	return sum == 0
}

// DeviceID makes an ID with the right checksum of any number, the same for the same.
func DeviceID(seed uint32) uint32 {
	id := seed&0x0ffffff0 | 0x10000000
	for last := range uint32(16) {
		if Valid(id | last) {
			return id | last
		}
	}
	return id // one of sixteen is valid, as the last digit is one part of the sum
}

// asksFor tells whether a datagram asks for such a device.
func (d Device) asksFor(b []byte) bool {
	if len(b) < 8 || len(b) > maxPacket || binary.BigEndian.Uint16(b) != typeRequest {
		return false
	}
	end := 4 + int(binary.BigEndian.Uint16(b[2:]))
	if end+4 != len(b) || binary.LittleEndian.Uint32(b[end:]) != crc32.ChecksumIEEE(b[:end]) {
		return false
	}
	for rest := b[4:end]; len(rest) > 0; {
		tag, value, ok := field(&rest)
		if !ok {
			return false
		}
		if len(value) != 4 {
			continue
		}
		switch n := binary.BigEndian.Uint32(value); tag {
		case tagDeviceType:
			if n != deviceTuner && n != wildcard {
				return false
			}
		case tagDeviceID:
			if n != d.ID && n != wildcard {
				return false
			}
		}
	}
	return true
}

// field cuts the next field off.
func field(b *[]byte) (tag byte, value []byte, ok bool) {
	s := *b
	if len(s) < 2 {
		return 0, nil, false
	}
	tag, n, at := s[0], int(s[1]), 2
	if n&0x80 != 0 {
		if len(s) < 3 {
			return 0, nil, false
		}
		n, at = n&0x7f|int(s[2])<<7, 3
	}
	if n > len(s)-at {
		return 0, nil, false
	}
	*b = s[at+n:]
	return tag, s[at : at+n], true
}

// appendReply adds the answer: who the device is, and where its HTTP is ("http://host:port").
func (d Device) appendReply(b []byte, base string) []byte {
	start := len(b)
	b = append(b, 0, typeReply, 0, 0)
	b = append(b, tagDeviceType, 4, 0, 0, 0, deviceTuner)
	b = binary.BigEndian.AppendUint32(append(b, tagDeviceID, 4), d.ID)
	b = append(b, tagTunerCount, 1, byte(d.Tuners))
	b = appendText(b, tagBaseURL, base)
	b = appendText(b, tagLineupURL, base+"/lineup.json")
	binary.BigEndian.PutUint16(b[start+2:], uint16(len(b)-start-4))
	return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b[start:]))
}

func appendText(b []byte, tag byte, text string) []byte {
	b = append(b, tag)
	if n := len(text); n < 0x80 {
		b = append(b, byte(n))
	} else {
		b = append(b, byte(n)|0x80, byte(n>>7))
	}
	return append(b, text...)
}
