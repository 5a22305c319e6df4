//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chat

import (
	"errors"
	"log/slog"
	"sync"
)

// keeper takes to the store what is to outlive the process, on a goroutine of its own:
// a disk may take its time.
type keeper struct {
	store Store
	log   *slog.Logger

	mu     sync.Mutex
	work   sync.Cond // there is something to do
	idle   sync.Cond // the store has been given something
	rooms  map[string]*StoredRoom
	now    map[string]*StoredRoom // what the store is being given
	events int
	bans   *[]Ban // to be saved; nil: nothing new
	closed bool
	err    error // the last one of the store
	done   chan struct{}
}

// keptAtOnce bounds what waits for the store.
const keptAtOnce = 100_000

func newKeeper(store Store, log *slog.Logger) *keeper {
	k := &keeper{store: store, log: log, rooms: map[string]*StoredRoom{}, done: make(chan struct{})}
	k.work.L, k.idle.L = &k.mu, &k.mu
	go k.run()
	return k
}

// keep takes in what is new of a room.
func (k *keeper) keep(fold string, r StoredRoom) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.events += len(r.Events); k.events > keptAtOnce {
		k.events -= len(r.Events)
		k.log.Error("chat: the store is too slow: a message is not kept", "room", r.Name)
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

// load is what the store has of a room. What waits for it is of rooms that were in use
// a moment ago, and hardly ever loaded: then it is waited for.
func (k *keeper) load(fold string, limit int) (StoredRoom, bool) {
	k.mu.Lock()
	for k.rooms[fold] != nil || k.now[fold] != nil {
		k.idle.Wait()
	}
	k.mu.Unlock()
	r, ok, err := k.store.Load(fold, limit)
	if err != nil {
		k.log.Error("chat: the history of a room cannot be read", "room", fold, "err", err)
		return StoredRoom{}, false
	}
	return r, ok
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
		k.mu.Unlock()
		var err error
		if len(rooms) > 0 {
			err = k.store.Append(rooms)
		}
		if bans != nil {
			err = errors.Join(err, k.store.SaveBans(*bans))
		}
		k.mu.Lock()
		k.now = nil
		k.idle.Broadcast()
		if err != nil {
			k.err = err
			k.log.Error("chat: something could not be kept", "err", err)
		}
	}
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
