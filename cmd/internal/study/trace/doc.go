// Package trace turns what the hook of internal/sys sees into records that a person can
// read: who made the call, on what (a listener, the third connection, the waker), in
// which phase of the loop's turn, and what came of it.
//
// A record goes from the [Recorder] to one function, in the order in which the calls
// ended, on the goroutine that made the call.
package trace
