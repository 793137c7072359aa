package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/store"
	"github.com/swarmgate/swarmgate/proxy/publish"
)

// inspectCommand shows what a link says, or what a file's link would be.
type inspectCommand struct {
	What string `arg:"" name:"link-or-file" help:"A link (ppsp:…), or a file."`
	metadataFlags
	JSON bool `name:"json" help:"Print one JSON object a line for programs."`
}

// Run carries the command out.
func (i *inspectCommand) Run(ctx context.Context, c console) error {
	out := newPrinter(c, i.JSON)
	link, err := i.link(ctx)
	if err != nil {
		return err
	}
	out.event("swarm", swarmFields(link))
	saySwarm(out, link)
	return nil
}

func (i *inspectCommand) link(ctx context.Context) (ppsp.Link, error) {
	if i.What == "" {
		return ppsp.Link{}, wrongUsage("nothing was named to inspect; name a link, or a file")
	}
	if _, err := os.Stat(i.What); err != nil && strings.HasPrefix(strings.ToLower(i.What), ppsp.LinkScheme+":") {
		link, err := ppsp.ParseLink(i.What)
		if err != nil {
			return link, usageError{err}
		}
		if i.metadataFlags != (metadataFlags{}) {
			return link, wrongUsage("--hash, --addressing, --chunk-size and --integrity say how a file would be published, and a link says that itself; leave them out")
		}
		return link, nil
	}
	switch info, err := os.Stat(i.What); {
	case errors.Is(err, fs.ErrNotExist):
		return ppsp.Link{}, fmt.Errorf("inspect %s: there is no such file; a link would begin with %q", i.What, ppsp.LinkScheme+":")
	case err == nil && info.IsDir():
		return ppsp.Link{}, fmt.Errorf("inspect %s: it is a folder; name one film in it", i.What)
	}
	meta, err := i.film()
	if err != nil {
		return ppsp.Link{}, err
	}
	file, meta, err := store.Seed(ctx, i.What, store.SeedConfig{Metadata: meta})
	if err != nil {
		return ppsp.Link{}, err
	}
	l := ppsp.NewLink(meta)
	l.Title = strings.TrimSuffix(filepath.Base(i.What), filepath.Ext(i.What))
	l.MediaType = publish.MediaType(i.What)
	l.Length, _ = file.Size()
	l.Duration = publish.Duration(i.What)
	return l, file.Close()
}
