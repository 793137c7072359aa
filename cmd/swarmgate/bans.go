package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// bansCommand manages who is shut out (RFC 7574, 12.7).
type bansCommand struct {
	List   bansListCommand   `cmd:"" help:"List who is shut out."`
	Add    bansAddCommand    `cmd:"" help:"Shut out an address, a network or a member."`
	Remove bansRemoveCommand `cmd:"" help:"Take a ban back."`
}

// banAnswer is a ban as /api/v1/bans tells it.
type banAnswer struct {
	ID     string     `json:"id"`
	Who    string     `json:"who"`
	Name   string     `json:"name"` // of the member, where the gateway knows him
	Member bool       `json:"member"`
	Until  *time.Time `json:"until"`
	Reason string     `json:"reason"`
	By     string     `json:"by"`
	// Warning is what a tracker could not carry out yet of a new ban.
	Warning string `json:"warning"`
}

func (b banAnswer) tell(out *printer) {
	until := "for good"
	fields := map[string]any{"id": b.ID, "who": b.Who, "member": b.Member, "until": nil, "reason": b.Reason, "by": b.By}
	if b.Until != nil {
		until = "until " + b.Until.Local().Format(time.DateTime)
		fields["until"] = b.Until.Format(time.RFC3339)
	}
	if b.Warning != "" {
		fields["warning"] = b.Warning
	}
	who := b.Who
	if b.Name != "" {
		fields["name"] = b.Name
		who = fmt.Sprintf("%s (%s)", b.Name, shortID(b.Who))
	}
	out.event("ban", fields)
	out.say("%s  %s %s, by %s%s", b.ID, who, until, b.By, after(": ", b.Reason))
}

// warning says in words that a ban meets more than a person may have meant, empty for nothing.
func (b banAnswer) warning() string {
	back := fmt.Sprintf("; swarmgate bans remove %s takes it back", b.ID)
	network, err := netip.ParsePrefix(b.Who)
	addr := network.Addr()
	if err != nil {
		if addr, err = netip.ParseAddr(b.Who); err != nil {
			return "" // a member, or one port of an address
		}
		network = netip.PrefixFrom(addr, addr.BitLen())
	}
	switch {
	case network.Bits() == 0:
		return "Note: this shuts out every address there is, so that nothing plays any more" + back + "."
	case network.Overlaps(netip.MustParsePrefix("127.0.0.0/8")) || network.Contains(netip.IPv6Loopback()):
		return "Note: this shuts out this machine, with every publisher on it" + back + "."
	case addr.IsPrivate() || addr.IsLinkLocalUnicast():
		return "Note: this is an address of a home; peers there are shut out, screens are not" + back + "."
	}
	return ""
}

// after writes text behind a separator, if there is any.
func after(separator, text string) string {
	if text == "" {
		return ""
	}
	return separator + text
}

type bansListCommand struct{ apiFlags }

// Run carries the command out.
func (b *bansListCommand) Run(ctx context.Context, c console) error {
	out := newPrinter(c, b.JSON)
	var list []banAnswer
	if err := b.get(ctx, "/api/v1/bans", &list); err != nil {
		return err
	}
	for _, e := range list {
		e.tell(out)
	}
	if len(list) == 0 {
		out.say("Nobody is shut out.")
	}
	return nil
}

type bansAddCommand struct {
	Who    string `arg:"" help:"IP address, with :PORT for one port of it, network (192.0.2.0/24), or a member's name or ID."`
	For    span   `help:"How long. Default: for good." placeholder:"D"`
	Reason string `help:"Why, for the list." placeholder:"TEXT"`
	apiFlags
}

// Run carries the command out.
func (b *bansAddCommand) Run(ctx context.Context, c console) error {
	var added banAnswer
	body := map[string]any{"who": b.Who, "hours": time.Duration(b.For).Hours(), "reason": b.Reason}
	if err := b.post(ctx, "/api/v1/bans", body, &added); err != nil {
		return err
	}
	out := newPrinter(c, b.JSON)
	added.tell(out)
	if added.Warning != "" {
		out.say("Note: %s", added.Warning)
	}
	if words := added.warning(); words != "" {
		out.say("%s", words)
	}
	return nil
}

type bansRemoveCommand struct {
	ID string `arg:"" help:"ID of the ban, as bans list shows it, or whom it shuts out."`
	apiFlags
}

// Run carries the command out.
func (b *bansRemoveCommand) Run(ctx context.Context, c console) error {
	err := b.remove(ctx, "/api/v1/bans", b.ID)
	if errors.Is(err, errNothingThere) {
		return fmt.Errorf("there is no such ban at %s: %q; swarmgate bans list shows those that there are", b.API, b.ID)
	}
	if err != nil {
		return err
	}
	out := newPrinter(c, b.JSON)
	out.event("ban", map[string]any{"id": b.ID, "removed": true})
	out.say("The ban %s was taken back.", b.ID)
	return nil
}
