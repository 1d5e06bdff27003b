/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stm32.h - registers and parts that STM32F1 and STM32F4 have in common.
 *
 * Pins are numbered port * 16 + bit, A being 0. Registers: reference manuals RM0008 (F1) and RM0090 (F4), by chapter: general
 * purpose timers, ADC, USART, independent watchdog. The family's chip_config.h has the addresses that differ.
 * Threads: main loop; locked where it says so.
 */
#ifndef STM32_STM32_H
#define STM32_STM32_H

#include "chip.h"
#include "chip_config.h"
#include "cortexm.h"

enum {
	STM32_ADC_MAX = 4095,
	STM32_PWM_MAX = 32768,
	STM32_BAUD = 250000,
};

/* Offsets of a general purpose timer's registers. */
enum {
	TIM_CR1 = 0x00,
	TIM_EGR = 0x14,
	TIM_CCMR1 = 0x18,
	TIM_CCER = 0x20,
	TIM_CNT = 0x24,
	TIM_PSC = 0x28,
	TIM_ARR = 0x2c,
	TIM_CCR1 = 0x34,
	TIM_BDTR = 0x44,
};

/* An output of a timer: the family's table of them, each pin once. */
struct stm32_pwm {
	uint8_t pin;
	uint8_t channel;  /* 0..3 */
	uint8_t function; /* alternate function of the pin, F4 only */
	uint8_t shift;    /* the timer counts so many times the clock's ticks, as power of two */
	uint32_t timer;
};
extern const struct stm32_pwm stm32_pwm[];
extern const uint8_t stm32_pwm_count;

/* Ports and bits that there are. */
static inline bool stm32_pin_exists(uint16_t pin)
{
	return pin < STM32_PORTS * 16;
}

static inline uint32_t stm32_port(uint16_t pin)
{
	return STM32_GPIO + pin / 16u * 0x400u;
}

/* The pin serves a peripheral from now on, as its output or input; function: F4's alternate function. */
void stm32_pin_to_peripheral(uint16_t pin, uint8_t function);
void stm32_pin_input_of_peripheral(uint16_t pin, uint8_t function);
/* A line that it and others pull low, and that is pulled up. */
void stm32_pin_open_drain(uint16_t pin, uint8_t function);
void stm32_pin_analog(uint16_t pin);

/* No PWM at this pin any more. Locked. */
void stm32_pwm_release(uint16_t pin);

/* The chip's own number, STM32_ID_BYTES long. Returns: that. */
enum { STM32_ID_BYTES = 12 };
uint8_t stm32_id(uint8_t *id);

/* A reset if chip_watchdog() is not called for half a second; on until the next reset. */
void stm32_watchdog_init(void);
/* The link, whichever it is built with: pins and unit. The unit's clock is on. */
void stm32_link_init(void);
/* The converter is on and ready; for the family's clocks. */
void stm32_adc_init(void);
#endif
