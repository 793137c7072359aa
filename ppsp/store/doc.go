// Package store keeps the chunks of a swarm: Ring holds the window of a live stream in
// memory, File holds a film on disk beside what is needed to resume it.
//
// Chunks enter a store only after the engine (ppsp/swarm) has verified them. What a File
// finds on disk after a restart counts as a claim: each chunk is hashed again before its
// first use, by whoever uses it or by File.Check, and one whose bytes don't match is dropped,
// so that it is fetched anew and never served.
//
// # The sidecar
//
// Beside "<name>", or "<name>.part" while it is incomplete, lies "<name>.swarmgate". It
// tells what is held and keeps the hash tree; some pages of that are in memory (pager), so
// that a film of any length takes the same few megabytes. Publishers keep it elsewhere.
// Numbers are big-endian. H is the length of a hash in bytes, P = 512·H that of a page.
//
//	head        8192 bytes, two copies
//	spare       a copy of the page of level 0 that is being written over (P)
//	for each segment of 65536 chunks:
//	  before segments 0, 65536, …   a page of level 3, two copies
//	  before segments 0, 256, …     a page of level 2, two copies
//	  availability                  8192+12 bytes, two copies: a bit for each chunk, the
//	                                first chunk in the lowest bit of the first byte
//	  page of level 1               two copies
//	  256 pages of level 0          one copy each
//
// What was never written is a hole in the file. Each record ends with its version (8 bytes,
// from 1) and a CRC-32C (4 bytes) over its place in the file (8 bytes) and all of it before.
// Of two copies the one with the higher version counts; a new version goes over the copy
// that is not the last known to be durable, so that a crash or a flipped bit leaves the other.
//
// The head is
//
//	8 bytes   "SWGFILM2"
//	4 bytes   integrity method, hash, signature, addressing
//	uvarint   chunk size
//	bytes     swarm ID
//	varint    size of the film, -1 unknown
//	varint    size, mtime (ns of Unix time) of the complete content file, 0 while incomplete
//	1 byte    1: all chunks are held, whatever the availability says
//	uvarint   publisher: chunks hashed so far, 0 when done
//	bytes     the tree but for its pages, as merkle.Tree.AppendState gives it
//
// where "bytes" are their number as uvarint and they themselves; zeros fill it up.
//
// A page is a subtree of 8 layers over 256 nodes of the lowest, as package merkle lays it
// out: 512 hashes in the order of bins, zeros for one that is not known. Slot 255 names the
// page in the spare place; slot 511 ends with version and CRC.
//
// # What is damaged
//
// A page is looked at when it is first read. One of level 0 that is damaged is computed from
// its chunks and compared with the hash above it; one of a higher level is computed from
// those below. Availability of which a copy is damaged is found out by hashing. What
// can't be proven any more counts as not held. Without a head the film is fetched anew.
package store
