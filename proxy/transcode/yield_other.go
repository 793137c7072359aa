//go:build !unix

package transcode

func yield(int) {}
