/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* os.c - address space and clock, on POSIX with Linux's madvise. */
#include "os.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "checked/lockdep.h"
#include "fault.h"

#ifndef MADV_DONTNEED_LOCKED /* musl */
#define MADV_DONTNEED_LOCKED 24
#endif
#if defined(__linux__) && !defined(MADV_COLD)
#define MADV_COLD 20
#endif

/* linux/membarrier.h, which musl does not have. Since Linux 4.14. */
#define MEMBARRIER_PRIVATE_EXPEDITED (1 << 3)
#define MEMBARRIER_REGISTER_PRIVATE_EXPEDITED (1 << 4)

size_t uzs_os_page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* No OS gives addresses above this unless asked. */
static bool addressable(uintptr_t addr, size_t size)
{
#if UINTPTR_MAX > UINT32_MAX
	return ((addr + size) >> UZS_OS_ADDRESS_BITS) == 0;
#else
	(void)addr;
	(void)size;
	return true;
#endif
}

static bool unmap(void *addr, size_t size)
{
	return !uzs_should_fail(UZS_FAULT_UNMAP) && munmap(addr, size) == 0;
}

/* Unmaps all of a mapping but [addr, addr + size). If that fails, unmaps that
 * piece too. What cannot be unmapped stays reserved and has no memory. */
static bool cut(void *mem, size_t room, void *addr, size_t size)
{
	size_t before = (size_t)((char *)addr - (char *)mem);
	size_t behind = room - before - size;

	if (before && !unmap(mem, before)) {
		unmap(mem, room);
		return false;
	}
	if (behind && !unmap((char *)addr + size, behind)) {
		unmap(addr, size + behind);
		return false;
	}
	return true;
}

/* Did a request fail for lack of memory? Then the OS could not split the
 * mapping, which is of no use. Other failures do no harm: the OS does not know
 * the request or does not allow it. */
static bool for_lack_of_memory(void)
{
	return errno == ENOMEM || errno == EAGAIN;
}

/* Gives a mapping the properties that os.h promises, and access at last. It is
 * unlocked first: after mlockall(MCL_FUTURE) the OS fills a locked mapping as
 * soon as it has access. */
static bool open_up(void *addr, size_t size)
{
	if (uzs_should_fail(UZS_FAULT_UNMAP))
		return false;
	if (munlock(addr, size) && for_lack_of_memory())
		return false;
#ifdef MADV_NOHUGEPAGE
	if (madvise(addr, size, MADV_NOHUGEPAGE) && for_lack_of_memory())
		return false;
#endif
	return mprotect(addr, size, PROT_READ | PROT_WRITE) == 0;
}

void *uzs_os_map(size_t size, size_t align)
{
	/* Enough to contain an aligned piece. The rest is unmapped at once. */
	size_t room = size + align - uzs_os_page_size();
	void *mem, *addr;

	if (uzs_should_fail(UZS_FAULT_OS))
		return NULL;
	mem = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mem == MAP_FAILED)
		return NULL;
	addr = (void *)ALIGN((uintptr_t)mem, align);
	if (!cut(mem, room, addr, size))
		return NULL;
	if (!addressable((uintptr_t)addr, size) || !open_up(addr, size)) {
		unmap(addr, size);
		return NULL;
	}
	return addr;
}

bool uzs_os_unmap(void *addr, size_t size)
{
	uzs_no_locks_in(addr, size);
	/* The address may be mapped again, so it must not stay poisoned. */
	uzs_unpoison(addr, size);
	return unmap(addr, size);
}

static bool give_back(void *addr, size_t size)
{
	if (madvise(addr, size, MADV_DONTNEED) == 0)
		return true;
	/* EINVAL: it is locked, as by mlockall(MCL_CURRENT). Linux has
	 * MADV_DONTNEED_LOCKED since 5.18. */
	return errno == EINVAL &&
	       madvise(addr, size, MADV_DONTNEED_LOCKED) == 0;
}

bool uzs_os_discard(void *addr, size_t size)
{
	return !uzs_should_fail(UZS_FAULT_DISCARD) && give_back(addr, size);
}

/* ---- huge pages ------------------------------------------------------------ */

/* Of x86-64, and of arm64 with pages of 4 KiB. Where they are larger, the OS does
 * not give any to a mapping of a few MiB. */
#define HUGE_PAGE ((size_t)2 << 20)

#ifdef MADV_HUGEPAGE

/* Is its last page there? Then all of it came at once. */
static bool is_huge(char *at)
{
	size_t page = uzs_os_page_size();
	unsigned char there = 0;

	return !mincore(at + HUGE_PAGE - page, page, &there) && there & 1;
}

/* Linux puts a huge page only where there is no page table, and many versions keep
 * the table of what is given back. Since 6.1 it can be told to make one all the same.
 * What is there is a page of zeroes. */
static bool collapse(char *at)
{
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
	return !madvise(at, HUGE_PAGE, MADV_COLLAPSE) && is_huge(at);
}

/* Asks for huge pages, and looks whether they came. `again`: there was something. */
static bool fill_with_huge(char *mem, size_t size, bool again)
{
	if (uzs_should_fail(UZS_FAULT_UNMAP) ||
	    madvise(mem, size, MADV_HUGEPAGE))
		return false;
	for (size_t at = 0; at < size; at += HUGE_PAGE) {
		WRITE_ONCE(mem[at], 0);
		if (!is_huge(mem + at) && !(again && collapse(mem + at)))
			return false;
	}
	return true;
}

void *uzs_os_map_huge(size_t size, size_t align)
{
	void *mem;

	if (size % HUGE_PAGE || align % HUGE_PAGE)
		return NULL;
	mem = uzs_os_map(size, align);
	if (mem && !fill_with_huge(mem, size, false)) {
		uzs_os_release(mem, size);
		mem = NULL;
	}
	return mem;
}

bool uzs_os_make_huge(void *addr, size_t size, bool *is_lost)
{
	*is_lost = uzs_os_discard(addr, size);
	if (!*is_lost)
		return false;
	uzs_unpoison(addr, size); /* this writes there */
	if (fill_with_huge(addr, size, true))
		return true;
	/* As uzs_os_map leaves it, if the OS lets that be. */
	(void)madvise(addr, size, MADV_NOHUGEPAGE);
	(void)give_back(addr, size);
	return false;
}

bool uzs_os_end_huge(void *addr, size_t size)
{
	return !uzs_should_fail(UZS_FAULT_UNMAP) &&
	       madvise(addr, size, MADV_NOHUGEPAGE) == 0;
}

void uzs_os_split_huge(void *addr, size_t size)
{
	/* To make a piece of a huge page cold, Linux splits the page (since 5.4).
	 * The contents stay. If Linux refuses, it splits the page later, when
	 * memory is short. */
#ifdef MADV_COLD
	(void)madvise(addr, size, MADV_COLD);
#endif
}

#else

void *uzs_os_map_huge(size_t size, size_t align)
{
	(void)size;
	(void)align;
	return NULL;
}

bool uzs_os_make_huge(void *addr, size_t size, bool *is_lost)
{
	(void)addr;
	(void)size;
	*is_lost = false;
	return false;
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

#endif

u64 uzs_clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000U + (u64)ts.tv_nsec;
}

static bool membarrier(int command)
{
#ifdef SYS_membarrier
	int saved = errno;
	bool done = syscall(SYS_membarrier, command, 0, 0) == 0;

	errno = saved;
	return done;
#else
	(void)command;
	return false;
#endif
}

bool uzs_os_barrier_register(void)
{
	return membarrier(MEMBARRIER_REGISTER_PRIVATE_EXPEDITED);
}

bool uzs_os_barrier(void)
{
	if (uzs_should_fail(UZS_FAULT_BARRIER))
		return false;
	if (membarrier(MEMBARRIER_PRIVATE_EXPEDITED))
		return true;
	/* The child of a fork may have to register again. */
	return uzs_os_barrier_register() &&
	       membarrier(MEMBARRIER_PRIVATE_EXPEDITED);
}
