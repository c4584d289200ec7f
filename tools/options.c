/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* options.c - option values that several commands take. */
#include "uzs.h"

#include <stdlib.h>
#include <string.h>

#include "variants.h"

#define PAGE_SIZE_MIN 4096
#define PAGE_SIZE_MAX 65536
#define CHAIN_SIZE_MIN 4
#define CHAIN_SIZE_MAX 16

/* Digits at the beginning of @text. Return: what follows them, or NULL when
 * there are none or the number does not fit. Not strtoull, which takes signs
 * and blanks. */
static const char *digits(const char *text, uint64_t *value)
{
	const char *c;

	*value = 0;
	for (c = text; *c >= '0' && *c <= '9'; c++) {
		unsigned int digit = (unsigned int)(*c - '0');

		if (*value > (UINT64_MAX - digit) / 10)
			return NULL;
		*value = *value * 10 + digit;
	}
	return c == text ? NULL : c;
}

int uzs_parse_number(const char *command, const char *name, const char *text,
		     uint64_t min, uint64_t max, uint64_t *value)
{
	const char *end = digits(text, value);

	if (!end || *end || *value < min || *value > max)
		return uzs_usage(
			command,
			"--%s takes a number from %llu to %llu, not '%s'", name,
			(unsigned long long)min, (unsigned long long)max, text);
	return 0;
}

static bool size_value(const char *text, uint64_t *bytes)
{
	static const char units[] = "KMGT";
	const char *end = digits(text, bytes);
	const char *unit;
	unsigned int shift;

	if (!end)
		return false;
	if (!*end)
		return true;
	unit = strchr(units, *end);
	if (!unit || end[1])
		return false;
	shift = 10 * (unsigned int)(unit - units + 1);
	if (*bytes > UINT64_MAX >> shift)
		return false;
	*bytes <<= shift;
	return true;
}

int uzs_parse_size(const char *command, const char *name, const char *text,
		   uint64_t *bytes)
{
	if (!size_value(text, bytes) || !*bytes || *bytes > SIZE_MAX)
		return uzs_usage(
			command,
			"--%s takes a size such as 8192, 64K, 8M or 1G, not '%s'",
			name, text);
	return 0;
}

int uzs_profile_option(const char *command, const char *text,
		       enum zs_profile *profile)
{
	static const char *const names[] = { VARIANT_PROFILES(VARIANT_NAME) };

	for (unsigned int i = 0; i < VARIANT_NR_PROFILES; i++) {
		if (!strcmp(text, names[i])) {
			*profile = (enum zs_profile)(i + 1);
			return 0;
		}
	}
	return uzs_usage(command, "--profile takes kernel or user, not '%s'",
			 text);
}

int uzs_geometry_option(const char *command, int option, const char *text,
			struct uzs_geometry *geometry)
{
	uint64_t value;
	int status;

	if (option == UZS_OPT_CHAIN_SIZE) {
		status = uzs_parse_number(command, "chain-size", text,
					  CHAIN_SIZE_MIN, CHAIN_SIZE_MAX,
					  &value);
		if (!status)
			geometry->chain_size = (unsigned int)value;
		return status;
	}
	if (!size_value(text, &value) || value < PAGE_SIZE_MIN ||
	    value > PAGE_SIZE_MAX || (value & (value - 1)))
		return uzs_usage(
			command,
			"--page-size takes 4096, 8192, 16384, 32768 or 65536, not '%s'",
			text);
	geometry->page_size = (unsigned int)value;
	return 0;
}
