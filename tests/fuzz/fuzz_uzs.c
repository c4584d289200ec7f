/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* fuzz_uzs.c - the program uzs: its options, and the JSON that it prints.
 *
 * Input: lines; up to an empty one each is a word of the command line, the rest
 * is the contents of the file "in", and of the one that the last word names. Words
 * lead to no other directory than the target's own, and no other program is
 * started. It must end with 0, 1 or 2, and a line on stderr if that is not 0; what
 * is told to be JSON must be some.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "json_check.h"
#include "tools/input.h"
#include "tools/json.h"
#include "tools/uzs.h"

#define MOST_WORDS 24
#define WORD_BYTES 120

int uzs_fuzz_main(int argc, char **argv); /* tools/main.c's main */

/* Not the machine's: the target's own files. */
int __wrap_uzs_input_add_libraries(struct uzs_input *input);
int __wrap_uzs_input_add_libraries(struct uzs_input *input)
{
	return uzs_input_add(input, ".");
}

int __wrap_posix_spawnp(pid_t *pid, const char *file,
			const posix_spawn_file_actions_t *actions,
			const posix_spawnattr_t *attributes, char *const argv[],
			char *const envp[]);
int __wrap_posix_spawnp(pid_t *pid, const char *file,
			const posix_spawn_file_actions_t *actions,
			const posix_spawnattr_t *attributes, char *const argv[],
			char *const envp[])
{
	(void)pid, (void)file, (void)actions, (void)attributes;
	(void)argv, (void)envp;
	return EAGAIN;
}

int __wrap_posix_spawn(pid_t *pid, const char *file,
		       const posix_spawn_file_actions_t *actions,
		       const posix_spawnattr_t *attributes, char *const argv[],
		       char *const envp[]);
int __wrap_posix_spawn(pid_t *pid, const char *file,
		       const posix_spawn_file_actions_t *actions,
		       const posix_spawnattr_t *attributes, char *const argv[],
		       char *const envp[])
{
	return __wrap_posix_spawnp(pid, file, actions, attributes, argv, envp);
}

static int before = -1; /* the directory that the process was in */

/* In an empty directory, with nothing on stdin. */
static void go_in(void)
{
	int fd;

	if (before < 0) {
		before = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		fd = open("/dev/null", O_RDONLY);
		fuzz_check(before >= 0 && fd >= 0);
		dup2(fd, STDIN_FILENO);
		close(fd);
	}
	if (chdir(fuzz_directory()))
		fuzz_fail("%s: %s", fuzz_directory(), strerror(errno));
}

static void empty_directory(void)
{
	DIR *here = opendir(".");
	struct dirent *entry;

	fuzz_check(here);
	while ((entry = readdir(here)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			unlink(entry->d_name);
	closedir(here);
}

/* A stream in place of stdout or stderr; not of open_memstream, whose buffer uzs
 * would replace. */
static FILE *catch (void)
{
	FILE *stream = fdopen(memfd_create("caught", MFD_CLOEXEC), "w+");

	fuzz_check(stream);
	return stream;
}

/* What was printed there, with a 0 behind it; the caller frees it. */
static char *caught(FILE *stream, size_t *bytes)
{
	long end;
	char *text;

	fuzz_check(!fflush(stream) && (end = ftell(stream)) >= 0);
	*bytes = (size_t)end;
	rewind(stream);
	text = malloc(*bytes + 1);
	fuzz_check(text && fread(text, 1, *bytes, stream) == *bytes);
	text[*bytes] = 0;
	fclose(stream);
	return text;
}

/* Return: are all words harmless? */
static bool read_words(struct fuzz_input *in, int *argc,
		       char words[][WORD_BYTES])
{
	while (fuzz_more(in)) {
		const uint8_t *first = in->at;
		const uint8_t *end =
			memchr(first, '\n', (size_t)(in->end - first));
		size_t len = (size_t)((end ? end : in->end) - first);

		in->at = end ? end + 1 : in->end;
		if (!len)
			return true;
		if (*argc == MOST_WORDS || len >= WORD_BYTES ||
		    memchr(first, '/', len) || memmem(first, len, "..", 2))
			return false;
		memcpy(words[*argc], first, len);
		words[(*argc)++][len] = 0;
	}
	return true;
}

static void write_file(const char *name, struct fuzz_input *in)
{
	size_t rest = (size_t)(in->end - in->at);
	FILE *file = fopen(name, "wb");

	/* Not every word is a name. */
	if (!file)
		return;
	fuzz_check(fwrite(in->at, 1, rest, file) == rest);
	fclose(file);
}

/* Any text as a key and as a value, between others. */
static void check_writer(int argc, char words[][WORD_BYTES])
{
	struct uzs_json json = UZS_JSON_INIT(catch ());
	char *text;
	size_t bytes, at;

	uzs_json_open(&json, NULL, '{');
	for (int i = 0; i < argc; i++) {
		uzs_json_string(&json, words[i], words[argc - 1 - i]);
		uzs_json_open(&json, words[i], i % 2 ? '[' : '{');
		if (i % 2)
			uzs_json_string(&json, NULL, words[i]);
		else
			uzs_json_real(&json, words[i], i / 0.7);
		uzs_json_close(&json, i % 2 ? ']' : '}');
	}
	uzs_json_close(&json, '}');
	text = caught(json.out, &bytes);
	if (!json_ok(text, bytes, &at))
		fuzz_fail("no JSON at byte %zu: %.60s", at, text + at);
	free(text);
}

/* Must what it printed be JSON? Where --json is surely the option. */
static bool prints_json(int argc, char **argv)
{
	if (argc < 3 || strcmp(argv[2], "--json") ||
	    (strcmp(argv[1], "store") && strcmp(argv[1], "classes")))
		return false;
	for (int i = 3; i < argc; i++)
		if (!strncmp(argv[i], "--h", 3) ||
		    (argv[i][0] == '-' && strchr(argv[i], 'h') &&
		     argv[i][1] != '-'))
			return false; /* the help, perhaps */
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char words[MOST_WORDS][WORD_BYTES];
	struct fuzz_input in = { data, data + size };
	char *argv[MOST_WORDS + 2] = { (char *)(uintptr_t) "uzs" };
	char *said, *printed;
	size_t said_bytes, printed_bytes, at;
	int argc = 0, status;
	FILE *old_out = stdout, *old_err = stderr;

	if (!read_words(&in, &argc, words))
		return 0;
	check_writer(argc, words);
	go_in();
	for (int i = 0; i < argc; i++) {
		argv[i + 1] = words[i];
		fuzz_say("word: %s\n", words[i]);
	}
	write_file("in", &in);
	if (argc && words[argc - 1][0] != '-')
		write_file(words[argc - 1], &in);

	stdout = catch ();
	stderr = catch ();
	optind = 0;
	status = uzs_fuzz_main(argc + 1, argv);
	printed = caught(stdout, &printed_bytes);
	said = caught(stderr, &said_bytes);
	stdout = old_out;
	stderr = old_err;
	fuzz_say("%d: %s", status, said);
	if (status < 0 || status > 2)
		fuzz_fail("uzs ends with %d", status);
	if (status && (!said_bytes || said[said_bytes - 1] != '\n'))
		fuzz_fail("uzs ends with %d, and says '%s'", status, said);
	if (!status && prints_json(argc + 1, argv) &&
	    !json_ok(printed, printed_bytes, &at))
		fuzz_fail("no JSON at byte %zu: %.60s", at, printed + at);
	/* The file that it wrote. */
	if (!status && argc > 3 && !strcmp(argv[1], "replay") &&
	    !strcmp(argv[2], "--json") && !access(argv[3], F_OK))
		json_check_file(argv[3]);
	free(said);
	free(printed);
	empty_directory();
	fuzz_check(!fchdir(before));
	return 0;
}
