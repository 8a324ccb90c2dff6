/* SPDX-License-Identifier: MIT */
/* Shared by the files of the host kernel. */
#ifndef KERNEL_H
#define KERNEL_H

#include "host.h"
#include "machine.h"

/* tables.c: GDT, IDT, TSS, LDT. Selectors as in cpu_*.asm. */
#define SELECTOR_CODE 0x08
#define SELECTOR_DATA 0x10
#define SELECTOR_USER_DATA 0x18
#define SELECTOR_NARROW_DATA 0x20     /* user data, one page, another base */
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
void tables_left_task(struct segue_registers *registers); /* i386: of the task that a double fault has left */
void tables_load_ldt(void);
void code_selector_put(uint32_t selector); /* copies the kernel's code segment to this selector */
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
_Noreturn void fault_begin(void);     /* and where it goes on */
extern uint8_t guard_page[], page_stack[], page_stack_top[], fault_stack_top[], shadow_stack[];

/* How segue_exec() is entered; cpu_*.asm: struc leaving. */
struct leaving {
	uintptr_t workspace;
	uintptr_t flags;              /* EFLAGS bits to set */
	uintptr_t stack;              /* ESP or RSP, unless keep_stack */
	uint32_t keep_stack, jump, indirect, gif;
	uint32_t endbranch;           /* set IA32_S_CET.ENDBR_EN last of all */
	uint32_t data;                /* selector in DS and ES */
};
_Noreturn void stay_marked(uint32_t number); /* each register has a value of its own, by this number and the order in segue.h */
_Noreturn void leave_now(const struct leaving *leaving);

/* kernel.c */
void pic_start(void);
extern volatile bool timer_stays_in_service; /* its handler sends no EOI */
extern struct handover handover;
extern volatile uint32_t ticks, apic_ticks;
void log_line(void *context, int level, const char *sentence);
#define PIC_VECTOR 0x20u              /* first PIC; the second has 28h: while `pit` is on */
#define VECTOR_APIC_TIMER 0x2du
#define APIC_SPURIOUS 0xf0u
#define APIC_ENABLE BIT(8)
#define PIT_MODE 2u
#define PIT_RELOAD (1193182 / 2000)
uintptr_t offset_of_physical(uint64_t physical); /* for addresses in the kernel's image */
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
void cpus_begin(void);                /* lets them enter the kernel */
_Noreturn void cpus_enter(uint32_t number); /* another CPU comes here from the kernel's entry */
void cpus_order(void);                /* a target is loaded: each CPU now does what the command line says */
void cpus_restart(void);              /* starts them anew after an INIT, and waits until they are in the kernel */
void cpus_nmi(void);                  /* sends an NMI to all others */
int cpus_wait(const char **sentence); /* waits until the CPUs that park have parked, then calls segue_ready() */
/* witness.c: the state that a call must leave unchanged */
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
/* Further state that segue_call() restores. */
struct more {
	uintptr_t dr6;
	uint64_t xcr0, msr[16];
};
void read_registers(struct registers *r);
void read_more(struct more *more);
void read_fpu(struct fpu *fpu);
extern struct fpu fpu_before, fpu_after; /* for whoever compares; they are large */
uint64_t checksum_memory(void);       /* all RAM except workspaces and stacks; needs the word direct */
uint64_t checksum_memory_from(uint64_t first);
uint64_t checksum_memory_of_host(void); /* without what is the BIOS's */

/* bios.c */
typedef int bios_method(const struct segue_bios_args *, uint32_t, struct segue_bios_registers *);
void bios_arguments(struct segue_bios_args *args);
void bios_check(bool good, const char *what);
/* Calls segue_bios() or segue_physical_call(), and compares the host's registers and FPU state before and after. */
int bios_watched(bios_method *method, const struct segue_bios_args *args, uint32_t number, struct segue_bios_registers *registers);
void bios_map(void);                  /* map=bios: replaces the boot loader's map */
void bios_calls(void);                /* bios=: after the state is applied */

/* physical.c: calls the binaries of binaries.asm by segue_physical_call(); refused() one without a BIOS */
void physical_calls(bool interrupts);
void physical_refused(void);

/* calls.c: segue_call() so many times, to each target in turn; load_second() loads the second one */
void calls_arguments(struct segue_load_args *args, uint32_t which);
void calls_load_second(void);
void calls(uint32_t count);
/* cores.c: the word core */
void cores_arguments(struct segue_load_args *args);
void cores(uint32_t count);
void snapshot(void);                  /* snapshot.c: to targets/save, and from there */
/* crash.c: the word crash */
void crash_arguments(struct segue_load_args *args);
_Noreturn void crash(void);
void crash_noted(const uintptr_t *flags); /* an NMI of the crash has come */
_Noreturn void crash_fault(uint32_t vector, const uintptr_t *flags); /* an exception */
_Noreturn void crash_task(void);      /* i386: a double fault, in a task of its own */
bool crash_place(void);               /* placed: the files are now where the target is to be, and are to be loaded again */
void crash_say_moves(void);
void call_refusals(void);             /* call_refusals.c: wrong arguments */
extern void (*at_breakpoint)(void);   /* NULL, or called by the handler of #DB */

/* lend.c: what a Linux reads and writes of the host's memory */
extern uint32_t lent_crc;
void lend(uint32_t number);
void take_back(void);

/* refusals.c */
void refusals(void);
void load_arguments(struct segue_load_args *args, struct segue_part *modules, struct segue_machine *machine);

#endif
