/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* os.c - address space and clock, on POSIX with Linux's madvise. */
#include "os.h"

#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "fault.h"
#include "lockdep.h"

/* An obj word has room for physical addresses of 52 bits (as the kernel on
 * x86-64), so memory above that is of no use. No OS gives such addresses
 * unless asked. */
#define UZS_MAX_ADDRESS_BITS 52

size_t uzs_os_page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static bool addressable(uintptr_t addr, size_t size)
{
#if UINTPTR_MAX > UINT32_MAX
	return ((addr + size) >> UZS_MAX_ADDRESS_BITS) == 0;
#else
	(void)addr;
	(void)size;
	return true;
#endif
}

void *uzs_os_map(size_t size, size_t align)
{
	/* Room to cut an aligned piece out of. Address space is cheap, and
	 * what is cut off goes back at once. */
	size_t room = size + align - uzs_os_page_size();
	uintptr_t start, addr, end;
	void *mem;

	if (uzs_should_fail(UZS_FAULT_OS))
		return NULL;
	mem = mmap(NULL, room, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mem == MAP_FAILED)
		return NULL;
	start = (uintptr_t)mem;
	end = start + room;
	addr = ALIGN(start, align);
	/* Cutting at the ends of one's own mapping cannot fail for lack of
	 * mappings more often than the mmap itself; if it does, the pieces
	 * stay reserved, untouched and free of cost. */
	if (addr > start)
		munmap(mem, addr - start);
	if (end > addr + size)
		munmap((void *)(addr + size), end - (addr + size));
	if (!addressable(addr, size)) {
		munmap((void *)addr, size);
		return NULL;
	}
#ifdef MADV_NOHUGEPAGE
	madvise((void *)addr, size, MADV_NOHUGEPAGE);
#endif
	return (void *)addr;
}

bool uzs_os_unmap(void *addr, size_t size)
{
	uzs_no_locks_in(addr, size);
	/* Address space is reused: a poisoned shadow must not outlive it. */
	uzs_unpoison(addr, size);
	return munmap(addr, size) == 0;
}

bool uzs_os_discard(void *addr, size_t size)
{
	return madvise(addr, size, MADV_DONTNEED) == 0;
}

u64 uzs_clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000U + (u64)ts.tv_nsec;
}
