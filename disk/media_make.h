/* SPDX-License-Identifier: MIT */
/* What `segue iso` and `segue disk` share. */
#ifndef SEGUE_MEDIA_MAKE_H
#define SEGUE_MEDIA_MAKE_H

#include "blob.h"

struct medium {
	const char *out;
	struct output blob;           /* with its seal */
	const char *options;          /* segue.elf's command line, of less than DISK_OPTIONS_SIZE bytes; "": none */
};

/*
 * Reads the arguments, makes and tries the blob, and has write() make the image, which complains and returns
 * false when it cannot. Returns a status.
 */
int media_make(const struct command *command, int argc, char **argv, bool (*write)(const struct medium *image));

#define IMAGE_USAGE(name) \
	"segue " name " --kernel FILE [OPTION]... -o OUT\n" \
	"segue " name " BLOB [--options WORDS] -o OUT\n" \
	"\n"
#define IMAGE_HELP \
	BLOB_ARGUMENTS_HELP \
	"  BLOB                   instead of --kernel and what belongs to it: a bundle, or any kernel, that is\n" \
	"                         there already\n" \
	"  --options WORDS        segue.elf's own command line: console=LIST, panic=SECONDS, verbose ...\n"

#endif
