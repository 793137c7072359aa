package ppsp

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

func TestPeerIDText(t *testing.T) {
	id, err := NewPeerID(strings.NewReader("0123456789abcdef and more"))
	if err != nil {
		t.Fatal(err)
	}
	const text = "30313233343536373839616263646566"
	if id.String() != text {
		t.Errorf("got %s, want %s", id, text)
	}
	if back, err := ParsePeerID(text); err != nil || back != id {
		t.Errorf("read back as %v, %v", back, err)
	}
	for _, bad := range []string{"", text[2:], text + "00", "zz" + text[2:]} {
		if _, err := ParsePeerID(bad); err == nil {
			t.Errorf("accepted %q", bad)
		}
	}
}

func TestNewPeerIDNeedsAllItsRandomBytes(t *testing.T) {
	if _, err := NewPeerID(bytes.NewReader(make([]byte, 15))); err != io.ErrUnexpectedEOF {
		t.Errorf("got %v from a source that runs dry", err)
	}
}
