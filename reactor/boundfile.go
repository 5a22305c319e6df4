//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"log/slog"
	"sync"

	"example.com/iomux/internal/socketfile"
)

// boundFile is the file of a listener's Unix socket, to be removed once, by whoever
// comes first. The zero value is none. Any goroutine may call its methods.
type boundFile struct {
	mu   sync.Mutex
	file *socketfile.File // nil: none, or not ours to remove any more
}

// set makes f the file to remove.
func (b *boundFile) set(f *socketfile.File) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.file = f
}

// forget leaves the file to a successor.
func (b *boundFile) forget() { b.set(nil) }

// remove removes the file. It may wait for others that hold the directory's lock.
func (b *boundFile) remove(log *slog.Logger, url string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.file == nil {
		return
	}
	if err := b.file.Remove(); err != nil {
		log.Warn("cannot remove a socket's file", "listener", url, "err", err)
	}
	b.file = nil
}
