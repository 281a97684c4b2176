/* Sticky-error reading of fixed-width fields; bounds by subtraction. */
#include "lib/reader.h"

#include "lib/num.h"

struct hm_slice hm_reader_bytes(struct hm_reader *r, size_t n)
{
	struct hm_slice s;

	if (r->failed || n > r->rest.len) {
		r->failed = true;
		return hm_slice(NULL, 0);
	}
	s = hm_slice(r->rest.ptr, n);
	r->rest.ptr += n;
	r->rest.len -= n;
	return s;
}

uint8_t hm_reader_u8(struct hm_reader *r)
{
	struct hm_slice s = hm_reader_bytes(r, 1);

	return s.len == 1 ? s.ptr[0] : 0;
}

uint16_t hm_reader_u16be(struct hm_reader *r)
{
	struct hm_slice s = hm_reader_bytes(r, 2);

	return s.len == 2 ? hm_get_u16be(s.ptr) : 0;
}

uint32_t hm_reader_u32be(struct hm_reader *r)
{
	struct hm_slice s = hm_reader_bytes(r, 4);

	return s.len == 4 ? hm_get_u32be(s.ptr) : 0;
}

uint64_t hm_reader_u64be(struct hm_reader *r)
{
	struct hm_slice s = hm_reader_bytes(r, 8);

	return s.len == 8 ? hm_get_u64be(s.ptr) : 0;
}

struct hm_slice hm_reader_until(struct hm_reader *r, uint8_t delimiter)
{
	const uint8_t *end = NULL;
	struct hm_slice s;

	if (!r->failed && r->rest.len > 0)
		end = memchr(r->rest.ptr, delimiter, r->rest.len);
	if (!end) {
		r->failed = true;
		return hm_slice(NULL, 0);
	}
	s = hm_reader_bytes(r, (size_t)(end - r->rest.ptr));
	(void)hm_reader_bytes(r, 1);
	return s;
}

bool hm_reader_done(const struct hm_reader *r)
{
	return !r->failed && r->rest.len == 0;
}
