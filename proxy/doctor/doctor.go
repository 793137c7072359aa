// Package doctor looks at all that a gateway needs from its machine, its home and its way to the Internet, and says in
// plain words what is well, what is not, and what to do.
//
// It works beside a gateway that runs: it takes ports of its own, and leaves nothing behind.
package doctor

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// State says how a thing is.
type State string

// The states.
const (
	Well    State = "well"
	Unwell  State = "unwell"  // something has to be done
	Unknown State = "unknown" // it was not asked for, or nobody could tell
)

// Check is what was found out about one thing.
type Check struct {
	Name    string `json:"name"`             // one word, the same in all versions
	State   State  `json:"state"`            // how it is
	OK      bool   `json:"ok"`               // nothing has to be done: State is not Unwell
	Value   string `json:"value"`            // what was found, briefly
	Meaning string `json:"meaning"`          // what follows from it, in a sentence
	Remedy  string `json:"remedy,omitempty"` // what to do, or what could be done; empty where there is nothing
}

func well(name, value, meaning, remedy string) Check {
	return Check{name, Well, true, value, meaning, remedy}
}

func unwell(name, value, meaning, remedy string) Check {
	return Check{name, Unwell, false, value, meaning, remedy}
}

func unknown(name, value, meaning, remedy string) Check {
	return Check{name, Unknown, true, value, meaning, remedy}
}

// Config says what there is to look at. Its zero value looks at the machine alone.
type Config struct {
	Dir        string   // folder for state; empty: not looked at
	Page       string   // address of the page, HOST:PORT; empty: not looked at
	Listen     string   // UDP address of the peer protocol; empty: any
	STUN       []string // servers, HOST:PORT each; those that the trackers name when empty
	Trackers   []string // URLs that a person of this house named: they may be in the home
	Linked     []string // those of links that others made: their names may not stand for addresses of the home
	Interfaces []string // networks with TVs; all that can do multicast when empty
	NoNAT      bool     // no router is asked for anything
	// HTTP asks the trackers; nil takes one of its own.
	HTTP *http.Client
	// Logger gets what only its authors understand.
	Logger zerolog.Logger
}

// Time is how long an examination takes at most.
const Time = 10 * time.Second

// outsideTime is how long what is outside may take. Routers have the rest of Time to take back what they were asked for.
const outsideTime = 7500 * time.Millisecond

// Examine looks at everything at once, and tells each Check in an order that is always the same, as soon as it and those
// before it are known. It returns whether nothing is unwell. An end of ctx ends it early.
func Examine(ctx context.Context, c Config, tell func(Check)) (well bool) {
	named := make(chan string, maxTrackers)
	servers := sync.OnceValue(func() []string { return c.servers(ctx, named) })
	all := []func(context.Context) []Check{
		func(ctx context.Context) []Check { return []Check{socket(ctx, c.Listen)} },
	}
	if c.Page != "" {
		all = append(all, func(ctx context.Context) []Check { return []Check{page(ctx, c.Page)} })
	}
	if c.Dir != "" {
		all = append(all, func(ctx context.Context) []Check { return []Check{disk(ctx, c.Dir)} })
	}
	all = append(all,
		func(ctx context.Context) []Check { return []Check{lan(ctx, c.Interfaces)} },
		func(ctx context.Context) []Check { return c.outside(ctx, servers) },
		func(ctx context.Context) []Check { return c.trackers(ctx, named) })
	return examine(ctx, all, tell)
}

// examine does all these at the same time.
func examine(ctx context.Context, all []func(context.Context) []Check, tell func(Check)) (well bool) {
	ctx, cancel := context.WithTimeout(ctx, Time)
	defer cancel()
	var running sync.WaitGroup
	defer running.Wait()
	results := make([]chan []Check, len(all))
	for i, look := range all {
		results[i] = make(chan []Check, 1)
		running.Go(func() { results[i] <- look(ctx) })
	}
	well = true
	for _, result := range results {
		for _, check := range <-result {
			well = well && check.OK
			tell(check)
		}
	}
	return well
}
