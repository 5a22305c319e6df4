//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import "example.com/iomux"

// combination turns five bits into what a poller would say: in, out, err, hup,
// rdhup from the lowest.
func combination(set int) (events iomux.Events, raw iomux.Raw) {
	for i, bit := range []struct {
		raw    iomux.Raw
		events iomux.Events
	}{
		{iomux.RawIn, iomux.Readable},
		{iomux.RawOut, iomux.Writable},
		{iomux.RawErr, iomux.Readable | iomux.Writable},
		{iomux.RawHup, iomux.Readable | iomux.Writable},
		{iomux.RawRdHup, iomux.Readable},
	} {
		if set&(1<<i) != 0 {
			raw |= bit.raw
			events |= bit.events
		}
	}
	return events, raw
}
