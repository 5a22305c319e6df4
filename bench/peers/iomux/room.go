package main

import (
	"io"
	"log/slog"

	"example.com/iomux/reactor"
	chatserver "example.com/iomux/servers/chat"
)

// openRoom is the chat of servers/chat as it is, for clients that are lines of text. What
// it has against those who say much is off, for one does; and so many members are not
// told who comes and goes.
func openRoom(g *reactor.Group) (reactor.Handler, error) {
	s, err := chatserver.New(g, chatserver.Options{
		Rate: -1, AddrRate: -1, ConnsPerAddr: -1, ConnRate: -1,
		Quiet:  1,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		return nil, err
	}
	return s.Handler(chatserver.Lines{}), nil
}
