package transcript

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"
)

// difference is an answer other than the one in the script.
type difference struct {
	line     line
	got      []byte
	at       int   // where in it the difference is
	err      error // errDiffers, or what ended the receiving
	patience time.Duration
	nothing  int // the line of a NOTHING before it, or 0
}

func (d *difference) Unwrap() error { return d.err }

func (d *difference) Error() string {
	s := "the server's answer"
	if d.line.conn != "" {
		s += " to " + d.line.conn
	}
	s += "\n\twant " + d.want() + "\n\tgot  " + d.came()
	if d.nothing != 0 {
		s += fmt.Sprintf("\n\tNOTHING, as line %d wants, would have been before it", d.nothing)
	}
	return s
}

// maxShown bounds how many bytes of a text a message shows.
const maxShown = 400

func (d *difference) want() string {
	if d.line.op == receiveEOF {
		return "EOF"
	}
	want := d.line.what()
	if len(want) > maxShown {
		return want[:maxShown] + "…"
	}
	return want
}

// came is what arrived and how it ended.
func (d *difference) came() string {
	var got, end string
	switch {
	case len(d.got) > maxShown:
		from, to := max(d.at-maxShown/2, 0), min(d.at+maxShown/2, len(d.got))
		got = fmt.Sprintf("%d bytes, from byte %d on %q", len(d.got), from+1, d.got[from:to])
	case len(d.got) > 0:
		got = strconv.Quote(string(d.got))
	case errors.Is(d.err, errDiffers):
		got = "EMPTY" // a datagram
	}
	switch {
	case errors.Is(d.err, errDiffers):
		return fmt.Sprintf("%s, which differs at byte %d", got, d.at+1)
	case errors.Is(d.err, io.EOF):
		end = "EOF"
	case errors.Is(d.err, os.ErrDeadlineExceeded):
		end = fmt.Sprintf("nothing for %v", d.patience)
	default:
		end = d.err.Error()
	}
	if got == "" {
		return end
	}
	return got + ", then " + end
}
