/* SPDX-License-Identifier: MIT */
/* calls=refused: wrong arguments of segue_call(). Each has its code, and the host is unchanged; then a call succeeds, and one
 * during which handlers call the same workspace, which is refused. */
#include "kernel.h"
#include "rules.h"
#include "segue_target.h"

struct refusal {
	const char *name;
	int code;
	void (*change)(struct segue_call_args *args);
};

static uint32_t bad;

static void struct_size(struct segue_call_args *args) { args->struct_size += 4; }
static void unknown_flag(struct segue_call_args *args) { args->flags = 8; }
static void pit_mode(struct segue_call_args *args) { args->pit_mode = 6; }
static void no_workspace(struct segue_call_args *args) { args->workspace = NULL; }
static void next_page(struct segue_call_args *args) { args->workspace = (uint8_t *)args->workspace + PAGE; }

static const struct refusal refusals_of_call[] = {
	{"struct_size", SEGUE_E_STRUCT_SIZE, struct_size},
	{"flags", SEGUE_E_FLAGS, unknown_flag},
	{"pit_mode", SEGUE_E_ARGUMENT, pit_mode},
	{"workspace NULL", SEGUE_E_NOT_LOADED, no_workspace},
	{"workspace not loaded", SEGUE_E_NOT_LOADED, next_page},
};

static void check(bool good, const char *name, const char *what)
{
	if (good)
		return;
	say("BAD: %s: %s\n", name, what);
	bad++;
}

static void try(const char *name, int code, struct segue_call_args *args)
{
	struct registers before, after;
	struct more more, more_after;
	int error;

	read_more(&more);
	read_registers(&before);
	error = segue_call(args);
	read_registers(&after);
	read_more(&more_after);
	if (error != code)
		say("BAD: %s: code %u\n", name, (uint32_t)error);
	check(error == code, name, "another code");
	check(__builtin_memcmp(&before, &after, sizeof before) == 0, name, "registers are not as before");
	check(__builtin_memcmp(&more, &more_after, sizeof more) == 0, name, "more registers are not as before");
}

static struct segue_call_args arguments(void)
{
	return (struct segue_call_args){.struct_size = sizeof(struct segue_call_args), .workspace = pointer(handover.workspace),
					.word = host_word(0), .log = log_line};
}

/* DR7: breakpoint 0 on reads and writes of four bytes */
#define DR7_OFF BIT(10)
#define DR7_FIELD (BIT(10) | BIT(1) | 0xfu << 16)

/* The beginning of struct return_page (stage2/return/return_page.h) */
struct return_page {
	struct segue_return_block block;
	uint32_t purgatory, exchanges, crossing, leave;
	int32_t result;
};
static const volatile struct return_page *watched;
static uint32_t entries_before, calls_in_call;

static void call_in_call(void)
{
	struct segue_call_args args = arguments();

	write_dr7(DR7_OFF);
	if (watched->block.entries != entries_before) {
		calls_in_call++;
		check(segue_call(&args) == SEGUE_E_NOT_LOADED, "a call in a call", "not refused");
	}
	write_dr7(DR7_FIELD);
}

/* As an NMI handler could call: each time that segue_call() reads the result on its way back. */
static void call_while_calling(void)
{
	struct segue_call_args args = arguments();
	const uint8_t *page = pointer(handover.workspace);
	int code;

	while (((const struct return_page *)(const void *)page)->block.magic != SEGUE_RETURN_MAGIC)
		page += PAGE;
	watched = (const void *)page;
	entries_before = watched->block.entries;
	args.word = host_word(1);
	at_breakpoint = call_in_call;
	write_dr0((uintptr_t)&watched->result);
	write_dr7(DR7_FIELD);
	code = segue_call(&args);
	write_dr7(DR7_OFF);
	at_breakpoint = NULL;
	check(code == SEGUE_OK && args.word == target_word(1, host_word(1)), "a call in which others are made", "failed");
	check(calls_in_call > 0, "a call in a call", "not made");
}

void call_refusals(void)
{
	uintptr_t flags = read_flags();
	struct segue_call_args args;
	uint64_t sum;

	write_flags(flags & ~(uintptr_t)EFLAGS_IF);
	sum = checksum_memory();
	try("NULL", SEGUE_E_ARGUMENT, NULL);
	for (uint32_t i = 0; i < sizeof refusals_of_call / sizeof refusals_of_call[0]; i++) {
		args = arguments();
		refusals_of_call[i].change(&args);
		try(refusals_of_call[i].name, refusals_of_call[i].code, &args);
	}
	/* The sums are on the stack, and `bad` is 0. */
	check(sum == checksum_memory(), "memory", "not as before");
	args = arguments();
	check(segue_call(&args) == SEGUE_OK && args.word == target_word(0, host_word(0)), "a good call", "failed");
	call_while_calling();
	segue_unload(pointer(handover.workspace));
	args = arguments();
	try("unloaded", SEGUE_E_NOT_LOADED, &args);
	write_flags(flags);
	say("host: %u refusals, %u bad\n", (uint32_t)(sizeof refusals_of_call / sizeof refusals_of_call[0]) + 2, bad);
}
