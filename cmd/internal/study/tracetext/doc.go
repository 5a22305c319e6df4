// Package tracetext prints a trace, a line a call, for people who read it beside the output
// of strace.
package tracetext
