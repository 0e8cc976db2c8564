/* raw is the least that a server of such streams can do: one thread, epoll,
 * and write(2). What it reaches is the limit that the others are measured by.
 *
 * usage: raw <http port> <feed port> <heartbeat seconds> <events a write>
 *
 * It keeps each job's log as one run of bytes, already in chunks of HTTP/1.1,
 * and of each viewer how much of it was sent. With 1 event a write, every event
 * goes to every viewer before the next one is looked at; with more, so many of
 * those that have come already are gathered first.
 *
 * It trusts its feed: messages must need no escape in JSON. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { BUCKETS = 8192, MESSAGE = 60000, CATCH_UP = 4 << 20, FEED_BUFFER = 1 << 16 };

static const char HEAD[] =
	"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n"
	"Transfer-Encoding: chunked\r\n\r\nd\r\nretry: 2000\n\n\r\n";
static const char BEAT[] = "2\r\n:\n\r\n";
static const char END[] = "data: {\"type\":\"complete\",\"state\":\"completed\"}\n\n";

struct job {
	struct job *next; /* in its bucket */
	char *name;
	char *log;
	size_t len, cap;
	long events;
	int *viewers, count, room;
	int ended, touched;
};

/* What a file descriptor is for. */
enum kind { NONE, HTTP_LISTENER, FEED_LISTENER, TIMER, REQUEST, VIEWER, FEED };

struct conn {
	enum kind kind;
	int blocked; /* epoll is to say when it can be written to */
	int index;   /* in the viewers of its job */
	struct job *job;
	size_t sent;
};

static struct job *buckets[BUCKETS];
static struct conn *conns;
static int epoll, gather, highest; /* highest: the highest file descriptor watched */

static void die(const char *what) {
	perror(what);
	exit(1);
}

static void *must(void *p) {
	if (!p) die("memory");
	return p;
}

static struct job *find(const char *name, size_t n) {
	uint32_t h = 2166136261u;
	for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)name[i]) * 16777619u;
	struct job **at = &buckets[h % BUCKETS];
	for (; *at; at = &(*at)->next)
		if (strlen((*at)->name) == n && !memcmp((*at)->name, name, n)) return *at;
	*at = must(calloc(1, sizeof **at));
	(*at)->name = must(strndup(name, n));
	return *at;
}

static void watch(int fd, enum kind kind, uint32_t events) {
	struct epoll_event e = {.events = events, .data.fd = fd};
	conns[fd] = (struct conn){.kind = kind};
	if (fd > highest) highest = fd;
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e)) die("epoll_ctl");
}

static void hang_up(int fd) {
	struct conn *c = &conns[fd];
	if (c->kind == VIEWER) { /* the last one takes its place */
		struct job *j = c->job;
		int last = j->viewers[--j->count];
		j->viewers[c->index] = last;
		conns[last].index = c->index;
	}
	c->kind = NONE;
	close(fd);
}

static void block(int fd, int blocked) {
	struct epoll_event e = {.events = EPOLLIN | EPOLLRDHUP | (blocked ? EPOLLOUT : 0), .data.fd = fd};
	if (conns[fd].blocked == blocked) return;
	conns[fd].blocked = blocked;
	if (epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &e)) die("epoll_ctl");
}

/* send_rest sends a viewer what it lacks, as far as its socket takes it. It
 * returns 0 if the viewer was hung up. */
static int send_rest(int fd) {
	struct conn *c = &conns[fd];
	struct job *j = c->job;
	if (c->sent < j->len) {
		size_t n = j->len - c->sent < CATCH_UP ? j->len - c->sent : CATCH_UP;
		ssize_t done = write(fd, j->log + c->sent, n);
		if (done < 0 && errno != EAGAIN) {
			hang_up(fd);
			return 0;
		}
		c->sent += done > 0 ? done : 0;
	}
	if (c->sent == j->len && j->ended) {
		hang_up(fd);
		return 0;
	}
	block(fd, c->sent < j->len);
	return 1;
}

static void send_all(struct job *j) {
	j->touched = 0;
	for (int i = 0; i < j->count;) /* a viewer that is hung up is replaced by another */
		i += conns[j->viewers[i]].blocked || send_rest(j->viewers[i]);
}

static char *reserve(struct job *j, size_t n) {
	if (j->len + n > j->cap) {
		j->cap = 2 * (j->len + n);
		j->log = must(realloc(j->log, j->cap));
	}
	return j->log + j->len;
}

static void append(struct job *j, const char *message, size_t n) {
	static char frame[MESSAGE + 1024];
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	long ms = now.tv_sec * 1000L + now.tv_nsec / 1000000;
	j->events++;
	int size = snprintf(frame, sizeof frame,
		"id: %ld\ndata: {\"log\":{\"event_id\":%ld,\"task_id\":\"%s\",\"event_message\":\"%.*s\","
		"\"severity\":\"info\",\"event_time\":%ld}}\n\n",
		j->events, j->events, j->name, (int)n, message, ms);
	char *to = reserve(j, size + 32);
	int head = sprintf(to, "%x\r\n", size);
	memcpy(to + head, frame, size);
	memcpy(to + head + size, "\r\n", 2);
	j->len += head + size + 2;
}

static void complete(struct job *j) {
	char *to = reserve(j, sizeof END + 32);
	j->len += sprintf(to, "%zx\r\n%s\r\n0\r\n\r\n", sizeof END - 1, END);
	j->ended = 1;
}

/* take takes one line of the feed: "<job> <message>", "<job> !completed", or
 * "?", which is answered once what came before it was taken. */
static struct job *take(int fd, const char *line, size_t n) {
	const char *space = memchr(line, ' ', n);
	if (n == 1 && *line == '?') {
		if (write(fd, "0\n", 2) != 2) die("feed");
		return NULL;
	}
	if (!space || n > MESSAGE) return NULL;
	struct job *j = find(line, space - line);
	if (space[1] == '!')
		complete(j);
	else
		append(j, space + 1, n - (space + 1 - line));
	return j;
}

static void read_feed(int fd) {
	static char buf[FEED_BUFFER + 1];
	static size_t have;
	static int feeder; /* whose the buffer is: there is one at a time */
	struct job *touched[1024];
	int lines = 0, jobs = 0;
	ssize_t n = read(fd, buf + have, FEED_BUFFER - have);
	if (n <= 0) {
		if (n < 0 && errno == EAGAIN) return;
		if (fd == feeder) have = 0;
		hang_up(fd);
		return;
	}
	feeder = fd;
	have += n;
	char *at = buf, *end;
	while ((end = memchr(at, '\n', buf + have - at))) {
		struct job *j = take(fd, at, end - at);
		at = end + 1;
		if (j && !j->touched) {
			j->touched = 1;
			touched[jobs++] = j;
		}
		if (++lines % gather == 0 || jobs == 1024)
			while (jobs) send_all(touched[--jobs]);
	}
	while (jobs) send_all(touched[--jobs]);
	have -= at - buf;
	memmove(buf, at, have);
}

/* read_request makes a connection a viewer once its request has come. What it
 * looks at stays in the socket until then, so that it needs no buffer. */
static void read_request(int fd) {
	char buf[4096];
	ssize_t n = recv(fd, buf, sizeof buf - 1, MSG_PEEK);
	if (n < 0 && errno == EAGAIN) return;
	if (n <= 0) {
		hang_up(fd);
		return;
	}
	buf[n] = 0;
	char *name = buf + strlen("GET /jobs/"), *end = strstr(buf, "\r\n\r\n"), *slash;
	if (!end) return;
	slash = strncmp(buf, "GET /jobs/", name - buf) ? NULL : strchr(name, '/');
	if (!slash || read(fd, buf, n) != n) {
		hang_up(fd);
		return;
	}
	struct conn *c = &conns[fd];
	struct job *j = find(name, slash - name);
	if (j->count == j->room) {
		j->room = j->room ? 2 * j->room : 1;
		j->viewers = must(realloc(j->viewers, j->room * sizeof *j->viewers));
	}
	*c = (struct conn){.kind = VIEWER, .job = j, .index = j->count};
	j->viewers[j->count++] = fd;
	if (write(fd, HEAD, sizeof HEAD - 1) != sizeof HEAD - 1)
		hang_up(fd);
	else
		send_rest(fd);
}

static void serve_viewer(int fd, uint32_t events) {
	char buf[512];
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
		ssize_t n = read(fd, buf, sizeof buf);
		if (n == 0 || (n < 0 && errno != EAGAIN)) {
			hang_up(fd);
			return;
		}
	}
	if (events & EPOLLOUT) send_rest(fd);
}

static void beat(int fd) {
	uint64_t times;
	if (read(fd, &times, sizeof times) < 0) return;
	for (int i = 0; i <= highest; i++)
		if (conns[i].kind == VIEWER && !conns[i].blocked && write(i, BEAT, sizeof BEAT - 1) != sizeof BEAT - 1) hang_up(i);
}

static void accept_all(int listener, enum kind kind) {
	int on = 1, fd;
	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		watch(fd, kind, kind == FEED ? EPOLLIN : EPOLLIN | EPOLLRDHUP);
	}
}

static void listen_on(int port, enum kind kind) {
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, 65535)) die("listen");
	watch(fd, kind, EPOLLIN);
}

static void tick_every(int seconds) {
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	struct itimerspec every = {{seconds, 0}, {seconds, 0}};
	if (fd < 0 || timerfd_settime(fd, 0, &every, NULL)) die("timerfd");
	watch(fd, TIMER, EPOLLIN);
}

int main(int argc, char **argv) {
	struct rlimit files;
	struct epoll_event events[1024];
	if (argc != 5) {
		fprintf(stderr, "usage: raw <http port> <feed port> <heartbeat seconds> <events a write>\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &files)) die("getrlimit");
	files.rlim_cur = files.rlim_max < 1 << 20 ? files.rlim_max : 1 << 20;
	setrlimit(RLIMIT_NOFILE, &files);
	conns = must(calloc(files.rlim_cur, sizeof *conns));
	if ((epoll = epoll_create1(EPOLL_CLOEXEC)) < 0) die("epoll_create1");
	listen_on(atoi(argv[1]), HTTP_LISTENER);
	listen_on(atoi(argv[2]), FEED_LISTENER);
	if (atoi(argv[3]) > 0) tick_every(atoi(argv[3]));
	gather = atoi(argv[4]) > 0 ? atoi(argv[4]) : 1;
	for (;;) {
		int n = epoll_wait(epoll, events, 1024, -1);
		if (n < 0 && errno != EINTR) die("epoll_wait");
		for (int i = 0; i < n; i++) {
			int fd = events[i].data.fd;
			switch (conns[fd].kind) {
			case HTTP_LISTENER: accept_all(fd, REQUEST); break;
			case FEED_LISTENER: accept_all(fd, FEED); break;
			case TIMER: beat(fd); break;
			case REQUEST: read_request(fd); break;
			case VIEWER: serve_viewer(fd, events[i].events); break;
			case FEED: read_feed(fd); break;
			case NONE: break;
			}
		}
	}
}
