; SPDX-License-Identifier: MIT
; The mover and the digest as an object file, so that tests run purgatory's own instructions on the build machine.
%include "numbers/purgatory.inc"
section .text
global segue_purgatory_move
global sha256_begin, sha256_update, sha256_finish
%include "move.asm"
; Never called: a 32-bit program has no memory above 4 GiB.
high_move:
	ud2
%include "sha256.asm"
section .note.GNU-stack noalloc noexec nowrite progbits
