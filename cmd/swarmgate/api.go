package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/swarmgate/swarmgate/ppsp/tracker/auth"
)

// apiFlags are those of commands that speak to a running gateway.
type apiFlags struct {
	API   apiURL `name:"api" help:"Address of the running gateway. Default: ${default}." default:"http://localhost:8088" placeholder:"URL"`
	Token string `help:"File with the gateway's token, to look and to change from another machine: owner.token in its --dir." placeholder:"FILE" type:"path"`
	Pin   string `help:"Fingerprint of the certificate of an https:// address, SHA-256 in hexadecimal, where it made its own: none other is taken." placeholder:"FINGERPRINT"`
	JSON  bool   `name:"json" help:"Print one JSON object a line for programs."`
}

// apiURL is a flag that names a gateway.
type apiURL string

// UnmarshalText reads the flag.
func (a *apiURL) UnmarshalText(b []byte) error {
	u, err := url.Parse(string(b))
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return fmt.Errorf("%q is no address of a gateway; write as %q", b, "http://localhost:8088")
	}
	*a = apiURL(strings.TrimSuffix(string(b), "/"))
	return nil
}

const (
	apiTimeout = 10 * time.Second
	maxAnswer  = 16 << 20 // bytes
)

func (a apiFlags) get(ctx context.Context, path string, answer any) error {
	return a.ask(ctx, http.MethodGet, path, nil, answer)
}

func (a apiFlags) post(ctx context.Context, path string, body, answer any) error {
	return a.ask(ctx, http.MethodPost, path, body, answer)
}

func (a apiFlags) remove(ctx context.Context, path, id string) error {
	return a.ask(ctx, http.MethodDelete, path+"/"+url.PathEscape(id), nil, nil)
}

// pinned makes a client take one certificate alone, nil for those that the system trusts.
func (a apiFlags) pinned() (*tls.Config, error) {
	if a.Pin == "" {
		return nil, nil
	}
	config, err := auth.Pinned(strings.ReplaceAll(a.Pin, ":", ""))
	switch {
	case err != nil:
		return nil, usageError{fmt.Errorf("--pin: %w", err)}
	case !strings.HasPrefix(string(a.API), "https://"):
		return nil, wrongUsage("--pin is of no use without an https:// address in --api")
	}
	return config, nil
}

// errNothingThere says that what was to be removed is not there.
var errNothingThere = errors.New("there is no such thing")

// ask makes one request. What the gateway says is wrong is the error.
func (a apiFlags) ask(ctx context.Context, method, path string, body, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(b)
	}
	request, err := http.NewRequestWithContext(ctx, method, string(a.API)+path, content)
	if err != nil {
		return err
	}
	token, err := a.token()
	if err != nil {
		return err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	pinned, err := a.pinned()
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, TLSClientConfig: pinned}}
	response, err := client.Do(request)
	if err != nil {
		if u := new(url.Error); errors.As(err, &u) {
			err = u.Err
		}
		if errors.Is(err, http.ErrSchemeMismatch) {
			return fmt.Errorf("no gateway answers at %s, but something that speaks plain HTTP; write --api http://…", a.API)
		}
		if x := new(tls.CertificateVerificationError); errors.As(err, &x) {
			return fmt.Errorf("the certificate of %s is not trusted: %w; where it made its own, name its fingerprint with --pin", a.API, x.Err)
		}
		return fmt.Errorf("no gateway answers at %s: %w; start one with swarmgate run, or name another with --api", a.API, bare(err))
	}
	defer response.Body.Close()
	b, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("gateway at %s: %w", a.API, err)
	}
	switch {
	case response.StatusCode == http.StatusNotFound && method == http.MethodDelete:
		return errNothingThere
	case response.StatusCode == http.StatusNotFound:
		return fmt.Errorf("there is no gateway's API at %s; name the address of its page with --api, such as http://localhost:8088", a.API)
	case response.StatusCode >= http.StatusBadRequest:
		var problem struct {
			Error string `json:"error"`
		}
		if json.Unmarshal(b, &problem) != nil || problem.Error == "" {
			return fmt.Errorf("the gateway at %s answers %s; is it one, and as new as this program?", a.API, response.Status)
		}
		return errors.New(problem.Error)
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(b, answer); err != nil {
		return fmt.Errorf("the answer of the gateway at %s is not understood: %w; is it as new as this program?", a.API, err)
	}
	return nil
}
