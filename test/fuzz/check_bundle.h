/* SPDX-License-Identifier: MIT */
/*
 * A second, independent reader of bundles predicts the result of segue_open_blob(): whether it accepts the bundle, and
 * which bytes it finds. Then the bundle goes through the whole of segue_load().
 */
#ifndef FUZZ_CHECK_BUNDLE_H
#define FUZZ_CHECK_BUNDLE_H

#include "blob_job.h"
#include "check.h"

#define ORACLE_MODULES 600u

struct oracle_module {
	unsigned long number;
	const char *name;             /* NAME, or NAME.cmdline */
	size_t length;
	const uint8_t *data;
	size_t size;
	const uint8_t *args;
	size_t args_size;
};

struct oracle {
	const uint8_t *kernel, *initrd, *cmdline, *digest;
	size_t kernel_size, initrd_size, cmdline_size, digest_size;
	struct oracle_module modules[ORACLE_MODULES], cmdlines[ORACLE_MODULES];
	size_t module_count, cmdline_count;
};

static inline bool oracle_field(const uint8_t *header, unsigned index, uint32_t *value)
{
	char digits[9] = {0};

	memcpy(digits, header + 6 + 8 * index, 8);
	if (strspn(digits, "0123456789abcdefABCDEF") != 8)
		return false;
	*value = (uint32_t)strtoul(digits, NULL, 16);
	return true;
}

static inline bool oracle_cmdline(const uint8_t *data, size_t *size)
{
	while (*size && strchr("\r\n", data[*size - 1]) && data[*size - 1])
		--*size;
	return !*size || !memchr(data, 0, *size);
}

/* 64 digits, then newlines */
static inline bool oracle_digest(const uint8_t *data, size_t *size)
{
	char digits[65] = {0};

	if (!oracle_cmdline(data, size) || *size != 64)
		return false;
	memcpy(digits, data, 64);
	return strspn(digits, "0123456789abcdefABCDEF") == 64;
}

static inline void check_digest(const uint8_t *digest, const uint8_t *digits)
{
	CHECK(!digest == !digits, "a digest %s", digits ? "is lost" : "comes from nowhere");
	for (unsigned i = 0; digits && i < 32; i++) {
		char two[3] = {(char)digits[2 * i], (char)digits[2 * i + 1], 0};

		CHECK(strtoul(two, NULL, 16) == digest[i], "byte %u of the digest", i);
	}
}

/* Parses "12-name"; false if the name has another form. */
static inline bool oracle_module(const char *name, size_t length, struct oracle_module *module)
{
	size_t digits = strspn(name, "0123456789");

	if (digits < 2 || digits > 9 || name[digits] != '-' || digits + 1 >= length)
		return false;
	module->number = strtoul(name, NULL, 10);
	module->name = name + digits + 1;
	module->length = length - digits - 1;
	return !memchr(module->name, '/', module->length);
}

static inline int oracle_compare(const void *a, const void *b)
{
	const struct oracle_module *x = a, *y = b;
	int order;

	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	order = memcmp(x->name, y->name, x->length < y->length ? x->length : y->length);
	return order ? order : (x->length > y->length) - (x->length < y->length);
}

static inline bool oracle_member(struct oracle *o, const char *name, uint32_t mode, const uint8_t *data, size_t size)
{
	struct oracle_module module = {.data = data, .size = size};
	const uint8_t **file = NULL;
	size_t *file_size = NULL, length;
	bool folder;

	while (!strncmp(name, "./", 2) && name[2])
		name += 2;
	folder = !strcmp(name, ".") || !strcmp(name, "modules");
	if ((mode & 0170000) != (folder ? 0040000u : 0100000u))
		return false;
	if (folder)
		return true;
	if (!strcmp(name, "kernel"))
		file = &o->kernel, file_size = &o->kernel_size;
	else if (!strcmp(name, "initrd"))
		file = &o->initrd, file_size = &o->initrd_size;
	else if (!strcmp(name, "cmdline"))
		file = &o->cmdline, file_size = &o->cmdline_size;
	else if (!strcmp(name, "digest"))
		file = &o->digest, file_size = &o->digest_size;
	if (file) {
		if (*file)
			return false;
		*file = data;
		*file_size = size;
		if (file == &o->digest)
			return oracle_digest(data, file_size);
		return file != &o->cmdline || oracle_cmdline(data, file_size);
	}
	if (strncmp(name, "modules/", 8))
		return false;
	name += 8;
	length = strlen(name);
	if (length > 8 && !strcmp(name + length - 8, ".cmdline")) {
		CHECK(o->cmdline_count < ORACLE_MODULES, "too many modules for the oracle");
		if (!oracle_module(name, length - 8, &module) || !oracle_cmdline(data, &module.size))
			return false;
		o->cmdlines[o->cmdline_count++] = module;
		return true;
	}
	CHECK(o->module_count < ORACLE_MODULES, "too many modules for the oracle");
	if (!oracle_module(name, length, &module))
		return false;
	o->modules[o->module_count++] = module;
	return true;
}

/* Searches from the member at `at` on for the name that carries the file's data. */
static inline bool oracle_link(const uint8_t *archive, size_t size, uint64_t at, const uint32_t *of, const uint8_t **data,
			       uint32_t *data_size)
{
	while (at + 110 <= size) {
		uint32_t field[13];
		uint64_t start;

		for (unsigned i = 0; i < 13; i++)
			if (!oracle_field(archive + at, i, &field[i]))
				return false;
		start = (at + 110 + field[11] + 3) / 4 * 4;
		if (start + field[6] > size || !strcmp((const char *)archive + at + 110, "TRAILER!!!"))
			return false;
		/* Linux's 12 and 20 bits of a device's numbers */
		if (field[0] == of[0] && !((field[7] ^ of[7]) & 0xfff) && !((field[8] ^ of[8]) & 0xfffff) && field[4] > 1 && field[6] &&
		    (field[1] & 0170000) == 0100000) {
			*data = archive + start;
			*data_size = field[6];
			return true;
		}
		at = (start + field[6] + 3) / 4 * 4;
	}
	return false;
}

static inline bool oracle_read(struct oracle *o, const uint8_t *archive, size_t size)
{
	uint64_t at = 0;

	memset(o, 0, sizeof *o);
	for (;;) {
		uint32_t field[13];
		uint64_t data;
		const uint8_t *bytes;
		const char *name;

		if (at + 110 > size || (memcmp(archive + at, "070701", 6) && memcmp(archive + at, "070702", 6)))
			return false;
		for (unsigned i = 0; i < 13; i++)
			if (!oracle_field(archive + at, i, &field[i]))
				return false;
		name = (const char *)archive + at + 110;
		if (!field[11] || at + 110 + field[11] > size || name[field[11] - 1])
			return false;
		if (!strcmp(name, "TRAILER!!!"))
			break;
		data = (at + 110 + field[11] + 3) / 4 * 4;
		if (data + field[6] > size)
			return false;
		at = (data + field[6] + 3) / 4 * 4;
		bytes = archive + data;
		if (field[4] > 1 && !field[6] && (field[1] & 0170000) == 0100000 && strcmp(name + strspn(name, "./"), "digest") &&
		    !oracle_link(archive, size, at, field, &bytes, &field[6]))
			return false;
		if (!oracle_member(o, name, field[1], bytes, field[6]))
			return false;
	}
	qsort(o->modules, o->module_count, sizeof *o->modules, oracle_compare);
	for (size_t i = 1; i < o->module_count; i++)
		if (!oracle_compare(&o->modules[i - 1], &o->modules[i]))
			return false;
	for (size_t i = 0; i < o->cmdline_count; i++) {
		struct oracle_module *module = bsearch(&o->cmdlines[i], o->modules, o->module_count, sizeof *o->modules, oracle_compare);

		if (!module || module->args)
			return false;
		module->args = o->cmdlines[i].data;
		module->args_size = o->cmdlines[i].size;
	}
	return o->kernel && o->kernel_size;
}

static inline void check_bytes(const char *what, struct bytes found, const void *data, size_t size)
{
	CHECK(found.size == size && (!size || (found.data == data && found.part == 0)), "%s: %zu bytes, not %zu", what,
	      found.size, size);
}

static inline void check_bundle(const uint8_t *archive, size_t size)
{
	static struct blob_job b;
	static struct oracle o;
	const struct bundle *bundle = &b.job.bundle;
	static uint8_t room[1u << 17];
	uint8_t *exact = exact_copy(archive, size);
	int error;
	bool expected;

	expected = oracle_read(&o, exact, size);
	blob_job_start(&b, exact, size);
	b.job.arena.next = room;
	b.job.arena.end = room + sizeof room;
	error = segue_open_blob(&b.job);
	CHECK(b.sentences == (error != SEGUE_OK), "code %d with %d sentences", error, b.sentences);
	CHECK(!memcmp(exact, archive, size), "the archive was changed");
	if (error == SEGUE_E_BUNDLE_NESTED)
		CHECK(expected, "nested, but not a bundle");
	else
		CHECK((error == SEGUE_OK) == expected, "code %d (%s), but the oracle says %d", error, b.sentence, expected);
	if (error == SEGUE_OK) {
		check_digest(bundle->digest, o.digest);
		check_bytes("kernel", bundle->kernel, o.kernel, o.kernel_size);
		check_bytes("initrd", bundle->initrd, o.initrd, o.initrd_size);
		check_bytes("command line", bundle->cmdline, o.cmdline, o.cmdline_size);
		CHECK(bundle->module_count == o.module_count, "%zu modules, not %zu", bundle->module_count, o.module_count);
		for (size_t i = 0; i < o.module_count; i++) {
			check_bytes("module", bundle->modules[i].file, o.modules[i].data, o.modules[i].size);
			check_bytes("module's name", bundle->modules[i].name, o.modules[i].name, o.modules[i].length);
			check_bytes("module's command line", bundle->modules[i].args, o.modules[i].args, o.modules[i].args_size);
		}
	}
}

#endif
