//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package iomux_test

import (
	"fmt"
	"log"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux"
)

// A poller by hand: a pipe becomes readable when something is written into it,
// and stays so until it is read.
func Example() {
	p, err := iomux.Open("") // the best backend of this system
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()
	var fds [2]int
	if err := unix.Pipe(fds[:]); err != nil {
		log.Fatal(err)
	}
	r, w := fds[0], fds[1]

	if err := p.Update(r, 0, iomux.Readable); err != nil {
		log.Fatal(err)
	}
	ready := make([]iomux.Ready, 16)
	n, err := p.Wait(ready, time.Millisecond)
	fmt.Println("empty:", n, err)

	unix.Write(w, []byte("x"))
	for range 2 {
		n, err = p.Wait(ready, iomux.Forever)
		fmt.Println("written:", n, err, ready[0].FD == r, ready[0].Events)
	}

	if err := p.Update(r, iomux.Readable, 0); err != nil {
		log.Fatal(err)
	}
	n, err = p.Wait(ready, 0)
	fmt.Println("removed:", n, err)
	unix.Close(r)
	unix.Close(w)
	// Output:
	// empty: 0 <nil>
	// written: 1 <nil> true Readable
	// written: 1 <nil> true Readable
	// removed: 0 <nil>
}
