//go:build race

package sim

// slow says that everything takes ten times as long: fewer swarms are played.
const slow = true
