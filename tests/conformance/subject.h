/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* subject.h - an allocator under test, as a table of calls: what the
 * conformance suite, the differential and uzs-bench know of it.
 *
 * A subject is ours in one lock scope with one kind of deferral
 * (subject_uzs.c), a pool of our user profile (subject_user.c), or a kernel
 * tree's mm/zsmalloc.c (kernel/subject.c), built into a shared object for one
 * page size and chain size. Such a file exports
 * one symbol, uzs_kernel_subject(), and nothing else: its copies of compat
 * and of zs_* must not meet those of the program (hidden visibility, and
 * -Bsymbolic or a version script).
 *
 * Includes nothing of the library and of compat: a subject may be compiled
 * with headers of its own.
 *
 * Threads: every call may run at once with every other on the same pool, but
 * destroy, check, class_info and for_each_zspage, which are alone. Calls on one handle:
 * as uzsmalloc.h says. What a subject needs for a thread (a CPU number, say)
 * it finds by itself.
 */
#ifndef UZS_SUBJECT_H
#define UZS_SUBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Changes with every change of this file that a compiled subject notices. */
#define SUBJECT_ABI 7u

#define SUBJECT_MAX_GROUPS 12

/* What a subject does in another way than the newest version of the kernel's.
 * The suite's table of differences (differences.c) says what each of them
 * changes. */
enum subject_trait {
	/* Access by zs_map_object/zs_unmap_object: a thread has at most one
	 * object open (read_begin..read_end), and does nothing else with the
	 * pool meanwhile. */
	SUBJECT_ONE_OPEN_OBJECT = 1u << 0,
	/* 4 fullness groups (empty, almost empty, almost full, full), zspages
	 * with more objects first in their list. */
	SUBJECT_FOUR_GROUPS = 1u << 1,
	/* Pages per zspage are chosen by the whole percent used, so that the
	 * classes differ. */
	SUBJECT_PERCENT_CHAINS = 1u << 2,
	/* A size above a page is answered with EINVAL, not ENOSPC. */
	SUBJECT_LARGE_IS_EINVAL = 1u << 3,
	/* destroy with live objects leaves them behind: tests free all. */
	SUBJECT_LEAKS_LIVE = 1u << 4,
	/* read and write check nothing: no length out of range, no error
	 * value as a handle. */
	SUBJECT_UNCHECKED_ACCESS = 1u << 5,
	/* lookup_class_index adds the size of a handle word to the size that
	 * is asked for, as malloc does. */
	SUBJECT_LOOKUP_ADDS_HANDLE = 1u << 6,
	/* No zs_obj_read_sg_begin(): read_sg_begin, read_sg_end are NULL. */
	SUBJECT_NO_SEGMENTS = 1u << 7,
	/* zspages that the async free work frees stay counted in group 0. */
	SUBJECT_COUNTS_FREED = 1u << 8,
	/* zs_malloc() answers 0 for any failure. The subject makes -EINVAL of
	 * it for a size that no pool stores, else -ENOMEM. */
	SUBJECT_FAILS_WITH_0 = 1u << 18,

	/* Those of our user profile. */

	/* Objects of up to max_size, which is more than a page. */
	SUBJECT_LARGE_OBJECTS = 1u << 9,
	/* Size classes up to max_size, none of them merged; objects of whole pages, and
	 * of half a page, are huge. */
	SUBJECT_OWN_CLASSES = 1u << 10,
	/* Objects lie elsewhere than the kernel's; freed ones keep their
	 * places, for the next allocation, until drain or compact. */
	SUBJECT_OWN_PLACES = 1u << 11,
	/* An object lies in one piece, whatever its size. */
	SUBJECT_ONE_PIECE = 1u << 12,
	/* total_pages counts only the pages of a zspage that were used. */
	SUBJECT_COUNTS_USED = 1u << 13,
	/* A read keeps its object in its place, not the whole zspage. */
	SUBJECT_PINS_OBJECTS = 1u << 14,
	/* The memory of zspages comes in sections, each for one length of
	 * zspages: no page is asked for, and no slab object for a zspage. */
	SUBJECT_OWN_SECTIONS = 1u << 15,
	/* trim moves objects within zspages, and gives up their last pages. */
	SUBJECT_TRIMS_OBJECTS = 1u << 16,
	/* The word that names an object is the caller's: none is allocated. */
	SUBJECT_OWN_WORDS = 1u << 17,
};

/* What there may be none of; see run_out. */
enum subject_lack {
	SUBJECT_NO_MEMORY, /* from the OS: mappings, kmalloc */
	SUBJECT_NO_PAGE,
	SUBJECT_NO_SLAB, /* an object of a slab cache */
	SUBJECT_NO_DEBUGFS, /* an entry in debugfs; ours makes none */
};

/* A pool of the subject's. Opaque. */
struct subject_pool;

/* One size class. Numbers are exact when nothing else runs. */
struct subject_class {
	/* constant */
	unsigned int index; /* of the class that serves the index asked for */
	unsigned int size; /* bytes of an object with its handle word */
	unsigned int pages_per_zspage;
	unsigned int objs_per_zspage;
	bool huge;
	/* zspages by fullness group, from empty (0) to full (groups - 1) */
	unsigned long zspages[SUBJECT_MAX_GROUPS];
	unsigned long objs_capacity; /* places in its zspages */
	unsigned long objs_inuse;
	unsigned long freeable_pages; /* that compaction would free */
};

/* A zspage, for comparing placements. Pointers live until the callback
 * returns. */
struct subject_zspage {
	unsigned int group;
	unsigned int inuse;
	unsigned int objs;
	const unsigned long *handles; /* by object index, 0 if free; objs */
	const unsigned int *free_list; /* from its head; objs - inuse */
};

/* A part of an object that lies in one page. */
struct subject_segment {
	const void *data;
	size_t len;
};

/* Entries that may be NULL say so. Numbers are unsigned long as there. */
struct subject {
	unsigned int abi; /* SUBJECT_ABI */
	unsigned int struct_size; /* sizeof(struct subject) */

	/* For reports and for choosing: no blanks, e.g. "held",
	 * "class-idx+percpu", "kernel-6.12.117". */
	const char *name;
	/* What it is, for a reader: "mm/zsmalloc.c of Linux 6.12.117". */
	const char *description;
	/* The only geometry that create takes; 0: any that ours takes. */
	unsigned int page_size; /* bytes */
	unsigned int chain_size; /* pages */
	unsigned int groups; /* fullness groups: 12 or 4 */
	unsigned int traits; /* enum subject_trait */
	size_t max_size; /* bytes of the largest object; 0: a page */

	/* ---- life ---- */

	/* Nothing may run in the pool but what the caller calls: no thread of
	 * its own (async free work waits for drain), unless `worker`.
	 * NULL with errno: EINVAL for another geometry, ENOMEM. */
	struct subject_pool *(*create)(unsigned int page_size,
				       unsigned int chain_size, bool worker);
	/* Return: what was not given back: live objects, or else pages and
	 * slab objects that are still out; 0 when all was freed before. All
	 * memory is given back in any case, if SUBJECT_LEAKS_LIVE is not
	 * set. */
	unsigned long (*destroy)(struct subject_pool *pool);

	/* ---- objects ---- */

	/* A handle, or a negative errno as unsigned long. gfp GFP_KERNEL. */
	unsigned long (*malloc)(struct subject_pool *pool, size_t size);
	/* 0 and error values are ignored. */
	void (*free)(struct subject_pool *pool, unsigned long handle);
	/* Frees later, and waits for all of that. NULL: does not exist. */
	void (*free_deferred)(struct subject_pool *pool, unsigned long handle);
	void (*flush)(struct subject_pool *pool);

	/* ---- access; len: 1 to the size that was asked for ---- */

	/* Copies out and in. What benchmarks time: begin, memcpy if the data
	 * is not in buf already, end; or map, memcpy, unmap. */
	void (*read)(struct subject_pool *pool, unsigned long handle, void *buf,
		     size_t len);
	void (*write)(struct subject_pool *pool, unsigned long handle,
		      const void *buf, size_t len);
	/* Begins and ends a read. copy: len bytes, used if the object lies in
	 * two pages (not used where objects are mapped). */
	const void *(*read_begin)(struct subject_pool *pool,
				  unsigned long handle, size_t len, void *copy);
	void (*read_end)(struct subject_pool *pool, unsigned long handle,
			 size_t len, const void *data);
	/* Begins and ends a read without a copy: the object's pieces, where
	 * they lie. Return: how many; 0 and nothing is begun where a length
	 * out of range or an error value is answered (no
	 * SUBJECT_UNCHECKED_ACCESS). NULL, both: SUBJECT_NO_SEGMENTS. */
	unsigned int (*read_sg_begin)(struct subject_pool *pool,
				      unsigned long handle,
				      struct subject_segment segments[2],
				      size_t len);
	void (*read_sg_end)(struct subject_pool *pool, unsigned long handle);

	/* ---- giving back ---- */

	unsigned long (*compact)(struct subject_pool *pool); /* pages freed */
	unsigned long (*shrink_count)(struct subject_pool *pool); /* pages */
	/* Pages freed, or ~0UL when none were. */
	unsigned long (*shrink_scan)(struct subject_pool *pool,
				     unsigned long nr_pages);
	/* Moves pages of zspages, at most `most`, each to another page
	 * (isolate, migrate or putback), in order of address. Return: pages
	 * moved. subject_move_pages() (move_pages.h) does it for a zone of
	 * compat. NULL: cannot. */
	unsigned long (*move_pages)(struct subject_pool *pool,
				    unsigned long most);
	/* Runs what waits for the worker (async free work, deferred frees)
	 * and returns when it is done. */
	void (*drain)(struct subject_pool *pool);

	/* ---- what it looks like ---- */

	unsigned long (*total_pages)(struct subject_pool *pool);
	unsigned long (*pages_compacted)(struct subject_pool *pool);
	unsigned long (*huge_class_size)(struct subject_pool *pool);
	unsigned int (*lookup_class_index)(struct subject_pool *pool,
					   unsigned int size);
	unsigned int (*class_count)(struct subject_pool *pool); /* indices */
	/* index: below class_count; a merged one gives the class that serves
	 * it. Fast: the differential calls it after every operation. */
	void (*class_info)(struct subject_pool *pool, unsigned int index,
			   struct subject_class *info);
	/* The zspages of one class, by group from 0 up and in list order from
	 * the head, until callback returns non-zero. NULL: cannot.
	 * Return: 0, what the callback returned, or -ENOMEM. */
	int (*for_each_zspage)(struct subject_pool *pool, unsigned int index,
			       int (*callback)(const struct subject_zspage *,
					       void *arg),
			       void *arg);
	/* The table of the debugfs file `classes`. Return: 0 or -errno.
	 * NULL: has none. */
	int (*print_classes)(struct subject_pool *pool, FILE *out);
	/* Violations of its own invariants, told on out. NULL: cannot. */
	unsigned long (*check)(struct subject_pool *pool, FILE *out);
	/* Moves pages so that memory becomes empty, and gives it back to the
	 * OS. Return: pages moved. NULL: cannot. */
	unsigned long (*trim)(struct subject_pool *pool);
	/* From now on the nth (from 1) thing of that kind that any pool asks
	 * for cannot be had, nor any after it; 0: all can. NULL: cannot. */
	void (*run_out)(enum subject_lack lack, long nth);
	/* Holds the page that an object begins in, and lets it go, as page
	 * migration does: a zspage that is emptied meanwhile can only be freed
	 * later, by work. NULL, both: cannot. */
	void *(*hold_page)(struct subject_pool *pool, unsigned long handle);
	void (*release_page)(struct subject_pool *pool, void *page);
	/* Gives up to nr zspages back, those first in which nothing was stored
	 * for the longest time: evict() is called for each of their objects.
	 * It frees the object and returns 0, or a negative errno; the zspage
	 * then stays, with what is left in it. No handle that evict() may get
	 * is given out again before it returns. Call set_evict before.
	 * Return: 0; a negative errno: fewer than nr. *given_back: how many.
	 * NULL, both: cannot. */
	void (*set_evict)(struct subject_pool *pool,
			  int (*evict)(unsigned long handle, void *arg),
			  void *arg);
	int (*reclaim)(struct subject_pool *pool, unsigned int nr,
		       unsigned int *given_back);
};

/* The index of the class that a request of that size goes to. */
static inline unsigned int subject_class_of(const struct subject *subject,
					    struct subject_pool *pool,
					    size_t size)
{
	if (!(subject->traits & SUBJECT_LOOKUP_ADDS_HANDLE))
		size += sizeof(unsigned long);
	return subject->lookup_class_index(pool, (unsigned int)size);
}

/* What a shared object exports. The table lives as long as it is loaded. */
#define SUBJECT_ENTRY "uzs_kernel_subject"
const struct subject *uzs_kernel_subject(void);

#endif
