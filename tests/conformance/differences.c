/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* differences.c - the table of differences; see differences.h. */
#include "differences.h"

#include <errno.h>

static const struct expected newest = {
	.too_large = ENOSPC,
	.exact = true,
	.twelve_groups = true,
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

static void four_groups(struct expected *e)
{
	e->exact = false;
	e->twelve_groups = false;
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

static void own_classes(struct expected *e)
{
	e->exact = false;
	e->own_classes = true;
}

static void own_places(struct expected *e)
{
	e->exact = false;
	e->own_places = true;
}

static void one_piece(struct expected *e)
{
	e->one_piece = true;
}

static void counts_used(struct expected *e)
{
	e->counts_used = true;
}

static void pins_objects(struct expected *e)
{
	e->pins_objects = true;
}

static void own_sections(struct expected *e)
{
	e->own_sections = true;
}

static void trims_objects(struct expected *e)
{
	e->trims_objects = true;
}

static void own_words(struct expected *e)
{
	e->own_words = true;
}

static const struct {
	unsigned int difference; /* enum subject_trait, enum difference */
	const char *what; /* it does */
	const char *then; /* the suite does */
	void (*change)(struct expected *e); /* or NULL */
} differences[] = {
	{ SUBJECT_ONE_OPEN_OBJECT,
	  "objects are mapped, one at a time in a thread",
	  "opens one at a time, and none across other calls", one_open_object },
	{ SUBJECT_NO_SEGMENTS, "no zs_obj_read_sg_begin()", "reads no segments",
	  no_segments },
	{ SUBJECT_FOUR_GROUPS,
	  "4 fullness groups, fuller zspages first in their lists",
	  "compares sums and data with the model, not the placement; skips the groups",
	  four_groups },
	{ SUBJECT_PERCENT_CHAINS,
	  "pages per zspage by whole percents: other size classes",
	  "takes the class table as it is: skips the recorded ones",
	  not_exact },
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
	{ SUBJECT_FAILS_WITH_0, "zs_malloc() answers 0 whatever fails",
	  "takes that for EINVAL if no pool stores the size, else for ENOMEM",
	  NULL },
	{ SUBJECT_LOOKUP_ADDS_HANDLE,
	  "zs_lookup_class_index() adds the handle word, as zs_malloc()",
	  "does not add it itself", lookup_adds_handle },
	{ SUBJECT_LARGE_OBJECTS, "objects of more than a page",
	  "asks for sizes up to its largest one", NULL },
	{ SUBJECT_OWN_CLASSES,
	  "size classes of its own, those of whole pages huge",
	  "expects each that is used to waste least and to serve its sizes; skips the recorded tables",
	  own_classes },
	{ SUBJECT_OWN_PLACES,
	  "places of its own; freed objects keep theirs for a while",
	  "drains before it looks at zspages; compares who is in them, sums and data, not the placement",
	  own_places },
	{ SUBJECT_ONE_PIECE, "an object lies in one piece",
	  "expects one segment, of any length", one_piece },
	{ SUBJECT_COUNTS_USED, "of a zspage the pages used so far are counted",
	  "expects no more pages than zspages have and no fewer than objects need; counts what compaction frees by zspages",
	  counts_used },
	{ SUBJECT_PINS_OBJECTS,
	  "a read keeps its object in place, not the zspage",
	  "expects compaction to bring others to an object that is read",
	  pins_objects },
	{ SUBJECT_OWN_SECTIONS,
	  "memory of zspages comes in sections, each for one length",
	  "has them lack sections, not pages; wants relief for zspages of the length that is freed",
	  own_sections },
	{ SUBJECT_TRIMS_OBJECTS, "trimming moves objects, not pages",
	  "expects fewer pages, and none moved", trims_objects },
	{ SUBJECT_OWN_WORDS, "the word that names an object is the program's",
	  "has no handle lack memory", own_words },
	{ LACKS_DEFERRED, "nothing is freed later",
	  "skips what frees objects later", NULL },
	{ LACKS_MOVE_PAGES, "pages do not move one by one",
	  "moves none; skips what is about that only", NULL },
	{ LACKS_TRIM, "nothing is trimmed", "skips trimming", NULL },
	{ LACKS_RUN_OUT, "memory does not run out when wanted",
	  "skips the lack of memory", NULL },
	{ LACKS_HOLD_PAGE, "no page can be held while its zspage is emptied",
	  "skips a pool that goes with such work to do", NULL },
	{ LACKS_PLACES, "zspages are not shown",
	  "compares no placement; skips the recorded traces", NULL },
	{ LACKS_TABLE, "no table `classes`", "skips it", NULL },
	{ LACKS_RECORD, "(a page and chain size without a recorded table)",
	  "skips the recorded tables", NULL },
};

#define NR_DIFFERENCES (sizeof(differences) / sizeof(*differences))

static unsigned int lacks(const struct subject *s)
{
	return (s->free_deferred ? 0u : LACKS_DEFERRED) |
	       (s->move_pages ? 0u : LACKS_MOVE_PAGES) |
	       (s->trim ? 0u : LACKS_TRIM) | (s->run_out ? 0u : LACKS_RUN_OUT) |
	       (s->hold_page ? 0u : LACKS_HOLD_PAGE) |
	       (s->for_each_zspage ? 0u : LACKS_PLACES) |
	       (s->print_classes ? 0u : LACKS_TABLE);
}

struct expected expected_of(const struct subject *subject)
{
	struct expected e = newest;

	e.differences = subject->traits | lacks(subject);
	for (size_t i = 0; i < NR_DIFFERENCES; i++)
		if (e.differences & differences[i].difference &&
		    differences[i].change)
			differences[i].change(&e);
	return e;
}

static void print_row(size_t i, FILE *out)
{
	fprintf(out, "  %-58s  %s\n", differences[i].what, differences[i].then);
}

void print_differences(FILE *out)
{
	fprintf(out, "  %-58s  %s\n", "what a subject may do", "the suite");
	for (size_t i = 0; i < NR_DIFFERENCES; i++)
		print_row(i, out);
}

unsigned int print_some_differences(unsigned int which, FILE *out)
{
	unsigned int nr = 0;

	for (size_t i = 0; i < NR_DIFFERENCES; i++) {
		if (!(which & differences[i].difference))
			continue;
		print_row(i, out);
		nr++;
	}
	return nr;
}
