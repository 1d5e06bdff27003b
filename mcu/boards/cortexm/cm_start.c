/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cm_start.c - vectors, memory before main(), sleep. */
#include <string.h>

#include "board.h"
#include "chip.h"
#include "chip_config.h"
#include "cortexm.h"

/* The linker script's. */
extern uint8_t cm_data_load[], cm_data_start[], cm_data_end[], cm_bss_start[], cm_bss_end[];
extern uint8_t cm_arena_end[], cm_stack_end[];

typedef void vector(void);
extern vector *const cm_vectors[];

/* A fault, or an interrupt that nobody asked for: after a reset all pins are inputs. */
static void unexpected_irq(void)
{
	board_reset(NULL);
}

/* What comes between looking and sleeping wakes it, though the interrupt is held off. */
void chip_idle(void)
{
	__asm__ volatile("cpsid i" ::: "memory");
	if (!chip_serial_waiting() && !chip_mcu.attention)
		chip_sleep();
	__asm__ volatile("cpsie i" ::: "memory");
}

static void __attribute__((noreturn)) cm_reset(void)
{
	board_lock(NULL); /* until mcu_init() is done */
	memcpy(cm_data_start, cm_data_load, (size_t)(cm_data_end - cm_data_start));
	memset(cm_bss_start, 0, (size_t)(cm_bss_end - cm_bss_start));
	CM_VTOR = (uint32_t)cm_vectors; /* a boot loader has its own */
	chip_init();
	cm_init();
	chip_loop(cm_bss_end, (size_t)(cm_arena_end - cm_bss_end));
}

/* The stack, exceptions 1 to 15, then interrupts. */
enum {
	RESET = 1,
	TIMER = 16 + CHIP_TIMER_IRQ,
	LINK = 16 + CHIP_SERIAL_IRQ,
	VECTORS = 16 + CHIP_IRQS
};

vector *const cm_vectors[VECTORS] __attribute__((used, section(".vectors"))) = {
	(vector *)cm_stack_end,
	[RESET] = cm_reset,
	[RESET + 1 ... TIMER - 1] = unexpected_irq,
	[TIMER] = cm_timer_irq,
	[TIMER + 1 ... LINK - 1] = unexpected_irq,
	[LINK... LINK + CHIP_SERIAL_IRQS - 1] = chip_serial_irq,
	[LINK + CHIP_SERIAL_IRQS... VECTORS - 1] = unexpected_irq,
};
