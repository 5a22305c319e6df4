//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package chatstore

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
)

// What bbolt's files look like. They are in the byte order of the machine.
const (
	boltMagic   = 0xED0CDAED
	boltVersion = 2

	headSize    = 16 // of a page: id, flags, count, overflow
	metaSize    = 64
	elementSize = 16
	bucketSize  = 16 // a bucket's value: root, sequence; then the page, if root is 0

	branchPage   = 0x01
	leafPage     = 0x02
	freelistPage = 0x10
	bucketFlag   = 0x01

	noFreelist = ^uint64(0)
	manyFree   = 0xFFFF // the count is then the first of the list

	minPage, maxPage = 1 << 10, 16 << 20
	maxDepth         = 64
)

// metaPage is one of the two from which everything hangs.
type metaPage struct {
	pageSize             uint32
	root, freelist, used uint64 // pages; used is how many there are
	txid                 uint64
}

// image is a file that is being looked at.
type image struct {
	f    io.ReaderAt
	meta metaPage
	seen []bool // pages that something refers to
}

// check reads a file of bbolt's, which has that size, and sees that bbolt can: that
// all that it refers to is there, once, and has the form that it should have. Errors:
// ErrFormat, ErrCorrupt, those of reading.
func check(f io.ReaderAt, size int64) error {
	im := &image{f: f}
	if err := im.newest(size); err != nil {
		return err
	}
	m := &im.meta
	pages := uint64(size) / uint64(m.pageSize)
	if m.used < 4 || m.used > pages {
		return fmt.Errorf("%w: it has %d pages of %d", ErrCorrupt, pages, m.used)
	}
	im.seen = make([]bool, m.used)
	im.seen[0], im.seen[1] = true, true
	if _, err := im.tree(m.root, 0); err != nil {
		return err
	}
	if m.freelist == noFreelist {
		return nil
	}
	return im.free(m.freelist)
}

// newest finds the meta page that holds, as bbolt does.
func (im *image) newest(size int64) error {
	first, err := im.readMeta(0)
	if err == nil {
		im.meta = first
		if second, err := im.readMeta(int64(first.pageSize)); err == nil && second.txid > first.txid {
			im.meta = second
		}
		return sized(first.pageSize, im.meta.pageSize)
	}
	// The second is where the first ends, and how long that was only it can tell.
	for at := uint32(minPage); at <= maxPage && int64(at) < size; at *= 2 {
		if second, e := im.readMeta(int64(at)); e == nil {
			im.meta = second
			return sized(at, second.pageSize)
		}
	}
	return err
}

// sized checks the size of pages, and that both say the same of it.
func sized(a, b uint32) error {
	if a != b || a < minPage || a > maxPage || a&(a-1) != 0 {
		return fmt.Errorf("%w: pages of %d or %d bytes", ErrCorrupt, a, b)
	}
	return nil
}

// readMeta reads a meta page.
func (im *image) readMeta(at int64) (m metaPage, err error) {
	var page [headSize + metaSize]byte
	if _, err := im.f.ReadAt(page[:], at); err != nil && err != io.EOF {
		return m, err
	}
	b := page[headSize:]
	order := binary.NativeEndian
	if order.Uint32(b) != boltMagic {
		return m, ErrFormat
	}
	if v := order.Uint32(b[4:]); v != boltVersion {
		return m, fmt.Errorf("%w: version %d of bbolt's files, want %d", ErrFormat, v, boltVersion)
	}
	h := fnv.New64a()
	h.Write(b[:metaSize-8])
	m = metaPage{
		pageSize: order.Uint32(b[8:]), root: order.Uint64(b[16:]),
		freelist: order.Uint64(b[32:]), used: order.Uint64(b[40:]), txid: order.Uint64(b[48:]),
	}
	if h.Sum64() != order.Uint64(b[56:]) {
		return m, fmt.Errorf("%w: its first pages", ErrCorrupt)
	}
	return m, nil
}

// claim takes pages, which nothing else may refer to.
func (im *image) claim(id, n uint64) error {
	if id < 2 || id >= im.meta.used || n > im.meta.used-id {
		return fmt.Errorf("%w: pages %d to %d, of %d", ErrCorrupt, id, id+n-1, im.meta.used)
	}
	for i := id; i < id+n; i++ {
		if im.seen[i] {
			return fmt.Errorf("%w: page %d is used twice", ErrCorrupt, i)
		}
		im.seen[i] = true
	}
	return nil
}

// page reads a page with what overflows from it.
func (im *image) page(id uint64) ([]byte, error) {
	size := uint64(im.meta.pageSize)
	if id >= im.meta.used {
		return nil, fmt.Errorf("%w: page %d, of %d", ErrCorrupt, id, im.meta.used)
	}
	var head [headSize]byte
	if _, err := im.f.ReadAt(head[:], int64(id*size)); err != nil {
		return nil, fmt.Errorf("page %d: %w", id, err)
	}
	n := 1 + uint64(binary.NativeEndian.Uint32(head[12:]))
	if own := binary.NativeEndian.Uint64(head[:]); own != id {
		return nil, fmt.Errorf("%w: page %d says that it is %d", ErrCorrupt, id, own)
	}
	if err := im.claim(id, n); err != nil {
		return nil, err
	}
	b := make([]byte, n*size)
	if _, err := im.f.ReadAt(b, int64(id*size)); err != nil {
		return nil, fmt.Errorf("page %d: %w", id, err)
	}
	return b, nil
}

// node is what a page of a tree says to the page above.
type node struct {
	flags       uint16
	first, last []byte // its keys; nil: it has none
	below       []reference
}

// reference is what a page says of one below. bbolt finds a page by its first key again
// when it has changed it.
type reference struct {
	page   uint64
	first  []byte // its first key
	bucket bool   // it is the root of a bucket, which has keys of its own
}

// tree looks at a page and all below it.
func (im *image) tree(id uint64, depth int) (*node, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("%w: page %d is too deep", ErrCorrupt, id)
	}
	b, err := im.page(id)
	if err != nil {
		return nil, err
	}
	n, err := elements(b, true)
	if err != nil {
		return nil, fmt.Errorf("page %d: %w", id, err)
	}
	kind := uint16(0)
	for i, r := range n.below {
		child, err := im.tree(r.page, depth+1)
		if err != nil {
			return nil, err
		}
		if r.bucket {
			continue
		}
		last := i == len(n.below)-1
		if !bytes.Equal(child.first, r.first) || !last && bytes.Compare(child.last, n.below[i+1].first) >= 0 {
			return nil, fmt.Errorf("%w: page %d has not the keys that page %d says", ErrCorrupt, r.page, id)
		}
		if kind != 0 && child.flags != kind {
			return nil, fmt.Errorf("%w: page %d is of another kind than those beside it", ErrCorrupt, r.page)
		}
		kind = child.flags
		if last {
			n.last = child.last
		}
	}
	return n, nil
}

// elements looks at a page's elements. In a bucket that is a value there are no buckets.
func elements(b []byte, buckets bool) (*node, error) {
	order := binary.NativeEndian
	flags, count := order.Uint16(b[8:]), int(order.Uint16(b[10:]))
	switch {
	case headSize+count*elementSize > len(b):
		return nil, fmt.Errorf("%w: %d elements", ErrCorrupt, count)
	case flags != leafPage && (flags != branchPage || !buckets || count == 0):
		return nil, fmt.Errorf("%w: of the kind %#x, with %d elements", ErrCorrupt, flags, count)
	}
	n := &node{flags: flags}
	for i := range count {
		e := b[headSize+i*elementSize:]
		var flag uint32
		var pos, keySize, size uint64
		if flags == branchPage {
			pos, keySize = uint64(order.Uint32(e)), uint64(order.Uint32(e[4:]))
		} else {
			flag, pos = order.Uint32(e), uint64(order.Uint32(e[4:]))
			keySize, size = uint64(order.Uint32(e[8:])), uint64(order.Uint32(e[12:]))
		}
		if keySize == 0 || pos+keySize+size > uint64(len(e)) || flag > bucketFlag || flag == bucketFlag && !buckets {
			return nil, fmt.Errorf("%w: element %d", ErrCorrupt, i)
		}
		key, value := e[pos:pos+keySize], e[pos+keySize:pos+keySize+size]
		if i == 0 {
			n.first = key
		} else if bytes.Compare(n.last, key) >= 0 {
			return nil, fmt.Errorf("%w: element %d is out of order", ErrCorrupt, i)
		}
		n.last = key
		if flags == branchPage {
			n.below = append(n.below, reference{page: order.Uint64(e[8:]), first: key})
		}
		if flag == bucketFlag {
			root, err := bucket(value)
			if err != nil {
				return nil, fmt.Errorf("element %d: %w", i, err)
			}
			if root != 0 {
				n.below = append(n.below, reference{page: root, bucket: true})
			}
		}
	}
	return n, nil
}

// bucket looks at a bucket and returns its root, 0 if all of it is in the value.
func bucket(value []byte) (root uint64, err error) {
	if len(value) < bucketSize {
		return 0, fmt.Errorf("%w: a bucket of %d bytes", ErrCorrupt, len(value))
	}
	if root = binary.NativeEndian.Uint64(value); root != 0 {
		return root, nil
	}
	if len(value) < bucketSize+headSize {
		return 0, fmt.Errorf("%w: a bucket of %d bytes", ErrCorrupt, len(value))
	}
	_, err = elements(value[bucketSize:], false)
	return 0, err
}

// free looks at the list of free pages.
func (im *image) free(id uint64) error {
	b, err := im.page(id)
	if err != nil {
		return err
	}
	order := binary.NativeEndian
	count := uint64(order.Uint16(b[10:]))
	ids := b[headSize:]
	if count == manyFree {
		count, ids = order.Uint64(ids), ids[8:]
	}
	if order.Uint16(b[8:]) != freelistPage || count > uint64(len(ids)/8) {
		return fmt.Errorf("%w: the list of free pages", ErrCorrupt)
	}
	for i := range count {
		if err := im.claim(order.Uint64(ids[8*i:]), 1); err != nil {
			return fmt.Errorf("free: %w", err)
		}
	}
	return nil
}
