/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* uzsmalloc.h - zsmalloc in userspace: the whole public interface.
 *
 * A pool stores objects of 1 byte to one page each and keeps memory close to
 * the sum of their sizes. Allocation gives a *handle*, not a pointer: the
 * object behind a handle may move (compaction, page migration), the handle
 * stays. The data is reached between zs_obj_read_begin() and
 * zs_obj_read_end(), or with zs_obj_write().
 *
 * Names that the Linux kernel has too (mm/zsmalloc.c, as of v6.15 and later)
 * take the kernel's arguments and mean the same; what differs says "differs".
 *
 * THREADS
 * All calls on one pool may run at once from any number of threads, except
 * as the first table says. No call needs the caller's thread registered, and
 * none takes a lock that outlives it, except the pairs begin/end, which pin
 * one zspage (not the pool) for reading. A begin and its end may be in
 * different threads.
 *
 *   two calls on one POOL                    may they run at once?
 *   ---------------------------------------  -----------------------------
 *   any two of: zs_malloc zs_free zs_compact
 *     zs_free_deferred zs_free_deferred_flush
 *     zs_defer_push
 *     zs_trim zs_drain zs_shrink_* zs_obj_*
 *     zs_pool_* zs_class_* zs_for_each_*
 *     zs_get_total_pages zs_print_classes
 *     zs_lookup_class_index
 *     zs_huge_class_size                     yes (*)
 *   zs_destroy_pool and anything             no
 *   zs_pool_enable_deferred_free and
 *     zs_free_deferred or zs_defer_push      no
 *   zs_fork_* and anything                   the call blocks the others
 *   calls on two different pools             yes, always
 *
 *   (*) a second zs_compact() answers 0 at once while one is running.
 *
 *   two calls on one HANDLE                  may they run at once?
 *   ---------------------------------------  -----------------------------
 *   read (begin..end) and read               yes
 *   read and zs_obj_write                    no: the bytes read are torn
 *   zs_obj_write and zs_obj_write            no: the bytes stored are torn
 *   zs_free and read or zs_obj_write         no: use after free
 *   zs_free and zs_free                      no: double free
 *   (zs_free_deferred counts as zs_free)
 *   any of them and zs_compact, zs_trim,
 *     zs_shrink_scan, page migration         yes
 *   zs_for_each_live and zs_free             yes, see there
 *
 *   A thread that is between begin and end   may call
 *   ---------------------------------------  -----------------------------
 *   zs_malloc, begin of other objects,
 *     statistics, zs_compact, zs_trim        yes
 *   zs_obj_write to another object           yes
 *   zs_free of another object                yes
 *   zs_free of that object                   no
 *   zs_destroy_pool                          no
 *
 * FORK
 * The child may create and use new pools at once. A pool made before the
 * fork may be used (or destroyed) in the child only if zs_fork_prepare(),
 * zs_fork_parent() and zs_fork_child() were called for it around the fork,
 * for instance from pthread_atfork() handlers; memory is then private to
 * each process. See zs_fork_prepare().
 *
 * ERRORS
 * A function that returns a handle returns a negative errno as unsigned long
 * on failure (zs_is_err, zs_err). A function that returns int returns 0 or a
 * negative errno. Lack of memory is always an error value: nothing aborts.
 * Unless a call says otherwise, a pool argument must be a live pool, and a
 * handle one that zs_malloc gave for that pool and that is not yet freed:
 * like free(), the library cannot tell others apart, but in pools with
 * ZS_POOL_HARDENED.
 *
 * LIFETIME
 * A pointer from zs_obj_read_begin (or a segment from the scatter-gather
 * form) is valid until the matching end. Handles are valid until freed or
 * until the pool is destroyed. Strings and structures given to a call are
 * copied; nothing is kept.
 *
 * MEMORY
 * A pool's memory comes from the OS by mapping, and is filled as it is used;
 * bytes_resident counts it, memory_limit bounds it. That holds after
 * mlockall(MCL_FUTURE), too: what a pool maps is never locked (but the stack
 * of its worker is). mlockall(MCL_CURRENT) fills all that live pools have
 * mapped by then, up to bytes_mapped, which their figures do not show; what
 * they free goes back to the OS as ever, on Linux before 5.18 only after
 * munlockall: until then it counts as resident and free. Where the OS
 * refuses to unmap (Linux: at vm.max_map_count) memory goes back all the
 * same, and address space stays; of a pool that is destroyed, too.
 *
 * CALLBACKS
 * No lock of a pool is held while one of yours runs (but for push), so it may
 * wait for other threads and call on any pool, as far as its own words go. It
 * must return. One that is left by longjmp, a C++ exception, pthread_exit or
 * cancellation:
 *   zs_for_each_live    is left with it; the section (4 MiB of address space)
 *                       that it was in stays mapped until the pool is
 *                       destroyed
 *   zs_for_each_zspage  is left with it, and its copy of the class is lost
 *   drain               never counts as ended: later drains, flushes, zs_drain
 *                       and zs_destroy_pool wait for ever
 *   push                keeps its CPU's buffer locked: flushes and fork wait for
 *                       ever
 *
 * There is no global state, no constructor, no atexit handler, no
 * thread-local storage. The library starts at most one thread per pool (the
 * worker), when first needed. In `top -H` its name is "uzs/" and as much of the
 * pool's as there is room for. It runs as SCHED_OTHER (where that is allowed)
 * on the CPUs of the thread that created the pool; nice value, memory policy
 * and the like are those of the thread that first needed it. Signals that are
 * sent to the program are blocked in it; those that a thread causes itself
 * (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT) are not. Its
 * stack is the default of the program's threads and 5 MiB more, of which 4 are
 * for thread-local storage; it counts in no figure of the pool.
 *
 * Loaded with dlopen, the shared library stays loaded after dlclose (as far as
 * the system's linker can do that), so that a pool may outlive it. A module
 * that contains the static library must not be unloaded before its pools are
 * destroyed.
 */
#ifndef UZSMALLOC_H
#define UZSMALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/uio.h>

/* Three functions have the name of the structure that they fill in, as in the
 * kernel. To g++ each hides a constructor. */
#if defined(__cplusplus) && defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The one place where the version is written; the build reads it from here. */
#define ZS_VERSION_MAJOR 0
#define ZS_VERSION_MINOR 1
#define ZS_VERSION_PATCH 0

#if defined(__GNUC__) && !defined(ZS_API)
#define ZS_API __attribute__((visibility("default")))
#elif !defined(ZS_API)
#define ZS_API
#endif

/* "MAJOR.MINOR.PATCH" of the library that is linked, a string that lives as
 * long as the library is loaded. Any thread. */
ZS_API const char *zs_version(void);

/* A pool. Opaque. */
struct zs_pool;

/* How an allocation may get memory. Kernel: include/linux/gfp_types.h. */
typedef unsigned int gfp_t;
#ifndef GFP_KERNEL
/* May ask the OS for memory, and may compact the pool to make room. */
#define GFP_KERNEL 0x1u
#endif
#ifndef GFP_NOWAIT
/* Takes only what the pool already has from the OS; never compacts. */
#define GFP_NOWAIT 0x2u
#endif
#ifndef NUMA_NO_NODE
/* The only node id that has a meaning; others are accepted and ignored. */
#define NUMA_NO_NODE (-1)
#endif

/* ------------------------------------------------------------------------
 * Handles and errors
 */

/* Is a value that zs_malloc returned an error? True for -4095..-1 as
 * unsigned long. Handle 0 is not an error value; zs_malloc never returns it. */
static inline bool zs_is_err(unsigned long handle)
{
	return handle >= -4095UL;
}

/* Which error: a negative errno, or 0 when the value is none. */
static inline int zs_err(unsigned long handle)
{
#ifdef __cplusplus
	return zs_is_err(handle) ? -static_cast<int>(0UL - handle) : 0;
#else
	return zs_is_err(handle) ? -(int)(0UL - handle) : 0;
#endif
}

/* ------------------------------------------------------------------------
 * Life of a pool
 */

/* Where zs_free's locks begin and end: the variants of the 2026 patch series
 * "mm/zsmalloc: reduce lock contention in zs_free". They do the same to the
 * pool's contents. */
enum zs_lock_scope {
	/* CLASS_IDX, where it fits */
	ZS_SCOPE_DEFAULT = 0,
	/* Linux 7.0: pool->lock for reading to find the class; the pages of a
	 * zspage that becomes empty are freed under class->lock */
	ZS_SCOPE_HELD = 1,
	/* as HELD, but pages are freed after class->lock is dropped */
	ZS_SCOPE_UNLOCKED = 2,
	/* as UNLOCKED, and the class is in the obj word, so that zs_free does
	 * not take pool->lock. Falls back to UNLOCKED on 32-bit, where the
	 * word has no room: see zs_pool_scope */
	ZS_SCOPE_CLASS_IDX = 3
};

/* What zs_free_deferred does. */
enum zs_defer_mode {
	/* as ARRAY, the array made when first used; as NONE in a pool whose
	 * memory limit is less than ARRAY needs */
	ZS_DEFER_DEFAULT = 0,
	/* frees at once */
	ZS_DEFER_NONE = 1,
	/* keeps up to 128 MiB / page size handles in an array; the worker
	 * frees them from half full on (v2 of the series, April 2026). Takes
	 * 256 KiB of the memory limit, 16 with pages of 64 KiB */
	ZS_DEFER_ARRAY = 2,
	/* keeps them in a buffer of one page for each CPU; the worker frees
	 * full ones (v3, May 2026). Takes some 260 KiB of the memory limit,
	 * and a page and 128 bytes for each CPU */
	ZS_DEFER_PERCPU = 3,
	/* keeps the objects, up to 15 and 4 pages of each size class for each
	 * CPU: a zs_malloc of that class on that CPU takes one, handle and
	 * all, if at least 8 more were freed there after it. With pages of 4
	 * KiB that is 1.4 MiB for a CPU at most, with 64 KiB 22 (chain size 8;
	 * 2.4 and 37 with 16). Those too many are freed by the call that finds
	 * it so, those that nobody needed for a tenth of a second by the
	 * worker within the next. The cheapest way to replace objects. While
	 * compaction could free more than an eighth of the pool (and 4 MiB)
	 * zs_malloc takes none of them: a pool that was half emptied gets
	 * dense by what is allocated, but not by objects that stay where they
	 * are. Takes 32 KiB of the memory limit for each CPU. Kernel: has
	 * nothing like it */
	ZS_DEFER_REUSE = 4
};

/* Flags of zs_pool_options. */
/* No worker thread: what it would do (free zspages that a page migration
 * held up, give memory back to the OS) waits for zs_drain(), zs_trim() or
 * zs_destroy_pool(). */
#define ZS_POOL_NO_WORKER 0x1u
/* Handles that a call must not be given are found, told (see misuse in struct
 * zs_pool_options), and nothing is done with them. */
#define ZS_POOL_HARDENED 0x2u

/* ------------------------------------------------------------------------
 * Misuse of handles, in pools with ZS_POOL_HARDENED, in any build.
 *
 * Found at the call: a handle that was freed or given to zs_free_deferred or
 * zs_defer_push, one of another pool, any other value; a free between begin
 * and end; an end without a begin, also one whose begin answered 0. At
 * zs_destroy_pool: a begin without an end. Whatever the value is, no memory is
 * touched that is not there. 0 and error values are ignored as ever.
 *
 * Later: with ZS_DEFER_REUSE a second free, or a free between begin and end,
 * is found when the handle is looked at: on that CPU by the eighth
 * zs_free_deferred after it, by the worker after a tenth of a second, by a
 * flush or at the end. Until then a read or write of it is not found.
 *
 * Not found: the use of a handle that has been given out again. That takes 256
 * frees on a CPU after its own (fewer only for want of memory, or after
 * zs_trim), but with ZS_DEFER_REUSE as few as 8. Reads and writes that tear
 * each other; a use of memory behind the end of an object; two ends at the very
 * same moment of a read that began once may end another's.
 *
 * In the child of a fork, reads that had begun before it are told of neither
 * when the object is freed nor at the end.
 *
 * It costs 8 bytes for each object; 2 KiB for each CPU and 20 KiB for a pool;
 * the heads (33 KiB) of those sections that had handles in them, which are
 * never unmapped; some 12 ns for a read, as much for a write, 5 for zs_free and
 * zs_malloc: with objects in random order up to 5 %. zs_free_deferred looks at
 * the handle at once, which it otherwise does not wait for: replacing objects
 * takes a quarter longer with ZS_DEFER_ARRAY and _PERCPU, a tenth or two with
 * _REUSE.
 *
 * Under AddressSanitizer (a library that is compiled so), with or without the
 * flag: the memory of objects is poisoned, but for the mem_len bytes of one
 * between begin and its last end. So it reports the use of a pointer after the
 * end, behind mem_len, or of a freed object.
 */

enum zs_misuse_kind {
	/* not from this pool; or long freed, and its memory given back */
	ZS_MISUSE_NO_HANDLE = 1,
	/* freed before, or given to zs_free_deferred or zs_defer_push */
	ZS_MISUSE_FREED = 2,
	/* to be freed between begin and end of a read */
	ZS_MISUSE_READ = 3,
	/* an end without a begin, or the second for one */
	ZS_MISUSE_NOT_BEGUN = 4,
	/* at zs_destroy_pool: a begin without an end */
	ZS_MISUSE_NOT_ENDED = 5
};

/* What the callback is told; all of it lives as long as the call, and the
 * pool's name as long as the pool. */
struct zs_misuse {
	size_t struct_size; /* a later version has more fields */
	const struct zs_pool *pool;
	const char *pool_name;
	unsigned long handle;
	const char *call; /* "zs_free" */
	enum zs_misuse_kind what;
	const char *text; /* `what` in words */
};

/* Options of a pool. Initialize with ZS_POOL_OPTIONS_INIT, then set fields;
 * 0 means the default in each. */
struct zs_pool_options {
	/* sizeof(struct zs_pool_options), set by ZS_POOL_OPTIONS_INIT: lets a
	 * program and a library of different age work together. A larger one
	 * is accepted if the unknown bytes are 0. */
	size_t struct_size;
	/* Bytes in a page: 4096, 8192, 16384, 32768 or 65536; 0 is 4096. Also
	 * the largest object. Independent of the OS's page size. */
	unsigned int page_size;
	/* Most pages in a zspage, 4 to 16; 0 is 8. More pages: less waste when
	 * full, more partly filled memory when many size classes are in use.
	 * Kernel: CONFIG_ZSMALLOC_CHAIN_SIZE. */
	unsigned int chain_size;
	enum zs_lock_scope lock_scope;
	enum zs_defer_mode defer;
	unsigned int flags; /* ZS_POOL_* */
	/* Bytes of memory that the pool may hold from the OS (as in
	 * zs_pool_info.bytes_resident); 0 is no limit. When it is reached,
	 * zs_malloc with GFP_KERNEL first does all that makes room (see there),
	 * then answers -ENOMEM. */
	size_t memory_limit;
	/* Most bytes of free memory (as in zs_pool_info.bytes_free) that the
	 * pool keeps rather than gives back to the OS; 0 is 4 MiB, SIZE_MAX
	 * keeps all. What is free beyond that goes back after a tenth of a
	 * second, by the worker; without one when zs_drain() is called.
	 * zs_trim() ignores it. */
	size_t retained_bytes;
	/* With ZS_POOL_HARDENED: called for each misuse, with misuse_arg, in
	 * the thread that found it, which may be the worker. No lock is held
	 * that the call took; it may call on the pool, at zs_destroy_pool as a
	 * callback of zs_for_each_live may. When it returns, the call that was
	 * misused does nothing and answers as for handle 0. NULL: a line on
	 * stderr,
	 *   uzsmalloc: pool NAME: zs_free: handle 0x7f0123456780: freed already
	 * (at zs_destroy_pool one for each of the first 10, and how many more),
	 * then abort(). */
	void (*misuse)(const struct zs_misuse *misuse, void *arg);
	void *misuse_arg;
};

#define ZS_POOL_OPTIONS_INIT                                            \
	{                                                               \
		sizeof(struct zs_pool_options), 0, 0, ZS_SCOPE_DEFAULT, \
			ZS_DEFER_DEFAULT, 0, 0, 0, NULL, NULL           \
	}

/* Creates a pool.
 * @name: for the reader of statistics; copied, the first 63 bytes count;
 *        NULL is "".
 * @opts: options, or NULL for all defaults; copied.
 * Context: any thread; may sleep. A pool without objects holds a few tens of
 *        KiB and no thread.
 * Return: the pool, or NULL with errno:
 *        EINVAL  an option out of its range, an unknown flag, struct_size
 *                too small, or memory_limit too small to hold one object
 *                of any size: less than the pool's own structures (some
 *                tens of KiB, more with many CPUs), two section heads (32
 *                KiB each with 4 KiB pages), two pages, the longest zspage,
 *                and what the deferral takes. With any limit that is
 *                accepted an empty pool can hold an object of any size
 *        E2BIG   struct_size beyond what this version knows, with unknown
 *                bytes not 0
 *        ENOMEM  no memory
 * Lifetime: until zs_destroy_pool. */
ZS_API struct zs_pool *zs_create_pool_with(const char *name,
					   const struct zs_pool_options *opts);

/* zs_create_pool_with(name, NULL). Kernel: same. */
ZS_API struct zs_pool *zs_create_pool(const char *name);

/* Destroys a pool and gives all of its memory back to the OS, also that of
 * objects still live. Joins the worker.
 * @pool: a pool that no other thread uses and no read pins; NULL is ignored.
 * Return: how many objects were still live; 0 for NULL. Never fails.
 * Differs: the kernel returns nothing and leaks what is live. */
ZS_API unsigned long zs_destroy_pool(struct zs_pool *pool);

/* The lock scope really in use: never ZS_SCOPE_DEFAULT. Constant for a pool. */
ZS_API enum zs_lock_scope zs_pool_scope(const struct zs_pool *pool);

/* ------------------------------------------------------------------------
 * Objects
 */

/* Allocates an object. Its contents are undefined.
 * @size: bytes, 1 to the pool's page size.
 * @gfp:  GFP_KERNEL or GFP_NOWAIT.
 * @nid:  NUMA_NO_NODE; others are accepted and ignored.
 * Context: any thread, also in callbacks (but push). With GFP_KERNEL may sleep,
 *        and for want of memory frees queued and kept handles, compacts the
 *        pool, and gives back what stands in the way; where another thread is
 *        just doing one of these it waits for that, so a call may take as long
 *        as compacting the whole pool. It never calls a caller's own callbacks,
 *        nor waits for them: what they have queued (zs_defer_push) does not
 *        count as memory that can be had.
 * Return: a handle (never 0, even), or an error value:
 *        -EINVAL size is 0, or gfp is neither of the two
 *        -ENOSPC size is larger than a page
 *        -ENOMEM the OS has no memory or the memory limit is reached, and
 *                nothing of the above was left to do or under way (or a
 *                hundred times something was freed and others took it); or
 *                GFP_NOWAIT and the pool has none at hand
 *        On error the pool is as before. */
ZS_API unsigned long zs_malloc(struct zs_pool *pool, size_t size, gfp_t gfp,
			       int nid);

/* Frees an object. A handle of 0 or an error value is ignored.
 * Needs no memory. Context: any thread; does not wait for I/O or for another
 * thread's read of another object. */
ZS_API void zs_free(struct zs_pool *pool, unsigned long handle);

/* ------------------------------------------------------------------------
 * Freeing later. For callers that must not be held up: the handle is put
 * aside in some tens of nanoseconds, and freed by the worker; or, with
 * ZS_DEFER_REUSE, given out again. Until then the object counts as in use, in
 * statistics and in zs_for_each_live.
 */

/* Frees an object soon. A handle of 0 or an error value is ignored. The object
 * must not be used any more, as with zs_free.
 * Context: any thread; never waits for a lock that a drain holds: if the queue
 *        is busy or full, the object is freed before the call returns.
 *        With ZS_DEFER_REUSE the call may free some that were kept before.
 * Return: true if queued or kept, false if freed already (or ignored).
 * Kernel: the 2026 series; there it returns nothing. */
ZS_API bool zs_free_deferred(struct zs_pool *pool, unsigned long handle);

/* Returns when everything queued or kept before the call is freed (or, with
 * ZS_DEFER_REUSE, allocated again); frees in the calling thread, too. Others
 * may go on queueing. Not from within a drain callback. zs_destroy_pool
 * flushes. */
ZS_API void zs_free_deferred_flush(struct zs_pool *pool);

/* What a push callback answers. */
enum zs_push_result {
	ZS_PUSH_OK = 0, /* stored */
	ZS_PUSH_FULL = 1, /* not stored: the buffer is full */
	ZS_PUSH_FULL_QUEUED = 2 /* stored, and the buffer is full now */
};

/* Callbacks of per-CPU buffers that hold the caller's own values. */
struct zs_deferred_ops {
	/* Stores `value` in `buf`, which has page_size bytes and holds the
	 * `count` values of as many calls that answered OK. Must not block,
	 * and must not call the library. */
	enum zs_push_result (*push)(void *buf, unsigned int count,
				    unsigned long value);
	/* Does what is to be done for the `count` values in `buf`, such as
	 * zs_free. Called by the worker, a flush or zs_drain, one at a time
	 * for a pool; may call anything but zs_free_deferred_flush, zs_drain,
	 * zs_pool_enable_deferred_free and zs_destroy_pool of this pool. It may
	 * fork, if the child does not return from the callback.
	 * One that frees no object of the pool loses memory: zs_pool_check
	 * reports it. One that pushes again each time keeps zs_destroy_pool
	 * from ending. */
	void (*drain)(void *private_data, void *buf, unsigned int count);
};

/* Changes the pool's deferral to per-CPU buffers. What is queued or kept is
 * freed first.
 * @ops: the caller's callbacks, for zs_defer_push; they must live as long as
 *       the pool. NULL: values are handles, as with ZS_DEFER_PERCPU.
 * @private_data: passed to drain.
 * Context: no call of zs_free_deferred or zs_defer_push at the same time.
 * Return: 0; -EINVAL when a callback is missing; -EBUSY when the pool has
 *       per-CPU buffers already; -ENOMEM, also when with the buffers the
 *       memory limit would be too small to hold one object of any size. */
ZS_API int zs_pool_enable_deferred_free(struct zs_pool *pool,
					const struct zs_deferred_ops *ops,
					void *private_data);

/* Stores a value in the buffer of the CPU that the caller runs on.
 * Return: true if stored; false if the caller must do the work itself: no
 *       room, the buffer is in use by another thread, or the pool has no
 *       per-CPU buffers. False also for 0 and error values where values are
 *       handles. (With ops of the caller's, zs_free_deferred frees at
 *       once.) */
ZS_API bool zs_defer_push(struct zs_pool *pool, unsigned long value);

/* ------------------------------------------------------------------------
 * Reading and writing
 */

/* Begins reading an object and pins it where it is.
 * @mem_len:    bytes, 1 to the object's room (at least what zs_malloc was
 *              asked for).
 * @local_copy: a buffer of mem_len bytes, used only when the object lies in
 *              two pages; NULL is allowed if the caller can take NULL for
 *              an answer.
 * Context: any thread. The zspage stays pinned (cannot be compacted, nor its
 *        pages moved) until zs_obj_read_end: keep it short.
 * Return: a pointer to the first mem_len bytes, either into the pool (do not
 *        write there) or local_copy. NULL, and nothing to end, when handle is
 *        0 or an error value, mem_len is out of range, or a copy is needed
 *        and local_copy is NULL.
 * Lifetime of the pointer: until zs_obj_read_end.
 * Kernel: same as of v6.15 and later (there without the NULL answers). */
ZS_API void *zs_obj_read_begin(struct zs_pool *pool, unsigned long handle,
			       size_t mem_len, void *local_copy);

/* Ends what zs_obj_read_begin began. @mem_len, @handle_mem: as given to it
 * and returned by it. A NULL handle_mem is ignored. */
ZS_API void zs_obj_read_end(struct zs_pool *pool, unsigned long handle,
			    size_t mem_len, void *handle_mem);

/* As zs_obj_read_begin, but never copies: the object is given as one or two
 * segments that lie in the pool and together are mem_len bytes.
 * Return: the number of segments written to iov, 1 or 2; 0, and nothing to
 *        end, when handle is 0 or an error value or mem_len out of range.
 * Differs: the kernel fills a scatterlist and returns nothing. */
ZS_API unsigned int zs_obj_read_sg_begin(struct zs_pool *pool,
					 unsigned long handle,
					 struct iovec iov[2], size_t mem_len);

/* Ends what zs_obj_read_sg_begin began: not called when that answered 0. Such
 * an end is ignored, but if others read in the same zspage it ends one of
 * their reads; the same goes for any end too many. */
ZS_API void zs_obj_read_sg_end(struct zs_pool *pool, unsigned long handle);

/* Copies mem_len bytes from handle_mem into the object, from its beginning.
 * @mem_len: bytes, 1 to the object's room.
 * Return: 0, or -EINVAL when handle is 0 or an error value, -ERANGE when
 *        mem_len is out of range; then nothing is written.
 * Differs: the kernel returns nothing, checks nothing and takes a pointer to
 * what is not const. */
ZS_API int zs_obj_write(struct zs_pool *pool, unsigned long handle,
			const void *handle_mem, size_t mem_len);

/* ------------------------------------------------------------------------
 * Giving memory back
 */

/* Compacts: moves objects out of the emptiest zspages of each class into the
 * fullest, as long as that frees whole zspages, and frees those. Needs no
 * memory. When the zspage whose turn it is to be emptied is being read, its
 * class is left as it is: one reader can keep all that could be freed of a
 * class, in a child of a fork for good (see there). zs_malloc, for want of
 * memory, passes over that zspage alone. The freed pages stay in the pool up to
 * retained_bytes; the rest goes back to the OS soon after (zs_trim: now).
 * Return: pages freed; 0 at once if another thread is compacting.
 * Context: any thread; may sleep; other calls are held up for the time of
 *        filling one zspage at most. Kernel: same. */
ZS_API unsigned long zs_compact(struct zs_pool *pool);

/* Gives all free memory back to the OS now: first moves pages (not objects)
 * out of sparsely used sections, so that these empty out, then unmaps empty
 * sections and returns every free page. To shrink a pool as far as possible
 * call zs_compact first.
 * Return: bytes given back to the OS; 0 at once if another thread is in
 *        zs_trim. Context: any thread; may sleep; needs no memory. */
ZS_API size_t zs_trim(struct zs_pool *pool);

/* Runs, in the calling thread, everything that is queued for the pool's
 * worker, and returns when all that was queued before the call is done. With
 * a worker thread it waits for that one instead. Buffers that are not full,
 * and what is kept for reuse and was needed since the last look (or drain),
 * stay: see zs_free_deferred_flush.
 * Return: number of work items run by this thread. */
ZS_API unsigned long zs_drain(struct zs_pool *pool);

/* The shrinker's two calls, for programs with a memory-pressure mechanism of
 * their own. Kernel: zs_shrinker_count, zs_shrinker_scan. */
/* Return: pages that compaction could free now (an estimate while others
 * change the pool). Takes no lock. */
ZS_API unsigned long zs_shrink_count(struct zs_pool *pool);
/* Compacts. @nr_pages is accepted and ignored, as in the kernel.
 * Return: pages freed, or ZS_SHRINK_STOP when nothing was freed. */
#define ZS_SHRINK_STOP (~0UL)
ZS_API unsigned long zs_shrink_scan(struct zs_pool *pool,
				    unsigned long nr_pages);

/* ------------------------------------------------------------------------
 * Geometry
 */

/* Requests of at least this many bytes take a whole page each ("huge").
 * 3625 for 4096-byte pages and chain size 8. Constant for a pool.
 * Kernel: same, but process-wide there. */
ZS_API size_t zs_huge_class_size(struct zs_pool *pool);

/* Index of the size class whose objects have @size bytes, from the size as
 * given (zs_malloc itself looks for size + sizeof(unsigned long)). Sizes
 * beyond a page count as a page. Constant for a pool. Kernel: same. */
ZS_API unsigned int zs_lookup_class_index(struct zs_pool *pool,
					  unsigned int size);

/* Number of class indices: zs_class_info takes 0 to this less 1. 255 for
 * 4096-byte pages. Constant for a pool. */
ZS_API unsigned int zs_class_count(const struct zs_pool *pool);

/* ------------------------------------------------------------------------
 * Statistics. None of these calls needs a refresh, and only two stop others
 * for long: zs_for_each_zspage those on one class, zs_pool_check all. "exact":
 * right at the moment of the call, if nothing else runs then, and never
 * negative; "relaxed": counted without a lock, may miss what other threads are
 * just doing.
 */

/* Pages in zspages now. Exact. Kernel: same. */
ZS_API unsigned long zs_get_total_pages(struct zs_pool *pool);

/* Kernel: struct zs_pool_stats. */
struct zs_pool_stats {
	unsigned long pages_compacted; /* pages freed by compaction so far */
};
ZS_API void zs_pool_stats(struct zs_pool *pool, struct zs_pool_stats *stats);

/* What a pool is and holds. Set struct_size (ZS_POOL_INFO_INIT) before the
 * call: no more than that many bytes are written.
 *
 * Identities, when nothing else runs:
 *   objs_inuse <= objs_capacity
 *   freeable_pages <= pages <= peak_pages
 *   (pages + slab_pages) * page_size <= bytes_resident
 *   bytes_resident <= bytes_mapped */
struct zs_pool_info {
	size_t struct_size;
	/* constant */
	unsigned int page_size; /* bytes */
	unsigned int chain_size; /* pages */
	size_t memory_limit_bytes; /* 0: none */
	size_t retained_bytes; /* the default filled in */
	/* memory; exact */
	unsigned long pages; /* pages in zspages */
	unsigned long peak_pages; /* the most there ever were */
	unsigned long slab_pages; /* pages of handle words and zspage
				   * structures */
	size_t bytes_mapped; /* address space taken from the OS, all of it:
			      * sections and the pool's own structures */
	size_t bytes_resident; /* of those, what the OS must have filled with
				* memory; free pages not yet given back
				* count; an upper bound of RSS growth */
	size_t bytes_free; /* of those, free pages not yet given back */
	/* objects; exact */
	unsigned long objs_inuse;
	unsigned long objs_capacity; /* object places in zspages */
	unsigned long freeable_pages; /* zs_compact would free about that */
	/* counters since creation; relaxed */
	unsigned long compactions; /* runs of zs_compact that did not answer
				    * 0 for another one running */
	unsigned long pages_compacted; /* pages freed by them */
	unsigned long objs_moved; /* objects moved by compaction */
	unsigned long bytes_moved; /* their bytes, by class size */
	unsigned long compact_hold_ns_max; /* longest time that a compaction
				* held class->lock at a stretch */
	unsigned long pages_migrated; /* pages moved by zs_trim */
	unsigned long migrations_busy; /* page moves given up as busy */
	unsigned long zspages_async_freed; /* zspages that the worker freed,
				* as a page of theirs was just migrating */
	unsigned long bytes_given_back; /* to the OS */
	/* deferred free, in handles or values; relaxed */
	unsigned long deferred_queued; /* queued, or kept, so far */
	unsigned long deferred_sync_busy; /* freed at once (or left to the
					   * caller) as the lock was taken */
	unsigned long deferred_sync_full; /* ... as there was no room */
	unsigned long deferred_drained; /* taken out of the queue and freed */
	unsigned long deferred_scheduled; /* times the worker was woken to
					   * free what is queued */
	unsigned long deferred_reused; /* kept, and given out again: of what
					* was queued neither drained nor
					* reused is still waiting */
};
#define ZS_POOL_INFO_INIT                                                     \
	{                                                                     \
		sizeof(struct zs_pool_info), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, \
			0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0     \
	}

/* Return: 0, or -EINVAL when struct_size is less than that of the first
 * version of the library. */
ZS_API int zs_pool_info(struct zs_pool *pool, struct zs_pool_info *info);

#define ZS_NR_FULLNESS_GROUPS 12

/* One size class. Set struct_size (ZS_CLASS_INFO_INIT) before the call. */
struct zs_class_info {
	size_t struct_size;
	/* constant */
	unsigned int index; /* of the class that serves this index: larger
			     * than the index asked for if that is merged */
	unsigned int size; /* bytes of an object, its handle word included */
	unsigned int pages_per_zspage;
	unsigned int objs_per_zspage;
	bool huge; /* one object in one page, handle word elsewhere */
	/* exact, all of one moment */
	unsigned long zspages[ZS_NR_FULLNESS_GROUPS]; /* by fullness group:
			* 0 empty, 1 to 10 "10 %" to "99 %", 11 full */
	unsigned long objs_capacity;
	unsigned long objs_inuse;
	unsigned long pages_used;
	unsigned long freeable_pages;
};
#define ZS_CLASS_INFO_INIT                                                    \
	{                                                                     \
		sizeof(struct zs_class_info), 0, 0, 0, 0, false, { 0 }, 0, 0, \
			0, 0                                                  \
	}

/* Return: 0; -ERANGE when index is not below zs_class_count(); -EINVAL when
 * struct_size is less than that of the first version of the library. */
ZS_API int zs_class_info(struct zs_pool *pool, unsigned int index,
			 struct zs_class_info *info);

/* Prints the kernel's `classes` table (debugfs zsmalloc/POOL/classes): a row
 * for each class, a total.
 * Return: 0, or a negative errno from writing to @out. */
ZS_API int zs_print_classes(struct zs_pool *pool, FILE *out);

/* Calls @callback for every live handle, in no order, until it returns
 * non-zero. What was given to zs_free_deferred and is not freed yet counts as
 * live: to free all that a walk finds, call zs_free_deferred_flush first. (To
 * use such a handle in the callback is misuse all the same.)
 * Context: no lock is held during a callback: it may call anything (also
 *        zs_free for this handle, zs_trim, another walk, and fork) but
 *        zs_destroy_pool. Meanwhile the section that the walk is in (4 MiB of
 *        address space) does not go back to the OS, its free pages do. Objects
 *        allocated or freed meanwhile by others may or may not be seen: that
 *        a handle given to the callback stays live is up to the caller.
 * Return: 0, or what the callback returned. */
ZS_API int zs_for_each_live(struct zs_pool *pool,
			    int (*callback)(unsigned long handle, void *arg),
			    void *arg);

/* A zspage as zs_for_each_zspage shows it: a copy, of one moment. */
struct zs_zspage_info {
	unsigned int class_index;
	unsigned int group; /* fullness group, 0 to 11 */
	unsigned int inuse; /* objects allocated */
	unsigned int objs; /* objects in all */
	unsigned int pages;
	/* by object index: the handle there, 0 if free; objs entries */
	const unsigned long *handles;
	/* the free list from its head, object indices; objs - inuse entries */
	const unsigned int *free_list;
};

/* Calls @callback for every zspage of one class, by group from 0 to 11 and
 * in list order from the head, until it returns non-zero. For studying
 * placement; slow, and takes memory for a copy of the class. The copy is of one
 * moment: other calls that allocate, free or move objects of the class wait
 * until it is made, some 20 ms for a million objects.
 * @index: a class index; a merged one shows the class that serves it.
 * Context: no lock is held during a callback. The structure and its arrays
 *        live until the callback returns.
 * Return: 0; what the callback returned; -ERANGE for a bad index; -ENOMEM. */
ZS_API int zs_for_each_zspage(struct zs_pool *pool, unsigned int index,
			      int (*callback)(const struct zs_zspage_info *info,
					      void *arg),
			      void *arg);

/* Checks every invariant of the pool, telling each violation in a line on
 * @out (NULL: only count). Takes time in proportion to the pool and stops
 * its other calls meanwhile; objects being read are fine.
 * Return: number of violations; 0 is a sound pool. */
ZS_API unsigned long zs_pool_check(struct zs_pool *pool, FILE *out);

/* ------------------------------------------------------------------------
 * fork. For each pool that the child shall go on using:
 *
 *   zs_fork_prepare   before fork: waits until no other call is in the middle
 *                     of a step, then keeps all out. A step is short: filling
 *                     one zspage, giving back 16 MiB, copying one class for
 *                     zs_for_each_zspage; but zs_pool_check is one step
 *   zs_fork_parent    after fork, in the parent: lets them in again
 *   zs_fork_child     after fork, in the child: makes the pool usable there;
 *                     the worker thread is started anew when needed
 *
 * With several pools prepare them in one fixed order, everywhere the same.
 * Callbacks of one that use another are no matter: prepare waits for none to
 * end, but up to 20 ms, for each pool, for a drain callback. In the child the threads that were
 * in one do not exist:
 *   - a walk is just not there any more (its section stays mapped, see
 *     CALLBACKS);
 *   - of the values that a drain callback was given and had not done by then
 *     nobody knows: they are not given to a callback again, and count as
 *     drained. Objects among them stay live.
 * Reads (begin..end) of other threads do not hold fork up, but pin their
 * zspages in the child for ever: objects in these do not move, and zs_compact
 * leaves their class when it meets one (zs_malloc for want of memory does not);
 * freeing the objects and destroying the pool still works.
 * What else may stay behind in the child, until the pool is destroyed there: of
 * each call that was under way one zspage and one handle word; beyond that, for
 * ever, a section that was just being mapped (4 MiB of address space without
 * memory), and the worker's stack, as far as the system's threads do not take
 * it back. A failed fork: call zs_fork_parent. */
ZS_API void zs_fork_prepare(struct zs_pool *pool);
ZS_API void zs_fork_parent(struct zs_pool *pool);
ZS_API void zs_fork_child(struct zs_pool *pool);

#ifdef __cplusplus
}
#endif

#if defined(__cplusplus) && defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

#endif /* UZSMALLOC_H */
