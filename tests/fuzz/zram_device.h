/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* zram_device.h - a device of examples/zram and what must be in it, for the
 * targets fuzz_control and fuzz_backing.
 */
#ifndef UZS_FUZZ_ZRAM_DEVICE_H
#define UZS_FUZZ_ZRAM_DEVICE_H

#include "fuzz.h"
#include "zram.h"

#define DEVICE_BLOCKS 48
#define DEVICE_BLOCK 4096
#define DEVICE_BYTES (DEVICE_BLOCKS * DEVICE_BLOCK)

struct device {
	struct uzram *dev;
	unsigned char bytes[DEVICE_BYTES]; /* what a read must give */
	/* The file that had it was cut: a read may fail, or give anything. */
	bool lost[DEVICE_BLOCKS];
	bool limited; /* -ENOSPC is no surprise */
	bool failing; /* so is an error of the file */
	uint64_t seed;
};

/* @how: bits choose the profile, the deferral, whether there is a second
 * compressor, and whether there is a backing file, of a few blocks. */
void device_make(struct device *d, unsigned int how);
/* The name of the backing file. */
void device_path(char *path, size_t bytes);
void device_destroy(struct device *d);
/* @kind: same-filled, compresses, does not, a half. */
void device_write(struct device *d, size_t at, size_t len, unsigned int kind);
void device_zero(struct device *d, size_t at, size_t len, bool may_trim);
void device_trim(struct device *d, size_t at, size_t len);
/* Reads and compares. */
void device_read(struct device *d, size_t at, size_t len);
/* All of it; the figures must agree with the slots, and the pool be sound. */
void device_check(struct device *d);

#endif
