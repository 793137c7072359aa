package contentdirectory

import (
	"errors"
	"time"

	"github.com/swarmgate/swarmgate/dlna/control"
	"github.com/swarmgate/swarmgate/dlna/profile"
	"github.com/swarmgate/swarmgate/proxy"
)

// setBookmark is the action by which Samsung's television sets tell where a film was left.
func (d *Directory) setBookmark(c *control.Call) ([]string, error) {
	id, sent := c.Arg("ObjectID")
	_, positionSent := c.Arg("PosSecond")
	if !sent || !positionSent {
		return nil, control.ErrInvalidArgs
	}
	position, err := c.Number("PosSecond")
	if err != nil {
		return nil, err
	}
	v := d.view(c)
	at, ok := d.tree().find(objectID(id, v.profile))
	if !ok || at.item == nil {
		return nil, errNoSuchObject
	}
	unit := time.Second
	if v.profile.Bookmarks == profile.Milliseconds {
		unit = time.Millisecond
	}
	err = d.Library.SetPosition(at.item.ID, time.Duration(position)*unit)
	if errors.Is(err, proxy.ErrNotFound) {
		return nil, nil // a channel: where it was left is no place to go on
	}
	return nil, err // logged, and told as 501
}
