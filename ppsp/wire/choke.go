package wire

// AppendChoke appends a CHOKE: requests will go unanswered (RFC 7574, 8.12).
func AppendChoke(b []byte) []byte { return append(b, byte(TypeChoke)) }

// AppendUnchoke appends an UNCHOKE: new requests are welcome (RFC 7574, 8.12).
func AppendUnchoke(b []byte) []byte { return append(b, byte(TypeUnchoke)) }
