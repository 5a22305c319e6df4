//go:build linux

package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"example.com/iomux/bench/report"
	"example.com/iomux/bench/result"
)

// watch shows people how a measurement goes: tables as they come on one stream;
// on the other a bar, if that is a terminal, or else a line now and then.
type watch struct {
	out, err io.Writer
	bar      *progressbar.ProgressBar // nil where there is no terminal
	total    int
	began    time.Time
	told     time.Time

	save func(*result.Report) error // what there is, after each scenario; may be nil
}

// often is how long a watcher without a terminal hears nothing.
const often = 15 * time.Second

func newWatch(stdout, stderr io.Writer) *watch {
	w := &watch{out: stdout, err: stderr, began: time.Now(), told: time.Now()}
	if f, ok := stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		w.bar = progressbar.NewOptions(1,
			progressbar.OptionSetWriter(stderr),
			progressbar.OptionSetWidth(24),
			progressbar.OptionSetPredictTime(true),
			progressbar.OptionSetElapsedTime(true),
			progressbar.OptionSetRenderBlankState(false),
			progressbar.OptionClearOnFinish())
	}
	return w
}

func (w *watch) Note(text string) { w.say("note: " + text) }

func (w *watch) Skipped(s result.Skipped) { w.say("skipped: " + s.String()) }

// say writes a line where the bar was; the bar comes back by itself.
func (w *watch) say(line string) {
	w.clear()
	fmt.Fprintln(w.out, report.Plain(line))
}

func (w *watch) clear() {
	if w.bar != nil {
		_ = w.bar.Clear() // a terminal that went away is no reason to stop
	}
}

func (w *watch) Progress(done, total int, what string) {
	if w.bar != nil {
		if total != w.total {
			w.total = total
			w.bar.Reset()
			w.bar.ChangeMax(total)
		}
		w.bar.Describe(fmt.Sprintf("%-46.46s", what))
		_ = w.bar.Set(done)
		return
	}
	if now := time.Now(); now.Sub(w.told) >= often && done < total {
		w.told = now
		left := ""
		if done > 0 {
			left = fmt.Sprintf(", %v left", (now.Sub(w.began) * time.Duration(total-done) / time.Duration(done)).Round(time.Second))
		}
		fmt.Fprintf(w.err, "%d of %d runs%s: %s\n", done, total, left, what)
	}
}

func (w *watch) Outcome(o *result.Outcome, so *result.Report) {
	w.clear()
	if w.save != nil {
		if err := w.save(so); err != nil { // at the end it is tried again, and an error then
			w.say("note: not saved: " + err.Error())
		}
	}
	// That standard output went away will show when the results are told.
	_ = report.Table(w.out, o)
}

func (w *watch) close() {
	if w.bar != nil {
		_ = w.bar.Clear()
	}
}
