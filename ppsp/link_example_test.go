package ppsp_test

import (
	"fmt"

	"github.com/swarmgate/swarmgate/ppsp"
)

func ExampleParseLink() {
	l, err := ppsp.ParseLink("ppsp:film/47a013e660d408619d894b20806b1d5086aab03b?h=sha1&t=Short%20Film&tr=https://tracker.example.com/")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(l.Title, l.Kind, l.SwarmID.Short(), l.Hash, l.ChunkSize, l.Trackers)
	// Output: Short Film film 47a0…b03b sha1 1024 [https://tracker.example.com/]
}

func ExampleParseLink_mistake() {
	_, err := ppsp.ParseLink("ppsp:film/47a013e660d408619d894b20806b1d5086aab03b?h=sha1&c=big")
	fmt.Println(err)
	// Output: link: "c=big" at character 59: write a whole number above zero in plain digits, or remove the parameter
}

func ExampleLink_String() {
	key, _ := ppsp.ParseSwarmID("0f3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
	l := ppsp.NewLink(ppsp.LiveDefaults(key))
	l.Title = "Canal+ & more"
	l.Trackers = []string{"http://127.0.0.1:6969/"}
	fmt.Println(l)
	// Output: ppsp:live/0f3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c?t=Canal%2B%20%26%20more&tr=http://127.0.0.1:6969/
}
