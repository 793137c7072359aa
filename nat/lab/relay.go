//go:build linux

package lab

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Path is what a cable does to each frame, in each direction.
type Path struct {
	Delay time.Duration
	Loss  float64 // how many of all frames get lost, 0 to 1
}

// Bounds of a relay.
const (
	maxFrame   = 2048 // bytes
	maxWaiting = 4096 // frames in a direction; more get lost
)

// relay is a slow cable: two TAP interfaces and what is carried between them. The kernel hands over frames that are
// whole, with checksums and no longer than the link's MTU, since nobody says that this could take others. It is good for
// a few thousand frames a second.
type relay struct {
	ends [2]*os.File
	path atomic.Pointer[Path]
	wg   sync.WaitGroup
}

type frame struct {
	due  time.Time
	data []byte
}

// newRelay makes the interfaces. The frames that get lost are drawn from the seed.
func newRelay(a *Host, nic string, b *Host, port string, p Path, seed uint64, node string) (*relay, error) {
	r := &relay{}
	r.path.Store(&p)
	var err error
	if r.ends[0], err = a.tap(nic, node); err != nil {
		return nil, err
	}
	if r.ends[1], err = b.tap(port, node); err != nil {
		return nil, errors.Join(err, r.ends[0].Close())
	}
	for i := range r.ends {
		waiting := make(chan frame, maxWaiting)
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		r.wg.Go(func() { r.read(r.ends[i], waiting, random) })
		r.wg.Go(func() { deliver(r.ends[1-i], waiting) })
	}
	return r, nil
}

// tap makes a TAP interface on the host; the file is its other end. node is where the device file may be made.
func (h *Host) tap(name, node string) (*os.File, error) {
	var file *os.File
	err := h.In(func() error {
		const flags = unix.O_RDWR | unix.O_NONBLOCK | unix.O_CLOEXEC
		fd, err := unix.Open("/dev/net/tun", flags, 0)
		if errors.Is(err, unix.ENOENT) { // a container without it: root may make one
			if err = unix.Mknod(node, unix.S_IFCHR|0o600, int(unix.Mkdev(10, 200))); err == nil || errors.Is(err, unix.EEXIST) {
				fd, err = unix.Open(node, flags, 0)
			}
		}
		if err != nil {
			return fmt.Errorf("lab: a slow cable needs TAP interfaces: open /dev/net/tun: %w", err)
		}
		request, err := unix.NewIfreq(name)
		if err == nil {
			request.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
			err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
		}
		if err != nil {
			_ = unix.Close(fd)
			return fmt.Errorf("lab: %s: make the TAP interface %s: %w", h.Name, name, err)
		}
		file = os.NewFile(uintptr(fd), name)
		return nil
	})
	return file, err
}

// read takes frames from one end until it is closed.
func (r *relay) read(from *os.File, waiting chan<- frame, random *rand.Rand) {
	defer close(waiting)
	b := make([]byte, maxFrame)
	for {
		n, err := from.Read(b)
		if err != nil {
			if errors.Is(err, unix.EIO) || errors.Is(err, unix.EBADFD) { // the interface is not up yet, or no more
				time.Sleep(time.Millisecond)
				continue
			}
			return
		}
		p := r.path.Load()
		if random.Float64() < p.Loss {
			continue
		}
		select {
		case waiting <- frame{time.Now().Add(p.Delay), append([]byte(nil), b[:n]...)}:
		default: // a queue that is full
		}
	}
}

// deliver writes frames to the other end when they are due. They stay in order.
func deliver(to *os.File, waiting <-chan frame) {
	for f := range waiting {
		time.Sleep(time.Until(f.due))
		_, _ = to.Write(f.data) // an interface that is down takes none, like a cable without a plug
	}
}

func (r *relay) close() error {
	err := errors.Join(r.ends[0].Close(), r.ends[1].Close())
	r.wg.Wait()
	return err
}
