/* SPDX-License-Identifier: MIT */
/*
 * Segue: hands a running x86 machine from one kernel to the next.
 *
 *   segue_load()   does all that can fail, and changes nothing but the workspace
 *   segue_park()   then, on each other CPU that runs
 *   segue_ready()  says whether segue_exec() may be called here and now
 *   segue_exec()   cannot fail and does not return
 *   segue_bios()   before all that: asks the BIOS, whatever mode the host is in, and comes back
 *
 * The kernel that calls is the host, the kernel to start is the target, the bytes that hold it are the blob. All ranges
 * are start inclusive, end exclusive; all sizes are in bytes. Strings are NUL-terminated and in UTF-8. Nothing here
 * allocates, takes a lock of the host's, or keeps a pointer to the caller's structures after the call, but for the
 * workspace and (until segue_exec()) the memory of the blob and the modules.
 *
 * The library has a little state of its own, in .bss: the addresses of the eight workspaces that were loaded last, the
 * serial port of the last load, and whether a load is under way. What stands in a workspace is believed only where its
 * address is among them: RAM survives a warm reset, and an earlier boot, or another copy of the library, may have left a
 * target there. So .bss is zeros when the host starts, as its boot loader makes it (segue.elf clears its own); it is
 * readable wherever segue_exec() or segue_park() may be called; one copy of the library serves a workspace, from
 * segue_load() to segue_exec(); and segue_unload() is not called while segue_load() runs (a second segue_load() is refused:
 * SEGUE_E_BUSY).
 *
 * A structure that begins with struct_size is set to zeros, then struct_size to its sizeof, then what is known. The size
 * must be the library's own: header and library are of one version, and any other size is SEGUE_E_STRUCT_SIZE. Where it is
 * not said otherwise, a field of 0 or NULL means none or unknown.
 *
 * Needs <stdint.h> and <stddef.h> only. Clean as C89 (with a C99 stdint.h) and C++.
 */
#ifndef SEGUE_H
#define SEGUE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SEGUE_VERSION_MAJOR 0
#define SEGUE_VERSION_MINOR 1
#define SEGUE_VERSION_PATCH 0
#define SEGUE_VERSION \
	(SEGUE_VERSION_MAJOR * 10000 + SEGUE_VERSION_MINOR * 100 + SEGUE_VERSION_PATCH)
#define SEGUE_VERSION_STRING "0.1.0"

/*
 * Where the argument of a call that has no stack to trust travels: EAX on i386, RDI on x86_64. A compiler for i386 that
 * does not say that it knows GCC's regparm (tcc is one) calls entries that take it from the stack, as cdecl has it. There
 * segue_exec() and segue_park() need a good stack and are reached by a call only; the rest of what they promise holds.
 */
#if defined(_WIN64)
#error "the 64-bit library takes its arguments as the System V ABI has them"
#endif
#if defined(__GNUC__) && defined(__i386__)
#define SEGUE_REGISTER_CALL __attribute__((regparm(1)))
#else
#define SEGUE_REGISTER_CALL
#if !defined(__x86_64__) && !defined(__amd64__)
#define segue_exec segue_exec_from_stack
#define segue_park segue_park_from_stack
#endif
#endif
#if defined(__GNUC__)
#define SEGUE_NORETURN __attribute__((noreturn))
#else
#define SEGUE_NORETURN
#endif

/*
 * Every refusal has a code of its own. segue_strerror() says what a code means;
 * the log callback gets the sentence with the segment, range and limit in it.
 * Codes keep their numbers; new ones are added at the end of their group.
 */
enum segue_error {
	SEGUE_OK = 0,

	/* the call itself */
	/* a pointer is NULL that must not be, a count that its array cannot have, an index past the last, a base that is not CS's */
	SEGUE_E_ARGUMENT = 1,
	SEGUE_E_STRUCT_SIZE = 2,      /* struct_size is not this version's */
	SEGUE_E_WORKSPACE_ALIGN = 3,  /* workspace not on a 4096-byte boundary, virtual or physical */
	SEGUE_E_WORKSPACE_HIGH = 4,   /* workspace not below 4 GiB */
	SEGUE_E_WORKSPACE_SMALL = 5,  /* workspace too small; the sentence names what is needed */
	SEGUE_E_EXTENTS = 6,          /* extents not as long as the bytes they stand for, or in the workspace */
	/* an extent wraps, or reaches above what the CPU (i386: the library, 4 GiB) can address or into the last page below 4 GiB */
	SEGUE_E_EXTENT_HIGH = 7,
	SEGUE_E_MEMORY_MAP = 8,       /* a range of the memory map or the keep list ends before it starts */
	SEGUE_E_NO_RAM = 9,           /* the memory map has no RAM below 4 GiB */
	SEGUE_E_FLAGS = 10,           /* a flag that this version does not know */
	SEGUE_E_WORKSPACE_PARKED = 11, /* CPUs wait in the workspace: it cannot be loaded anew */
	/* workspace not at workspace_phys, by the memory map, translate or the page tables; or contiguous only virtually */
	SEGUE_E_WORKSPACE_PLACE = 12,
	/* translate knows no address, or the page tables have it elsewhere than an extent that is not in the memory map */
	SEGUE_E_EXTENT_PLACE = 13,
	SEGUE_E_WORKSPACE_USED = 14,  /* the stack, an argument's memory, the library or the log function lies in the workspace */
	SEGUE_E_BUSY = 15,            /* another segue_load() is under way: on another CPU, or interrupted by this call */
	SEGUE_E_BLOCK = 16,           /* what is asked for needs a block of purgatory that is not linked (segue_blocks) */

	/* recognising the blob */
	SEGUE_E_EMPTY = 20,           /* the blob has no bytes */
	SEGUE_E_UNKNOWN = 21,         /* no rule recognises the blob */
	SEGUE_E_GZIP = 22,            /* the blob, or the kernel in it, is still gzip-compressed */
	SEGUE_E_COMPRESSED = 23,      /* the same, by xz, zstd, lz4, bzip2, lzma or lzop */

	/* Fiwix's length-prefixed Linux */
	SEGUE_E_FIWIX_KERNEL = 30,    /* kernel length reaches past the blob */
	SEGUE_E_FIWIX_INITRD = 31,    /* initramfs length reaches past the blob */

	/* bundle: a newc cpio archive */
	SEGUE_E_BUNDLE_HEADER = 40,   /* a header field is no hexadecimal number, or the magic is missing */
	SEGUE_E_BUNDLE_TRUNCATED = 41,/* a member reaches past the end of the archive, or there is no trailer */
	SEGUE_E_BUNDLE_MEMBER = 42,   /* a member with a name that no rule knows, or of a wrong kind */
	SEGUE_E_BUNDLE_TWICE = 43,    /* two members of one name */
	SEGUE_E_BUNDLE_KERNEL = 44,   /* no member named kernel, or it is empty */
	SEGUE_E_BUNDLE_CMDLINE = 45,  /* a command line with a NUL byte inside it, or of a module that is not there */
	SEGUE_E_BUNDLE_NESTED = 46,   /* the kernel member is itself a bundle or a Fiwix blob */
	SEGUE_E_BUNDLE_DIGEST = 47,   /* the digest member is not 64 hexadecimal digits */
	SEGUE_E_BUNDLE_LINK = 48,     /* a file with several names whose bytes come with none of them */

	/* ELF */
	SEGUE_E_ELF_TRUNCATED = 60,   /* the file ends inside the ELF header or the program header table */
	SEGUE_E_ELF_CLASS = 61,       /* neither ELFCLASS32 nor ELFCLASS64 */
	SEGUE_E_ELF_DATA = 62,        /* not little-endian */
	SEGUE_E_ELF_VERSION = 63,     /* EI_VERSION or e_version is not 1 */
	SEGUE_E_ELF_TYPE = 64,        /* not ET_EXEC (or ET_DYN without an interpreter) */
	SEGUE_E_ELF_MACHINE = 65,     /* neither EM_386 nor EM_X86_64 */
	SEGUE_E_ELF_PHENTSIZE = 66,   /* program headers of a wrong size */
	SEGUE_E_ELF_NO_SEGMENTS = 67, /* nothing to load */
	SEGUE_E_ELF_SEGMENT_FILE = 68,/* a segment's bytes reach past the end of the file */
	SEGUE_E_ELF_SEGMENT_SIZE = 69,/* p_memsz is smaller than p_filesz */
	SEGUE_E_ELF_SEGMENT_HIGH = 70,/* a segment wraps or does not end below 4 GiB */
	SEGUE_E_ELF_ENTRY = 71,       /* the entry lies in no segment */
	SEGUE_E_ELF_64BIT = 72,       /* ELF64 without a Multiboot header: 64-bit code */
	SEGUE_E_ELF_INTERPRETER = 73, /* a program for an operating system, with PT_INTERP */
	/* 74 is retired: broken section headers are a warning, and the kernel gets none */

	/* Multiboot 1 */
	SEGUE_E_MULTIBOOT_CHECKSUM = 90, /* header magic with a wrong checksum */
	SEGUE_E_MULTIBOOT_FLAGS = 91,    /* bits 3 to 15 ask for something that is not known */
	SEGUE_E_MULTIBOOT_TRUNCATED = 92,/* the file ends inside the header */
	SEGUE_E_MULTIBOOT_ADDRESS = 93,  /* the address fields contradict each other or the file */
	SEGUE_E_MULTIBOOT_FORMAT = 94,   /* no ELF and no address fields: nothing says where it goes */
	SEGUE_E_MULTIBOOT_2 = 95,        /* a Multiboot 2 header only */

	/* Linux */
	SEGUE_E_LINUX_TRUNCATED = 110,   /* the file ends inside the setup code or before the protected-mode code */
	SEGUE_E_LINUX_VERSION = 111,     /* a boot protocol other than 2.xx */
	SEGUE_E_LINUX_REAL_MODE = 112,   /* starts in 16-bit code, which needs the BIOS (SEGUE_LOAD_BIOS) */
	SEGUE_E_LINUX_HEADER = 113,      /* a field of the setup header makes no sense */
	SEGUE_E_LINUX_CMDLINE = 114,     /* command line longer than the kernel takes */
	SEGUE_E_LINUX_PLACE = 115,       /* no RAM where the kernel may lie, with room for init_size */
	SEGUE_E_LINUX_INITRD = 116,      /* no RAM where the kernel lets the initrd lie */
	SEGUE_E_LINUX_SETUP_DATA = 118,  /* the setup_data list that came with the blob is broken */
	SEGUE_E_LINUX_LOW = 119,         /* no RAM below 640 KiB for the setup code and its heap */

	/* boot sectors */
	SEGUE_E_BOOT_SECTOR_BIOS = 125,  /* a boot sector needs the BIOS (SEGUE_LOAD_BIOS) */

	/* placing and planning */
	SEGUE_E_TOO_LARGE = 130,         /* an initrd is larger than 4 GiB */
	SEGUE_E_SEGMENT_OVERLAP = 131,   /* two segments claim the same bytes */
	SEGUE_E_SEGMENT_NOT_RAM = 132,   /* a segment reaches outside RAM */
	/* 133 is retired: a segment over the IVT or the BIOS data area, below 0x500, is a warning */
	SEGUE_E_SEGMENT_KEPT = 134,      /* a segment covers a range that the host keeps */
	SEGUE_E_NO_PLACE = 135,          /* no RAM for a module, a table, the catcher, or bytes that are set aside */
	SEGUE_E_NO_PURGATORY = 136,      /* no RAM for purgatory or the plan's list outside source and destination */
	SEGUE_E_PLAN_SPACE = 137,        /* the plan needs a larger workspace; the sentence names what is needed */
	SEGUE_E_PLAN_REPLAY = 138,       /* the plan does not do what it is for: a defect in Segue; nothing was changed */

	/* segue_ready() */
	/* nothing is loaded in this workspace by this boot's copy of the library, or what it wrote there was written over */
	SEGUE_E_NOT_LOADED = 150,
	/* the workspace has moved, or by the page tables, or with paging off, it is not at workspace_phys */
	SEGUE_E_READY_WORKSPACE = 151,
	/* 152 is retired: 64-bit hosts were not built yet */
	/* CS is not of base code_base, or SS not 32-bit, writable, of base data_base and with the workspace within its limit */
	SEGUE_E_READY_SEGMENTS = 153,
	SEGUE_E_READY_PRIVILEGE = 154,   /* not at CPL 0 */
	/* paging is on, and segue_exec() crosses a page: the library's text, or code_base, is not 2048-aligned */
	SEGUE_E_READY_GATE = 155,
	SEGUE_E_READY_BOOT_CPU = 156,    /* not the boot CPU (IA32_APIC_BASE.BSP), and no SEGUE_LOAD_ANY_CPU */
	SEGUE_E_READY_CPUS = 157,        /* not cpu_count - 1 CPUs are parked, and no INIT can stop the others */
	/* CPUs that are not parked are to get an INIT, and CR4.VMXE is on: in VMX root it would be held back */
	SEGUE_E_READY_VMX = 158,

	/* segue_bios(), beside those of the call itself, and of segue_ready() on segments, privilege and workspace */
	SEGUE_E_BIOS_VMX = 170,          /* CR4.VMXE is on: the CPU may be in VMX root operation, which cannot leave paging */
	SEGUE_E_BIOS_GATE = 171,         /* paging is on, and its gate crosses a page: the library's text, or code_base, is not 2048-aligned */
	/* low_phys not on a page, or its pages not all between the BIOS's data and the end of base memory */
	SEGUE_E_BIOS_LOW = 172,
	SEGUE_E_BIOS_DATA = 173,         /* data is larger than SEGUE_BIOS_DATA_MAX */
	/* no BIOS lives: a vector of INT 10h, 13h or 15h leads nowhere, or base memory's size makes no sense */
	SEGUE_E_BIOS_GONE = 174,
	SEGUE_E_BIOS_MAP = 175,          /* the BIOS knows of no RAM above 1 MiB */
	SEGUE_E_BIOS_MAP_LIMIT = 176,    /* the BIOS's map has more ranges than there is room for */
	SEGUE_E_BIOS_OVERLAP = 177,      /* the workspace overlaps the BIOS's memory, or the pages that real mode borrows */

	/* segue_range_from_multiboot() */
	SEGUE_E_RANGE_MAP = 190,         /* an entry or a tag is cut, or a range wraps */
	SEGUE_E_RANGE_NONE = 191,        /* no memory map in the information */
	SEGUE_E_RANGE_LIMIT = 192        /* more ranges than there is room for */
};

/* One range of physical memory, as firmware reports it (ACPI 6.5, section 15: E820). 24 bytes. */
enum segue_memory_type {
	SEGUE_MEMORY_RAM = 1,
	SEGUE_MEMORY_RESERVED = 2,
	SEGUE_MEMORY_ACPI = 3,        /* ACPI tables; may be reclaimed */
	SEGUE_MEMORY_NVS = 4,         /* the firmware's, for its sleep states */
	SEGUE_MEMORY_UNUSABLE = 5     /* RAM with errors */
};
struct segue_range {
	uint64_t start;               /* physical address of the first byte */
	uint64_t end;                 /* one past the last */
	uint32_t type;                /* enum segue_memory_type, or the firmware's own number */
	uint32_t reserved;            /* 0 */
};

/* A run of physical memory that bytes of a part lie in. */
struct segue_extent {
	uint64_t addr;                /* physical; any alignment. Not in the workspace; with i386's library below 4 GiB */
	uint64_t size;
};

/*
 * A file, twice over: as the host reads it (one virtual range), and where it lies physically (extents, in the order of
 * the bytes). The target's bytes are taken from the extents, by segue_exec(); segue_load() reads at data only, and that
 * mapping may go after it.
 */
struct segue_part {
	const void *data;             /* NULL only if size is 0 */
	size_t size;
	/* NULL: translate (struct segue_load_args) tells; without it, contiguous at the address in data (a flat host) */
	const struct segue_extent *extents;
	size_t extent_count;          /* any number; their sizes add up to size */
	const char *name;             /* what the target gets as argv[0]; NULL: "kernel", "module" */
	const char *cmdline;          /* arguments without argv[0]; NULL: none (modules only) */
};

/* A framebuffer that the target may go on using. Types as in Multiboot 1, section 3.3. */
enum segue_framebuffer_type {
	SEGUE_FRAMEBUFFER_NONE = 255,
	SEGUE_FRAMEBUFFER_INDEXED = 0,
	SEGUE_FRAMEBUFFER_RGB = 1,
	SEGUE_FRAMEBUFFER_EGA_TEXT = 2 /* width and height in characters */
};
struct segue_framebuffer {
	uint64_t addr;                /* physical */
	uint32_t pitch;               /* bytes a line */
	uint32_t width, height;       /* pixels, or characters; width 0: unknown */
	uint8_t bpp;                  /* bits a pixel */
	uint8_t type;                 /* enum segue_framebuffer_type */
	uint8_t red_position, red_size; /* of RGB: bits, from bit 0 of a pixel */
	uint8_t green_position, green_size;
	uint8_t blue_position, blue_size;
};

/* VESA BIOS Extensions state, where the host has it (VBE 3.0; Multiboot 1, section 3.3). */
struct segue_vbe {
	const void *control_info;     /* 512 bytes, as function 00h returns them */
	const void *mode_info;        /* 256 bytes, as function 01h */
	uint16_t mode;                /* as function 03h */
	uint16_t interface_seg, interface_off, interface_len; /* function 0Ah's; 0: none */
};

/*
 * What the host knows of the machine, set to zeros first; 0 is unknown. Without a struct_size: that of segue_load_args
 * stands for both.
 */
struct segue_machine {
	struct segue_framebuffer framebuffer; /* type SEGUE_FRAMEBUFFER_NONE, or width 0: unknown */
	const struct segue_vbe *vbe;  /* NULL: none */
	uint64_t rsdp;                /* physical address of ACPI's RSDP, where it stays valid, in memory_map or below 1 MiB; 0: unknown */
	const void *rsdp_copy;        /* or a copy of it (UEFI boot loaders give one), 20 or 36 bytes */
	size_t rsdp_copy_size;
	uint32_t boot_device;         /* Multiboot 1, section 3.3, bits 31-24: BIOS drive */
	uint32_t has_boot_device;     /* 1: boot_device is known */
	uint32_t cursor_column, cursor_row; /* of the text screen, from 0 */
	uint32_t serial_port;         /* I/O port of a 16550, set up, that exceptions and digests are printed on; 0: none */
	uint32_t a20_was_shut;        /* 1: the firmware left A20 shut; a target in real mode finds it so again */
	const void *partition_entry;  /* 16 bytes of a partition table, for a boot sector (DS:SI); NULL: none */
	/* Of devices to quiet (SEGUE_LOAD_QUIET_*): */
	uint32_t hpet;                /* physical address; 0: unknown, ACPI's tables are asked */
	uint32_t io_apic[8];          /* the same, up to the first 0 */
	uint32_t bios_pic_masks;      /* of the PICs as the BIOS had them, the second one's in bits 8 to 15; 0: unknown */
};

/* How much a sentence matters. */
enum segue_log_level {
	SEGUE_LOG_ERROR = 0,          /* why a call refuses */
	SEGUE_LOG_WARNING = 1,        /* something was asked for that the target will not get */
	SEGUE_LOG_INFO = 2,           /* what was found */
	SEGUE_LOG_DEBUG = 3           /* none of the library's */
};
/* One sentence, without a newline, valid during the call; context is log_context. */
typedef void segue_log_fn(void *context, int level, const char *sentence);

/* The physical address that the host has mapped at address, or SEGUE_NOT_MAPPED; context is translate_context. */
#define SEGUE_NOT_MAPPED UINT64_MAX
typedef uint64_t segue_translate_fn(void *context, const void *address);

/* flags of struct segue_load_args */
/* A plain ELF64's entry is 32-bit code, by the host's word; without it is refused (SEGUE_E_ELF_64BIT). */
#define SEGUE_LOAD_ELF_ENTRY_32 0x1u
/* No argv[0] before a Multiboot target's strings. One that skips the first word loses its first argument. */
#define SEGUE_LOAD_NO_ARGV0     0x2u
/*
 * The BIOS lives: IVT, BIOS data area, its other memory, PICs and interval timer are as the firmware left them,
 * and memory_map is the BIOS's own. Targets that start in 16-bit code, and need it, are refused without.
 */
#define SEGUE_LOAD_BIOS         0x4u
/* Any Linux is entered by its 16-bit setup code, which asks the BIOS for memory and video. Needs SEGUE_LOAD_BIOS. */
#define SEGUE_LOAD_REAL_MODE    0x8u
/* On a wrong digest both are shown for five seconds, then the machine reboots; without, it stops. */
#define SEGUE_LOAD_DIGEST_REBOOT 0x10u
/*
 * The host will set the video mode that segue_describe() names (asks_video), and load again with the framebuffer that it
 * got: no warning that the target does not get what it asks for.
 */
#define SEGUE_LOAD_VIDEO        0x20u
/*
 * segue_exec() may run on a CPU that is not the boot CPU. Then all others must be parked, the boot CPU among them (with
 * cpu_count 0 or 1 that is taken for granted). An INIT would start the boot CPU anew in the firmware, so it halts in
 * purgatory's home (segue_park()): the target must leave it there (Linux: disable_cpu_apicid=), and that memory, too. A
 * workspace that memory_map calls reserved is such a home.
 */
#define SEGUE_LOAD_ANY_CPU      0x40u
/*
 * Purgatory stops the other CPUs by INIT before the first move, parked or not. Those that are not parked must not be in
 * VMX root operation, and keep x2APIC mode and their MSRs. Only from the boot CPU.
 */
#define SEGUE_LOAD_INIT_CPUS    0x80u
/*
 * An exception printer stays in 16 KiB that the target's memory map calls reserved: what faults before it has an IDT
 * of its own is printed with all registers, and the machine stops (catcher.asm's contract). A target that starts in real
 * mode gets none: a warning says so.
 */
#define SEGUE_LOAD_CATCHER      0x100u
/*
 * SEGUE_LOAD_QUIET_*: what purgatory quiets, with paging off and before the first move; it asks no mapping of the host,
 * and passes by what the machine has not. For a target that finds its devices as a PC's BIOS leaves them.
 *
 * Every entry of every IO-APIC masked, as after reset, but those that deliver SMIs; a level interrupt that the host did
 * not end is ended. Their addresses: segue_machine, else ACPI's tables, else the usual one where something answers there.
 * Costs an interrupt that was under way.
 */
#define SEGUE_LOAD_QUIET_IOAPIC 0x200u
/*
 * This CPU's local APIC, where it is on: from x2APIC mode to xAPIC (not where the firmware has locked that), its timer
 * stopped, its other sources but SMIs masked, nothing in service or waiting, LINT0 ExtINT and LINT1 NMI: a target that knows
 * only the PICs gets their interrupts. Costs interrupts that the host had not taken yet.
 */
#define SEGUE_LOAD_QUIET_LAPIC  0x400u
/* The HPET stopped, its comparators silent, the PIT's and the clock's interrupts no longer its own. Costs its count. */
#define SEGUE_LOAD_QUIET_HPET   0x800u
/* The PIT's counter 0 back to 18.2 Hz, the speaker off. Costs one tick. */
#define SEGUE_LOAD_QUIET_PIT    0x1000u
/*
 * Both PICs at the BIOS's vectors (08h, 70h), nothing in service, all lines masked; for a target in real mode those of
 * bios_pic_masks, which it needs for the BIOS. Costs the edges that waited.
 */
#define SEGUE_LOAD_QUIET_PIC    0x2000u
/* The clock's periodic, alarm and update interrupts off; NMIs left open at port 70h. Costs a wake-up alarm. */
#define SEGUE_LOAD_QUIET_RTC    0x4000u
/*
 * PCI's bus mastering off in every device, not in bridges, and the channels of the ISA bus's DMA controllers masked: what
 * was left transferring writes no longer. Costs the BIOS its disks, and USB keyboards that it makes look like PS/2's; a
 * driver sets the bit for its device anyway. An IOMMU stays as it is. Takes some 20 ms: all buses are looked through.
 */
#define SEGUE_LOAD_QUIET_BUS_MASTERS 0x8000u
/*
 * VGA in text mode 3, its colours, its font (the video ROM's, else one of ASCII), an empty screen; the target is told of
 * that and no other screen. For a VGA whose registers are there (QEMU, Bochs, PCs until a driver has set another mode
 * in a way of its own). Costs the picture, and the framebuffer that machine has.
 */
#define SEGUE_LOAD_QUIET_VGA    0x10000u
/* All of these, but bus masters where the target starts in real mode: it will ask the BIOS for its disk. */
#define SEGUE_LOAD_QUIET_ALL    0x20000u
/*
 * A Multiboot target's modules stay where they are, if that is on a page and in RAM that nothing else claims. Without,
 * they are moved to follow the kernel in their order, as other boot loaders place them: some kernels depend on it, and
 * others (Xen) do not care. Saves that move.
 */
#define SEGUE_LOAD_MODULES_STAY 0x40000u
/*
 * Without translate, the page tables in force are searched for at many linear addresses ("What is told of physical memory",
 * below): for the time in which you port. Costs some milliseconds, and reads addresses that may be mapped to a device.
 */
#define SEGUE_LOAD_SEARCH_TABLES 0x80000u
#define SEGUE_LOAD_KNOWN_FLAGS  0xfffffu

/* What segue_load() is told. Nothing of it is needed after the call but the workspace and what lies in the parts' extents. */
struct segue_load_args {
	uint32_t struct_size;         /* sizeof(struct segue_load_args) */
	uint32_t flags;               /* SEGUE_LOAD_* */

	struct segue_part blob;       /* the kernel, or what holds it; its cmdline is not used */
	const struct segue_part *modules; /* more files beside the blob: initrds, Multiboot modules; behind a bundle's own */
	size_t module_count;
	const char *cmdline;          /* the target's; NULL: the one that the blob brings, if any */

	const struct segue_range *memory_map; /* of the whole machine, in any order, with what is not RAM; the target gets it */
	size_t memory_map_count;
	const struct segue_range *keep; /* ranges that must stay until the target has them (type is not read) */
	size_t keep_count;

	/*
	 * On a page, linear and physical; physically contiguous, below 4 GiB; writable, perhaps no-execute. It may lie where
	 * the target goes, but then purgatory and its list need other free RAM. It may hold anything: it need not be cleared.
	 * Never a local variable: it is larger than most kernel stacks, and what lies below a stack that is too small cannot
	 * be told from it. A stack, or arguments, within it are refused.
	 */
	void *workspace;
	uint64_t workspace_phys;
	size_t workspace_size;        /* at least segue_workspace_size(...) */

	/*
	 * Linear address of offset 0 of the host's code segment, and of its data and stack segments (which share one): the
	 * base in their descriptors, not the kernel's virtual base. 0 where segments are flat; must be 0 in 64-bit mode.
	 * i386: 32 bits count.
	 */
	uint64_t code_base, data_base;

	/*
	 * CPUs that the host has running, with this one; 0 counts as 1. Segue cannot count them: where others run and this
	 * field is left at 0 or 1, segue_ready() says OK, they run on in memory that is overwritten, and the machine resets
	 * or hangs. All but one park, or get an INIT (SEGUE_LOAD_INIT_CPUS: whoever else runs gets it with 0 and 1 as well,
	 * and segue_ready() sees whether one can be sent).
	 */
	uint32_t cpu_count;

	const struct segue_machine *machine; /* set to zeros before it is filled in; NULL: nothing is known */

	/*
	 * 32 bytes: SHA-256 over what the target's segments take from the blob and the modules, in the order of
	 * segue_segment_at(); in_digest says of which (loaders/container/bundle.c: why not of all). The machine's memory does not
	 * change it. Purgatory compares it with what lies at their destinations when all is moved.
	 * NULL: the one that a bundle brings (over what they take from the bundle), if any.
	 */
	const void *digest;

	segue_log_fn *log;            /* gets a sentence for each refusal, and warnings; NULL: silent */
	void *log_context;            /* given to log as it is */

	/*
	 * NULL, or how the host finds a physical address. It is asked of each page of the workspace, which is refused unless it
	 * is at workspace_phys, and of each page of a part without extents: these are made of it.
	 */
	segue_translate_fn *translate;
	void *translate_context;
};

/*
 * Bytes of workspace that suffice for so many extents. Count those of the blob and of all modules (a contiguous one
 * counts 1), seven for each module in a bundle, four more for each other module, eight for each segment of the kernel above
 * 32, and four for each range of map and keep list above 256. A plan that must exchange bytes in full memory may need
 * more, and is refused then (SEGUE_E_PLAN_SPACE): the sentence names how much more, and a larger workspace cures it. The
 * macro is the same figure for a static array: 128 bytes an extent.
 */
#define SEGUE_WORKSPACE_SIZE(extents) (200704u + ((((size_t)(extents)) * 128u + 4095u) & ~(size_t)4095u))
size_t segue_workspace_size(size_t extents);

/*
 * What is told of physical memory is checked as far as it can be. An address in no range of memory_map: a workspace there
 * is refused where the map names other memory of the host's, else warned of; an extent is warned of. A workspace in a range
 * that is not RAM is warned of, and refused if its pages do not keep what is written to them. By the page tables in force: a
 * workspace that they have elsewhere is refused; so is an extent that is in no range of the map either; another is warned
 * of, since data may be a copy.
 *
 * The tables are read where the host has them mapped, in this order: at the offset from physical addresses that the
 * workspace or a part has, at 0, at the linear address that the kernel begins with (the workspace's or the library's, its
 * lower 28 to 31 bits 0). Then, with SEGUE_LOAD_SEARCH_TABLES and without translate: at any offset that is a multiple of
 * 4 MiB (2 MiB with PAE; 512 GiB in 64-bit mode, with 5 levels 256 TiB); by any slot of the root that leads to the root (with
 * PAE four slots for the four page directories, and the root mapped somewhere); and where the root lies at such a place
 * among what one table, of each lower level, maps around the workspace, the library, the blob or the stack (of single pages:
 * around the library). What is found proves itself: read so, the tables must have the root there.
 *
 * Such a read may fault, which the host does not see; interrupts are off for some instructions. A search that finds nothing
 * is 3000 to 9300 reads of 8 bytes: a host that has device registers mapped which change when they are read gives translate
 * instead of the flag. Tables cannot be read where they are mapped otherwise or not at all, or with FRED, or on i386 with
 * CET: a SEGUE_LOG_INFO says so, if there is no translate either. Then a wrong workspace_phys that lies in the map is not
 * noticed, and ends in a reset.
 */

/*
 * Recognises the blob, places its segments, plans the moves and writes all that segue_exec() needs into the workspace; what
 * was loaded there before is forgotten. Returns SEGUE_OK or a code of enum segue_error, from the groups up to that of
 * placing and planning. After a refusal nothing is loaded in the workspace, and no other byte has changed; but where
 * struct_size or the workspace itself is refused (SEGUE_E_WORKSPACE_PARKED and SEGUE_E_BUSY, too), that is not touched
 * either. The memory of the blob and the modules belongs to Segue from here to segue_exec() or segue_unload(): the host must
 * neither change nor free it. The argument structures and strings may go. Takes up to 2 KiB of stack. Of more than eight
 * workspaces that are loaded at a time, the one that was loaded first is forgotten.
 */
int segue_load(const struct segue_load_args *args);

/*
 * Forgets what is loaded; the workspace and the blob's memory are the caller's again. Where CPUs are parked in the
 * workspace it does nothing: they wait there until segue_exec() or the machine's reset.
 */
void segue_unload(void *workspace);

/*
 * May segue_exec() be called here, on this CPU, in this mode? SEGUE_OK, or why not: SEGUE_E_NOT_LOADED or a
 * SEGUE_E_READY_*. *sentence (if sentence is not NULL) becomes what segue_strerror() says of it. Changes nothing. A host
 * whose other CPUs are on their way to segue_park() asks again until it no longer says SEGUE_E_READY_CPUS.
 */
int segue_ready(const void *workspace, const char **sentence);

/*
 * Starts the target. Precondition: segue_ready() returned SEGUE_OK here, or would. Calls nothing of the host and uses no
 * stack: the argument comes in a register (i386: EAX, x86_64: RDI), and it may be reached by a jump, from an interrupt
 * handler, on a broken stack. It does not return.
 *
 * What must hold of the host: CPL 0; CS, and on i386 SS, as segue_ready() wants them (DS, ES, FS, GS, the stack pointer,
 * GDT, IDT, LDT, TSS may be in any state); the library's text, its .bss and the workspace are mapped where they
 * were at segue_load(), the text executable, .bss readable, the workspace writable. Nothing else is mapped for Segue: no identity map,
 * nothing of the blob. Paging may be off, 32-bit, PAE, 4-level or 5-level, and need not be what it was at segue_load().
 * VMX, SVM, CET, PCID, PGE, SMEP, SMAP, protection keys, FRED, breakpoints may be on.
 *
 * Where nothing is loaded in the workspace (never in this boot, no more, or its head was written over; NULL, too) it prints
 * a sentence on port 0xE9 and on the serial port that the last segue_load() was told of (before the first load on port 0xE9
 * only), and halts, without using the workspace; so does segue_park(). The same on a CPU that is not the boot CPU, without
 * SEGUE_LOAD_ANY_CPU, where an IA32_APIC_BASE tells. Else what segue_ready() would refuse is not looked at again.
 *
 * For its first 700 instructions at most, while it builds its tables, an NMI or a machine check still goes to the host's
 * handler, on 4 KiB of stack in the workspace; then, until two instructions before the target's first, an NMI is ignored,
 * and any other exception printed (purgatory.asm's contract, point 7); with SEGUE_LOAD_CATCHER up to the target's first
 * and beyond.
 * With indirect-branch tracking on, an i386 host must come here by a direct jump or call. For a CPU that is in
 * segue_park() at that moment it waits some 50 ms at the most; one that comes to it later is not let in.
 */
SEGUE_REGISTER_CALL SEGUE_NORETURN void segue_exec(void *workspace);

/*
 * Parks this CPU: called after segue_load() on each CPU but the one that will call segue_exec(), at the same time if
 * need be; at once in an NMI's handler, too. What must hold of the host, and what may be in any state, is the same as
 * for segue_exec(); the CPUs need not share page tables. It does not return.
 *
 * The CPU leaves the host's mode (VMX root, too), its caches go on, and its control registers and MSRs to what the target
 * finds on the CPU that enters it (purgatory.asm, points 9 to 12); its local APIC goes from x2APIC back to xAPIC where its
 * ID allows. Then it waits in the workspace, interrupts off, and an NMI is ignored; a machine check is a shutdown.
 * Purgatory sends it an INIT before the first move: it waits for the target's SIPI then, and runs nothing. Who can get
 * none (the boot CPU; where no IA32_APIC_BASE tells of a local APIC) halts instead in purgatory's home, RAM that no move
 * writes (struct segue_description: purgatory). As after an SMI or an NMI a CPU reads on from where it halted, a target
 * should not take that memory before it has sent the CPU an INIT itself.
 *
 * Any number of CPUs may park. Of more than 128 the rest share one stack for NMIs, and get an INIT only with
 * SEGUE_LOAD_INIT_CPUS; without they halt. Where segue_block_cpus is not linked a CPU prints a sentence and halts.
 */
SEGUE_REGISTER_CALL SEGUE_NORETURN void segue_park(void *workspace);

/* What a target asks of the screen. */
enum segue_video {
	SEGUE_VIDEO_NOT_ASKED = 0,
	SEGUE_VIDEO_GRAPHICS = 1,
	SEGUE_VIDEO_TEXT = 2
};

/* What is loaded. SEGUE_OK, SEGUE_E_ARGUMENT, SEGUE_E_STRUCT_SIZE, or SEGUE_E_NOT_LOADED. */
struct segue_description {
	uint32_t struct_size;         /* in: sizeof(struct segue_description) */
	uint32_t entry;               /* physical address of the target's first instruction */
	const char *protocol;         /* "Multiboot 1", "Linux", "ELF"; static */
	const char *container;        /* "bundle", "Fiwix", or "" for a kernel as it is; static */
	size_t segment_count;         /* for segue_segment_at() */
	size_t move_count;            /* for segue_move_at() */
	uint64_t payload;             /* bytes that the target is made of, without zeros */
	uint64_t in_place;            /* of these, bytes that already lie where they must */
	uint64_t moved;               /* bytes that the plan's copies and exchanges write */
	uint64_t set_aside;           /* of these, bytes written only to break cycles */
	uint64_t zeroed;              /* bytes that are set to 0 */
	uint32_t purgatory;           /* physical address that purgatory runs at */
	uint32_t purgatory_size;      /* bytes of its code */
	uint64_t needs_memory;        /* what the target asks for above its segments (Linux init_size), 0: nothing */
	uint32_t has_digest;          /* 1: purgatory will check one */
	uint32_t asks_video;          /* enum segue_video: what the target asks for (Multiboot flag 2, Linux vga=) */
	uint32_t video_width, video_height; /* of graphics, in pixels; 0: any */
	uint32_t video_depth;         /* bits a pixel; 0: any */
	uint32_t video_mode;          /* or VBE's number of the mode; 0: any */
	uint32_t real_mode;           /* 1: entered in real mode; entry is CS * 16 + IP */
	uint32_t is_64_bit;           /* 1: its headers say that it needs a 64-bit CPU (ELF64; Linux 3.8 and later) */
};
int segue_describe(const void *workspace, struct segue_description *description);

/*
 * Segment number index of what is loaded, from 0, in the order of the loader. SEGUE_E_NOT_LOADED; SEGUE_E_ARGUMENT past the
 * last.
 */
struct segue_segment {
	uint64_t dest;                /* physical */
	uint64_t size;                /* with the zeros at its end */
	uint64_t file_size;           /* bytes that come from the source */
	uint64_t source;              /* physical address of the first of these */
	const char *name;             /* "ELF segment", "initrd", "command line" ...; static */
	uint32_t number;              /* for names that stand for several; from 0 */
	uint32_t in_digest;           /* 1: a digest is over these bytes */
};
int segue_segment_at(const void *workspace, size_t index, struct segue_segment *segment);

/* Move number index of the plan, from 0, in the order they run. Codes as segue_segment_at()'s. */
enum segue_move_kind {
	SEGUE_MOVE_KIND_COPY = 1,
	SEGUE_MOVE_KIND_ZERO = 3,     /* source is not used */
	SEGUE_MOVE_KIND_SWAP = 4      /* the two are exchanged */
};
struct segue_move_description {
	uint64_t dest, source, size;  /* physical */
	uint32_t kind;                /* enum segue_move_kind */
	uint32_t descending;          /* 1: from the last byte to the first */
};
int segue_move_at(const void *workspace, size_t index, struct segue_move_description *move);

/*
 * The BIOS, from a host in any mode.
 *
 * segue_bios() goes to real mode for one interrupt and comes back with the host's state whole: control registers, EFER,
 * GDTR, IDTR, LDTR, TR (but not one that was never loaded), segments and their bases, DR7, EFLAGS, x87, SSE and what else
 * XSAVE knows, the local APIC's task priority, and the memory that is borrowed. PAT, SYSENTER, SYSCALL and all other MSRs
 * are not touched.
 *
 * What must hold: CPL 0; on i386 CS and SS as segue_ready() wants them, and a stack; the library's text and the workspace
 * mapped as they are told. Nothing else is mapped for Segue. The BIOS's vectors, data area and ROMs are as the firmware
 * left them. Call it on the boot CPU; other CPUs may run on, but must not ask the BIOS or use the borrowed memory.
 *
 * In real mode interrupts are on, as BIOSes want it, and an NMI or an exception is the BIOS's; a machine check is a
 * shutdown. On the way there and back interrupts are off, an NMI is lost, and an exception is printed as by segue_exec();
 * in the some forty instructions just before and behind real mode either is a shutdown. A local APIC keeps its own
 * interrupts for the host. The PICs' go to the BIOS: a host that has lines of theirs unmasked must say how they are set up
 * (SEGUE_BIOS_PIC), and what they signal meanwhile is not seen by the host. Where LINT0 is masked the BIOS gets none, and
 * most calls need none. A CPU without CPUID keeps no x87 state.
 */

/* What the BIOS gets and returns. */
struct segue_bios_registers {
	uint32_t eax, ebx, ecx, edx, esi, edi, ebp;
	uint16_t ds, es;
	uint32_t eflags;              /* what the BIOS returns; not looked at before */
};
#define SEGUE_BIOS_CARRY 0x1u         /* in eflags */

/* flags of struct segue_bios_args */
/* The PICs are the BIOS's: its own vectors, and the lines of irqs; then pic_vector's and the masks are back. */
#define SEGUE_BIOS_PIC      0x1u
#define SEGUE_BIOS_PIC_AEOI 0x2u      /* the host's PICs end interrupts by themselves (ICW4) */
/* The PIT's counter 0 runs at the BIOS's 18.2 Hz; then it starts anew with pit_mode and pit_reload. */
#define SEGUE_BIOS_PIT      0x4u
#define SEGUE_BIOS_KNOWN_FLAGS 0x7u

/* Bytes; less than the least workspace of segue_load(). */
#define SEGUE_BIOS_WORKSPACE_SIZE 86016u
/* What real mode borrows at low_phys: two pages for the way there and its stack, then data. */
#define SEGUE_BIOS_LOW 0x10000u       /* where it is if low_phys is 0 */
#define SEGUE_BIOS_DATA_AT 0x2000u
#define SEGUE_BIOS_DATA_MAX 0x2000u
/* IRQs that a BIOS may wait for: timer, keyboard, the second PIC, floppy disk, real-time clock, mouse, coprocessor, disks. */
#define SEGUE_BIOS_IRQS 0xf147u

struct segue_bios_args {
	uint32_t struct_size;         /* sizeof(struct segue_bios_args) */
	uint32_t flags;               /* SEGUE_BIOS_* */
	/*
	 * As segue_load()'s, and may be the same memory while nothing is loaded in it: it is written over. Apart from the
	 * pages that real mode borrows, from 0 to 0x1000, from 0xA0000 to 1 MiB, and from what the BIOS keeps below 0xA0000.
	 */
	void *workspace;
	uint64_t workspace_phys;
	size_t workspace_size;        /* at least SEGUE_BIOS_WORKSPACE_SIZE */
	uint64_t code_base, data_base; /* as segue_load()'s */

	/*
	 * Up to SEGUE_BIOS_DATA_MAX bytes that lie at segment low_phys / 16, offset SEGUE_BIOS_DATA_AT while the BIOS
	 * runs: copied there before, and back after. NULL: none.
	 */
	void *data;
	size_t data_size;
	uint32_t low_phys;            /* a page in base memory, lent with those behind it and put back; 0: SEGUE_BIOS_LOW */

	uint32_t serial_port;         /* for an exception's text, as segue_machine's; 0: none */

	/* What cannot be read back of PICs and PIT (masks can), for SEGUE_BIOS_PIC: */
	uint8_t pic_vector[2];        /* ICW2 of the first PIC and the second */
	uint16_t irqs;                /* lines that the BIOS gets while it runs, bit n for IRQ n; SEGUE_BIOS_IRQS or less */
	/* and for SEGUE_BIOS_PIT: */
	uint16_t pit_reload;          /* counts at 1193182 Hz; 0: 65536 */
	uint16_t pit_mode;            /* 0 to 5 */

	segue_log_fn *log;            /* NULL: silent */
	void *log_context;
};

/*
 * INT vector (its low byte) with those registers, which become what the BIOS returns: SEGUE_OK says only that it was
 * called, and SEGUE_BIOS_CARRY often that it refused. Else a code of the call itself, SEGUE_E_READY_* or SEGUE_E_BIOS_*,
 * whose sentence log gets (but for SEGUE_E_STRUCT_SIZE); then nothing has changed but the workspace.
 */
int segue_bios(const struct segue_bios_args *args, uint32_t vector, struct segue_bios_registers *registers);

/*
 * The memory map as the BIOS tells it: INT 15h E820, or where that is missing E801, 88h and INT 12h. Fills in map (limit
 * ranges; some PCs have more than 32) and *count, fit for memory_map. args->data is not used. Codes as segue_bios()'s,
 * and SEGUE_E_BIOS_MAP, SEGUE_E_BIOS_MAP_LIMIT.
 */
int segue_bios_memory_map(const struct segue_bios_args *args, struct segue_range *map, size_t limit, size_t *count);

/*
 * The memory map that a Multiboot boot loader has passed, fit for memory_map: one range for each entry, in their order, and
 * none merged, cut or left out. For hosts that it has started; others need not have it linked.
 *
 * version 1: bytes is the memory map itself (Multiboot 1, section 3.3: mmap_addr, where bit 6 of flags is set), size is
 * mmap_length; bytes is a virtual address, mmap_addr a physical one. version 2: bytes is the whole of the information
 * (Multiboot 2, section 3.6), size is how much of it is mapped; its total_size counts, and the memory map is the tag of type
 * 6. Any alignment; nothing past size is read.
 *
 * Fills in ranges (limit of them) and *count, how many there are. SEGUE_OK; SEGUE_E_RANGE_LIMIT: *count are needed, and the
 * first limit are filled in; SEGUE_E_RANGE_MAP, SEGUE_E_RANGE_NONE, SEGUE_E_ARGUMENT: *count is 0.
 */
int segue_range_from_multiboot(int version, const void *bytes, size_t size, struct segue_range *ranges, size_t limit,
			       size_t *count);

/*
 * Purgatory's optional blocks: what segue_exec() can do only if the block is linked. The library has a table of all of them,
 * alone in its object. A host that defines a table of its own gets that one instead, and what its table does not name is not
 * linked; keep the order below. (--whole-archive and ld -r take all there is, and then a second table is an error of the
 * linker.) SEGUE_BLOCKS of segue.mk does the same. What needs another block is refused with SEGUE_E_BLOCK.
 *
 *     const struct segue_block *const segue_blocks[] = { &segue_block_devices, NULL };
 */
extern const struct segue_block segue_block_cpus;      /* cpu_count of 2 or more, SEGUE_LOAD_INIT_CPUS, segue_park() */
extern const struct segue_block segue_block_real_mode; /* SEGUE_LOAD_REAL_MODE, targets that start in 16-bit code */
extern const struct segue_block segue_block_high;      /* a blob above 4 GiB; not in the i386 library */
extern const struct segue_block segue_block_digest;    /* digest, a bundle's, SEGUE_LOAD_DIGEST_REBOOT */
extern const struct segue_block segue_block_devices;   /* SEGUE_LOAD_QUIET_* */
extern const struct segue_block segue_block_catcher;   /* SEGUE_LOAD_CATCHER */
extern const struct segue_block *const segue_blocks[];

/* What a code means, in one static sentence; for a code that is none, a sentence that says so. */
const char *segue_strerror(int code);

/* SEGUE_VERSION of the library that is linked. */
uint32_t segue_version(void);

#ifdef __cplusplus
}
#endif
#endif
