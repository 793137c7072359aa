package ppsp

import "fmt"

// Bounds of the key in the swarm ID of a live stream, bytes. RSA moduli have 1024 to 4096
// bits, and exponents at most 31: those that livesig takes.
const (
	minRSAModulus  = 128
	maxRSAModulus  = 512
	maxRSAExponent = 4
)

// liveKeySizes are the lengths of keys that have but one (RFC 6605, 4, RFC 8080, 3).
var liveKeySizes = []struct {
	algorithm Signature
	bytes     int
}{{ECDSAP256SHA256, 64}, {ECDSAP384SHA384, 96}, {Ed25519, 32}}

// checkLiveKey tells whether a live swarm ID is as long as a key of the algorithm that it
// names (RFC 7574, 6.1), so that one that was cut off is found out where it is read. Whether
// the key is any good is for livesig to say, and unknown algorithms are for others to refuse.
func checkLiveKey(id SwarmID) error {
	if len(id) == 0 {
		return nil
	}
	algorithm, key := Signature(id[0]), []byte(id[1:])
	for _, s := range liveKeySizes {
		if s.algorithm == algorithm && len(key) != s.bytes {
			return fmt.Errorf("swarm ID has %d digits, but one of a key of %s has %d", 2*len(id), algorithm, 2*(1+s.bytes))
		}
	}
	if algorithm == RSASHA1 || algorithm == RSASHA256 {
		if exponent, modulus := rsaSizes(key); exponent < 1 || exponent > maxRSAExponent || modulus < minRSAModulus || modulus > maxRSAModulus {
			return fmt.Errorf("swarm ID with its %d digits is no whole key of %s", 2*len(id), algorithm)
		}
	}
	return nil
}

// rsaSizes returns how many bytes exponent and modulus of an RSA key have (RFC 3110, 2), zeros
// where the key ends before.
func rsaSizes(key []byte) (exponent, modulus int) {
	if len(key) == 0 {
		return 0, 0
	}
	exponent, key = int(key[0]), key[1:]
	if exponent == 0 { // then its length is in the next two bytes
		if len(key) < 2 {
			return 0, 0
		}
		exponent, key = int(key[0])<<8|int(key[1]), key[2:]
	}
	return exponent, max(0, len(key)-exponent)
}
