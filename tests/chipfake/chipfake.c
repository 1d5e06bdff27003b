/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stm32.h"

struct chipfake_pin chipfake_pins[8];
unsigned chipfake_pin_count;

void stm32_pin_to_peripheral(uint16_t pin, uint8_t function)
{
	chipfake_pins[chipfake_pin_count++ % 8] = (struct chipfake_pin){ pin, function };
}

void stm32_pin_input_of_peripheral(uint16_t pin, uint8_t function)
{
	stm32_pin_to_peripheral(pin, function);
}

void stm32_pin_open_drain(uint16_t pin, uint8_t function)
{
	stm32_pin_to_peripheral(pin, function);
}

uint8_t stm32_id(uint8_t *id)
{
	for (uint8_t i = 0; i < STM32_ID_BYTES; i++)
		id[i] = (uint8_t)(0x10 * i + i);
	return STM32_ID_BYTES;
}
