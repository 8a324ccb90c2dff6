/* SPDX-License-Identifier: MIT */
/* The word snapshot: the host is saved by its target (targets/save), counts on, and is started again from there. */
#include "kernel.h"
#include "save_rules.h"

#define COUNT_BEFORE 1000u
#define COUNT_AFTER 5000u

static volatile uint32_t counter;

static uint32_t bad;

static void check(bool good, const char *what)
{
	if (!good)
		say("BAD: %s\n", what);
	bad += !good;
}

static void count_to(uint32_t end)
{
	while (counter < end)
		counter++;
}

static void fill_target_memory(uint32_t pattern)
{
	for (uint32_t i = 0; i < 2; i++)
		for (uint64_t at = handover.calls[0].memory[i].start; at < handover.calls[0].memory[i].end; at += 4)
			*(volatile uint32_t *)(uintptr_t)(handover.direct + at) = pattern * 0x01000193u + (uint32_t)at;
}

static bool goes_on(void)
{
	uint32_t was = ticks;

	for (uint32_t patience = 100000000; patience && ticks == was; patience--)
		__asm__ volatile("pause");
	return ticks != was;
}

static int call(uint32_t *word)
{
	struct segue_call_args args = {
		.struct_size = sizeof args, .workspace = pointer(handover.workspace), .log = log_line, .word = *word,
		.flags = SEGUE_CALL_PIC | SEGUE_CALL_PIT, .pic_vector = {PIC_VECTOR, PIC_VECTOR + 8}, .pit_mode = PIT_MODE,
		.pit_reload = PIT_RELOAD,
	};
	int error = segue_call(&args);

	*word = args.word;
	return error;
}

static void load_again(void)
{
	struct segue_load_args args;
	struct segue_part modules[HOST_PARTS];
	struct segue_machine machine;
	uint32_t word = SAVE_NOT;
	int error;

	segue_unload(pointer(handover.workspace));
	load_arguments(&args, modules, &machine);
	error = segue_load(&args);
	say("host: loaded again: %u\n", (uint32_t)error);
	say("host: called again: %u\n", (uint32_t)call(&word));
}

void snapshot(void)
{
	static struct registers before, after;
	static struct more more, more_after;
	uint64_t sum, sum_after;
	uint32_t word = SAVE_NOW, ticks_before;
	int error;

	count_to(COUNT_BEFORE);
	fill_target_memory(counter);
	/* An interrupt would change memory between the sums. */
	__asm__ volatile("cli");
	ticks_before = ticks;
	read_fpu(&fpu_before);
	read_more(&more);
	read_registers(&before);
	fpu_after = fpu_before;
	more_after = more;
	after = before;
	sum = checksum_memory_of_host();
	error = call(&word);
	sum_after = checksum_memory_of_host();
	read_registers(&after);
	read_more(&more_after);
	read_fpu(&fpu_after);
	/* A null TR cannot be loaded again. */
	if (before.tr == 0)
		before.tr = after.tr;
	check(sum == sum_after, "memory is not as at the call");
	check(__builtin_memcmp(&before, &after, sizeof before) == 0, "registers are not as at the call");
	check(__builtin_memcmp(&more, &more_after, sizeof more) == 0, "DR6, XCR0 or an MSR is not as at the call");
	check(__builtin_memcmp(&fpu_before, &fpu_after, sizeof fpu_before) == 0, "the FPU's state is not as at the call");
	check(ticks == ticks_before, "a tick was counted during the call");
	__asm__ volatile("sti");
	check(goes_on(), "the timer has stopped");
	if (error == SEGUE_OK) {
		say("host: saved at count %u, sum %x, %u bytes, %u bad\n", counter, sum, word, bad);
		count_to(COUNT_AFTER);
		fill_target_memory(counter);
		say("host: counts on to %u\n", counter);
		stop();
	}
	say("host: segue_call: %u %s\n", (uint32_t)error, segue_strerror(error));
	say("host: restored at count %u, sum %x, %u bad\n", counter, sum_after, bad);
	word = SAVE_NOT;
	say("host: called: %u\n", (uint32_t)call(&word));
	load_again();
	count_to(COUNT_BEFORE + 1);
	say("host: goes on at count %u: %u\n", counter, goes_on());
	stop();
}
