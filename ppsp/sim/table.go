package sim

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// WriteTable writes r for people.
func (r Result) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, format string, v ...any) { fmt.Fprintf(t, "%s\t"+format+"\n", append([]any{name}, v...)...) }
	row("scenario", "%s, seed %d", r.Scenario, r.Seed)
	row("homes", "%d at a time, %d in all", r.Peers, r.Joined)
	row("chunk size", "%d bytes", r.ChunkSize)
	row("virtual time", "%.0f s", r.VirtualSeconds)
	if r.ContinuityP50 > 0 {
		row("chunks played in time", "median %.4f, 5th percentile %.4f", r.ContinuityP50, r.ContinuityP5)
		row("delay behind the source", "median %.2f s, 95th percentile %.2f s", r.DelayP50, r.DelayP95)
	}
	if r.StartupP50 > 0 {
		row("start-up", "median %.2f s, 95th percentile %.2f s", r.StartupP50, r.StartupP95)
	}
	for _, w := range []struct {
		when string
		*Watching
	}{{"", &r.Watching}, {", while they came", &r.Crowd}} {
		if w.Seeks > 0 {
			row("standing still"+w.when, "%.2f %% of the time, %.2f %% at the 95th percentile", 100*w.RebufferShare, 100*w.RebufferP95)
			row("seek to playing"+w.when, "median %.2f s, 95th percentile %.2f s, of %d", w.SeekP50, w.SeekP95, w.Seeks)
		}
	}
	if l := r.Lies; l != nil {
		row("without liars", "median %.4f, 5th percentile %.4f", r.HonestContinuity.ContinuityP50, r.HonestContinuity.ContinuityP5)
		row("lost to liars", "%.2f points of the mean", l.ContinuityLost)
		row("malicious", "%d, of which %d got bad chunks through, %d in all", l.Liars, l.Polluters, l.BadChunks)
		row("bad chunks to one peer", "%d at the most; %d pairs without a ban, %d honest homes banned", l.WorstPair, l.Unbanned, l.WrongBans)
		row("honest peers of the source", "%d at the least, %.0f %%", l.SourcePeers, 100*l.SourceHonest)
	}
	if u := r.Uplink; u != nil {
		row("upload alone", "%.1f %% of the uplink, queue of %.0f ms (95th percentile)", 100*u.UploadAlone, 1000*u.QueueAlone)
		row("flow alone", "%.1f %% of the uplink, queue of %.0f ms", 100*u.FlowAlone, 1000*u.QueueFlow)
		row("both", "flow %.1f %%, upload %.1f %%, queue of %.0f ms", 100*u.FlowBeside, 100*u.UploadBeside, 1000*u.QueueBoth)
		row("the flow keeps", "%.1f %% of its rate", 100*u.FlowShare)
		row("queue added by the upload", "%.0f ms (95th percentile)", 1000*u.QueueAdded)
	} else {
		row("source upload", "%.2f × the content", r.SourceUploadRatio)
	}
	row("overhead", "%.1f %% of the bytes", 100*r.Overhead)
	row("duplicates", "%.2f %% of the chunks", 100*r.Duplicates)
	row("datagrams", "%d, %.2f %% lost", r.Datagrams, 100*r.Lost)
	return t.Flush()
}
