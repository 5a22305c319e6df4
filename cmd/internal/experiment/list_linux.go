package experiment

func all() []Experiment {
	return []Experiment{
		blocking, eagain, selecting, polling, level, edge, kqueue, oneshot, herd, ghost, fork, stale, partial, halfclose,
		reset, starvation, wakeup, timers, emfile, eintr, coroutine, batching,
	}
}
