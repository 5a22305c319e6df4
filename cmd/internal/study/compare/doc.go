// Package compare sets the traces of one scenario on several backends side by side, and
// marks what differs.
package compare
