/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_firmware_dict.c - what each firmware image tells a host that knows nothing of stepd.
 *
 * Shown: the dictionary in every image has the messages that such hosts look for, by their exact format strings, written down here once
 * more; a group of commands whole or not at all, with its enumeration; the constants, pins and reasons that hosts go by. How: the images that
 * `make firmware-build` has made; the compressed dictionary is found in them by its first bytes. Images that are not there are skipped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <json-c/json.h>
#include <zlib.h>

enum { IMAGE_MAX = 4 << 20, JSON_MAX = 64 << 10 };

struct image {
	const char *file, *mcu;
	int freq_hz, adc_max, pwm_max;
	const char *link;                 /* a constant that only its link has */
	const char *reserve;              /* another one, with pins of the link */
	const char *first_pin, *last_pin; /* labels: the last one with its number */
	const char *groups;
};

#define STM32 84000000, 4095, 32768
#define STM32_GROUPS "spi spi_sw tmcuart"
#define F4(chip) \
	{ "stm32f4-" chip,       chip,  STM32, "SERIAL_BAUD", \
	  "RESERVE_PINS_serial", "PA0", "PH0", STM32_GROUPS }, \
		{ "stm32f4-" chip "-usb", chip,  STM32, NULL, \
		  "RESERVE_PINS_USB",     "PA0", "PH0", STM32_GROUPS }, \
	{ \
		"stm32f4-" chip "-can", chip, STM32, "CANBUS_FREQUENCY", "RESERVE_PINS_CAN", \
			"PA0", "PH0", STM32_GROUPS \
	}
#define AVR 16000000, 1023, 255, "SERIAL_BAUD", "RESERVE_PINS_serial", "PA0"
#define F1 72000000, 4095, 32768
#define RP2040 "rp2040", 12000000, 4095, 32768
#define RP2040_GROUPS "spi spi_sw i2c i2c_sw tmcuart"

static const struct image images[] = {
	{ "avr-atmega644p", "atmega644p", AVR, "PD0", "" },
	{ "avr-atmega1284p", "atmega1284p", AVR, "PD0", "" },
	{ "avr-atmega2560", "atmega2560", AVR, "PL0", "" },
	{ "avr-atmega644p+spi+spi_sw+i2c+i2c_sw+tmcuart", "atmega644p", AVR, "PD0", RP2040_GROUPS },
	F4("stm32f405"),
	F4("stm32f407"),
	F4("stm32f446"),
	{ "stm32f1-stm32f103", "stm32f103", F1, "SERIAL_BAUD", "RESERVE_PINS_serial", "PA0", "PE0",
	  STM32_GROUPS },
	{ "stm32f1-stm32f103-usb", "stm32f103", F1, NULL, "RESERVE_PINS_USB", "PA0", "PE0",
	  STM32_GROUPS },
	{ "rp2040", RP2040, "SERIAL_BAUD", "RESERVE_PINS_serial", "gpio0", "gpio0", RP2040_GROUPS },
	{ "rp2040-usb", RP2040, NULL, NULL, "gpio0", "gpio0", RP2040_GROUPS },
};

/* A message, and the group that it is of; an answer: where it is. */
struct message {
	const char *group;
	bool answer;
	const char *format;
};

static const struct message messages[] = {
	{ "", false, "identify offset=%u count=%c" },
	{ "", true, "identify_response offset=%u data=%.*s" },
	{ "", false, "get_uptime" },
	{ "", true, "uptime high=%u clock=%u" },
	{ "", false, "get_clock" },
	{ "", true, "clock clock=%u" },
	{ "", false, "get_config" },
	{ "", true, "config is_config=%c crc=%u is_shutdown=%c move_count=%hu" },
	{ "", false, "allocate_oids count=%c" },
	{ "", false, "finalize_config crc=%u" },
	{ "", false, "emergency_stop" },
	{ "", false, "clear_shutdown" },
	{ "", false, "reset" },
	{ "", false, "config_reset" },
	{ "", true, "starting" },
	{ "", true, "shutdown clock=%u static_string_id=%hu" },
	{ "", true, "is_shutdown static_string_id=%hu" },
	{ "", true, "stats count=%u sum=%u sumsq=%u" },
	{ "", false,
	  "config_stepper oid=%c step_pin=%c dir_pin=%c invert_step=%c step_pulse_ticks=%u" },
	{ "", false, "reset_step_clock oid=%c clock=%u" },
	{ "", false, "set_next_step_dir oid=%c dir=%c" },
	{ "", false, "queue_step oid=%c interval=%u count=%hu add=%hi" },
	{ "", false, "stepper_get_position oid=%c" },
	{ "", true, "stepper_position oid=%c pos=%i" },
	{ "", false, "stepper_stop_on_trigger oid=%c trsync_oid=%c" },
	{ "", false, "config_trsync oid=%c" },
	{ "", false, "trsync_start oid=%c report_clock=%u report_ticks=%u expire_reason=%c" },
	{ "", false, "trsync_set_timeout oid=%c clock=%u" },
	{ "", false, "trsync_trigger oid=%c reason=%c" },
	{ "", true, "trsync_state oid=%c can_trigger=%c trigger_reason=%c clock=%u" },
	{ "", false, "config_endstop oid=%c pin=%c pull_up=%c" },
	{ "", false,
	  "endstop_home oid=%c clock=%u sample_ticks=%u sample_count=%c rest_ticks=%u pin_value=%c "
	  "trsync_oid=%c trigger_reason=%c" },
	{ "", false, "endstop_query_state oid=%c" },
	{ "", true, "endstop_state oid=%c homing=%c next_clock=%u pin_value=%c" },
	{ "", false, "config_digital_out oid=%c pin=%u value=%c default_value=%c max_duration=%u" },
	{ "", false, "set_digital_out_pwm_cycle oid=%c cycle_ticks=%u" },
	{ "", false, "queue_digital_out oid=%c clock=%u on_ticks=%u" },
	{ "", false, "update_digital_out oid=%c value=%c" },
	{ "", false, "set_digital_out pin=%u value=%c" },
	{ "", false,
	  "config_pwm_out oid=%c pin=%u cycle_ticks=%u value=%hu default_value=%hu max_duration=%u" },
	{ "", false, "queue_pwm_out oid=%c clock=%u value=%hu" },
	{ "", false, "set_pwm_out pin=%u cycle_ticks=%u value=%hu" },
	{ "", false, "config_analog_in oid=%c pin=%u" },
	{ "", false,
	  "query_analog_in oid=%c clock=%u sample_ticks=%u sample_count=%c rest_ticks=%u "
	  "bytes_per_report=%c min_value=%hu max_value=%hu range_check_count=%c" },
	{ "", true, "analog_in_state oid=%c next_clock=%u values=%*s" },
	{ "", false, "config_buttons oid=%c button_count=%c" },
	{ "", false, "buttons_add oid=%c pos=%c pin=%u pull_up=%c" },
	{ "", false, "buttons_query oid=%c clock=%u rest_ticks=%u retransmit_count=%c invert=%c" },
	{ "", true, "buttons_state oid=%c ack_count=%c state=%*s" },
	{ "", false, "buttons_ack oid=%c count=%c" },
	{ "spi", false, "config_spi oid=%c pin=%u cs_active_high=%c" },
	{ "spi", false, "config_spi_without_cs oid=%c" },
	{ "spi", false, "spi_set_bus oid=%c spi_bus=%u mode=%u rate=%u" },
	{ "spi", false, "spi_send oid=%c data=%*s" },
	{ "spi", false, "spi_transfer oid=%c data=%*s" },
	{ "spi", true, "spi_transfer_response oid=%c response=%*s" },
	{ "spi", false, "config_spi_shutdown oid=%c spi_oid=%c shutdown_msg=%*s" },
	{ "spi_sw", false,
	  "spi_set_sw_bus oid=%c miso_pin=%u mosi_pin=%u sclk_pin=%u mode=%u pulse_ticks=%u" },
	{ "i2c", false, "config_i2c oid=%c" },
	{ "i2c", false, "i2c_set_bus oid=%c i2c_bus=%u rate=%u address=%u" },
	{ "i2c", false, "i2c_transfer oid=%c write=%*s read_len=%u" },
	{ "i2c", true, "i2c_response oid=%c i2c_bus_status=%c response=%*s" },
	{ "i2c_sw", false, "i2c_set_sw_bus oid=%c scl_pin=%u sda_pin=%u pulse_ticks=%u address=%u" },
	{ "tmcuart", false, "config_tmcuart oid=%c rx_pin=%u pull_up=%c tx_pin=%u bit_time=%u" },
	{ "tmcuart", false, "tmcuart_send oid=%c write=%*s read=%c" },
	{ "tmcuart", true, "tmcuart_response oid=%c read=%*s" },
	{ "thermocouple", false, "config_thermocouple oid=%c spi_oid=%c thermocouple_type=%c" },
	{ "thermocouple", false,
	  "query_thermocouple oid=%c clock=%u rest_ticks=%u min_value=%u max_value=%u max_invalid_count=%c" },
	{ "thermocouple", true, "thermocouple_result oid=%c next_clock=%u value=%u fault=%c" },
	{ "angle", false, "config_spi_angle oid=%c spi_oid=%c spi_angle_type=%c" },
	{ "angle", false, "query_spi_angle oid=%c clock=%u rest_ticks=%u time_shift=%c" },
	{ "angle", false, "spi_angle_transfer oid=%c data=%*s" },
	{ "angle", true, "spi_angle_transfer_response oid=%c clock=%u response=%*s" },
	{ "counter", false, "config_counter oid=%c pin=%u pull_up=%c" },
	{ "counter", false, "query_counter oid=%c clock=%u poll_ticks=%u sample_ticks=%u" },
	{ "counter", true, "counter_state oid=%c next_clock=%u count=%u count_clock=%u" },
	{ "neopixel", false,
	  "config_neopixel oid=%c pin=%u data_size=%hu bit_max_ticks=%u reset_min_ticks=%u" },
	{ "neopixel", false, "neopixel_update oid=%c pos=%hu data=%*s" },
	{ "neopixel", false, "neopixel_send oid=%c" },
	{ "neopixel", true, "neopixel_result oid=%c success=%c" },
	/* stepd's own, which each image has */
	{ "", false, "queue_step_frac oid=%c interval=%u count=%hu add=%i shift=%c" },
	{ "", false, "config_fail_safe oid=%c" },
	{ "", true, "fail_safe oid=%c" },
};

/* Reasons that hosts match on. */
static const char *const reasons[] = {
	"Timer too close",
	"Missed scheduling of next digital out event",
	"Scheduled digital out event will exceed max_duration",
	"Missed scheduling of next pwm event",
	"Scheduled pwm event will exceed max_duration",
	"ADC out of range",
	"Stepper too far in past",
	"Rescheduled timer in the past",
	"Move queue overflow",
	"Command request",
	"Invalid oid type",
};

/* The dictionary in an image: the only thing in there that unpacks to JSON. NULL: none. */
static struct json_object *find(const uint8_t *image, size_t len)
{
	static char text[JSON_MAX];

	for (size_t at = 0; at + 2 < len; at++) {
		z_stream z = { .next_in = (Bytef *)(uintptr_t)(image + at),
			       .avail_in = (uInt)(len - at),
			       .next_out = (Bytef *)text,
			       .avail_out = sizeof(text) - 1 };
		int end;

		if (image[at] != 0x78 || image[at + 1] != 0xda || inflateInit(&z) != Z_OK)
			continue;
		end = inflate(&z, Z_FINISH);
		text[z.total_out] = '\0';
		inflateEnd(&z);
		if (end == Z_STREAM_END && text[0] == '{')
			return json_tokener_parse(text);
	}
	return NULL;
}

static struct json_object *get(struct json_object *o, const char *key)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(o, key, &value);
	return value;
}

/* A word of a list with spaces between. */
static bool has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = list; (at = strstr(at, word)); at++)
		if ((at == list || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
			return true;
	return false;
}

static void check_messages(const struct image *im, struct json_object *d)
{
	struct json_object *of[2] = { get(d, "commands"), get(d, "responses") };

	for (size_t i = 0; i < sizeof(messages) / sizeof(*messages); i++) {
		const struct message *m = &messages[i];
		struct json_object *id = get(of[m->answer], m->format);
		bool wanted = !m->group[0] || has_word(im->groups, m->group);

		if (!id != !wanted)
			fail_msg("%s: '%s' is %s", im->file, m->format, id ? "there" : "missing");
		if (id)
			assert_in_range(json_object_get_int(id), 0, 127);
	}
	assert_int_equal(json_object_get_int(get(of[0], "identify offset=%u count=%c")), 1);
	assert_int_equal(json_object_get_int(get(of[1], "identify_response offset=%u data=%.*s")),
			 0);
	assert_int_equal(!!get(of[0], "get_canbus_id"), !!strstr(im->file, "-can"));
	assert_int_equal(!!get(of[1], "canbus_id canbus_uuid=%.*s canbus_nodeid=%u"),
			 !!strstr(im->file, "-can"));
}

static void check_constants(const struct image *im, struct json_object *d)
{
	static const char *const texts[] = { "version", "build_versions", "app", "license" };
	struct json_object *c = get(d, "config");

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		assert_true(json_object_get_string_len(get(d, texts[i])) > 0);
	assert_string_equal(json_object_get_string(get(c, "MCU")), im->mcu);
	assert_int_equal(json_object_get_int(get(c, "CLOCK_FREQ")), im->freq_hz);
	assert_int_equal(json_object_get_int(get(c, "ADC_MAX")), im->adc_max);
	assert_int_equal(json_object_get_int(get(c, "PWM_MAX")), im->pwm_max);
	assert_int_equal(json_object_get_int(get(c, "STATS_SUMSQ_BASE")), 256);
	assert_int_equal(json_object_get_int(get(c, "RECEIVE_WINDOW")), 192);
	assert_int_equal(json_object_get_int(get(c, "STEPPER_STEP_BOTH_EDGE")), 1);
	assert_int_equal(!!get(c, "SERIAL_BAUD"), im->link && strcmp(im->link, "SERIAL_BAUD") == 0);
	assert_int_equal(!!get(c, "CANBUS_FREQUENCY"),
			 im->link && strcmp(im->link, "CANBUS_FREQUENCY") == 0);
	if (im->link)
		assert_true(json_object_get_int(get(c, im->link)) >= 250000);
	if (im->reserve)
		assert_non_null(strchr(json_object_get_string(get(c, im->reserve)), ','));
}

static void check_enumerations(const struct image *im, struct json_object *d)
{
	struct json_object *e = get(d, "enumerations"), *pins = get(e, "pin");
	struct json_object *strings = get(e, "static_string_id");

	/* ranges: the first number, and how many */
	assert_int_equal(
		json_object_get_int(json_object_array_get_idx(get(pins, im->first_pin), 0)), 0);
	assert_true(json_object_get_int(json_object_array_get_idx(get(pins, im->last_pin), 1)) > 1);
	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
		assert_true(json_object_get_int(get(strings, reasons[i])) > 0);
	assert_int_equal(!!get(e, "spi_bus"), has_word(im->groups, "spi"));
	assert_int_equal(!!get(e, "i2c_bus"), has_word(im->groups, "i2c"));
	assert_int_equal(!!get(e, "i2c_bus_status"), has_word(im->groups, "i2c"));
	assert_int_equal(!!get(e, "thermocouple_type"), has_word(im->groups, "thermocouple"));
}

static void test_images(void **state)
{
	const char *build = getenv("STEPD_BUILD");
	uint8_t *bytes = malloc(IMAGE_MAX);
	int seen = 0;

	(void)state;
	assert_non_null(bytes);
	for (size_t i = 0; i < sizeof(images) / sizeof(*images); i++) {
		struct json_object *d;
		char path[512];
		FILE *f;

		snprintf(path, sizeof(path), "%s/firmware/%s.elf", build ? build : "build",
			 images[i].file);
		f = fopen(path, "rb");
		if (!f)
			continue;
		d = find(bytes, fread(bytes, 1, IMAGE_MAX, f));
		fclose(f);
		if (!d)
			fail_msg("%s: no dictionary in it", path);
		check_messages(&images[i], d);
		check_constants(&images[i], d);
		check_enumerations(&images[i], d);
		json_object_put(d);
		seen++;
	}
	free(bytes);
	printf("%d of %zu images\n", seen, sizeof(images) / sizeof(*images));
	if (!seen)
		skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_images) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
