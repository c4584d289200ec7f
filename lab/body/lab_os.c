/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* lab_os.c - os.h in the lab: one arena that all memory comes from, which can
 * be put back as it was. Owns the arena, its copy and what is poisoned.
 *
 *   arena:  | header | what uzs_os_map gave ...        | poison, a byte a word
 *   | copy:   | pages of the arena as they were at the snapshot
 *   |
 *
 * A snapshot write-protects the arena. The first write to a page traps: the
 * page is copied, made writable, and is "hot" from then on. Restoring copies
 * the hot pages back. The runs from one snapshot write to almost the same
 * pages, so after a few runs there are no more traps.
 *
 * Known limits: the arena does not grow; memory that was unmapped is used again
 * only for the same size.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "compat/os.h"
#include "lab.h"
#include "lab_os.h"

#define GRAIN sizeof(unsigned long) /* bytes for each byte of poison */
#define PAGE 4096u /* of the library's OS, which is this file */
#define MAX_SPARE 256

/* Memory that was unmapped by uzs_os_unmap. */
struct spare {
	uintptr_t addr;
	size_t size;
};

/* At the arena's start, so that it is restored with it. */
struct header {
	size_t used; /* bytes, from the arena's start */
	size_t mapped; /* bytes */
	unsigned int nr_spare;
	struct spare spare[MAX_SPARE];
};

static struct {
	char *base;
	size_t bytes; /* all of it */
	size_t usable; /* bytes before the poison */
	u8 *poison;
	char *copy;
	bool track;
	bool snapshot; /* there is one */
	/* Of a page of the real OS, which can be protected. */
	unsigned int page_shift;
	u32 *hot; /* numbers of such pages */
	u32 nr_hot;
	u8 *is_hot;
} arena;

/* Of uzs_lab_keep. */
static struct {
	char *addr;
	size_t size;
	char *first, *copy; /* contents: at the start, of the snapshot */
} kept;

static struct header *header(void)
{
	return (struct header *)arena.base;
}

static size_t os_page(void)
{
	return (size_t)1 << arena.page_shift;
}

static void *map(size_t bytes, int prot)
{
	void *mem = mmap(NULL, bytes, prot,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return mem == MAP_FAILED ? NULL : mem;
}

/* At the same address in each process, so that a finding is found again, even
 * if it comes from a wrong pointer. At another address if that one is in use.
 */
static char *map_arena(size_t bytes, size_t align)
{
	char *mem;
#if defined(MAP_FIXED_NOREPLACE) && UINTPTR_MAX > UINT32_MAX
	static const uintptr_t places[] = { 0x200000000000u, 0x4000000000u };

	for (int i = 0; i < 2; i++) {
		mem = mmap((void *)places[i], bytes, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
				   MAP_FIXED_NOREPLACE,
			   -1, 0);
		if (mem == (char *)places[i])
			return mem;
		if (mem != MAP_FAILED)
			munmap(mem, bytes); /* an old kernel's own choice */
	}
#endif
	mem = map(bytes + align, PROT_READ | PROT_WRITE);
	return mem ? (char *)ALIGN((uintptr_t)mem, align) : NULL;
}

bool uzs_lab_os_init(size_t bytes, bool track)
{
	size_t align = (size_t)4 << 20;
	size_t room = ALIGN(bytes, align);

	arena.page_shift = (unsigned int)__builtin_ctzl(
		(unsigned long)sysconf(_SC_PAGESIZE));
	arena.usable = room;
	arena.bytes = room + (track ? ALIGN(room / GRAIN, os_page()) : 0);
	arena.base = map_arena(arena.bytes, align);
	if (!arena.base)
		return false;
	arena.track = track;
	if (track) {
		size_t pages = arena.bytes >> arena.page_shift;

		arena.poison = (u8 *)arena.base + arena.usable;
		arena.copy = map(arena.bytes, PROT_READ | PROT_WRITE);
		arena.hot = map(pages * sizeof(u32), PROT_READ | PROT_WRITE);
		arena.is_hot = map(pages, PROT_READ | PROT_WRITE);
		if (!arena.copy || !arena.hot || !arena.is_hot)
			return false;
	}
	uzs_lab_clear();
	return true;
}

/* ---- snapshot and restore ------------------------------------------------ */

bool uzs_lab_keep(void *addr, size_t size)
{
	kept.first = map(size, PROT_READ | PROT_WRITE);
	kept.copy = map(size, PROT_READ | PROT_WRITE);
	if (!kept.first || !kept.copy)
		return false;
	kept.addr = addr;
	kept.size = size;
	memcpy(kept.first, addr, size);
	return true;
}

/* (memcpy may not be given NULL.) */
static void copy_kept(char *to, const char *from)
{
	if (kept.size)
		memcpy(to, from, kept.size);
}

static void cool_down(void)
{
	for (u32 i = 0; i < arena.nr_hot; i++)
		arena.is_hot[arena.hot[i]] = 0;
	arena.nr_hot = 0;
}

void uzs_lab_snapshot(void)
{
	uzs_lab_catch_faults();
	cool_down();
	arena.snapshot = true;
	copy_kept(kept.copy, kept.addr);
	mprotect(arena.base, arena.bytes, PROT_READ);
}

void uzs_lab_restore(void)
{
	for (u32 i = 0; i < arena.nr_hot; i++) {
		size_t at = (size_t)arena.hot[i] << arena.page_shift;

		memcpy(arena.base + at, arena.copy + at, os_page());
	}
	if (arena.snapshot)
		copy_kept(kept.addr, kept.copy);
}

size_t uzs_lab_restore_bytes(void)
{
	return (size_t)arena.nr_hot << arena.page_shift;
}

bool uzs_lab_was_written(const volatile void *addr, size_t size)
{
	size_t at = (uintptr_t)addr - (uintptr_t)arena.base;

	if (!arena.snapshot)
		return true;
	for (size_t page = at >> arena.page_shift;
	     page <= (at + size - 1) >> arena.page_shift; page++)
		if (arena.is_hot[page])
			return true;
	return false;
}

u64 uzs_lab_memory_print(void)
{
	u64 sum = 0;

	for (u32 i = 0; i < arena.nr_hot; i++) {
		size_t at = (size_t)arena.hot[i] << arena.page_shift;
		u64 h = arena.hot[i] + 1, word;

		/* Unchanged pages do not count, as they may not be hot in
		 * another run. */
		if (!memcmp(arena.base + at, arena.copy + at, os_page()))
			continue;
		for (size_t b = 0; b < os_page(); b += sizeof(word)) {
			memcpy(&word, arena.base + at + b, sizeof(word));
			h = (h ^ word) * 0x9e3779b97f4a7c15u;
			h ^= h >> 29;
		}
		sum += h;
	}
	return sum;
}

size_t uzs_lab_mapped_bytes(void)
{
	return header()->mapped;
}

bool uzs_lab_os_trap(void *addr)
{
	size_t at = (uintptr_t)addr - (uintptr_t)arena.base;
	u32 page;

	if (at >= arena.bytes || !arena.snapshot)
		return false;
	page = (u32)(at >> arena.page_shift);
	if (arena.is_hot[page])
		return false;
	at = (size_t)page << arena.page_shift;
	memcpy(arena.copy + at, arena.base + at, os_page());
	arena.is_hot[page] = 1;
	arena.hot[arena.nr_hot++] = page;
	return mprotect(arena.base + at, os_page(), PROT_READ | PROT_WRITE) ==
	       0;
}

void uzs_lab_clear(void)
{
	cool_down();
	arena.snapshot = false;
	mprotect(arena.base, arena.bytes, PROT_READ | PROT_WRITE);
	madvise(arena.base, arena.bytes, MADV_DONTNEED);
	copy_kept(kept.addr, kept.first);
	header()->used = ALIGN(sizeof(struct header), (size_t)PAGE);
	header()->nr_spare = 0;
	header()->mapped = 0;
}

/* ---- poison -------------------------------------------------------------- */

static bool in_arena(const volatile void *addr, size_t size)
{
	size_t at = (uintptr_t)addr - (uintptr_t)arena.base;

	return arena.track && at < arena.usable && size <= arena.usable - at;
}

bool uzs_lab_in_arena(const volatile void *addr)
{
	return in_arena(addr, 1);
}

static u8 *poison_of(const volatile void *addr)
{
	return arena.poison + ((uintptr_t)addr - (uintptr_t)arena.base) / GRAIN;
}

/* 1: poisoned. 2, in the first byte of a page: and filled with FILL. */
#define FILL 0xdbu

void uzs_lab_fill_freed(void *addr, size_t size)
{
	if (!in_arena(addr, size))
		return;
	if (*poison_of(addr))
		uzs_lab_found(LAB_FOUND_DOUBLE_FREE,
			      "the page at %p is freed twice", addr);
	memset(addr, FILL, size);
	*poison_of(addr) = 2;
}

void uzs_lab_poison(const volatile void *addr, size_t size)
{
	u8 *poison = poison_of(addr);
	u8 first = 1;

	if (!in_arena(addr, size))
		return;
	if (uzs_lab_memory)
		uzs_lab_memory->forget(addr, size);
	if (size >= PAGE && *poison == 2)
		first = 2;
	/* A slab cache clears the poison of an object's first word before it
	 * poisons the object. So this object was freed twice by its user. */
	if (size < PAGE && *poison)
		uzs_lab_found(LAB_FOUND_DOUBLE_FREE,
			      "%zu bytes at %p are freed twice", size,
			      (const void *)addr);
	memset(poison, 1, size / GRAIN);
	*poison = first;
}

/* Was a page written to since it was freed? Called when it is allocated again,
 * and at the end of a run. */
static void check_fill(const volatile void *addr, size_t size)
{
	const u8 *mem = (const u8 *)addr;

	/* A fast way to compare all bytes with the first one. */
	if (likely(mem[0] == FILL && !memcmp(mem, mem + 1, size - 1)))
		return;
	for (size_t i = 0; i < size; i += sizeof(u64)) {
		u64 word;

		memcpy(&word, mem + i, sizeof(word));
		if (likely(word == 0x0101010101010101u * FILL))
			continue;
		uzs_lab_found(LAB_FOUND_FREED_MEMORY,
			      "byte %zu of the page at %p was written to after "
			      "the page was freed",
			      i, (const void *)mem);
		return;
	}
}

void uzs_lab_unpoison(const volatile void *addr, size_t size)
{
	u8 *poison = poison_of(addr);

	if (!in_arena(addr, size))
		return;
	if (uzs_lab_memory)
		uzs_lab_memory->forget(addr, size);
	if (unlikely(size >= PAGE && *poison == 2))
		check_fill(addr, size);
	memset(poison, 0, size / GRAIN);
}

static void check_freed(size_t number)
{
	const char *page = arena.base + number * PAGE;

	if (in_arena(page, PAGE) && *poison_of(page) == 2)
		check_fill(page, PAGE);
}

/* After a snapshot, only hot pages can have changed. */
void uzs_lab_check_freed(void)
{
	size_t all = arena.snapshot ? 0 : header()->used / PAGE;

	for (u32 i = 0; i < arena.nr_hot; i++)
		for (size_t n = 0; n < os_page() / PAGE; n++)
			check_freed(arena.hot[i] * (os_page() / PAGE) + n);
	for (size_t i = 0; i < all; i++)
		check_freed(i);
}

/* To be called when the contents change: pages are not filled with FILL then.
 */
static void forget_fill(const void *addr, size_t size)
{
	u8 *poison = poison_of(addr);

	if (!in_arena(addr, size))
		return;
	for (size_t i = 0; i < size; i += PAGE)
		if (poison[i / GRAIN] == 2)
			poison[i / GRAIN] = 1;
}

bool uzs_lab_is_poisoned(const volatile void *addr, size_t size)
{
	const u8 *poison, *end;

	if (!in_arena(addr, size))
		return false;
	poison = poison_of(addr);
	end = poison + ((uintptr_t)addr % GRAIN + size + GRAIN - 1) / GRAIN;
	for (; poison < end; poison++)
		if (*poison)
			return true;
	return false;
}

void uzs_lab_check_memory(const volatile void *addr, size_t size,
			  const struct uzs_place *place)
{
	if (unlikely(uzs_lab_is_poisoned(addr, size)))
		uzs_lab_found(LAB_FOUND_FREED_MEMORY,
			      "%zu bytes at %p, which are free, used at %s:%d",
			      size, (const void *)addr, place->file,
			      place->line);
}

__attribute__((weak)) void uzs_lab_plain(const volatile void *addr, size_t size,
					 bool write)
{
	(void)addr;
	(void)size;
	(void)write;
}

__attribute__((weak)) void uzs_lab_plain_done(void)
{
}

bool uzs_lab_rewrites_pass;

/* ---- os.h ---------------------------------------------------------------- */

size_t uzs_os_page_size(void)
{
	return PAGE;
}

static char *take_spare(size_t size, size_t align)
{
	struct header *h = header();

	for (unsigned int i = h->nr_spare; i-- > 0;) {
		uintptr_t addr = h->spare[i].addr;

		if (h->spare[i].size != size || addr % align)
			continue;
		h->spare[i] = h->spare[--h->nr_spare];
		return (char *)addr;
	}
	return NULL;
}

void *uzs_os_map(size_t size, size_t align)
{
	struct header *h = header();
	size_t at = ALIGN(h->used, align);
	char *mem;

	size = ALIGN(size, (size_t)PAGE);
	mem = take_spare(size, align);
	if (!mem) {
		if (at > arena.usable || size > arena.usable - at)
			return NULL;
		mem = arena.base + at;
		h->used = at + size;
	}
	h->mapped += size;
	uzs_lab_note(LAB_MAP, mem, size);
	uzs_lab_unpoison(mem, size);
	return mem;
}

void *uzs_os_map_huge(size_t size, size_t align)
{
	return uzs_os_map(size, align);
}

bool uzs_os_make_huge(void *addr, size_t size, bool *is_lost)
{
	*is_lost = uzs_os_discard(addr, size);
	return *is_lost;
}

bool uzs_os_end_huge(void *addr, size_t size)
{
	(void)addr;
	(void)size;
	return true;
}

void uzs_os_split_huge(void *addr, size_t size)
{
	(void)addr;
	(void)size;
}

bool uzs_os_unmap(void *addr, size_t size)
{
	struct header *h = header();

	uzs_no_locks_in(addr, size);
	size = ALIGN(size, (size_t)PAGE);
	uzs_lab_note(LAB_UNMAP, addr, size);
	uzs_os_discard(addr, size);
	uzs_lab_poison(addr, size);
	h->mapped -= size;
	/* If there is no room, the piece is lost until the arena is cleared. */
	if (h->nr_spare < MAX_SPARE)
		h->spare[h->nr_spare++] =
			(struct spare){ (uintptr_t)addr, size };
	return true;
}

bool uzs_os_discard(void *addr, size_t size)
{
	forget_fill(addr, size);
	/* Without a system call, restoring is cheaper. */
	if (arena.snapshot || size < (size_t)1 << 20)
		memset(addr, 0, size);
	else
		madvise(addr, size, MADV_DONTNEED);
	return true;
}
