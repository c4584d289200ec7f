/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* report.c - prints results; see report.h.
 *
 * Callers: speed.c, memory.c.   Calls: harness.c.
 */
#include "report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "tools/uzs.h"

#define PROGRESS_AFTER_NS 2000000000u

static char *row_add(struct row *row, const char *name, int kind)
{
	unsigned int at = row->nr++;

	if (at >= ROW_FIELDS)
		die("internal: a row of more than %d fields", ROW_FIELDS);
	row->fields[at].name = name;
	row->fields[at].kind = kind;
	row->fields[at].text[0] = '\0';
	return row->fields[at].text;
}

#define ROW_ROOM sizeof(((struct row *)0)->fields[0].text)

void row_text(struct row *row, const char *name, const char *text)
{
	snprintf(row_add(row, name, FIELD_TEXT), ROW_ROOM, "%s", text);
}

void row_count(struct row *row, const char *name, uint64_t value)
{
	snprintf(row_add(row, name, FIELD_NUMBER), ROW_ROOM, "%" PRIu64, value);
}

void row_signed(struct row *row, const char *name, int64_t value)
{
	snprintf(row_add(row, name, FIELD_NUMBER), ROW_ROOM, "%" PRId64, value);
}

void row_ratio(struct row *row, const char *name, double value)
{
	snprintf(row_add(row, name, FIELD_NUMBER), ROW_ROOM, "%.4f", value);
}

void row_none(struct row *row, const char *name)
{
	row_add(row, name, FIELD_NONE);
}

void row_begin(struct row *row, const struct options *opt,
	       const struct target_identity *identity, unsigned int rep)
{
	row->nr = 0;
	row_text(row, "allocator", identity->name);
	row_text(row, "version", identity->version);
	row_text(row, "sizes", opt->sizes.name);
	row_count(row, "threads", opt->threads);
	if (opt->use_malloc) {
		row_none(row, "page_size");
		row_none(row, "chain_size");
		row_none(row, "lock_scope");
		row_none(row, "defer");
	} else if (opt->subject) {
		row_count(row, "page_size", opt->page_size);
		row_count(row, "chain_size", opt->chain_size);
		/* the name says it */
		row_none(row, "lock_scope");
		row_none(row, "defer");
	} else {
		row_count(row, "page_size", opt->page_size);
		row_count(row, "chain_size", opt->chain_size);
		if (opt->profile == ZS_PROFILE_USER)
			row_none(row, "lock_scope"); /* has no meaning */
		else
			row_text(row, "lock_scope",
				 scope_names[opt->lock_scope]);
		row_text(row, "defer", defer_names[opt->defer]);
	}
	row_count(row, "seed", opt->seed);
	row_count(row, "rep", rep);
}

void print_csv_row(const struct row *row, bool first)
{
	unsigned int i;

	for (i = 0; first && i < row->nr; i++)
		printf("%s%s", i ? "," : "", row->fields[i].name);
	if (first)
		putchar('\n');
	for (i = 0; i < row->nr; i++)
		printf("%s%s", i ? "," : "", row->fields[i].text);
	putchar('\n');
}

void print_json_row(const struct row *row, bool first, bool last)
{
	unsigned int i;

	printf("%s\t{", first ? "[\n" : "");
	for (i = 0; i < row->nr; i++) {
		printf("%s\"%s\": ", i ? ", " : "", row->fields[i].name);
		if (row->fields[i].kind == FIELD_NONE)
			printf("null");
		else if (row->fields[i].kind == FIELD_TEXT)
			printf("\"%s\"", row->fields[i].text);
		else
			printf("%s", row->fields[i].text);
	}
	printf("}%s\n", last ? "\n]" : ",");
}

void print_end(void)
{
	errno = 0;
	if (fflush(stdout) || ferror(stdout))
		die("cannot write the results to stdout: %s",
		    errno ? strerror(errno) : "write error");
}

void progress(const char *what, unsigned int done, unsigned int of)
{
	static uint64_t start;
	char line[128];

	if (!start)
		start = now_ns();
	if (!what) {
		uzs_progress_clear();
		return;
	}
	if (!isatty(STDERR_FILENO) || now_ns() - start < PROGRESS_AFTER_NS)
		return;
	snprintf(line, sizeof(line), "%s: %u of %u", what, done + 1, of);
	uzs_progress_line(line);
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct spread spread_of(double *values, size_t nr)
{
	struct spread spread;

	qsort(values, nr, sizeof(*values), compare_doubles);
	spread.min = values[0];
	spread.max = values[nr - 1];
	spread.median = (values[(nr - 1) / 2] + values[nr / 2]) / 2;
	return spread;
}
