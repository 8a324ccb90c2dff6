/* SPDX-License-Identifier: MIT */
/*
 * A target that writes the core of its host (segue_core.h) to the partition of the first hard disk that `segue disk` has made,
 * by the BIOS, and comes back. segue.elf starts the core from there.
 *
 * The file has the header, the program headers, the notes, and then the bytes of all segments. Segments are cut where pages are
 * zero: a PT_LOAD of the file is some pages, and the zeros after them. A page that the host has mapped twice is in two segments of
 * the core, and in the file once.
 */
#include "bios/bios_call.h"
#include "common/bytes.h"
#include "container/media_format.h"
#include "elf.h"
#include "save_rules.h"
#include "segue_core.h"
#include "segue_target.h"

#define COM1 0x3f8
/* Below 1 MiB, in the target's memory: */
#define BIOS_PAGE 0x10000u
#define PACKET 0x12000u               /* of INT 13h */
#define BUFFER 0x18000u
#define BUFFER_SIZE 0x8000u
#define SECTOR 512u
#define DISK 0x80u
/* Enhanced Disk Drive Specification 3.0: read and write */
#define EDD_READ 0x4200u
#define EDD_WRITE 0x4300u
/* The MBR's partition table */
#define PARTITIONS 0x1be
#define PARTITION_SIZE 16
#define PARTITION_TYPE 4
#define PARTITION_START 8

#define HEADER_SIZE sizeof(struct elf64_header)
#define SEGMENT_SIZE sizeof(struct elf64_program_header)
/* So many zero pages are left out. */
#define ZEROS_LEAST 4u

#define FIELD(p, structure, field) ((p) + offsetof(struct elf64_##structure, field))

_Noreturn void main(uint32_t entry);

static uint32_t failed;               /* SAVE_* */
static uint64_t sector;               /* that the next full buffer goes to */
static uint32_t filled;               /* bytes of the buffer */
static uint64_t written;

static uint8_t *physical(uint64_t at)
{
	return (uint8_t *)(uintptr_t)at;
}

static void print(const char *text)
{
	for (; *text; text++)
		__asm__ volatile("outb %0, %1" : : "a"(*text), "Nd"((uint16_t)COM1));
}

static bool transfer(uint32_t function, uint64_t from, uint32_t count)
{
	struct segue_bios_registers registers = {.eax = function, .edx = DISK, .esi = 0, .ds = PACKET / 16};
	bios_call_entry *call;
	uint8_t *packet = physical(PACKET);

	call = (bios_call_entry *)(uintptr_t)(BIOS_PAGE + le16(physical(BIOS_PAGE)));
	put_le16(packet, 16);
	put_le16(packet + 2, (uint16_t)count);
	put_le16(packet + 4, 0);
	put_le16(packet + 6, BUFFER / 16);
	put_le64(packet + 8, from);
	call(0x13, &registers, 0);
	return !(registers.eflags & SEGUE_BIOS_CARRY);
}

static void flush(void)
{
	uint32_t count = (filled + SECTOR - 1) / SECTOR;

	if (!failed && count > 0 && !transfer(EDD_WRITE, sector, count))
		failed = SAVE_WRITE;
	sector += count;
	filled = 0;
}

static void put(const uint8_t *bytes, uint64_t size)
{
	uint8_t *buffer = physical(BUFFER);

	written += size;
	while (size > 0 && !failed) {
		uint32_t room = BUFFER_SIZE - filled, part = size < room ? (uint32_t)size : room, rest = part;
		uint8_t *to = buffer + filled;
		const uint8_t *from = bytes;

		__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(rest) : : "memory");
		bytes += part;
		size -= part;
		filled += part;
		if (filled == BUFFER_SIZE)
			flush();
	}
}

static uint32_t page_size(uint64_t at, uint64_t end)
{
	return end - at < 4096 ? (uint32_t)(end - at) : 4096;
}

static bool is_zero_page(const uint8_t *page, uint32_t size)
{
	for (; size >= 4; page += 4, size -= 4)
		if (*(const volatile uint32_t *)(uintptr_t)page)
			return false;
	while (size-- > 0)
		if (*page++)
			return false;
	return true;
}

/* Calls take() for each piece of each PT_LOAD of the core: bytes at `from`, then zeros. Returns how many there are. */
typedef void take_fn(const uint8_t *segment, uint64_t into, uint64_t from, uint64_t bytes, uint64_t size);

/* Has an earlier segment this page? */
static bool is_again(const uint8_t *first, const uint8_t *p, uint64_t page)
{
	for (const uint8_t *each = first; each < p; each += SEGMENT_SIZE) {
		uint64_t at = le64(FIELD(each, program_header, p_paddr));

		if (le32(FIELD(each, program_header, p_type)) == PT_LOAD && page >= at &&
		    page - at < le64(FIELD(each, program_header, p_memsz)))
			return true;
	}
	return false;
}

/* A page's kind. Read once: the BIOS changes its data, and each pass must find the same pieces. */
enum { PAGE_BYTES, PAGE_ZERO, PAGE_AGAIN };
static uint8_t kinds[SAVE_PAGES_MOST];

static void read_kinds(const uint8_t *first, const uint8_t *p, uint8_t *kind)
{
	uint64_t from = le64(FIELD(p, program_header, p_offset)), size = le64(FIELD(p, program_header, p_filesz));
	uint64_t to = le64(FIELD(p, program_header, p_paddr));

	for (uint64_t at = 0; at < size; at += 4096)
		*kind++ = is_again(first, p, to + at) ? PAGE_AGAIN :
			is_zero_page(physical(from + at), page_size(at, size)) ? PAGE_ZERO : PAGE_BYTES;
}

static uint32_t each_piece(const uint8_t *core, take_fn *take)
{
	const uint8_t *first = core + le64(FIELD(core, header, e_phoff)), *p = first;
	uint32_t pages = 0, pieces = 0;

	for (uint32_t i = 0; i < le16(FIELD(core, header, e_phnum)); i++, p += SEGMENT_SIZE) {
		uint64_t from = le64(FIELD(p, program_header, p_offset)), size = le64(FIELD(p, program_header, p_filesz));
		uint32_t count = (uint32_t)((size + 4095) / 4096), page = 0;
		const uint8_t *kind = kinds + pages;

		if (le32(FIELD(p, program_header, p_type)) != PT_LOAD)
			continue;
		pages += count;
		if (pages > SAVE_PAGES_MOST) {
			failed = SAVE_LARGE;
			return 0;
		}
		if (!take)
			read_kinds(first, p, kinds + pages - count);
		while (page < count) {
			uint64_t start = page * 4096ull, end, bytes_end;
			uint32_t zeros = 0;

			if (kind[page] == PAGE_AGAIN) {
				page++;
				continue;
			}
			/* Up to the first run of zero pages that is long enough, and then to its end. */
			for (; page < count && kind[page] != PAGE_AGAIN && zeros < ZEROS_LEAST; page++)
				zeros = kind[page] == PAGE_ZERO ? zeros + 1 : 0;
			bytes_end = (page - zeros) * 4096ull;
			while (zeros >= ZEROS_LEAST && page < count && kind[page] == PAGE_ZERO)
				page++;
			end = page == count ? size : page * 4096ull;
			if (bytes_end > end)
				bytes_end = end;
			if (take)
				take(p, start, from + start, bytes_end - start, end - start);
			pieces++;
		}
	}
	return pieces;
}

static uint64_t offset;               /* in the file, of the next piece's bytes */

static void put_header(const uint8_t *segment, uint64_t into, uint64_t from, uint64_t bytes, uint64_t size)
{
	uint8_t p[SEGMENT_SIZE];
	uint64_t virtual = le64(FIELD(segment, program_header, p_vaddr));

	(void)from;
	for (uint32_t i = 0; i < SEGMENT_SIZE; i++)
		p[i] = segment[i];
	put_le64(FIELD(p, program_header, p_offset), offset);
	put_le64(FIELD(p, program_header, p_vaddr), virtual == UINT64_MAX ? virtual : virtual + into);
	put_le64(FIELD(p, program_header, p_paddr), le64(FIELD(segment, program_header, p_paddr)) + into);
	put_le64(FIELD(p, program_header, p_filesz), bytes);
	put_le64(FIELD(p, program_header, p_memsz), size);
	put(p, sizeof p);
	offset += bytes;
}

static void put_bytes(const uint8_t *segment, uint64_t into, uint64_t from, uint64_t bytes, uint64_t size)
{
	(void)segment;
	(void)into;
	(void)size;
	put(physical(from), bytes);
}

static void put_core(const uint8_t *core)
{
	const uint8_t *note = core + le64(FIELD(core, header, e_phoff)); /* PT_NOTE is first */
	uint64_t notes = le64(FIELD(note, program_header, p_filesz));
	uint8_t header[HEADER_SIZE], p[SEGMENT_SIZE];
	uint32_t pieces = each_piece(core, NULL);

	if (pieces + 1 > UINT16_MAX)
		failed = SAVE_LARGE;
	for (uint32_t i = 0; i < HEADER_SIZE; i++)
		header[i] = core[i];
	put_le64(FIELD(header, header, e_phoff), HEADER_SIZE);
	put_le16(FIELD(header, header, e_phnum), (uint16_t)(pieces + 1));
	put(header, sizeof header);
	for (uint32_t i = 0; i < SEGMENT_SIZE; i++)
		p[i] = note[i];
	offset = HEADER_SIZE + (pieces + 1) * SEGMENT_SIZE;
	put_le64(FIELD(p, program_header, p_offset), offset);
	put(p, sizeof p);
	offset += notes;
	each_piece(core, put_header);
	put(physical(le64(FIELD(note, program_header, p_offset))), notes);
	each_piece(core, put_bytes);
}

/* The first sector of the partition that `segue disk` has made; 0: none. */
static uint32_t find_partition(void)
{
	const uint8_t *mbr = physical(BUFFER);

	if (!transfer(EDD_READ, 0, 1))
		return 0;
	for (uint32_t i = 0; i < 4; i++) {
		const uint8_t *each = mbr + PARTITIONS + i * PARTITION_SIZE;

		if (each[PARTITION_TYPE] == DISK_PARTITION_TYPE)
			return le32(each + PARTITION_START);
	}
	return 0;
}

static uint32_t save(const uint8_t *core)
{
	uint32_t header;

	failed = 0;
	written = 0;
	segue_bios_call_put(physical(BIOS_PAGE), BIOS_PAGE);
	header = find_partition();
	if (!header)
		return SAVE_DISK;
	sector = header + 1;
	put_core(core);
	flush();
	if (failed)
		return failed;
	/* The size last: until then the disk has what it had. */
	if (!transfer(EDD_READ, header, 1))
		return SAVE_DISK;
	put_le64(physical(BUFFER) + offsetof(struct disk_header, blob_size), written);
	return transfer(EDD_WRITE, header, 1) ? (uint32_t)written : SAVE_WRITE;
}

void main(uint32_t entry)
{
	volatile struct segue_return_block *block = SEGUE_RETURN_BLOCK(entry);
	uint32_t word = block->word, answer;

	for (;;) {
		answer = word == SAVE_NOT ? SAVE_NOT : save(physical(block->core));
		if (answer != SAVE_NOT && answer <= SAVE_LAST)
			print("BAD: target: the core is not saved\r\n");
		word = segue_return(entry, answer);
	}
}
