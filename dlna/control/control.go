package control

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/anacrolix/dms/soap"
	"github.com/anacrolix/dms/upnp"
	"github.com/rs/zerolog"
	"github.com/swarmgate/swarmgate/dlna/description"
)

const (
	// readTimeout is how long a control point may take to send its request.
	readTimeout = 10 * time.Second
	// maxUnderway bounds the actions that are performed at once: the answer to a Browse takes some
	// megabytes until it is sent.
	maxUnderway = 16
	// underwayWait is how long others wait.
	underwayWait = 2 * time.Second
)

// errBusy says that too much is under way.
var errBusy = errors.New("too many actions at once")

// ErrInvalidArgs says that an argument is missing or has no sense (UDA 1.1, table 3-3).
var ErrInvalidArgs = upnp.Errorf(402, "Invalid Args")

// Call is an action that a control point asks for.
type Call struct {
	Action  string
	Request *http.Request
	args    []soap.Arg
}

// Arg returns the value of an argument and whether it was sent.
func (c *Call) Arg(name string) (string, bool) {
	for _, a := range c.args {
		if a.XMLName.Local == name {
			return a.Value, true
		}
	}
	return "", false
}

// Number returns the value of an argument of type ui4, 0 if it was not sent; the error is
// ErrInvalidArgs.
func (c *Call) Number(name string) (uint32, error) {
	value, sent := c.Arg(name)
	if !sent {
		return 0, nil
	}
	n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 32)
	if err != nil {
		return 0, ErrInvalidArgs
	}
	return uint32(n), nil
}

// Base returns the scheme and host under which the control point reached the server (see the
// function of that name).
func (c *Call) Base() string { return Base(c.Request) }

// Base returns the scheme and host under which who sends a request reached the server, for
// the URLs that it is given: "http://192.168.1.2:8088". A host without a port, as HTTP/1.0
// and some television sets send it, gets the one that was reached.
func Base(r *http.Request) string {
	host := r.Host
	own, known := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if _, _, err := net.SplitHostPort(host); err != nil && known {
		ownHost, port, err := net.SplitHostPort(own.String())
		if err != nil {
			return "http://" + host
		}
		if host == "" {
			host = ownHost
		}
		host = net.JoinHostPort(strings.Trim(host, "[]"), port)
	}
	return "http://" + host
}

// Action performs an action and returns the values of its out arguments in the order of
// the description. An error of type *upnp.Error is told to the control point, any other
// is logged and told as 501.
type Action func(*Call) ([]string, error)

// Server performs the actions of one service. It is an http.Handler for the control URL.
type Server struct {
	Service *description.Service
	Actions map[string]Action // by name; one for each of Service.Actions
	Product string            // SERVER header
	Logger  zerolog.Logger

	// State returns what the answer to a call depends on beside its arguments, and whether the
	// answer to another call with the same state and arguments is the same. Optional.
	State func(*Call) (state string, constant bool)

	answers  kept
	once     sync.Once
	underway chan struct{}
}

// Check tells whether every action of the description can be performed, and no other.
func (s *Server) Check() error {
	for _, a := range s.Service.Actions {
		if s.Actions[a.Name] == nil {
			return fmt.Errorf("service %s describes %s and can't perform it", s.Service.Path, a.Name)
		}
	}
	if len(s.Actions) != len(s.Service.Actions) {
		return fmt.Errorf("service %s can perform what it doesn't describe", s.Service.Path)
	}
	return nil
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "actions are sent by POST", http.StatusMethodNotAllowed)
		return
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(readTimeout))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "request not read", status(err))
		return
	}
	answer, err := s.inTurn(body, r)
	if errors.Is(err, errBusy) {
		w.Header().Set("Retry-After", "2")
		http.Error(w, "too much is asked at once; ask again", http.StatusServiceUnavailable)
		return
	}
	code := http.StatusOK
	if err != nil {
		fault, ok := errors.AsType[*upnp.Error](err)
		if !ok {
			s.Logger.Warn().Err(err).Str("service", s.Service.Path).Str("from", r.RemoteAddr).Msg("action failed")
			fault = upnp.Errorf(upnp.ActionFailedErrorCode, "Action Failed")
		}
		// UDA 1.1, 3.2.3: an error is a fault in a response 500.
		answer, code = appendFault(nil, fault), http.StatusInternalServerError
	}
	h := w.Header()
	h["Content-Type"] = []string{`text/xml; charset="utf-8"`}
	h["Content-Length"] = []string{strconv.Itoa(len(answer))}
	h["EXT"] = []string{""}
	h["SERVER"] = []string{s.Product}
	w.WriteHeader(code)
	_, _ = w.Write(answer)
}

func status(err error) int {
	if _, tooLong := errors.AsType[*http.MaxBytesError](err); tooLong {
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusRequestTimeout
}

// inTurn performs the action of a request when there is room for it.
func (s *Server) inTurn(body []byte, r *http.Request) ([]byte, error) {
	s.once.Do(func() { s.underway = make(chan struct{}, maxUnderway) })
	timer := time.NewTimer(underwayWait)
	defer timer.Stop()
	select {
	case s.underway <- struct{}{}:
		defer func() { <-s.underway }()
		return s.perform(body, r)
	case <-timer.C:
		return nil, errBusy
	case <-r.Context().Done():
		return nil, errBusy
	}
}

func (s *Server) perform(body []byte, r *http.Request) ([]byte, error) {
	request, err := parseEnvelope(body)
	if err != nil {
		s.Logger.Debug().Err(err).Str("from", r.RemoteAddr).Msg("control request not understood")
		return nil, ErrInvalidArgs
	}
	name := request.XMLName.Local
	described, known := s.Service.Action(name)
	if !known || request.XMLName.Space != s.Service.Type || !headerAgrees(r.Header.Get("SOAPACTION"), name) {
		return nil, upnp.InvalidActionError
	}
	call := &Call{Action: name, Request: r, args: request.Args}
	key := ""
	if s.State != nil {
		if state, constant := s.State(call); constant {
			key = call.key(state)
			if answer, ok := s.answers.get(key); ok {
				return answer, nil
			}
		}
	}
	values, err := s.Actions[name](call)
	if err != nil {
		return nil, err
	}
	if len(values) != len(described.Out) {
		return nil, fmt.Errorf("%s returned %d values, its description has %d", name, len(values), len(described.Out))
	}
	args, size := make([]soap.Arg, len(values)), 1024
	for i, v := range values {
		args[i].XMLName.Local, args[i].Value = described.Out[i].Name, v
		size += len(v) + len(v)/4 // most of a Browse are tags, whose brackets grow
	}
	answer := appendResponse(make([]byte, 0, size), s.Service.Type, name, args)
	if key != "" {
		s.answers.put(key, answer)
	}
	return answer, nil
}

// headerAgrees tells whether the SOAPACTION header names the action of the body. Control
// points that leave it out, or its quotation marks, are understood by the body.
func headerAgrees(header, action string) bool {
	named, err := upnp.ParseActionHTTPHeader(header)
	return err != nil || named.Action == "" || named.Action == action
}
