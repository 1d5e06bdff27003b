// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/sensors/i2c_chip.h"

#include <string.h>
#include <strings.h>

#include "daemon/sensors/bosch.h"

enum { STAGES_MAX = 6 };

/* What is asked in turn. Behind the last stage it goes on with the one at again, so those before are done once. */
struct dialogue {
	struct i2c_chip_request stage[STAGES_MAX];
	uint8_t stages, again;
	enum i2c_chip_result (*take)(struct i2c_chip *c, const uint8_t *data);
};

/* ---- cyclic redundancy check: x^8 + x^5 + x^4 + 1, most significant bit first ---- */

static bool crc_holds(const uint8_t data[3], uint8_t start)
{
	uint8_t crc = start;

	for (int i = 0; i < 2; i++) {
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = (uint8_t)(crc & 0x80 ? crc << 1 ^ 0x31 : crc << 1);
	}
	return crc == data[2];
}

static enum i2c_chip_result broken(struct i2c_chip *c, const char *text)
{
	c->text = text;
	return I2C_CHIP_BROKEN;
}

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* ---- HTU21D and kin ---- */

enum { HTU_RESET, HTU_ASK_DEGC, HTU_DEGC, HTU_ASK_HUMIDITY, HTU_HUMIDITY };

static enum i2c_chip_result htu_take(struct i2c_chip *c, const uint8_t *data)
{
	enum { STATUS = 0x3, HUMIDITY = 0x2 };

	if (c->stage != HTU_DEGC && c->stage != HTU_HUMIDITY)
		return I2C_CHIP_MORE;
	if (!crc_holds(data, 0))
		return broken(c, "its checksum is wrong");
	double share = (be16(data) & ~STATUS) / 65536.0;

	if (c->stage == HTU_DEGC) {
		c->degc = 175.72 * share - 46.85;
		return I2C_CHIP_MORE;
	}
	c->humidity = 125 * share - 6;
	c->has_humidity = true;
	return I2C_CHIP_READING;
}

/* ---- BME280, BMP280 ---- */

enum { BOSCH_ID, BOSCH_CALIBRATION, BOSCH_HUMIDITY, BOSCH_OVERSAMPLING, BOSCH_START, BOSCH_VALUES };

static enum i2c_chip_result reading(struct i2c_chip *c, bool measured, bool has_humidity)
{
	if (!measured)
		return broken(c, "it has not measured");
	c->has_humidity = has_humidity;
	c->has_pressure = true;
	return I2C_CHIP_READING;
}

static enum i2c_chip_result bosch_take(struct i2c_chip *c, const uint8_t *data)
{
	switch (c->stage) {
	case BOSCH_ID:
		c->cal.has_humidity = data[0] == BOSCH_BME280;
		if (data[0] == BOSCH_BME280 || data[0] == BOSCH_BMP280)
			return I2C_CHIP_MORE;
		return broken(c, "it is no BME280 and no BMP280");
	case BOSCH_CALIBRATION:
		bosch_calibration(&c->cal, data);
		return I2C_CHIP_MORE;
	case BOSCH_HUMIDITY:
		bosch_humidity_calibration(&c->cal, data);
		return I2C_CHIP_MORE;
	case BOSCH_VALUES:
		return reading(c, bosch_values(&c->cal, data, &c->degc, &c->hpa, &c->humidity),
			       c->cal.has_humidity);
	default:
		return I2C_CHIP_MORE;
	}
}

/* ---- BMP180, BMP388, BME680 ---- */

static enum i2c_chip_result bmp180_take(struct i2c_chip *c, const uint8_t *data)
{
	enum { ID, CALIBRATION, START_DEGC, DEGC, START_PRESSURE, PRESSURE };

	if (c->stage == ID && data[0] != BOSCH_BMP180)
		return broken(c, "it is no BMP180");
	if (c->stage == CALIBRATION && !bosch_180_calibration(&c->cal, data))
		return broken(c, "its calibration can't be");
	if (c->stage == DEGC)
		c->degc = bosch_180_degc(&c->cal, data);
	if (c->stage != PRESSURE)
		return I2C_CHIP_MORE;
	c->hpa = bosch_180_hpa(&c->cal, data);
	return reading(c, true, false);
}

static enum i2c_chip_result bmp388_take(struct i2c_chip *c, const uint8_t *data)
{
	enum { ID, CALIBRATION, OVERSAMPLING, START, VALUES };

	if (c->stage == ID && data[0] != BOSCH_BMP388)
		return broken(c, "it is no BMP388");
	if (c->stage == CALIBRATION)
		bosch_388_calibration(&c->cal, data);
	if (c->stage != VALUES)
		return I2C_CHIP_MORE;
	return reading(c, bosch_388_values(&c->cal, data, &c->degc, &c->hpa), false);
}

static enum i2c_chip_result bme680_take(struct i2c_chip *c, const uint8_t *data)
{
	enum { ID, CALIBRATION, HUMIDITY, OVERSAMPLING, START, VALUES };

	if (c->stage == ID && data[0] != BOSCH_BME680)
		return broken(c, "it is no BME680");
	if (c->stage == CALIBRATION)
		bosch_680_calibration(&c->cal, data);
	if (c->stage == HUMIDITY)
		bosch_680_humidity_calibration(&c->cal, data);
	if (c->stage != VALUES)
		return I2C_CHIP_MORE;
	return reading(c, bosch_680_values(&c->cal, data, &c->degc, &c->hpa, &c->humidity), true);
}

/* ---- LM75 ---- */

static enum i2c_chip_result lm75_take(struct i2c_chip *c, const uint8_t *data)
{
	/* 9 to 11 bits at the upper end; what is below is not defined */
	c->degc = (int16_t)(be16(data) & 0xffe0) / 256.0;
	return I2C_CHIP_READING;
}

/* ---- SHT3x ---- */

enum { SHT_ASK, SHT_VALUES };

static enum i2c_chip_result sht_take(struct i2c_chip *c, const uint8_t *data)
{
	if (c->stage == SHT_ASK)
		return I2C_CHIP_MORE;
	if (!crc_holds(data, 0xff) || !crc_holds(data + 3, 0xff))
		return broken(c, "its checksum is wrong");
	c->degc = 175 * (be16(data) / 65535.0) - 45;
	c->humidity = 100 * (be16(data + 3) / 65535.0);
	c->has_humidity = true;
	return I2C_CHIP_READING;
}

/* ---- AHT10, AHT20 and kin ---- */

enum { AHT_INIT, AHT_ASK, AHT_VALUES };

static enum i2c_chip_result aht_take(struct i2c_chip *c, const uint8_t *data)
{
	enum { BUSY = 0x80 };
	const double full = 1 << 20;

	if (c->stage != AHT_VALUES)
		return I2C_CHIP_MORE;
	if (data[0] & BUSY)
		return broken(c, "it has not measured");
	c->humidity = (double)(data[1] << 12 | data[2] << 4 | data[3] >> 4) / full * 100;
	c->degc = (double)((data[3] & 0xf) << 16 | data[4] << 8 | data[5]) / full * 200 - 50;
	c->has_humidity = true;
	return I2C_CHIP_READING;
}

/* ---- all of them ---- */

static const struct dialogue dialogues[I2C_CHIP_KINDS] = {
	[I2C_CHIP_HTU21D] = { { { { 0xfe }, 1, 0, 0 },    /* reset: 15 ms */
				{ { 0xf3 }, 1, 0, 0.02 }, /* temperature; 85 ms at most, the SHT21's */
				{ { 0 }, 0, 3, 0.09 },
				{ { 0xf5 }, 1, 0, 0 }, /* humidity; 29 ms at most */
				{ { 0 }, 0, 3, 0.035 } },
			      5,
			      HTU_ASK_DEGC,
			      htu_take },
	[I2C_CHIP_BME280] = { { { { 0xd0 }, 1, 1, 0 },
				{ { 0x88 }, 1, BOSCH_CALIBRATION_LEN, 0 },
				{ { 0xe1 }, 1, BOSCH_HUMIDITY_LEN, 0 },
				{ { 0xf2, 0x02 }, 2, 0, 0 }, /* humidity twice */
				{ { 0xf4, 2 << 5 | 3 << 2 | 1 },
				  2,
				  0,
				  0 }, /* temperature twice, pressure 4 times; now */
				{ { 0xf7 }, 1, BOSCH_VALUES_LEN, 0.05 } }, /* 21 ms at most */
			      6,
			      BOSCH_START,
			      bosch_take },
	[I2C_CHIP_BMP180] = { { { { 0xd0 }, 1, 1, 0 },
				{ { 0xaa }, 1, BOSCH_180_CALIBRATION_LEN, 0 },
				{ { 0xf4, 0x2e }, 2, 0, 0 }, /* temperature: 4.5 ms */
				{ { 0xf6 }, 1, 2, 0.008 },
				{ { 0xf4, 0x34 }, 2, 0, 0 }, /* pressure, once: 4.5 ms */
				{ { 0xf6 }, 1, 2, 0.008 } },
			      6,
			      2,
			      bmp180_take },
	[I2C_CHIP_BMP388] = { { { { 0x00 }, 1, 1, 0 },
				{ { 0x31 }, 1, BOSCH_388_CALIBRATION_LEN, 0 },
				{ { 0x1c, 0x02 }, 2, 0, 0 }, /* pressure 4 times */
				{ { 0x1b, 0x13 }, 2, 0, 0 }, /* both, now: 14 ms */
				{ { 0x03 }, 1, BOSCH_388_VALUES_LEN, 0.03 } },
			      5,
			      3,
			      bmp388_take },
	[I2C_CHIP_BME680] = { { { { 0xd0 }, 1, 1, 0 },
				{ { 0x89 }, 1, BOSCH_680_CALIBRATION_LEN, 0 },
				{ { 0xe1 }, 1, BOSCH_680_HUMIDITY_LEN, 0 },
				{ { 0x72, 0x02 }, 2, 0, 0 }, /* humidity twice */
				{ { 0x74, 2 << 5 | 3 << 2 | 1 }, 2, 0, 0 },
				{ { 0x1d }, 1, BOSCH_680_VALUES_LEN, 0.05 } },
			      6,
			      4,
			      bme680_take },
	[I2C_CHIP_LM75] = { { { { 0x00 }, 1, 2, 0 } }, 1, 0, lm75_take },
	[I2C_CHIP_SHT3X] = { { { { 0x24, 0x00 }, 2, 0, 0 },
			       { { 0 }, 0, 6, 0.02 } }, /* 15 ms at most */
			     2,
			     SHT_ASK,
			     sht_take },
	[I2C_CHIP_AHT1X] = { { { { 0xe1, 0x08, 0x00 }, 3, 0, 0 },
			       { { 0xac, 0x33, 0x00 }, 3, 0, 0.02 },
			       { { 0 }, 0, 6, 0.09 } }, /* 80 ms */
			     3,
			     AHT_ASK,
			     aht_take },
	[I2C_CHIP_AHT2X] = { { { { 0xbe, 0x08, 0x00 }, 3, 0, 0 },
			       { { 0xac, 0x33, 0x00 }, 3, 0, 0.02 },
			       { { 0 }, 0, 6, 0.09 } },
			     3,
			     AHT_ASK,
			     aht_take },
};

static const struct {
	const char *name;
	uint8_t kind, address;
} names[] = {
	{ "HTU21D", I2C_CHIP_HTU21D, 0x40 }, { "SI7013", I2C_CHIP_HTU21D, 0x40 },
	{ "SI7020", I2C_CHIP_HTU21D, 0x40 }, { "SI7021", I2C_CHIP_HTU21D, 0x40 },
	{ "SHT21", I2C_CHIP_HTU21D, 0x40 },  { "BME280", I2C_CHIP_BME280, 0x76 },
	{ "BMP280", I2C_CHIP_BME280, 0x76 }, { "BMP180", I2C_CHIP_BMP180, 0x77 },
	{ "BMP388", I2C_CHIP_BMP388, 0x76 }, { "BME680", I2C_CHIP_BME680, 0x76 },
	{ "LM75", I2C_CHIP_LM75, 0x48 },     { "SHT3X", I2C_CHIP_SHT3X, 0x44 },
	{ "AHT1X", I2C_CHIP_AHT1X, 0x38 },   { "AHT2X", I2C_CHIP_AHT2X, 0x38 },
	{ "AHT3X", I2C_CHIP_AHT2X, 0x38 },
};

const char *i2c_chip_named(const char *sensor_type, enum i2c_chip_kind *kind, uint8_t *address)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcasecmp(names[i].name, sensor_type) != 0)
			continue;
		*kind = (enum i2c_chip_kind)names[i].kind;
		*address = names[i].address;
		return names[i].name;
	}
	return NULL;
}

const char *i2c_chip_name(size_t i)
{
	return i < sizeof(names) / sizeof(*names) ? names[i].name : NULL;
}

void i2c_chip_init(struct i2c_chip *c, enum i2c_chip_kind kind)
{
	*c = (struct i2c_chip){ .kind = kind };
}

void i2c_chip_next(const struct i2c_chip *c, struct i2c_chip_request *out)
{
	*out = dialogues[c->kind].stage[c->stage];
}

enum i2c_chip_result i2c_chip_take(struct i2c_chip *c, const uint8_t *data)
{
	const struct dialogue *d = &dialogues[c->kind];
	enum i2c_chip_result r;

	r = data ? d->take(c, data) : broken(c, "it does not answer");
	if (r == I2C_CHIP_BROKEN) {
		c->stage = 0;
		return r;
	}
	if (++c->stage == d->stages)
		c->stage = d->again;
	/* without humidity there is no such calibration, and nothing to set */
	while (c->kind == I2C_CHIP_BME280 && !c->cal.has_humidity &&
	       (c->stage == BOSCH_HUMIDITY || c->stage == BOSCH_OVERSAMPLING))
		c->stage++;
	return r;
}
