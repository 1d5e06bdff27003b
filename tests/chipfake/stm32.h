/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stm32.h - in place of mcu/boards/stm32/stm32.h where a driver is built for this machine: a test has the unit's registers.
 *
 * Such a test includes the driver's source, and gives what is declared here. Threads: one.
 */
#ifndef CHIPFAKE_STM32_H
#define CHIPFAKE_STM32_H
#define STM32_STM32_H /* a driver beside the real one gets this, if it comes first */

#include <stdint.h>

#include "mcu.h"

enum { STM32_ID_BYTES = 12, STM32_CAN = 0x40006400, STM32_APB1_HZ = 42000000 };

uint32_t cm_read(uint32_t address);
void cm_write(uint32_t address, uint32_t value);

/* The pins that the driver has asked for, and as what. */
struct chipfake_pin {
	uint16_t pin;
	uint8_t function;
};
extern struct chipfake_pin chipfake_pins[8];
extern unsigned chipfake_pin_count;

void stm32_pin_to_peripheral(uint16_t pin, uint8_t function);
void stm32_pin_input_of_peripheral(uint16_t pin, uint8_t function);
void stm32_pin_open_drain(uint16_t pin, uint8_t function);
uint8_t stm32_id(uint8_t *id);
void stm32_link_init(void);
void chip_serial_irq(void);
#endif
