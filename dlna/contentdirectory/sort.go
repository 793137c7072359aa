package contentdirectory

import (
	"cmp"
	"slices"
	"strings"

	"github.com/swarmgate/swarmgate/dlna/media"
	"github.com/swarmgate/swarmgate/proxy"
)

// sortCapabilities are the properties by which Browse and Search can sort.
const sortCapabilities = "dc:title,upnp:class,upnp:genre,res@duration,res@size"

// maxCriteria bounds the properties by which is sorted.
const maxCriteria = 8

// order compares two items by one property.
type order func(a, b *keyed) int

// keyed is an item with its title as it is sorted.
type keyed struct {
	item  *proxy.Item
	title string
}

// sorted sorts by SortCriteria ("+dc:title,-res@size"): folders among themselves, by title alone,
// and items. What it can't sort by is left out rather than refused: control points ask for dates
// without having looked at the capabilities, and would show an empty folder. What compares equal
// stays in the order of the household. The lists that it is given stay as they are.
func sorted(folders []*container, items []proxy.Item, criteria string) ([]*container, []proxy.Item) {
	orders := parseCriteria(criteria)
	if len(orders) == 0 {
		return folders, items
	}
	for criterion := range strings.SplitSeq(criteria, ",") {
		if property, down := direction(criterion); property == "dc:title" {
			folders = slices.SortedStableFunc(slices.Values(folders), func(a, b *container) int {
				if down {
					a, b = b, a
				}
				return byTitle(a, b)
			})
			break
		}
	}
	list := make([]keyed, len(items))
	for i := range items {
		list[i] = keyed{&items[i], strings.ToLower(title(&items[i]))}
	}
	slices.SortStableFunc(list, func(a, b keyed) int {
		for _, o := range orders {
			if c := o(&a, &b); c != 0 {
				return c
			}
		}
		return 0
	})
	inOrder := make([]proxy.Item, len(list))
	for i := range list {
		inOrder[i] = *list[i].item
	}
	return folders, inOrder
}

// direction reads one criterion: a property, upwards unless there is a minus before it.
func direction(criterion string) (property string, down bool) {
	criterion = strings.TrimSpace(criterion)
	return strings.TrimLeft(criterion, "+-"), strings.HasPrefix(criterion, "-")
}

func parseCriteria(criteria string) []order {
	var orders []order
	for criterion := range strings.SplitSeq(criteria, ",") {
		property, down := direction(criterion)
		o := orderBy(property)
		if o == nil || len(orders) == maxCriteria {
			continue
		}
		if down {
			ascending := o
			o = func(a, b *keyed) int { return ascending(b, a) }
		}
		orders = append(orders, o)
	}
	return orders
}

func orderBy(property string) order {
	switch property {
	case "dc:title":
		return func(a, b *keyed) int { return cmp.Compare(a.title, b.title) }
	case "upnp:class":
		return func(a, b *keyed) int {
			return cmp.Compare(classOf(media.FormatOf(*a.item)), classOf(media.FormatOf(*b.item)))
		}
	case "upnp:genre":
		return func(a, b *keyed) int {
			return cmp.Compare(strings.ToLower(a.item.Group), strings.ToLower(b.item.Group))
		}
	case "res@duration":
		return func(a, b *keyed) int { return cmp.Compare(a.item.Duration, b.item.Duration) }
	case "res@size":
		return func(a, b *keyed) int { return cmp.Compare(a.item.Length, b.item.Length) }
	}
	return nil
}
