/* SPDX-License-Identifier: MIT */
/* Parameters from segue_load() to purgatory. numbers/purgatory.c hands them to NASM. */
#ifndef SEGUE_PURGATORY_H
#define SEGUE_PURGATORY_H

#include <stddef.h>
#include <stdint.h>
#include "common/bytes.h"

#define PURGATORY_PAGE 4096u
#define PURGATORY_PAGES 5u            /* the core, the page for IDT and stack, the optional blocks */
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
	uint32_t kept;                /* physical address of struct purgatory_kept, if the target comes back */
	uint32_t keep;                /* what is kept only if asked for: PURGATORY_KEEP_* */
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
#define PURGATORY_HIGH 0x20u          /* purgatory reads or writes above 4 GiB: tables is filled */
#define PURGATORY_PARKED 0x40u        /* other CPUs may wait in the workspace */
#define PURGATORY_INIT_CPUS 0x80u     /* and others run: INIT to all */
#define PURGATORY_CPUS 0x200u         /* cpus.asm is there: a CPU may park */
#define PURGATORY_TO_HOST 0x400u      /* the target has come back: the host is entered instead, through return_page */
#define PURGATORY_LONG_MODE 0x800u
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

/* Bits of keep */
#define PURGATORY_KEEP_BUS_MASTERS 0x1u /* which PCI functions are bus masters */

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

/*
 * The host's devices, kept while a target runs that comes back (keep.asm). What does not fit is left out and counted in lost.
 */
#define KEPT_SIZE 16384u
#define KEPT_LOCAL_REGISTERS 15u      /* of the local APIC, in the order of a table in keep_apic.asm */
#define KEPT_COMPARATORS 32u
#define KEPT_IO_APIC_ENTRIES 880u     /* of all IO-APICs together */
struct purgatory_comparator {
	uint32_t configuration;
	uint32_t route[2];            /* of its messages */
	uint32_t value[2];
	uint32_t period;              /* 0: not periodic, or unknown */
};
struct purgatory_kept {
	/*
	 * IO-APIC entries that do not fit, comparators with interrupts of an unknown period, 1 for a local APIC above 4 GiB, and
	 * 1 for one that the way back could not enable again or bring back to its mode.
	 */
	uint32_t lost;
	uint32_t local_base[2];       /* IA32_APIC_BASE; 0: no such MSR, or the local APIC is off */
	uint32_t local_apic;          /* its address, or how else it is reached: LOCAL_APIC_* of apic.asm */
	uint32_t local[KEPT_LOCAL_REGISTERS];
	uint32_t waiting[8];          /* vectors of edge-triggered interrupts that it has accepted and the host has not taken */
	uint32_t deadline[2];         /* IA32_TSC_DEADLINE */
	/* By the order of struct purgatory_devices. */
	uint32_t io_apic_index[PURGATORY_IO_APICS];
	uint32_t io_apic_id[PURGATORY_IO_APICS];
	uint32_t io_apic_count[PURGATORY_IO_APICS]; /* of its entries; 0: there is no IO-APIC */
	uint32_t entries_used;
	uint32_t hpet;                /* physical address; 0: none */
	uint32_t hpet_configuration;
	uint32_t hpet_counter[2];
	struct purgatory_comparator comparators[KEPT_COMPARATORS];
	uint8_t rtc_a, rtc_b;         /* registers */
	uint8_t system_b;             /* port 61h */
	uint8_t pad;
	uint32_t pci_address;         /* port CF8h, if the bus masters are kept */
	uint8_t bus_masters[8192];    /* a bit for each PCI function, by bus, device and function */
	uint32_t entries[KEPT_IO_APIC_ENTRIES][2];
};
_Static_assert(sizeof(struct purgatory_comparator) == 24, "no padding");
_Static_assert(offsetof(struct purgatory_kept, lost) == 0 && offsetof(struct purgatory_kept, local_base) == 4 &&
		       offsetof(struct purgatory_kept, local_apic) == 12 && offsetof(struct purgatory_kept, local) == 16 &&
		       offsetof(struct purgatory_kept, waiting) == 76 && offsetof(struct purgatory_kept, deadline) == 108 &&
		       offsetof(struct purgatory_kept, io_apic_index) == 116 && offsetof(struct purgatory_kept, io_apic_id) == 148 &&
		       offsetof(struct purgatory_kept, io_apic_count) == 180 && offsetof(struct purgatory_kept, entries_used) == 212 &&
		       offsetof(struct purgatory_kept, hpet) == 216 && offsetof(struct purgatory_kept, hpet_configuration) == 220 &&
		       offsetof(struct purgatory_kept, hpet_counter) == 224 && offsetof(struct purgatory_kept, comparators) == 232 &&
		       offsetof(struct purgatory_kept, rtc_a) == 1000 && offsetof(struct purgatory_kept, rtc_b) == 1001 &&
		       offsetof(struct purgatory_kept, system_b) == 1002 && offsetof(struct purgatory_kept, pci_address) == 1004 &&
		       offsetof(struct purgatory_kept, bus_masters) == 1008 &&
		       offsetof(struct purgatory_kept, entries) == 9200,
	       "the same for both architectures");
_Static_assert(sizeof(struct purgatory_kept) <= KEPT_SIZE, "KEPT_SIZE");

/* The running SHA-256, in the page after the core. */
struct purgatory_digest {
	uint32_t hash[8];             /* a to h; big-endian bytes once finished */
	uint32_t bytes[2];            /* so far, low dword first */
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
	segue_purgatory_devices SEGUE_HIDDEN, segue_purgatory_catcher SEGUE_HIDDEN, segue_purgatory_return SEGUE_HIDDEN,
	segue_purgatory_long_mode SEGUE_HIDDEN, segue_purgatory_catcher64 SEGUE_HIDDEN;

#endif
