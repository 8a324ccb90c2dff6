/* SPDX-License-Identifier: MIT */
/* segue_strerror(): every code in one sentence. */
#include "segue.h"

const char *segue_strerror(int code)
{
	switch (code) {
	case SEGUE_OK: return "no error";
	case SEGUE_E_ARGUMENT: return "a pointer that must be given is missing";
	case SEGUE_E_STRUCT_SIZE: return "struct_size is none that this version knows";
	case SEGUE_E_WORKSPACE_ALIGN: return "the workspace does not start on a page";
	case SEGUE_E_WORKSPACE_HIGH: return "the workspace is not below 4 GiB";
	case SEGUE_E_WORKSPACE_SMALL: return "the workspace is too small";
	case SEGUE_E_EXTENTS: return "the extents are not as long as the bytes they stand for";
	case SEGUE_E_EXTENT_HIGH: return "an extent reaches above 4 GiB";
	case SEGUE_E_MEMORY_MAP: return "a memory range ends before it starts";
	case SEGUE_E_NO_RAM: return "the memory map has no RAM below 4 GiB";
	case SEGUE_E_FLAGS: return "unknown flag";
	case SEGUE_E_EMPTY: return "the blob has no bytes";
	case SEGUE_E_UNKNOWN: return "the blob is nothing that Segue knows";
	case SEGUE_E_GZIP: return "the blob is still gzip-compressed";
	case SEGUE_E_FIWIX_KERNEL: return "the kernel length reaches past the blob";
	case SEGUE_E_FIWIX_INITRD: return "the initramfs length reaches past the blob";
	case SEGUE_E_BUNDLE_HEADER: return "a header in the bundle is broken";
	case SEGUE_E_BUNDLE_TRUNCATED: return "the bundle ends too early";
	case SEGUE_E_BUNDLE_MEMBER: return "the bundle has a member that no rule knows";
	case SEGUE_E_BUNDLE_TWICE: return "the bundle has two members of one name";
	case SEGUE_E_BUNDLE_KERNEL: return "the bundle has no kernel";
	case SEGUE_E_BUNDLE_CMDLINE: return "a command line in the bundle is broken";
	case SEGUE_E_BUNDLE_NESTED: return "a bundle inside a bundle";
	case SEGUE_E_ELF_TRUNCATED: return "the ELF file ends inside its headers";
	case SEGUE_E_ELF_CLASS: return "the ELF file is of an unknown class";
	case SEGUE_E_ELF_DATA: return "the ELF file is not little-endian";
	case SEGUE_E_ELF_VERSION: return "the ELF file is of an unknown version";
	case SEGUE_E_ELF_TYPE: return "the ELF file is no executable";
	case SEGUE_E_ELF_MACHINE: return "the ELF file is for another machine";
	case SEGUE_E_ELF_PHENTSIZE: return "the ELF program headers are of a wrong size";
	case SEGUE_E_ELF_NO_SEGMENTS: return "the ELF file has nothing to load";
	case SEGUE_E_ELF_SEGMENT_FILE: return "an ELF segment reaches past the end of the file";
	case SEGUE_E_ELF_SEGMENT_SIZE: return "an ELF segment is smaller in memory than in the file";
	case SEGUE_E_ELF_SEGMENT_HIGH: return "an ELF segment does not end below 4 GiB";
	case SEGUE_E_ELF_ENTRY: return "the ELF entry lies in no segment";
	case SEGUE_E_ELF_64BIT: return "the ELF file's entry is 64-bit code";
	case SEGUE_E_ELF_INTERPRETER: return "the ELF file is a program for an operating system";
	case SEGUE_E_ELF_SECTIONS: return "the ELF section headers are broken";
	case SEGUE_E_MULTIBOOT_CHECKSUM: return "the Multiboot header's checksum is wrong";
	case SEGUE_E_MULTIBOOT_FLAGS: return "the Multiboot header asks for something unknown";
	case SEGUE_E_MULTIBOOT_TRUNCATED: return "the file ends inside the Multiboot header";
	case SEGUE_E_MULTIBOOT_ADDRESS: return "the Multiboot header's addresses make no sense";
	case SEGUE_E_MULTIBOOT_FORMAT: return "nothing says where the Multiboot kernel goes";
	case SEGUE_E_MULTIBOOT_2: return "the kernel has a Multiboot 2 header only";
	case SEGUE_E_LINUX_TRUNCATED: return "the Linux kernel ends too early";
	case SEGUE_E_LINUX_VERSION: return "the Linux kernel's boot protocol is too old";
	case SEGUE_E_LINUX_REAL_MODE: return "the Linux kernel has a 16-bit entry only";
	case SEGUE_E_LINUX_HEADER: return "the Linux kernel's setup header makes no sense";
	case SEGUE_E_LINUX_CMDLINE: return "the command line is longer than the Linux kernel takes";
	case SEGUE_E_LINUX_PLACE: return "no RAM where the Linux kernel may lie";
	case SEGUE_E_LINUX_INITRD: return "no RAM where the Linux kernel lets the initrd lie";
	case SEGUE_E_LINUX_MODULES: return "more files than the Linux kernel takes";
	case SEGUE_E_LINUX_SETUP_DATA: return "the Linux setup_data list is broken";
	case SEGUE_E_TOO_LARGE: return "larger than 4 GiB";
	case SEGUE_E_SEGMENT_OVERLAP: return "two segments overlap";
	case SEGUE_E_SEGMENT_NOT_RAM: return "a segment reaches outside RAM";
	case SEGUE_E_SEGMENT_FIRMWARE: return "a segment covers the firmware's data";
	case SEGUE_E_SEGMENT_KEPT: return "a segment covers what the host keeps";
	case SEGUE_E_NO_PLACE: return "no RAM for a module or a table";
	case SEGUE_E_NO_PURGATORY: return "no RAM for purgatory and its list";
	case SEGUE_E_PLAN_SPACE: return "the plan does not fit into the workspace";
	case SEGUE_E_PLAN_REPLAY: return "the plan failed its check";
	case SEGUE_E_NOT_LOADED: return "nothing is loaded";
	case SEGUE_E_READY_PAGING: return "paging is on";
	case SEGUE_E_READY_LONG_MODE: return "the host is 64-bit";
	case SEGUE_E_READY_SEGMENTS: return "the segments are not flat";
	case SEGUE_E_READY_PRIVILEGE: return "not at privilege level 0";
	case SEGUE_E_READY_VIRTUAL_8086: return "in virtual-8086 mode";
	default: return "no such code";
	}
}
