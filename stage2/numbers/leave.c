/* SPDX-License-Identifier: MIT */
/* For the gates and segue_peek(). This file is compiled for each architecture. */
#include "leave/known.h"
#include "leave/loaded.h"
#include "leave/walk.h"
#include "numbers/numbers.h"

#define LEAVE(field) OFFSET(leave, struct leave, field)
#define PEEK(field) OFFSET(peek, struct peek, field)

const struct number segue_numbers[] = {
	NUMBER(PAGE),
	NUMBER(GATE_LIMIT),
	NUMBER(GATE_ALIGN),
	NUMBER(LEAVE_SIZE),
	NUMBER(LEAVE_STACK),
	NUMBER(LEAVE_POINTER_AT),

	LEAVE(linear), LEAVE(physical), LEAVE(gate), LEAVE(purgatory), LEAVE(root), LEAVE(wide_root), LEAVE(code_base),
	LEAVE(gates), LEAVE(serial), LEAVE(entry),
	SIZE_OF(leave, struct leave),

	PEEK(at), PEEK(value), EQU("peek.idt", offsetof(struct peek, idt_limit)), EQU("peek.gdt", offsetof(struct peek, gdt_limit)),

	NUMBER(PURGATORY_PARK),
	NUMBER(PURGATORY_MAGIC),
	NUMBER(PURGATORY_BOOT_CPU_ONLY),
	EQU("core.magic", PURGATORY_PARAMS_AT + offsetof(struct purgatory_params, magic)),
	EQU("core.flags", PURGATORY_PARAMS_AT + offsetof(struct purgatory_params, flags)),
	EQU("parking.lock", PARKING_AT + offsetof(struct parking, lock)),
	NUMBER(LOADED_AT),
	NUMBER(LOADED_MAGIC),
	NUMBER(KNOWN_WORKSPACES),
	NUMBER(LOCK_PATIENCE),
	OFFSET(known, struct known, serial),
};
