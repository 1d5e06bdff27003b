/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stm32_gpio.c - what pins do; how they are set up is the family's. Also reset and watchdog. */
#include "board.h"
#include "stm32.h"

enum {
	IWDG = 0x40003000,
	IWDG_KEY = 0x00,
	IWDG_PRESCALE = 0x04,
	IWDG_RELOAD = 0x08,
	KEY_ACCESS = 0x5555,
	KEY_RELOAD = 0xaaaa,
	KEY_START = 0xcccc,
	RELOAD_HALF_S = 500, /* of its 32 kHz by 32 */
	AIRCR = 0xe000ed0c,
	AIRCR_RESET = 0x05fa0000 | 1 << 2, /* with its key */
};

void board_reset(struct board *b)
{
	(void)b;
	cm_barrier();
	CM_REG(AIRCR) = AIRCR_RESET;
	for (;;)
		;
}

uint8_t stm32_id(uint8_t *id)
{
	for (uint8_t i = 0; i < STM32_ID_BYTES; i++)
		id[i] = (uint8_t)(CM_REG(STM32_UID + i / 4u * 4) >> i % 4 * 8);
	return STM32_ID_BYTES;
}

void stm32_watchdog_init(void)
{
	CM_REG(IWDG + IWDG_KEY) = KEY_START;
	CM_REG(IWDG + IWDG_KEY) = KEY_ACCESS;
	CM_REG(IWDG + IWDG_PRESCALE) = 3;
	CM_REG(IWDG + IWDG_RELOAD) = RELOAD_HALF_S;
	chip_watchdog();
}

void chip_watchdog(void)
{
	CM_REG(IWDG + IWDG_KEY) = KEY_RELOAD;
}

static inline uint32_t mask_of(uint16_t pin)
{
	return 1u << pin % 16;
}

void board_gpio_write(struct board *b, uint16_t pin, bool level)
{
	(void)b;
	CM_REG(stm32_port(pin) + STM32_GPIO_BSRR) = mask_of(pin) << (level ? 0 : 16);
}

bool board_gpio_read(struct board *b, uint16_t pin)
{
	(void)b;
	return CM_REG(stm32_port(pin) + STM32_GPIO_IDR) & mask_of(pin);
}

void board_step(struct board *b, uint16_t pin, bool level, uint8_t oid, bool dir)
{
	(void)oid;
	(void)dir;
	board_gpio_write(b, pin, level);
}

void board_line_init(struct board_line *line, uint16_t pin, bool level, bool both_edges)
{
	line->set_clear = &CM_REG(stm32_port(pin) + STM32_GPIO_BSRR);
	line->step = mask_of(pin) << (level ? 16 : 0);
	line->both_edges = both_edges;
}
