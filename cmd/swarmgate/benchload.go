package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// trackerLoad is the load generator of benchTracker: lean, since it shares the machine with
// what it measures.
type trackerLoad struct {
	bench *benchTracker
	lines []*loadLine
	sent  atomic.Int64

	mu       sync.Mutex
	failures int
	first    string
}

// loadLine is one keep-alive connection.
type loadLine struct {
	conn     net.Conn
	in       *bufio.Reader
	out      []byte // request
	body     []byte
	response []byte
	times    []time.Duration
	asked    int
}

// loadTimeout bounds a request, and the 63 behind it.
const loadTimeout = time.Minute

func dialTracker(ctx context.Context, b *benchTracker, address string) (*trackerLoad, error) {
	l := &trackerLoad{bench: b}
	var dialer net.Dialer
	for range b.Connections {
		c, err := dialer.DialContext(ctx, "tcp", address)
		if err != nil {
			l.close()
			return nil, err
		}
		l.lines = append(l.lines, &loadLine{conn: c, in: bufio.NewReaderSize(c, 16<<10)})
	}
	return l, nil
}

func (l *trackerLoad) close() {
	for _, line := range l.lines {
		_ = line.conn.Close()
	}
}

func (l *trackerLoad) requests() int { return int(l.sent.Load()) }

func (l *trackerLoad) failed() (int, string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failures, l.first
}

// phase sends count requests, or as many as there is time for, as fast as they are answered.
func (l *trackerLoad) phase(ctx context.Context, count int, d time.Duration, which func(n int) int) {
	var next atomic.Int64
	end := time.Now().Add(d)
	l.each(func(line *loadLine) {
		for ctx.Err() == nil {
			n := int(next.Add(1)) - 1
			if d == 0 && n >= count || d > 0 && time.Now().After(end) {
				return
			}
			if !l.ask(line, which(n)) {
				return
			}
		}
	})
}

// paced sends so many requests a second, whether the answers come in time or not, and returns
// how long after it was due each was answered.
func (l *trackerLoad) paced(ctx context.Context, rate float64, d time.Duration, which func(n int) int) (times []time.Duration) {
	began := time.Now()
	var next atomic.Int64
	total := int(rate * d.Seconds())
	l.each(func(line *loadLine) {
		line.times = make([]time.Duration, 0, total/len(l.lines)*2)
		for ctx.Err() == nil {
			n := int(next.Add(1)) - 1
			if n >= total {
				return
			}
			due := began.Add(time.Duration(float64(n) / rate * float64(time.Second)))
			time.Sleep(time.Until(due))
			if !l.ask(line, which(n)) {
				return
			}
			line.times = append(line.times, time.Since(due))
		}
	})
	for _, line := range l.lines {
		times = append(times, line.times...)
	}
	return times
}

func (l *trackerLoad) each(work func(line *loadLine)) {
	var group sync.WaitGroup
	for _, line := range l.lines {
		group.Go(func() { work(line) })
	}
	group.Wait()
}

// ask makes one request and judges the answer. false: the connection is of no more use.
func (l *trackerLoad) ask(line *loadLine, request int) (goesOn bool) {
	n := int(l.sent.Add(1))
	answer, err := line.exchange(l.bench, request, n)
	if err == nil {
		err = judge(answer, request, n)
		goesOn = true
	}
	if err != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.failures++
		if l.first == "" {
			l.first = err.Error()
		}
	}
	return goesOn
}

// exchange sends a request and returns the body of the answer, valid until the next one.
func (line *loadLine) exchange(b *benchTracker, request, n int) ([]byte, error) {
	line.body = b.appendBench(line.body[:0], request, n)
	line.out = append(line.out[:0], "POST / HTTP/1.1\r\nHost: tracker\r\nContent-Type: application/ppsp-tracker+json\r\nContent-Length: "...)
	line.out = strconv.AppendInt(line.out, int64(len(line.body)), 10)
	line.out = append(append(line.out, "\r\n\r\n"...), line.body...)
	if line.asked++; line.asked%64 == 1 { // often enough for a bound
		if err := line.conn.SetDeadline(time.Now().Add(loadTimeout)); err != nil {
			return nil, err
		}
	}
	if _, err := line.conn.Write(line.out); err != nil {
		return nil, err
	}
	length := -1
	for first := true; ; first = false {
		header, err := line.in.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		header = bytes.TrimRight(header, "\r\n")
		if first && !bytes.HasPrefix(header, []byte("HTTP/1.1 200 ")) {
			return nil, fmt.Errorf("answered with %s", header)
		}
		if value, ok := bytes.CutPrefix(header, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(value)); err != nil {
				return nil, err
			}
		}
		if len(header) == 0 {
			break
		}
	}
	if length < 0 || length > 1<<20 {
		return nil, errors.New("an answer without a length")
	}
	if cap(line.response) < length {
		line.response = make([]byte, length+1024)
	}
	_, err := io.ReadFull(line.in, line.response[:length])
	return line.response[:length], err
}

// judge says what is wrong with an answer: it has to be a success, to this request, with a list
// of peers where one was asked for.
func judge(answer []byte, request, n int) error {
	head := append(strconv.AppendInt([]byte(`{"PPSPTrackerProtocol":{"version":1,"response_type":0,"error_code":0,"transaction_id":"`), int64(n), 10), '"')
	switch {
	case !bytes.HasPrefix(answer, head):
		return fmt.Errorf("no success: %.200s", answer)
	case bytes.Count(answer, []byte(`"result":0`)) != 1:
		return fmt.Errorf("no result: %.200s", answer)
	case request%kinds == asFind && !bytes.Contains(answer, []byte(`"peer_info":[{`)):
		return fmt.Errorf("no peers: %.200s", answer)
	}
	return nil
}
