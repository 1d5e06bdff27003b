// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/sensors/sensors.h"

#include <stdio.h>
#include <string.h>

#include "daemon/config/sensor_types.h"
#include "daemon/machine/machine.h"

static bool on_bus(const struct machine_sensor *cfg)
{
	return cfg->source == MACHINE_SENSOR_SPI || cfg->source == MACHINE_SENSOR_I2C;
}

bool sensors_setup(struct machine *m, char *err, size_t err_size)
{
	for (size_t i = 0; i < m->mc->sensor_count && !m->hooks.no_heat; i++) {
		const struct machine_sensor *cfg = &m->mc->sensors[i];

		if (!on_bus(cfg))
			continue;
		i2c_chip_init(&m->sensors.feed[i].chip, cfg->i2c_chip);
		m->sensors.device[i] = bus_add(&m->bus, &cfg->bus);
		if (m->sensors.device[i] >= 0)
			continue;
		snprintf(err, err_size, "more than %d devices on buses", BUS_DEVICES_MAX);
		return false;
	}
	return true;
}

/* The curve of a chip's own sensor; false, and said: there is none that stepd can use. */
static bool chip_curve(struct machine *m, const struct session *s, const struct machine_sensor *cfg,
		       struct sensor_curve *curve)
{
	const char *chip = dictionary_text(&s->dict, "MCU");
	struct sensor_curve known;
	uint32_t pin;

	if (!dictionary_enum(&s->dict, "pin", cfg->pin.name, &pin)) {
		machine_say(m, REPLY_INFO, "sensor %s: mcu '%s' has no pin %s; left out", cfg->name,
			    s->name, cfg->pin.name);
		return false;
	}
	if (curve->count == 2 || sensor_types_chip(chip ? chip : "", &known)) {
		if (curve->count == 1) /* as steep as they are, through this one */
			sensor_shift(&known, curve->x[0], curve->degc[0]);
		if (curve->count < 2)
			*curve = known;
		return true;
	}
	machine_say(m, REPLY_INFO,
		    "sensor %s: the curve of chip '%s' is not known; expected "
		    "sensor_temperature1, sensor_adc1, …2; left out",
		    cfg->name, chip ? chip : "?");
	return false;
}

/* A converter that the MCU reads by itself. */
static bool configure_spi(struct machine *m, struct session *s, size_t i,
			  struct heat_sensor_config *out)
{
	const struct machine_sensor *cfg = &m->mc->sensors[i];
	struct msg_config_thermocouple c = { .oid = 0 };
	uint32_t type = 0;

	if (!session_oid(s, &c.oid))
		return false;
	c.spi_oid = bus_oid(&m->bus, m->sensors.device[i]);
	if (dictionary_enum(&s->dict, "thermocouple_type", sensor_chip_name(cfg->chip), &type)) {
		c.thermocouple_type = (uint8_t)type;
	} else if (wire_dict_wire_id(&s->dict.ids, MSG_ID_config_thermocouple) != WIRE_ID_NONE) {
		snprintf(s->error, sizeof(s->error),
			 "mcu '%s': its firmware can't read a %s, and [%s] has one", s->name,
			 sensor_chip_name(cfg->chip), cfg->bus.section);
		return false;
	}
	session_for(s, "[%s]", cfg->bus.section);
	if (!session_config(s, MSG_ID_config_thermocouple, &c))
		return false;
	session_for(s, NULL);
	out->mcu = (uint8_t)s->mcu;
	out->oid = c.oid;
	out->spi_oid = c.spi_oid;
	out->chip = (uint8_t)cfg->chip;
	out->setup = cfg->setup;
	return true;
}

static bool configure_analog(struct machine *m, struct session *s, size_t i,
			     struct heat_sensor_config *out)
{
	const struct machine_sensor *cfg = &m->mc->sensors[i];
	struct msg_config_analog_in c;

	out->adc_max = (uint16_t)dictionary_whole(&s->dict, "ADC_MAX", 1, UINT16_MAX, 4095);
	if (!session_oid(s, &c.oid) || !session_pin(s, &cfg->pin, UINT16_MAX, &c.pin) ||
	    !session_config(s, MSG_ID_config_analog_in, &c))
		return false;
	out->mcu = (uint8_t)s->mcu;
	out->oid = c.oid;
	return true;
}

/* stepd's own firmware has to know the pin; one that runs on Linux has the chip from there. */
static bool configure_ds18b20(struct machine *m, struct session *s, size_t i)
{
	const struct machine_sensor *cfg = &m->mc->sensors[i];
	struct sensor_feed *f = &m->sensors.feed[i];
	struct msg_config_ds18b20 c = { .serial = { .data = (const uint8_t *)cfg->serial,
						    .len = (uint8_t)strlen(cfg->serial) },
					.max_error_count = UINT8_MAX };
	struct msg_ds18b20_set_pin at;
	bool takes_pin = wire_dict_wire_id(&s->dict.ids, MSG_ID_ds18b20_set_pin) != WIRE_ID_NONE;

	f->waiting = false;
	if (!session_oid(s, &f->oid))
		return false;
	c.oid = at.oid = f->oid;
	if (!session_config(s, MSG_ID_config_ds18b20, &c))
		return false;
	if (takes_pin != cfg->pin.set) {
		snprintf(s->error, sizeof(s->error), "mcu '%s': [%s] sensor_pin: expected %s",
			 s->name, cfg->section,
			 takes_pin ? "the pin that the DS18B20 is at"
				   : "none, as this firmware reads those that its system knows");
		return false;
	}
	return !takes_pin || (session_pin(s, &cfg->pin, UINT16_MAX, &at.pin) &&
			      session_config(s, MSG_ID_ds18b20_set_pin, &at));
}

static bool configure_sensor(struct machine *m, struct session *s, size_t i)
{
	const struct machine_sensor *cfg = &m->mc->sensors[i];
	struct ctl_rec rec = { .kind = CTL_SENSOR };
	struct heat_sensor_config *c = &rec.sensor;
	bool ok = true;

	c->sensor = (uint8_t)i;
	c->guards = cfg->guards;
	c->min_degc = cfg->min_degc;
	c->max_degc = cfg->max_degc;
	c->curve = cfg->curve;
	switch (cfg->source) {
	case MACHINE_SENSOR_DS18B20:
		ok = configure_ds18b20(m, s, i);
		c->fed = true;
		c->silence_s = HEAT_FED_SILENCE_S + 2 * cfg->report_s;
		break;
	case MACHINE_SENSOR_HOST:
	case MACHINE_SENSOR_I2C:
		c->fed = true;
		c->silence_s = HEAT_FED_SILENCE_S + (cfg->guards ? 0 : cfg->report_s);
		break;
	case MACHINE_SENSOR_COMBINED:
		c->combine = (uint8_t)cfg->combine;
		c->members = cfg->members;
		c->deviation_degc = cfg->deviation_degc;
		break;
	case MACHINE_SENSOR_SPI:
		ok = configure_spi(m, s, i, c);
		break;
	case MACHINE_SENSOR_CHIP:
		if (!chip_curve(m, s, cfg, &c->curve))
			return true;
		ok = configure_analog(m, s, i, c);
		break;
	case MACHINE_SENSOR_ADC:
		ok = configure_analog(m, s, i, c);
		break;
	}
	return ok && machine_control(m, &rec);
}

/* What is at none is set up with the first. */
static int mcu_of(const struct machine_sensor *cfg)
{
	int mcu = machine_sensor_mcu(cfg);

	return mcu < 0 ? 0 : mcu;
}

bool sensors_configure(struct machine *m, struct session *s)
{
	for (size_t i = 0; i < m->mc->sensor_count && !m->hooks.no_heat; i++)
		if (mcu_of(&m->mc->sensors[i]) == s->mcu && !configure_sensor(m, s, i))
			return false;
	return true;
}
