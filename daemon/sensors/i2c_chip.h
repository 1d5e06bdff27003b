/* SPDX-License-Identifier: GPL-2.0-or-later */
/* i2c_chip.h - temperature sensors on I2C: what to say to them, and what their answers mean.
 *
 * Each is a small state machine without I/O: i2c_chip_next() says what to send and how much to read, when, and
 * i2c_chip_take() gets the answer. Whoever has the bus moves it on. Pure. Threads: one at a time (planner).
 * Units: _degc, _s, humidity in % RH, pressure in hPa.
 * Sources: data sheets of the HTU21D (TE, HPC199), Si7021 (Silicon Labs), SHT21 and SHT3x (Sensirion), LM75B (NXP),
 * BMP180, BMP280, BME280, BMP388 and BME680 (Bosch: sources of their formulas in bosch.h), AHT10 and AHT20 (Aosong).
 */
#ifndef DAEMON_SENSORS_I2C_CHIP_H
#define DAEMON_SENSORS_I2C_CHIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum i2c_chip_kind {
	I2C_CHIP_HTU21D, /* and SI7013, SI7020, SI7021, SHT21, which answer alike */
	I2C_CHIP_BME280, /* and BMP280, which has no humidity */
	I2C_CHIP_BMP180,
	I2C_CHIP_BMP388,
	I2C_CHIP_BME680,
	I2C_CHIP_LM75,
	I2C_CHIP_SHT3X,
	I2C_CHIP_AHT1X,
	I2C_CHIP_AHT2X, /* and AHT3X */
	I2C_CHIP_KINDS,
};

enum { I2C_CHIP_WRITE_MAX = 3, I2C_CHIP_READ_MAX = 26 };

struct i2c_chip_request {
	uint8_t write[I2C_CHIP_WRITE_MAX];
	uint8_t write_len, read_len; /* read_len 0: nothing comes */
	double wait_s;               /* before it is sent */
};

enum i2c_chip_result {
	I2C_CHIP_MORE,    /* i2c_chip_next() */
	I2C_CHIP_READING, /* degc and what else it has are new; next() begins the next one */
	I2C_CHIP_BROKEN,  /* what came can't be: text says what. next() begins anew */
};

/* Calibration of one of Bosch's; bosch.h. */
struct i2c_chip_bosch {
	double t[3], p[11], h[7];
	bool has_humidity;
	double fine; /* BMP180: the temperature of this reading, as its formulas have it */
};

struct i2c_chip {
	enum i2c_chip_kind kind;
	double degc, humidity, hpa;
	bool has_humidity, has_pressure; /* known with the first reading */
	uint8_t stage;
	struct i2c_chip_bosch cal;
	const char *text;
};

/* The kind of a sensor_type, in any case, and its usual address on the bus. Returns the name, NULL: none of these. */
const char *i2c_chip_named(const char *sensor_type, enum i2c_chip_kind *kind, uint8_t *address);
/* All names that i2c_chip_named() knows, by number; NULL behind the last. */
const char *i2c_chip_name(size_t i);

void i2c_chip_init(struct i2c_chip *c, enum i2c_chip_kind kind);
void i2c_chip_next(const struct i2c_chip *c, struct i2c_chip_request *out);
/* The answer to the last request: read_len bytes; data NULL: the chip has not acknowledged. */
enum i2c_chip_result i2c_chip_take(struct i2c_chip *c, const uint8_t *data);

#endif
