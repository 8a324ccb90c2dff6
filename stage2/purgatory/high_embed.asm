; SPDX-License-Identifier: MIT
; The 32-bit library has no sources above 4 GiB.
%include "purgatory/embed.inc"
%ifidn __OUTPUT_FORMAT__, elf64
	embed high
%endif
