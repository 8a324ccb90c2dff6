/* SPDX-License-Identifier: MIT */
/* The word core: the target reads the host's memory by the core header that its return block names. */
#include "read_core.h"
#include "rules.h"
#include "segue_core.h"

#define PAGE 4096u

/* gABI, chapters 4 and 5: what is read of a 64-bit core */
struct header {
	uint8_t ident[16];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, phoff, shoff;
	uint32_t flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
struct load {
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

static const struct load *loads;
static uint32_t count;

static const uint8_t *at(uint64_t physical)
{
	must_be("high half of an offset", (uint32_t)(physical >> 32), 0);
	return (const uint8_t *)(uint32_t)physical;
}

static void open_core(uint32_t entry, volatile struct segue_return_block *block)
{
	const struct header *header = (const struct header *)at(block->core);
	const struct segue_core_host *host;
	const uint32_t *note;

	loads = (const struct load *)(header + 1);
	must_be("the core's magic", *(const uint32_t *)header, 0x464c457f);
	must_be("the core's class", header->ident[4], 2);
	must_be("the core's type", header->type, 4);
	must_be("the core's machine", header->machine, 62);
	must_be("the core's headers", (uint32_t)header->phoff, sizeof *header);
	count = header->phnum;
	must_be("the first header", loads[0].type, 4);
	must_be("the core's size", block->core + block->core_size, (uint32_t)(loads[0].offset + loads[0].filesz));
	note = (const uint32_t *)at(loads[0].offset);
	must_be("the first note's type", note[2], SEGUE_CORE_HOST);
	must_be("the first note's name", note[3], 0x75676553);
	host = (const struct segue_core_host *)(note + 5);
	must_be("the host's return entry", host->return_entry, entry);
	if (entry - (uint32_t)host->workspace >= (uint32_t)host->workspace_size)
		fail("the workspace", (uint32_t)host->workspace, entry);
}

/* The host's byte at this physical address: where it is now. */
static const uint8_t *find_byte(uint32_t physical)
{
	for (uint32_t i = 1; i < count; i++)
		if (physical - loads[i].paddr < loads[i].filesz)
			return at(loads[i].offset + (physical - loads[i].paddr));
	fail("a byte of the host", physical, 0);
}

uint32_t read_core(uint32_t entry, uint32_t host_word, uint32_t call)
{
	volatile struct segue_return_block *block = SEGUE_RETURN_BLOCK(entry);
	const struct core_question *question;
	uint32_t sum = 0;

	open_core(entry, block);
	must_be("the block's own place", (uint32_t)find_byte(entry), entry);
	question = (const struct core_question *)find_byte(host_word);
	must_be("the question", question->magic, CORE_MAGIC);
	must_be("the question's call", question->count, call);
	for (uint32_t i = 1; i < count; i++) {
		const struct load *load = &loads[i];

		must_be("a header's type", load->type, 1);
		must_be("p_offset modulo 4096", (uint32_t)load->offset % PAGE, (uint32_t)load->paddr % PAGE);
		/* Mapped twice: the kernel's image. */
		if (load->vaddr < question->direct || load->vaddr >= question->direct_end)
			continue;
		must_be("p_vaddr", (uint32_t)(load->vaddr - question->direct), (uint32_t)load->paddr);
		sum += core_sum_of(question, at(load->offset), (uint32_t)load->paddr, (uint32_t)(load->paddr + load->filesz));
	}
	return sum;
}
