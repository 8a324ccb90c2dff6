/* SPDX-License-Identifier: MIT */
/*
 * Numbers that C and NASM share are written in C. Each file of this folder is a table of them. It is compiled, and the
 * object is searched for the rows, which are text: so it works with any compiler and object format, and nothing is linked or
 * run. segue.mk (SEGUE_TAKE_NUMBERS) makes FILE.inc of it, which NASM includes as "numbers/FILE.inc".
 */
#ifndef SEGUE_NUMBERS_H
#define SEGUE_NUMBERS_H

#include <stddef.h>
#include <stdint.h>

/* A line of text in the object, filled up with NULs: ":number NAME DIGITS". */
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

/* NAME equ its value; it fits in 32 bits. */
#define NUMBER(name) EQU(#name, name)
/* PREFIX.FIELD and PREFIX_size, as NASM's struc has them. */
#define OFFSET(prefix, type, field) EQU(#prefix "." #field, offsetof(type, field))
#define SIZE_OF(prefix, type) EQU(#prefix "_size", sizeof(type))

/* The table of a file. */
extern const struct number segue_numbers[];

#endif
