//go:build linux

package lab

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// Gateway says by which protocols a router lets the home ask for ports.
type Gateway struct {
	UPnP bool // UPnP; it describes itself as IGDv2 unless IGD1 is set
	IGD1 bool
	PMP  bool // NAT-PMP (RFC 6886)
	PCP  bool // PCP (RFC 6887)
	// Lease is the longest that NAT-PMP and PCP grant, a day when it is zero.
	Lease time.Duration
}

// StartGateway starts the router's miniupnpd and waits until it answers. All that was mapped before is gone.
func (h *Home) StartGateway() error {
	if h.Router == nil || h.igd != nil {
		return fmt.Errorf("lab: %s has no router, or its miniupnpd runs already", h.name)
	}
	settings, leases := h.file("igd.conf"), h.file("igd.leases")
	for path, text := range map[string]string{settings: h.settings(leases), leases: ""} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return fmt.Errorf("lab: %w", err)
		}
	}
	if err := h.unmap(); err != nil {
		return err
	}
	if err := h.limit(); err != nil {
		return err
	}
	d, err := h.Router.start(h.file("igd.log"), "miniupnpd", "-d", "-f", settings, "-P", h.file("igd.pid"))
	if err != nil {
		return err
	}
	h.igd = d
	port := ":5351"
	if h.Gateway.UPnP {
		port = ":5000"
	}
	return h.Router.listens(d, port)
}

// limit drops requests by the protocol of port 5351 that the router is not to have: miniupnpd has both or neither. Their
// first byte is the version.
func (h *Home) limit() error {
	const pmp, pcp = 0, 2
	var lines strings.Builder
	lines.WriteString("flush chain inet router refuse\n")
	for version, has := range map[int]bool{pmp: h.Gateway.PMP, pcp: h.Gateway.PCP} {
		if !has {
			fmt.Fprintf(&lines, "add rule inet router refuse udp dport 5351 @th,64,8 %d drop\n", version)
		}
	}
	_, err := h.Router.Run(lines.String(), "nft", "-f", "-")
	return err
}

// StopGateway ends it, and its mappings with it, as in a router that is switched off for its owner's comfort.
func (h *Home) StopGateway() {
	if h.igd != nil {
		h.igd.stop()
		h.igd = nil
		_ = h.unmap() // what is left is nobody's
	}
}

// Deafen has the router's mappings and pinholes let nobody in, though it goes on to list them, until it restarts. What
// the home has begun itself goes on.
func (h *Home) Deafen() error {
	_, err := h.Router.Run(`add rule inet router deaf iifname "wan0" ct state new meta l4proto udp drop`, "nft", "-f", "-")
	return err
}

func (h *Home) unmap() error {
	_, err := h.Router.Run("flush chain inet router deaf\nflush chain inet router gateway_in\nflush chain inet router gateway_out\nflush chain inet router gateway_forward\n", "nft", "-f", "-")
	return err
}

// Mappings returns the router's rules for what it forwards from outside, one a line; IPv6 pinholes are among them.
func (h *Home) Mappings() (string, error) {
	var rules []string
	for _, chain := range []string{"gateway_in", "gateway_forward"} {
		out, err := h.Router.Run("", "nft", "list", "chain", "inet", "router", chain)
		if err != nil {
			return "", err
		}
		for line := range strings.Lines(string(out)) {
			line = strings.Replace(line, "@nh,192,128", "ip6 daddr", 1) // as nft shows what miniupnpd wrote
			if strings.Contains(line, "dnat") || strings.Contains(line, "ip6") {
				rules = append(rules, strings.TrimSpace(line))
			}
		}
	}
	return strings.Join(rules, "\n"), nil
}

func (h *Home) file(name string) string { return h.lab.file(h.name + "." + name) }

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// settings are miniupnpd's.
func (h *Home) settings(leases string) string {
	lease := h.Gateway.Lease
	if lease == 0 {
		lease = 24 * time.Hour
	}
	return fmt.Sprintf(`ext_ifname=%s
listening_ip=%s
http_port=5000
enable_upnp=%s
enable_natpmp=%s
force_igd_desc_v1=%s
ipv6_disable=%s
secure_mode=yes
system_uptime=no
notify_interval=30
min_lifetime=5
max_lifetime=%d
lease_file=%s
uuid=00000000-0000-4000-8000-0000000000%02d
friendly_name=router of the laboratory
upnp_table_name=router
upnp_nat_table_name=router
upnp_forward_chain=gateway_forward
upnp_nat_chain=gateway_in
upnp_nat_postrouting_chain=gateway_out
allow 1024-65535 192.168.%d.0/24 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
`, outer, inner, yes(h.Gateway.UPnP), yes(h.Gateway.PMP || h.Gateway.PCP), yes(h.Gateway.IGD1), yes(!h.IPv6), int(lease/time.Second), leases, h.number, h.number)
}

// listens waits until a daemon has opened a port, such as ":5000".
func (h *Host) listens(d *daemon, port string) error {
	for deadline := time.Now().Add(daemonTime); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		select {
		case <-d.exited:
			return fmt.Errorf("lab: %s: %s ended: %s", h.Name, d.cmd, d.said())
		default:
		}
		out, err := h.Run("", "ss", "-Hlntu")
		if err != nil {
			return err
		}
		if strings.Contains(string(out), port+" ") {
			return nil
		}
	}
	return fmt.Errorf("lab: %s: nothing listens on %s: %s", h.Name, port, d.said())
}
