/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/* uzramctl - tells a running uzram.so what to do, through its control
 * socket. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "control.h"

static const char help[] =
	"usage: uzramctl [-s SOCKET] COMMAND [WORD...]\n"
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

static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		die("%s: the name is too long for a socket", path);
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)))
		die("%s: %s", path, strerror(errno));
	return fd;
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

int main(int argc, char **argv)
{
	const char *path = getenv("UZRAM_CONTROL");
	char head[2 * CONTROL_LINE], buffer[4096];
	FILE *in;
	size_t n;
	int option;

	if (argc > 1 && !strcmp(argv[1], "--help")) {
		fputs(help, stdout);
		return 0;
	}
	while ((option = getopt(argc, argv, "+hs:")) != -1) {
		if (option == 's') {
			path = optarg;
		} else if (option == 'h') {
			fputs(help, stdout);
			return 0;
		} else {
			return 2; /* getopt told why */
		}
	}
	if (optind == argc)
		usage("which command?");
	if (!path || !*path)
		usage("no -s SOCKET, and UZRAM_CONTROL is not set");

	option = connect_to(path);
	send_words(option, path, argv + optind);
	in = fdopen(option, "r");
	if (!in || !fgets(head, sizeof(head), in))
		die("%s: no answer", path);
	head[strcspn(head, "\n")] = 0;
	while ((n = fread(buffer, 1, sizeof(buffer), in)) > 0)
		if (fwrite(buffer, 1, n, stdout) != n)
			die("standard output: %s", strerror(errno));
	if (ferror(in))
		die("%s: %s", path, strerror(errno));
	fclose(in);
	if (fflush(stdout))
		die("standard output: %s", strerror(errno));
	if (!strncmp(head, "error: ", 7))
		die("%s", head + 7);
	return 0;
}
