package dlna

import (
	"bytes"
	"flag"
	"html"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the answers of the server into testdata/devices")

// visit is one request of a device, with the answer.
type visit struct{ name, request, answer string }

// readVisits reads a file of testdata/devices: comments, then ">>> what is asked", the request, "<<<",
// the answer.
func readVisits(t *testing.T, file string) (comment string, visits []visit) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	comment, rest, _ := strings.Cut(string(b), ">>> ")
	for part := range strings.SplitSeq(rest, "\n>>> ") {
		name, part, _ := strings.Cut(part, "\n")
		request, answer, _ := strings.Cut(part, "\n<<<\n")
		visits = append(visits, visit{name, strings.Trim(request, "\n"), strings.TrimRight(answer, "\n")})
	}
	return comment, visits
}

func writeVisits(t *testing.T, file, comment string, visits []visit) {
	t.Helper()
	var b strings.Builder
	b.WriteString(comment)
	for _, v := range visits {
		b.WriteString(">>> " + v.name + "\n" + v.request + "\n<<<\n" + v.answer + "\n")
	}
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

// ask sends a request as it stands in the file, and returns the answer byte by byte.
func (v visit) ask(t *testing.T, address string) string {
	t.Helper()
	head, body, _ := strings.Cut(v.request, "\n\n")
	head = strings.Replace(head, "Content-Length: *", "Content-Length: "+strconv.Itoa(len(body)), 1)
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	raw := strings.ReplaceAll(head, "\n", "\r\n") + "\r\nConnection: close\r\n\r\n" + body
	if _, err := io.WriteString(conn, raw); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatalf("%s: %v", v.name, err)
	}
	return string(answer)
}

// What differs from one run to the next.
var changing = []struct {
	of   *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`\r\nDate: [^\r]*`), ""},
	{regexp.MustCompile(`\r\nConnection: close`), ""},
	{regexp.MustCompile(`SERVER: [a-z]+/[a-z0-9]+ `), "SERVER: OS/version "},
	{regexp.MustCompile(`SID: uuid:[0-9a-f-]{36}`), "SID: uuid:…"},
	{regexp.MustCompile(`<(UpdateID|Id)>[0-9]{10}<`), "<$1>NOW<"},
	{regexp.MustCompile(`configId="[0-9]+"`), `configId="…"`},
	{regexp.MustCompile(`(SERVER: OS[^\r]*(\r\n[^\r]+)*\r\nContent-Length: |Content-Length: )([0-9]+)(\r\n(?s:.*)configId)`), "${1}…$4"},
}

func normal(answer string) string {
	for _, c := range changing {
		answer = c.of.ReplaceAllString(answer, c.with)
	}
	return strings.TrimRight(strings.ReplaceAll(answer, "\r\n", "\n"), "\n")
}

// conversations plays all files of testdata/devices.
func conversations(t *testing.T, each func(device string, v visit, got string)) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "devices", "*.txt"))
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files of devices, %v", len(files), err)
	}
	for _, file := range files {
		_, server := livingServer(t)
		comment, visits := readVisits(t, file)
		for i := range visits {
			got := normal(visits[i].ask(t, server.Listener.Addr().String()))
			each(strings.TrimSuffix(filepath.Base(file), ".txt"), visits[i], got)
			visits[i].answer = got
		}
		if *update {
			writeVisits(t, file, comment, visits)
		}
	}
}

// Each device is answered byte by byte as its file has it.
func TestDevicesAreAnsweredExactly(t *testing.T) {
	conversations(t, func(device string, v visit, got string) {
		if got != v.answer && !*update {
			t.Errorf("%s, %s: got\n%s\nwant\n%s", device, v.name, got, v.answer)
		}
	})
}

// checks are what devices stumble over, as their owners have told of other servers. Each part must be
// in the answer, in this order; a part that begins with "!" must not be in it at all.
var checks = []struct {
	why, device, visit string
	parts              []string
}{
	{"an error for X_GetFeatureList ends the visit", "samsung", "what is there", []string{"HTTP/1.1 200 OK", "samsung.com_BASICVIEW", `type="object.item.videoItem"`}},
	{"answers have the arguments in the order of the description", "samsung", "the root", []string{"<Result>", "</Result><NumberReturned>2</NumberReturned><TotalMatches>2</TotalMatches><UpdateID>"}},
	{"quotation marks as &#34; are shown as they stand", "samsung", "films", []string{"!&#34;", "!&#39;", "!&amp;#34;"}},
	{"the namespace of sec is declared on the root of DIDL", "samsung", "the root", []string{`<DIDL-Lite xmlns="urn:schemas-upnp-org:metadata-1-0/DIDL-Lite/"`, ` xmlns:sec="http://www.sec.co.kr/">`}},
	{"a folder without childCount is shown empty", "samsung", "the root", []string{`<container id="0$channels" parentID="0" restricted="1" childCount="7"`, `<container id="0$films" parentID="0" restricted="1" childCount="7"`}},
	{"the root's children have it for their parent", "samsung", "the root", []string{`parentID="0"`, `!parentID=""`, `!id=""`}},
	{"the title comes first", "samsung", "films", []string{`searchable="1"><dc:title>Continue watching</dc:title>`, `restricted="1"><dc:title>Matroska</dc:title>`}},
	{"dates of the year 1 make the folder empty", "samsung", "films", []string{"!0001-", "!<dc:date>"}},
	{"Matroska is known by another name", "samsung", "films", []string{"http-get:*:video/x-mkv:DLNA.ORG_OP=01;", "!x-matroska"}},
	{"and is sent by it", "samsung", "how it is sent", []string{"Content-Type: video/x-mkv\n", "contentFeatures.dlna.org: DLNA.ORG_OP=01;DLNA.ORG_CI=0;", "!x-matroska"}},
	{"the metadata of a film is a film with its res", "samsung", "the film that was chosen", []string{`<item id="f000000000000000000a" parentID="0$films"`, "object.item.videoItem.movie", "<res protocolInfo=", "!<container"}},
	{"the position is in sec:dcmInfo", "samsung", "the film that was chosen", []string{"<sec:dcmInfo>CREATIONDATE=0,FOLDER=The “film”  uncut,BM=12</sec:dcmInfo>"}},
	{"subtitles are in sec:CaptionInfoEx", "samsung", "the film that was chosen", []string{`<sec:CaptionInfoEx sec:type="srt">http://192.168.1.2:8088/dlna/subtitle/f000000000000000000a.srt</sec:CaptionInfoEx>`}},
	{"subtitles are told beside the film", "samsung", "its length and subtitles", []string{"HTTP/1.1 200 OK", "CaptionInfo.sec: http://192.168.1.2:8088/dlna/subtitle/f000000000000000000a.srt\n"}},
	{"and its length", "samsung", "its length and subtitles", []string{"MediaInfo.sec: SEC_Duration=24000;\n"}},
	{"subtitles have their type", "samsung", "the subtitles", []string{"HTTP/1.1 200 OK", "Content-Type: text/srt"}},
	{"the position is taken", "samsung", "where it was left", []string{"HTTP/1.1 200 OK", "<u:X_SetBookmarkResponse"}},
	{"it asks for bookmarks and subtitles where they are offered", "samsung", "the description", []string{"<dlna:X_DLNADOC>DMS-1.50</dlna:X_DLNADOC>", "<sec:ProductCap>DCM10,getMediaInfo.sec,getCaptionInfo.sec</sec:ProductCap>"}},
	{"a channel has no length, and a range of it is answered", "samsung", "a channel", []string{"HTTP/1.1 200 OK", "contentFeatures.dlna.org: ", "transferMode.dlna.org: Streaming", "!Content-Length", "!Content-Range"}},
	{"pictures come from the gateway", "philips", "channels", []string{`dlna:profileID="JPEG_TN"&gt;http://192.168.1.2:8088/dlna/picture/`, "!logos.example"}},
	{"a subscription is answered at once, whole", "lg", "a subscription", []string{"HTTP/1.1 200 OK", "SID: uuid:", "TIMEOUT: Second-1800", "Content-Length: 0"}},
	{"events go to no host outside of the home", "lg", "another, to a host in the Internet", []string{"HTTP/1.1 412"}},
	{"an unknown subscription is not renewed", "lg", "a renewal of one that is not known", []string{"HTTP/1.1 412"}},
	{"nor ended", "lg", "the end of one that is not known", []string{"HTTP/1.1 412"}},
	{"subtitles are used where the title has a dot", "lg", "a film with subtitles", []string{"<dc:title>The “film”, uncut.</dc:title>", `<res protocolInfo="http-get:*:text/srt:*">`, "!sec:CaptionInfoEx"}},
	{"what was not asked for is left out", "sony", "the first page of films", []string{"<NumberReturned>4</NumberReturned><TotalMatches>7</TotalMatches>", "!bitrate", "!sec:", "!lastPlaybackPosition"}},
	{"pages go on where the last ended", "sony", "the next page", []string{"<NumberReturned>3</NumberReturned><TotalMatches>7</TotalMatches>", "!<container"}},
	{"AVI is DivX", "sony", "the first page of films", []string{"http-get:*:video/x-divx:"}},
	{"GetProtocolInfo has what is sent", "sony", "what is sent", []string{"<Source>http-get:*:video/mp4:*,", "http-get:*:video/mpeg:*", "</Source><Sink></Sink>"}},
	{"AVI has the name of its codec", "playstation", "a film", []string{"http-get:*:video/divx:"}},
	{"and is sent by it", "playstation", "how it is sent", []string{"HTTP/1.1 206", "Content-Range: bytes 0-0/", "Content-Type: video/divx\n", "contentFeatures.dlna.org: "}},
	{"subtitles are in an attribute", "panasonic", "a film with subtitles", []string{`pv:subtitleFileUri="http://192.168.1.2:8088/dlna/subtitle/f000000000000000000a.srt"`}},
	{"an order that can't be had is no error", "panasonic", "channels", []string{"HTTP/1.1 200 OK", "<NumberReturned>7<"}},
	{"other prefixes are understood", "philips", "channels", []string{"HTTP/1.1 200 OK", "<u:BrowseResponse"}},
	{"the server calls itself as those of Windows do", "xbox360", "the description", []string{"<friendlyName>Swarmgate (test): 1</friendlyName>", "Windows Media Connect", "!sec:ProductCap", "X_MS_MediaReceiverRegistrar"}},
	{"it may look", "xbox360", "whether it may", []string{"<Result>1</Result>"}},
	{"and is validated", "xbox360", "whether it is validated", []string{"<Result>1</Result>"}},
	{"and registered", "xbox360", "its registration", []string{"HTTP/1.1 200 OK", "<RegistrationRespMsg>"}},
	{"films are in container 15, without DLNA", "xbox360", "films", []string{"<TotalMatches>3</TotalMatches>", "!DLNA.ORG"}},
	{"AVI is video/avi", "xbox", "films", []string{"http-get:*:video/avi:DLNA.ORG_OP=01;"}},
	{"subtitles are no film of their own", "vlc", "films", []string{"sec:CaptionInfoEx", "!text/srt"}},
	{"a reference tells what it refers to", "vlc", "films", []string{`<item id="0$films$continue$f000000000000000000a" refID="f000000000000000000a" parentID="0$films$continue"`}},
	{"subtitles are another res", "kodi", "a film with subtitles", []string{"http-get:*:text/srt:*", "!sec:CaptionInfoEx"}},
	{"it goes on where the film was left", "kodi", "a film with subtitles", []string{"<upnp:lastPlaybackPosition>00:00:12.500</upnp:lastPlaybackPosition>"}},
	{"scripts from right to left and emoji arrive", "kodi", "channels", []string{"قناة الأخبار", "📺"}},
	{"what is on is in the description", "kodi", "channels", []string{"<dc:description>20:00–20:45 Quiz &lt;&amp;&gt; · Next: 20:45 Film</dc:description>"}},
	{"SystemUpdateID is a number", "kodi", "the update ID", []string{"<Id>NOW</Id>"}},
}

func TestDeviceChecklists(t *testing.T) {
	answers := map[string]string{}
	conversations(t, func(device string, v visit, got string) { answers[device+" "+v.name] = got })
	for _, c := range checks {
		answer, ok := answers[c.device+" "+c.visit]
		if !ok {
			t.Errorf("%s has no %q", c.device, c.visit)
			continue
		}
		// What stands in a Result is XML in XML: either form is looked at.
		plain := html.UnescapeString(answer)
		for rest, plainRest := answer, plain; len(c.parts) > 0; c.parts = c.parts[1:] {
			part := c.parts[0]
			if absent, not := strings.CutPrefix(part, "!"); not {
				if strings.Contains(answer, absent) || strings.Contains(plain, absent) {
					t.Errorf("%s, %s: %s: %q is in\n%s", c.device, c.visit, c.why, absent, answer)
				}
				continue
			}
			if _, after, found := strings.Cut(rest, part); found {
				rest = after
			} else if _, after, found := strings.Cut(plainRest, part); found {
				plainRest = after
			} else {
				t.Errorf("%s, %s: %s: %q is missing in\n%s", c.device, c.visit, c.why, part, plain)
			}
		}
	}
}

// Slow, huge and endless requests cost bounded memory and time.
func TestTroublesomeRequests(t *testing.T) {
	_, server := livingServer(t)
	address := server.Listener.Addr().String()
	for _, c := range []struct {
		name, head string
		fill       string // sent until the server has had enough
		codes      []string
	}{
		{"a body without end", "POST /dlna/ContentDirectory/control HTTP/1.1\r\nHost: 192.168.1.2\r\nTransfer-Encoding: chunked\r\n\r\n", "400\r\n" + strings.Repeat("x", 1024) + "\r\n", []string{"413"}},
		{"a huge body", "POST /dlna/ContentDirectory/control HTTP/1.1\r\nHost: 192.168.1.2\r\nContent-Length: 99999999999\r\n\r\n", strings.Repeat("<a>", 1000), []string{"413"}},
		{"deep XML", "POST /dlna/ContentDirectory/control HTTP/1.1\r\nHost: 192.168.1.2\r\nContent-Length: 60000\r\n\r\n" + strings.Repeat("<aaa>", 12000), "", []string{"500"}},
		{"headers without end", "SUBSCRIBE /dlna/ContentDirectory/event HTTP/1.1\r\nHost: 192.168.1.2\r\n", "CALLBACK: <http://127.0.0.1/" + strings.Repeat("x", 1000) + ">\r\n", []string{"431", "412"}},
		{"a body where none belongs", "SUBSCRIBE /dlna/ContentDirectory/event HTTP/1.1\r\nHost: 192.168.1.2\r\nNT: upnp:event\r\nCALLBACK: <http://127.0.0.1:9/>\r\nContent-Length: 99999999999\r\n\r\n", strings.Repeat("y", 1000), []string{"200"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
			sent, _ := io.WriteString(conn, c.head)
			for c.fill != "" && sent < 64<<20 {
				n, err := io.WriteString(conn, c.fill)
				sent += n
				if err != nil {
					break
				}
			}
			if sent >= 64<<20 {
				t.Errorf("the server takes %d bytes", sent)
			}
			b := make([]byte, 4096)
			n, _ := conn.Read(b)
			for _, code := range c.codes {
				if bytes.HasPrefix(b[:n], []byte("HTTP/1.1 "+code)) {
					return
				}
			}
			if n > 0 { // else the connection was cut, before the answer could be read
				t.Errorf("answered %.100q, want one of %v", b[:n], c.codes)
			}
		})
	}
	if answer, _ := do(t, http.MethodGet, server.URL+"/dlna/device.xml", ""); answer.StatusCode != http.StatusOK {
		t.Errorf("afterwards: %s", answer.Status)
	}
}
