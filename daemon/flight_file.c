// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/flight_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "daemon/machine/machine.h"
#include "daemon/version.h"

enum { MODE = 0640, NUMBER_MAX = 999999999 };

static int refuse(char *err, size_t size, const char *path, const char *why)
{
	snprintf(err, size, "flight recorder '%s': %s ([stepd] flight_file in the configuration)",
		 path, why);
	return -1;
}

static bool on_tmpfs(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && fs.f_type == TMPFS_MAGIC;
}

bool flight_file_default(const char *gcode_fifo, char *path, size_t size)
{
	const char *slash = strrchr(gcode_fifo, '/');
	char folder[PATH_MAX];
	int n;

	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - gcode_fifo) : 1,
		 slash ? gcode_fifo : ".");
	if (on_tmpfs(folder[0] ? folder : "/"))
		return snprintf(path, size, "%s.flight", gcode_fifo) < (int)size;
	if (!realpath(folder[0] ? folder : "/", path))
		snprintf(path, size, "%s", folder);
	snprintf(folder, sizeof(folder), "%s", path);
	n = snprintf(path, size, "/dev/shm/stepd%s/%s.flight", folder,
		     slash ? slash + 1 : gcode_fifo);
	for (char *p = path + strlen("/dev/shm/"); n > 0 && n < (int)size && *p; p++)
		if (*p == '/')
			*p = '-';
	return n > 0 && n < (int)size;
}

/* ---- the kept ones ---- */

/* The number N of a name BASE.N; 0: it is no such name. */
static long number_of(const char *name, const char *base)
{
	size_t len = strlen(base);
	char *end;
	long n;

	if (strncmp(name, base, len) != 0 || name[len] != '.' || name[len + 1] < '1' ||
	    name[len + 1] > '9')
		return 0;
	n = strtol(name + len + 1, &end, 10);
	return *end || n > NUMBER_MAX ? 0 : n;
}

static bool is_frozen(const char *path)
{
	struct flight_head head;
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	bool frozen = fd >= 0 && read(fd, &head, sizeof(head)) == (ssize_t)sizeof(head) &&
		      memcmp(head.magic, FLIGHT_MAGIC, sizeof(head.magic)) == 0 &&
		      atomic_load(&head.state.frozen) != FLIGHT_RUNNING;

	if (fd >= 0)
		close(fd);
	return frozen;
}

struct kept {
	long newest, count;
	long oldest, oldest_left; /* of all, and of those that are not frozen; 0: none */
};

static void look(const char *path, struct kept *k)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	char folder[PATH_MAX], name[PATH_MAX + 16];
	struct dirent *entry;
	DIR *d;

	memset(k, 0, sizeof(*k));
	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) + 1 : 1,
		 slash ? path : ".");
	d = opendir(folder);
	while (d && (entry = readdir(d)) != NULL) {
		long n = number_of(entry->d_name, base);

		if (n == 0)
			continue;
		k->count++;
		k->newest = n > k->newest ? n : k->newest;
		k->oldest = k->oldest == 0 || n < k->oldest ? n : k->oldest;
		snprintf(name, sizeof(name), "%s.%ld", path, n);
		if (!is_frozen(name) && (k->oldest_left == 0 || n < k->oldest_left))
			k->oldest_left = n;
	}
	if (d)
		closedir(d);
}

/* Rename path to the next number, after making room among the kept. Those that just ended without a
 * fault go first. Returns 0 or a negative errno; renamed may be NULL. */
static int put_aside(const char *path, unsigned keep, char *renamed, size_t size)
{
	char name[PATH_MAX + 16];
	struct kept k;
	long number;

	if (keep == 0)
		return unlink(path) < 0 ? -errno : 0;
	look(path, &k);
	for (number = k.newest + 1; k.count >= (long)keep; look(path, &k)) {
		snprintf(name, sizeof(name), "%s.%ld", path,
			 k.oldest_left ? k.oldest_left : k.oldest);
		if (unlink(name) < 0)
			return -errno;
	}
	snprintf(name, sizeof(name), "%s.%ld", path, number);
	if (rename(path, name) < 0)
		return -errno;
	if (renamed)
		snprintf(renamed, size, "%.*s", (int)size - 1, name);
	return 0;
}

/* ---- open ---- */

/* For as long as the file is open: who dumps it sees that it is in use. */
static bool lock(int fd)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	return fcntl(fd, F_OFD_SETLK, &l) == 0;
}

/* Whatever is at the path: out of the way. */
static int clear_path(const struct flight_file_config *cfg, char *err, size_t size)
{
	struct flight_head head = { 0 };
	bool ours, worth;
	struct stat st;
	ssize_t got;
	int fd = open(cfg->path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), rc;

	if (fd < 0)
		return errno == ENOENT ? 0 : refuse(err, size, cfg->path, strerror(errno));
	got = read(fd, &head, sizeof(head));
	ours = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	       (st.st_size == 0 || (got == (ssize_t)sizeof(head) &&
				    memcmp(head.magic, FLIGHT_MAGIC, sizeof(head.magic)) == 0));
	if (!ours) {
		close(fd);
		return refuse(
			err, size, cfg->path,
			"expected a flight record or nothing, found something else; not touched");
	}
	if (!lock(fd)) {
		close(fd);
		return refuse(err, size, cfg->path, "another process records there");
	}
	worth = atomic_load(&head.state.written) > 0 && !cfg->replace &&
		(atomic_load(&head.state.frozen) || !atomic_load(&head.state.closed));
	if (worth)
		rc = put_aside(cfg->path, cfg->keep, NULL, 0);
	else
		rc = unlink(cfg->path) < 0 ? -errno : 0;
	close(fd);
	return rc < 0 ? refuse(err, size, cfg->path, strerror(-rc)) : 0;
}

/* All room, all pages. */
static int map(struct flight_file *f, uint64_t capacity, char *err, size_t size)
{
	int rc = posix_fallocate(f->fd, 0, (off_t)f->bytes);
	char text[128];
	void *mem;

	if (rc != 0) {
		snprintf(text, sizeof(text), "no room for %.1f MiB: %s; flight_mib makes it smaller",
			 (double)f->bytes / (1 << 20), strerror(rc));
		return refuse(err, size, f->path, text);
	}
	mem = mmap(NULL, f->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, f->fd, 0);
	if (mem == MAP_FAILED)
		return refuse(err, size, f->path, strerror(errno));
	for (size_t i = 0; i < f->bytes; i += 1024)
		((volatile char *)mem)[i] = 0;
	flight_init(&f->flight, mem, capacity);
	return 0;
}

int flight_file_open(struct flight_file *f, const struct flight_file_config *cfg, char *err,
		     size_t err_size)
{
	uint64_t capacity = flight_capacity((size_t)(cfg->mib * (1 << 20)));

	memset(f, 0, sizeof(*f));
	f->cfg = *cfg;
	if (snprintf(f->path, sizeof(f->path), "%s", cfg->path) >= (int)sizeof(f->path) - 16)
		return refuse(err, err_size, cfg->path, "the path is too long");
	if (clear_path(cfg, err, err_size) < 0)
		return -1;
	f->fd = open(f->path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, MODE);
	if (f->fd < 0)
		return refuse(err, err_size, f->path, strerror(errno));
	f->bytes = flight_bytes(capacity);
	if (!lock(f->fd) || map(f, capacity, err, err_size) < 0) {
		unlink(f->path);
		close(f->fd);
		return -1;
	}
	f->in_memory = on_tmpfs(f->path);
	f->open = true;
	return 0;
}

void flight_file_identify(struct flight_file *f, const struct machine *m, const char *config)
{
	const struct machine_stepd *cfg = &m->mc->stepd;
	struct flight_identity id = { .program = "stepd " STEPD_VERSION,
				      .started_unix_s = f->flight.head->identity.started_unix_s,
				      .pid = (uint64_t)getpid(),
				      .horizon_s = cfg->horizon_s,
				      .low_water_s = cfg->low_water_s,
				      .mcus = (uint32_t)m->mcus,
				      .steppers = (uint32_t)m->motors };

	if (id.started_unix_s == 0)
		id.started_unix_s = (int64_t)time(NULL);
	snprintf(id.config, sizeof(id.config), "%s", config);
	snprintf(id.kinematics, sizeof(id.kinematics), "%s", m->mc->kinematics->name);
	for (size_t i = 0; i < m->mcus; i++) {
		snprintf(id.mcu[i].name, sizeof(id.mcu[i].name), "%s", m->mc->mcu[i].name);
		if (m->session[i].state == SESSION_READY)
			id.mcu[i].freq_hz = dictionary_number(&m->session[i].dict, "CLOCK_FREQ", 0);
	}
	for (size_t i = 0; i < m->motors; i++) {
		const struct machine_motor *motor = &m->motor[i];
		struct flight_stepper *s = &id.stepper[i];

		snprintf(s->name, sizeof(s->name), "%s", motor->cfg->name);
		memcpy(s->steps_per_mm, motor->steps_per_mm, sizeof(s->steps_per_mm));
		s->tolerance_s = cfg->step_tolerance_s;
		s->min_interval_s = 2 * motor->cfg->step_pulse_s;
		s->mcu = motor->mcu;
		s->oid = motor->oid;
	}
	for (size_t i = 0; i < m->mc->heater_count; i++)
		snprintf(id.heater[i], sizeof(id.heater[i]), "%.31s", m->mc->heaters[i].name);
	for (size_t i = 0; i < m->outputs; i++) {
		const struct pin *pin = m->output[i].pin;

		snprintf(id.output[i], sizeof(id.output[i]), "%.15s:%.15s", pin->chip, pin->name);
	}
	flight_identify(f->flight.head, &id);
}

const char *flight_file_keep(struct flight_file *f)
{
	if (!f->kept && !f->cfg.replace)
		put_aside(f->path, f->cfg.keep ? f->cfg.keep : 1, f->path, sizeof(f->path));
	f->kept = true;
	return f->path;
}

static bool copy_to(const struct flight_file *f, const char *name)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, MODE);
	const char *from = (const char *)f->flight.head;
	size_t done = 0;
	ssize_t n = 0;

	while (fd >= 0 && done < f->bytes && (n = write(fd, from + done, f->bytes - done)) > 0)
		done += (size_t)n;
	if (fd >= 0)
		close(fd);
	if (fd >= 0 && done < f->bytes)
		unlink(name);
	return fd >= 0 && done == f->bytes;
}

bool flight_file_go_on(struct flight_file *f)
{
	char copy[PATH_MAX + 8];

	if (!f->kept || f->cfg.replace || !atomic_load(&f->flight.head->state.frozen))
		return false;
	snprintf(copy, sizeof(copy), "%s.tmp", f->path);
	if (!copy_to(f, copy))
		return false;
	if (rename(f->path, f->cfg.path) < 0) {
		unlink(copy);
		return false;
	}
	if (rename(copy, f->path) < 0)
		unlink(copy); /* lost: but what follows is recorded */
	snprintf(f->path, sizeof(f->path), "%s", f->cfg.path);
	f->kept = false;
	return true;
}

void flight_file_status(const struct flight_file *f, char *buf, size_t cap)
{
	const struct flight_state *st = &f->flight.head->state;

	snprintf(buf, cap, "flight recorder: %s, %llu records%s\n", f->path,
		 (unsigned long long)atomic_load(&st->written),
		 atomic_load(&st->frozen) ? ", frozen" : "");
}

void flight_file_close(struct flight_file *f)
{
	if (!f->open)
		return;
	f->open = false;
	atomic_store(&f->flight.head->state.closed, 1);
	if (atomic_load(&f->flight.head->state.written) == 0)
		unlink(f->path);
	munmap(f->flight.head, f->bytes);
	close(f->fd);
}
