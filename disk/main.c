/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "disk.h"
#include "segue.h"

static const struct command *const commands[] = {
	&command_pack, &command_iso, &command_disk, &command_info, &command_plan, &command_core, &command_crashkit
};
#define COMMANDS (sizeof commands / sizeof *commands)

int complain(const char *file, const char *format, ...)
{
	va_list list;

	fflush(stdout);
	fputs("segue: ", stderr);
	if (file)
		fprintf(stderr, "%s: ", file);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
	return STATUS_REFUSED;
}

int complain_usage(const struct command *command, const char *format, ...)
{
	va_list list;

	fprintf(stderr, "segue%s%s: ", command ? " " : "", command ? command->name : "");
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fprintf(stderr, "\nSee `segue help%s%s`.\n", command ? " " : "", command ? command->name : "");
	return STATUS_USAGE;
}

static const struct command *find_command(const char *name)
{
	size_t i;

	for (i = 0; i < COMMANDS; i++)
		if (!strcmp(name, commands[i]->name))
			return commands[i];
	return NULL;
}

static void print_help(FILE *out)
{
	size_t i;

	fputs("segue packs kernels, makes bootable images, inspects files, and plans where Segue puts every byte.\n\n", out);
	for (i = 0; i < COMMANDS; i++)
		fprintf(out, "  segue %-8s %s\n", commands[i]->name, commands[i]->summary);
	fputs("  segue help [COMMAND]\n"
	      "  segue --version\n"
	      "\nExit status: 0 success, 1 a file is refused or cannot be read, 2 a wrong command line.\n",
	      out);
}

static int help(int argc, char **argv)
{
	const struct command *command;

	if (argc > 2)
		return complain_usage(NULL, "help takes one command");
	if (argc < 2) {
		print_help(stdout);
		return STATUS_OK;
	}
	command = find_command(argv[1]);
	if (!command)
		return complain_usage(NULL, "there is no command %s", argv[1]);
	fputs(command->help, stdout);
	return STATUS_OK;
}

static int run(int argc, char **argv)
{
	const struct command *command;

	if (argc < 2) {
		print_help(stderr);
		return STATUS_USAGE;
	}
	if (!strcmp(argv[1], "--version")) {
		puts("segue " SEGUE_VERSION_STRING);
		return STATUS_OK;
	}
	if (!strcmp(argv[1], "help") || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return help(argc - 1, argv + 1);
	command = find_command(argv[1]);
	if (!command)
		return complain_usage(NULL, "there is no command %s", argv[1]);
	if (argc == 3 && !strcmp(argv[2], "--help")) {
		fputs(command->help, stdout);
		return STATUS_OK;
	}
	return command->run(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	int status = run(argc, argv);

	/* The error of a full disk may come as late as here. */
	if (fflush(stdout) || ferror(stdout))
		return complain(NULL, "standard output cannot be written");
	return status;
}
