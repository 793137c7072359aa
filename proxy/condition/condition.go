// Package condition tells what this machine is like as far as trackers choose by it (RFC 6972,
// PP.REQ-8): whether it is wired or wireless, on mains or on battery. It reads what Linux shows of itself,
// and knows nothing elsewhere.
package condition

import (
	"bufio"
	"bytes"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
)

// The words of the tracker protocol's extension members (tracker.StreamStats).
const (
	Wired    = "wired"
	Wireless = "wireless"
	Mains    = "mains"
	Battery  = "battery"
)

// Condition is what this machine is like; an empty part is not known.
type Condition struct {
	Connection string // Wired or Wireless
	Power      string // Mains or Battery
}

// Now reads the condition of this machine.
func Now() Condition { return read(os.DirFS("/")) }

// Places of Linux where it is told.
const (
	routes   = "proc/self/net/route"
	networks = "sys/class/net"
	supplies = "sys/class/power_supply"
)

func read(root fs.FS) Condition {
	return Condition{Connection: connection(root), Power: power(root)}
}

// connection tells what the interface of the default route is.
func connection(root fs.FS) string {
	nic := outward(root)
	if nic == "" {
		return ""
	}
	for _, mark := range []string{"wireless", "phy80211"} {
		if _, err := fs.Stat(root, path.Join(networks, nic, mark)); err == nil {
			return Wireless
		}
	}
	const ethernet = "1" // ARPHRD_ETHER
	if word(root, path.Join(networks, nic, "type")) == ethernet {
		return Wired
	}
	return ""
}

// outward returns the interface of the best default route (IPv4), empty if there is none.
func outward(root fs.FS) (nic string) {
	table, err := fs.ReadFile(root, routes)
	if err != nil {
		return ""
	}
	least := -1
	for lines := bufio.NewScanner(bytes.NewReader(table)); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) < 8 || f[1] != "00000000" || f[7] != "00000000" || strings.ContainsAny(f[0], "/.") {
			continue
		}
		metric, err := strconv.Atoi(f[6])
		if err == nil && (least < 0 || metric < least) {
			nic, least = f[0], metric
		}
	}
	return nic
}

// power tells whether a battery of the machine is being emptied. What has none is on mains.
func power(root fs.FS) string {
	all, err := fs.ReadDir(root, supplies)
	if err != nil {
		return ""
	}
	for _, s := range all {
		at := path.Join(supplies, s.Name())
		// The battery of a mouse (scope Device) says nothing of the machine.
		if word(root, path.Join(at, "type")) == "Battery" && word(root, path.Join(at, "scope")) != "Device" &&
			word(root, path.Join(at, "status")) == "Discharging" {
			return Battery
		}
	}
	return Mains
}

// word reads a file of one word, empty if it can't be read.
func word(root fs.FS, name string) string {
	b, err := fs.ReadFile(root, name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
