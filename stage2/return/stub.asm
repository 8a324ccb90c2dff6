; SPDX-License-Identifier: MIT
;
; build/return.elf: the program that Linux starts by kexec to come back to the host (include/README.md, "Linux as a
; subroutine"). It finds the return address on its own command line, where kexec --reuse-cmdline has copied it from that of Linux.
;
; The file is ELF32, since kexec enters an ELF64 under page tables that do not map the host's workspace. It is ET_DYN: kexec
; places it where Linux has RAM.
;
; On entry, from kexec-tools: 32-bit protected mode, flat segments, paging off; on the stack 0 and the address of ELF boot
; notes (kexec-tools: include/boot/elf_boot.h). A checksum of the notes is there too; kexec's purgatory has checked a better one.
; On exit: segue_target.h. EAX is the number of the last segue_word= on the command line, decimal or, after 0x, hexadecimal; 0
; if there is none. The target cannot be entered again.

%include "machine/serial.inc"

BOOT_MAGIC	equ 0x0e1fb007
struc boot_notes
.magic:		resd 1
.size:		resd 1			; of header and notes
.sum:		resw 1
.count:		resw 1
.first:
endstruc
struc note				; ELF, and padded to 4 bytes: a name, then the descriptor
.name_size:	resd 1
.size:		resd 1
.type:		resd 1
.name:
endstruc
COMMAND_LINE	equ 4			; a type of note

; Video memory: RAM nowhere, so kexec always chooses another place.
LINKED_AT	equ 0xa0000

	bits 32
	cpu 386
	org LINKED_AT

; ---- ELF 1.2, book I, figures 1-3 and 2-1 ----
file:
	db 0x7f, "ELF", 1, 1, 1
	times 16 - ($ - file) db 0
	dw 3, 3				; ET_DYN, EM_386
	dd 1, entry, program - file, 0, 0
	dw program - file, code - program, 1, 0, 0, 0
program:
	dd 1, 0, LINKED_AT, LINKED_AT, end - file, end - file, 5, 16	; PT_LOAD
code:

; EBP is where the file is, ESI the next byte of the command line and EDI its end, EBX the return address, EDX the word.
entry:
	cld
	mov esi, [esp + 4]
	call .here
.here:
	pop ebp
	sub ebp, .here - file
	xor ebx, ebx
	xor edx, edx
	cmp dword [esi + boot_notes.magic], BOOT_MAGIC
	jne no_address
	movzx ecx, word [esi + boot_notes.count]
	add esi, boot_notes.first
	test ecx, ecx
	jz no_address
.note:
	mov eax, [esi + note.name_size]
	add eax, 3
	and eax, ~3
	lea edi, [esi + note.name + eax]
	mov eax, [esi + note.size]
	cmp dword [esi + note.type], COMMAND_LINE
	je .line
	add eax, 3
	and eax, ~3
	lea esi, [edi + eax]
	loop .note
	jmp no_address
.line:
	mov esi, edi
	add edi, eax
.word:
	cmp esi, edi
	jae .end
	push edi
	lea edi, [ebp + address_name - file]
	mov ecx, address_length
	call starts_with
	lea edi, [ebp + word_name - file]
	mov ecx, word_length
	jne .not_address
	call read_number
	mov ebx, eax
	jmp .skip
.not_address:
	call starts_with
	jne .skip
	call read_number
	mov edx, eax
.skip:
	pop edi
.to_space:
	cmp esi, edi
	jae .end
	lodsb
	cmp al, ' '
	je .word
	test al, al
	jnz .to_space
.end:
	test ebx, ebx
	jz no_address
	mov eax, edx
	xor esp, esp
	jmp ebx

; starts_with: does the text at ESI begin with ECX bytes at EDI? ZF, and then ESI is after them. Clobbers EDI, ECX, EAX.
starts_with:
	mov eax, esi
	repe cmpsb
	je .done
	mov esi, eax			; no flag
.done:
	ret

; read_number: in ESI text; out EAX, and ESI after the digits. Clobbers EDI, ECX.
read_number:
	push edx
	xor edi, edi
	mov ecx, 10
	cmp word [esi], '0x'
	jne .digit
	mov cl, 16
	inc esi
	inc esi
.digit:
	movzx eax, byte [esi]
	sub al, '0'
	cmp al, 10
	jb .take
	or al, 0x20
	sub al, 'a' - '0'
	cmp al, 6
	jae .done
	add al, 10
.take:
	cmp al, cl
	jae .done
	xchg eax, edi
	mul ecx
	add edi, eax
	inc esi
	jmp .digit
.done:
	mov eax, edi
	pop edx
	ret

no_address:
	lea esi, [ebp + sentence - file]
	mov edx, COM1
.character:
	lodsb
	test al, al
	jz .halt
	put_character ebx
	jmp .character
.halt:
	cli
	hlt
	jmp .halt

address_name:	db "kexec_jump_back_entry="
address_length	equ $ - address_name
word_name:	db "segue_word="
word_length	equ $ - word_name
sentence:	db "segue: return.elf: there is no kexec_jump_back_entry= on its command line; kexec -l needs --reuse-cmdline", 13, 10, 0
end:
