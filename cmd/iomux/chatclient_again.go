//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// errEnded: the server has gone, and nobody had asked it to.
var errEnded = errors.New("the server has ended the connection")

// begin takes a connection in.
func (v *conversation) begin(l *link) {
	v.link, v.broken, v.cut, v.since = l, nil, false, time.Now()
	if v.login != "" {
		v.asked = true
		v.failed(sendLine(l, v.loginLine()))
	} else {
		v.introduce()
	}
	go func() { v.ended <- readChat(l, true, v.show) }()
}

// introduce says who one is, and in which rooms: those one was in before.
func (v *conversation) introduce() {
	rooms := v.again
	if rooms == nil {
		rooms = []string{v.room}
	}
	v.failed(introduce(v.link, v.nick, rooms...))
}

// settle makes the room one spoke in before the connection was lost the current one, as
// soon as one is in all of them: the server has it so already.
func (v *conversation) settle() {
	if v.again == nil {
		return
	}
	for _, room := range v.again {
		if !slices.Contains(v.scene.rooms, room) {
			return
		}
	}
	v.scene.enter(v.again[len(v.again)-1])
	v.again = nil
}

// failed takes in that nothing can be sent any more. The end of reading tells.
func (v *conversation) failed(err error) {
	if err != nil && v.link != nil {
		v.broken = err
		_ = v.link.Close() // what it held is lost
	}
}

// lost takes in that a connection has ended. end: so has the conversation.
func (v *conversation) lost(err error) (end bool, _ error) {
	v.lock.Lock()
	defer v.lock.Unlock()
	if v.broken != nil {
		err = v.broken
	}
	err = errors.Join(err, v.link.close())
	v.link, v.asked = nil, false
	if v.scene.named {
		v.nick = v.scene.nick
	}
	for _, room := range v.scene.rooms { // beside those one has not come back to yet
		if !slices.Contains(v.again, room) && len(v.again) < roomsKnown {
			v.again = append(v.again, room)
		}
	}
	v.scene.restart()
	switch {
	case v.quits:
		err = v.leave()
		v.remark("the connection has ended")
		return true, err
	case err == nil:
		err = errEnded
	}
	if !v.reconnect {
		return true, err
	}
	if time.Since(v.since) > longest {
		v.tries = 0
	}
	v.wait(err)
	return false, nil
}

const (
	shortest = time.Second // how long to wait before the first attempt to connect again
	longest  = time.Minute // and at most
)

// back takes in what has come of another attempt to connect.
func (v *conversation) back(d dialled) {
	v.lock.Lock()
	defer v.lock.Unlock()
	if d.err != nil {
		v.wait(d.err)
		return
	}
	v.remark("connected again")
	v.begin(d.link)
}

// wait says what has happened and sets the clock. Many clients of a server that starts
// again are not to come all at once, so it is any time of the second half.
func (v *conversation) wait(err error) {
	delay := min(shortest<<min(v.tries, 6), longest)
	v.tries++
	delay = delay/2 + rand.N(delay/2)
	v.remark(fmt.Sprintf("%s; connecting again in %v", oneLine(err), delay.Round(100*time.Millisecond)))
	v.retry = time.After(delay)
}
