package main

import (
	"io"
	"os"
	"time"

	"github.com/rs/zerolog"

	"github.com/swarmgate/swarmgate/proxy/config"
)

// logFlags are those of every command that logs.
type logFlags struct {
	LogLevel  string `help:"What is logged: debug, info, warn or error." placeholder:"LEVEL"`
	LogFormat string `help:"How it is logged: text or json." placeholder:"FORMAT"`
	JSON      bool   `name:"json" help:"Print one JSON object a line for programs."`
}

// logger makes the logger that is passed down; w is standard error, or the printer that
// keeps it apart from the status line.
func (f logFlags) logger(w io.Writer, level string) (zerolog.Logger, error) {
	if f.LogLevel != "" {
		level = f.LogLevel
	}
	l, err := zerolog.ParseLevel(level)
	if err != nil || level == "" {
		return zerolog.Nop(), wrongUsage("--log-level %q is unknown, use debug, info, warn or error", level)
	}
	switch f.LogFormat {
	case "json":
	case "", "text":
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: time.TimeOnly, NoColor: os.Getenv("NO_COLOR") != "" || !isTerminal(os.Stderr)}
	default:
		return zerolog.Nop(), wrongUsage("--log-format %q is unknown, use text or json", f.LogFormat)
	}
	return zerolog.New(w).Level(l).With().Timestamp().Logger(), nil
}

// peerFlags are those of every command that joins swarms.
type peerFlags struct {
	Listen string      `help:"UDP address of the peer protocol; port 0 takes a free one." placeholder:"HOST:PORT"`
	Stun   []string    `name:"stun" help:"STUN server that tells our public address; may repeat." placeholder:"HOST:PORT"`
	NoNAT  bool        `name:"no-nat" help:"Ask no router for a port mapping."`
	Upload config.Rate `help:"What may be sent to peers, in all: 5Mbit/s, 500kbit/s. Default: no limit." placeholder:"RATE"`
}

// bytesPerSecond is the unit in which engines count.
func bytesPerSecond(r config.Rate) int64 { return int64(r) / 8 }
