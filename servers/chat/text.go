//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chat

import (
	"strings"

	"example.com/iomux/internal/chattext"
)

// Texts are cleaned where they come in, and so they are in the history, in every codec
// and in the log.

func clean(s string, limit int) string { return chattext.Clean(s, limit) }

// cleanLines is clean for a text of several lines.
func cleanLines(s string) string {
	var lines []string
	for line := range strings.Lines(s) {
		lines = append(lines, clean(line, 1000))
	}
	return strings.Join(lines[:min(len(lines), 100)], "\n")
}

func foldNick(s string) (shown, fold string, err error) { return chattext.Nick(s) }

func foldRoom(s string) (shown, fold string, err error) { return chattext.Room(s) }

// untilLayout is how the end of a mute or a ban is written.
const untilLayout = "2006-01-02 15:04:05 UTC"

// stampLayout is how the times of messages are written for people, who may be anywhere:
// UTC.
const stampLayout = "2006-01-02 15:04"
