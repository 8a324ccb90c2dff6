/* SPDX-License-Identifier: MIT */
/*
 * The meaning of each code, but those of single loaders (struct segue_loader). A refusal's message starts with it; the details
 * follow.
 */
#include "common/log.h"

#define MEANINGS(means) \
	means(SEGUE_OK, "no error") \
	means(SEGUE_E_ARGUMENT, "missing or wrong argument") \
	means(SEGUE_E_STRUCT_SIZE, "unknown struct_size") \
	means(SEGUE_E_WORKSPACE_ALIGN, "workspace not on a page") \
	means(SEGUE_E_WORKSPACE_HIGH, "workspace not below 4 GiB") \
	means(SEGUE_E_WORKSPACE_SMALL, "workspace too small") \
	means(SEGUE_E_EXTENTS, "extents do not match") \
	means(SEGUE_E_EXTENT_HIGH, "extent out of reach") \
	means(SEGUE_E_MEMORY_MAP, "range ends before it starts") \
	means(SEGUE_E_NO_RAM, "no RAM below 4 GiB") \
	means(SEGUE_E_FLAGS, "unknown flag") \
	means(SEGUE_E_WORKSPACE_PARKED, "CPUs wait in the workspace") \
	means(SEGUE_E_WORKSPACE_PLACE, "workspace not at workspace_phys") \
	means(SEGUE_E_EXTENT_PLACE, "extent not at its address") \
	means(SEGUE_E_WORKSPACE_USED, "workspace overlaps stack, arguments or Segue itself") \
	means(SEGUE_E_BUSY, "another segue_load() is running") \
	means(SEGUE_E_BLOCK, "needs a block of purgatory that is not linked") \
	means(SEGUE_E_TARGET_MEMORY, "wrong target_memory") \
	means(SEGUE_E_STAGING, "staging not as required") \
	means(SEGUE_E_RETURN, "SEGUE_LOAD_RETURN not possible") \
	means(SEGUE_E_EMPTY, "empty blob") \
	means(SEGUE_E_UNKNOWN, "not a kernel Segue knows") \
	means(SEGUE_E_GZIP, "gzip-compressed") \
	means(SEGUE_E_COMPRESSED, "compressed") \
	means(SEGUE_E_NOT_LINKED, "its loader is not linked") \
	means(SEGUE_E_FIWIX_KERNEL, "Fiwix kernel past the blob") \
	means(SEGUE_E_FIWIX_INITRD, "Fiwix initramfs past the blob") \
	means(SEGUE_E_BUNDLE_HEADER, "broken bundle header") \
	means(SEGUE_E_BUNDLE_TRUNCATED, "truncated bundle") \
	means(SEGUE_E_BUNDLE_MEMBER, "unknown bundle member") \
	means(SEGUE_E_BUNDLE_TWICE, "two members of one name") \
	means(SEGUE_E_BUNDLE_KERNEL, "no kernel in the bundle") \
	means(SEGUE_E_BUNDLE_CMDLINE, "broken command line") \
	means(SEGUE_E_BUNDLE_NESTED, "bundle inside a bundle") \
	means(SEGUE_E_BUNDLE_DIGEST, "broken digest") \
	means(SEGUE_E_BUNDLE_LINK, "hard link without its file") \
	means(SEGUE_E_ELF_TRUNCATED, "truncated ELF") \
	means(SEGUE_E_ELF_CLASS, "unknown ELF class") \
	means(SEGUE_E_ELF_DATA, "big-endian ELF") \
	means(SEGUE_E_ELF_VERSION, "unknown ELF version") \
	means(SEGUE_E_ELF_TYPE, "ELF not executable") \
	means(SEGUE_E_ELF_MACHINE, "ELF for another machine") \
	means(SEGUE_E_ELF_PHENTSIZE, "wrong ELF e_phentsize") \
	means(SEGUE_E_ELF_NO_SEGMENTS, "ELF has nothing to load") \
	means(SEGUE_E_ELF_SEGMENT_FILE, "ELF segment past the file's end") \
	means(SEGUE_E_ELF_SEGMENT_SIZE, "ELF p_memsz below p_filesz") \
	means(SEGUE_E_ELF_SEGMENT_HIGH, "ELF segment not below 4 GiB") \
	means(SEGUE_E_ELF_ENTRY, "ELF entry in no segment") \
	means(SEGUE_E_ELF_64BIT, "64-bit ELF entry") \
	means(SEGUE_E_ELF_INTERPRETER, "ELF needs an interpreter") \
	means(SEGUE_E_MULTIBOOT_CHECKSUM, "wrong Multiboot checksum") \
	means(SEGUE_E_MULTIBOOT_FLAGS, "unknown Multiboot flags") \
	means(SEGUE_E_MULTIBOOT_TRUNCATED, "truncated Multiboot") \
	means(SEGUE_E_MULTIBOOT_ADDRESS, "wrong Multiboot address") \
	means(SEGUE_E_MULTIBOOT_FORMAT, "no Multiboot load address") \
	means(SEGUE_E_LINUX_TRUNCATED, "truncated Linux kernel") \
	means(SEGUE_E_LINUX_VERSION, "unknown Linux boot protocol") \
	means(SEGUE_E_LINUX_REAL_MODE, "16-bit entry, and no BIOS") \
	means(SEGUE_E_LINUX_HEADER, "broken Linux setup header") \
	means(SEGUE_E_LINUX_CMDLINE, "command line too long") \
	means(SEGUE_E_LINUX_PLACE, "no RAM for the Linux kernel") \
	means(SEGUE_E_LINUX_INITRD, "no RAM for the initrd") \
	means(SEGUE_E_LINUX_SETUP_DATA, "broken Linux setup_data") \
	means(SEGUE_E_LINUX_LOW, "no RAM below 640 KiB") \
	means(SEGUE_E_LONG_MODE, "no 64-bit CPU") \
	means(SEGUE_E_BOOT_SECTOR_BIOS, "boot sector, and no BIOS") \
	means(SEGUE_E_TOO_LARGE, "larger than 4 GiB") \
	means(SEGUE_E_SEGMENT_OVERLAP, "segments overlap") \
	means(SEGUE_E_SEGMENT_NOT_RAM, "segment outside RAM") \
	means(SEGUE_E_SEGMENT_KEPT, "segment over kept memory") \
	means(SEGUE_E_NO_PLACE, "no RAM") \
	means(SEGUE_E_NO_PURGATORY, "no RAM for purgatory") \
	means(SEGUE_E_PLAN_SPACE, "plan exceeds the workspace") \
	means(SEGUE_E_PLAN_REPLAY, "defect in Segue") \
	means(SEGUE_E_SEGMENT_OUTSIDE, "segment outside target_memory") \
	means(SEGUE_E_EXTRA, "needs an extra that is not linked") \
	means(SEGUE_E_CORE, "no core of the host's memory") \
	means(SEGUE_E_CRASH, "wrong for a crash") \
	means(SEGUE_E_NOT_LOADED, "nothing is loaded here") \
	means(SEGUE_E_READY_WORKSPACE, "workspace has moved") \
	means(SEGUE_E_READY_SEGMENTS, "CS or SS not as required") \
	means(SEGUE_E_READY_PRIVILEGE, "not at CPL 0") \
	means(SEGUE_E_READY_GATE, "segue_exec() crosses a page") \
	means(SEGUE_E_READY_BOOT_CPU, "not the boot CPU") \
	means(SEGUE_E_READY_CPUS, "other CPUs not parked") \
	means(SEGUE_E_READY_VMX, "CR4.VMXE, and CPUs get INIT") \
	means(SEGUE_E_BIOS_VMX, "CR4.VMXE is on") \
	means(SEGUE_E_BIOS_GATE, "segue_bios() crosses a page") \
	means(SEGUE_E_BIOS_LOW, "no RAM at low_phys") \
	means(SEGUE_E_BIOS_DATA, "too much data") \
	means(SEGUE_E_BIOS_GONE, "no working BIOS") \
	means(SEGUE_E_BIOS_MAP, "BIOS has no RAM above 1 MiB") \
	means(SEGUE_E_BIOS_MAP_LIMIT, "too many BIOS ranges") \
	means(SEGUE_E_BIOS_OVERLAP, "workspace over BIOS memory") \
	means(SEGUE_E_PHYSICAL_ENTRY, "entry not in data") \
	means(SEGUE_E_CALL_VMX, "CR4.VMXE: VMX cannot be kept") \
	means(SEGUE_E_CALL_GATE, "segue_call() crosses a page") \
	means(SEGUE_E_CALL_RETURN, "loaded without SEGUE_LOAD_RETURN") \
	means(SEGUE_E_CALL_OVER, "the target cannot be entered again") \
	means(SEGUE_E_DIGEST, "wrong digest") \
	means(SEGUE_RESTORED, "restored") \
	means(SEGUE_E_RANGE_MAP, "broken Multiboot map") \
	means(SEGUE_E_RANGE_NONE, "no Multiboot map") \
	means(SEGUE_E_RANGE_LIMIT, "too many Multiboot ranges")

/* The texts follow each other in one array. Pointers would double the table's size and need relocations. */
#define CODE(code, text) code,
#define TEXT(code, text) text "\0"
/* GCC aligns large arrays to 32 without this. */
#define UNALIGNED __attribute__((aligned(1)))
static const uint8_t codes[] UNALIGNED = {MEANINGS(CODE)};
static const char texts[] UNALIGNED = MEANINGS(TEXT) "no such code";

const char *segue_own_meaning(const char *own, int code)
{
	int left = own ? code - (uint8_t)*own++ : -1;

	for (; left > 0 && *own; left--)
		while (*own++)
			;
	return left == 0 && *own ? own : NULL;
}

const char *segue_meaning(const char *own, int code)
{
	const char *text = texts;

	own = segue_own_meaning(own, code);
	if (own)
		return own;
	for (size_t i = 0; i < sizeof codes && codes[i] != code; i++)
		while (*text++)
			;
	return text;
}
