package nat

import (
	"bytes"
	"encoding/binary"
	"io"
	"syscall"
	"testing"
)

// kernelSays is one of the kernel's.
func kernelSays(kind uint16, data ...byte) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(syscall.NLMSG_HDRLEN+len(data)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, make([]byte, 10)...)
	b = append(b, data...)
	return append(b, make([]byte, (4-len(b)%4)%4)...)
}

func TestAboutHosts(t *testing.T) {
	route := func(bits byte) []byte {
		data := make([]byte, syscall.SizeofRtMsg)
		data[1] = bits
		return data
	}
	for name, c := range map[string]struct {
		b    []byte
		want bool
	}{
		"an address":        {kernelSays(syscall.RTM_NEWADDR, make([]byte, syscall.SizeofIfAddrmsg)...), true},
		"one that is gone":  {kernelSays(syscall.RTM_DELADDR, make([]byte, syscall.SizeofIfAddrmsg)...), true},
		"a default route":   {kernelSays(syscall.RTM_DELROUTE, route(0)...), true},
		"a host's route":    {kernelSays(syscall.RTM_NEWROUTE, route(128)...), false},
		"both":              {append(kernelSays(syscall.RTM_NEWROUTE, route(24)...), kernelSays(syscall.RTM_NEWROUTE, route(0)...)...), true},
		"a route cut short": {kernelSays(syscall.RTM_NEWROUTE, 2), false},
		"a link":            {kernelSays(syscall.RTM_NEWLINK, make([]byte, syscall.SizeofIfInfomsg)...), false},
		"nothing":           {nil, false},
		"nonsense":          {bytes.Repeat([]byte{0xff}, 64), false},
	} {
		if got := aboutHosts(c.b); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// sayings is a socket that gives what a test lays down.
type sayings []func(b []byte) (int, error)

func (s *sayings) Read(b []byte) (int, error) {
	if len(*s) == 0 {
		return 0, io.EOF
	}
	next := (*s)[0]
	*s = (*s)[1:]
	return next(b)
}

// Where the kernel had more to tell than there was room for, something has changed; and it goes on.
func TestLostMovesCount(t *testing.T) {
	gives := func(said []byte, err error) func([]byte) (int, error) {
		return func(b []byte) (int, error) { return copy(b, said), err }
	}
	for name, c := range map[string]struct {
		script sayings
		want   bool
	}{
		"lost":            {sayings{gives(nil, syscall.ENOBUFS)}, true},
		"lost, then more": {sayings{gives(nil, syscall.ENOBUFS), gives(kernelSays(syscall.RTM_NEWADDR), nil)}, true},
		"of no interest":  {sayings{gives(kernelSays(syscall.RTM_NEWLINK), nil)}, false},
		"closed":          {nil, false},
	} {
		changed := make(chan struct{}, 1)
		readMoves(&c.script, changed)
		if got := len(changed) == 1; got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// The kernel lets anybody listen, and the end waits for what was begun (goleak looks).
func TestFollowSystemEnds(t *testing.T) {
	_, end, err := followSystem()
	if err != nil {
		t.Fatal(err)
	}
	end()
}
