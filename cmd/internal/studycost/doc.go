// Package studycost measures, for "iomux study cost", what a wait costs on each
// backend: with how many descriptors are watched, and with how many of them are
// active. It prints a table and a page's worth of SVG, with figures that were
// published for the same question beside its own.
package studycost
