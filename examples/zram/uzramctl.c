/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* uzramctl - controls a running uzram.so through its control socket. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "address.h"
#include "control.h"

static const char help[] =
	"usage: uzramctl [-s SOCKET] COMMAND [WORD...]\n"
	"       uzramctl --help, uzramctl --version\n"
	"\n"
	"Controls a running uzram, the compressed RAM disk for nbdkit.\n"
	"\n"
	"SOCKET is what control= of uzram.so was given; without -s it is taken\n"
	"from the environment variable UZRAM_CONTROL.\n"
	"\n"
	"  stat [json]             all figures, a sentence for each; or JSON\n"
	"  mm_stat io_stat bd_stat the kernel's lines, its columns\n"
	"  classes                 the pool's size classes\n"
	"  check                   is the pool sound? Stops the device meanwhile\n"
	"  compact                 gives back what frees have left behind\n"
	"  idle [SECONDS]          marks blocks not used for so long (0: all)\n"
	"  writeback [WHICH] [max=BLOCKS]\n"
	"                          moves blocks to the backing file\n"
	"  recompress [WHICH] [max=BLOCKS] [threshold=BYTES]\n"
	"                          compresses again with recomp_algo, what has\n"
	"                          at least that many bytes\n"
	"  limit SIZE              changes mem_limit; 0 is none; the least is\n"
	"                          told of when SIZE is less\n"
	"  reset-max               starts mem_used_max again\n"
	"  reset                   empties the device; no client may be "
	"connected\n"
	"\n"
	"WHICH: all (default), idle, huge, huge_idle; writeback also takes\n"
	"incompressible.\n"
	"example: uzramctl -s ctl.sock idle 3600\n"
	"         uzramctl -s ctl.sock writeback idle\n";

__attribute__((format(printf, 1, 2), noreturn)) static void
die(const char *format, ...)
{
	va_list args;

	fputs("uzramctl: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

__attribute__((noreturn)) static void usage(const char *what)
{
	fprintf(stderr, "uzramctl: %s (see uzramctl --help)\n", what);
	exit(2);
}

/* Checks, before anything is done, that stdout and stderr can be written. If
 * one were closed, the connection could get its number, and the output would go
 * to the server. */
static void check_standard(void)
{
	int flags = fcntl(STDOUT_FILENO, F_GETFL);

	/* a pipe without a reader is an error like others */
	signal(SIGPIPE, SIG_IGN);
	if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
		die("standard output cannot be written: it is %s",
		    flags < 0 ? "closed" : "open for reading only");
}

/* Checks that all output was written. */
static void finish_output(void)
{
	if (fflush(stdout) || ferror(stdout) || close(STDOUT_FILENO))
		die("standard output: %s", strerror(errno));
}

static void print(const char *text, size_t len)
{
	if (fwrite(text, 1, len, stdout) != len)
		die("standard output: %s", strerror(errno));
}

static void send_words(int fd, const char *path, char **words)
{
	char line[CONTROL_LINE] = "";
	size_t len = 0;

	for (; *words; words++) {
		size_t word = strlen(*words);

		if (strpbrk(*words, " \n") || !word)
			usage("a word is empty or has a space in it");
		if (len + word + 2 > sizeof(line))
			usage("too many words");
		memcpy(line + len, *words, word);
		len += word;
		line[len++] = words[1] ? ' ' : '\n';
	}
	if (send(fd, line, len, MSG_NOSIGNAL) != (ssize_t)len)
		die("%s: %s", path, strerror(errno));
}

/* Reads the whole answer, because the server does not wait for the reader of
 * our output. Return: a string, with its length. */
static char *receive(int fd, const char *path, size_t *len)
{
	char *answer = NULL, buffer[4096];
	FILE *out = open_memstream(&answer, len);
	ssize_t n;

	if (!out)
		die("%s", strerror(errno));
	while ((n = recv(fd, buffer, sizeof(buffer), 0)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			die("%s: %s", path, strerror(errno));
		if (fwrite(buffer, 1, (size_t)n, out) != (size_t)n)
			die("%s", strerror(errno));
	}
	if (fclose(out))
		die("%s", strerror(errno));
	return answer;
}

static int print_help(void)
{
	print(help, strlen(help));
	finish_output();
	return 0;
}

int main(int argc, char **argv)
{
	const char *path = getenv("UZRAM_CONTROL");
	char *answer, *end;
	size_t len, rest;
	int option, fd;

	check_standard();
	if (argc > 1 && !strcmp(argv[1], "--help"))
		return print_help();
	if (argc > 1 && !strcmp(argv[1], "--version")) {
		static const char version[] = "uzramctl " UZRAM_VERSION "\n";

		print(version, strlen(version));
		finish_output();
		return 0;
	}
	while ((option = getopt(argc, argv, "+hs:")) != -1) {
		if (option == 'h')
			return print_help();
		if (option != 's')
			return 2; /* getopt has printed why */
		path = optarg;
	}
	if (optind == argc)
		usage("which command?");
	if (!path || !*path)
		usage("no -s SOCKET, and UZRAM_CONTROL is not set");

	fd = address_connect(path);
	if (fd < 0)
		die("%s: %s", path, strerror(-fd));
	send_words(fd, path, argv + optind);
	answer = receive(fd, path, &len);
	end = memchr(answer, '\n', len);
	if (!end)
		die("%s: no answer", path);
	*end++ = 0;
	rest = len - (size_t)(end - answer);
	print(end, rest);
	finish_output();
	if (!strncmp(answer, "error: ", 7))
		die("%s", answer + 7);
	free(answer);
	close(fd);
	return 0;
}
