/* SPDX-License-Identifier: GPL-2.0-or-later */
/* chip_climate_bosch.h - registers of Bosch's sensors: calibration, and what they measure, for chip_climate.c.
 *
 * Sources: register maps of BST-BMP180-DS000, BST-BMP280-DS001, BST-BME280-DS002, BST-BMP388-DS001, BST-BME680-DS001, and
 * their compensation with integers (BMP388: there is none).
 * Threads: the sims'. Units: _degc, seconds.
 */
#ifndef SIM_CHIP_CLIMATE_BOSCH_H
#define SIM_CHIP_CLIMATE_BOSCH_H

#include <stdint.h>

/* As after power-on. type: BME280, BMP280, BMP180, BMP388 or BME680. */
void chip_climate_bosch_start(const char *type, uint8_t *reg);
/* Register at has been written. Returns how long the conversion takes that this starts, 0: none. */
double chip_climate_bosch_wrote(const char *type, uint8_t *reg, uint8_t at);
/* Put what is measured into the registers. */
void chip_climate_bosch_measure(const char *type, uint8_t *reg, double degc);

#endif
