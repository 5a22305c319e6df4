//go:build libkqueue

package leaktest

// libkqueue keeps what belonged to a closed kqueue for the next one.
const descriptorsLinger = true
