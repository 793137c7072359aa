package main

import (
	"os"
	"path/filepath"
	"testing"
)

// Two processes move a film, and all figures of the contract are there.
func TestBenchTransfer(t *testing.T) {
	t.Setenv(asProgram, "1") // for the two
	for _, flags := range [][]string{{}, {"--offload", "off", "--hash", "sha1", "--chunk-size", "8192", "--sparse"}} {
		dir := t.TempDir()
		c := begin(t, nil, append([]string{"bench", "transfer", "--size", "3MB", "--json", "--dir", dir}, flags...)...)
		if status := c.end(t, patience); status != 0 {
			t.Fatalf("%v: exit status %d: %s%s", flags, status, c.out, c.err)
		}
		result := c.event(t, "result")
		for _, name := range []string{"mb_per_s", "sender_cpu_s_per_gb", "receiver_cpu_s_per_gb", "sender_rss_mb", "receiver_rss_mb"} {
			if v, ok := result[name].(float64); !ok || v <= 0 {
				t.Errorf("%v: %s is %v", flags, name, result[name])
			}
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
			t.Errorf("%v: left behind: %v, %v", flags, left, err)
		}
	}
}

// A copy that differs is no result.
func TestSameFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	long := make([]byte, 3<<20)
	film, other := write("film", long), append([]byte(nil), long...)
	other[2<<20] = 1
	for name, same := range map[string]bool{
		write("same", long): true, write("other", other): false, write("short", long[:1<<20]): false, write("none", nil): false,
		write("longer", append(other[:0:0], append(long, 0)...)): false,
	} {
		if err := sameFiles(film, name); (err == nil) != same {
			t.Errorf("%s: %v, same: %v", name, err, same)
		}
	}
	if sameFiles(film, filepath.Join(dir, "missing")) == nil || sameFiles(filepath.Join(dir, "missing"), film) == nil {
		t.Error("a file that is missing is the same")
	}
}

func TestByteCount(t *testing.T) {
	for text, want := range map[string]byteCount{
		"1GB": 1e9, "64MiB": 64 << 20, "4096": 4096, "12kB": 12e3, "3KiB": 3 << 10, "7B": 7, "20GB": 20e9, "1000GB": 1e12,
		"": -1, "GB": -1, "-1": -1, "1.5GB": -1, "1001GB": -1, "1 TB": -1,
	} {
		var got byteCount
		if err := got.UnmarshalText([]byte(text)); (err != nil) != (want < 0) || err == nil && got != want {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
}
