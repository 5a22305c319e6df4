// Package chatpage is the web page of the chat: one file of HTML, with its style and its
// script, that talks JSON over a WebSocket at /chat of the host that it comes from.
//
// The page shows what strangers have written. Its policy is therefore strict: no script
// and no style but its own, by their hashes; no text that becomes markup (Trusted Types);
// no connection but to its own host; no frame around it.
package chatpage

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html"
	"net/http"
	"strings"
	"time"
)

//go:embed page.html
var page string

// defaultTitle is the page's title as the file has it.
const defaultTitle = "iomux"

// Options tune the page.
type Options struct {
	// Title is what the page is called in the browser's tab and above its rooms. It
	// is text, not HTML. Default: "iomux".
	Title string
}

// Handler serves the page at / and /index.html, to GET and HEAD; elsewhere there is
// nothing (404). Browsers keep the page and ask each time whether it is still the same.
// The handler may be called from any goroutine.
func Handler(o Options) http.Handler {
	if o.Title == "" {
		o.Title = defaultTitle
	}
	body := []byte(strings.Replace(page, titleTag(defaultTitle), titleTag(o.Title), 1))
	sum := sha256.Sum256(body)
	return &handler{
		body: body,
		etag: `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`,
		policy: []string{
			"default-src 'none'",
			"script-src " + hashOf("script"),
			"style-src " + hashOf("style"),
			"img-src data:", // the icon
			"base-uri 'none'",
			"form-action 'none'",
			"frame-ancestors 'none'",
			"require-trusted-types-for 'script'",
			"trusted-types 'none'",
		},
	}
}

func titleTag(title string) string { return "<title>" + html.EscapeString(title) + "</title>" }

// hashOf is how a policy names what is between the tags of the page's only script or
// style: CSP Level 3, section 2.3.1.
func hashOf(tag string) string {
	_, rest, _ := strings.Cut(page, "<"+tag+">")
	text, _, _ := strings.Cut(rest, "</"+tag+">")
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// handler serves one page.
type handler struct {
	body   []byte
	etag   string
	policy []string // but for what depends on the request
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	if r.URL.Path != "/" && r.URL.Path != "/index.html" {
		http.NotFound(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		header.Set("Allow", "GET, HEAD")
		http.Error(w, "want GET or HEAD", http.StatusMethodNotAllowed)
		return
	}
	header.Set("Content-Security-Policy", strings.Join(append(h.policy[:len(h.policy):len(h.policy)], connectSource(r.Host)), "; "))
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Cache-Control", "no-cache")
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("ETag", h.etag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(h.body))
}

// connectSource lets the page talk to the host it comes from. 'self' has ws: and wss: in
// it for browsers that know CSP Level 3; others must be told the host.
func connectSource(host string) string {
	const source = "connect-src 'self'"
	// The host is a stranger's word, and a semicolon would begin another directive.
	if host == "" || strings.Trim(strings.ToLower(host), "abcdefghijklmnopqrstuvwxyz0123456789.-:[]") != "" {
		return source
	}
	return source + " ws://" + host + " wss://" + host
}
