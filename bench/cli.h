/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* cli.h - what the command lines of the programs have in common. All of it
 * says what is wrong on stderr and ends the program with status 2. */
#ifndef UZS_BENCH_CLI_H
#define UZS_BENCH_CLI_H

#include <getopt.h>
#include <stddef.h>
#include <stdint.h>

#include "options.h"

/* Options that are alike in several programs: a program puts these lines into
 * its table, lets its own values begin with CLI_OWN, and gives what it does not
 * know itself to cli_option(). */
enum {
	CLI_CSV = 256,
	CLI_HELP,
	CLI_VERSION,
	CLI_JSON,
	CLI_REPS,
	CLI_SEED,
	CLI_VERIFY,
	CLI_PAGE_SIZE,
	CLI_CHAIN_SIZE,
	CLI_OWN
};
/* Of every program, and the end of its table. */
#define CLI_OPTIONS                                            \
	{ "csv", no_argument, NULL, CLI_CSV },                 \
		{ "help", no_argument, NULL, CLI_HELP },       \
		{ "version", no_argument, NULL, CLI_VERSION }, \
	{                                                      \
		NULL, 0, NULL, 0                               \
	}
/* Of those that measure round after round. */
#define CLI_RUN_OPTIONS                                                  \
	{ "json", no_argument, NULL, CLI_JSON },                         \
		{ "reps", required_argument, NULL, CLI_REPS },           \
		{ "seed", required_argument, NULL, CLI_SEED },           \
		{ "verify", no_argument, NULL, CLI_VERIFY },             \
		{ "page-size", required_argument, NULL, CLI_PAGE_SIZE }, \
	{                                                                \
		"chain-size", required_argument, NULL, CLI_CHAIN_SIZE    \
	}

/* Does what an option says that getopt_long has found. --help prints usage and
 * ends the program; so does what getopt_long did not understand. */
void cli_option(int option, const char *arg, const char *usage,
		struct options *opt);

void usage_error(const char *format, ...)
	__attribute__((format(printf, 1, 2), noreturn));

/* A decimal number, the whole of text, from min to max. */
uint64_t parse_number(const char *option, const char *text, uint64_t min,
		      uint64_t max);

/* Bytes, at least 1, with a unit: none, K, M or G. */
uint64_t parse_bytes(const char *option, const char *text);

/* More than 0, at most an hour. */
double parse_seconds(const char *option, const char *text);

/* The number of a name in a list that ends with NULL. */
unsigned int find_name(const char *option, const char *const *names,
		       const char *name);

/* Calls fn for each part of a list with commas, at most max parts of less
 * than 32 characters. */
void parse_list(const char *option, const char *text, unsigned int max,
		void (*fn)(void *arg, const char *part), void *arg);

#endif
