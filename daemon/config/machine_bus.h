/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_bus.h - how the configuration says that a device is connected by SPI, I2C or a driver's serial line.
 *
 * Owner: struct machine_config. Threads: read-only, any. Units: in the names.
 */
#ifndef DAEMON_CONFIG_MACHINE_BUS_H
#define DAEMON_CONFIG_MACHINE_BUS_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/pins.h"

enum { MACHINE_BUS_NAME = 32, MACHINE_SELECTS = 3 };

enum machine_bus_kind { MACHINE_BUS_NONE, MACHINE_BUS_SPI, MACHINE_BUS_I2C, MACHINE_BUS_UART };

struct machine_bus {
	enum machine_bus_kind kind;
	int mcu;                     /* index in machine_config.mcu[] */
	char *section;               /* whose it is: "tmc5160 stepper_x" */
	char name[MACHINE_BUS_NAME]; /* of the MCU's bus; "": its first one */
	bool software;
	struct pin pin[3]; /* software: SPI: clock, out, in (mosi, miso); I2C: clock, data; serial: out, in */
	double rate_hz;
	/* SPI */
	struct pin cs;
	int mode;
	/* I2C */
	int address;
	/* serial: the chip is at the line while these are so (not inverted: high) */
	struct pin select[MACHINE_SELECTS];
	int selects;
};
#endif
