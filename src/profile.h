/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* profile.h - the seam between what all pools have in common and what a profile
 * is: its words, its zspages, how objects are reached, freed and moved. A pool's
 * profile is one table of functions. A public call goes through it once.
 *
 * Common are: arguments and options, classes and their fullness lists, the
 * order in which compaction empties zspages, deferral, the worker, the limit,
 * statistics, walks, check, fork.
 */
#ifndef UZS_PROFILE_H
#define UZS_PROFILE_H

#include "compat/os.h"
#include "types.h"

/* On 32-bit only the kernel's: an address, a class and pins need 64 bits. */
extern const struct profile uzs_kernel_profile;
#if UINTPTR_MAX > UINT32_MAX
extern const struct profile uzs_user_profile;
#endif

struct class_geometry;
struct check;

/* User profile: which refs are read, a bit for each by a hash. */
struct noted_reads {
	u64 bits[16];
};

/* The compaction of one class. */
struct compaction {
	struct zs_pool *pool;
	struct size_class *class;
	u64 since; /* ns; when the locks were taken */
	size_t bytes; /* moved since then */
	unsigned int nr; /* number of this compaction, for zspages to note */
	unsigned long objs_moved;
	bool kick; /* zspages are left to the async free work */
	bool no_memory; /* the limit leaves none for cold pages */
	bool whole; /* this source has to be emptied at once */
	/* User profile: reads that had begun before, without a pin. */
	struct noted_reads reads;
	bool blind; /* it is not known what is read */
};

/* Memory that a profile has beside the zone, bytes. It counts for the limit. */
struct profile_memory {
	size_t mapped;
	size_t resident;
	size_t free; /* resident and free */
	size_t huge; /* resident, in huge pages */
};

/* Functions that may be NULL have nothing to do then; all others are set. */
struct profile {
	enum zs_profile id;
	const char *name; /* for texts */
	/* Defaults of options that are 0. */
	unsigned int chain_size; /* pages */
	enum zs_defer_mode defer;
	unsigned int max_overhead; /* percent; 0: no bound */
	bool reuses; /* knows ZS_DEFER_REUSE; else that is the default */
	bool writes_rows; /* the pool's rows (zs_row_) become memory */
	const struct movable_operations *movable; /* of its pages */

	/* ---- life. set_geometry fills in what follows from page_size and
	 * chain_size, in a pool of which only these are known. */
	void (*set_geometry)(struct zs_pool *pool);
	/* Walks the class indices, largest first. */
	void (*walk_classes)(const struct zs_pool *pool,
			     void (*fn)(const struct class_geometry *geometry,
					void *arg),
			     void *arg);
	/* The class index of an object of `size` bytes, its first word
	 * included. */
	unsigned int (*class_index)(const struct zs_pool *pool, size_t size);
	/* Bytes of zeroed memory that the profile needs in the pool's own
	 * mapping. */
	size_t (*state_bytes)(const struct zs_pool *pool);
	/* Bytes that one object of any size needs, in zspages. */
	size_t (*least_bytes)(const struct zs_pool *pool);
	/* The pool is complete but for the profile's part. Cannot fail. */
	void (*init)(struct zs_pool *pool, void *state,
		     const struct zs_pool_options *o);
	/* Frees every object. Return: how many were live. Nobody else uses the
	 * pool. */
	unsigned long (*destroy)(struct zs_pool *pool);

	/* ---- objects. Arguments are checked, except the lengths; in hardened
	 * pools a handle that is to be freed is claimed. */
	/* Return: a handle, or -ENOMEM as unsigned long. No locks held. */
	unsigned long (*malloc)(struct zs_pool *pool, size_t size, gfp_t gfp);
	/* Frees the object and the handle. */
	void (*free)(struct zs_pool *pool, unsigned long handle);
	void (*free_many)(struct zs_pool *pool, const unsigned long *handles,
			  unsigned int n);
	/* Prefetches what freeing these handles will touch. Needs no locks. May
	 * be NULL. */
	void (*fetch_many)(struct zs_pool *pool, const unsigned long *handles,
			   unsigned int n);
	/* As the public calls; `call` is the name that misuse is told with. */
	void *(*read_begin)(struct zs_pool *pool, unsigned long handle,
			    size_t len, void *local_copy, const char *call);
	unsigned int (*read_sg_begin)(struct zs_pool *pool,
				      unsigned long handle, struct iovec iov[2],
				      size_t len, const char *call);
	void (*read_end)(struct zs_pool *pool, unsigned long handle,
			 const char *call);
	int (*write)(struct zs_pool *pool, unsigned long handle,
		     const void *data, size_t len, const char *call);
	size_t (*room)(struct zs_pool *pool, unsigned long handle,
		       const char *call);
	/* Fills in all but struct_size. The handle is one of a live object. */
	void (*place)(struct zs_pool *pool, unsigned long handle,
		      struct zs_obj_place *place);

	/* ---- compaction of one class; compact.c has the order of calls. lock
	 * keeps all others away from the class's lists. begin and end enclose
	 * it all, without locks; both may be NULL. */
	void (*compact_begin)(struct compaction *c);
	void (*compact_lock)(struct compaction *c);
	void (*compact_unlock)(struct compaction *c);
	void (*compact_end)(struct compaction *c);
	/* Does it pass over zspages that are no source now? If not, it leaves the
	 * class; for want of memory it passes over them in any case. */
	bool pass_over;
	/* May objects be moved out of this zspage now? If so, it is reserved for
	 * that until source_done. */
	bool (*take_source)(struct compaction *c, struct zspage *zspage);
	/* May objects be moved into this zspage? NULL: always. */
	bool (*take_target)(struct compaction *c, struct zspage *zspage);
	/* Is src, the emptiest source, worth emptying into dst, the fullest
	 * target? If not, compaction of the class ends. NULL: always. */
	bool (*may_move)(struct compaction *c, const struct zspage *dst,
			 const struct zspage *src);
	/* Do readers keep it where it is, so that it is no source? */
	bool (*is_pinned)(const struct compaction *c,
			  const struct zspage *zspage);
	/* Moves objects until src is empty, dst is full, or the locks have been
	 * held for long. */
	void (*move)(struct compaction *c, struct zspage *dst,
		     struct zspage *src);
	void (*source_done)(struct compaction *c,
			    struct zspage *src); /* or NULL */
	/* Frees an empty zspage, or notes it to be freed later. */
	void (*free_source)(struct compaction *c, struct zspage *src);
	/* Should the locks be dropped for a moment? */
	bool (*should_break)(const struct compaction *c);

	/* ---- memory; all may be NULL, but trim */
	/* Frees objects that were freed and are kept for the next allocation.
	 * Return: were there any? */
	bool (*free_kept)(struct zs_pool *pool);
	/* Frees zspages that became empty, and could not be freed then. Return:
	 * how many. */
	unsigned long (*free_empty)(struct zs_pool *pool);
	/* Moves what keeps memory in use, before a trim. Locks: needs
	 * trim_lock. */
	void (*trim)(struct zs_pool *pool);
	/* Gives the profile's free memory beyond `target` bytes back to the OS.
	 * Locks: needs trim_lock. Return: bytes. */
	size_t (*give_back)(struct zs_pool *pool, size_t target);

	/* The OS may hold pieces of what was given back: does it, and makes it
	 * free them. Who uses what is left beside these waits meanwhile. NULL: it
	 * never does. Locks: split needs trim_lock. */
	bool (*is_held)(const struct zs_pool *pool);
	void (*split)(struct zs_pool *pool);

	/* The worker's job that moves what is full into huge pages. Bounded
	 * work. Return: ns until it wants to run again; 0: until it is asked
	 * for. */
	u64 (*settle)(struct zs_pool *pool);

	/* ---- looks */
	/* Objects of a class that count as in use, but are free; relaxed. May be
	 * NULL. */
	unsigned long (*nr_kept)(struct zs_pool *pool,
				 const struct size_class *class);
	/* May be NULL. */
	void (*memory)(struct zs_pool *pool, struct profile_memory *m);
	/* Checks a zspage that is in a class's list. Return: its pages. */
	unsigned long (*check_zspage)(struct check *check,
				      const struct size_class *class,
				      struct zspage *zspage);
	/* Checks what else the profile has; may be NULL. */
	void (*check_rest)(struct check *check);
	/* Keeps away who does without class->lock, so that a copy of a class is
	 * of one moment; both may be NULL. Locks: above class->lock. */
	void (*copy_lock)(struct zs_pool *pool);
	void (*copy_unlock)(struct zs_pool *pool);
	/* Fills in the arrays that zs_for_each_zspage shows. Locks: needs
	 * class->lock, between copy_lock and copy_unlock. */
	void (*copy_zspage)(const struct zs_pool *pool,
			    const struct size_class *class,
			    struct zspage *zspage, unsigned long *handles,
			    unsigned int *free_list);
	/* The same for the page frame numbers of its pages. */
	void (*copy_pfns)(const struct zs_pool *pool,
			  const struct zspage *zspage, unsigned int pages,
			  unsigned long *pfns);

	/* ---- locks, for check and fork. upper: those above class->lock and
	 * below the zone's gate. lower: those below class->lock; may be NULL.
	 * In a child, renew makes both usable, and undoes what other threads
	 * were doing. */
	void (*lock_upper)(struct zs_pool *pool);
	void (*unlock_upper)(struct zs_pool *pool);
	void (*lock_lower)(struct zs_pool *pool);
	void (*unlock_lower)(struct zs_pool *pool);
	void (*renew)(struct zs_pool *pool);
};

/* Bytes before a pool: its rows. Programs look there, inline, before they know what
 * pool it is. Where nobody writes, they have no memory. */
static inline size_t uzs_rows_bytes(void)
{
	return sizeof(void *) < sizeof(u64)
		       ? 0
		       : ALIGN(sizeof(struct zs_row_) << ZS_LOG_ROWS_,
			       uzs_os_page_size());
}

/* Of these, bytes that are address space alone. */
static inline size_t uzs_idle_rows_bytes(const struct zs_pool *pool)
{
	return pool->profile->writes_rows ? 0 : uzs_rows_bytes();
}

#endif
