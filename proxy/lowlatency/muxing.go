package lowlatency

import (
	"fmt"
	"time"

	"github.com/bluenviron/gohlslib/v2"
	"github.com/bluenviron/gohlslib/v2/pkg/codecs"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"

	"github.com/swarmgate/swarmgate/proxy/mpegts"
)

const (
	clock = 90_000 // ticks a second of a unit's time
	// soundPatience is for how much of the stream sound is waited for that the tables name.
	soundPatience = 3 * time.Second
)

// muxing feeds the library with frames.
type muxing struct {
	ready func(*gohlslib.Muxer)

	video, audio   mpegts.Stream // as the muxer was made for
	muxer          *gohlslib.Muxer
	picture, sound *gohlslib.Track
	parameters     codecs.Codec // of the picture, nil before
	rate           *mpeg4audio.AudioSpecificConfig

	began           time.Time // by the wall, at the time first
	first, newest   int64
	start           int64 // of the last picture that a browser could start at
	started         bool
	frames, refused int
	early           []mpegts.Unit // those from the first start on, while there is no muxer
	room            int           // bytes that may still be kept of them
	problem         error
}

// Unplayable says why a channel of such coding can't be had in this form, "" where it can.
func Unplayable(video, audio string) string {
	switch {
	case video != "" && video != "H.264" && video != "HEVC":
		return "its picture is " + video + ", which no browser plays"
	case audio != "" && audio != "AAC":
		return "its sound is " + audio + ", which fragmented MP4 for browsers has no place for"
	case video == "" && audio == "":
		return "it has neither picture nor sound that is known"
	}
	return ""
}

// check returns why the stream has to end, nil for nothing.
func (m *muxing) check(video, audio mpegts.Stream, known bool) error {
	switch {
	case m.problem != nil:
		return m.problem
	case !known:
		return nil
	}
	if why := Unplayable(video.Codec, audio.Codec); why != "" {
		return Problem(why)
	}
	if audio.Type == 0x11 {
		return Problem("its sound is AAC in LATM, which can't be taken apart")
	}
	switch {
	case m.muxer != nil && (video != m.video || audio != m.audio):
		return fmt.Errorf("the programme has changed") // the next stream is made for the new one
	case m.muxer == nil && m.started && span(m.newest-m.first) > patience:
		return Problem("it has no picture that a browser could start at")
	case m.picture != nil && span(m.newest-m.start) > patience:
		return Problem("the pictures that a browser could start at are too far apart, as of open GOPs")
	}
	if m.frames > judged && m.refused > m.frames/refusable {
		return Problem("too many of its frames can't be put into fragmented MP4, as of interlaced broadcasts")
	}
	return nil
}

// unit takes the next frame.
func (m *muxing) unit(u mpegts.Unit) {
	if !m.started {
		m.started, m.first, m.began, m.room = true, u.Time, time.Now(), maxSegment
	}
	m.newest = max(m.newest, u.Time)
	if m.problem != nil {
		return
	}
	if m.muxer != nil {
		m.write(u)
		return
	}
	m.look(u)
	if !m.startable() {
		return
	}
	m.early = append(m.early, u)
	if m.room -= len(u.Data); m.room < 0 {
		m.problem = Problem("too much of it comes before its sound")
		return
	}
	late := span(m.newest-m.early[0].Time) > soundPatience
	if m.audio.Kind != mpegts.Audio || m.rate != nil || late {
		m.open()
		for _, u := range m.early {
			if m.muxer != nil {
				m.write(u)
			}
		}
		m.early = nil
	}
}

// startable tells whether what came so far begins with something that can be played.
func (m *muxing) startable() bool {
	if m.video.Kind == mpegts.Video {
		return m.parameters != nil
	}
	return m.rate != nil
}

// at is the time of the day of a unit.
func (m *muxing) at(u mpegts.Unit) time.Time {
	return m.began.Add(span(u.Time - m.first))
}

// span is how long so many ticks are; a channel may go on for years.
func span(ticks int64) time.Duration {
	return time.Duration(ticks/clock)*time.Second + time.Duration(ticks%clock)*time.Second/clock
}

// look learns from a unit before there is a muxer.
func (m *muxing) look(u mpegts.Unit) {
	if u.Stream.Kind == mpegts.Audio {
		var packets mpeg4audio.ADTSPackets
		if packets.Unmarshal(u.Data) == nil && m.rate == nil {
			m.rate = configOf(packets[0])
		}
		return
	}
	var nals h264.AnnexB
	if m.parameters == nil && nals.Unmarshal(u.Data) == nil {
		m.learn(nals, u.Stream.Codec)
	}
}

// starts tells whether a picture is one that a decoder can start at.
func starts(nals [][]byte, codec string) bool {
	for _, n := range nals {
		if t := h265.NALUType(n[0] >> 1 & 0x3f); codec == "HEVC" && t >= h265.NALUType_BLA_W_LP && t <= h265.NALUType_CRA_NUT ||
			codec != "HEVC" && h264.NALUType(n[0]&0x1f) == h264.NALUTypeIDR {
			return true
		}
	}
	return false
}

func configOf(p *mpeg4audio.ADTSPacket) *mpeg4audio.AudioSpecificConfig {
	return &mpeg4audio.AudioSpecificConfig{Type: p.Type, SampleRate: p.SampleRate, ChannelConfig: p.ChannelConfig}
}

func (m *muxing) write(u mpegts.Unit) {
	if u.Stream.Kind == mpegts.Audio {
		m.samples(u)
		return
	}
	var nals h264.AnnexB
	err := nals.Unmarshal(u.Data)
	if starts(nals, u.Stream.Codec) {
		m.start = u.Time
	}
	switch {
	case m.picture == nil:
		return
	case err != nil:
	case u.Stream.Codec == "HEVC":
		err = m.muxer.WriteH265(m.picture, m.at(u), u.Time, nals)
	default:
		err = m.muxer.WriteH264(m.picture, m.at(u), u.Time, nals)
	}
	m.count(err == nil)
}

// learn looks for what a decoder has to know, in front of a picture that it can start at.
func (m *muxing) learn(nals [][]byte, codec string) {
	switch {
	case !starts(nals, codec):
	case codec == "HEVC":
		c := &codecs.H265{}
		for _, n := range nals {
			switch h265.NALUType(n[0] >> 1 & 0x3f) {
			case h265.NALUType_VPS_NUT:
				c.VPS = n
			case h265.NALUType_SPS_NUT:
				c.SPS = n
			case h265.NALUType_PPS_NUT:
				c.PPS = n
			default:
			}
		}
		var sps h265.SPS
		if c.VPS != nil && c.SPS != nil && c.PPS != nil && sps.Unmarshal(c.SPS) == nil {
			m.parameters = c
		}
	default:
		c := &codecs.H264{}
		for _, n := range nals {
			switch h264.NALUType(n[0] & 0x1f) {
			case h264.NALUTypeSPS:
				c.SPS = n
			case h264.NALUTypePPS:
				c.PPS = n
			default:
			}
		}
		var sps h264.SPS
		if c.SPS != nil && c.PPS != nil && sps.Unmarshal(c.SPS) == nil {
			m.parameters = c
		}
	}
}

func (m *muxing) samples(u mpegts.Unit) {
	if m.sound == nil {
		return // it came too late
	}
	var packets mpeg4audio.ADTSPackets
	if packets.Unmarshal(u.Data) != nil || *configOf(packets[0]) != *m.rate {
		m.count(false)
		return
	}
	aus := make([][]byte, len(packets))
	for i, p := range packets {
		aus[i] = p.AU
	}
	rate := int64(m.rate.SampleRate)
	m.count(m.muxer.WriteMPEG4Audio(m.sound, m.at(u), u.Time/clock*rate+u.Time%clock*rate/clock, aus) == nil)
}

// open makes the muxer, once all that it has to know is.
func (m *muxing) open() {
	muxer := &gohlslib.Muxer{
		Variant: gohlslib.MuxerVariantLowLatency, SegmentCount: segmentCount, SegmentMaxSize: maxSegment, PartMinDuration: partLength,
		OnEncodeError: func(error) { m.count(false) },
	}
	if m.parameters != nil {
		m.picture = &gohlslib.Track{Codec: m.parameters, ClockRate: clock}
		muxer.Tracks = append(muxer.Tracks, m.picture)
	}
	if m.rate != nil {
		m.sound = &gohlslib.Track{Codec: &codecs.MPEG4Audio{Config: *m.rate}, ClockRate: m.rate.SampleRate}
		muxer.Tracks = append(muxer.Tracks, m.sound)
	}
	if err := muxer.Start(); err != nil {
		m.problem = Problem("its coding can't be put into fragmented MP4 (" + err.Error() + ")")
		return
	}
	m.muxer = muxer
	m.ready(muxer)
}

func (m *muxing) count(taken bool) {
	m.frames++
	if !taken {
		m.refused++
	}
}
