// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/rt/prefault.h"

#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>

void prefault_code(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	unsigned long from, to, inode;
	char line[4608], perms[5];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx-%lx %4s %*s %*s %lu", &from, &to, perms, &inode) == 4 &&
		    inode != 0 && perms[0] == 'r' && perms[1] == '-')
			/* Before Linux 5.14: not known, and no harm done. */
			madvise((void *)(uintptr_t)from, to - from, MADV_POPULATE_READ);
	if (f)
		fclose(f);
}

void prefault_read(const void *mem, size_t size)
{
	const volatile char *p = mem;

	for (size_t i = 0; i < size; i += 1024)
		(void)p[i];
}

void prefault_write(void *mem, size_t size)
{
	volatile uint8_t *p = mem;

	for (size_t i = 0; i < size; i += 1024)
		p[i] = p[i];
	p[size - 1] = p[size - 1];
}

__attribute__((noinline)) void prefault_stack(void)
{
	volatile uint8_t page[PREFAULT_STACK_BYTES];

	for (size_t i = 0; i < sizeof(page); i += 1024)
		page[i] = 0;
	(void)page[0];
}
