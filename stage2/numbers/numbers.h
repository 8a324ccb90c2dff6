/* SPDX-License-Identifier: MIT */
/*
 * Numbers that C and NASM share are defined in C. Each file of this folder has a table of them. After the file is compiled,
 * segue.mk (SEGUE_TAKE_NUMBERS) searches the object for the rows of the table, which are text, and writes them to FILE.inc.
 * NASM includes that as "numbers/FILE.inc". This works with any compiler and object format: nothing is linked or run.
 */
#ifndef SEGUE_NUMBERS_H
#define SEGUE_NUMBERS_H

#include <stddef.h>
#include <stdint.h>

/* A line of text in the object: ":number NAME", padded with NULs, then the digits. */
struct number {
	char name[56];
	char digits[10];
	char end;
};
#define DIGIT(value, place) ((char)('0' + (uint32_t)(value) / (place) % 10u))
#define EQU(name, value) \
	{"\n:number " name, \
	 {DIGIT(value, 1000000000u), DIGIT(value, 100000000u), DIGIT(value, 10000000u), DIGIT(value, 1000000u), \
	  DIGIT(value, 100000u), DIGIT(value, 10000u), DIGIT(value, 1000u), DIGIT(value, 100u), DIGIT(value, 10u), \
	  DIGIT(value, 1u)}, \
	 '\n'}

/* Defines NAME as its value, which must fit in 32 bits. */
#define NUMBER(name) EQU(#name, name)
/* Define PREFIX.FIELD and PREFIX_size, as NASM's STRUC would. */
#define OFFSET(prefix, type, field) EQU(#prefix "." #field, offsetof(type, field))
#define SIZE_OF(prefix, type) EQU(#prefix "_size", sizeof(type))

/* The table of each file */
extern const struct number segue_numbers[];

#endif
