package proxy

import (
	"testing"
	"time"
)

func TestSamplesOfAnOverview(t *testing.T) {
	g, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	if g.Overview().Since.IsZero() {
		t.Error("nobody knows when the gateway started")
	}
	start := time.Now()
	two := []Session{{DownBps: 5, UpBps: 1, Peers: 2, BufferS: 4}, {DownBps: 7, UpBps: 2, Peers: 1, BufferS: 3}}
	for second := range 10 * 60 * 2 {
		g.record.sample(start.Add(time.Duration(second)*time.Second), two)
	}
	g.record.add(100, 20)
	g.record.add(1, 2)
	o := g.Overview()
	if o.Received != 101 || o.Sent != 22 {
		t.Errorf("received %d, sent %d", o.Received, o.Sent)
	}
	if len(o.Samples) != MaxSamples {
		t.Fatalf("%d samples, want %d", len(o.Samples), MaxSamples)
	}
	first, last := o.Samples[0], o.Samples[MaxSamples-1]
	if span := last.At.Sub(first.At); span != (MaxSamples-1)*SamplePeriod {
		t.Errorf("the samples are of %v", span)
	}
	if last != (Sample{At: last.At, DownBps: 12, UpBps: 3, Peers: 3, BufferS: 3}) {
		t.Errorf("last sample %+v", last)
	}
	o.Samples[0].Peers = 99
	if g.Overview().Samples[0].Peers == 99 {
		t.Error("who asks can change what is kept")
	}
}
