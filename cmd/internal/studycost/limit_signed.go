//go:build freebsd || dragonfly

package studycost

func rlimit(n uint64) int64 { return int64(n) }
