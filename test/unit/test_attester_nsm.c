/*
 * The NSM protocol without an NSM: exact request bytes, every answer that is
 * not as agreed, and a small module played here for the attester.
 */
#include <fcntl.h>

#include "enclave-worker/attester.h"
#include "enclave-worker/nsm.h"
#include "lib/cbor.h"
#include "lib/hex.h"
#include "test/unit/tap.h"

static struct hm_err err;

/* --- a canned answer --------------------------------------------------------- */

struct canned {
	const char *answer_hex;
	char request_hex[2 * 512 + 1];
};

static int canned_call(void *ctx, struct hm_slice request, uint8_t *response,
		       size_t *ret_len, struct hm_err *e)
{
	struct canned *c = ctx;
	size_t len = c->answer_hex ? strlen(c->answer_hex) / 2 : 0;

	if (!c->answer_hex)
		return hm_fail(e, HM_E_SYSTEM, EIO, "device");
	HM_BUG_ON(request.len > 512 || len > HM_NSM_RESPONSE_MAX);
	hm_hex(request.ptr, request.len, c->request_hex);
	HM_BUG_ON(!hm_unhex(hm_slice_str(c->answer_hex), response, len));
	*ret_len = len;
	return HM_OK;
}

static struct canned canned;
static const struct hm_nsm_transport wire = {canned_call, &canned};

#define PCR_A                                                                  \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"                     \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DESCRIBE_PCR "a16b4465736372696265504352"
#define LOCK_TRUE "646c6f636bf5"
#define DATA_A "64646174615830" PCR_A
#define DESCRIBE_NSM "a16b44657363726962654e534d"

static bool sent(const char *hex)
{
	bool same = strcmp(canned.request_hex, hex) == 0;

	if (!same)
		printf("# sent %s\n", canned.request_hex);
	return same;
}

static void test_requests(void)
{
	static const char nulls[] =
		"a16b4174746573746174696f6ea369757365725f64617461f6656e6f6e6365"
		"f66a7075626c69635f6b6579f6";
	struct hm_slice none = hm_slice(NULL, 0);
	struct hm_nsm_description d;
	AUTO_BUF struct hm_buf out;
	uint8_t pcr[48];
	bool locked;

	hm_buf_init(&out, HM_NSM_RESPONSE_MAX);
	canned.answer_hex = DESCRIBE_PCR "a2" LOCK_TRUE DATA_A;
	ok_call(hm_nsm_describe_pcr(&wire, 0, &locked, pcr, &err), &err,
		"DescribePCR");
	ok(sent("a16b4465736372696265504352a165696e64657800"),
	   "the bytes of the reference");
	ok(locked && pcr[0] == 0xaa && pcr[47] == 0xaa, "locked, with a value");
	canned.answer_hex = DESCRIBE_PCR "bf" DATA_A "646c6f636bf4ff";
	ok_call(hm_nsm_describe_pcr(&wire, 31, &locked, pcr, &err), &err,
		"fields in another order, indefinite");
	ok(!locked && sent("a16b4465736372696265504352a165696e646578181f"),
	   "not locked; index 31 in eight bits");

	canned.answer_hex = "a169457874656e64504352a1" DATA_A;
	ok_call(hm_nsm_extend_pcr(&wire, 16, hm_slice("\1\2", 2), pcr, &err),
		&err, "ExtendPCR");
	ok(sent("a169457874656e64504352a265696e646578106464617461420102"),
	   "its bytes");
	canned.answer_hex = "674c6f636b504352";
	ok_call(hm_nsm_lock_pcr(&wire, 16, &err), &err, "LockPCR");
	ok(sent("a1674c6f636b504352a165696e64657810"), "its bytes");

	canned.answer_hex = "a16b4174746573746174696f6ea168646f63756d656e7443"
			    "010203";
	ok_call(hm_nsm_attest(&wire, none, none, none, &out, &err), &err,
		"Attestation of nothing");
	ok(sent(nulls) && out.len == 3 && out.data[2] == 3,
	   "the bytes of the reference, and the document");
	ok_call(hm_nsm_attest(&wire, hm_slice("k", 1), hm_slice("u", 1),
			      hm_slice("n", 1), &out, &err), &err,
		"Attestation of three fields");
	ok(sent("a16b4174746573746174696f6ea369757365725f646174614175"
		"656e6f6e6365416e6a7075626c69635f6b6579416b"), "its bytes");

	canned.answer_hex = "a16947657452616e646f6da16672616e646f6d4401020304";
	out.len = 0;
	ok_call(hm_nsm_random(&wire, &out, &err), &err, "GetRandom");
	ok(sent("6947657452616e646f6d") && out.len == 4, "its bytes");

	canned.answer_hex =
		DESCRIBE_NSM
		"a76d76657273696f6e5f6d616a6f72016d76657273696f6e5f6d696e6f7202"
		"6d76657273696f6e5f706174636803696d6f64756c655f696463692d31"
		"686d61785f7063727318206b6c6f636b65645f70637273820f10"
		"6664696765737466534841333834";
	ok_call(hm_nsm_describe(&wire, &d, &err), &err, "DescribeNSM");
	ok(sent("6b44657363726962654e534d"), "its bytes");
	ok(d.version_major == 1 && d.version_minor == 2 &&
		   d.version_patch == 3 && d.max_pcrs == 32 && d.locked[15] &&
		   d.locked[16] && !d.locked[14] &&
		   strcmp(d.module_id, "i-1") == 0 &&
		   strcmp(d.digest, "SHA384") == 0, "its fields");
}

static void test_bad_answers(void)
{
	static const struct {
		const char *hex;
		enum hm_code code;
		const char *message;
	} bad[] = {
		{NULL, HM_E_SYSTEM, "nsm: DescribePCR: device"},
		{"", HM_E_PROTOCOL, "ends early"},
		{"6b4465736372696265504352", HM_E_PROTOCOL, "has no fields"},
		{"a0", HM_E_PROTOCOL, "not a map of one"},
		{"a2010102020303", HM_E_PROTOCOL, "not a map of one"},
		{"bfff", HM_E_PROTOCOL, "not a map of one"},
		{"a1", HM_E_PROTOCOL, "more members"},
		{"a101a0", HM_E_PROTOCOL, "has no name"},
		{"01", HM_E_PROTOCOL, "has no name"},
		{"a16161a0", HM_E_PROTOCOL, "answers 'a'"},
		{DESCRIBE_PCR "a1" LOCK_TRUE, HM_E_PROTOCOL,
		 "a field is missing"},
		{DESCRIBE_PCR "a2" LOCK_TRUE LOCK_TRUE, HM_E_PROTOCOL,
		 "'lock' is unknown or stands twice"},
		{DESCRIBE_PCR "a3" LOCK_TRUE DATA_A "616100", HM_E_PROTOCOL,
		 "'a' is unknown"},
		{DESCRIBE_PCR "a2" LOCK_TRUE "646461746141aa", HM_E_PROTOCOL,
		 "data: 1 bytes, not 48"},
		{DESCRIBE_PCR "a2" "646c6f636b01" DATA_A, HM_E_PROTOCOL,
		 "lock: an unsigned"},
		{DESCRIBE_PCR "a2" LOCK_TRUE DATA_A "00", HM_E_PROTOCOL,
		 "1 bytes follow"},
		{DESCRIBE_PCR "01", HM_E_PROTOCOL, "fields: an unsigned"},
		{DESCRIBE_PCR "a10101", HM_E_PROTOCOL, "field: an unsigned"},
		{"a1654572726f726c496e76616c6964496e646578", HM_E_POLICY,
		 "refused: InvalidIndex (there is no such PCR)"},
		{"a1654572726f726d526561644f6e6c79496e646578", HM_E_POLICY,
		 "ReadOnlyIndex (the PCR is locked)"},
		{"a1654572726f72634e6577", HM_E_POLICY, "refused: New"},
		{"a1654572726f7201", HM_E_PROTOCOL, "Error: an unsigned"},
	};
	uint8_t pcr[48];
	bool locked;

	for (size_t i = 0; i < HM_ARRAY_LEN(bad); i++) {
		canned.answer_hex = bad[i].hex;
		fails(hm_nsm_describe_pcr(&wire, 0, &locked, pcr, &err), &err,
		      bad[i].code, bad[i].message, "answer %s",
		      bad[i].hex ? bad[i].hex : "none");
	}
}

static void test_other_refusals(void)
{
	static const uint8_t big[1025];
	struct hm_slice none = hm_slice(NULL, 0), over = hm_slice(big, 1025);
	struct hm_nsm_description d;
	AUTO_BUF struct hm_buf out, small;
	uint8_t pcr[48];
	bool locked;

	hm_buf_init(&out, HM_NSM_RESPONSE_MAX);
	hm_buf_init(&small, 2);
	fails(hm_nsm_describe_pcr(&wire, 32, &locked, pcr, &err), &err,
	      HM_E_POLICY, "there is no PCR32", "no such PCR, not even asked");
	fails(hm_nsm_attest(&wire, over, none, none, &out, &err), &err,
	      HM_E_TOO_LARGE, "public_key has more", "a large public_key");
	fails(hm_nsm_attest(&wire, none, over, none, &out, &err), &err,
	      HM_E_TOO_LARGE, "user_data has more", "a large user_data");
	fails(hm_nsm_attest(&wire, none, none, over, &out, &err), &err,
	      HM_E_TOO_LARGE, "nonce has more", "a large nonce");
	canned.answer_hex = "a16b4174746573746174696f6ea168646f63756d656e7443"
			    "010203";
	fails(hm_nsm_attest(&wire, none, none, none, &small, &err), &err,
	      HM_E_TOO_LARGE, "answer to Attestation", "a small buffer");
	canned.answer_hex = "674c6f636b50435200";
	fails(hm_nsm_lock_pcr(&wire, 16, &err), &err, HM_E_PROTOCOL,
	      "more than its name", "LockPCR with a tail");
	canned.answer_hex = "a1674c6f636b504352a0";
	fails(hm_nsm_lock_pcr(&wire, 16, &err), &err, HM_E_PROTOCOL,
	      "more than its name", "LockPCR with fields");
	canned.answer_hex = "a16947657452616e646f6da16672616e646f6d40";
	fails(hm_nsm_random(&wire, &out, &err), &err, HM_E_PROTOCOL,
	      "0 bytes, not 1 to 256", "no randomness");
	canned.answer_hex = DESCRIBE_NSM "a16b6c6f636b65645f70637273811820";
	fails(hm_nsm_describe(&wire, &d, &err), &err, HM_E_PROTOCOL,
	      "an index over 31", "PCR32 locked");
	canned.answer_hex = DESCRIBE_NSM "a1666469676573747011111111111111111111"
					 "111111111111";
	fails(hm_nsm_describe(&wire, &d, &err), &err, HM_E_PROTOCOL,
	      "digest: too long, or no text", "a digest of control bytes");
	canned.answer_hex = DESCRIBE_NSM "a1666469676573747041414141414141414141"
					 "414141414141";
	fails(hm_nsm_describe(&wire, &d, &err), &err, HM_E_PROTOCOL,
	      "digest: too long, or no text", "a digest of 16 letters");
}

/* --- a module ---------------------------------------------------------------- */

static struct module {
	uint8_t pcr[HM_NITRO_PCRS][HM_PCR_LEN];
	bool locked[HM_NITRO_PCRS];
	uint64_t max_pcrs;
	const char *digest;
	bool does_not_extend, does_not_lock, fails;
} module;

static void module_reset(void)
{
	module = (struct module){.max_pcrs = 32, .digest = "SHA384"};
	for (int i = 0; i < 16; i++)
		module.locked[i] = true;
	module.pcr[0][0] = 5;
}

/* The test's own answers are known to fit. */
#define MUST(call) HM_BUG_ON((call) != HM_OK)

static void open_answer(struct hm_buf *b, const char *name, size_t fields)
{
	MUST(hm_cbor_put_map(b, 1, &err));
	MUST(hm_cbor_put_str(b, name, &err));
	MUST(hm_cbor_put_map(b, fields, &err));
}

static void answer_error(struct hm_buf *b, const char *name)
{
	MUST(hm_cbor_put_map(b, 1, &err));
	MUST(hm_cbor_put_str(b, "Error", &err));
	MUST(hm_cbor_put_str(b, name, &err));
}

static void answer_describe(struct hm_buf *b)
{
	size_t count = 0;

	open_answer(b, "DescribeNSM", 7);
	for (int i = 0; i < 3; i++) {
		static const char *const v[] = {"version_major",
						"version_minor",
						"version_patch"};
		MUST(hm_cbor_put_str(b, v[i], &err));
		MUST(hm_cbor_put_uint(b, 1, &err));
	}
	MUST(hm_cbor_put_str(b, "module_id", &err));
	MUST(hm_cbor_put_str(b, "i-1-enc1", &err));
	MUST(hm_cbor_put_str(b, "max_pcrs", &err));
	MUST(hm_cbor_put_uint(b, module.max_pcrs, &err));
	MUST(hm_cbor_put_str(b, "digest", &err));
	MUST(hm_cbor_put_str(b, module.digest, &err));
	for (size_t i = 0; i < HM_NITRO_PCRS; i++)
		count += module.locked[i];
	MUST(hm_cbor_put_str(b, "locked_pcrs", &err));
	MUST(hm_cbor_put_array(b, count, &err));
	for (size_t i = 0; i < HM_NITRO_PCRS; i++)
		if (module.locked[i])
			MUST(hm_cbor_put_uint(b, i, &err));
}

static void answer_pcr(struct hm_buf *b, const char *name, uint64_t i)
{
	bool with_lock = strcmp(name, "DescribePCR") == 0;

	open_answer(b, name, with_lock ? 2 : 1);
	if (with_lock) {
		MUST(hm_cbor_put_str(b, "lock", &err));
		MUST(hm_cbor_put_bool(b, module.locked[i], &err));
	}
	MUST(hm_cbor_put_str(b, "data", &err));
	MUST(hm_cbor_put_bytes(b, hm_slice(module.pcr[i], 48), &err));
}

/* Reads {"index": i[, "data": d]}, in the order in which we send it. */
static uint64_t read_index(struct hm_cbor_reader *r, struct hm_slice *ret_data)
{
	struct hm_cbor_scope scope;
	struct hm_cbor_item item, index;

	MUST(hm_cbor_enter(r, HM_CBOR_MAP, "fields", &scope, &err));
	MUST(hm_cbor_next(r, &item, &err));
	MUST(hm_cbor_expect(r, HM_CBOR_UINT, "index", &index, &err));
	if (scope.left == 2) {
		MUST(hm_cbor_next(r, &item, &err));
		MUST(hm_cbor_expect(r, HM_CBOR_BYTES, "data", &item, &err));
		*ret_data = item.bytes;
	}
	return index.value;
}

static void answer_indexed(struct hm_buf *b, const char *name,
			   struct hm_cbor_reader *r)
{
	struct hm_slice data = hm_slice(NULL, 0);
	uint64_t i = read_index(r, &data);

	if (strcmp(name, "DescribePCR") == 0) {
		answer_pcr(b, name, i);
	} else if (module.locked[i]) {
		answer_error(b, "ReadOnlyIndex");
	} else if (strcmp(name, "LockPCR") == 0) {
		module.locked[i] = !module.does_not_lock;
		MUST(hm_cbor_put_str(b, name, &err));
	} else {
		uint8_t both[96];

		HM_BUG_ON(data.len != 48);
		memcpy(both, module.pcr[i], 48);
		memcpy(both + 48, data.ptr, 48);
		if (!module.does_not_extend)
			MUST(hm_sha384(hm_slice(both, 96), module.pcr[i],
				       &err));
		answer_pcr(b, name, i);
	}
}

static int module_call(void *ctx, struct hm_slice request, uint8_t *response,
		       size_t *ret_len, struct hm_err *e)
{
	struct hm_cbor_reader r = hm_cbor_reader(request, true);
	struct hm_cbor_item item;
	AUTO_BUF struct hm_buf b;
	char name[32];

	(void)ctx;
	hm_buf_init(&b, HM_NSM_RESPONSE_MAX);
	if (module.fails)
		return hm_fail(e, HM_E_SYSTEM, ETIMEDOUT, "device");
	MUST(hm_cbor_next(&r, &item, e));
	if (item.type == HM_CBOR_MAP)
		MUST(hm_cbor_next(&r, &item, e));
	(void)snprintf(name, sizeof(name), "%.*s", (int)item.bytes.len,
		       (const char *)item.bytes.ptr);
	if (strcmp(name, "DescribeNSM") == 0) {
		answer_describe(&b);
	} else if (strcmp(name, "GetRandom") == 0) {
		open_answer(&b, name, 1);
		MUST(hm_cbor_put_str(&b, "random", e));
		MUST(hm_cbor_put_bytes(&b, hm_slice("0123456789abcdef", 16), e));
	} else if (strcmp(name, "Attestation") == 0) {
		open_answer(&b, name, 1);
		MUST(hm_cbor_put_str(&b, "document", e));
		MUST(hm_cbor_put_bytes(&b, request, e));
	} else {
		answer_indexed(&b, name, &r);
	}
	memcpy(response, b.data, b.len);
	*ret_len = b.len;
	return HM_OK;
}

static const struct hm_nsm_transport to_module = {module_call, NULL};

static void test_attester(void)
{
	static const uint8_t zero[48];
	char pool[] = "/tmp/hm-pool.XXXXXX";
	AUTO_CLOSE int pool_fd = mkostemp(pool, O_CLOEXEC);
	uint8_t data[48] = {1, 2, 3}, pcr[48];
	struct hm_attester *a = NULL;
	AUTO_BUF struct hm_buf out;
	char fed[20] = "";

	hm_buf_init(&out, HM_NSM_RESPONSE_MAX);
	module_reset();
	ok_call(hm_attester_nsm_over(&to_module, pool, &a, &err), &err,
		"an attester over the module");
	ok(pread(pool_fd, fed, sizeof(fed), 0) == 16 &&
		   memcmp(fed, "0123456789abcdef", 16) == 0,
	   "the module's randomness went to the pool");
	ok(strcmp(a->ops->name, "nsm") == 0, "it says that it is nsm");
	ok_call(a->ops->pcr(a, 0, pcr, &err), &err, "PCR0");
	ok(pcr[0] == 5, "is the module's");
	ok_call(a->ops->latch(a, 16, data, &err), &err, "PCR16 is latched");
	ok(module.locked[16] && memcmp(module.pcr[16], zero, 48) != 0,
	   "in the module");
	fails(a->ops->latch(a, 16, data, &err), &err, HM_E_POLICY,
	      "PCR16 is locked", "once");
	fails(a->ops->latch(a, 0, data, &err), &err, HM_E_POLICY,
	      "PCR0 is locked", "not the image's");
	module.pcr[17][0] = 1;
	fails(a->ops->latch(a, 17, data, &err), &err, HM_E_POLICY,
	      "PCR17 is not zero", "nor one that somebody extended");
	module.does_not_lock = true;
	fails(a->ops->latch(a, 18, data, &err), &err, HM_E_PROTOCOL,
	      "did not lock", "a module that says it locked");
	module.does_not_lock = false;
	module.does_not_extend = true;
	fails(a->ops->latch(a, 19, data, &err), &err, HM_E_PROTOCOL,
	      "did not lock", "a module that says it extended");
	ok_call(a->ops->attest(a, hm_slice("k", 1), hm_slice("u", 1),
			       hm_slice("n", 1), &out, &err), &err, "attests");
	ok(out.len > 0, "what the module gave");
	module.fails = true;
	fails(a->ops->pcr(a, 0, pcr, &err), &err, HM_E_SYSTEM,
	      "nsm: DescribePCR: device", "a device that fails");
	a->ops->free(a);
	ok(unlink(pool) == 0, "pool removed");
}

static void test_other_modules(void)
{
	struct hm_attester *a = NULL;

	module_reset();
	module.max_pcrs = 16;
	fails(hm_attester_nsm_over(&to_module, "/dev/null", &a, &err), &err,
	      HM_E_POLICY, "16 PCRs of SHA384", "another number of PCRs");
	module_reset();
	module.digest = "SHA512";
	fails(hm_attester_nsm_over(&to_module, "/dev/null", &a, &err), &err,
	      HM_E_POLICY, "32 PCRs of SHA512", "another digest");
	module_reset();
	module.locked[15] = false;
	fails(hm_attester_nsm_over(&to_module, "/dev/null", &a, &err), &err,
	      HM_E_POLICY, "PCR15 is not locked", "an unlocked image PCR");
	module_reset();
	fails(hm_attester_nsm_over(&to_module, "/nonexistent", &a, &err), &err,
	      HM_E_SYSTEM, "open '/nonexistent'", "no pool");
	fails(hm_attester_nsm("/nonexistent", &a, &err), &err, HM_E_SYSTEM,
	      "open '/nonexistent'", "no device");
	fails(hm_attester_nsm("/dev/null", &a, &err), &err, HM_E_SYSTEM,
	      "the device", "a device that is no NSM");
	ok(!a, "nothing came out");
}

int main(void)
{
	test_requests();
	test_bad_answers();
	test_other_refusals();
	test_attester();
	test_other_modules();
	return tap_done();
}
