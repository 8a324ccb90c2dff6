/* SPDX-License-Identifier: MIT */
/* Fields of untrusted bytes, by the structure that gives their offset. */
#ifndef STANDALONE_FIELDS_H
#define STANDALONE_FIELDS_H

#include <stddef.h>
#include "common/bytes.h"

#define GET16(base, type, field) le16((base) + offsetof(struct type, field))
#define GET32(base, type, field) le32((base) + offsetof(struct type, field))
#define GET64(base, type, field) le64((base) + offsetof(struct type, field))

#endif
