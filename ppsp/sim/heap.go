package sim

// event is a datagram arriving at a host, a host's alarm, or something the scenario does.
type event struct {
	at       int64
	seq      uint64 // makes the order of events at one time definite
	kind     eventKind
	host     *host
	from     *host
	datagram []byte
	act      func()
}

type eventKind uint8

const (
	eventAct      eventKind = iota // act
	eventWake                      // host's alarm
	eventDownlink                  // datagram reaches the downlink of host
	eventArrive                    // datagram reaches host
)

// before tells which of two events comes first.
func (e *event) before(o *event) bool { return e.at < o.at || e.at == o.at && e.seq < o.seq }

// schedule is the events to come: a heap with four children to a node, typed, since
// container/heap would allocate for every event.
type schedule struct {
	heap []event
	seq  uint64
}

const fanOut = 4

func (s *schedule) push(e event) {
	e.seq = s.seq
	s.seq++
	s.heap = append(s.heap, event{})
	k := len(s.heap) - 1
	for k > 0 {
		up := (k - 1) / fanOut
		if s.heap[up].before(&e) {
			break
		}
		s.heap[k] = s.heap[up]
		k = up
	}
	s.heap[k] = e
}

// next returns the time of the first event, false when there is none.
func (s *schedule) next() (int64, bool) {
	if len(s.heap) == 0 {
		return 0, false
	}
	return s.heap[0].at, true
}

// pop takes the first event out; there is one.
func (s *schedule) pop() event {
	first := s.heap[0]
	n := len(s.heap) - 1
	last := s.heap[n]
	s.heap[n] = event{}
	s.heap = s.heap[:n]
	if n == 0 {
		return first
	}
	k := 0
	for {
		down := fanOut*k + 1
		if down >= n {
			break
		}
		for c := down + 1; c < min(down+fanOut, n); c++ {
			if s.heap[c].before(&s.heap[down]) {
				down = c
			}
		}
		if last.before(&s.heap[down]) {
			break
		}
		s.heap[k] = s.heap[down]
		k = down
	}
	s.heap[k] = last
	return first
}
