package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// deployed is a file of deploy/.
func deployed(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "deploy", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// setting is what a unit says of a name, once.
func setting(t *testing.T, unit, name string) string {
	t.Helper()
	found := regexp.MustCompile("(?m)^"+name+"=(.*)$").FindAllStringSubmatch(unit, -1)
	if len(found) != 1 {
		t.Fatalf("%s is there %d times", name, len(found))
	}
	return found[0][1]
}

var chatUnits = []string{"iomux-chat.socket", "iomux-chat-web.socket", "iomux-chat.service"}

// What the units say has the chat serve lines and the page on systemd's sockets, and
// keep what was said.
func TestChatUnits(t *testing.T) {
	var sockets []*os.File
	var names, urls []string
	for _, unit := range chatUnits[:2] {
		names = append(names, setting(t, deployed(t, unit), "FileDescriptorName"))
		f, url := listenHere(t, "tcp", "127.0.0.1:0")
		sockets, urls = append(sockets, f), append(urls, url)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "iomux-chat"), 0o700); err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(strings.ReplaceAll(setting(t, deployed(t, "iomux-chat.service"), "ExecStart"), "%S", dir))
	p := runChat(t, activated(t, sockets, strings.Join(names, ":"), words[1:]...))
	if len(p.urls) != 1 || p.urls[0] != urls[0] || !strings.Contains(p.page, strings.TrimPrefix(urls[1], "tcp://")) {
		t.Errorf("it said %v, %q", p.urls, p.page)
	}
	p.signal(syscall.SIGHUP)
	p.logged("the settings were loaded anew")
	p.signal(syscall.SIGTERM)
	if status, _ := p.wait(); status != 0 {
		t.Errorf("exit status %d; log:\n%s", status, p.log.String())
	}
	if _, err := os.Stat(filepath.Join(dir, "iomux-chat", "chat.db")); err != nil {
		t.Error(err)
	}
}

// systemd understands the units, and finds little that the service could do harm with.
func TestChatUnitsVerify(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is missing")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	verify := []string{"verify", "--man=no"}
	for _, unit := range chatUnits {
		// The program has to be there.
		text := strings.ReplaceAll(deployed(t, unit), "/usr/local/bin/iomux", self)
		verify = append(verify, write(t, filepath.Join(dir, unit), text))
	}
	cmd := exec.CommandContext(t.Context(), analyze, verify...)
	if r := finish(t, cmd, ""); r.status != 0 || r.stderr != "" {
		t.Errorf("%+v", r)
	}
	cmd = exec.CommandContext(t.Context(), analyze, "security", "--offline=true", "--threshold=20", filepath.Join(dir, "iomux-chat.service"))
	if r := finish(t, cmd, ""); strings.Contains(r.stderr, "unrecognized option") {
		t.Skip("systemd-analyze is too old to look at files")
	} else if r.status != 0 {
		t.Errorf("%s%s", r.stdout, r.stderr)
	}
}

// list is the words of an instruction of the Dockerfile.
func list(t *testing.T, dockerfile, pattern string) (words []string) {
	t.Helper()
	found := regexp.MustCompile(pattern).FindStringSubmatch(dockerfile)
	if found == nil {
		t.Fatalf("no %s", pattern)
	}
	if err := json.Unmarshal([]byte(found[1]), &words); err != nil {
		t.Fatal(err)
	}
	return words
}

// What the image runs works, and is healthy; and all modules that the program is made
// of are fetched first.
func TestChatDockerfile(t *testing.T) {
	dockerfile := deployed(t, "Dockerfile")
	dir := t.TempDir()
	var args []string
	for _, word := range list(t, dockerfile, `(?m)^CMD (\[.*\])$`) {
		word = regexp.MustCompile(`(0\.0\.0\.0):\d+`).ReplaceAllString(word, "127.0.0.1:0")
		args = append(args, strings.Replace(word, "/data", dir, 1))
	}
	p := startChat(t, args[1:]...)
	joinLines(t, p.urls[0]).hear("Welcome")
	health := list(t, dockerfile, `(?m)^\tCMD (\[.*\])$`)
	if r := call(t, "", append(health[1:], p.page+"healthz")...); r.status != 0 {
		t.Errorf("%+v", r)
	}
	if entry := list(t, dockerfile, `(?m)^ENTRYPOINT (\[.*\])$`); entry[0] != health[0] || len(entry) != 1 {
		t.Errorf("%v is run, and %v asked", entry, health)
	}
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range regexp.MustCompile(`(?m)^replace \S+ => \.\./(\S*)$`).FindAllStringSubmatch(string(mod), -1) {
		name := strings.TrimPrefix(found[1]+"/go.mod", "/")
		if !strings.Contains(dockerfile, "COPY "+name+" ") {
			t.Errorf("%s is not copied", name)
		}
	}
}
