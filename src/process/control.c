/*
 * control.c - the control socket: requests of usherctl, one a connection, and their answers.
 */
#include "process/control.h"

#include <errno.h>
#include <unistd.h>

#include "base/check.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"

enum {
	MAX_CLIENTS = 32,
	PATIENCE_MS = 5000,
	AGAIN_MS = 1000,
	ACCEPTS = 16,			/* of a turn of the loop */
};

struct control {
	struct loop *loop;
	struct watcher watcher;		/* of the listening socket */
	control_run *run;
	void *arg;
	struct timer again;		/* accepting failed: no descriptor, mostly */
	struct link clients;
	unsigned nclients;
	int64_t warned_ms;
};

struct control_client {
	struct link link;
	struct control *control;
	struct watcher watcher;
	struct timer patience;
	struct garbage garbage;
	struct ucred peer;
	bool asked;
	bool json;
	unsigned events;		/* until the answer; 0: it is there, or there is none yet */
	char line[CONTROL_LINE];
	size_t n;
	struct buf out;
	size_t sent;
};

/* ---- a client's end */

static void
free_client(struct garbage *g)
{
	struct control_client *k = CONTAINER_OF(g, struct control_client, garbage);

	buf_fini(&k->out);
	mem_free(k);
}

static void
close_client(struct control_client *k)
{
	struct loop *loop = k->control->loop;

	loop_close(loop, &k->watcher);
	loop_timer_cancel(loop, &k->patience);
	link_remove(&k->link);
	k->control->nclients--;
	loop_discard(loop, &k->garbage, free_client);
}

static void
on_impatience(struct timer *t)
{
	struct control_client *k = CONTAINER_OF(t, struct control_client, patience);

	log_info("control: pid %d: %s", (int)k->peer.pid,
	    k->asked ? "takes no answer" : "asks for nothing");
	close_client(k);
}

static void
be_patient(struct control_client *k)
{
	loop_timer_set(k->control->loop, &k->patience, clock_ms() + PATIENCE_MS);
}

/* ---- answers */

static void
send_answer(struct control_client *k)
{
	ssize_t n;

	while (k->sent < k->out.n) {
		n = send(k->watcher.fd, k->out.p + k->sent, k->out.n - k->sent,
		    MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0) {
			k->sent += (size_t)n;
			be_patient(k);
		} else if (n == -1 && errno == EAGAIN) {
			k->watcher.ready &= (uint8_t)~READY_WRITE;
			return;
		} else if (errno != EINTR) {
			break;
		}
	}
	close_client(k);
}

/* Gives the answer its head; a message becomes JSON where that was asked for. */
static void
answer(struct control_client *k, enum control_result result, struct str text, bool is_json)
{
	k->events = 0;
	buf_printf(&k->out, "%s\n", control_result_words[result]);
	if (k->json && !is_json) {
		buf_printf(&k->out, "{\"%s\": ", result == CONTROL_OK ? "message" : "error");
		if (str_ends(text, STR_OF("\n")))
			text.n--;
		buf_json(&k->out, text);
		buf_cstr(&k->out, "}\n");
	} else {
		buf_str(&k->out, text);
	}
	be_patient(k);
	send_answer(k);
}

static void
refuse(struct control_client *k, const char *why)
{
	k->asked = true;
	answer(k, CONTROL_USAGE, str_of(why), false);
}

void
control_happened(struct control *c, enum control_result result, struct str text)
{
	LIST_EACH(link, &c->clients) {
		struct control_client *k = CONTAINER_OF(link, struct control_client, link);

		if (k->events > 0 && --k->events == 0)
			answer(k, result, text, false);
	}
}

void
control_give_up(struct control *c, struct str text)
{
	LIST_EACH(link, &c->clients) {
		struct control_client *k = CONTAINER_OF(link, struct control_client, link);

		if (k->events > 0)
			answer(k, CONTROL_FAILED, text, false);
	}
}

void
control_wait(struct control_request *r, unsigned events)
{
	CHECK(events > 0);
	r->client->events = events;
}

/* ---- requests */

static bool
is_text(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (((unsigned char)s.p[i] < ' ' && s.p[i] != '\t') || s.p[i] == 0x7f)
			return false;
	return true;
}

/* False if there are too many words. */
static bool
split(struct control_request *r, struct str line)
{
	struct str word;

	while (str_word(&line, &word)) {
		if (r->nwords == 0 && !r->json && str_eq(word, STR_OF("--json"))) {
			r->json = true;
			r->line = str_trim(line);
			continue;
		}
		if (r->nwords == CONTROL_WORDS)
			return false;
		r->words[r->nwords++] = word;
	}
	return true;
}

static void
run(struct control_client *k, struct control_request *r)
{
	struct control *c = k->control;
	enum control_result result;

	loop_timer_cancel(c->loop, &k->patience);
	result = c->run(c->arg, r);
	if (result != CONTROL_LATER)
		answer(k, result, buf_view(&r->out), r->is_json);
}

static void
ask(struct control_client *k, struct str line)
{
	struct control_request r = {
		.line = str_trim(line),
		.from = k->peer,
		.client = k,
	};
	bool fits = split(&r, r.line);

	k->asked = true;
	k->json = r.json;
	if (!is_text(line))
		refuse(k, "a request has no control bytes\n");
	else if (!fits)
		refuse(k, "too many words\n");
	else if (r.nwords == 0)
		refuse(k, "no command (help lists them)\n");
	else
		run(k, &r);
	buf_fini(&r.out);
}

static void
receive(struct control_client *k)
{
	struct str rest, line;
	ssize_t n = 0;

	while (!k->asked && k->n < sizeof(k->line)) {
		n = recv(k->watcher.fd, k->line + k->n, sizeof(k->line) - k->n, MSG_DONTWAIT);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN) {
			k->watcher.ready &= (uint8_t)~READY_READ;
			return;
		}
		if (n == -1 || (n == 0 && k->n == 0)) {
			close_client(k);
			return;
		}
		k->n += (size_t)n;
		rest = str_make(k->line, k->n);
		if (n == 0 || memchr(k->line, '\n', k->n) != NULL) {
			str_cut(&rest, '\n', &line);
			ask(k, line);
			return;
		}
	}
	if (!k->asked)
		refuse(k, "the request is too long\n");
}

static void
on_client(struct watcher *w)
{
	struct control_client *k = CONTAINER_OF(w, struct control_client, watcher);

	/* Whoever asks and leaves at once has asked all the same. */
	if (!k->asked && (w->ready & (READY_READ | READY_EOF)) != 0)
		receive(k);
	else if ((w->ready & READY_ERROR) != 0)
		close_client(k);
	else if (k->asked && k->events == 0 && (w->ready & READY_WRITE) != 0)
		send_answer(k);
}

/* ---- connections */

static void
open_client(struct control *c, int fd)
{
	struct control_client *k = MEM_NEW(struct control_client);
	socklen_t len = sizeof(k->peer);

	k->control = c;
	timer_init(&k->patience, on_impatience);
	watcher_init(&k->watcher, on_client);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &k->peer, &len) == -1 ||
	    loop_watch(c->loop, &k->watcher, fd) == -1) {
		log_warn("control: %m");
		close(fd);
		mem_free(k);
		return;
	}
	list_append(&c->clients, &k->link);
	c->nclients++;
	be_patient(k);
	if (c->nclients > MAX_CLIENTS) {
		k->asked = true;
		answer(k, CONTROL_FAILED, STR_OF("too many clients\n"), false);
	}
}

static void
on_listener(struct watcher *w)
{
	struct control *c = CONTAINER_OF(w, struct control, watcher);

	for (int i = 0; i < ACCEPTS && w->fd != -1; i++) {
		int fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd != -1) {
			open_client(c, fd);
		} else if (errno == EAGAIN) {
			w->ready &= (uint8_t)~READY_READ;
			return;
		} else if (errno != EINTR && errno != ECONNABORTED) {
			if (log_once_a_second(&c->warned_ms))
				log_warn("control: accept: %m");
			loop_timer_set(c->loop, &c->again, clock_ms() + AGAIN_MS);
			return;
		}
	}
	if (w->fd != -1)
		loop_yield(c->loop, w);
}

static void
on_again(struct timer *t)
{
	struct control *c = CONTAINER_OF(t, struct control, again);

	if (c->watcher.fd != -1)
		on_listener(&c->watcher);
}

struct control *
control_new(struct loop *loop, control_run *run_command, void *arg)
{
	struct control *c = MEM_NEW(struct control);

	c->loop = loop;
	c->run = run_command;
	c->arg = arg;
	link_init(&c->clients);
	watcher_init(&c->watcher, on_listener);
	timer_init(&c->again, on_again);
	return c;
}

void
control_free(struct control *c)
{
	if (c == NULL)
		return;
	LIST_EACH(link, &c->clients)
		close_client(CONTAINER_OF(link, struct control_client, link));
	control_listen(c, -1);
	loop_timer_cancel(c->loop, &c->again);
	mem_free(c);
}

void
control_listen(struct control *c, int fd)
{
	if (c->watcher.fd == fd)
		return;
	if (c->watcher.fd != -1)
		loop_unwatch(c->loop, &c->watcher);
	if (fd != -1 && loop_watch(c->loop, &c->watcher, fd) == -1)
		log_error("control socket: %m");
}
