package operator

import (
	"bytes"
	"fmt"
	"html"
	"net/url"
)

// markup is a page in the making. It is written by hand and not by html/template, which looks
// methods up by name: with it, Go's linker keeps every method of every type, and the program
// nearly doubles.
type markup struct{ bytes.Buffer }

// add writes HTML; what fills its verbs, all %s, is escaped.
func (m *markup) add(form string, args ...any) {
	for i, a := range args {
		args[i] = html.EscapeString(fmt.Sprint(a))
	}
	fmt.Fprintf(m, form, args...)
}

// render writes the whole page.
func (v *view) render(m *markup) {
	title := "Swarmgate tracker"
	if v.Swarm != nil {
		title = "Swarm " + short(v.Swarm.SwarmID) + " · " + title
	}
	m.add(pageHead, title)
	state := "Running"
	if v.Health.Problem != "" {
		state = "Failing"
	}
	m.add(pageTop, v.Health.Status, state, spanOf(v.Health.UptimeS))
	m.mistake(v.Mistake)
	m.add("<div id=\"live\">\n")
	m.mistake(v.Health.Problem)
	m.add(pageFigures, countOf(v.Health.Peers), countOf(v.Health.Swarms), countOf(v.Activity.All), countOf(v.Errors),
		fmt.Sprintf("%.2f", v.Activity.MeanMS), fmt.Sprintf("%.0f", v.Health.MemoryMB))
	if v.Swarm != nil {
		v.swarm(m)
	} else {
		v.swarms(m)
	}
	m.add("</div>\n")
	v.bans(m)
	v.events(m)
	m.add(pageEnd, v.Health.Version)
}

func (m *markup) mistake(words string) {
	if words != "" {
		m.add("<p class=\"mistake\" role=\"alert\">%s</p>\n", words)
	}
}

func (m *markup) more(after string) {
	if after != "" {
		m.add("<p><a href=\"?after=%s\">More</a></p>\n", url.QueryEscape(after))
	}
}

func (v *view) swarm(m *markup) {
	s := v.Swarm
	m.add(swarmHead, s.SwarmID, short(s.SwarmID), countOf(s.Seeders), countOf(s.Leeches), countOf(s.Reporting),
		bytesOf(s.UploadedBytes), bytesOf(s.DownloadedBytes), countOf(s.ChunksHeld), countOf(s.ChunksLate))
	for i := range v.Members.List {
		p := &v.Members.List[i]
		mode, given, taken, late := "leech", "–", "–", "–"
		if p.Mode == "SEEDER" {
			mode = "seeder"
		}
		if p.Stats != nil {
			given, taken, late = bytesOf(p.Stats.UploadedBytes), bytesOf(p.Stats.DownloadedBytes), countOf(p.Stats.ChunksLate)
		}
		m.add(swarmRow, p.PeerID, short(p.PeerID), mode, p.From, spanOf(p.SilentFor), given, taken, countOf(p.ChunksHeld), late, p.PeerID, short(p.PeerID))
	}
	if len(v.Members.List) == 0 {
		m.add("<tr><td colspan=\"9\">Nobody is in it.</td></tr>\n")
	}
	m.add("</tbody></table></div>\n")
	m.more(v.Members.Next)
	m.add("</section>\n")
}

func (v *view) swarms(m *markup) {
	m.add(swarmsHead)
	for i := range v.Swarms.List {
		s := &v.Swarms.List[i]
		late := ""
		if s.ChunksLate > 0 {
			late = " late"
		}
		m.add(swarmsRow, v.Path(s.SwarmID), s.SwarmID, short(s.SwarmID), countOf(s.Seeders), countOf(s.Leeches),
			bytesOf(s.UploadedBytes), bytesOf(s.DownloadedBytes), countOf(s.ChunksHeld), late, countOf(s.ChunksLate))
	}
	if len(v.Swarms.List) == 0 {
		m.add("<tr><td colspan=\"7\">There are none yet. Publish with <code>swarmgate publish --tracker URL</code>.</td></tr>\n")
	}
	m.add("</tbody></table></div>\n")
	m.more(v.Swarms.Next)
	m.add("</section>\n")
}

func (v *view) bans(m *markup) {
	m.add("<section aria-labelledby=\"bans\">\n<h2 id=\"bans\">Shut out</h2>\n<ul class=\"bans\">\n")
	for _, b := range v.Bans {
		until, why := "for good", ""
		if b.Until != nil {
			until = "until " + clockOf(*b.Until)
		}
		if b.Reason != "" {
			why = " – " + b.Reason
		}
		m.add(banRow, b.Who, b.Who, until, why, url.PathEscape(b.ID), b.Who)
	}
	if len(v.Bans) == 0 {
		m.add("<li>Nobody.</li>\n")
	}
	m.add(banForm, v.Who)
}

func (v *view) events(m *markup) {
	m.add(eventsHead)
	for _, e := range v.Events {
		m.add("<li><time datetime=\"%s\">%s</time> <code title=\"%s\">%s</code> %s", e.At.Format("2006-01-02T15:04:05Z07:00"), e.At.Format("15:04:05"), e.Who, short(e.Who), e.Kind)
		if e.Swarm != "" {
			m.add(" <code title=\"%s\">%s</code>", e.Swarm, short(e.Swarm))
		}
		if e.Words != "" {
			m.add(": %s", e.Words)
		}
		m.add("</li>\n")
	}
	if len(v.Events) == 0 {
		m.add("<li>Nothing happened yet.</li>\n")
	}
	m.add("</ul>\n</section>\n</div>\n")
}

// The parts of the page.
const (
	pageHead = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>%s</title>
<link rel="stylesheet" href="/page.css">
<script src="/page.js" defer></script>
</head>
<body>
<a class="skip" href="#main">To the content</a>
`
	pageTop = `<header>
<h1><a href="/">Swarmgate tracker</a></h1>
<p id="state" class="%s">%s for %s</p>
</header>
<main id="main">
`
	pageFigures = `<dl class="figures">
<div><dt>Peers</dt><dd>%s</dd></div>
<div><dt>Swarms</dt><dd>%s</dd></div>
<div><dt>Requests</dt><dd>%s</dd></div>
<div><dt>Refused</dt><dd>%s</dd></div>
<div><dt>Answer</dt><dd>%s <small>ms</small></dd></div>
<div><dt>Memory</dt><dd>%s <small>MB</small></dd></div>
</dl>
`
	swarmHead = `<section aria-labelledby="swarm">
<h2 id="swarm">Swarm <code title="%s">%s</code></h2>
<p class="facts">%s seeders, %s leeches. %s report: %s given, %s taken, %s chunks held, %s late.</p>
<div class="wide" tabindex="0" role="region" aria-label="Peers of the swarm">
<table>
<thead><tr><th scope="col">Peer</th><th scope="col">Mode</th><th scope="col">From</th><th scope="col" class="n">Silent</th><th scope="col" class="n">Given</th><th scope="col" class="n">Taken</th><th scope="col" class="n">Held</th><th scope="col" class="n">Late</th><th scope="col"><span class="hidden">Actions</span></th></tr></thead>
<tbody>
`
	swarmRow = `<tr><th scope="row"><code title="%s">%s</code></th><td>%s</td><td>%s</td><td class="n">%s</td><td class="n">%s</td><td class="n">%s</td><td class="n">%s</td><td class="n">%s</td>
<td><form method="post" action="/bans"><input type="hidden" name="who" value="%s"><input type="hidden" name="hours" value="24"><button aria-label="Ban %s for a day">Ban for a day</button></form></td></tr>
`
	swarmsHead = `<section aria-labelledby="swarms">
<h2 id="swarms">Swarms</h2>
<div class="wide" tabindex="0" role="region" aria-label="Swarms">
<table>
<thead><tr><th scope="col">Swarm</th><th scope="col" class="n">Seeders</th><th scope="col" class="n">Leeches</th><th scope="col" class="n">Given</th><th scope="col" class="n">Taken</th><th scope="col" class="n">Chunks held</th><th scope="col" class="n">Late</th></tr></thead>
<tbody>
`
	swarmsRow = `<tr><th scope="row"><a href="%s"><code title="%s">%s</code></a></th><td class="n">%s</td><td class="n">%s</td><td class="n">%s</td><td class="n">%s</td><td class="n">%s</td><td class="n%s">%s</td></tr>
`
	banRow = `<li><span><code title="%s">%s</code> %s%s</span>
<form method="post" action="/bans/%s/remove"><button aria-label="Let %s in again">Let in again</button></form></li>
`
	banForm = `</ul>
<form class="ban" method="post" action="/bans">
<label>Who <input name="who" required maxlength="128" autocomplete="off" placeholder="Peer ID, 192.0.2.7 or 192.0.2.0/24" value="%s"></label>
<label>Hours <input name="hours" type="number" min="0" max="87600" value="24" required><span class="hint">0 is for good</span></label>
<label>Why <input name="reason" maxlength="200" autocomplete="off"></label>
<button>Shut out</button>
</form>
</section>
`
	eventsHead = `<div id="lately">
<section aria-labelledby="events">
<h2 id="events">Lately</h2>
<ul class="events">
`
	pageEnd = `</main>
<footer><a href="/api/v1/openapi.json">API</a> <a href="/metrics">Metrics</a> <span>%s</span></footer>
</body>
</html>
`
)
