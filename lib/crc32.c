/*
 * CRC-32, polynomial 0xEDB88320 reflected, all ones in and out. table[0] is the
 * textbook's, byte by byte; table[k] is the same k zero bytes later.
 */
#include "lib/crc32.h"

#define POLYNOMIAL 0xedb88320U

void hm_crc32_init(struct hm_crc32 *c)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t v = i;

		for (int bit = 0; bit < 8; bit++)
			v = (v & 1) != 0 ? (v >> 1) ^ POLYNOMIAL : v >> 1;
		c->table[0][i] = v;
	}
	for (uint32_t i = 0; i < 256; i++)
		for (int k = 1; k < 8; k++)
			c->table[k][i] = (c->table[k - 1][i] >> 8) ^
					 c->table[0][c->table[k - 1][i] & 0xff];
	c->state = 0xffffffffU;
}

void hm_crc32_update(struct hm_crc32 *c, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t v = c->state;

	for (; len >= 8; p += 8, len -= 8) {
		v ^= (uint32_t)p[0] | (uint32_t)p[1] << 8 |
		     (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
		v = c->table[7][v & 0xff] ^ c->table[6][(v >> 8) & 0xff] ^
		    c->table[5][(v >> 16) & 0xff] ^ c->table[4][v >> 24] ^
		    c->table[3][p[4]] ^ c->table[2][p[5]] ^
		    c->table[1][p[6]] ^ c->table[0][p[7]];
	}
	for (; len > 0; p++, len--)
		v = (v >> 8) ^ c->table[0][(v ^ *p) & 0xff];
	c->state = v;
}

uint32_t hm_crc32_value(const struct hm_crc32 *c)
{
	return c->state ^ 0xffffffffU;
}
