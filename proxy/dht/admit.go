package dht

import "bytes"

// maxDepth bounds how deep lists and dictionaries lie in each other; BEP 5 needs three.
const maxDepth = 6

// admit tells whether a datagram is handed to the engine: a whole dictionary in bencoding that is a response,
// an error, or one of the four queries of BEP 5 with its arguments. The engine ends the process at others that
// lack them, and counts queries by the names that strangers give them, without bound.
func admit(b []byte) bool {
	if len(b) > maxDatagram || len(b) < 2 || b[0] != 'd' {
		return false
	}
	var kind, query []byte
	arguments := false
	seen := 0
	b = b[1:]
	for len(b) > 0 && b[0] != 'e' {
		key, rest := word(b)
		if key == nil {
			return false
		}
		value := rest
		if rest = skip(rest, maxDepth); rest == nil {
			return false
		}
		value = value[:len(value)-len(rest)]
		switch string(key) {
		case "y":
			kind, _ = word(value)
			seen++
		case "q":
			query, _ = word(value)
			seen++
		case "a":
			arguments = value[0] == 'd'
			seen++
		}
		b = rest
	}
	if len(b) != 1 || seen > 3 { // a key that stands there twice may mean either
		return false
	}
	if !bytes.Equal(kind, []byte("q")) {
		return bytes.Equal(kind, []byte("r")) || bytes.Equal(kind, []byte("e"))
	}
	switch string(query) {
	case "ping", "find_node", "get_peers", "announce_peer":
		return arguments
	}
	return false
}

// word reads a string, nil if there is none, and returns what is behind it.
func word(b []byte) (s, rest []byte) {
	n, i := 0, 0
	for ; i < len(b) && i < 5 && b[i] >= '0' && b[i] <= '9'; i++ {
		n = 10*n + int(b[i]-'0')
	}
	if i == 0 || i == len(b) || b[i] != ':' || n > len(b)-i-1 {
		return nil, nil
	}
	return b[i+1 : i+1+n : i+1+n], b[i+1+n:]
}

// skip returns what is behind a value, nil if there is none. The rest of a datagram is never empty, as the
// dictionary around it has its end there.
func skip(b []byte, depth int) []byte {
	if len(b) == 0 || depth == 0 {
		return nil
	}
	switch b[0] {
	case 'i':
		end := bytes.IndexByte(b, 'e')
		if end < 2 || end > 22 {
			return nil
		}
		return b[end+1:]
	case 'l', 'd':
		for b = b[1:]; len(b) > 0 && b[0] != 'e'; {
			if b = skip(b, depth-1); b == nil {
				return nil
			}
		}
		if len(b) == 0 {
			return nil
		}
		return b[1:]
	}
	s, rest := word(b)
	if s == nil {
		return nil
	}
	return rest
}
