//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package compare

// row is what the backends do at one point; nil: nothing.
type row []*cell

// differs reports whether a backend makes a call that another does not, or gets
// another answer.
func (r row) differs() bool {
	for _, c := range r {
		if c == nil || r[0] == nil || c.key != r[0].key || c.outcome != r[0].outcome || (c.kind == checks) != (r[0].kind == checks) {
			return true
		}
	}
	return false
}

// align puts the calls of several backends into rows: those with the same key beside
// each other, in everyone's own order. Each list is laid beside the rows of those before
// it, by their longest common subsequence.
func align(lists [][]cell) []row {
	var rows []row
	var keys []string // of the rows
	for column, list := range lists {
		var next []row
		var nextKeys []string
		i, j := 0, 0
		take := func(r row, key string) {
			next = append(next, r)
			nextKeys = append(nextKeys, key)
		}
		fresh := func(c *cell) {
			r := make(row, len(lists))
			r[column] = c
			take(r, c.key)
		}
		for _, m := range common(keys, list) {
			for ; i < m[0]; i++ {
				take(rows[i], keys[i])
			}
			for ; j < m[1]; j++ {
				fresh(&list[j])
			}
			rows[i][column] = &list[j]
			take(rows[i], keys[i])
			i++
			j++
		}
		for ; i < len(rows); i++ {
			take(rows[i], keys[i])
		}
		for ; j < len(list); j++ {
			fresh(&list[j])
		}
		rows, keys = next, nextKeys
	}
	return rows
}

// common are the pairs of places at which keys and list have the same, as many as can
// be had in order.
func common(keys []string, list []cell) (pairs [][2]int) {
	// long[i][j]: of keys[i:] and list[j:].
	long := make([][]int, len(keys)+1)
	for i := range long {
		long[i] = make([]int, len(list)+1)
	}
	for i := len(keys) - 1; i >= 0; i-- {
		for j := len(list) - 1; j >= 0; j-- {
			if keys[i] == list[j].key {
				long[i][j] = long[i+1][j+1] + 1
			} else {
				long[i][j] = max(long[i+1][j], long[i][j+1])
			}
		}
	}
	for i, j := 0, 0; i < len(keys) && j < len(list); {
		switch {
		case keys[i] == list[j].key:
			pairs = append(pairs, [2]int{i, j})
			i++
			j++
		case long[i+1][j] >= long[i][j+1]:
			i++
		default:
			j++
		}
	}
	return pairs
}
