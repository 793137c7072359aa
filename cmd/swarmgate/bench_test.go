package main

import (
	"os"
	"strings"
	"sync"
	"testing"
)

// What a process uses is read from the system.
func TestFiguresOfAProcess(t *testing.T) {
	now, peak, err := residentMemory(os.Getpid())
	if err != nil || now < 1 || peak < now/2 {
		t.Errorf("memory %.1f and at most %.1f MB, error %v", now, peak, err)
	}
	before, err := processorTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for after := before; after == before; { // ends, as the loop itself takes time
		if after, err = processorTime(os.Getpid()); err != nil || after < before {
			t.Fatalf("processor time %s after %s, error %v", after, before, err)
		}
	}
	const nobody = 1 << 30
	if _, err := processorTime(nobody); err == nil {
		t.Error("processor time of no process: no error")
	}
	if _, _, err := residentMemory(nobody); err == nil {
		t.Error("memory of no process: no error")
	}
}

func TestReadyPage(t *testing.T) {
	var rest sync.WaitGroup
	got, err := readyPage(strings.NewReader("noise\n{\"event\":\"nat\"}\n{\"event\":\"ready\",\"page\":\"http://x/\"}\nmore\n"), &rest)
	rest.Wait()
	if err != nil || got != "http://x/" {
		t.Errorf("page %q, error %v", got, err)
	}
	if _, err := readyPage(strings.NewReader("nothing\n"), &rest); err == nil {
		t.Error("a gateway that did not start: no error")
	}
}
