; SPDX-License-Identifier: MIT
%include "purgatory/embed.inc"
	embed long_mode
