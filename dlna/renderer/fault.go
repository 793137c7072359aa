package renderer

import (
	"errors"
	"fmt"
	"strings"

	"github.com/huin/goupnp/soap"
)

// reasons are the errors of UDA 1.1, 3.2.2 and AVTransport:1, 2.4 in words. Others are told by
// their number.
var reasons = map[int]string{
	401: "it does not know how",
	402: "it does not understand how it was asked",
	501: "it failed",
	602: "it does not know how",
	701: "it can't do that at the moment",
	702: "it has nothing to play",
	703: "it could not read the stream",
	704: "it does not know the format",
	705: "it is locked",
	710: "it can't do that with what it plays",
	711: "there is no such place in what it plays",
	714: "it does not take this format",
	715: "somebody else uses what it was to play",
	716: "it did not get the stream from this gateway",
	717: "it can't play at this speed",
	718: "it is used by somebody else",
}

// answer is an error in one sentence for a person; kind is ErrRefused or ErrSilent.
type answer struct {
	sentence string
	kind     error
}

func (a *answer) Error() string { return a.sentence }

// Unwrap returns the kind.
func (a *answer) Unwrap() error { return a.kind }

// faulty tells whether an action was refused by a fault of SOAP.
func faulty(err error) bool {
	_, ok := errors.AsType[*soap.SOAPFaultError](err)
	return ok
}

func refused(format string, words ...any) error {
	return &answer{fmt.Sprintf(format, words...), ErrRefused}
}

func silent(format string, words ...any) error {
	return &answer{fmt.Sprintf(format, words...), ErrSilent}
}

// notSent begins the error of an action that had no answer; goupnp has no type for it.
const notSent = "goupnp: error performing SOAP HTTP request"

// explain makes a sentence of the error of an action, nil of none.
func (d *device) explain(what string, err error) error {
	if err == nil {
		return nil
	}
	d.mu.Lock()
	name := d.endpoint.about.Name
	d.mu.Unlock()
	d.controller.config.Logger.Debug().Err(err).Str("name", name).Str("action", what).Msg("a TV or speaker did not do what it was asked")
	fault, ok := errors.AsType[*soap.SOAPFaultError](err)
	if !ok && !strings.HasPrefix(err.Error(), notSent) {
		return refused("%s can't %s: its answer makes no sense", name, what)
	}
	if !ok {
		return silent("%s does not answer; it may have been switched off", name)
	}
	code := fault.Detail.UPnPError.Errorcode
	reason := reasons[code]
	if reason == "" {
		reason = fmt.Sprintf("it gives error %d", code)
	}
	return refused("%s can't %s: %s", name, what, reason)
}
