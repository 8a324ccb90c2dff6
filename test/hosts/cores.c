/* SPDX-License-Identifier: MIT */
/*
 * core: segue_call() with SEGUE_LOAD_CORE. The target sums up the host's memory by the core header, and the host does so before.
 * Afterwards the notes have the registers of the call, and segue_target_extents() finds the target's memory.
 */
#include "kernel.h"
#include "rules.h"
#include "segue_core.h"

#define TARGET_HEADER 0x1badb002u     /* call.elf begins with its Multiboot header */
#define EXTENTS 64u
#define STACKS_SIZE (8 * PAGE)        /* as checksum_memory_from() */

/* cpu_*.asm: calls with these registers; saw gets the stack pointer, and the return address. */
int call_with_marks(struct segue_call_args *args, uintptr_t saw[2]);
#define MARK(number) ((uintptr_t)0x8081828384858600u + (number))

static struct core_question question;
static struct segue_target_extent extents[EXTENTS];
static _Alignas(8) uint8_t target_core[64 + (EXTENTS + 1) * 56 + 512];
static uint32_t bad;

static void check(bool good, const char *what, uint32_t call)
{
	if (good)
		return;
	say("BAD: core %u: %s\n", call, what);
	if (++bad > 10)
		stop();
}

static uint64_t linear(uint64_t offset)
{
	return (uintptr_t)(offset + handover.data_base);
}

void cores_arguments(struct segue_load_args *args)
{
	static struct segue_mapping mappings[2];
	uint64_t direct = linear(handover.direct), image;

	if (!word(handover.line, "core"))
		return;
	image = linear(KERNEL_PHYS + handover.base - word_number(handover.line, "shift=", 0));
	args->flags |= SEGUE_LOAD_CORE;
	args->mappings = mappings;
	mappings[0] = (struct segue_mapping){.virt = direct, .phys = 0, .size = handover.ram_end};
	args->mapping_count = 1;
	if (image + KERNEL_ROOM > direct && image < direct + handover.ram_end)
		return;
	mappings[1] = (struct segue_mapping){.virt = image, .phys = KERNEL_PHYS, .size = KERNEL_ROOM};
	args->mapping_count = 2;
}

static void leave_out(uint64_t start, uint64_t size)
{
	uint32_t i = 0;

	while (question.left_out[i].end)
		i++;
	question.left_out[i].start = (uint32_t)start;
	question.left_out[i].end = (uint32_t)(start + size);
}

static void ask(uint32_t number)
{
	const struct host_call *call = &handover.calls[0];

	question = (struct core_question){.magic = CORE_MAGIC, .count = number, .direct = linear(handover.direct)};
	question.direct_end = question.direct + handover.ram_end;
	leave_out(physical_of(fault_stack_top) - STACKS_SIZE, STACKS_SIZE);
	leave_out(handover.workspace_phys, handover.workspace_size);
	leave_out(call->staging_phys, call->staging_size);
	if (word(handover.line, "half"))
		leave_out(call->memory[0].start, call->memory[0].end - call->memory[0].start);
}

static uint32_t sum_of_memory(void)
{
	uint32_t sum = 0;

	for (uint64_t i = 0; i < handover.map_count; i++)
		if (handover.map[i].type == SEGUE_MEMORY_RAM)
			sum += core_sum_of(&question, pointer(handover.direct + handover.map[i].start), (uint32_t)handover.map[i].start,
					   (uint32_t)handover.map[i].end);
	return sum;
}

/* The contents of a note, by its name's first letter. */
static const uint8_t *note(char name, uint32_t *size)
{
	struct segue_description d = {.struct_size = sizeof d};
	const uint8_t *workspace = pointer(handover.workspace);
	uint64_t offset, notes_size;
	const uint8_t *at;

	segue_describe(workspace, &d);
	__builtin_memcpy(&offset, workspace + (d.core - handover.workspace_phys) + 64 + 8, sizeof offset);
	__builtin_memcpy(&notes_size, workspace + (d.core - handover.workspace_phys) + 64 + 32, sizeof notes_size);
	at = workspace + (offset - handover.workspace_phys);
	for (uint64_t i = 0; i < notes_size;) {
		const uint32_t *header = (const void *)(at + i);
		uint64_t contents = i + 12 + ((header[0] + 3) & ~3u);

		*size = header[1];
		if (at[i + 12] == (uint8_t)name)
			return at + contents;
		i = contents + ((header[1] + 3) & ~3u);
	}
	return NULL;
}

static void check_notes(const struct registers *before, const uintptr_t saw[2], uint32_t number)
{
	struct segue_core_host host;
	uintptr_t registers[27];
	uint32_t size;
	const uint8_t *status, *said = note('S', &size);

	check(said && size == sizeof host, "the first note", number);
	__builtin_memcpy(&host, said, sizeof host);
	check(host.width == sizeof(uintptr_t) * 8, "the width", number);
	check(host.workspace == handover.workspace_phys && host.workspace_size == handover.workspace_size, "the workspace", number);
	check(host.cr0 == before->cr0 && host.cr3 == before->cr3 && host.cr4 == before->cr4, "CR0, CR3 or CR4", number);
	status = note('C', &size);
	check(status && size == (sizeof(uintptr_t) > 4 ? 336 : 144), "NT_PRSTATUS", number);
#ifdef __x86_64__
	__builtin_memcpy(registers, status + 112, sizeof registers);
	for (uint32_t i = 0; i < 6; i++)
		check(registers[i] == MARK(i), "R15 to RBX", number);
	check(registers[16] == saw[1] && registers[19] == saw[0], "RIP or RSP", number);
	check(registers[17] == before->cs && registers[20] == before->ss && registers[23] == before->ds && registers[25] == before->fs,
	      "segments", number);
	check((registers[18] ^ before->flags) % 0x400 / 0x200 == 0, "IF", number);
#else
	__builtin_memcpy(registers, status + 72, 17 * sizeof registers[0]);
	check(registers[0] == MARK(0) && registers[3] == MARK(3) && registers[4] == MARK(4) && registers[5] == MARK(5),
	      "EBX, ESI, EDI or EBP", number);
	check(registers[12] == saw[1] && registers[15] == saw[0], "EIP or ESP", number);
	check(registers[13] == before->cs && registers[16] == before->ss && registers[7] == before->ds && registers[9] == before->fs,
	      "segments", number);
	check((registers[14] ^ before->flags) % 0x400 / 0x200 == 0, "IF", number);
#endif
	check(status[32 - (sizeof(uintptr_t) > 4 ? 0 : 8)] == 1, "pr_pid", number);
}

/* The target's memory, whose first dword is known. */
static void check_target(uint32_t number)
{
	const struct host_call *call = &handover.calls[0];
	uint64_t start = call->memory[word(handover.line, "three") ? 1 : 0].start, whole = 0, wanted = 0, first = 0;
	size_t count, need;
	uint64_t load[7];

	check(segue_target_extents(pointer(handover.workspace), extents, EXTENTS, &count) == SEGUE_OK, "segue_target_extents()", number);
	for (size_t i = 0; i < count; i++) {
		whole += extents[i].size;
		if (start - extents[i].target < extents[i].size)
			first = extents[i].addr + (start - extents[i].target);
	}
	for (uint32_t i = 0; i < 3; i++)
		wanted += call->memory[i].end - call->memory[i].start;
	check(whole == wanted, "the size of the target's memory", number);
	check(first && *(const volatile uint32_t *)pointer(handover.direct + first) == TARGET_HEADER, "the target's first bytes", number);
	check(segue_target_core(pointer(handover.workspace), target_core, physical_of(target_core), sizeof target_core, &need) == SEGUE_OK,
	      "segue_target_core()", number);
	__builtin_memcpy(load, target_core + 64 + 56, sizeof load);
	check(load[1] == extents[0].addr && load[3] == extents[0].target && load[4] == extents[0].size, "the target's core", number);
}

void cores(uint32_t count)
{
	struct segue_call_args args = {.struct_size = sizeof args, .workspace = pointer(handover.workspace), .log = log_line};
	struct registers before;
	uintptr_t flags = read_flags(), saw[2];

	write_flags(flags & ~(uintptr_t)EFLAGS_IF);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t sum;
		int error;

		ask(i);
		args.word = (uint32_t)physical_of(&question);
		sum = sum_of_memory();
		read_registers(&before);
		error = call_with_marks(&args, saw);
		if (error != SEGUE_OK) {
			say("Refused: segue_call: %u %s\n", (uint32_t)error, segue_strerror(error));
			stop();
		}
		check(args.word == sum, "the sum of the host's memory", i);
		check(sum == sum_of_memory(), "memory is not as before", i);
		check_notes(&before, saw, i);
		check_target(i);
	}
	write_flags(flags);
	say("host: %u calls, %u bad, with a core\n", count, bad);
}
