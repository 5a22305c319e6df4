// Package report shows what a measurement found: as a table on a terminal, as a
// page, as text for benchstat, and as the differences between two measurements.
//
// A report file may come from anybody. Its texts reach a terminal or a page
// through [Plain] only, and its numbers through formatters that bound their
// length.
package report
