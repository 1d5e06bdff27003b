/* SPDX-License-Identifier: GPL-2.0-or-later */
/* avr_neopixel.c - pulses to chains of lights, by counted cycles of 62.5 ns: 20 a bit, 5 or 11 of them high.
 *
 * An interrupt takes longer than the 4 us that lights wait for the next bit. So there is none meanwhile, and bits are sent only while no timer
 * is due; bytes that come in on the serial line (one each 40 us) are taken between those that go out.
 */
#include <avr/io.h>

#include "avr.h"
#include "board.h"
#include "chip_neopixel.h"
#include "chip_serial.h"

enum {
	BYTE_GAP_TICKS =
		64, /* from the last bit of a byte to the next byte takes less (sim_chip_lights.c) */
	CLOCK_BYTES = 128, /* the clock has to be read each 65,536 ticks */
};

/* Toggle the pin at 0, at 5 or 11, and again at 20. The cycles at which an instruction ends, of a 0 and of a 1, are on its right. */
static inline void send_byte(volatile uint8_t *toggle, uint8_t mask, uint8_t byte)
{
	uint8_t bits;

	__asm__ volatile("ldi %[bits], 8\n"
			 "1:\n\t"
			 "st Z, %[mask]\n\t"   /*  0  0 */
			 "nop\n\t"             /*  1  1 */
			 "nop\n\t"             /*  2  2 */
			 "sbrs %[byte], 7\n\t" /*  3  4 */
			 "st Z, %[mask]\n\t"   /*  5  - */
			 "lsl %[byte]\n\t"     /*  6  5 */
			 "nop\n\t"             /*  7  6 */
			 "rjmp .+0\n\t"        /*  9  8 */
			 "brcc 2f\n\t"         /* 11  9 */
			 "st Z, %[mask]\n"     /*  - 11 */
			 "2:\n\t"
			 "rjmp .+0\n\t"    /* 13 13 */
			 "rjmp .+0\n\t"    /* 15 15 */
			 "dec %[bits]\n\t" /* 16 16 */
			 "brne 1b\n"       /* 18 18 */
			 : [bits] "=&d"(bits), [byte] "+r"(byte)
			 : [mask] "r"(mask), [toggle] "z"(toggle)
			 : "memory");
}

bool chip_neopixel_bits(uint16_t pin, const uint8_t *data, uint16_t len, uint16_t bit_max_ticks,
			bool room)
{
	volatile uint8_t *toggle = avr_gpio_reg(pin);
	uint8_t mask = avr_gpio_mask(pin);

	if (!room || bit_max_ticks < BYTE_GAP_TICKS)
		return false;
	__asm__("" : "+r"(mask)); /* else it is made anew for each byte */
	while (len) {
		uint8_t n = len < CLOCK_BYTES ? (uint8_t)len : CLOCK_BYTES;

		len -= n;
		do {
			send_byte(toggle, mask, *data++);
			if (UCSR0A & 1 << RXC0)
				chip_serial_received(UDR0);
		} while (--n);
		board_clock(NULL);
	}
	return true;
}
