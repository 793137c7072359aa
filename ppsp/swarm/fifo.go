package swarm

// fifo is a queue that uses its memory again. The zero value is empty.
type fifo[T any] struct {
	items []T
	head  int // of items, the first not yet taken
}

func (q *fifo[T]) len() int { return len(q.items) - q.head }

// push appends v. When the memory is full and half of it is behind the head, the rest moves
// down instead of growing, which costs each item one move on average.
func (q *fifo[T]) push(v T) {
	if len(q.items) == cap(q.items) && q.head > len(q.items)/2 {
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	q.items = append(q.items, v)
}

// at returns the k-th item, of which there are len. The pointer holds until the next push.
func (q *fifo[T]) at(k int) *T { return &q.items[q.head+k] }

// pop takes the first item; there is one.
func (q *fifo[T]) pop() T {
	var zero T
	v := q.items[q.head]
	q.items[q.head] = zero
	if q.head++; q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
	}
	return v
}

// clear takes all items out.
func (q *fifo[T]) clear() {
	clear(q.items)
	q.items, q.head = q.items[:0], 0
}

// remove takes the k-th item out: the smaller part around it moves.
func (q *fifo[T]) remove(k int) {
	var zero T
	switch n := q.len(); {
	case k == 0:
		q.pop()
	case k < n/2:
		live := q.items[q.head:]
		copy(live[1:k+1], live[:k])
		live[0] = zero
		q.head++
	default:
		q.items = append(q.items[:q.head+k], q.items[q.head+k+1:]...)
		q.items[:len(q.items)+1][len(q.items)] = zero
	}
}

// insert puts v before the k-th item.
func (q *fifo[T]) insert(k int, v T) {
	q.push(v)
	live := q.items[q.head:]
	copy(live[k+1:], live[k:len(live)-1])
	live[k] = v
}
