package auth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
)

// Keep names the file that remembers what trackers gave for codes of enrolment, in the form of
// ReadCredentials, and reads what they gave before. Without it nobody is enrolled.
func (c *Credentials) Keep(path string) error {
	if c == nil {
		return nil
	}
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	before, err := ReadCredentials(bytes.NewReader(b), "")
	if err != nil {
		return err
	}
	for host, own := range c.hosts {
		if own.code == "" {
			continue
		}
		own.keep = path
		if had := before.hosts[host]; had != nil {
			own.token = had.token
		}
	}
	return nil
}

// enrol asks the tracker of a request for a token, and keeps it. The file is opened first: a code
// may be good for once.
func (l *login) enrol(ctx context.Context, to *url.URL) (token string, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("enrol at %s://%s: %w", to.Scheme, to.Host, err)
		}
	}()
	if l.keep == "" {
		return "", errors.New("there is no file to keep the token in")
	}
	f, err := os.OpenFile(l.keep, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return "", err
	}
	defer f.Close()
	at := url.URL{Scheme: to.Scheme, Host: to.Host, Path: EnrolPath}
	body, err := json.Marshal(map[string]string{"code": l.code})
	if err != nil {
		return "", err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, at.String(), bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := l.base.RoundTrip(r)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	var answer struct{ Token, Error string }
	if err := json.NewDecoder(io.LimitReader(response.Body, maxRefusal)).Decode(&answer); err != nil {
		return "", fmt.Errorf("it answers %s; does it enrol peers?", response.Status)
	}
	if answer.Token == "" || strings.ContainsAny(answer.Token, " \t\r\n") {
		return "", fmt.Errorf("it refuses: %.200q", answer.Error)
	}
	_, err = fmt.Fprintf(f, "%s://%s/ token %s\n", to.Scheme, to.Host, answer.Token)
	return answer.Token, errors.Join(err, f.Sync())
}
