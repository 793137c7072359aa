package guide

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

func remote(source string) bool {
	return strings.HasPrefix(source, "http://") || strings.HasPrefix(source, "https://")
}

// readSource adds what a source tells. Its error says what is wrong, and with what.
func (g *Guide) readSource(ctx context.Context, source string, to *collector) error {
	content, err := g.open(ctx, source)
	if err != nil {
		return err
	}
	defer content.Close()
	plain, err := unpacked(content)
	if err == nil {
		err = readXMLTV(&bounded{from: plain, left: MaxSource}, to)
	}
	if err != nil {
		return fmt.Errorf("programme guide %s: %w", source, err)
	}
	return nil
}

func (g *Guide) open(ctx context.Context, source string) (io.ReadCloser, error) {
	if !remote(source) {
		return os.Open(source)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, source, nil)
	if err != nil {
		return nil, err
	}
	answer, err := g.client.Do(request)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		_ = answer.Body.Close()
		return nil, fmt.Errorf("programme guide %s: its server answers %s", source, answer.Status)
	}
	return answer.Body, nil
}

// unpacked undoes gzip, which is told by its first bytes (RFC 1952, 2.3.1).
func unpacked(r io.Reader) (io.Reader, error) {
	b := bufio.NewReader(r)
	if head, _ := b.Peek(2); len(head) == 2 && head[0] == 0x1f && head[1] == 0x8b {
		return gzip.NewReader(b)
	}
	return b, nil
}

var errTooLong = fmt.Errorf("it has more than %d MiB, which is as much as is read", MaxSource>>20)

// bounded reads no more than so many bytes in all, and between two calls of more: a decoder that
// keeps what it reads until it has understood it keeps no more than that.
type bounded struct {
	from io.Reader
	left int64
	room int
}

// maxToken bounds one token of XML, in bytes.
const maxToken = 256 << 10

var errLongToken = errors.New("one text or tag in it is too long")

func (b *bounded) more() { b.room = maxToken }

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	switch {
	case b.left <= 0:
		return 0, errTooLong
	case b.room <= 0:
		return 0, errLongToken
	}
	n, err := b.from.Read(p[:min(int64(len(p)), b.left, int64(b.room))])
	b.left -= int64(n)
	b.room -= n
	return n, err
}
