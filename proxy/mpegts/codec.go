package mpegts

// Names of codecs that the probe itself looks into.
const (
	codecMPEG1 = "MPEG-1"
	codecMPEG2 = "MPEG-2"
	codecH264  = "H.264"
	codecHEVC  = "HEVC"
)

// codecOf names a stream by its stream_type (ISO/IEC 13818-1, table 2-34; ATSC A/53-3) and,
// where that says private, by its descriptors (ETSI EN 300 468, 6.1).
func codecOf(streamType uint8, descriptors []byte) (string, StreamKind) {
	switch streamType {
	case 0x01:
		return codecMPEG1, Video
	case 0x02:
		return codecMPEG2, Video
	case 0x10:
		return "MPEG-4", Video
	case 0x1b:
		return codecH264, Video
	case 0x24:
		return codecHEVC, Video
	case 0x33:
		return "VVC", Video
	case 0x42, 0xd2, 0xd4:
		return "AVS", Video
	case 0xea:
		return "VC-1", Video
	case 0x03, 0x04:
		return "MP2", Audio
	case 0x0f, 0x11:
		return "AAC", Audio
	case 0x81:
		return "AC-3", Audio
	case 0x87:
		return "E-AC-3", Audio
	case 0x06, 0x82, 0x8a:
		return codecOfDescriptors(descriptors)
	}
	return "", Other
}

func codecOfDescriptors(b []byte) (string, StreamKind) {
	for len(b) >= 2 {
		tag, size := b[0], int(b[1])
		if 2+size > len(b) {
			break
		}
		if codec, kind := codecOfDescriptor(tag, b[2:2+size]); codec != "" {
			return codec, kind
		}
		b = b[2+size:]
	}
	return "", Other
}

func codecOfDescriptor(tag uint8, body []byte) (string, StreamKind) {
	switch tag {
	case 0x05: // registration
		if len(body) >= 4 {
			return codecOfRegistration(string(body[:4]))
		}
	case 0x56:
		return "Teletext", Other
	case 0x59:
		return "DVB subtitles", Other
	case 0x6a:
		return "AC-3", Audio
	case 0x7a:
		return "E-AC-3", Audio
	case 0x7b:
		return "DTS", Audio
	case 0x7c:
		return "AAC", Audio
	}
	return "", Other
}

func codecOfRegistration(format string) (string, StreamKind) {
	switch format {
	case "AC-3":
		return "AC-3", Audio
	case "EAC3":
		return "E-AC-3", Audio
	case "DTS1", "DTS2", "DTS3":
		return "DTS", Audio
	case "Opus":
		return "Opus", Audio
	case "HEVC":
		return codecHEVC, Video
	case "VC-1":
		return "VC-1", Video
	case "AV01":
		return "AV1", Video
	}
	return "", Other
}
