/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* backing.c - the backing file, its bitmap and its checksums. */
#define _GNU_SOURCE
#include "backing.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "block_sum.h"
#include "fds.h"

void backing_init(struct backing *backing, int fd)
{
	*backing = (struct backing){ .fd = fd };
	pthread_mutex_init(&backing->lock, NULL);
}

void backing_close_file(int fd)
{
	if (fd < 0)
		return;
	/* a forked child shares the lock, and closing alone would not release
	 * it */
	flock(fd, LOCK_UN);
	close(fd);
}

void backing_close(struct backing *backing)
{
	backing_close_file(backing->fd);
	backing->fd = -1;
	free(backing->used);
	free(backing->sums);
	backing->used = NULL;
	backing->sums = NULL;
	pthread_mutex_destroy(&backing->lock);
}

/* Locks the file and sets its length. Return: 0 or a negative errno. */
static int prepare(int fd, size_t block, uint64_t create_bytes,
		   const char **why)
{
	off_t bytes;

	*why = "is in use by another device";
	if (flock(fd, LOCK_EX | LOCK_NB))
		return -errno;
	/* seek to the end, as a block device has no st_size */
	*why = "is no file that can be used";
	bytes = lseek(fd, 0, SEEK_END);
	if (bytes < 0)
		return -errno;
	if ((uint64_t)bytes < create_bytes) {
		*why = "cannot be made as long as backing_size";
		if (ftruncate(fd, (off_t)create_bytes))
			return -errno;
		bytes = (off_t)create_bytes;
	}
	*why = "has no room for one block (see backing_size)";
	return (uint64_t)bytes < block ? -EINVAL : 0;
}

int backing_open(const char *path, size_t block, uint64_t create_bytes,
		 const char **why)
{
	int flags = O_RDWR | O_CLOEXEC | (create_bytes ? O_CREAT : 0);
	int fd = fd_above_standard(open(path, flags, 0600)), err;

	*why = "cannot be opened";
	if (fd < 0)
		return -errno;
	err = prepare(fd, block, create_bytes, why);
	if (!err)
		return fd;
	backing_close_file(fd);
	return err;
}

int backing_start(struct backing *backing, size_t block)
{
	off_t bytes;

	if (backing->fd < 0)
		return 0;
	bytes = lseek(backing->fd, 0, SEEK_END);
	if (bytes < 0)
		return -errno;
	backing->block = block;
	backing->nr = (uint64_t)bytes / block;
	backing->used = calloc(backing->nr / 64 + 1, sizeof(uint64_t));
	/* of a block that was never written it takes no memory */
	backing->sums = calloc(backing->nr, sizeof(uint32_t));
	return backing->used && backing->sums ? 0 : -ENOMEM;
}

size_t backing_alloc(struct backing *backing)
{
	size_t words = backing->nr / 64 + 1, found = BACKING_NONE;

	pthread_mutex_lock(&backing->lock);
	if (backing->nr_used == backing->nr)
		goto out;
	for (size_t i = 0; i <= words; i++) {
		size_t word = (backing->next / 64 + i) % words;
		uint64_t free_bits = ~backing->used[word];

		if (!free_bits)
			continue;
		found = word * 64 + (size_t)__builtin_ctzll(free_bits);
		/* only the last word has bits beyond the end */
		if (found < backing->nr)
			break;
		found = BACKING_NONE;
	}
	if (found != BACKING_NONE) {
		backing->used[found / 64] |= UINT64_C(1) << found % 64;
		backing->nr_used++;
		backing->next = found + 1 < backing->nr ? found + 1 : 0;
	}
out:
	pthread_mutex_unlock(&backing->lock);
	return found;
}

void backing_free(struct backing *backing, size_t nr)
{
	pthread_mutex_lock(&backing->lock);
	backing->used[nr / 64] &= ~(UINT64_C(1) << nr % 64);
	backing->nr_used--;
	pthread_mutex_unlock(&backing->lock);
}

int backing_read(struct backing *backing, size_t nr, void *buf)
{
	off_t offset = (off_t)nr * (off_t)backing->block;

	for (size_t done = 0; done < backing->block;) {
		ssize_t n = pread(backing->fd, (char *)buf + done,
				  backing->block - done, offset + (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		done += (size_t)n;
	}
	return block_sum(buf, backing->block, nr) == backing->sums[nr] ? 0
								       : -EIO;
}

int backing_write(struct backing *backing, size_t nr, const void *buf)
{
	off_t offset = (off_t)nr * (off_t)backing->block;

	for (size_t done = 0; done < backing->block;) {
		ssize_t n = pwrite(backing->fd, (const char *)buf + done,
				   backing->block - done, offset + (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		done += (size_t)n;
	}
	backing->sums[nr] = block_sum(buf, backing->block, nr);
	return 0;
}

int backing_sync(struct backing *backing)
{
	while (fdatasync(backing->fd)) {
		/* of something that has nothing to wait for */
		if (errno == EINVAL || errno == EROFS)
			break;
		if (errno != EINTR)
			return -errno;
	}
	return 0;
}
