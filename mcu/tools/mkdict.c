/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mkdict.c - the compressed dictionary of a board, as C source; runs on the host.
 *
 *   mkdict SYMBOL KEY=VALUE... >dict.c
 *
 * Keys: name, version, build (text); freq, adc_max, pwm_max, baud, canbus (numbers); reserve=BUS:PIN,PIN (once);
 * without=WORD,WORD; pins=NAME:FIRST:COUNT, spi=NAME:FIRST:COUNT, i2c=… (again for each range).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "mcu_dict.h"

enum { JSON_MAX = 32 * 1024, PINS_MAX = 32 };

struct args {
	struct mcu_dict_info info;
	struct mcu_dict_pins pins[PINS_MAX], spi[PINS_MAX], i2c[PINS_MAX];
};

static int fail(const char *what, const char *value)
{
	fprintf(stderr, "mkdict: %s: %s\n", what, value);
	return 1;
}

static int take_labels(struct mcu_dict_pins *labels, size_t *labels_count, char *value)
{
	struct mcu_dict_pins *p = &labels[*labels_count];
	char *first = strchr(value, ':');
	char *count = first ? strchr(first + 1, ':') : NULL;

	if (!count || *labels_count == PINS_MAX)
		return fail("NAME:FIRST:COUNT expected, 32 times at most", value);
	*first = *count = '\0';
	p->name = value;
	p->first = (uint16_t)atoi(first + 1);
	p->count = (uint16_t)atoi(count + 1);
	++*labels_count;
	return 0;
}

static int take(struct args *a, char *arg)
{
	struct mcu_dict_info *info = &a->info;
	const struct {
		const char *key;
		const char **text;
		uint32_t *number;
	} keys[] = {
		{ "name", &info->mcu_name, NULL },        { "version", &info->version, NULL },
		{ "build", &info->build_versions, NULL }, { "reserve", &info->reserve, NULL },
		{ "freq", NULL, &info->freq_hz },         { "adc_max", NULL, &info->adc_max },
		{ "pwm_max", NULL, &info->pwm_max },      { "baud", NULL, &info->serial_baud },
		{ "canbus", NULL, &info->canbus_hz },     { "without", &info->without, NULL },
	};
	char *value = strchr(arg, '=');

	if (!value)
		return fail("KEY=VALUE expected", arg);
	*value++ = '\0';
	if (!strcmp(arg, "pins"))
		return take_labels(a->pins, &info->pin_count, value);
	if (!strcmp(arg, "spi"))
		return take_labels(a->spi, &info->spi_count, value);
	if (!strcmp(arg, "i2c"))
		return take_labels(a->i2c, &info->i2c_count, value);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strcmp(arg, keys[i].key))
			continue;
		if (keys[i].text)
			*keys[i].text = value;
		else
			*keys[i].number = (uint32_t)strtoul(value, NULL, 10);
		return 0;
	}
	return fail("unknown key", arg);
}

int main(int argc, char **argv)
{
	static struct args a = { .info = { .version = "stepd", .build_versions = "" } };
	static char json[JSON_MAX];
	static Bytef out[JSON_MAX];
	uLongf len = sizeof(out);
	size_t json_len;

	a.info.pins = a.pins;
	a.info.spi = a.spi;
	a.info.i2c = a.i2c;
	for (int i = 2; i < argc; i++)
		if (take(&a, argv[i]))
			return 1;
	if (argc < 2 || !a.info.mcu_name)
		return fail("usage", "mkdict SYMBOL name=TEXT KEY=VALUE...");
	json_len = mcu_dict_json(json, sizeof(json), &a.info);
	if (!json_len || compress2(out, &len, (Bytef *)json, json_len, Z_BEST_COMPRESSION) != Z_OK)
		return fail("the dictionary can't be made for", a.info.mcu_name);
	printf("#include \"wire.h\"\nextern const WIRE_ROM uint8_t %s[];\nextern const uint16_t %s_len;\n"
	       "const uint16_t %s_len = %lu;\nconst WIRE_ROM uint8_t %s[] = {",
	       argv[1], argv[1], argv[1], (unsigned long)len, argv[1]);
	for (uLongf i = 0; i < len; i++)
		printf("%s%u,", i % 20 ? "" : "\n\t", out[i]);
	printf("\n};\n");
	return 0;
}
