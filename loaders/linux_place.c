/* SPDX-License-Identifier: MIT */
/*
 * Where a Linux kernel and its initrd go.
 *
 * A kernel goes to pref_address. Before 2.10, or if it is not relocatable, it goes to code32_start. If there is no room
 * and it is relocatable, it goes to the lowest aligned free address above, never below: since 3.14 a relocatable kernel
 * runs at pref_address or above wherever it was loaded (compressed/head_32.S, head_64.S). linux_64.c says when that is above
 * 4 GiB.
 */
#include "common/bytes.h"
#include "common/placement.h"
#include "linux.h"
#include "linux_high.h"
#include "linux_place.h"

/*
 * A 32-bit Linux maps low memory only: 896 MiB less the share of vmalloc and the fixmap (6.1: up to 0x36bfe000). It
 * copies an initrd that ends above into low memory (relocate_initrd() in arch/x86/kernel/setup.c). KASLR may have put
 * the kernel in the middle of low memory; if there is no room for the copy, Linux panics before it has a console.
 */
#define LOW_MEMORY_END 0x36000000u
#define LOW_INITRD_MAX 0x30000000u    /* leaves room for the kernel and its own tables */
#define OLD_INITRD_ADDR_MAX 0x37ffffffu /* boot.rst, initrd_addr_max: the limit before 2.03 */

#define AT(field) (header + offsetof(struct linux_setup_header, field))

/* An end that wraps becomes ADDRESS_MAX, where there is no RAM. */
static addr_t end_of(addr_t start, addr_t size)
{
	addr_t end;

	return add_addr(start, size, &end) ? end : ADDRESS_MAX;
}

bool segue_linux_wish(const uint8_t *header, uint32_t minor, addr_t code_size, struct linux_wish *wish)
{
	addr_t preferred = le32(AT(code32_start)), end;

	*wish = (struct linux_wish){.load = preferred != 0 ? preferred : ONE_MIB, .align = 1};
	wish->relocatable = minor >= 5 && *AT(relocatable_kernel) != 0;
	if (wish->relocatable)
		wish->align = le32(AT(kernel_alignment));
	preferred = wish->load;
	if (minor >= 10) {
		wish->min_alignment = *AT(min_alignment);
		preferred = le_addr(AT(pref_address));
		if (preferred == 0)
			preferred = wish->load;
		if (wish->relocatable)
			wish->load = preferred;
		wish->init_size = le32(AT(init_size));
	}
	if (wish->align == 0 || (wish->align & (wish->align - 1)) != 0 || wish->min_alignment > 31 ||
	    preferred >= ADDRESS_LIMIT || preferred < wish->load)
		return false;
	/* Before 2.10 no field gives the size. No compressor of those kernels shrinks a kernel by more than 4 to 1. */
	if (wish->init_size == 0)
		wish->init_size = code_size < ADDRESS_LIMIT / 4 ? code_size * 4 : ADDRESS_LIMIT;
	/*
	 * boot.rst, init_size: it counts from the address at which the kernel will run, which may be above its load
	 * address.
	 */
	if (wish->relocatable && !align_up(wish->load, wish->align, &preferred))
		preferred = ADDRESS_MAX;
	wish->end = end_of(preferred, wish->init_size);
	end = end_of(wish->load, code_size);
	if (wish->end < end)
		wish->end = end;
	return true;
}

uint32_t segue_linux_initrd_max(const uint8_t *header, uint32_t minor)
{
	return minor >= 3 ? le32(AT(initrd_addr_max)) : OLD_INITRD_ADDR_MAX;
}

static int refuse_place(const struct job *job, int code, addr_t size, const struct place *place)
{
	addr_t largest = 0, start;

	if (HIGH_LIMIT > ADDRESS_LIMIT && segue_find_free(job, size, place, &start))
		return segue_refuse(&job->log, code, "%z bytes, between %x and %x: the blob or a module lies in each free piece of that size",
				    size, place->min, place->max);
	for (addr_t bit = HIGH_LIMIT > ADDRESS_LIMIT ? HIGH_LIMIT / 2 : 0x80000000u; SEGUE_SENTENCES && bit != 0; bit /= 2)
		if (segue_find_free(job, largest + bit, place, &start))
			largest += bit;
	return segue_refuse(&job->log, code, "%z bytes, aligned to %x, between %x and %x; the largest free piece has %z",
			    size, (addr_t)place->align, place->min, place->max, largest);
}

int segue_linux_place_kernel(struct job *job, struct linux_kernel *k)
{
	struct linux_wish wish;
	struct place place;
	addr_t size;

	if (!segue_linux_wish(k->header, k->minor, k->code.size, &wish))
		return segue_refuse(&job->log, SEGUE_E_LINUX_HEADER, "kernel_alignment %x, min_alignment %u, pref_address %X",
				    (addr_t)wish.align, wish.min_alignment,
				    k->minor >= 10 ? le64(LINUX_HEADER_AT(k, pref_address)) : wish.load);
	/* Do not report a guess for a file that may not be Linux. */
	job->needs_memory = k->real_mode && k->minor < 10 ? 0 : wish.init_size;
	k->load = wish.load;
	size = wish.end - wish.load;
	if (segue_linux_is_above(k) || !segue_is_free(job, wish.load, wish.end)) {
		place = (struct place){.min = wish.load, .max = wish.end, .align = wish.align};
		if (wish.relocatable) {
			place.max = segue_linux_is_above(k) ? k->memory_end : ADDRESS_LIMIT;
			size = wish.init_size > k->code.size ? wish.init_size : k->code.size;
			if (segue_linux_is_above(k))
				size = segue_linux_pages(size) + k->room_above;
		}
		/*
		 * boot.rst, min_alignment: 0 if there is none. Try each smaller power of two, and store the one used in
		 * kernel_alignment.
		 */
		while (segue_linux_is_above(k) ? !segue_linux_find_high(job, size, &place, &k->load) : !segue_find_free(job, size, &place, &k->load)) {
			if (wish.min_alignment == 0 || place.align <= (uint32_t)1 << wish.min_alignment)
				return refuse_place(job, SEGUE_E_LINUX_PLACE, size, &place);
			k->alignment = place.align /= 2;
		}
	}
	return segue_add_segment(job, "Linux kernel", NO_NUMBER, k->load, &k->code, 0, size);
}

/* The blob's initrd comes first, then the modules. */
static const struct bytes *initrd_file(const struct bundle *b, size_t i)
{
	if (b->initrd.size > 0 && i-- == 0)
		return &b->initrd;
	return &b->modules[i].file;
}

/* Limits a large initrd to memory from which a 32-bit kernel need not copy it. */
static void keep_low(const struct job *job, const struct linux_kernel *k, addr_t size, struct place *place)
{
	struct place low = *place;
	addr_t at;

	if (k->minor < 12 || job->is_64_bit || size <= LOW_MEMORY_END / 2)
		return;
	if (low.max > LOW_MEMORY_END)
		low.max = LOW_MEMORY_END;
	if (segue_find_free(job, size, &low, &at)) {
		*place = low;
		if (size <= LOW_INITRD_MAX)
			return;
	}
	segue_say(&job->log, SEGUE_LOG_WARNING, "initrd of %z bytes: a 32-bit Linux may stop before its console with more than %u",
		  size, LOW_INITRD_MAX);
}

/* A kernel that takes an initrd above 4 GiB takes it anywhere: below initrd_addr_max if there is room. */
static bool find_for_initrd(const struct job *job, const struct linux_kernel *k, addr_t size, struct place *place, addr_t *at)
{
	if (segue_find_free(job, size, place, at))
		return true;
	if (HIGH_LIMIT == ADDRESS_LIMIT || !k->high)
		return false;
	place->max = k->memory_end < ADDRESS_LIMIT ? k->memory_end : ADDRESS_LIMIT;
	if (segue_find_free(job, size, place, at))
		return true;
	place->max = k->memory_end;
	return segue_linux_find_high(job, size, place, at);
}

/* May the file stay where it is? */
static bool lies_well(const struct job *job, const struct linux_kernel *k, const struct bytes *file, addr_t size, addr_t *at)
{
	addr_t run;

	segue_physical(job, file, at, &run);
	return run == file->size && *at % PAGE == 0 && *at >= ONE_MIB && fits(*at, size, k->memory_end) &&
	       segue_is_free(job, *at, *at + size);
}

/*
 * Several files become one initrd: Linux unpacks archives that follow each other. Each begins at a multiple of 4 bytes,
 * with zeros before it (Documentation/driver-api/early-userspace/buffer-format.rst). The initrd starts on a page and
 * has its last page for itself, because Linux frees it by whole pages and warns if the start is not on one
 * (free_init_pages(); linuxboot/heads #264).
 */
int segue_linux_place_initrd(struct job *job, struct linux_kernel *k)
{
	const struct bundle *b = &job->bundle;
	size_t count = b->module_count + (b->initrd.size > 0);
	addr_t size = 0, claimed, at, limit = segue_linux_initrd_max(k->header, k->minor);
	struct place place = {.min = ONE_MIB, .align = PAGE, .from_top = true};
	addr_t most = HIGH_LIMIT > ADDRESS_LIMIT && k->high ? HIGH_LIMIT : ADDRESS_LIMIT;
	int error = SEGUE_OK;

	for (size_t i = 0; i < b->module_count; i++)
		if (b->modules[i].args.size > 0)
			segue_say(&job->log, SEGUE_LOG_WARNING, "initrd: '%b' is dropped", &b->modules[i].args);
	for (size_t i = 0; i < count; i++) {
		size = (size + 3) & ~(addr_t)3;
		if (!fits(size, initrd_file(b, i)->size, most))
			return segue_refuse(&job->log, SEGUE_E_TOO_LARGE, "initrd");
		size += initrd_file(b, i)->size;
	}
	if (size == 0)
		return SEGUE_OK;
	if (k->old) {
		segue_say(&job->log, SEGUE_LOG_WARNING, "a Linux from before boot protocol 2.00 knows no initrd: it is dropped");
		return SEGUE_OK;
	}
	claimed = segue_linux_pages(size);
	k->initrd_size = size;
	if (HIGH_LIMIT > ADDRESS_LIMIT && k->high && count == 1 && lies_well(job, k, initrd_file(b, 0), claimed, &k->initrd))
		return segue_add_segment(job, "initrd", NO_NUMBER, k->initrd, initrd_file(b, 0), 0, claimed);
	place.max = k->memory_end <= limit ? k->memory_end : (addr_t)limit + 1;
	/*
	 * Another program may need far more memory than its size tells: memdisk clears 200 KiB, eight times its own
	 * size.
	 */
	place.not_in_place = k->real_mode && k->minor < 10;
	keep_low(job, k, claimed, &place);
	if (!find_for_initrd(job, k, claimed, &place, &k->initrd))
		return refuse_place(job, SEGUE_E_LINUX_INITRD, claimed, &place);
	/* One below stays where it lies, if it can; one above has been looked at. */
	if (count == 1 && !is_high(k->initrd))
		return segue_add_floating(job, "initrd", NO_NUMBER, initrd_file(b, 0), claimed, &place, &k->initrd);
	at = k->initrd;
	for (size_t i = 0; i < count && error == SEGUE_OK; i++) {
		const struct bytes *file = initrd_file(b, i);
		addr_t data_end = at + file->size, end = (data_end + 3) & ~(addr_t)3;

		if (i + 1 == count)
			end = k->initrd + claimed;
		error = segue_add_segment(job, "initrd", count == 1 ? NO_NUMBER : (uint32_t)i, at, file, end - data_end, end - at);
		at = end;
	}
	return error;
}
