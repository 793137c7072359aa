package control

import (
	"slices"
	"strconv"
	"strings"
	"sync"
)

const (
	// maxKept bounds the answers that are kept, in bytes. An answer with 1,000 channels has 600 kB.
	maxKept = 2 << 20
	// maxKeptCount bounds how many there are.
	maxKeptCount = 64
	// maxKey bounds what an answer is found by, in bytes.
	maxKey = 1 << 10
)

// kept are answers that hold as long as the question and what it is asked about are the same: screens
// ask for the same page again and again, and all of them for the same pages. The zero value is ready.
type kept struct {
	mu    sync.Mutex
	list  []keptAnswer // the one used longest ago first
	bytes int
}

type keptAnswer struct {
	key  string
	body []byte // never changed
}

func (k *kept) get(key string) ([]byte, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	i := slices.IndexFunc(k.list, func(a keptAnswer) bool { return a.key == key })
	if i < 0 {
		return nil, false
	}
	a := k.list[i]
	k.list = append(slices.Delete(k.list, i, i+1), a)
	return a.body, true
}

func (k *kept) put(key string, body []byte) {
	if len(body) > maxKept || len(key) > maxKey {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.list = append(slices.DeleteFunc(k.list, func(a keptAnswer) bool {
		if a.key == key {
			k.bytes -= a.size()
		}
		return a.key == key
	}), keptAnswer{key, body})
	k.bytes += len(body) + len(key)
	gone := 0
	for ; k.bytes > maxKept || len(k.list)-gone > maxKeptCount; gone++ {
		k.bytes -= k.list[gone].size()
	}
	k.list = slices.Delete(k.list, 0, gone)
}

func (a keptAnswer) size() int { return len(a.key) + len(a.body) }

// key tells a question from others: state is what it is asked about.
func (c *Call) key(state string) string {
	var b strings.Builder
	for _, s := range []string{c.Action, state, c.Base()} {
		b.WriteString(strconv.Itoa(len(s)) + ":" + s)
	}
	for _, a := range c.args {
		b.WriteString(strconv.Itoa(len(a.XMLName.Local)) + ":" + a.XMLName.Local + strconv.Itoa(len(a.Value)) + ":" + a.Value)
	}
	return b.String()
}
