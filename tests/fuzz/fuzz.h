/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* fuzz.h - what all fuzz targets share: the entry points that libFuzzer and
 * AFL++ call, bytes of an input one after the other, and how a finding is
 * told.
 *
 * A target is a file fuzz_NAME.c with LLVMFuzzerTestOneInput. With fuzz_main.c
 * it is a program that runs files; with an engine it is a fuzzer. An input must
 * do the same each time, as far as there are no threads.
 */
#ifndef UZS_FUZZ_H
#define UZS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Where findings are told. The targets that print give stderr away. */
extern FILE *fuzz_out;
/* Tell each step: the program was called with -v, or FUZZ_VERBOSE is set. */
extern bool fuzz_verbose;
/* From now on nobody sees what is printed on stdout and stderr. */
void fuzz_silence(void);
/* A directory of this process, empty, that is removed at its end. */
const char *fuzz_directory(void);

/* Tells a finding and aborts. */
#define fuzz_fail(...)                                                       \
	do {                                                                 \
		fprintf(fuzz_out, "fuzz: %s:%d: ", __FILE_NAME__, __LINE__); \
		fprintf(fuzz_out, __VA_ARGS__);                              \
		fputc('\n', fuzz_out);                                       \
		fflush(fuzz_out);                                            \
		abort();                                                     \
	} while (0)
#define fuzz_check(cond)                        \
	do {                                    \
		if (!(cond))                    \
			fuzz_fail("%s", #cond); \
	} while (0)
#define fuzz_say(...)                                   \
	do {                                            \
		if (fuzz_verbose) {                     \
			fprintf(fuzz_out, __VA_ARGS__); \
			fflush(fuzz_out);               \
		}                                       \
	} while (0)
#ifndef __FILE_NAME__
#define __FILE_NAME__ __FILE__
#endif

/* ---- bytes of an input ---------------------------------------------------- */

struct fuzz_input {
	const uint8_t *at, *end;
};

static inline bool fuzz_more(const struct fuzz_input *in)
{
	return in->at < in->end;
}

/* 0 behind the end. */
static inline unsigned int fuzz_byte(struct fuzz_input *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

static inline unsigned int fuzz_u16(struct fuzz_input *in)
{
	unsigned int low = fuzz_byte(in);

	return low | fuzz_byte(in) << 8;
}

static inline uint64_t fuzz_u64(struct fuzz_input *in)
{
	uint64_t value = 0;

	for (int i = 0; i < 8; i++)
		value |= (uint64_t)fuzz_byte(in) << 8 * i;
	return value;
}

#endif
