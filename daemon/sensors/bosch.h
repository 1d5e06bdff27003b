/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bosch.h - the numbers of a BMP280 or BME280: calibration, and what the measured values mean with it.
 *
 * Pure; any thread. Units: °C, hPa, % RH. Source of formulas and layouts: BST-BMP280-DS001 and BST-BME280-DS002, memory map and appendix on
 * compensation in floating point.
 */
#ifndef DAEMON_SENSORS_BOSCH_H
#define DAEMON_SENSORS_BOSCH_H

#include "daemon/sensors/i2c_chip.h"

enum {
	BOSCH_BMP280 = 0x58, /* in register 0xd0 */
	BOSCH_BME280 = 0x60,
	BOSCH_CALIBRATION_LEN = 26, /* from 0x88 */
	BOSCH_HUMIDITY_LEN = 7,     /* from 0xe1 */
	BOSCH_VALUES_LEN = 8,       /* from 0xf7 */
};

void bosch_calibration(struct i2c_chip_bosch *cal, const uint8_t *data);
void bosch_humidity_calibration(struct i2c_chip_bosch *cal, const uint8_t *data);

/* False: a value is that of a chip that has not measured. */
bool bosch_values(const struct i2c_chip_bosch *cal, const uint8_t *data, double *degc, double *hpa,
		  double *humidity);

#endif
