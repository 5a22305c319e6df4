package report

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"example.com/iomux/bench/result"
	"example.com/iomux/bench/scenario"
)

// maker makes reports whose every figure is known, noise included.
type maker struct {
	t      testing.TB
	random *rand.Rand
	rounds int
}

func newMaker(t testing.TB, rounds int) *maker {
	return &maker{t, rand.New(rand.NewPCG(1, 2)), rounds}
}

// server is what a maker makes a series of.
type server struct {
	peer      string
	cpu       float64 // ns a message
	p50, p99  float64 // µs
	rss, conn float64 // MB, bytes
}

func (m *maker) around(x, noise float64) float64 { return x * math.Exp(noise*m.random.NormFloat64()) }

// outcome is a scenario in which the machine's speed differs from round to round
// by a tenth, and servers in a round by noise.
func (m *maker) outcome(name string, noise float64, servers ...server) *result.Outcome {
	s, err := scenario.Parse(name)
	if err != nil {
		m.t.Fatal(err)
	}
	speed := make([]float64, m.rounds)
	for i := range speed {
		speed[i] = m.around(1, 0.1)
	}
	var all []result.Series
	for _, x := range servers {
		e := result.Series{Peer: x.peer, Latency: distribution(x)}
		for round := range m.rounds {
			e.Samples = append(e.Samples, m.sample(s, x, round, speed[round], noise))
		}
		all = append(all, e)
	}
	return result.Summarize(s, all)
}

func (m *maker) sample(s scenario.Scenario, x server, round int, speed, noise float64) *result.Sample {
	cpu := m.around(x.cpu*speed, noise)
	r := &result.Sample{Round: round, Seconds: 0.5, CPU: cpu, System: 0.96, Util: 0.99, GeneratorUtil: 0.93, Switches: m.around(0.0123, 0.1),
		RSS: m.around(x.rss*1e6, 0.01), Little: 1, Jain: 0.999}
	r.Rate = 0.99e9 / cpu
	if s.Rate > 0 {
		r.Rate, r.GeneratorUtil, r.Util = s.Rate*0.9999, 1, s.Rate*cpu/1e9
	}
	r.Messages = int64(r.Rate * r.Seconds)
	if s.Kind == scenario.Idle {
		r.PerConn = m.around(x.conn, noise)
		return r
	}
	r.P50, r.P99 = m.around(x.p50*speed, noise), m.around(x.p99*speed, 3*noise)
	r.P999, r.Max, r.Mean = 2.5*r.P99, 8*r.P99, 1.1*r.P50
	return r
}

// distribution is a spectrum through a server's median and 99th percentile.
func distribution(x server) []result.Percentile {
	if x.p50 == 0 {
		return nil
	}
	var all []result.Percentile
	for _, p := range []float64{0, 10, 30, 50, 70, 80, 90, 95, 97, 98, 99, 99.5, 99.8, 99.9, 99.95, 99.99, 99.995} {
		n := -math.Log10(1 - p/100)
		us := x.p50 * math.Pow(x.p99/x.p50, (n-0.301)/1.699)
		if n < 0.301 {
			us = x.p50 * (0.6 + 0.4*n/0.301)
		}
		all = append(all, result.Percentile{Percent: p, Micros: math.Round(10*us) / 10})
	}
	return append(all, result.Percentile{Percent: 100, Micros: 20 * x.p99})
}

func (m *maker) report(peers []result.Peer, outcomes ...*result.Outcome) *result.Report {
	return &result.Report{
		Format: result.Format,
		Time:   time.Date(2026, 11, 24, 18, 30, 0, 0, time.UTC),
		Machine: result.Machine{CPU: "AMD EPYC 9R14", CPUs: 2, GOOS: "linux", GOARCH: "amd64", MemoryMB: 24576, Hypervisor: "yes", OS: "Debian GNU/Linux 12 (bookworm)", Kernel: "6.18.44",
			Go: "go1.26.8", CC: "gcc (Debian 12.2.0) 12.2.0", Revision: "0123456789ab+", OpenFiles: 20000,
			Settings: map[string]string{"net.ipv4.tcp_congestion_control": "bbr", "mitigations": "spectre_v1 spectre_v2", "net.core.somaxconn": "4096"}},
		Setting:   result.Setting{Rounds: m.rounds, Seconds: 0.5, Warm: 0.1, Loops: 1, Procs: 1, Pinned: true, Nice: -15},
		Peers:     peers,
		Scenarios: outcomes,
	}
}

// reference is a report as people get it, after figures that were measured.
func reference(t testing.TB) *result.Report {
	m := newMaker(t, 15)
	calls := map[string]map[string]float64{
		"iomux": {"read": 1.0002, "write": 1.0001, "epoll_wait": 0.0131},
		"gnet":  {"read": 1.0003, "write": 1.0002, "epoll_pwait": 0.0122, "nanosleep": 0.449, "futex": 0.029},
	}
	tcp := m.outcome("100x64", 0.012, server{"c_epoll", 5295, 504, 1008, 1.4, 0}, server{"c_uring", 4863, 492, 745, 10.1, 0},
		server{"iomux", 5430, 520, 1001, 3.9, 0}, server{"gnet", 6524, 590, 1120, 6.6, 0}, server{"gonet", 6719, 664, 1327, 5.5, 0},
		server{"libuv", 5390, 516, 1040, 1.6, 0}, server{"netpoll", 6607, 647, 885, 10.4, 0}, server{"evio", 7915, 721, 1360, 8.5, 0},
		server{"uvloop", 6060, 524, 1098, 21.2, 0}, server{"threading", 9284, 860, 2195, 21.2, 0})
	for _, r := range tcp.Rows {
		r.Calls = calls[r.Peer]
	}
	framed := m.outcome("framed16", 0.02, server{"c_epoll", 5700, 9200, 12500, 1.4, 0}, server{"iomux", 410, 590, 1200, 3.9, 0},
		server{"gnet", 6071, 9830, 12714, 6.7, 0}, server{"gonet", 6400, 10100, 13100, 5.5, 0})
	many := m.outcome("1000x64", 0.06, server{"c_epoll", 6518, 6423, 14156, 1.3, 0}, server{"c_uring", 5500, 5505, 7340, 10.2, 0},
		server{"iomux", 6800, 6698, 14400, 4.9, 0}, server{"gnet", 7400, 7274, 16253, 7.4, 0}, server{"gonet", 8914, 8913, 11928, 12.6, 0})
	many.Rows[4].Disturbed = 2
	open := m.outcome("rate10k", 0.03, server{"c_epoll", 13838, 31, 58, 1.3, 0}, server{"iomux", 13900, 32, 63, 3.9, 0},
		server{"gnet", 17102, 33, 117, 6.6, 0}, server{"gonet", 26713, 44, 96, 5.5, 0})
	for _, s := range open.Rows[1].Samples {
		s.Notes = map[string]float64{"timer p50_us": 93}
	}
	open.Rows[1].Notes = map[string]float64{"timer p50_us": 93, "timer max_us": 210}
	churn := m.outcome("churn64", 0.02, server{"c_epoll", 30363, 2392, 3768, 1.3, 0}, server{"iomux", 33100, 2500, 4100, 4.1, 0},
		server{"gnet", 35800, 2700, 4500, 7, 0}, server{"gonet", 40100, 2900, 5200, 6, 0})
	idle := m.outcome("idle10k", 0.01, server{"c_epoll", 24000, 0, 0, 1.4, 0.4}, server{"iomux", 31000, 0, 0, 6.4, 213},
		server{"gnet", 36000, 0, 0, 14, 702}, server{"gonet", 41000, 0, 0, 80, 7408})
	udp := m.outcome("udp16x64p16", 0.02, server{"c_udp", 1100, 210, 420, 1.5, 0}, server{"gnet", 3100, 590, 900, 6.6, 0}, server{"gonet", 3900, 700, 1500, 5.6, 0})
	chat := m.outcome("chat100w32", 0.02, server{"c_chat", 160, 500, 900, 1.6, 0}, server{"iomux", 185, 560, 1000, 5, 0},
		server{"gnet", 2900, 9000, 14000, 9, 0}, server{"gonet", 3300, 9900, 19000, 8, 0})
	r := m.report([]result.Peer{
		{Label: "c_epoll", Command: "c_epoll", About: "the practical limit: C on epoll, a thread per loop, nothing else"},
		{Label: "c_udp", Command: "c_udp", About: "the practical limit of datagrams: C, recvmmsg and sendmmsg"},
		{Label: "c_chat", Command: "c_chat", About: "the practical limit of a chat: C on epoll, lines gathered by hand"},
		{Label: "iomux", Command: "iomux", About: "this project's reactor"},
		{Label: "gnet", Command: "gnet", About: "gnet, event loops as it recommends", Version: "v2.10.0"},
		{Label: "gonet", Command: "gonet", About: "the standard library, a goroutine per connection", Version: "go1.26.8"},
		{Label: "c_uring", Command: "c_uring", About: "C on io_uring"},
		{Label: "libuv", Command: "libuv", About: "libuv, one loop", Version: "1.44.2"},
		{Label: "netpoll", Command: "netpoll", About: "CloudWeGo's netpoll", Version: "v0.7.2"},
		{Label: "evio", Command: "evio", About: "evio", Version: "v1.0.8"},
		{Label: "uvloop", Command: "uvloop", About: "Python's asyncio on uvloop, one loop", Version: "0.17.0"},
		{Label: "threading", Command: "threading", About: "Python's socketserver.ThreadingTCPServer", Version: "3.11.2"},
	}, tcp, framed, many, open, churn, idle, udp, chat)
	r.Skipped = []result.Skipped{{Peer: "nbio", Reason: "go build: module lookup disabled"}, {Peer: "evio", Scenario: "1000x64", Reason: "wrong bytes on connection 12 after 4096 B", Failed: true}}
	r.Notes = []string{"priority unchanged: permission denied"}
	return r
}

// hostile are labels that want to be more than text.
var hostile = []string{
	`<script>alert(1)</script>`,
	`"><img src=x onerror=alert(1)>`,
	`'/><svg onload=alert(1)>`,
	"\x1b[31mred\x1b[0m\r\nand \x00 a second line",
	"</title></desc></svg><script>",
	"{{.Style}} javascript:alert(1)",
	"\u202egnp.exe \ufffe\uffff\xff",
}

// rich has something of everything that a report can have: peers that are hostile
// to whoever shows them, a scenario that nobody got through, noise, too few
// rounds, ones that failed.
func rich(t testing.TB) *result.Report {
	m := newMaker(t, 15)
	evil, worse := hostile[0], hostile[1]
	peers := []result.Peer{
		{Label: "c_epoll", Command: "c_epoll", About: "the practical limit"},
		{Label: "iomux", Command: "iomux", About: "this project's reactor"},
		{Label: "iomux -backend poll", Command: "iomux -backend poll", About: "this project's reactor"},
		{Label: "gnet", Command: "gnet", About: "gnet", Version: "v2.10.0"},
		{Label: evil, Command: hostile[2], About: hostile[3], Version: hostile[4]},
		{Label: worse, Command: hostile[5], About: hostile[6]},
	}
	chat := m.outcome("chat100w32", 0.01, server{"c_epoll", 160, 500, 900, 1.6, 0}, server{"iomux", 185, 560, 1000, 5, 0},
		server{"iomux -backend poll", 188, 570, 1010, 5, 0}, server{"gnet", 2900, 9000, 14000, 9, 0}, server{evil, 3300, 9900, 19000, 8, 0}, server{worse, 161, 500, 905, 8, 0})
	chat.Rows[4].Notes = map[string]float64{hostile[3]: 1, hostile[1]: 1e300}
	chat.Rows[4].Calls = map[string]float64{"read": 1.0002, hostile[2]: 0.25}
	chat.Rows[4].Doubts = []string{hostile[0], hostile[3]}
	chat.Rows[4].Disturbed = 3
	noisy := m.outcome("rate10k", 0.3, server{"c_epoll", 13838, 31, 58, 1.3, 0}, server{"iomux", 13900, 32, 63, 3.9, 0}, server{"gnet", 14102, 33, 117, 6.6, 0})
	idle := m.outcome("idle10k", 0.01, server{"c_epoll", 24000, 0, 0, 1.4, 0}, server{"iomux", 31000, 0, 0, 6.4, 213}, server{"gnet", 36000, 0, 0, 14, 702})
	udp := m.outcome("udp16x64p16", 0.02, server{"gnet", 3100, 590, 900, 6.6, 0}, server{evil, 3900, 700, 1500, 5.6, 0})
	m.rounds = 3
	few := m.outcome("100x64", 0.01, server{"c_epoll", 5295, 504, 1008, 1.4, 0}, server{"iomux", 5430, 520, 1001, 3.9, 0}, server{"gnet", 6524, 590, 1120, 6.6, 0})
	m.rounds = 15
	nobody := &result.Outcome{Scenario: scenario.Scenario{Name: hostile[0], Kind: scenario.Kind(hostile[1])}, Rows: []*result.Row{}}
	r := m.report(peers, chat, noisy, idle, udp, few, nobody)
	r.Machine.CPU += hostile[1]
	r.Machine.Settings[hostile[0]] = hostile[3]
	r.Notes = []string{hostile[0], "priority unchanged: permission denied"}
	r.Skipped = []result.Skipped{
		{Peer: "nbio", Reason: "exit status 1:\n./main.go:3: " + hostile[0]},
		{Peer: evil, Scenario: "rate10k", Reason: hostile[1], Failed: true},
	}
	return r
}

// changed is a report of the same, some time later: a peer became dearer by a
// tenth, another cheaper, the rest is as it was.
func changed(t testing.TB, factors map[string]float64) (old, new *result.Report) {
	old = rich(t)
	m := newMaker(t, 15)
	m.random = rand.New(rand.NewPCG(3, 4))
	var outcomes []*result.Outcome
	for _, o := range old.Scenarios {
		var servers []server
		for _, r := range o.Rows {
			f := 1.0
			if x, ok := factors[r.Peer]; ok {
				f = x
			}
			servers = append(servers, server{r.Peer, f * r.Measure(result.CPU).Median, r.Measure(result.P50).Median, r.Measure(result.P99).Median,
				r.Measure(result.RSS).Median / 1e6, f * r.Measure(result.PerConn).Median})
		}
		if len(servers) == 0 {
			continue
		}
		noise := 0.01
		if o.Scenario.Rate > 0 {
			noise = 0.3
		}
		m.rounds = len(o.Rows[0].Samples)
		outcomes = append(outcomes, m.outcome(o.Scenario.Name, noise, servers...))
	}
	return old, m.report(old.Peers, outcomes...)
}

// versus is a report of a pair: a change that costs something here and nothing
// there, in one scenario is for the better, and in one cannot be told.
func versus(t testing.TB) *result.Report {
	m := newMaker(t, 20)
	pair := func(name string, noise, factor float64) *result.Outcome {
		return m.outcome(name, noise, server{"c_epoll", 5295, 504, 1008, 1.4, 0}, server{"old", 5430, 520, 1001, 3.9, 213}, server{"new", factor * 5430, 520, 1001, 3.9, factor * 213})
	}
	outcomes := []*result.Outcome{pair("100x64", 0.01, 1.06), pair("framed16", 0.01, 1), pair("churn64", 0.01, 0.8), pair("rate10k", 0.3, 1), pair("idle10k", 0.01, 2.5)}
	m.rounds = 3
	r := m.report([]result.Peer{
		{Label: "c_epoll", Command: "c_epoll", About: "the practical limit"},
		{Label: "old", Command: "iomux", About: "this project's reactor; built from 0123456789ab"},
		{Label: "new", Command: "iomux", About: "this project's reactor; built from this checkout"},
	}, append(outcomes, pair("1x64", 0.01, 1))...)
	r.Setting.Rounds = 15
	r.Pair = result.NewPair("old", "new", 18)
	return r
}
