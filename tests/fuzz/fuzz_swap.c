/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* fuzz_swap.c - the swap file of examples/zswap: what is in it when it is
 * opened, and what comes back when reading and writing fail, do a part only, or
 * give other bytes.
 *
 * Input: two bytes that choose options; a byte, and so many bytes of 24 that the
 * file begins with, if it is not 0; then operations. A page is right, or the
 * call says what is wrong and can be made again.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compat/fault.h"
#include "fuzz.h"
#include "io_fault.h"
#include "swap.h"
#include "test_random.h"

#define SLOTS 64
#define PAGE 4096
#define MOST_OPS 300

struct model {
	struct swap *swap;
	bool full[SLOTS];
	unsigned char page[SLOTS][PAGE];
	uint64_t key;
	bool failing; /* since the last time that all was well */
};

static void end_faults(struct model *m)
{
	for (int i = 0; i < UZS_NR_FAULT_KINDS; i++)
		uzs_fault_set((enum uzs_fault_kind)i, 0);
	io_fault_set(NULL);
	m->failing = false;
}

/* zswap's own thread calls, too. */
static void set_fault(struct model *m, unsigned int what)
{
	static const struct io_fault faults[] = {
		{ .kind = IO_ERROR, .error = EIO },
		{ .kind = IO_ERROR, .error = ENOSPC },
		{ .kind = IO_SIGNAL },
		{ .kind = IO_SHORT },
		{ .kind = IO_NOTHING },
		{ .kind = IO_OTHER },
	};
	struct io_fault fault = faults[what % 6];

	fault.first = 1 + what / 6 % 4;
	fault.last = fault.first + what / 24;
	io_fault_set(&fault);
	m->failing |= fault.kind != IO_SIGNAL && fault.kind != IO_SHORT;
}

static void out(struct model *m, unsigned int slot, unsigned int kind)
{
	unsigned char page[PAGE];
	int err;

	pattern_fill(page, PAGE, m->key++);
	for (size_t i = 0; i < PAGE; i++)
		if (kind % 4 == 0)
			page[i] = (unsigned char)m->key;
		else if (kind % 4 == 1 || (kind % 4 == 2 && i % 256 > 128))
			page[i] = (unsigned char)(m->key + i / 100);
	err = swap_out(m->swap, slot, page);
	fuzz_say("  out %u: %s\n", slot, strerror(-err));
	/* The file has room for all. */
	fuzz_check(!err || m->failing);
	m->full[slot] = !err;
	if (!err)
		memcpy(m->page[slot], page, PAGE);
}

static void in(struct model *m, unsigned int slot)
{
	unsigned char page[PAGE];
	int err = swap_in(m->swap, slot, page);

	fuzz_say("  in %u: %s\n", slot, strerror(-err));
	if (!m->full[slot]) {
		fuzz_check(err == -ENOENT);
		return;
	}
	if (err) {
		fuzz_check(err != -ENOENT && m->failing);
		return; /* stays */
	}
	fuzz_check(!memcmp(page, m->page[slot], PAGE));
	m->full[slot] = false;
}

static void look(struct model *m)
{
	struct swap_stats stats;

	swap_stats(m->swap, &stats);
	fuzz_check(stats.slots_in_file <= SLOTS);
	fuzz_check(zswap_check(swap_zswap(m->swap)) == 0);
}

static void run_op(struct model *m, struct fuzz_input *input)
{
	unsigned int op = fuzz_byte(input) % 16, what = fuzz_byte(input);
	unsigned int slot = what % SLOTS;

	fuzz_say("op %u, %u\n", op, what);
	if (op < 6) {
		out(m, slot, op);
	} else if (op < 9) {
		in(m, slot);
	} else if (op == 9) {
		swap_free(m->swap, slot);
		m->full[slot] = false;
	} else if (op == 10) {
		for (unsigned int i = 0; i <= what / 16; i++)
			out(m, (slot + i) % SLOTS, what);
	} else if (op == 11) {
		zswap_writeback(swap_zswap(m->swap), what % 20 + 1);
	} else if (op == 12) {
		zswap_flush(swap_zswap(m->swap));
		look(m);
	} else if (op == 13) {
		zswap_set_compressor(swap_zswap(m->swap),
				     what % 2 ? "lz4" : "zstd:1");
	} else if (op == 14) {
		set_fault(m, what);
	} else if (what % 2) {
		zswap_flush(swap_zswap(m->swap));
		end_faults(m);
	} else {
		uzs_fault_set((enum uzs_fault_kind)(what / 2 % 3), what / 8);
		m->failing = true;
	}
}

/* Return: the file's bytes; the caller frees them. */
static unsigned char *contents(const char *path, size_t *len)
{
	struct stat stat;
	int fd = open(path, O_RDONLY);
	unsigned char *bytes;

	fuzz_check(fd >= 0 && !fstat(fd, &stat));
	*len = (size_t)stat.st_size;
	bytes = malloc(*len + 1);
	fuzz_check(bytes && read(fd, bytes, *len) == stat.st_size);
	close(fd);
	return bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct model model;
	struct fuzz_input input = { data, data + size };
	unsigned int how = fuzz_byte(&input), limit = fuzz_byte(&input);
	size_t head = fuzz_byte(&input), len, left;
	struct model *m = &model;
	struct swap_options options = { .nr_slots = SLOTS };
	unsigned char *after;
	char path[128];
	int fd;

	memset(m, 0, sizeof(*m));
	end_faults(m);
	head = head && head <= 24 ? head : 0;
	left = (size_t)(input.end - input.at);
	head = head < left ? head : left;
	snprintf(path, sizeof(path), "%s/swap", fuzz_directory());
	unlink(path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	fuzz_check(fd >= 0 && write(fd, input.at, head) == (ssize_t)head);
	close(fd);

	options.path = path;
	options.zswap.budget_bytes = (size_t)(limit % 16 + 1) << 16;
	options.zswap.max_pool_percent = limit & 16 ? 100 : 20;
	options.zswap.profile = how & 1 && sizeof(long) == 8
					? ZS_PROFILE_USER
					: ZS_PROFILE_KERNEL;
	options.zswap.lock_scope = (enum zs_lock_scope)(how / 2 % 4);
	options.zswap.defer = (enum zs_defer_mode)(how / 8 % 5);
	options.zswap.compressor = how & 128 ? "zstd:1" : "lz4";
	m->swap = swap_open(&options);
	if (!m->swap) {
		/* Something else's file is left alone. */
		fuzz_check(errno == EEXIST && head);
		after = contents(path, &len);
		fuzz_check(len == head && !memcmp(after, input.at, len));
		free(after);
		return 0;
	}
	fuzz_check(!head || !memcmp(input.at, "UZSWAP1\n", 8));
	input.at += head;
	for (int n = 0; n < MOST_OPS && fuzz_more(&input); n++)
		run_op(m, &input);
	zswap_flush(swap_zswap(m->swap));
	end_faults(m);
	look(m);
	for (unsigned int i = 0; i < SLOTS; i++) {
		in(m, i);
		fuzz_check(!m->full[i]);
	}
	swap_close(m->swap);
	after = contents(path, &len);
	fuzz_check(len == 16 && !memcmp(after, "UZSWAP1\n", 8) && !after[12]);
	free(after);
	return 0;
}
