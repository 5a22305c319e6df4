//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chatstore

import (
	"fmt"

	"go.etcd.io/bbolt"

	"example.com/iomux/servers/chat"
)

// Bans returns the bans that are kept, in the order in which they were. Errors:
// ErrCorrupt.
func (s *Store) Bans() (list []chat.Ban, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(bansBucket).ForEach(func(k, v []byte) error {
			ban, err := decodeBan(k, v)
			list = append(list, ban)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("chatstore: bans: %w", err)
	}
	return list, nil
}

// SaveBans keeps these bans instead of those that were kept, all or none of them.
// Errors: ErrRecord.
func (s *Store) SaveBans(list []chat.Ban) error {
	err := s.db.Update(func(tx *bbolt.Tx) error {
		if err := tx.DeleteBucket(bansBucket); err != nil {
			return err
		}
		bans, err := tx.CreateBucket(bansBucket)
		if err != nil {
			return err
		}
		for i := range list {
			key := seqKey(uint64(i))
			record, err := encodeBan(key, &list[i])
			if err != nil {
				return err
			}
			if err := bans.Put(key, record); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("chatstore: save bans: %w", err)
	}
	return nil
}
