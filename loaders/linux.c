/* SPDX-License-Identifier: MIT */
/*
 * Linux bzImages, protocol 2.00 to 2.15, through the 32-bit entry (boot.rst, 32-bit Boot Protocol).
 * A 64-bit kernel has the same entry: it goes on to long mode by itself.
 *
 * Where the kernel goes: at pref_address, or at code32_start before 2.10 and for a kernel that is not
 * relocatable. If that is taken and the kernel is relocatable: at the lowest aligned place above; never
 * below, as a relocatable kernel since 3.14 runs at pref_address or above wherever it was loaded.
 */
#include "bytes.h"
#include "linux.h"

#define BOOT_FLAG 0xaa55u
#define HEADER_MAGIC 0x53726448u      /* "HdrS" */
#define SECTOR 512u
#define LOADED_HIGH 0x01u
#define XLF_KERNEL_64 0x0001u
#define ONE_MIB 0x100000u
#define FOUR_GIB 0x100000000u
#define PAGE 4096u
/* boot.rst, initrd_addr_max: what holds before 2.03 */
#define OLD_INITRD_ADDR_MAX 0x37ffffffu

static bool recognise(const struct bytes *file)
{
	return file->size >= 0x206 && le16(LINUX_AT(file->data, hdr.boot_flag)) == BOOT_FLAG &&
	       le32(LINUX_AT(file->data, hdr.header)) == HEADER_MAGIC;
}

/* The end of the last field that each version brought, or the last that we need; 2.04 and others brought none. */
static uint32_t header_end_of(uint32_t version)
{
	return version >= 0x20a ? 0x264 : version >= 0x209 ? 0x258 : version >= 0x208 ? 0x250 :
	       version >= 0x207 ? 0x248 : version >= 0x206 ? 0x23c : version >= 0x205 ? 0x235 :
	       version >= 0x203 ? 0x230 : version >= 0x202 ? 0x22c : version >= 0x201 ? 0x226 : 0x224;
}

static int check_header(const struct job *job, struct linux_kernel *k)
{
	struct bytes file = job->bundle.kernel;
	uint32_t needed;

	if (file.size < 0x208)
		return segue_refuse(job, SEGUE_E_LINUX_TRUNCATED,
				    "the Linux kernel of %z bytes ends inside its setup header", (uint64_t)file.size);
	k->header = file.data;
	k->version = le16(LINUX_AT(file.data, hdr.version));
	if (k->version < 0x200 || k->version >= 0x300)
		return segue_refuse(job, SEGUE_E_LINUX_VERSION,
				    "the Linux kernel has boot protocol %u.%u; 2.00 to 2.15 are known",
				    k->version / 256u, k->version % 256u);
	k->header_end = 0x202u + *LINUX_AT(file.data, hdr.jump_distance);
	needed = header_end_of(k->version);
	/* Bytes from 0x290 on are the zero page's own. */
	if (k->header_end < needed || k->header_end > offsetof(struct linux_boot_params, edd_mbr_sig_buffer))
		return segue_refuse(job, SEGUE_E_LINUX_HEADER,
				    "the Linux setup header ends at %x by its byte at 0x201; for protocol %u.%u that "
				    "must be between %x and 0x290",
				    (uint64_t)k->header_end, k->version / 256u, k->version % 256u, (uint64_t)needed);
	if (file.size < k->header_end)
		return segue_refuse(job, SEGUE_E_LINUX_TRUNCATED,
				    "the Linux kernel of %z bytes ends inside its setup header, which goes to %x",
				    (uint64_t)file.size, (uint64_t)k->header_end);
	return SEGUE_OK;
}

static int find_code(const struct job *job, struct linux_kernel *k)
{
	struct bytes file = job->bundle.kernel;
	const uint8_t *h = k->header;
	uint32_t sectors = *LINUX_AT(h, hdr.setup_sects);
	size_t setup;
	uint64_t named;

	if (!(*LINUX_AT(h, hdr.loadflags) & LOADED_HIGH))
		return segue_refuse(job, SEGUE_E_LINUX_REAL_MODE,
				    "the Linux kernel is a zImage (loadflags without LOADED_HIGH), which starts in "
				    "real mode: not built yet");
	if (le32(LINUX_AT(h, hdr.code32_start)) == 0)
		return segue_refuse(job, SEGUE_E_LINUX_REAL_MODE,
				    "the Linux-style kernel has no 32-bit entry (code32_start is 0), as iPXE; it starts "
				    "in real mode: not built yet");
	setup = ((sectors ? sectors : 4u) + 1u) * SECTOR;
	if (file.size <= setup)
		return segue_refuse(job, SEGUE_E_LINUX_TRUNCATED,
				    "the Linux kernel of %z bytes ends before its protected-mode code, which begins at %x",
				    (uint64_t)file.size, (uint64_t)setup);
	k->code = segue_bytes_at(file, setup, file.size - setup);
	/* boot.rst, note 2: 16 bits before 2.04, and then no measure of a bzImage. */
	named = k->version >= 0x204 ? le32(LINUX_AT(h, hdr.syssize)) * (uint64_t)16 : 0;
	if (named > k->code.size + (uint64_t)15)
		return segue_refuse(job, SEGUE_E_LINUX_TRUNCATED,
				    "the Linux kernel is cut short: syssize names %z bytes of protected-mode code, the "
				    "file has %z", named, (uint64_t)k->code.size);
	/*
	 * Linux's build always fills syssize in. memdisk and GRUB's lnxboot.img have 0 there, and nothing at
	 * code32_start that could be entered. (Before 2.04, 0 may also be a multiple of 1 MiB.)
	 */
	if (le16(LINUX_AT(h, hdr.syssize)) == 0 && named == 0 && (k->version >= 0x204 || k->code.size <= ONE_MIB - 16))
		return segue_refuse(job, SEGUE_E_LINUX_REAL_MODE,
				    "the Linux-style kernel names no 32-bit code (syssize is 0), as memdisk; it starts in "
				    "real mode: not built yet");
	return SEGUE_OK;
}

/* The largest size that find_free would find a place for: for sentences only. */
static uint64_t largest_free(const struct job *job, const struct place *place)
{
	uint64_t size = 0, start;

	for (uint64_t bit = FOUR_GIB / 2; bit != 0; bit >>= 1)
		if (segue_find_free(job, size + bit, place, &start))
			size += bit;
	return size;
}

/* A power of two? */
static bool is_power(uint32_t value)
{
	return value != 0 && (value & (value - 1)) == 0;
}

/* Bytes from load on that are the kernel's until it can read its memory map. boot.rst, init_size. */
static uint64_t claim(uint64_t load, uint64_t run, uint64_t init_size, uint64_t code_size)
{
	uint64_t end = run + init_size;

	return end > load + code_size ? end - load : code_size;
}

static int place_kernel(struct job *job, struct linux_kernel *k)
{
	const uint8_t *h = k->header;
	bool relocatable = k->version >= 0x205 && *LINUX_AT(h, hdr.relocatable_kernel) != 0;
	uint32_t alignment = relocatable ? le32(LINUX_AT(h, hdr.kernel_alignment)) : 1, least = alignment;
	uint64_t code32_start = le32(LINUX_AT(h, hdr.code32_start));
	uint64_t init_size = 0, wanted = code32_start, run = code32_start, size;
	struct place place = {.max = FOUR_GIB};

	if (!is_power(alignment))
		return segue_refuse(job, SEGUE_E_LINUX_HEADER,
				    "the Linux kernel is relocatable, but its kernel_alignment %x is no power of two",
				    (uint64_t)alignment);
	if (k->version >= 0x20a) {
		uint64_t preferred = le64(LINUX_AT(h, hdr.pref_address));
		uint32_t exponent = *LINUX_AT(h, hdr.min_alignment);

		if (preferred >= FOUR_GIB)
			return segue_refuse(job, SEGUE_E_LINUX_HEADER,
					    "the Linux kernel wants to run at %x (pref_address): not below 4 GiB", preferred);
		if (exponent > 31)
			return segue_refuse(job, SEGUE_E_LINUX_HEADER,
					    "the Linux kernel's min_alignment of 2 to the power %u is not below 4 GiB", exponent);
		if (exponent != 0 && (uint32_t)1 << exponent < alignment)
			least = (uint32_t)1 << exponent;
		if (preferred != 0) {
			run = preferred;
			if (relocatable)
				wanted = preferred;
		}
		init_size = le32(LINUX_AT(h, hdr.init_size));
	}
	/* Before 2.10 nothing says: no compressor that those kernels knew does better than 4 to 1 on one. */
	if (init_size == 0)
		init_size = (uint64_t)k->code.size * 4;
	if (relocatable && !align_up(wanted, alignment, &run))
		run = wanted;
	size = claim(wanted, run, init_size, k->code.size);

	k->load = wanted;
	if (relocatable && !segue_is_free(job, wanted, wanted + size)) {
		bool found = false;

		/* boot.rst, min_alignment: each power of two down to it. The kernel runs where it is loaded then. */
		size = claim(0, 0, init_size, k->code.size);
		place.min = wanted;
		for (place.align = alignment; !found && place.align >= least; place.align /= 2) {
			found = segue_find_free(job, size, &place, &k->load);
			if (found && place.align != alignment)
				k->alignment = place.align;
		}
		if (!found) {
			place.align = least;
			return segue_refuse(job, SEGUE_E_LINUX_PLACE,
					    "no RAM for the Linux kernel: it needs %z bytes in one piece (init_size), aligned to "
					    "%x, from %x on; the largest free piece there has %z",
					    size, (uint64_t)least, wanted, largest_free(job, &place));
		}
		segue_say(job, SEGUE_LOG_INFO, "the Linux kernel goes to %x instead of %x, where there is no room", k->load, wanted);
	} else if (!segue_is_free(job, wanted, wanted + size)) {
		return segue_refuse(job, SEGUE_E_LINUX_PLACE,
				    "no RAM for the Linux kernel: it is not relocatable and needs all of %x to %x, which is "
				    "not free RAM throughout", wanted, wanted + size);
	}
	job->needs_memory = init_size;
	return segue_add_segment(job, "Linux kernel", NO_NUMBER, k->load, k->code, 0, size);
}

/* boot.rst, Special Command Line Options: the last mem=SIZE on the command line; 0: none, or no number. */
static uint64_t mem_option(struct bytes line)
{
	uint64_t mem = 0;

	for (size_t i = 0; i + 4 < line.size; i++) {
		const uint8_t *p = line.data + i;
		uint32_t base = 10, shift = 0;
		uint64_t value = 0;
		size_t at = i + 4;

		if ((i > 0 && p[-1] != ' ') || p[0] != 'm' || p[1] != 'e' || p[2] != 'm' || p[3] != '=')
			continue;
		if (line.data[at] == '0') {
			base = 8;
			if (at + 1 < line.size && (line.data[at + 1] | 0x20) == 'x') {
				base = 16;
				at += 2;
			}
		}
		for (; at < line.size && value < FOUR_GIB; at++) {
			uint32_t c = line.data[at] | 0x20u, digit = c >= 'a' ? c - 'a' + 10 : c - '0';

			if (digit >= base)
				break;
			value = value * base + digit;
		}
		if (at < line.size) {
			uint8_t c = line.data[at] | 0x20;

			shift = c == 'k' ? 10 : c == 'm' ? 20 : c == 'g' ? 30 : c == 't' ? 40 : 0;
		}
		/* More than 4 GiB limits nothing here. */
		mem = value > FOUR_GIB >> shift ? FOUR_GIB : value << shift;
	}
	return mem;
}

static struct bytes initrd_file(const struct bundle *b, size_t i)
{
	if (b->initrd.size > 0)
		return i == 0 ? b->initrd : b->modules[i - 1].file;
	return b->modules[i].file;
}

/*
 * Several files become one initrd, as Linux unpacks archives that follow each other: each begins on a
 * 4-byte boundary, with zeros before it (Documentation/driver-api/early-userspace/buffer-format.rst).
 * The start is on a page and the last page is the initrd's alone, because Linux frees it by whole pages
 * and warns when the start is not on one (free_init_pages; linuxboot/heads #264).
 */
static int place_initrd(struct job *job, struct linux_kernel *k)
{
	const struct bundle *b = &job->bundle;
	size_t count = b->module_count + (b->initrd.size > 0 ? 1 : 0);
	uint64_t size = 0, claimed, mem = mem_option(b->cmdline), at;
	struct place place = {.min = ONE_MIB, .align = PAGE, .from_top = true, .error = SEGUE_E_LINUX_INITRD};

	for (size_t i = 0; i < b->module_count; i++)
		if (b->modules[i].args.size > 0)
			segue_say(job, SEGUE_LOG_WARNING, "Linux takes no arguments for an initrd: '%b' is dropped",
				  &b->modules[i].args);
	for (size_t i = 0; i < count; i++)
		if (!align_up(size, 4, &size) || !add_u64(size, initrd_file(b, i).size, &size) || size >= FOUR_GIB)
			return segue_refuse(job, SEGUE_E_LINUX_INITRD, "the initrds have 4 GiB or more together");
	if (size == 0)
		return SEGUE_OK;
	k->initrd_size = size;
	if (!align_up(size, PAGE, &claimed))
		return SEGUE_E_LINUX_INITRD;
	place.max = 1 + (uint64_t)(k->version >= 0x203 ? le32(LINUX_AT(k->header, hdr.initrd_addr_max)) : OLD_INITRD_ADDR_MAX);
	if (mem != 0 && mem < place.max)
		place.max = mem;
	if (!segue_find_free(job, claimed, &place, &k->initrd))
		return segue_refuse(job, SEGUE_E_LINUX_INITRD,
				    "no RAM for the initrd: it needs %z bytes in one piece between %x and %x (the kernel's "
				    "limit), beside the kernel at %x to %x; the largest free piece there has %z",
				    claimed, place.min, place.max, k->load, job->segments[0].dest + job->segments[0].size,
				    largest_free(job, &place));
	if (count == 1)
		return segue_add_floating(job, "initrd", NO_NUMBER, initrd_file(b, 0), claimed, &place, &k->initrd);
	at = k->initrd;
	for (size_t i = 0; i < count; i++) {
		struct bytes file = initrd_file(b, i);
		uint64_t end = at + file.size, next;
		int error;

		if (i + 1 == count)
			next = k->initrd + claimed;
		else if (!align_up(end, 4, &next))
			return SEGUE_E_LINUX_INITRD;
		error = segue_add_segment(job, "initrd", (uint32_t)i, at, file, i + 1 == count ? 0 : next - end, next - at);
		if (error != SEGUE_OK)
			return error;
		at = next;
	}
	return SEGUE_OK;
}

/* A copy of the RSDP gets a page of its own that the target's map calls ACPI's, so that Linux leaves it. */
static int place_rsdp(struct job *job, struct linux_kernel *k)
{
	const struct segue_machine *m = job->args->machine;
	struct place place = {.min = ONE_MIB, .max = FOUR_GIB, .align = PAGE, .from_top = true};
	struct bytes copy = {.part = PART_WORKSPACE};
	uint8_t *bytes;
	int error;

	if (!m || m->rsdp != 0 || !m->rsdp_copy || m->rsdp_copy_size == 0) {
		k->rsdp = m ? m->rsdp : 0;
		return SEGUE_OK;
	}
	if (m->rsdp_copy_size > PAGE)
		return segue_refuse(job, SEGUE_E_ARGUMENT, "the copy of ACPI's RSDP has %z bytes; it can only have 20 or 36",
				    (uint64_t)m->rsdp_copy_size);
	bytes = segue_arena_take(&job->arena, m->rsdp_copy_size, 16);
	if (!bytes)
		return segue_arena_refuse(job, m->rsdp_copy_size);
	for (size_t i = 0; i < m->rsdp_copy_size; i++)
		bytes[i] = ((const uint8_t *)m->rsdp_copy)[i];
	if (!segue_find_free(job, PAGE, &place, &k->rsdp))
		return segue_refuse(job, SEGUE_E_NO_PLACE, "no free page of RAM above 1 MiB for a copy of ACPI's RSDP");
	copy.data = bytes;
	copy.size = m->rsdp_copy_size;
	error = segue_add_segment(job, "ACPI RSDP", NO_NUMBER, k->rsdp, copy, PAGE - copy.size, PAGE);
	if (error == SEGUE_OK)
		job->segments[job->segment_count - 1].target_type = SEGUE_MEMORY_ACPI;
	return error;
}

/* A list that is already there is the host's, in memory that the host lists as kept (boot.rst, setup_data). */
static int check_setup_data(const struct job *job, struct linux_kernel *k)
{
	uint64_t end;

	if (k->version < 0x209)
		return SEGUE_OK;
	k->old_setup_data = le64(LINUX_AT(k->header, hdr.setup_data));
	if (k->old_setup_data == 0)
		return SEGUE_OK;
	if (!add_u64(k->old_setup_data, sizeof(struct linux_setup_data), &end))
		return segue_refuse(job, SEGUE_E_LINUX_SETUP_DATA, "the Linux setup_data list at %x wraps", k->old_setup_data);
	for (size_t i = 0; i < job->segment_count; i++) {
		const struct segment *s = &job->segments[i];

		if (k->old_setup_data < s->dest + s->size && s->dest < end)
			return segue_refuse(job, SEGUE_E_LINUX_SETUP_DATA,
					    "the Linux setup_data list at %x would be written over by %s at %x to %x: its "
					    "memory must be in the keep list",
					    k->old_setup_data, s->name, s->dest, s->dest + s->size);
	}
	return SEGUE_OK;
}

/* boot.rst, kernel_version: a string in the setup code. */
static void say_version(const struct job *job, const struct linux_kernel *k)
{
	struct bytes file = job->bundle.kernel, text;
	size_t at = 0x200u + le16(LINUX_AT(k->header, hdr.kernel_version)), end = at;
	size_t setup = (size_t)(k->code.data - file.data);
	bool wide = k->version >= 0x20c && (le16(LINUX_AT(k->header, hdr.xloadflags)) & XLF_KERNEL_64) != 0;

	while (at != 0x200 && end < setup && end - at < 64 && file.data[end] != 0 && file.data[end] != ' ')
		end++;
	text = segue_bytes_at(file, at < setup ? at : 0, end - at);
	segue_say(job, SEGUE_LOG_INFO, "Linux %b, boot protocol %u.%u, %s, %z bytes of code at %x, initrd of %z bytes",
		  &text, k->version / 256u, k->version % 256u, wide ? "64-bit" : "32-bit",
		  (uint64_t)k->code.size, k->load, k->initrd_size);
}

static int load(struct job *job)
{
	struct linux_kernel k = {0};
	uint64_t page;
	int error;

	if ((error = check_header(job, &k)) != SEGUE_OK || (error = find_code(job, &k)) != SEGUE_OK ||
	    (error = place_kernel(job, &k)) != SEGUE_OK || (error = place_initrd(job, &k)) != SEGUE_OK ||
	    (error = place_rsdp(job, &k)) != SEGUE_OK || (error = check_setup_data(job, &k)) != SEGUE_OK ||
	    (error = segue_linux_boot_params(job, &k, &page)) != SEGUE_OK)
		return error;
	say_version(job, &k);
	job->entry = (struct entry_state){
		.esi = (uint32_t)page, .eip = (uint32_t)k.load, .selectors = ENTRY_CODE_10_DATA_18,
	};
	return SEGUE_OK;
}

const struct loader segue_loader_linux = {.protocol = "Linux", .recognise = recognise, .load = load};
