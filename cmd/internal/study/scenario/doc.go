// Package scenario runs a server and a client that follows a script, for
// "iomux study": small dialogues, each of which shows one thing about a loop.
//
// The client waits for what can be seen, never for time: for answers, and for the loop
// to wait again. So the server's calls are the same in each run. It is a client of
// package net, whose calls go past internal/sys: they are in no trace.
package scenario
