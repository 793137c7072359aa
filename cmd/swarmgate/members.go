package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/proxy/members"
)

// authorityFile is the membership authority's name in the folder for state.
const authorityFile = "members.pem"

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
	out.say("%s  %s%s, %s, until %s", shortID(m.ID), m.Name, after(" at ", m.Address), counted(len(m.Swarms), "swarm"), m.Until.Local().Format(time.DateTime))
}

// shortID is as much of a member's ID as people are shown; every command takes it.
func shortID(id string) string { return id[:min(16, len(id))] }

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
	Name     string   `arg:"" help:"Who it is, for the list."`
	Swarm    []string `required:"" help:"Link or ID of the closed swarm; may repeat." placeholder:"LINK"`
	Address  string   `help:"Where the member listens, if that lasts: other peers may then learn of it." placeholder:"HOST:PORT"`
	Days     *days    `help:"How many days the certificates hold, up to 3650. Default: 30. Other members learn of no removal: until then they may let in who was removed." placeholder:"N" xor:"valid"`
	For      span     `help:"The same in hours and minutes: 12h, 90m." placeholder:"D" xor:"valid"`
	Cert     string   `help:"File for the certificates. Default: NAME.crt." placeholder:"FILE" type:"path"`
	Key      string   `help:"File for the private key. Default: NAME.key." placeholder:"FILE" type:"path"`
	MemberCA string   `name:"member-ca" help:"Issue by this authority, a file that is there, without a gateway: then the member is on no list." placeholder:"FILE" type:"path"`
	apiFlags
}

const maxDays = 3650

// days is a flag that counts whole days.
type days int

// UnmarshalText reads the flag.
func (d *days) UnmarshalText(b []byte) error {
	n, err := strconv.Atoi(string(b))
	if err != nil || n < 1 || n > maxDays {
		return fmt.Errorf("%q is no number of days from 1 to %d; for hours there is --for, such as --for 36h", b, maxDays)
	}
	*d = days(n)
	return nil
}

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
	if m.Days != nil {
		m.For = span(*m.Days) * span(24*time.Hour)
	}
	cert, key, err := m.files()
	if err != nil {
		return err
	}
	added, err := m.issue(ctx)
	if err != nil {
		return errors.Join(err, discard(cert), discard(key))
	}
	if err := errors.Join(fill(key, added.Key), fill(cert, added.Certificate)); err != nil {
		return fmt.Errorf("%w; the member was added: make room, remove him, and add him again", err)
	}
	out := newPrinter(c, m.JSON)
	added.tell(out, map[string]any{"cert": m.Cert, "key": m.Key, "authority": added.Authority})
	out.say("Give the member %s and %s (the key is a secret, and kept nowhere else):", filepath.Base(m.Cert), filepath.Base(m.Key))
	out.say("  swarmgate get LINK -o FILE --member-cert %s --member-key %s", quoted(m.Cert), quoted(m.Key))
	return nil
}

// quoted writes a path so that a shell takes it for one word.
func quoted(path string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+,:@%="
	if path != "" && strings.Trim(path, plain) == "" {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

// files makes the files for certificate and key, so that nobody is added whose key has no place.
func (m *membersAddCommand) files() (cert, key *os.File, err error) {
	if cert, err = newFile(m.Cert, 0o644); err != nil {
		return nil, nil, err
	}
	if key, err = newFile(m.Key, 0o600); err != nil {
		return nil, nil, errors.Join(err, discard(cert))
	}
	return cert, key, nil
}

// newFile makes a file that was not there.
func newFile(path string, mode fs.FileMode) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil, fmt.Errorf("%s is there already, and was not changed; name other files with --cert and --key", path)
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("write %s: its folder does not exist; make it, or name other files with --cert and --key", path)
	case err != nil:
		return nil, fmt.Errorf("write %s: %w; name other files with --cert and --key, in a folder that you may write to", path, bare(err))
	}
	return f, nil
}

// fill writes a new file so that it is on the disk.
func fill(f *os.File, text string) error {
	_, err := f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", f.Name(), bare(err))
	}
	return nil
}

// discard removes a new file again.
func discard(f *os.File) error { return errors.Join(f.Close(), os.Remove(f.Name())) }

// issue asks the gateway, or issues by the authority's file.
func (m *membersAddCommand) issue(ctx context.Context) (memberAnswer, error) {
	var added memberAnswer
	if m.MemberCA == "" {
		body := map[string]any{"name": m.Name, "swarms": m.Swarm, "address": m.Address, "hours": time.Duration(m.For).Hours()}
		return added, m.post(ctx, "/api/v1/members", body, &added)
	}
	q := members.Request{Name: m.Name, Address: m.Address, Valid: time.Duration(m.For)}
	for _, s := range m.Swarm {
		if err := q.AddSwarm(s); err != nil {
			return added, usageError{fmt.Errorf("--swarm: %w", err)}
		}
	}
	if _, err := os.Stat(m.MemberCA); errors.Is(err, fs.ErrNotExist) {
		return added, fmt.Errorf("--member-ca %s: there is no such file; name the one that the publisher of the swarm has", m.MemberCA)
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
	Who string `arg:"" help:"Name or ID of the member, as members list shows it."`
	apiFlags
}

// Run carries the command out.
func (m *membersRemoveCommand) Run(ctx context.Context, c console) error {
	err := m.remove(ctx, "/api/v1/members", m.Who)
	if errors.Is(err, errNothingThere) {
		return fmt.Errorf("there is no such member at %s: %q; swarmgate members list shows those that there are", m.API, m.Who)
	}
	if err != nil {
		return err
	}
	out := newPrinter(c, m.JSON)
	out.event("member", map[string]any{"who": m.Who, "removed": true})
	out.say("%s is a member no more, for this gateway and for publishers by the same authority; other members may go on to let this one in until the certificates end.", m.Who)
	return nil
}
