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
/* Tries for the lock, about 50 ms. A holder releases it within a few hundred instructions or never. */
#define LOCK_PATIENCE 0x100000u

struct parking {
	uint32_t lock;                /* 1: a CPU is in the gate */
	uint32_t count;               /* CPUs that are parked */
	uint32_t listed;              /* of these, entries in ids: not the boot CPU, nor one whose ID cannot be read */
	uint32_t left;                /* CPUs that get no INIT; purgatory waits until they are at its home */
	uint32_t home;                /* purgatory's physical address; 0: not yet set */
	uint32_t arrived;             /* CPUs that are at home */
	uint16_t pad, idt_limit;      /* what LIDT reads, with the base aligned */
	uint32_t idt_base;
	uint32_t ids[PARKING_LIMIT];  /* local APIC IDs */
	uint32_t idt[32][2];
	uint8_t stacks[PARKING_LIMIT][PARKING_STACK];
};
_Static_assert(sizeof(struct parking) <= PURGATORY_PAGE, "a page of the workspace");

#endif
