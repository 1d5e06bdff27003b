/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flight_image.h - a flight recorder's file in memory, from anything, for tests of its reader.
 *
 * Threads: one. The memory is the image's own, FLIGHT_IMAGE_BYTES of it, until flight_image_free().
 */
#ifndef TESTS_FLIGHTLIB_FLIGHT_IMAGE_H
#define TESTS_FLIGHTLIB_FLIGHT_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "flight_engine.h"

#define FLIGHT_IMAGE_BYTES (FLIGHT_HEAD_BYTES + FLIGHT_RECORDS_MIN * FLIGHT_REC_BYTES)

struct flight_image {
	struct flight flight;
	struct engine_observer tell;
	uint8_t *bytes;
};

/* Of a machine with two MCUs and three steppers, nothing recorded. Ends the program if out of memory. */
void flight_image_init(struct flight_image *im);
void flight_image_free(struct flight_image *im);

/* Records of any bytes: tag and payload of each from the text, whole but without sense. */
void flight_image_fill(struct flight_image *im, const uint8_t *data, size_t size);

/* Show a file of these bytes in all ways (to nowhere). Returns 0, or -1 if it was refused. */
int flight_image_show(const void *bytes, size_t size);

#endif
