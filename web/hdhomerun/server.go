package hdhomerun

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/rs/zerolog"
)

// Server answers those in the home who look for a tuner.
type Server struct {
	Device  Device
	Address string                // where to listen; empty for all addresses, Port
	HTTP    uint16                // port of the HTTP
	Home    func(netip.Addr) bool // who is answered; nil for private addresses
	Logger  zerolog.Logger
}

// replies bounds the answers a second, to all together.
const replies = 50

// Run answers until ctx ends. It fails at once when it can't listen.
func (s *Server) Run(ctx context.Context) error {
	address := s.Address
	if address == "" {
		address = fmt.Sprintf(":%d", Port)
	}
	var listen net.ListenConfig
	conn, err := listen.ListenPacket(ctx, "udp4", address)
	if err != nil {
		return fmt.Errorf("tuner discovery on UDP %s: %w; another program may be a tuner, or hdhomerun.discovery be switched off", address, err)
	}
	return s.serve(ctx, conn)
}

func (s *Server) serve(ctx context.Context, conn net.PacketConn) error {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	buf := make([]byte, maxPacket+1)
	second, sent := time.Now(), 0
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return nil
			}
			return fmt.Errorf("tuner discovery: %w", err)
		}
		asker, err := netip.ParseAddrPort(from.String())
		if err != nil || !s.home(asker.Addr().Unmap()) || !s.Device.asksFor(buf[:n]) {
			continue
		}
		if now := time.Now(); now.Sub(second) > time.Second {
			second, sent = now, 0
		}
		if sent++; sent > replies {
			continue
		}
		base, err := s.base(asker)
		if err != nil {
			continue
		}
		if _, err := conn.WriteTo(s.Device.appendReply(nil, base), from); err == nil {
			s.Logger.Debug().Stringer("client", asker).Msg("looks for a tuner")
		}
	}
}

func (s *Server) home(a netip.Addr) bool {
	if s.Home != nil {
		return s.Home(a)
	}
	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast()
}

// base is the address of our HTTP as who asks reaches it.
func (s *Server) base(asker netip.AddrPort) (string, error) {
	conn, err := net.Dial("udp4", asker.String()) // sends nothing: the system picks the way
	if err != nil {
		return "", err
	}
	defer conn.Close()
	local, err := netip.ParseAddrPort(conn.LocalAddr().String())
	if err != nil {
		return "", err
	}
	return "http://" + netip.AddrPortFrom(local.Addr(), s.HTTP).String(), nil
}
