package media

import "github.com/swarmgate/swarmgate/dlna/profile"

// For returns how the item goes to a device of that profile.
func (f Format) For(p *profile.Profile) Format {
	mime := p.Type(f.MIME)
	if mime == f.MIME && !p.PlainInfo {
		return f
	}
	f.MIME = mime
	if p.PlainInfo {
		f.ProtocolInfo = "http-get:*:" + mime + ":*"
	} else {
		f.ProtocolInfo = "http-get:*:" + mime + ":" + f.ContentFeatures
	}
	return f
}
