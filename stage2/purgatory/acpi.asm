; SPDX-License-Identifier: MIT
;
; Finds the IO-APICs and the HPET in the ACPI tables (ACPI 6.5, 5.2). A table is used only if its checksum is right; a
; broken table is ignored, and nothing above 4 GiB is read.

struc rsdp
	.signature	resb 8
	.checksum	resb 1
	.oem_id		resb 6
	.revision	resb 1
	.rsdt		resd 1
	.size_1		resb 0		; revisions 0 and 1 end here
	.length		resd 1
	.xsdt		resq 1
	.checksum_2	resb 1
	.reserved	resb 3
endstruc
RSDP_HAS_XSDT		equ 2		; revision
struc table
	.signature	resd 1
	.length		resd 1
	.rest		resb 28
endstruc
TABLE_LIMIT		equ 0x10000	; enough for 8,000 tables in the XSDT, or 4,000 CPUs in the MADT
struc madt
	.table		resb table_size
	.local_apic	resd 1
	.flags		resd 1
endstruc
MADT_TYPE		equ 0		; of an entry
MADT_LENGTH		equ 1
MADT_IO_APIC		equ 1		; a type; 5.2.12.3
MADT_IO_APIC_ADDRESS	equ 4
MADT_IO_APIC_SIZE	equ 12
struc hpet_table			; IA-PC HPET 1.0a, 3.2.4
	.table		resb table_size
	.id		resd 1
	.space		resb 4		; 0: memory
	.address	resq 1
	.rest		resb 4
endstruc

; read_acpi
;   mode      32-bit, flat, paging off
;   in        EBP base
;   out       IO-APICs and HPET in struct devices, if they were unknown and the tables list them
;   clobbers  EAX EBX ECX EDX ESI EDI
read_acpi:
	mov esi, [DEVICE(rsdp)]
	test esi, esi
	jz .search
	call is_rsdp
	je .found
.search:
	movzx esi, word [BDA_EBDA]
	shl esi, 4
	lea edi, [esi + EBDA_SEARCHED]
	call find_rsdp
	je .found
	mov esi, ROM_SEARCHED
	mov edi, ROM_END
	call find_rsdp
	je .found
	ret
.found:
	; EDX: size of an address in the directory (RSDT or XSDT); ESI: the directory
	mov edx, 8
	cmp byte [esi + rsdp.revision], RSDP_HAS_XSDT
	jb .rsdt
	mov ecx, rsdp_size
	call sum_of_bytes
	jne .rsdt
	cmp dword [esi + rsdp.xsdt + 4], 0
	jne .rsdt
	mov edi, esi
	mov esi, [esi + rsdp.xsdt]
	mov eax, "XSDT"
	call is_table
	je .directory
	mov esi, edi
.rsdt:
	mov esi, [esi + rsdp.rsdt]
	mov dl, 4
	mov eax, "RSDT"
	call is_table
	jne .done
.directory:
	lea edi, [esi + ecx]
	lea ebx, [esi + table_size]
.next:
	lea eax, [ebx + edx]
	cmp eax, edi
	ja .done
	mov esi, [ebx]
	cmp dl, 4
	je .below
	cmp dword [ebx + 4], 0
	jne .above
.below:
	push edi
	push ebx
	call read_table
	pop ebx
	pop edi
.above:
	add ebx, edx
	jmp .next
.done:
	ret

; find_rsdp: in ESI start, EDI end; out ZF = 1: ESI is an RSDP; clobbers EAX ECX ESI
find_rsdp:
	call is_rsdp
	je .found
	add esi, RSDP_STEP
	cmp esi, edi
	jb find_rsdp
	test esi, esi			; ZF = 0
.found:
	ret

; is_rsdp: in ESI an address; out ZF = 1: it is an RSDP's; clobbers EAX ECX
is_rsdp:
	cmp dword [esi + rsdp.signature], "RSD "
	jne sum_of_bytes.done
	cmp dword [esi + rsdp.signature + 4], "PTR "
	jne sum_of_bytes.done
	mov ecx, rsdp.size_1
; sum_of_bytes: in ESI an address, ECX a size, not 0; out ZF = 1: the bytes add up to 0; clobbers EAX
sum_of_bytes:
	push esi
	push ecx
	xor eax, eax
.next:
	add al, [esi]
	inc esi
	loop .next
	test al, al
	pop ecx
	pop esi
.done:
	ret

; is_table: in ESI an address, EAX a signature; out ZF = 1: there is such a table, of ECX bytes; clobbers EAX ECX
is_table:
	cmp esi, -TABLE_LIMIT
	ja .no
	cmp [esi + table.signature], eax
	jne .no
	mov ecx, [esi + table.length]
	lea eax, [ecx - table_size]
	cmp eax, TABLE_LIMIT - table_size
	jbe sum_of_bytes
.no:
	ret

; read_table
;   in        EBP base, ESI an address
;   out       if this is an MADT or the HPET's table, what struct devices did not have is filled in
;   clobbers  EAX EBX ECX EDI
read_table:
	mov eax, "APIC"
	call is_table
	je read_madt
	mov eax, "HPET"
	call is_table
	jne .done
	cmp ecx, hpet_table_size
	jb .done
	cmp byte [esi + hpet_table.space], 0
	jne .done
	cmp dword [esi + hpet_table.address + 4], 0
	jne .done
	cmp dword [DEVICE(hpet)], 0
	jne .done
	mov eax, [esi + hpet_table.address]
	mov [DEVICE(hpet)], eax
.done:
	ret

; read_madt: in EBP base, ESI the table, ECX its size; clobbers EAX EBX ECX ESI EDI
read_madt:
	lea edi, [DEVICE(io_apic)]
	cmp dword [edi], 0
	jne .done
	add ecx, esi
	add esi, madt_size
.next:
	lea eax, [esi + MADT_LENGTH + 1]
	cmp eax, ecx
	ja .done
	movzx ebx, byte [esi + MADT_LENGTH]
	cmp ebx, MADT_LENGTH + 1
	jb .done
	lea eax, [esi + ebx]
	cmp eax, ecx
	ja .done
	cmp byte [esi + MADT_TYPE], MADT_IO_APIC
	jne .other
	cmp ebx, MADT_IO_APIC_SIZE
	jb .other
	mov ebx, [esi + MADT_IO_APIC_ADDRESS]
	mov [edi], ebx
	add edi, 4
	lea ebx, [DEVICE(io_apic) + PURGATORY_IO_APICS * 4]
	cmp edi, ebx
	je .done
.other:
	mov esi, eax
	jmp .next
.done:
	ret
