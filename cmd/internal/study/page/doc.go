// Package page writes a trace as one page of HTML that needs nothing else: the turns of
// the loop on a line of time, the calls, and the interest table, to step through. It
// works from a file, and its policy lets no other script run.
package page
