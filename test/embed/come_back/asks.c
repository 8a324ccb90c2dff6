/* SPDX-License-Identifier: MIT */
/* What the host does with ask_kernel(): included where README's sample calls it, after segue_load(). */
{
	static const uint32_t questions[] = {1, 20, 300, 4000, 50000, 0x80000000u};
	char text[] = "answer 00000000";
	uint32_t answer;
	size_t i;
	int digit;

	for (i = 0; i < sizeof questions / sizeof questions[0]; i++) {
		answer = ask_kernel(questions[i]);
		for (digit = 0; digit < 8; digit++)
			text[7 + digit] = "0123456789abcdef"[answer >> (28 - 4 * digit) & 15];
		print(text);
	}
}
