/*
 * The least that a load generator costs: a closed loop against an echo server
 * on 127.0.0.1, which checks every byte and measures every message, in C on
 * level-triggered epoll, with one read and one write for what came back.
 *
 *   client PORT CONNS SIZE DEPTH WARM_MS MS [SEED]
 *
 * Each of CONNS connections keeps DEPTH messages of SIZE bytes on their way.
 * Runs WARM_MS, measures MS, prints
 *
 *   messages N seconds S rate R cpu_ns C p50_us X p99_us Y
 *
 * where C is this process's own CPU time a message, and exits 0; or exits 1 with
 * one line when the server does not echo, 2 when asked for what cannot be.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum {
	BATCH = 256,
	IN_SIZE = 256 << 10,
	OUT_SIZE = 64 << 10,
	MAX_BURST = 1 << 20, /* bytes of DEPTH messages */
	MAX_CONNS = 1 << 20,
	MAX_MS = 600000,
	PATIENCE_MS = 5000,  /* how long the server may keep everything waiting */
	HEAD = 8,            /* bytes of a message that no other has */
	WINDOWS = 1 << 12,   /* places of the table where the rest may begin */
	FINE = 128,          /* steps of the histogram from one power of two to the next */
};

/* Messages are numbered from 0 per connection: due of them wait to be written,
 * those from acked to sent are on their way. */
struct conn {
	int fd;
	uint32_t id;
	uint64_t due, sent, acked;
	size_t off;            /* bytes of message acked that are back */
	char *rest;            /* written to but not taken by the kernel; none nearly always */
	size_t rest_at, rest_end;
	uint64_t *sent_at;     /* when, by message modulo depth */
};

static unsigned conns_len, depth;
static size_t size;
static uint64_t seed;

static int poller, timer; /* the timer's data in epoll is NULL */
static struct conn *conns;
static char *table, *out, in[IN_SIZE];
static size_t out_msgs; /* messages that fit into out */

static int measuring;
static uint64_t from;     /* when that began */
static uint64_t messages; /* come back since */
static uint64_t answered; /* come back at all */
static uint64_t histogram[(64 - 6) * FINE];

static _Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

static _Noreturn void fail(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fputs("client: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	exit(1);
}

static _Noreturn void die(const char *what) { fail("%s: %s", what, strerror(errno)); }

static uint64_t clock_ns(clockid_t id)
{
	struct timespec t;
	clock_gettime(id, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

/* A bijection that leaves no trace of its argument's order: so no two messages
 * share a head, and a shifted stream fits nowhere. */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

static uint64_t head(const struct conn *c, uint64_t seq)
{
	return mix(((uint64_t)c->id << 32 | (uint32_t)seq) ^ seed);
}

static void fill(char *p, const struct conn *c, uint64_t seq)
{
	uint64_t h = head(c, seq);
	size_t n = size < HEAD ? size : HEAD;
	memcpy(p, &h, n);
	memcpy(p + n, table + h % WINDOWS + n, size - n);
}

/* Whether p is what message seq has in n bytes from off on. */
static int matches(const char *p, size_t off, size_t n, const struct conn *c, uint64_t seq)
{
	uint64_t h = head(c, seq);
	size_t begun = 0;
	if (off < HEAD) {
		begun = HEAD - off < n ? HEAD - off : n;
		if (memcmp(p, (char *)&h + off, begun))
			return 0;
	}
	return !memcmp(p + begun, table + h % WINDOWS + off + begun, n - begun);
}

static void interest(int op, struct conn *c, unsigned events)
{
	struct epoll_event e = { .events = events, .data.ptr = c };
	if (epoll_ctl(poller, op, c ? c->fd : timer, &e) < 0)
		die("epoll_ctl");
}

/* How much of p the kernel took. */
static size_t put(struct conn *c, const char *p, size_t n)
{
	ssize_t w = write(c->fd, p, n);
	if (w >= 0)
		return w;
	if (errno != EAGAIN && errno != EINTR)
		fail("connection %u: write: %s after %llu messages", c->id, strerror(errno), (unsigned long long)c->acked);
	return 0;
}

static void keep(struct conn *c, const char *p, size_t n)
{
	if (!(c->rest = malloc(n)))
		die("malloc");
	memcpy(c->rest, p, n);
	c->rest_at = 0;
	c->rest_end = n;
	interest(EPOLL_CTL_MOD, c, EPOLLIN | EPOLLOUT);
}

/* Writes what is due, unless something written before still waits. */
static void send_due(struct conn *c, uint64_t now)
{
	while (c->due > 0 && !c->rest) {
		size_t n = c->due < out_msgs ? c->due : out_msgs;
		for (size_t i = 0; i < n; i++, c->sent++) {
			fill(out + i * size, c, c->sent);
			c->sent_at[c->sent % depth] = now;
		}
		c->due -= n;
		size_t w = put(c, out, n * size);
		if (w < n * size)
			keep(c, out + w, n * size - w);
	}
}

static void flush(struct conn *c, uint64_t now)
{
	c->rest_at += put(c, c->rest + c->rest_at, c->rest_end - c->rest_at);
	if (c->rest_at < c->rest_end)
		return;
	free(c->rest);
	c->rest = NULL;
	interest(EPOLL_CTL_MOD, c, EPOLLIN);
	send_due(c, now);
}

/* Below FINE a step is a nanosecond; above, each doubling has FINE of them. */
static unsigned step(uint64_t ns)
{
	if (ns < FINE)
		return ns;
	int shift = 63 - __builtin_clzll(ns) - 7;
	return shift * FINE + (ns >> shift);
}

/* The middle of a step. */
static double middle(unsigned step)
{
	if (step < 2 * FINE)
		return step;
	int shift = step / FINE - 1;
	return ((uint64_t)(step - shift * FINE) << shift) + (1ull << shift) / 2.0;
}

static double percentile_us(double part)
{
	uint64_t total = 0, seen = 0;
	unsigned all = sizeof histogram / sizeof *histogram;
	for (unsigned i = 0; i < all; i++)
		total += histogram[i];
	for (unsigned i = 0; i < all; i++) {
		seen += histogram[i];
		if (seen > 0 && seen >= part * total)
			return middle(i) / 1e3;
	}
	return 0;
}

/* Checks the next bytes of the echo, and counts and times what they complete. */
static void take(struct conn *c, const char *p, size_t len, uint64_t now)
{
	while (len > 0) {
		if (c->acked == c->sent)
			fail("connection %u: more bytes echoed than sent after %llu messages", c->id, (unsigned long long)c->acked);
		size_t n = size - c->off < len ? size - c->off : len;
		if (!matches(p, c->off, n, c, c->acked))
			fail("connection %u: message %llu differs within %zu bytes from %zu on", c->id, (unsigned long long)c->acked, n, c->off);
		p += n;
		len -= n;
		if ((c->off += n) < size)
			return;
		c->off = 0;
		uint64_t at = c->sent_at[c->acked++ % depth];
		c->due++;
		if (measuring && at >= from)
			histogram[step(now - at)]++;
	}
}

static void hear(struct conn *c)
{
	ssize_t n = read(c->fd, in, sizeof in);
	if (n < 0) {
		if (errno == EAGAIN || errno == EINTR)
			return;
		fail("connection %u: read: %s after %llu messages", c->id, strerror(errno), (unsigned long long)c->acked);
	}
	if (n == 0)
		fail("connection %u: closed by the server after %llu messages", c->id, (unsigned long long)c->acked);
	uint64_t now = clock_ns(CLOCK_MONOTONIC), before = c->acked;
	take(c, in, n, now);
	answered += c->acked - before;
	if (measuring)
		messages += c->acked - before;
	send_due(c, now);
}

static void dial(struct conn *c, int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval patience = { .tv_sec = PATIENCE_MS / 1000 }; /* bounds connect as well */
	int on = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		die("socket");
	setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	if (connect(c->fd, (struct sockaddr *)&a, sizeof a) < 0)
		fail("connection %u: connect to 127.0.0.1:%d: %s", c->id, port, strerror(errno));
	if (setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0)
		die("TCP_NODELAY");
	/* Only now: until here it was to wait. */
	if (fcntl(c->fd, F_SETFL, O_NONBLOCK) < 0)
		die("O_NONBLOCK");
}

/* The timer is a descriptor like the others, so that no wait has a timeout,
 * which would cost each a timer of the kernel's. */
static void set_timer(unsigned ms)
{
	struct itimerspec t = { .it_value = { ms / 1000, ms % 1000 * 1000000l } };
	/* It is never read: to set it takes the last firing back. */
	if (timerfd_settime(timer, 0, &t, NULL) < 0)
		die("timerfd_settime");
}

/* Serves what is ready; reports whether the timer has fired. */
static int turn(void)
{
	struct epoll_event ready[BATCH];
	int n = epoll_wait(poller, ready, BATCH, -1), fired = 0;
	if (n < 0 && errno != EINTR)
		die("epoll_wait");
	for (int i = 0; i < n; i++) {
		struct conn *c = ready[i].data.ptr;
		if (!c) {
			fired = 1;
			continue;
		}
		if (ready[i].events & ~EPOLLOUT)
			hear(c);
		if (ready[i].events & EPOLLOUT && c->rest)
			flush(c, clock_ns(CLOCK_MONOTONIC));
	}
	return fired;
}

/* Runs so long, unless the server falls silent. */
static void run(unsigned ms)
{
	while (ms > 0) {
		unsigned part = ms < PATIENCE_MS ? ms : PATIENCE_MS;
		uint64_t before = answered;
		set_timer(part);
		while (!turn())
			;
		if (part == PATIENCE_MS && answered == before)
			fail("no echo for %d ms", PATIENCE_MS);
		ms -= part;
	}
}

static void measure(unsigned ms)
{
	uint64_t cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	from = clock_ns(CLOCK_MONOTONIC);
	measuring = 1;
	run(ms);
	double seconds = (clock_ns(CLOCK_MONOTONIC) - from) / 1e9;
	cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	if (messages == 0)
		fail("no echo in %u ms", ms);
	printf("messages %llu seconds %.6f rate %.0f cpu_ns %.1f p50_us %.2f p99_us %.2f\n", (unsigned long long)messages,
	       seconds, messages / seconds, (double)cpu / messages, percentile_us(0.50), percentile_us(0.99));
}

static void prepare(int port)
{
	table = malloc(WINDOWS + size);
	out_msgs = size * depth > OUT_SIZE ? depth : OUT_SIZE / size;
	out = malloc(out_msgs * size);
	conns = calloc(conns_len, sizeof *conns);
	uint64_t *times = calloc((size_t)conns_len * depth, sizeof *times);
	if (!table || !out || !conns || !times)
		die("malloc");
	for (size_t i = 0; i < WINDOWS + size; i++)
		table[i] = mix(i);
	poller = epoll_create1(EPOLL_CLOEXEC);
	if (poller < 0)
		die("epoll_create1");
	timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	if (timer < 0)
		die("timerfd_create");
	interest(EPOLL_CTL_ADD, NULL, EPOLLIN);
	for (unsigned i = 0; i < conns_len; i++) {
		conns[i].id = i;
		conns[i].sent_at = times + (size_t)i * depth;
		dial(&conns[i], port);
		interest(EPOLL_CTL_ADD, &conns[i], EPOLLIN);
	}
}

/* Argument i, a whole number from least to most, or the end of the program. */
static uint64_t number(char **argv, int i, uint64_t least, uint64_t most)
{
	static const char *names[] = { "", "PORT", "CONNS", "SIZE", "DEPTH", "WARM_MS", "MS", "SEED" };
	char *rest;
	errno = 0;
	uint64_t n = strtoull(argv[i], &rest, 10);
	if (errno || *argv[i] < '0' || *argv[i] > '9' || *rest || n < least || n > most) {
		fprintf(stderr, "client: %s: %s: want %llu to %llu\n", names[i], argv[i], (unsigned long long)least, (unsigned long long)most);
		exit(2);
	}
	return n;
}

int main(int argc, char **argv)
{
	if (argc != 7 && argc != 8) {
		fputs("usage: client PORT CONNS SIZE DEPTH WARM_MS MS [SEED]\n", stderr);
		return 2;
	}
	int port = number(argv, 1, 1, 65535);
	conns_len = number(argv, 2, 1, MAX_CONNS);
	size = number(argv, 3, 1, MAX_BURST);
	depth = number(argv, 4, 1, MAX_BURST / size);
	unsigned warm = number(argv, 5, 0, MAX_MS), ms = number(argv, 6, 1, MAX_MS);
	if (argc == 8)
		seed = mix(number(argv, 7, 0, UINT64_MAX));

	signal(SIGPIPE, SIG_IGN);
	prepare(port);
	for (unsigned i = 0; i < conns_len; i++) {
		conns[i].due = depth;
		send_due(&conns[i], clock_ns(CLOCK_MONOTONIC));
	}
	run(warm);
	measure(ms);
	return 0;
}
