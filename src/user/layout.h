/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* layout.h - the structures of the user profile: the word that names an object,
 * what a CPU keeps, runs of pages. With the guard of every field.
 */
#ifndef UZS_USER_LAYOUT_H
#define UZS_USER_LAYOUT_H

#include "profile.h"
#include "user/hazard.h"

/* ---- the word ---------------------------------------------------------------
 * It lies in a handle, or in the program's own record (zs_ref).
 *
 *   | pins 8 | moving 1 | class 10 | address / 8  45 |
 *
 * 0 names nothing: class 0 does not exist. It changes in these ways only:
 *   pins      by any thread: added by compare-and-swap, not while moving is set;
 *             taken off by compare-and-swap, if there are any, or by a store
 *             where no other thread may use the word
 *   moving    set by compare-and-swap, by a mover, only without pins; cleared
 *             by the store of the new address. Both under class->lock
 *   all of it stored by who allocates, frees, or moves the record: under the
 *             slot's lock while moving of the class is 0, else under class->lock,
 *             or with a pin while the object is in the call's hand (hand.h,
 *             user_give)
 */
#define REF_ADDRESS_BITS ZS_REF_ADDRESS_BITS_
#define REF_CLASS_BITS ZS_REF_CLASS_BITS_
#define REF_ADDRESS (((u64)1 << REF_ADDRESS_BITS) - 1)
#define REF_CLASS (((u64)1 << REF_CLASS_BITS) - 1)
#define REF_MOVING ((u64)1 << 55)
#define REF_PIN ((u64)1 << 56)
#define REF_MOST_PINS ((u64)255 << 56)
/* Addresses above are not used: the word has no room for them. */
#define USER_ADDRESS_BITS (REF_ADDRESS_BITS + 3)

_Static_assert(REF_MOVING == (u64)1 << (REF_ADDRESS_BITS + REF_CLASS_BITS),
	       "the word's bits");

static inline char *ref_address(u64 word)
{
	return (char *)((uintptr_t)(word & REF_ADDRESS) << 3);
}
static inline unsigned int ref_class(u64 word)
{
	return zs_class_(word);
}
static inline u64 ref_word(const void *object, const struct size_class *class)
{
	return (u64)(uintptr_t)object >> 3 | (u64) class->index
						     << REF_ADDRESS_BITS;
}

/* ---- an object ----------------------------------------------------------------
 * Its first word: the address of the word that names it | 1, in hardened pools mixed
 * with the pool's key and the class (user_key), so that nothing else in the pool's
 * memory, not even an object's data, looks like it. In a free object:
 * the index of the next free one << 1 where the free objects form a list, else
 * anything. Anything also while a slot keeps it; in hardened pools 0 in both
 * cases. As if it named NULL while a call has it in hand: the word that names
 * it is on the call's stack; or it was handed over to be freed, and its second word
 * is a link.
 *
 * In huge classes the first word lies apart, in the section's head, and the eight
 * bytes before the data belong to whatever is in front: so objects of a whole number
 * of pages fill their zspage. The word names the place eight bytes before the data
 * here, too, which is called the object.
 */
#define USER_HEAD sizeof(u64)
_Static_assert(USER_HEAD == ZS_REF_DATA_ && offsetof(struct zs_pool, head) == 0,
	       "as programs have it, inline");
#define USER_ALLOCATED 1ul
/* With the pins that an object is allocated with: it is for a call's hand. */
#define USER_IN_HAND 1ul

/* Where at most so many objects fit into a zspage, the free ones are the bits of
 * a word. Else they form a list, and those that were never used lie behind it. */
#define USER_MAP_OBJS 64u

/* ---- classes ------------------------------------------------------------------ */

#define USER_MIN_SIZE 16u /* bytes, the first word included */
/* The largest object. At most half a section: the lab's are small. */
#define USER_MAX_OBJECT                                       \
	(ZS_USER_MAX_SIZE + USER_HEAD <= UZS_SECTION_SIZE / 2 \
		 ? ZS_USER_MAX_SIZE + USER_HEAD               \
		 : UZS_SECTION_SIZE / 2)
#define USER_MAX_SIZE (USER_MAX_OBJECT - USER_HEAD)
/* Sizes up to here are 8 bytes apart, then 16; from USER_FINE on, without the first
 * word, 1/256. */
#define USER_TINY 128u
#define USER_FINE 4096u
#define USER_FINE_SHIFT 8
#define USER_OCTAVES 9 /* from USER_FINE to more than USER_MAX_OBJECT */
#define USER_LOW_SIZES ((USER_FINE + USER_HEAD) / 8 + 1)
#define USER_HIGH_SIZES (USER_OCTAVES << USER_FINE_SHIFT)
#define USER_MAX_CLASSES (1u << REF_CLASS_BITS)

/* ---- runs: the pages of a zspage ---------------------------------------------- */

/* Lengths: see uzs_user_lengths. */
#define USER_LENGTHS 64u

enum run_huge {
	RUN_SMALL, /* the OS fills it page by page */
	RUN_HUGE, /* it was filled with huge pages */
	RUN_SPLIT /* the same, but pieces were given back: as RUN_SMALL now */
};

/* A section has runs of one length, and their zspages in its head. So the
 * zspage of an object is found by arithmetic. */
struct run_section {
	struct list_head list; /* runs->sections; guard: runs->lock */
	/* const after creation */
	struct zs_pool *pool;
	u64 reciprocal; /* of stride */
	u32 first; /* bytes to the first run */
	u32 stride; /* bytes of a run */
	u32 heads; /* as the length's */
	u16 length; /* index */
	u16 nr; /* runs */
	/* guard: runs->lock */
	u16 nr_used; /* runs ever used: those behind were not */
	u16 nr_free; /* of those used */
	bool nursery; /* made of small pages, or of what is left of huge ones;
		       * read relaxed */
	u8 huge; /* enum run_huge; read relaxed */
	bool held; /* the OS has pieces that were given back: uzs_os_split_huge */
	u32 cooled; /* bytes of huge pages that were given back, in all */
	u32 tail; /* bytes behind the last run that have memory: huge pages
		   * are filled whole. guard: runs->lock */
	struct list_head fresh; /* sections of this length that have runs that
				 * were never used; guard: runs->lock */
	struct zspage zspages[]; /* behind them `heads` first words a run */
};

struct run_length {
	/* const */
	unsigned int pages;
	unsigned int heads; /* first words of a run that lie in the section's
			     * head; 0: they lie in the objects */
	bool shared; /* for zspages of several objects */

	/* Free runs by zspage->list: with memory, and without. Sections with
	 * runs that were never used. guard: runs->lock */
	struct list_head warm, cold, fresh;
	/* Runs in use in nurseries; guard: runs->lock to write; read relaxed */
	unsigned int nursery;
	/* Runs that are still to be taken before the settle job is asked for;
	 * guard: runs->lock */
	unsigned int until_settle;
};

struct runs {
	spinlock_t lock;
	struct list_head sections; /* guard: lock */
	unsigned long nr_sections; /* guard: lock; read relaxed */
	size_t head_bytes; /* of all sections; guard: lock; read relaxed */
	size_t free_bytes; /* warm, in free runs; guard: lock; read relaxed */
	size_t warm_bytes; /* of all runs; atomic, relaxed */
	unsigned long nr_huge; /* sections that are RUN_HUGE; guard: lock */
	unsigned long nr_held; /* that are `held`; guard: lock; read relaxed */
	unsigned int nr_lengths; /* const */
	struct run_length lengths[USER_LENGTHS];
};

/* ---- slots: what a CPU keeps ---------------------------------------------------- */

#ifndef USER_KEPT /* the lab has less */
#define USER_KEPT 15u
#endif
#define USER_KEPT_PAGES 4u

struct user_stack {
	u16 nr;
	u64 words[USER_KEPT]; /* without pins; oldest first */
} __aligned(64);

struct user_slot {
	spinlock_t lock; /* tried; waited for only by who looks at all slots */
	struct user_stack stacks[] __aligned(64); /* by class; guard: lock to
						    * write; read relaxed */
};

/* What each allocation and each free looks at: close together, so that it stays
 * in the CPU's cache. */
struct user_class {
	/* How many movers are in the class, so that slots must not be used for
	 * it; guard: class->lock to write, atomic (acquire, release, sequentially
	 * consistent: hand.h) */
	u8 moving;
	u8 keep; /* objects that a slot keeps; const */
	bool huge; /* as the size_class's; const */
};

/* What is freed while a mover is in the class; see hand.h. */
struct user_hand {
	/* The word that a mover may be looking at; guard: class->lock to write,
	 * atomic (sequentially consistent) */
	const u64 *followed;
	char *first; /* handed over; the next ones by their second words; atomic
		      * (sequentially consistent) */
};

/* Moving what is full into huge pages; see settle.c. */
struct settle {
	bool on; /* const: does the pool have huge pages? */
	size_t from; /* bytes in runs from which on it does; const */
	u64 after; /* uzs_clock_ns: the OS is not asked before; guard: the job */
	/* The zspage that objects are moved from, and into; NULL when it is
	 * withdrawn. guard: its class->lock; read relaxed */
	struct zspage *src, *dst;
};

struct user_pool {
	/* Class index by size / 8, and above USER_FINE: see user_class. guard:
	 * runs.lock to write; read relaxed: each class that was ever there holds
	 * the size */
	u16 low[USER_LOW_SIZES];
	u16 high[USER_HIGH_SIZES];
	/* The classes that are used now: uzs_user_tune. Pages in zspages from
	 * which on there are more, and below which there are less; guard:
	 * runs.lock to write; read relaxed */
	unsigned long more_from, less_below;

	/* constant after creation */
	struct uzs_percpu slots;
	struct user_class class[USER_MAX_CLASSES];
	u8 length[USER_MAX_CLASSES]; /* index of the class's run length */
	u32 room[USER_MAX_CLASSES]; /* bytes of an object's data; 0: the one
				     * object of a zspage, which has as many
				     * pages as it needs */

	bool names_reads; /* reads name their ref as a hazard; const */
	struct uzs_hazard_table hazards; /* refs and handles that are read */
	u32 moves; /* compactions of a class, so far; atomic, relaxed */
	struct settle settle;
	struct runs runs;
	/* Somebody looks at words that objects name, of all classes. guard: all
	 * slots' locks to write; atomic (sequentially consistent) */
	bool looks;
	bool any_handed; /* something may be handed over; atomic, relaxed */
	/* By class. Last: it has no memory before something is moved. */
	struct user_hand hand[USER_MAX_CLASSES];
};

#define for_each_user_slot(slot, user)                                       \
	for (unsigned int i_ = 0;                                            \
	     i_ < (user)->slots.slots &&                                     \
	     ((slot) = (struct user_slot *)uzs_per_cpu(&(user)->slots, i_)); \
	     i_++)

#endif
