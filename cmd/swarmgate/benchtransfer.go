package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/store"
	"github.com/swarmgate/swarmgate/proxy/publish"
)

// benchTransfer moves a film from one process to another over loopback: seeded as publish
// does it, fetched as get does, every chunk verified, file to file.
type benchTransfer struct {
	Size      byteCount `help:"Length of the film: 1GB, 64MiB, or bytes. Default: ${default}." default:"1GB" placeholder:"SIZE"`
	ChunkSize uint32    `help:"Bytes of a chunk. Default: ${default}." default:"1024" placeholder:"N"`
	Hash      string    `help:"Merkle hash function: sha1, sha224, sha256, sha384, sha512. Default: ${default}." default:"sha256" placeholder:"NAME"`
	Sparse    bool      `help:"The film is a hole of zeros, which takes no room on the disk of the sender."`
	Dir       string    `help:"Folder for the film and its copy, which are removed afterwards. Default: the system's for temporary files." placeholder:"DIR" type:"existingdir"`
	Profile   string    `help:"Folder for processor and memory profiles of both processes." placeholder:"DIR" type:"path"`
	Offload   string    `help:"Whether the kernel cuts and joins trains of datagrams (UDP GSO, GRO): auto, off. Default: ${default}." enum:"auto,off" default:"auto" placeholder:"MODE"`
	JSON      bool      `name:"json" help:"Print one JSON object a line for programs."`

	// What the command tells the two processes that it starts.
	Send    string `hidden:"" help:"Be the sender of this film." placeholder:"FILE"`
	Receive string `hidden:"" help:"Be the receiver of this film." placeholder:"LINK"`
	To      string `hidden:"" help:"Where the receiver writes." placeholder:"FILE"`
}

// transferFigures is what benchTransfer prints; a MB is 10⁶ bytes.
type transferFigures struct {
	MBPerSecond    float64 `json:"mb_per_s"`                // from asking for the film to its last chunk
	SenderCPU      float64 `json:"sender_cpu_s_per_gb"`     // user and system, without hashing the film beforehand
	ReceiverCPU    float64 `json:"receiver_cpu_s_per_gb"`   // user and system, until the copy is safe on the disk
	SenderRSS      float64 `json:"sender_rss_mb"`           // resident, at most
	ReceiverRSS    float64 `json:"receiver_rss_mb"`         // resident, at most
	SenderAllocs   float64 `json:"sender_allocs_per_chunk"` // of memory, while sending
	ReceiverAllocs float64 `json:"receiver_allocs_per_chunk"`
	Bytes          int64   `json:"bytes"`
}

// endUsage is what one of the two processes tells of itself.
type endUsage struct {
	Event   string
	Link    string  // of the sender, once it is ready
	CPU     float64 // seconds
	RSS     float64 // MB
	Allocs  float64 // of memory, for each chunk
	Seconds float64 // of the receiver: from asking to the last chunk
}

// Run carries the command out.
func (b *benchTransfer) Run(ctx context.Context, c console) error {
	switch {
	case b.Send != "":
		return b.send(ctx, c)
	case b.Receive != "":
		return b.receive(ctx, c)
	}
	out := newPrinter(c, b.JSON)
	if b.Size <= 0 {
		return wrongUsage("--size %d: a film has a byte or more", b.Size)
	}
	dir, err := os.MkdirTemp(b.Dir, "swarmgate-bench-")
	if err != nil {
		return fmt.Errorf("make a temporary folder: %w", err)
	}
	defer os.RemoveAll(dir)
	film, to := filepath.Join(dir, "film"), filepath.Join(dir, "copy")
	if err := makeFilm(film, int64(b.Size), b.Sparse); err != nil {
		return err
	}
	f, err := b.measure(ctx, film, to)
	if err != nil {
		return err
	}
	if err := sameFiles(film, to); err != nil {
		return err
	}
	fields, err := asMap(f)
	if err != nil {
		return err
	}
	out.event("result", fields)
	out.say("%s in chunks of %d bytes, %s, offload %s", size(f.Bytes), b.ChunkSize, b.Hash, b.Offload)
	if f.Bytes < benchLeast {
		out.say("So little tells mostly what it costs to begin; take --size 1GB for figures that last.")
	}
	out.say("rate                               %.0f MB/s", f.MBPerSecond)
	out.say("processor, sender / receiver       %.2f / %.2f s for each GB", f.SenderCPU, f.ReceiverCPU)
	out.say("resident memory, sender / receiver %.0f / %.0f MB at most", f.SenderRSS, f.ReceiverRSS)
	out.say("allocations, sender / receiver     %.3f / %.3f for each chunk", f.SenderAllocs, f.ReceiverAllocs)
	return nil
}

// measure runs both processes.
func (b *benchTransfer) measure(ctx context.Context, film, to string) (f transferFigures, err error) {
	sender, err := b.begin(ctx, "--send", film)
	if err != nil {
		return f, err
	}
	defer sender.end()
	ready, err := sender.next("ready")
	if err != nil {
		return f, err
	}
	if err := warm(to, min(int64(b.Size), warmMost)); err != nil {
		return f, err
	}
	receiver, err := b.begin(ctx, "--receive", ready.Link, "--to", to)
	if err != nil {
		return f, err
	}
	defer receiver.end()
	got, err := receiver.next("used")
	if err != nil {
		return f, err
	}
	_ = sender.in.Close() // which tells it that this is all
	gave, err := sender.next("used")
	if err != nil {
		return f, err
	}
	gb := float64(b.Size) / 1e9
	return transferFigures{
		MBPerSecond: gb * 1e3 / got.Seconds, SenderCPU: gave.CPU / gb, ReceiverCPU: got.CPU / gb,
		SenderRSS: gave.RSS, ReceiverRSS: got.RSS, SenderAllocs: gave.Allocs, ReceiverAllocs: got.Allocs, Bytes: int64(b.Size),
	}, nil
}

// benchProcess is one of the two.
type benchProcess struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	lines   *bufio.Scanner
	trouble bytes.Buffer
}

func (b *benchTransfer) begin(ctx context.Context, args ...string) (*benchProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	args = append([]string{
		"bench", "transfer", "--size", strconv.FormatInt(int64(b.Size), 10), "--chunk-size", strconv.FormatUint(uint64(b.ChunkSize), 10),
		"--hash", b.Hash, "--offload", b.Offload,
	}, args...)
	if b.Profile != "" {
		args = append(args, "--profile", b.Profile)
	}
	p := &benchProcess{cmd: exec.CommandContext(ctx, self, args...)}
	p.cmd.Stderr = &p.trouble
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	r, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.lines = bufio.NewScanner(r)
	return p, p.cmd.Start()
}

// next waits for a line of the process.
func (p *benchProcess) next(event string) (u endUsage, err error) {
	for p.lines.Scan() {
		if json.Unmarshal(p.lines.Bytes(), &u) == nil && u.Event == event {
			return u, nil
		}
	}
	return u, fmt.Errorf("a process of the measurement ended early: %s", oneLine(errors.New(p.trouble.String())))
}

func (p *benchProcess) end() {
	_ = p.in.Close()
	_ = p.cmd.Wait()
}

// send publishes the film until standard input ends.
func (b *benchTransfer) send(ctx context.Context, c console) error {
	out := newPrinter(c, true)
	peering, err := openPeering(loopback, peerFlags{Offload: b.Offload}, ppsp.PeerID{}, zerolog.Nop())
	if err != nil {
		return err
	}
	meta, err := metadataFlags{Hash: b.Hash, ChunkSize: chunkSize(b.ChunkSize)}.film()
	if err != nil {
		return errors.Join(err, peering.node.Close())
	}
	film, err := publish.OpenFilm(ctx, publish.FilmConfig{
		Path: b.Send, Metadata: meta, Contacts: []string{peering.node.Addr().String()}, StateDir: filepath.Dir(b.Send), Node: peering.node,
		Logger: zerolog.Nop(),
	})
	if err != nil {
		return errors.Join(err, peering.node.Close())
	}
	meter, err := startMeter(b.Profile, "sender")
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 2)
	go func() { ended <- film.Run(ctx) }()
	sockets, closeSockets := context.WithCancel(context.WithoutCancel(ctx))
	defer closeSockets()
	go func() { ended <- peering.Run(sockets) }()
	out.event("ready", map[string]any{"link": film.Link().String()})
	_, _ = io.Copy(io.Discard, c.in)
	err = meter.tell(out, film.Chunks(), 0)
	stop()
	err = errors.Join(err, <-ended)
	closeSockets()
	return errors.Join(err, <-ended)
}

// receive fetches the film.
func (b *benchTransfer) receive(ctx context.Context, c console) error {
	link, err := ppsp.ParseLink(b.Receive)
	if err != nil {
		return err
	}
	file, err := store.OpenFile(ctx, b.To, link.Metadata)
	if err != nil {
		return err
	}
	meter, err := startMeter(b.Profile, "receiver")
	if err != nil {
		return err
	}
	quiet := newPrinter(console{out: io.Discard, err: io.Discard}, false)
	d := &download{link: link, file: file, out: quiet, log: zerolog.Nop(), done: make(chan error, 1), began: time.Now()}
	g := &getCommand{peerFlags: peerFlags{Listen: loopback, NoNAT: true, Offload: b.Offload}}
	if err := errors.Join(d.run(ctx, g), file.Close()); err != nil {
		return err
	}
	chunks := uint64(link.Length+int64(link.ChunkSize)-1) / uint64(link.ChunkSize)
	return meter.tell(newPrinter(c, true), chunks, d.took)
}

// benchLeast is how many bytes make starting and ending matter little.
const benchLeast = 100e6

// warmMost bounds, in bytes, what warm writes.
const warmMost = 2e9

// warm writes a file and removes it, so that the copy finds memory for its pages: memory that
// a virtual machine was not yet given by its host, or has given back, costs more at its first
// use than all that is to be measured, and is billed to whoever happens to use it.
func warm(path string, n int64) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	b := make([]byte, 1<<20)
	for at := int64(0); at < n && err == nil; at += int64(len(b)) {
		_, err = f.WriteAt(b, at)
	}
	return errors.Join(err, f.Close(), os.Remove(path))
}

// makeFilm writes so many bytes that do not repeat, or none of them.
func makeFilm(path string, n int64, sparse bool) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if sparse {
		return errors.Join(f.Truncate(n), f.Close())
	}
	_, err = io.CopyN(f, rand.NewChaCha8([32]byte{'f', 'i', 'l', 'm'}), n)
	return errors.Join(err, f.Close())
}

// sameFiles returns an error unless both files hold the same bytes.
func sameFiles(a, b string) error {
	f, err := os.Open(a)
	if err != nil {
		return err
	}
	defer f.Close()
	g, err := os.Open(b)
	if err != nil {
		return err
	}
	defer g.Close()
	p, q := make([]byte, 1<<20), make([]byte, 1<<20)
	for {
		n, err := io.ReadFull(f, p)
		m, _ := io.ReadFull(g, q)
		if !bytes.Equal(p[:n], q[:m]) {
			return errors.New("the copy is not the film")
		}
		if err != nil {
			return nil
		}
	}
}
