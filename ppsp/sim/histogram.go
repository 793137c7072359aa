package sim

// histogram counts times in steps of a hundredth of a second, or of a millisecond below a
// second, so that millions of them take little memory.
type histogram struct {
	fine   []uint64 // of 1 ms
	coarse []uint64 // of 10 ms
	total  uint64
}

const (
	fineStep    = 1e6 // ns
	fineSteps   = 1000
	coarseStep  = 10e6
	coarseSteps = 6000 // longer ones count as the last
)

// add counts a time in nanoseconds; only a histogram that was opened counts.
func (g *histogram) add(t int64) {
	switch {
	case g.fine == nil:
		return
	case t < fineSteps*fineStep:
		g.fine[max(t, 0)/fineStep]++
	default:
		g.coarse[min(t/coarseStep, coarseSteps-1)]++
	}
	g.total++
}

// open makes it count, from nothing.
func (g *histogram) open() {
	*g = histogram{fine: make([]uint64, fineSteps), coarse: make([]uint64, coarseSteps)}
}

// merge adds what another has counted.
func (g *histogram) merge(o *histogram) {
	for k, n := range o.fine {
		g.fine[k] += n
	}
	for k, n := range o.coarse {
		g.coarse[k] += n
	}
	g.total += o.total
}

// percentile returns the p-th percentile in seconds by the nearest rank, rounded up to the
// step; 0 of nothing.
func (g *histogram) percentile(p int) float64 {
	rank := max((g.total*uint64(p)+99)/100, 1)
	for k, n := range g.fine {
		if n >= rank {
			return float64(k+1) * fineStep / 1e9
		}
		rank -= n
	}
	for k, n := range g.coarse {
		if n >= rank {
			return float64(k+1) * coarseStep / 1e9
		}
		rank -= n
	}
	return 0
}
