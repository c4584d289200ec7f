/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sim_mem.c - gives every plain load and store of the library its virtual time.
 * The library's sources are compiled with -fsanitize=kernel-address and all
 * checks as calls, and these are the called functions. They check nothing. The
 * lab tells of copies. Owns no state.
 */
#include "sim_sched.h"

static void many(uintptr_t addr, size_t size, bool write, uintptr_t pc)
{
	uintptr_t line = addr >> SIM_LINE_SHIFT;
	uintptr_t last = (addr + size - 1) >> SIM_LINE_SHIFT;

	if (!size)
		return;
	for (; line <= last; line++) {
		sim_plain((const void *)max(addr, line << SIM_LINE_SHIFT),
			  write, pc);
	}
}

/* The names and types are the compiler's. */
#define SIM_ACCESS(size)                               \
	void __asan_load##size##_noabort(void *addr);  \
	void __asan_load##size##_noabort(void *addr)   \
	{                                              \
		sim_plain(addr, false, SIM_PC);        \
	}                                              \
	void __asan_store##size##_noabort(void *addr); \
	void __asan_store##size##_noabort(void *addr)  \
	{                                              \
		sim_plain(addr, true, SIM_PC);         \
	}
SIM_ACCESS(1)
SIM_ACCESS(2)
SIM_ACCESS(4)
SIM_ACCESS(8)
SIM_ACCESS(16)

void __asan_loadN_noabort(void *addr, long size);
void __asan_loadN_noabort(void *addr, long size)
{
	many((uintptr_t)addr, (size_t)size, false, SIM_PC);
}

void __asan_storeN_noabort(void *addr, long size);
void __asan_storeN_noabort(void *addr, long size)
{
	many((uintptr_t)addr, (size_t)size, true, SIM_PC);
}

void __asan_handle_no_return(void);
void __asan_handle_no_return(void)
{
}

/* In the place of the lab's own, which does nothing: the lines of what the library
 * copies and clears. */
void uzs_lab_plain(const volatile void *addr, size_t size, bool write)
{
	sim_bulk(addr, size, write, SIM_PC);
}
