/* SPDX-License-Identifier: MIT */
/* The arguments that pack, iso and disk share, and the blob that is made from them. */
#ifndef SEGUE_BLOB_H
#define SEGUE_BLOB_H

#include "dry_run.h"
#include "output.h"

/* Blob and seal must fit below 4 GiB. A file in ISO 9660 is not larger either. */
#define BLOB_LIMIT (UINT32_MAX - 32u)

struct module {
	struct file file;
	const char *args;             /* NULL: none */
};

struct blob_arguments {
	const char *kernel, *cmdline, *out; /* NULL: not given */
	bool fiwix, digest;
	uint32_t load_flags;          /* SEGUE_LOAD_ELF_ENTRY_32, SEGUE_LOAD_VMLINUX */
	struct output initrd;
	struct module *modules;
	size_t module_count;
	const char **inputs;          /* all files that are read */
	size_t input_count;
};

/* For next_option(): the letters, those that may be repeated, and the names. A command adds its own and ends the list. */
#define BLOB_LETTERS ":o:"
#define BLOB_REPEATABLE "im"
#define BLOB_ARGUMENTS \
	{ "kernel", required_argument, NULL, 'k' }, \
	{ "initrd", required_argument, NULL, 'i' }, \
	{ "module", required_argument, NULL, 'm' }, \
	{ "cmdline", required_argument, NULL, 'c' }, \
	{ "format", required_argument, NULL, 'f' }, \
	{ "elf-entry-32", no_argument, NULL, 'e' }, \
	{ "vmlinux", no_argument, NULL, 'v' }, \
	{ "digest", no_argument, NULL, 'd' }, \
	{ "output", required_argument, NULL, 'o' }

#define BLOB_ARGUMENTS_HELP \
	"  --kernel FILE          a Linux, Multiboot or ELF kernel; it may be compressed by gzip, xz, zstd, lz4,\n" \
	"                         lzma or bzip2\n" \
	"  --initrd FILE          an initrd for Linux; several are joined in their order\n" \
	"  --module FILE[=ARGS]   a module for Multiboot kernels, with arguments; may be repeated. FILE is the\n" \
	"                         longest name of an existing file, so it may contain =.\n" \
	"                         The target sees FILE's name without its folder as argv[0]\n" \
	"  --cmdline WORDS        the kernel's arguments\n" \
	"  --format bundle        a newc cpio archive, with files on 4096-byte boundaries (the default);\n" \
	"                         cpio -t lists it, cpio -o -H newc makes one too\n" \
	"  --format fiwix         the format of Fiwix's kexec: two lengths, kernel, initrd\n" \
	"  --elf-entry-32         the entry of an ELF64 kernel is 32-bit code\n" \
	"  --vmlinux              an ELF kernel is a Linux, also without notes that say so\n" \
	"  --digest               add a SHA-256 digest, which is checked in memory before the target starts\n"

#define OUTPUT_HELP \
	"  -o, --output OUT       a new or ordinary file: no device or pipe, not - or /dev/stdout, and no file that\n" \
	"                         is read. It is replaced when complete, and unchanged after a failure\n"

/* Takes an option that next_option() returned. Returns a status: STATUS_OK, or a complaint has been printed. */
int blob_take_argument(const struct command *command, struct blob_arguments *arguments, int word);
/* After all options: is one missing, is OUT a file that is read? Returns a status. */
int blob_check_arguments(const struct command *command, const struct blob_arguments *arguments);
/* Adds a file that is read and is not an argument of blob_take_argument(). */
void blob_add_input(struct blob_arguments *arguments, const char *path);
void blob_free_arguments(struct blob_arguments *arguments);

/* Makes the blob. The kernel alone is checked; blob_try() checks the blob. False: a complaint has been printed. */
bool blob_make(const struct blob_arguments *arguments, struct output *blob);

/*
 * Loads the blob in a dry run on a PC with a BIOS. name is the file in complaints; cmdline is NULL, or replaces the blob's.
 * False: it is refused, and a complaint has been printed.
 */
bool blob_try(const char *name, const struct output *blob, uint32_t flags, const char *cmdline);
/* Writes OUT: staging.h. False: a complaint has been printed. */
bool blob_write(const char *out, const struct output *blob);

#endif
