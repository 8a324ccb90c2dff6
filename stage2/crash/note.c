/* SPDX-License-Identifier: MIT */
/*
 * segue_crash_cpu(): may run in any handler, while other CPUs do the same, and be interrupted by itself. So it takes no lock, and it
 * calls not even memcpy(), which may be the host's: all stores to the notes are volatile.
 */
#include "core/slots.h"
#include "crash/caller.h"
#include "leave/loaded.h"
#include "leave/processor.h"
#include "machine/hardware.h"

#define LEAF_EXTENDED 0x80000001u
#define CPUID_EFER (CPUID_SYSCALL | CPUID_NX | CPUID_LM)
#define APIC_ID_SHIFT 24              /* CPUID leaf 1, EBX */
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

static void put_register(note_word *status, uint32_t index, uint64_t value)
{
	note_word *to = status + offsetof(struct core_status, registers) / sizeof *to + index * WORDS;

	to[0] = (uint32_t)value;
	if (WORDS > 1)
		to[1] = (uint32_t)(value >> 32);
}

static void put_status(note_word *status, uint32_t cpu, const struct segue_registers *r)
{
	status[offsetof(struct core_status, pid) / sizeof *status] = cpu + 1;
	put_register(status, CORE_AX, r->ax);
	put_register(status, CORE_BX, r->bx);
	put_register(status, CORE_CX, r->cx);
	put_register(status, CORE_DX, r->dx);
	put_register(status, CORE_SI, r->si);
	put_register(status, CORE_DI, r->di);
	put_register(status, CORE_BP, r->bp);
	put_register(status, CORE_SP, r->sp);
	put_register(status, CORE_IP, r->ip);
	put_register(status, CORE_FLAGS, r->flags);
	put_register(status, CORE_CS, r->cs);
	put_register(status, CORE_SS, r->ss);
	put_register(status, CORE_DS, r->ds);
	put_register(status, CORE_ES, r->es);
	put_register(status, CORE_FS, r->fs);
	put_register(status, CORE_GS, r->gs);
	/* Not in a system call. */
	put_register(status, CORE_ORIG_AX, UINT64_MAX);
#ifdef __x86_64__
	put_register(status, CORE_R8, r->r8);
	put_register(status, CORE_R9, r->r9);
	put_register(status, CORE_R10, r->r10);
	put_register(status, CORE_R11, r->r11);
	put_register(status, CORE_R12, r->r12);
	put_register(status, CORE_R13, r->r13);
	put_register(status, CORE_R14, r->r14);
	put_register(status, CORE_R15, r->r15);
	put_register(status, CORE_FS_BASE, r->fs_base);
	put_register(status, CORE_GS_BASE, r->gs_base);
#endif
}

#define READ(register, to) __asm__ volatile("mov %%" register ", %0" : "=r"(to))
#define READ_SEGMENT(register, to) __asm__ volatile("mov %%" register ", %0" : "=r"(to))

static uint64_t read_msr(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return low | (uint64_t)high << 32;
}

struct control {
	uintptr_t cr0, cr2, cr3, cr4;
	uint64_t efer;
	uint32_t apic_id;
};

static void read_control(struct control *control)
{
	struct cpuid features = segue_cpuid_features();

	READ("cr0", control->cr0);
	READ("cr2", control->cr2);
	READ("cr3", control->cr3);
	control->cr4 = segue_cr4();
	control->efer = segue_cpuid_if(LEAF_EXTENDED).edx & CPUID_EFER ? read_msr(MSR_EFER) : 0;
	control->apic_id = features.edx & CPUID_APIC ? features.ebx >> APIC_ID_SHIFT : UINT32_MAX;
}

#define AT(structure, field) (offsetof(struct structure, field) / sizeof(note_word))

static void put_control(note_word *cpu, const struct control *control)
{
	cpu[AT(segue_core_cpu, apic_id)] = control->apic_id;
	put_wide(cpu + AT(segue_core_cpu, cr0), control->cr0);
	put_wide(cpu + AT(segue_core_cpu, cr2), control->cr2);
	put_wide(cpu + AT(segue_core_cpu, cr3), control->cr3);
	put_wide(cpu + AT(segue_core_cpu, cr4), control->cr4);
	put_wide(cpu + AT(segue_core_cpu, efer), control->efer);
}

/* The first CPU's page tables are those by which the core is read. */
static void put_first(note_word *crash, note_word *host, uint32_t cpu, const struct control *control)
{
	if (__atomic_exchange_n(crash + AT(segue_core_crash, noted), 1, __ATOMIC_ACQ_REL))
		return;
	crash[AT(segue_core_crash, first)] = cpu;
	put_wide(host + AT(segue_core_host, cr0), control->cr0);
	put_wide(host + AT(segue_core_host, cr3), control->cr3);
	put_wide(host + AT(segue_core_host, cr4), control->cr4);
	put_wide(host + AT(segue_core_host, efer), control->efer);
}

/* The caller's, as far as a call preserves them. */
static void take_caller(struct segue_registers *r, const struct crash_caller *caller)
{
	/* Field by field, because an initialiser may become a call of memset(). */
	r->ax = r->cx = r->dx = r->si = r->di = 0;
	r->r8 = r->r9 = r->r10 = r->r11 = r->r12 = r->r13 = r->r14 = r->r15 = 0;
	r->fs_base = r->gs_base = 0;
	r->bx = caller->bx;
	r->bp = caller->bp;
	r->sp = (uintptr_t)(&caller->ip + 1);
	r->ip = caller->ip;
	r->flags = caller->flags;
	READ_SEGMENT("cs", r->cs);
	READ_SEGMENT("ss", r->ss);
	READ_SEGMENT("ds", r->ds);
	READ_SEGMENT("es", r->es);
	READ_SEGMENT("fs", r->fs);
	READ_SEGMENT("gs", r->gs);
#ifdef __x86_64__
	r->r12 = caller->r12;
	r->r13 = caller->r13;
	r->r14 = caller->r14;
	r->r15 = caller->r15;
	r->fs_base = read_msr(MSR_FS_BASE);
	r->gs_base = read_msr(MSR_GS_BASE);
#else
	r->si = caller->si;
	r->di = caller->di;
#endif
}

SEGUE_REGISTER_CALL int segue_crash_from(const struct crash_caller *caller)
{
	const struct loaded *loaded = segue_loaded(caller->workspace);
	uint32_t cpu = (uint32_t)caller->cpu, turn;
	const struct segue_registers *registers = caller->registers;
	struct segue_registers own;
	struct control control;
	uint8_t *notes, *slot;
	note_word *status, *note;

	if (!loaded || loaded->job.core_slot_count == 0)
		return SEGUE_E_NOT_LOADED;
	if (cpu >= loaded->job.core_slot_count)
		return SEGUE_E_ARGUMENT;
	if (!registers) {
		take_caller(&own, caller);
		registers = &own;
	}
	read_control(&control);
	notes = (uint8_t *)caller->workspace + loaded->job.core_live;
	slot = notes + HOST_SIZE + cpu * SLOT_SIZE;
	status = (note_word *)(void *)slot;
	note = (note_word *)(void *)(slot + SLOT_CPU_AT);
	/* An interruption may have called this too: then what it has written is written over, as a whole. */
	do {
		turn = note[AT(segue_core_cpu, turns)] + 1;
		note[AT(segue_core_cpu, turns)] = turn;
		note[AT(segue_core_cpu, flags)] = 0;
		put_name(status, sizeof SEGUE_CORE_NAME, SEGUE_CORE_NAME, SEGUE_CORE_NO_CPU);
		put_status(status + STATUS_AT / sizeof *status, cpu, registers);
		put_control(note, &control);
		put_name(status, sizeof CORE_NAME, CORE_NAME, NT_PRSTATUS);
		note[AT(segue_core_cpu, flags)] = SEGUE_CORE_CPU_NOTED;
	} while (note[AT(segue_core_cpu, turns)] != turn);
	put_first((note_word *)(void *)(notes + HOST_SIZE + loaded->job.core_slot_count * SLOT_SIZE + CRASH_AT),
		  (note_word *)(void *)(notes + HOST_AT), cpu, &control);
	return SEGUE_OK;
}
