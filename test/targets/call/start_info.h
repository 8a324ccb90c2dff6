/* SPDX-License-Identifier: MIT */
#ifndef CALL_START_INFO_H
#define CALL_START_INFO_H

#include <stdbool.h>
#include <stdint.h>

#define START_INFO_MAGIC 0x336ec578u

/* start_info.c */
const char *start_info_line(const uint32_t *start);
/* The map has so many bytes of RAM, and all that the target was given, but the RSDP, is in RAM. */
void check_start_info(const uint32_t *start, uint32_t ram, bool with_module, bool with_rsdp);

#endif
