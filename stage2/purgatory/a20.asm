; SPDX-License-Identifier: MIT
;
; Opens address line 20. This comes before the moves, which would wrap.

%include "machine/a20.inc"

; open_a20
;   mode      32-bit, flat
;   in        EBP base
;   out       A20 on; if it cannot be opened, prints that and stops
;   clobbers  EAX ECX ESI EFLAGS
open_a20:
	a20_ladder ne
	jne .open
	lea esi, [ebp + .text]
	call print_text
	jmp stop
.open:
	ret
.text:
	db "segue: the A20 gate stays shut; stopped", 13, 10, 0

; a20_is_open
;   mode      32-bit, flat
;   in        EBP base
;   out       ZF = 0: open
;   clobbers  EAX ESI
a20_is_open:
	lea esi, [ebp + A20_PROBE_AT]
	xor esi, 1 << 20
	a20_test [esi], [ebp + A20_PROBE_AT]
	ret

; kbc_ready
;   mode      any
;   clobbers  AL ECX EFLAGS
kbc_ready:
	kbc_wait
	ret
