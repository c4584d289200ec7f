/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* plugin.c - uzram.so: the device as a plugin of nbdkit, with its options.
 *
 * The pool is made after nbdkit has forked into the background, so that its
 * worker thread is in the process that serves. What depends on options is tried
 * before that, while nbdkit can still end with an error.
 */
#define _GNU_SOURCE
#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "control.h"
#include "fds.h"
#include "size.h"
#include "zram.h"

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL

static struct uzram_config config = { .block = 4096,
				      .backing_fd = -1,
				      .defer = ZS_DEFER_NONE };
/* Given, although they are for one profile only. */
static bool has_scope, has_classes;
static char *backing_path, *stats_path, *control_path;
static int stats_fd = -1; /* opened early, in case it cannot be opened at the
			   * end */
static uint64_t backing_size; /* bytes; 0: the file has its length already */
static struct control *control;
static struct uzram *dev;
/* The memory limit that was reported: not reported again until it changes. And:
 * no memory was reported, once. */
static _Atomic unsigned long told_limit;
static _Atomic bool told_memory;

/* ---- options ------------------------------------------------------------ */

static int read_size(const char *key, const char *value, uint64_t *bytes)
{
	int64_t size = nbdkit_parse_size(value);

	(void)key;
	if (size < 0)
		return -1; /* nbdkit has printed why */
	*bytes = (uint64_t)size;
	return 0;
}

static int read_path(const char *value, char **path)
{
	free(*path);
	/* nbdkit leaves the directory in which it was started */
	*path = nbdkit_absolute_path(value);
	return *path ? 0 : -1;
}

static int read_algo(const char *key, const char *value,
		     struct codec_choice *algo)
{
	if (codec_parse(value, algo) == 0)
		return 0;
	nbdkit_error("%s is one of %s, not '%s'", key, codec_list(), value);
	return -1;
}

static int read_block(const char *key, const char *value)
{
	int64_t block = nbdkit_parse_size(value);

	if (block != 4096 && block != 16384 && block != 32768 &&
	    block != 65536) {
		nbdkit_error("%s is 4096, 16384, 32768 or 65536, not '%s'", key,
			     value);
		return -1;
	}
	config.block = (unsigned int)block;
	return 0;
}

static int read_word(const char *key, const char *value,
		     const char *const *words, int nr, int *found)
{
	for (*found = 0; *found < nr; ++*found)
		if (!strcmp(value, words[*found]))
			return 0;
	nbdkit_error("%s does not take '%s' (see nbdkit --help uzram.so)", key,
		     value);
	return -1;
}

static int uzram_config(const char *key, const char *value)
{
	static const char *const defers[] = { "none", "array", "percpu",
					      "reuse" };
	static const char *const scopes[] = { "held", "unlocked", "class-idx" };
	static const char *const classes[] = { "planned", "all" };
	static const char *const profiles[] = { "kernel", "user" };
	int n;

	if (!strcmp(key, "size"))
		return read_size(key, value, &config.size);
	if (!strcmp(key, "algo"))
		return read_algo(key, value, &config.algo);
	if (!strcmp(key, "recomp_algo"))
		return read_algo(key, value, &config.recomp_algo);
	if (!strcmp(key, "block"))
		return read_block(key, value);
	if (!strcmp(key, "mem_limit"))
		return read_size(key, value, &config.mem_limit);
	if (!strcmp(key, "backing"))
		return read_path(value, &backing_path);
	if (!strcmp(key, "backing_size"))
		return read_size(key, value, &backing_size);
	if (!strcmp(key, "stats"))
		return read_path(value, &stats_path);
	if (!strcmp(key, "control"))
		return read_path(value, &control_path);
	if (!strcmp(key, "defer")) {
		if (read_word(key, value, defers, 4, &n))
			return -1;
		config.defer = (enum zs_defer_mode)(ZS_DEFER_NONE + n);
		return 0;
	}
	if (!strcmp(key, "profile")) {
		if (read_word(key, value, profiles, 2, &n))
			return -1;
		config.profile = (enum zs_profile)(ZS_PROFILE_KERNEL + n);
		return 0;
	}
	if (!strcmp(key, "scope")) {
		if (read_word(key, value, scopes, 3, &n))
			return -1;
		config.scope = (enum zs_lock_scope)(ZS_SCOPE_HELD + n);
		has_scope = true;
		return 0;
	}
	if (!strcmp(key, "classes")) {
		if (read_word(key, value, classes, 2, &n))
			return -1;
		config.all_classes = n == 1;
		has_classes = true;
		return 0;
	}
	if (!strcmp(key, "chain"))
		return nbdkit_parse_unsigned(key, value, &config.chain_size);
	nbdkit_error("unknown option '%s'", key);
	return -1;
}

static int uzram_config_complete(void)
{
	uint64_t least;

	if (!config.size) {
		nbdkit_error("size=SIZE is missing: the size of the device");
		return -1;
	}
	if (config.chain_size &&
	    (config.chain_size < 4 || config.chain_size > 16)) {
		nbdkit_error("chain is from 4 to 16, not %u",
			     config.chain_size);
		return -1;
	}
	if (uzram_profile(&config) != ZS_PROFILE_KERNEL &&
	    (has_scope || has_classes)) {
		nbdkit_error("%s needs profile=kernel",
			     has_scope ? "scope" : "classes");
		return -1;
	}
	if (!config.algo.codec)
		codec_parse("lz4", &config.algo);
	if (backing_size && !backing_path) {
		nbdkit_error("backing_size=SIZE without backing=FILE");
		return -1;
	}
	if (backing_size && backing_size < config.block) {
		nbdkit_error("backing_size is at least %u bytes, not %llu",
			     config.block, (unsigned long long)backing_size);
		return -1;
	}
	least = uzram_least_limit(&config);
	if (config.mem_limit && config.mem_limit < least) {
		nbdkit_error("mem_limit is at least %llu bytes, or 0 for none, "
			     "not %llu",
			     (unsigned long long)least,
			     (unsigned long long)config.mem_limit);
		return -1;
	}
	return 0;
}

static const char config_help[] =
	"[size=]SIZE        (required) size of the device, such as 1G\n"
	"algo=ALGO          lz4[:ACCELERATION], lz4hc[:1..12], lzo or\n"
	"                   zstd[:1..19]; lz4\n"
	"block=BYTES        what is compressed at a time: 4096, 16384, 32768\n"
	"                   or 65536; 4096\n"
	"mem_limit=SIZE     the most memory for compressed data, at least two\n"
	"                   zspages (of chain pages, each of a block with\n"
	"                   profile=kernel); with blocks of more than a page and\n"
	"                   profile=user four, or two and two blocks, if a block\n"
	"                   is larger than a zspage; 0: no limit\n"
	"recomp_algo=ALGO   a second algorithm, for uzramctl recompress\n"
	"backing=FILE       where uzramctl writeback puts blocks; overwritten\n"
	"backing_size=SIZE  makes FILE, and makes it that long\n"
	"control=SOCKET     makes a Unix socket there, for uzramctl\n"
	"stats=FILE         writes the statistics there at the end; tried at the\n"
	"                   start\n"
	"defer=KIND         none, array, percpu: trim requests free at once,\n"
	"                   or as a freed swap slot does; reuse: what trims and\n"
	"                   overwrites free is for the next write; none\n"
	"profile=PROFILE    of the pool: user, which is dense by itself; kernel,\n"
	"                   which does what the kernel's zsmalloc does; user, on\n"
	"                   32-bit machines kernel\n"
	"scope=SCOPE        held, unlocked, class-idx: the pool's locks; for\n"
	"                   profile=kernel\n"
	"chain=PAGES        4 to 16: pages in a zspage; 16, profile=kernel: 8\n"
	"classes=WHICH      planned: the size classes that suit the device's\n"
	"                   size; all: as the kernel; planned; for profile=kernel\n"
	"example: nbdkit -U disk.sock ./uzram.so 1G algo=zstd control=ctl.sock\n"
	"         nbdkit -U disk.sock ./uzram.so 1G profile=kernel scope=held";

/* ---- life --------------------------------------------------------------- */

/* Checks that there is enough address space. */
static int try_slot_table(void)
{
	uint64_t nr = uzram_nr_blocks(&config);
	struct slot_table table;

	if (nr > SIZE_MAX || slot_table_init(&table, (size_t)nr)) {
		nbdkit_error("size=%llu: no memory for the table of blocks",
			     (unsigned long long)config.size);
		return -1;
	}
	slot_table_destroy(&table);
	return 0;
}

static int stats_failed(void)
{
	nbdkit_error("stats=%s: %s", stats_path, strerror(errno));
	return -1;
}

static int open_stats(int flags)
{
	return fd_above_standard(
		open(stats_path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0666));
}

/* At the end nbdkit can only log an error. So the file is tried now: it gets a
 * line that stays there if the statistics are never written. */
static int try_stats(void)
{
	static const char line[] = "The device is in use. Its statistics are "
				   "written here when it ends.\n";
	struct stat stat;

	if (fstat(stats_fd, &stat) ||
	    (S_ISREG(stat.st_mode) && ftruncate(stats_fd, 0)))
		return stats_failed();
	errno = ENOSPC; /* only a part of the line was written */
	if (write(stats_fd, line, strlen(line)) != (ssize_t)strlen(line))
		return stats_failed();
	return 0;
}

static void end_control(void)
{
	control_stop(control);
	control = NULL;
}

static int uzram_get_ready(void)
{
	const char *why;
	int err;

	if (try_slot_table())
		return -1;
	if (stats_path) {
		stats_fd = open_stats(0);
		if (stats_fd < 0)
			return stats_failed();
	}
	if (backing_path) {
		config.backing_fd = backing_open(backing_path, config.block,
						 backing_size, &why);
		if (config.backing_fd < 0) {
			nbdkit_error("%s: %s: %s", backing_path, why,
				     strerror(-config.backing_fd));
			config.backing_fd = -1;
			return -1;
		}
	}
	err = control_path ? control_listen(control_path, &control) : 0;
	if (err) {
		nbdkit_error("control=%s: %s", control_path, strerror(-err));
		return -1;
	}
	/* last: if another device has the same options, the file is its own,
	 * too */
	if (stats_path && try_stats()) {
		end_control();
		return -1;
	}
	return 0;
}

static int uzram_after_fork(void)
{
	char why[512];
	int err = uzram_create(&config, &dev, why, sizeof(why));

	config.backing_fd = -1; /* the device closes it */
	if (err) {
		nbdkit_error("%s", why);
		end_control();
		return -1;
	}
	err = control ? control_start(control, dev) : 0;
	if (!err)
		return 0;
	nbdkit_error("control thread: %s", strerror(-err));
	end_control();
	return -1;
}

static void write_stats(void)
{
	int fd = open_stats(O_TRUNC);
	FILE *out;

	if (fd >= 0) {
		close(stats_fd);
	} else { /* nbdkit may have changed its user by now */
		fd = stats_fd;
		(void)!ftruncate(fd, 0);
		lseek(fd, 0, SEEK_SET);
	}
	out = fdopen(fd, "w");
	if (!out) {
		stats_failed();
		return;
	}
	uzram_print_table(dev, out);
	fprintf(out, "\nmm_stat  ");
	uzram_print_mm_stat(dev, out);
	fprintf(out, "io_stat  ");
	uzram_print_io_stat(dev, out);
	fprintf(out, "bd_stat  ");
	uzram_print_bd_stat(dev, out);
	if (fflush(out) || ferror(out))
		stats_failed();
	fclose(out);
}

static void uzram_unload(void)
{
	end_control();
	if (dev && stats_fd >= 0)
		write_stats();
	uzram_destroy(dev);
	backing_close_file(config.backing_fd);
	free(backing_path);
	free(stats_path);
	free(control_path);
}

/* ---- a connection ------------------------------------------------------- */

static void *uzram_nbd_open(int readonly)
{
	(void)readonly;
	uzram_open(dev);
	return dev;
}

static void uzram_nbd_close(void *handle)
{
	uzram_close(handle);
}

static int64_t uzram_get_size(void *handle)
{
	(void)handle;
	return (int64_t)config.size;
}

static int uzram_block_size(void *handle, uint32_t *minimum,
			    uint32_t *preferred, uint32_t *maximum)
{
	(void)handle;
	*minimum = 1;
	*preferred = config.block;
	*maximum = 0xffffffff; /* no limit of our own; nbdkit has one */
	return 0;
}

static int yes(void *handle)
{
	(void)handle;
	return 1;
}

static int fua_native(void *handle)
{
	(void)handle;
	return NBDKIT_FUA_NATIVE;
}

/* ---- requests ----------------------------------------------------------- */

static int answer(int err, const char *what, uint64_t offset)
{
	unsigned long limit;
	bool told = false;

	if (!err)
		return 0;
	/* a full device fails every write: report it once */
	limit = count_of(&dev->limit_pages) + 1;
	if (err == -ENOSPC)
		told = atomic_exchange(&told_limit, limit) == limit;
	else if (err == -ENOMEM)
		told = atomic_exchange(&told_memory, true);
	if (!told)
		nbdkit_error("%s at %llu: %s", what, (unsigned long long)offset,
			     err == -ENOSPC ? "mem_limit is reached"
					    : strerror(-err));
	/* clients know how to handle a full device */
	nbdkit_set_error(err == -ENOMEM ? ENOSPC : -err);
	return -1;
}

static bool in_device(uint32_t count, uint64_t offset)
{
	if (offset <= config.size && count <= config.size - offset)
		return true;
	count_add(&dev->counters.invalid_io, 1);
	return false;
}

static int uzram_pread(void *handle, void *buf, uint32_t count, uint64_t offset,
		       uint32_t flags)
{
	(void)flags;
	if (!in_device(count, offset))
		return answer(-EINVAL, "read", offset);
	return answer(uzram_read(handle, buf, count, offset), "read", offset);
}

static int uzram_pwrite(void *handle, const void *buf, uint32_t count,
			uint64_t offset, uint32_t flags)
{
	(void)flags;
	if (!in_device(count, offset))
		return answer(-EINVAL, "write", offset);
	return answer(uzram_write(handle, buf, count, offset), "write", offset);
}

/* Does nothing: data that was written is in memory and stays there. */
static int uzram_flush(void *handle, uint32_t flags)
{
	(void)handle;
	(void)flags;
	return 0;
}

static int uzram_nbd_trim(void *handle, uint32_t count, uint64_t offset,
			  uint32_t flags)
{
	(void)flags;
	if (!in_device(count, offset))
		return answer(-EINVAL, "trim", offset);
	uzram_trim(handle, count, offset);
	return 0;
}

static int uzram_nbd_zero(void *handle, uint32_t count, uint64_t offset,
			  uint32_t flags)
{
	if (!in_device(count, offset))
		return answer(-EINVAL, "zero", offset);
	if (flags & NBDKIT_FLAG_FAST_ZERO &&
	    uzram_zero_is_slow(handle, count, offset)) {
		nbdkit_set_error(EOPNOTSUPP); /* not an error: do not log it */
		return -1;
	}
	return answer(uzram_zero(handle, count, offset,
				 flags & NBDKIT_FLAG_MAY_TRIM),
		      "zero", offset);
}

static int uzram_extents(void *handle, uint32_t count, uint64_t offset,
			 uint32_t flags, struct nbdkit_extents *extents)
{
	static const uint32_t types[] = {
		[UZRAM_DATA] = 0,
		[UZRAM_ZERO] = NBDKIT_EXTENT_ZERO,
		[UZRAM_HOLE] = NBDKIT_EXTENT_HOLE | NBDKIT_EXTENT_ZERO,
	};
	uint64_t end = offset + count, block = config.block;

	if (!in_device(count, offset))
		return answer(-EINVAL, "extents", offset);
	while (offset < end) {
		size_t index = (size_t)(offset / block), next_index;
		enum uzram_extent type =
			uzram_extent(handle, index, &next_index);
		uint64_t next;

		do {
			index = next_index;
			next = index * block;
		} while (next < end &&
			 uzram_extent(handle, index, &next_index) == type);
		/* nbdkit does not accept more than it asked for */
		if (next > end)
			next = end;
		if (nbdkit_add_extent(extents, offset, next - offset,
				      types[type]))
			return -1;
		if (flags & NBDKIT_FLAG_REQ_ONE)
			break;
		offset = next;
	}
	return 0;
}

static struct nbdkit_plugin plugin = {
	.name = "uzram",
	.version = UZRAM_VERSION,
	.longname = "compressed RAM disk on uzsmalloc",
	.description = "A RAM disk that compresses: zram in userspace.",
	.magic_config_key = "size",
	.config = uzram_config,
	.config_complete = uzram_config_complete,
	.config_help = config_help,
	.get_ready = uzram_get_ready,
	.after_fork = uzram_after_fork,
	.unload = uzram_unload,
	.open = uzram_nbd_open,
	.close = uzram_nbd_close,
	.get_size = uzram_get_size,
	.block_size = uzram_block_size,
	.can_write = yes,
	.can_flush = yes,
	.can_trim = yes,
	.can_zero = yes,
	.can_fast_zero = yes,
	.can_extents = yes,
	.can_multi_conn = yes, /* all connections always see the same data */
	.can_fua = fua_native,
	.pread = uzram_pread,
	.pwrite = uzram_pwrite,
	.flush = uzram_flush,
	.trim = uzram_nbd_trim,
	.zero = uzram_nbd_zero,
	.extents = uzram_extents,
};

NBDKIT_REGISTER_PLUGIN(plugin)
