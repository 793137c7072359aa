// Package config is the configuration of "swarmgate run": one struct, read from one TOML
// file, the environment and flags, checked as a whole, and described to people from the
// same struct that the program uses.
//
// What counts is, from weak to strong: the default, the page, the file, SWARMGATE_… in the
// environment, the flag. The package reads the file, and reads and writes what was chosen on the
// page, and touches nothing else of its surroundings.
package config

import (
	"time"

	"github.com/swarmgate/swarmgate/ppsp"
)

// Config is all that can be configured. Tags are the source of the sample file and of
// "config show": toml names the key, help tells its meaning.
type Config struct {
	Dir   string `toml:"dir" help:"Folder for what must survive a restart: who this node is, channels that were added on the page, films. Left empty: /var/lib/swarmgate for root, ~/.local/state/swarmgate for others, or what systemd prescribes."`
	Links []Link `toml:"links" help:"Channels and films to offer, as links (\"ppsp:…\"). More can be added on the page."`

	FFmpeg string `toml:"ffmpeg" help:"Path of ffmpeg, which turns channels that browsers can't play (MPEG-2, AC-3, MP2, HEVC) into such that they can, while they are watched there. Left empty: it is looked for. \"off\": it is not used."`

	HTTP    HTTP    `toml:"http" help:"The page, the API, playlists and streams for the home."`
	Access  Access  `toml:"access" help:"Who may do what on the page and by the API."`
	DLNA    DLNA    `toml:"dlna" help:"The media server that TVs find by themselves."`
	Guide   Guide   `toml:"guide" help:"What is on now and next, for TVs, the page, and /xmltv.xml."`
	HDHR    HDHR    `toml:"hdhomerun" help:"A tuner that Plex, Jellyfin, Emby and Channels find by themselves."`
	Peer    Peer    `toml:"peer" help:"The side towards the Internet: other peers of the swarms."`
	Members Members `toml:"members" help:"Closed swarms, in which only members take part. The user as whom the gateway runs has to be able to read the files."`
	Buffer  Buffer  `toml:"buffer" help:"Memory and disk for what is watched. It is also what this node can give to other peers."`
	Log     Log     `toml:"log" help:"Logs go to standard error."`

	Channels []Channel `toml:"channel"`
}

// HTTP is the section [http].
type HTTP struct {
	Listen HostPort `toml:"listen" help:"Address and TCP port. \":8088\" means all addresses of this machine, which TVs need; \"127.0.0.1:8088\" means this machine only; port 0 takes a free one."`

	Names   []string  `toml:"names" help:"Further host names under which browsers may open the page, as [\"tv.example.org\"], beyond its addresses, the name of this machine and names that end in .local."`
	Clients []Network `toml:"clients" help:"Further networks whose hosts are answered, beyond the home's own, as [\"10.8.0.0/24\"]."`
	Proxies []Network `toml:"proxies" help:"Reverse proxies in front of this one, as [\"127.0.0.1\"]: what they say about who asks, by which name and scheme (X-Forwarded-For, -Host, -Proto), is believed. Who asks from the address of one is not taken for the owner, so that commands on the same machine then need --token."`
	Base    string    `toml:"base" help:"Path under which a reverse proxy shows the page, as \"/tv\"; the proxy may hand it on with or without it."`

	TLSListen string `toml:"tls_listen" help:"Address and port of HTTPS, as \":8443\", beside the plain one. Left empty: none."`
	TLSCert   string `toml:"tls_cert" help:"File with the certificate for HTTPS and those above it, PEM. Left empty: one that is made in the folder \"dir\", about which browsers warn."`
	TLSKey    string `toml:"tls_key" help:"File with the private key that came with it, PEM. Left empty: the key is in the file \"tls_cert\"."`
}

// Access is the section [access].
type Access struct {
	Password string    `toml:"password" help:"File that holds the hash of the household's password; \"swarmgate password FILE\" writes it. Left empty: everybody at home may do everything."`
	Guests   bool      `toml:"guests" help:"Whether who has not given the password may watch; otherwise nothing is shown."`
	Tokens   string    `toml:"tokens" help:"File with tokens, one a line, with which programs do what otherwise takes the password (Authorization: Bearer). Left empty: that of the owner alone."`
	Streams  []Network `toml:"streams" help:"Networks in which TVs and players need no password where guests do not watch, as [\"192.168.1.20\"]. Left empty: all of the home. Others use the addresses in the playlists of who gave it."`
}

// Guide is the section [guide].
type Guide struct {
	Sources []string `toml:"sources" help:"Addresses and files of programme guides in XMLTV, plain or gzip, as [\"https://example.org/guide.xml.gz\", \"/srv/guide.xml\"]. A channel is found in them by its ID or its title."`
	Refresh Duration `toml:"refresh" help:"Time between two readings of the guides."`
}

// HDHR is the section [hdhomerun].
type HDHR struct {
	Discovery bool `toml:"discovery" help:"Whether programs in the home find the tuner by themselves (UDP port 65001). Without it they are given the address of the page."`
	Tuners    int  `toml:"tuners" help:"How many channels the tuner says it can receive at once."`
}

// DLNA is the section [dlna].
type DLNA struct {
	Enabled    bool     `toml:"enabled" help:"Whether TVs see this machine."`
	Name       string   `toml:"name" help:"What TVs call it. Left empty: \"Swarmgate (name of this machine)\"."`
	Interfaces []string `toml:"interfaces" help:"Network interfaces on which TVs are, as [\"eth0\", \"wlan0\"]. Left empty: all that can do multicast, but those of containers and tunnels."`

	Language Language `toml:"language" help:"Language of the folders on TVs: \"en\", \"de\", \"es\" or \"ar\"."`
	Profiles string   `toml:"profiles" help:"File with profiles of devices, for TVs that want something else. Left empty: those that come with the program."`

	DenyInterfaces []string  `toml:"deny_interfaces" help:"Network interfaces that are left out, as [\"guest0\", \"vlan*\"]."`
	Networks       []Network `toml:"networks" help:"Networks in which TVs are, as [\"192.168.1.0/24\"]: this machine is announced by its addresses in them alone. Left empty: all."`
	DenyNetworks   []Network `toml:"deny_networks" help:"Networks in which this machine is not announced, and whose hosts the media server does not answer."`
	Announce       Duration  `toml:"announce" help:"Time between two announcements."`
	MaxAge         Duration  `toml:"max_age" help:"For how long TVs believe an announcement; at least twice the time between two."`
	Patience       Duration  `toml:"patience" help:"How long a TV is kept waiting for the first bytes of a channel or film before it is told that nothing comes."`
	Streams        int       `toml:"streams" help:"Most streams that TVs are sent at the same time."`
}

// Peer is the section [peer].
type Peer struct {
	Listen      HostPort   `toml:"listen" help:"Address and UDP port for the peer protocol. Port 0 takes a free one at each start; name a port if you forward it in your router by hand."`
	Upload      Rate       `toml:"upload" help:"Most that is uploaded to all peers together, as \"10Mbit/s\", or \"unlimited\". Uploads yield to other traffic of the home by themselves."`
	STUN        []HostPort `toml:"stun" help:"Servers that tell this node its public address, as [\"stun.example.org:3478\"]. Left empty: those that trackers have."`
	NAT         bool       `toml:"nat" help:"Whether to ask the router to let peers in (UPnP)."`
	Local       bool       `toml:"local" help:"Whether peers of the same swarms are looked for on the networks of this machine, by multicast, which needs no tracker. What is watched is not told to who does not know the swarm."`
	DHT         bool       `toml:"dht" help:"Whether peers are looked for in the Mainline DHT, where everybody can see who is in which swarm. Swarms for members alone are never named there."`
	DHTNodes    []HostPort `toml:"dht_nodes" help:"Nodes that lead into the DHT. Left empty: those that are known to all."`
	TrackerAuth string     `toml:"tracker_auth" help:"File that says what trackers are shown of this node, with lines of a tracker's URL and \"digest NAME PASSWORD\", \"token TOKEN\", \"enroll CODE\" (a token is got by it, and kept beside the file), \"cert FILE KEYFILE\", or \"ca FILE\" by which the tracker itself is known. Left empty: nothing."`
	Offload     Offload    `toml:"offload" help:"Whether the kernel cuts and joins trains of datagrams (UDP GSO, GRO): \"auto\" where it can, \"off\" never."`
}

// Members is the section [members].
type Members struct {
	Authority   string `toml:"authority" help:"File of the authority by which \"swarmgate members add\" issues certificates, made when it is missing. Left empty: \"members.pem\" in the folder \"dir\"."`
	Certificate string `toml:"certificate" help:"File with the membership certificates that publishers gave this gateway, PEM. Left empty: it shows open swarms only."`
	Key         string `toml:"key" help:"File with the private key that came with them, PEM. Left empty: the key is in the file \"certificate\"."`
}

// Buffer is the section [buffer].
type Buffer struct {
	Live     ByteSize `toml:"live" help:"Memory for each channel that is being watched."`
	Films    ByteSize `toml:"films" help:"Disk space for films. Those watched longest ago make room for others. \"0\" means no limit."`
	FilmDir  string   `toml:"film_dir" help:"Folder for films. Left empty: \"films\" in the folder \"dir\"."`
	KeepWarm Duration `toml:"keep_warm" help:"How long a channel or film goes on after its last viewer left, so that coming back is instant."`
	Sessions int      `toml:"sessions" help:"Most channels and films that are watched at the same time."`
}

// Log is the section [log].
type Log struct {
	Level  Level  `toml:"level" help:"\"debug\", \"info\", \"warn\" or \"error\"."`
	Format Format `toml:"format" help:"\"text\" for people, \"json\" for programs."`
}

// Channel is one [[channel]]: a link with words of the household's own.
type Channel struct {
	Link  Link   `toml:"link"`
	Title string `toml:"title"` // instead of the link's, empty for that
	Group string `toml:"group"`
	Logo  string `toml:"logo"`
}

// Default returns the configuration that needs no file.
func Default() Config {
	return Config{
		HTTP: HTTP{Listen: HostPort{Port: 8088}}, Access: Access{Guests: true},
		DLNA:  DLNA{Enabled: true, Language: "en", Announce: Duration(2 * minute), MaxAge: Duration(30 * minute), Patience: Duration(25 * time.Second), Streams: 64},
		Guide: Guide{Refresh: Duration(6 * time.Hour)},
		HDHR:  HDHR{Tuners: 4},
		Peer:  Peer{NAT: true, Local: true, Offload: "auto"},
		Buffer: Buffer{
			Live: 32 << 20, Films: 10 << 30, KeepWarm: Duration(minute), Sessions: 16,
		},
		Log: Log{Level: "info", Format: "text"},
	}
}

// Swarms returns the links of links and [[channel]] with the household's own words in
// them, in the order of the file.
func (c *Config) Swarms() []ppsp.Link {
	all := make([]ppsp.Link, 0, len(c.Links)+len(c.Channels))
	for _, l := range c.Links {
		all = append(all, l.Link)
	}
	for _, ch := range c.Channels {
		all = append(all, ch.link())
	}
	return all
}

func (ch *Channel) link() ppsp.Link {
	l := ch.Link.Link
	for _, word := range []struct {
		to   *string
		from string
	}{{&l.Title, ch.Title}, {&l.Group, ch.Group}, {&l.Logo, ch.Logo}} {
		if word.from != "" {
			*word.to = word.from
		}
	}
	return l
}
