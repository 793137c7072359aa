//go:build e2e

// Package e2e runs the real program against the real world: Chromium, GUPnP, ffmpeg,
// curl, coturn and miniupnpd, in network namespaces where two houses are needed.
//
//	go test -tags e2e ./cmd/swarmgate/e2e
//
// It needs root for the namespaces, or a kernel that gives users their own, the Debian packages in .ci/packages.txt, and
// playwright-core (npm ci in this folder). What is missing fails a test.
// SWARMGATE_BIN names a program to test instead of building it; SWARMGATE_SHOTS a folder
// in which the screenshots stay.
package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/swarmgate/swarmgate/nat/lab"
)

// swarmgate is the path of the program under test, shots the folder for screenshots or empty.
var swarmgate, shots string

func TestMain(m *testing.M) { os.Exit(runAll(m)) }

func runAll(m *testing.M) int {
	if status, done, err := lab.Enter(); err != nil || done {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		return status
	}
	swarmgate, shots = os.Getenv("SWARMGATE_BIN"), os.Getenv("SWARMGATE_SHOTS")
	for _, name := range []string{"SWARMGATE_BIN", "SWARMGATE_SHOTS"} { // none of the program's own
		if err := os.Unsetenv(name); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	if swarmgate != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "swarmgate-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	swarmgate = filepath.Join(dir, "swarmgate")
	if out, err := exec.Command("go", "build", "-o", swarmgate, "..").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build swarmgate: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}
