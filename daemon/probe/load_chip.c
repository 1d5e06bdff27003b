// SPDX-License-Identifier: GPL-2.0-or-later
/* The chips of load cells: an HX711 or HX717 needs nothing but to be woken, an ADS1220 is set up over SPI first. */
#include <stdio.h>
#include <string.h>

#include "daemon/machine/machine.h"

/* Looks of the MCU for a sample: more often than that a small one has no time for. */
#define LOOKS_A_SAMPLE 10
#define LOOKS_MAX_HZ 4000.0

/* Commands of the ADS1220; of registers all four from 0 on: TI SBAS501, section 8.5. */
enum { POWERDOWN = 0x02, RESET = 0x06, START = 0x08, READ_ALL = 0x23, WRITE_ALL = 0x43 };
enum { REGISTERS = 4, REFERENCE_SHIFT = 6 };

static bool is_ads1220(const struct machine *m)
{
	return m->load_cell.cfg->chip == MACHINE_ADS1220;
}

static struct session *session_of(struct machine *m)
{
	return &m->session[m->load_cell.cfg->mcu];
}

static bool query(struct machine *m, double look_s)
{
	double ticks = look_s * m->status.mcu[m->load_cell.cfg->mcu].map.freq_hz;
	struct msg_query_hx71x hx71x = { m->load_cell.oid, (uint32_t)ticks };
	struct msg_query_ads1220 ads1220 = { m->load_cell.oid, (uint32_t)ticks };

	return is_ads1220(m) ? session_send(session_of(m), MSG_ID_query_ads1220, &ads1220)
			     : session_send(session_of(m), MSG_ID_query_hx71x, &hx71x);
}

/* It converts: the MCU looks for samples. */
static void look(struct machine *m)
{
	struct load_cell *c = &m->load_cell;
	double looks_hz = LOOKS_A_SAMPLE * c->cfg->rate_hz;

	if (looks_hz > LOOKS_MAX_HZ)
		looks_hz = LOOKS_MAX_HZ;
	c->bulk.period_s = 1 / c->cfg->rate_hz;
	c->bulk.look_s = 1 / looks_hz;
	if (!query(m, c->bulk.look_s)) {
		load_cell_started(m, "there is no room for its start; try again");
		return;
	}
	bulk_start(&c->bulk, m, session_of(m));
	load_cell_started(m, NULL);
}

/* ---- an ADS1220 ---- */

enum step { STEP_RESET, STEP_WRITE, STEP_READ, STEP_START };

/* Bytes of a step of the set-up. */
static size_t step_bytes(const struct machine_load_cell *cfg, unsigned step, uint8_t *bytes)
{
	const uint8_t regs[REGISTERS] = { cfg->reg[0], cfg->reg[1],
					  (uint8_t)(cfg->reference << REFERENCE_SHIFT), 0 };

	memset(bytes, 0, REGISTERS + 1);
	switch ((enum step)step) {
	case STEP_RESET:
		bytes[0] = RESET;
		return 1;
	case STEP_WRITE:
		bytes[0] = WRITE_ALL;
		memcpy(bytes + 1, regs, REGISTERS);
		return REGISTERS + 1;
	case STEP_READ:
		bytes[0] = READ_ALL;
		return REGISTERS + 1;
	case STEP_START:
		break;
	}
	bytes[0] = START;
	return 1;
}

/* What it says of its registers is what was written. */
static bool agrees(const struct load_cell *c, const uint8_t *data, size_t len, char *wrong,
		   size_t size)
{
	uint8_t bytes[REGISTERS + 1];
	size_t n = step_bytes(c->cfg, STEP_WRITE, bytes);

	if (len == n && !memcmp(data + 1, bytes + 1, REGISTERS))
		return true;
	snprintf(wrong, size,
		 "expected an ADS1220 at cs_pin: its registers are %02x %02x %02x %02x, not "
		 "%02x %02x %02x %02x",
		 len > 1 ? data[1] : 0, len > 2 ? data[2] : 0, len > 3 ? data[3] : 0,
		 len > 4 ? data[4] : 0, bytes[1], bytes[2], bytes[3], bytes[4]);
	return false;
}

static void take_step(struct machine *m, unsigned step);

static void stepped(void *ctx, uint32_t tag, enum bus_result result, const uint8_t *data, size_t len)
{
	struct machine *m = ctx;
	struct load_cell *c = &m->load_cell;
	char wrong[sizeof(c->text)];

	if (c->state != LOAD_CELL_START || tag >> 2 != c->setups)
		return; /* given up meanwhile */
	if (result != BUS_OK) {
		snprintf(wrong, sizeof(wrong), "the ADS1220: %s", bus_result_text(result));
		load_cell_started(m, wrong);
	} else if ((tag & 3) == STEP_READ && !agrees(c, data, len, wrong, sizeof(wrong))) {
		load_cell_started(m, wrong);
	} else if ((tag & 3) == STEP_START) {
		look(m);
	} else {
		take_step(m, (tag & 3) + 1);
	}
}

static void take_step(struct machine *m, unsigned step)
{
	struct load_cell *c = &m->load_cell;
	uint8_t bytes[REGISTERS + 1];
	size_t n = step_bytes(c->cfg, step, bytes);

	if (!bus_ask(&m->bus, c->device, bytes, n, n, stepped, m, c->setups << 2 | step))
		load_cell_started(m, "there is no room for its set-up; try again");
}

/* ---- either ---- */

void load_chip_start(struct machine *m)
{
	if (!is_ads1220(m)) {
		look(m);
		return;
	}
	m->load_cell.setups = (m->load_cell.setups + 1) & UINT32_MAX >> 2;
	take_step(m, STEP_RESET);
}

void load_chip_stop(struct machine *m)
{
	const uint8_t sleep = POWERDOWN;

	query(m, 0);
	if (is_ads1220(m))
		bus_ask(&m->bus, m->load_cell.device, &sleep, 1, 0, NULL, NULL, 0);
}

void load_chip_ask(struct machine *m)
{
	struct msg_query_hx71x_status hx71x = { m->load_cell.oid };
	struct msg_query_ads1220_status ads1220 = { m->load_cell.oid };

	if (is_ads1220(m))
		session_send(session_of(m), MSG_ID_query_ads1220_status, &ads1220);
	else
		session_send(session_of(m), MSG_ID_query_hx71x_status, &hx71x);
}

bool load_chip_setup(struct machine *m, char *err, size_t err_size)
{
	struct load_cell *c = &m->load_cell;

	if (!is_ads1220(m))
		return true;
	c->device = bus_add(&m->bus, &c->cfg->bus);
	if (c->device < 0)
		snprintf(err, err_size, "[%s]: more than %d devices on buses", m->mc->probe.section,
			 BUS_DEVICES_MAX);
	return c->device >= 0;
}

static bool configure_hx71x(const struct load_cell *c, struct session *s)
{
	struct msg_config_hx71x chip = { .oid = c->oid,
					 .gain_channel = (uint8_t)c->cfg->gain_channel };
	struct msg_hx71x_attach_load_cell_probe attach = { c->oid, c->probe_oid };
	struct msg_query_hx71x stop = { .oid = c->oid };

	return session_pin(s, &c->cfg->dout, UINT16_MAX, &chip.dout_pin) &&
	       session_pin(s, &c->cfg->sclk, UINT16_MAX, &chip.sclk_pin) &&
	       session_config(s, MSG_ID_config_hx71x, &chip) &&
	       session_config(s, MSG_ID_hx71x_attach_load_cell_probe, &attach) &&
	       session_rearm(s, MSG_ID_query_hx71x, &stop);
}

bool load_chip_configure(struct machine *m, struct session *s)
{
	const struct load_cell *c = &m->load_cell;
	struct msg_config_ads1220 chip = { .oid = c->oid };
	struct msg_ads1220_attach_load_cell_probe attach = { c->oid, c->probe_oid };
	struct msg_query_ads1220 stop = { .oid = c->oid };

	if (!is_ads1220(m))
		return configure_hx71x(c, s);
	chip.spi_oid = bus_oid(&m->bus, c->device);
	return session_pin(s, &c->cfg->data_ready, UINT16_MAX, &chip.data_ready_pin) &&
	       session_config(s, MSG_ID_config_ads1220, &chip) &&
	       session_config(s, MSG_ID_ads1220_attach_load_cell_probe, &attach) &&
	       session_rearm(s, MSG_ID_query_ads1220, &stop);
}
