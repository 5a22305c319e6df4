package result

import (
	"fmt"

	"example.com/iomux/bench/scenario"
)

// doubts are reasons not to take a row's figures at their word, one line each.
func doubts(s scenario.Scenario, samples []*Sample) []string {
	var found []string
	doubt := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	if j := median(samples, func(s *Sample) float64 { return s.Jain }); j > 0 && j < leastFair {
		doubt("unfair: Jain's index %.2f, some connections got much less than others", j)
	}
	if l := median(samples, func(s *Sample) float64 { return s.Little }); l > 0 && (l < 1-littleMargin || l > 1+littleMargin) {
		doubt("Little's law gives %.2f of the messages in the air: latency or rate leaves some out", l)
	}
	if rate := median(samples, Rate.Of); s.Rate > 0 && rate < least(s, samples) {
		doubt("overloaded: %.0f/s instead of the %.0f/s asked for%s", rate, s.Asked(), spent(s, samples))
	}
	if lag := median(samples, func(s *Sample) float64 { return s.Lag }); s.Rate > 0 && lag > median(samples, func(s *Sample) float64 { return s.P999 }) {
		doubt("the generator, or a full socket, held a message up for %.0f µs: the highest percentiles are not the server's", lag)
	}
	var all, lost, unanswered, closed, dropped int64
	for _, sample := range samples {
		all += sample.Messages
		lost += sample.Lost
		unanswered += sample.Unanswered
		closed += sample.Closed
		dropped += sample.Dropped
	}
	if lost > 0 {
		doubt("%.2g %% of the datagrams were lost, as a rule to a full socket buffer; each leaves its place empty for 200 ms", 100*float64(lost)/float64(all+lost))
	}
	if unanswered > 0 {
		doubt("%d messages were never answered", unanswered)
	}
	if closed > 0 {
		doubt("%d slow readers were disconnected", closed)
	}
	if dropped > 0 {
		doubt("%d members were dropped, in %d runs, and owed nothing from then on", dropped, len(samples))
	}
	if backlog := median(samples, func(s *Sample) float64 { return float64(s.Backlog) }); s.Kind == scenario.Room && backlog > max(leastBacklog*s.Asked(), burst(s)) {
		doubt("behind by %.0f deliveries at the end, which came later", backlog)
	}
	return found
}

// least is the rate below which an open loop is overloaded. Of a room, a burst may be on
// its way when the window ends: where there are few in it, that is much of all.
func least(s scenario.Scenario, samples []*Sample) float64 {
	if seconds := median(samples, func(s *Sample) float64 { return s.Seconds }); s.Kind == scenario.Room && seconds > 0 {
		return min(leastRate*s.Asked(), s.Asked()-burst(s)/seconds)
	}
	return leastRate * s.Asked()
}

// burst is the deliveries of a room's burst.
func burst(s scenario.Scenario) float64 { return float64(s.Depth) * float64(s.Conns-1) }

// spent says that a room's generator may be what was overloaded.
func spent(s scenario.Scenario, samples []*Sample) string {
	if s.Kind == scenario.Room && median(samples, func(s *Sample) float64 { return s.GeneratorUtil }) >= busy {
		return ", and the generator had no more CPU time"
	}
	return ""
}
