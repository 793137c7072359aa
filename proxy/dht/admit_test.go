package dht

import (
	"strings"
	"testing"
)

func TestAdmit(t *testing.T) {
	const id = "2:id20:abcdefghij0123456789"
	for b, want := range map[string]bool{
		"d1:ad" + id + "e1:q4:ping1:t2:aa1:y1:qe":                                     true,
		"d1:ad" + id + "6:target20:mnopqrstuvwxyz123456e1:q9:find_node1:t2:aa1:y1:qe": true,
		"d1:rd" + id + "5:nodes0:5:token8:aoeusnthe1:t2:aa1:y1:re":                    true,
		"d1:eli201e23:A Generic Error Ocurrede1:t2:aa1:y1:ee":                         true,
		// The engine would end the process.
		"d1:q3:put1:t2:aa1:y1:qe":                         false,
		"d1:ad" + id + "e1:q3:put1:t2:aa1:y1:qe":          false,
		"d1:q13:announce_peer1:t2:aa1:y1:qe":              false,
		"d1:ad" + id + "e1:q7:invente1:t2:aa1:y1:qe":      false,
		"d1:ad" + id + "e1:q4:ping1:q3:put1:t2:aa1:y1:qe": false,
		"d1:ai1e1:q4:ping1:t2:aa1:y1:qe":                  false,
		"d1:t2:aae":                                       false,
		"":                                                false,
		"de":                                              false,
		"l4:pinge":                                        false,
		"d1:rd" + id + "e1:t2:aa1:y1:r":                   false,
		"d1:rd" + id + "e1:t2:aa1:y1:ree":                 false,
		"d1:rd2:id99:xe1:y1:re":                           false,
		"d1:ri99999999999999999999999e1:y1:re":            false,
		"d1:rie1:y1:re":                                   false,
		"d1:r" + strings.Repeat("l", 700) + strings.Repeat("e", 700) + "1:y1:re": false,
		"d1:rd" + id + "1:x1500:" + strings.Repeat("x", 1500) + "e1:y1:re":       false,
	} {
		if got := admit([]byte(b)); got != want {
			t.Errorf("%.60q: %v", b, got)
		}
	}
}

func FuzzAdmit(f *testing.F) {
	f.Add([]byte("d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe"))
	f.Add([]byte("d1:eli201e23:A Generic Error Ocurrede1:t2:aa1:y1:ee"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if admit(b) && (len(b) > maxDatagram || b[0] != 'd' || b[len(b)-1] != 'e') {
			t.Fatalf("%q", b)
		}
	})
}
