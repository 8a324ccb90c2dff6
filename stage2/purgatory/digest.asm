; SPDX-License-Identifier: MIT
	db 0
