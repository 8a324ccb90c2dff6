/* SPDX-License-Identifier: MIT */
#ifndef SEGUE_REACH_H
#define SEGUE_REACH_H

#include "common/bytes.h"
#include "segue.h"

/* The end of the addresses that a move can read. Asks the CPU: in a virtual machine that takes long. */
addr_t segue_reach(void);

/* Below end, and outside the last page below 4 GiB: the reset vector is there, and no move may straddle 4 GiB. */
bool segue_is_in_reach(const struct segue_extent *extent, addr_t end);

#endif
