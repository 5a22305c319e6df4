package report

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// browsers are the names of the same program.
var browsers = []string{"chromium", "chromium-browser", "google-chrome"}

// browserTime is how long a browser may take for a page, on a busy machine.
const browserTime = 2 * time.Minute

// TestPageInBrowser: a browser shows the page, with its charts, in colour.
func TestPageInBrowser(t *testing.T) {
	program := ""
	for _, name := range browsers {
		if path, err := exec.LookPath(name); err == nil {
			program = path
			break
		}
	}
	if program == "" {
		if os.Getenv("IOMUX_REQUIRE_TOOLS") != "" {
			t.Fatal("no chromium")
		}
		t.Skip("no chromium")
	}
	dir := t.TempDir()
	page, shot := filepath.Join(dir, "report.html"), filepath.Join(dir, "report.png")
	var b bytes.Buffer
	if err := HTML(&b, reference(t)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(page, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), browserTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
		"--user-data-dir="+filepath.Join(dir, "profile"), "--window-size=1200,3000", "--screenshot="+shot, "file://"+page)
	cmd.WaitDelay = time.Second // its children may outlive it
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	f, err := os.Open(shot)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	picture, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	// Text alone is shades of grey; tints and charts are what makes colours.
	if n := colours(picture); n < 20 {
		t.Errorf("%v with %d colours: no charts to be seen", picture.Bounds(), n)
	}
}

// colours counts the colours of a picture that are not grey.
func colours(p image.Image) int {
	seen := map[color.RGBA]bool{}
	for y := p.Bounds().Min.Y; y < p.Bounds().Max.Y; y++ {
		for x := p.Bounds().Min.X; x < p.Bounds().Max.X; x++ {
			r, g, b, _ := p.At(x, y).RGBA()
			c := color.RGBA{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8), 0xff}
			if max(c.R, c.G, c.B)-min(c.R, c.G, c.B) > 16 {
				seen[c] = true
			}
		}
	}
	return len(seen)
}
