/*
 * CRC-32/ISO-HDLC (zlib's crc32), streaming. It finds accidents, not attacks:
 * enclave images carry it, and their measurement is what counts.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* 8 KiB: eight bytes a step, so that a large image is not bound by its CRC. */
struct hm_crc32 {
	uint32_t table[8][256];
	uint32_t state;
};

void hm_crc32_init(struct hm_crc32 *c);
void hm_crc32_update(struct hm_crc32 *c, const void *data, size_t len);
uint32_t hm_crc32_value(const struct hm_crc32 *c);
