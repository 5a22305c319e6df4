package itest

import (
	"runtime"
	"testing"
	"time"

	"example.com/iomux"
)

// How much of a server's memory an idle connection of TCP may keep, with every
// callback and an idle timeout. The connection itself has 144 bytes, its place in
// the selector 32, in the heap of alarms 24 and in the loop's list 8; the tables are
// up to a quarter larger than what is in them.
const idleCost = 256

// Fifteen thousand idle connections keep less than idleCost bytes each, cost not a
// single turn of a loop, and when they have gone, so has what they kept: F12, and the
// bound of memory.
func TestIdleConnectionsCostLittle(t *testing.T) {
	const clients, addresses = 15_000, 4
	room(t, clients)
	p, at := rest(t, time.Hour, addresses, "")
	leave := func(list []bare) {
		for _, c := range list {
			c.close()
		}
		await(t, "all clients have gone", func() bool { return p.ask("").Stats.Conns == 0 })
	}
	// What is made once has been made: the program's own code is read in, the runtime
	// has its tables.
	leave(crowd(t, at, 1000))
	p.ask("")
	before := p.ask("")
	list := crowd(t, at, clients)
	after := p.ask("")
	if n := after.Stats.Conns; n != clients || after.Descriptors < clients {
		t.Fatalf("%d connections and %d descriptors, want %d", n, after.Descriptors, clients)
	}
	cost := float64(after.Resident-before.Resident) / clients
	t.Logf("%.1f bytes an idle connection: %d KiB resident before, %d KiB with %d", cost, before.Resident>>10, after.Resident>>10, clients)
	judged := !raced() // whose shadow of the memory is several times as large
	if cost > idleCost && judged {
		t.Errorf("an idle connection costs %.1f bytes, want at most %d", cost, idleCost)
	}

	const span = 3 * time.Second
	rested := p.ask("") // by now the turn of the last message is over
	used := cpuTime(t, p.cmd.Process.Pid)
	time.Sleep(span) // what is counted is turns in a time
	used = cpuTime(t, p.cmd.Process.Pid) - used
	still := p.ask("")
	if n := still.Stats.Turns - rested.Stats.Turns; n != 0 {
		t.Errorf("%d turns in %v with %d idle connections", n, span, clients)
	}
	if used > span/100 { // a tick a second
		t.Errorf("%v of processor time in %v with %d idle connections", used, span, clients)
	}

	leave(list)
	// What something refers to is exact; how much of the rest the runtime has given back
	// to the kernel depends on what else is on the same pages. Each loop keeps a table
	// with four bytes for every number that a descriptor has had, up to a quarter larger.
	numbers := after.Descriptors * 5 * runtime.GOMAXPROCS(0)
	heap, most := before.Heap+before.Heap/10+numbers, before.Resident+before.Resident/5
	gone := p.ask("")
	for range 10 { // the runtime gives some things back later than others
		if gone.Heap > heap || gone.Resident > most {
			gone = p.ask("")
		}
	}
	t.Logf("when they have gone %d KiB are resident, and %d KiB of heap in use: %d KiB before, %d KiB with them",
		gone.Resident>>10, gone.Heap>>10, before.Heap>>10, after.Heap>>10)
	if gone.Heap > heap {
		t.Errorf("%d bytes of heap are in use when all have gone, want at most %d: 10 %% more than before, and %d", gone.Heap, heap, numbers)
	}
	if gone.Resident > most && judged {
		t.Errorf("%d KiB are resident when all have gone, want at most %d KiB: 20 %% more than before", gone.Resident>>10, most>>10)
	}
	if gone.Descriptors != before.Descriptors || gone.Stats.Timers != 0 || gone.Stats.Buffered != 0 {
		t.Errorf("left over: %d descriptors (%d before), %d timers, %d bytes", gone.Descriptors, before.Descriptors, gone.Stats.Timers, gone.Stats.Buffered)
	}
	p.end()
}

// Ten thousand idle connections are closed when their time is over: none before, each
// by one look, or two where there was a message meanwhile; and until then they cost
// nothing: B7.
func TestIdleConnectionsAreClosedInTime(t *testing.T) {
	const addresses, idle = 4, 4 * time.Second
	clients := 10_000
	room(t, uint64(clients))
	eachBackend(t, func(t *testing.T, backend string) {
		if backend != string(iomux.Backends()[0]) {
			clients = 2_000 // of which the others look at each with every message
		}
		p, at := rest(t, idle, addresses, backend, "note")
		list := crowd(t, at, clients)
		full := p.ask("notes")
		if full.Stats.Timeouts == 0 { // the machine was fast enough for a look in between
			time.Sleep(idle / 10) // what is counted is turns in a time
			if quiet := p.ask("notes"); quiet.Stats.Timeouts == 0 && quiet.Stats.Turns-full.Stats.Turns > 20 {
				t.Errorf("%d turns while all were idle", quiet.Stats.Turns-full.Stats.Turns)
			}
		}
		for i, c := range list {
			if err := c.ended(); err != nil {
				t.Fatalf("client %d: %v", i, err)
			}
		}
		await(t, "all are closed", func() bool { return p.ask("notes").Ends == clients })
		r := p.ask("notes")
		t.Logf("%d closed, late by %v at most", r.Ends, r.Late)
		if r.Early > 0 {
			t.Errorf("closed %v early", r.Early)
		}
		if r.Late > 10*time.Second { // a second is what the plan wants of an idle machine
			t.Errorf("closed %v late", r.Late)
		}
		if n := r.Stats.Alarms; n > 2*uint64(clients) {
			t.Errorf("%d alarms for %d timeouts", n, clients)
		}
		if r.Stats.Conns != 0 || r.Stats.Timers != 0 || r.Stats.Timeouts != uint64(clients) {
			t.Errorf("%d connections and %d timers are left, %d timed out", r.Stats.Conns, r.Stats.Timers, r.Stats.Timeouts)
		}
		p.end()
	})
}
