//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"
)

// However a text is cut on its way, and whatever a coroutine does between its reads,
// ReadSlice and Read give all of it, in order.
func TestReadSlice(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		for seed := range uint64(40) {
			random := rand.New(rand.NewPCG(seed, 0))
			var text strings.Builder
			for range 1 + random.IntN(60) {
				text.WriteString(strings.Repeat("x", int(random.ExpFloat64()*300)))
				if random.IntN(10) > 0 {
					text.WriteByte('\n')
				}
			}
			whole := text.String()
			result := make(chan string, 1)
			serveSeed := random.Uint64()
			_, ln, log := serve(t, o, Blocking(func(s *Stream) error {
				random := rand.New(rand.NewPCG(serveSeed, 1))
				var got strings.Builder
				defer func() { result <- got.String() }()
				for {
					switch random.IntN(8) {
					case 0:
						if err := s.Sleep(time.Duration(random.IntN(100)) * time.Microsecond); err != nil {
							return err
						}
					case 1:
						p := make([]byte, random.IntN(50))
						n, err := s.Read(p)
						got.Write(p[:n])
						if err != nil {
							return err
						}
					case 2: // a deadline that is over, or nearly
						_ = s.SetReadDeadline(time.Now().Add(time.Duration(random.IntN(3)) * 50 * time.Microsecond))
						p, err := s.ReadSlice('\n', 1<<20)
						got.Write(p)
						if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
							return err
						}
						_ = s.SetReadDeadline(time.Time{})
					default:
						p, err := s.ReadSlice('\n', 1<<20)
						got.Write(p)
						switch {
						case err != nil:
							return err
						case strings.Count(string(p), "\n") != 1 || p[len(p)-1] != '\n':
							t.Errorf("seed %d: no line: %q", seed, p)
							return nil
						}
					}
				}
			}))
			c := dial(t, ln)
			for rest := whole; len(rest) > 0; {
				n := min(len(rest), 1+random.IntN(400))
				if _, err := io.WriteString(c, rest[:n]); err != nil {
					t.Fatal(err)
				}
				rest = rest[n:]
				if random.IntN(3) == 0 {
					onLoop(t, ln.group.loops[0], func() {}) // so that it goes by itself
				}
			}
			_ = c.CloseWrite()
			if got := receive(t, result); got != whole {
				t.Fatalf("seed %d: got %d bytes of %d, or others", seed, len(got), len(whole))
			}
			_ = c.Close()
			if log.count("panicked") > 0 {
				t.Fatal("a panic")
			}
		}
	})
}

func TestReadSliceLimit(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		_, ln, _ := serve(t, o, Blocking(func(s *Stream) error {
			for {
				line, err := s.ReadSlice('\n', 10)
				if err != nil {
					rest, _ := bufio.NewReader(s).ReadString('\n') // it can be read in another way
					_, err := fmt.Fprintf(s, "%t%d", errors.Is(err, ErrReadLimit), len(rest))
					return err
				}
				if _, err := fmt.Fprintf(s, "%d ", len(line)); err != nil {
					return err
				}
			}
		}))
		for in, want := range map[string]string{
			"123456789\n12345678901\n": "10 true12",
			"\n12345678901\n":          "1 true12",
		} {
			c := dial(t, ln)
			for i := range len(in) {
				_, _ = io.WriteString(c, in[i:i+1])
			}
			expect(t, c, want)
			_ = c.Close()
		}
	})
}
