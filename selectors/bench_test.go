//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package selectors_test

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux"
	"example.com/iomux/selectors"
)

// In steady state a Select allocates nothing, whatever it finds.
func TestSelectAllocatesNothing(t *testing.T) {
	each(t, func(f *fixture) {
		a, b := f.pair()
		f.register(a, RW, "a")
		f.register(b, RW, "b")
		for range 50 {
			c, _ := f.pair()
			f.register(c, W, "c")
		}
		f.write(a, "x")
		idle := f.selector()
		dst := make([]selectors.Ready[string], 16)
		for _, c := range []struct {
			name string
			call func() error
		}{
			{"Select, polling", func() error { _, err := f.sel.Select(0); return err }},
			{"Select, with a timeout", func() error { _, err := f.sel.Select(time.Second); return err }},
			{"Select, for ever", func() error { _, err := f.sel.Select(selectors.Forever); return err }},
			{"SelectInto", func() error { _, err := f.sel.SelectInto(dst, 0); return err }},
			{"Select of nothing", func() error { _, err := idle.Select(0); return err }},
			{"Select of nothing, with a timeout", func() error { _, err := idle.Select(time.Microsecond); return err }},
			{"Wake and Select", func() error { idle.Wake(); _, err := idle.Select(selectors.Forever); return err }},
			{"SetEvents", func() error {
				if _, err := f.sel.SetEvents(a, R); err != nil {
					return err
				}
				_, err := f.sel.SetEvents(a, RW)
				return err
			}},
			{"Unregister and Register", func() error {
				k, err := f.sel.Unregister(a)
				if err != nil {
					return err
				}
				_, err = f.sel.Register(a, k.Events, k.Data)
				return err
			}},
		} {
			var err error
			n := testing.AllocsPerRun(100, func() {
				if e := c.call(); e != nil {
					err = e
				}
			})
			f.check(err)
			if n == 0 {
				continue
			}
			if f.b == iomux.Kqueue && (c.name == "SetEvents" || c.name == "Unregister and Register") {
				continue // these are the entries that the simulated kernel makes
			}
			f.Errorf("%s: %v allocations", c.name, n)
		}
	})
}

// BenchmarkSelect is what Select costs beside the Wait below it, with n
// descriptors of which all are ready. The difference of the two, by n, is what an
// event costs.
func BenchmarkSelect(b *testing.B) {
	for _, backend := range iomux.Backends() {
		for _, n := range []int{1, 64} {
			var fds []int
			for len(fds) < n {
				p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
				if err != nil {
					b.Fatal(err)
				}
				fds = append(fds, p[0], p[1])
			}
			b.Run(fmt.Sprintf("%s/ready=%d/Wait", backend, n), func(b *testing.B) {
				p, err := iomux.Open(backend)
				if err != nil {
					b.Fatal(err)
				}
				defer p.Close()
				for _, fd := range fds[:n] {
					if err := p.Update(fd, 0, W); err != nil {
						b.Fatal(err)
					}
				}
				ready := make([]iomux.Ready, n)
				for b.Loop() {
					if k, err := p.Wait(ready, 0); err != nil || k != n {
						b.Fatal(k, err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/event")
			})
			b.Run(fmt.Sprintf("%s/ready=%d/SelectInto", backend, n), func(b *testing.B) {
				s, err := selectors.New[*int](backend)
				if err != nil {
					b.Fatal(err)
				}
				defer s.Close()
				for _, fd := range fds[:n] {
					if _, err := s.Register(fd, W, &n); err != nil {
						b.Fatal(err)
					}
				}
				dst := make([]selectors.Ready[*int], n)
				for b.Loop() {
					if k, err := s.SelectInto(dst, 0); err != nil || k != n {
						b.Fatal(k, err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/event")
			})
			for _, fd := range fds {
				_ = unix.Close(fd)
			}
		}
	}
}

// still is a poller that finds the same at every Wait, without a kernel.
type still struct {
	iomux.Poller
	found []iomux.Ready
}

func (p *still) Update(fd int, old, new iomux.Events) error {
	if new == W { // the waker's is R
		p.found = append(p.found, iomux.Ready{FD: fd, Events: W, Raw: iomux.RawOut})
	}
	return nil
}

func (p *still) Wait(ready []iomux.Ready, _ time.Duration) (int, error) {
	return copy(ready, p.found), nil
}

func (p *still) Close() error { return p.Poller.Close() }

// BenchmarkSelectAlone is a Select without the kernel: what the selector itself
// costs, per event.
func BenchmarkSelectAlone(b *testing.B) {
	for _, n := range []int{1, 64, 1024} {
		b.Run(fmt.Sprintf("ready=%d", n), func(b *testing.B) {
			p, err := iomux.Open(iomux.Poll)
			if err != nil {
				b.Fatal(err)
			}
			poller := &still{Poller: p}
			s, err := selectors.Over[*int](poller)
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			for fd := range n {
				// The numbers need not be open, for nobody asks.
				if _, err := s.Register(1000+fd, W, &n); err != nil {
					b.Fatal(err)
				}
			}
			dst := make([]selectors.Ready[*int], n)
			for b.Loop() {
				if k, err := s.SelectInto(dst, 0); err != nil || k != n {
					b.Fatal(k, err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/event")
		})
	}
}
