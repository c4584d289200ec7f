/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* pretend_pages.c - a library to preload (LD_PRELOAD) on a machine whose OS pages
 * have 4 KiB: programs see pages of UZS_PRETEND_PAGES bytes, and what a kernel
 * with such pages would refuse, or do to more than was asked for, ends the program
 * with a line that says so.
 *
 * Only programs below the folder UZS_PRETEND_IN see this, so that a whole run of
 * tests can have it with the shells and compilers that it starts.
 *
 * What the C library does for itself (malloc, stacks of threads) is not changed:
 * it does not come through here.
 */
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REAL_PAGE ((size_t)4096)
#define MOST_PAGE ((size_t)1 << 20)

int getpagesize(void);
FILE *fopen64(const char *path, const char *mode);
void *mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t at);

/* ---- who is pretended to ------------------------------------------------------ */

static bool is_for(const char *folder)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	size_t len = strlen(folder);

	if (n < 0)
		return false;
	path[n] = 0;
	return strncmp(path, folder, len) == 0 && path[len] == '/';
}

/* Bytes of a page; REAL_PAGE: nothing is pretended. Two threads that are first
 * find the same. */
static size_t page(void)
{
	static size_t bytes;
	size_t p = __atomic_load_n(&bytes, __ATOMIC_RELAXED);
	const char *wanted, *folder;

	if (p)
		return p;
	wanted = getenv("UZS_PRETEND_PAGES");
	folder = getenv("UZS_PRETEND_IN");
	p = REAL_PAGE;
	if (wanted && folder && is_for(folder))
		p = strtoul(wanted, NULL, 10);
	if (p < REAL_PAGE || p > MOST_PAGE || (p & (p - 1))) {
		fprintf(stderr,
			"pretend-pages: UZS_PRETEND_PAGES=%s: no size "
			"of a page\n",
			wanted);
		_exit(2);
	}
	__atomic_store_n(&bytes, p, __ATOMIC_RELAXED);
	return p;
}

static size_t part(uintptr_t n)
{
	return n & (page() - 1);
}

static size_t round_up(size_t n)
{
	return (n + page() - 1) & ~(page() - 1);
}

/* ---- what is wrong ------------------------------------------------------------- */

/* A mapping of any length is allowed, and so it is to unmap it by that length. */
#define MOST_ODD 64

static struct {
	uintptr_t addr;
	size_t len;
} odd[MOST_ODD];
static int odd_lock;

static bool odd_do(uintptr_t from, size_t from_len, uintptr_t to, size_t to_len)
{
	bool found = false;

	while (__atomic_exchange_n(&odd_lock, 1, __ATOMIC_ACQUIRE))
		;
	for (int i = 0; i < MOST_ODD && !found; i++)
		if (odd[i].addr == from && odd[i].len == from_len) {
			odd[i].addr = to;
			odd[i].len = to_len;
			found = true;
		}
	__atomic_store_n(&odd_lock, 0, __ATOMIC_RELEASE);
	return found;
}

static void check(const char *call, const void *addr, size_t len)
{
	char line[160];
	uintptr_t at = (uintptr_t)addr;
	int n;

	/* Other programs may ask for what they like. */
	if (page() == REAL_PAGE ||
	    (!part(at) && (!part(len) || odd_do(at, len, at, len))))
		return;
	n = snprintf(
		line, sizeof(line),
		"pretend-pages: %s(%#zx, %#zx): %s is no multiple of %#zx\n",
		call, (size_t)at, len, part(at) ? "the address" : "the length",
		page());
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		_exit(134);
	abort();
}

/* ---- the calls ------------------------------------------------------------------ */

static void *sys_mmap(void *addr, size_t len, int prot, int flags, int fd,
		      off_t at)
{
	return (void *)syscall(SYS_mmap, addr, len, prot, flags, fd, at);
}

/* Of a mapping with room for an aligned piece of `len`, that piece alone. */
static void *cut(char *mem, size_t room, size_t len)
{
	char *addr = (char *)round_up((uintptr_t)mem);
	size_t before = (size_t)(addr - mem), behind = room - before - len;

	if (before)
		syscall(SYS_munmap, mem, before);
	if (behind)
		syscall(SYS_munmap, addr + len, behind);
	return addr;
}

/* At a place of the kernel's choice. */
static void *map_anywhere(size_t len, int prot, int flags, int fd, off_t at)
{
	bool file = !(flags & MAP_ANONYMOUS);
	size_t whole = round_up(len), room = whole + page() - REAL_PAGE;
	char *mem, *addr;

	mem = sys_mmap(NULL, room, file ? PROT_NONE : prot,
		       file ? MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
			    : flags,
		       -1, 0);
	if (mem == MAP_FAILED)
		return MAP_FAILED;
	addr = cut(mem, room, whole);
	if (!file)
		return addr;
	mem = sys_mmap(addr, len, prot, flags | MAP_FIXED, fd, at);
	if (mem == MAP_FAILED) {
		int saved = errno;

		syscall(SYS_munmap, addr, whole);
		errno = saved;
	}
	return mem;
}

void *mmap(void *addr, size_t len, int prot, int flags, int fd, off_t at)
{
	void *mem = MAP_FAILED;

	if (page() == REAL_PAGE || !len)
		return sys_mmap(addr, len, prot, flags, fd, at);
	if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
		check("mmap", addr, 0);
		mem = sys_mmap(addr, round_up(len), prot, flags, fd, at);
	} else if (part((uintptr_t)at)) {
		errno = EINVAL;
	} else {
		if (addr)
			mem = sys_mmap(addr, round_up(len), prot, flags, fd,
				       at);
		if (mem != MAP_FAILED && part((uintptr_t)mem)) {
			syscall(SYS_munmap, mem, round_up(len));
			mem = MAP_FAILED;
		}
		if (mem == MAP_FAILED)
			mem = map_anywhere(len, prot, flags, fd, at);
	}
	if (mem != MAP_FAILED && part(len))
		odd_do(0, 0, (uintptr_t)mem, len);
	return mem;
}

void *mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t at)
	__attribute__((alias("mmap")));

int munmap(void *addr, size_t len)
{
	check("munmap", addr, len);
	if (page() != REAL_PAGE && part(len))
		odd_do((uintptr_t)addr, len, 0, 0);
	return (int)syscall(SYS_munmap, addr, round_up(len));
}

int mprotect(void *addr, size_t len, int prot)
{
	check("mprotect", addr, len);
	return (int)syscall(SYS_mprotect, addr, round_up(len), prot);
}

int madvise(void *addr, size_t len, int advice)
{
	/* Of what /proc/self/maps says, which has the machine's pages. */
	if (advice == MADV_POPULATE_READ)
		return (int)syscall(SYS_madvise, addr, len, advice);
	check("madvise", addr, len);
	/* With such pages huge ones have 32 MiB and more: none fits in here. */
	if (advice == MADV_HUGEPAGE && page() != REAL_PAGE)
		return 0;
	return (int)syscall(SYS_madvise, addr, round_up(len), advice);
}

/* The kernel takes whole pages, whatever is asked for. */
int mlock(const void *addr, size_t len)
{
	size_t before = part((uintptr_t)addr);

	return (int)syscall(SYS_mlock, (const char *)addr - before,
			    round_up(len + before));
}

int munlock(const void *addr, size_t len)
{
	size_t before = part((uintptr_t)addr);

	return (int)syscall(SYS_munlock, (const char *)addr - before,
			    round_up(len + before));
}

int msync(void *addr, size_t len, int flags)
{
	check("msync", addr, 0);
	return (int)syscall(SYS_msync, addr, round_up(len), flags);
}

/* Of each page whether any of it is there. */
int mincore(void *addr, size_t len, unsigned char *vec)
{
	unsigned char real[MOST_PAGE / REAL_PAGE];
	char *at = addr;

	check("mincore", addr, 0);
	for (size_t left = round_up(len); left; left -= page(), at += page()) {
		unsigned char there = 0;

		if (syscall(SYS_mincore, at, page(), real))
			return -1;
		for (size_t i = 0; i < page() / REAL_PAGE; i++)
			there |= real[i] & 1;
		*vec++ = there;
	}
	return 0;
}

/* ---- what the system says of itself ------------------------------------------- */

long sysconf(int name)
{
	static long (*next)(int);
	long value;

	if (name == _SC_PAGESIZE)
		return (long)page();
	if (!next)
		next = (long (*)(int))dlsym(RTLD_NEXT, "sysconf");
	value = next(name);
	if (name == _SC_PHYS_PAGES || name == _SC_AVPHYS_PAGES)
		value /= (long)(page() / REAL_PAGE);
	return value;
}

int getpagesize(void)
{
	return (int)page();
}

/* statm counts pages. */
static FILE *scaled(FILE *in)
{
	static __thread char text[256];
	unsigned long n;
	size_t len = 0;

	while (fscanf(in, "%lu", &n) == 1 && len < sizeof(text) - 24)
		len += (size_t)snprintf(text + len, 24, "%lu ",
					(n * REAL_PAGE + page() - 1) / page());
	fclose(in);
	return fmemopen(text, len, "r");
}

FILE *fopen(const char *path, const char *mode)
{
	static FILE *(*next)(const char *, const char *);
	FILE *file;

	if (!next)
		next = (FILE * (*)(const char *, const char *))
			dlsym(RTLD_NEXT, "fopen");
	file = next(path, mode);
	if (file && page() != REAL_PAGE && !strcmp(path, "/proc/self/statm"))
		return scaled(file);
	return file;
}

FILE *fopen64(const char *path, const char *mode)
	__attribute__((alias("fopen")));
