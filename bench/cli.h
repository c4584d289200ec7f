/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* cli.h - what the command lines of the programs have in common. All of it
 * says what is wrong on stderr and ends the program with status 2. */
#ifndef UZS_BENCH_CLI_H
#define UZS_BENCH_CLI_H

#include <stddef.h>
#include <stdint.h>

void usage_error(const char *format, ...)
	__attribute__((format(printf, 1, 2), noreturn));

/* A decimal number, the whole of text, from min to max. */
uint64_t parse_number(const char *option, const char *text, uint64_t min,
		      uint64_t max);

/* Bytes, at least 1, with a unit: none, K, M or G. */
uint64_t parse_bytes(const char *option, const char *text);

/* The number of a name in a list that ends with NULL. */
unsigned int find_name(const char *option, const char *const *names,
		       const char *name);

/* Calls fn for each part of a list with commas, at most max parts of less
 * than 32 characters. */
void parse_list(const char *option, const char *text, unsigned int max,
		void (*fn)(void *arg, const char *part), void *arg);

#endif
