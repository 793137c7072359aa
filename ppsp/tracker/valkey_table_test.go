package tracker

import (
	"errors"
	"maps"
	"testing"
	"time"
)

// All processes see one table, and its version after each change.
func TestTable(t *testing.T) {
	url := startRedis(t)
	a, b := openValkey(t, url, time.Minute).Table("bans", 2), openValkey(t, url, time.Minute).Table("bans", 2)
	ctx := t.Context()
	version := func(want int64) {
		t.Helper()
		if got, err := b.Version(ctx); err != nil || got != want {
			t.Errorf("version %d, %v, want %d", got, err, want)
		}
	}
	version(0)
	for _, err := range []error{a.Put(ctx, "x", "1"), a.Put(ctx, "y", "2"), b.Put(ctx, "x", "3")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	version(3)
	if err := b.Put(ctx, "z", "4"); !errors.Is(err, ErrFull) {
		t.Errorf("beyond its bound: %v", err)
	}
	if got, err := a.All(ctx); err != nil || !maps.Equal(got, map[string]string{"x": "3", "y": "2"}) {
		t.Errorf("%v, %v", got, err)
	}
	for _, want := range []bool{true, false} {
		if got, err := b.Delete(ctx, "y"); err != nil || got != want {
			t.Errorf("deleted: %v, %v", got, err)
		}
	}
	version(4)
	if err := b.Put(ctx, "z", "4"); err != nil {
		t.Error(err)
	}
	if found, err := a.Delete(ctx, ""); found || err != nil || a.Put(ctx, "", "x") == nil {
		t.Error("the version can be changed by hand")
	}
	spender := openValkey(t, url, time.Minute).Table("codes", 3)
	for i, want := range []bool{true, true, false} {
		if got, err := spender.Spend(ctx, "code", 2, "token"+string(rune('a'+i)), "who"); err != nil || got != want {
			t.Errorf("use %d: %v, %v", i+1, got, err)
		}
	}
	if _, err := spender.Spend(ctx, "code2", 2, "d", "who"); !errors.Is(err, ErrFull) {
		t.Errorf("beyond its bound: %v", err)
	}
	if got, ok, err := spender.Entry(ctx, "tokenb"); got != "who" || !ok || err != nil {
		t.Errorf("%q, %v, %v", got, ok, err)
	}
	if _, ok, err := spender.Entry(ctx, "tokenc"); ok || err != nil {
		t.Errorf("an entry without a use: %v, %v", ok, err)
	}
	if _, err := spender.Spend(ctx, "x", 2, "x", "who"); err == nil {
		t.Error("a use and its entry have one name")
	}
	if other, err := openValkey(t, url, time.Minute).Table("other", 2).All(ctx); err != nil || len(other) != 0 {
		t.Errorf("another table: %v, %v", other, err)
	}
}
