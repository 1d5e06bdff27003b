/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mcu_dict.h"

#include <string.h>

#include "board.h"
#include "mcu.h"
#include "mcu_bus.h"

/* Text being built; len counts on when it no longer fits, so that the end can tell. */
struct text {
	char *buf;
	size_t cap, len;
	bool comma; /* the open object has an entry already */
};

static void put(struct text *t, const char *s)
{
	size_t n = strlen(s);

	if (t->len + n < t->cap)
		memcpy(t->buf + t->len, s, n);
	t->len += n;
}

static void put_number(struct text *t, uint32_t v)
{
	char digits[11];
	char *p = digits + sizeof(digits) - 1;

	*p = '\0';
	do
		*--p = (char)('0' + v % 10);
	while (v /= 10);
	put(t, p);
}

static void put_key(struct text *t, const char *key)
{
	put(t, t->comma ? ",\"" : "\"");
	put(t, key);
	put(t, "\":");
	t->comma = true;
}

static void open_object(struct text *t, const char *key)
{
	put_key(t, key);
	put(t, "{");
	t->comma = false;
}

static void close_object(struct text *t)
{
	put(t, "}");
	t->comma = true;
}

static void put_string(struct text *t, const char *key, const char *value)
{
	put_key(t, key);
	put(t, "\"");
	put(t, value);
	put(t, "\"");
}

static void put_int(struct text *t, const char *key, uint32_t value)
{
	put_key(t, key);
	put_number(t, value);
}

/* Whether one of the words, with commas between them, is in the name. */
static bool has_word(const char *name, const char *words)
{
	char word[24];

	while (words && *words) {
		size_t len = strcspn(words, ",");

		if (len && len < sizeof(word)) {
			memcpy(word, words, len);
			word[len] = '\0';
			if (strstr(name, word))
				return true;
		}
		words += len + (words[len] == ',');
	}
	return false;
}

static bool left_out(uint32_t id, const struct mcu_dict_info *info)
{
	if (msg_table[id].kind == MSG_COMMAND && !mcu_handlers[id])
		return true;
	if (msg_table[id].flags & MSG_OLD)
		return true;
	if (!info->stamps && msg_table[id].flags & MSG_STAMP)
		return true;
	if (info->no_extensions && msg_table[id].flags & MSG_EXTENSION)
		return true;
	if (has_word(msg_table[id].name, info->without))
		return true;
	if (!info->digital_only)
		return false;
	if (has_word(msg_table[id].name,
		     "spi,i2c,tmcuart,thermocouple,ds18b20,ldc1612,hx71x,ads1220,angle,sos_filter,load_cell,sensor_bulk"))
		return true;
	switch ((enum msg_id)id) {
	case MSG_ID_config_analog_in:
	case MSG_ID_query_analog_in:
	case MSG_ID_config_pwm_out:
	case MSG_ID_queue_pwm_out:
	case MSG_ID_set_pwm_out:
	case MSG_ID_reset:
		return true;
	default:
		return false;
	}
}

static void put_messages(struct text *t, const char *key, enum msg_kind kind,
			 const struct mcu_dict_info *info)
{
	open_object(t, key);
	for (uint32_t id = 0; id < MSG_ID_COUNT; id++) {
		if (msg_table[id].kind != kind || left_out(id, info))
			continue;
		if (!info->canbus_hz && msg_table[id].flags & MSG_CAN)
			continue;
		put_int(t, msg_table[id].format, id);
	}
	close_object(t);
}

static void put_labels(struct text *t, const char *enumeration, const struct mcu_dict_pins *labels,
		       size_t count)
{
	open_object(t, enumeration);
	for (size_t i = 0; i < count; i++) {
		const struct mcu_dict_pins *pins = &labels[i];

		if (pins->count == 1) {
			put_int(t, pins->name, pins->first);
			continue;
		}
		put_key(t, pins->name);
		put(t, "[");
		put_number(t, pins->first);
		put(t, ",");
		put_number(t, pins->count);
		put(t, "]");
	}
	close_object(t);
}

static const struct mcu_dict_pins i2c_status[] = {
	{ "SUCCESS", BOARD_I2C_SUCCESS, 1 },
	{ "NACK", BOARD_I2C_NACK, 1 },
	{ "BUS_TIMEOUT", BOARD_I2C_TIMEOUT, 1 },
	{ "START_NACK", BOARD_I2C_START_NACK, 1 },
	{ "START_READ_NACK", BOARD_I2C_START_READ_NACK, 1 },
};

static const struct mcu_dict_pins thermocouples[] = {
	{ "MAX6675", MCU_THERMOCOUPLE_MAX6675, 1 },
	{ "MAX31855", MCU_THERMOCOUPLE_MAX31855, 1 },
	{ "MAX31856", MCU_THERMOCOUPLE_MAX31856, 1 },
	{ "MAX31865", MCU_THERMOCOUPLE_MAX31865, 1 },
};

static const struct mcu_dict_pins angles[] = {
	{ "a1333", MCU_ANGLE_A1333, 1 },
	{ "as5047d", MCU_ANGLE_AS5047D, 1 },
	{ "tle5012b", MCU_ANGLE_TLE5012B, 1 },
};

/* Of what this firmware doesn't have. */
static bool reason_left_out(enum mcu_reason reason, const struct mcu_dict_info *info)
{
	switch (reason) {
	case MCU_REASON_CAN_ID:
		return !info->canbus_hz;
	case MCU_REASON_THERMOCOUPLE:
		return left_out(MSG_ID_config_thermocouple, info);
#ifndef MCU_NO_PARTS
	case MCU_REASON_DS18B20:
	case MCU_REASON_DS18B20_SERIAL:
		return left_out(MSG_ID_config_ds18b20, info);
#endif
	default:
		return false;
	}
}

static void put_enumerations(struct text *t, const struct mcu_dict_info *info)
{
	open_object(t, "enumerations");
	put_labels(t, "pin", info->pins, info->pin_count);
	if (info->spi_count)
		put_labels(t, "spi_bus", info->spi, info->spi_count);
	if (info->i2c_count) {
		put_labels(t, "i2c_bus", info->i2c, info->i2c_count);
		put_labels(t, "i2c_bus_status", i2c_status, 5);
	}
	if (!left_out(MSG_ID_config_thermocouple, info))
		put_labels(t, "thermocouple_type", thermocouples, 4);
#ifndef MCU_NO_BULK
	if (!left_out(MSG_ID_config_spi_angle, info))
		put_labels(t, "spi_angle_type", angles, 3);
#endif
	open_object(t, "static_string_id");
	for (uint32_t id = 1; id < MCU_REASON_COUNT; id++)
		if (!reason_left_out((enum mcu_reason)id, info))
			put_int(t, mcu_reason_text((enum mcu_reason)id), id);
	close_object(t);
	close_object(t);
}

/* "bus:PA0,PA1" becomes "RESERVE_PINS_bus":"PA0,PA1". */
static void put_reserve(struct text *t, const char *reserve)
{
	char key[32] = "RESERVE_PINS_";
	const char *pins = strchr(reserve, ':');
	size_t n = strlen(key), len = pins ? (size_t)(pins - reserve) : 0;

	if (!pins || n + len >= sizeof(key))
		return;
	memcpy(key + n, reserve, len);
	key[n + len] = '\0';
	put_string(t, key, pins + 1);
}

size_t mcu_dict_json(char *buf, size_t cap, const struct mcu_dict_info *info)
{
	struct text t = { .buf = buf, .cap = cap };

	put(&t, "{");
	put_string(&t, "app", "stepd");
	put_string(&t, "version", info->version);
	put_string(&t, "build_versions", info->build_versions);
	put_string(&t, "license", "GPL-2.0-or-later");
	put_messages(&t, "commands", MSG_COMMAND, info);
	put_messages(&t, "responses", MSG_RESPONSE, info);
	put_enumerations(&t, info);
	open_object(&t, "config");
	put_string(&t, "MCU", info->mcu_name);
	put_int(&t, "CLOCK_FREQ", info->freq_hz);
	put_int(&t, "ADC_MAX", info->adc_max);
	put_int(&t, "PWM_MAX", info->pwm_max);
	put_int(&t, "STATS_SUMSQ_BASE", MCU_STATS_SUMSQ_BASE);
	put_int(&t, "RECEIVE_WINDOW", MCU_RECEIVE_WINDOW);
	if (!has_word("both_edge", info->without))
		put_int(&t, "STEPPER_STEP_BOTH_EDGE", 1);
	if (info->serial_baud)
		put_int(&t, "SERIAL_BAUD", info->serial_baud);
	if (info->canbus_hz)
		put_int(&t, "CANBUS_FREQUENCY", info->canbus_hz);
	if (info->reserve)
		put_reserve(&t, info->reserve);
	close_object(&t);
	put(&t, "}");
	if (t.len >= cap)
		return 0;
	buf[t.len] = '\0';
	return t.len;
}
