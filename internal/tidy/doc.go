// Package tidy keeps the rules that no compiler and no linter keeps: which
// package may import which, how long a file may be, and that what the documents
// say is true. It holds only tests.
package tidy
