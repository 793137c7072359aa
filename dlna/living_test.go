package dlna

import (
	"time"

	"github.com/swarmgate/swarmgate/dlna/contentdirectory"
	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/proxy"
)

// livingRoom is a household with all that a screen can be told of: groups, favourites, names of many
// kinds, logos, subtitles, and films that were begun.
func livingRoom() *household {
	at := time.Date(2026, 11, 22, 20, 0, 0, 0, time.UTC)
	return &household{ticks: make(chan struct{}, 1), items: []proxy.Item{
		{ID: "c000000000000000000a", Title: `News & "Weather" <1>`, Group: "News & Talk", Kind: ppsp.Live, MediaType: "video/mp2t", Rate: 464000, Logo: "https://logos.example/n.png", Favourite: true},
		{ID: "c000000000000000000b", Title: "قناة الأخبار", Group: "عربي", Kind: ppsp.Live, MediaType: "video/mp2t", Watched: at},
		{ID: "c000000000000000000c", Title: "Äther 📺 'live'", Kind: ppsp.Live, MediaType: "video/mp2t", Watched: at.Add(time.Hour)},
		{
			ID: "f000000000000000000a", Title: "The “film”, uncut", Group: "Old & new", Kind: ppsp.Film, MediaType: "video/mp4", Length: 353455, Duration: 24 * time.Second,
			Position: 12500 * time.Millisecond, Watched: at, Subtitles: []proxy.Subtitle{{}, {Language: "de"}},
		},
		{ID: "f000000000000000000b", Title: "Matroska", Kind: ppsp.Film, MediaType: "video/x-matroska", Length: 1 << 33, Duration: 2 * time.Hour, Favourite: true},
		{ID: "f000000000000000000c", Title: "AVI", Kind: ppsp.Film, MediaType: "video/x-msvideo", Length: 1000},
		{ID: "f000000000000000000d", Title: "Song", Kind: ppsp.Film, MediaType: "audio/mpeg", Length: 1000},
	}}
}

// onAir is a guide that knows one channel.
type onAir struct{}

func (onAir) OnAir(id string, _ time.Time) (now, next proxy.Programme) {
	at := time.Date(2026, 11, 22, 20, 0, 0, 0, time.UTC)
	if id == "c000000000000000000a" {
		now = proxy.Programme{Title: "Quiz <&>", Start: at, End: at.Add(45 * time.Minute)}
		next = proxy.Programme{Title: "Film", Start: at.Add(45 * time.Minute)}
	}
	return now, next
}

var _ contentdirectory.Guide = onAir{}

// agents are the headers by which the devices of the built-in profiles name themselves.
var agents = map[string]string{
	"unknown": "User-Agent: curl/8", "Samsung": "User-Agent: DLNADOC/1.50 SEC_HHP_[TV]UE40D7000/1.0",
	"Samsung Q": "User-Agent: DLNADOC/1.50 SEC_HHP_[TV] Samsung Q7 Series (49)/1.0", "Samsung Blu-ray": "User-Agent: DLNADOC/1.50 SEC_HHP_BD-D5100/1.0",
	"LG":          "User-Agent: Linux/2.6.31-1.0 UPnP/1.0 DLNADOC/1.50 INTEL_NMPR/2.0 LGE_DLNA_SDK/1.5.0",
	"Sony":        `X-AV-Client-Info: av=5.0; cn="Sony Corporation"; mn="BRAVIA KDL-55HX750"; mv="1.7";`,
	"PlayStation": "User-Agent: PLAYSTATION 3", "Panasonic": "User-Agent: Panasonic MIL DLNA CP UPnP/1.0 DLNADOC/1.50",
	"Philips": "User-Agent: Windows2000/0.0 UPnP/1.0 PhilipsIntelSDK/1.4 DLNADOC/1.50", "Xbox 360": "User-Agent: Xbox/2.0.17559.0 UPnP/1.0 Xbox/2.0.17559.0",
	"Xbox": "User-Agent: NSPlayer/12.00.9600.16411 WMFSDK/12.00.9600.16411", "VLC": "User-Agent: VLC/3.0.21 LibVLC/3.0.21",
	"Kodi": "User-Agent: Kodi/21.0 (X11; Linux x86_64) App_Bitness/64 Version/21.0",
}
