package contentdirectory

import (
	"encoding/xml"
	"fmt"
	"strconv"
	"testing"

	"github.com/swarmgate/swarmgate/dlna/profile"
	"github.com/swarmgate/swarmgate/dlna/xmltext"
)

// Whatever is asked for: the answer is an error of the standard, or a result that can be read, of as
// many objects as it says.
func FuzzAnswers(f *testing.F) {
	f.Add("Browse", "0$channels", "BrowseDirectChildren", "*", "0", "3", "+dc:title", "")
	f.Add("Browse", newsID+"$a1", "BrowseMetadata", "dc:title,res@size", "0", "0", "", "DLNADOC/1.50 SEC_HHP_[TV] Samsung Q7")
	f.Add("Search", "15", `dc:title contains "\"" or @refID exists true`, "res", "1", "4294967295", "-res@size", "Xbox/2.0")
	f.Add("X_SetBookmark", "f1", "", "", "", "4294967295", "", "")
	f.Add("Browse", "0$films$$", "\x00", "]]>", "-1", "1e3", ",,", "LGE_DLNA_SDK")
	profiles, err := profile.Load("")
	if err != nil {
		f.Fatal(err)
	}
	l := household()
	h := serviceOf(&Directory{Library: l, Guide: guide{}, Profiles: profiles})
	f.Fuzz(func(t *testing.T, action, id, flag, filter, start, count, order, agent string) {
		var args []byte
		for _, a := range [][2]string{
			{"ObjectID", id},
			{"ContainerID", id},
			{"BrowseFlag", flag},
			{"SearchCriteria", flag},
			{"Filter", filter},
			{"StartingIndex", start},
			{"RequestedCount", count},
			{"PosSecond", count},
			{"SortCriteria", order},
		} {
			args = xmltext.AppendElement(args, a[0], a[1])
		}
		if action != "Search" && action != "X_SetBookmark" {
			action = "Browse"
		}
		got := callAs(t, h, agent, action, string(args))
		if code, failed := got["errorCode"]; failed {
			switch code {
			case "402", "701", "708", "710":
				return
			}
			t.Fatalf("error %s", code)
		}
		if action == "X_SetBookmark" {
			return
		}
		var didl struct {
			Containers []struct{} `xml:"container"`
			Items      []struct{} `xml:"item"`
		}
		if err := xml.Unmarshal([]byte(got["Result"]), &didl); err != nil {
			t.Fatalf("%v: %s", err, got["Result"])
		}
		total, err := strconv.Atoi(got["TotalMatches"])
		if n := len(didl.Containers) + len(didl.Items); err != nil || got["NumberReturned"] != fmt.Sprint(n) || n > total {
			t.Fatalf("%d objects, %v", n, got)
		}
	})
}
