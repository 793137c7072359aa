package web

// slots counts what may run at once.
type slots chan struct{}

func newSlots(n int) slots { return make(slots, n) }

// take reports whether there was room. Whoever took gives back.
func (s slots) take() bool {
	select {
	case s <- struct{}{}:
		return true
	default:
		return false
	}
}

func (s slots) give() { <-s }

// inUse returns how many are taken.
func (s slots) inUse() int { return len(s) }
