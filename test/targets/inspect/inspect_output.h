/* SPDX-License-Identifier: MIT */
/* Lines to COM1, port 0xE9 and the VGA text screen; verdicts are counted. */
#ifndef INSPECT_OUTPUT_H
#define INSPECT_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

void output_begin(void);

/* %u decimal, %x 0x and 8 digits, %X the same of a uint64_t, 16 digits, %s string,
   %q untrusted string at a physical address, quoted */
void print(const char *format, ...);

/* `name` is an item like "protocol.eax" */
void expect(const char *name, uint32_t got, uint32_t want);
void expect_masked(const char *name, uint32_t got, uint32_t want, uint32_t mask);
void expect64(const char *name, uint64_t got, uint64_t want);
void expect_that(bool good, const char *name, const char *want, const char *format, ...);
void not_applicable(const char *name, const char *why);

uint32_t verdict(void);		/* prints the last line; returns the number of bad items */

void out8(uint16_t port, uint8_t value);
uint8_t in8(uint16_t port);

#endif
