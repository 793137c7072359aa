package main

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/ipv4"
)

// serverFigures is what is measured of a media server.
type serverFigures struct {
	FirstAnswerS   float64 `json:"first_answer_s"` // from starting the process to its first answer to a search
	SearchMedianMS float64 `json:"search_median_ms"`
	SearchP90MS    float64 `json:"search_p90_ms"`
	Items          int     `json:"items"` // that one Browse returned
	BrowseMedianMS float64 `json:"browse_median_ms"`
	BrowseP90MS    float64 `json:"browse_p90_ms"`
	CPUPerGB       float64 `json:"cpu_s_per_gb"`        // of the server alone, to a player that is woken seldom
	CPUPerGBWaking float64 `json:"cpu_s_per_gb_waking"` // the same to a player that the server's processor wakes for each packet
	RSSIdleMB      float64 `json:"rss_idle_mb"`
	RSSStreamsMB   float64 `json:"rss_streams_mb"` // at most, while four play
}

const (
	searchCount   = 100
	browseCount   = 100
	playersAtOnce = 4
)

// controlPoint is a TV on loopback.
type controlPoint struct {
	conn    *net.UDPConn
	product string // in the SERVER header of the server that is meant
	client  *http.Client
	content *url.URL // control URL of ContentDirectory
}

func newControlPoint(product string) (*controlPoint, error) {
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		return nil, fmt.Errorf("measured over loopback, which this machine has not: %w", err)
	}
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	if err := ipv4.NewPacketConn(conn).SetMulticastInterface(lo); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &controlPoint{conn: conn, product: product, client: &http.Client{}}, nil
}

func (c *controlPoint) close() {
	_ = c.conn.Close()
	c.client.CloseIdleConnections()
}

const serverSearch = "M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\n" +
	"ST: urn:schemas-upnp-org:device:MediaServer:1\r\n\r\n"

// search asks once and returns the LOCATION of the answer, an error after the limit.
func (c *controlPoint) search(limit time.Duration) (string, error) {
	to := net.UDPAddrFromAddrPort(netip.MustParseAddrPort("239.255.255.250:1900"))
	if _, err := c.conn.WriteTo([]byte(serverSearch), to); err != nil {
		return "", err
	}
	b := make([]byte, 2048)
	for deadline := time.Now().Add(limit); ; {
		_ = c.conn.SetReadDeadline(deadline)
		n, err := c.conn.Read(b)
		if err != nil {
			return "", err
		}
		location, product := "", ""
		for line := range strings.SplitSeq(string(b[:n]), "\r\n") {
			name, value, _ := strings.Cut(line, ":")
			switch strings.ToUpper(name) {
			case "LOCATION":
				location = strings.TrimSpace(value)
			case "SERVER":
				product = value
			}
		}
		if location != "" && strings.Contains(product, c.product) {
			return location, nil
		}
	}
}

// find waits for the server's first answer, reads where its directory is controlled, and
// returns when the answer came. minidlna answers searches before it opens its HTTP port.
func (c *controlPoint) find(ctx context.Context, limit time.Duration) (answered time.Time, err error) {
	began, location := time.Now(), ""
	for location == "" {
		if location, err = c.search(10 * time.Millisecond); err != nil && (ctx.Err() != nil || time.Since(began) > limit) {
			return answered, fmt.Errorf("no answer to a search for %v", limit)
		}
	}
	answered = time.Now()
	for {
		if err = c.read(ctx, location); err == nil || ctx.Err() != nil || time.Since(began) > limit {
			return answered, err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// read takes the control URL from the description.
func (c *controlPoint) read(ctx context.Context, location string) error {
	b, err := c.get(ctx, location)
	if err != nil {
		return err
	}
	var d struct {
		Services []struct {
			Type    string `xml:"serviceType"`
			Control string `xml:"controlURL"`
		} `xml:"device>serviceList>service"`
	}
	if err := xml.Unmarshal(b, &d); err != nil {
		return err
	}
	base, err := url.Parse(location)
	if err != nil {
		return err
	}
	for _, s := range d.Services {
		if strings.Contains(s.Type, ":ContentDirectory:") {
			c.content, err = base.Parse(s.Control)
			return err
		}
	}
	return errors.New("no ContentDirectory in the description")
}

func (c *controlPoint) get(ctx context.Context, address string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	return c.do(r)
}

func (c *controlPoint) do(r *http.Request) ([]byte, error) {
	answer, err := c.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode >= 300 {
		return nil, fmt.Errorf("%s: %s", r.URL, answer.Status)
	}
	return io.ReadAll(answer.Body)
}

// searches measures how fast searches are answered.
func (c *controlPoint) searches(f *serverFigures) error {
	var took []float64
	for range searchCount {
		began := time.Now()
		if _, err := c.search(3 * time.Second); err != nil {
			return err
		}
		took = append(took, float64(time.Since(began))/1e6)
	}
	f.SearchMedianMS, f.SearchP90MS = quantile(took, 0.5), quantile(took, 0.9)
	return nil
}

func quantile(values []float64, q float64) float64 {
	slices.Sort(values)
	return values[min(int(q*float64(len(values))), len(values)-1)]
}

var (
	returnedForm  = regexp.MustCompile(`<NumberReturned[^>]*>(\d+)<`)
	containerForm = regexp.MustCompile(`<container [^>]*?id="([^"]*)"`)
	itemForm      = regexp.MustCompile(`<item `)
	resForm       = regexp.MustCompile(`<res [^>]*>([^<]*)</res>`)
)

// browse asks for all children of a container.
func (c *controlPoint) browse(ctx context.Context, id string) ([]byte, error) {
	body := `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/">` +
		`<s:Body><u:Browse xmlns:u="urn:schemas-upnp-org:service:ContentDirectory:1"><ObjectID>` + html.EscapeString(id) + `</ObjectID>` +
		`<BrowseFlag>BrowseDirectChildren</BrowseFlag><Filter>*</Filter><StartingIndex>0</StartingIndex><RequestedCount>0</RequestedCount>` +
		`<SortCriteria></SortCriteria></u:Browse></s:Body></s:Envelope>`
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.content.String(), strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", `text/xml; charset="utf-8"`)
	r.Header.Set("SOAPACTION", `"urn:schemas-upnp-org:service:ContentDirectory:1#Browse"`)
	return c.do(r)
}

// folderVisits bounds the containers that are looked into.
const folderVisits = 60

// largest finds the container with the most items, and the URL of an item whose URL or title
// has the word.
func (c *controlPoint) largest(ctx context.Context, word string) (id string, items int, resource string, err error) {
	for queue, n := []string{"0"}, 0; len(queue) > 0 && n < folderVisits; n++ {
		at := queue[0]
		queue = queue[1:]
		b, err := c.browse(ctx, at)
		if err != nil {
			return "", 0, "", err
		}
		text := html.UnescapeString(string(b))
		if m := returnedForm.FindStringSubmatch(text); m != nil && itemForm.MatchString(text) {
			if n, _ := strconv.Atoi(m[1]); n > items {
				id, items = at, n
			}
		}
		for item := range strings.SplitSeq(text, "<item ") {
			if m := resForm.FindStringSubmatch(item); m != nil && strings.Contains(item, word) {
				resource = html.UnescapeString(m[1])
			}
		}
		for _, m := range containerForm.FindAllStringSubmatch(text, -1) {
			queue = append(queue, m[1])
		}
	}
	if items == 0 || resource == "" {
		return "", 0, "", fmt.Errorf("%d items in the largest folder, none called %q", items, word)
	}
	return id, items, resource, nil
}

// browses measures how fast a folder is listed.
func (c *controlPoint) browses(ctx context.Context, id string, f *serverFigures) error {
	var took []float64
	for range browseCount {
		began := time.Now()
		b, err := c.browse(ctx, id)
		if err != nil {
			return err
		}
		took = append(took, float64(time.Since(began))/1e6)
		if !bytes.Contains(b, []byte("NumberReturned")) {
			return errors.New("a Browse without an answer")
		}
	}
	f.BrowseMedianMS, f.BrowseP90MS = quantile(took, 0.5), quantile(took, 0.9)
	return nil
}

// play fetches a film to its end and returns how many bytes it has.
func play(ctx context.Context, player *http.Client, address string) (int64, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, err
	}
	answer, err := player.Do(r)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("%s: %s", address, answer.Status)
	}
	return io.CopyBuffer(struct{ io.Writer }{io.Discard}, answer.Body, make([]byte, 256<<10))
}

// plays measures what films cost that lie on the disk: one after the other, then four at once.
func (c *controlPoint) plays(ctx context.Context, pid int, film, folder string, reads int, f *serverFigures) error {
	if _, err := play(ctx, c.client, film); err != nil { // a gateway fetches it
		return err
	}
	if err := rest(folder); err != nil {
		return err
	}
	if _, err := play(ctx, c.client, film); err != nil { // it comes from the disk into the system's memory
		return err
	}
	var err error
	if f.CPUPerGB, err = c.medianCost(ctx, pid, film, elsewhere(), reads); err != nil {
		return err
	}
	if f.CPUPerGBWaking, err = c.medianCost(ctx, pid, film, c.client, reads); err != nil {
		return err
	}
	f.RSSStreamsMB, err = c.together(ctx, pid, film)
	return err
}

// elsewhere is a player as if it were on another machine. Over loopback the server's system call also wakes the player, up to
// once a packet, which costs as much as the sending; a player in the home's network is woken by its own processor.
// It needs connections that end with the film, as less than the mark alone never wakes it.
func elsewhere() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       (&net.Dialer{Control: wakeSeldom}).DialContext,
	}}
}

// medianCost plays a film that often and returns the median of the costs.
func (c *controlPoint) medianCost(ctx context.Context, pid int, film string, player *http.Client, reads int) (float64, error) {
	costs := make([]float64, 0, reads)
	for range reads {
		cost, err := c.cost(ctx, pid, film, player)
		if err != nil {
			return 0, err
		}
		costs = append(costs, cost)
	}
	slices.Sort(costs)
	return costs[len(costs)/2], nil
}

// cost plays a film once and returns the seconds of processor that the server took for 1 GB of it.
func (c *controlPoint) cost(ctx context.Context, pid int, film string, player *http.Client) (float64, error) {
	time.Sleep(benchBreath) // minidlna's process for the last one ends
	before, err := familyTime(pid)
	if err != nil {
		return 0, err
	}
	n, err := play(ctx, player, film)
	if err != nil {
		return 0, err
	}
	time.Sleep(benchBreath)
	after, err := familyTime(pid)
	if err != nil {
		return 0, err
	}
	return (after - before).Seconds() / (float64(n) / 1e9), nil
}

// together lets four play at once and returns the most memory that the server had meanwhile.
func (c *controlPoint) together(ctx context.Context, pid int, film string) (most float64, err error) {
	done := make(chan error, playersAtOnce)
	var players sync.WaitGroup
	defer players.Wait()
	for range playersAtOnce {
		players.Go(func() {
			_, err := play(ctx, c.client, film)
			done <- err
		})
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for left := playersAtOnce; left > 0; {
		select {
		case played := <-done:
			err = errors.Join(err, played)
			left--
		case <-tick.C:
			now, _, rss := residentMemory(pid)
			most = max(most, now)
			err = errors.Join(err, rss)
		}
	}
	return most, err
}

// measureServer goes through all of it with a server that answers. word names the film, which
// lies below folder.
func (c *controlPoint) measureServer(ctx context.Context, pid int, word, folder string, reads int, f *serverFigures) error {
	if err := c.searches(f); err != nil {
		return fmt.Errorf("searches: %w", err)
	}
	id, items, film, err := c.largest(ctx, word)
	if err != nil {
		return err
	}
	f.Items = items
	if err := c.browses(ctx, id, f); err != nil {
		return fmt.Errorf("browse: %w", err)
	}
	time.Sleep(benchPause)
	if f.RSSIdleMB, _, err = residentMemory(pid); err != nil {
		return err
	}
	if err := c.plays(ctx, pid, film, folder, reads, f); err != nil {
		return fmt.Errorf("play: %w", err)
	}
	return nil
}
