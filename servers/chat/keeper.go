//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chat

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
)

// keeper takes to the store what is to outlive the process, on a goroutine of its own:
// a disk may take its time.
type keeper struct {
	store Store
	log   *slog.Logger

	mu      sync.Mutex
	work    sync.Cond // there is something to do
	rooms   map[string]*StoredRoom
	now     map[string]*StoredRoom // what the store is being given
	events  int                    // changes that wait
	dropped int                    // messages that there was no room for
	bans    *[]Ban                 // to be saved; nil: nothing new
	closed  bool
	err     error // the last one of the store
	done    chan struct{}
}

// keptAtOnce bounds what waits for the store.
const keptAtOnce = 100_000

func newKeeper(store Store, log *slog.Logger) *keeper {
	k := &keeper{store: store, log: log, rooms: map[string]*StoredRoom{}, done: make(chan struct{})}
	k.work.L = &k.mu
	go k.run()
	return k
}

// keep takes in what is new of a room.
func (k *keeper) keep(fold string, r StoredRoom) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.events++; k.events > keptAtOnce {
		k.events--
		k.dropped += len(r.Events)
		return
	}
	if was := k.rooms[fold]; was != nil {
		r.Events = append(was.Events, r.Events...)
	}
	k.rooms[fold] = &r
	k.work.Signal()
}

func (k *keeper) keepBans(list []Ban) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.bans = &list
	k.work.Signal()
}

// kept reports whether nothing of a room waits for the store. A room is not forgotten
// before that, and so never loaded.
func (k *keeper) kept(fold string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.rooms[fold] == nil && k.now[fold] == nil
}

// load is what the store has of a room.
func (k *keeper) load(fold string, limit int) (r StoredRoom, ok bool, err error) {
	switch r, ok, err = k.store.Load(fold, limit); {
	case err != nil && ok:
		k.log.Error("chat: some of the history of a room cannot be read", "room", fold, "err", err)
		return r, true, nil
	case err != nil:
		k.log.Error("chat: the history of a room cannot be read; nothing new of it is kept", "room", fold, "err", err)
		return StoredRoom{}, false, err
	}
	return r, ok, nil
}

// run is the keeper's goroutine.
func (k *keeper) run() {
	defer close(k.done)
	k.mu.Lock()
	defer k.mu.Unlock()
	for {
		for len(k.rooms) == 0 && k.bans == nil && !k.closed {
			k.work.Wait()
		}
		if len(k.rooms) == 0 && k.bans == nil {
			return
		}
		rooms := make([]StoredRoom, 0, len(k.rooms))
		for _, r := range k.rooms {
			rooms = append(rooms, *r)
		}
		bans := k.bans
		k.now, k.rooms, k.events, k.bans = k.rooms, map[string]*StoredRoom{}, 0, nil
		dropped := k.dropped
		k.dropped = 0
		k.mu.Unlock()
		err := k.append(rooms)
		if bans != nil {
			err = errors.Join(err, k.store.SaveBans(*bans))
		}
		if dropped > 0 {
			err = errors.Join(err, fmt.Errorf("chat: the store is too slow: %d messages are not kept", dropped))
		}
		if err != nil {
			k.log.Error("chat: something could not be kept", "err", err)
		}
		k.mu.Lock()
		k.now = nil
		if err != nil {
			k.err = err
		}
	}
}

// append has the store keep rooms: all of them, or, if that fails, each that it can.
func (k *keeper) append(rooms []StoredRoom) error {
	if len(rooms) == 0 {
		return nil
	}
	err := k.store.Append(rooms)
	if err == nil || len(rooms) == 1 {
		return err
	}
	err = nil
	for i := range rooms {
		err = errors.Join(err, k.store.Append(rooms[i:i+1]))
	}
	return err
}

// close waits until everything is kept, and returns the last error, if there was one.
func (k *keeper) close() error {
	k.mu.Lock()
	k.closed = true
	k.work.Signal()
	k.mu.Unlock()
	<-k.done
	return k.err
}
