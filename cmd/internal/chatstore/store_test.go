//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chatstore

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"example.com/iomux/internal/chattext"
	"example.com/iomux/internal/leaktest"
	"example.com/iomux/servers/chat"
)

var start = time.Date(2026, 11, 27, 12, 0, 0, 123e6, time.UTC)

// said is a message as Load returns it.
func said(room string, seq uint64) chat.Event {
	return chat.Event{
		Kind: chat.Said, Room: room, Seq: seq, Time: start.Add(time.Duration(seq) * time.Second),
		Nick: "ana", Text: fmt.Sprintf("message %d", seq), ID: fmt.Sprintf("id%d", seq),
	}
}

// room is a room with messages from first to last.
func room(name, epoch string, first, last uint64) chat.StoredRoom {
	r := chat.StoredRoom{Name: name, Epoch: epoch, Seq: last}
	for seq := first; seq <= last; seq++ {
		r.Events = append(r.Events, said(name, seq))
	}
	return r
}

func open(t testing.TB, path string, o Options) *Store {
	t.Helper()
	s, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func add(t testing.TB, s *Store, rooms ...chat.StoredRoom) {
	t.Helper()
	if err := s.Append(rooms); err != nil {
		t.Fatal(err)
	}
}

func fold(t testing.TB, name string) string {
	t.Helper()
	_, fold, err := chattext.Room(name)
	if err != nil {
		t.Fatal(err)
	}
	return fold
}

// want checks what is kept of a room, nothing if r has no Name.
func want(t testing.TB, s *Store, name string, limit int, r chat.StoredRoom) {
	t.Helper()
	got, ok, err := s.Load(fold(t, name), limit)
	if err != nil || ok != (r.Name != "") || !reflect.DeepEqual(got, r) {
		t.Errorf("room %s: got %+v, %v, %v; want %+v", name, got, ok, err, r)
	}
}

// What was kept is there again, in this life of the store and in the next.
func TestRoundTrip(t *testing.T) {
	leaktest.Check(t)
	path := filepath.Join(t.TempDir(), "chat.db")
	lobby := room("Lobby", "epoch1", 1, 3)
	lobby.Events[1].Kind = chat.Acted
	lobby.Events[2] = chat.Event{Kind: chat.Said, Room: "Lobby", Seq: 7, Time: time.UnixMilli(-1).UTC(), Nick: "日本", Text: "a\x00\U0001F600\xff" + strings.Repeat("x", 5000)}
	lobby.Seq = 9
	lobby.Topic = chat.Event{Kind: chat.Topic, Room: "Lobby", Seq: 4, Time: start, Nick: "bo", Text: "tea"}
	other := room("кухня", "epoch2", 5, 6)
	bans := []chat.Ban{{Whom: "eve", By: "bo", Until: start}, {Whom: "2001:db8::/64"}, {Whom: "bob"}}

	s, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want(t, s, "Lobby", 10, chat.StoredRoom{})
	if list, err := s.Bans(); len(list) != 0 || err != nil {
		t.Errorf("bans: got %v, %v; want none", list, err)
	}
	given := lobby
	given.Events = append([]chat.Event(nil), lobby.Events...)
	given.Events[0].Time = given.Events[0].Time.Add(999 * time.Microsecond).In(time.FixedZone("", 3600))
	given.Topic.Epoch, given.Topic.ID, given.Topic.Old = "no", "matter", true
	add(t, s, given, other)
	if err := s.SaveBans(bans); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		want(t, s, "#lobby", 10, lobby)
		want(t, s, "кухня", 10, other)
		want(t, s, "nowhere", 10, chat.StoredRoom{})
		few := lobby
		few.Events = lobby.Events[1:]
		want(t, s, "Lobby", 2, few)
		few.Events = nil
		want(t, s, "Lobby", 0, few)
		if list, err := s.Bans(); err != nil || !reflect.DeepEqual(list, bans) {
			t.Errorf("bans: got %v, %v; want %v", list, err, bans)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, path, Options{})
	}
	if err := s.SaveBans(bans[1:2]); err != nil {
		t.Fatal(err)
	}
	if list, err := s.Bans(); err != nil || !reflect.DeepEqual(list, bans[1:2]) {
		t.Errorf("bans: got %v, %v; want %v", list, err, bans[1:2])
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode: got %v, %v; want 0600", info.Mode(), err)
	}
}

// A room that comes again adds to what it has; with another epoch it begins anew.
func TestEpochs(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "chat.db"), Options{})
	add(t, s, room("tea", "one", 1, 3))
	more := room("Tea", "one", 3, 5) // the third again
	more.Topic = chat.Event{Kind: chat.Topic, Room: "Tea", Seq: 5, Time: start, Text: "green"}
	more.Events[0].Text = "mended"
	add(t, s, more)
	all := room("Tea", "one", 1, 5)
	all.Topic = more.Topic
	for i := range all.Events {
		all.Events[i].Room = "Tea"
	}
	all.Events[2].Text = "mended"
	want(t, s, "tea", 100, all)
	counted(t, s)
	again := room("Tea", "two", 2, 2)
	add(t, s, again)
	want(t, s, "tea", 100, again)
	counted(t, s)
	// An epoch alone, as of a topic that was taken away.
	empty := chat.StoredRoom{Name: "Tea", Epoch: "three", Seq: 9}
	add(t, s, empty)
	want(t, s, "tea", 100, empty)
	counted(t, s)
}

// counted checks the totals against what there is.
func counted(t testing.TB, s *Store) {
	t.Helper()
	err := s.db.View(func(tx *bbolt.Tx) error {
		had, err := decodeTotals(tx.Bucket(aboutBucket).Get(totalsKey))
		if err != nil {
			return err
		}
		var rooms, ages, bytes uint64
		err = tx.Bucket(roomsBucket).ForEach(func(k, v []byte) error {
			r, err := decodeRoom(k, v)
			if err != nil {
				return err
			}
			var count, size uint64
			err = tx.Bucket(messagesBucket).Bucket(k).ForEach(func(_, v []byte) error {
				count, size = count+1, size+uint64(len(v))
				return nil
			})
			if r.count != count || r.bytes != size {
				t.Errorf("%s: it says %d messages, %d bytes; has %d, %d", k, r.count, r.bytes, count, size)
			}
			if string(tx.Bucket(agesBucket).Get(seqKey(r.used))) != string(k) {
				t.Errorf("%s: its age is not known", k)
			}
			rooms, bytes = rooms+1, bytes+size
			return err
		})
		_ = tx.Bucket(agesBucket).ForEach(func(_, _ []byte) error { ages++; return nil })
		messages := uint64(tx.Bucket(messagesBucket).Stats().BucketN) - 1
		if had.rooms != rooms || had.bytes != bytes || ages != rooms || messages != rooms {
			t.Errorf("it says %d rooms, %d bytes; has %d, %d, %d ages, %d rooms with messages", had.rooms, had.bytes, rooms, bytes, ages, messages)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// names are the rooms that are kept, of those numbered.
func names(t *testing.T, s *Store, from, to int) (list []int) {
	t.Helper()
	for i := from; i <= to; i++ {
		_, ok, err := s.Load(fold(t, fmt.Sprintf("room-%c", 'a'+i)), 1)
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			list = append(list, i)
		}
	}
	return list
}

func numbered(i int, first, last uint64) chat.StoredRoom {
	return room(fmt.Sprintf("room-%c", 'a'+i), "e", first, last)
}

func TestPerRoom(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "chat.db"), Options{PerRoom: 5})
	add(t, s, room("tea", "e", 1, 4))
	want(t, s, "tea", 100, room("tea", "e", 1, 4))
	add(t, s, room("tea", "e", 5, 7))
	want(t, s, "tea", 100, room("tea", "e", 3, 7))
	add(t, s, room("tea", "e", 8, 30))
	want(t, s, "tea", 100, room("tea", "e", 26, 30))
	counted(t, s)
}

// The rooms that stay are those that were used last, not those that came last.
func TestMaxRooms(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chat.db")
	s, err := Open(path, Options{MaxRooms: 3})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		add(t, s, numbered(i, 1, 2))
	}
	add(t, s, numbered(0, 3, 3))
	add(t, s, numbered(3, 1, 2))
	if got := names(t, s, 0, 5); !reflect.DeepEqual(got, []int{0, 2, 3}) {
		t.Errorf("kept: got %v, want 0, 2 and 3", got)
	}
	counted(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path, Options{MaxRooms: 2})
	add(t, s, numbered(4, 1, 1), numbered(5, 1, 1), numbered(2, 3, 3))
	if got := names(t, s, 0, 5); !reflect.DeepEqual(got, []int{2, 5}) {
		t.Errorf("kept: got %v, want 2 and 5", got)
	}
	counted(t, s)
}

// All messages together are bounded too: rooms go, and of the last one messages.
func TestMaxBytes(t *testing.T) {
	e := said("x", 1)
	record, err := encodeEvent(&e)
	if err != nil {
		t.Fatal(err)
	}
	size := int64(len(record))
	s := open(t, filepath.Join(t.TempDir(), "chat.db"), Options{MaxBytes: 8*size + size/2})
	for i := range 4 {
		add(t, s, numbered(i, 1, 2))
	}
	if got := names(t, s, 0, 3); len(got) != 4 {
		t.Errorf("kept: got %v, want all", got)
	}
	add(t, s, numbered(0, 3, 3))
	if got := names(t, s, 0, 3); !reflect.DeepEqual(got, []int{0, 2, 3}) {
		t.Errorf("kept: got %v, want 0, 2 and 3", got)
	}
	counted(t, s)
	add(t, s, numbered(2, 1, 9))
	if got := names(t, s, 0, 3); !reflect.DeepEqual(got, []int{2}) {
		t.Errorf("kept: got %v, want 2", got)
	}
	want(t, s, "room-c", 100, numbered(2, 2, 9))
	counted(t, s)
}

func TestNoBounds(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "chat.db"), Options{MaxRooms: -1, PerRoom: -1, MaxBytes: -1})
	add(t, s, room("tea", "e", 1, 3000))
	want(t, s, "tea", 5000, room("tea", "e", 1, 3000))
}

// Of a call that has something wrong in it nothing is kept.
func TestRefused(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "chat.db"), Options{})
	add(t, s, room("tea", "e", 1, 1))
	good := room("coffee", "e", 1, 1)
	for name, spoil := range map[string]func(r *chat.StoredRoom){
		"kind":      func(r *chat.StoredRoom) { r.Events[1].Kind = chat.Told },
		"no kind":   func(r *chat.StoredRoom) { r.Events[1].Kind = "" },
		"no number": func(r *chat.StoredRoom) { r.Events[1].Seq = 0 },
		"name":      func(r *chat.StoredRoom) { r.Name = "no room" },
		"no name":   func(r *chat.StoredRoom) { r.Name = "" },
		"long text": func(r *chat.StoredRoom) { r.Events[1].Text = strings.Repeat("x", 1<<20) },
		"topic": func(r *chat.StoredRoom) {
			r.Topic = chat.Event{Kind: chat.Topic, Seq: 1, Text: strings.Repeat("x", 1<<20)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := room("tea", "e", 2, 4)
			spoil(&r)
			if err := s.Append([]chat.StoredRoom{good, r}); !errors.Is(err, ErrRecord) {
				t.Errorf("got %v, want ErrRecord", err)
			}
			want(t, s, "tea", 10, room("tea", "e", 1, 1))
			want(t, s, "coffee", 10, chat.StoredRoom{})
		})
	}
	counted(t, s)
	if err := s.SaveBans([]chat.Ban{{Whom: "a"}}); err != nil {
		t.Fatal(err)
	}
	if err := s.SaveBans([]chat.Ban{{Whom: "b"}, {Whom: strings.Repeat("x", 1<<20)}}); !errors.Is(err, ErrRecord) {
		t.Errorf("got %v, want ErrRecord", err)
	}
	if list, err := s.Bans(); err != nil || len(list) != 1 || list[0].Whom != "a" {
		t.Errorf("got %v, %v; want the old one", list, err)
	}
}

// A message that is damaged is left out, and said to be; the room goes on.
func TestDamagedMessage(t *testing.T) {
	leaktest.Check(t)
	s := open(t, filepath.Join(t.TempDir(), "chat.db"), Options{})
	add(t, s, room("tea", "e", 1, 5))
	if err := s.db.Update(func(tx *bbolt.Tx) error {
		messages, key := tx.Bucket(messagesBucket).Bucket([]byte("tea")), seqKey(3)
		record := bytes.Clone(messages.Get(key))
		record[len(record)/2] ^= 1
		return messages.Put(key, record)
	}); err != nil {
		t.Fatal(err)
	}
	add(t, s, room("tea", "e", 6, 6))
	wanted := room("tea", "e", 1, 6)
	wanted.Events = slices.Delete(wanted.Events, 2, 3)
	got, ok, err := s.Load("tea", 10)
	if !ok || !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "damaged messages are left out: 1") || !reflect.DeepEqual(got, wanted) {
		t.Errorf("got %+v, %v, %v", got, ok, err)
	}
	wanted.Events = wanted.Events[3:]
	want(t, s, "tea", 2, wanted)
}

// One program has the file at a time.
func TestInUse(t *testing.T) {
	leaktest.Check(t)
	path := filepath.Join(t.TempDir(), "chat.db")
	s, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, Options{}); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "is another iomux using it?") {
		t.Errorf("got %v, want ErrInUse", err)
	}
	add(t, s, room("tea", "e", 1, 1)) // that has done nothing to it
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Append([]chat.StoredRoom{room("tea", "e", 2, 2)}); err == nil {
		t.Error("it appends when it is closed")
	}
	if _, _, err := s.Load("tea", 1); err == nil {
		t.Error("it loads when it is closed")
	}
	want(t, open(t, path, Options{}), "tea", 10, room("tea", "e", 1, 1))
}

// What is not a file of this package's is refused, and stays as it is.
func TestOtherFiles(t *testing.T) {
	leaktest.Check(t)
	dir := t.TempDir()
	bolt := func(fill func(tx *bbolt.Tx) error) func(path string) error {
		return func(path string) error {
			db, err := bbolt.Open(path, 0o600, nil)
			if err != nil {
				return err
			}
			return errors.Join(db.Update(fill), db.Close())
		}
	}
	says := func(format string) func(path string) error {
		return bolt(func(tx *bbolt.Tx) error {
			about, err := tx.CreateBucket(aboutBucket)
			return errors.Join(err, about.Put(formatKey, []byte(format)))
		})
	}
	text := func(s string) func(path string) error {
		return func(path string) error { return os.WriteFile(path, []byte(s), 0o600) }
	}
	for name, test := range map[string]struct {
		make func(path string) error
		err  error
	}{
		"text":        {text("hello\n"), ErrFormat},
		"long text":   {text(strings.Repeat("hello\n", 100_000)), ErrFormat},
		"zeros":       {text(strings.Repeat("\x00", 1<<16)), ErrFormat},
		"one byte":    {text("\x00"), ErrFormat},
		"other bolt":  {bolt(func(tx *bbolt.Tx) error { _, err := tx.CreateBucket([]byte("dogs")); return err }), ErrFormat},
		"newer":       {says("iomux chat 2"), ErrFormat},
		"no format":   {bolt(func(tx *bbolt.Tx) error { _, err := tx.CreateBucket(aboutBucket); return err }), ErrFormat},
		"half":        {says(format), ErrCorrupt},
		"a directory": {func(path string) error { return os.Mkdir(path, 0o700) }, unix.EISDIR},
		"a pipe":      {func(path string) error { return unix.Mkfifo(path, 0o600) }, ErrFormat},
		"nowhere":     {func(path string) error { return os.Symlink(filepath.Join(dir, "not", "there"), path) }, os.ErrNotExist},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, name)
			if err := test.make(path); err != nil {
				t.Fatal(err)
			}
			info, err := os.Lstat(path)
			if err != nil {
				t.Fatal(err)
			}
			before, _ := readRegular(path, info)
			if s, err := Open(path, Options{}); !errors.Is(err, test.err) {
				if err == nil {
					_ = s.Close()
				}
				t.Errorf("got %v, want %v", err, test.err)
			} else if !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "\n") {
				t.Errorf("the error is %q", err)
			}
			if after, _ := readRegular(path, info); after != before {
				t.Error("the file has changed")
			}
		})
	}
}

func readRegular(path string, info os.FileInfo) (string, error) {
	if !info.Mode().IsRegular() {
		return "", nil
	}
	b, err := os.ReadFile(path)
	return string(b), err
}

// A file that was made and no more, as by a program that ended there, is a new one.
func TestUnfinishedStart(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	add(t, open(t, empty, Options{}), room("tea", "e", 1, 1))
	fresh := filepath.Join(dir, "fresh")
	db, err := bbolt.Open(fresh, 0o600, nil)
	if err != nil || db.Close() != nil {
		t.Fatal(err)
	}
	add(t, open(t, fresh, Options{}), room("tea", "e", 1, 1))
}

func FuzzRecords(f *testing.F) {
	key := seqKey(7)
	e := said("x", 7)
	e.Time = time.UnixMilli(math.MinInt64)
	event, err := encodeEvent(&e)
	if err != nil {
		f.Fatal(err)
	}
	r := roomRecord{name: "x", epoch: "e", seq: 1 << 63, topic: chat.Event{Seq: 3, Time: start, Nick: "n", Text: "t"}, used: 1, count: 2, bytes: 3}
	about, err := r.encode(key)
	if err != nil {
		f.Fatal(err)
	}
	ban, err := encodeBan(key, &chat.Ban{Whom: "eve"})
	if err != nil {
		f.Fatal(err)
	}
	for _, record := range [][]byte{event, about, ban} {
		f.Add(record[:len(record)-sumSize], true)
		f.Add(record, false)
		f.Add([]byte{}, true)
	}
	// What is taken is what would be written: there is one record of each thing.
	f.Fuzz(func(t *testing.T, record []byte, sealed bool) {
		if sealed {
			var err error
			if record, err = seal(key, append([]byte{}, record...)); err != nil {
				return
			}
		}
		same := func(again []byte, err error) {
			if err != nil || string(again) != string(record) {
				t.Fatalf("%q is taken, and written as %q, %v", record, again, err)
			}
		}
		if e, err := decodeEvent(key, record); err == nil {
			same(encodeEvent(&e))
			record[len(record)/2] ^= 1
			if _, err := decodeEvent(key, record); err == nil {
				t.Fatalf("%q is taken, with a bit that is wrong", record)
			}
			record[len(record)/2] ^= 1
		} else if !errors.Is(err, ErrCorrupt) {
			t.Fatal(err)
		}
		if r, err := decodeRoom(key, record); err == nil {
			same(r.encode(key))
		}
		if ban, err := decodeBan(key, record); err == nil {
			same(encodeBan(key, &ban))
		}
		if v, err := decodeTotals(record); err == nil {
			same(v.encode())
		}
	})
}

func BenchmarkAppend100(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "chat.db"), Options{})
	seq := uint64(0)
	for b.Loop() {
		add(b, s, room("tea", "e", seq+1, seq+100))
		seq += 100
	}
}
