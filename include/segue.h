/* SPDX-License-Identifier: MIT */
/*
 * Segue: hands a running x86 machine from one kernel to the next.
 *
 *   segue_load()   does everything that can fail, and changes the workspace only
 *   segue_park()   stops another CPU; called on each other CPU that runs, after segue_load()
 *   segue_ready()  says whether segue_exec() may be called at this point
 *   segue_exec()   cannot fail and does not return
 *   segue_call()   the same for a target that comes back: returns when the target has jumped back
 *   segue_bios()   makes a BIOS call from any mode of the host, and returns; only before segue_load()
 *   segue_physical_call()  the same for a binary of the host's, in real mode or in 32-bit mode without paging
 *
 * The host is the kernel that calls. The target is the kernel to start. The blob is the file that holds the target.
 * Ranges include their start and exclude their end. Sizes are in bytes. Strings are NUL-terminated UTF-8. The library
 * allocates nothing and takes no lock of the host. After a call it keeps no pointer to the caller's structures. It uses
 * the workspace, and the memory of the blob and the modules, until segue_exec() or segue_unload().
 *
 * The library keeps some state in .bss: the addresses of the eight workspaces that were loaded last, the serial port of
 * the last load, and whether a load is in progress. It uses the content of a workspace only if its address is one of the
 * eight: RAM survives a warm reset, so an earlier boot or another copy of the library may have left a target there.
 * Therefore:
 * - .bss must be zero when the host starts, as boot loaders make it (segue.elf clears its own);
 * - .bss must be readable wherever segue_exec() or segue_park() is called;
 * - a workspace must be used with one copy of the library, from segue_load() to segue_exec();
 * - segue_unload() must not be called while segue_load() runs. A second segue_load() returns SEGUE_E_BUSY.
 *
 * If a structure begins with struct_size: set all of it to zeros, set struct_size to its sizeof, then set what is known.
 * Header and library must be of one version: any other size is SEGUE_E_STRUCT_SIZE. A field of 0 or NULL means none or
 * unknown, unless its comment says otherwise.
 *
 * Needs <stdint.h> and <stddef.h> only. Clean C89 (with a C99 stdint.h) and C++.
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
 * segue_exec() and segue_park() take their argument in a register, because the stack may be broken: EAX on i386, RDI on
 * x86_64. An i386 compiler without GCC's regparm (such as tcc) calls other entries, which take it from the stack as in
 * cdecl. These need a good stack and must be called, not jumped to. The rest of the contract is the same.
 */
#if defined(_WIN64)
#error "the 64-bit library takes its arguments as in the System V ABI"
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
/* segue_call() takes its argument from the stack on i386, whatever the convention of the host is. */
#if defined(__GNUC__) && defined(__i386__)
#define SEGUE_STACK_CALL __attribute__((cdecl, regparm(0)))
#else
#define SEGUE_STACK_CALL
#endif
#if defined(__GNUC__)
#define SEGUE_NORETURN __attribute__((noreturn))
#else
#define SEGUE_NORETURN
#endif

/*
 * Each kind of refusal has its own code. segue_strerror() says what a code means. The log function gets a sentence that
 * names the segment, range and limit. Codes keep their numbers; new ones are added at the end of their group.
 */
enum segue_error {
	SEGUE_OK = 0,

	/* the call itself */
	/* a NULL pointer that is required, a count that exceeds memory, an index past the last, a base not 0 in 64-bit mode */
	SEGUE_E_ARGUMENT = 1,
	SEGUE_E_STRUCT_SIZE = 2,      /* struct_size is not this version's */
	SEGUE_E_WORKSPACE_ALIGN = 3,  /* workspace not on a 4096-byte boundary, virtual or physical */
	SEGUE_E_WORKSPACE_HIGH = 4,   /* workspace not below 4 GiB */
	SEGUE_E_WORKSPACE_SMALL = 5,  /* workspace too small; the sentence names the size that is needed */
	SEGUE_E_EXTENTS = 6,          /* a part's extents do not add up to its size, or overlap the workspace */
	/* an extent wraps, overlaps the last page below 4 GiB, or ends above what the CPU can address (i386 library: 4 GiB) */
	SEGUE_E_EXTENT_HIGH = 7,
	SEGUE_E_MEMORY_MAP = 8,       /* a range of the memory map or the keep list ends before it starts */
	SEGUE_E_NO_RAM = 9,           /* the memory map has no RAM below 4 GiB, and the target is no Linux that may lie above */
	SEGUE_E_FLAGS = 10,           /* a flag that this version does not define */
	SEGUE_E_WORKSPACE_PARKED = 11, /* CPUs are parked in the workspace: it cannot be loaded again */
	/* memory_map, translate or the page tables show that the workspace is not at workspace_phys, or not contiguous */
	SEGUE_E_WORKSPACE_PLACE = 12,
	/* translate has no address for a part, or the page tables contradict an extent that is not in the memory map */
	SEGUE_E_EXTENT_PLACE = 13,
	SEGUE_E_WORKSPACE_USED = 14,  /* the stack, an argument, the library or the log function is in the workspace */
	SEGUE_E_BUSY = 15,            /* another segue_load() is in progress: on another CPU, or interrupted by this call */
	SEGUE_E_BLOCK = 16,           /* this load needs a block of purgatory that is not linked (segue_blocks) */
	/*
	 * target_memory has no array or too many ranges, a range that ends before it starts, or no RAM below 4 GiB (for a target
	 * that may lie above: no RAM)
	 */
	SEGUE_E_TARGET_MEMORY = 17,
	/* staging is too small, out of reach, not in memory_map, or overlaps itself, keep, the workspace or target_memory */
	SEGUE_E_STAGING = 18,
	/*
	 * SEGUE_LOAD_RETURN without target_memory, with a flag that it excludes, with the workspace in target_memory, or with a
	 * range of unused that ends before it starts; or SEGUE_LOAD_CLEAR without SEGUE_LOAD_RETURN
	 */
	SEGUE_E_RETURN = 19,

	/* recognising the blob */
	SEGUE_E_EMPTY = 20,           /* the blob has no bytes */
	SEGUE_E_UNKNOWN = 21,         /* the blob has no format that Segue recognises */
	SEGUE_E_GZIP = 22,            /* the blob, or the kernel in it, is compressed by gzip */
	SEGUE_E_COMPRESSED = 23,      /* the same, by xz, zstd, lz4, bzip2, lzma or lzop */
	SEGUE_E_NOT_LINKED = 24,      /* a protocol or container that Segue knows, and the host has not linked (segue_loaders) */

	/* Fiwix's format: Linux and an initramfs with their lengths before them */
	SEGUE_E_FIWIX_KERNEL = 30,    /* the kernel's length exceeds the blob */
	SEGUE_E_FIWIX_INITRD = 31,    /* the initramfs's length exceeds the blob */

	/* bundle: a newc cpio archive */
	SEGUE_E_BUNDLE_HEADER = 40,   /* a header field is not a hexadecimal number, or the magic is missing */
	SEGUE_E_BUNDLE_TRUNCATED = 41,/* the archive ends inside a member, or has no trailer */
	SEGUE_E_BUNDLE_MEMBER = 42,   /* a member has an unknown name, or is of a wrong kind (file, directory) */
	SEGUE_E_BUNDLE_TWICE = 43,    /* two members have the same name */
	SEGUE_E_BUNDLE_KERNEL = 44,   /* no member is named kernel, or it is empty */
	SEGUE_E_BUNDLE_CMDLINE = 45,  /* a command line contains a NUL byte, or its module is missing */
	SEGUE_E_BUNDLE_NESTED = 46,   /* the kernel member is itself a bundle or a Fiwix blob */
	SEGUE_E_BUNDLE_DIGEST = 47,   /* the digest member is not 64 hexadecimal digits */
	SEGUE_E_BUNDLE_LINK = 48,     /* a hard-linked file has its data under none of its names */

	/* ELF */
	SEGUE_E_ELF_TRUNCATED = 60,   /* the file ends inside the ELF header or the program header table */
	SEGUE_E_ELF_CLASS = 61,       /* neither ELFCLASS32 nor ELFCLASS64 */
	SEGUE_E_ELF_DATA = 62,        /* not little-endian */
	SEGUE_E_ELF_VERSION = 63,     /* EI_VERSION or e_version is not 1 */
	SEGUE_E_ELF_TYPE = 64,        /* not ET_EXEC (or ET_DYN without an interpreter) */
	SEGUE_E_ELF_MACHINE = 65,     /* neither EM_386 nor EM_X86_64 */
	SEGUE_E_ELF_PHENTSIZE = 66,   /* e_phentsize is wrong */
	SEGUE_E_ELF_NO_SEGMENTS = 67, /* nothing to load */
	SEGUE_E_ELF_SEGMENT_FILE = 68,/* the file ends inside a segment's bytes */
	SEGUE_E_ELF_SEGMENT_SIZE = 69,/* p_memsz is smaller than p_filesz */
	SEGUE_E_ELF_SEGMENT_HIGH = 70,/* a segment wraps or does not end below 4 GiB */
	SEGUE_E_ELF_ENTRY = 71,       /* the entry point is in no segment */
	SEGUE_E_ELF_64BIT = 72,       /* ELF64 without a Multiboot header or PVH's note: 64-bit code */
	SEGUE_E_ELF_INTERPRETER = 73, /* a program for an operating system, with PT_INTERP */
	/* 74 is retired: broken section headers give a warning, and the kernel gets no section headers */

	/* Multiboot 1 */
	SEGUE_E_MULTIBOOT_CHECKSUM = 90, /* header magic with a wrong checksum */
	SEGUE_E_MULTIBOOT_FLAGS = 91,    /* bits 3 to 15 request a feature that is not defined */
	SEGUE_E_MULTIBOOT_TRUNCATED = 92,/* the file ends inside the header */
	SEGUE_E_MULTIBOOT_ADDRESS = 93,  /* the address fields contradict each other or the file */
	SEGUE_E_MULTIBOOT_FORMAT = 94,   /* neither ELF nor address fields: the load address is unknown */
	/* 95 is retired: Multiboot 2 has a loader */

	/* Linux */
	SEGUE_E_LINUX_TRUNCATED = 110,   /* the file ends inside the setup code or before the protected-mode code */
	SEGUE_E_LINUX_VERSION = 111,     /* a boot protocol other than 2.xx */
	SEGUE_E_LINUX_REAL_MODE = 112,   /* starts in 16-bit code, which needs the BIOS (SEGUE_LOAD_BIOS) */
	SEGUE_E_LINUX_HEADER = 113,      /* a field of the setup header has an invalid value */
	SEGUE_E_LINUX_CMDLINE = 114,     /* the command line is longer than the kernel accepts */
	SEGUE_E_LINUX_PLACE = 115,       /* no free RAM of init_size bytes where the kernel may be loaded */
	SEGUE_E_LINUX_INITRD = 116,      /* no free RAM where the kernel accepts an initrd */
	SEGUE_E_LINUX_SETUP_DATA = 118,  /* the setup_data list in the blob is broken */
	SEGUE_E_LINUX_LOW = 119,         /* no RAM below 640 KiB for the setup code and its heap */
	SEGUE_E_LINUX_64 = 120,          /* SEGUE_LOAD_LINUX_64, and the kernel has no 64-bit entry or is to start in 16-bit code */
	SEGUE_E_LONG_MODE = 121,         /* the target is to be entered in 64-bit mode, and the CPU has none */

	/* boot sectors */
	SEGUE_E_BOOT_SECTOR_BIOS = 125,  /* a boot sector needs the BIOS (SEGUE_LOAD_BIOS) */

	/* placing and planning */
	SEGUE_E_TOO_LARGE = 130,         /* an initrd is larger than 4 GiB, and the kernel is not entered in 64-bit mode */
	SEGUE_E_SEGMENT_OVERLAP = 131,   /* two segments claim the same bytes */
	SEGUE_E_SEGMENT_NOT_RAM = 132,   /* a segment is not entirely in RAM */
	/* 133 is retired: a segment over the IVT or the BIOS data area, below 0x500, gives a warning */
	SEGUE_E_SEGMENT_KEPT = 134,      /* a segment overlaps a range of the keep list */
	SEGUE_E_NO_PLACE = 135,          /* no RAM for a module, a table, the catcher, or bytes that are set aside */
	SEGUE_E_NO_PURGATORY = 136,      /* no RAM for purgatory or the plan's list outside sources and destinations */
	SEGUE_E_PLAN_SPACE = 137,        /* the plan needs a larger workspace; the sentence says how much larger */
	SEGUE_E_PLAN_REPLAY = 138,       /* the plan is wrong: a defect in Segue; nothing was changed */
	SEGUE_E_SEGMENT_OUTSIDE = 139,   /* a segment is not entirely in target_memory */
	SEGUE_E_EXTRA = 140,             /* this load needs an extra that is not linked (segue_load_extras) */
	/*
	 * SEGUE_LOAD_CORE without SEGUE_LOAD_RETURN, with mappings that wrap or overlap, or with more ranges than a core can
	 * have
	 */
	SEGUE_E_CORE = 141,
	/*
	 * SEGUE_LOAD_CRASH without target_memory, with a flag that it excludes, with the workspace in target_memory, with a range of
	 * unused that ends before it starts, with more than 8192 CPUs, or with a note that has no name or is too large
	 */
	SEGUE_E_CRASH = 142,

	/* segue_ready() */
	/* this copy of the library has loaded nothing in the workspace since the host started, or that was overwritten */
	SEGUE_E_NOT_LOADED = 150,
	/* the workspace's linear address has changed; or by the page tables (or with paging off) it is not at workspace_phys */
	SEGUE_E_READY_WORKSPACE = 151,
	/* 152 is retired: 64-bit hosts were not built yet */
	/* CS has not the base code_base; or SS is not a 32-bit, writable segment of base data_base that holds the workspace */
	SEGUE_E_READY_SEGMENTS = 153,
	SEGUE_E_READY_PRIVILEGE = 154,   /* not at CPL 0 */
	/* paging is on and segue_exec() crosses a page: the library's text or code_base is not aligned to 2048 */
	SEGUE_E_READY_GATE = 155,
	SEGUE_E_READY_BOOT_CPU = 156,    /* not the boot CPU (IA32_APIC_BASE.BSP), and no SEGUE_LOAD_ANY_CPU */
	SEGUE_E_READY_CPUS = 157,        /* not all of cpu_count - 1 CPUs are parked, and no INIT can be sent to the others */
	/* CPUs that are not parked are to get an INIT, and CR4.VMXE is set: VMX root operation blocks INIT */
	SEGUE_E_READY_VMX = 158,

	/*
	 * segue_bios(), segue_physical_call(); also the codes of the call itself, and of segue_ready() for segments, privilege
	 * and workspace
	 */
	SEGUE_E_BIOS_VMX = 170,          /* CR4.VMXE is set: in VMX root operation paging cannot be turned off */
	/* paging is on and segue_bios()'s gate crosses a page: the library's text or code_base is not aligned to 2048 */
	SEGUE_E_BIOS_GATE = 171,
	/*
	 * low_phys is not on a page boundary, or its pages are not between the BIOS's data and the end of base memory; with
	 * SEGUE_PHYSICAL_32BIT they may instead be between 1 MiB and the last page below 4 GiB
	 */
	SEGUE_E_BIOS_LOW = 172,
	SEGUE_E_BIOS_DATA = 173,         /* data is larger than SEGUE_BIOS_DATA_MAX or SEGUE_PHYSICAL_DATA_MAX */
	/* no working BIOS: a vector of INT 10h, 13h or 15h is invalid, or so is the size of base memory */
	SEGUE_E_BIOS_GONE = 174,
	SEGUE_E_BIOS_MAP = 175,          /* the BIOS reports no RAM above 1 MiB */
	SEGUE_E_BIOS_MAP_LIMIT = 176,    /* the BIOS's map has more ranges than the array */
	SEGUE_E_BIOS_OVERLAP = 177,      /* the workspace overlaps the BIOS's memory, or the pages that are borrowed */
	SEGUE_E_PHYSICAL_ENTRY = 178,    /* segue_physical_call()'s entry is not in data, or in real mode above 0xffff */

	/* segue_call(); also the codes of segue_ready() */
	SEGUE_E_CALL_VMX = 180,          /* CR4.VMXE is set: the state of VMX root operation cannot be kept */
	/* paging is on and segue_call()'s gate crosses a page: the library's text or code_base is not aligned to 2048 */
	SEGUE_E_CALL_GATE = 181,
	SEGUE_E_CALL_RETURN = 182,       /* the target was loaded without SEGUE_LOAD_RETURN */
	/* the target has not left an address in its memory at which it can be entered again */
	SEGUE_E_CALL_OVER = 183,
	SEGUE_E_DIGEST = 184,            /* the digest was wrong; the target was not entered, and can only be unloaded */
	/*
	 * Not a refusal: this call went to a target, and a snapshot that was made then has been started (segue_core.h). The
	 * target is gone, and can only be unloaded.
	 */
	SEGUE_RESTORED = 185,

	/* segue_range_from_multiboot() */
	SEGUE_E_RANGE_MAP = 190,         /* an entry or a tag is truncated, or a range wraps */
	SEGUE_E_RANGE_NONE = 191,        /* the information has no memory map */
	SEGUE_E_RANGE_LIMIT = 192,       /* there are more ranges than the array has room for */

	/* Multiboot 2; also SEGUE_E_MULTIBOOT_ADDRESS and SEGUE_E_MULTIBOOT_FORMAT */
	SEGUE_E_MULTIBOOT2_TRUNCATED = 200, /* the file, its first 32 KiB or the header end inside the header or one of its tags */
	SEGUE_E_MULTIBOOT2_TAG = 201,    /* an unknown header tag that is not optional */
	SEGUE_E_MULTIBOOT2_TAG_SIZE = 202, /* a header tag is smaller than its fields */
	SEGUE_E_MULTIBOOT2_REQUEST = 203, /* information is requested that is unknown, and not optional */
	SEGUE_E_MULTIBOOT2_ENTRY = 204,  /* an address tag without an entry tag, or an entry tag's address is in no segment */
	SEGUE_E_MULTIBOOT2_RELOCATABLE = 205, /* the relocatable tag's numbers contradict each other, or the kernel's size */
	SEGUE_E_MULTIBOOT2_PLACE = 206,  /* no free RAM where a relocatable kernel may be loaded */

	/* ELF cores (segue_core.h); also the codes of ELF */
	SEGUE_E_CORE_NOTE = 220,         /* a core that has no note of a host: of another kernel, or of a program */
	SEGUE_E_CORE_NOTE_SIZE = 221,    /* the note of the host is shorter than it must be, or ends after its segment */
	SEGUE_E_CORE_RESTORE = 222,      /* the note says that the host cannot be started from this core */
	SEGUE_E_CORE_ENTRY = 223,        /* the address at which the host goes on is not in the bytes of a segment */
	SEGUE_E_CORE_WORKSPACE = 224,    /* the host's workspace is not entirely in segments */

	/* PVH; also the codes of ELF */
	SEGUE_E_PVH_NOTE = 230,          /* the note with the entry has neither 4 nor 8 bytes, or ends after its segment or the file */
	SEGUE_E_PVH_TWICE = 231,         /* several such notes have different entries */
	SEGUE_E_PVH_ENTRY = 232,         /* the entry in the note is not in the bytes of a segment */

	/* Linux as an ELF file; also the codes of ELF and of Linux */
	SEGUE_E_VMLINUX_PLACE = 240      /* the memory from its first segment to the end of the last is not all RAM */
};

/* One range of physical memory, as firmware reports it (ACPI 6.5, section 15: E820). 24 bytes. */
enum segue_memory_type {
	SEGUE_MEMORY_RAM = 1,
	SEGUE_MEMORY_RESERVED = 2,
	SEGUE_MEMORY_ACPI = 3,        /* ACPI tables; may be reclaimed */
	SEGUE_MEMORY_NVS = 4,         /* used by the firmware in sleep states */
	SEGUE_MEMORY_UNUSABLE = 5     /* RAM with errors */
};
struct segue_range {
	uint64_t start;               /* physical address of the first byte */
	uint64_t end;                 /* one past the last */
	uint32_t type;                /* enum segue_memory_type, or the firmware's own number */
	uint32_t reserved;            /* 0 */
};

/* One run of physical memory that holds bytes of a part. */
struct segue_extent {
	uint64_t addr;                /* physical; any alignment; not in the workspace; with the i386 library below 4 GiB */
	uint64_t size;
};

/*
 * A file: as one virtual range, and as physical extents in the order of its bytes. segue_load() reads only the virtual
 * range, which may be unmapped afterwards. segue_exec() copies from the extents.
 */
struct segue_part {
	const void *data;             /* NULL only if size is 0 */
	size_t size;
	/* NULL: found by translate (struct segue_load_args); without translate, data is taken as physical (a flat host) */
	const struct segue_extent *extents;
	size_t extent_count;          /* any number; their sizes add up to size */
	const char *name;             /* the target's argv[0]; NULL: "kernel" or "module" */
	const char *cmdline;          /* arguments without argv[0]; NULL: none (modules only) */
};

/* A framebuffer that the target may use. Types as in Multiboot 1, section 3.3. */
enum segue_framebuffer_type {
	SEGUE_FRAMEBUFFER_NONE = 255,
	SEGUE_FRAMEBUFFER_INDEXED = 0,
	SEGUE_FRAMEBUFFER_RGB = 1,
	SEGUE_FRAMEBUFFER_EGA_TEXT = 2 /* width and height in characters */
};
struct segue_framebuffer {
	uint64_t addr;                /* physical */
	uint32_t pitch;               /* bytes per line */
	uint32_t width, height;       /* pixels, or characters; width 0: unknown */
	uint8_t bpp;                  /* bits per pixel */
	uint8_t type;                 /* enum segue_framebuffer_type */
	uint8_t red_position, red_size; /* RGB only: first bit (bit 0 is a pixel's lowest) and number of bits */
	uint8_t green_position, green_size;
	uint8_t blue_position, blue_size;
};

/* State of the VESA BIOS Extensions (VBE 3.0; Multiboot 1, section 3.3). */
struct segue_vbe {
	const void *control_info;     /* 512 bytes, from function 00h */
	const void *mode_info;        /* 256 bytes, from function 01h */
	uint16_t mode;                /* from function 03h */
	uint16_t interface_seg, interface_off, interface_len; /* from function 0Ah; 0: none */
};

/*
 * Facts about the machine. Set it to zeros first; 0 is unknown. It has no struct_size: the one of struct segue_load_args
 * covers both.
 */
struct segue_machine {
	struct segue_framebuffer framebuffer; /* type SEGUE_FRAMEBUFFER_NONE, or width 0: unknown */
	const struct segue_vbe *vbe;  /* NULL: none */
	/* physical address of ACPI's RSDP, if the target will find it there; in memory_map or below 1 MiB; 0: unknown */
	uint64_t rsdp;
	/* or a copy of the RSDP (UEFI boot loaders give one), 20 or 36 bytes; Multiboot 2 targets get the copy only */
	const void *rsdp_copy;
	size_t rsdp_copy_size;
	uint32_t boot_device;         /* Multiboot 1, section 3.3, bits 31-24: BIOS drive */
	uint32_t has_boot_device;     /* 1: boot_device is known */
	uint32_t cursor_column, cursor_row; /* of the text screen, from 0 */
	uint32_t serial_port;         /* I/O port of an initialised 16550, for exceptions and digests; 0: none */
	uint32_t a20_was_shut;        /* 1: the firmware left A20 disabled; it is disabled again for a target in real mode */
	const void *partition_entry;  /* 16 bytes of a partition table, for a boot sector (DS:SI); NULL: none */
	/* Devices to quiet (SEGUE_LOAD_QUIET_*): */
	uint32_t hpet;                /* physical address; 0: from ACPI's tables */
	uint32_t io_apic[8];          /* physical addresses, up to the first 0; none: from ACPI's tables */
	uint32_t bios_pic_masks;      /* the BIOS's masks of the first PIC (bits 0 to 7) and the second (8 to 15); 0: unknown */
	/*
	 * UEFI, for Multiboot 2 targets, after ExitBootServices(). A target with target_memory or the catcher does not get the
	 * map, which calls other memory free.
	 */
	uint32_t efi_bits;            /* 32 or 64: the firmware's; 0: no UEFI */
	uint32_t efi_descriptor_size, efi_descriptor_version; /* of a descriptor in efi_memory_map */
	uint64_t efi_system_table;    /* physical address; the target will find it there */
	const void *efi_memory_map;   /* the descriptors; NULL: unknown */
	size_t efi_memory_map_size;   /* in bytes; at most 1 MiB */
};

enum segue_log_level {
	SEGUE_LOG_ERROR = 0,          /* why a call fails */
	SEGUE_LOG_WARNING = 1,        /* the target will not get something that was requested */
	SEGUE_LOG_INFO = 2,           /* what was found */
	SEGUE_LOG_DEBUG = 3           /* not used by the library */
};
/* Gets one sentence without a newline. The string is valid during the call only. context is log_context. */
typedef void segue_log_fn(void *context, int level, const char *sentence);

/* Returns the physical address of a virtual address, or SEGUE_NOT_MAPPED. context is translate_context. */
#define SEGUE_NOT_MAPPED UINT64_MAX
typedef uint64_t segue_translate_fn(void *context, const void *address);

/* A run of virtual memory that the host maps to a run of physical memory. */
struct segue_mapping {
	uint64_t virt;                /* linear */
	uint64_t phys;
	uint64_t size;
};

/* A note of an ELF core. */
struct segue_note {
	const char *name;             /* 1 to 64 bytes, with a zero after them */
	uint32_t type;
	const void *data;
	size_t size;                  /* at most 64 KiB */
};

/* flags of struct segue_load_args */
/* The host asserts that the entry of a plain ELF64 is 32-bit code. Without this flag it is refused (SEGUE_E_ELF_64BIT). */
#define SEGUE_LOAD_ELF_ENTRY_32 0x1u
/* A Multiboot target's strings get no argv[0]. A target that skips the first word then loses its first argument. */
#define SEGUE_LOAD_NO_ARGV0     0x2u
/*
 * The BIOS is usable: IVT, BIOS data area, its other memory, PICs and interval timer are as the firmware left them, and
 * memory_map is the BIOS's own. Targets that start in 16-bit code and need the BIOS are refused without this flag.
 */
#define SEGUE_LOAD_BIOS         0x4u
/* Any Linux is entered at its 16-bit setup code, which asks the BIOS for memory and video. Needs SEGUE_LOAD_BIOS. */
#define SEGUE_LOAD_REAL_MODE    0x8u
/* If the digest is wrong, both digests are printed for five seconds, then the machine reboots. Without this flag it stops. */
#define SEGUE_LOAD_DIGEST_REBOOT 0x10u
/*
 * The host will set the video mode that segue_describe() names (asks_video), then load again with the new framebuffer. So
 * there is no warning that the target does not get the mode.
 */
#define SEGUE_LOAD_VIDEO        0x20u
/*
 * segue_exec() may run on a CPU that is not the boot CPU. Then all other CPUs, also the boot CPU, must be parked. With
 * cpu_count 0 or 1 this is assumed. An INIT would restart the boot CPU in the firmware, so it halts in purgatory's memory
 * instead (segue_park()). The target must not start that CPU (Linux: disable_cpu_apicid=) and must not use that memory.
 * If memory_map calls the workspace reserved, purgatory stays there, and the target leaves it alone. You may add a range
 * for the workspace to the firmware's map.
 */
#define SEGUE_LOAD_ANY_CPU      0x40u
/*
 * Purgatory sends the other CPUs an INIT before the first move, whether they are parked or not. CPUs that are not parked
 * must not be in VMX root operation, and keep x2APIC mode and their MSRs. Only from the boot CPU.
 */
#define SEGUE_LOAD_INIT_CPUS    0x80u
/*
 * The catcher, an exception printer, stays in 16 KiB that the target's memory map calls reserved. Until the target loads
 * its own IDT, the catcher prints an exception with all registers and stops the machine (contract in catcher.asm). A
 * target that starts in real mode gets no catcher, and a warning says so.
 */
#define SEGUE_LOAD_CATCHER      0x100u
/*
 * SEGUE_LOAD_QUIET_*: devices that purgatory quiets, with paging off and before the first move. The host maps nothing for
 * this. A device that the machine lacks is skipped. For a target that expects its devices as a PC's BIOS leaves them.
 *
 * IOAPIC: masks every entry of every IO-APIC, as after reset, except those that deliver SMIs, and ends level interrupts
 * that never got their EOI. The addresses come from struct segue_machine, else from ACPI's tables, else the usual address
 * is tried. An interrupt that is pending is lost.
 */
#define SEGUE_LOAD_QUIET_IOAPIC 0x200u
/*
 * This CPU's local APIC, if it is enabled: returns from x2APIC mode to xAPIC (unless the firmware has locked that), stops
 * its timer, masks its other sources except SMIs, clears the in-service and request bits, and sets LINT0 to ExtINT and
 * LINT1 to NMI. So a target that uses only the PICs gets their interrupts. Interrupts not yet delivered are lost.
 */
#define SEGUE_LOAD_QUIET_LAPIC  0x400u
/* Stops the HPET and its comparators, and ends its replacement of the PIT's and the RTC's interrupts. Its count is lost. */
#define SEGUE_LOAD_QUIET_HPET   0x800u
/* Sets the PIT's counter 0 to 18.2 Hz, and turns the speaker off. One tick is lost. */
#define SEGUE_LOAD_QUIET_PIT    0x1000u
/*
 * Sets both PICs to the BIOS's vectors (08h, 70h) with no interrupt in service. Masks all lines; for a target in real mode,
 * which needs them for the BIOS, sets the masks to bios_pic_masks. Pending edge-triggered interrupts are lost.
 */
#define SEGUE_LOAD_QUIET_PIC    0x2000u
/* Turns off the RTC's periodic, alarm and update interrupts. NMIs stay enabled at port 70h. A wake-up alarm is lost. */
#define SEGUE_LOAD_QUIET_RTC    0x4000u
/*
 * Turns off bus mastering in every PCI device except bridges, and masks the channels of the ISA DMA controllers, so that
 * devices stop writing to memory. The BIOS then cannot use its disks, or USB keyboards that it presents as PS/2. A driver
 * sets the bit for its device anyway. An IOMMU is not changed. Takes about 20 ms, because all buses are scanned.
 */
#define SEGUE_LOAD_QUIET_BUS_MASTERS 0x8000u
/*
 * Sets VGA text mode 3 with its colours, a font (the video ROM's, else one for ASCII) and an empty screen. The target is
 * told of this screen only. Works for a VGA with standard registers (QEMU, Bochs, PCs until a driver has set a mode by
 * other means). The picture and the framebuffer in machine are lost.
 */
#define SEGUE_LOAD_QUIET_VGA    0x10000u
/* All of SEGUE_LOAD_QUIET_*, but not bus masters if the target starts in real mode: it reads its disk through the BIOS. */
#define SEGUE_LOAD_QUIET_ALL    0x20000u
/*
 * A Multiboot or PVH target's modules stay where they are, if they begin on a page boundary in RAM that nothing else claims.
 * Without this flag they are moved to follow the kernel in their order, as other boot loaders place them, because some
 * kernels depend on it. Others (Xen) do not, and the flag saves the move.
 */
#define SEGUE_LOAD_MODULES_STAY 0x40000u
/*
 * Without translate, searches for the page tables in force at many linear addresses ("How addresses are checked", below).
 * For the time in which you port. Takes some milliseconds, and reads addresses that may be mapped to a device.
 */
#define SEGUE_LOAD_SEARCH_TABLES 0x80000u
/*
 * For segue_call(): the target can come back. Needs target_memory and staging. Excludes SEGUE_LOAD_ANY_CPU and
 * SEGUE_LOAD_DIGEST_REBOOT. The target's command line gets " kexec_jump_back_entry=0x...", Linux's also "nr_cpus=1".
 */
#define SEGUE_LOAD_RETURN       0x100000u
/*
 * With SEGUE_LOAD_RETURN: target memory that no segment covers is zero at the target's first entry. Without this flag it is as
 * the host left it, but what the host does not use (unused) may have any content.
 */
#define SEGUE_LOAD_CLEAR        0x200000u
/*
 * With SEGUE_LOAD_RETURN: after the return, bus mastering is on in the PCI functions that had it on at segue_call(), and off
 * in all others but bridges. All buses are scanned twice, which takes about 40 ms.
 */
#define SEGUE_LOAD_KEEP_BUS_MASTERS 0x400000u
/*
 * With SEGUE_LOAD_RETURN: the target gets an ELF core header of the host's memory (segue_core.h), in the workspace. A Linux
 * is told of it by "elfcorehdr=0x..." on its command line, and has the host's memory as /proc/vmcore; another target finds it
 * in its struct segue_return_block.
 */
#define SEGUE_LOAD_CORE         0x800000u
/*
 * For a target that segue_exec() starts when the host has crashed ("A crash" below). Needs target_memory; staging has what the host
 * uses of it, which is saved there before the target runs. Excludes SEGUE_LOAD_RETURN. The target gets an ELF core header of the
 * host's memory, as with SEGUE_LOAD_CORE, with notes for cpu_count CPUs. Its command line begins with the header's address,
 * "elfcorehdr=0x...". Linux also gets "nr_cpus=1", unless the line has an nr_cpus= already.
 *
 * segue_exec() may run on any CPU. CPUs that have not parked run on. From the boot CPU, SEGUE_LOAD_INIT_CPUS stops them. From
 * another CPU only those that have parked get an INIT, because it would restart the boot CPU in the firmware. A Linux with more
 * than one CPU must not start the boot CPU then either ("nr_cpus=4 disable_cpu_apicid=0", with the ID of its local APIC).
 *
 * If a digest is wrong, the segment whose bytes were written over since segue_load() is named by its range.
 */
#define SEGUE_LOAD_CRASH        0x1000000u
/* A kernel with headers of both versions is loaded by Multiboot 2; without this flag by Multiboot 1, if that is linked. */
#define SEGUE_LOAD_MULTIBOOT_2  0x2000000u
/*
 * A Linux is entered in 64-bit mode, at its 64-bit entry; without that entry (kernels before 3.8, 32-bit ones) it is refused.
 * Without this flag the 64-bit entry is used only if the 32-bit entry lacks room for the kernel or the initrd. Other targets
 * ignore it.
 *
 * With the x86_64 library, and a kernel whose header allows it (xloadflags bit 1): the initrd may lie above 4 GiB, and one file on
 * a page boundary in RAM that nothing claims stays there. If RAM below 4 GiB has no room for the kernel with all that it gets,
 * kernel, zero page and command line lie above, too.
 *
 * The page tables map the first 4 GiB, and kernel and initrd if these are above. They and the GDT take 28 KiB of RAM below 4 GiB, and
 * 4 KiB more for each GiB above 4 GiB in which the kernel or the initrd lies. The target's memory map calls this RAM reserved. If the
 * target has no such RAM and its kernel is above 4 GiB, they stay in the workspace, and the map does not call them RAM there either.
 */
#define SEGUE_LOAD_LINUX_64     0x4000000u
/*
 * An ELF kernel is a Linux (vmlinux), also without the notes by which one is recognised, as kernels before 4.19 are, and with
 * PVH's note: without this flag PVH counts first. A kernel with a Multiboot header is not: that counts before both. A 64-bit one is
 * entered in 64-bit mode, without SEGUE_LOAD_LINUX_64 too. If segue_loader_vmlinux is not linked, it is refused: SEGUE_E_NOT_LINKED.
 */
#define SEGUE_LOAD_VMLINUX      0x10000000u
#define SEGUE_LOAD_KNOWN_FLAGS  0x17ffffffu

/* Arguments of segue_load(). After the call only the workspace and the bytes in the parts' extents are still needed. */
struct segue_load_args {
	uint32_t struct_size;         /* sizeof(struct segue_load_args) */
	uint32_t flags;               /* SEGUE_LOAD_* */

	struct segue_part blob;       /* the kernel, or the file that holds it; its cmdline is not used */
	const struct segue_part *modules; /* more files: initrds, or Multiboot or PVH modules; they follow those of a bundle */
	size_t module_count;
	const char *cmdline;          /* the target's command line; NULL: the blob's, if it has one */

	/*
	 * All ranges of the machine, in any order, also those that are not RAM; the target gets them. Ranges may overlap: RAM
	 * that a range of another type covers is not used, and the target is not told of it as RAM.
	 */
	const struct segue_range *memory_map;
	size_t memory_map_count;
	const struct segue_range *keep; /* ranges that must not change before the target runs (type is not read) */
	size_t keep_count;

	/*
	 * On a page boundary, linearly and physically; physically contiguous; below 4 GiB; writable; may be mapped no-execute.
	 * It may overlap the target's memory, but then purgatory and its list need other free RAM. It need not be cleared.
	 * Never a local variable: it is larger than most kernel stacks, and Segue cannot detect what is below a stack that is
	 * too small. A workspace that contains the stack or the arguments is refused.
	 */
	void *workspace;
	uint64_t workspace_phys;
	size_t workspace_size;        /* at least segue_workspace_size(...) */

	/*
	 * Bases in the descriptors of the host's code segment, and of its data and stack segments (which must have the same
	 * base). These are not the kernel's virtual base. 0 if segments are flat; must be 0 in 64-bit mode. On i386 only the
	 * low 32 bits are used.
	 */
	uint64_t code_base, data_base;

	/*
	 * Number of CPUs that the host has running, with this one; 0 counts as 1. Segue cannot count them. If others run and
	 * this field is 0 or 1, segue_ready() returns SEGUE_OK, the other CPUs run on in memory that is overwritten, and the
	 * machine resets or hangs. All CPUs but one must park or get an INIT. SEGUE_LOAD_INIT_CPUS sends the INIT even if this
	 * field is 0 or 1; segue_ready() checks that it can be sent.
	 */
	uint32_t cpu_count;

	const struct segue_machine *machine; /* set it to zeros before you fill it in; NULL: nothing is known */

	/*
	 * SHA-256, 32 bytes, of the bytes that the target's segments get from the blob and the modules, in the order of
	 * segue_segment_at(), without segments whose in_digest is 0 (loaders/container/bundle.c says why). It does not depend
	 * on the machine's memory. Purgatory checks it at the destinations after all moves. NULL: the bundle's digest, if it
	 * has one (over the bytes from the bundle).
	 */
	const void *digest;

	segue_log_fn *log;            /* gets one sentence for each refusal and warning; NULL: silent */
	void *log_context;            /* passed to log */

	/*
	 * The host's function from virtual to physical addresses, or NULL. It is called for each page of the workspace, which
	 * is refused if the page is not at workspace_phys (only with segue_check_host), and for each page of a part without
	 * extents, to make its extents.
	 */
	segue_translate_fn *translate;
	void *translate_context;

	/*
	 * Ranges that the target may use (type is not read). They may be in any order, overlap, and contain more than RAM.
	 * Count 0: all RAM. All of the target is placed in the RAM of memory_map that is in these ranges: segments, tables,
	 * initrd, modules, and the catcher, which stays above 1 MiB. Segue writes no other RAM except the workspace. The target
	 * is told that other RAM is reserved; ranges of other types stay. What a Multiboot target gets in low memory goes
	 * elsewhere if these ranges have no RAM there. Linux needs 64 KiB to 640 KiB too, or it panics; a warning says so if
	 * they are missing. A target that starts in real mode needs its own low memory in these ranges. It asks the BIOS for
	 * its memory map, and so learns of all RAM; a warning says so.
	 */
	const struct segue_range *target_memory;
	size_t target_memory_count;

	/*
	 * For SEGUE_LOAD_RETURN and SEGUE_LOAD_CRASH. The RAM in target_memory is exchanged with staging (for a crash it is
	 * only copied there), in the order of addresses, except what unused says that the host does not use (type is not
	 * read): that moves not at all, and is lost to the host. Staging is memory of the host outside workspace and
	 * target_memory, as many bytes as are exchanged at least, in any pieces; it may be memory of the blob. With a core a
	 * byte has the same offset in a page in both, so that bytes of staging stay unused where that differs; whole pages
	 * have room for whole pages. It must not meet keep, and neither must target_memory, which has RAM below 4 GiB only.
	 * Blob and staging belong to Segue until segue_unload().
	 */
	const struct segue_extent *staging;
	size_t staging_count;
	const struct segue_range *unused;
	size_t unused_count;

	/*
	 * For SEGUE_LOAD_CORE and SEGUE_LOAD_CRASH: where the host maps its memory, for debuggers that read the core. In any
	 * order; not overlapping in virtual addresses. Neighbours that continue each other become one, and physical memory that
	 * is none of the host's RAM is left out, so that a few ranges do: the direct map, the kernel's image. Count 0: physical
	 * addresses are told as virtual ones.
	 */
	const struct segue_mapping *mappings;
	size_t mapping_count;

	/*
	 * For SEGUE_LOAD_CRASH: notes of the host's own for the core, at most 64, which are copied: VMCOREINFO, its name, or where its
	 * log is (segue_core.h: SEGUE_CORE_KERNEL, SEGUE_CORE_LOG). Linux takes less than 4 MiB of notes, with 512 bytes for each CPU.
	 */
	const struct segue_note *notes;
	size_t note_count;
};

/*
 * Bytes of workspace that suffice for this many extents. Count the extents of the blob and of all modules (a contiguous
 * one counts 1), seven for each module in a bundle, four more for each other module, eight for each segment of the kernel
 * above 32, four for each range above 256 of memory_map, keep and target_memory together, and 32 for each GiB of an initrd
 * that lies above 4 GiB (SEGUE_LOAD_LINUX_64). A plan that must exchange bytes because memory is full may need more.
 * Then it is refused (SEGUE_E_PLAN_SPACE), and the sentence says how many more bytes are needed. The macro has the same value,
 * for a static array.
 */
#define SEGUE_WORKSPACE_SIZE(extents) (200704u + ((((size_t)(extents)) * 128u + 4095u) & ~(size_t)4095u))
size_t segue_workspace_size(size_t extents);
/*
 * The same with SEGUE_LOAD_RETURN. Count the extents of staging, and five for each range of target_memory and of unused. Only
 * 16 KiB of the workspace and unused target memory are free to set bytes aside. So a plan may have to exchange bytes, and to
 * need more, if the blob lies scattered in target memory, or staging in the blob.
 */
#define SEGUE_WORKSPACE_SIZE_RETURN(extents, staging) (SEGUE_WORKSPACE_SIZE((extents) + 2 * (size_t)(staging)) + 131072u)
size_t segue_workspace_size_return(size_t extents, size_t staging);
/*
 * The bytes that SEGUE_LOAD_CORE needs on top of that, for this many PT_LOADs, and one more for each of mappings. A run of
 * memory has one, or one for each mapping that it is in. The runs are at most twice the extents of staging, with those of
 * memory_map, target_memory, unused and mappings, and two more. 24,576 pages of staging that lie together are 24,576 runs, and
 * 1.4 MB.
 */
#define SEGUE_WORKSPACE_SIZE_CORE(loads) ((((size_t)(loads)) * 56u + 8191u) & ~(size_t)4095u)
/*
 * The bytes that SEGUE_LOAD_CRASH needs on top of both, for this many CPUs and bytes of notes; of each note count its name, its
 * contents and 20 bytes.
 */
#define SEGUE_WORKSPACE_SIZE_CRASH(cpus, notes) ((((size_t)(cpus)) * 512u + (size_t)(notes) + 4607u) & ~(size_t)4095u)

/*
 * How addresses are checked
 *
 * Against memory_map: a workspace outside all ranges is refused if the map contains other memory of the host, else it gives
 * a warning. Staging outside all ranges is refused in the same case. An extent of a part outside all ranges gives a warning.
 * A workspace in a range that is not RAM gives a warning, and is refused if its pages are not writable memory.
 *
 * Against the page tables in force: a workspace that they map elsewhere is refused. An extent that they map elsewhere is
 * refused if it is outside all ranges of memory_map too; else it gives a warning, because data may be a copy.
 *
 * Segue looks for the page tables in this order: at the offset between linear and physical addresses that the workspace or
 * a part has; at offset 0; at the linear base of the kernel (the workspace's or the library's address with its lower 28 to
 * 31 bits cleared). With SEGUE_LOAD_SEARCH_TABLES and without translate it also tries:
 * - each offset that is a multiple of 4 MiB (PAE: 2 MiB; 64-bit mode: 512 GiB, with 5 levels 256 TiB);
 * - each slot of the root table, as a recursive slot (PAE: four slots for the four page directories, with the root mapped
 *   anywhere);
 * - each place for the root among the addresses that one table of each lower level maps around the workspace, the library,
 *   the blob or the stack (single pages: around the library only).
 * A place is used only if the tables, read there, map that place to the root.
 *
 * Such a read may fault. Segue handles the fault itself, with interrupts off for some instructions. A search that finds
 * nothing makes 3000 to 9300 reads of 8 bytes. If device registers are mapped that change when they are read, give
 * translate instead of the flag. The tables are not found if they are mapped in another way or not at all, if FRED is on,
 * or on i386 if CET is on. Then, without translate, SEGUE_LOG_INFO says so; a wrong workspace_phys that is in the map goes
 * unnoticed and ends in a reset.
 */

/*
 * Recognises the blob, places its segments, plans the moves, and writes to the workspace what segue_exec() needs. A target
 * that was loaded there before is forgotten. Returns SEGUE_OK, or a code of enum segue_error up to the group "placing and
 * planning". After a refusal nothing is loaded in the workspace, and no other byte has changed. If struct_size or the
 * workspace itself is refused (also with SEGUE_E_WORKSPACE_PARKED and SEGUE_E_BUSY), the workspace is unchanged too.
 *
 * From here to segue_exec() or segue_unload() the host must neither change nor free the memory of the blob and the modules.
 * The argument structures and strings may be freed. Uses up to 2 KiB of stack. If more than eight workspaces are loaded at
 * a time, the first one is forgotten.
 */
int segue_load(const struct segue_load_args *args);

/*
 * Forgets the target that is loaded. The caller may use the workspace and the blob's memory again. Does nothing if CPUs are
 * parked in the workspace: they wait there until segue_exec() or a reset.
 */
void segue_unload(void *workspace);

/*
 * Says whether segue_exec() may be called at this point, on this CPU, in this mode: SEGUE_OK, SEGUE_E_NOT_LOADED, a
 * SEGUE_E_READY_* code, or SEGUE_E_CALL_OVER. If sentence is not NULL, *sentence is set to segue_strerror() of that code, or to
 * "" in a library without sentences. Changes nothing. While other CPUs are about to call segue_park(), call it again until it
 * no longer returns SEGUE_E_READY_CPUS.
 */
int segue_ready(const void *workspace, const char **sentence);

/*
 * Starts the target and does not return. Precondition: segue_ready() returned SEGUE_OK here, or would. Calls nothing of the
 * host and uses no stack. The argument is in a register (i386: EAX, x86_64: RDI). It may be entered by a jump, from an
 * interrupt handler, on a broken stack.
 *
 * The host must be at CPL 0, with CS (and on i386 SS) as segue_ready() checks them. DS, ES, FS, GS, the stack pointer, GDT,
 * IDT, LDT and TSS may be in any state. The library's text (executable), its .bss (readable) and the workspace (writable)
 * must be mapped where they were at segue_load(). No identity map and no mapping of the blob is needed. Paging may be off,
 * 32-bit, PAE, 4-level or 5-level, and may have changed since segue_load(). VMX, SVM, CET, PCID, PGE, SMEP, SMAP,
 * protection keys, FRED and breakpoints may be on.
 *
 * segue_exec() and segue_park() print a sentence on port 0xE9 and the serial port of the last segue_load() that succeeded (before
 * it on port 0xE9 only) and halt, without using the workspace, if nothing is loaded in it: if it was never loaded since
 * the host started, was unloaded, its first page was overwritten, or it is NULL. Without SEGUE_LOAD_ANY_CPU, segue_exec()
 * does the same on a CPU that is not the boot CPU, if there is an IA32_APIC_BASE. The other checks of segue_ready() are not
 * repeated.
 *
 * For at most 700 instructions, while it builds its GDT and IDT, an NMI or a machine check still runs the host's handler, on
 * a 4 KiB stack in the workspace. After that, until two instructions before the target's first, an NMI is ignored and any
 * other exception is printed (purgatory.asm, contract, point 7); with SEGUE_LOAD_CATCHER also in the target.
 *
 * With indirect-branch tracking on, an i386 host must use a direct jump or call. segue_exec() waits at most about 50 ms for a
 * CPU that is inside segue_park(). A CPU that enters segue_park() later cannot park any more.
 */
SEGUE_REGISTER_CALL SEGUE_NORETURN void segue_exec(void *workspace);

/*
 * Parks this CPU and does not return. Called after segue_load() on each CPU but the one that will call segue_exec(). Several
 * CPUs may call it at the same time, and an NMI handler may call it at once. The requirements are those of segue_exec(); the
 * CPUs need not share page tables.
 *
 * The CPU leaves the host's mode, also VMX root operation. Its caches are turned on. Its control registers and MSRs get the
 * values that the target finds on the CPU that enters it (purgatory.asm, contract, points 9 to 12). Its local APIC returns
 * from x2APIC mode to xAPIC if its ID allows that. Then it waits in the workspace with interrupts off. An NMI is ignored; a
 * machine check shuts the CPU down.
 *
 * Purgatory sends it an INIT before the first move. From then on it waits for the target's SIPI and runs nothing. A CPU that
 * cannot get an INIT halts instead in purgatory's memory, which no move overwrites (struct segue_description: purgatory):
 * the boot CPU, and a CPU whose IA32_APIC_BASE shows no local APIC. After an SMI or an NMI a halted CPU fetches its next
 * instruction from there. So a target should not use that memory before it has sent the CPU an INIT.
 *
 * Any number of CPUs may park. Those after the first 128 share one stack for NMIs, and get an INIT only with
 * SEGUE_LOAD_INIT_CPUS; without that flag they halt.
 * If segue_block_cpus is not linked, a CPU prints a sentence and halts.
 */
SEGUE_REGISTER_CALL SEGUE_NORETURN void segue_park(void *workspace);

/*
 * Calls to a target that comes back.
 *
 * segue_call() keeps the state of this CPU and of its devices in the workspace, exchanges the host's memory in target_memory
 * with staging, and enters the target as segue_exec() does. The target comes back by a jump to an address in the workspace
 * (segue_target.h). Then all is exchanged again, and segue_call() returns. Called once more, it goes on in the target where
 * that has left. Between two calls the target's memory lies in staging, in the order of its addresses.
 *
 * Before: segue_load() with SEGUE_LOAD_RETURN. The requirements are those of segue_exec(), but there must be a stack, VMX must
 * be off, and if SVM is on, GIF must be 1.
 *
 * Other CPUs are parked before each call, or get an INIT as they are (SEGUE_LOAD_INIT_CPUS). After the call they wait for a
 * SIPI, and the host starts them anew (INIT, SIPI, SIPI). They park again before the next call; until then segue_ready()
 * returns SEGUE_E_READY_CPUS.
 *
 * NMIs and exceptions are handled as by segue_exec(). From two instructions before the target's first one until about 500
 * instructions after it has come back they are the target's. A machine check then is a shutdown until the host's CR4 is loaded.
 * Afterwards NMIs are not blocked, even if the handler of an NMI has called. A handler that has interrupted a call may call
 * with another workspace. With the same one it must not: it gets SEGUE_E_NOT_LOADED, or the call that it has interrupted does.
 *
 * If segue_exec() enters the target instead, also after calls, the target has no host: if it comes back, a sentence is printed,
 * and the machine stops.
 *
 * Restored: all of the host's memory but workspace, staging and unused target memory; general registers as a call preserves
 * them; EFLAGS, GDTR, IDTR, LDTR, TR, the segment registers and their bases; CR0, CR2, CR3, CR4, EFER, XCR0; DR0 to DR3, DR6
 * and DR7; x87, SSE, AVX and the user state of XSAVE (not x87 on a CPU without CPUID; at most 16 KiB); the MSRs PAT,
 * SYSENTER_*, STAR, LSTAR, CSTAR, FMASK, FS_BASE, GS_BASE, KERNEL_GS_BASE, TSC_AUX, TSC_ADJUST, SPEC_CTRL, XSS, XFD,
 * PERF_GLOBAL_CTRL, VM_HSAVE_PA, PKRS, DEBUGCTL, those of CET and of FRED, each if the CPU has it. TR, if the host has never
 * loaded it, has the selector of purgatory's TSS. A segment selector that the host's GDT does not have is null. Of the devices:
 * the local APIC with its mode and its timer, IO-APICs, HPET, the RTC's interrupts, the PICs' masks, and by flags bus
 * mastering, the PICs' vectors and the PIT. Interrupts that arrive during the call are lost. Not restored: MTRRs, the TSC,
 * performance counters, Intel PT, user interrupts, PASID, MPX, the shadow stack's pointer if the target has used shadow stacks,
 * the ISA DMA controllers, and other devices that the target uses. The host quiets its own devices before the call, or with
 * SEGUE_LOAD_QUIET_*, and wakes them after it.
 */
/* flags of struct segue_call_args */
/* Sets up the PICs with pic_vector after the return. Their masks are restored in any case. */
#define SEGUE_CALL_PIC      0x1u
#define SEGUE_CALL_PIC_AEOI 0x2u      /* the host uses automatic EOI (ICW4) */
#define SEGUE_CALL_PIT      0x4u      /* restarts the PIT's counter 0 with pit_mode and pit_reload after the return */
#define SEGUE_CALL_KNOWN_FLAGS 0x7u

struct segue_call_args {
	uint32_t struct_size;         /* sizeof(struct segue_call_args) */
	uint32_t flags;               /* SEGUE_CALL_* */
	void *workspace;              /* the one that was passed to segue_load() */
	uint32_t word;                /* in: for the target; out: from the target, if SEGUE_OK is returned */
	uint8_t pic_vector[2];        /* ICW2 of the first PIC and the second */
	uint16_t pit_reload;          /* counts at 1193182 Hz; 0: 65536 */
	uint16_t pit_mode;            /* 0 to 5 */

	segue_log_fn *log;            /* gets a sentence for each refusal; NULL: silent */
	void *log_context;
};
/*
 * Returns SEGUE_OK after the target has come back; SEGUE_RESTORED if the host was started again from a snapshot instead;
 * SEGUE_E_DIGEST if the target was not entered. Any other code is a refusal before
 * anything has changed: SEGUE_E_ARGUMENT, SEGUE_E_STRUCT_SIZE, SEGUE_E_FLAGS, SEGUE_E_NOT_LOADED, SEGUE_E_READY_*,
 * SEGUE_E_CALL_*.
 */
SEGUE_STACK_CALL int segue_call(struct segue_call_args *args);

/*
 * Where the target's memory lies between two calls: most of it in staging, and what the host does not use in its place, as
 * long as the host does not write there. The host may read it and change it. In the order of the target's addresses; neighbours
 * are merged. Fills in at most limit extents, and *count with the number of all.
 *
 * Returns SEGUE_OK; SEGUE_E_RANGE_LIMIT if *count exceeds limit; or, with *count 0, SEGUE_E_ARGUMENT, SEGUE_E_NOT_LOADED,
 * SEGUE_E_CALL_RETURN, or SEGUE_E_CALL_OVER if segue_call() has returned SEGUE_RESTORED: then the target is lost.
 */
struct segue_target_extent {
	uint64_t target;              /* physical: where the target has it */
	uint64_t addr;                /* physical: where it is now */
	uint64_t size;
};
int segue_target_extents(const void *workspace, struct segue_target_extent *extents, size_t limit, size_t *count);

/*
 * The same as an ELF core header, made in memory of the host's at header (on a multiple of 8), whose physical address is
 * header_phys: PT_NOTE with NT_PRSTATUS of the target's CPU (EIP, ESP, EBP as it will go on with), then a PT_LOAD for each
 * extent, whose p_offset is the physical address, and p_vaddr the same as p_paddr. So a debugger's stub or a dump in the host
 * reads the target as a target reads the host (segue_core.h). *need is set to the size of it.
 *
 * Returns SEGUE_OK; SEGUE_E_RANGE_LIMIT if size is less than *need; SEGUE_E_CORE if there are more extents than a core can
 * have; or a code of segue_target_extents().
 */
int segue_target_core(const void *workspace, void *header, uint64_t header_phys, size_t size, size_t *need);

/*
 * A crash (SEGUE_LOAD_CRASH).
 *
 * At boot: segue_load() with target_memory that the host does not use, except the memory below 1 MiB that a Linux needs (64 KiB to
 * 640 KiB). unused has all of it but that, and staging has room for that. To move nothing else in a crash, read the blob to where the
 * target's segments are (segue_segment_at()) and load it again; segue_describe() says how many bytes are still moved.
 *
 * In a crash: each CPU that still can calls segue_crash_cpu() or segue_crash_frame(), from a panic or from the handler of an
 * interrupt, an NMI, a double fault or a machine check. Then only one of them calls segue_exec(), whatever segue_ready() says: two at
 * once would use one stack. The others park or halt. A CPU that does neither runs on in the host's memory. Of that Segue writes
 * staging, the workspace and, after it is saved, what lies in target_memory. So the page tables, stacks and descriptor tables of such
 * a CPU must not be in base memory.
 *
 * These functions take no lock and call nothing of the host. They need 768 bytes of the stack that they are called on. Each may be
 * called any number of times, also by a handler that has interrupted it.
 */
/* Registers of a CPU. A 32-bit host leaves r8 to r15 and the bases at 0. */
struct segue_registers {
	uint64_t ax, bx, cx, dx, si, di, bp, sp;
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t ip, flags;
	uint64_t cs, ss, ds, es, fs, gs; /* selectors */
	uint64_t fs_base, gs_base;
};
/*
 * Puts the registers of CPU number cpu, from 0, into its note in the core, with the control registers that the calling CPU has
 * now. registers NULL: those of the caller that a call preserves. The last call for a CPU counts. Two CPUs must not use one number
 * at the same time. The control registers of the first CPU that is noted are also those of the core (segue_core.h), and a debugger
 * begins with it: the CPU that has crashed is noted before it stops the others.
 *
 * Returns SEGUE_OK; SEGUE_E_NOT_LOADED if nothing is loaded there for a crash; SEGUE_E_ARGUMENT if cpu is not below cpu_count.
 */
SEGUE_STACK_CALL int segue_crash_cpu(void *workspace, uint32_t cpu, const struct segue_registers *registers);
/*
 * The same in a handler: frame is what the CPU has pushed, from IP on, so after the error code if there is one. general: ax to r15
 * of these are used, except sp; NULL: they are not known. The segments DS to GS and the bases are those of now. (A 32-bit host whose
 * double fault has a task gate finds all registers in the TSS of the task that was left, and calls segue_crash_cpu().)
 */
SEGUE_STACK_CALL int segue_crash_frame(void *workspace, uint32_t cpu, const void *frame, const struct segue_registers *general);
/* Puts a sentence into the core that says why the host has crashed: the first 231 bytes, by the first call. */
SEGUE_STACK_CALL int segue_crash_text(void *workspace, const char *text);

/* What video mode a target requests. */
enum segue_video {
	SEGUE_VIDEO_NOT_ASKED = 0,
	SEGUE_VIDEO_GRAPHICS = 1,
	SEGUE_VIDEO_TEXT = 2
};

/* Describes the target that is loaded. Returns SEGUE_OK, SEGUE_E_ARGUMENT, SEGUE_E_STRUCT_SIZE, or SEGUE_E_NOT_LOADED. */
struct segue_description {
	uint32_t struct_size;         /* in: sizeof(struct segue_description) */
	uint32_t entry;               /* physical address of the target's first instruction; entry_high has its upper half */
	const char *protocol;         /* "Multiboot 1", "Linux", "ELF"; static */
	const char *container;        /* "bundle", "Fiwix", or "" for a plain kernel; static */
	size_t segment_count;         /* for segue_segment_at() */
	size_t move_count;            /* for segue_move_at() */
	uint64_t payload;             /* bytes of the target, without zeros */
	uint64_t in_place;            /* of these, bytes that are already at their destination */
	uint64_t moved;               /* bytes that the plan's copies and exchanges write; with those of the host that are saved */
	uint64_t set_aside;           /* of these, bytes written only to break cycles */
	uint64_t zeroed;              /* bytes that are set to 0 */
	uint32_t purgatory;           /* physical address where purgatory runs */
	uint32_t purgatory_size;      /* bytes of its code */
	uint64_t needs_memory;        /* bytes that the target needs above its segments (Linux init_size); 0: none */
	uint32_t has_digest;          /* 1: purgatory will check a digest */
	uint32_t asks_video;          /* enum segue_video (Multiboot flag 2, Linux vga=) */
	uint32_t video_width, video_height; /* of a graphics mode, in pixels; 0: any */
	uint32_t video_depth;         /* bits per pixel; 0: any */
	uint32_t video_mode;          /* or the VBE mode number; 0: any */
	uint32_t real_mode;           /* 1: entered in real mode; entry is CS * 16 + IP */
	uint32_t is_64_bit;           /* 1: its headers say that it needs a 64-bit CPU (ELF64; Linux 3.8 and later) */
	uint64_t core;                /* physical: the ELF core header of the host's memory; 0: none (SEGUE_LOAD_CORE) */
	uint64_t core_size;           /* bytes of it, with its program headers and, unless it is for a crash, its notes */
	uint32_t long_mode;           /* 1: entered in 64-bit mode */
	uint32_t entry_high;          /* not 0 if that is above 4 GiB */
};
int segue_describe(const void *workspace, struct segue_description *description);

/*
 * Describes segment index of the target, from 0, in the loader's order. Returns SEGUE_OK, SEGUE_E_NOT_LOADED, or
 * SEGUE_E_ARGUMENT for an index past the last.
 */
struct segue_segment {
	uint64_t dest;                /* physical */
	uint64_t size;                /* with the zeros at its end */
	uint64_t file_size;           /* bytes that are copied from the source */
	uint64_t source;              /* physical address of the first of these */
	const char *name;             /* "ELF segment", "initrd", "command line" ...; static */
	uint32_t number;              /* tells segments of one name apart; from 0 */
	uint32_t in_digest;           /* 1: a digest covers these bytes */
};
int segue_segment_at(const void *workspace, size_t index, struct segue_segment *segment);

/* Describes move index of the plan, from 0, in the order in which the moves run. Returns the codes of segue_segment_at(). */
enum segue_move_kind {
	SEGUE_MOVE_KIND_COPY = 1,
	SEGUE_MOVE_KIND_ZERO = 3,     /* source is not used */
	SEGUE_MOVE_KIND_SWAP = 4      /* source and destination are exchanged */
};
struct segue_move_description {
	uint64_t dest, source, size;  /* physical */
	uint32_t kind;                /* enum segue_move_kind */
	uint32_t descending;          /* 1: from the last byte to the first */
};
int segue_move_at(const void *workspace, size_t index, struct segue_move_description *move);

/*
 * BIOS calls, from a host in any mode.
 *
 * segue_bios() enters real mode for one interrupt and returns with the host's state restored: control registers, EFER,
 * GDTR, IDTR, LDTR, TR (unless it was never loaded), segments and their bases, DR7, EFLAGS, x87, SSE and all other state of
 * XSAVE, the local APIC's task priority, and the borrowed memory. PAT, SYSENTER, SYSCALL and all other MSRs are not
 * changed. On a CPU without CPUID the x87 state is lost.
 *
 * The host must be at CPL 0 with a stack, on i386 with CS and SS as segue_ready() checks them. The library's text and the
 * workspace must be mapped as the arguments say; nothing else need be mapped. The BIOS's vectors, data area and ROMs must be
 * as the firmware left them. Call it on the boot CPU. Other CPUs may run, but must not call the BIOS or use the borrowed
 * memory.
 *
 * In real mode interrupts are on, as BIOSes need them; an NMI or an exception runs the BIOS's handler; a machine check is a
 * shutdown. Between the host's mode and real mode interrupts are off, an NMI is lost, and an exception is printed as by
 * segue_exec(); in about forty instructions just before and after real mode either is a shutdown.
 *
 * Interrupts of the local APIC itself stay pending for the host. Interrupts of the PICs go to the BIOS, and the host does
 * not see them. A host with unmasked PIC lines must say how it has set up the PICs (SEGUE_BIOS_PIC). If LINT0 is masked the
 * BIOS gets no interrupts; most calls need none.
 */

/* Registers that the BIOS gets and returns. */
struct segue_bios_registers {
	uint32_t eax, ebx, ecx, edx, esi, edi, ebp;
	uint16_t ds, es;
	uint32_t eflags;              /* returned by the BIOS; not passed to it */
};
#define SEGUE_BIOS_CARRY 0x1u         /* in eflags */

/* flags of struct segue_bios_args */
/* Sets the PICs to the BIOS's vectors with the lines of irqs unmasked; restores pic_vector and the masks after the call. */
#define SEGUE_BIOS_PIC      0x1u
#define SEGUE_BIOS_PIC_AEOI 0x2u      /* the host uses automatic EOI (ICW4) */
/* Sets the PIT's counter 0 to the BIOS's 18.2 Hz; restarts it with pit_mode and pit_reload after the call. */
#define SEGUE_BIOS_PIT      0x4u
#define SEGUE_BIOS_KNOWN_FLAGS 0x7u
/* For segue_physical_call() only: */
#define SEGUE_PHYSICAL_32BIT 0x8u     /* the binary is entered in 32-bit mode */

/* In bytes. Less than the smallest workspace of segue_load(). */
#define SEGUE_BIOS_WORKSPACE_SIZE 86016u
/* The memory that real mode borrows at low_phys: two pages for its code and stack, then data. */
#define SEGUE_BIOS_LOW 0x10000u       /* where it is if low_phys is 0 */
#define SEGUE_BIOS_DATA_AT 0x2000u
#define SEGUE_BIOS_DATA_MAX 0x2000u
/* IRQs that a BIOS may wait for: timer, keyboard, the second PIC, floppy disk, real-time clock, mouse, coprocessor, disks. */
#define SEGUE_BIOS_IRQS 0xf147u

struct segue_bios_args {
	uint32_t struct_size;         /* sizeof(struct segue_bios_args) */
	uint32_t flags;               /* SEGUE_BIOS_* */
	/*
	 * As for segue_load(). It is overwritten, so nothing may be loaded in it. It must not overlap the pages that real mode
	 * borrows, the first page of memory, 0xA0000 to 1 MiB, or the BIOS's memory below 0xA0000.
	 */
	void *workspace;
	uint64_t workspace_phys;
	size_t workspace_size;        /* at least SEGUE_BIOS_WORKSPACE_SIZE */
	uint64_t code_base, data_base; /* as for segue_load() */

	/*
	 * Up to SEGUE_BIOS_DATA_MAX bytes that the BIOS finds at segment low_phys / 16, offset SEGUE_BIOS_DATA_AT. They are
	 * copied there before the call, and back after it. NULL: none.
	 */
	void *data;
	size_t data_size;
	uint32_t low_phys;            /* first of the pages in base memory that are borrowed and restored; 0: SEGUE_BIOS_LOW */

	uint32_t serial_port;         /* where exceptions are printed, as in struct segue_machine; 0: none */

	/* Settings of the PICs that cannot be read back (masks can), for SEGUE_BIOS_PIC: */
	uint8_t pic_vector[2];        /* ICW2 of the first PIC and the second */
	uint16_t irqs;                /* lines unmasked during the call, bit n for IRQ n; SEGUE_BIOS_IRQS or a subset */
	/* The same of the PIT, for SEGUE_BIOS_PIT: */
	uint16_t pit_reload;          /* counts at 1193182 Hz; 0: 65536 */
	uint16_t pit_mode;            /* 0 to 5 */

	segue_log_fn *log;            /* NULL: silent */
	void *log_context;
};

/*
 * Executes INT with the low byte of vector and these registers, and stores the registers that the BIOS returns. SEGUE_OK
 * says only that the BIOS was called; SEGUE_BIOS_CARRY often says that it failed. Otherwise returns a code of the call
 * itself, SEGUE_E_READY_* or SEGUE_E_BIOS_*, and log gets the sentence (not for SEGUE_E_STRUCT_SIZE). Then only the
 * workspace has changed.
 */
int segue_bios(const struct segue_bios_args *args, uint32_t vector, struct segue_bios_registers *registers);

/*
 * Calls a flat binary of the host's in real mode or, with SEGUE_PHYSICAL_32BIT, in flat 32-bit mode with paging off, and
 * returns when it returns. All that is said above about segue_bios(), its arguments and the state that is restored is valid
 * here too, except as follows.
 *
 * The binary is data, in the whole of which it may read and write, and up to SEGUE_PHYSICAL_DATA_MAX bytes. It runs at
 * low_phys + SEGUE_BIOS_DATA_AT; below that are about 7 KiB of stack. entry is an offset in data. With more data than
 * SEGUE_BIOS_DATA_MAX, workspace_size must be at least SEGUE_BIOS_WORKSPACE_SIZE and the bytes of data above
 * SEGUE_BIOS_DATA_MAX, up to a whole page. After the call, data is as the binary left it.
 *
 * In real mode the binary is entered as a handler of an interrupt is: interrupts off, CS (low_phys + SEGUE_BIOS_DATA_AT) / 16,
 * IP entry, and registers as given. It returns by RETF or IRET, with the SS that it was entered with. It may call the BIOS.
 * Without a BIOS the call is refused, because an interrupt could come.
 *
 * In 32-bit mode ds and es of registers are ignored. All segments are flat, CS by selector 8 and the others by 16; interrupts
 * are off, CR0 has PE and ET (and CD and NW as the host has them), CR4 is 0, DF is 0. No BIOS is needed. low_phys may also
 * be anywhere in RAM from 1 MiB to 4 GiB, even where the host's kernel is. The binary may change all general registers, EFLAGS
 * (except TF), all segment and descriptor table registers, CR0 to CR4, and EFER. It returns by RET or a jump to the return
 * address, with paging off, CS and SS flat, and A20 open. As long as it leaves GDT and IDT alone, an NMI is ignored. An
 * exception for which it has no handler of its own is a shutdown.
 *
 * Returns the codes of segue_bios(), or SEGUE_E_PHYSICAL_ENTRY. SEGUE_OK says only that the binary has returned.
 */
#define SEGUE_PHYSICAL_DATA_MAX 0x80000u
int segue_physical_call(const struct segue_bios_args *args, uint32_t entry, struct segue_bios_registers *registers);

/*
 * Reads the memory map from the BIOS: by INT 15h E820, else by E801, 88h and INT 12h. Fills in map (limit ranges; some PCs
 * have more than 32) and *count, for use as memory_map. args->data is not used. Returns the codes of segue_bios(),
 * SEGUE_E_BIOS_MAP, or SEGUE_E_BIOS_MAP_LIMIT.
 */
int segue_bios_memory_map(const struct segue_bios_args *args, struct segue_range *map, size_t limit, size_t *count);

/*
 * Converts the memory map that a Multiboot boot loader passed to the host, for use as memory_map: one range for each entry,
 * in the same order; no entry is merged, shortened or left out. A host that does not call it does not link it.
 *
 * version 1: bytes is the memory map itself (Multiboot 1, section 3.3: mmap_addr, if bit 6 of flags is set) and size is
 * mmap_length. bytes is a virtual address, mmap_addr a physical one. version 2: bytes is the whole Multiboot 2 information
 * (section 3.6), and size says how many bytes of it are mapped; total_size ends it, and the tag of type 6 is the memory map.
 * Any alignment; nothing past size is read.
 *
 * Fills in at most limit ranges, and *count. Returns SEGUE_OK; SEGUE_E_RANGE_LIMIT if *count ranges are needed, with the
 * first limit of them filled in; SEGUE_E_RANGE_MAP, SEGUE_E_RANGE_NONE or SEGUE_E_ARGUMENT with *count 0.
 */
int segue_range_from_multiboot(int version, const void *bytes, size_t size, struct segue_range *ranges, size_t limit,
			       size_t *count);

/*
 * What segue_load() can start: the protocols and containers of these tables, tried in their order, up to a NULL. The
 * library has tables with all of them, each alone in its object. If the host defines a table of its own, the linker
 * takes that one instead, and what it does not name is not linked. Keep the order below. (--whole-archive, also with ld
 * -r, takes everything, and then a second table is an error of the linker.) Without the NULL, segue_load() reads on past
 * the table. SEGUE_PROTOCOLS and SEGUE_CONTAINERS of segue.mk do the same. A blob of another kind is refused with
 * SEGUE_E_NOT_LINKED.
 *
 *     const struct segue_loader *const segue_loaders[] = { &segue_loader_multiboot, NULL };
 *     const struct segue_container *const segue_containers[] = { NULL };
 *
 * A third table, segue_checks (SEGUE_CHECKS), has the checks of the host's addresses against its memory map, translate, the
 * page tables, and what the workspace must not contain: SEGUE_E_WORKSPACE_PLACE, SEGUE_E_EXTENT_PLACE, SEGUE_E_WORKSPACE_USED,
 * and their warnings. A host whose addresses are known to be right may leave it empty. Then a wrong workspace_phys resets the
 * machine, also if translate is given.
 */
extern const struct segue_loader segue_loader_core;        /* an ELF core of a host (segue_core.h), to go on with */
extern const struct segue_loader segue_loader_linux64;     /* Linux by its 64-bit entry (SEGUE_LOAD_LINUX_64) */
extern const struct segue_loader segue_loader_linux;       /* by the 32-bit entry */
extern const struct segue_loader segue_loader_multiboot2;  /* Multiboot 2 */
extern const struct segue_loader segue_loader_multiboot;   /* Multiboot 1 */
extern const struct segue_loader segue_loader_pvh;         /* PVH: an ELF with Xen's note 18, such as Linux's vmlinux */
extern const struct segue_loader segue_loader_vmlinux;     /* Linux as an ELF file */
extern const struct segue_loader segue_loader_elf;         /* plain ELF */
extern const struct segue_loader segue_loader_linux16;     /* Linux by its 16-bit entry, and from before protocol 2.00 */
extern const struct segue_loader segue_loader_boot_sector;
extern const struct segue_loader *const segue_loaders[];
extern const struct segue_container segue_container_bundle, segue_container_fiwix;
extern const struct segue_container *const segue_containers[];
extern const struct segue_check segue_check_host;
extern const struct segue_check *const segue_checks[];

/*
 * A fourth table, segue_blocks (SEGUE_BLOCKS), has purgatory's optional blocks: what segue_exec() can do only if the block is
 * linked. A load that needs another block is refused with SEGUE_E_BLOCK.
 *
 *     const struct segue_block *const segue_blocks[] = { &segue_block_devices, NULL };
 */
extern const struct segue_block segue_block_cpus;      /* cpu_count of 2 or more, SEGUE_LOAD_INIT_CPUS, segue_park() */
extern const struct segue_block segue_block_real_mode; /* SEGUE_LOAD_REAL_MODE, targets that start in 16-bit code */
extern const struct segue_block segue_block_high;      /* a blob above 4 GiB, what moves there or has a digest; not on i386 */
extern const struct segue_block segue_block_digest;    /* digest, a bundle's, SEGUE_LOAD_DIGEST_REBOOT */
extern const struct segue_block segue_block_devices;   /* SEGUE_LOAD_QUIET_* */
extern const struct segue_block segue_block_catcher;   /* SEGUE_LOAD_CATCHER */
extern const struct segue_block segue_block_return;    /* SEGUE_LOAD_RETURN */
extern const struct segue_block segue_block_elf_core;  /* SEGUE_LOAD_CORE, SEGUE_LOAD_CRASH */
extern const struct segue_block segue_block_crash;     /* SEGUE_LOAD_CRASH */
extern const struct segue_block segue_block_long_mode; /* targets that start in 64-bit mode, with a catcher of their own */
extern const struct segue_block *const segue_blocks[];

/*
 * Two more tables have what few targets need (SEGUE_EXTRAS of segue.mk has the names in both):
 *
 * segue_load_extras:
 * - segue_extra_exchange exchanges bytes in place, if so little RAM is free that none can be set aside. With the replay.
 * - segue_extra_translate finds the extents of a part that has none by translate. (segue_check_host uses translate too.)
 *   A load that needs one of these two is refused with SEGUE_E_EXTRA if it is not linked.
 * - segue_extra_replay checks each plan after it is made, independently of the planner. Without it, a defect in the planner is
 *   not found before the target is overwritten. Keep it unless you need its 3 KB.
 *
 * segue_multiboot_extras: segue_extra_sections passes a Multiboot kernel its ELF sections, for debuggers. Without it the kernel
 * gets none, and a message says so.
 */
extern const struct segue_load_extra segue_extra_exchange, segue_extra_replay, segue_extra_translate;
extern const struct segue_load_extra *const segue_load_extras[];
extern const struct segue_multiboot_extra segue_extra_sections;
extern const struct segue_multiboot_extra *const segue_multiboot_extras[];

/* Returns what a code means, as a static sentence. For an unknown code the sentence says so. */
const char *segue_strerror(int code);

/* Returns SEGUE_VERSION of the library that is linked. */
uint32_t segue_version(void);

#ifdef __cplusplus
}
#endif
#endif
