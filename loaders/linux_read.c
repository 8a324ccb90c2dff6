/* SPDX-License-Identifier: MIT */
/* What both entries of a Linux kernel share: its header and its command line are read and checked. */
#include "common/bytes.h"
#include "container/magic.h"
#include "linux.h"

#define XLF_KERNEL_64 0x01u
#define PHYSICAL_BITS_MAX 52          /* x86: no CPU has more */
#define OLD_LINE_MAX 255u             /* boot.rst, cmdline_size: before 2.06 */
static int check_size(const struct job *job, const char *what, addr_t end)
{
	addr_t size = job->bundle.kernel.size;

	if (size >= end)
		return SEGUE_OK;
	return segue_refuse(&job->log, SEGUE_E_LINUX_TRUNCATED, "%z bytes, %s to %z", size, what, end);
}

static int check_header(struct job *job, struct linux_kernel *k)
{
	/* Ends of the last field that is needed of 2.00, 2.01, ..., 2.10 and later, counted from 0x200. */
	static const uint8_t ends[] = {0x24, 0x26, 0x2c, 0x30, 0x30, 0x35, 0x3c, 0x48, 0x50, 0x58, 0x64};
	const uint32_t version_end = offsetof(struct linux_boot_params, hdr.realmode_swtch);
	uint32_t version, needed;
	int error;

	k->header = LINUX_AT(job->bundle.kernel.data, hdr);
	k->old = !segue_is_linux(&job->bundle.kernel);
	if (k->old)
		return SEGUE_OK;
	k->header_end = 0x202u + *LINUX_HEADER_AT(k, jump_distance);
	error = check_size(job, "header", k->header_end < version_end ? version_end : k->header_end);
	if (error != SEGUE_OK)
		return error;
	version = le16(LINUX_HEADER_AT(k, version));
	k->minor = version - 0x200;
	if (k->minor > 0xff)
		return segue_refuse(&job->log, SEGUE_E_LINUX_VERSION, "%u.%u", version / 256, version % 256);
	needed = 0x200u + ends[k->minor < sizeof ends ? k->minor : sizeof ends - 1];
	/* From 0x290 on the zero page has other fields. */
	if (k->header_end < needed || k->header_end > offsetof(struct linux_boot_params, edd_mbr_sig_buffer))
		return segue_refuse(&job->log, SEGUE_E_LINUX_HEADER, "it ends at %x, not in %x to 0x290", (addr_t)k->header_end,
				    (addr_t)needed);
	job->is_64_bit = k->minor >= 12 && (*LINUX_HEADER_AT(k, xloadflags) & XLF_KERNEL_64);
	return SEGUE_OK;
}

static int find_code(struct job *job, struct linux_kernel *k)
{
	uint32_t setup = segue_linux_setup_size(LINUX_HEADER_AT(k, setup_sects)), paragraphs = le32(LINUX_HEADER_AT(k, syssize));
	uint32_t flags = job->args->flags;
	const char *why = NULL;
	addr_t code = 1;
	int error;

	k->low = k->old || !(*LINUX_HEADER_AT(k, loadflags) & LINUX_LOADED_HIGH);
	/*
	 * boot.rst, note 2: syssize has 16 bits before 2.04, too few for a bzImage. It is rounded up, so up to 15 bytes
	 * may be missing.
	 */
	if (k->minor < 4)
		paragraphs %= 65536;
	if (paragraphs != 0 && (k->minor >= 4 || k->low))
		code = paragraphs < 0x8000000 ? (addr_t)paragraphs * 16 - 15 : 0x80000000u;
	if ((error = check_size(job, "code", setup + code)) != SEGUE_OK)
		return error;
	k->setup = segue_bytes_at(job->bundle.kernel, 0, setup);
	k->code = segue_bytes_at(job->bundle.kernel, setup, job->bundle.kernel.size - setup);

	/* Files with only a 16-bit entry have header values that Linux's own build never produces. */
	if (k->low)
		why = "zImage";
	else if (le32(LINUX_HEADER_AT(k, code32_start)) == 0)
		why = "code32_start 0";
	/*
	 * Before 2.04 the field has 16 bits, which are 0 for a multiple of 1 MiB too. Such files: memdisk; GRUB's
	 * lnxboot.img.
	 */
	else if (paragraphs == 0 && (k->minor >= 4 || k->code.size < ONE_MIB - 15))
		why = "syssize 0";
	k->real_mode = why || (flags & SEGUE_LOAD_REAL_MODE);
	if (k->real_mode && !(flags & SEGUE_LOAD_BIOS))
		return segue_refuse(&job->log, SEGUE_E_LINUX_REAL_MODE, why ? why : "asked for");
	return SEGUE_OK;
}

int segue_linux_open(struct job *job, struct linux_kernel *k)
{
	int error = check_header(job, k);

	return error != SEGUE_OK ? error : find_code(job, k);
}

/* size * by + more, at most HIGH_LIMIT. */
static addr_t scale(addr_t size, uint32_t by, uint32_t more)
{
	return size <= (HIGH_LIMIT - more) / by ? size * by + more : HIGH_LIMIT;
}

/* Parses a size as Linux' memparse() does: bytes, at most HIGH_LIMIT; 0 if it is not a number, as in mem=nopentium. */
static OUT_OF_LINE addr_t memory_size(const struct bytes *value)
{
	const uint8_t *p = value->data, *end = p + value->size;
	const char *unit = "kmgtpe";
	addr_t size = 0, scaled;
	uint32_t base = 10;

	if (p < end && *p == '0') {
		base = 8;
		if (end - p > 2 && (p[1] | 0x20) == 'x') {
			base = 16;
			p += 2;
		}
	}
	for (; p < end; p++) {
		uint32_t digit = *p - (uint32_t)'0';

		if (digit > 9)
			digit = (*p | 0x20u) - 'a' + 10;
		if (digit >= base)
			break;
		size = scale(size, base, digit);
	}
	for (scaled = size; p < end && *unit; unit++) {
		scaled = scale(scaled, 1024, 0);
		if ((*p | 0x20) == *unit)
			return scaled;
	}
	return size;
}

/*
 * boot.rst, Special Command Line Options: mem=SIZE gives the end of memory. The smallest of several counts: the kernel
 * cuts its map at each of them (parse_memopt() in arch/x86/kernel/e820.c).
 */
#if ADDRESS_MAX == UINT32_MAX
static /* only linux_64.c needs it, and not there: GCC makes it a part of its caller */
#endif
void segue_linux_find_memory_end(struct job *job, struct linux_kernel *k)
{
	struct bytes rest = job->bundle.cmdline, value;

	k->memory_end = HIGH_LIMIT;
	while (segue_linux_option(&rest, "mem", &value)) {
		addr_t size = memory_size(&value);

		if (size != 0 && size < k->memory_end)
			k->memory_end = size;
	}
}

static int check_line(struct job *job, struct linux_kernel *k)
{
	addr_t size = job->bundle.cmdline.size;
	uint32_t limit = k->minor >= 6 ? le32(LINUX_HEADER_AT(k, cmdline_size)) : OLD_LINE_MAX;

	return size <= limit ? SEGUE_OK : segue_refuse(&job->log, SEGUE_E_LINUX_CMDLINE, "%z bytes, at most %u", size, limit);
}

int segue_linux_pass(struct job *job, struct linux_kernel *k)
{
	int error;

	segue_linux_find_memory_end(job, k);
	if ((error = check_line(job, k)) != SEGUE_OK)
		return error;
	return segue_linux_place_initrd(job, k);
}

/* A setup_data list in the header belongs to the host, which must have put its memory into the keep list. */
static int check_setup_data(struct job *job, struct linux_kernel *k)
{
	const uint8_t *field = LINUX_HEADER_AT(k, setup_data);
	addr_t list = le_addr(field);

	if (k->minor < 9)
		return SEGUE_OK;
	if (le32(field + 4) >> (PHYSICAL_BITS_MAX - 32) != 0)
		return segue_refuse(&job->log, SEGUE_E_LINUX_SETUP_DATA, "it is no address");
	for (size_t i = 0; i < job->segment_count; i++) {
		const struct segment *s = &job->segments[i];

		/* a negative difference wraps to a large number */
		if (list - s->dest < s->size || s->dest - list < sizeof(struct linux_setup_data))
			return segue_refuse(&job->log, SEGUE_E_LINUX_SETUP_DATA, "%x is not kept, %s is to lie there", list, s->name);
	}
	return SEGUE_OK;
}

static void say_kernel(struct job *job, struct linux_kernel *k)
{
	const uint8_t *file = job->bundle.kernel.data;
	/* boot.rst, kernel_version: offset of a string, less 0x200; 0 if there is none */
	size_t at = le16(LINUX_HEADER_AT(k, kernel_version)) + 0x200u, setup = (size_t)(k->code.data - file);
	struct bytes release = {.data = k->code.data};

	if (k->old) {
		segue_say(&job->log, SEGUE_LOG_INFO, "Linux from before boot protocol 2.00, 16-bit entry");
		return;
	}
	if (at != 0x200 && at < setup)
		for (release.data = file + at; at < setup && file[at] > ' '; at++)
			release.size++;
	segue_say(&job->log, SEGUE_LOG_INFO, "Linux %b, boot protocol 2.%s%u, %s-bit%s", &release, LINUX_MINOR(k),
		  job->is_64_bit ? "64" : "32", k->real_mode ? ", 16-bit entry" : "");
}

int segue_linux_end(struct job *job, struct linux_kernel *k)
{
	int error = check_setup_data(job, k);

	if (error == SEGUE_OK)
		say_kernel(job, k);
	return error;
}
