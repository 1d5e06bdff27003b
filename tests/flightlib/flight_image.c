// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/flightlib/flight_image.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/dump/dump.h"

void flight_image_init(struct flight_image *im)
{
	struct flight_identity id = { .program = "stepd test",
				      .kinematics = "corexy",
				      .config = "none.cfg",
				      .horizon_s = 0.1,
				      .low_water_s = 0.05,
				      .mcus = 2,
				      .steppers = 3 };

	memset(im, 0, sizeof(*im));
	im->bytes = aligned_alloc(64, FLIGHT_IMAGE_BYTES);
	if (!im->bytes)
		abort();
	memset(im->bytes, 0, FLIGHT_IMAGE_BYTES);
	flight_init(&im->flight, im->bytes, FLIGHT_RECORDS_MIN);
	flight_observer(&im->flight, &im->tell);
	for (unsigned i = 0; i < 3; i++) {
		snprintf(id.stepper[i].name, sizeof(id.stepper[i].name), "stepper_%c", "xyz"[i]);
		id.stepper[i].steps_per_mm[i] = 80;
		id.stepper[i].tolerance_s = 12.5e-6;
		id.stepper[i].mcu = i == 2;
	}
	for (unsigned i = 0; i < 2; i++) {
		snprintf(id.mcu[i].name, sizeof(id.mcu[i].name), "mcu%u", i);
		id.mcu[i].freq_hz = 1e6;
	}
	flight_identify(im->flight.head, &id);
}

void flight_image_free(struct flight_image *im)
{
	free(im->bytes);
	im->bytes = NULL;
}

void flight_image_fill(struct flight_image *im, const uint8_t *data, size_t size)
{
	enum { BYTES = 8 + FLIGHT_PAYLOAD_BYTES };

	for (; size >= BYTES; data += BYTES, size -= BYTES) {
		uint64_t tag, payload[FLIGHT_PAYLOAD_WORDS];

		memcpy(&tag, data, sizeof(tag));
		memcpy(payload, data + sizeof(tag), sizeof(payload));
		if ((tag & 0xff) >= FLIGHT_KINDS) /* few kinds, so that they get a chance */
			tag = (tag & ~(uint64_t)0xff) | (tag & 0xff) % FLIGHT_KINDS;
		flight_put(&im->flight, tag, payload, 1);
	}
}

int flight_image_show(const void *bytes, size_t size)
{
	struct dump *d = calloc(1, sizeof(*d));
	FILE *nowhere = fopen("/dev/null", "w");
	char err[256] = "";
	int rc;

	if (!d || !nowhere)
		abort();
	d->opt = (struct dump_options){
		.file = "image", .plot = "image.svg", .at_s = NAN, .window_s = 1e9, .stepper = -1
	};
	rc = flight_log_parse(&d->log, bytes, size, err, sizeof(err));
	if (rc < 0 && !err[0])
		abort(); /* never without a word */
	if (rc == 0 && !dump_prepare(d))
		abort();
	if (rc == 0) {
		dump_text(d, nowhere);
		dump_json(d, nowhere);
		dump_plot_script(d, nowhere, true);
		dump_view_free(&d->view);
	}
	flight_log_free(&d->log);
	fclose(nowhere);
	free(d);
	return rc;
}
