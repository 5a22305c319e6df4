/*
 * The practical limit: an echo server that does nothing an echo does not need.
 * Level-triggered epoll, one read per readiness and one write at once. What the kernel refuses to take is kept, and while something is kept
 * the connection is not read: so one buffer of a read's size bounds it, and
 * whoever does not read its echoes is not read from either.
 *
 *   echo [-p PORT] [-loops N] [-frame BYTES] [-serve echo]
 *
 * Each loop is a thread that shares nothing with the next: it has a listener of
 * its own on the same port, and the kernel spreads the connections.
 *
 * -frame is taken and ignored: where other servers answer request by request,
 * this one shows what gathering the answers by hand would reach.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	READ_SIZE = 64 << 10,
	BATCH = 256,
	MAX_LOOPS = 1024,
	ACCEPTS = 64,     /* per readiness, so that a flood of new ones starves nobody */
	RETRY_MS = 100,   /* how long accepting pauses when descriptors ran out */
};

/* What one connection still has to be sent. Exists only while there is some. */
struct rest {
	size_t at, end;
	char bytes[READ_SIZE];
};

/* What follows is a loop's own. */
static _Thread_local int poller, listener;
static _Thread_local int paused; /* accepting waits for a descriptor */
static _Thread_local char buffer[READ_SIZE];

static _Thread_local struct rest **rests; /* by descriptor */
static _Thread_local size_t rests_len;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "c_epoll: %s: %s\n", what, strerror(errno));
	exit(1);
}

static _Noreturn void usage(const char *what, const char *arg)
{
	fprintf(stderr, "c_epoll: %s: %s (usage: echo [-p PORT] [-loops N] [-frame BYTES] [-serve echo])\n", what, arg);
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

static void end(int fd)
{
	free(rests[fd]);
	rests[fd] = NULL;
	close(fd); /* the only descriptor of its socket: epoll forgets it too */
	if (paused)
		listen_on();
}

/* Makes room in the table for fd; 0 when there is no memory. */
static int known(int fd)
{
	if ((size_t)fd < rests_len)
		return 1;
	size_t len = (size_t)fd * 2 + 64;
	struct rest **more = realloc(rests, len * sizeof *more);
	if (!more)
		return 0;
	memset(more + rests_len, 0, (len - rests_len) * sizeof *more);
	rests = more;
	rests_len = len;
	return 1;
}

static void take_new(void)
{
	for (int i = 0; i < ACCEPTS; i++) {
		int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			if (known(fd))
				interest(EPOLL_CTL_ADD, fd, EPOLLIN);
			else
				close(fd);
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

static void echo(int fd)
{
	ssize_t n = read(fd, buffer, sizeof buffer);
	if (n <= 0) {
		/* Nothing is kept while reading is on, so the end needs no flush. */
		if (n == 0 || (errno != EAGAIN && errno != EINTR))
			end(fd);
		return;
	}
	ssize_t w = write(fd, buffer, n);
	if (w == n)
		return;
	if (w < 0) {
		if (errno != EAGAIN && errno != EINTR) {
			end(fd);
			return;
		}
		w = 0;
	}
	struct rest *r = malloc(sizeof *r);
	if (!r) {
		end(fd);
		return;
	}
	r->at = 0;
	r->end = n - w;
	memcpy(r->bytes, buffer + w, n - w);
	rests[fd] = r;
	interest(EPOLL_CTL_MOD, fd, EPOLLOUT);
}

static void flush(int fd)
{
	struct rest *r = rests[fd];
	ssize_t w = write(fd, r->bytes + r->at, r->end - r->at);
	if (w < 0) {
		if (errno != EAGAIN && errno != EINTR)
			end(fd);
		return;
	}
	r->at += w;
	if (r->at < r->end)
		return;
	free(r);
	rests[fd] = NULL;
	interest(EPOLL_CTL_MOD, fd, EPOLLIN);
}

/* Listens on 127.0.0.1, and says in *port which port that is. */
static int listen_loopback(int *port, int shared)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(*port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof a;
	int on = 1;

	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0)
		die("SO_REUSEPORT");
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

static void *loop(void *listening)
{
	listener = *(int *)listening;
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
			int fd = ready[i].data.fd;
			if (fd == listener)
				take_new();
			else if (rests[fd])
				flush(fd);
			else
				echo(fd);
		}
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
	if (!mode || strcmp(mode, "echo")) {
		fprintf(stderr, "c_epoll: -serve %s: it serves echo\n", mode ? mode : "");
		exit(2);
	}
}

int main(int argc, char **argv)
{
	static int listeners[MAX_LOOPS];
	int port = 0, loops = 1;

	for (int i = 1; i < argc; i += 2) {
		if (!strcmp(argv[i], "-p"))
			port = number(argv[i], argv[i + 1], 65535);
		else if (!strcmp(argv[i], "-loops"))
			loops = number(argv[i], argv[i + 1], MAX_LOOPS);
		else if (!strcmp(argv[i], "-frame"))
			number(argv[i], argv[i + 1], 1 << 20);
		else if (!strcmp(argv[i], "-serve"))
			serve(argv[i + 1]);
		else
			usage("unknown argument", argv[i]);
	}
	if (loops < 1)
		usage("bad value", "-loops");
	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < loops; i++)
		listeners[i] = listen_loopback(&port, loops > 1);
	printf("listening tcp://127.0.0.1:%d\n", port);
	fflush(stdout);

	for (int i = 1; i < loops; i++) {
		pthread_t thread;
		if ((errno = pthread_create(&thread, NULL, loop, &listeners[i])))
			die("pthread_create");
	}
	loop(&listeners[0]);
}
