/* SPDX-License-Identifier: MIT */
/*
 * The parking page, for CPUs in segue_park(): the page of the workspace after the leave page and its tables.
 *
 * CPUs enter through the gate, one at a time under the lock. A CPU lists its APIC ID and waits in purgatory's code
 * (purgatory/cpus.asm), with the IDT and a few bytes of stack in this page, until purgatory sends it an INIT or makes it
 * move to purgatory's home. segue_exec() takes the lock too, and keeps it.
 */
#ifndef SEGUE_PARKING_H
#define SEGUE_PARKING_H

#include "leave/leave.h"

#define PARKING_AT (LEAVE_AT + LEAVE_PAGES * PURGATORY_PAGE)
#define PARKING_LIMIT 128u            /* CPUs with their own stack; later ones share the last stack, and are not listed */
#define PARKING_STACK 16u             /* bytes that an NMI pushes */

/* struc parking in purgatory/cpus.asm */
struct parking {
	uint32_t lock;                /* 1: a CPU is in the gate. leave.inc: LOCK_AT */
	uint32_t count;               /* CPUs that are parked */
	uint32_t listed;              /* of these, entries in ids: not the boot CPU, nor one whose ID cannot be read */
	uint32_t left;                /* CPUs that get no INIT; purgatory waits until they are at its home */
	uint32_t home;                /* purgatory's physical address; 0: not yet set */
	uint32_t arrived;             /* CPUs that are at home */
	uint32_t idt_pointer[2];      /* from its third byte on */
	uint32_t ids[PARKING_LIMIT];  /* local APIC IDs */
	uint32_t idt[32][2];
	uint8_t stacks[PARKING_LIMIT][PARKING_STACK];
};
_Static_assert(sizeof(struct parking) == 2848 && sizeof(struct parking) <= PURGATORY_PAGE, "cpus.asm: parking_size");
_Static_assert(offsetof(struct parking, lock) == 0 && PARKING_AT == 17 * PURGATORY_PAGE, "leave.inc: LOCK_AT; cpus.asm: PARKING_AT");
_Static_assert(offsetof(struct parking, count) == 4, "cpus.asm: parking.count");
_Static_assert(offsetof(struct parking, listed) == 8, "cpus.asm: parking.listed");
_Static_assert(offsetof(struct parking, left) == 12, "cpus.asm: parking.left");
_Static_assert(offsetof(struct parking, home) == 16, "cpus.asm: parking.home");
_Static_assert(offsetof(struct parking, arrived) == 20, "cpus.asm: parking.arrived");
_Static_assert(offsetof(struct parking, idt_pointer) == 24, "cpus.asm: parking.idt_pointer");
_Static_assert(offsetof(struct parking, ids) == 32, "cpus.asm: parking.ids");
_Static_assert(offsetof(struct parking, idt) == 544, "cpus.asm: parking.idt");
_Static_assert(offsetof(struct parking, stacks) == 800, "cpus.asm: parking.stacks");

#endif
