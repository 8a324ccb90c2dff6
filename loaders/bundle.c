/* SPDX-License-Identifier: MIT */
/*
 * A bundle is a cpio archive of the format "newc" with these members, in any order:
 *
 *   kernel                     must be there
 *   cmdline                    the kernel's arguments, without argv[0]
 *   initrd
 *   modules/NN-NAME            NN: two to nine digits, the order; NAME: argv[0]
 *   modules/NN-NAME.cmdline    its arguments
 *
 * A name may begin with "./", and there may be the folders that find lists. Newlines at the
 * end of a command line are dropped: echo makes them. "070702" is read as "070701" is; its
 * sums are not checked. What follows the trailer is ignored.
 *
 * newc: 6 bytes magic, 13 fields of 8 hexadecimal digits, the name with its NUL, padding to 4,
 * the data, padding to 4. Offsets count from the start of the archive. A name may be followed by
 * more NULs that its length counts; `segue pack` pads by them so that the data starts a page.
 */
#include "container.h"
#include "memory_functions.h"

#define HEADER_SIZE 110u
#define MAGIC_SIZE 6u
#define FIELDS 13u
#define FIELD_SIZE 8u
enum field { FIELD_MODE = 1, FIELD_NLINK = 4, FIELD_FILESIZE = 6, FIELD_NAMESIZE = 11 };
_Static_assert(MAGIC_SIZE + FIELDS * FIELD_SIZE == HEADER_SIZE, "newc header");

#define MODE_KIND 0170000u
#define MODE_FILE 0100000u
#define MODE_FOLDER 0040000u

#define DIGITS_MAX 9u

/* In the order of names[]. */
enum kind { KIND_TRAILER, KIND_KERNEL, KIND_CMDLINE, KIND_INITRD, KIND_FOLDER, KIND_FOLDER_MODULES, KIND_NONE,
	    KIND_MODULE, KIND_MODULE_CMDLINE };
static const uint8_t names[] = "TRAILER!!!\0kernel\0cmdline\0initrd\0.\0modules\0";

/* The archive, and the member that was read last. */
struct reader {
	struct job *job;
	struct bytes archive;
	size_t next;                  /* offset of the next member */
	size_t at;                    /* offset of this one */
	enum kind kind;
	uint32_t number;              /* of a module: NN ... */
	struct bytes name;            /* ... and this is NAME */
	struct bytes data;
};

bool segue_is_bundle(const struct bytes *blob)
{
	return blob->size >= MAGIC_SIZE && !memcmp(blob->data, "07070", 5) &&
	       (blob->data[5] == '1' || blob->data[5] == '2');
}

static int refuse(const struct reader *reader, int code)
{
	return segue_refuse(reader->job, code, "%b at offset %x", &reader->name, (addr_t)reader->at);
}

static bool read_fields(const uint8_t *digit, uint32_t *field)
{
	uint32_t value = 0;
	size_t i;

	for (i = 0; i < FIELDS * FIELD_SIZE; i++) {
		uint32_t d = *digit++;

		if (d - '0' < 10)
			d -= '0';
		else if ((d | 0x20) - 'a' < 6)
			d = (d | 0x20) - 'a' + 10;
		else
			return false;
		/* the digits of the field before are shifted out */
		value = value << 4 | d;
		field[i / FIELD_SIZE] = value;
	}
	return true;
}

/* What follows "modules/": NN-NAME or NN-NAME.cmdline; name becomes NAME. */
static enum kind module_kind(struct reader *reader, struct bytes name)
{
	static const char suffix[] = ".cmdline";
	const size_t suffix_size = sizeof suffix - 1;
	enum kind kind = KIND_MODULE;
	size_t i;

	if (name.size > suffix_size && !memcmp(name.data + name.size - suffix_size, suffix, suffix_size)) {
		name.size -= suffix_size;
		kind = KIND_MODULE_CMDLINE;
	}
	reader->number = 0;
	for (i = 0; i < name.size && name.data[i] - (uint32_t)'0' < 10 && i < DIGITS_MAX; i++)
		reader->number = reader->number * 10 + name.data[i] - '0';
	if (i < 2 || i + 1 >= name.size || name.data[i] != '-')
		return KIND_NONE;
	name.data += i + 1;
	name.size -= i + 1;
	for (i = 0; i < name.size; i++)
		if (name.data[i] == '/')
			return KIND_NONE;
	reader->name = name;
	return kind;
}

/* The NUL at the end of the name has been seen: comparing stops there at the latest. */
static enum kind member_kind(struct reader *reader)
{
	struct bytes name = reader->name;
	const uint8_t *known = names;
	enum kind kind = KIND_TRAILER;

	while (name.size > 2 && !memcmp(name.data, "./", 2)) {
		name.data += 2;
		name.size -= 2;
	}
	if (name.size > 8 && !memcmp(name.data, "modules/", 8)) {
		name.data += 8;
		name.size -= 8;
		return module_kind(reader, name);
	}
	for (; kind != KIND_NONE; kind++) {
		const uint8_t *c = name.data;

		for (; *known && *known == *c; known++)
			c++;
		if (*known == *c)
			break;
		while (*known++)
			;
	}
	return kind;
}

/* A file has bytes of its own: of one with several names, cpio writes them with the last name only. */
static bool is_as_it_should_be(const struct reader *reader, const uint32_t *field)
{
	uint32_t kind = field[FIELD_MODE] & MODE_KIND;

	if (reader->kind == KIND_FOLDER || reader->kind == KIND_FOLDER_MODULES)
		return kind == MODE_FOLDER;
	return reader->kind != KIND_NONE && kind == MODE_FILE && (field[FIELD_NLINK] <= 1 || reader->data.size);
}

static int next_member(struct reader *reader)
{
	const uint8_t *header = reader->archive.data + reader->next;
	size_t left = reader->archive.size - reader->next, name_size, padding;
	uint32_t field[FIELDS];

	reader->at = reader->next;
	reader->name = (struct bytes){ (const uint8_t *)"header", 6, reader->archive.part };
	reader->data = (struct bytes){ header, left, reader->archive.part };
	if (left < HEADER_SIZE)
		goto cut_off;
	if (!segue_is_bundle(&reader->data) || !read_fields(header + MAGIC_SIZE, field))
		goto no_header;
	header += HEADER_SIZE;
	left -= HEADER_SIZE;
	name_size = field[FIELD_NAMESIZE];
	if (name_size > left)
		goto cut_off;
	if (!name_size || header[name_size - 1])
		goto no_header;
	reader->name.data = header;
	for (reader->name.size = 0; header[reader->name.size]; reader->name.size++)
		;
	reader->kind = member_kind(reader);
	if (reader->kind == KIND_TRAILER)
		return SEGUE_OK;

	header += name_size;
	left -= name_size;
	padding = (left - reader->archive.size) & 3;
	if (padding > left || field[FIELD_FILESIZE] > left - padding)
		goto cut_off;
	reader->data.data = header + padding;
	reader->data.size = field[FIELD_FILESIZE];
	left -= padding + reader->data.size;
	padding = (left - reader->archive.size) & 3;
	left -= padding < left ? padding : left;
	reader->next = reader->archive.size - left;
	if (is_as_it_should_be(reader, field))
		return SEGUE_OK;
	return refuse(reader, SEGUE_E_BUNDLE_MEMBER);
cut_off:
	return refuse(reader, SEGUE_E_BUNDLE_TRUNCATED);
no_header:
	return refuse(reader, SEGUE_E_BUNDLE_HEADER);
}

static int take_file(const struct reader *reader, struct bytes *file)
{
	if (file->data)
		return refuse(reader, SEGUE_E_BUNDLE_TWICE);
	*file = reader->data;
	return SEGUE_OK;
}

static int take_cmdline(const struct reader *reader, struct bytes *cmdline)
{
	int error = take_file(reader, cmdline);
	size_t i;

	if (error)
		return error;
	while (cmdline->size && (cmdline->data[cmdline->size - 1] == '\n' || cmdline->data[cmdline->size - 1] == '\r'))
		cmdline->size--;
	for (i = 0; i < cmdline->size; i++)
		if (!cmdline->data[i])
			return refuse(reader, SEGUE_E_BUNDLE_CMDLINE);
	return SEGUE_OK;
}

/* By number, then by name: whatever order find lists, here it is one. file.part holds the number meanwhile. */
static int compare(const struct reader *reader, const struct member *module)
{
	size_t a = reader->name.size, b = module->name.size;
	int order;

	if (reader->number != module->file.part)
		return reader->number < module->file.part ? -1 : 1;
	order = memcmp(reader->name.data, module->name.data, a < b ? a : b);
	return order ? order : (a > b) - (a < b);
}

static int take_module(struct reader *reader)
{
	struct member *module = segue_add_module(reader->job);

	if (!module)
		return SEGUE_E_WORKSPACE_SMALL;
	for (; module > reader->job->bundle.modules; module--) {
		int order = compare(reader, module - 1);

		if (!order)
			return refuse(reader, SEGUE_E_BUNDLE_TWICE);
		if (order > 0)
			break;
		*module = module[-1];
	}
	module->file = reader->data;
	module->file.part = reader->number;
	module->name = reader->name;
	return SEGUE_OK;
}

static int take_members(struct reader *reader)
{
	struct bundle *bundle = &reader->job->bundle;
	int error;

	for (;;) {
		error = next_member(reader);
		if (error || reader->kind == KIND_TRAILER)
			return error;
		if (reader->kind == KIND_KERNEL)
			error = take_file(reader, &bundle->kernel);
		else if (reader->kind == KIND_INITRD)
			error = take_file(reader, &bundle->initrd);
		else if (reader->kind == KIND_CMDLINE)
			error = take_cmdline(reader, &bundle->cmdline);
		else if (reader->kind == KIND_MODULE)
			error = take_module(reader);
		if (error)
			return error;
	}
}

/* A second walk: a command line may come before its module. */
static int take_module_cmdlines(struct reader *reader)
{
	struct bundle *bundle = &reader->job->bundle;
	int error = SEGUE_OK;
	size_t i;

	reader->next = 0;
	while (!error && !next_member(reader) && reader->kind != KIND_TRAILER) {
		if (reader->kind != KIND_MODULE_CMDLINE)
			continue;
		for (i = 0; i < bundle->module_count && compare(reader, &bundle->modules[i]); i++)
			;
		if (i == bundle->module_count)
			return refuse(reader, SEGUE_E_BUNDLE_CMDLINE);
		error = take_cmdline(reader, &bundle->modules[i].args);
	}
	for (i = 0; i < bundle->module_count; i++)
		bundle->modules[i].file.part = reader->archive.part;
	return error;
}

int segue_open_bundle(struct job *job, const struct bytes *blob)
{
	struct reader reader = { .job = job, .archive = *blob };
	struct bytes *kernel = &job->bundle.kernel;
	int error;

	job->bundle.container = "bundle";
	job->bundle.kernel_name = (struct bytes){ names + sizeof "TRAILER!!!", 6, PART_WORKSPACE };
	kernel->data = NULL;
	kernel->size = 0;
	error = take_members(&reader);
	if (!error)
		error = take_module_cmdlines(&reader);
	if (error)
		return error;
	if (!kernel->size)
		return segue_refuse(job, SEGUE_E_BUNDLE_KERNEL, NULL);
	if (segue_is_bundle(kernel) || (!segue_is_kernel(kernel) && segue_is_fiwix(kernel)))
		return segue_refuse(job, SEGUE_E_BUNDLE_NESTED, NULL);
	return SEGUE_OK;
}
