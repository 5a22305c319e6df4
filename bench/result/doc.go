// Package result holds what a measurement found, and says what can be concluded
// from it: medians, intervals, verdicts, the comparison of two states of a program
// that were measured together, and that of measurements made one after the other.
// The statistics assume nothing of how noise is distributed between rounds; only
// where three measurements or more stand on either side, their medians are taken
// for normally distributed.
package result
