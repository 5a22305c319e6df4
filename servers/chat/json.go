//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// JSON is the chat as JSON objects, one a line; docs/chat.md lists them. Over WebSocket,
// where each is a message, the end of line is but white space.
type JSON struct{}

// objectLimit is how long an object may be.
const objectLimit = 16 << 10

// Traits implements Codec.
func (JSON) Traits() Traits { return Traits{Echo: true, Hello: true} }

// request is what clients send.
type request struct {
	Do    string  `json:"do"`
	Room  string  `json:"room"`
	To    string  `json:"to"`
	Nick  string  `json:"nick"`
	Text  string  `json:"text"`
	ID    string  `json:"id"`
	After uint64  `json:"after"`
	Epoch string  `json:"epoch"`
	Rooms []Since `json:"rooms"`
	// Secret is that of a login.
	Secret string `json:"secret"`
}

// Decode implements Codec.
func (JSON) Decode(p []byte, ends bool) (c Command, used int, err error) {
	object, _, whole := bytes.Cut(p, []byte("\n"))
	used = len(object)
	switch {
	case len(object) > objectLimit:
		return c, 0, jsonRefusal(fmt.Sprintf("an object may have %d bytes", objectLimit))
	case whole:
		used++
	case !ends:
		return c, 0, nil
	}
	if object = bytes.TrimSpace(object); len(object) == 0 {
		return c, used, nil
	}
	var r request
	if err := json.Unmarshal(object, &r); err != nil || r.Do == "" {
		return c, 0, jsonRefusal(`want one JSON object a line, as {"do":"say","text":"hello"}`)
	}
	c = Command{Name: strings.ToLower(r.Do), Room: strings.TrimPrefix(r.Room, "#"), To: r.To, Text: r.Text, ID: r.ID, After: r.After, Epoch: r.Epoch}
	switch c.Name {
	case helloCommand:
		c.To, c.Rooms = r.Nick, r.Rooms
	case "nick":
		c.Text = r.Nick
	case "login":
		c.To, c.Text = r.Nick, r.Secret
	}
	return c, used, nil
}

func jsonRefusal(why string) *Refusal {
	return &Refusal{Why: why, Reply: JSON{}.Encode(nil, &Event{Kind: Failed, Code: CodeUsage, Text: why})}
}

// object is what they get.
type object struct {
	Ev     Kind       `json:"ev"`
	Time   int64      `json:"time,omitempty"` // ms
	Room   string     `json:"room,omitempty"`
	Seq    uint64     `json:"seq,omitempty"`
	Epoch  string     `json:"epoch,omitempty"`
	Name   string     `json:"name,omitempty"`
	Nick   string     `json:"nick,omitempty"`
	To     string     `json:"to,omitempty"`
	By     string     `json:"by,omitempty"`
	Text   string     `json:"text,omitempty"`
	ID     string     `json:"id,omitempty"`
	Code   string     `json:"code,omitempty"`
	Old    bool       `json:"old,omitempty"`
	Missed bool       `json:"missed,omitempty"`
	Login  bool       `json:"login,omitempty"`
	Count  int        `json:"count,omitempty"`
	Names  []string   `json:"names,omitempty"`
	Rooms  []RoomInfo `json:"rooms,omitempty"`
}

// Encode implements Codec.
func (JSON) Encode(dst []byte, e *Event) []byte {
	o := object{
		Ev: e.Kind, Room: e.Room, Seq: e.Seq, Epoch: e.Epoch, Nick: e.Nick, To: e.To, By: e.By, Text: e.Text, ID: e.ID,
		Code: e.Code, Old: e.Old, Missed: e.Missed, Login: e.Login, Count: e.Count, Names: e.Names, Rooms: e.Rooms,
	}
	if !e.Time.IsZero() {
		o.Time = e.Time.UnixMilli()
	}
	if e.Kind == Welcome {
		o.Name, o.By = e.By, ""
	}
	b, err := json.Marshal(&o)
	if err != nil {
		panic(err) // strings and numbers can always be written
	}
	return append(append(dst, b...), '\n')
}
