//go:build linux

package run

import (
	"time"

	"example.com/iomux/bench/load"
	"example.com/iomux/bench/scenario"
)

// config is the scenario for the generator.
func config(s scenario.Scenario) load.Config {
	return load.Config{
		Kind:  kinds[s.Kind],
		Conns: s.Conns,
		Size:  s.Size,
		Depth: s.Depth,
		Whole: s.Frame,
		Mixed: s.Mixed,
		Rate:  s.Rate,
		Slow:  s.Slow,
		// A thread a connection takes its time to end ten thousand of them.
		Patience: min(5*time.Second+time.Duration(s.Conns)*5*time.Millisecond, load.MaxTime),
	}
}

var kinds = map[scenario.Kind]load.Kind{
	scenario.Echo:  load.Echo,
	scenario.UDP:   load.UDP,
	scenario.Chat:  load.Chat,
	scenario.Room:  load.Room,
	scenario.Churn: load.Churn,
	scenario.Idle:  load.Idle,
}
