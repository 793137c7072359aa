package contentdirectory

import (
	"cmp"
	"slices"
	"strings"

	"github.com/swarmgate/swarmgate/proxy"
)

// sortCapabilities are the properties by which Browse can sort.
const sortCapabilities = "dc:title,res@duration,res@size"

// maxCriteria bounds the properties by which is sorted.
const maxCriteria = 8

// order compares two items by one property.
type order func(a, b *keyed) int

// keyed is an item with its title as it is sorted.
type keyed struct {
	item  proxy.Item
	title string
}

// sortItems sorts by SortCriteria ("+dc:title,-res@size"). What it can't sort by is left
// out rather than refused: control points ask for dates and classes without having looked
// at the capabilities, and would show an empty folder. Items that compare equal stay in the
// order of the household.
func sortItems(items []proxy.Item, criteria string) {
	orders := parseCriteria(criteria)
	if len(orders) == 0 {
		return
	}
	list := make([]keyed, len(items))
	for i, item := range items {
		list[i] = keyed{item, strings.ToLower(title(item))}
	}
	slices.SortStableFunc(list, func(a, b keyed) int {
		for _, o := range orders {
			if c := o(&a, &b); c != 0 {
				return c
			}
		}
		return 0
	})
	for i := range list {
		items[i] = list[i].item
	}
}

func parseCriteria(criteria string) []order {
	var orders []order
	for criterion := range strings.SplitSeq(criteria, ",") {
		criterion = strings.TrimSpace(criterion)
		property := strings.TrimLeft(criterion, "+-")
		o := orderBy(property)
		if o == nil || len(orders) == maxCriteria {
			continue
		}
		if strings.HasPrefix(criterion, "-") {
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
	case "res@duration":
		return func(a, b *keyed) int { return cmp.Compare(a.item.Duration, b.item.Duration) }
	case "res@size":
		return func(a, b *keyed) int { return cmp.Compare(a.item.Length, b.item.Length) }
	}
	return nil
}
