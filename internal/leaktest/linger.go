//go:build !libkqueue

package leaktest

// descriptorsLinger: something in the process closes descriptors when it likes,
// so that to compare them says nothing.
const descriptorsLinger = false
