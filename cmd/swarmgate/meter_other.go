//go:build !unix

package main

import (
	"errors"
	"time"
)

// ownProcessorTime is not measured here.
func ownProcessorTime() (time.Duration, error) {
	return 0, errors.New("processor time is measured on Unix systems only")
}
