// Package description writes what a UPnP device tells about itself: the device description
// and the descriptions of its services (UPnP Device Architecture 1.1, 2).
//
// A Service is also the law for control: which actions there are, and in which order their
// arguments go over the wire.
package description

import (
	"encoding/xml"
	"fmt"

	"github.com/anacrolix/dms/upnp"
)

// Service describes one service of the device.
type Service struct {
	Type      string // "urn:schemas-upnp-org:service:ContentDirectory:1"
	ID        string // "urn:upnp-org:serviceId:ContentDirectory"
	Path      string // of its URLs, one segment: "ContentDirectory"
	Actions   []Action
	Variables []upnp.StateVariable
}

// Action is what a control point can ask of a service.
type Action struct {
	Name    string
	In, Out []Argument // in the order of the wire
}

// Argument carries a value whose type is that of a state variable.
type Argument struct{ Name, Variable string }

// Action finds an action by its name.
func (s *Service) Action(name string) (Action, bool) {
	for _, a := range s.Actions {
		if a.Name == name {
			return a, true
		}
	}
	return Action{}, false
}

// Evented returns the names of the variables whose changes are sent to subscribers.
func (s *Service) Evented() []string {
	var names []string
	for _, v := range s.Variables {
		if v.SendEvents == "yes" {
			names = append(names, v.Name)
		}
	}
	return names
}

// Variable makes a state variable that is not evented. If allowed is given, the variable
// has no other values.
func Variable(name, dataType string, allowed ...string) upnp.StateVariable {
	v := upnp.StateVariable{SendEvents: "no", Name: name, DataType: dataType}
	if len(allowed) > 0 {
		v.AllowedValues = &allowed
	}
	return v
}

// EventedVariable makes a state variable whose changes are sent to subscribers.
func EventedVariable(name, dataType string) upnp.StateVariable {
	return upnp.StateVariable{SendEvents: "yes", Name: name, DataType: dataType}
}

// The description of a service on the wire (UDA 1.1, 2.5). The types for it in dms leave
// out the argument list.
type (
	scpd struct {
		XMLName     xml.Name             `xml:"urn:schemas-upnp-org:service-1-0 scpd"`
		SpecVersion upnp.SpecVersion     `xml:"specVersion"`
		Actions     []scpdAction         `xml:"actionList>action"`
		Variables   []upnp.StateVariable `xml:"serviceStateTable>stateVariable"`
	}
	scpdAction struct {
		Name      string         `xml:"name"`
		Arguments *scpdArguments `xml:"argumentList"` // none rather than an empty list
	}
	scpdArguments struct {
		Arguments []scpdArgument `xml:"argument"`
	}
	scpdArgument struct {
		Name      string `xml:"name"`
		Direction string `xml:"direction"`
		Variable  string `xml:"relatedStateVariable"`
	}
)

// SCPD returns the XML of the service description.
func (s *Service) SCPD() ([]byte, error) {
	d := scpd{SpecVersion: upnp.SpecVersion{Major: 1}, Variables: s.Variables}
	for _, a := range s.Actions {
		var arguments []scpdArgument
		for _, arg := range a.In {
			arguments = append(arguments, scpdArgument{arg.Name, "in", arg.Variable})
		}
		for _, arg := range a.Out {
			arguments = append(arguments, scpdArgument{arg.Name, "out", arg.Variable})
		}
		action := scpdAction{Name: a.Name}
		if len(arguments) > 0 {
			action.Arguments = &scpdArguments{arguments}
		}
		d.Actions = append(d.Actions, action)
	}
	return document(s.Path+" description", d)
}

func document(what string, v any) ([]byte, error) {
	b, err := xml.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", what, err)
	}
	return append([]byte(xml.Header), b...), nil
}
