/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* fuzz_main.c - runs a fuzz target on files, without an engine: so each file of
 * a corpus is a test, with any compiler, and what a fuzzer found can be looked
 * at in a debugger.
 */
#define _GNU_SOURCE
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>

static const char help[] =
	"usage: fuzz_NAME [-v] FILE|DIRECTORY...\n"
	"\n"
	"Runs a fuzz target on each file, without a fuzzer. Ends at the first\n"
	"finding, with a line that says what is wrong, and SIGABRT.\n"
	"\n"
	"  -v   says each step of the target\n"
	"\n"
	"example: fuzz_backing -v tests/fuzz/corpus/backing/disk-loses\n";

static unsigned int files;

static int fail(const char *path)
{
	fprintf(stderr, "fuzz_main: cannot read %s: %s\n", path,
		strerror(errno));
	return 1;
}

static int run_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data = NULL;
	size_t size = 0, room = 0, n;

	if (!file)
		return fail(path);
	do {
		if (size == room) {
			room = room ? 2 * room : 4096;
			data = realloc(data, room);
			if (!data)
				return fail(path);
		}
		n = fread(data + size, 1, room - size, file);
		size += n;
	} while (n);
	if (ferror(file)) {
		fclose(file);
		free(data);
		return fail(path);
	}
	fclose(file);
	/* In a buffer of just that size: reading beyond it is an error. */
	data = realloc(data, size ? size : 1);
	fprintf(fuzz_out, "%s\n", path);
	fflush(fuzz_out);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	files++;
	return 0;
}

static int run_path(const char *path)
{
	struct dirent **names;
	int n = scandir(path, &names, NULL, alphasort), status = 0;

	if (n < 0)
		return errno == ENOTDIR ? run_file(path) : fail(path);
	for (int i = 0; i < n; i++) {
		char *name = names[i]->d_name, *inner;

		if (*name != '.' && !status) {
			if (asprintf(&inner, "%s/%s", path, name) < 0)
				abort();
			status = run_path(inner);
			free(inner);
		}
		free(names[i]);
	}
	free(names);
	return status;
}

int main(int argc, char **argv)
{
	int i = 1;

	LLVMFuzzerInitialize(&argc, &argv);
	if (argc > 1 &&
	    (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		fputs(help, stdout);
		return 0;
	}
	if (i < argc && !strcmp(argv[i], "-v")) {
		fuzz_verbose = true;
		i++;
	}
	if (i == argc) {
		fputs(help, stderr);
		return 2;
	}
	for (; i < argc; i++)
		if (run_path(argv[i]))
			return 1;
	if (!files) {
		fputs("fuzz_main: no files there\n", stderr);
		return 1;
	}
	fprintf(fuzz_out, "%u inputs, nothing found\n", files);
	return 0;
}
