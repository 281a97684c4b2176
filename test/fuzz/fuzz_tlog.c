/*
 * Log entries and trusted roots as anything at all. Property: whatever is taken
 * for evidence of this envelope proves the one thing that is true of it. The
 * key, the log and the envelope are those of schema/samples/log.
 */
#include "lib/tlog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char vkey[] =
	"log.example.org+4008e1f8+Aeu6Xr3T0muqD13VeQc6auHxAAtMXDJ49C20qKLW5GBb";
static const char signer[] =
	"-----BEGIN PUBLIC KEY-----\n"
	"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEmsRKUtvzl1aKh6MPRvIRXMhJAL4b\n"
	"pez67cMqHT1E0CKccguQD6alEutEB0rvEnCVP7G/9HtuAY6iWcjl696z2Q==\n"
	"-----END PUBLIC KEY-----\n";
static const char envelope[] =
	"{\"payload\":\"eyJfdHlwZSI6Imh0dHBzOi8vaW4tdG90by5pby9TdGF0ZW1lbnQvdjEi"
	"LCJzdWJqZWN0IjpbeyJuYW1lIjoiYXJ0aWZhY3QiLCJkaWdlc3QiOnsic2hhMjU2IjoiNTg5"
	"MWI1YjUyMmQ1ZGYwODZkMGZmMGIxMTBmYmQ5ZDIxYmI0ZmM3MTYzYWYzNGQwODI4NmEyZTg0"
	"NmY2YmUwMyJ9fV0sInByZWRpY2F0ZVR5cGUiOiJodHRwczovL2V4YW1wbGUub3JnL25vbmUv"
	"djEiLCJwcmVkaWNhdGUiOnt9fQ==\",\"payloadType\":"
	"\"application/vnd.in-toto+json\",\"signatures\":[{\"sig\":\"MEYCIQCIDCd3"
	"jvkH7XlwHzYPSNgMZlFtQSog/cZwsb8V4j3TTAIhAJ+WD9ukLC4vbvejAFyw+apuok5pD30r"
	"EUbc/W75h5PZ\"}]}";

static struct hm_log_keys keys;
static struct hm_dsse dsse;
static struct hm_buf spki;

static void setup(void)
{
	AUTO_KEY struct hm_key *k = NULL;
	int rc;

	hm_log_keys_init(&keys);
	hm_dsse_init(&dsse);
	hm_buf_init(&spki, 1024);
	rc = hm_log_keys_add_vkey(&keys, hm_slice_str(vkey), NULL);
	if (rc == HM_OK)
		rc = hm_dsse_parse(hm_slice_str(envelope), &dsse, NULL);
	if (rc == HM_OK)
		rc = hm_key_from_public_pem(hm_slice_str(signer), &k, NULL);
	if (rc == HM_OK)
		rc = hm_key_spki(k, &spki, NULL);
	HM_BUG_ON(rc != HM_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_JSON struct hm_json *entry = NULL;
	struct hm_slice input = hm_slice(data, size);
	struct hm_log_proof proof;
	struct hm_log_keys roots;
	struct hm_err err;

	if (spki.len == 0)
		setup();
	hm_log_keys_init(&roots);
	if (hm_log_keys_add_trusted_root(&roots, input, &err) == HM_OK)
		HM_BUG_ON(roots.count == 0);
	hm_log_keys_release(&roots);
	if (hm_json_parse(input, HM_LOG_ENTRY_MAX, &entry, &err) != HM_OK)
		return 0;
	if (hm_tlog_verify(entry, &dsse, hm_buf_slice(&spki), &keys, &proof,
			   &err) == HM_OK)
		HM_BUG_ON(proof.index != 2 || proof.size != 4 ||
			  proof.integrated_ms != 0 || proof.leaf.bytes[0] != 0x15);
	return 0;
}
