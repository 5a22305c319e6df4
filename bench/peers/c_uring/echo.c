/*
 * An echo server on io_uring by plain system calls: the kernel is entered once a
 * turn, for everything that is to be sent and all that has come in. Linux 5.19
 * at least, 6.1 to be of use.
 *
 *   echo [-p PORT] [-loops N] [-frame BYTES] [-serve echo]
 *
 * Each loop is a thread with a ring, a listener on the same port and a pool of
 * buffers, and shares nothing with the next. -frame is taken and ignored: this
 * shows what gathering the answers by hand would reach.
 *
 * A client that sends and never reads must not get hold of the pool that all
 * receive into. So receives are armed one by one, never multishot, and a buffer
 * is out of the pool only from its receive to the next entry into the kernel:
 * a send either takes all of it then, or what it left is copied into memory of
 * the connection's own, and nothing more is received until that has gone.
 *
 * A successful send is not reported: nothing waits for it, and nobody need be
 * woken. It is known to be one when the kernel has taken the request
 * (MSG_DONTWAIT: it is decided there and then; MSG_WAITALL: a short one fails)
 * and has not said otherwise.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	READ_SIZE = 32 << 10,
	BUFFERS = 64,        /* a power of two, as are the next */
	REQUESTS = 512,
	COMPLETIONS = 4096,
	MAX_LOOPS = 1024,
	RETRY_NS = 100000000, /* how long accepting pauses when descriptors ran out */
};

/* What a completion is of; its user data holds that, a buffer and a descriptor. */
enum kind { ACCEPT, RETRY, RECEIVE, SEND, SEND_REST, CLOSE };

/* What one connection still has to be sent: the rest of a buffer, and another
 * that was received while the first went out. */
struct rest {
	unsigned at, end;
	char bytes[2 * READ_SIZE];
};

struct conn {
	struct rest *rest; /* a send of it is under way; none while there is none */
	char receiving;
	char over;         /* to be closed when nothing is under way any more */
};

/* What follows is a loop's own. */
static _Thread_local int ring, listener;
static _Thread_local int paused, timing; /* accepting waits; the timer runs */

static _Thread_local struct io_uring_sqe *sqes;
static _Thread_local unsigned *sq_head, *sq_tail, *sq_flags, queued;

static _Thread_local struct io_uring_cqe *cqes;
static _Thread_local unsigned *cq_head, *cq_tail;

static _Thread_local struct io_uring_cqe *done; /* the turn's completions */
static _Thread_local unsigned done_len, done_cap;

static _Thread_local struct io_uring_buf_ring *pool;
static _Thread_local char *buffers;
static _Thread_local unsigned short pool_tail;
static _Thread_local unsigned lent[BUFFERS], lent_len; /* out of the pool, being sent */
static _Thread_local unsigned filled[BUFFERS];         /* how much of each */

static _Thread_local struct conn *conns; /* by descriptor */
static _Thread_local size_t conns_len;
static _Thread_local int *starved; /* found the pool empty; as long as conns */
static _Thread_local size_t starved_len;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "c_uring: %s: %s\n", what, strerror(errno));
	exit(1);
}

static _Noreturn void usage(const char *what, const char *arg)
{
	fprintf(stderr, "c_uring: %s: %s (usage: echo [-p PORT] [-loops N] [-frame BYTES] [-serve echo])\n", what, arg);
	exit(2);
}

static unsigned acquire(unsigned *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
static void release(unsigned *p, unsigned v) { __atomic_store_n(p, v, __ATOMIC_RELEASE); }

/* Hands over what is queued, and if asked to waits for a completion. */
static void enter(unsigned wait, unsigned flags)
{
	release(sq_tail, queued);
	long n = syscall(__NR_io_uring_enter, ring, queued - acquire(sq_head), wait, flags, NULL, 0);
	if (n < 0 && errno != EINTR && errno != EAGAIN && errno != EBUSY)
		die("io_uring_enter");
}

static struct io_uring_sqe *request(enum kind kind, int op, int fd, unsigned buffer)
{
	while (queued - acquire(sq_head) == REQUESTS)
		enter(0, 0);
	struct io_uring_sqe *s = &sqes[queued++ % REQUESTS];
	memset(s, 0, sizeof *s);
	s->opcode = op;
	s->fd = fd;
	s->user_data = (__u64)kind << 56 | (__u64)buffer << 32 | (unsigned)fd;
	return s;
}

static void accept_more(void)
{
	struct io_uring_sqe *s = request(ACCEPT, IORING_OP_ACCEPT, listener, 0);
	s->ioprio = IORING_ACCEPT_MULTISHOT;
	s->accept_flags = SOCK_CLOEXEC; /* not SOCK_NONBLOCK: with it requests do not wait */
	paused = 0;
}

/* first: the socket is known to be empty, so the kernel need not look. */
static void receive(int fd, int first)
{
	struct io_uring_sqe *s = request(RECEIVE, IORING_OP_RECV, fd, 0);
	s->flags = IOSQE_BUFFER_SELECT;
	s->ioprio = first ? IORING_RECVSEND_POLL_FIRST : 0;
	conns[fd].receiving = 1;
}

static void send_buffer(int fd, unsigned buffer, unsigned len)
{
	struct io_uring_sqe *s = request(SEND, IORING_OP_SEND, fd, buffer);
	s->flags = IOSQE_CQE_SKIP_SUCCESS;
	s->addr = (__u64)(buffers + (size_t)buffer * READ_SIZE);
	s->len = filled[buffer] = len;
	s->msg_flags = MSG_DONTWAIT | MSG_WAITALL | MSG_NOSIGNAL;
	lent[lent_len++] = buffer;
}

static void send_rest(int fd)
{
	struct rest *r = conns[fd].rest;
	struct io_uring_sqe *s = request(SEND_REST, IORING_OP_SEND, fd, 0);
	s->addr = (__u64)(r->bytes + r->at);
	s->len = r->end - r->at;
	s->msg_flags = MSG_WAITALL | MSG_NOSIGNAL;
}

static void give_back(unsigned buffer)
{
	/* Not all of it: the ring's tail lies in an unused field of the first. */
	struct io_uring_buf *b = &pool->bufs[pool_tail++ % BUFFERS];
	b->addr = (__u64)(buffers + (size_t)buffer * READ_SIZE);
	b->len = READ_SIZE;
	b->bid = buffer;
	__atomic_store_n(&pool->tail, pool_tail, __ATOMIC_RELEASE);
}

/* Closes the connection if it is over and no request holds it: the kernel would
 * keep its socket open, and answer later for a descriptor that is another's. */
static void finish(int fd)
{
	struct conn *c = &conns[fd];
	if (!c->over || c->receiving || c->rest)
		return;
	c->over = 0;
	request(CLOSE, IORING_OP_CLOSE, fd, 0)->flags = IOSQE_CQE_SKIP_SUCCESS;
	if (paused)
		accept_more();
}

/* The connection cannot be written to any more. */
static void broken(int fd)
{
	struct conn *c = &conns[fd];
	c->over = 1;
	if (c->receiving)
		shutdown(fd, SHUT_RDWR); /* so that the receive completes */
	finish(fd);
}

/* Makes room in the tables for fd; 0 when there is no memory. */
static int known(int fd)
{
	if ((size_t)fd < conns_len)
		return 1;
	size_t len = (size_t)fd * 2 + 64;
	struct conn *more = realloc(conns, len * sizeof *more);
	if (!more)
		return 0;
	memset(more + conns_len, 0, (len - conns_len) * sizeof *more);
	conns = more;
	int *longer = realloc(starved, len * sizeof *longer);
	if (!longer)
		return 0;
	starved = longer;
	conns_len = len;
	return 1;
}

static void pause_accepting(void)
{
	static const struct __kernel_timespec pause = { .tv_nsec = RETRY_NS };

	paused = 1;
	if (timing)
		return;
	struct io_uring_sqe *s = request(RETRY, IORING_OP_TIMEOUT, -1, 0);
	s->addr = (__u64)&pause;
	s->len = 1;
	timing = 1;
}

static void accepted(int fd, int more)
{
	if (fd >= 0) {
		if (known(fd))
			receive(fd, 0);
		else
			close(fd);
	}
	if (more)
		return;
	switch (-fd) {
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		pause_accepting();
		return;
	case EINVAL:
	case EBADF:
		errno = -fd;
		die("accept");
	}
	/* Else an error of one connection, or the kernel wants to be asked anew. */
	accept_more();
}

static void received(int fd, int n, unsigned flags)
{
	struct conn *c = &conns[fd];
	unsigned buffer = flags >> IORING_CQE_BUFFER_SHIFT;

	c->receiving = 0;
	if (n > 0 && !c->over && !c->rest) {
		send_buffer(fd, buffer, n);
		receive(fd, !(flags & IORING_CQE_F_SOCK_NONEMPTY));
		return;
	}
	if (n > 0 && c->rest) {
		memcpy(c->rest->bytes + c->rest->end, buffers + (size_t)buffer * READ_SIZE, n);
		c->rest->end += n;
	}
	if (flags & IORING_CQE_F_BUFFER) /* even the end of a stream may hold one */
		give_back(buffer);
	if (n == -ENOBUFS && !c->over) {
		if (!c->rest) /* who has a rest receives again after it anyway */
			starved[starved_len++] = fd;
		return;
	}
	if (n == -EINTR || n == -EAGAIN) {
		receive(fd, 0);
		return;
	}
	if (n <= 0)
		c->over = 1;
	finish(fd);
}

/* The kernel took only n bytes of a buffer, or refused it. */
static void fell_short(int fd, unsigned buffer, int n)
{
	if (n < 0 && n != -EAGAIN && n != -EINTR) {
		broken(fd);
		return;
	}
	struct rest *r = malloc(sizeof *r);
	if (!r) {
		broken(fd);
		return;
	}
	unsigned taken = n > 0 ? n : 0;
	r->at = 0;
	r->end = filled[buffer] - taken;
	memcpy(r->bytes, buffers + (size_t)buffer * READ_SIZE + taken, r->end);
	conns[fd].rest = r;
	send_rest(fd);
}

static void sent_rest(int fd, int n)
{
	struct conn *c = &conns[fd];
	struct rest *r = c->rest;
	int failed = n <= 0 && n != -EAGAIN && n != -EINTR;

	if (n > 0)
		r->at += n;
	if (!failed && r->at < r->end) {
		send_rest(fd);
		return;
	}
	free(r);
	c->rest = NULL;
	if (failed)
		broken(fd);
	else if (c->over)
		finish(fd);
	else if (!c->receiving)
		receive(fd, 0);
}

/* Moves all completions there are to done. */
static void collect(void)
{
	done_len = 0;
	for (;;) {
		unsigned head = *cq_head, tail = acquire(cq_tail);
		if (done_len + (tail - head) > done_cap) {
			done_cap = done_len + COMPLETIONS;
			if (!(done = realloc(done, done_cap * sizeof *done)))
				die("realloc");
		}
		while (head != tail)
			done[done_len++] = cqes[head++ % COMPLETIONS];
		release(cq_head, head);
		if (!(acquire(sq_flags) & IORING_SQ_CQ_OVERFLOW))
			return;
		enter(0, IORING_ENTER_GETEVENTS); /* the ring was full: fetch the others */
	}
}

static void handle(struct io_uring_cqe *e)
{
	int fd = (int)(unsigned)e->user_data;
	switch (e->user_data >> 56) {
	case ACCEPT:
		accepted(e->res, e->flags & IORING_CQE_F_MORE);
		break;
	case RETRY:
		timing = 0;
		if (paused)
			accept_more();
		break;
	case RECEIVE:
		received(fd, e->res, e->flags);
		break;
	case SEND_REST:
		sent_rest(fd, e->res);
		break;
	}
}

static void turn(void)
{
	do /* a second time only if the kernel did not take everything */
		enter(starved_len == 0, IORING_ENTER_GETEVENTS);
	while (queued != acquire(sq_head));
	collect();

	/* Sends first: whether there is a rest decides what becomes of a receive. */
	for (unsigned i = 0; i < done_len; i++) {
		__u64 data = done[i].user_data;
		if (data >> 56 == SEND)
			fell_short((int)(unsigned)data, data >> 32 & 0xffff, done[i].res);
	}
	while (lent_len > 0)
		give_back(lent[--lent_len]);
	/* Now the pool is complete but for what done holds. As many as find a
	 * buffer try again; others' turn comes. */
	for (int n = 0; starved_len > 0 && n < BUFFERS; n++)
		receive(starved[--starved_len], 0);
	for (unsigned i = 0; i < done_len; i++)
		handle(&done[i]);
}

static void *map(size_t size, int fd, off_t offset)
{
	int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED | MAP_POPULATE;
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, offset);
	if (p == MAP_FAILED)
		die("mmap");
	return p;
}

/* Must run on the loop's thread: the kernel takes requests from no other. */
static void open_ring(void)
{
	struct io_uring_params p = { .cq_entries = COMPLETIONS };
	unsigned always = IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL;

	p.flags = always | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
	ring = syscall(__NR_io_uring_setup, REQUESTS, &p);
	if (ring < 0 && errno == EINVAL) {
		p = (struct io_uring_params){ .cq_entries = COMPLETIONS, .flags = always | IORING_SETUP_COOP_TASKRUN };
		ring = syscall(__NR_io_uring_setup, REQUESTS, &p);
	}
	if (ring < 0)
		die("the kernel refuses io_uring");

	char *sq = map(p.sq_off.array + p.sq_entries * sizeof(unsigned), ring, IORING_OFF_SQ_RING);
	sq_head = (unsigned *)(sq + p.sq_off.head);
	sq_tail = (unsigned *)(sq + p.sq_off.tail);
	sq_flags = (unsigned *)(sq + p.sq_off.flags);
	for (unsigned i = 0; i < p.sq_entries; i++)
		((unsigned *)(sq + p.sq_off.array))[i] = i;
	sqes = map(p.sq_entries * sizeof *sqes, ring, IORING_OFF_SQES);
	char *cq = map(p.cq_off.cqes + p.cq_entries * sizeof *cqes, ring, IORING_OFF_CQ_RING);
	cq_head = (unsigned *)(cq + p.cq_off.head);
	cq_tail = (unsigned *)(cq + p.cq_off.tail);
	cqes = (struct io_uring_cqe *)(cq + p.cq_off.cqes);
}

static void fill_pool(void)
{
	pool = map(BUFFERS * sizeof(struct io_uring_buf), -1, 0);
	buffers = map((size_t)BUFFERS * READ_SIZE, -1, 0);
	struct io_uring_buf_reg r = { .ring_addr = (__u64)pool, .ring_entries = BUFFERS };
	if (syscall(__NR_io_uring_register, ring, IORING_REGISTER_PBUF_RING, &r, 1) < 0)
		die("the kernel refuses a ring of buffers");
	for (unsigned i = 0; i < BUFFERS; i++)
		give_back(i);
}

static int port;

/* Listens on 127.0.0.1, at first on any port if port is 0, then on that. */
static int listen_loopback(int shared)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof a;
	int on = 1;

	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
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
	port = ntohs(a.sin_port);
	return fd;
}

static pthread_barrier_t opened; /* every loop has its ring */

static void *loop(void *listening)
{
	listener = *(int *)listening;
	open_ring();
	fill_pool();
	accept_more();
	if (pthread_barrier_wait(&opened) == PTHREAD_BARRIER_SERIAL_THREAD) {
		printf("listening tcp://127.0.0.1:%d\n", port);
		fflush(stdout);
	}
	for (;;)
		turn();
	return NULL; /* for the compiler */
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
		fprintf(stderr, "c_uring: -serve %s: it serves echo\n", mode ? mode : "");
		exit(2);
	}
}

int main(int argc, char **argv)
{
	static int listeners[MAX_LOOPS];
	int loops = 1;

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
	for (int i = 0; i < loops; i++)
		listeners[i] = listen_loopback(loops > 1);
	pthread_barrier_init(&opened, NULL, loops);
	for (int i = 1; i < loops; i++) {
		pthread_t thread;
		if ((errno = pthread_create(&thread, NULL, loop, &listeners[i])))
			die("pthread_create");
	}
	loop(&listeners[0]);
}
