/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_mcu_wrong.c - each command of the firmware, as a host with a fault would send it.
 *
 * Shown: ids that are no command, each command cut off at each of its fields, with an oid that is not there or of another kind, with
 * another object's oid likewise, and before or after its time, end in a shutdown with the reason for just that; in a shutdown no
 * command does anything that may not. The firmware answers afterwards, and can be cleared. How: all of the message table against
 * the simulated MCU, in virtual time. No random input.
 */
#include "test_mcu_peer.h"

/* oids: that of the command, one that it may name, one that it may not. */
enum { OID, OTHER, NONE, OIDS };

/* What is true of the field at index: its name ends in this. */
static bool field_ends(const struct msg_desc *d, int index, const char *end)
{
	const char *at = d->format;
	size_t len;

	for (; index >= 0; index--)
		at = strchr(at, ' ') + 1;
	len = strcspn(at, "=");
	return len >= strlen(end) && strncmp(at + len - strlen(end), end, strlen(end)) == 0;
}

static bool has_oid(const struct msg_desc *d)
{
	return d->field_count && strncmp(strchr(d->format, ' ') + 1, "oid=", 4) == 0;
}

/* Makes its oid's object. */
static bool makes(const struct msg_desc *d)
{
	return has_oid(d) && strncmp(d->name, "config_", 7) == 0 &&
	       d != &msg_table[MSG_ID_config_fail_safe];
}

/* The index of the field with another object's oid, 0: none. */
static int named_oid(const struct msg_desc *d)
{
	for (int i = 1; i < d->field_count; i++)
		if (field_ends(d, i, "_oid"))
			return i;
	return 0;
}

static bool is_command(int id)
{
	return msg_table[id].kind == MSG_COMMAND && mcu_handlers[id];
}

/* A command with so many of its fields: oid, named for another object's, value elsewhere, no bytes. */
static void send_fields(struct peer *p, int id, int fields, uint8_t oid, uint8_t named,
			uint8_t value)
{
	const struct msg_desc *d = &msg_table[id];
	uint8_t payload[WIRE_PAYLOAD_MAX], *to = wire_put_vlq(payload, (uint32_t)id);

	for (int i = 0; i < fields; i++) {
		uint32_t v = i == 0 && has_oid(d) ? oid : i && i == named_oid(d) ? named : value;

		if (d->types[i] == MSG_F_s || d->types[i] == MSG_F_ds)
			v = 0;
		to = wire_put_vlq(to, v);
	}
	peer_payload(p, payload, (size_t)(to - payload));
}

static void send_zeros(struct peer *p, int id, uint8_t oid)
{
	send_fields(p, id, msg_table[id].field_count, oid, OTHER, 0);
}

static struct peer *allocated(void)
{
	struct peer *p = peer_new();

	SEND(p, allocate_oids, OIDS);
	return p;
}

/* What a command wants to name, in OTHER. */
static void make_other(struct peer *p, const struct msg_desc *d)
{
	int i = named_oid(d);

	if (i && field_ends(d, i, "spi_oid"))
		SEND(p, config_spi, .oid = OTHER, .pin = 9);
	else if (i && field_ends(d, i, "i2c_oid"))
		SEND(p, config_i2c, .oid = OTHER);
	else if (i && field_ends(d, i, "sos_filter_oid"))
		SEND(p, config_sos_filter, .oid = OTHER);
	else if (i)
		fail_msg("%s: what makes its object?", d->name);
	peer_expect_running(p);
}

/* A shutdown for this reason; then it answers, and goes on. Frees p. */
static void expect(struct peer *p, int id, const char *reason)
{
	const char *got = sim_shutdown_reason(p->sim);

	if (!got || strcmp(got, reason) != 0)
		fail_msg("%d %s: %s; expected %s", id, id < MSG_ID_COUNT ? msg_table[id].name : "",
			 got ? got : "no shutdown", reason);
	peer_expect_shutdown(p, reason);
	SEND(p, get_config);
	assert_true(LAST(p, config)->is_shutdown);
	SEND(p, clear_shutdown);
	SEND(p, get_config);
	assert_false(LAST(p, config)->is_shutdown);
	peer_expect_running(p);
	peer_free(p);
}

static void test_unknown(void **state)
{
	int seen = 0;

	(void)state;
	for (int id = -4096; id < 4096; id++) {
		uint8_t payload[WIRE_VLQ_MAX];
		struct peer *p;

		if (id >= 0 && id < MSG_ID_COUNT && is_command(id))
			continue;
		if ((id < -100 || id > MSG_ID_COUNT + 100) && id % 64)
			continue;
		p = peer_new();
		peer_payload(p, payload, (size_t)(wire_put_vlq(payload, (uint32_t)id) - payload));
		expect(p, id < 0 ? MSG_ID_COUNT - id : id, "Invalid command");
		seen++;
	}
	printf("%d ids\n", seen);
}

static void test_cut_off(void **state)
{
	int seen = 0;

	(void)state;
	for (int id = 0; id < MSG_ID_COUNT; id++)
		for (int fields = 0; is_command(id) && fields < msg_table[id].field_count;
		     fields++) {
			struct peer *p = allocated();

			send_fields(p, id, fields, OID, OTHER, 1);
			expect(p, id, "Command parser error");
			seen++;
		}
	printf("%d cuts\n", seen);
	assert_true(seen > 200);
}

/* None before allocate_oids, none made, of another kind, beyond. */
static void test_oid(void **state)
{
	int seen = 0;

	(void)state;
	for (int id = 0; id < MSG_ID_COUNT; id++) {
		const struct msg_desc *d = &msg_table[id];
		bool trsync = strncmp(d->name, "trsync_", 7) == 0;

		if (!is_command(id) || !has_oid(d) || makes(d))
			continue;
		for (int what = 0; what < 5; what++) {
			struct peer *p = what ? allocated() : peer_new();

			if (what == 2 && trsync)
				SEND(p, config_analog_in, .oid = OID);
			else if (what == 2)
				SEND(p, config_trsync, .oid = OID);
			send_zeros(p, id, what == 3 ? OIDS : what == 4 ? 255 : OID);
			expect(p, id, "Invalid oid type");
		}
		seen++;
	}
	printf("%d commands\n", seen);
	assert_true(seen > 40);
}

/* Before allocate_oids, beyond, in use, after finalize_config. */
static void test_make(void **state)
{
	int seen = 0;

	(void)state;
	for (int id = 0; id < MSG_ID_COUNT; id++) {
		const struct msg_desc *d = &msg_table[id];

		if (!is_command(id) || !makes(d))
			continue;
		for (int what = named_oid(d) ? 1 : 0; what < 4; what++) {
			struct peer *p = what ? allocated() : peer_new();

			make_other(p, d);
			if (what == 2)
				SEND(p, config_trsync, .oid = OID);
			if (what == 3)
				SEND(p, finalize_config, .crc = 1);
			peer_expect_running(p);
			send_zeros(p, id, what == 1 ? OIDS : OID);
			expect(p, id, what == 3 ? "Already finalized" : "Can't assign oid");
		}
		seen++;
	}
	printf("%d commands\n", seen);
	assert_true(seen > 15);
}

/* The other object that a command names is not there, is of another kind, is beyond. */
static void test_named(void **state)
{
	/* what makes the command's own object */
	static const struct {
		int id, make;
	} users[] = {
		{ MSG_ID_stepper_stop_on_trigger, MSG_ID_config_stepper },
		{ MSG_ID_endstop_home, MSG_ID_config_endstop },
		{ MSG_ID_ldc1612_setup_home, MSG_ID_config_ldc1612 },
		{ MSG_ID_ldc1612_setup_tap, MSG_ID_config_ldc1612 },
		{ MSG_ID_hx71x_attach_load_cell_probe, MSG_ID_config_hx71x },
		{ MSG_ID_ads1220_attach_load_cell_probe, MSG_ID_config_ads1220 },
		{ MSG_ID_load_cell_probe_home, MSG_ID_config_load_cell_probe },
	};

	(void)state;
	for (int id = 0; id < MSG_ID_COUNT; id++) {
		const struct msg_desc *d = &msg_table[id];
		size_t user = 0;

		if (!is_command(id) || !named_oid(d))
			continue;
		while (!makes(d) && users[user].id != id)
			if (++user == sizeof(users) / sizeof(*users))
				fail_msg("%s: what makes its object?", d->name);
		for (int what = 0; what < 3; what++) {
			struct peer *p = allocated();

			if (!makes(d)) {
				make_other(p, &msg_table[users[user].make]);
				send_fields(p, users[user].make,
					    msg_table[users[user].make].field_count, OID, OTHER, 1);
			}
			if (what == 1)
				SEND(p, config_analog_in, .oid = NONE);
			peer_expect_running(p);
			send_fields(p, id, d->field_count, OID, what == 2 ? 255 : NONE, 1);
			expect(p, id, "Invalid oid type");
		}
	}
}

/* What takes a move slot before there are any. */
static void test_too_early(void **state)
{
	(void)state;
	PEER_WRONG(1, "Move queue overflow", SEND(p, config_stepper, .oid = 0, .step_pin = 1);
		   SEND(p, queue_step, .oid = 0, .interval = 1000, .count = 1));
	PEER_WRONG(1, "Move queue overflow", SEND(p, config_stepper, .oid = 0, .step_pin = 1);
		   SEND(p, queue_step_frac, .oid = 0, .interval = 1000, .count = 1));
	PEER_WRONG(1, "Move queue overflow", SEND(p, config_digital_out, .oid = 0, .pin = 1);
		   SEND(p, queue_digital_out, .oid = 0, .clock = 1000, .on_ticks = 1));
	PEER_WRONG(1, "Move queue overflow",
		   SEND(p, config_pwm_out, .oid = 0, .pin = 1, .cycle_ticks = 100);
		   SEND(p, queue_pwm_out, .oid = 0, .clock = 1000, .value = 1));
}

/* In a shutdown: is_shutdown and its reason instead, but for those that are to work. */
static void test_in_shutdown(void **state)
{
	int refused = 0;

	(void)state;
	for (int id = 0; id < MSG_ID_COUNT; id++) {
		struct peer *p;
		int edges;

		if (!is_command(id))
			continue;
		p = allocated();
		SEND(p, config_digital_out, .oid = OTHER, .pin = 5, .value = 1);
		SEND(p, emergency_stop);
		peer_expect_shutdown(p, "Command request");
		edges = p->edge_count;
		p->answer_count = 0;
		send_zeros(p, id, OTHER);
		if (msg_table[id].flags & MSG_IN_SHUTDOWN) {
			assert_int_equal(peer_count(p, MSG_ID_is_shutdown), 0);
		} else {
			assert_int_equal(p->answer_count, 2); /* and the acknowledgement */
			assert_int_equal(LAST(p, is_shutdown)->static_string_id,
					 MCU_REASON_COMMAND_REQUEST);
			assert_string_equal(sim_shutdown_reason(p->sim), "Command request");
			assert_int_equal(p->edge_count, edges);
			refused++;
		}
		peer_free(p);
	}
	printf("%d commands refused\n", refused);
	assert_true(refused > 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unknown),     cmocka_unit_test(test_cut_off),
		cmocka_unit_test(test_oid),         cmocka_unit_test(test_make),
		cmocka_unit_test(test_named),       cmocka_unit_test(test_too_early),
		cmocka_unit_test(test_in_shutdown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
