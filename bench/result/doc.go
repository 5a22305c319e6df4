// Package result holds what a measurement found, and says what can be concluded
// from it: medians, 95 % intervals, verdicts, and the comparison of two
// measurements. The statistics are those of benchstat (golang.org/x/perf),
// which assume nothing of how noise is distributed.
package result
