package main

import (
	"os"
	"regexp"
	"strconv"
	"testing"
)

// programPages returns how much of files lies in this process's memory, in KiB.
func programPages(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`RssFile:\s+(\d+) kB`).FindSubmatch(status)
	if found == nil {
		t.Fatal("the system does not tell RssFile")
	}
	n, err := strconv.Atoi(string(found[1]))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestReturnProgram(t *testing.T) {
	programPages(t) // what the measuring needs is there
	before := programPages(t)
	returnProgram()
	after := programPages(t)
	if after > before*3/4 {
		t.Errorf("%d KiB of the program are in memory, %d before", after, before)
	}
	// What was let go comes back, code and tables alike.
	if _, err := regexp.Compile(`^(a|b)+[0-9]{3}$`); err != nil {
		t.Error(err)
	}
}
