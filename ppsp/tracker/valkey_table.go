package tracker

import (
	"context"
	"errors"
	"strconv"

	"github.com/redis/rueidis"
)

// Table is a small table that all trackers of a registry share: few know it, and seldom change it.
// Make it by Valkey's Table. Its methods may be called from any goroutine.
type Table struct {
	v   *Valkey
	key string
	max int
}

// tableVersion is the field that counts changes; no other is empty.
const tableVersion = ""

var (
	// putScript sets a field of a table that is not full, and tells whether it could.
	putScript = rueidis.NewLuaScript(`
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 and redis.call('HLEN', KEYS[1]) > tonumber(ARGV[3]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('HINCRBY', KEYS[1], '', 1)
return 1`)
	// cutScript removes a field, and tells whether it was there.
	cutScript = rueidis.NewLuaScript(`
local n = redis.call('HDEL', KEYS[1], ARGV[1])
if n > 0 then redis.call('HINCRBY', KEYS[1], '', 1) end
return n`)
)

// spendScript counts a use, unless there were so many, and makes an entry with it: -1 for no room.
var spendScript = rueidis.NewLuaScript(`
local used = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or '0')
if used >= tonumber(ARGV[2]) then return 0 end
if redis.call('HLEN', KEYS[1]) > tonumber(ARGV[5]) then return -1 end
redis.call('HINCRBY', KEYS[1], ARGV[1], 1)
redis.call('HSET', KEYS[1], ARGV[3], ARGV[4])
redis.call('HINCRBY', KEYS[1], '', 1)
return 1`)

// Table returns the table of a name, of at most so many entries.
func (v *Valkey) Table(name string, entries int) *Table {
	return &Table{v, valkeyPrefix + "table:" + name, entries}
}

// Version tells whether the table changed: it is another after each change, and 0 for one that
// never was.
func (t *Table) Version(ctx context.Context) (int64, error) {
	ctx, cancel := t.v.limit(ctx)
	defer cancel()
	n, err := t.v.client.Do(ctx, t.v.client.B().Hget().Key(t.key).Field(tableVersion).Build()).AsInt64()
	if rueidis.IsRedisNil(err) {
		return 0, nil
	}
	return n, trouble(err)
}

// All returns the entries.
func (t *Table) All(ctx context.Context) (map[string]string, error) {
	ctx, cancel := t.v.glance(ctx)
	defer cancel()
	all, err := t.v.client.Do(ctx, t.v.client.B().Hgetall().Key(t.key).Build()).AsStrMap()
	delete(all, tableVersion)
	return all, trouble(err)
}

// Put makes an entry, or changes it; ErrFull when there is no room for another. A name is not empty.
func (t *Table) Put(ctx context.Context, name, value string) error {
	if name == tableVersion {
		return errors.New("an entry of a shared table needs a name")
	}
	ctx, cancel := t.v.limit(ctx)
	defer cancel()
	done, err := putScript.Exec(ctx, t.v.client, []string{t.key}, []string{name, value, strconv.Itoa(t.max)}).AsInt64()
	if err == nil && done == 0 {
		return ErrFull
	}
	return trouble(err)
}

// Spend counts a use of what may be used so often, and makes an entry with it; false when it was
// used up, ErrFull when there is no room. Neither name is empty, and they differ.
func (t *Table) Spend(ctx context.Context, what string, uses int, name, value string) (bool, error) {
	if what == tableVersion || name == tableVersion || what == name {
		return false, errors.New("an entry of a shared table needs a name")
	}
	ctx, cancel := t.v.limit(ctx)
	defer cancel()
	done, err := spendScript.Exec(ctx, t.v.client, []string{t.key}, []string{what, strconv.Itoa(uses), name, value, strconv.Itoa(t.max)}).AsInt64()
	if err == nil && done < 0 {
		return false, ErrFull
	}
	return done == 1, trouble(err)
}

// Entry returns one entry; false if there is none.
func (t *Table) Entry(ctx context.Context, name string) (string, bool, error) {
	ctx, cancel := t.v.limit(ctx)
	defer cancel()
	text, err := t.v.client.Do(ctx, t.v.client.B().Hget().Key(t.key).Field(name).Build()).ToString()
	if rueidis.IsRedisNil(err) {
		return "", false, nil
	}
	return text, err == nil, trouble(err)
}

// Delete takes an entry out, and tells whether it was there.
func (t *Table) Delete(ctx context.Context, name string) (bool, error) {
	if name == tableVersion {
		return false, nil
	}
	ctx, cancel := t.v.limit(ctx)
	defer cancel()
	n, err := cutScript.Exec(ctx, t.v.client, []string{t.key}, []string{name}).AsInt64()
	return n > 0, trouble(err)
}
