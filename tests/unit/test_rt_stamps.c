/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_rt_stamps.c - the module's ring as the rt thread reads it, from a ring in memory that is written as the kernel does.
 *
 * Shown: each record once and in order; a reader that is overtaken goes on half a ring behind, and knows how many it lost, also while
 * a second thread writes as fast as it can; what is not laid out as the UAPI header says is refused. Bytes get the stamp of the
 * hand-over that they came with, whatever chunks they are read in, and their reader's where none is known; the ring may be unmapped
 * once two turns have passed; the end of a tty and edges of any source are taken; edges come from a pipe as from a GPIO line.
 */
#include <linux/gpio.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/rt/gpio_edges.h"
#include "daemon/rt/rt_stamps.h"
#include "tests/oracle/refmotion.h"

enum { RECORDS = 64, PAGE = 4096, MAP = PAGE + RECORDS * (int)sizeof(struct stepd_stamp_record) };

static union {
	uint8_t bytes[MAP];
	struct stepd_stamp_ring ring;
} map;
static struct stamp_ring reader;
static struct rt_stamps stamps;
static struct engine engine;

static void ring_make(void)
{
	memset(&map, 0, sizeof(map));
	map.ring.version = STEPD_STAMP_VERSION;
	map.ring.record_size = sizeof(struct stepd_stamp_record);
	map.ring.records = RECORDS;
	map.ring.records_offset = PAGE;
	assert_true(stamp_ring_init(&reader, &map, sizeof(map)));
}

static void add(uint16_t kind, uint16_t source, int64_t time_ns, uint64_t position, uint32_t count)
{
	uint64_t n = map.ring.head;
	struct stepd_stamp_record *r = (struct stepd_stamp_record *)(void *)(map.bytes + PAGE) +
				       n % RECORDS;

	__atomic_store_n(&r->sequence, 0, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	r->time_ns = time_ns;
	r->position = position;
	r->count = count;
	r->source = source;
	r->kind = kind;
	__atomic_store_n(&r->sequence, n + 1, __ATOMIC_RELEASE);
	__atomic_store_n(&map.ring.head, n + 1, __ATOMIC_RELEASE);
}

static void test_order(void **state)
{
	struct stepd_stamp_record r;

	(void)state;
	ring_make();
	assert_false(stamp_ring_next(&reader, &r));
	for (int i = 0; i < 1000; i++) {
		add(STEPD_STAMP_SYNC, 1, i, (uint64_t)i, 1);
		if (i % 7 == 0) /* never overtaken */
			while (stamp_ring_next(&reader, &r))
				assert_true(r.position + 1 == reader.at && r.sequence == reader.at);
	}
	assert_true(reader.lost == 0);
	while (stamp_ring_next(&reader, &r))
		;
	for (int i = 0; i < 200; i++)
		add(STEPD_STAMP_SYNC, 1, i, 1000 + (uint64_t)i, 1);
	assert_true(stamp_ring_next(&reader, &r));
	assert_int_equal(r.position, 1200 - RECORDS / 2);
	assert_int_equal(reader.lost, 200 - RECORDS / 2);
}

static void test_layout(void **state)
{
	(void)state;
	ring_make();
	map.ring.version++;
	assert_false(stamp_ring_init(&reader, &map, sizeof(map)));
	ring_make();
	map.ring.records = 63;
	assert_false(stamp_ring_init(&reader, &map, sizeof(map)));
	ring_make();
	map.ring.records = 0;
	assert_false(stamp_ring_init(&reader, &map, sizeof(map)));
	ring_make();
	assert_false(stamp_ring_init(&reader, &map, sizeof(map) - 1));
	map.ring.record_size = 16;
	assert_false(stamp_ring_init(&reader, &map, sizeof(map)));
}

static void begin(void)
{
	ring_make();
	memset(&stamps, 0, sizeof(stamps));
	memset(&engine, 0, sizeof(engine));
	stamps.engine = &engine;
	engine_link_add(&engine, 1, 0);
	rt_stamps_begin(&stamps, &reader);
}

/* Hand-overs of random sizes, some of which are not stamped, read in chunks of random sizes: each byte has its stamp. */
static void test_bytes(void **state)
{
	uint64_t rng = ref_seed("rt_stamps"), written = 0, read = 0, stamped = 0;
	uint8_t bytes[RT_READER_BYTES] = { 0 };

	(void)state;
	begin();
	role_take(&role_rt);
	for (int i = 0; i < 5000; i++) {
		uint32_t n = 1 + (uint32_t)(ref_random(&rng) % 100);
		bool plain = ref_random(&rng) % 8 == 0;

		if (!plain)
			add(STEPD_STAMP_RX, 1, 1000 + i, written, n);
		add(STEPD_STAMP_RX, 0, 5, 0, 7); /* another tty's */
		written += n;
		stamped += plain ? 0 : n;
		while (written - read > 0 && ref_random(&rng) % 3) {
			uint32_t most = (uint32_t)(written - read);
			uint32_t len = 1 + (uint32_t)(ref_random(&rng) % (most < 240 ? most : 240));

			rt_stamps_receive(&stamps, 1, bytes, len, 1000000);
			read += len;
		}
		if (written - read > 1000) {
			rt_stamps_receive(&stamps, 1, bytes, 240, 1000000);
			read += 240;
		}
	}
	while (written > read) {
		uint32_t len = written - read < 240 ? (uint32_t)(written - read) : 240;

		rt_stamps_receive(&stamps, 1, bytes, len, 1000000);
		read += len;
	}
	assert_true(stamps.ring.lost == 0);
	assert_true(atomic_load(&stamps.port[1].stamped) == stamped);
	assert_true(atomic_load(&stamps.port[1].plain) == written - stamped);
}

static void test_ends(void **state)
{
	uint32_t since;

	(void)state;
	begin();
	role_take(&role_rt);
	add(STEPD_STAMP_END, 1, 1, 0, 0);
	add(STEPD_STAMP_END, 60000, 1, 0, 0);
	add(STEPD_STAMP_LOST, 1, 1, 0, 10);
	add(99, 1, 1, 0, 10);
	for (uint16_t source = 0; source < 20; source++)
		add(STEPD_STAMP_SYNC, source, 1, 0, 1);
	rt_stamps_take(&stamps);
	assert_int_equal(atomic_load(&stamps.ended), 2);
	for (int i = 0; i < ENGINE_MCUS; i++)
		assert_int_equal(atomic_load(&stamps.port[i].edges), 1);
	since = rt_stamps_end(&stamps);
	assert_false(rt_stamps_free(&stamps, since));
	rt_stamps_take(&stamps);
	assert_false(rt_stamps_free(&stamps, since));
	rt_stamps_take(&stamps);
	assert_true(rt_stamps_free(&stamps, since));
	add(STEPD_STAMP_SYNC, RT_STAMPS_LINE_SOURCE, 1, 0, 1);
	rt_stamps_take(&stamps);
	assert_int_equal(atomic_load(&stamps.port[0].edges), 1);
}

static void test_line(void **state)
{
	struct gpio_v2_line_event event = { .id = GPIO_V2_LINE_EVENT_RISING_EDGE };
	int pipe_fd[2], wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	char err[200];
	int64_t at_ns[4];

	(void)state;
	begin();
	role_take(&role_rt);
	assert_int_equal(pipe(pipe_fd), 0);
	assert_int_equal(rt_stamps_line(&stamps, 2, pipe_fd[0], wake, 0), 0);
	for (uint64_t i = 1; i <= 20; i++) {
		event.timestamp_ns = i;
		event.id = i % 4 ? GPIO_V2_LINE_EVENT_RISING_EDGE : GPIO_V2_LINE_EVENT_FALLING_EDGE;
		assert_int_equal(write(pipe_fd[1], &event, sizeof(event)), sizeof(event));
	}
	for (int i = 0; i < 5000 && atomic_load(&stamps.port[2].edges) < 15; i++) {
		usleep(1000);
		rt_stamps_take(&stamps);
	}
	assert_int_equal(atomic_load(&stamps.port[2].edges), 15);
	rt_stamps_stop(&stamps);
	close(pipe_fd[0]);
	close(pipe_fd[1]);
	close(wake);
	/* Half an event, a time that is none, too little room. */
	event.id = GPIO_V2_LINE_EVENT_RISING_EDGE;
	event.timestamp_ns = UINT64_MAX;
	assert_int_equal(gpio_edges_decode((uint8_t *)&event, sizeof(event), at_ns, 4), 0);
	event.timestamp_ns = 5;
	assert_int_equal(gpio_edges_decode((uint8_t *)&event, sizeof(event) - 1, at_ns, 4), 0);
	assert_int_equal(gpio_edges_decode((uint8_t *)&event, sizeof(event), at_ns, 0), 0);
	assert_int_equal(gpio_edges_decode((uint8_t *)&event, sizeof(event), at_ns, 4), 1);
	assert_int_equal(gpio_edges_open("gpiochip-none", 3, err, sizeof(err)), -1);
	assert_non_null(strstr(err, "gpiochip-none"));
	assert_int_equal(gpio_edges_open("../etc/passwd", 3, err, sizeof(err)), -1);
}

static _Atomic bool writing;

static void *writer(void *arg)
{
	(void)arg;
	for (int i = 0; i < 300000; i++)
		add(STEPD_STAMP_SYNC, 3, 3 * (int64_t)map.ring.head, map.ring.head, 1);
	atomic_store(&writing, false);
	return NULL;
}

/* Read beside a writer: whole records, in order, and all that are missing are counted. */
static void test_overtaken(void **state)
{
	struct stepd_stamp_record r;
	uint64_t next = 0, seen = 0;
	pthread_t thread;

	(void)state;
	ring_make();
	atomic_store(&writing, true);
	assert_int_equal(pthread_create(&thread, NULL, writer, NULL), 0);
	for (bool last = false; !last;) {
		last = !atomic_load(&writing);
		while (stamp_ring_next(&reader, &r)) {
			assert_true(r.position >= next && r.sequence == r.position + 1);
			assert_true(r.time_ns == 3 * (int64_t)r.position);
			next = r.position + 1;
			seen++;
		}
	}
	pthread_join(thread, NULL);
	assert_int_equal(seen + reader.lost, 300000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order), cmocka_unit_test(test_layout),
		cmocka_unit_test(test_bytes), cmocka_unit_test(test_ends),
		cmocka_unit_test(test_line),  cmocka_unit_test(test_overtaken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
