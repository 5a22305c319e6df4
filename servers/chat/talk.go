//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chat

import "strings"

// muted reports whether p is not heard.
func (h *hub) muted(p *person) bool {
	return h.mutes.nick(p.fold, h.now) || h.mutes.addr(p.addr, h.now)
}

// reason is why p leaves, as it says: one who is muted is not heard by that either.
func (h *hub) reason(p *person, text string) string {
	if h.muted(p) {
		return ""
	}
	return clean(text, h.o.MaxTopic)
}

// words is what p wants to say, cleaned, if it may.
func (h *hub) words(p *person, text string) (string, *failure) {
	if h.muted(p) {
		return "", fail(CodeMuted, "you are muted: nobody hears you")
	}
	if len(text) > h.o.MaxText {
		return "", fail(CodeLimit, "a message may have %d bytes, and this one has %d", h.o.MaxText, len(text))
	}
	if text = clean(text, h.o.MaxText); text == "" {
		return "", fail(CodeUsage, "there is nothing to say in it")
	}
	return text, nil
}

// doSay says something in a room.
func doSay(h *hub, p *person, c *Command) *failure { return h.utter(p, c, Said) }

// doMe tells in a room what p does.
func doMe(h *hub, p *person, c *Command) *failure { return h.utter(p, c, Acted) }

func (h *hub) utter(p *person, c *Command, kind Kind) *failure {
	r, text, failed := h.here(p, c)
	if failed != nil {
		return failed
	}
	if text, failed = h.words(p, text); failed != nil {
		return failed
	}
	e := Event{Kind: kind, Time: h.now, Nick: p.nick, Text: text, ID: c.ID}
	if e.ID != "" {
		if was := r.history.find(&e); was != nil {
			h.out.send(p, was)
			return nil
		}
	}
	r.number(&e)
	h.cast(r, p, e)
	h.keep(r, e)
	return nil
}

// idLimit is how long an ID may be: a UUID fits.
const idLimit = 64

// doMsg says something to one member, or in a room that is not the current one.
func doMsg(h *hub, p *person, c *Command) *failure {
	if name, ok := strings.CutPrefix(c.To, "#"); ok {
		return h.utter(p, &Command{Room: name, Text: c.Text, ID: c.ID}, Said)
	}
	to, failed := h.byNick(c.To)
	if failed != nil {
		return failed
	}
	text, failed := h.words(p, c.Text)
	if failed != nil {
		return failed
	}
	e := Event{Kind: Told, Nick: p.nick, To: to.nick, Text: text, ID: c.ID}
	h.send(to, e)
	if p.echo && p != to {
		h.send(p, e)
	}
	return nil
}

// doTopic tells a room's topic, or changes it.
func doTopic(h *hub, p *person, c *Command) *failure {
	r, text, failed := h.here(p, c)
	if failed != nil {
		return failed
	}
	if text == "" {
		if r.topic.Text == "" {
			h.notice(p, "%s has no topic; /topic TEXT gives it one", r.name)
			return nil
		}
		t := r.topic
		t.Old, t.Seq = true, 0
		h.send(p, t)
		return nil
	}
	if len(text) > h.o.MaxTopic {
		return fail(CodeLimit, "a topic may have %d bytes, and this one has %d", h.o.MaxTopic, len(text))
	}
	if text, failed = h.words(p, text); failed != nil {
		return failed
	}
	if text == "-" {
		text = ""
	}
	e := Event{Kind: Topic, Time: h.now, Nick: p.nick, Text: text}
	r.number(&e)
	r.topic = e
	h.cast(r, nil, e)
	h.keep(r, e)
	return nil
}
