/*
 * Reading fixed-width fields off a slice. The error is sticky: after the first
 * short read every getter returns zeros, and hm_reader_done() says no. It also
 * says no when bytes are left over. Bounds are checked by subtraction.
 */
#pragma once

#include "lib/buf.h"

struct hm_reader {
	struct hm_slice rest;
	bool failed;
};

static inline struct hm_reader hm_reader(struct hm_slice s)
{
	return (struct hm_reader){.rest = s, .failed = false};
}

uint8_t hm_reader_u8(struct hm_reader *r);
uint16_t hm_reader_u16be(struct hm_reader *r);
uint32_t hm_reader_u32be(struct hm_reader *r);
uint64_t hm_reader_u64be(struct hm_reader *r);
struct hm_slice hm_reader_bytes(struct hm_reader *r, size_t n);
/* Bytes up to (not including) the delimiter, which is consumed. */
struct hm_slice hm_reader_until(struct hm_reader *r, uint8_t delimiter);
bool hm_reader_done(const struct hm_reader *r);
