//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chat

import (
	"testing"

	"example.com/iomux/internal/transcript"
	"example.com/iomux/reactor"
)

// On the wire the chat is what its transcripts say: the tutorial's, which another server
// of the tutorial's chat plays too, and that of lines.
func TestWires(t *testing.T) {
	everywhere(t, func(t *testing.T, r reactor.Options) {
		for path, codec := range map[string]Codec{
			"../classic/testdata/chat.wire": Chunks{},
			"testdata/lines.wire":           Lines{},
		} {
			s := serve(t, r, Options{Rate: -1, now: (&clock{at: start}).now})
			transcript.Play(t, "tcp", s.listen(codec), transcript.Load(t, path))
		}
	})
}
