// Package store keeps the chunks of a swarm: Ring holds the window of a live stream in
// memory, File holds a film on disk beside what is needed to resume it.
//
// Chunks enter a store only after the engine (ppsp/swarm) has verified them. What a File
// finds on disk after a restart counts as a claim: each chunk is hashed again before its
// first use, and one whose bytes don't match is dropped, so that it is fetched anew and
// never served.
package store
