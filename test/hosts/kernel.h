/* SPDX-License-Identifier: MIT */
/* What the parts of the host kernel share. */
#ifndef KERNEL_H
#define KERNEL_H

#include "host.h"
#include "machine.h"

/* tables.c: GDT, IDT, TSS, LDT. Selectors as in cpu_*.asm. */
#define SELECTOR_CODE 0x08
#define SELECTOR_DATA 0x10
#define SELECTOR_USER_DATA 0x18
#define SELECTOR_NARROW_DATA 0x20     /* a user's, of one page somewhere else */
#define SELECTOR_TSS 0x28
#define SELECTOR_LDT 0x38
#define SELECTOR_FAULT_TSS 0x48
#define SELECTOR_IN_LDT 0x07
#define SELECTOR_LDT_CODE 0x0c
#define SELECTOR_LDT_DATA 0x14
void tables_load(void);
void tables_hide_gdt(bool hide);      /* no exception can be taken then */
void tables_take(void);               /* by another CPU */
void tables_load_task(void);          /* TR, and a handler of its own for double faults */
void tables_load_ldt(void);
void code_selector_put(uint32_t selector); /* the kernel's code segment once more, there */
void gate_absent(uint32_t vector);

/* cpu_*.asm */
extern const uint8_t vector_stubs[], tracked_stubs[];
#define VECTOR_STUB 16u
#define VECTORS 48u
void load_tables(const void *gdtr, const void *idtr);
void load_task(uint16_t selector);
void load_ldt(uint16_t selector);
void load_code(uint16_t selector);
void call_on_stack(void (*function)(void), void *top);
void fault_task(void);                /* i386: entry of the task that handles double faults */
extern uint8_t guard_page[], page_stack[], page_stack_top[], fault_stack_top[], shadow_stack[];

/* How segue_exec() is come to; cpu_*.asm: struc leaving */
struct leaving {
	uintptr_t workspace;
	uintptr_t flags;              /* EFLAGS bits to set */
	uintptr_t stack;              /* ESP or RSP, where it is not kept */
	uint32_t keep_stack, jump, indirect, gif;
	uint32_t endbranch;           /* IA32_S_CET.ENDBR_EN is set last of all */
	uint32_t data;                /* selector in DS and ES */
};
_Noreturn void leave_now(const struct leaving *leaving);

/* kernel.c */
void pic_start(void);
extern volatile bool timer_stays_in_service; /* its handler sends no EOI */
extern struct handover handover;
extern volatile uint32_t ticks, apic_ticks;
void log_line(void *context, int level, const char *sentence);
#define PIC_VECTOR 0x20u              /* of the first, and 28h of the second: while `pit` is on */
#define VECTOR_APIC_TIMER 0x2du
#define APIC_SPURIOUS 0xf0u
#define APIC_ENABLE BIT(8)
#define PIT_MODE 2u
#define PIT_RELOAD (1193182 / 2000)
uintptr_t offset_of_physical(uint64_t physical); /* of the kernel's own image */
uint64_t physical_of(const void *at);
void *pointer(uint64_t offset);
void handle_vector(uintptr_t vector, uintptr_t error, uintptr_t ip, uintptr_t *flags);
_Noreturn void last_step(void);
const char *behind_path(const char *line);

/* fiwix/host.c, in i386-fiwix only */
__attribute__((weak)) _Noreturn void fiwix_stop_kernel(void);

/* state.c: the words of the command line */
void state_apply(const char *line);
uintptr_t state_flags(const char *line);
uint32_t state_data_selector(const char *line);
bool state_prepare_shadow_stack(const char *line);

/* devices.c: live= leaves them running, quiet= asks Segue to quiet them */
void devices_start(const char *line);
uint32_t devices_quiet(const char *line);
/* cpus.c: the other CPUs */
void cpus_begin(void);                /* lets them into the kernel */
_Noreturn void cpus_enter(uint32_t number); /* another CPU's way, from the kernel's entry */
void cpus_order(void);                /* a target is loaded: each does what the command line says */
int cpus_wait(const char **sentence); /* segue_ready(), as soon as those that park have parked */
/* witness.c: what a call that is to leave the host as it was may not change */
struct registers {
	uintptr_t cr0, cr2, cr3, cr4, dr[5], flags;
	uint8_t gdtr[10], idtr[10];
	uint16_t cs, ds, es, fs, gs, ss, ldtr, tr;
	uint32_t tpr;
	uint64_t msr[12];
};
struct fpu {
	_Alignas(64) uint8_t bytes[12288];
};
void read_registers(struct registers *r);
void read_fpu(struct fpu *fpu);
uint64_t checksum_memory(void);       /* all RAM but the workspaces and stacks; it must be mapped: the word direct */
uint64_t checksum_memory_from(uint64_t first);

/* bios.c */
void bios_map(void);                  /* map=bios: in the place of the boot loader's */
void bios_calls(void);                /* bios=: with the state applied */

/* refusals.c */
void refusals(void);
void load_arguments(struct segue_load_args *args, struct segue_part *modules, struct segue_machine *machine);

#endif
