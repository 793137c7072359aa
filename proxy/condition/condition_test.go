package condition

import (
	"strings"
	"testing"
	"testing/fstest"
)

const header = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"

func files(list ...string) fstest.MapFS {
	m := fstest.MapFS{}
	for _, f := range list {
		name, content, _ := strings.Cut(f, "=")
		m[name] = &fstest.MapFile{Data: []byte(content + "\n")}
	}
	return m
}

func TestRead(t *testing.T) {
	route := "proc/self/net/route=" + header
	both := route + "wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\neth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\neth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0"
	for name, c := range map[string]struct {
		root fstest.MapFS
		want Condition
	}{
		"nothing is told": {files(), Condition{}},
		"desktop":         {files(both, "sys/class/net/eth0/type=1", "sys/class/net/wlan0/wireless/link=1", "sys/class/power_supply/hid/type=Battery", "sys/class/power_supply/hid/scope=Device", "sys/class/power_supply/hid/status=Discharging"), Condition{Wired, Mains}},
		"laptop": {
			files(route+"wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0", "sys/class/net/wlan0/type=1", "sys/class/net/wlan0/phy80211/name=phy0",
				"sys/class/power_supply/AC/type=Mains", "sys/class/power_supply/BAT0/type=Battery", "sys/class/power_supply/BAT0/status=Discharging"),
			Condition{Wireless, Battery},
		},
		"laptop that charges": {files("sys/class/power_supply/BAT0/type=Battery", "sys/class/power_supply/BAT0/status=Charging"), Condition{"", Mains}},
		"tunnel":              {files(route+"tun0\t00000000\t00000000\t0003\t0\t0\t0\t00000000\t0\t0\t0", "sys/class/net/tun0/type=65534"), Condition{}},
		"no way out":          {files(route+"eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0", "sys/class/net/eth0/type=1"), Condition{}},
		"odd table":           {files(route+"../etc\t00000000\t0\t0\t0\t0\t0\t00000000\neth0\t00000000\t0\t0\t0\t0\tx\t00000000\nshort", "sys/class/net/eth0/type=1"), Condition{}},
	} {
		if got := read(c.root); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

// What this machine tells are words of the protocol.
func TestNow(t *testing.T) {
	c := Now()
	if (c.Connection != "" && c.Connection != Wired && c.Connection != Wireless) || (c.Power != "" && c.Power != Mains && c.Power != Battery) {
		t.Errorf("%+v", c)
	}
}
