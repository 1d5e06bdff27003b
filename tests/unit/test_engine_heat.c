// SPDX-License-Identifier: GPL-2.0-or-later
/* test_engine_heat.c - the rt core's part in heating, message by message.
 *
 * Shown: a sensor is asked for with the range of its limits, in the form that the firmware has, today's or the
 * earlier one, and the answers of both give the temperature; two implausible sums in a row only count and the
 * power does not rise, the third switches the heater off, reports it once and asks again without the MCU's own
 * check; after a while of good ones that check is back; a jump within the range counts too, and is believed when
 * it stays; an MCU that has shut down takes its heaters off; a sensor that the planner feeds is broken when nothing has come for as
 * long as it may be silent, and with the third reading that failed; one made of others is what it is told to be of them, breaks
 * with any of them at once and when they differ by too much for three of its own samples. How: an engine without wires, whose link is read.
 * Repeat: no seed.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine_private.h"

#define FREQ_HZ 1e6
enum { QUERY_ID = 60, STATE_ID = 61, OUT_ID = 62, OID = 7, ADC_MAX = 1000, EVENTS = 64 };

struct rig {
	struct engine *e;
	struct ring plan, control, events;
	void *mem[3];
	int64_t now_ns;
	bool old;
};

static void ring_make(struct ring *r, void **mem, uint32_t size)
{
	*mem = aligned_alloc(64, (ring_mem_size(size, EVENTS) + 63) / 64 * 64);
	assert_non_null(*mem);
	assert_true(ring_init(r, *mem, size, EVENTS));
}

/* Linear: 100 °C over full scale and 0 °C at 0, so that a share reads as hundredths. */
static void add(struct rig *r)
{
	struct ctl_rec rec = { .kind = CTL_SENSOR };

	role_take(&role_rt);
	rec.sensor = (struct heat_sensor_config){
		.oid = OID, .guards = true, .adc_max = ADC_MAX, .min_degc = 10, .max_degc = 90
	};
	rec.sensor.curve = (struct sensor_curve){
		.kind = SENSOR_RATIO, .count = 2, .x = { 0, 1 }, .degc = { 0, 100 }
	};
	engine_heat_control(r->e, &rec, r->now_ns);
	rec = (struct ctl_rec){ .kind = CTL_HEATER };
	rec.heater.param = (struct heater_param){
		.control = HEATER_PID, .max_power = 1, .smooth_s = 1, .kp = 0.02
	};
	engine_heat_control(r->e, &rec, r->now_ns);
}

static void open_rig(struct rig *r, bool old)
{
	struct engine_config cfg = { .horizon_s = 0.1,
				     .low_water_s = 0.05,
				     .start_lead_s = 0.06,
				     .plan = &r->plan,
				     .control = &r->control,
				     .events = &r->events };
	struct engine_mcu *m;

	memset(r, 0, sizeof(*r));
	r->old = old;
	r->now_ns = 1000000000;
	ring_make(&r->plan, &r->mem[0], sizeof(struct plan_rec));
	ring_make(&r->control, &r->mem[1], sizeof(struct ctl_rec));
	ring_make(&r->events, &r->mem[2], sizeof(struct ev_rec));
	r->e = aligned_alloc(64, (sizeof(*r->e) + 63) / 64 * 64);
	assert_non_null(r->e);
	engine_init(r->e, &cfg);
	engine_link_add(r->e, 0, 0);
	m = &r->e->mcu[0];
	m->freq_hz = FREQ_HZ;
	m->ready = m->clock_ready = m->has_ids = true;
	m->map = (struct clockmap){ .clock0 = 0, .t0_s = 0, .freq_hz = FREQ_HZ };
	m->map_from_s = -INFINITY;
	clocksync_init(&m->sync, FREQ_HZ, 0);
	for (int64_t ns = 0; ns < r->now_ns; ns += 50000000) {
		struct clocksync_sample s = { .sent_ns = ns,
					      .received_ns = ns,
					      .clock = (uint64_t)((double)ns * 1e-9 * FREQ_HZ) };

		clocksync_add(&m->sync, &s);
	}
	moveq_init(&m->moveq, 100, 0, (uint64_t)FREQ_HZ);
	wire_dict_set(&m->dict, old ? MSG_ID_query_analog_in__old : MSG_ID_query_analog_in,
		      QUERY_ID);
	wire_dict_set(&m->dict, old ? MSG_ID_analog_in_state__old : MSG_ID_analog_in_state,
		      STATE_ID);
	wire_dict_set(&m->dict, MSG_ID_queue_digital_out, OUT_ID);
	r->e->output[0] = (struct ctl_output){ .full_scale = 1000 };
	add(r);
}

static void close_rig(struct rig *r)
{
	for (int i = 0; i < 3; i++)
		free(r->mem[i]);
	free(r->e);
}

/* The commands that a pass has put into the link: the last query, and the last output. */
struct sent {
	bool query, out;
	union msg_any q, o;
};

static void read_link(struct rig *r, struct sent *s)
{
	struct link *l = &r->e->mcu[0].link;
	enum msg_id query = r->old ? MSG_ID_query_analog_in__old : MSG_ID_query_analog_in;

	s->query = s->out = false;
	for (uint64_t f = l->acked; f <= l->fill; f++) {
		const struct link_slot *slot = &l->slots[f % LINK_SLOTS];
		const uint8_t *p = slot->frame + WIRE_HEADER, *end = p + slot->len;

		while (slot->len > 0 && p < end) {
			int16_t id;
			int n;

			p = wire_get_id(p, end, &id);
			assert_non_null(p);
			n = wire_decode(
				&msg_table[id == QUERY_ID ? query : MSG_ID_queue_digital_out], p,
				(size_t)(end - p), id == QUERY_ID ? &s->q : &s->o);
			assert_true(n > 0 && (id == QUERY_ID || id == OUT_ID));
			s->query |= id == QUERY_ID;
			s->out |= id == OUT_ID;
			p += n;
		}
	}
	link_drop_unsent(l);
}

/* Time passes, and a sum arrives that means this temperature. */
static void sample(struct rig *r, double degc, struct sent *s)
{
	uint16_t sum = (uint16_t)lround(degc / 100 * ADC_MAX * HEAT_CONVERSIONS);
	uint8_t bytes[2] = { (uint8_t)sum, (uint8_t)(sum >> 8) }, payload[64], frame[WIRE_FRAME_MAX];
	struct msg_analog_in_state new = { .oid = OID, .values = { bytes, 2 } };
	struct msg_analog_in_state__old old = { .oid = OID, .value = sum };
	size_t len;

	role_take(&role_rt);
	r->now_ns += 200000000;
	r->e->now_s = (double)r->now_ns * 1e-9;
	new.next_clock = old.next_clock = (uint32_t)((r->e->now_s + 0.19) * FREQ_HZ);
	len = r->old ? wire_encode(payload, sizeof(payload), STATE_ID,
				   &msg_table[MSG_ID_analog_in_state__old], &old)
		     : wire_encode(payload, sizeof(payload), STATE_ID,
				   &msg_table[MSG_ID_analog_in_state], &new);
	len = wire_frame_build(frame, 0, payload, len);
	engine_receive(r->e, 0, frame, (uint32_t)len, r->now_ns);
	engine_heat_service(r->e, r->now_ns);
	read_link(r, s);
}

static void start(struct rig *r, bool old, struct sent *s)
{
	open_rig(r, old);
	role_take(&role_rt);
	r->e->now_s = 1;
	engine_heat_service(r->e, r->now_ns);
	read_link(r, s);
}

static void target(struct rig *r, double degc)
{
	struct ctl_rec rec = { .kind = CTL_HEATER_TARGET, .target = { .degc = degc } };

	role_take(&role_rt);
	engine_heat_control(r->e, &rec, r->now_ns);
}

static unsigned events(struct rig *r, struct ev_rec *last)
{
	struct ev_rec ev;
	unsigned n = 0;

	while (ring_pop(&r->events, &ev)) {
		if (ev.kind != EV_HEATER)
			continue;
		*last = ev;
		n++;
	}
	return n;
}

static void asked(void **state)
{
	struct heat_status st;
	struct sent s;
	struct rig r;

	(void)state;
	start(&r, false, &s);
	assert_true(s.query);
	assert_in_range(s.q.query_analog_in.min_value, 799, 800);
	assert_in_range(s.q.query_analog_in.max_value, 7200, 7201);
	assert_int_equal(s.q.query_analog_in.range_check_count, 15);
	assert_int_equal(s.q.query_analog_in.rest_ticks, 200000);
	sample(&r, 25, &s);
	assert_false(s.query || s.out);
	assert_true(engine_heat_read(r.e, &st));
	assert_true(fabs(st.sensor[0].degc - 25) < 1e-9 && st.sensor[0].state == HEAT_SENSOR_GOOD);
	close_rig(&r);
}

/* A converter of more bits: a sum still fits 16. */
static void fine_converter(void **state)
{
	static const struct {
		uint16_t adc_max;
		uint8_t conversions;
	} cases[] = { { 8191, 8 }, { 16383, 4 }, { UINT16_MAX, 1 } };
	struct sent s;
	struct rig r;

	(void)state;
	start(&r, false, &s);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		double full = (double)cases[i].adc_max * cases[i].conversions;

		r.e->heat.sensor[0].cfg.adc_max = cases[i].adc_max;
		engine_sensor_ask(r.e, 0, true);
		read_link(&r, &s);
		assert_true(s.query);
		assert_int_equal(s.q.query_analog_in.sample_count, cases[i].conversions);
		assert_true(fabs(s.q.query_analog_in.min_value - full * 0.1) <= 1);
		assert_true(fabs(s.q.query_analog_in.max_value - full * 0.9) <= 1);
		assert_true(engine_sensor_full_sum(&r.e->heat.sensor[0]) == full);
	}
	close_rig(&r);
}

static void asked_as_before(void **state)
{
	struct sent s;
	struct rig r;

	(void)state;
	assert_int_equal(wire_find_format("analog_in_state oid=%c next_clock=%u value=%hu"),
			 MSG_ID_analog_in_state__old);
	assert_int_equal(wire_find_format("analog_in_state oid=%c next_clock=%u values=%*s"),
			 MSG_ID_analog_in_state);
	assert_int_equal(wire_find_format("analog_in_state__old oid=%c next_clock=%u value=%hu"),
			 -1);
	start(&r, true, &s);
	assert_true(s.query);
	assert_in_range(s.q.query_analog_in__old.min_value, 799, 800);
	assert_int_equal(s.q.query_analog_in__old.range_check_count, 15);
	sample(&r, 33, &s);
	assert_true(fabs(r.e->heat.sensor[0].degc - 33) < 1e-9);
	close_rig(&r);
}

static void glitches_and_fault(void **state)
{
	struct ev_rec ev;
	uint32_t power;
	struct sent s;
	struct rig r;

	(void)state;
	start(&r, false, &s);
	sample(&r, 40, &s);
	target(&r, 60);
	sample(&r, 40, &s);
	assert_true(s.out);
	power = s.o.queue_digital_out.on_ticks;
	assert_int_equal(power, 400);
	for (int i = 0; i < 5; i++) { /* two bad ones, then a good one: nothing but counts */
		sample(&r, 5, &s);
		assert_true(s.out && s.o.queue_digital_out.on_ticks == power && !s.query);
		sample(&r, 100, &s);
		assert_true(s.out && s.o.queue_digital_out.on_ticks == power && !s.query);
		sample(&r, 40, &s);
	}
	assert_int_equal(r.e->heat.sensor[0].glitches, 10);
	assert_int_equal(events(&r, &ev), 0);
	sample(&r, 5, &s);
	sample(&r, 5, &s);
	assert_true(s.o.queue_digital_out.on_ticks == power);
	sample(&r, 5, &s);
	assert_true(s.out && s.o.queue_digital_out.on_ticks == 0);
	assert_true(s.query && s.q.query_analog_in.range_check_count == 0);
	assert_int_equal(events(&r, &ev), 1);
	assert_int_equal(ev.heater.fault, HEATER_SENSOR_RANGE);
	target(&r, 60); /* latched */
	for (int i = 0; i < 9; i++) {
		sample(&r, 40, &s);
		assert_true(!s.query && (!s.out || s.o.queue_digital_out.on_ticks == 0));
	}
	sample(&r, 40, &s); /* the tenth good one */
	assert_true(s.query && s.q.query_analog_in.range_check_count == 15);
	assert_int_equal(events(&r, &ev), 0);
	close_rig(&r);
}

/* Frames that were not sent are dropped, because one of them is late: the question among them is asked again. */
static void dropped(void **state)
{
	struct sent s;
	struct rig r;

	(void)state;
	start(&r, false, &s);
	for (int i = 0; i < 2; i++)
		sample(&r, 5, &s);
	engine_sensor_ask(r.e, 0, false);
	engine_late(r.e, 0);
	engine_heat_service(r.e, r.now_ns);
	read_link(&r, &s);
	assert_true(s.query && s.q.query_analog_in.range_check_count == 0);
	engine_sensor_ask(r.e, 0, true);
	engine_late(r.e, 0);
	engine_heat_service(r.e, r.now_ns);
	read_link(&r, &s);
	assert_true(s.query && s.q.query_analog_in.range_check_count == 15);
	engine_heat_service(r.e, r.now_ns);
	read_link(&r, &s);
	assert_false(s.query);
	close_rig(&r);
}

static void jump(void **state)
{
	struct ev_rec ev;
	struct sent s;
	struct rig r;

	(void)state;
	start(&r, false, &s);
	sample(&r, 20, &s);
	sample(&r, 80, &s);
	assert_true(r.e->heat.sensor[0].degc == 20);
	sample(&r, 21, &s);
	assert_true(fabs(r.e->heat.sensor[0].degc - 21) < 0.1);
	sample(&r, 80, &s);
	sample(&r, 80, &s);
	assert_true(fabs(r.e->heat.sensor[0].degc - 21) < 0.1);
	sample(&r, 80, &s);
	assert_true(fabs(r.e->heat.sensor[0].degc - 80) < 0.1);
	assert_int_equal(events(&r, &ev), 0);
	/* hotter than max, from near by: that is no broken sensor */
	sample(&r, 89, &s);
	for (int i = 0; i < 3; i++)
		sample(&r, 92, &s);
	assert_int_equal(events(&r, &ev), 1);
	assert_int_equal(ev.heater.fault, HEATER_HOT);
	close_rig(&r);
}

static void mcu_gone(void **state)
{
	struct ev_rec ev;
	struct sent s;
	struct rig r;

	(void)state;
	start(&r, false, &s);
	sample(&r, 40, &s);
	target(&r, 60);
	sample(&r, 40, &s);
	r.e->mcu[0].shutdown = true;
	role_take(&role_rt);
	engine_heat_service(r.e, r.now_ns);
	assert_int_equal(events(&r, &ev), 1);
	assert_int_equal(ev.heater.fault, HEATER_MCU);
	assert_true(r.e->heat.heater[0].h.power == 0);
	close_rig(&r);
}

/* ---- sensors without an MCU ---- */

/* Sensor 0, the heater's, as cfg has it, heating to 60 with some first temperature. */
static void start_with(struct rig *r, const struct heat_sensor_config *cfg)
{
	struct ctl_rec rec = { .kind = CTL_SENSOR, .sensor = *cfg };
	struct sent s;

	start(r, false, &s);
	role_take(&role_rt);
	engine_heat_control(r->e, &rec, r->now_ns);
	target(r, 60);
}

static void feed(struct rig *r, uint8_t sensor, double degc)
{
	struct ctl_rec rec = { .kind = CTL_SENSOR_VALUE,
			       .target = { .heater = sensor, .degc = degc } };

	role_take(&role_rt);
	engine_heat_control(r->e, &rec, r->now_ns);
}

/* In cycles as the engine has them at rest. */
static void pass(struct rig *r, double seconds)
{
	struct sent s;

	role_take(&role_rt);
	for (double t = 0; t < seconds - 0.01; t += 0.02) {
		r->now_ns += 20000000;
		r->e->now_s = (double)r->now_ns * 1e-9;
		engine_heat_service(r->e, r->now_ns);
		read_link(r, &s);
	}
}

static double power(const struct rig *r)
{
	return r->e->heat.heater[0].h.power;
}

static const struct heat_sensor_config fed = {
	.fed = true, .guards = true, .silence_s = HEAT_FED_SILENCE_S, .min_degc = 10, .max_degc = 90
};

static void fed_silence(void **state)
{
	struct heat_sensor_config slow = fed;
	struct ev_rec ev;
	struct rig r;

	(void)state;
	start_with(&r, &fed);
	for (int i = 0; i < 5; i++) {
		feed(&r, 0, 40);
		assert_true(power(&r) > 0);
		pass(&r, HEAT_FED_SILENCE_S - 0.1);
		assert_true(power(&r) > 0);
	}
	assert_int_equal(events(&r, &ev), 0);
	pass(&r, 0.2);
	assert_true(power(&r) == 0);
	assert_int_equal(events(&r, &ev), 1);
	assert_int_equal(ev.heater.fault, HEATER_SENSOR_SILENT);
	assert_int_equal(r.e->heat.sensor[0].state, HEAT_SENSOR_BROKEN);
	/* back: known, but what is latched stays so */
	feed(&r, 0, 41);
	assert_int_equal(r.e->heat.sensor[0].state, HEAT_SENSOR_GOOD);
	assert_true(power(&r) == 0);
	close_rig(&r);
	/* another that may be silent for longer */
	slow.silence_s = 10;
	start_with(&r, &slow);
	feed(&r, 0, 40);
	pass(&r, 9.9);
	assert_int_equal(events(&r, &ev), 0);
	pass(&r, 0.2);
	assert_int_equal(events(&r, &ev), 1);
	close_rig(&r);
}

static void fed_failures(void **state)
{
	struct ev_rec ev;
	struct rig r;
	double before;

	(void)state;
	start_with(&r, &fed);
	feed(&r, 0, 40);
	before = power(&r);
	for (int i = 0; i < 5; i++) {
		feed(&r, 0, HEAT_FAILED_DEGC);
		feed(&r, 0, 89); /* a jump */
		assert_true(power(&r) == before);
		pass(&r, 0.2);
		feed(&r, 0, 40);
	}
	assert_int_equal(events(&r, &ev), 0);
	for (int i = 0; i < 3; i++)
		feed(&r, 0, i == 1 ? NAN : HEAT_FAILED_DEGC);
	assert_true(power(&r) == 0);
	assert_int_equal(events(&r, &ev), 1);
	assert_int_equal(ev.heater.fault, HEATER_SENSOR_RANGE);
	close_rig(&r);
}

/* Sensor 0 is made of 1 to 3, which are fed. */
static void start_combined(struct rig *r, enum heat_combine how)
{
	const struct heat_sensor_config cfg = { .combine = (uint8_t)how,
						.members = 0xe,
						.deviation_degc = 8,
						.guards = true,
						.min_degc = 10,
						.max_degc = 90 };

	start_with(r, &cfg);
	for (uint8_t i = 1; i <= 3; i++) {
		struct ctl_rec rec = { .kind = CTL_SENSOR, .sensor = fed };

		rec.sensor.sensor = i;
		engine_heat_control(r->e, &rec, r->now_ns);
	}
}

static void feed_three(struct rig *r, double a, double b, double c)
{
	feed(r, 1, a);
	feed(r, 2, b);
	feed(r, 3, c);
}

static void combined(void **state)
{
	static const double is[] = {
		[HEAT_COMBINE_MEAN] = 43, [HEAT_COMBINE_MIN] = 40, [HEAT_COMBINE_MAX] = 47
	};
	struct ev_rec ev;
	struct rig r;

	(void)state;
	for (int how = HEAT_COMBINE_MEAN; how <= HEAT_COMBINE_MAX; how++) {
		start_combined(&r, (enum heat_combine)how);
		feed(&r, 1, 42);
		feed(&r, 2, 40);
		pass(&r, 1);
		assert_int_equal(r.e->heat.sensor[0].state, HEAT_SENSOR_UNKNOWN);
		feed(&r, 3, 47);
		pass(&r, 0.2);
		assert_true(fabs(r.e->heat.sensor[0].degc - is[how]) < 1e-9 && power(&r) > 0);
		/* too far apart for two of its samples, then for good */
		feed(&r, 3, 50);
		pass(&r, 0.4);
		feed(&r, 3, 47);
		pass(&r, 0.4);
		assert_true(power(&r) > 0);
		feed(&r, 3, 50);
		pass(&r, 0.7);
		assert_true(power(&r) == 0);
		assert_int_equal(events(&r, &ev), 1);
		assert_int_equal(ev.heater.fault, HEATER_SENSOR_RANGE);
		close_rig(&r);
		/* with one of them */
		start_combined(&r, (enum heat_combine)how);
		feed_three(&r, 42, 40, 47);
		pass(&r, 0.5);
		for (int i = 0; i < HEAT_GLITCH_MAX; i++) {
			assert_true(power(&r) > 0);
			feed(&r, 2, HEAT_FAILED_DEGC);
			pass(&r, 0.02);
		}
		assert_true(power(&r) == 0);
		assert_int_equal(events(&r, &ev), 1);
		close_rig(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asked),          cmocka_unit_test(asked_as_before),
		cmocka_unit_test(fine_converter), cmocka_unit_test(glitches_and_fault),
		cmocka_unit_test(dropped),        cmocka_unit_test(jump),
		cmocka_unit_test(mcu_gone),       cmocka_unit_test(fed_silence),
		cmocka_unit_test(fed_failures),   cmocka_unit_test(combined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
