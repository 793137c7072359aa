package store

import (
	"errors"
	"os"
	"testing"
	"time"
)

// Who publishes a film can ask whether it still is what was hashed, without reading it.
func TestUnchanged(t *testing.T) {
	path := t.TempDir() + "/film"
	if err := os.WriteFile(path, make([]byte, 5000), 0o600); err != nil {
		t.Fatal(err)
	}
	f, _, err := Seed(t.Context(), path, SeedConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Unchanged(); err != nil {
		t.Errorf("unchanged: %v", err)
	}
	later := time.Now().Add(time.Minute)
	if err := os.Chtimes(path, later, later); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := f.Unchanged(); !errors.Is(err, ErrChanged) {
			t.Errorf("changed: error %v, want ErrChanged", err)
		}
	}
	if lost := f.TakeLost(); lost.Count() != 5 {
		t.Errorf("%d chunks lost, want all 5", lost.Count())
	}
	_ = f.Close()
	if err := f.Unchanged(); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: error %v, want ErrClosed", err)
	}
}
