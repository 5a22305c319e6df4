//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chatstore

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"example.com/iomux/internal/chattext"
	"example.com/iomux/internal/leaktest"
	"example.com/iomux/servers/chat"
)

// childVariable has the test binary append to the file that it names, for ever.
const childVariable = "IOMUX_TEST_CHATSTORE"

func TestMain(m *testing.M) {
	if path := os.Getenv(childVariable); path != "" {
		appendForEver(path)
	}
	os.Exit(leaktest.Main(m))
}

// appendForEver writes the number of the last message when Append has returned.
func appendForEver(path string) {
	s, err := Open(path, Options{PerRoom: -1})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	r, _, err := s.Load("tea", 1)
	for seq := r.Seq + 1; err == nil; seq += 3 {
		err = s.Append([]chat.StoredRoom{room("tea", "e", seq, seq+2), room(fmt.Sprintf("room-%d", seq), "e", 1, 1)})
		if err == nil {
			fmt.Println(seq + 2)
		}
	}
	fmt.Println(err)
	os.Exit(1)
}

// What Append has returned for is there after the program was killed, and what it has
// not returned for is there whole or not at all.
func TestKilled(t *testing.T) {
	leaktest.Check(t)
	path := filepath.Join(t.TempDir(), "chat.db")
	last := uint64(0)
	for life := range 6 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), childVariable+"="+path)
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			was := last
			if _, err := fmt.Sscan(lines.Text(), &last); err != nil || last <= was {
				t.Errorf("the child says %q", lines.Text())
			}
			if n == 5*life {
				_ = child.Process.Kill()
			}
		}
		_ = child.Wait()
		s, err := Open(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := s.Load("tea", 1<<20)
		if err != nil || got.Seq < last || got.Seq%3 != 0 || !reflect.DeepEqual(got, room("tea", "e", 1, got.Seq)) {
			t.Errorf("after %d: got %d messages up to %d, %v", last, len(got.Events), got.Seq, err)
		}
		last = got.Seq
		counted(t, s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// However a file has come about, it is not taken for a damaged one.
func TestLongLife(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chat.db")
	random := rand.New(rand.NewPCG(1, 2))
	seqs := map[int]uint64{}
	for range 12 {
		s, err := Open(path, Options{MaxRooms: 12, PerRoom: 1 + random.IntN(400), MaxBytes: 300_000})
		if err != nil {
			t.Fatal(err)
		}
		s.db.NoSync = true
		for range 30 {
			i, n := random.IntN(26), uint64(random.IntN(60))
			r := numbered(i, seqs[i]+1, seqs[i]+n)
			seqs[i] += n
			r.Epoch = fmt.Sprint(random.IntN(20) / 19)
			for k := range r.Events {
				if random.IntN(50) == 0 {
					r.Events[k].Text = strings.Repeat("long ", random.IntN(3000))
				}
			}
			add(t, s, r)
		}
		counted(t, s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// sample is a file with some history: pages of all kinds, free ones too.
func sample(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "chat.db")
	s, err := Open(path, Options{PerRoom: 300})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 26 {
		add(t, s, numbered(i, 1, uint64(1+i)))
	}
	long := room("tea", "e", 1, 400)
	for i := range long.Events {
		long.Events[i].Text = strings.Repeat("tea", 1+i%7*20)
	}
	long.Events[390].Text = strings.Repeat("x", 9000)
	add(t, s, long)
	if err := s.SaveBans([]chat.Ban{{Whom: "eve"}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// use does everything with a file. It returns the first error.
func use(path string) (rooms int, err error) {
	s, err := Open(path, Options{PerRoom: 200, MaxRooms: 26})
	if err != nil {
		return 0, err
	}
	s.db.NoSync = true // it is not the disk that is tested
	list := []string{"tea"}
	for i := range 26 {
		list = append(list, fmt.Sprintf("room-%c", 'a'+i))
	}
	for _, name := range list {
		_, fold, e := chattext.Room(name)
		err = errors.Join(err, e)
		_, ok, e := s.Load(fold, 1000)
		if ok {
			rooms++
		}
		err = errors.Join(err, e)
	}
	_, e := s.Bans()
	err = errors.Join(err, e)
	for _, r := range []chat.StoredRoom{room("tea", "e", 401, 402), numbered(3, 9, 9), room("tea", "new", 1, 200)} {
		err = errors.Join(err, s.Append([]chat.StoredRoom{r}))
	}
	err = errors.Join(err, s.SaveBans(nil))
	return rooms, errors.Join(err, s.Close())
}

// A file that was cut short is refused, wherever that was.
func TestCut(t *testing.T) {
	whole := sample(t)
	path := filepath.Join(t.TempDir(), "cut.db")
	refused := 0
	lengths := []int{1, 15, 16, 79, 80, 81}
	for n := 100; n < len(whole); n += 1531 {
		lengths = append(lengths, n)
	}
	for n := 2048; n <= len(whole); n += 2048 {
		lengths = append(lengths, n, n-1)
	}
	for _, n := range lengths {
		if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		rooms, err := use(path)
		switch {
		case err == nil && rooms != 27:
			t.Errorf("cut to %d of %d bytes: %d rooms, want 27 or an error", n, len(whole), rooms)
		case err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrFormat):
			t.Errorf("cut to %d of %d bytes: got %v, want ErrCorrupt", n, len(whole), err)
		case err != nil:
			refused++
		}
	}
	if refused < len(lengths)/2 {
		t.Errorf("%d of %d were refused", refused, len(lengths))
	}
}

// A file that is damaged gives errors, and no panic.
func TestDamaged(t *testing.T) {
	whole := sample(t)
	page := int(binary.NativeEndian.Uint32(whole[headSize+8:]))
	path := filepath.Join(t.TempDir(), "damaged.db")
	random := rand.New(rand.NewPCG(1, 2))
	taken, refused := 0, 0
	for i := range 400 {
		b := append([]byte(nil), whole...)
		for range 1 + i%3 {
			at := random.IntN(len(b))
			if i%2 == 0 { // where pages say what they are
				at = at/page*page + random.IntN(200)
			}
			b[at] = byte(random.Uint32())
		}
		if i%4 == 0 { // a lie with a checksum
			size := random.Uint32() % 9000
			for _, meta := range []int{0, page} {
				m := b[meta+headSize : meta+headSize+metaSize]
				m[16+random.IntN(40)] ^= 1 << random.IntN(8)
				if i%40 == 0 {
					binary.NativeEndian.PutUint32(m[8:], size)
				}
				h := fnv.New64a()
				h.Write(m[:metaSize-8])
				binary.NativeEndian.PutUint64(m[metaSize-8:], h.Sum64())
			}
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		switch _, err := use(path); {
		case err == nil:
			taken++
		case errors.Is(err, ErrCorrupt) || errors.Is(err, ErrFormat):
			refused++
		default:
			t.Errorf("number %d: got %v, want ErrCorrupt", i, err)
		}
	}
	// Most of a file is what nothing refers to any more.
	if taken < 20 || refused < 100 {
		t.Errorf("%d were taken, %d refused", taken, refused)
	}
}

// A page whose first key is not what the page above says is refused: bbolt would write
// it beside itself.
func TestFirstKeys(t *testing.T) {
	whole := sample(t)
	order := binary.NativeEndian
	page := int(order.Uint32(whole[headSize+8:]))
	path := filepath.Join(t.TempDir(), "damaged.db")
	refused := 0
	for at := 2 * page; at < len(whole); at += page {
		b := append([]byte(nil), whole[at:at+page]...)
		e := b[headSize:]
		if order.Uint16(b[8:]) != leafPage || order.Uint16(b[10:]) < 2 || order.Uint32(e) != 0 {
			continue
		}
		order.PutUint32(e[8:], order.Uint32(e[8:])+1) // the key has a byte of the value
		order.PutUint32(e[12:], order.Uint32(e[12:])-1)
		if err := os.WriteFile(path, append(append(append([]byte(nil), whole[:at]...), b...), whole[at+page:]...), 0o600); err != nil {
			t.Fatal(err)
		}
		switch s, err := Open(path, Options{}); {
		case err == nil: // of a page that nothing refers to, or a root
			_ = s.Close()
		case errors.Is(err, ErrCorrupt):
			refused++
		default:
			t.Errorf("page %d: got %v, want ErrCorrupt", at/page, err)
		}
	}
	if refused < 5 {
		t.Errorf("%d were refused", refused)
	}
}
