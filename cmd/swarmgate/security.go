package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/proxy/config"
	"github.com/swarmgate/swarmgate/proxy/members"
)

// authorityFile is the membership authority's name in the folder for state.
const authorityFile = "members.pem"

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
	Member bool       `json:"member"`
	Until  *time.Time `json:"until"`
	Reason string     `json:"reason"`
	By     string     `json:"by"`
}

func (b banAnswer) tell(out *printer) {
	until := "for good"
	fields := map[string]any{"id": b.ID, "who": b.Who, "member": b.Member, "until": nil, "reason": b.Reason, "by": b.By}
	if b.Until != nil {
		until = "until " + b.Until.Local().Format(time.DateTime)
		fields["until"] = b.Until.Format(time.RFC3339)
	}
	out.event("ban", fields)
	out.say("%s  %s %s, by %s%s", b.ID, b.Who, until, b.By, after(": ", b.Reason))
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
	Who    string          `arg:"" help:"IP address, with :PORT for one port of it, network (192.0.2.0/24), or a member's ID."`
	For    config.Duration `help:"How long. Default: for good." placeholder:"D"`
	Reason string          `help:"Why, for the list." placeholder:"TEXT"`
	apiFlags
}

// Run carries the command out.
func (b *bansAddCommand) Run(ctx context.Context, c console) error {
	var added banAnswer
	body := map[string]any{"who": b.Who, "hours": time.Duration(b.For).Hours(), "reason": b.Reason}
	if err := b.post(ctx, "/api/v1/bans", body, &added); err != nil {
		return err
	}
	added.tell(newPrinter(c, b.JSON))
	return nil
}

type bansRemoveCommand struct {
	ID string `arg:"" help:"ID of the ban, as bans list shows it, or whom it shuts out."`
	apiFlags
}

// Run carries the command out.
func (b *bansRemoveCommand) Run(ctx context.Context, c console) error {
	if err := b.remove(ctx, "/api/v1/bans", b.ID); err != nil {
		return err
	}
	out := newPrinter(c, b.JSON)
	out.event("ban", map[string]any{"id": b.ID, "removed": true})
	out.say("The ban %s was taken back.", b.ID)
	return nil
}

// membersCommand manages who may take part in closed swarms (RFC 7574, 12.2.2 and 12.3).
type membersCommand struct {
	List   membersListCommand   `cmd:"" help:"List the members."`
	Add    membersAddCommand    `cmd:"" help:"Issue membership certificates."`
	Remove membersRemoveCommand `cmd:"" help:"Take the certificates of a member back."`
}

// memberAnswer is a member as /api/v1/members tells it.
type memberAnswer struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Address     string    `json:"address"`
	Swarms      []string  `json:"swarms"`
	Added       time.Time `json:"added"`
	Until       time.Time `json:"until"`
	Authority   string    `json:"authority"`
	Certificate string    `json:"certificate"`
	Key         string    `json:"key"`
}

func (m memberAnswer) tell(out *printer, more map[string]any) {
	fields := map[string]any{
		"id": m.ID, "name": m.Name, "address": m.Address, "swarms": m.Swarms,
		"added": m.Added.Format(time.RFC3339), "until": m.Until.Format(time.RFC3339),
	}
	maps.Copy(fields, more)
	out.event("member", fields)
	out.say("%s  %s%s, %s, until %s", m.ID[:min(16, len(m.ID))], m.Name, after(" at ", m.Address), counted(len(m.Swarms), "swarm"), m.Until.Local().Format(time.DateTime))
}

type membersListCommand struct{ apiFlags }

// Run carries the command out.
func (m *membersListCommand) Run(ctx context.Context, c console) error {
	out := newPrinter(c, m.JSON)
	var list []memberAnswer
	if err := m.get(ctx, "/api/v1/members", &list); err != nil {
		return err
	}
	for _, e := range list {
		e.tell(out, nil)
	}
	if len(list) == 0 {
		out.say("There are no members yet.")
	}
	return nil
}

type membersAddCommand struct {
	Name     string          `arg:"" help:"Who it is, for the list."`
	Swarm    []string        `required:"" help:"Link or ID of the closed swarm; may repeat." placeholder:"LINK"`
	Address  string          `help:"Where the member listens, if that lasts: other peers may then learn of it." placeholder:"HOST:PORT"`
	Days     int             `help:"How many days the certificates hold, up to 3650. Default: 30. Other members learn of no removal: until then they may let in who was removed." placeholder:"N" xor:"valid"`
	For      config.Duration `help:"The same in hours and minutes: 12h, 90m." placeholder:"D" xor:"valid"`
	Cert     string          `help:"File for the certificates. Default: NAME.crt." placeholder:"FILE" type:"path"`
	Key      string          `help:"File for the private key. Default: NAME.key." placeholder:"FILE" type:"path"`
	MemberCA string          `name:"member-ca" help:"Issue by this authority, without a gateway: then the member is on no list." placeholder:"FILE" type:"path"`
	apiFlags
}

const maxDays = 3650

// Run carries the command out.
func (m *membersAddCommand) Run(ctx context.Context, c console) error {
	stem := strings.Map(func(r rune) rune {
		if r == os.PathSeparator || r < ' ' {
			return '_'
		}
		return r
	}, m.Name)
	if m.Cert == "" {
		m.Cert = stem + ".crt"
	}
	if m.Key == "" {
		m.Key = stem + ".key"
	}
	if filepath.Clean(m.Cert) == filepath.Clean(m.Key) {
		return wrongUsage("--cert and --key are the same file; name two, or leave both out")
	}
	for _, path := range []string{m.Cert, m.Key} {
		if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
			return fmt.Errorf("write %s: its folder does not exist; make it, or name other files with --cert and --key", path)
		}
		if _, err := os.Lstat(path); err == nil {
			return fmt.Errorf("%s is there already, and was not changed; name other files with --cert and --key", path)
		}
	}
	if m.Days < 0 || m.Days > maxDays {
		return wrongUsage("--days %d: write 1 to %d, or 0 for the usual %d", m.Days, maxDays, members.DefaultValid/(24*time.Hour))
	}
	if m.Days > 0 {
		m.For = config.Duration(m.Days) * config.Duration(24*time.Hour)
	}
	added, err := m.issue(ctx)
	if err != nil {
		return err
	}
	if err := errors.Join(writeKey(m.Key, []byte(added.Key)), os.WriteFile(m.Cert, []byte(added.Certificate), 0o644)); err != nil {
		return fmt.Errorf("%w; the member was added: remove it, and add it again", err)
	}
	out := newPrinter(c, m.JSON)
	added.tell(out, map[string]any{"cert": m.Cert, "key": m.Key, "authority": added.Authority})
	for _, s := range m.Swarm {
		if l, err := ppsp.ParseLink(s); err == nil && l.Authority != added.Authority {
			out.say("Note: swarm %s is not of the authority that issued this, and will not take it; let its publisher issue the certificates.", l.SwarmID.Short())
		}
	}
	out.say("Give the member %s and %s (the key is a secret, and kept nowhere else):", filepath.Base(m.Cert), filepath.Base(m.Key))
	out.say("  swarmgate get LINK -o FILE --member-cert %s --member-key %s", m.Cert, m.Key)
	return nil
}

// issue asks the gateway, or issues by the authority's file.
func (m *membersAddCommand) issue(ctx context.Context) (memberAnswer, error) {
	var added memberAnswer
	if m.MemberCA == "" {
		body := map[string]any{"name": m.Name, "swarms": m.Swarm, "address": m.Address, "hours": time.Duration(m.For).Hours()}
		return added, m.post(ctx, "/api/v1/members", body, &added)
	}
	q := members.Request{Name: m.Name, Address: m.Address, Valid: time.Duration(m.For)}
	for _, s := range m.Swarm {
		id, err := members.ParseSwarm(s)
		if err != nil {
			return added, usageError{err}
		}
		q.Swarms = append(q.Swarms, id)
	}
	issued, err := members.New(members.Config{File: m.MemberCA}).Add(q, time.Now())
	if err != nil {
		return added, err
	}
	added = memberAnswer{
		ID: issued.ID, Name: issued.Name, Address: issued.Address, Swarms: hexIDs(issued.Swarms), Added: issued.Added, Until: issued.Until,
		Authority: issued.Authority, Certificate: string(issued.Certificates), Key: string(issued.Key),
	}
	return added, nil
}

func hexIDs(ids []ppsp.SwarmID) []string {
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i] = id.String()
	}
	return list
}

type membersRemoveCommand struct {
	Who string `arg:"" help:"Name or whole ID of the member, as members list --json shows it."`
	apiFlags
}

// Run carries the command out.
func (m *membersRemoveCommand) Run(ctx context.Context, c console) error {
	if err := m.remove(ctx, "/api/v1/members", m.Who); err != nil {
		return err
	}
	out := newPrinter(c, m.JSON)
	out.event("member", map[string]any{"who": m.Who, "removed": true})
	out.say("%s is a member no more, for this gateway and for publishers by the same authority; other members may let him in until his certificates end.", m.Who)
	return nil
}
