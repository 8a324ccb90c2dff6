/* SPDX-License-Identifier: MIT */
/* For purgatory, which is assembled once for both architectures: no number here may depend on the architecture. */
#include "leave/loaded.h"
#include "leave/list.h"
#include "common/long_entry.h"
#include "return/return_page.h"
#include "numbers/numbers.h"

#define PARAM(field) OFFSET(params, struct purgatory_params, field)
#define REGISTER(name, index) EQU("params." #name, offsetof(struct purgatory_params, registers) + (index) * sizeof(uint32_t))
#define DEVICE(field) OFFSET(devices, struct purgatory_devices, field)
#define COMPARATOR(field) OFFSET(comparator, struct purgatory_comparator, field)
#define KEPT(field) OFFSET(kept, struct purgatory_kept, field)
#define DIGEST(field) OFFSET(sha256, struct purgatory_digest, field)
#define PARKING(field) OFFSET(parking, struct parking, field)
#define RETURN(field) OFFSET(return_page, struct return_page, field)
#define LONG(field) OFFSET(long_entry, struct long_entry, field)
#define LONG_REGISTER(name, index) EQU("long_entry." #name, offsetof(struct long_entry, registers) + (index) * sizeof(uint64_t))
#define MOVE(field) OFFSET(move, struct segue_move, field)

const struct number segue_numbers[] = {
	NUMBER(PAGE),
	NUMBER(PURGATORY_PARAMS_AT),
	NUMBER(PURGATORY_GDT),
	NUMBER(PURGATORY_PARK),
	NUMBER(PURGATORY_BLOCKS_AT),
	EQU("PURGATORY_END", LEAVE_AT),
	NUMBER(PURGATORY_DIGEST_AT),
	NUMBER(PARK_WRITES_END),
	NUMBER(PARKING_AT),
	NUMBER(LOADED_AT),

	PARAM(magic), PARAM(home), PARAM(list), PARAM(list_source), PARAM(list_pages), PARAM(gdt_offset), PARAM(tss_selector),
	PARAM(data_selector),
	REGISTER(eax, 0), REGISTER(ebx, 1), REGISTER(ecx, 2), REGISTER(edx, 3), REGISTER(esi, 4), REGISTER(edi, 5),
	REGISTER(ebp, 6), REGISTER(esp, 7), REGISTER(eip, 8),
	PARAM(code_selector), PARAM(serial), PARAM(flags), PARAM(pages), PARAM(screen), PARAM(digest),
	PARAM(quiet), PARAM(tables), PARAM(catcher), PARAM(parking),
	PARAM(return_page),
	PARAM(kept), PARAM(keep),
	SIZE_OF(params, struct purgatory_params),
	EQU("params.digest_size", sizeof(((struct purgatory_params *)0)->digest)),

	NUMBER(PURGATORY_REAL_MODE),
	NUMBER(PURGATORY_INTERRUPTS),
	NUMBER(PURGATORY_SHUT_A20),
	NUMBER(PURGATORY_DIGEST),
	NUMBER(PURGATORY_DIGEST_REBOOT),
	NUMBER(PURGATORY_HIGH),
	NUMBER(PURGATORY_PARKED),
	NUMBER(PURGATORY_INIT_CPUS),
	NUMBER(PURGATORY_CPUS),
	NUMBER(PURGATORY_TO_HOST),
	NUMBER(PURGATORY_LONG_MODE),

	RETURN(purgatory), RETURN(exchanges), RETURN(crossing), RETURN(leave), RETURN(result), RETURN(word), RETURN(ebp),
	RETURN(esp), RETURN(eip),
	NUMBER(RETURN_ENTRY_AT),
	NUMBER(RETURN_PATCH_1),
	NUMBER(RETURN_PATCH_2),
	NUMBER(RETURN_PATCH_3),
	NUMBER(RETURN_RESTORE_AT),
	NUMBER(RETURN_STACK_TOP),
	NUMBER(RETURN_MSRS_AT),
	NUMBER(RETURN_MSRS_SIZE),
	EQU("crossing.ascend", offsetof(struct crossing, ascend)),
	NUMBER(SEGUE_E_DIGEST),
	NUMBER(SEGUE_RESTORED),
	NUMBER(SEGUE_RETURN_MAGIC),

	NUMBER(PURGATORY_QUIET_IOAPIC),
	NUMBER(PURGATORY_QUIET_LAPIC),
	NUMBER(PURGATORY_QUIET_HPET),
	NUMBER(PURGATORY_QUIET_PIT),
	NUMBER(PURGATORY_QUIET_PIC),
	NUMBER(PURGATORY_QUIET_RTC),
	NUMBER(PURGATORY_QUIET_BUS_MASTERS),
	NUMBER(PURGATORY_QUIET_VGA),
	NUMBER(PURGATORY_KEEP_BUS_MASTERS),

	NUMBER(PURGATORY_IO_APICS),
	DEVICE(rsdp), DEVICE(hpet), DEVICE(io_apic), DEVICE(usual_io_apic), DEVICE(usual_hpet), DEVICE(bios_masks),
	SIZE_OF(devices, struct purgatory_devices),

	COMPARATOR(configuration), COMPARATOR(route), COMPARATOR(value), COMPARATOR(period),
	SIZE_OF(comparator, struct purgatory_comparator),
	NUMBER(KEPT_LOCAL_REGISTERS),
	NUMBER(KEPT_IO_APIC_ENTRIES),
	KEPT(lost), KEPT(local_base), KEPT(local_apic), KEPT(local), KEPT(waiting), KEPT(deadline), KEPT(io_apic_index),
	KEPT(io_apic_id), KEPT(io_apic_count), KEPT(entries_used), KEPT(hpet), KEPT(hpet_configuration), KEPT(hpet_counter),
	KEPT(comparators), KEPT(rtc_a), KEPT(rtc_b), KEPT(system_b), KEPT(pci_address), KEPT(bus_masters), KEPT(entries),
	EQU("kept.bus_masters_size", sizeof(((struct purgatory_kept *)0)->bus_masters)),

	DIGEST(hash), DIGEST(bytes), DIGEST(fast), DIGEST(block),
	SIZE_OF(sha256, struct purgatory_digest),

	NUMBER(PARKING_LIMIT),
	NUMBER(PARKING_STACK),
	PARKING(lock), PARKING(count), PARKING(listed), PARKING(left), PARKING(home), PARKING(arrived),
	EQU("parking.idt_pointer", offsetof(struct parking, idt_limit)), PARKING(ids), PARKING(idt), PARKING(stacks),

	LONG_REGISTER(rax, LONG_RAX), LONG_REGISTER(rcx, LONG_RCX), LONG_REGISTER(rdx, LONG_RDX), LONG_REGISTER(rbx, LONG_RBX),
	LONG_REGISTER(rsp, LONG_RSP), LONG_REGISTER(rbp, LONG_RBP), LONG_REGISTER(rsi, LONG_RSI), LONG_REGISTER(rdi, LONG_RDI),
	LONG_REGISTER(r8, LONG_R8),
	LONG(rip), LONG(rflags), LONG(efer), LONG(pat), LONG(cr0), LONG(cr3), LONG(cr4), LONG(gdt), LONG(gdt_limit), LONG(code),
	LONG(data), LONG(tss),
	SIZE_OF(long_entry, struct long_entry),
	NUMBER(LONG_ENTRY_SWITCH),

	MOVE(dst), MOVE(src), MOVE(size), MOVE(op),
	SIZE_OF(move, struct segue_move),
	EQU("list_page.link", offsetof(struct list_page, link)),
	NUMBER(SEGUE_MOVE_COPY_UP),
	NUMBER(SEGUE_MOVE_COPY_DOWN),
	NUMBER(SEGUE_MOVE_ZERO),
	NUMBER(SEGUE_MOVE_SWAP_UP),
	NUMBER(SEGUE_MOVE_SWAP_DOWN),
	NUMBER(SEGUE_MOVE_LINK),
	NUMBER(SEGUE_MOVE_DIGEST),
	NUMBER(SEGUE_MOVE_OP_BITS),
	NUMBER(SEGUE_MOVE_SUM_BASE),
	NUMBER(SEGUE_MOVE_SUM_START),

	NUMBER(CATCHER_SIZE),
	NUMBER(CATCHER_BYTES),
};
