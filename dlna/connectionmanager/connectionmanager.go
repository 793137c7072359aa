// Package connectionmanager is the service through which a control point learns what the
// server can send (ConnectionManager:1). There are no connections to manage: with HTTP a
// screen fetches what it plays, and the one connection is number 0 at all times.
package connectionmanager

import (
	"net/http"
	"strings"

	"github.com/anacrolix/dms/upnp"
	"github.com/swarmgate/swarmgate/dlna/control"
	"github.com/swarmgate/swarmgate/dlna/description"
)

// Evented variables of the service.
const (
	SourceProtocolInfo   = "SourceProtocolInfo"
	SinkProtocolInfo     = "SinkProtocolInfo"
	CurrentConnectionIDs = "CurrentConnectionIDs"
)

// connectionID is the connection of every control point.
const connectionID = "0"

// errInvalidConnection is for other connections (ConnectionManager:1, 2.4.5.4).
var errInvalidConnection = upnp.Errorf(706, "Invalid connection reference")

// Description returns the description of the service.
func Description() *description.Service {
	type args = []description.Argument
	return &description.Service{
		Type: "urn:schemas-upnp-org:service:ConnectionManager:1",
		ID:   "urn:upnp-org:serviceId:ConnectionManager",
		Path: "ConnectionManager",
		Actions: []description.Action{
			{Name: "GetProtocolInfo", Out: args{
				{Name: "Source", Variable: SourceProtocolInfo},
				{Name: "Sink", Variable: SinkProtocolInfo},
			}},
			{Name: "GetCurrentConnectionIDs", Out: args{{Name: "ConnectionIDs", Variable: CurrentConnectionIDs}}},
			{
				Name: "GetCurrentConnectionInfo",
				In:   args{{Name: "ConnectionID", Variable: "A_ARG_TYPE_ConnectionID"}},
				Out: args{
					{Name: "RcsID", Variable: "A_ARG_TYPE_RcsID"},
					{Name: "AVTransportID", Variable: "A_ARG_TYPE_AVTransportID"},
					{Name: "ProtocolInfo", Variable: "A_ARG_TYPE_ProtocolInfo"},
					{Name: "PeerConnectionManager", Variable: "A_ARG_TYPE_ConnectionManager"},
					{Name: "PeerConnectionID", Variable: "A_ARG_TYPE_ConnectionID"},
					{Name: "Direction", Variable: "A_ARG_TYPE_Direction"},
					{Name: "Status", Variable: "A_ARG_TYPE_ConnectionStatus"},
				},
			},
		},
		Variables: []upnp.StateVariable{
			description.EventedVariable(SourceProtocolInfo, "string"),
			description.EventedVariable(SinkProtocolInfo, "string"),
			description.EventedVariable(CurrentConnectionIDs, "string"),
			description.Variable("A_ARG_TYPE_ConnectionStatus", "string",
				"OK", "ContentFormatMismatch", "InsufficientBandwidth", "UnreliableChannel", "Unknown"),
			description.Variable("A_ARG_TYPE_ConnectionManager", "string"),
			description.Variable("A_ARG_TYPE_Direction", "string", "Output", "Input"),
			description.Variable("A_ARG_TYPE_ProtocolInfo", "string"),
			description.Variable("A_ARG_TYPE_ConnectionID", "i4"),
			description.Variable("A_ARG_TYPE_AVTransportID", "i4"),
			description.Variable("A_ARG_TYPE_RcsID", "i4"),
		},
	}
}

// Actions returns what the service can do, for control.Server. protocols tells what the server
// sends to who asks, as protocolInfo.
func Actions(protocols func(*http.Request) []string) map[string]control.Action {
	return map[string]control.Action{
		"GetProtocolInfo": func(c *control.Call) ([]string, error) {
			return []string{strings.Join(protocols(c.Request), ","), ""}, nil
		},
		"GetCurrentConnectionIDs": func(*control.Call) ([]string, error) {
			return []string{connectionID}, nil
		},
		"GetCurrentConnectionInfo": func(c *control.Call) ([]string, error) {
			id, sent := c.Arg("ConnectionID")
			switch strings.TrimSpace(id) {
			case connectionID:
				return []string{"-1", "-1", "", "", "-1", "Output", "OK"}, nil
			case "":
				if !sent {
					return nil, control.ErrInvalidArgs
				}
			}
			return nil, errInvalidConnection
		},
	}
}

// Variables returns the values of the evented variables, by name and in the order of the
// description.
func Variables(protocols []string) [][2]string {
	return [][2]string{
		{SourceProtocolInfo, strings.Join(protocols, ",")},
		{SinkProtocolInfo, ""},
		{CurrentConnectionIDs, connectionID},
	}
}
