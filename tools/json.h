/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* json.h - writes JSON, one value on a line. @key is NULL inside an array. */
#ifndef UZS_JSON_H
#define UZS_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct uzs_json {
	FILE *out;
	unsigned int depth;
	bool follows; /* the next value needs a comma before it */
};

#define UZS_JSON_INIT(file)      \
	{                        \
		(file), 0, false \
	}

/* @bracket: '{' or '[' to open, '}' or ']' to close. */
void uzs_json_open(struct uzs_json *json, const char *key, char bracket);
void uzs_json_close(struct uzs_json *json, char bracket);
void uzs_json_uint(struct uzs_json *json, const char *key, uint64_t value);
/* NaN, for a quotient that does not exist, becomes null. */
void uzs_json_real(struct uzs_json *json, const char *key, double value);
void uzs_json_bool(struct uzs_json *json, const char *key, bool value);
/* Bytes that are not UTF-8 become U+FFFD. */
void uzs_json_string(struct uzs_json *json, const char *key, const char *value);

#endif
