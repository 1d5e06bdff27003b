/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sensors.h - temperature sensors on the planner's side: their objects in the MCUs, and what the planner reads itself.
 *
 * Analog inputs and converters on SPI are read by the MCUs, for the rt core (rtcore/engine_heat.h). Chips on I2C and files of
 * the host are read here, a request at a time, and their temperatures handed on to the rt core; a reading that fails is
 * handed on as such (HEAT_FAILED_DEGC), so the rt core decides what it is worth. Nothing waits.
 * Owner: struct machine. Threads: PLAN. Units: °C; _ns host time.
 */
#ifndef DAEMON_SENSORS_SENSORS_H
#define DAEMON_SENSORS_SENSORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/sensors/i2c_chip.h"
#include "heat.h"
#include "wire.h"

struct machine;
struct session;

/* One that the planner reads. */
struct sensor_feed {
	struct i2c_chip chip;
	bool has_read; /* something plausible */
	bool waiting;  /* for an answer of the bus; a DS18B20's MCU has been asked for readings */
	uint8_t oid;   /* of a DS18B20 */
	int64_t begun_ns; /* the reading */
	int64_t next_ns;  /* of the next request */
	unsigned failed;  /* readings in a row */
	const char *why;  /* the last one; NULL: it hasn't, or its MCU is gone */
};

struct sensors {
	int device[HEAT_SENSORS]; /* of the bus */
	struct sensor_feed feed[HEAT_SENSORS];
};

/* Those on buses. False: there are too many, with a text in err. */
bool sensors_setup(struct machine *m, char *err, size_t err_size);
/* Config commands of sensors on that MCU, and what the rt core has to know. After bus_configure(). */
bool sensors_configure(struct machine *m, struct session *s);
/* Go on with what is to be read here. */
void sensors_poll(struct machine *m);
/* What an MCU has read of a DS18B20. */
void sensors_hear(struct machine *m, int mcu, const struct msg_ds18b20_result *msg);
/* "after 21.0 °C", the last plausible one, or "never read". Returns buf. */
enum { SENSORS_LAST_MAX = 32 };
const char *sensors_last(const struct machine *m, size_t i, char buf[SENSORS_LAST_MAX]);
/* What is wrong with sensor number i, which counts as broken, as far as it is known. Returns buf. */
const char *sensors_broken_text(const struct machine *m, size_t i, char *buf, size_t cap);
/* What sensor number i knows beside the temperature: ", humidity 40.1 %, pressure 1013.2 hPa", or "". Returns buf. */
const char *sensors_beside(const struct machine *m, size_t i, char *buf, size_t cap);

#endif
