/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* report.h - results as CSV or JSON: rows of named values. */
#ifndef UZS_BENCH_REPORT_H
#define UZS_BENCH_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "options.h"
#include "target.h"

#define ROW_FIELDS 32

struct row {
	unsigned int nr;
	struct {
		const char *name;
		char text[64];
		enum { FIELD_TEXT, FIELD_NUMBER, FIELD_NONE } kind;
	} fields[ROW_FIELDS];
};

/* Values that a row may have. Text must not need quoting. */
void row_text(struct row *row, const char *name, const char *text);
void row_count(struct row *row, const char *name, uint64_t value);
void row_signed(struct row *row, const char *name, int64_t value);
void row_ratio(struct row *row, const char *name, double value);
void row_none(struct row *row, const char *name); /* does not apply */

/* Starts a row with what was asked for and of which allocator. */
void row_begin(struct row *row, const struct options *opt,
	       const struct target_identity *identity, unsigned int rep);

/* Prints rows; all have the same names. Dies if stdout takes no more. */
void print_csv_row(const struct row *row, bool first);
void print_json_row(const struct row *row, bool first, bool last);

/* To be called when all is printed: dies if it did not get out. */
void print_end(void);

/* Says on stderr what is being done, if that is a terminal and the program
 * has been running for a while. NULL: nothing any more. */
void progress(const char *what, unsigned int done, unsigned int of);

struct spread {
	double min, median, max;
};

/* Of nr values, which it sorts. */
struct spread spread_of(double *values, size_t nr);

#endif
