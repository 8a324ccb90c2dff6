; SPDX-License-Identifier: MIT
;
; Tests address line 20, and opens it if it is shut. This comes before the moves, which would wrap.

; open_a20
;   mode      32-bit, flat
;   in        EBP base
;   out       A20 on; if it cannot be opened, prints that and stops
;   clobbers  EAX ECX ESI EFLAGS
open_a20:
	call a20_is_open
	jne .open
	in al, PORT_SYSTEM_A
	and al, ~SYSTEM_A_RESET & 0xff
	or al, SYSTEM_A_A20
	out PORT_SYSTEM_A, al
	call a20_is_open
	jne .open
	call kbc_ready
	mov al, KBC_WRITE_OUT
	out KBC_COMMAND, al
	call kbc_ready
	mov al, KBC_A20_ON
	out KBC_DATA, al
	call kbc_ready
	; The controller is a slow microprocessor.
	mov ecx, 0x10000
.again:
	call a20_is_open
	jne .open
	loop .again
	lea esi, [ebp + .text]
	call print_text
	jmp stop
.open:
	ret
.text:
	db "segue: the A20 gate stays shut; stopped", 13, 10, 0

; a20_is_open: writes the complement of the dword 1 MiB away; with A20 shut, both are the same memory
;   mode      32-bit, flat
;   in        EBP base
;   out       ZF = 0: open
;   clobbers  EAX ESI
a20_is_open:
	lea esi, [ebp + A20_PROBE_AT]
	mov eax, esi
	xor eax, 1 << 20
	push ecx
	mov ecx, [eax]
	not ecx
	mov [esi], ecx
	cmp ecx, [eax]
	pop ecx
	ret

; kbc_ready: waits, with a limit, until the keyboard controller takes a byte
;   mode      any
;   clobbers  AL EFLAGS
kbc_ready:
	push ecx
	mov ecx, 0x10000
.wait:
	in al, KBC_COMMAND
	test al, KBC_INPUT_FULL
	loopnz .wait
	pop ecx
	ret
