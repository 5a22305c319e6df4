package itest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"unicode"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// chatServer is a running iomux chat.
type chatServer struct {
	*process
	tcp, web string // where it is
}

// startChat runs iomux chat with a web page, at these addresses.
func startChat(t *testing.T, tcp, web string, args ...string) *chatServer {
	t.Helper()
	words := []string{program, "chat", "--listen", "tcp://" + tcp, "--web", web}
	s := &chatServer{process: launch(t, nil, nil, append(words, args...)...)}
	for s.tcp == "" || s.web == "" {
		line := s.line()
		if a, ok := strings.CutPrefix(line, "listening tcp://"); ok {
			s.tcp = a
		}
		if a, ok := strings.CutPrefix(line, "page http://"); ok {
			s.web = strings.TrimSuffix(a, "/")
		}
	}
	return s
}

// stop ends the server in order.
func (s *chatServer) stop() {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	if status := s.wait(); status != 0 {
		s.t.Errorf("exit status of the chat: %d", status)
	}
}

// terminal is somebody at one, with nc.
type terminal struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func (s *chatServer) terminal(t *testing.T) *terminal {
	t.Helper()
	conn, err := dial(s.tcp, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &terminal{t: t, conn: conn, in: bufio.NewReader(conn)}
}

func (k *terminal) say(format string, args ...any) {
	k.t.Helper()
	if _, err := fmt.Fprintf(k.conn, format+"\n", args...); err != nil {
		k.t.Fatal(err)
	}
}

// hear reads until a line has what is wanted in it, and returns the lines.
func (k *terminal) hear(want string) (lines []string) {
	k.t.Helper()
	for {
		line, err := k.in.ReadString('\n')
		if err != nil {
			k.t.Fatalf("%v before %q, after %q", err, want, lines)
		}
		lines = append(lines, strings.TrimRight(line, "\r\n"))
		if strings.Contains(line, want) {
			return lines
		}
	}
}

// chatter is somebody who looks at the page.
type chatter struct{ *tab }

// chatter opens the page, says its name as somebody without a mouse would, and waits
// until it is in the room.
func (b *browser) chatter(t *testing.T, web, nick string) chatter {
	t.Helper()
	c := chatter{b.tab(t, "http://"+web+"/")}
	c.wait(`document.activeElement.id === 'ask-nick'`)
	c.keys(nick + "\r")
	c.wait(`document.getElementById('me-name').textContent === ` + quoted(nick))
	c.there()
	return c
}

// there waits until the page is connected and in a room.
func (c chatter) there() {
	c.t.Helper()
	c.wait(`!document.getElementById('banner').classList.contains('on') && !document.getElementById('topic').hidden && document.querySelectorAll('#member-list li').length > 0`)
}

// say says a line where the focus is.
func (c chatter) say(text string) {
	c.t.Helper()
	c.wait(`document.activeElement.id === 'input'`)
	c.paste(text)
	c.keys("\r")
}

// sees waits for a message, or something else that the log has. Names in there are kept
// apart from the text around them by isolates (U+2068, U+2069).
func (c chatter) sees(text string) {
	c.t.Helper()
	c.wait(`document.getElementById('log').innerText.replace(/[\u2068\u2069]/g, '').includes(` + quoted(text) + `)`)
}

// saidAll waits until all that was said has come back from the server.
func (c chatter) saidAll() {
	c.t.Helper()
	c.wait(`document.querySelectorAll('#pending li').length === 0`)
}

// texts are the messages of the room, in their order.
func (c chatter) texts() []string {
	c.t.Helper()
	return eval[[]string](c.tab, `[...document.querySelectorAll('#log .msg .text')].map(e => e.textContent)`)
}

// harmless wants that nothing in the page has run, or tried to, that is not its own.
func (c chatter) harmless() {
	c.t.Helper()
	if n := eval[int](c.tab, `window.executed`); n != 0 {
		c.t.Errorf("%d scripts of strangers ran", n)
	}
	if v := eval[[]string](c.tab, `window.violations`); len(v) > 0 {
		c.t.Errorf("the page broke its policy: %q", v)
	}
}

// How the web page does, with the program, in a real browser.
func TestPage(t *testing.T) {
	ofPrograms(t)
	t.Parallel() // it mostly waits
	b := startBrowser(t)
	for _, test := range []struct {
		name string
		f    func(t *testing.T, b *browser)
	}{
		{"talk", pageTalk},
		{"private", pagePrivate},
		{"restart", pageRestart},
		{"lost answer", pageLostAnswer},
		{"lingering", pageLingering},
		{"taken", pageTaken},
		{"login", pageLogin},
		{"operator", pageOperator},
		{"burst", pageBurst},
		{"hostile", pageHostile},
		{"foreign", pageForeign},
		{"controls", pageControls},
		{"keyboard", pageKeyboard},
		{"contrast", pageContrast},
		{"pictures", pagePictures},
	} {
		t.Run(test.name, func(t *testing.T) { test.f(t, b) })
	}
}

const anyPort = "127.0.0.1:0"

// unlimited has the server take as much as a test has for it.
var unlimited = []string{"--rate", "off", "--addr-rate", "off", "--conn-rate", "off", "--conns-per-addr", "off", "--nick-rate", "off", "--join-rate", "off"}

// reload loads the page anew.
var reload = chromedp.Reload()

// Two pages and somebody at a terminal talk in one room; each sees the others come and
// go; and who loads the page anew sees again what was said.
func pageTalk(t *testing.T, b *browser) {
	s := startChat(t, anyPort, anyPort)
	ann := b.chatter(t, s.web, "ann")
	bob := b.chatter(t, s.web, "bob")
	ann.sees("bob has joined")
	cid := s.terminal(t)
	cid.say("/nick cid")
	ann.sees("is called cid now")
	ann.say("hello from ann")
	bob.sees("hello from ann")
	bob.say("hello from bob")
	cid.hear("bob: hello from bob")
	cid.say("hello from cid")
	want := []string{"hello from ann", "hello from bob", "hello from cid"}
	for _, c := range []chatter{ann, bob} {
		c.sees("hello from cid")
		c.saidAll()
		if got := c.texts(); !slices.Equal(got, want) {
			t.Errorf("a page shows %q, want %q", got, want)
		}
		if n := eval[int](c.tab, `document.querySelectorAll('#member-list li').length`); n != 3 {
			t.Errorf("%d members are listed, want 3", n)
		}
	}
	cid.conn.Close()
	ann.sees("cid has left")

	ann.do(reload)
	ann.there()
	ann.sees("hello from cid")
	if got := ann.texts(); !slices.Equal(got, want) {
		t.Errorf("loaded anew the page shows %q, want %q", got, want)
	}
	bob.say("still here")
	ann.sees("still here")
	ann.harmless()
	bob.harmless()
}

// What is said to one alone has a conversation of its own, which shows that there is
// something to read.
func pagePrivate(t *testing.T, b *browser) {
	s := startChat(t, anyPort, anyPort)
	ann := b.chatter(t, s.web, "ann")
	bob := b.chatter(t, s.web, "bob")
	bob.say("/msg ann between us")
	bob.sees("between us")
	ann.wait(`document.querySelector('#talk-list button')?.innerText.includes('1')`)
	if slices.Contains(ann.texts(), "between us") {
		t.Error("what is private is shown in the room")
	}
	if name := eval[string](ann.tab, `document.querySelector('#talk-list button').textContent`); !strings.Contains(name, "bob") || !strings.Contains(name, "1 unread") {
		t.Errorf("the conversation is called %q", name)
	}
	ann.keys(kb.ArrowDown, kb.ModifierAlt)
	ann.sees("between us")
	ann.say("indeed")
	bob.sees("indeed")
	ann.saidAll()
	if eval[bool](ann.tab, `!!document.querySelector('#talk-list .unread')`) {
		t.Error("what was read is still unread")
	}
}

// The server is replaced. What the page says meanwhile arrives afterwards, once and in
// its order, and what was said before is there.
func pageRestart(t *testing.T, b *browser) {
	store := filepath.Join(t.TempDir(), "chat")
	s := startChat(t, anyPort, anyPort, "--store", store)
	ann := b.chatter(t, s.web, "ann")
	ann.say("before")
	ann.sees("before")
	ann.saidAll()
	s.stop()
	ann.wait(`document.getElementById('status').textContent.includes('No connection')`)
	want := []string{"before"}
	for i := range 5 {
		want = append(want, fmt.Sprintf("meanwhile %d", i))
		ann.say(want[len(want)-1])
	}
	ann.wait(`document.querySelectorAll('#pending li').length === 5`)
	ann.shot("offline")
	// Also over a reload, for which there is no page to be had while the server is
	// away: it is as if the tab was closed and opened again.
	s = startChat(t, s.tcp, s.web, "--store", store)
	ann.do(reload)
	ann.there()
	ann.saidAll()
	ann.say("after")
	ann.sees("after")
	want = append(want, "after")
	if got := ann.texts(); !slices.Equal(got, want) {
		t.Errorf("the page shows %q, want %q", got, want)
	}

	s.stop()
	ann.wait(`document.getElementById('status').textContent.includes('No connection')`)
	ann.say("again meanwhile")
	s = startChat(t, s.tcp, s.web, "--store", store)
	ann.there() // it comes back by itself
	ann.saidAll()
	want = append(want, "again meanwhile")
	if got := ann.texts(); !slices.Equal(got, want) {
		t.Errorf("back again the page shows %q, want %q", got, want)
	}
	cid := s.terminal(t)
	cid.say("the end")
	lines := cid.hear("ann: again meanwhile")
	for _, text := range want {
		n := 0
		for _, line := range lines {
			if strings.HasSuffix(line, "ann: "+text) {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%q is %d times in the history", text, n)
		}
	}
	ann.sees("the end")
	ann.harmless()
}

// proxy is a connection's way to the server, that can break.
type proxy struct {
	net.Listener
	to string

	mu    sync.Mutex
	conns []net.Conn // of browsers and of the server, by turns
	deaf  bool       // nothing comes back from the server any more
}

func startProxy(t *testing.T, to string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", anyPort)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{Listener: l, to: to}
	t.Cleanup(func() { l.Close(); p.cut() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", to)
			if err != nil {
				conn.Close()
				continue
			}
			p.mu.Lock()
			p.conns = append(p.conns, conn, server)
			p.mu.Unlock()
			go func() {
				if _, err := io.Copy(server, conn); err == nil { // the browser has closed; cut leaves that to the test
					server.Close()
				}
			}()
			go func() { p.back(conn, server); conn.Close() }()
		}
	}()
	return p
}

// back copies what the server says, unless the proxy is deaf.
func (p *proxy) back(conn, server net.Conn) {
	b := make([]byte, 32<<10)
	for {
		n, err := server.Read(b)
		if err != nil {
			return
		}
		p.mu.Lock()
		deaf := p.deaf
		p.mu.Unlock()
		if deaf {
			continue
		}
		if _, err := conn.Write(b[:n]); err != nil {
			return
		}
	}
}

func (p *proxy) setDeaf(deaf bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deaf = deaf
}

// cut breaks all connections.
func (p *proxy) cut() {
	for _, c := range p.cutBrowsers() {
		c.Close()
	}
}

// cutBrowsers breaks those of browsers, and returns the others: the server knows of
// nothing yet.
func (p *proxy) cutBrowsers() (others []net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, c := range p.conns {
		if i%2 == 0 {
			c.Close()
		} else {
			others = append(others, c)
		}
	}
	p.conns = nil
	return others
}

// The server has got a message, and the page never hears of it: it says it again, and
// nobody hears it twice.
func pageLostAnswer(t *testing.T, b *browser) {
	s := startChat(t, anyPort, anyPort)
	cid := s.terminal(t)
	cid.say("/nick cid")
	p := startProxy(t, s.web)
	ann := b.chatter(t, p.Addr().String(), "ann")
	ann.say("heard")
	ann.sees("heard")
	ann.saidAll()
	p.setDeaf(true)
	ann.say("said once")
	cid.hear("ann: said once")
	ann.say("/msg cid between us")
	cid.hear("from ann: between us")
	cid.say("from cid")
	p.cut()
	p.setDeaf(false)
	// What is private no history has: whether to say it again is for ann to decide.
	ann.wait(`document.querySelector('#pending .bad')?.textContent.includes('nobody knows whether it arrived')`)
	ann.wait(`[...document.querySelectorAll('#pending button')].map(b => b.textContent).join() === 'Try again,Remove'`)
	ann.keys(kb.ArrowUp, kb.ModifierAlt)
	ann.sees("from cid")
	ann.saidAll()
	ann.say("and then")
	lines := cid.hear("ann: and then")
	for _, line := range lines {
		if strings.Contains(line, "said once") || strings.Contains(line, "between us") {
			t.Errorf("it came again: %q", line)
		}
	}
	ann.sees("and then")
	if got, want := ann.texts(), []string{"heard", "said once", "from cid", "and then"}; !slices.Equal(got, want) {
		t.Errorf("the page shows %q, want %q", got, want)
	}
	if !eval[bool](ann.tab, `!!document.querySelector('#log .mark.new')`) {
		t.Error("no mark where the connection was lost")
	}
}

// The connection breaks, and the server has not noticed: the page's nickname is taken,
// by the page. It waits, asks again, and what was said meanwhile is said by that name.
func pageLingering(t *testing.T, b *browser) {
	t.Parallel() // most of it is waiting
	s := startChat(t, anyPort, anyPort)
	cid := s.terminal(t)
	cid.say("/nick cid")
	p := startProxy(t, s.web)
	ann := b.chatter(t, p.Addr().String(), "ann")
	ann.say("hello")
	cid.hear("ann: hello")
	old := p.cutBrowsers()
	ann.sees("ann is still taken")
	ann.say("it is me")
	for _, c := range old {
		c.Close()
	}
	ann.wait(`document.getElementById('me-name').textContent === 'ann'`)
	ann.saidAll()
	for _, line := range cid.hear(": it is me") {
		if strings.Contains(line, "it is me") && !strings.Contains(line, "ann: it is me") {
			t.Errorf("said by another name: %q", line)
		}
	}
}

// A nickname that somebody else has is not to be had, and the page says so.
func pageTaken(t *testing.T, b *browser) {
	s := startChat(t, anyPort, anyPort)
	b.chatter(t, s.web, "ann")
	other := chatter{b.tab(t, "http://"+s.web+"/")}
	other.wait(`document.activeElement.id === 'ask-nick'`)
	other.keys("ann\r")
	other.wait(`document.querySelector('#ask[open] .error')?.textContent.includes('ann is taken')`)
	other.keys("anna\r")
	other.wait(`document.getElementById('me-name').textContent === 'anna'`)
	other.there()
	other.do(reload)
	other.there()
	if got := eval[string](other.tab, `document.getElementById('me-name').textContent`); got != "anna" {
		t.Errorf("loaded anew it is called %q", got)
	}
}

// Where one must log in the page asks for the secret, keeps it nowhere but in memory, and
// logs in by itself when the server was away.
func pageLogin(t *testing.T, b *browser) {
	const secret = "correct-horse-battery"
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	store := filepath.Join(t.TempDir(), "chat")
	s := startChat(t, anyPort, anyPort, "--token-file", file, "--require-login", "--store", store)
	ann := chatter{b.tab(t, "http://"+s.web+"/")}
	ann.wait(`document.activeElement.id === 'ask-nick'`)
	ann.keys("ann\r")
	ann.wait(`document.activeElement.id === 'login-name'`)
	for _, try := range []string{"wrong", secret} {
		ann.keys("\t")
		ann.paste(try)
		ann.keys("\r")
		if try != secret {
			ann.wait(`document.querySelector('#login[open] .error')?.textContent`)
			ann.wait(`document.activeElement.id === 'login-name'`)
		}
	}
	ann.there()
	ann.say("inside")
	ann.sees("inside")
	ann.saidAll()
	for _, where := range []string{`location.href`, `JSON.stringify({...sessionStorage})`, `JSON.stringify({...localStorage})`, `document.cookie`} {
		if kept := eval[string](ann.tab, where); strings.Contains(kept, "horse") {
			t.Errorf("%s has the secret: %s", where, kept)
		}
	}
	s.stop()
	ann.wait(`document.getElementById('status').textContent.includes('No connection')`)
	ann.say("meanwhile")
	startChat(t, s.tcp, s.web, "--token-file", file, "--require-login", "--store", store)
	ann.there()
	ann.saidAll()
	ann.sees("meanwhile")
	// After a login the server shows the room as to somebody new.
	if got, want := ann.texts(), []string{"inside", "meanwhile"}; !slices.Equal(got, want) {
		t.Errorf("the page shows %q, want %q", got, want)
	}
}

// Who is put out of a room is told so, what they say there is not lost, and they may come
// again; who is banned is asked for another name.
func pageOperator(t *testing.T, b *browser) {
	const secret = "correct-horse-battery"
	users := filepath.Join(t.TempDir(), "users")
	client(t, []byte(secret+"\n"), program, "chat", "passwd", users, "boss", "--operator")
	s := startChat(t, anyPort, anyPort, "--users", users)
	ann := b.chatter(t, s.web, "ann")
	boss := b.chatter(t, s.web, "bob")
	boss.say("/login boss " + secret)
	boss.wait(`document.getElementById('me-name').textContent === 'boss'`)
	boss.say("/wall hear, all of you")
	ann.sees("boss to all: hear, all of you")
	boss.say("/kick ann too loud")
	ann.sees("You are not in this room any more")
	ann.say("am I heard?")
	ann.wait(`document.querySelector('#pending .bad')?.textContent.includes('not in this room')`)
	ann.say("/join lobby")
	ann.there()
	eval[bool](ann.tab, `document.querySelector('#pending button').click(), true`)
	boss.sees("am I heard?")
	ann.saidAll()
	boss.say("/ban ann 1m")
	ann.wait(`document.querySelector('#ask[open] .error')?.textContent.includes('banned')`)
	boss.do(reload)
	boss.wait(`document.getElementById('login').open && document.getElementById('login-name').value === 'boss'`)
}

// Five hundred messages at once are shown, all, in order; who has scrolled up stays
// where they are and is told.
func pageBurst(t *testing.T, b *browser) {
	const count = 500
	s := startChat(t, anyPort, anyPort, unlimited...)
	ann := b.chatter(t, s.web, "ann")
	cid := s.terminal(t)
	cid.say("/nick cid")
	ann.sees("is called cid now")
	burst := func(name string) (want []string) {
		var all strings.Builder
		for i := range count {
			want = append(want, fmt.Sprintf("%s %d", name, i))
			all.WriteString(want[i] + "\n")
		}
		if _, err := io.WriteString(cid.conn, all.String()); err != nil {
			t.Fatal(err)
		}
		ann.sees(want[count-1])
		return want
	}
	if got, want := ann.texts(), burst("first"); len(got) != 0 {
		t.Errorf("%d messages before the first", len(got))
	} else if got = ann.texts(); !slices.Equal(got, want) {
		t.Errorf("%d messages are shown, or not in order: %.300q", len(got), got)
	}
	if !eval[bool](ann.tab, atEnd) {
		t.Error("the page did not follow")
	}
	eval[int](ann.tab, `document.getElementById('scroll').scrollTop = 100`)
	ann.wait(`!document.getElementById('below').hidden`)
	burst("second")
	ann.wait(`document.getElementById('below').textContent.startsWith('500 new messages')`)
	burst("third")
	if n := eval[int](ann.tab, `document.querySelectorAll('#log li').length`); n > 1000 {
		t.Errorf("%d lines are kept in the page", n)
	}
	eval[bool](ann.tab, `document.getElementById('below').click(), true`)
	ann.wait(`document.getElementById('below').hidden`)
	ann.wait(atEnd)
	ann.harmless()
}

// atEnd is whether the last message is in sight.
const atEnd = `(s => s.scrollHeight - s.scrollTop - s.clientHeight < 5)(document.getElementById('scroll'))`

// What strangers write is text, wherever it is shown.
func pageHostile(t *testing.T, b *browser) {
	s := startChat(t, anyPort, anyPort, unlimited...)
	ann := b.chatter(t, s.web, "ann")
	eve := s.terminal(t)
	ann.sees("has joined")
	texts := []string{
		`<img src=x onerror=alert(1)>`,
		`<script>alert(1)</script>`,
		`"><svg onload=alert(1)>`,
		`'"--></style></script><script>alert(1)</script>`,
		`javascript:alert(1)`,
		`<a href="javascript:alert(1)">click</a>`,
		`http://x.example/"onmouseover="alert(1)`,
		`https://javascript:alert(1)@x.example/`,
		`data:text/html,<script>alert(1)</script>`,
		`<iframe srcdoc="<script>alert(1)</script>"></iframe>`,
		`<base href=//x.example><form action=//x.example><button>go</button>`,
		`${alert(1)} {{alert(1)}} \u003cscript\u003ealert(1)\u003c/script\u003e`,
		`<style>*{background:url(//x.example/leak)}</style>`,
	}
	for _, text := range texts {
		eve.say("%s", text)
	}
	for _, nick := range []string{`<img/src=x/onerror=alert(1)>`, `"><svg/onload=alert(1)>`, `__proto__`, `constructor`} {
		eve.say("/nick %s", nick)
	}
	eve.say(`/topic <img src=x onerror=alert(1)>`)
	eve.say(`/join <img/src=x/onerror=alert(1)>`)
	eve.say(`/msg ann <svg onload=alert(1)>`)
	eve.say(`/msg #lobby the last one`)
	ann.sees("the last one")
	if got := ann.texts(); !slices.Equal(got, append(slices.Clone(texts), "the last one")) {
		t.Errorf("shown as %q", got)
	}
	ann.wait(`document.getElementById('topic').textContent === '<img src=x onerror=alert(1)>'`)
	ann.wait(`document.querySelectorAll('#talk-list button').length === 1`)
	ann.do(reload) // now all of it comes from the history
	ann.there()
	ann.sees("the last one")
	eval[int](ann.tab, `(document.querySelector('#talk-list button')?.click(), 0)`)
	ann.keys("/rooms\r")
	ann.wait(`document.querySelectorAll('#found li').length > 0`)
	ann.keys(kb.Escape)
	for what, expression := range map[string]string{
		"elements that the page does not make": `document.querySelectorAll('#app img, #app svg, #app iframe, #app style, #app script, #app base, #log form, #log button').length`,
		"links that are none of the web's":     `[...document.links].filter(a => a.className !== 'skip' && !/^https?:$/.test(a.protocol)).length`,
		"links that tell where they come from": `[...document.links].filter(a => a.className !== 'skip' && (a.rel !== 'noopener noreferrer nofollow' || a.target !== '_blank')).length`,
		"attributes that are scripts":          `[...document.querySelectorAll('*')].filter(e => e.getAttributeNames().some(n => n.startsWith('on'))).length`,
		"things loaded from somewhere":         `performance.getEntriesByType('resource').filter(e => !e.name.startsWith('data:')).length`,
	} {
		if n := eval[int](ann.tab, expression); n != 0 {
			t.Errorf("%d %s", n, what)
		}
	}
	ann.harmless()
	// The watch itself works: a script that is smuggled in breaks the policy.
	eval[int](ann.tab, `(document.body.append(Object.assign(document.createElement('img'), {src: 'http://x.example/'})), 0)`)
	ann.wait(`window.violations.some(v => v.startsWith('img-src'))`)
	if got := eval[string](ann.tab, `(() => { try { document.body.innerHTML = '<b>x</b>'; return 'done'; } catch (e) { return e.name; } })()`); got != "TypeError" {
		t.Errorf("text becomes markup: %s", got)
	}
}

// A page of somebody else's, which a member has open in the same browser, cannot speak
// for it: every one of a hundred attempts is refused.
func pageForeign(t *testing.T, b *browser) {
	t.Parallel() // most of it is the browser, which lets who is refused wait
	const attempts = 100
	s := startChat(t, anyPort, anyPort, unlimited...)
	ann := b.chatter(t, s.web, "ann")
	foreign := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<!DOCTYPE html><title>elsewhere</title>")
	}))
	defer foreign.Close()
	elsewhere := b.tab(t, foreign.URL)
	type outcome struct{ Opened, Refused int }
	try := func(p *tab, n int) outcome {
		return eval[outcome](p, fmt.Sprintf(`(async () => {
			const out = {Opened: 0, Refused: 0};
			// All at once: a browser makes who fails again and again wait between attempts.
			await Promise.all(Array.from({length: %d}, () => new Promise(next => {
				const ws = new WebSocket('ws://%s/chat');
				ws.onopen = () => { out.Opened++; ws.onclose = null; ws.close(); next(); };
				ws.onclose = () => { out.Refused++; next(); };
			})));
			return out;
		})()`, n, s.web))
	}
	if got := try(elsewhere, attempts); got != (outcome{Refused: attempts}) {
		t.Errorf("from another origin: %+v, want %d refused", got, attempts)
	}
	if got := try(ann.tab, 3); got != (outcome{Opened: 3}) {
		t.Errorf("from its own: %+v", got)
	}
	ann.say("still here")
	ann.sees("still here")
}

// All one can do something with has a name for those who do not see it.
func pageControls(t *testing.T, b *browser) {
	s := startChat(t, anyPort, anyPort)
	ann := b.chatter(t, s.web, "ann")
	bob := b.chatter(t, s.web, "bob")
	bob.say("hello ann, see https://x.example/")
	bob.keys("/msg ann and alone\r")
	ann.sees("hello ann")
	ann.wait(`document.querySelector('#talk-list .unread')`)
	check := func(state string, roles ...string) {
		t.Helper()
		list := ann.controls()
		for _, c := range list {
			if !strings.ContainsFunc(c.name, unicode.IsLetter) && c.role != "status" && c.role != "log" {
				t.Errorf("%s: a %s without a name, or with one that is no word: %q", state, c.role, c.name)
			}
		}
		for _, role := range roles {
			if !slices.ContainsFunc(list, func(c control) bool { return c.role == role }) {
				t.Errorf("%s: no %s among %v", state, role, list)
			}
		}
	}
	check("wide", "button", "link", "textbox", "log", "status", "navigation", "region")
	if list := ann.controls(); !slices.ContainsFunc(list, func(c control) bool { return strings.Contains(c.name, "bob") && strings.Contains(c.name, "1 unread") }) {
		t.Errorf("nothing says that there is something unread: %v", list)
	}
	if eval[string](ann.tab, `document.querySelector('#room-list [aria-current]').textContent`) == "" {
		t.Error("no room is the current one")
	}
	for _, dialog := range []string{"/nick", "/login", "/rooms"} {
		ann.say(dialog)
		ann.wait(`document.querySelector('dialog[open]')`)
		check(dialog, "dialog", "textbox", "button")
		ann.keys(kb.Escape)
		ann.wait(`!document.querySelector('dialog[open]')`)
	}
	ann.size(320, 600)
	for _, drawer := range []string{"rooms", "members"} {
		check("a phone", "button", "textbox", "log")
		eval[int](ann.tab, `(document.getElementById('show-`+drawer+`').click(), 0)`)
		ann.wait(`document.getElementById('` + drawer + `').contains(document.activeElement)`)
		check("a phone with "+drawer, "button")
		ann.keys(kb.Escape)
		ann.wait(`document.activeElement.id === 'input'`)
	}
	if wide := eval[int](ann.tab, `document.documentElement.scrollWidth`); wide > 320 {
		t.Errorf("on a phone of 320 the page is %d wide", wide)
	}
}

// All can be done without a mouse.
func pageKeyboard(t *testing.T, b *browser) {
	s := startChat(t, anyPort, anyPort)
	bob := b.chatter(t, s.web, "bob")
	ann := b.chatter(t, s.web, "ann") // has typed its name
	ann.say("first")
	bob.sees("first")
	ann.sees("first")
	ann.keys(kb.ArrowUp)
	ann.wait(`document.getElementById('input').value === 'first'`)
	ann.keys(kb.ArrowDown)
	ann.wait(`document.getElementById('input').value === ''`)
	ann.paste("/quit\n\ntwo\nthree")
	ann.keys("\r")
	bob.sees("three")
	ann.saidAll()
	if got, want := bob.texts(), []string{"first", "/quit", "two", "three"}; !slices.Equal(got, want) {
		t.Errorf("pasted lines came as %q, want %q", got, want)
	}
	ann.say("/join tea")
	ann.wait(`document.title.includes('#tea')`)
	ann.say("/topic of leaves")
	ann.wait(`document.getElementById('topic').textContent === 'of leaves'`)
	ann.keys(kb.ArrowUp, kb.ModifierAlt)
	ann.wait(`document.title.includes('#lobby')`)
	bob.say("ann: look")
	ann.sees("ann: look")
	ann.keys("k", kb.ModifierCtrl)
	ann.wait(`document.activeElement.id === 'find-name'`)
	ann.keys("tea\r")
	ann.wait(`document.title.includes('#tea') && document.activeElement.id === 'input'`)
	bob.say("ann: and again")
	ann.wait(`document.querySelector('#room-list .unread .loud')`)
	ann.keys(kb.ArrowUp, kb.ModifierAlt)
	ann.sees("ann: and again")

	// Tab comes to everything there is, in a circle that begins with the way past it.
	var circle []string
	for range 40 {
		ann.keys("\t")
		at := eval[string](ann.tab, `(e => e.className === 'skip' ? 'skip' : e.id || (e.closest('ul')?.id ?? e.closest('form')?.id ?? e.tagName))(document.activeElement)`)
		if slices.Contains(circle, at) && at == "skip" {
			break
		}
		circle = append(circle, at)
		if at != "BODY" && eval[string](ann.tab, `getComputedStyle(document.activeElement).outlineStyle`) == "none" {
			t.Errorf("that the focus is on %s is not to be seen", at)
		}
	}
	for _, id := range []string{"skip", "room-list", "find-open", "me", "topic", "leave", "scroll", "input", "composer", "member-list"} {
		if !slices.Contains(circle, id) {
			t.Errorf("Tab does not come to %s, but to %v", id, circle)
		}
	}
	if i := slices.Index(circle, "skip"); i >= 0 && i+1 < len(circle) && circle[i+1] != "room-list" {
		t.Errorf("behind the way past it comes %s, of %v", circle[i+1], circle)
	}
	ann.keys("\r") // on that way
	ann.wait(`document.activeElement.id === 'input'`)
	ann.keys(kb.Escape)
	ann.say("/part")
	ann.wait(`document.querySelectorAll('#room-list li').length === 1`)
	bob.sees("ann has left")
}

// Texts stand out from what is behind them, in both schemes: WCAG 2.2, 1.4.3.
func pageContrast(t *testing.T, b *browser) {
	s := startChat(t, anyPort, anyPort)
	ann := b.chatter(t, s.web, "ann")
	bob := b.chatter(t, s.web, "bob")
	for _, text := range []string{"hello ann", "more of https://x.example/", "/me waves", "/topic a topic", "/msg ann in private"} {
		bob.keys(text + "\r")
	}
	bob.saidAll()
	ann.wait(`document.querySelector('#talk-list .unread')`)
	for _, scheme := range []string{"light", "dark"} {
		ann.scheme(scheme)
		type poor struct {
			Text, Of string
			Ratio    float64
		}
		for _, p := range eval[[]poor](ann.tab, contrast) {
			t.Errorf("%s: the contrast of %q (%s) is %.2f, want 4.5", scheme, p.Text, p.Of, p.Ratio)
		}
	}
}

// contrast is the list of texts with less than 4.5:1, and of the colours that nicknames
// may have.
const contrast = `(() => {
	const pen = Object.assign(document.createElement('canvas'), {width: 1, height: 1}).getContext('2d', {willReadFrequently: true});
	const rgba = c => { pen.clearRect(0, 0, 1, 1); pen.fillStyle = c; pen.fillRect(0, 0, 1, 1); return [...pen.getImageData(0, 0, 1, 1).data]; };
	const light = c => { const [r, g, b] = c.map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
	const behind = e => { for (; e; e = e.parentElement) { const c = rgba(getComputedStyle(e).backgroundColor); if (c[3]) return c; } return [255, 255, 255, 255]; };
	const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
	const list = [];
	const look = (e, text) => { const n = ratio(rgba(getComputedStyle(e).color), behind(e)); if (n < 4.5) list.push({Text: text, Of: e.className || e.id || e.tagName, Ratio: n}); };
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (walk.nextNode()) {
		const e = walk.currentNode.parentElement;
		if (walk.currentNode.data.trim() && !['SCRIPT', 'STYLE', 'NOSCRIPT'].includes(e.tagName) && e.checkVisibility()) look(e, walk.currentNode.data);
	}
	for (const e of [document.querySelector('.msg .who'), document.querySelector('.msg .face')]) {
		const was = e.style.getPropertyValue('--hue');
		for (let hue = 0; hue < 360; hue++) { e.style.setProperty('--hue', hue); look(e, 'hue ' + hue); }
		e.style.setProperty('--hue', was);
	}
	return list;
})()`

// Pictures for those who want to see the page, and for the documents.
func pagePictures(t *testing.T, b *browser) {
	if os.Getenv(screenshots) == "" {
		t.Skipf("%s names no directory for them", screenshots)
	}
	s := startChat(t, anyPort, anyPort, unlimited...)
	ann := b.chatter(t, s.web, "ann")
	cid := s.terminal(t)
	cid.say("/nick cid")
	ann.say("/topic Release on Friday: https://iomux.example/plan")
	bob := b.chatter(t, s.web, "Bob")
	for _, line := range []struct {
		who  chatter
		text string
	}{
		{bob, "Good morning! The epoll backend is through the long test."},
		{bob, "24 hours, no leak."},
		{ann, "Wonderful. And kqueue?"},
	} {
		line.who.say(line.text)
		line.who.saidAll()
		line.who.sees(line.text)
	}
	cid.say("works here, too: I am on FreeBSD with nothing but nc")
	cid.say("/me waves")
	ann.sees("waves")
	ann.say("Then let us write the notes. مرحبا بالجميع")
	ann.saidAll()
	bob.say("ann: I will have a look this afternoon, see https://iomux.example/notes?draft=1")
	bob.saidAll()
	bob.say("/msg ann Do you have a minute?")
	bob.saidAll()
	ann.say("/join kqueue")
	ann.wait(`document.title.includes('#kqueue')`)
	ann.keys(kb.ArrowUp, kb.ModifierAlt)
	ann.sees("afternoon")
	cid.say("a last word")
	ann.sees("a last word")
	for _, scheme := range []string{"light", "dark"} {
		ann.scheme(scheme)
		ann.size(1100, 720)
		ann.shot("page-" + scheme)
		ann.size(360, 720)
		ann.shot("page-phone-" + scheme)
		eval[int](ann.tab, `(document.getElementById('show-rooms').click(), 0)`)
		ann.shot("page-phone-rooms-" + scheme)
		ann.keys(kb.Escape)
	}
	ann.size(1100, 720)
	ann.say("/rooms")
	ann.wait(`document.querySelectorAll('#found li').length === 2`)
	ann.shot("page-rooms")
	newcomer := b.tab(t, "http://"+s.web+"/")
	newcomer.wait(`document.activeElement.id === 'ask-nick'`)
	newcomer.shot("page-join")
}
