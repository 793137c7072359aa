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

// Check is what was found out about one thing.
type Check struct {
	Name    string `json:"name"`             // one word, the same in all versions
	OK      bool   `json:"ok"`               // nothing has to be done
	Value   string `json:"value"`            // what was found, briefly
	Meaning string `json:"meaning"`          // what follows from it, in a sentence
	Remedy  string `json:"remedy,omitempty"` // what to do, or what could be done; empty where there is nothing
}

// Config says what there is to look at. Its zero value looks at the machine alone.
type Config struct {
	Dir        string   // folder for state; empty: not looked at
	Page       string   // address of the page, HOST:PORT; empty: not looked at
	Listen     string   // UDP address of the peer protocol; empty: any
	STUN       []string // servers, HOST:PORT each
	Trackers   []string // URLs
	Interfaces []string // networks with TVs; all that can do multicast when empty
	NoNAT      bool     // no router is asked for anything
	// HTTP asks the trackers; nil takes one of its own.
	HTTP *http.Client
	// Logger gets what only its authors understand.
	Logger zerolog.Logger
}

// Time is how long an examination takes at most.
const Time = 12 * time.Second

// Examine looks at everything at once, and tells each Check in an order that is always the same, as soon as it and those
// before it are known. It returns whether all is well. An end of ctx ends it early: what was not found out by then is not
// well.
func Examine(ctx context.Context, c Config, tell func(Check)) (well bool) {
	ctx, cancel := context.WithTimeout(ctx, Time)
	defer cancel()
	var running sync.WaitGroup
	defer running.Wait()
	var results []<-chan []Check
	begin := func(examine func() []Check) {
		result := make(chan []Check, 1)
		running.Go(func() { result <- examine() })
		results = append(results, result)
	}
	begin(func() []Check { return []Check{socket(ctx, c.Listen)} })
	if c.Page != "" {
		begin(func() []Check { return []Check{page(ctx, c.Page)} })
	}
	if c.Dir != "" {
		begin(func() []Check { return []Check{disk(c.Dir)} })
	}
	begin(func() []Check { return []Check{lan(ctx, c.Interfaces)} })
	begin(func() []Check { return c.outside(ctx) })
	begin(func() []Check { return c.trackers(ctx) })
	well = true
	for _, result := range results {
		for _, check := range <-result {
			well = well && check.OK
			tell(check)
		}
	}
	return well
}
