/*
 * Arithmetic on sizes that somebody else chose, checked narrowing, strict
 * decimal parsing and big-endian integers. Everything returns false instead of
 * wrapping.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"

static inline bool hm_size_add(size_t a, size_t b, size_t *ret)
{
	return !__builtin_add_overflow(a, b, ret);
}

static inline bool hm_size_mul(size_t a, size_t b, size_t *ret)
{
	return !__builtin_mul_overflow(a, b, ret);
}

static inline bool hm_u64_add(uint64_t a, uint64_t b, uint64_t *ret)
{
	return !__builtin_add_overflow(a, b, ret);
}

static inline bool hm_to_u32(uint64_t v, uint32_t *ret)
{
	if (v > UINT32_MAX)
		return false;
	*ret = (uint32_t)v;
	return true;
}

static inline bool hm_to_size(uint64_t v, size_t *ret)
{
	return !__builtin_add_overflow(v, 0U, ret);
}

/* Digits only, no sign, no leading zero but "0" itself, no blank, <= max. */
bool hm_parse_u64(struct hm_slice s, uint64_t max, uint64_t *ret);

static inline void hm_put_u16be(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void hm_put_u32be(uint8_t *p, uint32_t v)
{
	hm_put_u16be(p, (uint16_t)(v >> 16));
	hm_put_u16be(p + 2, (uint16_t)v);
}

static inline void hm_put_u64be(uint8_t *p, uint64_t v)
{
	hm_put_u32be(p, (uint32_t)(v >> 32));
	hm_put_u32be(p + 4, (uint32_t)v);
}

static inline uint16_t hm_get_u16be(const uint8_t *p)
{
	return (uint16_t)(((unsigned int)p[0] << 8) | p[1]);
}

static inline uint32_t hm_get_u32be(const uint8_t *p)
{
	return ((uint32_t)hm_get_u16be(p) << 16) | hm_get_u16be(p + 2);
}

static inline uint64_t hm_get_u64be(const uint8_t *p)
{
	return ((uint64_t)hm_get_u32be(p) << 32) | hm_get_u32be(p + 4);
}
