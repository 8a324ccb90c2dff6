; SPDX-License-Identifier: MIT
; The mover as an object of its own, so that tests run purgatory's very instructions on the build machine.
section .text
global segue_purgatory_move
%include "move.asm"
section .note.GNU-stack noalloc noexec nowrite progbits
