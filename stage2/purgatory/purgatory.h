/* SPDX-License-Identifier: MIT */
/* Parameters from segue_load() to purgatory. numbers/purgatory.c hands them to NASM. */
#ifndef SEGUE_PURGATORY_H
#define SEGUE_PURGATORY_H

#include <stddef.h>
#include <stdint.h>
#include "common/bytes.h"

#define PURGATORY_PAGE 4096u
#define PURGATORY_PAGES 5u            /* the core, the page for IDT, TSS and stack, the optional blocks */
#define PURGATORY_PLAIN_PAGES 2u      /* without the blocks */
#define PURGATORY_BLOCKS_AT (PURGATORY_PLAIN_PAGES * PURGATORY_PAGE)
#define PURGATORY_PARAMS_AT 8u        /* offset of the parameters in the core */
#define PURGATORY_MAGIC 0x75676553u   /* "Segu" */
#define PURGATORY_DIGEST_AT (PURGATORY_PAGE + 368u) /* offset of struct purgatory_digest */

struct purgatory_params {
	uint32_t magic;               /* PURGATORY_MAGIC once all is loaded */
	uint32_t home;                /* physical address that purgatory runs at */
	uint32_t list;                /* physical address of the list's first page */
	uint32_t list_source;         /* physical address of the list's pages before they move, contiguous */
	uint32_t list_pages;
	uint32_t gdt_offset;          /* of GDTR's base from home */
	uint32_t tss_selector;
	uint32_t data_selector;
	uint32_t registers[9];        /* EAX EBX ECX EDX ESI EDI EBP ESP EIP */
	uint32_t code_selector;
	uint16_t serial;              /* I/O port for the exception printer; 0: none */
	uint16_t flags;               /* PURGATORY_* */
	uint32_t pages;
	uint32_t screen;              /* physical address of a VGA text screen of 80 columns; 0: none */
	uint8_t digest[32];
	uint32_t quiet;               /* devices to quiet: PURGATORY_QUIET_* */
	uint32_t tables;              /* physical address of the page for high.asm, less than 2 MiB above home */
	uint32_t catcher;             /* physical address; 0: none */
	uint32_t parking;             /* physical address of struct parking (parking.h) */
	uint32_t return_page;         /* physical address (return/return_page.h); 0: the target does not come back */
};
/* Offsets in the core: the GDT, after the parameters and a null descriptor; and where the gate brings a CPU that parks. */
#define PURGATORY_GDT (((PURGATORY_PARAMS_AT + (uint32_t)sizeof(struct purgatory_params) + 7u) & ~7u) + 8u)
#define PURGATORY_PARK (PURGATORY_GDT + 4 * 8u)

/* flags */
#define PURGATORY_REAL_MODE 0x1u
#define PURGATORY_INTERRUPTS 0x2u     /* real mode is entered with IF set */
#define PURGATORY_SHUT_A20 0x4u       /* and with A20 off */
#define PURGATORY_DIGEST 0x8u
#define PURGATORY_DIGEST_REBOOT 0x10u
#define PURGATORY_HIGH 0x20u          /* some sources lie above 4 GiB: tables is filled */
#define PURGATORY_PARKED 0x40u        /* other CPUs may wait in the workspace */
#define PURGATORY_INIT_CPUS 0x80u     /* and others run: INIT to all */
#define PURGATORY_CPUS 0x200u         /* cpus.asm is there: a CPU may park */
#define PURGATORY_TO_HOST 0x400u      /* the target has come back: the host is entered instead, through return_page */
#define PURGATORY_BOOT_CPU_ONLY 0x100u /* for the gate: there is an IA32_APIC_BASE, whose BSP bit must be set */

/* Bits of quiet, those of SEGUE_LOAD_QUIET_* */
#define PURGATORY_QUIET_IOAPIC 0x200u
#define PURGATORY_QUIET_LAPIC 0x400u
#define PURGATORY_QUIET_HPET 0x800u
#define PURGATORY_QUIET_PIT 0x1000u
#define PURGATORY_QUIET_PIC 0x2000u
#define PURGATORY_QUIET_RTC 0x4000u
#define PURGATORY_QUIET_BUS_MASTERS 0x8000u
#define PURGATORY_QUIET_VGA 0x10000u

/* The devices that purgatory quiets. Their block begins with this structure. */
#define PURGATORY_IO_APICS 8u
struct purgatory_devices {
	uint32_t rsdp;                /* 0: purgatory searches for it */
	uint32_t hpet;                /* 0: unknown, as is an io_apic */
	uint32_t io_apic[PURGATORY_IO_APICS];
	uint32_t usual_io_apic;       /* the usual address, used if no table lists one; 0: RAM is there */
	uint32_t usual_hpet;
	uint32_t bios_masks;          /* of the PICs, for a target in real mode; the second one's in bits 8 to 15 */
	uint8_t rsdp_copy[36];
};

/* The running SHA-256, in the page after the core. */
struct purgatory_digest {
	uint32_t hash[8];             /* a to h; big-endian bytes once finished */
	uint32_t bytes;               /* so far; 32 bits suffice, as the bytes lie below 4 GiB */
	uint32_t fast;                /* not 0: the SHA extensions may be used */
	uint8_t block[64];            /* bytes that do not fill a block yet */
};

/* The bytes of the core or of a block, which *_embed.asm puts into the library. */
struct purgatory_bytes {
	uint32_t at;                  /* offset from the core, or for what is elsewhere in its own page, below PURGATORY_BLOCKS_AT */
	uint32_t size;
	uint8_t bytes[];
};
extern const struct purgatory_bytes segue_purgatory_core SEGUE_HIDDEN, segue_purgatory_cpus SEGUE_HIDDEN,
	segue_purgatory_real_mode SEGUE_HIDDEN, segue_purgatory_high SEGUE_HIDDEN, segue_purgatory_digest SEGUE_HIDDEN,
	segue_purgatory_devices SEGUE_HIDDEN, segue_purgatory_catcher SEGUE_HIDDEN, segue_purgatory_return SEGUE_HIDDEN;

#endif
