//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package selectors_test

import (
	"fmt"

	"example.com/iomux"
	"example.com/iomux/selectors"
)

// fake is a real poller that counts its Updates and fails them on request.
type fake struct {
	iomux.Poller
	calls []string
	fail  func(fd int, old, new iomux.Events) error // nil: never
}

func (p *fake) Update(fd int, old, new iomux.Events) error {
	p.calls = append(p.calls, fmt.Sprintf("%d: %v to %v", fd, old, new))
	if p.fail != nil {
		if err := p.fail(fd, old, new); err != nil {
			return err
		}
	}
	return p.Poller.Update(fd, old, new)
}

// newFake puts a selector over a fake in the place of f's.
func newFake(f *fixture) *fake {
	f.Helper()
	f.check(f.sel.Close())
	p, err := iomux.Open(f.b)
	f.check(err)
	fk := &fake{Poller: p}
	f.sel, err = selectors.Over[string](fk)
	f.check(err)
	sel := f.sel
	f.Cleanup(func() { f.check(sel.Close()) })
	return fk
}
