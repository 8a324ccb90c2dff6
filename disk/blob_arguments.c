/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "blob.h"
#include "staging.h"

/* Joins initrds: Linux unpacks archives that follow each other, each at a multiple of 4. */
static bool add_initrd(struct output *initrd, const char *path)
{
	struct file file;

	if (!file_read(path, &file))
		return false;
	if (!file.size) {
		complain(path, "the initrd has no bytes");
		return false;
	}
	pad(initrd, 4);
	put(initrd, file.data, file.size);
	file_free(&file);
	return true;
}

static bool add_module(struct blob_arguments *arguments, char *text)
{
	static const char suffix[] = ".cmdline";
	struct module module;
	const char *path;
	size_t length;

	split_module(text, &path, &module.args);
	length = strlen(path);
	if (length >= sizeof suffix - 1 && !strcmp(path + length - (sizeof suffix - 1), suffix)) {
		complain(path, "a module's name cannot end with .cmdline");
		return false;
	}
	if (!file_read(path, &module.file))
		return false;
	blob_add_input(arguments, path);
	arguments->modules = allocate_again(arguments->modules, (arguments->module_count + 1) * sizeof module);
	arguments->modules[arguments->module_count++] = module;
	return true;
}

void blob_add_input(struct blob_arguments *arguments, const char *path)
{
	arguments->inputs = allocate_again(arguments->inputs, (arguments->input_count + 1) * sizeof *arguments->inputs);
	arguments->inputs[arguments->input_count++] = path;
}

int blob_take_argument(const struct command *command, struct blob_arguments *arguments, int word)
{
	switch (word) {
	case 'k':
		arguments->kernel = optarg;
		blob_add_input(arguments, optarg);
		return STATUS_OK;
	case 'c':
		arguments->cmdline = optarg;
		return STATUS_OK;
	case 'o':
		arguments->out = optarg;
		return STATUS_OK;
	case 'e':
		arguments->load_flags |= SEGUE_LOAD_ELF_ENTRY_32;
		return STATUS_OK;
	case 'v':
		arguments->load_flags |= SEGUE_LOAD_VMLINUX;
		return STATUS_OK;
	case 'd':
		arguments->digest = true;
		return STATUS_OK;
	case 'f':
		if (strcmp(optarg, "fiwix") && strcmp(optarg, "bundle"))
			return complain_usage(command, "--format is bundle or fiwix, not %s", optarg);
		arguments->fiwix = optarg[0] == 'f';
		return STATUS_OK;
	case 'i':
		blob_add_input(arguments, optarg);
		return add_initrd(&arguments->initrd, optarg) ? STATUS_OK : STATUS_REFUSED;
	case 'm':
		return add_module(arguments, optarg) ? STATUS_OK : STATUS_REFUSED;
	default: /* next_option() has complained */
		return STATUS_USAGE;
	}
}

static bool is_same_file(const char *path, const char *other)
{
	struct stat a, b;

	return !stat(path, &a) && !stat(other, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

int blob_check_arguments(const struct command *command, const struct blob_arguments *arguments)
{
	size_t i;

	if (!arguments->input_count || !arguments->out)
		return complain_usage(command, "%s is missing", arguments->input_count ? "-o OUT" : "--kernel FILE");
	if (arguments->fiwix && (arguments->module_count || arguments->cmdline || arguments->digest))
		return complain_usage(command, "Fiwix's format cannot hold a %s", arguments->cmdline ? "command line" :
				      arguments->digest ? "digest" : "module");
	for (i = 0; i < arguments->input_count; i++)
		if (is_same_file(arguments->out, arguments->inputs[i]))
			return complain(arguments->out, OVER_AN_INPUT);
	return STATUS_OK;
}

void blob_free_arguments(struct blob_arguments *arguments)
{
	while (arguments->module_count)
		file_free(&arguments->modules[--arguments->module_count].file);
	free(arguments->modules);
	free(arguments->initrd.data);
	free(arguments->inputs);
}
