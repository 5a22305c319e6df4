// Package run measures echo servers against each other on a machine that is
// never quite quiet.
//
// It builds the peers, starts each afresh for every run, pinned apart from the
// generator, and interleaves: in a round every peer runs once for a short time,
// the order is reversed every second round, and what counts are the ratios
// within a round, of which the median is shown with half their spread. A run
// that others disturbed is repeated once.
package run
