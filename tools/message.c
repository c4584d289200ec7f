/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* message.c - prints one line on stderr for each error. */
#include "uzs.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

/* Longer than any path, so that a message names the whole path. */
#define MESSAGE_BYTES 8192

static void print_line(const char *format, va_list args, const char *tail)
{
	char line[MESSAGE_BYTES];
	unsigned char *c;

	uzs_progress_clear();
	vsnprintf(line, sizeof(line), format, args);
	for (c = (unsigned char *)line; *c; c++) {
		if (*c < ' ' || *c == 0x7f)
			*c = '?';
	}
	fprintf(stderr, "%s: %s%s\n", uzs_program, line, tail);
}

int uzs_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_line(format, args, "");
	va_end(args);
	return UZS_FAILED;
}

int uzs_usage(const char *command, const char *format, ...)
{
	char tail[64];
	va_list args;

	snprintf(tail, sizeof(tail), " (see %s%s%s --help)", uzs_program,
		 *command ? " " : "", command);
	va_start(args, format);
	print_line(format, args, tail);
	va_end(args);
	return UZS_USAGE;
}

static bool is_plain(const char *word)
{
	return *word && !word[strspn(word, "abcdefghijklmnopqrstuvwxyz"
					   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
					   "0123456789_-+./,:=@%")];
}

void uzs_shell_word(const char *word, char *text, size_t size)
{
	size_t len = 1;

	if (is_plain(word)) {
		snprintf(text, size, "%s", word);
		return;
	}
	/* Room for the longest piece, and the quote at the end. */
	text[0] = '\'';
	for (; *word && len + 6 < size; word++)
		if (*word == '\'')
			len += (size_t)sprintf(text + len, "'\\''");
		else
			text[len++] = *word;
	text[len++] = '\'';
	text[len] = '\0';
}

#define TEXT_OF(value) #value
#define TEXT(value) TEXT_OF(value)

void uzs_print_version(const char *program)
{
	printf("%s %s\n", program,
	       TEXT(ZS_VERSION_MAJOR) "." TEXT(ZS_VERSION_MINOR) "." TEXT(
		       ZS_VERSION_PATCH));
}

int uzs_flush_output(void)
{
	errno = 0;
	if (!fflush(stdout) && !ferror(stdout))
		return 0;
	return uzs_fail("cannot write the output: %s",
			errno ? strerror(errno) : "write error");
}
