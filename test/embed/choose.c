/* SPDX-License-Identifier: MIT */
/*
 * A program of the build machine that gives a file to segue_load(), and prints the code and the sentence. With the word
 * wrong workspace_phys is wrong; with real the target is to start in real mode; with vmlinux the file is said to be a Linux; with
 * full no RAM is free above 1 MiB but two pages of the file, from its second on; with segments it prints the names of the target's
 * segments too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "segue.h"

static unsigned char workspace[SEGUE_WORKSPACE_SIZE(1)] __attribute__((aligned(4096)));
static char last[512];

static void keep(void *context, int level, const char *sentence)
{
	(void)context;
	if (level == SEGUE_LOG_ERROR)
		snprintf(last, sizeof last, "%s", sentence);
}

/* A machine of 256 MiB, with the workspace and the file at addresses of their own. */
static uint64_t translate(void *context, const void *at)
{
	const unsigned char *file = context, *byte = at;

	if (byte >= workspace && byte < workspace + sizeof workspace)
		return 0x8000000 + (uint64_t)(byte - workspace);
	return 0x4000000 + (uint64_t)(byte - file);
}

int main(int argc, char **argv)
{
	static const struct segue_range map[] = {{0, 0x9f000, SEGUE_MEMORY_RAM, 0}, {0x100000, 0x10000000, SEGUE_MEMORY_RAM, 0}};
	static const struct segue_range full[] = {{0, 0x9f000, SEGUE_MEMORY_RAM, 0}, {0x4001000, 0x4003000, SEGUE_MEMORY_RAM, 0},
						  {0x8000000, 0x8000000 + sizeof workspace, SEGUE_MEMORY_RAM, 0}};
	struct segue_segment segment;
	struct segue_load_args args = {.struct_size = sizeof args, .flags = SEGUE_LOAD_BIOS, .memory_map = map, .memory_map_count = 2};
	unsigned char *file = aligned_alloc(4096, 0x1000000);
	const char *word = argc > 2 ? argv[2] : "";
	FILE *in = argc > 1 ? fopen(argv[1], "rb") : NULL;

	if (!file || !in)
		return 1;
	args.blob.data = file;
	args.blob.size = fread(file, 1, 0x1000000, in);
	args.workspace = workspace;
	args.workspace_phys = !strcmp(word, "wrong") ? 0x9000000 : 0x8000000;
	if (!strcmp(word, "real"))
		args.flags |= SEGUE_LOAD_REAL_MODE;
	if (!strcmp(word, "long"))
		args.flags |= SEGUE_LOAD_LINUX_64;
	if (!strcmp(word, "vmlinux"))
		args.flags |= SEGUE_LOAD_VMLINUX;
	if (!strcmp(word, "full")) {
		args.memory_map = full;
		args.memory_map_count = 3;
	}
	args.workspace_size = sizeof workspace;
	args.translate = translate;
	args.translate_context = file;
	args.log = keep;
	printf("%d ", segue_load(&args));
	printf("%s\n", last);
	for (size_t i = 0; !strcmp(word, "segments") && segue_segment_at(workspace, i, &segment) == SEGUE_OK; i++)
		printf("%s\n", segment.name);
	return 0;
}
