/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rp2040-uf2.c - from the bytes of an RP2040's image what can be flashed; runs on the host.
 *
 *   rp2040-uf2 RAW BIN UF2
 *
 * BIN is RAW with the checksum of its first 252 bytes, without which the boot ROM does not start it, at 252: RP2040 data sheet,
 * 2.8.1.3.1 (CRC-32 by 0x04c11db7, from all ones, highest bit first, not inverted). UF2 is the same in blocks of 256 bytes for the
 * disk that the boot ROM shows: 2.8.4.2 and the UF2 specification.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum {
	IMAGE_MAX = 1 << 20,
	BOOT2 = 256,
	BLOCK_DATA = 256,
	BLOCK = 512,
	FLASH = 0x10000000,
	WITH_FAMILY = 0x2000,
};
static const uint32_t begin[2] = { 0x0a324655, 0x9e5d5157 }, end = 0x0ab16f30, family = 0xe48bff56;

static uint8_t image[IMAGE_MAX + BLOCK_DATA];

static uint32_t crc32_msb_first(const uint8_t *bytes, size_t len)
{
	uint32_t crc = UINT32_MAX;

	while (len--) {
		crc ^= (uint32_t)*bytes++ << 24;
		for (int bit = 0; bit < 8; bit++)
			crc = crc << 1 ^ (crc >> 31 ? 0x04c11db7u : 0);
	}
	return crc;
}

static void put32(uint8_t *at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

static int fail(const char *file)
{
	fprintf(stderr,
		"rp2040-uf2: %s: can't be read or written, or is not an image of 256 bytes to 1 MiB\n",
		file);
	return 1;
}

/* Block n of count. */
static void make_block(uint8_t block[BLOCK], uint32_t n, uint32_t count)
{
	const uint32_t head[8] = {
		begin[0],   begin[1], WITH_FAMILY, FLASH + n * BLOCK_DATA,
		BLOCK_DATA, n,        count,       family,
	};

	memset(block, 0, BLOCK);
	for (int i = 0; i < 8; i++)
		put32(block + 4 * i, head[i]);
	memcpy(block + 32, image + n * BLOCK_DATA, BLOCK_DATA);
	put32(block + BLOCK - 4, end);
}

static int write_file(const char *name, size_t len, uint32_t blocks)
{
	FILE *f = fopen(name, "wb");
	size_t done = 0;

	if (!f)
		return fail(name);
	if (!blocks)
		done = fwrite(image, 1, len, f) == len;
	for (uint32_t n = 0; n < blocks; n++) {
		uint8_t block[BLOCK];

		make_block(block, n, blocks);
		done = fwrite(block, 1, BLOCK, f) == BLOCK;
		if (!done)
			break;
	}
	return fclose(f) || !done ? fail(name) : 0;
}

int main(int argc, char **argv)
{
	size_t len;
	FILE *f;

	if (argc != 4) {
		fprintf(stderr, "usage: rp2040-uf2 RAW BIN UF2\n");
		return 2;
	}
	f = fopen(argv[1], "rb");
	len = f ? fread(image, 1, IMAGE_MAX + 1, f) : 0;
	if (!f || fclose(f) || len < BOOT2 || len > IMAGE_MAX)
		return fail(argv[1]);
	put32(image + BOOT2 - 4, crc32_msb_first(image, BOOT2 - 4));
	if (write_file(argv[2], len, 0))
		return 1;
	return write_file(argv[3], len, (uint32_t)((len + BLOCK_DATA - 1) / BLOCK_DATA));
}
