// Package ledbat is the congestion control of one channel: LEDBAT (RFC 6817), which fills
// an idle link with at most 100 ms of queue and makes way for everything else, and an eager
// profile for live streams that keeps up with TCP (RFC 7574, 8.15).
//
// It is arithmetic on samples. The caller tells what was sent, acknowledged and lost, and
// passes `now`, monotonic nanoseconds, the same clock in every call. Nothing here is safe
// for concurrent use.
//
// Beyond the RFC's text, which allows each of it: slow start (2.2), ended as soon as a queue
// shows; a higher gain for decrease (2.5), without which a large window would take minutes
// to leave a queue; a short drain once a minute, without which the flow would take its own
// queue for the base delay after ten minutes (4.4). And a queue is never taken to be longer
// than the round trip grew, so that a peer whose clock steps or drifts does not starve.
package ledbat

// Config shapes a Controller; its zero value is RFC 6817 with TARGET 100 ms.
type Config struct {
	Target    int64 // queueing delay aimed at, ns; 0 and more than DefaultTarget mean DefaultTarget
	MSS       int   // bytes of a full datagram; 0 means DefaultMSS
	MaxWindow int   // bytes; 0 means DefaultMaxWindow
	Eager     bool  // ignore delay once started, as TCP does: for live streams
}

// Constants of RFC 6817, 2.5, and bounds of ours.
const (
	DefaultTarget    = 100_000_000 // ns: "TARGET MUST be 100 milliseconds or less"
	DefaultMSS       = 1500        // bytes
	DefaultMaxWindow = 8 << 20     // bytes in flight
	maxMSS           = 64 << 10    // bytes, a UDP datagram

	initWindow      = 2     // INIT_CWND, datagrams
	minWindow       = 2     // MIN_CWND, datagrams
	allowedIncrease = 1     // ALLOWED_INCREASE, datagrams
	gain            = 1.0   // GAIN: at most the growth of TCP
	eagerWindow     = 10    // datagrams, but
	eagerBytes      = 14600 // bytes: TCP's initial window (RFC 6928, 2)
	eagerDecrease   = 0.7   // of the window is left after loss (RFC 9438, 4.6)
)

// Controller is the state of one flow. Make it with New.
type Controller struct {
	target    int64
	mss       float64
	maxWindow float64
	eager     bool

	window    float64 // cwnd, bytes
	starting  bool    // in slow start, up to …
	threshold float64 // ssthresh, bytes
	flight    int     // bytes sent and neither acknowledged nor lost
	stale     int     // bytes that were in flight when the window was cut: they tell of before
	filling   int     // bytes to be acknowledged until what slow start opened is in use
	peak      recentMax
	delays    delays
	rtt       roundTrip
	drain     drain
}

// New returns a controller in slow start.
func New(c Config) *Controller {
	if c.Target <= 0 || c.Target > DefaultTarget {
		c.Target = DefaultTarget
	}
	if c.MSS <= 0 || c.MSS > maxMSS {
		c.MSS = DefaultMSS
	}
	if c.MaxWindow <= 0 {
		c.MaxWindow = DefaultMaxWindow
	}
	k := &Controller{
		target: c.Target, mss: float64(c.MSS), eager: c.Eager,
		maxWindow: max(float64(c.MaxWindow), minWindow*float64(c.MSS)),
	}
	k.window = initWindow * k.mss
	if k.eager {
		k.window = min(eagerWindow*k.mss, max(eagerBytes, initWindow*k.mss))
	}
	k.window = min(k.window, k.maxWindow)
	k.starting, k.threshold = true, k.maxWindow
	return k
}

// Window returns the congestion window in bytes.
func (c *Controller) Window() int { return int(c.window) }

// Flight returns the bytes that are on their way.
func (c *Controller) Flight() int { return c.flight }

// CanSend tells whether a datagram of so many bytes may go now. An idle flow may always
// send one, even if it is larger than the window.
func (c *Controller) CanSend(bytes int) bool {
	return c.flight == 0 || c.flight+bytes <= int(c.window)
}

// Sent notes that so many bytes went out.
func (c *Controller) Sent(now int64, bytes int) {
	if bytes <= 0 {
		return
	}
	c.flight += bytes
	c.peak.add(now, c.rtt.latest(), c.flight)
}

// Acked notes that so many bytes arrived (RFC 6817, 2.4.2). delay is the one-way delay
// that the receiver measured, in µs by its clock minus ours: only differences count. rtt
// is their round trip in ns, 0 if it can't be told (RFC 6298, 3). What arrived after
// TimedOut had given it up may be told too.
func (c *Controller) Acked(now int64, bytes int, delay, rtt int64) {
	if bytes <= 0 {
		return
	}
	c.rtt.update(rtt)
	c.delays.sample(now, delay, rtt, c.rtt.smoothed())
	bytes = min(bytes, c.flight)
	c.flight -= bytes
	if c.arrived(bytes) || c.drain.step(c, now) {
		return
	}
	before := c.window
	c.grow(bytes)
	c.clamp(now, before)
}

// Lost notes that so many bytes in flight will not be acknowledged. The window is halved,
// but at most once in a round trip (RFC 6817, 2.4.2): not for what was on its way already
// when it was cut last.
func (c *Controller) Lost(_ int64, bytes int) {
	bytes = min(max(bytes, 0), c.flight)
	c.flight -= bytes
	if c.arrived(bytes) {
		return
	}
	left := 0.5
	if c.eager {
		left = eagerDecrease
	}
	if c.drain.active {
		c.drain.resume *= left
		return
	}
	c.cut(c.window * left)
}

// TimedOut notes that no acknowledgement came for RTO: all in flight is given up, the
// window is one datagram, and the timeout doubles (RFC 6817, 2.4.2). Slow start follows, up
// to half of what was in use.
func (c *Controller) TimedOut(_ int64) {
	used := c.window
	if c.drain.active {
		used = c.drain.resume
	}
	if used > c.mss {
		c.threshold = max(used/2, minWindow*c.mss)
	}
	c.window, c.starting = c.mss, true
	c.flight, c.stale = 0, 0
	c.drain.active = false
	c.rtt.backOff()
}

// Sample notes a round trip in ns that was seen otherwise, as of the handshake.
func (c *Controller) Sample(rtt int64) { c.rtt.update(rtt) }

// RTT returns the smoothed round trip in ns, 0 while none was seen.
func (c *Controller) RTT() int64 { return c.rtt.smoothed() }

// RTO returns after how many ns without an acknowledgement TimedOut is due: LEDBAT's CTO.
func (c *Controller) RTO() int64 { return c.rtt.timeout() }

// QueueDelay returns the estimated queueing delay towards the receiver in ns.
func (c *Controller) QueueDelay() int64 { return c.delays.queue() }

// PacingInterval returns over how many ns so many bytes are to be spread so that a window
// takes most of a round trip instead of one burst; 0 while the round trip is unknown.
func (c *Controller) PacingInterval(bytes int) int64 {
	speed := 1.25
	if c.starting {
		speed = 2 // slow start doubles the window within the round trip
	}
	return int64(float64(c.rtt.smoothed()) * float64(max(bytes, 0)) / (speed * c.window))
}
