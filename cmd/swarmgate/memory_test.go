package main

import "testing"

// A gateway with large buffers lets no more garbage lie than a small one, but for what a collection
// has to be worth.
func TestGarbagePercent(t *testing.T) {
	for used, want := range map[uint64]int{0: 100, 4 << 20: 100, 8 << 20: 100, 32 << 20: 25, 64 << 20: 12, 1 << 30: 10, 1 << 40: 10} {
		if got := garbagePercent(used); got != want {
			t.Errorf("%d bytes in use: %d %%, want %d", used, got, want)
		}
	}
}
