// Package libkqueue runs the kqueue poller over libkqueue, an implementation of
// kqueue on Linux by others: a second opinion besides internal/kqueuesim, whose
// author also wrote the poller. It is for tests, and empty unless built with
// cgo and the tag libkqueue on a system that has the library:
//
//	go test -tags libkqueue ./...
//
// Importing it for effect makes iomux.Open and iomux.Backends know kqueue. What
// version 2.7.0 does otherwise than a BSD kernel, and a test may have to allow for:
//
//   - A descriptor closed with its filters still set keeps them.
//   - Where both filters are set, the end of a half-closed stream shows only
//     when its data has been read, and the last change decides on EV_CLEAR for
//     the two of them: underneath they are one epoll entry.
//   - A socket's pending error, once shown in fflags, is gone from SO_ERROR.
//   - With less room than there are events, the filters of one descriptor do
//     not take turns.
package libkqueue
