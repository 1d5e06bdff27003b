// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/rt/stamps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/rt/gpio_edges.h"

enum {
	RECORDS = 4096,
	TTY_LDISC_DEFAULT = 0, /* N_TTY */
	ERR_MAX = 200,
};
#define WATCH_NS ((int64_t)5 * 1000 * 1000 * 1000)

static __attribute__((format(printf, 3, 4))) void say(struct stamps *s, bool error, const char *fmt,
						      ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	s->say(s->ctx, error, text);
}

static const char *line_text(enum stamps_line line)
{
	return line == STAMPS_BY_MODULE ? "stepd_stamp" : "the kernel's GPIO device";
}

/* ---- the module ---- */

static void close_session(struct stamps *s)
{
	if (s->map)
		munmap(s->map, s->map_size);
	if (s->session >= 0)
		close(s->session);
	s->map = NULL;
	s->session = -1;
}

/* Nothing of it, with the reason in err. */
static bool open_session(struct stamps *s, char *err, size_t err_size)
{
	struct stepd_stamp_setup setup = { .records = RECORDS };

	s->session = open(STEPD_STAMP_DEVICE, O_RDWR | O_CLOEXEC);
	if (s->session < 0) {
		snprintf(err, err_size, "%s", errno == ENOENT ? "not loaded" : strerror(errno));
		return false;
	}
	if (ioctl(s->session, STEPD_STAMP_IOC_SETUP, &setup) == 0) {
		s->map_size = (size_t)setup.size;
		s->map = mmap(NULL, s->map_size, PROT_READ, MAP_SHARED | MAP_POPULATE, s->session,
			      0);
		if (s->map == MAP_FAILED)
			s->map = NULL;
	}
	if (s->map && stamp_ring_init(&s->ring, s->map, s->map_size))
		return true;
	snprintf(err, err_size, "its ring can't be used: %s",
		 s->map ? "another version" : strerror(errno));
	close_session(s);
	return false;
}

static bool attach_tty(struct stamps *s, size_t i, char *err, size_t err_size)
{
	struct stepd_stamp_bind bind = { .session = s->session, .source = (uint32_t)i };
	int ldisc = STEPD_STAMP_LDISC;
	bool ok = ioctl(s->mcu[i].tty, TIOCSETD, &ldisc) == 0;

	s->mcu[i].bytes = ok && ioctl(s->mcu[i].tty, STEPD_STAMP_IOC_BIND, &bind) == 0;
	if (s->mcu[i].bytes)
		return true;
	snprintf(err, err_size, "%s", strerror(errno));
	ldisc = TTY_LDISC_DEFAULT;
	if (ok)
		(void)ioctl(s->mcu[i].tty, TIOCSETD, &ldisc);
	return false;
}

static void detach_tty(struct stamps *s, size_t i)
{
	int ldisc = TTY_LDISC_DEFAULT;

	/* Bytes that wait in it are lost; the link asks again. */
	if (s->mcu[i].bytes)
		(void)ioctl(s->mcu[i].tty, TIOCSETD, &ldisc);
	s->mcu[i].bytes = false;
}

static bool attach_line(struct stamps *s, size_t i, char *err, size_t err_size)
{
	const struct machine_mcu *cfg = &s->mc->mcu[i];
	struct stepd_stamp_sync sync = { .line = cfg->sync_line,
					 .edges = STEPD_STAMP_RISING,
					 .source = RT_STAMPS_LINE_SOURCE + (uint32_t)i };
	_Static_assert((int)STEPD_STAMP_CHIP_MAX == (int)GPIO_EDGES_LABEL_MAX, "the same labels");
	int rc = gpio_edges_label(cfg->sync_chip, sync.chip);

	if (rc == 0 && ioctl(s->session, STEPD_STAMP_IOC_SYNC_ATTACH, &sync) == 0) {
		s->mcu[i].line = STAMPS_BY_MODULE;
		return true;
	}
	snprintf(err, err_size, "%s", strerror(rc ? -rc : errno));
	return false;
}

static void detach_line(struct stamps *s, size_t i)
{
	uint32_t source = RT_STAMPS_LINE_SOURCE + (uint32_t)i;

	if (s->mcu[i].line != STAMPS_BY_MODULE)
		return;
	s->mcu[i].line = STAMPS_NO_LINE;
	(void)ioctl(s->session, STEPD_STAMP_IOC_SYNC_DETACH, &source);
}

/* ---- the character device ---- */

static bool open_line(struct stamps *s, size_t i, char *err, size_t err_size)
{
	struct stamps_mcu *m = &s->mcu[i];
	int rc;

	m->line_fd = gpio_edges_open(s->mc->mcu[i].sync_chip, s->mc->mcu[i].sync_line, err,
				     err_size);
	if (m->line_fd < 0)
		return false;
	m->line = STAMPS_BY_KERNEL;
	rc = s->rt ? rt_thread_line(s->rt, (int)i, m->line_fd) : 0;
	if (rc == 0)
		return true;
	snprintf(err, err_size, "its reader does not start: %s", strerror(-rc));
	close(m->line_fd);
	m->line_fd = -1;
	m->line = STAMPS_NO_LINE;
	return false;
}

/* ---- start ---- */

static void open_mcu(struct stamps *s, size_t i)
{
	const struct machine_mcu *cfg = &s->mc->mcu[i];
	char err[ERR_MAX] = "";
	bool module = s->session >= 0 && cfg->stamp_module;

	if (module && !cfg->canbus_uuid && !attach_tty(s, i, err, sizeof(err)))
		say(s, false, "mcu '%s': stepd_stamp does not stamp its bytes: %s", cfg->name, err);
	if (!cfg->sync_pin.set)
		return;
	if (module && attach_line(s, i, err, sizeof(err)))
		return;
	if (module)
		say(s, false, "mcu '%s': stepd_stamp does not take its sync line: %s", cfg->name,
		    err);
	if (!open_line(s, i, err, sizeof(err)))
		say(s, true, "mcu '%s': its sync line can't be used: %s", cfg->name, err);
}

static void tell(struct stamps *s, size_t i)
{
	const struct stamps_mcu *m = &s->mcu[i];
	const struct machine_mcu *cfg = &s->mc->mcu[i];

	if (m->line == STAMPS_NO_LINE)
		say(s, false, "mcu '%s': clock by round trips, bytes stamped by %s", cfg->name,
		    m->bytes ? "stepd_stamp" : "their reader");
	else
		say(s, false,
		    "mcu '%s': clock by the sync line %s/gpio%u, stamped by %s, once it is seen; bytes "
		    "stamped by %s",
		    cfg->name, cfg->sync_chip, cfg->sync_line, line_text(m->line),
		    m->bytes ? "stepd_stamp" : "their reader");
}

void stamps_open(struct stamps *s, const struct machine_config *mc, const int *tty, size_t mcus)
{
	char err[ERR_MAX] = "";
	bool module = false;

	s->mc = mc;
	s->mcus = mcus;
	s->session = -1;
	for (size_t i = 0; i < mcus; i++) {
		s->mcu[i] = (struct stamps_mcu){ .tty = tty[i], .line_fd = -1 };
		module = module || mc->mcu[i].stamp_module;
	}
	if (module && !open_session(s, err, sizeof(err)))
		say(s, false, "kernel module stepd_stamp: %s", err);
	for (size_t i = 0; i < mcus; i++) {
		if (mc->mcu[i].host) /* its clock is the host's */
			continue;
		open_mcu(s, i);
		tell(s, i);
	}
}

void stamps_start(struct stamps *s, struct rt_thread *rt)
{
	s->rt = rt;
	if (s->session >= 0)
		rt_stamps_begin(rt_thread_stamps(rt), &s->ring);
	for (size_t i = 0; i < s->mcus; i++) {
		int rc = s->mcu[i].line_fd >= 0 ? rt_thread_line(rt, (int)i, s->mcu[i].line_fd) : 0;

		if (rc)
			say(s, true, "mcu '%s': the reader of its sync line does not start: %s",
			    s->mc->mcu[i].name, strerror(-rc));
	}
}

void stamps_close(struct stamps *s)
{
	for (size_t i = 0; i < s->mcus; i++) {
		detach_tty(s, i);
		detach_line(s, i);
		if (s->mcu[i].line_fd >= 0)
			close(s->mcu[i].line_fd);
	}
	if (s->mcus > 0)
		close_session(s);
}

/* ---- in mid-run ---- */

/* The module's stamps of this line are no use any more. */
static void next_best_line(struct stamps *s, size_t i, const char *why)
{
	char err[ERR_MAX] = "";

	detach_line(s, i);
	s->watch_ns = 0; /* the next one gets its time, too */
	if (open_line(s, i, err, sizeof(err)))
		say(s, true, "mcu '%s': %s; from now on the sync line is stamped by %s",
		    s->mc->mcu[i].name, why, line_text(STAMPS_BY_KERNEL));
	else
		say(s, true, "mcu '%s': %s; its clock goes by round trips from now on (%s)",
		    s->mc->mcu[i].name, why, err);
}

void stamps_line_used(struct stamps *s, size_t mcu, bool used)
{
	struct stamps_mcu *m;

	if (mcu >= s->mcus)
		return;
	m = &s->mcu[mcu];
	m->used = used;
	if (used) {
		m->warned = false;
		say(s, false, "mcu '%s': its clock goes by the sync line, stamped by %s",
		    s->mc->mcu[mcu].name, line_text(m->line));
	} else if (m->line == STAMPS_BY_MODULE) {
		next_best_line(s, mcu, "no usable edges from stepd_stamp any more");
	} else {
		m->warned = true;
		say(s, true,
		    "mcu '%s': no usable edges on its sync line any more; its clock goes by round trips "
		    "until they come back",
		    s->mc->mcu[mcu].name);
	}
}

static void finish_release(struct stamps *s)
{
	if (!s->releasing || !rt_stamps_free(rt_thread_stamps(s->rt), s->released))
		return;
	s->releasing = false;
	close_session(s);
	say(s, false, "stepd_stamp is released: it can be unloaded");
}

void stamps_poll(struct stamps *s, int64_t now_ns, bool ready)
{
	uint32_t ended;

	if (!s->rt)
		return;
	finish_release(s);
	ended = atomic_exchange(&rt_thread_stamps(s->rt)->ended, 0);
	for (size_t i = 0; i < s->mcus; i++) {
		if (!(ended & 1u << i) || !s->mcu[i].bytes)
			continue;
		s->mcu[i].bytes = false;
		say(s, true,
		    "mcu '%s': stepd_stamp has left its tty; its bytes are stamped by their reader",
		    s->mc->mcu[i].name);
	}
	if (ready && s->watch_ns == 0)
		s->watch_ns = now_ns + WATCH_NS;
	for (size_t i = 0; ready && now_ns > s->watch_ns && i < s->mcus; i++) {
		struct stamps_mcu *m = &s->mcu[i];

		if (m->line == STAMPS_NO_LINE || m->used || m->warned)
			continue;
		m->warned = true;
		say(s, true,
		    "mcu '%s': nothing usable comes on its sync line %s/gpio%u, expected a rising edge each "
		    "100 ms from pin %s; its clock goes by round trips",
		    s->mc->mcu[i].name, s->mc->mcu[i].sync_chip, s->mc->mcu[i].sync_line,
		    s->mc->mcu[i].sync_pin.name);
	}
}

int stamps_release(struct stamps *s, char *err, size_t err_size)
{
	if (s->session < 0 || s->releasing) {
		snprintf(err, err_size, "stepd_stamp is not in use");
		return -ENODEV;
	}
	for (size_t i = 0; i < s->mcus; i++) {
		bool line = s->mcu[i].line == STAMPS_BY_MODULE;

		detach_tty(s, i);
		if (line)
			next_best_line(s, i, "stepd_stamp is not used any more");
	}
	s->released = rt_stamps_end(rt_thread_stamps(s->rt));
	s->releasing = true;
	rt_thread_wake(s->rt);
	return 0;
}

int stamps_status(struct stamps *s, char *buf, size_t cap)
{
	int used = 0;

	for (size_t i = 0; i < s->mcus && used >= 0 && (size_t)used < cap; i++) {
		const struct stamps_mcu *m = &s->mcu[i];
		const struct rt_stamps_port *p = &rt_thread_stamps(s->rt)->port[i];

		if (s->mc->mcu[i].host)
			continue;
		used += snprintf(
			buf + used, cap - (size_t)used,
			"clock of %s: by %s%s; %llu edges; %llu bytes stamped by stepd_stamp, %llu by "
			"their reader\n",
			s->mc->mcu[i].name, m->used ? "sync line, stamped by " : "round trips",
			m->used ? line_text(m->line) : "",
			(unsigned long long)atomic_load(&p->edges),
			(unsigned long long)atomic_load(&p->stamped),
			(unsigned long long)atomic_load(&p->plain));
	}
	return used;
}
