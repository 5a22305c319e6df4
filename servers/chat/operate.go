//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chat

import (
	"errors"
	"net/netip"
	"time"

	"example.com/iomux/internal/ipaddr"
)

// doKick puts somebody out of the room.
func doKick(h *hub, p *person, c *Command) *failure {
	whom, failed := h.byNick(c.To)
	if failed != nil {
		return failed
	}
	if whom == p {
		return fail(CodeUsage, "that is yourself; /part leaves a room")
	}
	r, why, failed := h.here(p, c)
	if failed != nil {
		return failed
	}
	if !whom.in(r) {
		return fail(CodeNobody, "%s is not in the room %s", whom.nick, r.name)
	}
	why = clean(why, h.o.MaxTopic)
	e := Event{Kind: Kicked, Room: r.name, Nick: whom.nick, By: p.nick, Text: why}
	h.send(whom, e)
	h.part(whom, r, e)
	h.send(whom, Event{Kind: Exited, Room: r.name, Text: "put out by " + p.nick})
	h.out.note("kicked", "nick", whom.nick, "room", r.name, "by", p.nick, "why", why)
	return nil
}

// until reads how long something is to last.
func (h *hub) until(text string, otherwise time.Duration) (time.Time, *failure) {
	d := otherwise
	if text != "" {
		var err error
		if d, err = time.ParseDuration(text); err != nil || d <= 0 {
			return time.Time{}, fail(CodeUsage, "%q is not a time; want one such as 10m or 24h", clean(text, 32))
		}
	}
	if d == 0 {
		return time.Time{}, nil
	}
	return h.now.Add(d).Round(time.Second), nil
}

const muteTime = 10 * time.Minute

// doMute has somebody not be heard, also if it comes again by another name, as long as
// its address is its own.
func doMute(h *hub, p *person, c *Command) *failure {
	whom, failed := h.byNick(c.To)
	if failed != nil {
		return failed
	}
	if whom == p {
		return fail(CodeUsage, "that is yourself")
	}
	until, failed := h.until(c.Text, muteTime)
	if failed != nil {
		return failed
	}
	marks := []string{whom.nick}
	if whom.addr.IsValid() && !exempt(h.o.Exempt, whom.addr) && !whom.addr.IsLoopback() {
		marks = append(marks, siteNetwork(whom.addr))
	}
	for _, mark := range marks {
		if !h.mutes.set(Ban{Whom: mark, By: p.nick, Until: until}, h.now) {
			return fail(CodeLimit, "too many are muted")
		}
	}
	h.send(whom, Event{Kind: Notice, Text: "you are muted until " + until.UTC().Format(untilLayout) + ", by " + p.nick})
	h.notice(p, "%s is muted until %s", whom.nick, until.UTC().Format(untilLayout))
	h.out.note("muted", "nick", whom.nick, "by", p.nick, "until", until)
	return nil
}

// siteNetwork is what counts as one address, as a network.
func siteNetwork(a netip.Addr) string {
	s := ipaddr.Site(a)
	if s.Is6() {
		return netip.PrefixFrom(s, 64).String()
	}
	return netip.PrefixFrom(s, 32).String()
}

// doUnmute undoes that.
func doUnmute(h *hub, p *person, c *Command) *failure {
	if c.To == "" {
		return fail(CodeUsage, "whom? /unmute WHO")
	}
	found := h.mutes.lift(c.To)
	if whom, failed := h.byNick(c.To); failed == nil && whom.addr.IsValid() {
		found = h.mutes.lift(siteNetwork(whom.addr)) || found
	}
	if !found {
		return fail(CodeNobody, "%s is not muted", clean(c.To, 64))
	}
	h.notice(p, "%s is heard again", clean(c.To, 64))
	h.out.note("unmuted", "nick", c.To, "by", p.nick)
	return nil
}

// doBan keeps somebody out, and ends the connections of those whom it is about.
func doBan(h *hub, p *person, c *Command) *failure {
	if c.To == "" {
		return fail(CodeUsage, "whom? /ban WHO|ADDRESS|NETWORK [TIME]")
	}
	until, failed := h.until(c.Text, 0)
	if failed != nil {
		return failed
	}
	var test bans
	network, err := parseNetwork(c.To)
	if err == nil {
		if network.Bits() < 8 {
			return fail(CodeUsage, "%v is too much of the world; want a network of at least /8", network)
		}
		if network.Contains(p.addr.Unmap()) {
			return fail(CodeUsage, "%v has yourself in it", network)
		}
		c.To = network.String()
	} else if _, fold, err := foldNick(c.To); err != nil {
		return fail(CodeUsage, "%q is no nickname, address or network", clean(c.To, 64))
	} else if fold == p.fold {
		return fail(CodeUsage, "that is yourself")
	}
	ban := Ban{Whom: c.To, By: p.nick, Until: until}
	if !h.bans.set(ban, h.now) {
		return fail(CodeLimit, "there are too many bans already")
	}
	test.fill([]Ban{ban})
	h.out.keepBans(h.bans.current(h.now))
	h.out.note("banned", "whom", c.To, "by", p.nick, "until", untilText(until))
	n := 0
	for _, whom := range h.nicks {
		if !whom.operator && (test.nick(whom.fold, h.now) || test.addr(whom.addr.Unmap(), h.now)) {
			h.send(whom, Event{Kind: Failed, Code: CodeBanned, Text: "you are banned here"})
			h.drop(whom, "banned")
			n++
		}
	}
	h.notice(p, "%s is banned; connections ended: %d", c.To, n)
	return nil
}

// untilText is how long a ban lasts.
func untilText(until time.Time) string {
	if until.IsZero() {
		return "for ever"
	}
	return "until " + until.UTC().Format(untilLayout)
}

// doUnban lets somebody in again.
func doUnban(h *hub, p *person, c *Command) *failure {
	if c.To == "" || !h.bans.lift(c.To) {
		return fail(CodeNobody, "%q is not banned; /bans lists who is", clean(c.To, 64))
	}
	h.out.keepBans(h.bans.current(h.now))
	h.notice(p, "%s may come again", clean(c.To, 64))
	h.out.note("unbanned", "whom", c.To, "by", p.nick)
	return nil
}

// doBans lists who is kept out.
func doBans(h *hub, p *person, _ *Command) *failure {
	list := h.bans.current(h.now)
	if len(list) == 0 {
		h.notice(p, "nobody is banned")
	}
	for _, b := range list[:min(len(list), roomsShown)] {
		h.notice(p, "%s, %s (by %s)", b.Whom, untilText(b.Until), b.By)
	}
	return nil
}

// doWall tells everybody something.
func doWall(h *hub, p *person, c *Command) *failure {
	text, failed := h.words(p, c.Text)
	if failed != nil {
		return failed
	}
	h.announce(p.nick, text)
	return nil
}

// announce tells everybody something, once, in whatever rooms they are.
func (h *hub) announce(by, text string) {
	pk := &packet{event: Event{Kind: Notice, Time: h.now, By: by, Text: text}}
	for _, p := range h.nicks {
		if h.inside(p) || by == "" && p.greeted {
			h.out.send(p, pk)
		}
	}
}

// doLogin has somebody log in.
func doLogin(h *hub, p *person, c *Command) *failure {
	switch {
	case h.o.Auth == nil:
		return fail(CodeLogin, "there is nothing to log in to here")
	case p.loggedIn:
		return fail(CodeLogin, "you are logged in already")
	case c.Text == "":
		return fail(CodeUsage, "the secret is missing: /login NAME SECRET, or /login TOKEN")
	case p.checking:
		return fail(CodeLimit, "one login at a time")
	}
	p.checking, p.tried = true, clean(c.To, idLimit)
	h.out.check(p, c.To, c.Text)
	return nil
}

// loginTries is how often somebody may be wrong before its connection ends.
const loginTries = 5

// checked takes in what has come of a login.
func (h *hub) checked(p *person, account Account, err error) {
	p.checking = false
	if p.gone {
		return
	}
	if err != nil {
		h.out.note("login failed", "account", p.tried, "nick", p.nick, "addr", p.addr, "err", err)
		if !errors.Is(err, ErrLogin) { // it is not for everybody to read, nor the member's fault
			h.tell(p, fail(CodeLogin, "logins cannot be looked at now; try again later"), "")
			return
		}
		p.tries++
		h.tell(p, fail(CodeLogin, "%v", ErrLogin), "")
		if p.tries >= loginTries {
			h.drop(p, "too many wrong logins")
		}
		return
	}
	if _, fold, err := foldNick(account.Name); err == nil && h.bans.nick(fold, h.now) {
		h.tell(p, fail(CodeBanned, "%s is banned here", account.Name), "")
		h.drop(p, "banned")
		return
	}
	p.loggedIn, p.operator = true, account.Operator
	if account.Name != "" {
		shown, fold, err := foldNick(account.Name)
		if err != nil {
			h.out.note("a user's name is not possible", "name", account.Name, "err", err)
		} else {
			p.account = fold
			if other := h.nicks[fold]; other != nil && other != p {
				// The same user's other connection, or one that has had the name
				// since before it was a user's.
				guest, guestFold := h.guestName()
				h.rename(other, guest, guestFold)
			}
			h.rename(p, shown, fold)
		}
	}
	h.out.note("logged in", "account", account.Name, "nick", p.nick, "addr", p.addr, "operator", p.operator)
	what := "you are logged in"
	if p.operator {
		what += ", as an operator"
	}
	h.notice(p, "%s", what)
	if h.o.RequireLogin && len(p.rooms) == 0 {
		h.begin(p)
	}
}
