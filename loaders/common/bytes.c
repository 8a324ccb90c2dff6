/* SPDX-License-Identifier: MIT */
#include "common/bytes.h"

IN_REGISTER uint32_t segue_le32(const uint8_t *p)
{
	return p[0] + 256u * p[1] + 65536u * p[2] + 16777216u * p[3];
}
