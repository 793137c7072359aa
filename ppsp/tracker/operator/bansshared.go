package operator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rs/zerolog"
)

// Table keeps bans for several trackers, as tracker.Table does.
type Table interface {
	Version(ctx context.Context) (int64, error)
	All(ctx context.Context) (map[string]string, error)
	Put(ctx context.Context, name, value string) error
	Delete(ctx context.Context, name string) (bool, error)
}

// sharedEvery is how often a tracker looks whether another one has changed the bans.
const sharedEvery = 2 * time.Second

// Share has all trackers of the table go by the same bans from now on, which are those of the table;
// where it is new, ours are put into it. It is called before the first question. When the table can't
// be reached, those that we know hold until Follow reaches it.
func (b *Bans) Share(ctx context.Context, t Table) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.shared, b.version = t, -1
	return b.sync(ctx)
}

// Follow takes over what other trackers change, until ctx ends.
func (b *Bans) Follow(ctx context.Context, log zerolog.Logger) {
	ticker := time.NewTicker(sharedEvery)
	defer ticker.Stop()
	failed := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		b.mu.Lock()
		err := b.sync(ctx)
		b.mu.Unlock()
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !failed:
			log.Warn().Err(err).Msg("tracker: bans that other trackers add or take back are not known; those known before hold")
		case err == nil && failed:
			log.Info().Msg("tracker: bans are shared again")
		}
		failed = err != nil
	}
}

// sync takes the table's bans if they changed. The caller holds mu.
func (b *Bans) sync(ctx context.Context) error {
	version, err := b.shared.Version(ctx)
	if err != nil || version == b.version {
		return err
	}
	if version == 0 {
		for i := range b.list {
			if err := b.publish(ctx, &b.list[i]); err != nil {
				return err
			}
		}
		b.version = 0
		return nil
	}
	all, err := b.shared.All(ctx)
	if err != nil {
		return err
	}
	list := make([]Ban, 0, len(all))
	for id, text := range all {
		var one Ban
		err := json.Unmarshal([]byte(text), &one)
		switch {
		case err == nil && one.ID != id:
			err = errors.New("it has another ID")
		case err == nil && len(list) == MaxBans:
			err = fmt.Errorf("there are more than %d", MaxBans)
		}
		if err != nil {
			return fmt.Errorf("the shared ban %.40q can't be taken over: %w", id, err)
		}
		list = append(list, one)
	}
	slices.SortFunc(list, func(x, y Ban) int { return x.Added.Compare(y.Added) })
	if err := b.change(list); err != nil {
		return err
	}
	b.version = version // one that is older than the list at worst: then it is read again
	return nil
}

// publish puts a ban into the table, if there is one.
func (b *Bans) publish(ctx context.Context, one *Ban) error {
	if b.shared == nil {
		return nil
	}
	text, err := json.Marshal(one)
	if err == nil {
		err = b.shared.Put(ctx, one.ID, string(text))
	}
	if err != nil {
		return fmt.Errorf("the ban is not shared with the other trackers: %w", err)
	}
	return nil
}

// withdraw takes bans out of the table, if there is one.
func (b *Bans) withdraw(ctx context.Context, ids ...string) error {
	if b.shared == nil {
		return nil
	}
	for _, id := range ids {
		if _, err := b.shared.Delete(ctx, id); err != nil {
			return fmt.Errorf("the ban is not taken back at the other trackers: %w", err)
		}
	}
	return nil
}
