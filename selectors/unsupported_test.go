//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package selectors_test

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/iomux"
	"example.com/iomux/internal/leaktest"
	"example.com/iomux/selectors"
)

// A flag that the backend has not is an error of the arguments: it changes
// nothing, while what the kernel refuses ends the registration.
func TestModifyWithAnUnsupportedFlag(t *testing.T) {
	for _, b := range []iomux.Backend{iomux.Poll, iomux.Select} {
		t.Run(string(b), func(t *testing.T) {
			leaktest.Check(t)
			var fds [2]int
			if err := unix.Pipe(fds[:]); err != nil {
				t.Fatal(err)
			}
			defer unix.Close(fds[0])
			defer unix.Close(fds[1])
			sel, err := selectors.New[string](b)
			if err != nil {
				t.Fatal(err)
			}
			defer sel.Close()
			want, err := sel.Register(fds[0], iomux.Readable, "data")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := sel.Modify(fds[0], iomux.Readable|iomux.OneShot, "other"); !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("got %v, want errors.ErrUnsupported", err)
			}
			if got, err := sel.Key(fds[0]); err != nil || got != want {
				t.Errorf("the key is %+v, %v; want %+v", got, err, want)
			}
			if _, err := unix.Write(fds[1], []byte("x")); err != nil {
				t.Fatal(err)
			}
			if ready, err := sel.Select(0); err != nil || len(ready) != 1 {
				t.Errorf("ready: %v, %v", ready, err)
			}
		})
	}
}
