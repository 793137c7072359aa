package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// fullDisk fetches into a disk that is too small, makes room, and fetches on.
const fullDisk = `
set -u
mount -t tmpfs -o size=3m none "$DISK" || exit 90
"$PROGRAM" get -o "$DISK/film.mp4" --listen 127.0.0.1:0 --no-nat "$LINK" 2> "$OUT/first" && exit 91
[ -e "$DISK/film.mp4" ] && exit 92
mount -o remount,size=30m "$DISK" || exit 93
"$PROGRAM" get -o "$DISK/film.mp4" --listen 127.0.0.1:0 --no-nat --json "$LINK" > "$OUT/second" 2>&1 || exit 94
cmp "$DISK/film.mp4" "$FILM" || exit 95
`

// A full disk gives one clear error, nothing of what was fetched is lost, and when there is
// room it goes on.
func TestFullDisk(t *testing.T) {
	atHome(t)
	dir := t.TempDir()
	path, disk := filepath.Join(dir, "film.mp4"), filepath.Join(dir, "disk")
	newFilm(t, path, 8<<20)
	if err := os.Mkdir(disk, 0o700); err != nil {
		t.Fatal(err)
	}
	p := begin(t, nil, "publish", path, "--listen", free, "--dir", filepath.Join(dir, "state"), "--json")
	sh := exec.CommandContext(t.Context(), "sh", "-c", fullDisk)
	sh.Env = append(os.Environ(), asProgram+"=1", "PROGRAM="+os.Args[0], "DISK="+disk, "OUT="+dir, "FILM="+path,
		"LINK="+text(t, p.event(t, "swarm"), "link"))
	sh.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Unshareflags: syscall.CLONE_NEWNS}
	if os.Getuid() != 0 { // who is not root is root in a namespace of its own
		sh.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWNS | syscall.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
		}
	}
	sh.WaitDelay = time.Second
	out, err := sh.CombinedOutput()
	if err != nil {
		second, _ := os.ReadFile(filepath.Join(dir, "second"))
		t.Fatalf("%v: %s%s", err, out, second)
	}
	first, err := os.ReadFile(filepath.Join(dir, "first"))
	if err != nil {
		t.Fatal(err)
	}
	words := string(first)
	if at := strings.Index(words, "swarmgate: "); at >= 0 {
		words = words[at:]
	}
	if strings.Count(words, "\n") != 1 || strings.Count(words, "no space left") != 1 ||
		!strings.Contains(words, disk) || !strings.Contains(words, "free space on that disk") {
		t.Errorf("the full disk is told as %q", first)
	}
	second, err := os.ReadFile(filepath.Join(dir, "second"))
	if err != nil {
		t.Fatal(err)
	}
	begun := &process{first: -1, began: make(chan struct{}), done: make(chan struct{})}
	for line := range strings.Lines(string(second)) {
		begun.told([]byte(line))
	}
	if begun.first < 1<<20 {
		t.Errorf("it goes on with %d bytes, but there was room for 2 MB", begun.first)
	}
}
