package main

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/swarmgate/swarmgate/cmd/swarmgate/media"
	"github.com/swarmgate/swarmgate/proxy/mpegts"
)

// The padded clip has the rate that was asked for, and all packets of the clip in their order.
func TestPaddedClip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		loop, err := mpegts.NewLoop(media.Channel)
		if err != nil {
			t.Fatal(err)
		}
		const times, seconds = 10, 20
		ctx, cancel := context.WithTimeout(t.Context(), seconds*time.Second)
		defer cancel()
		all, own := 0, 0
		err = padded{loop, times}.Run(ctx, func(b []byte) error {
			if len(b)%mpegts.PacketSize != 0 {
				t.Errorf("%d bytes", len(b))
			}
			for ; len(b) > 0; b = b[mpegts.PacketSize:] {
				all++
				if p := mpegts.Packet(b[:mpegts.PacketSize]); p.PID() != paddingPID {
					own++
				} else if !p.HasPayload() || b[0] != 0x47 {
					t.Fatal("what is added is no packet")
				}
			}
			return nil
		})
		if !errors.Is(err, context.DeadlineExceeded) || all != times*own || own == 0 {
			t.Errorf("%d packets, %d of the clip, %v", all, own, err)
		}
		rate, want := float64(own)*188/seconds, float64(len(media.Channel))/media.Duration.Seconds()
		if rate < want*0.7 || rate > want*1.4 {
			t.Errorf("%.0f bytes a second of the clip, want about %.0f", rate, want)
		}
	})
}

func TestStreamsOfAGateway(t *testing.T) {
	body := "# TYPE swarmgate_http_streams gauge\nswarmgate_http_streams 12\n# EOF\n"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }))
	defer server.Close()
	if n, err := streamsOf(t.Context(), server.URL+"/"); n != 12 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if took := dropped(t.Context(), server.URL+"/", 12); took <= 0 {
		t.Errorf("dropped after %v", took)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if took := dropped(ended, server.URL+"/", 11); took != 0 {
		t.Errorf("nobody was dropped, after %v", took)
	}
	body = "# EOF\n"
	if _, err := streamsOf(t.Context(), server.URL+"/"); err == nil {
		t.Error("nothing told is a number")
	}
}

func TestBenchWebUsage(t *testing.T) {
	for _, b := range []benchWeb{
		{Viewers: 0, Rate: 8e6, Duration: time.Minute},
		{Viewers: 1000, Rate: 8e6, Duration: time.Minute},
		{Viewers: 1, Rate: 1, Duration: time.Minute},
		{Viewers: 1, Rate: 8e6, Duration: time.Second},
	} {
		var out bytes.Buffer
		if err := b.Run(t.Context(), console{out: &out, err: &out}); err == nil || !strings.Contains(err.Error(), "--viewers") {
			t.Errorf("%+v: %v", b, err)
		}
	}
	if got := middle([]time.Duration{3, 1, 2}); got != 2 {
		t.Errorf("median %d", got)
	}
}
