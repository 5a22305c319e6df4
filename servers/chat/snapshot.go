//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chat

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Snapshot is who and what there was at one moment.
type Snapshot struct {
	Members []MemberInfo `json:"members"`
	Rooms   []RoomInfo   `json:"rooms"`
}

// MemberInfo is a member.
type MemberInfo struct {
	Nick     string   `json:"nick"`
	Addr     string   `json:"addr,omitempty"` // empty: of a Unix socket
	LoggedIn bool     `json:"logged_in,omitempty"`
	Operator bool     `json:"operator,omitempty"`
	Rooms    []string `json:"rooms"`
}

// Snapshot tells who and what there is. Errors: ctx's, and the reactor's ErrClosed.
func (s *Server) Snapshot(ctx context.Context) (Snapshot, error) {
	taken := make(chan Snapshot, 1)
	if err := s.home.loop.Post(func() { taken <- s.hub.snapshot() }); err != nil {
		return Snapshot{}, fmt.Errorf("chat: snapshot: %w", err)
	}
	select {
	case shot := <-taken: // which is put in order here, and not on the loop
		slices.SortFunc(shot.Members, func(a, b MemberInfo) int { return strings.Compare(a.Nick, b.Nick) })
		slices.SortFunc(shot.Rooms, func(a, b RoomInfo) int { return strings.Compare(a.Name, b.Name) })
		return shot, nil
	case <-ctx.Done():
		return Snapshot{}, fmt.Errorf("chat: snapshot: %w", context.Cause(ctx))
	}
}

func (h *hub) snapshot() (shot Snapshot) {
	shot.Members, shot.Rooms = []MemberInfo{}, []RoomInfo{}
	for _, p := range h.nicks {
		m := MemberInfo{Nick: p.nick, LoggedIn: p.loggedIn, Operator: p.operator, Rooms: []string{}}
		if p.addr.IsValid() {
			m.Addr = p.addr.String()
		}
		for _, r := range p.rooms {
			m.Rooms = append(m.Rooms, r.name)
		}
		shot.Members = append(shot.Members, m)
	}
	for _, r := range h.rooms {
		shot.Rooms = append(shot.Rooms, r.info())
	}
	return shot
}
