/* SPDX-License-Identifier: MIT */
/*
 * How much stack segue_load() uses, of the library as hosts have it: of plain loads, of those that come back with a core, of those for
 * a crash, and of a Linux that goes above 4 GiB. Arguments: files of targets, the first of which is that Linux. Prints a line for each
 * load: result, bytes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include "segue.h"

#define STACK_SIZE 65536u
#define GIB 0x40000000ull
#define WORKSPACE_SIZE (SEGUE_WORKSPACE_SIZE_RETURN(64, 64) + SEGUE_WORKSPACE_SIZE_CORE(64) + SEGUE_WORKSPACE_SIZE_CRASH(1, 0))

static const struct segue_range map[] = {{0, 0xa0000, 1, 0}, {0x100000, 0x10000000, 1, 0}, {4 * GIB, 8 * GIB, 1, 0}};
static const struct segue_range most = {0x100000, 0x6000000, 0, 0}, apart[] = {{0x10000, 0xa0000, 0, 0}, {5 * GIB, 6 * GIB, 0, 0}};
static const struct segue_extent staging = {0x9000000, 0x6000000};
static struct segue_load_args args;
static ucontext_t here, there;
static char stack[STACK_SIZE], *top;
static int result;

static void ignore(void *context, int level, const char *sentence)
{
	(void)context;
	(void)level;
	(void)sentence;
}

static void load(void)
{
	top = __builtin_frame_address(0);
	result = segue_load(&args);
}

static void measure(const char *what)
{
	volatile size_t unused = 0; /* makecontext() returns as setjmp() does */

	memset(stack, 0xa5, sizeof stack);
	getcontext(&there);
	there.uc_stack.ss_sp = stack;
	there.uc_stack.ss_size = sizeof stack;
	there.uc_link = &here;
	makecontext(&there, load, 0);
	swapcontext(&here, &there);
	while (stack[unused] == (char)0xa5)
		unused++;
	printf("%s: %d, %ld\n", what, result, (long)(top - stack - (long)unused));
	segue_unload(args.workspace);
}

int main(int count, char **files)
{
	static char name[300];
	static struct segue_extent extents[2] = {{0x8000000, 0}, {0x8800000, 10000}};
	static const char initrd[10000] = "initrd";
	static const struct segue_part module = {.data = initrd, .size = sizeof initrd, .extents = &extents[1], .extent_count = 1};

	for (int i = 1; i < count; i++) {
		FILE *file = fopen(files[i], "rb");
		static char bytes[0x800000];
		size_t size = file ? fread(bytes, 1, sizeof bytes, file) : 0;

		if (!file || fclose(file) != 0)
			return 1;
		extents[0].size = size;
		args = (struct segue_load_args){
			.struct_size = sizeof args, .memory_map = map, .memory_map_count = 3, .log = ignore, .cmdline = "quiet",
			.blob = {.data = bytes, .size = size, .extents = extents, .extent_count = 1}, .modules = &module, .module_count = 1,
			.workspace = aligned_alloc(4096, WORKSPACE_SIZE), .workspace_phys = 0x8900000, .workspace_size = WORKSPACE_SIZE,
		};
		for (int way = 0; way < 5; way++) {
			static const char *const ways[] = {"plain", "64-bit", "above", "return", "crash"};

			args.flags = way == 1 || way == 2 ? SEGUE_LOAD_LINUX_64 | SEGUE_LOAD_CATCHER * (way == 1) :
				     way == 3 ? SEGUE_LOAD_RETURN | SEGUE_LOAD_CORE : way == 4 ? SEGUE_LOAD_CRASH : 0;
			args.target_memory = way == 2 ? apart : &most;
			args.target_memory_count = way == 2 ? 2 : way > 2;
			args.staging = &staging;
			args.staging_count = way > 2;
			snprintf(name, sizeof name, "%s %s", files[i], ways[way]);
			measure(name);
		}
		free(args.workspace);
	}
	return 0;
}
