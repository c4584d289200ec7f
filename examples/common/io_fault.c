/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* io_fault.c - see io_fault.h. Owns which call goes wrong, their number, and what
 * was written since the disk was last waited for. */
#include "io_fault.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

/* What programs call that want large files, where there are two of each. */
#if defined(__GLIBC__) && !defined(__LP64__) && _FILE_OFFSET_BITS == 64
#define __real_pread __real_pread64
#define __real_pwrite __real_pwrite64
#define __real_ftruncate __real_ftruncate64
#define __wrap_pread __wrap_pread64
#define __wrap_pwrite __wrap_pwrite64
#define __wrap_ftruncate __wrap_ftruncate64
#endif

ssize_t __real_pread(int fd, void *buf, size_t bytes, off_t at);
ssize_t __real_pwrite(int fd, const void *buf, size_t bytes, off_t at);
int __real_ftruncate(int fd, off_t bytes);
ssize_t __wrap_pread(int fd, void *buf, size_t bytes, off_t at);
ssize_t __wrap_pwrite(int fd, const void *buf, size_t bytes, off_t at);
int __wrap_ftruncate(int fd, off_t bytes);
int __wrap_fdatasync(int fd);

/* Of all here. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct io_fault present;
static bool armed;
static unsigned int calls;

/* Of the last writes that nobody has waited for. */
#define MOST_WAITING 512
static struct {
	unsigned int nr;
	struct {
		off_t at;
		size_t bytes;
	} writes[MOST_WAITING];
} waiting;

void io_fault_set(const struct io_fault *fault)
{
	pthread_mutex_lock(&lock);
	armed = fault != NULL;
	if (fault)
		present = *fault;
	calls = 0;
	pthread_mutex_unlock(&lock);
}

unsigned int io_fault_calls(void)
{
	unsigned int n;

	pthread_mutex_lock(&lock);
	n = calls;
	pthread_mutex_unlock(&lock);
	return n;
}

const char *io_fault_dir(void)
{
	const char *dir = getenv("TMPDIR");

	if (dir)
		return dir;
	return access("/dev/shm", W_OK | X_OK) ? "/tmp" : "/dev/shm";
}

static void die(void)
{
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

/* Counts a call. Return: does it go wrong? Then *fault says how. */
static bool next_call(int fd, struct io_fault *fault)
{
	bool wrong;

	pthread_mutex_lock(&lock);
	calls++;
	*fault = present;
	wrong = armed && calls >= present.first && calls <= present.last;
	pthread_mutex_unlock(&lock);
	if (!wrong)
		return false;
	if (fault->kind == IO_KILL_BEFORE)
		die();
	if (fault->kind == IO_CUT && __real_ftruncate(fd, fault->cut))
		abort(); /* the test's own file */
	return true;
}

/* What was done of a call of `bytes`, for each kind. */
static ssize_t outcome(const struct io_fault *fault, ssize_t done)
{
	switch (fault->kind) {
	case IO_KILL_BEFORE:
	case IO_KILL_HALF:
	case IO_KILL_AFTER:
		die();
		return -1;
	case IO_ERROR:
	case IO_HALF_ERROR:
		errno = fault->error;
		return -1;
	case IO_NOTHING:
		return 0;
	case IO_SIGNAL:
		errno = EINTR;
		return -1;
	case IO_SHORT:
	case IO_CUT:
	case IO_OTHER:
		break;
	}
	return done;
}

/* How much of it is done. */
static size_t part(const struct io_fault *fault, size_t bytes)
{
	switch (fault->kind) {
	case IO_KILL_HALF:
	case IO_HALF_ERROR:
	case IO_SHORT:
		/* At least one byte, so that a caller that goes on ends. */
		return (bytes + 1) / 2;
	case IO_KILL_AFTER:
	case IO_CUT:
	case IO_OTHER:
		return bytes;
	default:
		return 0;
	}
}

static void add_waiting(off_t at, ssize_t bytes)
{
	unsigned int i;

	if (bytes <= 0)
		return;
	pthread_mutex_lock(&lock);
	i = waiting.nr++ % MOST_WAITING;
	waiting.writes[i].at = at;
	waiting.writes[i].bytes = (size_t)bytes;
	pthread_mutex_unlock(&lock);
}

/* The disk has all of it, or (@lost) none: there are other bytes then. */
static void end_waiting(int fd, bool lost)
{
	static char other[4096];
	unsigned int nr;

	pthread_mutex_lock(&lock);
	nr = waiting.nr < MOST_WAITING ? waiting.nr : MOST_WAITING;
	memset(other, 0xdd, sizeof(other));
	for (unsigned int i = 0; lost && i < nr; i++) {
		size_t left = waiting.writes[i].bytes;
		off_t at = waiting.writes[i].at;

		while (left) {
			size_t some = left < sizeof(other) ? left
							   : sizeof(other);

			if (__real_pwrite(fd, other, some, at) != (ssize_t)some)
				abort(); /* the test's own file */
			at += (off_t)some;
			left -= some;
		}
	}
	waiting.nr = 0;
	pthread_mutex_unlock(&lock);
}

ssize_t __wrap_pread(int fd, void *buf, size_t bytes, off_t at)
{
	struct io_fault fault;
	ssize_t n;
	size_t some;

	if (!next_call(fd, &fault))
		return __real_pread(fd, buf, bytes, at);
	some = part(&fault, bytes);
	/* What was in the buffer is lost all the same. */
	if (fault.kind == IO_HALF_ERROR)
		memset(buf, 0xee, some);
	n = some ? __real_pread(fd, buf, some, at) : 0;
	if (fault.kind == IO_OTHER && n > 0)
		((unsigned char *)buf)[n / 2] ^= 1;
	return outcome(&fault, n);
}

static ssize_t write_some(int fd, const void *buf, size_t bytes, off_t at)
{
	ssize_t n = __real_pwrite(fd, buf, bytes, at);

	add_waiting(at, n);
	return n;
}

ssize_t __wrap_pwrite(int fd, const void *buf, size_t bytes, off_t at)
{
	struct io_fault fault;
	size_t some;

	if (!next_call(fd, &fault))
		return write_some(fd, buf, bytes, at);
	some = part(&fault, bytes);
	return outcome(&fault, some ? write_some(fd, buf, some, at) : 0);
}

/* These do all or nothing. */
int __wrap_ftruncate(int fd, off_t bytes)
{
	struct io_fault fault;

	if (!next_call(fd, &fault) || fault.kind == IO_NOTHING)
		return __real_ftruncate(fd, bytes);
	return (int)outcome(&fault,
			    part(&fault, 1) ? __real_ftruncate(fd, bytes) : 0);
}

/* Does not wait for the disk: what is tested is what follows when it failed. */
int __wrap_fdatasync(int fd)
{
	struct io_fault fault;
	int err = next_call(fd, &fault) ? (int)outcome(&fault, 0) : 0;

	if (!err || errno != EINTR)
		end_waiting(fd, err);
	return err;
}

/* On 64-bit machines they are the same. */
#ifdef __LP64__
ssize_t __wrap_pread64(int fd, void *buf, size_t bytes, off_t at)
	__attribute__((alias("__wrap_pread")));
ssize_t __wrap_pwrite64(int fd, const void *buf, size_t bytes, off_t at)
	__attribute__((alias("__wrap_pwrite")));
int __wrap_ftruncate64(int fd, off_t bytes)
	__attribute__((alias("__wrap_ftruncate")));
#endif
