/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* sizes.c - reads a file of object sizes, or makes some up; see sizes.h.
 *
 * Callers: uzs-bench.c.   Calls: harness.c.
 */
#include "sizes.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "harness.h"

/* The 0/32 to 32/32 quantiles of mem-lz4.u16: the pages of a Python process's
 * anonymous memory, each compressed with LZ4. Between two of them sizes are
 * taken as evenly spread, which makes the mean 1,241 bytes (the file's own:
 * 1,245). */
static const uint16_t mem_lz4_quantiles[] = {
	31,   664,  690,  785,	843,  877,  901,  918,	932,  944,  956,
	966,  976,  986,  997,	1009, 1021, 1035, 1054, 1075, 1105, 1137,
	1169, 1208, 1266, 1378, 1637, 1907, 2073, 2243, 2475, 2839, 3370
};
#define NR_STEPS (sizeof(mem_lz4_quantiles) / sizeof(mem_lz4_quantiles[0]) - 1)
#define SIZES_PER_STEP 64
#define LOG_SIZES 65536u

static void sizes_summarize(struct sizes *sizes)
{
	double sum = 0;
	uint32_t i;

	sizes->max = 0;
	for (i = 0; i < sizes->nr; i++) {
		sum += sizes->values[i];
		if (sizes->values[i] > sizes->max)
			sizes->max = sizes->values[i];
	}
	sizes->mean = sum / sizes->nr;
}

void sizes_built_in(struct sizes *sizes)
{
	uint32_t i, at;

	snprintf(sizes->name, sizeof(sizes->name), "built-in");
	sizes->nr = NR_STEPS * SIZES_PER_STEP;
	sizes->values = harness_alloc(sizes->nr * sizeof(*sizes->values));
	for (i = 0; i < sizes->nr; i++) {
		const uint16_t *q = &mem_lz4_quantiles[i / SIZES_PER_STEP];

		at = i % SIZES_PER_STEP;
		sizes->values[i] =
			q[0] + (uint32_t)(q[1] - q[0]) * at / SIZES_PER_STEP;
	}
	sizes_summarize(sizes);
}

void sizes_log(struct sizes *sizes, uint32_t min, uint32_t max,
	       const char *name)
{
	double ratio = (double)max / min;
	uint32_t i;

	snprintf(sizes->name, sizeof(sizes->name), "%s", name);
	sizes->nr = min == max ? 1 : LOG_SIZES;
	sizes->values = harness_alloc(sizes->nr * sizeof(*sizes->values));
	for (i = 0; i < sizes->nr; i++)
		sizes->values[i] =
			(uint32_t)(min * pow(ratio, (i + 0.5) / sizes->nr));
	sizes_summarize(sizes);
}

/* "a/b/mem-lz4.u16" -> "mem-lz4", with nothing in it that CSV or JSON would
 * have to quote. */
static void name_from_path(char *name, size_t room, const char *path)
{
	const char *base = strrchr(path, '/');
	size_t len, i;

	base = base ? base + 1 : path;
	len = strlen(base);
	if (len > 4 && !strcmp(base + len - 4, ".u16"))
		len -= 4;
	if (len > room - 1)
		len = room - 1;
	for (i = 0; i < len; i++) {
		unsigned char c = (unsigned char)base[i];

		name[i] = (c <= ' ' || c >= 127 || strchr(",\"\\", c))
				  ? '_'
				  : base[i];
	}
	name[len] = '\0';
}

void sizes_load(struct sizes *sizes, const char *path)
{
	unsigned char pair[2];
	struct stat st;
	uint32_t i;
	FILE *in;

	in = fopen(path, "rb");
	if (!in)
		die("%s: %s", path, strerror(errno));
	if (fstat(fileno(in), &st))
		die("%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		die("%s: not a regular file", path);
	if (st.st_size < 2 || st.st_size % 2 ||
	    (uint64_t)st.st_size / 2 > UINT32_MAX)
		die("%s: %lld bytes: not a sequence of 16-bit sizes", path,
		    (long long)st.st_size);
	name_from_path(sizes->name, sizeof(sizes->name), path);
	sizes->nr = (uint32_t)(st.st_size / 2);
	sizes->values = harness_alloc(sizes->nr * sizeof(*sizes->values));
	for (i = 0; i < sizes->nr; i++) {
		if (fread(pair, sizeof(pair), 1, in) != 1)
			die("%s: cannot read size %lu: %s", path,
			    (unsigned long)i + 1,
			    ferror(in) ? strerror(errno) : "end of file");
		sizes->values[i] = pair[0] | (uint32_t)pair[1] << 8;
		if (!sizes->values[i])
			die("%s: size %lu is 0", path, (unsigned long)i + 1);
	}
	fclose(in);
	sizes_summarize(sizes);
}
