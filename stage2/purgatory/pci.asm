; SPDX-License-Identifier: MIT
;
; Stops devices from writing into memory: PCI's bus masters and the DMA controllers of the ISA bus.
; PCI Local Bus 3.0, 3.2.2.3.2 (configuration mechanism #1), 6.2; 8237A data sheet.

DMA_1_MASKS		equ 0x0f	; channels 0 to 3
DMA_2_MASKS		equ 0xde	; 4 to 7; 4 cascades the first controller and stays unmasked
DMA_1_ALL		equ 0x0f
DMA_2_ALL		equ 0x0e

PCI_ADDRESS		equ 0xcf8
PCI_DATA		equ 0xcfc
PCI_ENABLE		equ 1 << 31
PCI_FUNCTION		equ 1 << 8	; in an address: 3 bits of the function, then 5 of the device, 8 of the bus
PCI_DEVICE		equ 1 << 11
PCI_BUS_END		equ 1 << 24
PCI_VENDOR		equ 0x00	; registers
PCI_COMMAND		equ 0x04
PCI_CLASS		equ 0x08
PCI_HEADER		equ 0x0c
PCI_NOBODY		equ 0xffff	; vendor
PCI_BRIDGE		equ 0x06	; base class
PCI_BUS_MASTER		equ 1 << 2
PCI_COMMAND_BITS	equ 0xffff	; the upper half is status bits, which a 1 clears
PCI_HEADER_TYPE		equ 0x7f << 16
PCI_MULTIFUNCTION	equ 1 << 23

; quiet_bus_masters: clears the bus master bit in every function of a device
;   mode      32-bit
;   in        EBP base
;   clobbers  EAX EBX ECX EDX EDI
quiet_bus_masters:
	mov al, DMA_1_ALL
	out DMA_1_MASKS, al
	mov al, DMA_2_ALL
	out DMA_2_MASKS, al
	lea edi, [ebp + .function]
	jmp each_function
.function:
	test al, PCI_BUS_MASTER
	jz .off
	and eax, PCI_COMMAND_BITS & ~PCI_BUS_MASTER
	out dx, eax
	; The device's posted writes arrive before its answer to this read (3.2.5).
	in eax, dx
.off:
	ret

; each_function: calls a routine for each PCI function that is not a bridge. The devices behind a bridge are quieted
; themselves; if the bridge's bit were clear, a target that sets only its device's bit would lose that device's
; writes. The host bridge is on the CPU's own path.
;   mode      32-bit
;   in        EDI address of the routine. It gets the function's address in EBX, its command register in EAX, and in EDX the
;             port by which that can be written; it may clobber EAX, EDX and ESI.
;   clobbers  EAX EBX ECX EDX ESI
each_function:
	mov ebx, PCI_ENABLE
	mov edx, PCI_ADDRESS
	mov eax, ebx
	out dx, eax
	in eax, dx
	cmp eax, ebx
	jne .done
.function:
	lea eax, [ebx + PCI_VENDOR]
	call pci_read
	cmp ax, PCI_NOBODY
	je .nobody
	lea eax, [ebx + PCI_HEADER]
	call pci_read
	mov ecx, eax
	test eax, PCI_HEADER_TYPE
	jnz .next
	lea eax, [ebx + PCI_CLASS]
	call pci_read
	shr eax, 24
	cmp al, PCI_BRIDGE
	je .next
	lea eax, [ebx + PCI_COMMAND]
	call pci_read
	call edi
.next:
	test bh, PCI_DEVICE - PCI_FUNCTION >> 8
	jnz .next_function
	test ecx, PCI_MULTIFUNCTION
	jnz .next_function
.next_device:
	add ebx, PCI_DEVICE - PCI_FUNCTION
.next_function:
	add ebx, PCI_FUNCTION		; the carry leads from the last function to the next device, then to the next bus
	test ebx, PCI_BUS_END
	jz .function
.done:
	ret
.nobody:
	test bh, PCI_DEVICE - PCI_FUNCTION >> 8
	jnz .next_function
	jmp .next_device

; pci_read: in EAX address of a register; out EAX its value, EDX the data port, by which it can be written
pci_read:
	mov edx, PCI_ADDRESS
	out dx, eax
	mov dl, PCI_DATA & 0xff
	in eax, dx
	ret
