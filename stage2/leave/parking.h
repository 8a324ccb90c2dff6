/* SPDX-License-Identifier: MIT */
/*
 * Where other CPUs wait (segue_park()): a page of the workspace, behind the leave page and its tables.
 *
 * A CPU comes here through the gate, one at a time under the lock, lists its APIC ID and waits in purgatory's block
 * (purgatory/cpus.asm), with an IDT and a few bytes of stack in this page, until purgatory sends it an INIT, or calls it
 * to its home. segue_exec() takes the lock too, and keeps it.
 */
#ifndef SEGUE_PARKING_H
#define SEGUE_PARKING_H

#include "leave/leave.h"

#define PARKING_AT (LEAVE_AT + LEAVE_PAGES * PURGATORY_PAGE)
#define PARKING_LIMIT 128u            /* CPUs with a place of their own; more wait on the last one's stack, and are not listed */
#define PARKING_STACK 16u             /* bytes that an NMI takes */

struct parking {
	uint32_t lock;                /* 1: a CPU is in the gate */
	uint32_t count;               /* CPUs that have come */
	uint32_t listed;              /* of these in ids: not the boot CPU, nor one whose ID cannot be read */
	uint32_t left;                /* those that get no INIT, whom purgatory awaits at its home */
	uint32_t home;                /* where to: physical address; 0: not yet */
	uint32_t arrived;             /* there */
	uint16_t pad, idt_limit;      /* what LIDT reads, with the base aligned */
	uint32_t idt_base;
	uint32_t ids[PARKING_LIMIT];  /* local APIC IDs */
	uint32_t idt[32][2];
	uint8_t stacks[PARKING_LIMIT][PARKING_STACK];
};
_Static_assert(sizeof(struct parking) <= PURGATORY_PAGE, "a page of the workspace");

#endif
