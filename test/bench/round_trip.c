/* SPDX-License-Identifier: MIT */
/*
 * A host for round_trip.py: test/embed/minimal's kernel calls start_kernel(). The first word of the command line is the number of
 * MiB of target memory; the word unused says that the host does not use them. The target's word is the time-stamp counter when it
 * is entered. Prints the counter's ticks of the way there and back, of the last call, and of segue_ready(); and the bytes that the
 * list of exchanges names. Linear addresses are physical.
 */
#include "leave/list.h"
#include "leave/loaded.h"
#include "return/return_page.h"

#define MEBIBYTE 0x100000u
#define TARGET_AT (64 * MEBIBYTE)
#define STAGING_AT (128 * MEBIBYTE)
#define CALLS 3

void print(const char *text);
uint64_t physical_address(const void *pointer);
void start_kernel(const void *blob, size_t size, const char *cmdline, const struct segue_range *map, size_t ranges);

static unsigned char workspace[SEGUE_WORKSPACE_SIZE_RETURN(1, 11)] __attribute__((aligned(4096)));

static uint32_t now(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return low;
}

static void say(void *context, int level, const char *sentence)
{
	(void)context;
	if (level <= SEGUE_LOG_WARNING)
		print(sentence);
}

static char *put_number(char *to, uint32_t value)
{
	int digit;

	for (digit = 0; digit < 8; digit++)
		*to++ = "0123456789abcdef"[value >> (28 - 4 * digit) & 15];
	return to;
}

static uint32_t listed(void)
{
	const struct loaded *loaded = (const void *)(workspace + LOADED_AT);
	const struct return_page *page = (const void *)(uintptr_t)loaded->job.return_page;
	const struct segue_move *move = (const void *)(uintptr_t)page->exchanges;
	uint32_t sum = 0;

	while (move->op != SEGUE_MOVE_END) {
		if (move->op == SEGUE_MOVE_LINK) {
			move = (const void *)(uintptr_t)move->dst;
			continue;
		}
		sum += move->size;
		move++;
	}
	return sum;
}

void start_kernel(const void *blob, size_t size, const char *cmdline, const struct segue_range *map, size_t ranges)
{
	struct segue_range memory = {TARGET_AT, TARGET_AT, SEGUE_MEMORY_RAM, 0};
	struct segue_extent staging = {STAGING_AT, 0};
	struct segue_load_args args = {0};
	struct segue_call_args call = {0};
	uint32_t start = 0, end = 0, ready;
	char text[] = "there 00000000 back 00000000 ready 00000000 listed 00000000";
	int i;

	while (*cmdline >= '0' && *cmdline <= '9')
		staging.size = staging.size * 10 + (unsigned)(*cmdline++ - '0');
	staging.size *= MEBIBYTE;
	memory.end += staging.size;
	args.struct_size = sizeof args;
	args.flags = SEGUE_LOAD_RETURN;
	args.blob.data = blob;
	args.blob.size = size;
	args.memory_map = map;
	args.memory_map_count = ranges;
	args.workspace = call.workspace = workspace;
	args.workspace_phys = physical_address(workspace);
	args.workspace_size = sizeof workspace;
	args.target_memory = &memory;
	args.target_memory_count = 1;
	if (*cmdline == ' ') {
		args.unused = &memory;
		args.unused_count = 1;
	} else {
		args.staging = &staging;
		args.staging_count = 1;
	}
	args.log = call.log = say;
	call.struct_size = sizeof call;
	if (segue_load(&args) != SEGUE_OK)
		return;
	for (i = 0; i < CALLS; i++) {
		start = now();
		if (segue_call(&call) != SEGUE_OK)
			return;
		end = now();
	}
	ready = now();
	segue_ready(workspace, NULL);
	ready = now() - ready;
	put_number(text + 6, call.word - start);
	put_number(text + 20, end - call.word);
	put_number(text + 35, ready);
	put_number(text + 51, listed());
	print(text);
}
