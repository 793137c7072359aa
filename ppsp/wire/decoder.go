package wire

// Decoder takes a datagram apart in place. The zero Decoder is dry; it can be reused with
// Reset for any number of datagrams.
type Decoder struct {
	format Format
	spec   int // length in bytes of its chunk specifications
	b      []byte
	at     int // index in b of the next message
	err    error
}

// Reset begins with a datagram, behind its channel ID. Until its HANDSHAKE is known the
// format may be unknown, too: see SetFormat.
func (d *Decoder) Reset(datagram []byte, f Format) {
	*d = Decoder{format: f, spec: f.SpecSize(), b: datagram, at: ChannelSize}
}

// SetFormat sets the Format of the messages still to come. Who gets a HANDSHAKE, always
// the first message of its datagram, calls this when it knows which swarm that is for.
func (d *Decoder) SetFormat(f Format) { d.format, d.spec = f, f.SpecSize() }

// Next reads the next message into m. It returns false and no error at the end of the
// datagram. An error is an *Error, comes again with each further call, and leaves in m
// nothing of use.
func (d *Decoder) Next(m *Message) (bool, error) {
	if d.err != nil || d.at >= len(d.b) {
		return false, d.err
	}
	*m = Message{Type: Type(d.b[d.at])}
	n, reason := d.parse(m, d.b[d.at+1:])
	if reason != "" {
		d.err = &Error{Type: m.Type, Offset: d.at, Reason: reason}
		return false, d.err
	}
	d.at += 1 + n
	return true, nil
}

// parse reads the message that b begins with behind its type byte. Like the parsers of
// the single messages it returns how many bytes of b that took, or what is wrong.
func (d *Decoder) parse(m *Message, b []byte) (n int, reason string) {
	switch {
	case m.Type >= typeCount:
		return 0, "the type is unknown"
	case 1+len(b) < d.format.Size(m.Type):
		return 0, truncated
	}
	switch m.Type {
	case TypeHandshake:
		if d.at != ChannelSize {
			return 0, "it is not the first message of its datagram"
		}
		return m.Handshake.parse(b)
	case TypeData:
		return d.parseData(m, b)
	case TypeAck:
		return d.parseAck(m, b)
	case TypeHave, TypeRequest, TypeCancel:
		return d.spec, d.parseSpec(m, b)
	case TypeIntegrity:
		return d.parseIntegrity(m, b)
	case TypeSignedIntegrity:
		return d.parseSignedIntegrity(m, b)
	case TypePexResV4, TypePexResV6:
		return parsePexRes(m, b)
	case TypePexResCert:
		return parsePexCert(m, b)
	}
	return 0, "" // CHOKE, UNCHOKE and PEX_REQ are their type alone
}
