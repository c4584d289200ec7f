/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* cli.c - reads the words of a command line; see cli.h.
 *
 * Callers: the programs.   Calls: report.c (the end of output).
 */
#include "cli.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "report.h"
#include "uzsmalloc.h"

void usage_error(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s: ", program_name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, " (see %s --help)\n", program_name);
	exit(2);
}

uint64_t parse_number(const char *option, const char *text, uint64_t min,
		      uint64_t max)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)text[0]) || *end || errno || value < min ||
	    value > max)
		usage_error("%s %s: not a number from %llu to %llu", option,
			    text, (unsigned long long)min,
			    (unsigned long long)max);
	return value;
}

uint64_t parse_bytes(const char *option, const char *text)
{
	static const char units[] = "KMG";
	unsigned long long value;
	const char *unit;
	unsigned int shift = 0;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (*end && !end[1]) {
		unit = strchr(units, toupper((unsigned char)*end));
		if (unit) {
			shift = 10 * (unsigned int)(unit - units + 1);
			end++;
		}
	}
	if (!isdigit((unsigned char)text[0]) || *end || errno ||
	    value > (SIZE_MAX >> shift) || !value)
		usage_error("%s %s: not a number of bytes, like 256M", option,
			    text);
	return (uint64_t)value << shift;
}

double parse_seconds(const char *option, const char *text)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end == text || *end || !(seconds > 0) || seconds > 3600)
		usage_error("%s: %s: not a time from 0 to 3600", option, text);
	return seconds;
}

void cli_option(int option, const char *arg, const char *usage,
		struct options *opt)
{
	switch (option) {
	case CLI_CSV:
		opt->output = OUTPUT_CSV;
		break;
	case CLI_JSON:
		opt->output = OUTPUT_JSON;
		break;
	case CLI_REPS:
		opt->reps =
			(unsigned int)parse_number("--reps", arg, 1, MAX_REPS);
		break;
	case CLI_SEED:
		opt->seed = parse_number("--seed", arg, 0, UINT64_MAX);
		break;
	case CLI_VERIFY:
		opt->verify = true;
		break;
	case CLI_PAGE_SIZE:
		opt->page_size = (unsigned int)parse_number("--page-size", arg,
							    1, UINT32_MAX);
		break;
	case CLI_CHAIN_SIZE:
		opt->chain_size = (unsigned int)parse_number(
			"--chain-size", arg, 1, UINT32_MAX);
		break;
	case CLI_HELP:
		fputs(usage, stdout);
		print_end();
		exit(0);
	case CLI_VERSION:
		printf("%s %s\n", program_name, zs_version());
		print_end();
		exit(0);
	default:
		/* getopt has said what is wrong */
		exit(2);
	}
}

unsigned int find_name(const char *option, const char *const *names,
		       const char *name)
{
	unsigned int i;

	for (i = 0; names[i]; i++) {
		if (!strcmp(names[i], name))
			return i;
	}
	usage_error("%s %s: no such variant", option, name);
}

void parse_list(const char *option, const char *text, unsigned int max,
		void (*fn)(void *arg, const char *part), void *arg)
{
	unsigned int nr = 0;
	char part[32];

	for (;;) {
		size_t len = strcspn(text, ",");

		if (nr++ == max)
			usage_error("%s: more than %u in the list", option,
				    max);
		if (!len || len >= sizeof(part))
			usage_error("%s: \"%.*s\" is none of them", option,
				    (int)len, text);
		memcpy(part, text, len);
		part[len] = '\0';
		fn(arg, part);
		if (!text[len])
			return;
		text += len + 1;
	}
}
