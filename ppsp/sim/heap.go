package sim

// timed is something that happens at a time; tie makes the order of what happens at the
// same time definite.
type timed[T any] struct {
	at  int64
	tie uint64
	v   T
}

func (e *timed[T]) before(o *timed[T]) bool { return e.at < o.at || e.at == o.at && e.tie < o.tie }

// heap holds what is to come, the earliest first. It has four children to a node, and is
// typed, since container/heap would allocate for every item.
type heap[T any] struct{ items []timed[T] }

const fanOut = 4

func (h *heap[T]) push(e timed[T]) {
	h.items = append(h.items, e)
	k := len(h.items) - 1
	for k > 0 {
		up := (k - 1) / fanOut
		if h.items[up].before(&e) {
			break
		}
		h.items[k] = h.items[up]
		k = up
	}
	h.items[k] = e
}

// next returns the time of the first item, never when there is none.
func (h *heap[T]) next() int64 {
	if len(h.items) == 0 {
		return never
	}
	return h.items[0].at
}

// pop takes the first item out; there is one.
func (h *heap[T]) pop() timed[T] {
	first := h.items[0]
	n := len(h.items) - 1
	last := h.items[n]
	h.items[n] = timed[T]{}
	h.items = h.items[:n]
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
			if h.items[c].before(&h.items[down]) {
				down = c
			}
		}
		if last.before(&h.items[down]) {
			break
		}
		h.items[k] = h.items[down]
		k = down
	}
	h.items[k] = last
	return first
}
