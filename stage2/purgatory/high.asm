; SPDX-License-Identifier: MIT
;
; Moves from or to RAM above 4 GiB, by PAE paging (Intel SDM vol. 3, 4.4). Only the 64-bit library asks for them, and
; every 64-bit CPU has PAE.
;
; All four page-directory pointers name one page directory, so that its 1 GiB of 2 MiB pages repeats four times. Two of
; these pages identity-map the memory of the directory and purgatory: code, stack, IDT and GDT, as exceptions are printed
; here too. Half a GiB away, clear of their addresses, are two windows of two pages each: one on the source, one on the
; destination. Nothing else is mapped; the list's page is not read while paging is on.

PAE_ENTRY_SIZE	equ 8
PAE_ENTRIES		equ 512
POINTERS	equ 4
LARGE_SHIFT	equ 21
LARGE		equ 1 << LARGE_SHIFT
WINDOWS		equ 4 * LARGE		; size of the windows in linear addresses, and their alignment
WINDOWS_AWAY	equ 1 << 29		; the windows' address is purgatory's with this bit flipped

; high_begin: builds the tables, for all moves
;   mode      32-bit, flat segments, paging off
;   in        EBP   base; params.tables a page of RAM less than 2 MiB above it
;   clobbers  EAX EBX ECX EDX ESI EDI EFLAGS
high_begin:
	mov edi, [PARAM(tables)]
	lea eax, [edi + ENTRY_PRESENT]
	lea edx, [ebp + directory_pointers]
	mov ecx, POINTERS
.pointer:
	mov [edx], eax
	add edx, PAE_ENTRY_SIZE
	loop .pointer
	xor eax, eax
	mov ecx, PAGE / 4
	rep stosd
	mov ebx, ebp
	and ebx, -LARGE
	mov eax, ebx
	xor edx, edx
; Falls through.

; map_two: entries for two large pages
;   in        EBP   base
;             EBX   linear address of the first
;             EDX:EAX physical address, anywhere in the first
;   out       ESI   linear address of that byte
;             EBX   linear address after the second page
;   clobbers  EAX ECX EDX EDI EFLAGS
map_two:
	mov esi, eax
	and esi, LARGE - 1
	add esi, ebx
	and eax, -LARGE
	or al, ENTRY_LARGE | ENTRY_WRITABLE | ENTRY_PRESENT
	mov ecx, 2
.entry:
	mov edi, ebx
	shr edi, LARGE_SHIFT
	and edi, PAE_ENTRIES - 1
	shl edi, 3
	add edi, [PARAM(tables)]
	mov [edi], eax
	mov [edi + 4], edx
	add ebx, LARGE
	add eax, LARGE
	adc edx, 0
	loop .entry
	ret

; high_move's frame
struc slide
	.move		resb move_size		; a list of one move, through the windows
	.end		resb move_size
	.left		resb move_size		; the rest of the requested move
endstruc

; high_move
;   mode      32-bit, flat segments, paging off; high_begin was called
;   in        ESI   a COPY, SWAP, ZERO or DIGEST that touches RAM above 4 GiB. Its ranges do not overlap, so its direction
;                   does not matter: bytes that are set aside lie below 4 GiB, and a segment above it lies where it is, or where
;                   no source is (loaders/linux_high.c).
;   out       the move is done; paging off
;   clobbers  EAX EBX ECX EDX EDI EFLAGS
;   stack     slide_size + 28 bytes besides the return address; for a DIGEST sha256_update's too
high_move:
	push esi
	push ebp
	call .here
.here:
	pop ebp
	sub ebp, .here
	sub esp, slide_size
	mov eax, [esi + move.op]
	mov [esp + slide.move + move.op], eax
	lea edi, [esp + slide.left]
	mov ecx, move.op / 4
	rep movsd
	xor eax, eax
	mov [esp + slide.move + move.dst + 4], eax
	mov [esp + slide.move + move.src + 4], eax
	mov [esp + slide.end + move.op], eax

	mov eax, cr4
	or eax, CR4_PAE
	mov cr4, eax
	lea eax, [ebp + directory_pointers]
	mov cr3, eax
	mov eax, cr0
	or eax, CR0_PG
	mov cr0, eax
	jmp short .slide
.slide:
	mov ebx, ebp
	xor ebx, WINDOWS_AWAY
	and ebx, -WINDOWS
	mov eax, [esp + slide.left + move.src]
	mov edx, [esp + slide.left + move.src + 4]
	call map_two
	mov [esp + slide.move + move.src], esi
	mov eax, [esp + slide.left + move.dst]
	mov edx, [esp + slide.left + move.dst + 4]
	call map_two
	mov [esp + slide.move + move.dst], esi
	; Flush the windows from the TLB.
	mov eax, cr3
	mov cr3, eax
	; One large page fits at any offset in the first of the window's two pages.
	mov ecx, [esp + slide.left + move.size]
	cmp ecx, LARGE
	jbe .fits
	mov ecx, LARGE
.fits:
	mov [esp + slide.move + move.size], ecx
	sub [esp + slide.left + move.size], ecx
	add [esp + slide.left + move.dst], ecx
	adc dword [esp + slide.left + move.dst + 4], 0
	; A DIGEST's source is the structure that all of them are added to.
	cmp byte [esp + slide.move + move.op], SEGUE_MOVE_DIGEST
	je .source_stays
	add [esp + slide.left + move.src], ecx
	adc dword [esp + slide.left + move.src + 4], 0
.source_stays:
	mov esi, esp
	push ebp
	call segue_purgatory_move
	pop ebp
	cmp dword [esp + slide.left + move.size], 0
	jne .slide
	; reset_cpu clears CR3 and CR4; with paging off the CPU does not use them.
	mov eax, cr0
	and eax, ~CR0_PG
	mov cr0, eax
	jmp short .off
.off:
	add esp, slide_size
	pop ebp
	pop esi
	ret

	align 32			; Intel SDM vol. 3, table 4-7
directory_pointers:
	times POINTERS dq 0
