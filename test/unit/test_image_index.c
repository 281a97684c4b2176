/* The image index: format, endorsers and their threshold, which entry counts. */
#include "test/unit/tap.h"

#include "lib/dsse.h"
#include "lib/image_index.h"

#define HEX32 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define P(x) x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x \
	     x x x x x x x x x x x x x x x x

#define HEAD "{\"version\":1,\"name\":\"images\",\"serial\":3,"              \
	     "\"created\":\"2026-01-01T00:00:00Z\","                           \
	     "\"expires\":\"2026-12-01T00:00:00Z\",\"images\":["
#define NAMES "\"name\":\"c\",\"version\":\"14\",\"language\":\"c\","          \
	      "\"arch\":\"x86_64\","
#define EIF "\"eif\":{\"sha256\":\"" HEX32 "\",\"size\":5,"                    \
	    "\"urls\":[\"https://example.org/c.eif\"]},"
#define PCRS "\"pcr0\":\"" P("01") "\",\"pcr1\":\"" P("02") "\",\"pcr2\":\""    \
	     P("03") "\","
#define DATES "\"not_before\":\"2026-01-01T00:00:00Z\","                       \
	      "\"not_after\":\"2026-06-01T00:00:00Z\","
#define LATER "\"not_before\":\"2026-06-01T00:00:00Z\","                       \
	      "\"not_after\":\"2026-09-01T00:00:00Z\","
#define ACTIVE "\"status\":\"active\""
#define REVOKED "\"status\":\"revoked\",\"reason\":\"bad kernel\""
#define IMAGE "{" NAMES EIF PCRS DATES ACTIVE "}"

#define MARCH 1772323200000LL	/* 2026-03-01 */
#define JULY 1782864000000LL	/* 2026-07-01 */

static struct hm_image_index x;

static int parse(const char *text, struct hm_err *err)
{
	hm_image_index_release(&x);
	return hm_image_index_parse(hm_slice_str(text), &x, err);
}

static void test_format(void)
{
	static const char *const good[] = {
		HEAD IMAGE "]}",
		HEAD IMAGE "," IMAGE "]}",
		HEAD "{" NAMES EIF "\"layer\":{\"sha256\":\"" HEX32 "\","
		"\"size\":9}," PCRS "\"recipe\":{\"repository\":\"https://x/y\","
		"\"commit\":\"0123456789012345678901234567890123456789\"},"
		DATES REVOKED "}]}",
	};
	static const struct {
		const char *text, *message;
	} bad[] = {
		{ "[]", "not a JSON object" },
		{ "{\"version\":1}", "serial must be" },
		{ "{\"version\":2}", "version must be 1" },
		{ HEAD "]}", "holds 0 entries" },
		{ HEAD "1]}", "images[0]: must be an object" },
		{ "{\"version\":1,\"name\":\"x\",\"serial\":0}", "serial" },
		{ "{\"version\":1,\"name\":\"\",\"serial\":1}", "name must be" },
		{ "{\"version\":1,\"name\":\"x\",\"serial\":1,\"created\":1}",
		  "created must be" },
		{ "{\"version\":1,\"name\":\"x\",\"serial\":1,\"created\":"
		  "\"2026-01-01T00:00:00Z\",\"expires\":"
		  "\"2026-01-01T00:00:00Z\"}", "expires is not after" },
		{ "{\"version\":1,\"name\":\"x\",\"serial\":1,\"created\":"
		  "\"2026-01-01T00:00:00Z\",\"expires\":"
		  "\"2027-01-01T00:00:00Z\",\"images\":{}}", "must be an array" },
		{ "{\"version\":1,\"extra\":1}", "extra" },
		{ HEAD "{" EIF PCRS DATES ACTIVE "}]}", "name must be" },
		{ HEAD "{\"name\":\"a@b\",\"version\":\"1\",\"language\":\"c\","
		  "\"arch\":\"x\"}]}", "'@' in a name" },
		{ HEAD "{" NAMES PCRS DATES ACTIVE "}]}", "eif: must be an obj" },
		{ HEAD "{" NAMES EIF DATES ACTIVE "}]}", "pcr0 must be 96" },
		{ HEAD "{" NAMES EIF "\"pcr0\":\"" P("00") "\"}]}",
		  "pcr0 is all zero" },
		{ HEAD "{" NAMES EIF PCRS ACTIVE "}]}", "not_before must be" },
		{ HEAD "{" NAMES EIF PCRS DATES "\"reason\":\"x\"}]}",
		  "status must be" },
		{ HEAD "{" NAMES EIF PCRS DATES "}]", "image index: " },
		{ HEAD "{" NAMES EIF PCRS DATES "\"status\":\"good\"}]}",
		  "status must be" },
		{ HEAD "{" NAMES EIF PCRS DATES "\"status\":\"revoked\"}]}",
		  "reason must be" },
		{ HEAD "{" NAMES EIF PCRS DATES ACTIVE ",\"reason\":\"x\"}]}",
		  "reason belongs to" },
		{ HEAD "{" NAMES EIF PCRS "\"not_before\":\"2026-01-02T00:00:00Z"
		  "\",\"not_after\":\"2026-01-01T00:00:00Z\"," ACTIVE "}]}",
		  "not_after is not after" },
		{ HEAD "{" NAMES "\"eif\":{\"sha256\":\"00\",\"size\":1}," PCRS
		  DATES ACTIVE "}]}", "eif: sha256 must be 64" },
		{ HEAD "{" NAMES "\"eif\":{\"sha256\":\"" HEX32 "\",\"size\":0},"
		  PCRS DATES ACTIVE "}]}", "eif: size must be" },
		{ HEAD "{" NAMES "\"eif\":{\"sha256\":\"" HEX32 "\",\"size\":1,"
		  "\"urls\":1}," PCRS DATES ACTIVE "}]}", "urls must be" },
		{ HEAD "{" NAMES "\"eif\":{\"sha256\":\"" HEX32 "\",\"size\":1,"
		  "\"urls\":[\"http://x/\"]}," PCRS DATES ACTIVE "}]}",
		  "not https" },
		{ HEAD "{" NAMES "\"eif\":{\"x\":1}," PCRS DATES ACTIVE "}]}",
		  "eif: " },
		{ HEAD "{" NAMES EIF "\"layer\":1," PCRS DATES ACTIVE "}]}",
		  "layer: must be an object" },
		{ HEAD "{" NAMES EIF PCRS "\"recipe\":1," DATES ACTIVE "}]}",
		  "recipe must be an object" },
		{ HEAD "{" NAMES EIF PCRS "\"recipe\":{\"repository\":\"x\","
		  "\"commit\":\"xyz\"}," DATES ACTIVE "}]}", "" },
		{ HEAD "{" NAMES EIF PCRS "\"recipe\":{\"repo\":\"x\"}," DATES
		  ACTIVE "}]}", "repo" },
		{ HEAD "{" NAMES EIF PCRS DATES ACTIVE ",\"x\":1}]}", "x" },
	};
	struct hm_err err = {0};

	for (size_t i = 0; i < HM_ARRAY_LEN(good); i++)
		ok_call(parse(good[i], &err), &err, "good index %zu", i);
	ok(x.images[0].revoked && x.images[0].has_layer &&
	   x.images[0].layer_size == 9 && x.serial == 3, "its fields");
	for (size_t i = 0; i < HM_ARRAY_LEN(bad); i++)
		fails(parse(bad[i].text, &err), &err, HM_E_FORMAT,
		      bad[i].message, "bad index %zu: %s", i, bad[i].message);
}

static void fill(uint8_t pcr[3][HM_PCR_LEN])
{
	for (size_t i = 0; i < 3; i++)
		memset(pcr[i], (int)(i + 1), HM_PCR_LEN);
}

static void test_find(void)
{
	static const char first[] = HEAD IMAGE ",{" NAMES EIF PCRS LATER ACTIVE
				    "}]}";
	static const char revoked[] = HEAD IMAGE ",{" NAMES EIF PCRS LATER
				      REVOKED "}]}";
	uint8_t pcr[3][HM_PCR_LEN];
	struct hm_err err = {0};

	fill(pcr);
	ok_call(parse(first, &err), &err, "two windows for one image");
	ok(hm_image_index_find(&x, pcr, MARCH) == &x.images[0],
	   "in March, the first");
	ok(hm_image_index_find(&x, pcr, JULY) == &x.images[1],
	   "in July, the second");
	ok(hm_image_index_find(&x, pcr, 0) == &x.images[0],
	   "in no window: one of them, so that the refusal can name it");
	pcr[2][47] ^= 1;
	ok(!hm_image_index_find(&x, pcr, MARCH), "another PCR2: none");
	fill(pcr);
	ok_call(parse(revoked, &err), &err, "and revoked later");
	ok(hm_image_index_find(&x, pcr, MARCH)->revoked,
	   "revoked wins over a window that holds");
}

static int open_it(const struct hm_buf *e, const struct hm_key *const *keys,
		   size_t count, size_t threshold, struct hm_err *err)
{
	hm_image_index_release(&x);
	return hm_image_index_open(hm_buf_slice(e), keys, count, threshold, &x,
				   err);
}

static void make_keys(struct hm_key *k[4], struct hm_err *err)
{
	static const enum hm_key_kind kinds[4] = {
		HM_KEY_ED25519, HM_KEY_P256, HM_KEY_P384, HM_KEY_P256 };

	for (size_t i = 0; i < 4; i++)
		ok_call(hm_key_generate(kinds[i], &k[i], err), err, "a key");
}

static void test_endorsers(void)
{
	struct hm_key *k[4] = { NULL };
	struct hm_err err = {0};
	AUTO_BUF struct hm_buf e;
	size_t flips = 0;

	hm_buf_init(&e, HM_INDEX_MAX);
	make_keys(k, &err);
	const struct hm_key *const signers[] = { k[0], k[1] };
	const struct hm_key *const all[] = { k[0], k[1], k[2] };
	const struct hm_key *const twice[] = { k[0], k[0] };
	const struct hm_key *const others[] = { k[2], k[3] };

	ok_call(hm_image_index_sign(hm_slice_str(HEAD IMAGE "]}"), signers, 2,
				    &e, &err), &err, "two endorsers sign");
	ok_call(open_it(&e, signers, 2, 2, &err), &err, "both are there");
	ok(x.endorsed_by == 2 && x.count == 1, "and are counted");
	ok_call(open_it(&e, all, 3, 2, &err), &err, "two of three");
	fails(open_it(&e, all, 3, 3, &err), &err, HM_E_CRYPTO,
	      "signed by 2 of the 3", "three of three are not");
	fails(open_it(&e, twice, 2, 2, &err), &err, HM_E_CRYPTO,
	      "signed by 1 of the 2", "one endorser given twice has one voice");
	fails(open_it(&e, others, 2, 1, &err), &err, HM_E_CRYPTO,
	      "signed by 0", "others signed nothing");
	fails(open_it(&e, NULL, 0, 1, &err), &err, HM_E_CRYPTO, "signed by 0",
	      "no endorser at all");
	for (size_t i = 0; i < e.len; i++) {
		e.data[i] ^= 4;
		flips += open_it(&e, signers, 2, 2, &err) == HM_OK ? 1 : 0;
		e.data[i] ^= 4;
	}
	ok(flips == 0, "no byte of it can change");
	fails(hm_image_index_sign(hm_slice_str("{}"), signers, 1, &e, &err),
	      &err, HM_E_FORMAT, "version", "what is no index is not signed");
	for (size_t i = 0; i < 4; i++)
		hm_key_free(k[i]);
}

static void test_envelopes(void)
{
	static const struct {
		const char *text, *message;
	} bad[] = {
		{ "1", "not a DSSE envelope" },
		{ "{\"x\":1}", "x" },
		{ "{\"payload\":\"e30=\",\"payloadType\":\"text/plain\","
		  "\"signatures\":[{\"sig\":\"AA==\"}]}", "payloadType is not" },
		{ "{\"payload\":\"e30=\",\"payloadType\":\"" HM_INDEX_PAYLOAD
		  "\"}", "signatures must hold" },
		{ "{\"payload\":\"e30=\",\"payloadType\":\"" HM_INDEX_PAYLOAD
		  "\",\"signatures\":[]}", "signatures must hold" },
		{ "{\"payload\":\"e30=\",\"payloadType\":\"" HM_INDEX_PAYLOAD
		  "\",\"signatures\":[1]}", "not an object" },
		{ "{\"payload\":\"e30=\",\"payloadType\":\"" HM_INDEX_PAYLOAD
		  "\",\"signatures\":[{\"x\":1}]}", "x" },
		{ "{\"payload\":\"e30=\",\"payloadType\":\"" HM_INDEX_PAYLOAD
		  "\",\"signatures\":[{\"keyid\":\"\"}]}", "sig is missing" },
		{ "{\"payloadType\":\"" HM_INDEX_PAYLOAD
		  "\",\"signatures\":[{\"sig\":\"AA==\"}]}", "payload is missing" },
	};
	struct hm_key *k = NULL;
	struct hm_err err = {0};

	ok_call(hm_key_generate(HM_KEY_ED25519, &k, &err), &err, "a key");
	for (size_t i = 0; i < HM_ARRAY_LEN(bad); i++) {
		const struct hm_key *const keys[] = { k };
		struct hm_image_index y = {0};

		fails(hm_image_index_open(hm_slice_str(bad[i].text), keys, 1, 1,
					  &y, &err), &err, HM_E_FORMAT,
		      bad[i].message, "bad envelope: %s", bad[i].message);
	}
	hm_key_free(k);
}

int main(void)
{
	test_format();
	test_find();
	test_endorsers();
	test_envelopes();
	hm_image_index_release(&x);
	return tap_done();
}
