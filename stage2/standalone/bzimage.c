/* SPDX-License-Identifier: MIT */
/* Documentation/arch/x86/boot.rst, The Real-Mode Kernel Header. The rules are those of loaders/linux.c. */
#include "bzimage.h"
#include "common/bytes.h"
#include "container/magic.h"
#include "linux_header.h"

#define SECTOR 512u
#define OLD_INITRD_ADDR_MAX 0x37ffffffu
#define FOUR_GIB 0x100000000u

#define AT(field) (head + offsetof(struct linux_boot_params, hdr.field))

/* The memory that the kernel needs, from its load address. */
static uint64_t code_end(const uint8_t *head, uint32_t minor, uint64_t *load, uint64_t code_size)
{
	bool relocatable = minor >= 5 && *AT(relocatable_kernel);
	uint64_t run = *load, init_size = code_size * 4, align = relocatable ? le32(AT(kernel_alignment)) : 1;

	if (minor >= 10) {
		if (le64(AT(pref_address)))
			run = le64(AT(pref_address));
		if (relocatable)
			*load = run;
		init_size = le32(AT(init_size));
	}
	if (align)
		run = (run + align - 1) & ~(align - 1);
	return run + init_size > *load + code_size ? run + init_size : *load + code_size;
}

bool bzimage_place(const uint8_t *head, uint32_t head_size, uint32_t file_size, struct bzimage_place *place)
{
	const struct bytes file = { head, head_size, 0 };
	uint32_t setup, minor;
	uint64_t load;

	if (head_size < BZIMAGE_HEAD || !segue_is_linux(&file) ||
	    le16(AT(version)) < 0x200 || !(*AT(loadflags) & LINUX_LOADED_HIGH) || le32(AT(code32_start)) == 0)
		return false;
	minor = le16(AT(version)) - 0x200u;
	setup = ((*AT(setup_sects) ? *AT(setup_sects) : 4u) + 1) * SECTOR;
	load = le32(AT(code32_start));
	if (setup >= file_size)
		return false;
	place->end = code_end(head, minor, &load, file_size - setup);
	place->initrd_end = (uint64_t)(minor >= 3 ? le32(AT(initrd_addr_max)) : OLD_INITRD_ADDR_MAX) + 1;
	if (load < setup || place->end > FOUR_GIB)
		return false;
	place->start = load - setup;
	return true;
}
