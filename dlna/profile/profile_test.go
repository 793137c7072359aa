package profile

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func load(t *testing.T, file string) *Set {
	t.Helper()
	s, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func from(host, header, value string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = host
	if header != "" {
		r.Header.Set(header, value)
	}
	return r
}

// What the devices send, as their owners have written it down in public.
func TestDevicesAreRecognized(t *testing.T) {
	s := load(t, "")
	for _, c := range []struct{ header, value, want string }{
		{"User-Agent", "DLNADOC/1.50 SEC_HHP_[TV]UE40D7000/1.0", "Samsung"},
		{"User-Agent", "DLNADOC/1.50 SEC_HHP_[TV] Samsung 9 Series (65)/1.0 UPnP/1.0", "Samsung"},
		{"User-Agent", "SEC_HHP_TV-40C7000/1.0", "Samsung"},
		{"User-Agent", "DLNADOC/1.50 SEC_HHP_ Family TV/1.0", "Samsung"},
		{"User-Agent", "DLNADOC/1.50 SEC_HHP_[TV] Samsung Q7 Series (49)/1.0", "Samsung Q"},
		{"User-Agent", "DLNADOC/1.50 SEC_HHP_BD-D5100/1.0", "Samsung Blu-ray"},
		{"User-Agent", "DLNADOC/1.50 SEC_HHP_[PC]LPC001/1.0  MS-DeviceCaps/1024", "Samsung AllShare for PC"},
		{"User-Agent", "Linux/2.6.31-1.0 UPnP/1.0 DLNADOC/1.50 INTEL_NMPR/2.0 LGE_DLNA_SDK/1.5.0", "LG"},
		{"User-Agent", "Linux/4.4 UPnP/1.0 LGE WebOS TV LGE_DLNA_SDK/1.6.0/04.30.13 DLNADOC/1.50", "LG"},
		{"X-AV-Client-Info", `av=5.0; cn="Sony Corporation"; mn="BRAVIA KDL-55HX750"; mv="1.7";`, "Sony"},
		{"X-AV-Client-Info", `av=5.0; cn="Sony Corporation"; mn="Blu-ray Disc Player"; mv="2.0"`, "Sony"},
		{"X-AV-Client-Info", `av=5.0; cn="Sony Computer Entertainment Inc."; mn="PLAYSTATION 3"; mv="1.0"`, "PlayStation"},
		{"User-Agent", "PLAYSTATION 3", "PlayStation"},
		{"User-Agent", "Panasonic MIL DLNA CP UPnP/1.0 DLNADOC/1.50", "Panasonic"},
		{"User-Agent", "Windows2000/0.0 UPnP/1.0 PhilipsIntelSDK/1.4 DLNADOC/1.50", "Philips"},
		{"User-Agent", "Allegro-Software-WebClient/4.61 DLNADOC/1.00", "Philips"},
		{"User-Agent", "Xbox/2.0.17559.0 UPnP/1.0 Xbox/2.0.17559.0", "Xbox 360"},
		{"User-Agent", "NSPlayer/12.00.9600.16411 WMFSDK/12.00.9600.16411", "Xbox"},
		{"User-Agent", "VLC/3.0.21 LibVLC/3.0.21", "VLC"},
		{"User-Agent", "6.1.0 (Linux x86_64) UPnP/1.0 Portable SDK for UPnP devices/1.14 VLC/3.0.18", "VLC"},
		{"User-Agent", "Kodi/21.0 (X11; Linux x86_64) App_Bitness/64 Version/21.0", "Kodi"},
		{"User-Agent", "Mozilla/5.0", ""},
		{"X-AV-Client-Info", "", ""},
		{"", "", ""},
	} {
		if got := s.Of(from("127.0.0.1:1", c.header, c.value)).Name; got != c.want {
			t.Errorf("%s: %s is %q, want %q", c.header, c.value, got, c.want)
		}
	}
}

func TestWhatProfilesSay(t *testing.T) {
	s := load(t, "")
	of := func(agent string) *Profile { return s.Of(from("127.0.0.1:1", "User-Agent", agent)) }
	samsung, bluray, lg, unknown := of("SEC_HHP_[TV]"), of("SEC_HHP_BD-1"), of("LGE_DLNA_SDK/1"), of("curl")
	if samsung.Type("video/x-matroska") != "video/x-mkv" || samsung.Type("video/mp4") != "video/mp4" || unknown.Type("video/x-matroska") != "video/x-matroska" {
		t.Error("types are wrong")
	}
	for way, want := range map[Caption][4]bool{
		CaptionResource: {true, false, true, true}, CaptionSamsung: {true, true, false, true}, CaptionPV: {true, false, false, true},
	} {
		if got := [4]bool{samsung.Captions(way), bluray.Captions(way), lg.Captions(way), unknown.Captions(way)}; got != want {
			t.Errorf("subtitles by %s: %v, want %v", way, got, want)
		}
	}
	kodi, xbox := of("Kodi/21"), of("Xbox/2.0")
	if kodi.Offers(Thumbnail) || !kodi.Offers(Small) || !unknown.Offers(Thumbnail) || unknown.Offers(Small) {
		t.Error("pictures are wrong")
	}
	if xbox.Object("15") != "0" || xbox.Object("16") != "16" || unknown.Object("15") != "15" || xbox.Captions(CaptionResource) {
		t.Error("the Xbox is wrong")
	}
	if unknown.Folder() != "object.container.storageFolder" || (&Profile{FolderClass: "object.container"}).Folder() != "object.container" {
		t.Error("classes of folders are wrong")
	}
}

// A television set that says who it is when it browses, and fetches the film as "Lavf".
func TestDeviceIsRememberedByItsAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := load(t, "")
		s.Of(from("192.168.1.9:1000", "User-Agent", "SEC_HHP_[TV]"))
		for host, want := range map[string]string{
			"192.168.1.9:2000": "Samsung", "[::ffff:192.168.1.9]:3": "Samsung", "192.168.1.10:1000": "", "strange": "",
		} {
			if got := s.Of(from(host, "User-Agent", "Lavf/58")).Name; got != want {
				t.Errorf("%s is %q, want %q", host, got, want)
			}
		}
		s.Of(from("127.0.0.1:1", "User-Agent", "SEC_HHP_[TV]"))
		if got := s.Of(from("127.0.0.1:2", "User-Agent", "curl")).Name; got != "" {
			t.Errorf("another program of this machine is %q", got)
		}
		time.Sleep(memory)
		if got := s.Of(from("192.168.1.9:1000", "", "")).Name; got != "" {
			t.Errorf("after %v it is %q", memory, got)
		}
		for i := range 3 * maxHosts {
			time.Sleep(time.Second)
			s.Of(from(fmt.Sprintf("10.0.%d.%d:1", i/256, i%256), "User-Agent", "Kodi"))
		}
		if len(s.hosts) != maxHosts {
			t.Errorf("%d hosts are remembered, want %d", len(s.hosts), maxHosts)
		}
		if got := s.Of(from("10.0.2.255:1", "", "")).Name; got != "Kodi" {
			t.Errorf("the newest is %q", got)
		}
	})
}

func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "tv.toml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestOwnFileGoesFirst(t *testing.T) {
	s := load(t, file(t, `
[[profile]]
name = "Our old set"
match = [{ header = "X-Model", contains = "kdl" }]
extension = true
guide = "title"

[[profile]]
name = "kodi"
match = [{ header = "User-Agent", contains = "Kodi" }]
folder_class = "object.container"
`))
	if p := s.Of(from("127.0.0.1:1", "x-model", "KDL-40")); p.Name != "Our old set" || !p.Extension || p.Guide != GuideTitle {
		t.Errorf("%+v", p)
	}
	if p := s.Of(from("127.0.0.1:1", "User-Agent", "Kodi/21")); p.Folder() != "object.container" || p.Pictures != nil {
		t.Errorf("%+v", p)
	}
	if s.Profiles() != load(t, "").Profiles()+1 {
		t.Errorf("%d profiles", s.Profiles())
	}
}

func TestBadFiles(t *testing.T) {
	const match = `match = [{ header = "User-Agent", contains = "x" }]` + "\n"
	for name, c := range map[string]struct{ text, want string }{
		"no TOML":          {"[[profile]\n", ":1:"},
		"wrong type":       {"[[profile]]\nname = 5\n", ":2:"},
		"unknown key":      {"[[profile]]\nname = \"x\"\n" + match + "colour = true\n", ":4:1: profile.colour is unknown"},
		"no name":          {"[[profile]]\n" + match, "it has no name"},
		"no match":         {"[[profile]]\nname = \"x\"\n", "it has no match"},
		"empty match":      {"[[profile]]\nname = \"x\"\nmatch = [{ header = \"User-Agent\" }]\n", "lacks header or contains"},
		"no media type":    {"[[profile]]\nname = \"x\"\n" + match + "types = { \"video/mp4\" = \"mkv\" }\n", "are no media types"},
		"CRLF in a type":   {"[[profile]]\nname = \"x\"\n" + match + "types = { \"video/mp4\" = \"a/b\\r\\nX: y\" }\n", "are no media types"},
		"no container":     {"[[profile]]\nname = \"x\"\n" + match + "folder_class = \"object.item\"\n", "is no class of containers"},
		"unknown subtitle": {"[[profile]]\nname = \"x\"\n" + match + "subtitles = [\"smi\"]\n", `subtitles: "smi" is none of`},
		"unknown picture":  {"[[profile]]\nname = \"x\"\n" + match + "pictures = [\"GIF\"]\n", `pictures: "GIF" is none of`},
		"unknown unit":     {"[[profile]]\nname = \"x\"\n" + match + "bookmarks = \"minutes\"\n", `bookmarks: "minutes" is none of`},
		"unknown place":    {"[[profile]]\nname = \"x\"\n" + match + "guide = \"x\"\n", `guide: "x" is none of`},
		"twice":            {"[[profile]]\nname = \"x\"\n" + match + "[[profile]]\nname = \"X\"\n" + match, "is there twice"},
		"too many":         {strings.Repeat("[[profile]]\nname = \"x\"\n"+match, maxProfiles+1), "more than 256 profiles"},
		"too large":        {"# " + strings.Repeat("x", maxFile), "larger than 256 KiB"},
	} {
		t.Run(name, func(t *testing.T) {
			path := file(t, c.text)
			_, err := Load(path)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v, want one line with %q", err, c.want)
			}
		})
	}
	if _, err := Load("/nowhere/tv.toml"); err == nil || !strings.Contains(err.Error(), "/nowhere/tv.toml") {
		t.Errorf("a file that is missing: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(builtIn)
	f.Add([]byte("[[profile]]\nname = \"x\"\nmatch = [{ header = \"User-Agent\", contains = \"x\" }]\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		profiles, err := parse("tv.toml", b)
		if err != nil {
			if strings.Contains(err.Error(), "\n") && !strings.Contains(string(b), "\n") {
				t.Errorf("more than one line: %v", err)
			}
			return
		}
		s := &Set{profiles: profiles}
		for _, p := range profiles {
			r := from("127.0.0.1:1", p.Match[0].Header, p.Match[0].Contains)
			if len(p.Match[0].Contains) <= maxHeader && s.Of(r) == &generic {
				t.Errorf("%+v does not fit what it says", p)
			}
		}
	})
}
