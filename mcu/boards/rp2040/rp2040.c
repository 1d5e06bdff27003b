/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rp2040.c - clocks, pins, watchdog of an RP2040 with a crystal of 12 MHz.
 *
 * The processor has 132 MHz, which is 11 of the timer's ticks. All code runs from RAM (rp2040_boot2.c): the flash chip is asleep.
 */
#include "board.h"
#include "rp2040.h"

enum {
	RESETS = 0x4000c000,
	RESETS_DONE = RESETS + 0x08,

	XOSC = 0x40024000, /* 2.16 */
	XOSC_CTRL = XOSC + 0x00,
	XOSC_STATUS = XOSC + 0x04,
	XOSC_STARTUP = XOSC + 0x0c,
	XOSC_ON = 0xfabaa0,                        /* enable, 1 to 15 MHz */
	XOSC_MS = RP2040_CRYSTAL_MHZ * 1000 / 256, /* as many cycles of 256 */
	STABLE = (int)(1u << 31),

	CLOCKS = 0x40008000, /* 2.15 */
	REF_CTRL = CLOCKS + 0x30,
	REF_SELECTED = CLOCKS + 0x38,
	REF_XOSC = 2,
	SYS_CTRL = CLOCKS + 0x3c,
	SYS_SELECTED = CLOCKS + 0x44,
	SYS_AUX = 1, /* whose source 0 is the PLL */
	PERI_CTRL = CLOCKS + 0x48,
	USB_CTRL = CLOCKS + 0x54,
	ADC_CTRL = CLOCKS + 0x60,
	CLOCK_ON = 1 << 11, /* source 0: the processor's clock; for USB and ADC that of USB's PLL */

	PLL_SYS = 0x40028000, /* 2.18 */
	PLL_USB = 0x4002c000,
	PLL_CS = 0x00,
	PLL_PWR = 0x04,
	PLL_FBDIV = 0x08,
	PLL_PRIM = 0x0c,
	PWR_PD = 1 << 0,
	PWR_POSTDIVPD = 1 << 3,
	PWR_VCOPD = 1 << 5,
	PLL_LOCK = (int)(1u << 31),

	WATCHDOG = 0x40058000, /* 4.7 */
	WATCHDOG_CTRL = WATCHDOG + 0x00,
	WATCHDOG_LOAD = WATCHDOG + 0x04,
	WATCHDOG_TICK = WATCHDOG + 0x2c,
	WATCHDOG_ON = 1 << 30,
	WATCHDOG_NOW = (int)(1u << 31),
	TICK_EACH_CYCLE = 1 << 9 | 1,
	HALF_S = RP2040_CRYSTAL_MHZ * 1000000, /* it counts two a tick: RP2040-E1 */
	PSM_WDSEL = 0x40010008,
	WDSEL_ALL_BUT_OSCILLATORS = 0x1fffc,

	IO = 0x40014000, /* 2.19.6 */
	IO_CTRL = 0x04,  /* 8 bytes a pin */
	PADS = 0x4001c000,
	PADS_FIRST = 0x04, /* 4 bytes a pin */
	PAD_DISABLE = 1 << 7,
	PAD_IN = 1 << 6,
	PAD_4_MA = 1 << 4,
	PAD_UP = 1 << 3,
	PAD_DOWN = 1 << 2,
	PAD_SCHMITT = 1 << 1,

	SIO = (int)0xd0000000, /* 2.3.1 */
	SIO_IN = 0x04,
	SIO_OUT_SET = 0x14,
	SIO_OUT_CLR = 0x18,
	SIO_OUT_XOR = 0x1c,
	SIO_OE_SET = 0x24,
	SIO_OE_CLR = 0x28,
};

static void await(uint32_t reg, uint32_t bits)
{
	while ((CM_REG(reg) & bits) != bits)
		;
}

void rp2040_reset_parts(uint32_t bits)
{
	CM_REG(RESETS + RP2040_SET) = bits;
	CM_REG(RESETS + RP2040_CLEAR) = bits;
	await(RESETS_DONE, bits);
}

/* ---- clocks ---- */

/* The crystal times multiply, by divide1, by divide2; the product in between is 750 to 1600 MHz. */
static void pll_init(uint32_t pll, uint32_t multiply, uint32_t divide1, uint32_t divide2)
{
	CM_REG(pll + PLL_CS) = 1;
	CM_REG(pll + PLL_FBDIV) = multiply;
	CM_REG(pll + PLL_PWR + RP2040_CLEAR) = PWR_PD | PWR_VCOPD;
	await(pll + PLL_CS, (uint32_t)PLL_LOCK);
	CM_REG(pll + PLL_PRIM) = divide1 << 16 | divide2 << 12;
	CM_REG(pll + PLL_PWR + RP2040_CLEAR) = PWR_POSTDIVPD;
}

/* After a reset all runs from the ring oscillator. */
static void clock_init(void)
{
	CM_REG(XOSC_STARTUP) = XOSC_MS + 1;
	CM_REG(XOSC_CTRL) = XOSC_ON;
	await(XOSC_STATUS, (uint32_t)STABLE);
	CM_REG(REF_CTRL) = REF_XOSC;
	await(REF_SELECTED, 1 << REF_XOSC);
	rp2040_reset_parts(RESET_PLL_SYS | RESET_PLL_USB);
	pll_init(PLL_SYS, 132, 6, 2);
	pll_init(PLL_USB, 100, 5, 5); /* 48 MHz */
	CM_REG(SYS_CTRL) = SYS_AUX;
	await(SYS_SELECTED, 1 << SYS_AUX);
	CM_REG(PERI_CTRL) = CLOCK_ON;
	CM_REG(USB_CTRL) = CLOCK_ON;
	CM_REG(ADC_CTRL) = CLOCK_ON;
}

/* A reset if chip_watchdog() is not called for half a second; its ticks are the timer's, too. */
static void watchdog_init(void)
{
	CM_REG(WATCHDOG_CTRL) = 0;
	CM_REG(WATCHDOG_TICK) = TICK_EACH_CYCLE;
	CM_REG(PSM_WDSEL) = WDSEL_ALL_BUT_OSCILLATORS;
	chip_watchdog();
	CM_REG(WATCHDOG_CTRL) = WATCHDOG_ON;
}

void chip_watchdog(void)
{
	CM_REG(WATCHDOG_LOAD) = HALF_S;
}

void board_reset(struct board *b)
{
	(void)b;
	CM_REG(WATCHDOG_CTRL) = (uint32_t)WATCHDOG_NOW;
	for (;;)
		;
}

void chip_init(void)
{
	rp2040_flash_init();
	clock_init();
	watchdog_init();
	rp2040_reset_parts(RESET_IO | RESET_PADS | RESET_TIMER | RESET_PWM | RESET_ADC);
	rp2040_serial_init();
}

/* ---- pins ---- */

static inline uint32_t mask_of(uint16_t pin)
{
	return 1u << pin;
}

enum rp2040_function rp2040_function(uint16_t pin)
{
	return (enum rp2040_function)(CM_REG(IO + IO_CTRL + pin * 8u) & 0x1f);
}

void rp2040_pin_to(uint16_t pin, enum rp2040_function function, int8_t pull_up)
{
	CM_REG(PADS + PADS_FIRST + pin * 4u) = PAD_IN | PAD_4_MA | PAD_SCHMITT |
					       (pull_up > 0   ? PAD_UP
						: pull_up < 0 ? PAD_DOWN
							      : 0);
	CM_REG(IO + IO_CTRL + pin * 8u) = function;
}

void rp2040_pin_analog(uint16_t pin)
{
	CM_REG(IO + IO_CTRL + pin * 8u) = FUNCTION_NONE;
	CM_REG(PADS + PADS_FIRST + pin * 4u) = PAD_DISABLE;
}

bool board_gpio_setup_out(struct board *b, uint16_t pin, bool level)
{
	if (pin >= RP2040_PINS)
		return false;
	board_gpio_write(b, pin, level);
	CM_REG(SIO + SIO_OE_SET) = mask_of(pin);
	rp2040_pin_to(pin, FUNCTION_SIO, 0);
	return true;
}

bool board_gpio_setup_in(struct board *b, uint16_t pin, int8_t pull_up)
{
	(void)b;
	if (pin >= RP2040_PINS)
		return false;
	CM_REG(SIO + SIO_OE_CLR) = mask_of(pin);
	rp2040_pin_to(pin, FUNCTION_SIO, pull_up);
	return true;
}

void board_gpio_write(struct board *b, uint16_t pin, bool level)
{
	(void)b;
	CM_REG(SIO + (level ? SIO_OUT_SET : SIO_OUT_CLR)) = mask_of(pin);
}

bool board_gpio_read(struct board *b, uint16_t pin)
{
	(void)b;
	return CM_REG(SIO + SIO_IN) & mask_of(pin);
}

void board_step(struct board *b, uint16_t pin, bool level, uint8_t oid, bool dir)
{
	(void)oid;
	(void)dir;
	board_gpio_write(b, pin, level);
}

void board_line_init(struct board_line *line, uint16_t pin, bool level, bool both_edges)
{
	volatile uint32_t *set = &CM_REG(SIO + SIO_OUT_SET), *clear = &CM_REG(SIO + SIO_OUT_CLR);

	line->mask = mask_of(pin);
	line->step = both_edges ? &CM_REG(SIO + SIO_OUT_XOR) : level ? clear : set;
	line->unstep = both_edges ? NULL : level ? set : clear;
}
