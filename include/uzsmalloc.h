/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* uzsmalloc.h - zsmalloc in userspace: the whole public interface.
 *
 * A pool stores objects of 1 byte to one page. Objects of about the same size
 * lie close together in the same pages. Allocation gives a *handle*, not a
 * pointer: the object behind a handle may move, the handle stays the same. The
 * data is reached between zs_obj_read_begin() and zs_obj_read_end(), or with
 * zs_obj_write().
 *
 * Names that the Linux kernel has too (mm/zsmalloc.c, as of v6.15 and later)
 * take the kernel's arguments and mean the same. Where they do not, the
 * comment says "Differs".
 *
 * One file, although it is long: it is the reference, and the only header that a
 * program includes.
 *
 * WORDS
 *   handle      what zs_malloc returns; names one object
 *   size class  the sizes that are rounded up to the same object size
 *   zspage      1 to 16 pages that hold objects of one size class
 *   section     4 MiB of address space: a pool maps its pages in such pieces
 *   worker      the pool's own thread, for work that can wait
 *   to pin      to keep a zspage where it is, while one of its objects is
 *               read
 *   to compact  to move objects together, so that whole zspages become free
 *   to trim     to give all free memory back to the OS
 *   to queue    to put a handle aside; it is freed later
 *   to keep     to put a handle aside; it is allocated again or freed later
 *   to flush    to free, now, everything that is queued or kept
 *   to drain    to run, now, everything that waits for the worker. Also: to
 *               take handles or values out of a queue and deal with them
 *
 * THREADS
 * All calls on one pool may run at once from any number of threads; the first
 * table shows the exceptions. No thread has to be registered. Only
 * zs_fork_prepare returns with locks held. A begin pins one zspage (not the
 * pool) until its end. A begin and its end may be in different threads.
 *
 *   two calls on one POOL                    may they run at once?
 *   ---------------------------------------  -----------------------------
 *   any two of: zs_malloc zs_free zs_compact
 *     zs_free_many zs_set_memory_limit
 *     zs_set_max_overhead zs_ref_*
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
 *   (*) while one zs_compact() runs, a second one returns 0 at once. It waits for
 *       a step that the pool makes by itself (max_overhead_percent).
 *
 *   two calls on one HANDLE                  may they run at once?
 *   ---------------------------------------  -----------------------------
 *   read (begin..end) and read               yes
 *   read and zs_obj_write                    no: may read a mix of old and new
 *   zs_obj_write and zs_obj_write            no: may store a mix of both
 *   zs_free and read or zs_obj_write         no: use after free
 *   zs_free and zs_free                      no: double free
 *   (zs_free_deferred and zs_free_many count as zs_free, zs_obj_room and
 *     zs_obj_place as read)
 *   any of them and zs_compact, zs_trim,
 *     zs_shrink_scan, page migration         yes
 *   zs_for_each_live and zs_free             yes, see there
 *
 *   A thread that is between begin and end   may call
 *   ---------------------------------------  -----------------------------
 *   zs_malloc, begin of other objects,
 *     statistics, zs_compact, zs_trim        yes
 *   zs_obj_write to another object           yes
 *   zs_free, zs_free_many of others          yes
 *   zs_free of that object                   no
 *   zs_destroy_pool                          no
 *
 * FORK
 * The child may create and use new pools at once. A pool made before the
 * fork may be used (or destroyed) in the child only if zs_fork_prepare(),
 * zs_fork_parent() and zs_fork_child() were called for it around the fork,
 * for instance from pthread_atfork() handlers. After the fork the memory is
 * private to each process. See zs_fork_prepare().
 *
 * ERRORS
 * A function that returns a handle returns a negative errno as unsigned long
 * on failure (zs_is_err, zs_err). A function that returns int returns 0 or a
 * negative errno. Lack of memory is always an error value: nothing aborts.
 *
 * Unless a call says otherwise, a pool argument must be a live pool. A handle
 * must come from zs_malloc for that pool, and must not be freed yet. Like
 * free(), the library cannot recognise other values, except in pools with
 * ZS_POOL_HARDENED.
 *
 * LIFETIME
 * A pointer from zs_obj_read_begin, or a segment from zs_obj_read_sg_begin, is
 * valid until the matching end. Handles are valid until freed or until the
 * pool is destroyed. Strings and structures given to a call are copied;
 * nothing is kept.
 *
 * MEMORY
 * A pool maps its memory from the OS. The OS fills it when it is first used.
 * bytes_resident (struct zs_pool_info) counts what is filled; memory_limit
 * bounds it.
 *
 * Both are also right after mlockall(MCL_FUTURE): what a pool maps is never
 * locked. (The stack of its worker is.) mlockall(MCL_CURRENT) is different. It
 * fills everything that live pools have mapped at that time, up to
 * bytes_mapped, and the pools' figures do not show it. What such a pool frees
 * still goes back to the OS, but on Linux before 5.18 only after munlockall();
 * until then it counts as resident and as free.
 *
 * If the OS refuses to unmap (Linux: at vm.max_map_count), the memory goes
 * back all the same, but the address space stays mapped. This is so for a pool
 * that is destroyed, too.
 *
 * CALLBACKS
 * While one of your callbacks runs, the library holds no lock of a pool; push
 * is the exception. So a callback may wait for other threads, and may call
 * the library on any pool, unless its own description forbids it. A callback
 * must return. If it is left by longjmp, a C++ exception, pthread_exit or
 * cancellation:
 *   zs_for_each_live     ends with it; the section that it was in stays mapped
 *                        until the pool is destroyed
 *   zs_for_each_section  the same; and its copy of the section is leaked
 *   zs_for_each_zspage   ends with it; its copy of the class is leaked
 *   drain                never counts as ended: later drains, flushes, zs_drain
 *                        and zs_destroy_pool wait for ever
 *   push                 leaves the buffer of its CPU locked: flushes and fork
 *                        wait for ever
 *
 * THE WORKER, AND LOADING
 * There is no global state, no constructor, no atexit handler, no
 * thread-local storage. The library starts at most one thread for each pool,
 * the worker, when it is first needed.
 *   name      in `top -H`: "uzs/", and as much of the pool's name as fits
 *   schedule  SCHED_OTHER (where that is allowed), on the CPUs of the thread
 *             that created the pool; nice value, memory policy and the like
 *             are those of the thread that first needed the worker
 *   signals   those sent to the program are blocked in it; those that a thread
 *             causes itself (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS,
 *             SIGABRT) are not
 *   stack     the default of the program's threads and 5 MiB more, 4 of them
 *             for thread-local storage; it is in no figure of the pool
 *
 * If the shared library was loaded with dlopen, it stays loaded after dlclose
 * (as far as the system's linker can do that), so that a pool may outlive the
 * dlclose. A module that contains the static library must not be unloaded
 * before its pools are destroyed.
 */
#ifndef UZSMALLOC_H
#define UZSMALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/uio.h>

/* Three functions have the same name as the structure that they fill in, as in
 * the kernel. g++ warns that each hides a constructor. */
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

/* "MAJOR.MINOR.PATCH" of the library that is linked. The string lives as long
 * as the library is loaded. Any thread. */
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
ZS_API bool zs_is_err(unsigned long handle);

/* Which error: a negative errno, or 0 when the value is none. */
ZS_API int zs_err(unsigned long handle);

/* Every call is a function of the library, for other languages and for pointers to
 * functions. Where the compiler can, programs have these two, zs_ref_begin,
 * zs_ref_end and zs_ref_load inline. */

#ifdef __GNUC__
/* Inlined, and never made a function of the program's. */
#define ZS_INLINE_ \
	extern __inline__ __attribute__((__gnu_inline__, __always_inline__))

ZS_INLINE_ bool zs_is_err(unsigned long handle)
{
	return handle >= -4095UL;
}

ZS_INLINE_ int zs_err(unsigned long handle)
{
#ifdef __cplusplus
	return zs_is_err(handle) ? -static_cast<int>(0UL - handle) : 0;
#else
	return zs_is_err(handle) ? -(int)(0UL - handle) : 0;
#endif
}
#endif

/* ------------------------------------------------------------------------
 * Kinds of pools
 */

/* Which locks zs_free takes, and for how long: the variants of the 2026 patch
 * series "mm/zsmalloc: reduce lock contention in zs_free". The pool's contents
 * are the same with each. */
enum zs_lock_scope {
	/* CLASS_IDX; UNLOCKED where the word has no room */
	ZS_SCOPE_DEFAULT = 0,
	/* Linux 7.0: pool->lock for reading to find the class; the pages of a
	 * zspage that becomes empty are freed under class->lock */
	ZS_SCOPE_HELD = 1,
	/* as HELD, but the pages are freed after class->lock is dropped */
	ZS_SCOPE_UNLOCKED = 2,
	/* as UNLOCKED, and zs_free does not take pool->lock: it finds the
	 * class in the obj word, which says where an object is. On 32-bit the
	 * word has no room for the class, and UNLOCKED is used: see
	 * zs_pool_scope */
	ZS_SCOPE_CLASS_IDX = 3
};

/* What zs_free_deferred does. */
enum zs_defer_mode {
	/* as ARRAY, but the array is made when it is first used; as NONE in a
	 * pool whose memory limit is less than ARRAY needs */
	ZS_DEFER_DEFAULT = 0,
	/* frees at once */
	ZS_DEFER_NONE = 1,
	/* queues up to 128 MiB / page size handles in an array. From half full
	 * on the worker frees them (v2 of the series, April 2026). Takes 256
	 * KiB of the memory limit, 16 KiB with pages of 64 KiB */
	ZS_DEFER_ARRAY = 2,
	/* queues handles in a buffer of one page for each CPU. The worker
	 * frees what is in full buffers (v3, May 2026). Takes some 260 KiB of
	 * the memory limit, and a page and 128 bytes for each CPU */
	ZS_DEFER_PERCPU = 3,
	/* keeps objects, for each CPU and size class, to allocate them again:
	 * the cheapest way to replace objects. Kernel: has nothing like it.
	 *  - Kept: for each class and CPU at most 15 objects, and at most 4
	 *    pages. For one CPU and pages of 4 KiB that is 1.4 MiB at most,
	 *    with 64 KiB 22 MiB (chain size 8; 2.4 and 37 with 16).
	 *  - Allocated again: a zs_malloc of that class on that CPU takes a
	 *    kept object with its handle, if at least 8 more were freed there
	 *    after it.
	 *  - Freed: what is too much, by the call that finds it; what was not
	 *    needed for a tenth of a second, by the worker within the next
	 *    tenth.
	 *  - In a sparse pool zs_malloc takes no kept object: while compaction
	 *    could free more than an eighth of the pool and more than 4 MiB.
	 *    So new objects fill the gaps of a pool that was half emptied.
	 * Takes 32 KiB of the memory limit for each CPU */
	ZS_DEFER_REUSE = 4
};

/* What a pool is made for. */
enum zs_profile {
	/* KERNEL */
	ZS_PROFILE_DEFAULT = 0,
	/* does what the kernel's zsmalloc does: places, locks and figures are
	 * those of the kernel */
	ZS_PROFILE_KERNEL = 1,
	/* for caches and other programs that want little memory and the speed
	 * of malloc. 64-bit only. What is different:
	 *  - objects of up to 1 MiB (ZS_USER_MAX_SIZE)
	 *  - an object is always one piece of memory: a read never copies, and
	 *    zs_obj_read_sg_begin gives one segment
	 *  - a begin pins one object, not its zspage. At most 255 pins of one
	 *    object may be open; the next begin waits for one to end
	 *  - zspages of up to 16 pages (chain_size 0), and size classes for all
	 *    sizes: zs_lookup_class_index and zs_class_count go to 1 MiB
	 *  - zs_free keeps freed objects for the next allocation of their class
	 *    on that CPU, and an allocation may take a few free places more
	 *    for it: at most 15 of a class, and at most 4 pages. They
	 *    count as free in objs_inuse, but not in the zspages of
	 *    zs_class_info and zs_for_each_zspage. zs_compact, zs_trim and
	 *    zs_free_deferred_flush free them, and so does zs_malloc when
	 *    memory is short
	 *  - ZS_DEFER_DEFAULT and ZS_DEFER_REUSE are ZS_DEFER_NONE; lock_scope
	 *    has no meaning
	 *  - pages (zs_pool_info, zs_get_total_pages) counts the pages of
	 *    zspages that were used so far: an object's place has no memory
	 *    before its first use. What compaction frees or could free
	 *    (zs_compact, pages_compacted, freeable_pages, pages_used) counts
	 *    all pages of these zspages
	 *  - the words of objects may lie in the program's own records: zs_ref */
	ZS_PROFILE_USER = 2
};

/* Bytes of the largest object with ZS_PROFILE_USER. */
#define ZS_USER_MAX_SIZE (sizeof(char) << 20)

/* Flags of zs_pool_options. */
/* No worker. Its work (to free zspages that a page migration held up, to give
 * memory back to the OS) waits for zs_drain(), zs_trim() or
 * zs_destroy_pool(). */
#define ZS_POOL_NO_WORKER 0x1u
/* Wrong handles are found and reported (see misuse in struct zs_pool_options),
 * and the call does nothing with them. */
#define ZS_POOL_HARDENED 0x2u
/* With ZS_PROFILE_USER on Linux: no huge pages. Without this flag the worker of a
 * pool of 32 MiB or more moves full zspages into huge pages, 4 MiB at a time. Random
 * reads and writes take about a fifth less time then. It copies what is stored once
 * more, and needs 4 MiB of room under memory_limit.
 * Needs an OS that gives huge pages to who asks: "always" or "madvise" in
 * /sys/kernel/mm/transparent_hugepage/enabled. zs_trim, and giving back what
 * compaction frees, split huge pages; what is left moves again when a quarter of its
 * 4 MiB was given back.
 * There are none in pools without a worker or with pages of more than 16 KiB, nor in
 * the child of a fork; nor for objects of zs_huge_class_size and more (30 KiB with
 * the default options), or that are pinned all the time. */
#define ZS_POOL_NO_HUGE_PAGES 0x4u

/* ------------------------------------------------------------------------
 * Misuse of handles, in pools with ZS_POOL_HARDENED, in any build.
 *
 * Found at the call:
 *   - a handle that was freed, or given to zs_free_deferred or zs_defer_push;
 *     a handle of another pool; any other value
 *   - a free between begin and end
 *   - an end without a begin, also after a begin that returned NULL or 0
 * Found at zs_destroy_pool: a begin without an end.
 * Whatever the value is, the library touches no memory that is not there. 0
 * and error values are ignored, as in other pools.
 *
 * Found later: with ZS_DEFER_REUSE, a second free, or a free between begin and
 * end. The handle is checked by the eighth zs_free_deferred after it on that
 * CPU, by the worker after a tenth of a second, by a flush, or when the pool
 * is destroyed. Until then a read or write of it is not found either.
 *
 * Not found:
 *   - the use of a handle that was allocated again. A handle is allocated
 *     again after 256 other frees on the CPU that freed it (earlier only when
 *     memory is short, or after zs_trim); with ZS_DEFER_REUSE after as
 *     few as 8
 *   - a read and a write, or two writes, of one object at once; a use of
 *     memory behind the end of an object
 *   - two ends at the very same moment for one begin: the second may end
 *     another thread's read
 *   - a free, a store or a move of what a zs_ref names while another thread just
 *     begins to read it, with nothing in the program that orders the two; two
 *     frees of one zs_ref at the very same moment
 *
 * In the child of a fork, reads that began before the fork are not reported:
 * neither when the object is freed, nor when the pool is destroyed.
 *
 * Memory: 8 bytes for each handle; 2 KiB for each CPU and 20 KiB for a pool;
 * and the heads (33 KiB each) of sections that had handles in them, which are
 * not unmapped before the pool is destroyed; with ZS_PROFILE_USER those of the
 * sections of objects (4 to 48 KiB), too.
 * Time, with objects in random order (uzs-bench pair, one thread): with handles
 * in ZS_PROFILE_KERNEL, reads, writes and replacing objects with zs_free take
 * 0.91 to 1.06 times as long as in other pools (20 to 80 ns more each where all
 * is in the CPU's caches). By refs in ZS_PROFILE_USER, reads take 1.1 to 1.25,
 * replacing 1.1 to 1.2, writes 1.1 to 1.4, a begin with its end 2.9, a free 2.2 to
 * 3.4 times as long: the check fetches the object, which a free would not touch. (Reads take longer from when a thread has ended the
 * read of another, or one that was not begun: zs_ref_end.) zs_free_deferred looks at
 * the handle at once, which it does not do in other pools. Replacing objects with it
 * takes a quarter to a third longer with ZS_DEFER_ARRAY and _PERCPU, a tenth or two
 * with _REUSE.
 *
 * A library that is compiled with AddressSanitizer poisons the memory of
 * objects, with or without this flag. Only the mem_len bytes of an object
 * between begin and its last end are not poisoned. So it reports a pointer that
 * is used after the end, beyond mem_len, or into a freed object. (Objects of whole
 * pages lie side by side with ZS_PROFILE_USER: who writes beyond one, into another that
 * is between begin and end too, is not reported.)
 */

enum zs_misuse_kind {
	/* not from this pool; or freed long ago, and its memory is gone */
	ZS_MISUSE_NO_HANDLE = 1,
	/* freed before, or given to zs_free_deferred or zs_defer_push */
	ZS_MISUSE_FREED = 2,
	/* freed between begin and end of a read */
	ZS_MISUSE_READ = 3,
	/* an end without a begin, or the second for one */
	ZS_MISUSE_NOT_BEGUN = 4,
	/* at zs_destroy_pool: a begin without an end */
	ZS_MISUSE_NOT_ENDED = 5
};

/* What the misuse callback gets. It lives until the callback returns; the
 * pool's name lives as long as the pool. */
struct zs_misuse {
	size_t struct_size; /* a later version has more fields */
	const struct zs_pool *pool;
	const char *pool_name;
	unsigned long handle;
	const char *call; /* "zs_free" */
	enum zs_misuse_kind what;
	const char *text; /* `what` in words */
};

/* ------------------------------------------------------------------------
 * Life of a pool
 */

/* Largest max_overhead_percent: no bound. */
#define ZS_MAX_OVERHEAD 10000u

/* Options of a pool. Initialize with ZS_POOL_OPTIONS_INIT, then set fields. In
 * each field 0 means the default. */
struct zs_pool_options {
	/* sizeof(struct zs_pool_options), set by ZS_POOL_OPTIONS_INIT. So a
	 * program and a library of different versions work together. A larger
	 * structure than the library knows is accepted if the unknown bytes
	 * are 0. */
	size_t struct_size;
	/* Bytes in a page: 4096, 8192, 16384, 32768 or 65536; 0 is 4096. Also
	 * the largest object. Independent of the OS's page size; but memory
	 * goes back to the OS in whole pages of it. Where those are larger,
	 * free pages beside used ones stay: bytes_free may stay above
	 * retained_bytes, and above 0 after zs_trim. With ZS_PROFILE_USER it is
	 * not the largest object, and at least the OS's page size is used. */
	unsigned int page_size;
	/* Most pages in a zspage, 4 to 16; 0 is 8, with ZS_PROFILE_USER 16.
	 * With more pages less is wasted in full zspages, but more in partly
	 * filled ones, of which each size class in use has some: see
	 * expected_bytes. 4 suits pools of less than 32 MiB.
	 * Kernel: CONFIG_ZSMALLOC_CHAIN_SIZE. */
	unsigned int chain_size;
	enum zs_lock_scope lock_scope;
	enum zs_defer_mode defer;
	unsigned int flags; /* ZS_POOL_* */
	/* Bytes of memory that the pool may hold from the OS (as in
	 * zs_pool_info.bytes_resident); 0 is no limit. At the limit zs_malloc
	 * with GFP_KERNEL first does all that makes room (see there). If that
	 * does not help, it returns -ENOMEM. */
	size_t memory_limit;
	/* Most bytes of free memory (as in zs_pool_info.bytes_free) that the
	 * pool does not give back to the OS; 0 is 4 MiB, SIZE_MAX gives nothing
	 * back. Free memory beyond that goes back after a tenth of a second, by
	 * the worker; without a worker, when zs_drain() is called. zs_trim()
	 * ignores this field. */
	size_t retained_bytes;
	/* With ZS_POOL_HARDENED: called for each misuse, with misuse_arg, in
	 * the thread that found it, which may be the worker. None of the locks
	 * that the misused call took is held. The callback may call the
	 * library on this pool; at zs_destroy_pool only what a callback of
	 * zs_for_each_live may call. When it returns, the misused call does
	 * nothing, and returns what it returns for handle 0.
	 * NULL: prints a line on stderr,
	 *   uzsmalloc: pool NAME: zs_free: handle 0x7f0123456780: freed already
	 * then calls abort(). (At zs_destroy_pool: one line for each of the
	 * first 10 misuses, and one that says how many more there are.) */
	void (*misuse)(const struct zs_misuse *misuse, void *arg);
	void *misuse_arg;
	/* What the pool is made for. */
	enum zs_profile profile;
	/* How much the gaps between objects may take, in percent of the bytes
	 * of the objects (a first word before them and rounding included), at most
	 * ZS_MAX_OVERHEAD, which is no bound; 0 is no bound, too, and 2 with
	 * ZS_PROFILE_USER. If compaction could free more than this, and more
	 * than 256 KiB, the pool compacts by itself:
	 *  - the worker begins within half a second of the free that made it so,
	 *    much sooner after many frees. It moves 1 MiB at a time, and then
	 *    rests as long as that took, until gaps take a quarter of the bound.
	 *    zs_drain does not rest
	 *  - in a pool without a worker, calls that allocate and may sleep move
	 *    64 KiB each; or zs_drain does all
	 * The child of a fork does not, as it would copy what it shares with its
	 * parent. A pool at rest does nothing. own_steps, own_bytes_moved and
	 * own_us of zs_pool_info tell what was done. Free pages are another
	 * matter: see retained_bytes. */
	unsigned int max_overhead_percent;
	/* Bytes of all objects that the pool is expected to hold; 0: not known.
	 * Each size class in use has a zspage or two that are partly filled, so
	 * a small pool does better with few classes. The pool gets those with
	 * which least memory is lost if sizes are spread evenly from 1 byte to a
	 * page; an index that is not used belongs to the next larger class, as a
	 * merged one does (zs_class_info). Any pool may hold less or more.
	 * Of no use with ZS_PROFILE_USER, which does so by itself.
	 * Kernel: has nothing like it. */
	size_t expected_bytes;
};

#define ZS_POOL_OPTIONS_INIT                                            \
	{                                                               \
		sizeof(struct zs_pool_options), 0, 0, ZS_SCOPE_DEFAULT, \
			ZS_DEFER_DEFAULT, 0, 0, 0, NULL, NULL,          \
			ZS_PROFILE_DEFAULT, 0, 0                        \
	}

/* Creates a pool.
 * @name: for the reader of statistics; copied, the first 63 bytes count;
 *        NULL is "".
 * @opts: options, or NULL for all defaults; copied.
 * Context: any thread; may sleep. A pool without objects holds a few tens of
 *        KiB, and has no worker yet.
 * Return: the pool, or NULL with errno:
 *        EINVAL  an option out of its range, a profile that this machine
 *                does not have, an unknown flag, a struct_size
 *                that is too small, or a memory_limit that is too small. With
 *                every limit that is accepted, an empty pool can hold one
 *                object of any size. For that it needs: its own structures
 *                (some tens of KiB, more with many CPUs), two section heads
 *                (32 KiB each with 4 KiB pages), two pages, the longest
 *                zspage, and what the deferral takes
 *        E2BIG   struct_size is larger than this version knows, and not all
 *                of the unknown bytes are 0
 *        ENOMEM  no memory
 * Lifetime: until zs_destroy_pool. */
ZS_API struct zs_pool *zs_create_pool_with(const char *name,
					   const struct zs_pool_options *opts);

/* zs_create_pool_with(name, NULL). Kernel: same. */
ZS_API struct zs_pool *zs_create_pool(const char *name);

/* Destroys a pool and gives all of its memory back to the OS, also the memory
 * of objects that are still live. Ends the worker.
 * @pool: a pool that no other thread uses and in which no read has not ended;
 *        NULL is ignored.
 * Return: how many objects were still live; 0 for NULL. Never fails.
 * Differs: the kernel returns nothing, and leaks what is live. */
ZS_API unsigned long zs_destroy_pool(struct zs_pool *pool);

/* The lock scope that is in use. Constant for a pool. ZS_SCOPE_DEFAULT only
 * with ZS_PROFILE_USER, which has no scopes. */
ZS_API enum zs_lock_scope zs_pool_scope(const struct zs_pool *pool);

/* The profile of a pool: never ZS_PROFILE_DEFAULT. Constant for a pool. */
ZS_API enum zs_profile zs_profile(const struct zs_pool *pool);

/* Changes memory_limit of a live pool.
 * @bytes: as in struct zs_pool_options; 0 removes the limit.
 * If the pool holds more than that, it frees what is queued or kept, compacts
 * and trims. It may then still hold more, as objects stay. As long as it does,
 * zs_malloc and the like free what can be freed, and return -ENOMEM if that is
 * not enough: to come down, free objects. Their memory goes back to the OS, and
 * none of it is retained.
 * Context: any thread, also in callbacks other than push. May sleep, and waits
 *        for a thread that drains, compacts or trims.
 * Return: 0, or -EINVAL with nothing changed: a limit with which
 *        zs_create_pool_with would not have made this pool. */
ZS_API int zs_set_memory_limit(struct zs_pool *pool, size_t bytes);

/* Changes max_overhead_percent of a live pool.
 * @percent: 0 to ZS_MAX_OVERHEAD; both are no bound.
 * Context: any thread. Does not sleep; the worker does the work.
 * Return: 0, or -EINVAL if percent is more than ZS_MAX_OVERHEAD. */
ZS_API int zs_set_max_overhead(struct zs_pool *pool, unsigned int percent);

/* Names, for texts: "default", "held", "unlocked", "class-idx"; "default",
 * "none", "array", "percpu", "reuse"; "default", "kernel", "user". Constant
 * strings. NULL for a value that the library does not know, so all values are
 * found by counting up from 0. */
ZS_API const char *zs_lock_scope_name(enum zs_lock_scope scope);
ZS_API const char *zs_defer_mode_name(enum zs_defer_mode mode);
ZS_API const char *zs_profile_name(enum zs_profile profile);

/* ------------------------------------------------------------------------
 * Objects
 */

/* Allocates an object. Its contents are undefined.
 * @size: bytes, 1 to the pool's page size; with ZS_PROFILE_USER to
 *        ZS_USER_MAX_SIZE.
 * @gfp:  GFP_KERNEL or GFP_NOWAIT.
 * @nid:  NUMA_NO_NODE; others are accepted and ignored.
 * Context: any thread, also in callbacks other than push. GFP_KERNEL may sleep.
 *        When memory is short, it frees queued and kept handles, compacts the
 *        pool, and gives memory back that is in the way. Where another thread
 *        is doing one of these, it waits for that thread. So a call may take
 *        as long as compacting the whole pool. It never calls your callbacks
 *        and never waits for them: what they have queued (zs_defer_push) is
 *        not freed by it.
 * Return: a handle (never 0, always even), or an error value:
 *        -EINVAL size is 0, or gfp is neither of the two
 *        -ENOSPC size is larger than that: cut it into several objects, or
 *                keep it outside of the pool. From 1 MiB on a mapping of its
 *                own (mmap) wastes 0.4 % at most (pages of 4 KiB)
 *        -ENOMEM GFP_KERNEL: the OS has no memory or the memory limit is
 *                reached, and nothing of the above is left to do and no other
 *                thread is doing it. Also when a hundred times something was
 *                freed and other threads took it.
 *                GFP_NOWAIT: the pool has no free memory at hand
 *        On error the pool is as before. */
ZS_API unsigned long zs_malloc(struct zs_pool *pool, size_t size, gfp_t gfp,
			       int nid);

/* Frees an object. A handle of 0 or an error value is ignored.
 * Needs no memory. Context: any thread; does not wait for I/O, nor for a read
 * of another object by another thread. */
ZS_API void zs_free(struct zs_pool *pool, unsigned long handle);

/* Frees many objects, each as by zs_free, in any order. For many
 * objects in random order it takes about half the time of as many calls of
 * zs_free: it fetches what it needs early, and frees objects of one size class
 * together.
 * @handles: @n handles, none twice; 0 and error values are ignored.
 * Context: as zs_free. No lock is held for longer than 64 objects take.
 * Return: how many objects were freed. With ZS_POOL_HARDENED handles that are
 *        told as misuse do not count. */
ZS_API size_t zs_free_many(struct zs_pool *pool, const unsigned long handles[],
			   size_t n);

/* ------------------------------------------------------------------------
 * Objects named by a record of the program's: zs_ref. Pools with
 * ZS_PROFILE_USER only; in others zs_ref_alloc and zs_ref_store fail, and the
 * rest finds that the ref names nothing.
 *
 * A zs_ref is one word in the program's own memory. It takes the place of a
 * handle: no handle word is allocated, and none has to be fetched. The pool
 * rewrites it when it moves the object. So:
 *   - while a ref names an object, its memory must stay valid, in its place, and
 *     nobody but the library may write it. To move the record that contains it,
 *     call zs_ref_move. (This holds for the child of a fork, too.)
 *   - it must be aligned to 8 bytes.
 *   - a ref that is all 0 names nothing. To give a ref up, zs_ref_free it.
 * zs_destroy_pool frees what is still named, and does not touch the refs. So it
 * does not tell of a zs_ref_begin without an end either.
 *
 *   two calls on one REF                     may they run at once?
 *   ---------------------------------------  -----------------------------
 *   zs_ref_load, begin..end, zs_ref_room:
 *     any two of them                        yes, if nobody writes between
 *                                            begin and end
 *   zs_ref_alloc, _store, _free, _free_many,
 *     _move, and anything                    no
 *   any of them and zs_compact, zs_trim,
 *     zs_malloc, the worker                  yes
 *
 * In pools with ZS_POOL_HARDENED a ref that does not name an object, whose
 * object names another ref (the ref was copied), that is freed, replaced or
 * moved between begin and end, or that is ended without a begin, is told as
 * misuse; `handle` is then the address of the ref. Alloc, store and load return
 * -EINVAL then.
 */
typedef struct zs_ref {
	uint64_t word;
} zs_ref;

#define ZS_REF_INIT \
	{           \
		0   \
	}

/* Allocates an object. Its contents are undefined.
 * @ref:  names nothing; names the object then.
 * @size: bytes, 1 to ZS_USER_MAX_SIZE.
 * Context: as zs_malloc with GFP_KERNEL.
 * Return: 0
 *        -EINVAL     size is 0, or ref names an object
 *        -ENOSPC     size is larger than ZS_USER_MAX_SIZE; see zs_malloc
 *        -ENOMEM     no memory; see zs_malloc
 *        -EOPNOTSUPP the pool has another profile */
ZS_API int zs_ref_alloc(struct zs_pool *pool, zs_ref *ref, size_t size);

/* Frees what ref names. It names nothing then. A ref that names nothing is
 * ignored. Context: as zs_free. */
ZS_API void zs_ref_free(struct zs_pool *pool, zs_ref *ref);

/* Stores len bytes: allocates an object if ref names nothing, else replaces the
 * one that it names. On an error the old object stays as it was. What is not more
 * than the old object's room can be stored without memory, too: then it is
 * overwritten.
 * @data: must not lie in the object that is replaced.
 * Context: as zs_malloc with GFP_KERNEL.
 * Return: 0, or as zs_ref_alloc, for @len */
ZS_API int zs_ref_store(struct zs_pool *pool, zs_ref *ref, const void *data,
			size_t len);

/* Copies the first len bytes of the object to buf.
 * Context: any thread. May wait as zs_ref_begin.
 * Return: 0
 *        -EINVAL ref names nothing
 *        -ERANGE len is 0, or more than zs_ref_room() */
ZS_API int zs_ref_load(struct zs_pool *pool, const zs_ref *ref, void *buf,
		       size_t len);

/* Pins the object, to read and write it in place, until zs_ref_end. It does not
 * move meanwhile. Keep it short: the rest of its zspage can move, but the
 * zspage is not freed.
 * Context: any thread. May wait for a mover, for the time of a few objects, and while
 * 255 reads of this object are open that began while objects were moved.
 * Lifetime of the pointer: until zs_ref_end.
 * Return: the whole object, zs_ref_room() bytes, aligned to 8; NULL, and there
 *        is nothing to end, when ref names nothing. */
ZS_API void *zs_ref_begin(struct zs_pool *pool, zs_ref *ref);

/* Ends what zs_ref_begin began. May be called by another thread; from the first time
 * on, reads in this pool are slower: they pin by two locked instructions, and with
 * ZS_POOL_HARDENED take a lock of the object's class twice. An end without a begin is
 * ignored if nobody else reads the object, and may cost the same. */
ZS_API void zs_ref_end(struct zs_pool *pool, zs_ref *ref);

/* The program moves a record: `to` names what `from` named, and `from` nothing.
 * @to names nothing before. What else is in the record may be copied as usual;
 * the ref itself is moved by this call only.
 * Nothing is done when from names nothing, or to names something.
 * Context: as zs_free. */
ZS_API void zs_ref_move(struct zs_pool *pool, zs_ref *to, zs_ref *from);

/* How many bytes the object can hold: at least what was asked for. Constant in
 * its life. 0 when ref names nothing. Context: any thread. */
ZS_API size_t zs_ref_room(struct zs_pool *pool, const zs_ref *ref);

/* Frees what n refs name, as zs_ref_free, but faster for many.
 * @refs: none twice; refs that name nothing are ignored, and so is NULL.
 * Return: how many objects were freed. */
ZS_API size_t zs_ref_free_many(struct zs_pool *pool, zs_ref *const refs[],
			       size_t n);

/* ------------------------------------------------------------------------
 * Freeing later, for callers that must not wait. The call puts the handle
 * aside in some tens of nanoseconds. The worker frees it later; or, with
 * ZS_DEFER_REUSE, it is allocated again. Until then the object counts as in
 * use, in statistics and in zs_for_each_live.
 */

/* Frees an object soon. A handle of 0 or an error value is ignored. As with
 * zs_free, the object must not be used any more.
 * Context: any thread. Never waits for a lock that a drain holds: if the queue
 *        is busy or full, the object is freed before the call returns.
 *        With ZS_DEFER_REUSE the call may free some objects that were kept
 *        before.
 * Return: true if the handle was queued or kept, false if it was freed (or
 *        ignored).
 * Kernel: in the 2026 series; it returns nothing there. */
ZS_API bool zs_free_deferred(struct zs_pool *pool, unsigned long handle);

/* Flushes: returns when everything that was queued or kept before the call is
 * freed (or, with ZS_DEFER_REUSE, allocated again). The calling thread frees,
 * too. Others may go on queueing. Must not be called from a drain callback.
 * zs_destroy_pool flushes by itself. */
ZS_API void zs_free_deferred_flush(struct zs_pool *pool);

/* What a push callback returns. */
enum zs_push_result {
	ZS_PUSH_OK = 0, /* stored */
	ZS_PUSH_FULL = 1, /* not stored: the buffer is full */
	ZS_PUSH_FULL_QUEUED = 2 /* stored, and the buffer is full now */
};

/* Callbacks of per-CPU buffers that hold the caller's own values. */
struct zs_deferred_ops {
	/* Stores `value` in `buf`. `buf` has page_size bytes and holds `count`
	 * values so far: those of the calls that returned OK. Must not block,
	 * and must not call the library. */
	enum zs_push_result (*push)(void *buf, unsigned int count,
				    unsigned long value);
	/* Does the work for the `count` values in `buf`, such as zs_free.
	 * Called by the worker, a flush or zs_drain; for one pool never twice
	 * at the same time. May call anything except, on this pool,
	 * zs_free_deferred_flush, zs_drain, zs_pool_enable_deferred_free and
	 * zs_destroy_pool. It may fork, if the child does not return from the
	 * callback.
	 * A run that frees no object of the pool loses memory: zs_pool_check
	 * reports it. If each run pushes again, zs_destroy_pool never ends. */
	void (*drain)(void *private_data, void *buf, unsigned int count);
};

/* Changes the pool to per-CPU buffers. What is queued or kept is freed first.
 * @ops: the caller's callbacks, for zs_defer_push; they must live as long as
 *       the pool. NULL: values are handles, as with ZS_DEFER_PERCPU.
 * @private_data: passed to drain.
 * Context: no call of zs_free_deferred or zs_defer_push at the same time.
 * Return: 0
 *        -EINVAL a callback is missing
 *        -EBUSY  the pool has per-CPU buffers already
 *        -ENOMEM no memory; or, with the buffers, the memory limit would be
 *                too small to hold one object of any size */
ZS_API int zs_pool_enable_deferred_free(struct zs_pool *pool,
					const struct zs_deferred_ops *ops,
					void *private_data);

/* Stores a value in the buffer of the CPU that the caller runs on.
 * Return: true if stored. False if the caller must do the work itself: there
 *        is no room, another thread is using the buffer, or the pool has no
 *        per-CPU buffers. Where values are handles, false also for 0 and
 *        error values.
 * In a pool with callbacks of the caller's, zs_free_deferred frees at once. */
ZS_API bool zs_defer_push(struct zs_pool *pool, unsigned long value);

/* ------------------------------------------------------------------------
 * Reading and writing
 */

/* Begins reading an object, and pins its zspage.
 * @mem_len:    bytes, 1 to the object's room. The room is at least the size
 *              that zs_malloc was asked for.
 * @local_copy: a buffer of mem_len bytes, used only when the object lies in
 *              two pages. May be NULL: then the call returns NULL for such an
 *              object.
 * Context: any thread. Until zs_obj_read_end the zspage is pinned: it cannot
 *        be compacted, and its pages cannot be moved. Keep it short.
 * Return: a pointer to the first mem_len bytes: either into the pool (do not
 *        write there) or local_copy. NULL, and there is nothing to end, when
 *        handle is 0 or an error value, when mem_len is out of range, or when
 *        a copy is needed and local_copy is NULL.
 *        With ZS_PROFILE_USER always into the pool, aligned to 8; and who alone
 *        uses the handle may write there.
 * Lifetime of the pointer: until zs_obj_read_end. With ZS_PROFILE_USER the end may be
 *        left out: the object then stays in its place until it is freed or replaced,
 *        or the pool destroyed, which is allowed when nobody uses the pointer any
 *        more. (Not with ZS_POOL_HARDENED, which tells it as misuse. The same holds
 *        for zs_ref_begin.)
 * Kernel: same as of v6.15 and later, but there it never returns NULL. */
ZS_API void *zs_obj_read_begin(struct zs_pool *pool, unsigned long handle,
			       size_t mem_len, void *local_copy);

/* Ends what zs_obj_read_begin began. @mem_len: as given to it. @handle_mem:
 * what it returned; NULL is ignored. */
ZS_API void zs_obj_read_end(struct zs_pool *pool, unsigned long handle,
			    size_t mem_len, void *handle_mem);

/* As zs_obj_read_begin, but never copies: it gives the object as one or two
 * segments, which lie in the pool and together have mem_len bytes.
 * Return: the number of segments written to iov, 1 or 2. 0, and there is
 *        nothing to end, when handle is 0 or an error value, or mem_len is out
 *        of range.
 * Differs: the kernel fills a scatterlist and returns nothing. */
ZS_API unsigned int zs_obj_read_sg_begin(struct zs_pool *pool,
					 unsigned long handle,
					 struct iovec iov[2], size_t mem_len);

/* Ends what zs_obj_read_sg_begin began. Must not be called when that returned
 * 0. An end without a begin is ignored if nobody reads in the same zspage;
 * else it ends the read of another. */
ZS_API void zs_obj_read_sg_end(struct zs_pool *pool, unsigned long handle);

/* Copies mem_len bytes from handle_mem into the object, from its beginning.
 * @mem_len: bytes, 1 to the object's room.
 * Return: 0, or -EINVAL when handle is 0 or an error value, -ERANGE when
 *        mem_len is out of range; then nothing is written.
 * Differs: the kernel returns nothing, checks nothing, and its handle_mem is
 * not const. */
ZS_API int zs_obj_write(struct zs_pool *pool, unsigned long handle,
			const void *handle_mem, size_t mem_len);

/* How many bytes the object can hold: at least what zs_malloc was asked for,
 * as sizes are rounded up to the size class. Constant in the life of an object.
 * Context: any thread.
 * Return: bytes; 0 for a handle that is 0 or an error value, and for one that
 *        is told as misuse. */
ZS_API size_t zs_obj_room(struct zs_pool *pool, unsigned long handle);

/* ------------------------------------------------------------------------
 * Giving memory back
 */

/* Compacts: in each class, moves objects out of the emptiest zspages into the
 * fullest, as long as that frees whole zspages. Needs no memory. The freed
 * pages stay in the pool up to retained_bytes; the rest goes back to the OS
 * soon after (with zs_trim at once).
 * Pinned zspages: if the zspage that is to be emptied next is being read, the
 * rest of its class is left as it is. So one reader can keep all that could be
 * freed of a class, in the child of a fork for good (see there). When
 * zs_malloc compacts because memory is short, it skips only that zspage.
 * Return: pages freed; 0 at once if another thread is in zs_compact.
 * Context: any thread; may sleep. Other calls wait at most for the time that
 *        it takes to fill one zspage. Kernel: same. */
ZS_API unsigned long zs_compact(struct zs_pool *pool);

/* Trims: gives all free memory back to the OS now. First moves pages (not
 * objects) out of sections with few used pages, so that these become empty.
 * Then unmaps empty sections, and gives back every free page of the others. To
 * make a pool as small as possible, call zs_compact first.
 * Return: bytes given back to the OS; 0 at once if another thread is in
 *        zs_trim. Context: any thread; may sleep; needs no memory. */
ZS_API size_t zs_trim(struct zs_pool *pool);

/* Drains: runs, in the calling thread, everything that waits for the pool's
 * worker, and returns when all that was waiting before the call is done. If the
 * pool has a worker thread, it waits for that thread instead. If the pool has begun
 * to close gaps (max_overhead_percent), it does not rest until it is done, as far as
 * nobody else compacts. Some handles stay
 * put aside: those in buffers that are not full, and those that are kept for
 * reuse and were needed since the last look (or drain). See
 * zs_free_deferred_flush.
 * Return: number of work items run by this thread. */
ZS_API unsigned long zs_drain(struct zs_pool *pool);

/* The two calls of the kernel's shrinker, for programs that notice by
 * themselves that memory is short. Kernel: zs_shrinker_count,
 * zs_shrinker_scan. */
/* Return: pages that compaction could free now. Takes no lock; while other
 * threads change the pool it is an estimate. */
ZS_API unsigned long zs_shrink_count(struct zs_pool *pool);
/* Compacts. @nr_pages is accepted and ignored, as in the kernel.
 * Return: pages freed, or ZS_SHRINK_STOP when nothing was freed. */
#define ZS_SHRINK_STOP (~0UL)
ZS_API unsigned long zs_shrink_scan(struct zs_pool *pool,
				    unsigned long nr_pages);

/* ------------------------------------------------------------------------
 * Geometry
 */

/* Objects of at least this many bytes take a whole page each ("huge").
 * 3625 for 4096-byte pages and chain size 8. Constant for a pool.
 * Kernel: same, but there it is one value for all pools. */
ZS_API size_t zs_huge_class_size(struct zs_pool *pool);

/* Index of the size class whose objects have @size bytes, handle word included.
 * (So zs_malloc(size) uses the class of size + sizeof(unsigned long).) Sizes
 * larger than a page count as a page. Constant for a pool, but for those of the
 * user profile: a pool uses few of its classes until it has grown to 8 MiB, and again
 * when it has shrunk to 2 MiB. What is stored stays in its class. Kernel: same. */
ZS_API unsigned int zs_lookup_class_index(struct zs_pool *pool,
					  unsigned int size);

/* Number of class indices: zs_class_info takes 0 to this number minus 1. 255
 * for 4096-byte pages. Constant for a pool. */
ZS_API unsigned int zs_class_count(const struct zs_pool *pool);

/* ------------------------------------------------------------------------
 * Statistics. They are up to date at each call. Only two calls make others
 * wait for long: zs_for_each_zspage those that use the same class,
 * zs_pool_check all.
 *   exact    right at the moment of the call, if nothing else runs then; never
 *            negative
 *   relaxed  counted without a lock; may miss what other threads are doing at
 *            that moment
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
 * Always true when nothing else runs:
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
	size_t bytes_mapped; /* all address space taken from the OS: sections
			      * and the pool's own structures */
	size_t bytes_resident; /* of those, what the OS has filled with memory,
				* at most; free pages not yet given back are
				* included; RSS grows by no more */
	size_t bytes_free; /* of those, free pages not yet given back */
	/* objects; exact */
	unsigned long objs_inuse;
	unsigned long objs_capacity; /* object places in zspages */
	unsigned long freeable_pages; /* zs_compact would free about so many */
	/* counters since creation; relaxed */
	unsigned long compactions; /* runs of zs_compact, without those that
				    * returned at once as one was running, and
				    * own_steps */
	unsigned long pages_compacted; /* pages freed by them */
	unsigned long objs_moved; /* objects moved by compaction */
	unsigned long bytes_moved; /* their bytes, by class size */
	unsigned long compact_hold_ns_max; /* longest time that a compaction
				* held class->lock without a break */
	unsigned long pages_migrated; /* pages moved by zs_trim */
	unsigned long migrations_busy; /* page moves given up: it was busy */
	unsigned long zspages_async_freed; /* zspages that the worker freed,
				* because a page of theirs was being moved */
	unsigned long bytes_given_back; /* to the OS */
	/* deferred free, in handles or values; relaxed */
	unsigned long deferred_queued; /* queued or kept so far */
	unsigned long deferred_sync_busy; /* freed at once (or left to the
					   * caller): the lock was taken */
	unsigned long deferred_sync_full; /* the same, but: there was no room */
	unsigned long deferred_drained; /* taken out of the queue and freed */
	unsigned long deferred_scheduled; /* times the worker was woken to
					   * free what is queued */
	unsigned long deferred_reused; /* kept, and allocated again; queued
					* minus drained minus reused are still
					* put aside */
	size_t bytes_huge; /* of bytes_resident, those in huge pages; relaxed */
	/* what the pool did by itself (max_overhead_percent), so far; relaxed */
	unsigned long own_steps; /* each counts in compactions, too */
	unsigned long own_bytes_moved; /* of bytes_moved */
	unsigned long own_us; /* microseconds that the steps took together */
};
#define ZS_POOL_INFO_INIT                                                     \
	{                                                                     \
		sizeof(struct zs_pool_info), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, \
			0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, \
			0, 0, 0                                               \
	}

/* Return: 0, or -EINVAL when struct_size is less than that of the first
 * version of the library. */
ZS_API int zs_pool_info(struct zs_pool *pool, struct zs_pool_info *info);

#define ZS_NR_FULLNESS_GROUPS 12

/* One size class. Set struct_size (ZS_CLASS_INFO_INIT) before the call. */
struct zs_class_info {
	size_t struct_size;
	/* constant */
	unsigned int index; /* of the class that serves this index; larger
			     * than the index asked for, if several indices
			     * share one class (are merged) */
	unsigned int size; /* bytes of an object, its handle word included
			    * unless it is huge */
	unsigned int pages_per_zspage;
	unsigned int objs_per_zspage;
	bool huge; /* the handle word lies elsewhere: one object in one page;
		    * in the user profile objects of whole pages, or of half
		    * a page */
	/* exact, all of the same moment */
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

/* Calls @callback for every live handle, in no fixed order, until it returns
 * non-zero. A handle that was given to zs_free_deferred and is not freed yet
 * counts as live. To free all that a walk finds, call zs_free_deferred_flush
 * first. (To use a handle that was given to zs_free_deferred is misuse, in the
 * callback as elsewhere.)
 * Context: no lock is held during a callback. It may call anything but
 *        zs_destroy_pool: also zs_free for this handle, zs_trim, another walk,
 *        and fork. Meanwhile the section that the walk is in does not go back
 *        to the OS; its free pages do. Objects that others allocate or free
 *        meanwhile may be seen or not. The caller must make sure that a handle
 *        that the callback got stays live.
 * Return: 0, or what the callback returned. */
ZS_API int zs_for_each_live(struct zs_pool *pool,
			    int (*callback)(unsigned long handle, void *arg),
			    void *arg);

/* A zspage as zs_for_each_zspage shows it: a copy, made at one moment. */
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
	/* the page frame numbers of its pages, in order; pages entries */
	const unsigned long *pfns;
};

/* Calls @callback for every zspage of one class, by group from 0 to 11 and
 * in list order from the head, until it returns non-zero. For studying where
 * objects lie. It is slow, and takes memory for a copy of the class. The whole
 * copy is of one moment: other calls that allocate, free or move objects of the
 * class wait until it is made, some 20 ms for a million objects.
 * @index: a class index; a merged one shows the class that serves it.
 * Context: no lock is held during a callback. The structure and its arrays
 *        live until the callback returns.
 * Return: 0; what the callback returned; -ERANGE for a bad index; -ENOMEM. */
ZS_API int zs_for_each_zspage(struct zs_pool *pool, unsigned int index,
			      int (*callback)(const struct zs_zspage_info *info,
					      void *arg),
			      void *arg);

/* Where an object lies at one moment, for studying. Set struct_size
 * (ZS_OBJ_PLACE_INIT) before the call: no more than that many bytes are
 * written. */
#define ZS_PLACE_PAGES 16
struct zs_obj_place {
	size_t struct_size;
	/* what the handle word holds: the obj, which is
	 *   PFN << pfn_shift | class index << class_shift | index in the zspage
	 * (no class index if class_shift is 0; then the other two). With
	 * ZS_PROFILE_USER it is
	 *   class index << class_shift | address / 8
	 * and pfn_shift is 0. */
	unsigned long word;
	unsigned int pfn_shift;
	unsigned int class_shift;
	unsigned int class_index;
	unsigned int index; /* in its zspage; it begins class size * index bytes
			     * from the beginning of that */
	unsigned int pages; /* of its zspage */
	/* the page frame numbers of its zspage: address of the page / page
	 * size. Of a zspage with more pages (with ZS_PROFILE_USER only) the
	 * first; the others follow one by one */
	unsigned long pfns[ZS_PLACE_PAGES];
};
#define ZS_OBJ_PLACE_INIT                                      \
	{                                                      \
		sizeof(struct zs_obj_place), 0, 0, 0, 0, 0, 0, \
		{                                              \
			0                                      \
		}                                              \
	}

/* @handle: a live object. Where nobody moves objects or pages meanwhile, the
 * place is right until the next call that does.
 * Context: any thread.
 * Return: 0; -EINVAL for a handle that is 0, an error value, or told as misuse,
 *        and when struct_size is less than that of the first version. */
ZS_API int zs_obj_place(struct zs_pool *pool, unsigned long handle,
			struct zs_obj_place *place);

/* What a page of a section is used for. */
enum zs_page_use {
	ZS_PAGE_HEAD = 0, /* the section's own descriptors */
	ZS_PAGE_ZSPAGE = 1, /* a page of a zspage */
	ZS_PAGE_SLAB = 2, /* handle words, or zspage structures */
	ZS_PAGE_WARM = 3, /* free, and has memory of the OS */
	ZS_PAGE_COLD = 4 /* free, without memory: given back, or never used */
};

/* A section as zs_for_each_section shows it: a copy, made at one moment. */
struct zs_section_info {
	unsigned long pfn; /* page frame number of its first page */
	unsigned int pages; /* of the pool's page size */
	const unsigned char *use; /* enum zs_page_use; pages entries */
};

/* Calls @callback for every section, in no fixed order, until it returns
 * non-zero. A page that another thread just moves or gives back is shown as
 * ZS_PAGE_ZSPAGE. With ZS_PROFILE_USER zspages lie in other sections, which
 * are not shown.
 * Context: as zs_for_each_live. Waits for one step of a thread that trims.
 * Return: 0; what the callback returned; -ENOMEM. */
ZS_API int zs_for_each_section(
	struct zs_pool *pool,
	int (*callback)(const struct zs_section_info *info, void *arg),
	void *arg);

/* Checks every invariant of the pool, and prints a line for each violation on
 * @out (NULL: only counts). Takes time in proportion to the pool's size; other
 * calls on the pool wait meanwhile. Objects may be read meanwhile.
 * Return: number of violations; 0 for a sound pool. */
ZS_API unsigned long zs_pool_check(struct zs_pool *pool, FILE *out);

/* ------------------------------------------------------------------------
 * fork. For each pool that the child will go on using, call:
 *
 *   zs_fork_prepare   before fork: waits until no other call is in the middle
 *                     of a step, then keeps all out. A step is short: filling
 *                     one zspage, giving back 16 MiB, copying one class for
 *                     zs_for_each_zspage; but all of zs_pool_check is one step
 *   zs_fork_parent    after fork, in the parent: lets the others in again;
 *                     also after a fork that failed
 *   zs_fork_child     after fork, in the child: makes the pool usable there;
 *                     the worker is started again when it is needed
 *
 * With several pools: prepare them in one fixed order, everywhere the same. A
 * callback of one pool may use another pool: prepare does not wait for a
 * callback to end. Only for a drain callback it waits, up to 20 ms for each
 * pool.
 *
 * The threads that were in a callback do not exist in the child:
 *   - A walk just does not exist there. Its section stays mapped, see
 *     CALLBACKS.
 *   - A drain callback may not have done all of its values. Nobody knows
 *     which. They are not given to a callback again, and count as drained.
 *     Objects among them stay live.
 *
 * Reads (begin..end) of other threads do not hold fork up. But they pin their
 * zspages in the child for ever. Objects in these do not move there, and
 * zs_compact leaves the rest of a class when it meets one (zs_malloc, when
 * memory is short, does not). The objects can still be freed, and the pool can
 * be destroyed.
 *
 * What else may be lost in the child:
 *   - until the pool is destroyed there: for each call that was under way, one
 *     zspage and one handle word; for zs_free_many up to 64 of each
 *   - for ever: a section that was just being mapped (4 MiB of address space
 *     without memory), and the worker's stack, unless the system's threads
 *     library frees it */
ZS_API void zs_fork_prepare(struct zs_pool *pool);
ZS_API void zs_fork_parent(struct zs_pool *pool);
ZS_API void zs_fork_child(struct zs_pool *pool);

/* ------------------------------------------------------------------------
 * The usual case of zs_ref_begin, zs_ref_end and zs_ref_load, inline: a call each
 * would be a third of a short read's time. They are functions of the library, too:
 * the code here calls them where the usual case does not do. Define ZS_NO_INLINE to
 * have the calls alone. That is needed in files where a function uses refs and also
 * switches between fibers or coroutines that may go on in another thread: the
 * compiler asks once only, for the whole function, which thread it is.
 *
 * Not for programs: names that end in _, the bits of a ref's word, what a pool
 * begins with and points to there, the rows. The library's SOVERSION changes when
 * they do.
 * How it works: docs/user-profile.md.
 */
/* A ref's word: | pins 8 | moving 1 | class 10 | address / 8  45 |. An object's
 * data begin 8 bytes behind its address. */
#define ZS_REF_ADDRESS_BITS_ 45
#define ZS_REF_CLASS_BITS_ 10
#define ZS_REF_DATA_ 8

/* What a thread reads: the addresses of the refs. A row belongs to a thread, which
 * alone writes there. A pool's rows lie just before it. */
#define ZS_ROW_NAMES_ 4
#define ZS_LOG_ROWS_ 8 /* 2^8 rows */
struct zs_row_ {
	uintptr_t owner; /* the thread's number; 0: nobody */
	/* The owner's number while the owner alone ends its reads, else 0. */
	uintptr_t ender;
	/* While nothing is read: the owner's number in the first, or, so that no
	 * read is inline, another one; 0 in the others. */
	uintptr_t names[ZS_ROW_NAMES_];
	uintptr_t pad_[2];
};

/* A pool begins with it. */
struct zs_pool_head_ {
	uintptr_t slow_reads; /* not 0: begin and load need the calls */
	/* Bytes of an object's data, by class; 0: the calls are wanted. Set
	 * in pools of the user profile. */
	const uint32_t *room;
};

/* Not for programs: the functions of zs_ref_begin, zs_ref_end and zs_ref_load, by the
 * names that the code here calls. All that is said of those holds. */
ZS_API void *zs_ref_begin_call_(struct zs_pool *pool, zs_ref *ref);
ZS_API void zs_ref_end_call_(struct zs_pool *pool, zs_ref *ref);
ZS_API int zs_ref_load_call_(struct zs_pool *pool, const zs_ref *ref, void *buf,
			     size_t len);

#ifdef __GNUC__

#ifdef __cplusplus
#define ZS_CAST_(type, value) (reinterpret_cast<type>(value))
#define ZS_NUMBER_(type, value) (static_cast<type>(value))
#else
#define ZS_CAST_(type, value) ((type)(value))
#define ZS_NUMBER_(type, value) ((type)(value))
#endif

/* A number that no other thread has while this one lives: where its own data are.
 * Where the compiler has a function for it: it merges two calls into one.
 * __has_builtin does not tell whether it works on this machine. */
#if defined(__linux__) &&                                                   \
	((defined(__x86_64__) &&                                            \
	  (defined(__clang__) ? __clang_major__ >= 14 : __GNUC__ >= 12)) || \
	 defined(__aarch64__))
#define ZS_THREAD_ ZS_CAST_(uintptr_t, __builtin_thread_pointer())
#elif defined(__linux__) && defined(__x86_64__)
ZS_INLINE_ uintptr_t zs_thread_pointer_(void)
{
	uintptr_t id;

	/* The first word there says where it is. */
	__asm__("{mov %%fs:0, %0|mov %0, QWORD PTR fs:0}" : "=r"(id));
	return id;
}
#define ZS_THREAD_ zs_thread_pointer_()
#endif

/* Where a thread's row is looked for first. */
ZS_INLINE_ struct zs_row_ *zs_home_row_(struct zs_pool *pool, uintptr_t thread,
					unsigned int log_rows)
{
	/* Threads' data are a power of two apart, mostly. */
	return ZS_CAST_(struct zs_row_ *, pool) - (UINT64_C(1) << log_rows) +
	       (thread * UINT64_C(0x9e3779b97f4a7c15) >> (64 - log_rows));
}

ZS_INLINE_ const struct zs_pool_head_ *zs_head_(const struct zs_pool *pool)
{
	return ZS_CAST_(const struct zs_pool_head_ *, pool);
}

/* The data of the object that a word names. */
ZS_INLINE_ void *zs_data_(uint64_t word)
{
	uint64_t address = word << (64 - ZS_REF_ADDRESS_BITS_) >>
			   (64 - ZS_REF_ADDRESS_BITS_ - 3);

	/* A sum of numbers: the library comes here with wrong words, too. */
	return ZS_CAST_(void *, ZS_NUMBER_(uintptr_t, address + ZS_REF_DATA_));
}

ZS_INLINE_ unsigned int zs_class_(uint64_t word)
{
	return ZS_NUMBER_(unsigned int, word >> ZS_REF_ADDRESS_BITS_) &
	       ((1u << ZS_REF_CLASS_BITS_) - 1);
}

/* Loads and compares, with acquire. One instruction of x86: gcc makes two of an
 * atomic load, clang, too. What looks at atomic accesses does not see assembly. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ZS_SEEN_LOADS_ 1
#endif
#endif
#if defined(__SANITIZE_THREAD__) || defined(ZS_NO_INLINE)
#define ZS_SEEN_LOADS_ 1
#endif
ZS_INLINE_ int zs_is_(const uintptr_t *place, uintptr_t value)
{
#if defined(__x86_64__) && defined(__LP64__) && \
	defined(__GCC_ASM_FLAG_OUTPUTS__) && !defined(ZS_SEEN_LOADS_)
	int same;

	/* clang gives memory no size in Intel's syntax: a register has one. */
#ifdef __clang__
	__asm__ volatile("{cmpq %2, %1|cmp %1, %2}"
			 : "=@cce"(same)
			 : "m"(*place), "r"(value)
			 : "memory");
#else
	__asm__ volatile("{cmpq %2, %1|cmp %1, %2}"
			 : "=@cce"(same)
			 : "m"(*place), "re"(value)
			 : "memory");
#endif
	return same;
#else
	return __atomic_load_n(place, __ATOMIC_ACQUIRE) == value;
#endif
}

/* Begins a read in the usual case: nobody moves objects, and the thread has a row.
 * The word is not written. Few instructions: while the object is fetched, the CPU
 * goes on with those that follow, as far as it has room. idle: what the row has
 * while nothing is read. Return: the word that names the object; 0: not done. */
ZS_INLINE_ uint64_t zs_read_try_(struct zs_pool *pool, uintptr_t thread,
				 unsigned int log_rows, uintptr_t idle,
				 const zs_ref *ref)
{
	struct zs_row_ *row = zs_home_row_(pool, thread, log_rows);
	uint64_t word;

	if (__builtin_expect(!zs_is_(&row->names[0], idle), 0))
		return 0;
	/* Release: a mover that loads this name also sees what was written in the
	 * last read that had this place. */
	__atomic_store_n(&row->names[0], ZS_CAST_(uintptr_t, ref),
			 __ATOMIC_RELEASE);
	/* For the compiler. For the CPU: a mover has all threads pass a barrier.
	 * A mover that begins later sees the name. */
	__asm__ volatile("" ::: "memory");
	/* Acquire: if no mover is at work now, what the last one did is to be
	 * seen. */
	if (__builtin_expect(zs_is_(&zs_head_(pool)->slow_reads, 0), 1)) {
		word = __atomic_load_n(&ref->word, __ATOMIC_ACQUIRE);
		if (__builtin_expect(word != 0, 1))
			return word;
	}
	__atomic_store_n(&row->names[0], idle, __ATOMIC_RELEASE);
	return 0;
}

/* Ends a read that zs_read_try_ has begun. Return: 0: not done. */
ZS_INLINE_ int zs_read_try_end_(struct zs_pool *pool, uintptr_t thread,
				unsigned int log_rows, const zs_ref *ref)
{
	struct zs_row_ *row = zs_home_row_(pool, thread, log_rows);

	if (__builtin_expect(!zs_is_(&row->names[0],
				     ZS_CAST_(uintptr_t, ref)) ||
				     !zs_is_(&row->ender, thread),
			     0))
		return 0;
	/* Release: a mover that sees it copies what was written. */
	__atomic_store_n(&row->names[0], thread, __ATOMIC_RELEASE);
	return 1;
}

/* A whole copying read. Return: 0: not done. */
ZS_INLINE_ int zs_load_try_(struct zs_pool *pool, uintptr_t thread,
			    unsigned int log_rows, const zs_ref *ref, void *buf,
			    size_t len)
{
	uint64_t word;
	int fits;

	/* No object is so large. Else compilers warn of a copy that never comes. */
	if (__builtin_constant_p(len) && len > ZS_USER_MAX_SIZE)
		return 0;
	word = zs_read_try_(pool, thread, log_rows, thread, ref);
	if (__builtin_expect(!word, 0))
		return 0;
	/* Not where len or the room is 0. */
	fits = len - 1 < zs_head_(pool)->room[zs_class_(word)];
	if (__builtin_expect(fits, 1))
		__builtin_memcpy(buf, zs_data_(word), len);
	if (__builtin_expect(!zs_read_try_end_(pool, thread, log_rows, ref), 0))
		zs_ref_end_call_(pool,
				 ZS_CAST_(zs_ref *, ZS_CAST_(uintptr_t, ref)));
	return fits;
}

#if !defined(ZS_NO_INLINE) && defined(ZS_THREAD_) && UINTPTR_MAX > UINT32_MAX

ZS_INLINE_ void *zs_ref_begin(struct zs_pool *pool, zs_ref *ref)
{
	uintptr_t thread = ZS_THREAD_;
	uint64_t word = zs_read_try_(pool, thread, ZS_LOG_ROWS_, thread, ref);

	return __builtin_expect(word != 0, 1) ? zs_data_(word)
					      : zs_ref_begin_call_(pool, ref);
}

ZS_INLINE_ void zs_ref_end(struct zs_pool *pool, zs_ref *ref)
{
	if (__builtin_expect(
		    !zs_read_try_end_(pool, ZS_THREAD_, ZS_LOG_ROWS_, ref), 0))
		zs_ref_end_call_(pool, ref);
}

#ifdef __OPTIMIZE__ /* else gcc warns of copies that never come */
ZS_INLINE_ int zs_ref_load(struct zs_pool *pool, const zs_ref *ref, void *buf,
			   size_t len)
{
	return __builtin_expect(zs_load_try_(pool, ZS_THREAD_, ZS_LOG_ROWS_,
					     ref, buf, len),
				1)
		       ? 0
		       : zs_ref_load_call_(pool, ref, buf, len);
}
#endif
#endif
#endif

#ifdef __cplusplus
}
#endif

#if defined(__cplusplus) && defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

#endif /* UZSMALLOC_H */
