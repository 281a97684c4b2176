/*
 * Every changed bit of a good document, every truncation, every byte put in or
 * taken out must be refused. The only exception is justified in
 * schema/attestation.md: the byte D2 in front, COSE's optional tag.
 *
 * A verification costs half a millisecond, so all bits are swept over a document
 * with a chain of two, and one bit of each byte over one with a chain of five.
 */
#include "lib/nitro_document.h"

#include "test/unit/nitro_fixture.h"
#include "test/unit/tap.h"

static struct fix_chain chain;
static uint8_t work[HM_NITRO_DOCUMENT_MAX];

static bool refused(size_t len)
{
	struct hm_nitro_document doc;
	struct hm_err err;
	int rc = hm_nitro_parse(hm_slice(work, len), &doc, &err);

	if (rc == HM_OK)
		rc = hm_nitro_verify(&doc, chain.root_sha256, &err);
	return rc == HM_E_FORMAT || rc == HM_E_CRYPTO || rc == HM_E_POLICY ||
	       rc == HM_E_TOO_LARGE;
}

static void sweep_bits(struct hm_slice good)
{
	size_t survived = 0;

	memcpy(work, good.ptr, good.len);
	for (size_t bit = 0; bit < good.len * 8; bit++) {
		work[bit / 8] ^= (uint8_t)(1U << bit % 8);
		if (!refused(good.len)) {
			survived++;
			printf("# byte %zu bit %zu\n", bit / 8, bit % 8);
		}
		work[bit / 8] = good.ptr[bit / 8];
	}
	ok(survived == 0, "%zu changed bits: all refused", good.len * 8);
}

/* One bit of each byte, another one from byte to byte. */
static void sweep_bytes(struct hm_slice good)
{
	size_t survived = 0;

	memcpy(work, good.ptr, good.len);
	for (size_t i = 0; i < good.len; i++) {
		work[i] ^= (uint8_t)(1U << i % 8);
		survived += refused(good.len) ? 0 : 1;
		work[i] = good.ptr[i];
	}
	ok(survived == 0, "%zu changed bytes: all refused", good.len);
}

static void sweep_lengths(struct hm_slice good)
{
	size_t survived = 0;

	memcpy(work, good.ptr, good.len);
	for (size_t len = 0; len < good.len; len++)
		survived += refused(len) ? 0 : 1;
	ok(survived == 0, "%zu truncations: all refused", good.len);
	for (unsigned int v = 0; v < 256; v++) {
		work[good.len] = (uint8_t)v;
		survived += refused(good.len + 1) ? 0 : 1;
	}
	ok(survived == 0, "256 appended bytes: all refused");
}

/* Two values at every place: one that starts an item, one that does not. */
static void sweep_insertions(struct hm_slice good)
{
	static const uint8_t values[] = {0x00, 0xff};
	size_t survived = 0;

	for (size_t at = 0; at < good.len; at++) {
		memcpy(work, good.ptr, at);
		memcpy(work + at + 1, good.ptr + at, good.len - at);
		for (size_t i = 0; i < sizeof(values); i++) {
			work[at] = values[i];
			survived += refused(good.len + 1) ? 0 : 1;
		}
	}
	ok(survived == 0, "%zu inserted bytes: all refused", good.len * 2);

	/* In front of the header bytes, which nobody signs: every value. */
	for (size_t at = 0; at < 12; at++) {
		memcpy(work, good.ptr, at);
		memcpy(work + at + 1, good.ptr + at, good.len - at);
		for (unsigned int v = 0; v < 256; v++) {
			bool tag = at == 0 && v == 0xd2;

			work[at] = (uint8_t)v;
			if (refused(good.len + 1) == tag) {
				survived++;
				printf("# byte %02x before %zu\n", v, at);
			}
		}
	}
	ok(survived == 0, "all bytes in the first twelve places: only the tag");
}

static void sweep_removals(struct hm_slice good)
{
	size_t survived = 0;

	for (size_t at = 0; at < good.len; at++) {
		memcpy(work, good.ptr, at);
		memcpy(work + at, good.ptr + at + 1, good.len - at - 1);
		survived += refused(good.len - 1) ? 0 : 1;
	}
	ok(survived == 0, "%zu removed bytes: all refused", good.len);
}

/* Makes a good document and puts it where refused() looks. */
static void make(struct hm_buf *good, const struct bend *d)
{
	fix_document(good, d, &chain);
	memcpy(work, good->data, good->len);
	ok(!refused(good->len), "a good document of %zu bytes", good->len);
}

int main(void)
{
	struct bend d = bend_good();
	AUTO_BUF struct hm_buf good;

	hm_buf_init(&good, HM_NITRO_DOCUMENT_MAX - 1);
	fix_chain_init(&chain);
	fix_make_chain(&chain);
	make(&good, &d);
	sweep_bytes(hm_buf_slice(&good));
	fix_chain_release(&chain);

	/* Leaf right under the root: its issuer's place takes the root's. */
	fix_chain_init(&chain);
	chain.spec[3] = chain.spec[0];
	fix_make_cert(&chain, 0);
	chain.keys[3] = HM_TAKE_PTR(chain.keys[0]);
	fix_make_cert(&chain, 4);
	FIX_MUST(hm_sha256(hm_buf_slice(&chain.der[0]), chain.root_sha256,
			   fix_e));
	d.root_only = 1;
	d.pcr_count = 3;
	d.has_field[0] = true;
	d.field_len[0] = 20;
	make(&good, &d);
	sweep_bits(hm_buf_slice(&good));
	sweep_lengths(hm_buf_slice(&good));
	sweep_insertions(hm_buf_slice(&good));
	sweep_removals(hm_buf_slice(&good));
	fix_chain_release(&chain);
	return tap_done();
}
