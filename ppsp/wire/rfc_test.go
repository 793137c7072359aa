package wire

import (
	"strings"
	"testing"

	"github.com/swarmgate/swarmgate/ppsp"
	"github.com/swarmgate/swarmgate/ppsp/chunk"
)

// The session of RFC 7574, 8.16, by its text. Its figures draw names for the codes of
// messages and options, and a swarm ID of 20 bytes where the text says 32.
func TestExampleOfOperation(t *testing.T) {
	f := Format{Addressing: ppsp.ChunkRanges32, ChunkSize: 1024, HashSize: 32}
	first := chunk.One(0)
	id := "47a0" + strings.Repeat("00", 28) + "b03b"
	tests := []struct {
		says string
		got  []byte
		want string
	}{
		{
			"To do the handshake, the initiating peer sends a datagram that MUST start with an all-zeros channel ID",
			AppendHandshake(AppendChannel(nil, 0), &Handshake{
				SourceChannel: 1, Version: 1, MinVersion: 1, SwarmID: unhex(t, id), Integrity: ppsp.IntegrityMerkle,
				Hash: ppsp.SHA256, Addressing: ppsp.ChunkRanges32, ChunkSize: 1024,
			}),
			"00000000 00 00000001 0001 0101 020020" + id + "0301 0402 0602 0900000400 ff",
		},
		{
			"The receiving peer MAY respond",
			f.AppendHave(AppendHandshake(AppendChannel(nil, 1), &Handshake{
				SourceChannel: 8, Version: 1, Integrity: ppsp.IntegrityMerkle,
				Hash: ppsp.SHA256, Addressing: ppsp.ChunkRanges32, ChunkSize: 1024,
			}), first),
			"00000001 00 00000008 0001 0301 0402 0602 0900000400 ff 03 00000000 00000000",
		},
		{
			"The initiating peer MAY send a request for the chunks of content it wants to retrieve",
			AppendPexReq(f.AppendRequest(AppendChannel(nil, 8), first)),
			"00000008 08 00000000 00000000 06",
		},
		{
			"The timestamp value: 0004e94180b7db44. The data: 48656c6c6f20776f726c6421",
			f.AppendData(AppendChannel(nil, 1), 0, 0x0004e94180b7db44, []byte("Hello world!")),
			"00000001 01 00000000 00000000 0004e94180b7db44 48656c6c6f20776f726c6421",
		},
		{
			"an ACK message for the first chunk, containing a one-way delay sample [...] a HAVE message for the chunk",
			f.AppendHave(f.AppendAck(AppendChannel(nil, 8), first, 100), first),
			"00000008 02 00000000 00000000 0000000000000064 03 00000000 00000000",
		},
		{
			"a HANDSHAKE message that contains an all-zeros Source Channel ID",
			AppendHandshake(AppendChannel(nil, 8), &Handshake{}),
			"00000008 00 00000000 ff",
		},
	}
	for _, tt := range tests {
		wantBytes(t, tt.says, tt.got, tt.want)
		all, err := decode(tt.got, f)
		if err != nil {
			t.Errorf("%s: %v", tt.says, err)
		}
		wantBytes(t, tt.says, reencode(tt.got, f, all), tt.want)
	}
}
