package node

import (
	"fmt"
	"net"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// linuxSocket moves batches by recvmmsg and sendmmsg, and trains whole where the kernel
// can: UDP_SEGMENT came with Linux 4.18, UDP_GRO with 5.0.
type linuxSocket struct {
	raw    syscall.RawConn
	ipv6   bool // addresses are given to the kernel as IPv6's
	gso    atomic.Bool
	gro    bool
	zones  zones
	intake intake
}

// newSocket returns the best that the system has; helped allows the kernel's help with trains.
func newSocket(conn *net.UDPConn, helped bool, spare slots) (socket, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	s := &linuxSocket{raw: raw}
	var family int
	err = raw.Control(func(fd uintptr) {
		// More than net.core.rmem_max allows is for the administrator only; the system's
		// default, which is smaller, works too.
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, socketBuffer)
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, socketBuffer)
		if family, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DOMAIN); err != nil || !helped {
			return
		}
		_, lacks := unix.GetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_SEGMENT)
		s.gso.Store(lacks == nil)
		s.gro = unix.SetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_GRO, 1) == nil
	})
	if err != nil {
		return nil, fmt.Errorf("options of the UDP socket: %w", err)
	}
	s.ipv6 = family == unix.AF_INET6
	s.intake.init(spare)
	return s, nil
}

func (s *linuxSocket) state() Offload {
	return Offload{Batches: true, Segments: s.gso.Load(), Joins: s.gro}
}

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	unix.Msghdr
	n uint32 // bytes received or sent
}

// sockaddr holds an address of either family, as the kernel reads and writes it.
type sockaddr = unix.RawSockaddrInet6

// control is room for one ancillary message with an int.
type control [(unix.SizeofCmsghdr + 8 + 7) / 8]uint64

// intakeSlots is how many messages one recvmmsg takes: where the kernel joins trains each
// may be 64 KiB long.
const intakeSlots = 32

// intake is the memory of recvmmsg.
type intake struct {
	spare    slots
	slots    [intakeSlots]*slot
	headers  [intakeSlots]mmsghdr
	iovecs   [intakeSlots]unix.Iovec
	names    [intakeSlots]sockaddr
	controls [intakeSlots]control
	count    int
	errno    syscall.Errno
	call     func(fd uintptr) bool
}

func (k *intake) init(spare slots) {
	k.spare = spare
	for i := range k.headers {
		k.fill(i)
		h := &k.headers[i].Msghdr
		h.Name = (*byte)(unsafe.Pointer(&k.names[i]))
		h.Iov = &k.iovecs[i]
		h.SetIovlen(1)
		h.Control = (*byte)(unsafe.Pointer(&k.controls[i]))
	}
	k.call = k.recvmmsg
}

// fill gives message i a slot.
func (k *intake) fill(i int) {
	k.slots[i] = k.spare.take()
	k.iovecs[i].Base = &k.slots[i][0]
	k.iovecs[i].SetLen(trainBytes)
}

// recvmmsg takes what is there; false waits until something is.
func (k *intake) recvmmsg(fd uintptr) bool {
	for i := range k.headers {
		k.headers[i].Namelen = unix.SizeofSockaddrInet6
		k.headers[i].SetControllen(int(unsafe.Sizeof(k.controls[i])))
	}
	for k.errno = unix.EINTR; k.errno == unix.EINTR; { // to wait then could be to wait for ever: something may be there
		n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&k.headers[0])), intakeSlots, unix.MSG_DONTWAIT, 0, 0)
		k.count, k.errno = int(n), errno
	}
	if k.errno != 0 {
		k.count = 0
	}
	return k.errno != unix.EAGAIN
}

func (s *linuxSocket) receive(b *batch) error {
	k := &s.intake
	for i, t := range b.trains {
		if t.slot == nil {
			k.fill(i)
		}
	}
	b.reset()
	if err := s.raw.Read(k.call); err != nil {
		return err
	}
	if k.errno != 0 {
		return k.errno
	}
	for i := range k.count {
		n := int(k.headers[i].n)
		t := train{peer: s.peer(&k.names[i]), bytes: k.slots[i][:n], segment: n, slot: k.slots[i]}
		if size := k.segment(i); size > 0 {
			t.segment = size
		}
		b.trains = append(b.trains, t)
	}
	return nil
}

// segment returns the length of the datagrams that the kernel has joined in message i, 0 if
// it has not.
func (k *intake) segment(i int) int {
	if int(k.headers[i].Controllen) < unix.CmsgLen(4) {
		return 0
	}
	c := (*unix.Cmsghdr)(unsafe.Pointer(&k.controls[i]))
	if c.Level != unix.IPPROTO_UDP || c.Type != unix.UDP_GRO {
		return 0
	}
	return int(*(*int32)(unsafe.Add(unsafe.Pointer(c), unix.CmsgLen(0))))
}
