package node

import (
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// linuxSender is the memory of sendmmsg.
type linuxSender struct {
	socket   *linuxSocket
	headers  [batchTrains]mmsghdr
	iovecs   [batchTrains]unix.Iovec
	names    [batchTrains]sockaddr
	controls [batchTrains]control
	trains   [batchTrains]train // what each message is

	count int // of messages gathered
	sent  int // of these
	errno syscall.Errno
	call  func(fd uintptr) bool
}

func (s *linuxSocket) newSender() sender {
	o := &linuxSender{socket: s}
	for i := range o.headers {
		h := &o.headers[i].Msghdr
		h.Name = (*byte)(unsafe.Pointer(&o.names[i]))
		h.Iov = &o.iovecs[i]
		h.SetIovlen(1)
		c := (*unix.Cmsghdr)(unsafe.Pointer(&o.controls[i]))
		c.Level, c.Type = unix.IPPROTO_UDP, unix.UDP_SEGMENT
		c.SetLen(unix.CmsgLen(2))
	}
	o.call = o.sendmmsg
	return o
}

func (o *linuxSender) send(b *batch, refused func(netip.AddrPort, error)) {
	for _, t := range b.trains {
		if t.count() > 1 && (!o.socket.gso.Load() || t.count() > maxSegments) {
			o.cut(t, refused)
			continue
		}
		o.add(t, refused)
	}
	o.flush(refused)
}

// cut adds the datagrams of a train one by one.
func (o *linuxSender) cut(t train, refused func(netip.AddrPort, error)) {
	for d := range t.datagrams() {
		o.add(train{peer: t.peer, bytes: d, segment: t.segment}, refused)
	}
}

func (o *linuxSender) add(t train, refused func(netip.AddrPort, error)) {
	if o.count == len(o.headers) {
		o.flush(refused)
	}
	i := o.count
	length, err := o.socket.address(&o.names[i], t.peer)
	if err != nil {
		refused(t.peer, err)
		return
	}
	if len(t.bytes) == 0 {
		return
	}
	o.trains[i] = t
	o.iovecs[i].Base = &t.bytes[0]
	o.iovecs[i].SetLen(len(t.bytes))
	h := &o.headers[i].Msghdr
	h.Namelen = length
	h.Control = nil
	h.SetControllen(0)
	if t.count() > 1 {
		h.Control = (*byte)(unsafe.Pointer(&o.controls[i]))
		h.SetControllen(unix.CmsgSpace(2))
		*(*uint16)(unsafe.Add(unsafe.Pointer(h.Control), unix.CmsgLen(0))) = uint16(t.segment)
	}
	o.count++
}

// sendmmsg sends what was gathered and is not yet sent; false waits for room.
func (o *linuxSender) sendmmsg(fd uintptr) bool {
	for o.errno = unix.EINTR; o.errno == unix.EINTR; { // to wait for room then could be to wait for ever: there may be some
		n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&o.headers[o.sent])), uintptr(o.count-o.sent), unix.MSG_DONTWAIT, 0, 0)
		if o.errno = errno; errno == 0 {
			o.sent += int(n)
		}
	}
	return o.errno != unix.EAGAIN
}

// flush hands what was gathered to the kernel. Whether it can cut trains shows only here:
// not every network card lets it, and a train may be wider than the way. What it refuses to
// cut is cut here.
func (o *linuxSender) flush(refused func(netip.AddrPort, error)) {
	var whole []train
	for o.sent = 0; o.sent < o.count; {
		if err := o.socket.raw.Write(o.call); err != nil {
			refused(o.trains[o.sent].peer, err)
			break
		}
		if o.errno == 0 {
			continue
		}
		t := o.trains[o.sent]
		o.sent++
		switch {
		case t.count() == 1:
			refused(t.peer, o.errno)
		case o.errno == unix.EIO || o.errno == unix.EOPNOTSUPP: // no card on the way out can
			o.socket.gso.Store(false)
			whole = append(whole, t)
		default:
			whole = append(whole, t)
		}
	}
	o.count = 0
	for _, t := range whole {
		o.cut(t, refused)
	}
	if len(whole) > 0 {
		o.flush(refused)
	}
}
