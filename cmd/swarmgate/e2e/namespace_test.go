//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// machine is a network namespace: a host or a router of a laboratory. It has no name and
// lives as long as the process that holds it, so that nothing stays behind, whatever
// becomes of the test.
type machine struct {
	t      *testing.T
	name   string // for error messages
	holder *process
}

// boot makes a machine that has loopback alone.
func boot(t *testing.T, name string) *machine {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("network namespaces need root: run this test as root, in a container or a virtual machine")
	}
	m := &machine{t: t, name: name, holder: start(t, "unshare", "--net", "--", "sleep", "infinity")}
	own, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if its, err := os.Readlink("/proc/" + m.pid() + "/ns/net"); err == nil && its != own {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: no network namespace: %s", name, m.holder.log())
		}
	}
	m.set("net/ipv6/conf/default/accept_dad", "0")
	m.set("net/ipv6/conf/all/accept_dad", "0")
	m.ip("link set lo up multicast on")
	return m
}

func (m *machine) pid() string { return strconv.Itoa(m.holder.cmd.Process.Pid) }

// in puts words before a command that make it run on the machine.
func (m *machine) in(words ...string) []string {
	return append([]string{"nsenter", "--net=/proc/" + m.pid() + "/ns/net", "--"}, words...)
}

// start runs a program on the machine beside the test.
func (m *machine) start(words ...string) *process {
	m.t.Helper()
	need(m.t, words[0])
	return start(m.t, m.in(words...)...)
}

// prepare makes a process on the machine that is not started yet.
func (m *machine) prepare(words ...string) *process {
	m.t.Helper()
	need(m.t, words[0])
	return prepare(m.t, m.in(words...)...)
}

// run starts the program under test on the machine.
func (m *machine) run(args ...string) *process {
	m.t.Helper()
	return m.start(append([]string{swarmgate}, args...)...)
}

// command runs a tool on the machine to its end.
func (m *machine) command(limit time.Duration, words ...string) []byte {
	m.t.Helper()
	need(m.t, words[0])
	return command(m.t, limit, m.in(words...)...)
}

// ip runs ip(8) on the machine.
func (m *machine) ip(words string) {
	m.t.Helper()
	m.command(5*time.Second, append([]string{"ip"}, strings.Fields(words)...)...)
}

// set sets a value below /proc/sys.
func (m *machine) set(path, value string) {
	m.t.Helper()
	m.command(5*time.Second, "sh", "-c", fmt.Sprintf("echo %s > /proc/sys/%s", value, path))
}

// bridge makes a switch with an address of the machine on it.
func (m *machine) bridge(name, prefix string) {
	m.t.Helper()
	// Snooping without a querier would drop the multicast of SSDP.
	m.ip("link add " + name + " type bridge mcast_snooping 0 forward_delay 0")
	m.ip("link set " + name + " up")
	m.ip("addr add " + prefix + " dev " + name)
}

// plug lays a cable from an interface of the machine to a bridge of another.
func (m *machine) plug(nic, prefix string, to *machine, bridge string) {
	m.t.Helper()
	port := "p" + m.pid()
	m.ip("link add " + nic + " type veth peer name " + port + " netns " + to.pid())
	to.ip("link set " + port + " master " + bridge + " up")
	m.ip("link set " + nic + " up")
	m.ip("addr add " + prefix + " dev " + nic)
}
