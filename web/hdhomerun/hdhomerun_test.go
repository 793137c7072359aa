package hdhomerun

import (
	"bytes"
	"context"
	"encoding/binary"
	"hash/crc32"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// request makes a datagram as programs send it.
func request(kind uint16, fields ...byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, kind)
	b = binary.BigEndian.AppendUint16(b, uint16(len(fields)))
	b = append(b, fields...)
	return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

// anyTuner is what libhdhomerun asks: any ID, type tuner.
var anyTuner = request(typeRequest, 1, 4, 0, 0, 0, 1, 2, 4, 0xff, 0xff, 0xff, 0xff)

func TestDeviceIDs(t *testing.T) {
	for _, seed := range []uint32{0, 1, 0xffffffff, 0x12345678} {
		id := DeviceID(seed)
		if !Valid(id) || id != DeviceID(seed) || id>>28 != 1 {
			t.Errorf("%08X of %08X", id, seed)
		}
		for bit := range 4 { // another last digit fits no more
			if Valid(id ^ 1<<bit) {
				t.Errorf("%08X is valid, too", id^1<<bit)
			}
		}
	}
}

func TestWhoIsMeant(t *testing.T) {
	d := Device{ID: DeviceID(7), Tuners: 2}
	mine := binary.BigEndian.AppendUint32([]byte{2, 4}, d.ID)
	broken := bytes.Clone(anyTuner)
	broken[5] ^= 1
	for name, test := range map[string]struct {
		packet []byte
		want   bool
	}{
		"any tuner":           {anyTuner, true},
		"this device":         {request(typeRequest, mine...), true},
		"another":             {request(typeRequest, 2, 4, 0x10, 0, 0, 1), false},
		"anything":            {request(typeRequest), true},
		"storage":             {request(typeRequest, 1, 4, 0, 0, 0, 5), false},
		"an unknown field":    {request(typeRequest, 0x77, 2, 1, 2), true},
		"a long length":       {request(typeRequest, append([]byte{0x77, 0x82, 1}, make([]byte, 130)...)...), true},
		"a reply":             {request(typeReply), false},
		"a field beyond":      {request(typeRequest, 1, 5, 0, 0, 0, 1), false},
		"half a field":        {request(typeRequest, 1), false},
		"half a long length":  {request(typeRequest, 1, 0x80), false},
		"a wrong checksum":    {broken, false},
		"cut off":             {anyTuner[:len(anyTuner)-1], false},
		"longer than it says": {append(bytes.Clone(anyTuner), 0), false},
		"nothing":             {nil, false},
	} {
		if got := d.asksFor(test.packet); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestReply(t *testing.T) {
	d := Device{ID: 0x10123456, Tuners: 3}
	b := d.appendReply(nil, "http://192.168.1.5:8088")
	want := append([]byte{0, 3, 0, 0, 1, 4, 0, 0, 0, 1, 2, 4, 0x10, 0x12, 0x34, 0x56, 0x10, 1, 3, 0x2a, 23}, "http://192.168.1.5:8088"...)
	want = append(append(want, 0x27, 35), "http://192.168.1.5:8088/lineup.json"...)
	want[3] = byte(len(want) - 4)
	want = binary.LittleEndian.AppendUint32(want, crc32.ChecksumIEEE(want))
	if !bytes.Equal(b, want) {
		t.Errorf("got  % x\nwant % x", b, want)
	}
	long := appendText(nil, 1, strings.Repeat("x", 300))
	if tag, value, ok := field(&long); !ok || tag != 1 || len(value) != 300 || len(long) != 0 {
		t.Errorf("a long text: %d, %d, %v", tag, len(value), ok)
	}
}

func TestServerAnswersTheHome(t *testing.T) {
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	home := make(chan netip.Addr, 10)
	s := &Server{Device: Device{ID: DeviceID(1), Tuners: 2}, HTTP: 8088, Home: func(a netip.Addr) bool {
		home <- a
		return len(home) < 2 // only the first
	}}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.serve(ctx, conn) }()
	asker, err := net.Dial("udp4", conn.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer asker.Close()
	ask := func(wait time.Duration) (string, error) {
		if _, err := asker.Write(anyTuner); err != nil {
			t.Fatal(err)
		}
		_ = asker.SetReadDeadline(time.Now().Add(wait))
		b := make([]byte, 2000)
		n, err := asker.Read(b)
		return string(b[:n]), err
	}
	if answer, err := ask(30 * time.Second); err != nil || !strings.Contains(answer, "http://127.0.0.1:8088/lineup.json") {
		t.Errorf("%q, %v", answer, err)
	}
	if answer, err := ask(100 * time.Millisecond); err == nil {
		t.Errorf("a stranger gets %q", answer)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := (&Server{Address: "192.0.2.1:1"}).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "hdhomerun.discovery") {
		t.Errorf("an address of another: %v", err)
	}
}

func FuzzAsksFor(f *testing.F) {
	f.Add(anyTuner)
	f.Fuzz(func(_ *testing.T, b []byte) { Device{}.asksFor(b) })
}
