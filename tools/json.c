/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* json.c - see json.h. Write errors stay in the stream. */
#include "json.h"

#include <inttypes.h>
#include <math.h>

/* Bytes of the UTF-8 sequence at @s, which ends in NUL: 1 to 4, or 0 if it is
 * invalid (also overlong forms and surrogates). */
static unsigned int utf8_bytes(const unsigned char *s)
{
	static const struct {
		unsigned char lead_min, lead_max, second_min, second_max;
		unsigned char bytes;
	} forms[] = {
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 },
		{ 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};
	unsigned int i, k;

	if (*s < 0x80)
		return 1;
	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (*s < forms[i].lead_min || *s > forms[i].lead_max)
			continue;
		if (s[1] < forms[i].second_min || s[1] > forms[i].second_max)
			return 0;
		for (k = 2; k < forms[i].bytes; k++) {
			if ((s[k] & 0xc0) != 0x80)
				return 0;
		}
		return forms[i].bytes;
	}
	return 0;
}

static void put_string(FILE *out, const char *text)
{
	const unsigned char *c = (const unsigned char *)text;

	putc('"', out);
	while (*c) {
		unsigned int bytes = utf8_bytes(c);

		if (!bytes) {
			fputs("\\ufffd", out);
			c++;
			continue;
		}
		if (*c < ' ' || *c == 0x7f)
			fprintf(out, "\\u%04x", *c);
		else if (*c == '"' || *c == '\\')
			fprintf(out, "\\%c", *c);
		else
			fwrite(c, 1, bytes, out);
		c += bytes;
	}
	putc('"', out);
}

static void new_line(struct uzs_json *json)
{
	unsigned int i;

	putc('\n', json->out);
	for (i = 0; i < json->depth; i++)
		fputs("  ", json->out);
}

/* Prints all that comes before a value. */
static void begin_value(struct uzs_json *json, const char *key)
{
	if (json->follows)
		putc(',', json->out);
	if (json->depth)
		new_line(json);
	json->follows = true;
	if (key) {
		put_string(json->out, key);
		fputs(": ", json->out);
	}
}

void uzs_json_open(struct uzs_json *json, const char *key, char bracket)
{
	begin_value(json, key);
	putc(bracket, json->out);
	json->depth++;
	json->follows = false;
}

void uzs_json_close(struct uzs_json *json, char bracket)
{
	bool empty = !json->follows;

	json->depth--;
	if (!empty)
		new_line(json);
	putc(bracket, json->out);
	json->follows = true;
	if (!json->depth)
		putc('\n', json->out);
}

void uzs_json_uint(struct uzs_json *json, const char *key, uint64_t value)
{
	begin_value(json, key);
	fprintf(json->out, "%" PRIu64, value);
}

void uzs_json_real(struct uzs_json *json, const char *key, double value)
{
	begin_value(json, key);
	if (isfinite(value))
		fprintf(json->out, "%.6f", value);
	else
		fputs("null", json->out);
}

void uzs_json_bool(struct uzs_json *json, const char *key, bool value)
{
	begin_value(json, key);
	fputs(value ? "true" : "false", json->out);
}

void uzs_json_string(struct uzs_json *json, const char *key, const char *value)
{
	begin_value(json, key);
	put_string(json->out, value);
}
