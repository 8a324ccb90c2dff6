; SPDX-License-Identifier: MIT
;
; Compares the moved bytes with the digest in params. The list's DIGEST entries, which come after all moves, say which
; bytes it covers, and the mover adds these. This file begins and finishes the digest.

%include "sha256.asm"

%if PURGATORY_DIGEST_AT < A20_PROBE_AT + 4
	%error "the digest is in the dword that a20_is_open writes"
%endif

CPUID_SSSE3	equ 1 << 9		; CPUID.1:ECX
CPUID_SHA	equ 1 << 29		; CPUID.(7,0):EBX

; digest_begin
;   mode      32-bit, flat, CPL 0
;   in        EBP base
;   out       struct sha256 at PURGATORY_DIGEST_AT; if the CPU has the SHA extensions, they are enabled and .fast is set
;   clobbers  EAX EBX ECX EDX ESI EDI EFLAGS
digest_begin:
	lea edi, [ebp + PURGATORY_DIGEST_AT]
	call sha256_begin
	call highest_leaf
	cmp eax, 7
	jb .done
	mov eax, 1
	cpuid
	test ecx, CPUID_SSSE3
	jz .done
	and edx, CPUID_FXSR | CPUID_SSE2
	cmp edx, CPUID_FXSR | CPUID_SSE2
	jne .done
	mov eax, 7
	xor ecx, ecx
	cpuid
	test ebx, CPUID_SHA
	jz .done
	; reset_cpu reverts CR0 and CR4.
	mov eax, cr0
	and eax, ~(CR0_EM | CR0_TS)
	mov cr0, eax
	mov eax, cr4
	or eax, CR4_OSFXSR
	mov cr4, eax
	inc dword [ebp + PURGATORY_DIGEST_AT + sha256.fast]
.done:
	ret

; digest_check
;   mode      32-bit, flat, CPL 0
;   in        EBP base; the list is done
;   out       returns if the digest is right; else prints both digests, and stops or reboots
;   clobbers  EAX EBX ECX EDX ESI EDI EFLAGS
digest_check:
	lea edi, [ebp + PURGATORY_DIGEST_AT]
	push ebp
	call sha256_finish
	pop ebp
	lea esi, [PARAM(digest)]
	mov ecx, params.digest_size / 4
	repe cmpsd
	jne .wrong
.done:
	ret

BANNER_ROWS	equ 6
.wrong:
	; A host that is to come back gets a code instead; ZF is 0.
	cmp dword [PARAM(return_page)], 0
	jne .done
	; EBX is the row on the screen, EDI the cell; 0: no screen
	mov ebx, [PARAM(screen)]
	mov edi, ebx
	test ebx, ebx
	jz .no_screen
	mov eax, BANNER_CELL
	mov ecx, BANNER_ROWS * ROW_SIZE / 2
	rep stosw
	mov edi, ebx
.no_screen:
	lea esi, [ebp + .is]
	call show_text
	lea edx, [ebp + PURGATORY_DIGEST_AT + sha256.hash]
	call show_digest
	call show_text
	lea edx, [PARAM(digest)]
	call show_digest
	call show_changed
	test byte [PARAM(flags)], PURGATORY_DIGEST_REBOOT
	lea esi, [ebp + .reboots]
	jnz .reboot
	lea esi, [ebp + .stops]
	call show_text
	jmp stop
.reboot:
	call show_text
	jmp reboot
NEW_ROW		equ 1			; a new row on the screen, a blank on the ports
.is:
	db "segue: digest is", NEW_ROW, 0, ",", NEW_ROW, "must be", NEW_ROW, 0
.stops:
	db "; stopped", 13, 10, 0
.reboots:
	db "; reboot in ", '0' + REBOOT_SECONDS, " s", 13, 10, 0

; show_changed: names each range that has another sum than at segue_load(), if the list has sums
;   in        EBX and EDI as above, EBP base
;   clobbers  EAX ECX EDX ESI, moves EBX and EDI on
show_changed:
	mov esi, [PARAM(list)]
.entry:
	mov eax, [esi + move.op]
	test eax, eax
	jz .done
	mov edx, [esi + move.dst]
	cmp eax, SEGUE_MOVE_LINK
	je .link
	shr eax, SEGUE_MOVE_OP_BITS
	jz .same
	push ebx
	push eax
	mov ecx, [esi + move.size]
	push SEGUE_MOVE_SUM_START
	pop eax
.byte:
	imul eax, eax, SEGUE_MOVE_SUM_BASE
	movzx ebx, byte [edx]
	add eax, ebx
	inc edx
	dec ecx
	jnz .byte
	shl eax, SEGUE_MOVE_OP_BITS
	shr eax, SEGUE_MOVE_OP_BITS
	pop ecx
	pop ebx
	cmp eax, ecx
	je .same
	push esi
	push edx
	push dword [esi + move.dst]
	lea esi, [ebp + .changed]
	call show_text
	pop edx
	call show_number
	call show_text
	pop edx
	call show_number
	pop esi
.same:
	add esi, move_size
	jmp .entry
.link:
	mov esi, edx
	jmp .entry
.done:
	ret
.changed:
	db ",", NEW_ROW, "changed: 0x", 0, " to 0x", 0

; show_number: in EDX, EBX and EDI as above, EBP base; clobbers EAX ECX EDX, moves EBX and EDI on
show_number:
	mov ecx, 8
.digit:
	rol edx, 4
	mov al, dl
	and al, 15
	call show_digest.digit
	loop .digit
	ret

; show_text: in ESI a text, EBX and EDI as above, EBP base; out ESI after its end, EBX and EDI moved on; clobbers AL
show_text:
	lodsb
	test al, al
	jz .done
	call show_character
	jmp show_text
.done:
	ret

; show_digest: in EDX 32 bytes, EBX and EDI as above, EBP base; clobbers EAX ECX EDX, moves EDI on
show_digest:
	mov ecx, params.digest_size
.byte:
	mov al, [edx]
	inc edx
	push eax
	shr al, 4
	call .digit
	pop eax
	and al, 15
	call .digit
	loop .byte
	ret
.digit:
	add al, '0'
	cmp al, '9'
	jbe show_character
	add al, 'a' - '0' - 10

; show_character: in AL, EBX and EDI as above, EBP base; clobbers AL, moves EBX and EDI on
show_character:
	test ebx, ebx
	jz .shown
	cmp al, NEW_ROW
	jne .same_row
	add ebx, ROW_SIZE
	mov edi, ebx
.same_row:
	cmp al, ' '
	jb .shown
	mov [edi], al
	add edi, 2
.shown:
	cmp al, NEW_ROW
	jne .print
	mov al, ' '
.print:
	jmp print_character

REBOOT_SECONDS		equ 5
TURNS			equ 20		; a second; the counter's 16 bits hold 55 ms, little more than one turn

; reboot: in EBP base; does not return
reboot:
	mov ebx, REBOOT_SECONDS * TURNS
.pause:
	call wait_turn
	dec ebx
	jnz .pause
	call kbc_ready
	mov al, KBC_PULSE_RESET
	out KBC_COMMAND, al
	call wait_turn
	mov dx, PORT_RESET_CONTROL
	mov al, RESET_SYSTEM
	out dx, al
	or al, RESET_CPU
	out dx, al
	call wait_turn
	; A fault without an IDT is a shutdown (triple fault), which resets a PC.
	lidt [ebp + no_idt_pointer]
	int3

; wait_turn: waits 50 ms by the speaker's timer channel. Without a timer the loop's limit ends it: a port read takes about
; a microsecond.
;   clobbers  EAX ECX
wait_turn:
	in al, PORT_SYSTEM_B
	and al, ~(SYSTEM_B_SPEAKER | SYSTEM_B_GATE_2) & 0xff
	out PORT_SYSTEM_B, al
	mov ah, al
	mov al, PIT_ONE_SHOT_2
	out PIT_CONTROL, al
	mov al, PIT_HZ / TURNS & 0xff
	out PIT_CHANNEL_2, al
	mov al, PIT_HZ / TURNS >> 8
	out PIT_CHANNEL_2, al
	mov al, ah
	or al, SYSTEM_B_GATE_2
	out PORT_SYSTEM_B, al
	mov ecx, 500000
.wait:
	in al, PORT_SYSTEM_B
	test al, SYSTEM_B_OUT_2
	loopz .wait
	ret
