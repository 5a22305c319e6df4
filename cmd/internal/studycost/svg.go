//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package studycost

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"slices"

	"example.com/iomux"
)

// SVG draws the samples in two panels, on logarithmic axes: against how many
// descriptors are watched, with the published figures, and against how many of them are
// active. It is a picture of its own, light or dark as its reader likes it.
func SVG(w io.Writer, list []Sample) error {
	b := bufio.NewWriter(w)
	const width, height = 1100, 560
	fmt.Fprintf(b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="What a wait costs">
<style>
svg{--paper:#fff;--ink:#1a2525;--dim:#526060;--rule:#dfe6e6;--epoll:#0a6b6b;--kqueue:#6b4fa0;--poll:#b3541e;--select:#2f5fb3;font:13px system-ui,sans-serif}
@media(prefers-color-scheme:dark){svg{--paper:#101415;--ink:#e3e9e9;--dim:#9fadad;--rule:#2b3436;--epoll:#62cbc0;--kqueue:#b9a2ea;--poll:#f0a36b;--select:#8fb4f5}}
.paper{fill:var(--paper)}text{fill:var(--ink)}.dim{fill:var(--dim)}.rule{stroke:var(--rule)}
.title{font-size:17px;font-weight:600}.end{text-anchor:end}.mid{text-anchor:middle}
.line{fill:none;stroke-width:2.5}.published{fill:none;stroke-width:1.5;stroke-dasharray:3 4}.hollow{fill:var(--paper);stroke-width:1.5}
`, width, height, width, height)
	for _, name := range []iomux.Backend{iomux.Epoll, iomux.Kqueue, iomux.Poll, iomux.Select} {
		fmt.Fprintf(b, ".s-%[1]s{stroke:var(--%[1]s)}.f-%[1]s{fill:var(--%[1]s)}\n", name)
	}
	fmt.Fprintf(b, "</style>\n<rect class=\"paper\" width=\"%d\" height=\"%d\"/>\n", width, height)
	fmt.Fprintf(b, "<text class=\"title\" x=\"70\" y=\"32\">What a wait costs: CPU seconds for 100,000 waits</text>\n")

	backends := backendsOf(list)
	grow, busy := against(list, backends)
	left := panel{x: 70, y: 84, w: 440, h: 360, title: "one descriptor active", label: "descriptors watched"}
	left.draw(b, grow)
	if len(busy) > 0 {
		at := slices.MaxFunc(list, func(x, y Sample) int { return x.Active - y.Active }).Watched
		right := panel{x: 620, y: 84, w: 380, h: 360, title: fmt.Sprintf("%d descriptors watched", at), label: "descriptors active"}
		right.draw(b, busy)
	}
	legend(b, backends, 70, 506)
	return b.Flush()
}

// series is a line of a panel.
type series struct {
	backend   iomux.Backend
	published bool
	points    [][2]float64
}

// against sorts the samples into lines: against the number watched, and against that of
// those active.
func against(list []Sample, backends []iomux.Backend) (grow, busy []series) {
	crowd := slices.MaxFunc(list, func(x, y Sample) int { return x.Active - y.Active })
	for _, name := range backends {
		g, a := series{backend: name}, series{backend: name}
		for _, s := range list {
			// A clock that is too coarse for the rounds says 0, which has no place on
			// logarithmic axes.
			if s.Backend != name || s.Waits == 0 || s.Seconds <= 0 {
				continue
			}
			if s.Active == 1 {
				g.points = append(g.points, [2]float64{float64(s.Watched), s.Seconds})
			}
			if s.Watched == crowd.Watched && crowd.Active > 1 {
				a.points = append(a.points, [2]float64{float64(s.Active), s.Seconds})
			}
		}
		grow = append(grow, g)
		if len(a.points) > 0 {
			busy = append(busy, a)
		}
	}
	for _, name := range publishedBackends {
		p := series{backend: name, published: true}
		for _, n := range publishedCounts {
			p.points = append(p.points, [2]float64{float64(n), published[name][n]})
		}
		grow = append(grow, p)
	}
	return grow, busy
}

// panel is a diagram: its place, and what its axes say.
type panel struct {
	x, y, w, h   float64
	title, label string
	low, high    [2]float64 // the ends of the axes, as powers of ten
}

func (p *panel) draw(b *bufio.Writer, lines []series) {
	p.fit(lines)
	fmt.Fprintf(b, "<text x=\"%g\" y=\"%g\">%s</text>\n", p.x, p.y-14, p.title)
	for e := p.low[0]; e <= p.high[0]; e++ {
		x, _ := p.place([2]float64{math.Pow(10, e), 1})
		fmt.Fprintf(b, "<path class=\"rule\" d=\"M%.1f %gv%g\"/><text class=\"dim mid\" x=\"%.1f\" y=\"%g\">%s</text>\n", x, p.y, p.h, x, p.y+p.h+20, power(e))
	}
	for e := p.low[1]; e <= p.high[1]; e++ {
		_, y := p.place([2]float64{1, math.Pow(10, e)})
		fmt.Fprintf(b, "<path class=\"rule\" d=\"M%g %.1fh%g\"/><text class=\"dim end\" x=\"%g\" y=\"%.1f\">%s</text>\n", p.x, y, p.w, p.x-8, y+4, power(e))
	}
	fmt.Fprintf(b, "<text class=\"dim mid\" x=\"%g\" y=\"%g\">%s</text>\n", p.x+p.w/2, p.y+p.h+42, p.label)
	for _, s := range lines {
		p.line(b, s)
	}
	p.names(b, lines)
}

// fit makes the axes hold all points.
func (p *panel) fit(lines []series) {
	p.low, p.high = [2]float64{math.Inf(1), math.Inf(1)}, [2]float64{math.Inf(-1), math.Inf(-1)}
	for _, s := range lines {
		for _, at := range s.points {
			for axis := range 2 {
				p.low[axis] = min(p.low[axis], math.Floor(math.Log10(at[axis])))
				p.high[axis] = max(p.high[axis], math.Ceil(math.Log10(at[axis])))
			}
		}
	}
	for axis := range 2 {
		p.high[axis] = max(p.high[axis], p.low[axis]+1)
	}
}

// place is where a point is drawn.
func (p *panel) place(at [2]float64) (x, y float64) {
	part := func(axis int) float64 {
		return (math.Log10(at[axis]) - p.low[axis]) / (p.high[axis] - p.low[axis])
	}
	return p.x + p.w*part(0), p.y + p.h*(1-part(1))
}

func (p *panel) line(b *bufio.Writer, s series) {
	class, dot := "line", "f-"+string(s.backend)
	if s.published {
		class, dot = "published", "hollow s-"+string(s.backend)
	}
	fmt.Fprintf(b, "<polyline class=\"%s s-%s\" points=\"", class, s.backend)
	for _, at := range s.points {
		x, y := p.place(at)
		fmt.Fprintf(b, "%.1f,%.1f ", x, y)
	}
	fmt.Fprint(b, "\"/>\n")
	for _, at := range s.points {
		x, y := p.place(at)
		fmt.Fprintf(b, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\"><title>%s: %g, %s s</title></circle>\n", dot, x, y, s.backend, at[0], figure(at[1], true))
	}
}

// names writes the backends' names at the ends of their lines, apart from each other.
func (p *panel) names(b *bufio.Writer, lines []series) {
	type label struct {
		backend iomux.Backend
		x, y    float64
	}
	var labels []label
	for _, s := range lines {
		if !s.published && len(s.points) > 0 {
			x, y := p.place(s.points[len(s.points)-1])
			labels = append(labels, label{s.backend, x + 9, y + 4})
		}
	}
	slices.SortFunc(labels, func(a, b label) int { return int(a.y - b.y) })
	for i, l := range labels {
		if i > 0 {
			l.y = max(l.y, labels[i-1].y+15)
			labels[i].y = l.y
		}
		fmt.Fprintf(b, "<text class=\"f-%s\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", l.backend, l.x, l.y, l.backend)
	}
}

// legend says what the lines are.
func legend(b *bufio.Writer, backends []iomux.Backend, x, y float64) {
	for _, name := range backends {
		fmt.Fprintf(b, "<path class=\"line s-%s\" d=\"M%g %gh26\"/><text x=\"%g\" y=\"%g\">%s, here</text>\n", name, x, y, x+34, y+4, name)
		x += 130
	}
	fmt.Fprintf(b, "<path class=\"published\" style=\"stroke:var(--dim)\" d=\"M%g %gh26\"/><text x=\"%g\" y=\"%g\">published</text>\n", x, y, x+34, y+4)
	fmt.Fprintf(b, "<text class=\"dim\" x=\"70\" y=\"%g\">Published: %s; another machine, an older kernel.</text>\n</svg>\n", y+32, Source)
}

// power is a power of ten as one reads it.
func power(e float64) string {
	if e < 0 {
		return fmt.Sprintf("%.*f", int(-e), math.Pow(10, e))
	}
	text := fmt.Sprintf("%.0f", math.Pow(10, e))
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
