//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package itest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// plan says which tests show each promise of reliability that the reactor makes, by
// directory and name. Bounds that are counts or ratios stand in the tests.
var plan = []struct {
	id, promise string
	tests       string
}{
	// Descriptors.
	{"F1", "an event of a connection that was closed in the same batch is nobody's, and its number comes back only after the batch",
		"selectors.TestStaleEvent selectors.TestStaleInterest reactor.TestNoStaleEventInABatch reactor.TestAStaleEventIsNobodys"},
	{"F2", "closing in any callback, twice, or somebody else: Closed once and last, the descriptor closed behind it",
		"reactor.TestClosingInEveryCallback reactor.TestCloseFromEverywhere reactor.TestGnet621WriteReachesAnotherClient"},
	{"F3", "a duplicate or a child that holds a description wakes nobody",
		"itest.TestAChildHoldsADescription reactor.TestLibuv1148DuplicateSpins selectors.TestGhostIsRemoved .TestPoller"},
	{"F4", "writes from other goroutines never reach another client",
		"reactor.TestWritesNeverReachAnotherClient"},
	{"F5", "methods of a closed connection answer with an error",
		"reactor.TestMethodsAfterTheEnd"},
	{"F6", "wake-ups race with the end: none goes to a closed descriptor, posts after it say so",
		"reactor.TestNoWakeUpOfAClosedDescriptor reactor.TestPostsRaceWithTheEnd selectors.TestWakeAfterClose selectors.TestCloseAgainstAll"},
	{"F7", "errors of registering are Python's, on every backend",
		"selectors.TestArguments selectors.TestPython_register selectors.TestPython_unregister selectors.TestPython_register_file selectors.TestPython_register_bad_fd selectors.TestDiffers_closedDescriptor .TestPoller"},
	{"F8", "no buffer is shared, or used when it was given back",
		"reactor.TestNoBufferIsSharedOrUsedAfterItsRelease reactor.TestNetpoll143SharedBuffers reactor.TestPoolsAreBounded"},
	{"F9", "data before the end, the end before errors, nothing behind them, at every combination of events",
		"reactor.TestEveryCombinationOfEvents reactor.TestNothingIsWrittenBehindAnError"},
	{"F10", "a child inherits nothing, of any transport",
		"itest.TestChildInheritsNoTransport itest.TestChildInheritsNothing itest.TestCloseOnExec selectors.TestPython_fd_non_inheritable .TestPoller"},
	{"F11", "descriptors beyond FD_SETSIZE are served, or refused",
		"itest.TestDescriptorsBeyondFDSetSize selectors.TestPython_above_fd_setsize .TestSelectBeyondFDSetSize"},
	{"F12", "what 15,000 connections kept is given back, and one costs at most 256 bytes",
		"itest.TestIdleConnectionsCostLittle reactor.TestClosedConnectionsAreLetGo"},

	// Slow peers, memory, fairness.
	{"B2", "a client that does not read: 100 MiB, within the marks",
		"reactor.TestAHundredMebibytesUnread reactor.TestAChokedConnectionNoticesAHangUp reactor.TestPausedConnectionsNoticeAHangUp reactor.TestGnet712UnboundedBuffers reactor.TestAPeerThatNeverReadsIsNotReadFrom"},
	{"B3", "a thousand stuck clients do not hold a loop up",
		"reactor.TestAThousandStuckClients itest.TestMisbehavingClients"},
	{"B4", "64 MiB in a thousand parts and more arrive whole",
		"itest.TestLargeStreamThroughTheServersSmallBuffer itest.TestLargeStreamThroughSmallBuffers reactor.TestPartialWritesOnEveryStream reactor.TestPartialWrites"},
	{"B5", "one that sends all it can, or a crowd that connects, does not keep others waiting",
		"reactor.TestAFirehoseAmongPings reactor.TestAnAcceptStormAmongPings reactor.TestEndlessPostsAndTimersAmongPings reactor.TestPacketsAreFair"},
	{"B6", "a thousand clients that drip are closed when a line has taken too long",
		"reactor.TestAThousandSlowClients reactor.TestReadTimeoutIsOfTheMessage reactor.TestTimeouts"},
	{"B7", "ten thousand idle connections are closed in time and cost nothing before",
		"itest.TestIdleConnectionsAreClosedInTime reactor.TestTimeoutsCostNothingAMessage"},
	{"B8", "lines without end or without anything, empty datagrams, ten thousand commands at once",
		"reactor.TestALineWithoutEnd reactor.TestTenThousandPipelinedCommands reactor.TestReadLimit reactor.TestPacketEcho"},

	// The network.
	{"N1", "a storm of resets", "itest.TestResetStorm reactor.TestBadPeersHarmNobody"},
	{"N2", "every byte before the end, both ways", "itest.TestNetcatBothWays itest.TestPipes reactor.TestHalfClose"},
	{"N4", "a hundred thousand short connections leave nothing", "itest.TestChurn"},
	{"N6", "both families, scopes, addresses that cannot be had", "itest.TestAddressesOfBothFamilies itest.TestScopes itest.TestAddressesThatTheProgramCannotHave itest.TestManyAddresses reactor.TestDualStack"},
	{"N7", "a restart refuses and resets nobody", "itest.TestRestart"},
	{"N8", "no thundering herd, and an even spread", "itest.TestNoThunderingHerd"},
	{"N9", "five thousand connect at once", "itest.TestConnectBurst"},
	{"N10", "a dial that fails says why and leaves nothing", "itest.TestDialOutcomes reactor.TestDialFails reactor.TestDialTimesOut"},

	// The process.
	{"P2", "a panic ends its connection, is counted and logged once, and nothing else, or with Crash the process",
		"reactor.TestAPanicInEveryCallback reactor.TestAPanicEndsItsConnectionOnly reactor.TestAPanicInAllowPeer reactor.TestAPanicOfADialDuringShutdown reactor.TestAPanicDuringShutdown reactor.TestPacketPanic reactor.TestPacketErrorPanic itest.TestPanicMode"},
	{"P3", "SIGTERM drains, a second one does not wait; SIGPIPE and SIGSTOP harm nothing",
		"cmd/iomux.TestSignalDrains cmd/iomux.TestSecondSignalExitsAtOnce cmd/iomux.TestDrainHasALimit cmd/iomux.TestServerOutlivesItsLog itest.TestDrain itest.TestStoppedAndContinued"},
	{"P4", "timers of all lengths, clocks that are set or overflow",
		"reactor.TestTimersOfAllLengths reactor.TestFarTimersLetTheLoopSleep reactor.TestTheClockIsSet reactor.TestTimersOfOneMoment reactor.TestManyTimers itest.TestTheUptimeOverflows"},
	{"P6", "no wake-up is lost", "reactor.TestTenMillionPosts reactor.TestNoInterleavingLosesAWakeUp reactor.TestPostWakesAnIdleLoop selectors.TestWakeIsNotLost"},
	{"P7", "no test leaves a goroutine or a descriptor", "reactor.TestMain selectors.TestMain .TestMain"},
	{"P9", "inherited sockets that are not what they are said to be", "itest.TestSocketActivation itest.TestSocketActivationGoneWrong handover.TestInheritedWrong"},

	// Unix sockets and datagrams.
	{"U1", "a dead server's file is replaced, a live one's is not", "internal/socketfile.TestLife internal/socketfile.TestAThousandStarts itest.TestStartsAtOnce reactor.TestGnet731AbsoluteUnixPath"},
	{"U2", "permissions from the first instant", "internal/socketfile.TestMode itest.TestNobodyGetsIn"},
	{"U3", "a successor's file stays", "internal/socketfile.TestASuccessorKeepsItsFile"},
	{"U4", "another user of an abstract name is refused", "itest.TestAnotherUserIsRefused reactor.TestCredentials"},
	{"U5", "uninvited descriptors are closed", "itest.TestUninvitedDescriptors"},
	{"P1", "children that are killed leave no zombie, free their place, and their server goes on",
		"servers/socketserver.TestForkingSurvivesKills servers/socketserver.TestPoolCrashLoop servers/socketserver.TestPoolReplaces"},
	{"C8", "commands are a program's arguments and nothing else, within their time, memory and output, and die with their client",
		"servers/classic.TestCommandInjection servers/classic.TestCommandOutputLimit servers/classic.TestCommandTimeLimit servers/classic.TestCommandClientGone servers/classic.TestCommandAudit"},
	{"T1", "no weakness of TLS but that the certificate is self-signed; a reload drops nobody",
		"itest.TestTestSSL itest.TestOpenSSLClient reactor.TestTLSReload"},
	{"T2", "TLS in pieces of one byte, with and without its end, in crowds, and from who knows none",
		"reactor.TestTLSReadsOnAfterWouldBlock reactor.TestTLSKeyUpdate reactor.TestTLSBareEnd reactor.TestTLSManyHandshakes reactor.TestTLSGarbage reactor.TestTLSEndsInTheHandshake reactor.TestTLSHandshakeTakesTooLong reactor.TestTLSHandshakesAreBounded"},
	{"U7", "no amplification, nothing cut in silence, ICMP ends nothing", "itest.TestForgedSourcesAreNotAnswered itest.TestCutDatagramsAreNotDelivered itest.TestICMPEndsNothing"},

	// What others' reactors did.
	{"gnet 367", "EMFILE ended the server", "reactor.TestGnet367EMFILEEndsTheServer itest.TestDescriptorsExhausted"},
	{"gnet 453", "ECONNABORTED ended the server", "reactor.TestGnet453ECONNABORTEDEndsTheServer"},
	{"gnet 529", "data before the end was lost", "reactor.TestGnet529DataBeforeTheEndIsLost"},
	{"gnet 621", "a write reached another client", "reactor.TestGnet621WriteReachesAnotherClient"},
	{"gnet 712", "buffers without bound", "reactor.TestGnet712UnboundedBuffers"},
	{"evio 51", "ENOENT of epoll_ctl ended the process", "reactor.TestEvio51ENOENTPanics"},
	{"netpoll 143", "two connections shared a buffer", "reactor.TestNetpoll143SharedBuffers"},
	{"nbio 1.6", "the tail behind 192 KiB was lost", "reactor.TestNbioLostTailBehindTheEnd"},
	{"libuv 1148", "a duplicate took a processor", "reactor.TestLibuv1148DuplicateSpins"},
}

// Every test that the plan names is there, so that none goes without a word.
func TestPlan(t *testing.T) {
	known := map[string]map[string]bool{} // from a directory to its tests
	seen := map[string]bool{}
	for _, p := range plan {
		if seen[p.id] {
			t.Errorf("%s is there twice", p.id)
		}
		seen[p.id] = true
		for _, name := range strings.Fields(p.tests) {
			dir, test, _ := strings.Cut(name, ".")
			if known[dir] == nil {
				known[dir] = testsOf(t, dir)
			}
			if !known[dir][test] {
				t.Errorf("%s (%s): there is no test %s in directory %q", p.id, p.promise, test, dir)
			}
		}
	}
}

// testsOf are the tests in a directory, whatever system they are for.
func testsOf(t *testing.T, dir string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", dir, "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %d files, %v", dir, len(files), err)
	}
	tests := map[string]bool{}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") {
				tests[f.Name.Name] = true
			}
		}
	}
	return tests
}
