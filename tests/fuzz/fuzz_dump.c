/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libFuzzer: a flight recorder's file from any bytes, shown as text, JSON and picture. What must hold: no crash,
 * no overflow, a bounded time; a file is refused with a word or shown.
 * Run: fuzz_dump -max_total_time=60 [corpus]. The first byte chooses: records with right sums and any
 * content, the same with bytes overwritten anywhere, or the bytes as they are. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/flightlib/flight_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct flight_image im;

	if (size < 1)
		return 0;
	if (data[0] % 4 == 3) {
		flight_image_show(data + 1, size - 1);
		return 0;
	}
	flight_image_init(&im);
	if (data[0] % 4 == 2 && size > FLIGHT_HEAD_BYTES / 8) { /* the head, too */
		memcpy(im.bytes + 8, data + 1, FLIGHT_HEAD_BYTES / 8);
		im.flight.head->capacity = FLIGHT_RECORDS_MIN;
		im.flight.head->version = FLIGHT_VERSION;
		im.flight.head->head_bytes = FLIGHT_HEAD_BYTES;
		im.flight.head->rec_bytes = FLIGHT_REC_BYTES;
	}
	flight_image_fill(&im, data + 1, size - 1);
	for (size_t i = 1; data[0] % 4 == 1 && i + 3 <= size && i < 64; i += 3)
		im.bytes[(data[i] | data[i + 1] << 8) % FLIGHT_IMAGE_BYTES] = data[i + 2];
	flight_image_show(im.bytes, FLIGHT_IMAGE_BYTES);
	flight_image_free(&im);
	return 0;
}
