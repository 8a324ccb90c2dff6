/* SPDX-License-Identifier: MIT */
/*
 * Multiboot 2: reads the header's tags and places the kernel. "Section" is one of the Multiboot2 Specification, version 2.0.
 *
 * Where the specification is silent, GRUB 2.12 is followed: the first header with a right checksum counts; of two tags of one
 * type the last one; an address tag needs an entry tag; a relocatable kernel's segments keep their distances, and its entry
 * moves with them. The tags of EFI boot services are read over: they are for boot loaders that leave those running.
 *
 * A kernel that has a Multiboot 1 header too is left to that loader (recognise.c, rule 5), without SEGUE_LOAD_MULTIBOOT_2.
 */
#include "common/bytes.h"
#include "common/memory_functions.h"
#include "common/placement.h"
#include "multiboot.h"

/* The tag with each type; NULL: there is none. */
struct tags {
	const uint8_t *of[MULTIBOOT2_HEADER_TAGS];
};

/* What a tag has at least; 0: no more than its type and size. */
static const uint8_t tag_sizes[MULTIBOOT2_HEADER_TAGS] = {
	[MULTIBOOT2_HEADER_ADDRESS] = sizeof(struct multiboot2_header_address),
	[MULTIBOOT2_HEADER_ENTRY] = sizeof(struct multiboot2_header_entry),
	[MULTIBOOT2_HEADER_CONSOLE] = sizeof(struct multiboot2_header_console),
	[MULTIBOOT2_HEADER_FRAMEBUFFER] = sizeof(struct multiboot2_header_framebuffer),
	[MULTIBOOT2_HEADER_RELOCATABLE] = sizeof(struct multiboot2_header_relocatable),
};

#define FIELD(p, type, name) le32((p) + offsetof(struct multiboot2_header_##type, name))

static bool recognise(const struct bytes *kernel)
{
	return segue_find_multiboot2(kernel) != NULL;
}

#if SEGUE_SENTENCES
static const char *nearly(const struct bytes *kernel, size_t *offset)
{
	size_t end = kernel->size < MULTIBOOT_NEARLY_SEARCH ? kernel->size : MULTIBOOT_NEARLY_SEARCH;

	for (*offset = 0; fits(*offset, sizeof(struct multiboot2_header), end); ++*offset) {
		const uint8_t *p = kernel->data + *offset;

		if (*p != (MULTIBOOT2_HEADER_MAGIC & 0xff) || le32(p) != MULTIBOOT2_HEADER_MAGIC)
			continue;
		if (le32(p) + le32(p + 4) + le32(p + 8) + le32(p + 12) != 0)
			return "has a wrong checksum";
		if (le32(p + 4) != MULTIBOOT2_I386)
			return "is for another architecture";
		if (*offset % MULTIBOOT2_ALIGN != 0)
			return "is not at a multiple of 8";
		return "is not in the first 32768 bytes";
	}
	return NULL;
}
#endif

/* 64 bits of magic and architecture and a sum of 32 are no accident. */
static bool is_stray(const struct bytes *kernel)
{
	(void)kernel;
	return false;
}

/* Is there a Multiboot 1 header that its loader, which is linked, takes for one? */
static bool version_1_counts(const struct job *job)
{
	const struct bytes *kernel = &job->bundle.kernel;
	size_t i = 0;

	if (job->args->flags & SEGUE_LOAD_MULTIBOOT_2)
		return false;
	while (segue_next_multiboot(kernel, &i) && !segue_has_multiboot_sum(kernel->data + i))
		i += MULTIBOOT_ALIGN;
	if (!segue_next_multiboot(kernel, &i))
		return false;
	for (const struct segue_loader *const *each = job->next; *each; each++)
		if ((*each)->family == FAMILY_MULTIBOOT && !(*each)->searched->is_stray(kernel))
			return true;
	return false;
}

/* Section 3.1.4. Information that is known to the specification may be absent, if there is none. */
static int check_request(const struct job *job, const uint8_t *tag, uint32_t size, addr_t at)
{
	if (le16(tag + offsetof(struct multiboot2_header_tag, flags)) & MULTIBOOT2_HEADER_OPTIONAL)
		return SEGUE_OK;
	for (uint32_t i = sizeof(struct multiboot2_header_tag); i + 4 <= size; i += 4)
		if (le32(tag + i) > MULTIBOOT2_TAG_LOAD_BASE)
			return segue_refuse(&job->log, SEGUE_E_MULTIBOOT2_REQUEST, "information %u, in the tag at offset %x", le32(tag + i), at);
	return SEGUE_OK;
}

/* Section 3.1.3 */
static int read_tags(const struct job *job, size_t offset, struct tags *tags)
{
	const struct bytes *kernel = &job->bundle.kernel;
	const uint8_t *header = kernel->data + offset;
	addr_t length = le32(header + offsetof(struct multiboot2_header, header_length));
	addr_t limit = kernel->size < MULTIBOOT2_SEARCH ? kernel->size : MULTIBOOT2_SEARCH;
	addr_t at = sizeof(struct multiboot2_header);

	if (!fits(offset, length, limit))
		return segue_refuse(&job->log, SEGUE_E_MULTIBOOT2_TRUNCATED, "header of %z bytes at offset %x, which must end by %x",
				    length, (addr_t)offset, limit);
	for (;;) {
		const uint8_t *tag = header + at;
		uint32_t type, size;
		int error = SEGUE_OK;

		if (!fits(at, sizeof(struct multiboot2_header_tag), length))
			return segue_refuse(&job->log, SEGUE_E_MULTIBOOT2_TRUNCATED, "header of %z bytes at offset %x, without an end tag",
					    length, (addr_t)offset);
		type = le16(tag);
		size = le32(tag + offsetof(struct multiboot2_header_tag, size));
		if (size < sizeof(struct multiboot2_header_tag) || (type < MULTIBOOT2_HEADER_TAGS && size < tag_sizes[type]))
			return segue_refuse(&job->log, SEGUE_E_MULTIBOOT2_TAG_SIZE, "tag %u at offset %x has %u bytes", type, offset + at, size);
		if (!fits(at, size, length))
			return segue_refuse(&job->log, SEGUE_E_MULTIBOOT2_TRUNCATED, "tag %u at offset %x has %u bytes, the header ends at %x",
					    type, offset + at, size, offset + length);
		if (type == MULTIBOOT2_HEADER_END)
			return SEGUE_OK;
		if (type == MULTIBOOT2_HEADER_REQUEST) {
			error = check_request(job, tag, size, offset + at);
		} else if (type < MULTIBOOT2_HEADER_TAGS) {
			if (tags->of[type])
				segue_say(&job->log, SEGUE_LOG_WARNING, "two header tags %u: that at offset %x counts", type, offset + at);
			tags->of[type] = tag;
		} else if (!(le16(tag + offsetof(struct multiboot2_header_tag, flags)) & MULTIBOOT2_HEADER_OPTIONAL)) {
			error = segue_refuse(&job->log, SEGUE_E_MULTIBOOT2_TAG, "tag %u at offset %x", type, offset + at);
		}
		if (error)
			return error;
		at += ((addr_t)size + MULTIBOOT2_ALIGN - 1) & ~(addr_t)(MULTIBOOT2_ALIGN - 1);
	}
}

/*
 * Section 3.1.13: where the kernel goes that is linked for [link, link + size). Without a preference it stays there, if it may.
 * Otherwise memory above 1 MiB comes first.
 */
static int choose_place(struct job *job, const uint8_t *tag, addr_t link, addr_t size, addr_t *base)
{
	addr_t min, max, align, preference;
	struct place place;

	*base = link;
	if (!tag)
		return SEGUE_OK;
	min = FIELD(tag, relocatable, min_addr);
	max = FIELD(tag, relocatable, max_addr);
	align = FIELD(tag, relocatable, align);
	preference = FIELD(tag, relocatable, preference);
	if (align == 0)
		align = 1;
	if ((align & (align - 1)) != 0)
		return segue_refuse(&job->log, SEGUE_E_MULTIBOOT2_RELOCATABLE, "align %x is no power of two", align);
	if (size > max || min > max - size)
		return segue_refuse(&job->log, SEGUE_E_MULTIBOOT2_RELOCATABLE, "%z bytes do not fit between %x and %x", size, min, max);
	if (preference != MULTIBOOT2_PREFER_LOW && preference != MULTIBOOT2_PREFER_HIGH && link >= min && link <= max - size &&
	    (link & (align - 1)) == 0 && segue_is_free(job, link, link + size))
		return SEGUE_OK;
	place = (struct place){.min = segue_floor(job), .max = max, .align = (uint32_t)align, .from_top = preference == MULTIBOOT2_PREFER_HIGH};
	if (place.min < min)
		place.min = min;
	if (segue_find_free(job, size, &place, base))
		return SEGUE_OK;
	place.min = min;
	if (segue_find_free(job, size, &place, base))
		return SEGUE_OK;
	return segue_refuse(&job->log, SEGUE_E_MULTIBOOT2_PLACE, "%z bytes, aligned to %x, between %x and %x", size, align, min, max);
}

static int load_by_addresses(struct job *job, size_t offset, const struct tags *tags, uint32_t *entry)
{
	const struct bytes *kernel = &job->bundle.kernel;
	const uint8_t *entry_tag = tags->of[MULTIBOOT2_HEADER_ENTRY];
	uint8_t fields[20];
	struct flat flat;
	uint32_t above;
	addr_t base;
	int error;

	if (!entry_tag)
		return segue_refuse(&job->log, SEGUE_E_MULTIBOOT2_ENTRY, "an address tag, and no entry tag");
	memcpy(fields, tags->of[MULTIBOOT2_HEADER_ADDRESS] + offsetof(struct multiboot2_header_address, header_addr), 16);
	memcpy(fields + 16, entry_tag + offsetof(struct multiboot2_header_entry, entry_addr), 4);
	/* Section 3.1.5: load_addr -1 is the address of the file's first byte. */
	if (le32(fields + 4) == UINT32_MAX) {
		if (le32(fields) < offset)
			return segue_refuse(&job->log, SEGUE_E_MULTIBOOT_ADDRESS, "header_addr %x is below the header's offset %x",
					    (addr_t)le32(fields), (addr_t)offset);
		put_le32(fields + 4, le32(fields) - (uint32_t)offset);
	}
	/* The same section wants load_addr at or below header_addr. GRUB does not, and there are such kernels: they load no header. */
	above = le32(fields + 4) - le32(fields);
	if (le32(fields + 4) > le32(fields) && above <= kernel->size - offset) {
		offset += above;
		memcpy(fields, fields + 4, 4);
	}
	error = segue_multiboot_read_addresses(&job->log, kernel, offset, fields, &flat);
	if (!error)
		error = choose_place(job, tags->of[MULTIBOOT2_HEADER_RELOCATABLE], flat.load, flat.end - flat.load, &base);
	if (error)
		return error;
	*entry = flat.entry + (uint32_t)(base - flat.load);
	return segue_add_segment(job, "Multiboot image", NO_NUMBER, base, &flat.source,
				 flat.end - flat.load - flat.source.size, flat.end - flat.load);
}

/* Is the address in bytes of the file? Zeros are not code. */
static bool is_code(const struct job *job, uint32_t address)
{
	for (size_t i = 0; i < job->segment_count; i++)
		if (address >= job->segments[i].dest && address - job->segments[i].dest < job->segments[i].source.size)
			return true;
	return false;
}

static int load_elf(struct job *job, const struct tags *tags, struct elf_file *elf, uint32_t *entry)
{
	const uint8_t *entry_tag = tags->of[MULTIBOOT2_HEADER_ENTRY];
	addr_t low, high, base = 0;
	int error = segue_elf_open(job, &job->bundle.kernel, elf, 0);

	if (error)
		return error;
	/* What segue_elf_span() does not accept, segue_elf_load() refuses. */
	low = 0;
	if (tags->of[MULTIBOOT2_HEADER_RELOCATABLE] && segue_elf_span(elf, &low, &high)) {
		error = choose_place(job, tags->of[MULTIBOOT2_HEADER_RELOCATABLE], low, high - low, &base);
		if (!error && base != low)
			error = segue_elf_move(job, elf, (uint32_t)(base - low));
	}
	if (!error)
		error = segue_elf_load(job, elf, entry);
	if (error || !entry_tag)
		return error;
	*entry = FIELD(entry_tag, entry, entry_addr) + (uint32_t)(base - low);
	return is_code(job, *entry) ? SEGUE_OK : segue_refuse(&job->log, SEGUE_E_MULTIBOOT2_ENTRY, "%x is in no segment's bytes", (addr_t)*entry);
}

/*
 * Sections 3.1.7 to 3.1.9: a kernel with a framebuffer tag can use one. Any other is for a text screen, unless its flags tag says
 * that it is not.
 */
static void ask_video(struct job *job, const struct tags *tags)
{
	static const uint8_t any[12];
	const uint8_t *framebuffer = tags->of[MULTIBOOT2_HEADER_FRAMEBUFFER], *console = tags->of[MULTIBOOT2_HEADER_CONSOLE];
	uint32_t flags = console ? FIELD(console, console, console_flags) : 0;

	if (framebuffer)
		segue_multiboot_ask_video(job, framebuffer + offsetof(struct multiboot2_header_framebuffer, width), false);
	else if (flags & MULTIBOOT2_CONSOLE_EGA_TEXT)
		segue_multiboot_ask_video(job, any, true);
	else if (!console)
		job->asks_video = SEGUE_VIDEO_TEXT;
	if (flags & MULTIBOOT2_CONSOLE_REQUIRED && !(job->args->flags & SEGUE_LOAD_VIDEO) && !segue_screen(job))
		segue_say(&job->log, SEGUE_LOG_WARNING, "the kernel requires a console, and no screen is known");
}

static int load(struct job *job)
{
	const struct bytes *kernel = &job->bundle.kernel;
	struct tags tags = {{NULL}};
	struct elf_file elf;
	size_t offset;
	uint32_t entry, info;
	const uint8_t *relocatable;
	int error;

	if (version_1_counts(job))
		return LOADER_PASSES;
	offset = (size_t)(segue_find_multiboot2(kernel) - kernel->data);
	error = read_tags(job, offset, &tags);
	if (error)
		return error;
	job->is_64_bit = segue_elf_is_64_bit(kernel);
	if (tags.of[MULTIBOOT2_HEADER_ADDRESS])
		error = load_by_addresses(job, offset, &tags, &entry);
	else if (segue_is_elf(kernel))
		error = load_elf(job, &tags, &elf, &entry);
	else
		error = segue_refuse(&job->log, SEGUE_E_MULTIBOOT_FORMAT, "header at offset %x, without an address tag", (addr_t)offset);
	if (error)
		return error;
	ask_video(job, &tags);
	relocatable = tags.of[MULTIBOOT2_HEADER_RELOCATABLE];
	error = segue_multiboot2_pass(job, tags.of[MULTIBOOT2_HEADER_ADDRESS] ? NULL : &elf,
				      relocatable && FIELD(relocatable, relocatable, preference) == MULTIBOOT2_PREFER_HIGH, &info);
	if (error)
		return error;
	/* Section 3.3 */
	job->entry = (struct entry_state){
		.eax = MULTIBOOT2_LOADER_MAGIC,
		.ebx = info,
		.eip = entry,
		.selectors = ENTRY_CODE_08_DATA_10,
	};
	return SEGUE_OK;
}

static const struct searched_header searched = {
	.is_stray = is_stray,
#if SEGUE_SENTENCES
	.name = "Multiboot 2",
	.nearly = nearly,
#endif
};

_Static_assert(SEGUE_E_MULTIBOOT2_TRUNCATED == 0xc8 && SEGUE_E_MULTIBOOT2_PLACE == 0xc8 + 6, "meanings");
const struct segue_loader segue_loader_multiboot2 = {
	.protocol = "Multiboot 2",
	.recognise = recognise,
	.load = load,
	.searched = &searched,
#if SEGUE_SENTENCES
	.meanings = "\xc8" "truncated Multiboot 2\0" "unknown header tag\0" "short header tag\0" "unknown information\0" "no entry address\0"
		"wrong relocatable tag\0" "no RAM for the kernel\0",
#endif
	.family = FAMILY_MULTIBOOT,
};
