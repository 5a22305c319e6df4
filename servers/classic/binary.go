//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package classic

import (
	encoding "encoding/binary"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"math"

	"example.com/iomux/servers/socketserver"
)

// binary takes a record from each client and prints it. Its original unpacks what it
// has got by one read, in the order of bytes that its machine has; here the order is
// known, and a record may come in pieces.
var binary = Entry{
	Name:  "binary",
	About: "takes a record of 12 bytes, and shows it in the transcript",
	More: `The record is a number of 4 bytes, 2 characters, 2 bytes of padding, and a
floating-point number of 4 bytes: I2sf for Python's struct.`,
	Listen:    []string{"tcp://127.0.0.1:10000"},
	Kinds:     []string{"tcp", "unix"},
	Modes:     allModes,
	IOTimeout: requestTimeout,
	setup: func(flags *flag.FlagSet) func(Options) (*Server, error) {
		be := flags.Bool("be", false, "numbers are big-endian, the network's order")
		return func(o Options) (*Server, error) {
			order := encoding.ByteOrder(encoding.LittleEndian)
			if *be {
				order = encoding.BigEndian
			}
			s, err := onRequests(o, socketserver.HandlerFunc(func(r *socketserver.Request) error {
				return takeRecord(r, o.say, order)
			}))
			if err == nil {
				o.say.line("waiting for a connection")
			}
			return s, err
		}
	},
}

// record is struct{ uint32; char[2]; float32 } as a C compiler lays it out, with two
// bytes of padding: Python's "I 2s f".
type record struct {
	Number uint32
	Text   [2]byte
	_      [2]byte
	Float  float32
}

const recordSize = 12

func takeRecord(r *socketserver.Request, say *transcript, order encoding.ByteOrder) error {
	defer say.line("waiting for a connection")
	p := make([]byte, recordSize)
	n, err := io.ReadFull(r, p)
	say.line("received b'%s'", hex.EncodeToString(p[:n]))
	if err != nil {
		return fmt.Errorf("classic: a record of %d bytes, want %d: %w", n, recordSize, err)
	}
	rec := decode(p, order)
	say.line("unpacked: (%d, %s, %s)", rec.Number, pyBytes(rec.Text[:]), pyFloat(float64(rec.Float)))
	return nil
}

// decode reads a record.
func decode(p []byte, order encoding.ByteOrder) (rec record) {
	rec.Number = order.Uint32(p)
	copy(rec.Text[:], p[4:])
	rec.Float = math.Float32frombits(order.Uint32(p[8:]))
	return rec
}
