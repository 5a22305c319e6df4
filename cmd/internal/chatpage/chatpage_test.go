package chatpage

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

// get asks a handler for a path, with headers as "Name: value".
func get(h http.Handler, method, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		if name == "Host" {
			r.Host = value
			continue
		}
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// directives of the policy that an answer has, by their names.
func directives(w *httptest.ResponseRecorder) map[string]string {
	m := map[string]string{}
	for d := range strings.SplitSeq(w.Header().Get("Content-Security-Policy"), ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(d), " ")
		m[name] = value
	}
	return m
}

func TestPage(t *testing.T) {
	h := Handler(Options{Title: `Tea & <b>cake</b>`})
	for _, path := range []string{"/", "/index.html"} {
		w := get(h, "GET", path)
		if w.Code != http.StatusOK {
			t.Fatalf("%s: %d", path, w.Code)
		}
		for name, want := range map[string]string{
			"Content-Type":               "text/html; charset=utf-8",
			"X-Content-Type-Options":     "nosniff",
			"Referrer-Policy":            "no-referrer",
			"Cross-Origin-Opener-Policy": "same-origin",
			"Cache-Control":              "no-cache",
		} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
		if !strings.Contains(w.Body.String(), "<title>Tea &amp; &lt;b&gt;cake&lt;/b&gt;</title>") {
			t.Errorf("%s: the title is not in the page as text", path)
		}
	}
	if w := get(Handler(Options{}), "GET", "/"); !strings.Contains(w.Body.String(), "<title>iomux</title>") {
		t.Error("without a title it is not called iomux")
	}
}

// The policy lets the page's own script and style run, by their hashes, and nothing else.
func TestPolicy(t *testing.T) {
	w := get(Handler(Options{}), "GET", "/", "Host: chat.example:8443")
	body, policy := w.Body.String(), directives(w)
	for _, tag := range []string{"script", "style"} {
		found := regexp.MustCompile(`(?s)<`+tag+`>(.*?)</`+tag+`>`).FindAllStringSubmatch(body, -1)
		if len(found) != 1 {
			t.Fatalf("%d elements %s", len(found), tag)
		}
		sum := sha256.Sum256([]byte(found[0][1]))
		if want := "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; policy[tag+"-src"] != want {
			t.Errorf("%s-src is %s, want %s", tag, policy[tag+"-src"], want)
		}
	}
	for name, want := range map[string]string{
		"default-src":               "'none'",
		"base-uri":                  "'none'",
		"form-action":               "'none'",
		"frame-ancestors":           "'none'",
		"img-src":                   "data:",
		"connect-src":               "'self' ws://chat.example:8443 wss://chat.example:8443",
		"require-trusted-types-for": "'script'",
		"trusted-types":             "'none'",
	} {
		if policy[name] != want {
			t.Errorf("%s is %q, want %q", name, policy[name], want)
		}
	}
	if strings.Contains(w.Header().Get("Content-Security-Policy"), "unsafe") {
		t.Error("something unsafe is allowed")
	}
}

// What a policy forbids should not be in the page, where it would only not work.
func TestPageIsOneFile(t *testing.T) {
	for what, pattern := range map[string]string{
		"an attribute that is a script":                           `(?i)<[a-z][^>]*\son[a-z]+\s*=`,
		"an attribute that is a style":                            `(?i)<[a-z][^>]*\sstyle\s*=`,
		"something of another file":                               `<[a-z][^>]*\ssrc\s*=|@import|\burl\(|<link (?:[^>]*\s)?href="[^d]`,
		"text that becomes markup":                                `innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function`,
		"a carriage return, which HTML drops before it is hashed": `\r`,
	} {
		if found := regexp.MustCompile(pattern).FindString(page); found != "" {
			t.Errorf("the page has %s: %q", what, found)
		}
	}
}

// A host that is no host does not get into the policy.
func TestPolicyOfStrangeHosts(t *testing.T) {
	for _, host := range []string{"", "x; script-src *", "x;script-src", "a b", "a,b", "'unsafe-inline'", "*", "x/y", "ä"} {
		w := get(Handler(Options{}), "GET", "/", "Host: "+host)
		if got := directives(w)["connect-src"]; got != "'self'" {
			t.Errorf("host %q: connect-src is %q", host, got)
		}
	}
	w := get(Handler(Options{}), "GET", "/", "Host: [::1]:80")
	if got := directives(w)["connect-src"]; got != "'self' ws://[::1]:80 wss://[::1]:80" {
		t.Errorf("an IPv6 address: %q", got)
	}
}

func TestUnchangedPageIsNotSentAgain(t *testing.T) {
	h := Handler(Options{})
	tag := get(h, "GET", "/").Header().Get("ETag")
	if tag == "" {
		t.Fatal("no ETag")
	}
	if w := get(h, "GET", "/", "If-None-Match: "+tag); w.Code != http.StatusNotModified || w.Body.Len() > 0 {
		t.Errorf("the same page again: %d with %d bytes", w.Code, w.Body.Len())
	}
	if w := get(Handler(Options{Title: "other"}), "GET", "/", "If-None-Match: "+tag); w.Code != http.StatusOK {
		t.Errorf("another page: %d", w.Code)
	}
}

func TestOtherRequests(t *testing.T) {
	h := Handler(Options{})
	if w := get(h, "HEAD", "/"); w.Code != http.StatusOK || w.Body.Len() > 0 || w.Header().Get("Content-Length") == "" {
		t.Errorf("HEAD: %d, %d bytes, Content-Length %q", w.Code, w.Body.Len(), w.Header().Get("Content-Length"))
	}
	for _, method := range []string{"POST", "PUT", "DELETE"} {
		if w := get(h, method, "/"); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d, Allow %q", method, w.Code, w.Header().Get("Allow"))
		}
	}
	for _, path := range []string{"/page.html", "/favicon.ico", "/index.html/", "/.git/config"} {
		if w := get(h, "GET", path); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}
