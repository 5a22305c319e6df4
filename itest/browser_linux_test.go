package itest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// browser is a Chromium without a window; its tabs know nothing of each other.
type browser struct {
	t   *testing.T
	ctx context.Context
}

// startBrowser starts one, which lives as long as the test.
func startBrowser(t *testing.T) *browser {
	t.Helper()
	path := tool(t, "chromium")
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1200, 800))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium has none for root
	}
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, _ = chromedp.NewContext(ctx)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("%s does not start: %v", path, err)
	}
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Errorf("the end of %s: %v", path, err)
		}
	})
	return &browser{t: t, ctx: ctx}
}

// tab is a page that somebody looks at.
type tab struct {
	t   *testing.T
	ctx context.Context
}

// watch runs in each page before its own script: what must not be possible there leaves
// traces in it.
const watch = `
	window.executed = 0;
	window.violations = [];
	window.alert = () => { window.executed++; };
	document.addEventListener('securitypolicyviolation', e => window.violations.push(e.violatedDirective + ' ' + e.blockedURI + ' ' + e.sample));
`

// tab opens an address in a tab with storage of its own, for t.
func (b *browser) tab(t *testing.T, address string) *tab {
	t.Helper()
	ctx, end := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(end)
	p := &tab{t: t, ctx: ctx}
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	_, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: watch})
	p.must(err)
	_, err = chromedp.Call(ctx, emulation.SetLocaleOverride, emulation.SetLocaleOverrideParams{Locale: "en-GB"})
	p.must(err)
	p.do(chromedp.Navigate(address))
	return p
}

func (p *tab) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// do runs actions, which must end within patience.
func (p *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	p.must(chromedp.Do(ctx, steps...))
}

// eval is the value of a JavaScript expression, or of what it promises.
func eval[T any](p *tab, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// wait waits until a JavaScript expression is true. The page looks at it itself; an
// expression of chromedp's own Poll would be code from text, which the page forbids.
func (p *tab) wait(expression string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	_, err := chromedp.Run(ctx, chromedp.Evaluate[bool](fmt.Sprintf(
		`new Promise(done => { (function look() { if (%s) done(true); else setTimeout(look, 10); })(); })`, expression), chromedp.EvalAwaitPromise))
	if errors.Is(err, context.DeadlineExceeded) {
		p.t.Fatalf("in vain waited for %s; the page shows\n%s", expression, eval[string](p, "document.body.innerText"))
	}
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
}

// keys types, wherever the focus is; \r is the Enter key, \t Tab.
func (p *tab) keys(text string, held ...kb.Modifier) {
	p.t.Helper()
	var options []chromedp.KeyOption
	if len(held) > 0 {
		options = append(options, chromedp.KeyModifiers(held...))
	}
	for i, part := range strings.Split(text, "\r") {
		if i > 0 {
			p.do(enter)
		}
		if part != "" {
			p.do(chromedp.KeyEvent(part, options...))
		}
	}
}

// enter is the Enter key as a keyboard has it. That of chromedp makes a character even
// where the page has taken the key.
var enter = chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
	for _, what := range []input.DispatchKeyEventParams{
		{Type: input.DispatchKeyEventTypeKeyDown, Text: "\r"}, {Type: input.DispatchKeyEventTypeKeyUp},
	} {
		what.Key, what.Code, what.WindowsVirtualKeyCode, what.NativeVirtualKeyCode = "Enter", "Enter", 13, 13
		if _, err := cdp.Call(ctx, t, input.DispatchKeyEvent, what); err != nil {
			return err
		}
	}
	return nil
})

// paste puts text where the focus is, all at once.
func (p *tab) paste(text string) {
	p.t.Helper()
	_, err := chromedp.Call(p.ctx, input.InsertText, input.InsertTextParams{Text: text})
	p.must(err)
}

// quoted is a text as JavaScript has it.
func quoted(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string can always be written
	}
	return string(b)
}

// scheme has the page be light or dark, and size have it as large as a screen.
func (p *tab) scheme(name string) {
	p.t.Helper()
	_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}, {Name: "prefers-reduced-motion", Value: "reduce"}},
	})
	p.must(err)
}

func (p *tab) size(width, height int64) {
	p.t.Helper()
	p.do(chromedp.EmulateViewport(width, height, chromedp.EmulateScale(1)))
}

// screenshots, in the environment, is a directory for pictures of the pages.
const screenshots = "IOMUX_SCREENSHOTS"

// shot takes a picture, if somebody wants one.
func (p *tab) shot(name string) {
	p.t.Helper()
	dir := os.Getenv(screenshots)
	if dir == "" {
		return
	}
	picture, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	p.must(err)
	p.must(os.MkdirAll(dir, 0o755))
	p.must(os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o644))
}

// control is what one can do something with, as assistive programs are told of it.
type control struct{ role, name string }

// controls are those that the page has now.
func (p *tab) controls() (list []control) {
	p.t.Helper()
	tree, err := chromedp.Call(p.ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	p.must(err)
	text := func(v *accessibility.Value) (s string) {
		if v != nil {
			_ = json.Unmarshal(v.Value, &s) // what is no text is no name
		}
		return s
	}
	for _, n := range tree.Nodes {
		if n.Ignored {
			continue
		}
		switch role := text(n.Role); role {
		case "button", "link", "textbox", "searchbox", "combobox", "checkbox", "dialog", "log", "status", "navigation", "region":
			list = append(list, control{role, text(n.Name)})
		}
	}
	return list
}
