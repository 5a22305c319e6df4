package report

import (
	"fmt"
	"strings"

	"example.com/iomux/bench/result"
)

// adjectives say what more or less of a metric is.
type adjectives struct{ more, less, asMuch string }

func adjectivesOf(m result.Metric) adjectives {
	switch m.Name {
	case result.CPU.Name:
		return adjectives{"dearer", "cheaper", "dear"}
	case result.Rate.Name:
		return adjectives{"faster", "slower", "fast"}
	case result.RSS.Name, result.PerConn.Name:
		return adjectives{"bigger", "smaller", "big"}
	}
	return adjectives{"longer", "shorter", "long"}
}

// difference says in words what a verdict on a factor of the metric is.
func difference(m result.Metric, factor float64, v result.Verdict) string {
	a := adjectivesOf(m)
	switch {
	case v == result.More && factor >= 2:
		return fmt.Sprintf("%s times as %s", ratio(factor), a.asMuch)
	case v == result.More:
		return percent(factor-1) + " " + a.more
	case v == result.Less:
		return percent(1-factor) + " " + a.less
	case v == result.Same:
		return "no difference"
	}
	return Plain(string(v))
}

func plural(n int, noun string) string {
	stem, y := strings.CutSuffix(noun, "y")
	switch {
	case n == 1:
		return "1 " + noun
	case y:
		return fmt.Sprintf("%d %sies", n, stem)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
