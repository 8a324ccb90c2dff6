/* SPDX-License-Identifier: MIT */
#ifndef CALL_READ_CORE_H
#define CALL_READ_CORE_H

#include <stdint.h>
#include "segue_target.h"

/* read_core.c: the sum of the host's memory */
uint32_t read_core(uint32_t entry, uint32_t host_word, uint32_t call);

/* main.c */
_Noreturn void fail(const char *what, uint32_t value, uint32_t expected);
void must_be(const char *what, uint32_t value, uint32_t expected);

#endif
