//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chatstore

import (
	"fmt"
	"slices"

	"go.etcd.io/bbolt"

	"example.com/iomux/servers/chat"
)

// Options bound what is kept. Of each, 0 is the default and a negative number no bound.
type Options struct {
	// MaxRooms is how many rooms are kept. The one that was used longest ago goes
	// first. Default: 10,000.
	MaxRooms int
	// PerRoom is how many messages of a room are kept. Default: 1000.
	PerRoom int
	// MaxBytes is how long the messages of all rooms may be, together; the file is half
	// as long again, or twice. Where there is more, the room that was used longest ago
	// goes. Default: 1 GiB.
	MaxBytes int64
}

func (o *Options) fill() {
	if o.MaxRooms == 0 {
		o.MaxRooms = 10_000
	}
	if o.PerRoom == 0 {
		o.PerRoom = 1000
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 1 << 30
	}
}

// The buckets, and the keys in about.
var (
	aboutBucket    = []byte("about")
	roomsBucket    = []byte("rooms")
	messagesBucket = []byte("messages")
	agesBucket     = []byte("ages")
	bansBucket     = []byte("bans")
	formatKey      = []byte("format")
	totalsKey      = []byte("totals")
)

// format is what the file says it is.
const format = "iomux chat 1"

// Store is a chat.Store. Any goroutine may call its methods.
type Store struct {
	db      *bbolt.DB
	options Options
}

var _ chat.Store = (*Store)(nil)

// Open opens a file, or makes a new one that only its owner may read. It reads all of
// it. Errors: ErrInUse after waiting for 1 s, ErrFormat, ErrCorrupt, those of the system.
func Open(path string, o Options) (*Store, error) {
	o.fill()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		FreelistType: bbolt.FreelistMapType,
		OpenFile:     openChecked,
	})
	if err != nil {
		return nil, fmt.Errorf("chatstore: open %q: %w", path, err)
	}
	s := &Store{db, o}
	if err := s.begin(); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("chatstore: open %q: %w", path, err)
	}
	return s, nil
}

// begin makes the buckets in a new file, and looks at what an old one says it is.
func (s *Store) begin() error {
	fresh := false
	err := s.db.View(func(tx *bbolt.Tx) error {
		if k, _ := tx.Cursor().First(); k == nil {
			fresh = true
			return nil
		}
		about := tx.Bucket(aboutBucket)
		if about == nil {
			return ErrFormat
		}
		if was := about.Get(formatKey); string(was) != format {
			return fmt.Errorf("%w: it says %.40q, want %q", ErrFormat, was, format)
		}
		for _, name := range [][]byte{roomsBucket, messagesBucket, agesBucket, bansBucket} {
			if tx.Bucket(name) == nil {
				return fmt.Errorf("%w: the bucket %q is missing", ErrCorrupt, name)
			}
		}
		if _, err := decodeTotals(about.Get(totalsKey)); err != nil {
			return fmt.Errorf("its totals: %w", err)
		}
		return nil
	})
	if err != nil || !fresh {
		return err
	}
	return s.db.Update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{aboutBucket, roomsBucket, messagesBucket, agesBucket, bansBucket} {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		about := tx.Bucket(aboutBucket)
		if err := about.Put(formatKey, []byte(format)); err != nil {
			return err
		}
		record, err := totals{}.encode()
		if err != nil {
			return err
		}
		return about.Put(totalsKey, record)
	})
}

// Close closes the file. Later calls of the other methods fail.
func (s *Store) Close() error { return s.db.Close() }

// Load returns what is kept of a room, which is given by its fold. Times are exact to
// the millisecond, and UTC. Errors: ErrCorrupt, with ok if it is messages alone that are
// damaged: those are left out.
func (s *Store) Load(room string, limit int) (r chat.StoredRoom, ok bool, err error) {
	fold := []byte(room)
	var damage error // of the newest message that has some
	damaged := 0
	err = s.db.View(func(tx *bbolt.Tx) error {
		record := tx.Bucket(roomsBucket).Get(fold)
		if record == nil {
			return nil
		}
		known, err := decodeRoom(fold, record)
		if err != nil {
			return err
		}
		r = chat.StoredRoom{Name: known.name, Epoch: known.epoch, Topic: known.topic, Seq: known.seq}
		messages := tx.Bucket(messagesBucket).Bucket(fold)
		if messages == nil {
			return fmt.Errorf("%w: it has no bucket", ErrCorrupt)
		}
		c := messages.Cursor()
		for k, v := c.Last(); k != nil && len(r.Events) < limit; k, v = c.Prev() {
			e, err := decodeEvent(k, v)
			if err != nil {
				if damaged++; damaged == 1 {
					damage = fmt.Errorf("message %x: %w", k, err)
				}
				continue
			}
			e.Room = known.name
			r.Events = append(r.Events, e)
		}
		slices.Reverse(r.Events)
		ok = true
		return nil
	})
	if err != nil {
		return chat.StoredRoom{}, false, fmt.Errorf("chatstore: load the room %q: %w", room, err)
	}
	if damaged > 0 {
		err = fmt.Errorf("chatstore: load the room %q: damaged messages are left out: %d: %w", room, damaged, damage)
	}
	return r, ok, err
}
