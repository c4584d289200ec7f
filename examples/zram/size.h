/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* size.h - numbers as people write them. */
#ifndef UZRAM_SIZE_H
#define UZRAM_SIZE_H

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Decimal digits only. Return: 0 or -EINVAL. */
static inline int parse_number(const char *text, uint64_t *value)
{
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	*value = strtoull(text, &end, 10);
	return errno || *end ? -EINVAL : 0;
}

/* Bytes, with K, M, G or T for powers of 1024. Return: 0 or -EINVAL. */
static inline int parse_size(const char *text, uint64_t *value)
{
	static const char units[] = "KMGT";
	char digits[24];
	size_t len = strlen(text), shift = 0;
	const char *unit;

	if (!len || len >= sizeof(digits))
		return -EINVAL;
	memcpy(digits, text, len + 1);
	unit = strchr(units, digits[len - 1] & ~0x20);
	if (unit && (digits[len - 1] & ~0x20)) {
		digits[len - 1] = 0;
		shift = 10 * (size_t)(unit - units + 1);
	}
	if (parse_number(digits, value) || *value > UINT64_MAX >> shift)
		return -EINVAL;
	*value <<= shift;
	return 0;
}

#endif
