//go:build linux

package load

// lines says what each line of a chat looks like: sixteen letters that no other
// line of the run has, then a window into a table of letters that they choose,
// and a newline at the end and nowhere else. Letters, because a chat server may
// trim blanks and drop what is no text.
type lines struct{ table []byte }

const (
	lineHead = 2 * headSize
	letters  = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
)

func newLines(size int) lines {
	table := make([]byte, windows+size)
	for i := range table {
		table[i] = letters[mix(uint64(i))%uint64(len(letters))]
	}
	return lines{table}
}

// fill writes line seq of a kind into p, which is of its size.
func (l *lines) fill(p []byte, kind uint32, seq uint64) {
	h := head(kind, seq)
	for i := range lineHead {
		p[i] = 'a' + byte(h>>(4*i)&15)
	}
	end := len(p) - 1
	copy(p[lineHead:end], l.table[h%windows:])
	p[end] = '\n'
}
