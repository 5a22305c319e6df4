/*
 * An echo server as one writes it on libuv: what can be written at once is
 * (uv_try_write), the rest is queued, and while something is queued the
 * connection is not read.
 *
 *   echo [-p PORT] [-loops 1] [-frame BYTES] [-serve echo]
 *
 * -frame answers each so many bytes with a write of its own, as a protocol's
 * handler does; 0 answers what a read brought.
 *
 * libuv has no call to stop accepting, and closes what it accepts while
 * descriptors are short. But it accepts nothing more while a connection that it
 * has announced is not taken: so the last that there is room for is left waiting.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <uv.h>

enum {
	READ_SIZE = 64 << 10,
	MAX_FRAME = 1 << 20,
	RESERVE = 24, /* descriptors that are not connections: libuv's, and the standard ones */
};

struct conn {
	uv_tcp_t tcp;
	unsigned writes; /* queued */
	size_t got;      /* of a frame whose end has not come yet */
	char *frame;     /* exists only while there is one */
};

/* A queued write, with its bytes. */
struct rest {
	uv_write_t write;
	char bytes[];
};

static uv_tcp_t server;
static size_t frame;
static unsigned open_conns, max_conns;
static int left_waiting; /* a connection was announced, and not taken */
static char buffer[READ_SIZE];

static _Noreturn void die(const char *what, int e)
{
	fprintf(stderr, "libuv: %s: %s\n", what, uv_strerror(e));
	exit(1);
}

static _Noreturn void usage(const char *what, const char *arg)
{
	fprintf(stderr, "libuv: %s: %s (usage: echo [-p PORT] [-loops 1] [-frame BYTES] [-serve echo])\n", what, arg);
	exit(2);
}

static void take(void);

static void closed(uv_handle_t *h)
{
	struct conn *c = (struct conn *)h;
	free(c->frame);
	free(c);
	open_conns--;
	if (left_waiting)
		take();
}

static void end(struct conn *c)
{
	if (!uv_is_closing((uv_handle_t *)c))
		uv_close((uv_handle_t *)c, closed);
}

static void get_buffer(uv_handle_t *h, size_t hint, uv_buf_t *b)
{
	(void)h, (void)hint;
	*b = uv_buf_init(buffer, sizeof buffer);
}

static void got(uv_stream_t *s, ssize_t n, const uv_buf_t *b);

static void written(uv_write_t *w, int status)
{
	struct conn *c = (struct conn *)w->handle;
	free(w->data);
	if (status < 0)
		end(c);
	if (--c->writes == 0 && !uv_is_closing((uv_handle_t *)c))
		uv_read_start((uv_stream_t *)c, get_buffer, got);
}

/* Queues what was not written at once; 0 when there is no memory. */
static int queue(struct conn *c, const char *p, size_t n)
{
	struct rest *r = malloc(sizeof *r + n);
	if (!r)
		return 0;
	memcpy(r->bytes, p, n);
	r->write.data = r;
	uv_buf_t b = uv_buf_init(r->bytes, n);
	if (uv_write(&r->write, (uv_stream_t *)c, &b, 1, written) < 0) {
		free(r);
		return 0;
	}
	c->writes++;
	uv_read_stop((uv_stream_t *)c);
	return 1;
}

/* Writes p; 0 when the connection cannot be written to, and has been ended. */
static int answer(struct conn *c, const char *p, size_t n)
{
	uv_buf_t b = uv_buf_init((char *)p, n);
	int w = uv_try_write((uv_stream_t *)c, &b, 1);
	if (w == UV_EAGAIN)
		w = 0;
	if (w == (int)n || (w >= 0 && queue(c, p + w, n - w)))
		return 1;
	end(c);
	return 0;
}

/* Adds what p has of the frame that was begun, and answers it if it is whole.
 * Returns how much that was, or -1 when the connection has been ended. */
static ssize_t complete(struct conn *c, const char *p, size_t n)
{
	if (n > frame - c->got)
		n = frame - c->got;
	if (!c->frame && !(c->frame = malloc(frame))) {
		end(c);
		return -1;
	}
	memcpy(c->frame + c->got, p, n);
	c->got += n;
	if (c->got < frame)
		return n;
	int sent = answer(c, c->frame, frame);
	free(c->frame);
	c->frame = NULL;
	c->got = 0;
	return sent ? (ssize_t)n : -1;
}

static void answer_frames(struct conn *c, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t used = frame;
		if (c->got > 0 || n < frame)
			used = complete(c, p, n);
		else if (!answer(c, p, frame))
			used = -1;
		if (used < 0)
			return;
		p += used;
		n -= used;
	}
}

static void got(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
	struct conn *c = (struct conn *)s;
	if (n > 0 && frame > 0)
		answer_frames(c, b->base, n);
	else if (n > 0)
		answer(c, b->base, n);
	else if (n < 0)
		end(c); /* nothing is queued while reading is on */
}

/* Takes the connection that was announced, if there is room for one more after it. */
static void take(void)
{
	left_waiting = open_conns >= max_conns;
	if (left_waiting)
		return;
	struct conn *c = calloc(1, sizeof *c);
	if (!c)
		die("malloc", UV_ENOMEM);
	uv_tcp_init(uv_default_loop(), &c->tcp);
	open_conns++;
	if (uv_accept((uv_stream_t *)&server, (uv_stream_t *)c) < 0) {
		end(c);
		return;
	}
	uv_read_start((uv_stream_t *)c, get_buffer, got);
}

static void announced(uv_stream_t *s, int status)
{
	(void)s;
	if (status == 0) /* else it was an error of one connection */
		take();
}

/* Listens on 127.0.0.1, and returns the port. */
static int listen_loopback(int port)
{
	struct sockaddr_in a;
	int len = sizeof a, e;

	uv_ip4_addr("127.0.0.1", port, &a);
	uv_tcp_init(uv_default_loop(), &server);
	if ((e = uv_tcp_bind(&server, (struct sockaddr *)&a, 0)) < 0)
		die("bind", e);
	/* Linux hands this on to what is accepted, which saves a call each. */
	if ((e = uv_tcp_nodelay(&server, 1)) < 0)
		die("TCP_NODELAY", e);
	if ((e = uv_listen((uv_stream_t *)&server, 4096, announced)) < 0)
		die("listen", e);
	if ((e = uv_tcp_getsockname(&server, (struct sockaddr *)&a, &len)) < 0)
		die("getsockname", e);
	return ntohs(a.sin_port);
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
		fprintf(stderr, "libuv: -serve %s: it serves echo\n", mode ? mode : "");
		exit(2);
	}
}

int main(int argc, char **argv)
{
	int port = 0, loops = 1;
	struct rlimit files;

	for (int i = 1; i < argc; i += 2) {
		if (!strcmp(argv[i], "-p"))
			port = number(argv[i], argv[i + 1], 65535);
		else if (!strcmp(argv[i], "-loops"))
			loops = number(argv[i], argv[i + 1], 1024);
		else if (!strcmp(argv[i], "-frame"))
			frame = number(argv[i], argv[i + 1], MAX_FRAME);
		else if (!strcmp(argv[i], "-serve"))
			serve(argv[i + 1]);
		else
			usage("unknown argument", argv[i]);
	}
	if (loops != 1) {
		fprintf(stderr, "libuv: -loops %d: it has one loop\n", loops);
		exit(2);
	}
	signal(SIGPIPE, SIG_IGN);
	getrlimit(RLIMIT_NOFILE, &files);
	max_conns = files.rlim_cur > RESERVE ? files.rlim_cur - RESERVE : 1;
	port = listen_loopback(port);
	printf("listening tcp://127.0.0.1:%d\n", port);
	fflush(stdout);
	uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
