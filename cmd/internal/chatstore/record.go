//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chatstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"example.com/iomux/servers/chat"
)

// The errors, beside those of the system and of bbolt.
var (
	// ErrFormat: the file is none of this package's, or of another version.
	ErrFormat = errors.New("not a chat's file")
	// ErrCorrupt: the file is damaged.
	ErrCorrupt = errors.New("damaged")
	// ErrInUse: another program has the file open.
	ErrInUse = errors.New("is another iomux using it?")
	// ErrRecord: what is to be kept cannot be: a kind of event that no history has, a
	// room's name that is none, a record of more than 1 MiB.
	ErrRecord = errors.New("cannot be kept")
)

const (
	recordVersion = 1
	maxRecord     = 1 << 20
	sumSize       = 4
)

// The kinds as records have them.
const (
	saidCode  = 1
	actedCode = 2
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sum is a record's checksum. It takes in the record's key, lest one stand in for another.
func sum(key, body []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, body)
}

// seal ends a record.
func seal(key, body []byte) ([]byte, error) {
	if len(body) > maxRecord-sumSize {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrRecord, len(body), maxRecord-sumSize)
	}
	return binary.BigEndian.AppendUint32(body, sum(key, body)), nil
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// appendTime keeps milliseconds: more is not shown to anybody.
func appendTime(b []byte, t time.Time) []byte { return binary.AppendVarint(b, t.UnixMilli()) }

// fields reads a record. Once something was wrong, all that is read is zero.
type fields struct {
	rest []byte
	bad  bool
}

// unseal checks a record's version and checksum.
func unseal(key, record []byte) *fields {
	body := len(record) - sumSize
	if body < 1 || len(record) > maxRecord || record[0] != recordVersion ||
		sum(key, record[:body]) != binary.BigEndian.Uint32(record[body:]) {
		return &fields{bad: true}
	}
	return &fields{rest: record[1:body]}
}

// take is the next n bytes.
func (f *fields) take(n uint64) []byte {
	if f.bad || n > uint64(len(f.rest)) {
		f.bad = true
		return nil
	}
	p := f.rest[:n]
	f.rest = f.rest[n:]
	return p
}

// number is a varint. There is one way to write each.
func (f *fields) number() uint64 {
	n, size := binary.Uvarint(f.rest)
	if f.bad || size <= 0 || size > 1 && f.rest[size-1] == 0 {
		f.bad = true
		return 0
	}
	f.rest = f.rest[size:]
	return n
}

func (f *fields) time() time.Time {
	n := f.number()
	ms := int64(n >> 1)
	if n&1 != 0 {
		ms = ^ms
	}
	return time.UnixMilli(ms).UTC()
}

func (f *fields) text() string { return string(f.take(f.number())) }

// end checks that nothing is left.
func (f *fields) end() error {
	if f.bad || len(f.rest) > 0 {
		return ErrCorrupt
	}
	return nil
}

// seqKey is what a message is kept under: in the order of the numbers.
func seqKey(seq uint64) []byte { return binary.BigEndian.AppendUint64(nil, seq) }

// encodeEvent is the record of a message, without its number, which is the key.
func encodeEvent(e *chat.Event) ([]byte, error) {
	code := byte(saidCode)
	switch e.Kind {
	case chat.Said:
	case chat.Acted:
		code = actedCode
	default:
		return nil, fmt.Errorf("%w: an event of the kind %q; want %q or %q", ErrRecord, e.Kind, chat.Said, chat.Acted)
	}
	if e.Seq == 0 {
		return nil, fmt.Errorf("%w: a message without a number", ErrRecord)
	}
	b := []byte{recordVersion, code}
	b = appendTime(b, e.Time)
	b = appendText(b, e.Nick)
	b = appendText(b, e.Text)
	b = appendText(b, e.ID)
	return seal(seqKey(e.Seq), b)
}

// decodeEvent reads what encodeEvent has made, from under its key.
func decodeEvent(key, record []byte) (e chat.Event, err error) {
	f := unseal(key, record)
	switch code := f.take(1); {
	case len(key) != 8 || len(code) != 1:
		return e, ErrCorrupt
	case code[0] == saidCode:
		e.Kind = chat.Said
	case code[0] == actedCode:
		e.Kind = chat.Acted
	default:
		return e, ErrCorrupt
	}
	e.Seq = binary.BigEndian.Uint64(key)
	e.Time, e.Nick, e.Text, e.ID = f.time(), f.text(), f.text(), f.text()
	if err := f.end(); err != nil || e.Seq == 0 {
		return chat.Event{}, ErrCorrupt
	}
	return e, nil
}

// roomRecord is what is known of a room beside its messages.
type roomRecord struct {
	name, epoch string
	seq         uint64
	topic       chat.Event // its Seq, Time, Nick and Text
	used        uint64     // its place in ages
	count       uint64     // how many messages it has
	bytes       uint64     // and how long their records are, together
}

func (r *roomRecord) encode(fold []byte) ([]byte, error) {
	b := []byte{recordVersion}
	b = appendText(b, r.name)
	b = appendText(b, r.epoch)
	b = binary.AppendUvarint(b, r.seq)
	b = binary.AppendUvarint(b, r.topic.Seq)
	if r.topic.Seq > 0 {
		b = appendTime(b, r.topic.Time)
		b = appendText(b, r.topic.Nick)
		b = appendText(b, r.topic.Text)
	}
	b = binary.AppendUvarint(b, r.used)
	b = binary.AppendUvarint(b, r.count)
	b = binary.AppendUvarint(b, r.bytes)
	return seal(fold, b)
}

func decodeRoom(fold, record []byte) (*roomRecord, error) {
	f := unseal(fold, record)
	r := &roomRecord{name: f.text(), epoch: f.text(), seq: f.number()}
	if seq := f.number(); seq > 0 {
		r.topic = chat.Event{Kind: chat.Topic, Seq: seq, Room: r.name, Time: f.time(), Nick: f.text(), Text: f.text()}
	}
	r.used, r.count, r.bytes = f.number(), f.number(), f.number()
	if err := f.end(); err != nil {
		return nil, err
	}
	return r, nil
}

// totals are of the whole file.
type totals struct {
	rooms uint64
	bytes uint64 // of all messages' records
	used  uint64 // how often a room was used
}

func (t totals) encode() ([]byte, error) {
	b := []byte{recordVersion}
	b = binary.AppendUvarint(b, t.rooms)
	b = binary.AppendUvarint(b, t.bytes)
	b = binary.AppendUvarint(b, t.used)
	return seal(totalsKey, b)
}

func decodeTotals(record []byte) (totals, error) {
	f := unseal(totalsKey, record)
	t := totals{f.number(), f.number(), f.number()}
	return t, f.end()
}

func encodeBan(key []byte, ban *chat.Ban) ([]byte, error) {
	b := []byte{recordVersion}
	b = appendText(b, ban.Whom)
	b = appendText(b, ban.By)
	b = appendTime(b, ban.Until)
	return seal(key, b)
}

func decodeBan(key, record []byte) (chat.Ban, error) {
	f := unseal(key, record)
	ban := chat.Ban{Whom: f.text(), By: f.text(), Until: f.time()}
	return ban, f.end()
}
