/* SPDX-License-Identifier: MIT */
/* The arguments that pack, iso and disk share, and the blob that comes of them. */
#ifndef SEGUE_BLOB_H
#define SEGUE_BLOB_H

#include "dry_run.h"
#include "output.h"

/* The seal comes on top, and both lie below 4 GiB; ISO 9660 holds no larger file either. */
#define BLOB_LIMIT (UINT32_MAX - 32u)

struct module {
	struct file file;
	const char *args;             /* NULL: none */
};

struct blob_arguments {
	const char *kernel, *cmdline, *out; /* NULL: not given */
	bool fiwix, entry_32, digest;
	struct output initrd;
	struct module *modules;
	size_t module_count;
	const char **inputs;          /* every file that is read */
	size_t input_count;
};

/* For next_option(), with the letters and those that may be repeated; a command adds its own names and ends the list. */
#define BLOB_LETTERS ":o:"
#define BLOB_REPEATABLE "im"
#define BLOB_ARGUMENTS \
	{ "kernel", required_argument, NULL, 'k' }, \
	{ "initrd", required_argument, NULL, 'i' }, \
	{ "module", required_argument, NULL, 'm' }, \
	{ "cmdline", required_argument, NULL, 'c' }, \
	{ "format", required_argument, NULL, 'f' }, \
	{ "elf-entry-32", no_argument, NULL, 'e' }, \
	{ "digest", no_argument, NULL, 'd' }, \
	{ "output", required_argument, NULL, 'o' }

#define BLOB_ARGUMENTS_HELP \
	"  --kernel FILE          a Linux, Multiboot or ELF kernel; gunzipped if need be\n" \
	"  --initrd FILE          for Linux; several are put one behind the other, as Linux takes them\n" \
	"  --module FILE[=ARGS]   a module for Multiboot kernels, with arguments; as often as you like. Of a\n" \
	"                         name with = in it, the longest that is a file's is FILE.\n" \
	"                         The target sees FILE's name without its folder as argv[0]\n" \
	"  --cmdline WORDS        the kernel's arguments\n" \
	"  --format bundle        a newc cpio archive, with files on 4096-byte boundaries (the default);\n" \
	"                         cpio -t looks into it, cpio -o -H newc makes one too\n" \
	"  --format fiwix         what Fiwix' kexec takes: two lengths, kernel, initrd\n" \
	"  --elf-entry-32         the entry of an ELF64 kernel is 32-bit code\n" \
	"  --digest               put a SHA-256 digest in, which is checked when all is in its place in memory\n"

#define OUTPUT_HELP \
	"  -o, --output OUT       a new file or an ordinary one (no device or pipe, not - or /dev/stdout, and none\n" \
	"                         that is read); it is replaced when all is done, and stays as it was if that fails\n"

/* What next_option() returned. A status: STATUS_OK, or a complaint has been made. */
int blob_take_argument(const struct command *command, struct blob_arguments *arguments, int word);
/* Once all are taken: is something missing, does OUT lie over a file that is read? A status. */
int blob_check_arguments(const struct command *command, const struct blob_arguments *arguments);
/* A file that is read beside those that blob_take_argument() knows of. */
void blob_add_input(struct blob_arguments *arguments, const char *path);
void blob_free_arguments(struct blob_arguments *arguments);

/* Makes the blob; the kernel has been looked at, the whole has not been tried. False: a complaint has been made. */
bool blob_make(const struct blob_arguments *arguments, struct output *blob);

/*
 * Tries the blob on a PC with a BIOS. name: whom to complain about; cmdline: NULL or in the place of the blob's own.
 * False: it is refused, with a complaint.
 */
bool blob_try(const char *name, const struct output *blob, uint32_t flags, const char *cmdline);

#endif
