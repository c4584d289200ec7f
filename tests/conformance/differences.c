/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* differences.c - the table of differences; see differences.h. */
#include "differences.h"

#include <errno.h>

static const struct expected newest = {
	.too_large = ENOSPC,
	.exact = true,
	.nested_reads = true,
	.segments = true,
	.counts_empty = true,
	.bad_access = true,
	.destroys_live = true,
};

static void large_is_einval(struct expected *e)
{
	e->too_large = EINVAL;
}

static void lookup_adds_handle(struct expected *e)
{
	e->lookup_adds = (unsigned int)sizeof(unsigned long);
}

static void not_exact(struct expected *e)
{
	e->exact = false;
}

static void one_open_object(struct expected *e)
{
	e->nested_reads = false;
}

static void no_segments(struct expected *e)
{
	e->segments = false;
}

static void counts_freed(struct expected *e)
{
	e->counts_empty = false;
}

static void unchecked_access(struct expected *e)
{
	e->bad_access = false;
}

static void leaks_live(struct expected *e)
{
	e->destroys_live = false;
}

static const struct {
	enum subject_trait trait;
	const char *what; /* it does */
	const char *then; /* the suite does */
	void (*change)(struct expected *e);
} differences[] = {
	{ SUBJECT_ONE_OPEN_OBJECT,
	  "objects are mapped, one at a time in a thread",
	  "opens one at a time, and none across other calls", one_open_object },
	{ SUBJECT_NO_SEGMENTS, "no zs_obj_read_sg_begin()", "reads no segments",
	  no_segments },
	{ SUBJECT_FOUR_GROUPS,
	  "4 fullness groups, fuller zspages first in their lists",
	  "compares sums and data with the model, not the placement",
	  not_exact },
	{ SUBJECT_PERCENT_CHAINS,
	  "pages per zspage by whole percents: other size classes",
	  "takes the class table as it is", not_exact },
	{ SUBJECT_LARGE_IS_EINVAL, "a size that is too large: EINVAL",
	  "expects EINVAL, otherwise ENOSPC", large_is_einval },
	{ SUBJECT_LEAKS_LIVE, "destroying a pool leaks what is live",
	  "frees all before it destroys a pool", leaks_live },
	{ SUBJECT_UNCHECKED_ACCESS, "no access is checked",
	  "makes no access out of range or with a bad handle",
	  unchecked_access },
	{ SUBJECT_COUNTS_FREED,
	  "zspages that the async work frees stay counted as empty",
	  "does not look at the number of empty zspages", counts_freed },
	{ SUBJECT_LOOKUP_ADDS_HANDLE,
	  "zs_lookup_class_index() adds the handle word, as zs_malloc()",
	  "does not add it itself", lookup_adds_handle },
};

#define NR_DIFFERENCES (sizeof(differences) / sizeof(*differences))

struct expected expected_of(const struct subject *subject)
{
	struct expected e = newest;

	for (size_t i = 0; i < NR_DIFFERENCES; i++)
		if (subject->traits & differences[i].trait)
			differences[i].change(&e);
	return e;
}

static void print_row(size_t i, FILE *out)
{
	fprintf(out, "  %-55s  %s\n", differences[i].what, differences[i].then);
}

void print_differences(FILE *out)
{
	fprintf(out, "  %-55s  %s\n", "what a version may do", "the suite");
	for (size_t i = 0; i < NR_DIFFERENCES; i++)
		print_row(i, out);
}

void print_differences_of(const struct subject *subject, FILE *out)
{
	for (size_t i = 0; i < NR_DIFFERENCES; i++)
		if (subject->traits & differences[i].trait)
			print_row(i, out);
}
