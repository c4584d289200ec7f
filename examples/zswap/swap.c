/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* swap.c - see swap.h.
 *
 * Kernel origin: mm/page_io.c and mm/swapfile.c, as far as they use zswap.
 * State: in_file and checksum of each slot. in_file is set by zswap's writeback
 * while it has the entry locked, or by swap_out when there is no entry. It is
 * only read when zswap has no entry. So it may be set for a slot that was
 * overwritten in zswap. It is cleared after the entry is gone.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "block_sum.h"
#include "os.h"
#include "swap.h"

#define MAGIC "UZSWAP1\n"

/* The first page of a swap file. After a crash it only tells that the file is
 * ours: pages do not outlive their process. */
struct header {
	char magic[8];
	uint32_t page_size;
	uint32_t in_use;
};

struct slot {
	atomic_uint checksum; /* of the page in the file */
	atomic_bool in_file;
};

struct swap {
	/* const */
	struct zswap *zswap;
	struct swap_io io;
	size_t page_size;
	uint64_t nr_slots;
	int fd; /* -1: no file. Also in a child after fork */
	struct swap *next_file; /* guard: files_lock */
	bool named, was_in_use;
	struct slot *slots;

	/* atomic, relaxed: statistics */
	atomic_uint_least64_t slots_in_file, file_writes, file_reads,
		write_errors, read_errors, checksum_errors;
	atomic_int last_error;
};

static const struct swap_io system_io = { pread, pwrite };

/* ---- the file ------------------------------------------------------------ */

static off_t place_of(const struct swap *swap, uint64_t slot)
{
	return (off_t)((slot + 1) * swap->page_size);
}

/* Continues after short writes and signals. Return: 0 or a negative errno. */
static int write_all(struct swap *swap, const char *from, size_t bytes,
		     off_t at)
{
	while (bytes) {
		ssize_t n = swap->io.pwrite(swap->fd, from, bytes, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -ENOSPC;
		from += n;
		bytes -= (size_t)n;
		at += n;
	}
	return 0;
}

static int read_all(struct swap *swap, char *to, size_t bytes, off_t at)
{
	while (bytes) {
		ssize_t n = swap->io.pread(swap->fd, to, bytes, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO; /* the file was truncated */
		to += n;
		bytes -= (size_t)n;
		at += n;
	}
	return 0;
}

static void set_in_file(struct swap *swap, uint64_t slot, bool in_file)
{
	if (atomic_exchange(&swap->slots[slot].in_file, in_file) == in_file)
		return;
	if (in_file)
		atomic_fetch_add(&swap->slots_in_file, 1);
	else
		atomic_fetch_sub(&swap->slots_in_file, 1);
}

/* Called by zswap's writeback, and by swap_out. */
static int write_slot(void *arg, uint64_t slot, const void *page)
{
	struct swap *swap = arg;
	int err = write_all(swap, page, swap->page_size, place_of(swap, slot));

	if (err) {
		atomic_fetch_add(&swap->write_errors, 1);
		atomic_store(&swap->last_error, err);
		/* Half a page may have overwritten an old one. */
		set_in_file(swap, slot, false);
		return err;
	}
	atomic_fetch_add(&swap->file_writes, 1);
	atomic_store(&swap->slots[slot].checksum,
		     block_sum(page, swap->page_size, slot));
	set_in_file(swap, slot, true);
	return 0;
}

static int read_slot(struct swap *swap, uint64_t slot, void *page)
{
	int err = read_all(swap, page, swap->page_size, place_of(swap, slot));

	if (err) {
		atomic_fetch_add(&swap->read_errors, 1);
	} else if (block_sum(page, swap->page_size, slot) !=
		   atomic_load(&swap->slots[slot].checksum)) {
		atomic_fetch_add(&swap->checksum_errors, 1);
		err = -EBADMSG;
	} else {
		atomic_fetch_add(&swap->file_reads, 1);
	}
	if (err)
		atomic_store(&swap->last_error, err);
	return err;
}

static int write_header(struct swap *swap, bool in_use)
{
	struct header header = { MAGIC, (uint32_t)swap->page_size, in_use };
	int err;

	if (ftruncate(swap->fd, 0))
		return -errno;
	err = write_all(swap, (const char *)&header, sizeof(header), 0);
	/* A part of a header would be another's file to the next user. */
	if (err && ftruncate(swap->fd, 0))
		return -errno;
	return err;
}

/* Return: 0 if the file may be overwritten. */
static int look_at_file(struct swap *swap)
{
	struct header header;
	size_t bytes = sizeof(header);
	struct stat st;
	int err;

	if (flock(swap->fd, LOCK_EX | LOCK_NB))
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	if (fstat(swap->fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (!st.st_size)
		return 0;
	/* Who wrote the header may have been killed there. */
	if (st.st_size < (off_t)bytes)
		bytes = (size_t)st.st_size;
	err = read_all(swap, (char *)&header, bytes, 0);
	if (err)
		return err;
	if (bytes < sizeof(header.magic) ||
	    memcmp(header.magic, MAGIC, sizeof(header.magic)))
		return -EEXIST;
	if (bytes < sizeof(header))
		header.in_use = true;
	swap->was_in_use = header.in_use;
	return 0;
}

/* ---- fork: a child has no use for the files, but as long as it lives they
 * would stay locked, and keep their space on the disk. */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int atfork_error;
static pthread_mutex_t files_lock = PTHREAD_MUTEX_INITIALIZER;
static struct swap *files; /* guard: files_lock, like next_file */

static void before_fork(void)
{
	pthread_mutex_lock(&files_lock);
}

static void in_parent(void)
{
	pthread_mutex_unlock(&files_lock);
}

static void in_child(void)
{
	for (; files; files = files->next_file) {
		close(files->fd);
		files->fd = -1;
	}
	pthread_mutex_unlock(&files_lock);
}

static void register_handlers(void)
{
	atfork_error = pthread_atfork(before_fork, in_parent, in_child);
}

/* Return: 0 or a negative errno. */
static int open_unless_forking(struct swap *swap, const char *path, int flags)
{
	int err = 0;

	pthread_once(&once, register_handlers);
	if (atfork_error)
		return -atfork_error;
	pthread_mutex_lock(&files_lock);
	swap->fd = os_keep_fd(open(path, flags | O_RDWR | O_CLOEXEC, 0600));
	if (swap->fd < 0) {
		err = -errno;
	} else {
		swap->next_file = files;
		files = swap;
	}
	pthread_mutex_unlock(&files_lock);
	return err;
}

static void close_file(struct swap *swap)
{
	struct swap **link = &files;

	/* A child that was not made by fork has the descriptor, too. */
	flock(swap->fd, LOCK_UN);
	pthread_mutex_lock(&files_lock);
	while (*link != swap)
		link = &(*link)->next_file;
	*link = swap->next_file;
	close(swap->fd);
	pthread_mutex_unlock(&files_lock);
}

/* ---- opening ------------------------------------------------------------- */

static int open_file(struct swap *swap, const char *path)
{
	struct stat st;
	int flags, err;

	if (!stat(path, &st) && S_ISDIR(st.st_mode)) {
		flags = O_TMPFILE;
	} else {
		flags = O_CREAT;
		swap->named = true;
	}
	err = open_unless_forking(swap, path, flags);
	if (!err)
		err = look_at_file(swap);
	return err ? err : write_header(swap, true);
}

/* ---- slots --------------------------------------------------------------- */

int swap_out(struct swap *swap, uint64_t slot, const void *page)
{
	int err;

	if (slot >= swap->nr_slots)
		return -EINVAL;
	err = zswap_store(swap->zswap, slot, page);
	if (!err)
		return 0;
	/* zswap has no entry for the slot now, so it writes nothing back. */
	if (swap->fd >= 0)
		return write_slot(swap, slot, page);
	return err;
}

int swap_in(struct swap *swap, uint64_t slot, void *page)
{
	int err;

	if (slot >= swap->nr_slots)
		return -EINVAL;
	err = zswap_load(swap->zswap, slot, page);
	if (err == -ENOENT) {
		if (!atomic_load(&swap->slots[slot].in_file))
			return -ENOENT;
		err = read_slot(swap, slot, page);
	}
	if (!err)
		set_in_file(swap, slot, false);
	return err;
}

void swap_free(struct swap *swap, uint64_t slot)
{
	if (slot >= swap->nr_slots)
		return;
	/* In this order: a writeback that is under way ends in between. */
	zswap_invalidate(swap->zswap, slot);
	set_in_file(swap, slot, false);
}

struct zswap *swap_zswap(struct swap *swap)
{
	return swap->zswap;
}

void swap_stats(struct swap *swap, struct swap_stats *stats)
{
	*stats = (struct swap_stats){
		.slots_in_file = atomic_load(&swap->slots_in_file),
		.file_writes = atomic_load(&swap->file_writes),
		.file_reads = atomic_load(&swap->file_reads),
		.write_errors = atomic_load(&swap->write_errors),
		.read_errors = atomic_load(&swap->read_errors),
		.checksum_errors = atomic_load(&swap->checksum_errors),
		.last_error = atomic_load(&swap->last_error),
		.was_in_use = swap->was_in_use,
	};
}

/* ---- life ---------------------------------------------------------------- */

struct swap *swap_open(const struct swap_options *options)
{
	struct zswap_options zswap = options->zswap;
	struct swap *swap = calloc(1, sizeof(*swap));
	int err = 0;

	if (!swap)
		return NULL;
	swap->fd = -1;
	swap->io = options->io ? *options->io : system_io;
	swap->page_size = zswap.page_size ? zswap.page_size : 4096;
	swap->nr_slots = options->nr_slots;
	/* Only slots that are used take memory. */
	swap->slots = os_map((swap->nr_slots + 1) * sizeof(struct slot));
	if (!swap->slots) {
		err = -errno;
	} else if (options->path) {
		err = open_file(swap, options->path);
	}
	if (!err) {
		zswap.backing.write = swap->fd >= 0 ? write_slot : NULL;
		zswap.backing.arg = swap;
		swap->zswap = zswap_create(&zswap);
		err = swap->zswap ? 0 : -errno;
	}
	if (err) {
		swap_close(swap);
		errno = -err;
		return NULL;
	}
	return swap;
}

void swap_close(struct swap *swap)
{
	if (!swap)
		return;
	zswap_destroy(swap->zswap);
	if (swap->fd >= 0) {
		/* Not if swap_open failed: the file may be another
		 * program's. */
		if (swap->named && swap->zswap)
			write_header(swap, false);
		close_file(swap);
	}
	if (swap->slots)
		munmap(swap->slots, (swap->nr_slots + 1) * sizeof(struct slot));
	free(swap);
}
