//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chat

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"example.com/iomux/internal/ipaddr"
)

// person is who is in the chat, as the hub knows it.
type person struct {
	member *Member // whom it is on its loop; only out looks at it
	addr   netip.Addr
	echo   bool

	nick, fold string
	account    string // whose nickname is its own
	loggedIn   bool
	operator   bool
	rooms      []*room // in the order they were joined in
	greeted    bool
	gone       bool
	checking   bool   // a login is under way
	tried      string // the name of the last login
	tries      int    // logins that failed

	joins, nicks bucket
}

// in reports whether p is in r.
func (p *person) in(r *room) bool { return slices.Contains(p.rooms, r) }

// current is the room that p has joined last.
func (p *person) current() *room {
	if len(p.rooms) == 0 {
		return nil
	}
	return p.rooms[len(p.rooms)-1]
}

// failure is why a command was not done.
type failure struct{ code, text string }

func fail(code, format string, args ...any) *failure {
	return &failure{code, fmt.Sprintf(format, args...)}
}

// reserved are nicknames that would have others believe something.
var reserved = []string{"admin", "administrator", "operator", "op", "root", "server", "system", "sysop", "moderator", "mod", "owner", "staff", "support", "everyone", "all", "here", "nickserv", "chanserv", "you", "me"}

// guestPrefix begins the nicknames that the server gives.
const guestPrefix = "guest"

// nickFor is a nickname that p may have: as shown, and its fold.
func (h *hub) nickFor(p *person, name string) (shown, fold string, failed *failure) {
	shown, fold, err := foldNick(name)
	switch {
	case err != nil:
		return "", "", fail(CodeNick, "%v", err)
	case fold == p.fold:
		return shown, fold, nil
	case h.reserved[fold] && !(p.loggedIn && p.account == fold):
		return "", "", fail(CodeNick, "%s is a reserved name", shown)
	case h.o.Auth != nil && h.o.Auth.Reserved(shown) && p.account != fold:
		return "", "", fail(CodeNick, "%s is the name of a user: /login %s SECRET, if that is you", shown, shown)
	case h.guestLike(fold):
		return "", "", fail(CodeNick, "%s is a name that guests are given", shown)
	case h.nicks[fold] != nil:
		return "", "", fail(CodeNick, "%s is taken", shown)
	case h.bans.nick(fold, h.now):
		return "", "", fail(CodeBanned, "%s is banned", shown)
	}
	if was, ok := h.parted[fold]; ok && was.until.After(h.now) && was.site != ipaddr.Site(p.addr) {
		return "", "", fail(CodeNick, "%s has only just left, and may come back", shown)
	}
	return shown, fold, nil
}

// guestLike reports whether a folded nickname looks like one that guests are given.
func (h *hub) guestLike(fold string) bool {
	rest, ok := strings.CutPrefix(fold, h.guest)
	return ok && rest != "" && strings.Trim(rest, h.digits) == ""
}

// guestName is a nickname that nobody has.
func (h *hub) guestName() (shown, fold string) {
	for {
		h.guests++
		shown, fold, err := foldNick(fmt.Sprintf("%s%d", guestPrefix, h.guests))
		if err == nil && h.nicks[fold] == nil {
			return shown, fold
		}
	}
}

// name has p be called that.
func (h *hub) name(p *person, shown, fold string) {
	if p.fold != "" {
		delete(h.nicks, p.fold)
	}
	p.nick, p.fold = shown, fold
	h.nicks[fold] = p
	delete(h.parted, fold)
}

// rename has p be called that, and tells it and whoever it meets.
func (h *hub) rename(p *person, shown, fold string) {
	was := p.nick
	if was == shown {
		return
	}
	if p.loggedIn {
		h.out.note("renamed", "nick", was, "to", shown, "addr", p.addr)
	}
	h.name(p, shown, fold)
	h.send(p, Event{Kind: Named, Nick: shown})
	for _, r := range p.rooms {
		if r.changed(); !h.quiet(r) {
			h.cast(r, p, Event{Kind: Renamed, Room: r.name, Nick: was, To: shown})
		}
	}
}

// byNick is who has a nickname.
func (h *hub) byNick(name string) (*person, *failure) {
	if name == "" {
		return nil, fail(CodeUsage, "whom? A nickname is missing")
	}
	shown, fold, err := foldNick(name)
	if err == nil {
		if p := h.nicks[fold]; p != nil && h.inside(p) {
			return p, nil
		}
	} else {
		shown = clean(name, 64)
	}
	return nil, fail(CodeNobody, "there is nobody called %s", shown)
}

// inside reports whether p is in the chat: it was greeted, and has logged in where one
// must.
func (h *hub) inside(p *person) bool { return p.greeted && (p.loggedIn || !h.o.RequireLogin) }

// parting is a nickname whose owner has just left.
type parting struct {
	site  netip.Addr
	until time.Time
}

// nickKept is how long a nickname is kept for who had it: a connection breaks, or
// somebody waits for it to.
const nickKept = 30 * time.Second

// partingsKept bounds how many are.
const partingsKept = 10_000
