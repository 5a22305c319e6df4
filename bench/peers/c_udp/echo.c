/*
 * The practical limit of UDP: an echo server that takes as many datagrams as
 * one call brings and sends them back with one call.
 *
 *   echo [-p PORT] [-loops N] [-frame BYTES] [-serve udp] [-batch N] [-gso 1]
 *
 * -batch 1 takes recvfrom and sendto, one datagram at a time: what a server
 * without recvmmsg can reach. -gso 1 sends neighbours of one length and address
 * as one message, which the kernel takes apart (UDP_SEGMENT). Each loop is a
 * thread with a socket of its own on the same port; the kernel spreads the
 * clients by address. -frame is taken and ignored: a datagram is its own frame.
 *
 * What cannot be sent at once is dropped. The network may drop it anyway, who
 * sends datagrams is ready for that, and keeping old ones would cost the newer.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/udp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	MAX_BATCH = 64,
	MAX_LOOPS = 1024,
	SIZE = 64 << 10, /* no datagram is larger: none is ever cut */
	SOCKET_BUFFER = 4 << 20,
	HEADERS = 20 + 8, /* count, before Linux 5.16, against MAX_BATCH datagrams of a message */
	JOINED_SIZE = 1500 - HEADERS, /* what the kernel joins must fit into a packet, */
	JOINED_BYTES = 65535 - HEADERS, /* and together into the largest there is */
};

static int batch = MAX_BATCH, gso;

/* What follows is a loop's own. */
static _Thread_local int sock;
static _Thread_local char *bytes; /* SIZE for each of a batch */
static _Thread_local struct mmsghdr msgs[MAX_BATCH];
static _Thread_local struct iovec parts[MAX_BATCH];
static _Thread_local struct sockaddr_in from[MAX_BATCH];
static _Thread_local struct mmsghdr joined[MAX_BATCH];
static _Thread_local char controls[MAX_BATCH][CMSG_SPACE(sizeof(uint16_t))]; /* of joined */

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "c_udp: %s: %s\n", what, strerror(errno));
	exit(1);
}

static _Noreturn void usage(const char *what, const char *arg)
{
	fprintf(stderr, "c_udp: %s: %s (usage: echo [-p PORT] [-loops N] [-frame BYTES] [-serve udp] [-batch N] [-gso 1])\n", what, arg);
	exit(2);
}

static void prepare(void)
{
	bytes = mmap(NULL, (size_t)SIZE * batch, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (bytes == MAP_FAILED)
		die("mmap");
	for (int i = 0; i < batch; i++) {
		parts[i] = (struct iovec){ bytes + (size_t)SIZE * i, SIZE };
		msgs[i].msg_hdr = (struct msghdr){ .msg_name = &from[i], .msg_namelen = sizeof from[i],
						   .msg_iov = &parts[i], .msg_iovlen = 1 };
	}
}

/* The errors that mean there is no room now, for any datagram. */
static int full(int e) { return e == EAGAIN || e == ENOBUFS || e == ENOMEM; }

/* Sends n messages, of which each may be lost. */
static void send_all(struct mmsghdr *list, int n)
{
	for (int i = 0; i < n;) {
		int sent = sendmmsg(sock, list + i, n - i, 0);
		if (sent > 0)
			i += sent; /* fewer than asked for: the next call says why */
		else if (full(errno))
			return;
		else if (errno != EINTR)
			i++; /* this one has nowhere to go, such as port 0 */
	}
}

/* How many of the datagrams from i on, of n, can be one message. */
static int alike(int i, int n)
{
	size_t size = parts[i].iov_len, bytes = size;
	int k = 1;
	if (size == 0 || size > JOINED_SIZE)
		return 1;
	for (; i + k < n; k++) {
		size_t next = parts[i + k].iov_len;
		if (next == 0 || next > size || bytes + next > JOINED_BYTES ||
		    bytes + next + HEADERS > MAX_BATCH * size ||
		    from[i + k].sin_port != from[i].sin_port || from[i + k].sin_addr.s_addr != from[i].sin_addr.s_addr)
			break;
		bytes += next;
		if (next < size)
			return k + 1; /* only the last may be shorter */
	}
	return k;
}

/* Makes messages of the first n datagrams and returns how many. */
static int join(int n)
{
	int messages = 0;
	for (int i = 0, k; i < n; i += k) {
		struct msghdr *m = &joined[messages].msg_hdr;
		k = alike(i, n);
		*m = msgs[i].msg_hdr;
		m->msg_iovlen = k;
		if (k > 1) {
			m->msg_control = controls[messages];
			m->msg_controllen = sizeof controls[messages];
			struct cmsghdr *c = CMSG_FIRSTHDR(m);
			*c = (struct cmsghdr){ .cmsg_level = IPPROTO_UDP, .cmsg_type = UDP_SEGMENT,
					       .cmsg_len = CMSG_LEN(sizeof(uint16_t)) };
			uint16_t size = parts[i].iov_len;
			memcpy(CMSG_DATA(c), &size, sizeof size);
		}
		messages++;
	}
	return messages;
}

/* Sends the first n datagrams back where they came from. */
static void answer(int n)
{
	if (gso)
		send_all(joined, join(n));
	else
		send_all(msgs, n);
}

/* One batch; reports whether there may be more. */
static int echo_batch(void)
{
	int n = recvmmsg(sock, msgs, batch, 0, NULL);
	if (n < 0)
		return errno == EINTR;
	for (int i = 0; i < n; i++)
		parts[i].iov_len = msgs[i].msg_len;
	answer(n);
	for (int i = 0; i < n; i++) {
		parts[i].iov_len = SIZE;
		msgs[i].msg_hdr.msg_namelen = sizeof from[i];
	}
	return n == batch;
}

static int echo_one(void)
{
	struct sockaddr_in *a = &from[0];
	socklen_t len = sizeof *a;
	ssize_t n = recvfrom(sock, bytes, SIZE, 0, (struct sockaddr *)a, &len);
	if (n < 0)
		return errno == EINTR;
	while (sendto(sock, bytes, n, 0, (struct sockaddr *)a, len) < 0 && errno == EINTR)
		;
	return 1;
}

static void enlarge(int fd, int option, int forced)
{
	int size = SOCKET_BUFFER;
	/* Only the privileged may exceed the system's limit; others get that. */
	if (setsockopt(fd, SOL_SOCKET, forced, &size, sizeof size) < 0)
		setsockopt(fd, SOL_SOCKET, option, &size, sizeof size);
}

/* Binds to 127.0.0.1, and says in *port which port that is. */
static int bind_loopback(int *port, int shared)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(*port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof a;
	int on = 1;

	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		die("socket");
	if (shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0)
		die("SO_REUSEPORT");
	enlarge(fd, SO_RCVBUF, SO_RCVBUFFORCE);
	enlarge(fd, SO_SNDBUF, SO_SNDBUFFORCE);
	if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0)
		die("bind");
	if (getsockname(fd, (struct sockaddr *)&a, &len) < 0)
		die("getsockname");
	*port = ntohs(a.sin_port);
	return fd;
}

static void *loop(void *bound)
{
	struct epoll_event e = { .events = EPOLLIN };
	int (*echo)(void) = batch == 1 ? echo_one : echo_batch;

	sock = *(int *)bound;
	prepare();
	int poller = epoll_create1(EPOLL_CLOEXEC);
	if (poller < 0)
		die("epoll_create1");
	if (epoll_ctl(poller, EPOLL_CTL_ADD, sock, &e) < 0)
		die("epoll_ctl");
	for (;;) {
		if (epoll_wait(poller, &e, 1, -1) < 0 && errno != EINTR)
			die("epoll_wait");
		while (echo())
			; /* there is nobody else to serve */
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
	if (!mode || strcmp(mode, "udp")) {
		fprintf(stderr, "c_udp: -serve %s: it serves udp\n", mode ? mode : "");
		exit(2);
	}
}

int main(int argc, char **argv)
{
	static int socks[MAX_LOOPS];
	int port = 0, loops = 1;

	for (int i = 1; i < argc; i += 2) {
		if (!strcmp(argv[i], "-p"))
			port = number(argv[i], argv[i + 1], 65535);
		else if (!strcmp(argv[i], "-loops"))
			loops = number(argv[i], argv[i + 1], MAX_LOOPS);
		else if (!strcmp(argv[i], "-frame"))
			number(argv[i], argv[i + 1], 1 << 20);
		else if (!strcmp(argv[i], "-batch"))
			batch = number(argv[i], argv[i + 1], MAX_BATCH);
		else if (!strcmp(argv[i], "-gso"))
			gso = number(argv[i], argv[i + 1], 1);
		else if (!strcmp(argv[i], "-serve"))
			serve(argv[i + 1]);
		else
			usage("unknown argument", argv[i]);
	}
	if (loops < 1)
		usage("bad value", "-loops");
	if (batch < 1)
		usage("bad value", "-batch");
	if (gso && batch == 1)
		usage("needs a larger -batch", "-gso");
	for (int i = 0; i < loops; i++)
		socks[i] = bind_loopback(&port, loops > 1);
	printf("listening udp://127.0.0.1:%d\n", port);
	fflush(stdout);

	for (int i = 1; i < loops; i++) {
		pthread_t thread;
		if ((errno = pthread_create(&thread, NULL, loop, &socks[i])))
			die("pthread_create");
	}
	loop(&socks[0]);
}
