/* SPDX-License-Identifier: MIT */
/*
 * A target for a crash (SEGUE_LOAD_CRASH): its plan, its core's notes, and what CPUs write into these. The control and segment
 * registers, which a program cannot read, come from functions of this file.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <cmocka.h>
#include "crash/crash_caller.h"
#include "crash/control.h"
#include "elf_headers.h"
#include "leave/list.h"
#include "leave/loaded.h"
#include "segue.h"
#include "segue_core.h"

#define MIB 0x100000u
#define PAGE 4096u
#define WORKSPACE 0x1000000u
#define WORKSPACE_SIZE (SEGUE_WORKSPACE_SIZE_RETURN(4, 1) + SEGUE_WORKSPACE_SIZE_CORE(32) + SEGUE_WORKSPACE_SIZE_CRASH(CPUS, 256))
#define BLOB 0x3000000u
#define TARGET 0x4000000u
#define STAGING 0x6000000u
#define LOW 0x10000u
#define LOW_END 0x90000u
#define CPUS 3u
#define TRAP_FLAG 0x100
/* Intel SDM vol. 3, 3.4.2 */
#define CODE 0x08u
#define USER_CODE 0x1bu

struct host {
	struct segue_load_args args;
	struct segue_range map[3], target[2], unused[1];
	struct segue_extent staging, blob;
	struct segue_note notes[66];
	char sentence[256];
	uint8_t kernel[0x400];
};
static struct host host;
static _Alignas(PAGE) uint8_t workspace[1 << 20];

/* What the next call sees. */
static struct crash_control control;

void segue_crash_control(struct crash_control *to)
{
	*to = control;
}

void segue_crash_segments(struct segue_registers *to)
{
	to->cs = CODE;
	to->ss = 0x10;
	to->ds = 0x23;
	to->es = 0x24;
	to->fs = 0x25;
	to->gs = 0x26;
	to->fs_base = 0x1122334455667788;
	to->gs_base = 0x99aabbccddeeff00;
}

static void take_sentence(void *context, int level, const char *text)
{
	(void)context;
	if (level == SEGUE_LOG_ERROR)
		snprintf(host.sentence, sizeof host.sentence, "%s", text);
}

static void open_host(void)
{
	memset(&host, 0, sizeof host);
	put_elf_header(host.kernel, TARGET, 1);
	put_segment(host.kernel, 0, 0x100, TARGET, 0x100, 0x1000);
	host.blob = (struct segue_extent){BLOB, sizeof host.kernel};
	host.map[0] = (struct segue_range){0, 0x9fc00, SEGUE_MEMORY_RAM, 0};
	host.map[1] = (struct segue_range){0xf0000, MIB, SEGUE_MEMORY_RESERVED, 0};
	host.map[2] = (struct segue_range){MIB, 128 * MIB, SEGUE_MEMORY_RAM, 0};
	host.target[0] = (struct segue_range){LOW, LOW_END, 0, 0};
	host.target[1] = (struct segue_range){TARGET, TARGET + MIB, 0, 0};
	host.unused[0] = host.target[1];
	host.staging = (struct segue_extent){STAGING, LOW_END - LOW};
	host.notes[0] = (struct segue_note){"VMCOREINFO", 0, "OSRELEASE=1\n", 12};
	host.notes[1] = (struct segue_note){SEGUE_CORE_NAME, SEGUE_CORE_KERNEL, "a\0b\0c", 6};
	host.args = (struct segue_load_args){
		.struct_size = sizeof host.args, .flags = SEGUE_LOAD_CRASH | SEGUE_LOAD_INIT_CPUS,
		.blob = {.data = host.kernel, .size = sizeof host.kernel, .extents = &host.blob, .extent_count = 1},
		.memory_map = host.map, .memory_map_count = 3, .workspace = workspace, .workspace_phys = WORKSPACE,
		.workspace_size = WORKSPACE_SIZE, .target_memory = host.target, .target_memory_count = 2, .unused = host.unused,
		.unused_count = 1, .staging = &host.staging, .staging_count = 1, .cpu_count = CPUS, .notes = host.notes, .note_count = 2,
		.log = take_sentence,
	};
	control = (struct crash_control){.cr0 = 0x80000011, .cr2 = 0x1234567890, .cr3 = 0x5000, .cr4 = 0x20, .efer = 0x500, .apic_id = 4};
}

static void load(void)
{
	assert_true(WORKSPACE_SIZE <= sizeof workspace);
	if (segue_load(&host.args) != SEGUE_OK)
		fail_msg("%s", host.sentence);
}

static void refuses(int code, const char *sentence)
{
	host.sentence[0] = 0;
	assert_int_equal(segue_load(&host.args), code);
	if (!strstr(host.sentence, sentence))
		fail_msg("'%s' is not in '%s'", sentence, host.sentence);
}

/* the notes, as Linux and gdb read them */

struct note {
	char name[16];
	uint32_t type, size;
	const uint8_t *contents;
};
static struct note notes[32];
static size_t note_count;

static void read_notes(void)
{
	struct segue_description d = {.struct_size = sizeof d};
	const uint8_t *header, *bytes;
	uint64_t size;

	assert_int_equal(segue_describe(workspace, &d), SEGUE_OK);
	assert_true(d.core >= WORKSPACE && d.core + d.core_size <= WORKSPACE + WORKSPACE_SIZE);
	header = workspace + (d.core - WORKSPACE);
	assert_int_equal(d.core_size, 64 + le16(header + 56) * 56u);
	/* The first one is PT_NOTE. */
	assert_int_equal(le32(header + 64), 4);
	size = le64(header + 64 + 32);
	assert_true(le64(header + 64 + 8) >= d.core + d.core_size && le64(header + 64 + 8) + size <= WORKSPACE + WORKSPACE_SIZE);
	bytes = workspace + (le64(header + 64 + 8) - WORKSPACE);
	note_count = 0;
	for (uint64_t at = 0; at < size; note_count++) {
		struct note *note = &notes[note_count];
		uint32_t name_size = le32(bytes + at);

		assert_true(note_count < 32 && name_size > 1 && name_size <= sizeof note->name);
		memcpy(note->name, bytes + at + 12, name_size);
		assert_int_equal(note->name[name_size - 1], 0);
		note->size = le32(bytes + at + 4);
		note->type = le32(bytes + at + 8);
		at += 12 + (name_size + 3) / 4 * 4;
		note->contents = bytes + at;
		at += (note->size + 3) / 4 * 4;
		assert_true(at <= size);
	}
}

static void is_note(size_t index, const char *name, uint32_t type, uint32_t size)
{
	assert_true(index < note_count);
	assert_string_equal(notes[index].name, name);
	assert_int_equal(notes[index].type, type);
	assert_int_equal(notes[index].size, size);
}

#define STATUS_OF(cpu) (1 + 2 * (cpu))
#define CPU_OF(cpu) (2 + 2 * (cpu))
#define CRASH_NOTE (1 + 2 * CPUS)

static struct segue_core_cpu cpu_note(uint32_t cpu)
{
	struct segue_core_cpu note;

	memcpy(&note, notes[CPU_OF(cpu)].contents, sizeof note);
	return note;
}

static struct segue_core_crash crash_note(void)
{
	struct segue_core_crash note;

	memcpy(&note, notes[CRASH_NOTE].contents, sizeof note);
	return note;
}

static struct segue_core_host host_note(void)
{
	struct segue_core_host note;

	memcpy(&note, notes[0].contents, sizeof note);
	return note;
}

/* Linux, arch/x86/include/asm/user_64.h: struct user_regs_struct, in struct elf_prstatus at 112 */
enum { R15, R14, R13, R12, BP, BX, R11, R10, R9, R8, AX, CX, DX, SI, DI, ORIG_AX, IP, CS, FLAGS, SP, SS, FS_BASE, GS_BASE, DS, ES, FS, GS };
static uint64_t status(uint32_t cpu, uint32_t index)
{
	return le64(notes[STATUS_OF(cpu)].contents + 112 + index * 8);
}

/* first, first + 1, ... in the order of segue.h */
static struct segue_registers some_registers(uint64_t first)
{
	struct segue_registers registers;
	uint64_t *words = (uint64_t *)&registers;

	for (size_t i = 0; i < sizeof registers / sizeof *words; i++)
		words[i] = first + i;
	return registers;
}

static void is_status_of(uint32_t cpu, uint64_t first)
{
	static const uint8_t order[] = {AX, BX, CX, DX, SI, DI, BP, SP, R8, R9, R10, R11, R12, R13, R14, R15, IP, FLAGS, CS, SS, DS, ES, FS, GS,
					FS_BASE, GS_BASE};

	is_note(STATUS_OF(cpu), "CORE", 1, 336);
	assert_int_equal(le32(notes[STATUS_OF(cpu)].contents + 32), cpu + 1);
	for (size_t i = 0; i < sizeof order; i++)
		assert_int_equal(status(cpu, order[i]), first + i);
	assert_int_equal(status(cpu, ORIG_AX), UINT64_MAX);
}

static void test_what_is_there_before_a_crash(void **state)
{
	(void)state;
	open_host();
	load();
	read_notes();
	assert_int_equal(note_count, 2 + 2 * CPUS + 2);
	is_note(0, "Segue", SEGUE_CORE_HOST, sizeof(struct segue_core_host));
	assert_int_equal(host_note().flags, 0);
	assert_int_equal(host_note().restore_entry | host_note().return_entry, 0);
	assert_int_equal(host_note().workspace, WORKSPACE);
	for (uint32_t i = 0; i < CPUS; i++) {
		/* gdb does not know this type, and Linux reads on: the name is not empty. */
		is_note(STATUS_OF(i), "Segue", SEGUE_CORE_NO_CPU, 336);
		is_note(CPU_OF(i), "Segue", SEGUE_CORE_CPU, sizeof(struct segue_core_cpu));
		assert_int_equal(cpu_note(i).cpu, i);
		assert_int_equal(cpu_note(i).flags, 0);
		assert_int_equal(cpu_note(i).apic_id, UINT32_MAX);
	}
	is_note(CRASH_NOTE, "Segue", SEGUE_CORE_CRASH, sizeof(struct segue_core_crash));
	assert_int_equal(crash_note().cpu_count, CPUS);
	assert_int_equal(crash_note().noted | crash_note().told, 0);
	is_note(CRASH_NOTE + 1, "VMCOREINFO", 0, 12);
	assert_memory_equal(notes[CRASH_NOTE + 1].contents, "OSRELEASE=1\n", 12);
	is_note(CRASH_NOTE + 2, "Segue", SEGUE_CORE_KERNEL, 6);
	assert_memory_equal(notes[CRASH_NOTE + 2].contents, "a\0b\0c", 6);
	/* One CPU, if the host does not say how many. */
	host.args.cpu_count = 0;
	host.args.note_count = 0;
	load();
	read_notes();
	assert_int_equal(note_count, 4);
	is_note(STATUS_OF(0), "Segue", SEGUE_CORE_NO_CPU, 336);
	is_note(3, "Segue", SEGUE_CORE_CRASH, sizeof(struct segue_core_crash));
}

static bool workspace_has(const char *text)
{
	size_t size = strlen(text);

	for (size_t i = 0; i + size <= WORKSPACE_SIZE; i++)
		if (!memcmp(workspace + i, text, size))
			return true;
	return false;
}

/* Nothing else tells a target that is not Linux where the core is. */
static void test_what_the_target_is_told(void **state)
{
	struct segue_description d = {.struct_size = sizeof d};
	char option[64];

	(void)state;
	open_host();
	host.args.cmdline = "one two";
	load();
	assert_int_equal(segue_describe(workspace, &d), SEGUE_OK);
	snprintf(option, sizeof option, "elfcorehdr=0x%08x one two", (unsigned)d.core);
	assert_true(workspace_has(option));
	assert_false(workspace_has("nr_cpus"));
}

/* Linux starts no other CPU, unless its own arguments say how many; those after "--" are init's. */
static void test_what_linux_is_told(void **state)
{
	static const struct {
		const char *cmdline;
		bool told;
	} lines[] = {{"", true}, {"quiet", true}, {"a nr_cpus=2", false}, {"nr_cpus=2", false}, {"xnr_cpus=2", true}, {"quiet -- nr_cpus=2", true},
		     {"-- nr_cpus=2", true}, {"nr_cpus=2 -- init", false}, {"a-- nr_cpus=2", false}, {"-- -- nr_cpus=2", true}};

	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		open_host();
		host.args.flags |= SEGUE_LOAD_VMLINUX;
		host.args.cmdline = lines[i].cmdline;
		load();
		assert_int_equal(workspace_has("nr_cpus=1 "), lines[i].told);
	}
}

/* Each DIGEST of the list has the sum of its range (plan/plan.h), and no other entry has one. */
static void check_sums(bool zeros)
{
	static uint8_t digest[32];
	const struct purgatory_params *params = (const void *)(workspace + PURGATORY_PARAMS_AT);
	const struct segue_move *move;
	uint32_t sum = 1, digests = 0;

	open_host();
	host.args.digest = digest;
	/* Also of zeros it is not 0, which stands for none. */
	for (size_t i = 0; i < 0x100; i++)
		host.kernel[0x100 + i] = (uint8_t)(zeros ? 0 : i * 7 + 1);
	load();
	for (size_t i = 0; i < 0x100; i++)
		sum = sum * 31 + host.kernel[0x100 + i];
	assert_int_not_equal(sum & 0x1fffffff, 0);
	for (move = (const void *)(workspace + (params->list_source - WORKSPACE)); move->op != SEGUE_MOVE_END; move++) {
		if ((move->op & 7) != SEGUE_MOVE_DIGEST) {
			assert_true(move->op < 8);
			continue;
		}
		digests++;
		assert_int_equal(move->dst, TARGET);
		assert_int_equal(move->size, 0x100);
		assert_int_equal(move->op >> 3, sum & 0x1fffffff);
	}
	assert_int_equal(digests, 1);
	/* They are a part of what was loaded. */
	assert_int_equal(segue_ready(workspace, NULL), SEGUE_E_READY_PRIVILEGE);
}

static void test_sums(void **state)
{
	(void)state;
	check_sums(false);
	check_sums(true);
}

/* Only base memory is saved, and nothing else of the host's is written. */
static void test_the_plan(void **state)
{
	struct segue_description d = {.struct_size = sizeof d};
	struct segue_move_description move;
	uint64_t saved = 0;

	(void)state;
	open_host();
	load();
	assert_int_equal(segue_describe(workspace, &d), SEGUE_OK);
	for (size_t i = 0; i < d.move_count; i++) {
		assert_int_equal(segue_move_at(workspace, i, &move), SEGUE_OK);
		if (move.kind == SEGUE_MOVE_KIND_COPY && move.source == LOW && move.dest == STAGING)
			saved += move.size;
		else
			assert_true(move.dest >= TARGET && move.dest + move.size <= TARGET + MIB);
	}
	assert_int_equal(saved, LOW_END - LOW);
	/* With the blob where it belongs nothing but that is moved. */
	host.blob.addr = TARGET - 0x100;
	load();
	assert_int_equal(segue_describe(workspace, &d), SEGUE_OK);
	assert_int_equal(d.moved, LOW_END - LOW);
}

static void test_registers(void **state)
{
	struct segue_registers registers = some_registers(0x1000000000000);

	(void)state;
	open_host();
	load();
	assert_int_equal(segue_crash_cpu(workspace, 1, &registers), SEGUE_OK);
	read_notes();
	is_status_of(1, 0x1000000000000);
	assert_int_equal(cpu_note(1).flags, SEGUE_CORE_CPU_NOTED);
	assert_int_equal(cpu_note(1).turns, 1);
	assert_int_equal(cpu_note(1).apic_id, 4);
	assert_int_equal(cpu_note(1).cr0, control.cr0);
	assert_int_equal(cpu_note(1).cr2, control.cr2);
	assert_int_equal(cpu_note(1).cr3, control.cr3);
	assert_int_equal(cpu_note(1).cr4, control.cr4);
	assert_int_equal(cpu_note(1).efer, control.efer);
	is_note(STATUS_OF(0), "Segue", SEGUE_CORE_NO_CPU, 336);
	is_note(STATUS_OF(2), "Segue", SEGUE_CORE_NO_CPU, 336);
	assert_int_equal(crash_note().noted, 1);
	assert_int_equal(crash_note().first, 1);
	assert_int_equal(host_note().cr3, 0x5000);
	/* The first CPU stays the first; the last call for a CPU counts. */
	control.cr3 = 0x7000;
	assert_int_equal(segue_crash_cpu(workspace, 2, &registers), SEGUE_OK);
	registers = some_registers(0x2000000000000);
	assert_int_equal(segue_crash_cpu(workspace, 1, &registers), SEGUE_OK);
	read_notes();
	is_status_of(1, 0x2000000000000);
	is_status_of(2, 0x1000000000000);
	assert_int_equal(cpu_note(1).turns, 2);
	assert_int_equal(cpu_note(2).cr3, 0x7000);
	assert_int_equal(crash_note().first, 1);
	assert_int_equal(host_note().cr0, 0x80000011);
	assert_int_equal(host_note().cr3, 0x5000);
	assert_int_equal(host_note().cr4, 0x20);
	assert_int_equal(host_note().efer, 0x500);
	/* The host's own notes have stayed. */
	assert_int_equal(note_count, 2 + 2 * CPUS + 2);
	is_note(CRASH_NOTE + 2, "Segue", SEGUE_CORE_KERNEL, 6);
}

static void test_the_callers_registers(void **state)
{
	struct crash_caller caller = {.workspace = workspace, .cpu = 0xffffffff00000002, .r15 = 15, .r14 = 14, .r13 = 13, .r12 = 12,
				      .bx = 3, .bp = 7, .flags = 0x246, .ip = 0x1234};
	uintptr_t stack;

	(void)state;
	open_host();
	load();
	assert_int_equal(segue_crash_from(&caller), SEGUE_OK);
	read_notes();
	is_note(STATUS_OF(2), "CORE", 1, 336);
	assert_int_equal(status(2, R15), 15);
	assert_int_equal(status(2, R14), 14);
	assert_int_equal(status(2, R13), 13);
	assert_int_equal(status(2, R12), 12);
	assert_int_equal(status(2, BX), 3);
	assert_int_equal(status(2, BP), 7);
	assert_int_equal(status(2, FLAGS), 0x246);
	assert_int_equal(status(2, IP), 0x1234);
	assert_int_equal(status(2, SP), (uintptr_t)(&caller + 1));
	assert_int_equal(status(2, CS), CODE);
	assert_int_equal(status(2, GS), 0x26);
	assert_int_equal(status(2, FS_BASE), 0x1122334455667788);
	assert_int_equal(status(2, AX) | status(2, CX) | status(2, R8) | status(2, R11), 0);
	/* And by the assembly before it */
	__asm__ volatile("mov %%rsp, %0" : "=r"(stack));
	assert_int_equal(segue_crash_cpu(workspace, 0, NULL), SEGUE_OK);
	read_notes();
	assert_true(status(0, IP) - (uintptr_t)&test_the_callers_registers < 8192);
	assert_true(status(0, SP) + 256 > stack && status(0, SP) < stack + 256);
}

static void test_a_frame(void **state)
{
	struct segue_registers general = some_registers(100);
	uintptr_t frame[] = {0x5000, 0xabcd0000 + CODE, 0x10046, 0x6000, 0xabcd0010};

	(void)state;
	open_host();
	load();
	assert_int_equal(segue_crash_frame(workspace, 0, frame, &general), SEGUE_OK);
	frame[1] = USER_CODE;
	assert_int_equal(segue_crash_frame(workspace, 1, frame, NULL), SEGUE_OK);
	read_notes();
	assert_int_equal(status(0, IP), 0x5000);
	assert_int_equal(status(0, CS), CODE);
	assert_int_equal(status(0, FLAGS), 0x10046);
	assert_int_equal(status(0, SP), 0x6000);
	assert_int_equal(status(0, SS), 0x10);
	assert_int_equal(status(0, AX), 100);
	assert_int_equal(status(0, BP), 106);
	assert_int_equal(status(0, R8), 108);
	assert_int_equal(status(0, R15), 115);
	assert_int_equal(status(0, DS), 0x23);
	assert_int_equal(status(1, CS), USER_CODE);
	assert_int_equal(status(1, SP), 0x6000);
	assert_int_equal(status(1, AX) | status(1, BP) | status(1, R15), 0);
	assert_int_equal(segue_crash_frame(workspace, 1, NULL, NULL), SEGUE_E_ARGUMENT);
}

static void test_a_text(void **state)
{
	char text[SEGUE_CORE_TEXT + 2];

	(void)state;
	open_host();
	load();
	memset(text, 'x', sizeof text);
	text[sizeof text - 1] = 0;
	assert_int_equal(segue_crash_text(workspace, NULL), SEGUE_E_ARGUMENT);
	assert_int_equal(segue_crash_text(workspace, text), SEGUE_OK);
	assert_int_equal(segue_crash_text(workspace, "later"), SEGUE_OK);
	read_notes();
	assert_int_equal(crash_note().told, 1);
	text[SEGUE_CORE_TEXT - 1] = 0;
	assert_string_equal(crash_note().text, text);
	load();
	assert_int_equal(segue_crash_text(workspace, "short"), SEGUE_OK);
	read_notes();
	assert_string_equal(crash_note().text, "short");
	is_note(CRASH_NOTE + 1, "VMCOREINFO", 0, 12);
}

/* Whatever CPUs write, what was loaded is as it was; and other writes are noticed still. */
static void test_ready_after_notes(void **state)
{
	struct segue_registers registers = some_registers(7);
	struct segue_description d = {.struct_size = sizeof d};

	(void)state;
	open_host();
	load();
	/* This is no kernel. */
	assert_int_equal(segue_ready(workspace, NULL), SEGUE_E_READY_PRIVILEGE);
	for (uint32_t i = 0; i < CPUS; i++)
		assert_int_equal(segue_crash_cpu(workspace, i, &registers), SEGUE_OK);
	assert_int_equal(segue_crash_text(workspace, "why"), SEGUE_OK);
	assert_int_equal(segue_ready(workspace, NULL), SEGUE_E_READY_PRIVILEGE);
	assert_int_equal(segue_describe(workspace, &d), SEGUE_OK);
	workspace[d.core - WORKSPACE + 100] ^= 1;
	assert_int_equal(segue_ready(workspace, NULL), SEGUE_E_NOT_LOADED);
	workspace[d.core - WORKSPACE + 100] ^= 1;
	assert_int_equal(segue_ready(workspace, NULL), SEGUE_E_READY_PRIVILEGE);
}

static void test_who_may_not(void **state)
{
	struct segue_registers registers = some_registers(1);

	(void)state;
	open_host();
	assert_int_equal(segue_crash_cpu(NULL, 0, &registers), SEGUE_E_NOT_LOADED);
	load();
	assert_int_equal(segue_crash_cpu(workspace, CPUS, &registers), SEGUE_E_ARGUMENT);
	assert_int_equal(segue_crash_cpu(workspace, UINT32_MAX, &registers), SEGUE_E_ARGUMENT);
	segue_unload(workspace);
	assert_int_equal(segue_crash_cpu(workspace, 0, &registers), SEGUE_E_NOT_LOADED);
	assert_int_equal(segue_crash_text(workspace, "why"), SEGUE_E_NOT_LOADED);
	/* A target of another kind has no such notes. */
	host.args.flags = SEGUE_LOAD_INIT_CPUS;
	load();
	assert_int_equal(segue_crash_cpu(workspace, 0, &registers), SEGUE_E_NOT_LOADED);
	assert_int_equal(segue_crash_text(workspace, "why"), SEGUE_E_NOT_LOADED);
}

/* A kernel that has failed may have written over the workspace: no note is written to where its bytes then say. */
static void test_what_was_written_over(void **state)
{
	static uint8_t before[sizeof workspace];
	struct segue_registers registers = some_registers(1);
	struct loaded *loaded = (void *)(workspace + LOADED_AT);
	uint32_t *words[] = {&loaded->job.core_notes, &loaded->job.core_cpus};
	uint32_t frame[2 * 5] = {0};

	(void)state;
	open_host();
	load();
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		*words[i] ^= 0x400;
		memcpy(before, workspace, sizeof before);
		assert_int_equal(segue_crash_cpu(workspace, 0, &registers), SEGUE_E_NOT_LOADED);
		assert_int_equal(segue_crash_frame(workspace, 0, frame, NULL), SEGUE_E_NOT_LOADED);
		assert_int_equal(segue_crash_text(workspace, "why"), SEGUE_E_NOT_LOADED);
		assert_memory_equal(workspace, before, sizeof before);
		*words[i] ^= 0x400;
	}
	assert_int_equal(segue_crash_cpu(workspace, 0, &registers), SEGUE_OK);
}

/* An interruption after each instruction that notes the same CPU, as the handler of an NMI may: the registers are never mixed. */
static volatile long until_nested, steps;
static struct segue_registers nested;

static void step(int number, siginfo_t *info, void *context)
{
	(void)number, (void)info, (void)context;
	steps++;
	if (until_nested > 0 && --until_nested == 0)
		segue_crash_cpu(workspace, 0, &nested);
}

static void note_in_steps(const struct segue_registers *registers)
{
	steps = 0;
	__asm__ volatile("pushfq\n\torq %0, (%%rsp)\n\tpopfq" : : "i"(TRAP_FLAG) : "memory", "cc");
	segue_crash_cpu(workspace, 0, registers);
	__asm__ volatile("pushfq\n\tandq %0, (%%rsp)\n\tpopfq" : : "i"(~TRAP_FLAG) : "memory", "cc");
}

static void test_interrupted_by_itself(void **state)
{
	struct sigaction action = {.sa_sigaction = step, .sa_flags = SA_SIGINFO}, before;
	struct segue_registers outer = some_registers(1000);
	long all;

	(void)state;
	nested = some_registers(2000);
	open_host();
	load();
	assert_int_equal(sigaction(SIGTRAP, &action, &before), 0);
	note_in_steps(&outer);
	all = steps;
	assert_true(all > 100);
	/* Some sixty places: each run takes a signal for each instruction. */
	for (long at = 1; at < all; at += all / 61 + 1) {
		until_nested = at;
		note_in_steps(&outer);
		read_notes();
		is_note(STATUS_OF(0), "CORE", 1, 336);
		/* Before the first store and after the last one the nested call may be the last. */
		is_status_of(0, status(0, AX) == 2000 ? 2000 : 1000);
		assert_int_equal(cpu_note(0).flags, SEGUE_CORE_CPU_NOTED);
	}
	assert_int_equal(sigaction(SIGTRAP, &before, NULL), 0);
}

static void test_refusals(void **state)
{
	static const char long_name[] = "12345678901234567890123456789012345678901234567890123456789012345";

	(void)state;
	open_host();
	host.args.flags |= SEGUE_LOAD_RETURN;
	refuses(SEGUE_E_CRASH, "not with flags 0x100000");
	open_host();
	host.args.target_memory_count = 0;
	refuses(SEGUE_E_CRASH, "there is no target_memory");
	open_host();
	host.target[1] = (struct segue_range){WORKSPACE - 1, WORKSPACE + 1, 0, 0};
	refuses(SEGUE_E_CRASH, "the workspace, 0x1000000 to 0x");
	open_host();
	host.unused[0] = (struct segue_range){2, 1, 0, 0};
	refuses(SEGUE_E_CRASH, "range 0 of unused ends before it starts");
	open_host();
	host.staging.size--;
	refuses(SEGUE_E_STAGING, "1 more bytes are needed");
	open_host();
	host.staging.addr += 16;
	refuses(SEGUE_E_STAGING, "are not at the offset in a page that the core needs");
	open_host();
	host.args.cpu_count = 8193;
	refuses(SEGUE_E_CRASH, "cpu_count is 8193; the limit is 8192");
	open_host();
	host.args.cpu_count = UINT32_MAX;
	refuses(SEGUE_E_CRASH, "cpu_count is 4294967295; the limit is 8192");
	open_host();
	host.args.cpu_count = 8192;
	refuses(SEGUE_E_WORKSPACE_SMALL, "more are needed");
	open_host();
	host.args.notes = NULL;
	refuses(SEGUE_E_CRASH, "note_count is 2, and its array is NULL");
	open_host();
	host.args.note_count = 65;
	refuses(SEGUE_E_CRASH, "note_count is 65");
	open_host();
	host.args.note_count = SIZE_MAX;
	refuses(SEGUE_E_CRASH, "note_count is ");
	open_host();
	host.notes[1].name = NULL;
	refuses(SEGUE_E_CRASH, "note 1 has no name");
	host.notes[1].name = "";
	refuses(SEGUE_E_CRASH, "note 1 has no name");
	host.notes[1].name = long_name;
	refuses(SEGUE_E_CRASH, "or one of more than 64 bytes");
	host.notes[1].name = long_name + 1;
	load();
	host.notes[1].size = 65537;
	refuses(SEGUE_E_CRASH, "note 1, of 65537 bytes, has no data, or more than 65536 bytes");
	host.notes[1] = (struct segue_note){"x", 0, NULL, 1};
	refuses(SEGUE_E_CRASH, "note 1, of 1 bytes, has no data");
	host.notes[1].size = 0;
	load();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_there_before_a_crash), cmocka_unit_test(test_what_the_target_is_told),
		cmocka_unit_test(test_what_linux_is_told),
		cmocka_unit_test(test_sums), cmocka_unit_test(test_the_plan), cmocka_unit_test(test_registers),
		cmocka_unit_test(test_the_callers_registers), cmocka_unit_test(test_a_frame), cmocka_unit_test(test_a_text),
		cmocka_unit_test(test_ready_after_notes), cmocka_unit_test(test_who_may_not),
		cmocka_unit_test(test_what_was_written_over), cmocka_unit_test(test_interrupted_by_itself), cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
