// Package experiment has the experiments of "iomux study run": small programs that
// make a few system calls, write down what the kernel answered, and end with an
// observation, which must be the one that is expected.
//
// What an experiment writes down is the same in each run. So descriptors have names
// instead of numbers, nothing is said of times, and an experiment that must wait for
// another thread waits for what can be seen of it (its state in /proc, its answer),
// never for time to pass. Pages of docs/study quote the transcripts, and a test
// compares them byte for byte.
//
// The calls are made here, not by internal/sys: this is about the kernel, as it is
// below all that iomux does about it. Experiments with iomux.Poller or the reactor say
// so.
package experiment
