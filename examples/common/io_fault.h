/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* io_fault.h - makes calls on a file go wrong, for tests of programs that keep
 * data in a file: the Nth call fails, does a part, ends the process, or finds
 * that the file was cut off by somebody else.
 *
 * Linked with IO_FAULT_OPTIONS of io_fault.cmake, which puts the calls in the place
 * of pread, pwrite, ftruncate and fdatasync in all that the program was linked
 * with. Shared libraries, cmocka too, keep the real ones.
 *
 * When fdatasync fails, what was written since the last one is lost, as on a disk:
 * there are other bytes in the file.
 */
#ifndef UZS_IO_FAULT_H
#define UZS_IO_FAULT_H

enum io_fault_kind {
	IO_KILL_BEFORE, /* kill -9, and the call was not made */
	IO_KILL_HALF, /* the call did a half */
	IO_KILL_AFTER,
	IO_ERROR, /* it fails with `error` */
	IO_HALF_ERROR, /* as well, but a half was done */
	IO_SHORT, /* it does a half, and says so */
	IO_NOTHING, /* it does nothing, and returns 0 */
	IO_SIGNAL, /* EINTR */
	IO_OTHER, /* a read gives other bytes; else nothing goes wrong */
	IO_CUT, /* the file is cut to `cut` bytes, then the call is made */
};

struct io_fault {
	enum io_fault_kind kind;
	int error;
	long cut; /* bytes */
	unsigned int first, last; /* which calls, from 1 */
};

/* Counts calls from 1 again. NULL: none goes wrong. */
void io_fault_set(const struct io_fault *fault);
/* Calls since then. */
unsigned int io_fault_calls(void);
/* A directory for the file: in memory, where there is one. A disk's would be waited
 * for at each truncation. */
const char *io_fault_dir(void);

#endif
