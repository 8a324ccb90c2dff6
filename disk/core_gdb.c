/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "core_gdb.h"
#include "core_layout.h"
#include "disk.h"
#include "elf.h"

/* A word for the shell. */
static void print_quoted(const char *word)
{
	static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-+=.,/:@%";

	if (*word && strspn(word, safe) == strlen(word)) {
		fputs(word, stdout);
		return;
	}
	putchar('\'');
	for (; *word; word++)
		if (*word == '\'')
			fputs("'\\''", stdout);
		else
			putchar(*word);
	putchar('\'');
}

static void print_gdb(const char *kernel, const char *core, const char *suffix)
{
	fputs("gdb ", stdout);
	print_quoted(kernel);
	putchar(' ');
	print_quoted(core);
	printf("%s\n", suffix);
}

/* gdb takes the width from the kernel's file. */
static int check_kernel(const struct core *core, const char *path)
{
	uint8_t ident[16];
	FILE *in = file_open(path);
	size_t got;

	if (!in)
		return complain(path, "%s", strerror(errno));
	got = fread(ident, 1, sizeof ident, in);
	fclose(in);
	if (got < sizeof ident || memcmp(ident, "\x7f" "ELF", 4))
		return complain(path, "not an ELF file; gdb needs the host's, with its symbols");
	if (ident[4] != core->width / 32)
		return complain(path, "the host has %u bits, but this ELF file has another class; gdb needs the host's ELF%u file", core->width,
				core->width);
	return STATUS_OK;
}

int core_print_gdb(const struct core *core, const char *kernel, const char *out, const char *tables)
{
	int status = check_kernel(core, kernel);

	if (status)
		return status;
	if (out || (core_suits_gdb(core) && !tables)) {
		print_gdb(kernel, out ? out : core->path, "");
		return STATUS_OK;
	}
	fputs("segue core ", stdout);
	print_quoted(core->path);
	if (tables) {
		fputs(" --page-tables ", stdout);
		print_quoted(tables);
	}
	fputs(" -o ", stdout);
	print_quoted(core->path);
	puts(".gdb");
	print_gdb(kernel, core->path, ".gdb");
	return STATUS_OK;
}
