//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chatstore

import (
	"bytes"
	"fmt"

	"go.etcd.io/bbolt"

	"example.com/iomux/internal/chattext"
	"example.com/iomux/servers/chat"
)

// Append keeps what is new of rooms, all of it or nothing, and has it on the disk when
// it returns. A room that comes with another epoch than it had loses what was kept of
// it. Errors: ErrRecord, ErrCorrupt, those of the system.
func (s *Store) Append(rooms []chat.StoredRoom) error {
	err := s.db.Update(func(tx *bbolt.Tx) error {
		w, err := newWriter(tx)
		if err != nil {
			return err
		}
		for i := range rooms {
			if err := w.add(&rooms[i], s.options.PerRoom); err != nil {
				return fmt.Errorf("the room %q: %w", rooms[i].Name, err)
			}
		}
		return w.finish(&s.options)
	})
	if err != nil {
		return fmt.Errorf("chatstore: append: %w", err)
	}
	return nil
}

// writer is a transaction of Append.
type writer struct {
	about, rooms, messages, ages *bbolt.Bucket
	totals                       totals
}

func newWriter(tx *bbolt.Tx) (*writer, error) {
	w := &writer{
		about: tx.Bucket(aboutBucket), rooms: tx.Bucket(roomsBucket),
		messages: tx.Bucket(messagesBucket), ages: tx.Bucket(agesBucket),
	}
	w.ages.FillPercent = 0.9 // its keys only grow
	var err error
	w.totals, err = decodeTotals(w.about.Get(totalsKey))
	return w, err
}

// add keeps what is new of a room.
func (w *writer) add(r *chat.StoredRoom, perRoom int) error {
	_, f, err := chattext.Room(r.Name)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRecord, err)
	}
	fold := []byte(f)
	was, err := w.get(fold)
	if err != nil {
		return err
	}
	if was != nil && was.epoch != r.Epoch {
		if err := w.drop(fold, was); err != nil {
			return err
		}
		was = nil
	}
	now := roomRecord{name: r.Name, epoch: r.Epoch, seq: r.Seq, topic: r.Topic}
	var messages *bbolt.Bucket
	if was == nil {
		w.totals.rooms++
		messages, err = w.messages.CreateBucketIfNotExists(fold)
		if err != nil {
			return err
		}
	} else {
		now.count, now.bytes = was.count, was.bytes
		if err := w.ages.Delete(seqKey(was.used)); err != nil {
			return err
		}
		if messages = w.messages.Bucket(fold); messages == nil {
			return fmt.Errorf("%w: it has no bucket", ErrCorrupt)
		}
	}
	w.totals.used++
	now.used = w.totals.used
	if err := w.ages.Put(seqKey(now.used), fold); err != nil {
		return err
	}
	if err := w.put(messages, &now, r.Events); err != nil {
		return err
	}
	if perRoom >= 0 {
		err := w.trim(messages, &now, func() bool { return now.count > uint64(perRoom) })
		if err != nil {
			return err
		}
	}
	return w.set(fold, &now)
}

// put keeps messages. One that is kept already, by its number, is replaced.
func (w *writer) put(messages *bbolt.Bucket, r *roomRecord, events []chat.Event) error {
	messages.FillPercent = 0.9 // its keys only grow
	for i := range events {
		e := &events[i]
		record, err := encodeEvent(e)
		if err != nil {
			return err
		}
		key := seqKey(e.Seq)
		if old := messages.Get(key); old != nil {
			w.less(r, len(old))
		}
		if err := messages.Put(key, record); err != nil {
			return err
		}
		r.count++
		r.bytes += uint64(len(record))
		w.totals.bytes += uint64(len(record))
	}
	return nil
}

// less counts a message off.
func (w *writer) less(r *roomRecord, size int) {
	r.count--
	r.bytes -= uint64(size)
	w.totals.bytes -= uint64(size)
}

// trim deletes a room's oldest messages while there are too many.
func (w *writer) trim(messages *bbolt.Bucket, r *roomRecord, tooMany func() bool) error {
	// The keys first: to delete what a cursor stands on would move it.
	var keys [][]byte
	c := messages.Cursor()
	for k, v := c.First(); k != nil && tooMany(); k, v = c.Next() {
		keys = append(keys, bytes.Clone(k))
		w.less(r, len(v))
	}
	for _, k := range keys {
		if err := messages.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// get is what is known of a room, nil if it is not kept.
func (w *writer) get(fold []byte) (*roomRecord, error) {
	record := w.rooms.Get(fold)
	if record == nil {
		return nil, nil
	}
	return decodeRoom(fold, record)
}

func (w *writer) set(fold []byte, r *roomRecord) error {
	record, err := r.encode(fold)
	if err != nil {
		return err
	}
	return w.rooms.Put(fold, record)
}

// drop forgets a room.
func (w *writer) drop(fold []byte, r *roomRecord) error {
	w.totals.rooms--
	w.totals.bytes -= r.bytes
	if err := w.messages.DeleteBucket(fold); err != nil {
		return err
	}
	if err := w.ages.Delete(seqKey(r.used)); err != nil {
		return err
	}
	return w.rooms.Delete(fold)
}

// finish forgets what is too much in the whole, and keeps the totals.
func (w *writer) finish(o *Options) error {
	tooLong := func() bool { return o.MaxBytes >= 0 && w.totals.bytes > uint64(o.MaxBytes) }
	for o.MaxRooms >= 0 && w.totals.rooms > uint64(o.MaxRooms) || tooLong() {
		_, first := w.ages.Cursor().First()
		fold := bytes.Clone(first)
		r, err := w.get(fold)
		if err != nil {
			return err
		}
		if r == nil {
			return fmt.Errorf("%w: %d rooms, %d bytes, and none is the oldest", ErrCorrupt, w.totals.rooms, w.totals.bytes)
		}
		if w.totals.rooms > 1 {
			if err := w.drop(fold, r); err != nil {
				return err
			}
			continue
		}
		// The last room is not given up for being long.
		messages := w.messages.Bucket(fold)
		if messages == nil {
			return fmt.Errorf("%w: the room %q has no bucket", ErrCorrupt, fold)
		}
		if err := w.trim(messages, r, tooLong); err != nil {
			return err
		}
		if err := w.set(fold, r); err != nil {
			return err
		}
		break
	}
	record, err := w.totals.encode()
	if err != nil {
		return err
	}
	return w.about.Put(totalsKey, record)
}
