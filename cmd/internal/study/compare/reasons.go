//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package compare

import "fmt"

// reasons says in words what the counts say, as far as they do.
func (c counts) reasons(columns []Column) (list []string) {
	at := map[string]int{}
	for i, col := range columns {
		at[col.Backend] = i
	}
	each := func(names []string, f func(name string, i int)) {
		for _, n := range names {
			if i, there := at[n]; there {
				f(n, i)
			}
		}
	}
	each([]string{"epoll", "kqueue"}, func(name string, i int) {
		if n := c.of[watches][i]; n > 0 {
			list = append(list, fmt.Sprintf("%s keeps the interest table in the kernel: %d calls changed it, and no wait had to name an entry.", name, n))
		}
	})
	each([]string{"poll", "select"}, func(name string, i int) {
		list = append(list, fmt.Sprintf("%s remembers nothing: %d entries in all were passed to its %d waits, and a change of the table is no call.",
			name, c.passed[i], c.of[waits][i]))
	})
	each([]string{"poll", "select"}, func(name string, i int) {
		if n := c.of[checks][i]; n > 0 {
			list = append(list, fmt.Sprintf("%s would find a number that is not open only in the next wait; %d calls of fcntl ask before it goes into the table.", name, n))
		}
	})
	first := 0
	each([]string{"poll", "select"}, func(name string, i int) {
		if n := c.of[wakes][i] - c.of[wakes][first]; n > 0 && first != i {
			list = append(list, fmt.Sprintf(
				"%s does not see an entry that is made during its wait: the waker ends the wait, so that the next one has it. Those are its %d calls more.", name, n))
		}
	})
	each([]string{"epoll-edge"}, func(name string, i int) {
		if more := c.again[i] - c.again[first]; more > 0 {
			list = append(list, fmt.Sprintf("%s is told of a change once, an end behind the bytes included, so it reads until EAGAIN: %d reads found nothing, against %d on %s.",
				name, c.again[i], c.again[first], columns[first].Backend))
		}
	})
	each([]string{"select"}, func(_ string, i int) {
		poll, there := at["poll"]
		if n := c.of[waits][i] - c.of[waits][poll]; there && n > 0 {
			list = append(list, fmt.Sprintf(
				"select says only that a descriptor can be read. Where poll's RDHUP tells of an end behind the data, it takes another wait to find it: %d more here.", n))
		}
	})
	each([]string{"epoll-edge"}, func(name string, i int) {
		if c.of[others][i] < c.of[others][first] {
			list = append(list, name+" is a smaller server than the others: it has no spare descriptor, and sets fewer options.")
		}
	})
	return list
}
