package ingest

import (
	"io"
	"time"
)

// blockSize is how much is read at once; two blocks are under way at most.
const blockSize = 64 << 10

// closeWait is how long the end of a run waits for a Read that Close does not end, as is the
// case with some terminals' standard input.
const closeWait = time.Second

// block is what one Read gave.
type block struct {
	data []byte
	err  error
}

// pump reads in a goroutine of its own, so that a Read that waits holds nobody up.
type pump struct {
	r    io.Reader
	full chan block
	free chan []byte
	quit chan struct{}
	done chan struct{}
}

func startPump(r io.Reader) *pump {
	p := &pump{
		r: r, full: make(chan block), free: make(chan []byte, 2),
		quit: make(chan struct{}), done: make(chan struct{}),
	}
	p.free <- make([]byte, blockSize)
	p.free <- make([]byte, blockSize)
	go p.run()
	return p
}

// run ends with the input, or when stop is called and Read returns.
func (p *pump) run() {
	defer close(p.done)
	for {
		var buf []byte
		select {
		case buf = <-p.free:
		case <-p.quit:
			return
		}
		n, err := p.r.Read(buf[:blockSize])
		select {
		case p.full <- block{buf[:n], err}:
		case <-p.quit:
			return
		}
		if err != nil {
			return
		}
	}
}

// stop closes the input where that is possible and waits for the goroutine.
func (p *pump) stop() {
	close(p.quit)
	if c, ok := p.r.(io.Closer); ok {
		_ = c.Close() // it was only read
	}
	late := time.NewTimer(closeWait)
	defer late.Stop()
	select {
	case <-p.done:
	case <-late.C:
	}
}
