// Package kqueuesim is a kqueue for Linux, in Go, over poll(2): so that the
// kqueue poller is proven, and can be studied, where there is no BSD. Importing
// it for effect makes iomux.Open and iomux.Backends know kqueue. It is for
// tests and study, never for a program at work: a wait costs what is watched.
//
// It follows the BSD manuals: an entry (knote) for each descriptor and filter,
// level-triggered unless EV_CLEAR, deleted by its report if EV_ONESHOT; the
// counts in data; EV_EOF on the side that has ended, together with unread data
// where there is some; changes that take effect during another goroutine's wait.
//
// What EV_CLEAR must know, that something happened since the last report, poll
// cannot tell. An epoll instance in edge-triggered mode can, and each queue that
// is given an EV_CLEAR filter has one inside for that.
//
// What it cannot see, since it looks from outside the kernel:
//
//   - A descriptor closed with its knote still there is noticed only by the
//     next wait, by its inode. An eventfd or epoll has no inode of its own, so
//     one that takes the number of another passes for it.
//   - A socket's pending error cannot be read without taking it from its owner.
//     fflags is EIO for any.
//   - A socket that was never connected is at EOF here, as poll says, while BSD
//     finds neither filter ready; and the end of writing shows on EVFILT_WRITE
//     only once the other direction has ended too.
//   - data is 1 where Linux has no count, such as a Unix listener's backlog, and
//     of datagrams it counts the first one only.
//   - Closing a queue does not end a wait in it, and only one goroutine at a
//     time may wait in one, as iomux.Poller promises.
//
// Since it plays the kernel, the calls that internal/sys does not have it makes
// itself. A trace shows its poll(2) inside the kevent it stands for.
package kqueuesim
