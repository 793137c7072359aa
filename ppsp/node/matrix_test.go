package node

import (
	"bytes"
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/livesig"
	"github.com/swarmgate/swarmgate/ppsp/merkle"
	"github.com/swarmgate/swarmgate/ppsp/swarm"
)

// How much of each combination is transferred, and how many at the same time. With
// MATRIX=full in the environment it is twenty times as much.
const (
	matrixFilm   = 48 // chunks
	matrixStream = 32 // chunks
	matrixAtOnce = 24
)

// The values of RFC 7574, Tables 4 to 6, and the signatures of 7.7 with Ed25519.
var (
	matrixHashes      = []ppsp.Hash{ppsp.SHA1, ppsp.SHA224, ppsp.SHA256, ppsp.SHA384, ppsp.SHA512}
	matrixAddressings = []ppsp.Addressing{ppsp.Bins32, ppsp.ByteRanges64, ppsp.ChunkRanges32, ppsp.Bins64, ppsp.ChunkRanges64}
	matrixSignatures  = []ppsp.Signature{ppsp.RSASHA1, ppsp.RSASHA256, ppsp.ECDSAP256SHA256, ppsp.ECDSAP384SHA384, ppsp.Ed25519}
)

// combinations are all of integrity method, addressing, hash, signature and kind of chunk size
// that RFC 7574 allows. Where a method has no use for a hash or signature, one stands for all.
func combinations() []ppsp.Metadata {
	var all []ppsp.Metadata
	add := func(m ppsp.Metadata) {
		m.ChunkSize = 512
		all = append(all, m)
	}
	for _, a := range matrixAddressings {
		add(ppsp.Metadata{Integrity: ppsp.IntegrityNone, Hash: ppsp.SHA256, Addressing: a})
		for _, h := range matrixHashes {
			add(ppsp.Metadata{Integrity: ppsp.IntegrityMerkle, Hash: h, Addressing: a})
		}
		add(ppsp.Metadata{Integrity: ppsp.IntegrityNone, Hash: ppsp.SHA256, Addressing: a, Signature: ppsp.Ed25519})
		for _, s := range matrixSignatures {
			add(ppsp.Metadata{Integrity: ppsp.IntegritySignAll, Hash: ppsp.SHA256, Addressing: a, Signature: s})
			for _, h := range matrixHashes {
				add(ppsp.Metadata{Integrity: ppsp.IntegrityUnified, Hash: h, Addressing: a, Signature: s})
			}
		}
		if a == ppsp.ByteRanges64 {
			continue // can't address chunks that vary in size
		}
		for _, i := range []ppsp.Integrity{ppsp.IntegrityMerkle, ppsp.IntegrityNone, ppsp.IntegritySignAll, ppsp.IntegrityUnified} {
			m := ppsp.Metadata{Integrity: i, Hash: ppsp.SHA256, Addressing: a}
			if i != ppsp.IntegrityMerkle {
				m.Signature = ppsp.ECDSAP256SHA256
			}
			m.ChunkSize = ppsp.VariableChunks
			all = append(all, m)
		}
	}
	return all
}

// Each hash function × addressing method × integrity method × signature algorithm transfers a
// film or a stretch of a stream over real sockets, through a network that loses, reorders and
// doubles; the copy is identical.
func TestMatrix(t *testing.T) {
	all := combinations()
	if want := 5*(1+5+1+5*(1+5)) + 4*4; len(all) != want {
		t.Fatalf("%d combinations, want %d", len(all), want)
	}
	keys := map[ppsp.Signature]*livesig.PrivateKey{}
	for _, s := range matrixSignatures {
		key, err := livesig.Generate(s, crand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		keys[s] = key
	}
	times := 1
	if os.Getenv("MATRIX") == "full" {
		times = 20
	}
	var group errgroup.Group
	group.SetLimit(matrixAtOnce)
	var mu sync.Mutex
	lost, overtaken, doubled := int64(0), int64(0), int64(0)
	for k, m := range all {
		group.Go(func() error {
			x := &transfer{meta: m, key: keys[m.Signature], seed: uint64(k), times: times}
			if err := x.run(t.Context()); err != nil {
				t.Errorf("%s %s %s %s, chunks of %d: %v", m.Integrity, m.Hash, m.Addressing, m.Signature, m.ChunkSize, err)
			}
			mu.Lock()
			defer mu.Unlock()
			lost, overtaken, doubled = lost+x.way.lost.Load(), overtaken+x.way.overtaken.Load(), doubled+x.way.doubled.Load()
			return nil
		})
	}
	_ = group.Wait()
	if n := int64(len(all)); lost < n || overtaken < n || doubled < n {
		t.Errorf("%d datagrams lost, %d overtaken, %d doubled in %d transfers: too few to prove anything", lost, overtaken, doubled, n)
	}
}

// transfer is one combination under test.
type transfer struct {
	meta    ppsp.Metadata
	key     *livesig.PrivateKey // live
	seed    uint64
	times   int
	content [][]byte // chunks
	way     *lossy
	got     memory
}

// run carries the content from one socket to the other.
func (x *transfer) run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 3*patience)
	var group errgroup.Group
	defer func() { cancel(); _ = group.Wait() }()
	source, receiver, err := x.configs()
	if err != nil {
		return err
	}
	from, to := &part{news: make(chan struct{}, 1)}, &part{news: make(chan struct{}, 1)}
	var nodes [2]*Node
	for k, p := range []*part{from, to} {
		n, err := Listen(Config{Listen: loopback, Logger: zerolog.Nop()})
		if err != nil {
			return err
		}
		nodes[k] = n
		if p.Swarm, err = n.Join([]swarm.Config{source, receiver}[k], p.event); err != nil {
			return errors.Join(err, n.Close())
		}
		group.Go(func() error { return n.Run(ctx) })
		group.Go(func() error { return p.Run(ctx) })
	}
	if x.way, err = newLossy(nodes[0].Addr(), x.seed); err != nil {
		return err
	}
	defer x.way.close()
	if err := errors.Join(to.Want(nil, true), to.AddPeers([]netip.AddrPort{x.way.addr()})); err != nil {
		return err
	}
	if x.meta.Kind() == ppsp.Live {
		err = x.stream(ctx, from, to)
	} else {
		_, err = to.hear(ctx, swarm.EventComplete)
	}
	if err != nil {
		return fmt.Errorf("%w; the receiver has %v", err, x.counters(to))
	}
	if got, want := x.got.whole(), bytes.Join(x.content, nil); !bytes.Equal(got, want) {
		return fmt.Errorf("the copy of %d bytes is not the content of %d", len(got), len(want))
	}
	return nil
}

// configs makes content and what source and receiver need.
func (x *transfer) configs() (source, receiver swarm.Config, err error) {
	random := rand.NewChaCha8([32]byte{byte(x.seed)})
	n := matrixFilm * x.times
	live := x.meta.Kind() == ppsp.Live
	if live {
		n = matrixStream * x.times
	}
	sizes := rand.New(random)
	for k := range n {
		size := int(x.meta.ChunkSize)
		switch {
		case x.meta.ChunkSize == ppsp.VariableChunks:
			size = 1 + sizes.IntN(2000)
		case k == n-1:
			size = 1 + sizes.IntN(size) // the last one may be short
		}
		b := make([]byte, size)
		_, _ = random.Read(b)
		x.content = append(x.content, b)
	}
	if live {
		x.meta.SwarmID = x.key.SwarmID()
		perSignature := uint64(0)
		if x.meta.Integrity == ppsp.IntegrityUnified {
			perSignature = 8
		}
		source = swarm.Config{Meta: x.meta, Store: &memory{}, Window: 4096, Key: x.key, ChunksPerSignature: perSignature}
		return source, swarm.Config{Meta: x.meta, Store: &x.got, Window: 4096, Behind: 2048, Patience: int64(patience)}, nil
	}
	build := merkle.NewBuilder(x.meta.Hash)
	store := &memory{}
	for k, b := range x.content {
		if err := errors.Join(build.Add(b), store.WriteChunk(uint64(k), b)); err != nil {
			return source, receiver, err
		}
	}
	tree, err := build.Tree()
	if err != nil {
		return source, receiver, err
	}
	x.meta.SwarmID = ppsp.SwarmID(tree.Root())
	source = film{meta: x.meta, tree: tree}.of(store)
	receiver = swarm.Config{Meta: x.meta, Store: &x.got}
	if x.meta.Integrity == ppsp.IntegrityNone { // the length is part of the metadata
		receiver.Tree = merkle.NewTree(x.meta.Hash, []byte(x.meta.SwarmID))
		receiver.Tree.Expect(uint64(n))
	}
	return source, receiver, nil
}

// stream publishes the content once the receiver is there, and waits until it was played.
func (x *transfer) stream(ctx context.Context, from, to *part) error {
	for _, p := range []*part{from, to} {
		if _, err := p.hear(ctx, swarm.EventPeerUp); err != nil {
			return err
		}
	}
	last := len(x.content) - 1
	tick := time.NewTicker(3 * time.Millisecond)
	defer tick.Stop()
	for _, b := range x.content[:last] {
		if err := from.Append(b); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := from.Finish(x.content[last]); err != nil {
		return err
	}
	for end := uint64(0); end < uint64(len(x.content)); {
		e, err := to.hear(ctx, swarm.EventPlay)
		if err != nil {
			return err
		}
		if e.Chunks.Start != end {
			return fmt.Errorf("chunk %d is played after %d", e.Chunks.Start, end)
		}
		end = e.Chunks.End
	}
	return nil
}

func (x *transfer) counters(p *part) string {
	st, err := p.Stats()
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%d of %d chunks, %+v", st.Have, len(x.content), st.Counters)
}
