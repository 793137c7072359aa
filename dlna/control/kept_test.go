package control

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// The same question about the same state is answered by the same bytes, without the action.
func TestAnswersAreKept(t *testing.T) {
	s, state, times := echo(io.Discard), "1", 0
	perform := s.Actions["Echo"]
	s.Actions["Echo"] = func(c *Call) ([]string, error) { times++; return perform(c) }
	s.State = func(c *Call) (string, bool) { return state, c.Action == "Echo" }
	for i, c := range []struct {
		text, state string
		times       int
	}{{"a", "1", 1}, {"a", "1", 1}, {"b", "1", 2}, {"a", "2", 3}, {"a", "1", 3}, {"b", "1", 3}} {
		state = c.state
		w := ask(t, s, envelope("Echo", "<Text>"+c.text+"</Text>"), "")
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "<Back>"+c.text+"</Back>") || times != c.times {
			t.Errorf("%d: performed %d times, want %d: %s", i, times, c.times, w.Body)
		}
	}
	for range 2 {
		if w := ask(t, s, envelope("Echo", ""), ""); w.Code != http.StatusInternalServerError {
			t.Errorf("an error is kept: %d", w.Code)
		}
	}
	if times != 5 {
		t.Errorf("performed %d times", times)
	}
}

func TestKeptIsBounded(t *testing.T) {
	var k kept
	for i := range 10 * maxKeptCount {
		k.put(strconv.Itoa(i), make([]byte, 100))
	}
	if len(k.list) != maxKeptCount {
		t.Errorf("%d answers are kept", len(k.list))
	}
	for i := range 20 {
		k.put("large"+strconv.Itoa(i), make([]byte, maxKept/4))
	}
	if k.bytes > maxKept || len(k.list) != 3 {
		t.Errorf("%d bytes of %d answers are kept", k.bytes, len(k.list))
	}
	if _, ok := k.get("large17"); !ok {
		t.Error("a late one is not there")
	}
	k.put("large20", make([]byte, maxKept/4)) // large18 goes, since large17 was used after it
	if _, ok := k.get("large18"); ok {
		t.Error("what was used longest ago stays")
	}
	k.put("huge", make([]byte, maxKept+1))
	k.put(strings.Repeat("k", maxKey+1), nil)
	sum := 0
	for _, a := range k.list {
		sum += a.size()
	}
	if len(k.list) != 3 || sum != k.bytes {
		t.Errorf("%d answers, %d bytes, counted %d", len(k.list), sum, k.bytes)
	}
}
