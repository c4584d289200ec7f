/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* run_sort.c - the demonstration: sorts records in a region that is larger than
 * its resident limit, and reports the cost.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os.h"
#include "run.h"

struct record {
	uint64_t key; /* sort key */
	uint64_t id; /* all other fields follow from it */
	char text[112];
};

#define MIB (1024.0 * 1024.0)

static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static void make_record(struct record *record, uint64_t id, uint64_t seed)
{
	static const char *const verbs[] = { "reads", "writes", "opens",
					     "leaves" };
	uint64_t r = mix(id ^ seed);

	record->key = r;
	record->id = id;
	memset(record->text, 0, sizeof(record->text));
	snprintf(
		record->text, sizeof(record->text),
		"2026-%02u-%02u %02u:%02u user %u %s document %u, %u bytes, from 10.0.%u.%u",
		(unsigned int)(r % 12 + 1), (unsigned int)(r >> 4) % 28 + 1,
		(unsigned int)(r >> 9) % 24, (unsigned int)(r >> 14) % 60,
		(unsigned int)(r >> 20) % 5000, verbs[r >> 34 & 3],
		(unsigned int)(r >> 36) % 100000,
		(unsigned int)(r >> 30) % 65536, (unsigned int)(r >> 50) & 255,
		(unsigned int)(r >> 56) & 255);
}

void run_fill(void *data, size_t bytes, uint64_t seed)
{
	struct record *record = data;

	for (size_t i = 0; i < bytes / sizeof(*record); i++)
		make_record(&record[i], i, seed);
}

static void swap_records(struct record *a, struct record *b)
{
	struct record t = *a;

	*a = *b;
	*b = t;
}

/* Quicksort: walks memory from both ends to the middle, then does the same in
 * each part, until the parts are small enough to stay resident. */
static void sort(struct record *first, size_t nr)
{
	while (nr > 16) {
		struct record *low = first, *high = first + nr - 1;
		uint64_t a = low->key, b = first[nr / 2].key, c = high->key;
		uint64_t pivot = a < b ? (b < c	  ? b
					  : a < c ? c
						  : a)
				       : (a < c	  ? a
					  : b < c ? c
						  : b);
		size_t left;

		while (low <= high) {
			while (low->key < pivot)
				low++;
			while (high->key > pivot)
				high--;
			if (low <= high)
				swap_records(low++, high--);
		}
		left = (size_t)(high + 1 - first);
		sort(first, left);
		nr -= (size_t)(low - first);
		first = low;
	}
	for (size_t i = 1; i < nr; i++)
		for (size_t j = i; j && first[j].key < first[j - 1].key; j--)
			swap_records(&first[j], &first[j - 1]);
}

/* Checks that the records are in order, each as it was made, and complete: no
 * two IDs have the same key, and sums agree. Return: what is wrong, or NULL. */
static const char *check(const struct record *record, size_t nr, uint64_t seed)
{
	uint64_t sum = 0, squares = 0;
	struct record made;

	for (size_t i = 0; i < nr; i++) {
		if (i && record[i].key < record[i - 1].key)
			return "not in order";
		make_record(&made, record[i].id, seed);
		if (memcmp(&made, &record[i], sizeof(made)))
			return "a record is not as it was made";
		sum += record[i].id - i;
		squares += record[i].id * record[i].id - (uint64_t)i * i;
	}
	return sum || squares ? "a record is missing" : NULL;
}

/* ---- in plain memory, for comparison ------------------------------------- */

/* Runs in its own process, so that its memory is not counted. Return: seconds;
 * 0: could not be measured. */
static double sort_in_plain_memory(const struct run_options *options)
{
	double seconds = 0;
	int fd[2];
	pid_t child;

	if (pipe2(fd, O_CLOEXEC))
		return 0;
	fd[0] = os_keep_fd(fd[0]);
	fd[1] = os_keep_fd(fd[1]);
	child = fork();
	if (child < 0) {
		close(fd[0]);
		close(fd[1]);
		return 0;
	}
	if (!child) {
		void *data = mmap(NULL, options->data_bytes,
				  PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (data == MAP_FAILED)
			_exit(1);
		run_fill(data, options->data_bytes, options->seed);
		seconds = run_seconds();
		sort(data, options->data_bytes / sizeof(struct record));
		seconds = run_seconds() - seconds;
		_exit(write(fd[1], &seconds, sizeof(seconds)) !=
		      sizeof(seconds));
	}
	close(fd[1]);
	if (read(fd[0], &seconds, sizeof(seconds)) != sizeof(seconds))
		seconds = 0;
	close(fd[0]);
	waitpid(child, NULL, 0);
	return seconds;
}

/* ---- latency ------------------------------------------------------------- */

struct latency {
	double *us;
	size_t nr;
};

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double percentile(const struct latency *l, double percent)
{
	if (!l->nr)
		return 0;
	return l->us[(size_t)((double)(l->nr - 1) * percent / 100)];
}

/* Reads words at random places. The pager's counters tell whether each page was
 * resident, in limbo, or out. */
static void touch(struct uzswap *u, const char *data, size_t bytes,
		  unsigned int touches, struct latency *soft,
		  struct latency *hard, struct latency *file)
{
	uint64_t r = 1;

	for (unsigned int i = 0; i < touches; i++) {
		struct uzswap_stats before, after;
		struct swap_stats sbefore, safter;
		struct latency *l = NULL;
		double began;

		r = mix(r);
		uzswap_stats(u, &before);
		swap_stats(uzswap_swap(u), &sbefore);
		began = run_seconds();
		(void)*(const volatile char *)&data[r % bytes];
		began = run_seconds() - began;
		uzswap_stats(u, &after);
		swap_stats(uzswap_swap(u), &safter);
		if (safter.file_reads != sbefore.file_reads)
			l = file;
		else if (after.hard_faults != before.hard_faults)
			l = hard;
		else if (after.soft_faults != before.soft_faults)
			l = soft;
		if (l)
			l->us[l->nr++] = began * 1e6;
	}
	qsort(soft->us, soft->nr, sizeof(*soft->us), by_value);
	qsort(hard->us, hard->nr, sizeof(*hard->us), by_value);
	qsort(file->us, file->nr, sizeof(*file->us), by_value);
}

/* ---- report -------------------------------------------------------------- */

struct result {
	size_t records;
	double fill, plain, sort, check;
	double peak_rss;
	struct uzswap_stats pager; /* counters after the check */
	struct zswap_stats zswap;
	struct swap_stats swap;
	struct latency soft, hard, file;
};

static double ratio(const struct zswap_stats *z, size_t page)
{
	uint64_t bytes = (z->stored_pages - z->same_filled_pages) * page;

	return z->pool_total_size ? (double)bytes / (double)z->pool_total_size
				  : 0;
}

#define KERNEL_STATS(X)          \
	X(stored_pages)          \
	X(same_filled_pages)     \
	X(pool_total_size)       \
	X(written_back_pages)    \
	X(pool_limit_hit)        \
	X(reject_reclaim_fail)   \
	X(reject_alloc_fail)     \
	X(reject_kmemcache_fail) \
	X(reject_compress_fail)  \
	X(reject_compress_poor)  \
	X(decompress_fail)       \
	X(duplicate_entry)

static void print_latency(const char *from, const struct latency *l)
{
	if (l->nr)
		printf("  %-14s %6zu touches: p50 %.1f us, p99 %.1f us, worst %.0f us\n",
		       from, l->nr, percentile(l, 50), percentile(l, 99),
		       percentile(l, 100));
}

static void print_text(const struct run_options *o, const struct result *r)
{
	double page = (double)sysconf(_SC_PAGESIZE);

	printf("data         %.1f MiB, %zu records; resident limit %.1f MiB, %s\n",
	       (double)o->data_bytes / MIB, r->records,
	       (double)o->resident_bytes / MIB, o->compressor);
	printf("filled       %.2f s\n", r->fill);
	printf("sorted       %.2f s (in plain memory: %.2f s)\n", r->sort,
	       r->plain);
	printf("checked      %.2f s: in order, every record as it was made\n",
	       r->check);
	printf("faults       %" PRIu64 " first touches, %" PRIu64
	       " from limbo, %" PRIu64 " from further away; %" PRIu64
	       " pages read ahead of a fault\n",
	       r->pager.new_faults, r->pager.soft_faults, r->pager.hard_faults,
	       r->pager.read_ahead);
	printf("resident     %.1f MiB of the region at most; peak RSS of the process %.1f MiB\n",
	       (double)r->pager.resident_peak * page / MIB, r->peak_rss / MIB);
	printf("stored       %.1f MiB in %.1f MiB of pool: %.2f to 1; %.1f MiB in the file\n",
	       (double)r->zswap.stored_pages * page / MIB,
	       (double)r->zswap.pool_total_size / MIB,
	       ratio(&r->zswap, (size_t)page),
	       (double)r->swap.slots_in_file * page / MIB);
	printf("latency of %u random touches after that\n", o->touches);
	print_latency("from limbo", &r->soft);
	print_latency("decompressed", &r->hard);
	print_latency("from the file", &r->file);
	printf("zswap, names as in the kernel\n");
#define PRINT(name) printf("  %-22s %" PRIu64 "\n", #name, r->zswap.name);
	KERNEL_STATS(PRINT)
#undef PRINT
}

static void print_json_latency(const char *name, const struct latency *l)
{
	printf(", \"%s\": {\"touches\": %zu, \"p50_us\": %.2f, \"p99_us\": %.2f, \"max_us\": %.2f}",
	       name, l->nr, percentile(l, 50), percentile(l, 99),
	       percentile(l, 100));
}

static void print_json(const struct run_options *o, const struct result *r)
{
	printf("{\"part\": \"sort\", \"data_bytes\": %zu, \"resident_limit_bytes\": %zu",
	       o->data_bytes, o->resident_bytes);
	printf(", \"fill_s\": %.3f, \"sort_s\": %.3f, \"plain_sort_s\": %.3f, \"check_s\": %.3f",
	       r->fill, r->sort, r->plain, r->check);
	printf(", \"peak_rss_bytes\": %.0f, \"resident_peak_pages\": %" PRIu64
	       ", \"new_faults\": %" PRIu64 ", \"soft_faults\": %" PRIu64
	       ", \"hard_faults\": %" PRIu64 ", \"file_reads\": %" PRIu64,
	       r->peak_rss, r->pager.resident_peak, r->pager.new_faults,
	       r->pager.soft_faults, r->pager.hard_faults, r->swap.file_reads);
	printf(", \"compression_ratio\": %.3f",
	       ratio(&r->zswap, (size_t)sysconf(_SC_PAGESIZE)));
	print_json_latency("latency_limbo", &r->soft);
	print_json_latency("latency_decompressed", &r->hard);
	print_json_latency("latency_file", &r->file);
#define PRINT(name) printf(", \"%s\": %" PRIu64, #name, r->zswap.name);
	KERNEL_STATS(PRINT)
#undef PRINT
	printf("}\n");
}

/* ---- the demonstration --------------------------------------------------- */

static int sort_region(const struct run_options *o, struct uzswap *u,
		       struct result *r)
{
	size_t bytes = r->records * sizeof(struct record);
	struct record *data = uzswap_alloc(u, bytes);
	const char *wrong;
	struct rusage usage;
	double began;

	if (!data)
		return run_fail("no region of %zu bytes: %s", bytes,
				strerror(errno));
	began = run_seconds();
	run_fill(data, bytes, o->seed);
	r->fill = run_seconds() - began;
	began = run_seconds();
	sort(data, r->records);
	r->sort = run_seconds() - began;
	began = run_seconds();
	wrong = check(data, r->records, o->seed);
	r->check = run_seconds() - began;
	if (wrong)
		return run_fail("the sorted data is wrong: %s", wrong);
	uzswap_stats(u, &r->pager);
	zswap_stats(swap_zswap(uzswap_swap(u)), &r->zswap);
	swap_stats(uzswap_swap(u), &r->swap);
	getrusage(RUSAGE_SELF, &usage);
	r->peak_rss = (double)usage.ru_maxrss * 1024;
	if (r->pager.store_errors)
		fprintf(stderr,
			"uzswap-run: %" PRIu64
			" pages could not be stored and stayed resident: %s\n",
			r->pager.store_errors, strerror(-r->pager.last_error));
	touch(u, (const char *)data, bytes, o->touches, &r->soft, &r->hard,
	      &r->file);
	return 0;
}

int run_sort(const struct run_options *options)
{
	struct result r = { .records = options->data_bytes /
				       sizeof(struct record) };
	const struct zswap_options pool = { .profile = options->profile };
	size_t room = options->touches + 1;
	struct uzswap *u = NULL;
	int status = 1;

	r.soft.us = calloc(room, sizeof(double));
	r.hard.us = calloc(room, sizeof(double));
	r.file.us = calloc(room, sizeof(double));
	if (!r.soft.us || !r.hard.us || !r.file.us) {
		run_fail("no memory");
		goto out;
	}
	r.plain = sort_in_plain_memory(options);
	u = run_pager(options, options->data_bytes, options->resident_bytes,
		      options->pool_bytes, &pool);
	if (!u)
		goto out;
	status = sort_region(options, u, &r);
	uzswap_destroy(u);
	if (status)
		goto out;
	if (options->json)
		print_json(options, &r);
	else
		print_text(options, &r);
out:
	free(r.soft.us);
	free(r.hard.us);
	free(r.file.us);
	return status;
}
