// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/dump/flight_log.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CAPACITY_MAX ((uint64_t)1 << 24)

/* ---- the head ---- */

static void clean_text(char *text, size_t size)
{
	text[size - 1] = 0;
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < ' ' || (unsigned char)*p >= 0x7f)
			*p = '?';
}

static double clean_number(double x, double most)
{
	return fabs(x) <= most ? x : 0; /* a NaN is not */
}

static void clean_identity(struct flight_identity *id)
{
	clean_text(id->program, sizeof(id->program));
	clean_text(id->kinematics, sizeof(id->kinematics));
	clean_text(id->config, sizeof(id->config));
	id->horizon_s = clean_number(id->horizon_s, 1e3);
	id->low_water_s = clean_number(id->low_water_s, 1e3);
	if (id->mcus > ENGINE_MCUS)
		id->mcus = ENGINE_MCUS;
	if (id->steppers > ENGINE_STEPPERS)
		id->steppers = ENGINE_STEPPERS;
	for (int i = 0; i < ENGINE_MCUS; i++) {
		clean_text(id->mcu[i].name, sizeof(id->mcu[i].name));
		id->mcu[i].freq_hz = fmax(clean_number(id->mcu[i].freq_hz, 1e12), 0);
	}
	for (int i = 0; i < HEAT_HEATERS; i++)
		clean_text(id->heater[i], sizeof(id->heater[i]));
	for (int i = 0; i < ENGINE_OUTPUTS; i++)
		clean_text(id->output[i], sizeof(id->output[i]));
	for (int i = 0; i < ENGINE_STEPPERS; i++) {
		struct flight_stepper *s = &id->stepper[i];

		clean_text(s->name, sizeof(s->name));
		for (int k = 0; k < MOVE_AXES; k++)
			s->steps_per_mm[k] = clean_number(s->steps_per_mm[k], 1e9);
		s->tolerance_s = clean_number(s->tolerance_s, 1);
		s->min_interval_s = clean_number(s->min_interval_s, 1);
		if (s->mcu >= ENGINE_MCUS)
			s->mcu = 0;
	}
}

static int take_head(struct flight_log *log, const struct flight_head *h, char *err, size_t size)
{
	if (memcmp(h->magic, FLIGHT_MAGIC, sizeof(h->magic)) != 0)
		snprintf(err, size, "not a flight record: it does not start with %s", FLIGHT_MAGIC);
	else if (h->version != FLIGHT_VERSION)
		snprintf(err, size, "flight record of version %u, expected %u", h->version,
			 FLIGHT_VERSION);
	else if (h->head_bytes != FLIGHT_HEAD_BYTES || h->rec_bytes != FLIGHT_REC_BYTES)
		snprintf(err, size,
			 "flight record with a head of %u and records of %u bytes, "
			 "expected %u and %u",
			 h->head_bytes, h->rec_bytes, FLIGHT_HEAD_BYTES, FLIGHT_REC_BYTES);
	else if (h->capacity < FLIGHT_RECORDS_MIN || h->capacity > CAPACITY_MAX ||
		 (h->capacity & (h->capacity - 1)) != 0)
		snprintf(err, size,
			 "flight record with a ring of %llu records, expected a power of "
			 "two from %u to %llu",
			 (unsigned long long)h->capacity, FLIGHT_RECORDS_MIN,
			 (unsigned long long)CAPACITY_MAX);
	else {
		log->identity = h->identity;
		log->identity_bad = !flight_identity_valid(&log->identity);
		clean_identity(&log->identity);
		log->capacity = h->capacity;
		log->written = atomic_load(&h->state.written);
		log->missed = atomic_load(&h->state.missed);
		log->frozen = atomic_load(&h->state.frozen);
		log->closed = atomic_load(&h->state.closed) != 0;
		return 0;
	}
	return -1;
}

/* ---- the records ---- */

static int by_number(const void *a, const void *b)
{
	const struct flight_entry *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

static bool is_empty(const struct flight_rec *rec)
{
	static const struct flight_rec none;

	return memcmp(rec, &none, sizeof(none)) == 0;
}

/* Its number in full: the low 32 bits are in it, and it is not far from the newest. A file that was read
 * while it was written may also have records of the round before. */
static bool number_of(const struct flight_log *log, const struct flight_rec *rec, uint64_t *number)
{
	uint32_t back = (uint32_t)(log->written + 1) - rec->sequence;

	*number = log->written + 1 - back;
	return back < 2 * log->capacity && back <= log->written;
}

static void take_records(struct flight_log *log, const uint8_t *bytes, size_t size)
{
	for (uint64_t i = 0; i < log->capacity; i++) {
		struct flight_entry *e = &log->entry[log->count];

		if ((i + 1) * FLIGHT_REC_BYTES > size) {
			log->cut = log->capacity - i;
			break;
		}
		memcpy(&e->rec, bytes + i * FLIGHT_REC_BYTES, sizeof(e->rec));
		if (is_empty(&e->rec))
			continue;
		if (!flight_rec_valid(&e->rec, i, log->capacity))
			log->torn++;
		else if (!number_of(log, &e->rec, &e->number))
			log->stale++;
		else
			log->count++;
	}
	qsort(log->entry, log->count, sizeof(log->entry[0]), by_number);
}

int flight_log_parse(struct flight_log *log, const void *bytes, size_t size, char *err,
		     size_t err_size)
{
	struct flight_head head;
	size_t records;

	memset(log, 0, sizeof(*log));
	if (size < FLIGHT_HEAD_BYTES) {
		snprintf(err, err_size,
			 "%zu bytes, too few for a flight record: expected at least %u", size,
			 FLIGHT_HEAD_BYTES);
		return -1;
	}
	memcpy(&head, bytes, sizeof(head));
	if (take_head(log, &head, err, err_size) < 0)
		return -1;
	records = (size - FLIGHT_HEAD_BYTES) / FLIGHT_REC_BYTES;
	if (records > log->capacity)
		records = (size_t)log->capacity;
	log->entry = calloc(records + 1, sizeof(log->entry[0]));
	if (!log->entry) {
		snprintf(err, err_size, "out of memory");
		return -1;
	}
	take_records(log, (const uint8_t *)bytes + FLIGHT_HEAD_BYTES, size - FLIGHT_HEAD_BYTES);
	return 0;
}

/* ---- the file ---- */

/* All of it. The state stands at the beginning and changes while the rest is read: it comes last. */
static uint8_t *read_all(int fd, size_t size, size_t *got)
{
	uint8_t *bytes = malloc(size + 1);
	ssize_t n;

	*got = 0;
	while (bytes && *got < size && (n = pread(fd, bytes + *got, size - *got, (off_t)*got)) > 0)
		*got += (size_t)n;
	if (bytes && *got >= FLIGHT_HEAD_BYTES && pread(fd, bytes, FLIGHT_HEAD_BYTES, 0) < 0)
		*got = 0;
	return bytes;
}

/* By the process that records there, see flight_file.c. */
static bool is_locked(int fd)
{
	struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET };

	return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

int flight_log_read(struct flight_log *log, const char *path, bool *live, char *err, size_t err_size)
{
	size_t most = flight_bytes(CAPACITY_MAX), size, got;
	uint8_t *bytes = NULL;
	struct stat st;
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC), rc = -1;

	memset(log, 0, sizeof(*log));
	if (fd < 0 || fstat(fd, &st) < 0) {
		snprintf(err, err_size, "%s", strerror(errno));
		goto out;
	}
	if (!S_ISREG(st.st_mode)) {
		snprintf(err, err_size, "not a flight record: expected a regular file");
		goto out;
	}
	size = st.st_size < 0 || (uint64_t)st.st_size > most ? most : (size_t)st.st_size;
	bytes = read_all(fd, size, &got);
	if (!bytes) {
		snprintf(err, err_size, "out of memory");
		goto out;
	}
	if (live)
		*live = is_locked(fd);
	rc = flight_log_parse(log, bytes, got, err, err_size);
out:
	if (fd >= 0)
		close(fd);
	free(bytes);
	return rc;
}

void flight_log_free(struct flight_log *log)
{
	free(log->entry);
	memset(log, 0, sizeof(*log));
}
