/*
 * The dozen functions of libcbor that lib/cbor.c calls, for the static program
 * only: Debian ships no static libcbor. One head is decoded and handed over;
 * nothing is allocated and nothing is remembered. `make static` runs the CBOR
 * and document tests against this file.
 * What it distrusts: the input, of which it reads no byte past `size`.
 */
#include <cbor.h>
#include <string.h>

static struct cbor_decoder_result result(enum cbor_decoder_status status,
					 size_t read)
{
	return (struct cbor_decoder_result){ .status = status, .read = read };
}

/* The number behind the first byte; n is 1, 2, 4 or 8. */
static uint64_t number(cbor_data p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v = v << 8 | p[1 + i];
	return v;
}

static void on_uint(const struct cbor_callbacks *c, void *ctx, size_t n,
		    uint64_t v, bool negative)
{
	switch (n) {
	case 0:
	case 1:
		(negative ? c->negint8 : c->uint8)(ctx, (uint8_t)v);
		break;
	case 2:
		(negative ? c->negint16 : c->uint16)(ctx, (uint16_t)v);
		break;
	case 4:
		(negative ? c->negint32 : c->uint32)(ctx, (uint32_t)v);
		break;
	default:
		(negative ? c->negint64 : c->uint64)(ctx, v);
		break;
	}
}

/* Major type 7: simple values and floats; of floats only that there is one. */
static struct cbor_decoder_result simple(const struct cbor_callbacks *c,
					 void *ctx, unsigned int info, size_t n)
{
	if (info == 20 || info == 21)
		c->boolean(ctx, info == 21);
	else if (info == 22)
		c->null(ctx);
	else if (info == 23)
		c->undefined(ctx);
	else if (info == 25)
		c->float2(ctx, 0);
	else if (info == 26)
		c->float4(ctx, 0);
	else if (info == 27)
		c->float8(ctx, 0);
	else
		return result(CBOR_DECODER_ERROR, 0);
	return result(CBOR_DECODER_FINISHED, 1 + n);
}

static struct cbor_decoder_result indefinite(const struct cbor_callbacks *c,
					     void *ctx, unsigned int major)
{
	switch (major) {
	case 2:
		c->byte_string_start(ctx);
		break;
	case 3:
		c->string_start(ctx);
		break;
	case 4:
		c->indef_array_start(ctx);
		break;
	case 5:
		c->indef_map_start(ctx);
		break;
	case 7:
		c->indef_break(ctx);
		break;
	default:
		return result(CBOR_DECODER_ERROR, 0);
	}
	return result(CBOR_DECODER_FINISHED, 1);
}

struct cbor_decoder_result cbor_stream_decode(cbor_data source, size_t size,
	const struct cbor_callbacks *c, void *ctx)
{
	unsigned int major, info;
	uint64_t v;
	size_t n;

	if (size == 0)
		return result(CBOR_DECODER_NEDATA, 0);
	major = source[0] >> 5;
	info = source[0] & 0x1fU;
	if (info == 31)
		return indefinite(c, ctx, major);
	if (info > 27)
		return result(CBOR_DECODER_ERROR, 0);
	n = info < 24 ? 0 : (size_t)1 << (info - 24);
	if (n > size - 1)
		return result(CBOR_DECODER_NEDATA, 0);
	v = info < 24 ? info : number(source, n);
	switch (major) {
	case 0:
	case 1:
		on_uint(c, ctx, n, v, major == 1);
		break;
	case 2:
	case 3:
		if (v > size - 1 - n)
			return result(CBOR_DECODER_NEDATA, 0);
		(major == 2 ? c->byte_string : c->string)(ctx, source + 1 + n,
							  v);
		return result(CBOR_DECODER_FINISHED, 1 + n + (size_t)v);
	case 4:
		c->array_start(ctx, v);
		break;
	case 5:
		c->map_start(ctx, v);
		break;
	case 6:
		c->tag(ctx, v);
		break;
	default:
		return simple(c, ctx, info, n);
	}
	return result(CBOR_DECODER_FINISHED, 1 + n);
}

/* The shortest head of this major type for v. */
static size_t head(unsigned int major, uint64_t v, unsigned char *out,
		   size_t size)
{
	size_t n = v < 24 ? 0 : v <= UINT8_MAX ? 1 : v <= UINT16_MAX ? 2 :
		   v <= UINT32_MAX ? 4 : 8;
	unsigned int info = n == 0 ? (unsigned int)v : n == 1 ? 24 :
			    n == 2 ? 25 : n == 4 ? 26 : 27;

	if (size < 1 + n)
		return 0;
	out[0] = (unsigned char)(major << 5 | info);
	for (size_t i = 0; i < n; i++)
		out[1 + i] = (unsigned char)(v >> (8 * (n - 1 - i)));
	return 1 + n;
}

size_t cbor_encode_uint(uint64_t v, unsigned char *out, size_t size)
{
	return head(0, v, out, size);
}

size_t cbor_encode_negint(uint64_t v, unsigned char *out, size_t size)
{
	return head(1, v, out, size);
}

size_t cbor_encode_bytestring_start(size_t n, unsigned char *out, size_t size)
{
	return head(2, n, out, size);
}

size_t cbor_encode_string_start(size_t n, unsigned char *out, size_t size)
{
	return head(3, n, out, size);
}

size_t cbor_encode_array_start(size_t n, unsigned char *out, size_t size)
{
	return head(4, n, out, size);
}

size_t cbor_encode_map_start(size_t n, unsigned char *out, size_t size)
{
	return head(5, n, out, size);
}

size_t cbor_encode_tag(uint64_t v, unsigned char *out, size_t size)
{
	return head(6, v, out, size);
}

static size_t one(unsigned char byte, unsigned char *out, size_t size)
{
	if (size < 1)
		return 0;
	out[0] = byte;
	return 1;
}

size_t cbor_encode_bool(bool v, unsigned char *out, size_t size)
{
	return one(v ? 0xf5 : 0xf4, out, size);
}

size_t cbor_encode_null(unsigned char *out, size_t size)
{
	return one(0xf6, out, size);
}

size_t cbor_encode_indef_map_start(unsigned char *out, size_t size)
{
	return one(0xbf, out, size);
}

size_t cbor_encode_break(unsigned char *out, size_t size)
{
	return one(0xff, out, size);
}
