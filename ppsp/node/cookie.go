package node

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"time"
)

// Under load, and where another handshake would have to give way, a ClientHello is first
// answered without keeping anything: by a HelloVerifyRequest of our own, whose cookie proves the sender's address when it comes back (RFC 6347, 4.2.1).
// Only then a handshake begins, with the ClientHello as it was, and the DTLS library asks for
// its own cookie in turn. The peer's rim answers ours, so that its library does not see it;
// programs that have none get in when the flood is over.
const (
	cookieSize  = 32                      // ours; the library's has 20 bytes
	cookieAge   = int64(30 * time.Second) // after which another is asked for, at the earliest
	loadedFrom  = maxHellos / 4           // handshakes under way
	verifyType  = 3                       // HelloVerifyRequest
	helloHeader = recordHeader + 12       // of record and handshake message
)

// cookies makes and checks cookies.
type cookies struct{ key [32]byte }

func newCookies() (c cookies) {
	_, _ = rand.Read(c.key[:]) // never fails
	return c
}

// cookie depends on address, random number and time.
func (c *cookies) cookie(from netip.AddrPort, random [32]byte, period int64) []byte {
	h := hmac.New(sha256.New, c.key[:])
	addr := from.Addr().As16()
	h.Write(addr[:])
	h.Write(random[:])
	h.Write(binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint64(nil, uint64(period)), from.Port()))
	return h.Sum(nil)
}

// valid tells whether a cookie is ours and not too old.
func (c *cookies) valid(cookie []byte, from netip.AddrPort, random [32]byte, now int64) bool {
	period := now / cookieAge
	return hmac.Equal(cookie, c.cookie(from, random, period)) || hmac.Equal(cookie, c.cookie(from, random, period-1))
}

// verifyRequest is a HelloVerifyRequest in answer to the ClientHello in b. "The server MUST
// use the record sequence number in the ClientHello as the record sequence number in the
// HelloVerifyRequest" (RFC 6347, 4.2.1).
func verifyRequest(b, cookie []byte) []byte {
	body := append([]byte{0xfe, 0xfd, byte(len(cookie))}, cookie...)
	out := append([]byte{recordHandshake, 0xfe, 0xfd}, b[3:11]...)
	out = binary.BigEndian.AppendUint16(out, uint16(12+len(body)))
	out = append(out, verifyType, 0, 0, byte(len(body)), 0, 0, 0, 0, 0, 0, 0, byte(len(body)))
	return append(out, body...)
}

// ourCookie returns the cookie of a HelloVerifyRequest that a rim sent, nil for anything else.
func ourCookie(b []byte) []byte {
	if len(b) != helloHeader+3+cookieSize || b[0] != recordHandshake || b[recordHeader] != verifyType || b[helloHeader+2] != cookieSize {
		return nil
	}
	return b[helloHeader+3:]
}

// askedCookie returns the cookie that a HelloVerifyRequest of the DTLS library asks for, nil for
// anything else.
func askedCookie(b []byte) []byte {
	if len(b) < helloHeader+3 || b[0] != recordHandshake || b[recordHeader] != verifyType || len(b) < helloHeader+3+int(b[helloHeader+2]) {
		return nil
	}
	return b[helloHeader+3:][:b[helloHeader+2]]
}

// withCookie returns a copy of the ClientHello in b, which has none, with a cookie, or with none.
func withCookie(b, cookie []byte) []byte {
	at := helloHeader + 2 + 32
	at += 1 + int(b[at]) // session ID
	old := int(b[at])
	out := append([]byte(nil), b[:at]...)
	out = append(append(out, byte(len(cookie))), cookie...)
	out = append(out, b[at+1+old:]...)
	grown := len(cookie) - old
	binary.BigEndian.PutUint16(out[11:], uint16(int(binary.BigEndian.Uint16(b[11:]))+grown))
	for _, field := range []int{recordHeader + 1, recordHeader + 9} { // length, fragment length
		n := int(b[field])<<16 | int(b[field+1])<<8 | int(b[field+2])
		n += grown
		out[field], out[field+1], out[field+2] = byte(n>>16), byte(n>>8), byte(n)
	}
	return out
}
