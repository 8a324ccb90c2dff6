/* SPDX-License-Identifier: MIT */
/* start_kernel() of a host that asks for the blocks of purgatory that the module's words name. */
#include "segue.h"

void print(const char *text);
uint64_t physical_address(const void *pointer);
void start_kernel(const void *blob, size_t size, const char *cmdline, const struct segue_range *map, size_t ranges);

#define HIGH 0x100000000u

static unsigned char workspace[SEGUE_WORKSPACE_SIZE_RETURN(1, 6) + SEGUE_WORKSPACE_SIZE_CORE(32) + SEGUE_WORKSPACE_SIZE_CRASH(1, 0)]
	__attribute__((aligned(4096)));
static unsigned char digest[32];
static struct segue_range target_memory;
static struct segue_extent staging;

static void say(void *context, int level, const char *sentence)
{
	(void)context;
	if (level <= SEGUE_LOG_WARNING)
		print(sentence);
}

static int asks(const char *words, const char *word)
{
	size_t i;

	for (; *words; words++) {
		for (i = 0; word[i] && words[i] == word[i]; i++)
			;
		if (!word[i])
			return 1;
	}
	return 0;
}

#if defined(__x86_64__)
static struct segue_extent extent;
static uint64_t pages[512] __attribute__((aligned(4096)));

/* Maps the fifth GiB, and puts the blob at its start. */
static void move_high(struct segue_load_args *args)
{
	uint64_t *table;
	const unsigned char *from = args->blob.data;
	volatile unsigned char *to = (volatile unsigned char *)(uintptr_t)HIGH;
	size_t i;

	for (i = 0; i < 512; i++)
		pages[i] = HIGH + i * 0x200000u + 0x83u;
	__asm__ volatile("mov %%cr3, %0" : "=r"(table));
	table = (uint64_t *)(uintptr_t)(table[0] & ~(uint64_t)0xfff);
	table[4] = physical_address(pages) | 3u;
	for (i = 0; i < args->blob.size; i++)
		to[i] = from[i];
	extent.addr = HIGH;
	extent.size = args->blob.size;
	args->blob.extents = &extent;
	args->blob.extent_count = 1;
}
#endif

void start_kernel(const void *blob, size_t size, const char *cmdline, const struct segue_range *map, size_t ranges)
{
	struct segue_load_args args = {0};
	struct segue_machine machine = {0};
	const char *why;
	int error;

	machine.serial_port = 0x3f8;
	args.struct_size = sizeof args;
	args.blob.data = blob;
	args.blob.size = size;
	args.cmdline = cmdline;
	args.memory_map = map;
	args.memory_map_count = ranges;
	args.workspace = workspace;
	args.workspace_phys = physical_address(workspace);
	args.workspace_size = sizeof workspace;
	args.machine = &machine;
	args.log = say;
	if (asks(cmdline, "ask=cpus"))
		args.cpu_count = 2;
	if (asks(cmdline, "ask=init"))
		args.flags |= SEGUE_LOAD_INIT_CPUS;
	if (asks(cmdline, "ask=real_mode"))
		args.flags |= SEGUE_LOAD_BIOS;
	if (asks(cmdline, "ask=setup"))
		args.flags |= SEGUE_LOAD_BIOS | SEGUE_LOAD_REAL_MODE;
	if (asks(cmdline, "ask=long_mode"))
		args.flags |= SEGUE_LOAD_LINUX_64;
	if (asks(cmdline, "ask=digest"))
		args.digest = digest;
	if (asks(cmdline, "ask=devices"))
		args.flags |= SEGUE_LOAD_QUIET_PIC;
	if (asks(cmdline, "ask=return") || asks(cmdline, "ask=elf_core") || asks(cmdline, "ask=crash")) {
		target_memory.start = 0x200000u;
		target_memory.end = staging.addr = 0x280000u;
		staging.size = 0x80000u;
		args.flags |= asks(cmdline, "ask=crash") ? SEGUE_LOAD_CRASH : SEGUE_LOAD_RETURN;
		args.target_memory = &target_memory;
		args.staging = &staging;
		args.target_memory_count = args.staging_count = 1;
	}
	if (asks(cmdline, "ask=elf_core"))
		args.flags |= SEGUE_LOAD_CORE;
	if (asks(cmdline, "ask=catcher"))
		args.flags |= SEGUE_LOAD_CATCHER;
#if defined(__x86_64__)
	if (asks(cmdline, "ask=high"))
		move_high(&args);
#endif
	error = segue_load(&args);
	if (error != SEGUE_OK) {
		print(segue_strerror(error));
		return;
	}
	error = segue_ready(workspace, &why);
	if (error == SEGUE_OK)
		segue_exec(workspace);
	print(why);
	segue_unload(workspace);
}
