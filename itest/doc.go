// Package itest holds tests of the iomux program with real clients, real limits
// and a tracer of system calls. There is nothing to import.
package itest
