/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bosch.h - the numbers of Bosch's sensors: calibration, and what the measured values mean with it.
 *
 * Pure; any thread. Units: °C, hPa, % RH. Source of formulas and layouts: BST-BMP180-DS000 (figure 4), BST-BMP280-DS001 and
 * BST-BME280-DS002 (appendix: compensation in floating point), BST-BMP388-DS001 (appendix 9), BST-BME680-DS001 (3.3: in
 * floating point).
 */
#ifndef DAEMON_SENSORS_BOSCH_H
#define DAEMON_SENSORS_BOSCH_H

#include "daemon/sensors/i2c_chip.h"

enum {
	BOSCH_BMP388 = 0x50, /* in register 0x00; the others in 0xd0 */
	BOSCH_BMP180 = 0x55,
	BOSCH_BMP280 = 0x58,
	BOSCH_BME280 = 0x60,
	BOSCH_BME680 = 0x61,
};

/* BMP280, BME280 */
enum {
	BOSCH_CALIBRATION_LEN = 26, /* from 0x88 */
	BOSCH_HUMIDITY_LEN = 7,     /* from 0xe1 */
	BOSCH_VALUES_LEN = 8,       /* from 0xf7 */
};

void bosch_calibration(struct i2c_chip_bosch *cal, const uint8_t *data);
void bosch_humidity_calibration(struct i2c_chip_bosch *cal, const uint8_t *data);

/* False: a value is that of a chip that has not measured. */
bool bosch_values(const struct i2c_chip_bosch *cal, const uint8_t *data, double *degc, double *hpa,
		  double *humidity);

/* BMP180: temperature and pressure (at the least oversampling) are measured one after the other. */
enum { BOSCH_180_CALIBRATION_LEN = 22 /* from 0xaa */ };
/* False: a number is 0 or 0xffff, which the data sheet excludes. */
bool bosch_180_calibration(struct i2c_chip_bosch *cal, const uint8_t *data);
double bosch_180_degc(struct i2c_chip_bosch *cal, const uint8_t *data);
double bosch_180_hpa(const struct i2c_chip_bosch *cal, const uint8_t *data);

/* BMP388; data of the values from the status register on. False: not measured. */
enum {
	BOSCH_388_CALIBRATION_LEN = 21, /* from 0x31 */
	BOSCH_388_VALUES_LEN = 7,       /* from 0x03 */
};
void bosch_388_calibration(struct i2c_chip_bosch *cal, const uint8_t *data);
bool bosch_388_values(const struct i2c_chip_bosch *cal, const uint8_t *data, double *degc,
		      double *hpa);

/* BME680, likewise. */
enum {
	BOSCH_680_CALIBRATION_LEN = 25, /* from 0x89 */
	BOSCH_680_HUMIDITY_LEN = 16,    /* from 0xe1: and the rest */
	BOSCH_680_VALUES_LEN = 10,      /* from 0x1d */
};
void bosch_680_calibration(struct i2c_chip_bosch *cal, const uint8_t *data);
void bosch_680_humidity_calibration(struct i2c_chip_bosch *cal, const uint8_t *data);
bool bosch_680_values(const struct i2c_chip_bosch *cal, const uint8_t *data, double *degc,
		      double *hpa, double *humidity);

#endif
