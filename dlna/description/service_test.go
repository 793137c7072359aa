package description

import (
	"encoding/xml"
	"strings"
	"testing"

	"github.com/anacrolix/dms/upnp"
)

func clock() *Service {
	return &Service{
		Type: "urn:schemas-upnp-org:service:Clock:1", ID: "urn:upnp-org:serviceId:Clock", Path: "Clock",
		Actions: []Action{
			{Name: "SetTime", In: []Argument{{"NewTime", "Time"}, {"Zone", "A_ARG_TYPE_Zone"}}, Out: []Argument{{"OldTime", "Time"}}},
			{Name: "Stop"},
		},
		Variables: []upnp.StateVariable{EventedVariable("Time", "ui4"), Variable("A_ARG_TYPE_Zone", "string", "UTC", "CET")},
	}
}

func TestSCPD(t *testing.T) {
	got, err := clock().SCPD()
	if err != nil {
		t.Fatal(err)
	}
	want := xml.Header + strings.Join([]string{
		`<scpd xmlns="urn:schemas-upnp-org:service-1-0"><specVersion><major>1</major><minor>0</minor></specVersion><actionList>`,
		`<action><name>SetTime</name><argumentList>`,
		`<argument><name>NewTime</name><direction>in</direction><relatedStateVariable>Time</relatedStateVariable></argument>`,
		`<argument><name>Zone</name><direction>in</direction><relatedStateVariable>A_ARG_TYPE_Zone</relatedStateVariable></argument>`,
		`<argument><name>OldTime</name><direction>out</direction><relatedStateVariable>Time</relatedStateVariable></argument>`,
		`</argumentList></action><action><name>Stop</name></action></actionList><serviceStateTable>`,
		`<stateVariable sendEvents="yes"><name>Time</name><dataType>ui4</dataType></stateVariable>`,
		`<stateVariable sendEvents="no"><name>A_ARG_TYPE_Zone</name><dataType>string</dataType>`,
		`<allowedValueList><allowedValue>UTC</allowedValue><allowedValue>CET</allowedValue></allowedValueList></stateVariable>`,
		`</serviceStateTable></scpd>`,
	}, "")
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestActionAndEvented(t *testing.T) {
	s := clock()
	if a, ok := s.Action("SetTime"); !ok || len(a.In) != 2 {
		t.Errorf("SetTime: %+v, %v", a, ok)
	}
	if _, ok := s.Action("settime"); ok {
		t.Error("the names of actions are case-sensitive")
	}
	if got := s.Evented(); len(got) != 1 || got[0] != "Time" {
		t.Errorf("evented %q", got)
	}
}
