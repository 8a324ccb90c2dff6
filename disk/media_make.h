/* SPDX-License-Identifier: MIT */
/* Shared by `segue iso` and `segue disk`. */
#ifndef SEGUE_MEDIA_MAKE_H
#define SEGUE_MEDIA_MAKE_H

#include "blob.h"

struct medium {
	const char *out;
	struct output blob;           /* with its seal */
	const char *options;          /* segue.elf's command line, of less than DISK_OPTIONS_SIZE bytes; "": none */
};

/*
 * Reads the arguments, makes and checks the blob, and calls write() to make the image. write() returns false after a
 * complaint. Returns a status.
 */
int media_make(const struct command *command, int argc, char **argv, bool (*write)(const struct medium *image));

#define IMAGE_USAGE(name) \
	"segue " name " --kernel FILE [OPTION]... -o OUT\n" \
	"segue " name " BLOB [--options WORDS] -o OUT\n" \
	"\n"
#define IMAGE_HELP \
	BLOB_ARGUMENTS_HELP \
	"  BLOB                   an existing bundle or kernel, instead of --kernel and the options above\n" \
	"  --options WORDS        segue.elf's own command line: console=LIST, panic=SECONDS, verbose ...\n"

#endif
