/*
 * The practical limit of a chat: every line that a member sends goes to every
 * member, the sender too, and all lines that came in one turn of the loop go out
 * in one write to each. Level-triggered epoll, one loop.
 *
 *   chat [-p PORT] [-loops 1] [-serve chat]
 *
 * A line ends with '\n', which counts, and has at most 64 KiB; who sends a longer
 * one is closed. What a member does not take waits in a buffer of its own; who
 * lets more than 1 MiB pile up is closed, so that nobody waits for the slowest.
 * A member that ends its stream still gets what was there for it by then.
 *
 * Reads go straight into the round, where the lines of the turn stand one after
 * the other; what follows the last '\n' moves to its member until the next read.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	MAX_LINE = 64 << 10,
	READ_SIZE = 64 << 10,
	ROUND = 128 << 10, /* of lines make a round full before the turn is over */
	MAX_OUT = 1 << 20,
	BATCH = 256,
	ACCEPTS = 64,      /* per readiness, so that a flood of new ones starves nobody */
	RETRY_MS = 100,    /* how long accepting pauses when descriptors ran out */
};

/* Bytes of a member's that wait; none while there are none. */
struct bytes {
	char *at;
	size_t len, cap;
};

struct member {
	int fd;
	int place;         /* in present; -1 once it has ended its stream */
	struct bytes line; /* the beginning of one whose end has not come yet */
	struct bytes out;  /* what the kernel did not take */
};

static int poller, listener;
static int paused; /* accepting waits for a descriptor */

static struct member **by_fd, **present; /* equally long */
static size_t table_len, present_len;

static char lines[ROUND + MAX_LINE + READ_SIZE]; /* the round */
static size_t lines_len;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "c_chat: %s: %s\n", what, strerror(errno));
	exit(1);
}

static _Noreturn void usage(const char *what, const char *arg)
{
	fprintf(stderr, "c_chat: %s: %s (usage: chat [-p PORT] [-loops 1] [-serve chat])\n", what, arg);
	exit(2);
}

static void interest(int op, int fd, unsigned events)
{
	struct epoll_event e = { .events = events, .data.fd = fd };
	if (epoll_ctl(poller, op, fd, &e) < 0)
		die("epoll_ctl");
}

static void listen_on(void)
{
	paused = 0;
	interest(EPOLL_CTL_ADD, listener, EPOLLIN);
}

/* Appends, up to max in all; 0 when that is exceeded, or memory is. */
static int keep(struct bytes *b, const char *p, size_t n, size_t max)
{
	if (b->len + n > max)
		return 0;
	if (b->len + n > b->cap) {
		size_t cap = 2 * (b->len + n) < max ? 2 * (b->len + n) : max;
		char *more = realloc(b->at, cap);
		if (!more)
			return 0;
		b->at = more;
		b->cap = cap;
	}
	memcpy(b->at + b->len, p, n);
	b->len += n;
	return 1;
}

static void discard(struct bytes *b)
{
	free(b->at);
	*b = (struct bytes){ 0 };
}

/* From now on the round is not for m. */
static void leave(struct member *m)
{
	if (m->place < 0)
		return;
	struct member *last = present[--present_len];
	present[m->place] = last;
	last->place = m->place;
	m->place = -1;
}

static void end(struct member *m)
{
	leave(m);
	by_fd[m->fd] = NULL;
	close(m->fd); /* the only descriptor of its socket: epoll forgets it too */
	discard(&m->line);
	discard(&m->out);
	free(m);
	if (paused)
		listen_on();
}

/* Makes room in the tables for fd; 0 when there is no memory. */
static int known(int fd)
{
	if ((size_t)fd < table_len)
		return 1;
	size_t len = (size_t)fd * 2 + 64;
	struct member **more = realloc(by_fd, len * sizeof *more);
	if (!more)
		return 0;
	memset(more + table_len, 0, (len - table_len) * sizeof *more);
	by_fd = more;
	if (!(more = realloc(present, len * sizeof *more)))
		return 0;
	present = more;
	table_len = len;
	return 1;
}

static void join(int fd)
{
	struct member *m = known(fd) ? calloc(1, sizeof *m) : NULL;
	if (!m) {
		close(fd);
		return;
	}
	m->fd = fd;
	m->place = present_len;
	present[present_len++] = by_fd[fd] = m;
	interest(EPOLL_CTL_ADD, fd, EPOLLIN);
}

static void take_new(void)
{
	for (int i = 0; i < ACCEPTS; i++) {
		int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			join(fd);
			continue;
		}
		switch (errno) {
		case EMFILE:
		case ENFILE:
		case ENOBUFS:
		case ENOMEM:
			/* Level-triggered, the listener would be reported over and over. */
			interest(EPOLL_CTL_DEL, listener, 0);
			paused = 1;
			return;
		case EAGAIN:
			return;
		}
		/* EINTR, ECONNABORTED and network errors are those of one connection. */
	}
}

/* Gives m the round, which may end it. */
static void deliver(struct member *m)
{
	size_t sent = 0;

	if (m->out.len == 0) {
		ssize_t w = write(m->fd, lines, lines_len);
		if (w == (ssize_t)lines_len)
			return;
		if (w >= 0) {
			sent = w;
		} else if (errno != EAGAIN && errno != EINTR) {
			end(m);
			return;
		}
		interest(EPOLL_CTL_MOD, m->fd, EPOLLIN | EPOLLOUT);
	}
	if (!keep(&m->out, lines + sent, lines_len - sent, MAX_OUT))
		end(m);
}

static void finish_round(void)
{
	if (lines_len == 0)
		return;
	/* Backwards, because who ends gives its place to the last. */
	for (size_t i = present_len; i-- > 0;)
		deliver(present[i]);
	lines_len = 0;
}

/* Sends what waits. */
static void flush(struct member *m)
{
	ssize_t w = write(m->fd, m->out.at, m->out.len);
	if (w < 0) {
		if (errno != EAGAIN && errno != EINTR)
			end(m);
		return;
	}
	if ((size_t)w < m->out.len) {
		m->out.len -= w;
		memmove(m->out.at, m->out.at + w, m->out.len);
		return;
	}
	discard(&m->out);
	if (m->place < 0)
		end(m); /* it had said goodbye before */
	else
		interest(EPOLL_CTL_MOD, m->fd, EPOLLIN);
}

/* m sends nothing more, and goes as soon as it has what is its own. */
static void farewell(struct member *m)
{
	int fd = m->fd;
	finish_round(); /* others' lines of this turn are for m, who was there */
	if (!by_fd[fd])
		return;
	if (m->out.len == 0) {
		end(m);
		return;
	}
	leave(m);
	interest(EPOLL_CTL_MOD, m->fd, EPOLLOUT);
}

/* One read: the lines it completes join the round. */
static void hear(struct member *m)
{
	char *line = lines + lines_len, *fresh = line + m->line.len;
	ssize_t n = read(m->fd, fresh, READ_SIZE);
	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			end(m);
		return;
	}
	if (n == 0) {
		farewell(m);
		return;
	}
	/* Only the first line can be too long: a read is no longer than a line may be. */
	char *first = memchr(fresh, '\n', n), *stop = fresh + n;
	if ((first ? first + 1 - line : stop - line + 1) > MAX_LINE) {
		end(m);
		return;
	}
	if (first) {
		char *last = memrchr(fresh, '\n', n);
		if (m->line.len)
			memcpy(line, m->line.at, m->line.len);
		discard(&m->line);
		lines_len = last + 1 - lines;
		fresh = last + 1;
	}
	if (stop > fresh && !keep(&m->line, fresh, stop - fresh, MAX_LINE))
		end(m);
	if (lines_len >= ROUND)
		finish_round();
}

/* A member is ready; by now an earlier one's round may have ended it. */
static void serve_one(int fd, unsigned events)
{
	struct member *m = by_fd[fd];
	if (m && m->out.len && events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) {
		flush(m);
		m = by_fd[fd];
	}
	if (m && m->place >= 0 && events & ~EPOLLOUT)
		hear(m);
}

/* Listens on 127.0.0.1, and says in *port which port that is. */
static int listen_loopback(int *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(*port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof a;
	int on = 1;

	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	/* Linux hands this on to what is accepted, which saves a call each. */
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0)
		die("TCP_NODELAY");
	if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0)
		die("bind");
	if (listen(fd, 4096) < 0)
		die("listen");
	if (getsockname(fd, (struct sockaddr *)&a, &len) < 0)
		die("getsockname");
	*port = ntohs(a.sin_port);
	return fd;
}

static _Noreturn void loop(void)
{
	poller = epoll_create1(EPOLL_CLOEXEC);
	if (poller < 0)
		die("epoll_create1");
	interest(EPOLL_CTL_ADD, listener, EPOLLIN);

	for (;;) {
		struct epoll_event ready[BATCH];
		int n = epoll_wait(poller, ready, BATCH, paused ? RETRY_MS : -1);
		if (n < 0 && errno != EINTR)
			die("epoll_wait");
		for (int i = 0; i < n; i++) {
			if (ready[i].data.fd == listener)
				take_new();
			else
				serve_one(ready[i].data.fd, ready[i].events);
		}
		finish_round();
		if (paused && n == 0) /* others may have given descriptors back */
			listen_on();
	}
}

/* A whole number from arg, or the end of the program. */
static int number(const char *flag, const char *arg, long max)
{
	char *rest;
	long n = arg ? strtol(arg, &rest, 10) : -1;
	if (!arg || rest == arg || *rest || n < 0 || n > max)
		usage("bad value", flag);
	return (int)n;
}

static void serve(const char *mode)
{
	if (!mode || strcmp(mode, "chat")) {
		fprintf(stderr, "c_chat: -serve %s: it serves chat\n", mode ? mode : "");
		exit(2);
	}
}

int main(int argc, char **argv)
{
	int port = 0, loops = 1;

	for (int i = 1; i < argc; i += 2) {
		if (!strcmp(argv[i], "-p"))
			port = number(argv[i], argv[i + 1], 65535);
		else if (!strcmp(argv[i], "-loops"))
			loops = number(argv[i], argv[i + 1], 1024);
		else if (!strcmp(argv[i], "-serve"))
			serve(argv[i + 1]);
		else
			usage("unknown argument", argv[i]);
	}
	if (loops != 1) {
		fprintf(stderr, "c_chat: -loops %d: it has one loop\n", loops);
		exit(2);
	}
	signal(SIGPIPE, SIG_IGN);
	listener = listen_loopback(&port);
	printf("listening tcp://127.0.0.1:%d\n", port);
	fflush(stdout);
	loop();
}
