/* SPDX-License-Identifier: MIT */
/*
 * Linux kernels entered through their 16-bit setup code: zImages, bzImages, and other programs packed as one (iPXE,
 * memdisk), of any protocol version and from before 2.00 (boot.rst, Memory Layout of The Real-Mode Code, Running the
 * Kernel). The setup code asks the BIOS for what the zero page tells otherwise.
 */
#include "common/memory_functions.h"
#include "common/bytes.h"
#include "container/magic.h"
#include "linux.h"

/* boot.rst, Memory Layout; Sample Boot Configuration */
#define LOW_CODE 0x10000u             /* where the code of a zImage goes */
#define SETUP_MIN 0x10000u
#define SETUP_MAX 0xa0000u
#define HEAP_END 0xe000u
#define OLD_HEAP_END 0x9800u
#define HEAP_MARGIN 0x200u            /* boot.rst, heap_end_ptr: the field is this much below the heap's end */
#define STACK_LEAST 0x1000u
#define ENTRY_PARAGRAPHS 0x20u
#define PARAGRAPH 16u
#define CAN_USE_HEAP 0x80u
#define BOOT_FLAG 0xaa55u
/* The part of the setup code that is changed: the boot sector and the setup header, which ends at 0x301 at the latest. */
#define HEADER_SIZE 1024u

static int place_low(struct job *job, struct linux_kernel *k)
{
	uint32_t paragraphs = k->minor >= 4 ? le32(LINUX_HEADER_AT(k, syssize)) : le16(LINUX_HEADER_AT(k, syssize));

	/* Bytes after the kernel in its file would overlap the setup code. */
	if (paragraphs != 0 && paragraphs <= k->code.size / PARAGRAPH)
		k->code.size = paragraphs * PARAGRAPH;
	k->load = LOW_CODE;
	return segue_add_segment(job, "Linux kernel", NO_NUMBER, LOW_CODE, &k->code, 0, k->code.size);
}

/* Takes the lowest address, or the one to which the setup code would move itself. */
static int find_place(struct job *job, const struct linux_kernel *k, addr_t size, addr_t *base)
{
	struct place place = {.min = SETUP_MIN, .max = SETUP_MAX, .align = PARAGRAPH};

	if (k->low || k->minor < 2)
		place.min = LINUX_OLD_SETUP;
	if (segue_find_free(job, size, &place, base) && (*base == place.min || place.min == SETUP_MIN))
		return SEGUE_OK;
	return segue_refuse(&job->log, SEGUE_E_LINUX_LOW,
			    "%z bytes for the setup code, its heap and the command line, from %x on", size, place.min);
}

static void fill_header(const struct job *job, uint8_t *page, const struct linux_kernel *k, addr_t base, uint32_t heap_end)
{
	uint32_t flags = k->low ? 0 : LINUX_LOADED_HIGH;

	put_le16(LINUX_AT(page, hdr.vid_mode), (uint16_t)segue_linux_vid_mode(&job->bundle.cmdline));
	if (k->minor < 2) {
		put_le16(LINUX_AT(page, screen_info.cl_magic), LINUX_OLD_LINE_MAGIC);
		put_le16(LINUX_AT(page, screen_info.cl_offset), (uint16_t)heap_end);
	}
	if (k->old)
		return;
	*LINUX_AT(page, hdr.type_of_loader) = LINUX_LOADER_UNDEFINED;
	put_le32(LINUX_AT(page, hdr.ramdisk_image), (uint32_t)k->initrd);
	put_le32(LINUX_AT(page, hdr.ramdisk_size), (uint32_t)k->initrd_size);
	if (k->minor >= 1) {
		put_le16(LINUX_AT(page, hdr.heap_end_ptr), (uint16_t)(heap_end - HEAP_MARGIN));
		flags |= CAN_USE_HEAP;
	}
	*LINUX_AT(page, hdr.loadflags) = (uint8_t)flags;
	if (k->minor >= 2)
		put_le32(LINUX_AT(page, hdr.cmd_line_ptr), (uint32_t)(base + heap_end));
	else
		put_le16(LINUX_AT(page, hdr.setup_move_size), (uint16_t)(heap_end + job->bundle.cmdline.size + 1));
	/*
	 * 0: the kernel does not use this field as its entry (iPXE). In a zImage it is the address that the kernel
	 * moves itself to.
	 */
	if (!k->low && le32(LINUX_AT(page, hdr.code32_start)) != 0)
		put_le32(LINUX_AT(page, hdr.code32_start), (uint32_t)k->load);
	if (k->alignment != 0)
		put_le32(LINUX_AT(page, hdr.kernel_alignment), k->alignment);
}

/* Adds the setup header, the setup code followed by heap and stack, and the command line, at adjacent addresses. */
static IN_LINE int add_segments(struct job *job, const struct linux_kernel *k, addr_t base, uint32_t heap_end)
{
	const struct bytes *line = &job->bundle.cmdline;
	struct bytes rest = segue_bytes_at(k->setup, HEADER_SIZE, k->setup.size - HEADER_SIZE);
	struct bytes header = {.size = HEADER_SIZE, .part = PART_WORKSPACE};
	struct bytes text = {.size = line->size + 1, .part = PART_WORKSPACE};
	uint8_t *page = segue_arena_take(&job->arena, header.size + text.size, PARAGRAPH);
	int error;

	if (!page)
		return SEGUE_E_WORKSPACE_SMALL;
	header.data = page;
	text.data = page + HEADER_SIZE;
	memcpy(page, k->setup.data, HEADER_SIZE);
	fill_header(job, page, k, base, heap_end);
	if (line->size > 0)
		memcpy(page + HEADER_SIZE, line->data, line->size);
	error = segue_add_segment(job, "Linux setup header", NO_NUMBER, base, &header, 0, HEADER_SIZE);
	if (error == SEGUE_OK)
		error = segue_add_segment(job, "Linux setup code", NO_NUMBER, base + HEADER_SIZE, &rest,
					  heap_end - (addr_t)k->setup.size, heap_end - HEADER_SIZE);
	if (error != SEGUE_OK)
		return error;
	/* The digest must not depend on the entry that is used. */
	job->segments[job->segment_count - 1].optional = true;
	return segue_add_segment(job, "Linux command line", NO_NUMBER, base + heap_end, &text, 0, text.size);
}

static int place_setup(struct job *job, struct linux_kernel *k)
{
	uint32_t heap_end = !k->low && k->minor >= 2 ? HEAP_END : OLD_HEAP_END;
	addr_t base;
	int error;

	if (k->setup.size > heap_end - STACK_LEAST)
		return segue_refuse(&job->log, SEGUE_E_LINUX_HEADER, "setup code of %z bytes, at most %u", (addr_t)k->setup.size,
				    heap_end - STACK_LEAST);
	if ((error = find_place(job, k, heap_end + (addr_t)job->bundle.cmdline.size + 1, &base)) != SEGUE_OK)
		return error;
	job->entry = (struct entry_state){
		.esp = heap_end, .selectors = ENTRY_REAL_MODE, .real_code = (uint16_t)(base / PARAGRAPH + ENTRY_PARAGRAPHS),
		.real_data = (uint16_t)(base / PARAGRAPH),
	};
	return add_segments(job, k, base, heap_end);
}

/* Recognises a kernel from before 2.00. It has only the boot flag, so the file must also be as long as its header says. */
static bool is_old(const struct bytes *file)
{
	size_t setup, code;

	if (file->size < 0x206 || le16(LINUX_AT(file->data, hdr.boot_flag)) != BOOT_FLAG)
		return false;
	setup = segue_linux_setup_size(LINUX_AT(file->data, hdr.setup_sects));
	code = le16(LINUX_AT(file->data, hdr.syssize)) * (size_t)16;
	return code != 0 && file->size > setup && file->size - setup <= code && code - (file->size - setup) < 16;
}

static bool recognise(const struct bytes *file)
{
	return segue_is_linux(file) || is_old(file);
}

static int load(struct job *job)
{
	struct linux_kernel k = {0};
	int error;

	if ((error = segue_linux_open(job, &k)) != SEGUE_OK)
		return error;
	if (!k.real_mode)
		return segue_refuse_unlinked(&job->log, "Linux kernel with a 32-bit entry", "loader_linux");
	if ((error = k.low ? place_low(job, &k) : segue_linux_place_kernel(job, &k)) != SEGUE_OK)
		return error;
	if ((error = segue_linux_pass(job, &k)) != SEGUE_OK)
		return error;
	if ((error = place_setup(job, &k)) != SEGUE_OK)
		return error;
	return segue_linux_end(job, &k);
}

const struct segue_loader segue_loader_linux16 = {
	.protocol = "Linux", .recognise = recognise, .load = load, .family = FAMILY_LINUX,
};
