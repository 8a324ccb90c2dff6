; SPDX-License-Identifier: MIT
; The mover and the digest as an object of their own, so that tests run purgatory's very instructions on the
; build machine.
section .text
global segue_purgatory_move
global sha256_begin, sha256_update, sha256_finish
%include "move.asm"
; Nothing of a 32-bit program lies there.
high_move:
	ud2
%include "sha256.asm"
section .note.GNU-stack noalloc noexec nowrite progbits
