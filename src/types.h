/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* types.h - the structures of the allocator, with the guard of every field.
 *
 * Kernel origin: mm/zsmalloc.c, mm/zpdesc.h (Linux 6.12 to 7.0): struct zspage,
 * size_class, zs_pool, zpdesc; differs: a zspage has no pointer to its pool
 * (the zone of its pages does), zpdesc has no movable_ops (the zone has them),
 * statistics are relaxed atomics.
 */
#ifndef UZS_TYPES_H
#define UZS_TYPES_H

#include "compat/atomic.h"
#include "compat/base.h"
#include "compat/list.h"
#include "compat/lock.h"
#include "compat/slab.h"
#include "compat/workqueue.h"
#include "compat/zone.h"
#include "deferred_state.h"
#include "harden_state.h"
#include "reuse_state.h"
#include "uzsmalloc.h"

/* Bytes of a handle word. Every object but a huge one begins with one. */
#define ZS_HANDLE_SIZE sizeof(unsigned long)

/* obj word:              | PFN                  | object index            |
 * in scope class-idx:    | PFN                  | class index | obj index |
 *                        |<- the rest         ->|<- obj_index_bits       ->|
 *                                                     obj_class_shift ->  |
 * The PFN has room for the widest physical addresses: as many bits as the
 * kernel gives it on x86-64, all of them on 32-bit. */
#if UINTPTR_MAX > UINT32_MAX
#define MAX_ADDRESS_BITS 52
#else
#define MAX_ADDRESS_BITS 32
#endif

/* First word of an object. Bit 0 is set in an allocated one: handle | 1. In a
 * free one: index of the next free object << 1, or -1 << 1 in the last. */
#define OBJ_ALLOCATED_TAG 1UL
#define OBJ_TAG_BITS 1

/* An object's index in its zspage takes 12 bits at most: a zspage holds at most
 * 3640 objects (64 KiB pages, chain size 16, objects of 288 bytes). All ones
 * stand for none. */
#define OBJ_BITS 12
#define OBJ_NONE ((1u << OBJ_BITS) - 1)

#define ZS_MIN_ALLOC_SIZE 32u
#define ZS_MIN_CHAIN_SIZE 4u
#define ZS_MAX_CHAIN_SIZE 16u
#define ZS_MIN_PAGE_SHIFT 12u
#define ZS_MAX_PAGE_SHIFT 16u
/* Size classes are 1/256 of a page apart. */
#define ZS_SIZE_CLASS_SHIFT 8
#define ZS_MAX_CLASSES 257u

enum fullness_group {
	ZS_INUSE_RATIO_0,
	ZS_INUSE_RATIO_10,
	/* 20 to 90 lie between */
	ZS_INUSE_RATIO_99 = 10,
	ZS_INUSE_RATIO_100 = 11,
	NR_FULLNESS_GROUPS = ZS_NR_FULLNESS_GROUPS
};

/* A page of a zspage: struct page, with the names that its zspage uses. */
struct zpdesc {
	u32 flags; /* of struct page */
	u32 first_obj_offset; /* bytes to the first object that starts in this
			       * page; guard: const until the page is moved */
	union {
		/* the next page of the chain, NULL in the last;
		 * guard: class->lock or zspage->lock to read, pool->lock
		 * (write) and both of them to change */
		struct zpdesc *next;
		/* huge: the handle | 1; guard: class->lock */
		unsigned long handle;
	};
	/* const while the page belongs to a zspage. So the class, and with it
	 * the object's place, is known before the zspage is read */
	u16 class;
	bool huge; /* of the class */
	struct zspage *zspage; /* guard: as next */
};

_Static_assert(sizeof(struct zpdesc) == sizeof(struct page), "overlay");
_Static_assert(offsetof(struct zpdesc, first_obj_offset) ==
		       offsetof(struct page, aux),
	       "overlay");
_Static_assert(offsetof(struct zpdesc, next) == offsetof(struct page, lru),
	       "overlay");
_Static_assert(offsetof(struct zpdesc, zspage) ==
		       offsetof(struct page, private),
	       "overlay");

#if UINTPTR_MAX > UINT32_MAX
#define ZSPAGE_BYTES 32
#else
#define ZSPAGE_BYTES 20
#endif

#define ZSPAGE_PASSED_BITS 13

/* In the user profile, beside its map. guard: class->lock, or runs->lock while the
 * zspage is free. Reads of hardened pools look at class without a lock, so all of it
 * is written at once (zspage_set). */
#define ZSPAGE_USER_BITS                                            \
	u32 warm : 9; /* pages, from the first, that have memory */ \
	u32 class : 10; /* index; const while it is in use */       \
	u32 passed                                                  \
		: ZSPAGE_PASSED_BITS /* number of the compaction that left \
					 * objects in it */
struct zspage_user_bits {
	ZSPAGE_USER_BITS;
};

/* A chain of pages cut into equal objects. Small, because every zspage costs
 * one, and so that two fit into a cache line: 32 bytes on 64-bit. */
struct zspage {
	struct list_head list; /* fullness list; guard: class->lock */
	union {
		struct zpdesc *first_zpdesc; /* guard: as zpdesc->next */
#if UINTPTR_MAX > UINT32_MAX
		/* user profile; guard: class->lock. map: the free objects, where
		 * they fit; else mark: objects from here on were never used */
		u64 map;
		u16 mark;
#endif
	};
	union {
		pinlock_t lock; /* rd: contents are used, wr: contents move */
		struct {
			ZSPAGE_USER_BITS;
		};
		u32 user_bits; /* the same; atomic */
	};
	/* guard of all three: class->lock */
	u32 inuse : OBJ_BITS; /* objects allocated */
	u32 freeobj : OBJ_BITS; /* head of the free list, or OBJ_NONE */
	u32 fullness : 4; /* enum fullness_group */
};

_Static_assert(sizeof(struct zspage) == ZSPAGE_BYTES,
	       "counted in the overhead");
_Static_assert(sizeof(struct zspage_user_bits) == sizeof(u32), "one word");

#define zspage_set(zspage, field, value)                         \
	do {                                                     \
		u32 word_ = (zspage)->user_bits;                 \
		struct zspage_user_bits bits_;                   \
                                                                 \
		__builtin_memcpy(&bits_, &word_, sizeof(bits_)); \
		bits_.field = (value);                           \
		__builtin_memcpy(&word_, &bits_, sizeof(bits_)); \
		WRITE_ONCE((zspage)->user_bits, word_);          \
	} while (0)

/* Without a lock. */
static inline unsigned int zspage_class_index(const struct zspage *zspage)
{
	u32 word = READ_ONCE(zspage->user_bits);
	struct zspage_user_bits bits;

	__builtin_memcpy(&bits, &word, sizeof(bits));
	return bits.class;
}

/* The zspages of a class by fullness. */
struct class_groups {
	unsigned long zspages[NR_FULLNESS_GROUPS]; /* how many */
	struct list_head list[NR_FULLNESS_GROUPS];
} __aligned(64);

struct size_class {
	/* constant after creation. Read before the lock is taken, so they are
	 * on cache lines of their own */
	unsigned int index;
	unsigned int size; /* bytes */
	unsigned int objs_per_zspage;
	unsigned int look_every; /* frees from one look for gaps to the next; a
				  * power of two */
	unsigned int pages_per_zspage;
	bool huge;
	u64 reciprocal; /* of size, for the user profile */
	spinlock_t lock __aligned(64);
	/* guard: lock to write; read relaxed by the shrinker and statistics */
	unsigned long objs_capacity;
	unsigned long objs_inuse;
	unsigned long objs_freed; /* so far, by zs_free, zs_free_deferred and
				   * drains, and from what CPUs kept */
	/* What is in it: guard: lock; read with acquire. The pool's `none`
	 * until the class has its first zspage: most classes of a small pool
	 * never have one. */
	struct class_groups *groups;
	struct groups_store *store; /* const */
} __aligned(64);

/* Groups for classes that have zspages, close together. */
struct groups_store {
	struct class_groups none; /* const: empty */
	unsigned int used; /* of each; atomic, relaxed */
	struct class_groups each[];
};

/* A variant of zs_free: where its locks begin and end. See scope.c. */
struct lock_scope {
	enum zs_lock_scope id;
	const char *name;
	bool class_in_obj; /* the obj word carries the class index */
	bool frees_late; /* pages go back after class->lock is dropped */
	/* handle is one of the pool's. Return: was the zspage emptied, but
	 * could not be freed because one of its pages is locked? */
	bool (*free)(struct zs_pool *pool, unsigned long handle);
};

struct profile;
struct user_pool;

struct zs_pool {
	/* constant after creation */
	/* First: programs read it, inline. Before it lie the rows (zs_row_).
	 * slow_reads is not 0 while reads must make a call: 1 for each mover at
	 * work, and 1 for good where rows do not do, as in all pools of the kernel
	 * profile.
	 * Not constant: atomic, seldom changed. room is
	 * constant: of the user profile's classes. */
	struct zs_pool_head_ head;
	char name[64];
	const struct profile *profile;
	struct user_pool *user; /* user profile only, else NULL */
	size_t max_size; /* bytes of the largest object */
	unsigned int page_size; /* bytes */
	unsigned int page_shift;
	unsigned int chain_size; /* pages */
	unsigned int obj_index_bits; /* bits below the PFN */
	unsigned int obj_class_shift; /* bits of the object index alone */
	unsigned int obj_class_mask; /* 0: the obj has no class index */
	unsigned int min_alloc_size; /* bytes */
	unsigned int class_delta_shift; /* log2 of bytes between classes */
	unsigned int nr_classes; /* class indices */
	/* By bits: classes that the pool does without (kernel/plan.c). */
	u64 unused_class[(ZS_MAX_CLASSES + 63) / 64];
	size_t expected_bytes; /* as the options say */
	unsigned int huge_class_size; /* bytes */
	bool hardened; /* looks for misuse */
	bool wide; /* handles are struct wide_handle */
	/* Percent of the objects' bytes that gaps may have; 0: any; atomic,
	 * relaxed; seldom changed */
	unsigned int max_overhead;
	/* In a pool without a worker: there are gaps for calls to close; atomic,
	 * relaxed; seldom changed */
	bool gaps_due;
	bool own_step; /* compact_lock is held for a step of the pool's own;
			* atomic, relaxed */
	const struct lock_scope *scope;
	struct reuse reuse; /* seldom changed, except age_work */
	size_t meta_bytes; /* of its own mapping, as far as it is written to */
	size_t least_bytes; /* needed to hold an object of any size, without
			     * what deferral takes */
	struct harden harden;
	/* handle -> obj. rd: the object stays where it is until its zspage is
	 * pinned or its class is locked; wr: objects or pages move. */
	rwlock_t lock __aligned(64);

	struct kmem_cache handle_cache __aligned(64);
	struct kmem_cache zspage_cache;
	struct zone zone;

	long pages_allocated __aligned(64); /* atomic; pages in zspages */
	long peak_pages; /* atomic, relaxed */
	struct { /* counters; atomic, relaxed */
		unsigned long compactions;
		unsigned long pages_compacted;
		unsigned long objs_moved;
		unsigned long bytes_moved;
		long compact_hold_ns_max;
		unsigned long zspages_async_freed;
		/* What the pool did by itself: see max_overhead. */
		unsigned long own_steps;
		unsigned long own_bytes_moved;
		unsigned long own_us;
	} stat;
	/* atomic, relaxed; each only tells that something changed. freed_late:
	 * handles, pages and zspages freed by draining, compaction and the
	 * async free work. give_backs: how often a thread gave memory back, or put
	 * back memory that was not enough for it */
	unsigned long freed_late;
	unsigned long give_backs;
	unsigned long trimmed_at; /* objects freed so far, plus 1, when relief
				   * last trimmed; 0: never; guard:
				   * zone.trim_lock */
	struct mutex compact_lock; /* one compaction at a time */
	unsigned int gaps_next; /* class index at which the pool's own next step
				 * begins; guard: compact_lock */
	u32 relieving; /* calls that look for memory; atomic, relaxed */
	bool freed_many; /* zs_free_many was called; atomic */
	bool trim_in_progress; /* atomic: one zs_trim at a time */
	/* In the child of a fork: what calls of the parent's other threads had
	 * in hand is lost until the pool is destroyed. guard: no other thread
	 * runs when it is set */
	bool forked;

	/* Held while the async free work runs, so that a check or a fork can
	 * wait for it: the work has zspages in hand that are in no list. Order:
	 * below compact_lock, above gate and the page locks. */
	struct mutex free_work_lock;
	struct work_struct free_work; /* frees zspages left in group 0 */
	struct work_struct gaps_work; /* compacts, see max_overhead */
	struct work_struct look_work; /* looks whether that is needed */
	bool look_due; /* look_work is queued; atomic, relaxed */
	unsigned long looked_at; /* objects freed so far at its last look at what
				  * the OS holds; guard: the job */
	struct work_struct give_back_work; /* gives memory back to the OS */
	struct work_struct settle_work; /* see profile->settle */
	struct deferred deferred;
	struct workqueue_struct wq;
	struct size_class *size_class[]; /* const; nr_classes entries */
};

#endif
