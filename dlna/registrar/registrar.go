// Package registrar is the service by which Windows and the Xbox ask whether they may look at what a
// server has (X_MS_MediaReceiverRegistrar:1). Who reaches the server at all is in the home, and may.
package registrar

import (
	"github.com/anacrolix/dms/upnp"
	"github.com/swarmgate/swarmgate/dlna/control"
	"github.com/swarmgate/swarmgate/dlna/description"
)

// yes is the answer to IsAuthorized and IsValidated, of type int.
const yes = "1"

// maxRequest bounds the request of a device to be registered, in bytes of base64.
const maxRequest = 16 << 10

// Description returns the description of the service.
func Description() *description.Service {
	type args = []description.Argument
	asked := func(name string) description.Action {
		return description.Action{
			Name: name,
			In:   args{{Name: "DeviceID", Variable: "A_ARG_TYPE_DeviceID"}},
			Out:  args{{Name: "Result", Variable: "A_ARG_TYPE_Result"}},
		}
	}
	return &description.Service{
		Type: "urn:microsoft.com:service:X_MS_MediaReceiverRegistrar:1",
		ID:   "urn:microsoft.com:serviceId:X_MS_MediaReceiverRegistrar",
		Path: "MediaReceiverRegistrar",
		Actions: []description.Action{
			asked("IsAuthorized"),
			{
				Name: "RegisterDevice",
				In:   args{{Name: "RegistrationReqMsg", Variable: "A_ARG_TYPE_RegistrationReqMsg"}},
				Out:  args{{Name: "RegistrationRespMsg", Variable: "A_ARG_TYPE_RegistrationRespMsg"}},
			},
			asked("IsValidated"),
		},
		Variables: []upnp.StateVariable{
			description.Variable("A_ARG_TYPE_DeviceID", "string"),
			description.Variable("A_ARG_TYPE_Result", "int"),
			description.Variable("A_ARG_TYPE_RegistrationReqMsg", "bin.base64"),
			description.Variable("A_ARG_TYPE_RegistrationRespMsg", "bin.base64"),
			description.EventedVariable("AuthorizationGrantedUpdateID", "ui4"),
			description.EventedVariable("AuthorizationDeniedUpdateID", "ui4"),
			description.EventedVariable("ValidationSucceededUpdateID", "ui4"),
			description.EventedVariable("ValidationRevokedUpdateID", "ui4"),
		},
	}
}

// Actions returns what the service can do, for control.Server.
func Actions() map[string]control.Action {
	// A device that names none is meant as well: the Xbox leaves its ID empty.
	allowed := func(*control.Call) ([]string, error) { return []string{yes}, nil }
	return map[string]control.Action{
		"IsAuthorized": allowed,
		"IsValidated":  allowed,
		"RegisterDevice": func(c *control.Call) ([]string, error) {
			request, sent := c.Arg("RegistrationReqMsg")
			if !sent || len(request) > maxRequest {
				return nil, control.ErrInvalidArgs
			}
			return []string{""}, nil // there is nothing to register, and no certificate to hand out
		},
	}
}

// Variables returns the values of the evented variables, by name and in the order of the
// description. They never change.
func Variables() [][2]string {
	var values [][2]string
	for _, name := range Description().Evented() {
		values = append(values, [2]string{name, "1"})
	}
	return values
}
