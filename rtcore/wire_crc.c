/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wire_crc.c - CRC-16/MCRF4XX: small for a microcontroller, fast for a host.
 *
 * The host sums every byte that it sends, and a byte at a time that cost more than making the
 * commands. It takes eight bytes a turn from eight tables (4 KiB). A CRC is linear, so a table is
 * given by its entries for the eight single bits and the compiler works out the rest.
 */
#include "wire.h"

#if defined(__linux__)

#define BIT(i, n, v) ((i) >> (n)&1 ? (v) : 0)
#define T1(i, a, b, c, d, e, f, g, h) \
	(BIT(i, 0, a) ^ BIT(i, 1, b) ^ BIT(i, 2, c) ^ BIT(i, 3, d) ^ BIT(i, 4, e) ^ BIT(i, 5, f) ^ \
	 BIT(i, 6, g) ^ BIT(i, 7, h))
#define T4(i, ...) \
	T1(i, __VA_ARGS__), T1((i) + 1, __VA_ARGS__), T1((i) + 2, __VA_ARGS__), \
		T1((i) + 3, __VA_ARGS__)
#define T16(i, ...) \
	T4(i, __VA_ARGS__), T4((i) + 4, __VA_ARGS__), T4((i) + 8, __VA_ARGS__), \
		T4((i) + 12, __VA_ARGS__)
#define T64(i, ...) \
	T16(i, __VA_ARGS__), T16((i) + 16, __VA_ARGS__), T16((i) + 32, __VA_ARGS__), \
		T16((i) + 48, __VA_ARGS__)
#define T256(...) \
	{ \
		T64(0, __VA_ARGS__), T64(64, __VA_ARGS__), T64(128, __VA_ARGS__), \
			T64(192, __VA_ARGS__) \
	}

/* Row k: what a byte with k bytes behind it does to the sum. */
static const uint16_t crc_rows[8][256] = {
	T256(0x1189, 0x2312, 0x4624, 0x8c48, 0x1081, 0x2102, 0x4204, 0x8408),
	T256(0x19d8, 0x33b0, 0x6760, 0xcec0, 0x9591, 0x2333, 0x4666, 0x8ccc),
	T256(0x5adc, 0xb5b8, 0x6361, 0xc6c2, 0x8595, 0x033b, 0x0676, 0x0cec),
	T256(0x1cbb, 0x3976, 0x72ec, 0xe5d8, 0xc3a1, 0x8f53, 0x16b7, 0x2d6e),
	T256(0x0b44, 0x1688, 0x2d10, 0x5a20, 0xb440, 0x6091, 0xc122, 0x8a55),
	T256(0x042b, 0x0856, 0x10ac, 0x2158, 0x42b0, 0x8560, 0x02d1, 0x05a2),
	T256(0x9fd5, 0x37bb, 0x6f76, 0xdeec, 0xb5c9, 0x6383, 0xc706, 0x861d),
	T256(0x81bf, 0x0b6f, 0x16de, 0x2dbc, 0x5b78, 0xb6f0, 0x65f1, 0xcbe2),
};

uint16_t wire_crc(const uint8_t *bytes, size_t len)
{
	unsigned int crc = 0xffff;

	for (; len >= 8; len -= 8, bytes += 8) {
		crc = crc_rows[7][(crc ^ bytes[0]) & 0xff] ^
		      crc_rows[6][(crc >> 8 ^ bytes[1]) & 0xff] ^ crc_rows[5][bytes[2]] ^
		      crc_rows[4][bytes[3]] ^ crc_rows[3][bytes[4]] ^ crc_rows[2][bytes[5]] ^
		      crc_rows[1][bytes[6]] ^ crc_rows[0][bytes[7]];
	}
	for (; len > 0; len--, bytes++)
		crc = crc >> 8 ^ crc_rows[0][(crc ^ *bytes) & 0xff];
	return (uint16_t)crc;
}

#else

/* A byte at a time without a table. The sum of one byte x is linear in its bits: with
 * y = x ^ x << 4 (8 bits), its eight steps through 0x8408 leave y << 8 ^ y << 3 ^ y >> 4. */
uint16_t wire_crc(const uint8_t *bytes, size_t len)
{
	uint16_t crc = 0xffff;

	for (; len > 0; len--, bytes++) {
		uint8_t y = (uint8_t)(crc ^ *bytes);

		y ^= (uint8_t)(y << 4);
		crc = (uint16_t)(crc >> 8 ^ (uint16_t)y << 8 ^ (uint16_t)y << 3 ^ y >> 4);
	}
	return crc;
}

#endif
