/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* fuzz_backing.c - the backing file of examples/zram: requests and
 * postprocessing, while calls on the file fail, are interrupted, or do a part
 * only, the disk loses what it was to keep, and the file is cut. What is not cut
 * off is never lost, and what is read is right or an error.
 *
 * Input: a byte that says what device it is, then operations.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "compat/fault.h"
#include "io_fault.h"
#include "zram_device.h"

#define MOST_OPS 200

/* ---- the file ------------------------------------------------------------ */

static void set_fault(struct device *d, unsigned int what, unsigned int when)
{
	static const struct io_fault faults[] = {
		{ .kind = IO_ERROR, .error = EIO },
		{ .kind = IO_ERROR, .error = ENOSPC },
		{ .kind = IO_SIGNAL },
		{ .kind = IO_SHORT },
		{ .kind = IO_NOTHING },
	};
	struct io_fault fault;

	if (what % 6 == 0) {
		io_fault_set(NULL);
		return;
	}
	fault = faults[what % 6 - 1];
	fault.first = 1 + when % 8;
	fault.last = fault.first + when / 8 % 16;
	io_fault_set(&fault);
	/* Memory may be lacking, too, until end_faults(). */
	d->failing |= fault.kind != IO_SIGNAL && fault.kind != IO_SHORT;
}

/* What was in the blocks behind is lost, and the device is to say so. */
static void cut_file(struct device *d, unsigned int blocks)
{
	struct backing *backing = &d->dev->backing;
	char path[128];

	if (backing->fd < 0)
		return;
	blocks = blocks % (unsigned int)(backing->nr + 1);
	/* A call that does not fail when it is told to. */
	device_path(path, sizeof(path));
	fuzz_check(!truncate(path, (off_t)blocks * DEVICE_BLOCK));
	for (size_t i = 0; i < d->dev->table.nr; i++) {
		struct slot *slot = &d->dev->table.slots[i];

		if (slot_word(slot) & SLOT_WB && slot->handle >= blocks)
			d->lost[i] = true;
	}
}

/* ---- operations ---------------------------------------------------------- */

static void job(struct device *d, unsigned int what, unsigned int most)
{
	struct uzram_job job = { (enum uzram_which)(what / 2 % 5),
				 most % 64 + 1, 0, NULL };
	unsigned long stored = count_of(&d->dev->counters.stored);
	struct uzram_done done;
	int err;

	if (what % 2) {
		err = uzram_writeback(d->dev, &job, &done);
		fuzz_say("  writeback: %s, %lu blocks\n", strerror(-err),
			 done.blocks);
		if (d->dev->backing.fd < 0)
			fuzz_check(err == -ENODEV);
		else if (err == -ENOSPC)
			fuzz_check(done.full || d->failing);
		else
			fuzz_check(!err || d->failing);
	} else {
		job.threshold = most * 16;
		if (job.which == UZRAM_INCOMPRESSIBLE)
			job.which = UZRAM_ALL;
		err = uzram_recompress(d->dev, &job, &done);
		fuzz_check(
			err == (d->dev->recomp_streams.streams ? 0 : -ENODEV) ||
			d->failing);
	}
	fuzz_check(count_of(&d->dev->counters.stored) == stored);
}

static void lack_memory(struct device *d, unsigned int what)
{
	static const enum uzs_fault_kind kinds[] = { UZS_FAULT_OS,
						     UZS_FAULT_PAGE,
						     UZS_FAULT_SLAB };

	uzs_fault_set(kinds[what % 3], what / 3 % 8);
	d->failing = true;
}

static void end_faults(struct device *d)
{
	for (int i = 0; i < UZS_NR_FAULT_KINDS; i++)
		uzs_fault_set((enum uzs_fault_kind)i, 0);
	io_fault_set(NULL);
	d->failing = false;
}

static void run_op(struct device *d, struct fuzz_input *in)
{
	unsigned int op = fuzz_byte(in) % 16, what = fuzz_byte(in);
	unsigned int place = fuzz_byte(in);
	size_t size = (size_t)d->dev->config.size;
	size_t at = place % DEVICE_BLOCKS * DEVICE_BLOCK;
	size_t len = (1 + what / 4 % 16) * DEVICE_BLOCK;

	/* Some requests are not of whole blocks. */
	if (what & 128) {
		at = (at + what * 61) % size;
		len = 1 + what * 97 % 9000;
	}
	fuzz_say("op %u, %u, at %zu, %zu bytes\n", op, what, at, len);
	switch (op) {
	case 0:
	case 1:
	case 2:
	case 3:
		device_write(d, at, len, what);
		break;
	case 4:
		device_zero(d, at, len, place & 128);
		break;
	case 5:
		device_trim(d, at, len);
		break;
	case 6:
	case 7:
		device_read(d, at, len);
		break;
	case 8:
	case 9:
		job(d, what | 1, place);
		break;
	case 10:
		job(d, what, place);
		break;
	case 11:
		uzram_mark_idle(d->dev, what % 2 ? 0 : 1000);
		break;
	case 12:
		set_fault(d, what, place);
		break;
	case 13:
		if (what % 4 == 0)
			cut_file(d, place);
		else if (what % 4 == 1)
			lack_memory(d, place);
		else
			end_faults(d);
		break;
	case 14:
		d->limited = what % 2;
		uzram_set_limit(
			d->dev,
			what % 2 ? ((uint64_t)zs_get_total_pages(d->dev->pool) +
				    place % 8) *
					   d->dev->page
				 : 0);
		break;
	case 15:
		if (what % 4) {
			uzram_compact(d->dev);
			break;
		}
		fuzz_check(uzram_reset(d->dev) == 0);
		memset(d->bytes, 0, sizeof(d->bytes));
		memset(d->lost, 0, sizeof(d->lost));
		d->limited = false;
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct device device;
	struct fuzz_input in = { data, data + size };
	unsigned int how = fuzz_byte(&in);

	io_fault_set(NULL);
	/* Mostly with a file. */
	device_make(&device, how & 128 ? how : how | 32);
	for (int n = 0; n < MOST_OPS && fuzz_more(&in); n++)
		run_op(&device, &in);
	end_faults(&device);
	device_check(&device);
	device_destroy(&device);
	return 0;
}
