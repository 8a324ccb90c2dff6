; SPDX-License-Identifier: MIT
; The image's last bytes: a sequence that the inspector computes again and compares.
global inspect_pattern:data hidden
global inspect_pattern_end:data hidden

section .pattern progbits alloc noexec write align=4
inspect_pattern:
%assign word 1
%rep 2049
	%assign word (word * 1664525 + 1013904223) & 0xffffffff
	dd	word
%endrep
inspect_pattern_end:
