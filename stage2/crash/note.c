/* SPDX-License-Identifier: MIT */
/*
 * segue_crash_cpu() and its like. They may run in any handler, while other CPUs do the same, and be interrupted by themselves. So
 * they take no lock. They do not even call memcpy(), which may be the host's: stores to the notes are volatile, so that the
 * compiler makes no call of them.
 */
#include "core/slots.h"
#include "crash/crash_caller.h"
#include "crash/control.h"
#include "leave/loaded.h"
#include "machine/hardware.h"

/* Only two CPUs with one number need more than a few. */
#define TRIES 16u
#define WORDS (sizeof(core_word) / sizeof(uint32_t))

typedef volatile uint32_t note_word;

/* A note's header and name */
static void put_name(note_word *note, uint32_t size, const char *name, uint32_t type)
{
	volatile char *to = (volatile char *)(note + 3);

	note[0] = size;
	note[2] = type;
	for (uint32_t i = 0; i < SLOT_NAME_SIZE; i++)
		to[i] = i < size ? name[i] : 0;
}

static void put_wide(note_word *to, uint64_t value)
{
	to[0] = (uint32_t)value;
	to[1] = (uint32_t)(value >> 32);
}

/* All fields of struct segue_registers are words of 64 bits. */
#define REGISTER(name) (offsetof(struct segue_registers, name) / sizeof(uint64_t))
_Static_assert(sizeof(struct segue_registers) == 26 * sizeof(uint64_t), "no padding");

/* For each register of struct core_status the word of struct segue_registers */
static const uint8_t from_word[CORE_REGISTERS] = {
	[CORE_AX] = REGISTER(ax),
	[CORE_BX] = REGISTER(bx),
	[CORE_CX] = REGISTER(cx),
	[CORE_DX] = REGISTER(dx),
	[CORE_SI] = REGISTER(si),
	[CORE_DI] = REGISTER(di),
	[CORE_BP] = REGISTER(bp),
	[CORE_SP] = REGISTER(sp),
	[CORE_IP] = REGISTER(ip),
	[CORE_FLAGS] = REGISTER(flags),
	[CORE_CS] = REGISTER(cs),
	[CORE_SS] = REGISTER(ss),
	[CORE_DS] = REGISTER(ds),
	[CORE_ES] = REGISTER(es),
	[CORE_FS] = REGISTER(fs),
	[CORE_GS] = REGISTER(gs),
#ifdef __x86_64__
	[CORE_R8] = REGISTER(r8),
	[CORE_R9] = REGISTER(r9),
	[CORE_R10] = REGISTER(r10),
	[CORE_R11] = REGISTER(r11),
	[CORE_R12] = REGISTER(r12),
	[CORE_R13] = REGISTER(r13),
	[CORE_R14] = REGISTER(r14),
	[CORE_R15] = REGISTER(r15),
	[CORE_FS_BASE] = REGISTER(fs_base),
	[CORE_GS_BASE] = REGISTER(gs_base),
#endif
};

static void put_status(note_word *status, uint32_t cpu, const struct segue_registers *registers)
{
	const uint64_t *words = (const uint64_t *)(const void *)registers;
	note_word *to = status + offsetof(struct core_status, registers) / sizeof *to;

	status[offsetof(struct core_status, pid) / sizeof *status] = cpu + 1;
	for (uint32_t i = 0; i < CORE_REGISTERS; i++, to += WORDS) {
		/* -1: not in a system call */
		uint64_t value = i == CORE_ORIG_AX ? UINT64_MAX : words[from_word[i]];

		to[0] = (uint32_t)value;
		if (WORDS > 1)
			to[1] = (uint32_t)(value >> 32);
	}
}

/* As a word of the note. */
#define AT(structure, field) (offsetof(struct structure, field) / sizeof(note_word))

/* The control registers have one order in both structures. */
#define CONTROLS 5u
_Static_assert(sizeof(struct segue_core_cpu) - offsetof(struct segue_core_cpu, cr0) == CONTROLS * sizeof(uint64_t), "cr0 to efer");
_Static_assert(offsetof(struct crash_control, apic_id) == CONTROLS * sizeof(uint64_t), "cr0 to efer");

static void put_control(note_word *cpu, const struct crash_control *control)
{
	const uint64_t *words = (const uint64_t *)(const void *)control;

	cpu[AT(segue_core_cpu, apic_id)] = control->apic_id;
	for (uint32_t i = 0; i < CONTROLS; i++)
		put_wide(cpu + AT(segue_core_cpu, cr0) + 2 * i, words[i]);
}

/* The state of a target that was loaded for a crash, or NULL. If it has been written over, the notes could seem to be anywhere. */
static const struct loaded *loaded_for_crash(const void *workspace)
{
	const struct loaded *loaded = segue_loaded(workspace);

	return loaded && loaded->job.core_cpus > 0 && segue_loaded_head_sum(loaded) == loaded->head_sum ? loaded : NULL;
}

static note_word *notes_at(const struct loaded *loaded, uint32_t offset)
{
	/* By a number: the workspace may be written, what segue_load() left in it not. */
	return (note_word *)((uintptr_t)loaded - LOADED_AT + loaded->job.core_notes + offset);
}

static note_word *crash_note(const struct loaded *loaded)
{
	return notes_at(loaded, HOST_SIZE + loaded->job.core_cpus * SLOT_SIZE + CRASH_AT);
}

/* Is this the first time? Without CMPXCHG, which a 386 does not have. */
static bool take(note_word *word)
{
	return __atomic_exchange_n(word, 1, __ATOMIC_ACQ_REL) == 0;
}

/* The core is read by the page tables of the first CPU. */
static void put_first(const struct loaded *loaded, uint32_t cpu, const struct crash_control *control)
{
	note_word *crash = crash_note(loaded), *host = notes_at(loaded, HOST_AT);

	if (!take(crash + AT(segue_core_crash, noted)))
		return;
	crash[AT(segue_core_crash, first)] = cpu;
	put_wide(host + AT(segue_core_host, cr0), control->cr0);
	put_wide(host + AT(segue_core_host, cr3), control->cr3);
	put_wide(host + AT(segue_core_host, cr4), control->cr4);
	put_wide(host + AT(segue_core_host, efer), control->efer);
}

static int note_cpu(void *workspace, uint32_t cpu, const struct segue_registers *registers)
{
	const struct loaded *loaded = loaded_for_crash(workspace);
	struct crash_control control;
	note_word *status, *note;
	uint32_t turn, tries = TRIES;

	if (!loaded)
		return SEGUE_E_NOT_LOADED;
	if (cpu >= loaded->job.core_cpus)
		return SEGUE_E_ARGUMENT;
	segue_crash_control(&control);
	status = notes_at(loaded, HOST_SIZE + cpu * SLOT_SIZE);
	note = notes_at(loaded, HOST_SIZE + cpu * SLOT_SIZE + SLOT_CPU_AT);
	/*
	 * The handler of an interruption may note this CPU too. What it has written is then written over as a whole. If it neither
	 * notes the CPU nor returns, the CPU is lost.
	 */
	do {
		turn = note[AT(segue_core_cpu, turns)] + 1;
		note[AT(segue_core_cpu, turns)] = turn;
		note[AT(segue_core_cpu, flags)] = 0;
		put_name(status, sizeof SEGUE_CORE_NAME, SEGUE_CORE_NAME, SEGUE_CORE_NO_CPU);
		put_status(status + STATUS_AT / sizeof *status, cpu, registers);
		put_control(note, &control);
		put_name(status, sizeof CORE_NAME, CORE_NAME, NT_PRSTATUS);
		note[AT(segue_core_cpu, flags)] = SEGUE_CORE_CPU_NOTED;
	} while (note[AT(segue_core_cpu, turns)] != turn && --tries > 0);
	put_first(loaded, cpu, &control);
	return SEGUE_OK;
}

/* The general registers: others, or 0. volatile, or the compiler makes a call of memset() or memcpy(). */
static void set_general(struct segue_registers *to, const struct segue_registers *from)
{
	volatile uint64_t *word = (volatile uint64_t *)(void *)to;

	for (uint32_t i = REGISTER(ax); i <= REGISTER(r15); i++)
		word[i] = from ? ((const uint64_t *)(const void *)from)[i] : 0;
}

SEGUE_REGISTER_CALL int segue_crash_from(const struct crash_caller *caller)
{
	struct segue_registers own;

	if (caller->registers)
		return note_cpu(caller->workspace, (uint32_t)caller->cpu, caller->registers);
	set_general(&own, NULL);
	segue_crash_segments(&own);
	own.bx = caller->bx;
	own.bp = caller->bp;
	own.sp = (uintptr_t)(&caller->ip + 1);
	own.ip = caller->ip;
	own.flags = caller->flags;
#ifdef __x86_64__
	own.r12 = caller->r12;
	own.r13 = caller->r13;
	own.r14 = caller->r14;
	own.r15 = caller->r15;
#else
	own.si = caller->si;
	own.di = caller->di;
#endif
	return note_cpu(caller->workspace, (uint32_t)caller->cpu, &own);
}

/* Intel SDM vol. 3, 6.12.1 and 6.14.2: what the CPU pushes without an error code */
enum { FRAME_IP, FRAME_CS, FRAME_FLAGS, FRAME_SP, FRAME_SS };
#define SELECTOR_MASK 0xffffu

SEGUE_STACK_CALL int segue_crash_frame(void *workspace, uint32_t cpu, const void *frame, const struct segue_registers *general)
{
	const uintptr_t *word = frame;
	struct segue_registers all;

	if (!frame)
		return SEGUE_E_ARGUMENT;
	set_general(&all, general);
	segue_crash_segments(&all);
	all.ip = word[FRAME_IP];
	all.flags = word[FRAME_FLAGS];
	/* In 32-bit mode the stack is in the frame only if it has been changed for the handler. */
	if (sizeof(uintptr_t) > 4 || word[FRAME_CS] & SELECTOR_RPL || word[FRAME_FLAGS] & EFLAGS_VM) {
		all.sp = word[FRAME_SP];
		all.ss = word[FRAME_SS] & SELECTOR_MASK;
	} else {
		all.sp = (uintptr_t)(word + FRAME_SP);
	}
	all.cs = word[FRAME_CS] & SELECTOR_MASK;
	return note_cpu(workspace, cpu, &all);
}

SEGUE_STACK_CALL int segue_crash_text(void *workspace, const char *text)
{
	const struct loaded *loaded = loaded_for_crash(workspace);
	volatile char *to;

	if (!loaded)
		return SEGUE_E_NOT_LOADED;
	if (!text)
		return SEGUE_E_ARGUMENT;
	/* What comes first is the reason; what follows is mostly its consequence. */
	if (!take(crash_note(loaded) + AT(segue_core_crash, told)))
		return SEGUE_OK;
	to = (volatile char *)(crash_note(loaded) + AT(segue_core_crash, text));
	for (uint32_t i = 0; i < SEGUE_CORE_TEXT - 1 && text[i]; i++)
		to[i] = text[i];
	return SEGUE_OK;
}
