/*
 * Attestation documents of AWS Nitro Enclaves. What it distrusts: every byte,
 * for the host hands them over. Parsing takes what fifty genuine documents and
 * AWS's text show, and refuses the rest by name; each choice, with its reason,
 * stands in schema/attestation.md. Nothing is allocated here but the bytes that
 * get hashed.
 *
 * Lenient, because genuine documents need it: definite and indefinite
 * containers, heads of any length, any key order, null or absent optional
 * fields, up to 1024 bytes in each. Strict in all else: no unknown key (what we
 * do not understand, we do not vouch for), no key twice, no tag, nothing after
 * the end, within the payload or behind it.
 *
 * Building is in nitro_build.c, so that a verifier has no code that signs.
 */
#include "lib/nitro_document.h"

#include "lib/cbor.h"
#include "lib/cose.h"
#include "lib/log.h"

/* AWS: 1..16384 bytes of payload. */
#define PAYLOAD_MAX 16384
/* Genuine ones have 39 characters; AWS states no limit, so this is ours. */
#define MODULE_ID_MAX 256
/* r and s of P-384. */
#define SIGNATURE_LEN 96
/* 9999-12-31T23:59:59.999Z: what a date can be written for. */
#define TIMESTAMP_MAX 253402300799999ULL

const uint8_t hm_nitro_root_g1[HM_SHA256_LEN] = {
	0x64, 0x1a, 0x03, 0x21, 0xa3, 0xe2, 0x44, 0xef, 0xe4, 0x56, 0x46,
	0x31, 0x95, 0xd6, 0x06, 0x31, 0x7e, 0xd7, 0xcd, 0xcc, 0x3c, 0x17,
	0x56, 0xe0, 0x98, 0x93, 0xf3, 0xc6, 0x8f, 0x79, 0xbb, 0x5b,
};

enum field {
	F_MODULE_ID,
	F_DIGEST,
	F_TIMESTAMP,
	F_PCRS,
	F_CERTIFICATE,
	F_CABUNDLE,
	F_MANDATORY_COUNT,
	F_PUBLIC_KEY = F_MANDATORY_COUNT,
	F_USER_DATA,
	F_NONCE,
	F_HM_FIELD_COUNT,
};

/* In the order in which AWS writes them. */
static const char *const field_names[] = {
	[F_MODULE_ID] = "module_id",
	[F_DIGEST] = "digest",
	[F_TIMESTAMP] = "timestamp",
	[F_PCRS] = "pcrs",
	[F_CERTIFICATE] = "certificate",
	[F_CABUNDLE] = "cabundle",
	[F_PUBLIC_KEY] = "public_key",
	[F_USER_DATA] = "user_data",
	[F_NONCE] = "nonce",
};
_Static_assert(HM_ARRAY_LEN(field_names) == F_HM_FIELD_COUNT, "one name each");

static int text_field(struct hm_cbor_reader *r, const char *name,
		      struct hm_slice *ret, struct hm_err *err)
{
	struct hm_cbor_item item;
	int rc = hm_cbor_expect(r, HM_CBOR_TEXT, name, &item, err);

	if (rc != HM_OK)
		return rc;
	if (item.bytes.len == 0 || item.bytes.len > MODULE_ID_MAX ||
	    !hm_slice_is_text(item.bytes))
		return hm_fail(err, HM_E_FORMAT, 0,
			       "%s: not 1 to %d bytes of printable text", name,
			       MODULE_ID_MAX);
	*ret = item.bytes;
	return HM_OK;
}

static int bytes_field(struct hm_cbor_reader *r, const char *name, size_t least,
		       struct hm_slice *ret, struct hm_err *err)
{
	struct hm_cbor_item item;
	int rc = hm_cbor_expect(r, HM_CBOR_BYTES, name, &item, err);

	if (rc != HM_OK)
		return rc;
	if (item.bytes.len < least || item.bytes.len > HM_NITRO_FIELD_MAX)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "%s: %zu bytes, not %zu to %d", name,
			       item.bytes.len, least, HM_NITRO_FIELD_MAX);
	*ret = item.bytes;
	return HM_OK;
}

static int optional_field(struct hm_cbor_reader *r, const char *name,
			  size_t least, struct hm_nitro_optional *ret,
			  struct hm_err *err)
{
	struct hm_cbor_reader ahead = *r;
	struct hm_cbor_item item;
	int rc = hm_cbor_next(&ahead, &item, err);

	if (rc == HM_OK && item.type == HM_CBOR_NULL) {
		*r = ahead;
		return HM_OK;
	}
	rc = bytes_field(r, name, least, &ret->bytes, err);
	if (rc == HM_OK)
		ret->present = true;
	return rc;
}

static int parse_digest(struct hm_cbor_reader *r, struct hm_err *err)
{
	struct hm_slice name;
	int rc = text_field(r, "digest", &name, err);

	if (rc == HM_OK && !hm_slice_eq_str(name, "SHA384"))
		return hm_fail(err, HM_E_FORMAT, 0, "digest: %s, not SHA384",
			       HM_ESC(name));
	return rc;
}

static int parse_timestamp(struct hm_cbor_reader *r, uint64_t *ret_ms,
			   struct hm_err *err)
{
	struct hm_cbor_item item;
	int rc = hm_cbor_expect(r, HM_CBOR_UINT, "timestamp", &item, err);

	if (rc != HM_OK)
		return rc;
	if (item.value == 0 || item.value > TIMESTAMP_MAX)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "timestamp: %llu is no time in milliseconds",
			       (unsigned long long)item.value);
	*ret_ms = item.value;
	return HM_OK;
}

static int parse_pcr(struct hm_cbor_reader *r, struct hm_nitro_document *doc,
		     struct hm_err *err)
{
	struct hm_cbor_item index, value;
	int rc = hm_cbor_expect(r, HM_CBOR_UINT, "pcrs: index", &index, err);

	if (rc == HM_OK)
		rc = hm_cbor_expect(r, HM_CBOR_BYTES, "pcrs: value", &value,
				    err);
	if (rc != HM_OK)
		return rc;
	if (index.value >= HM_NITRO_PCRS)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "pcrs: index %llu is over 31",
			       (unsigned long long)index.value);
	if (doc->has_pcr[index.value])
		return hm_fail(err, HM_E_FORMAT, 0, "pcrs: PCR%d stands twice",
			       (int)index.value);
	if (value.bytes.len != HM_PCR_LEN)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "pcrs: PCR%d has %zu bytes, not %d",
			       (int)index.value, value.bytes.len, HM_PCR_LEN);
	memcpy(doc->pcr[index.value], value.bytes.ptr, HM_PCR_LEN);
	doc->has_pcr[index.value] = true;
	return HM_OK;
}

static int parse_pcrs(struct hm_cbor_reader *r, struct hm_nitro_document *doc,
		      struct hm_err *err)
{
	struct hm_cbor_scope scope;
	bool more, any = false;
	int rc = hm_cbor_enter(r, HM_CBOR_MAP, "pcrs", &scope, err);

	while (rc == HM_OK) {
		rc = hm_cbor_more(r, &scope, &more, err);
		if (rc != HM_OK || !more)
			break;
		rc = parse_pcr(r, doc, err);
		any = true;
	}
	if (rc == HM_OK && !any)
		return hm_fail(err, HM_E_FORMAT, 0, "pcrs: none");
	return rc;
}

static int parse_cabundle(struct hm_cbor_reader *r,
			  struct hm_nitro_document *doc, struct hm_err *err)
{
	struct hm_cbor_scope scope;
	bool more;
	int rc = hm_cbor_enter(r, HM_CBOR_ARRAY, "cabundle", &scope, err);

	while (rc == HM_OK) {
		rc = hm_cbor_more(r, &scope, &more, err);
		if (rc != HM_OK || !more)
			break;
		if (doc->cabundle_count == HM_CHAIN_MAX)
			return hm_fail(err, HM_E_TOO_LARGE, 0,
				       "cabundle: more than %d certificates",
				       HM_CHAIN_MAX);
		rc = bytes_field(r, "cabundle: certificate", 1,
				 &doc->cabundle[doc->cabundle_count], err);
		if (rc == HM_OK)
			doc->cabundle_count++;
	}
	if (rc == HM_OK && doc->cabundle_count == 0)
		return hm_fail(err, HM_E_FORMAT, 0, "cabundle: empty");
	return rc;
}

static int parse_value(struct hm_cbor_reader *r, enum field f,
		       struct hm_nitro_document *doc, struct hm_err *err)
{
	switch (f) {
	case F_MODULE_ID:
		return text_field(r, "module_id", &doc->module_id, err);
	case F_DIGEST:
		return parse_digest(r, err);
	case F_TIMESTAMP:
		return parse_timestamp(r, &doc->timestamp_ms, err);
	case F_PCRS:
		return parse_pcrs(r, doc, err);
	case F_CERTIFICATE:
		return bytes_field(r, "certificate", 1, &doc->certificate, err);
	case F_CABUNDLE:
		return parse_cabundle(r, doc, err);
	case F_PUBLIC_KEY:
		/* AWS's two texts say 1..1024 and 0..1024: a key has bytes. */
		return optional_field(r, "public_key", 1, &doc->public_key,
				      err);
	case F_USER_DATA:
		return optional_field(r, "user_data", 0, &doc->user_data, err);
	case F_NONCE:
		return optional_field(r, "nonce", 0, &doc->nonce, err);
	case F_HM_FIELD_COUNT:
		break;
	}
	return hm_fail(err, HM_E_BUG, 0, "attestation document: field %d", f);
}

/* -1: no key of a document. */
static int find_field(struct hm_slice key)
{
	for (int f = 0; f < F_HM_FIELD_COUNT; f++)
		if (hm_slice_eq_str(key, field_names[f]))
			return f;
	return -1;
}

static int parse_member(struct hm_cbor_reader *r, bool *seen,
			struct hm_nitro_document *doc, struct hm_err *err)
{
	struct hm_cbor_item key;
	int rc = hm_cbor_expect(r, HM_CBOR_TEXT, "key", &key, err);
	int f;

	if (rc != HM_OK)
		return rc;
	/* Same root, same shape, another machine: type confusion. */
	if (hm_slice_eq_str(key.bytes, "nitrotpm_pcrs"))
		return hm_fail(err, HM_E_POLICY, 0,
			       "this is the NitroTPM document of an EC2 instance, "
			       "not of an enclave");
	f = find_field(key.bytes);
	if (f < 0)
		return hm_fail(err, HM_E_FORMAT, 0, "unknown key '%s'",
			       HM_ESC(key.bytes));
	if (seen[f])
		return hm_fail(err, HM_E_FORMAT, 0, "%s stands twice",
			       field_names[f]);
	seen[f] = true;
	return parse_value(r, (enum field)f, doc, err);
}

static int parse_payload(struct hm_slice payload, struct hm_nitro_document *doc,
			 struct hm_err *err)
{
	struct hm_cbor_reader r = hm_cbor_reader(payload, false);
	bool seen[F_HM_FIELD_COUNT] = {false};
	struct hm_cbor_scope scope;
	bool more;
	int rc = hm_cbor_enter(&r, HM_CBOR_MAP, "payload", &scope, err);

	while (rc == HM_OK) {
		rc = hm_cbor_more(&r, &scope, &more, err);
		if (rc != HM_OK || !more)
			break;
		rc = parse_member(&r, seen, doc, err);
	}
	if (rc == HM_OK)
		rc = hm_cbor_done(&r, "payload", err);
	for (int f = 0; rc == HM_OK && f < F_MANDATORY_COUNT; f++)
		if (!seen[f])
			rc = hm_fail(err, HM_E_FORMAT, 0, "%s is missing",
				     field_names[f]);
	return rc;
}

/* Enclaves are named i-...-enc...; EC2 instances i-...-tpm.... */
static int check_module_id(struct hm_slice id, struct hm_err *err)
{
	if (!memmem(id.ptr, id.len, "-enc", 4))
		return hm_fail(err, HM_E_POLICY, 0,
			       "module_id '%s' does not name an enclave",
			       HM_ESC(id));
	return HM_OK;
}

/* The part that a verifier does not do without. */
static int check_signature_form(const struct hm_cose_sign1 *cose,
				struct hm_err *err)
{
	if (cose->alg == HM_COSE_UNSIGNED)
		return hm_fail(err, HM_E_POLICY, 0,
			       "it is not signed: it comes from an emulated "
			       "enclave (QEMU), which proves nothing");
	if (cose->alg != HM_COSE_ES384)
		return hm_fail(err, HM_E_POLICY, 0,
			       "signature algorithm %lld is not ES384 (-35)",
			       (long long)cose->alg);
	if (cose->signature.len != SIGNATURE_LEN)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "signature: %zu bytes, not %d",
			       cose->signature.len, SIGNATURE_LEN);
	return HM_OK;
}

static int parse_document(struct hm_slice input, bool must_be_signed,
			  struct hm_nitro_document *doc, struct hm_err *err)
{
	struct hm_cose_sign1 cose;
	int rc;

	if (input.len > HM_NITRO_DOCUMENT_MAX)
		return hm_fail(err, HM_E_TOO_LARGE, 0,
			       "%zu bytes, more than %d", input.len,
			       HM_NITRO_DOCUMENT_MAX);
	rc = hm_cose_parse(input, &cose, err);
	if (rc != HM_OK)
		return rc;
	if (must_be_signed)
		rc = check_signature_form(&cose, err);
	if (rc != HM_OK)
		return rc;
	if (cose.payload.len > PAYLOAD_MAX)
		return hm_fail(err, HM_E_TOO_LARGE, 0,
			       "payload: %zu bytes, more than %d",
			       cose.payload.len, PAYLOAD_MAX);
	rc = parse_payload(cose.payload, doc, err);
	if (rc == HM_OK)
		rc = check_module_id(doc->module_id, err);
	doc->alg = cose.alg;
	doc->protected_header = cose.protected_header;
	doc->payload = cose.payload;
	doc->signature = cose.signature;
	return rc;
}

int hm_nitro_parse(struct hm_slice input, struct hm_nitro_document *ret_doc,
		   struct hm_err *err)
{
	struct hm_nitro_document doc = {.timestamp_ms = 0};

	if (parse_document(input, true, &doc, err) != HM_OK)
		return hm_err_prefix(err, "attestation document");
	*ret_doc = doc;
	return HM_OK;
}

int hm_nitro_parse_own(struct hm_slice input, struct hm_nitro_document *ret_doc,
		       struct hm_err *err)
{
	struct hm_nitro_document doc = {.timestamp_ms = 0};

	if (parse_document(input, false, &doc, err) != HM_OK)
		return hm_err_prefix(err, "attestation document");
	*ret_doc = doc;
	return HM_OK;
}

int hm_nitro_verify(const struct hm_nitro_document *doc,
		    const uint8_t root_sha256[HM_SHA256_LEN],
		    struct hm_err *err)
{
	/* An algorithm that is not the key's is refused: P-384 has ES384. */
	const struct hm_cose_sign1 cose = {
		.alg = doc->alg,
		.protected_header = doc->protected_header,
		.payload = doc->payload,
		.signature = doc->signature,
	};
	AUTO_KEY struct hm_key *key = NULL;
	AUTO_KEY struct hm_key *proven = NULL;
	int rc = hm_cert_key(doc->certificate, &key, err);

	if (rc != HM_OK) {
		(void)hm_err_prefix(err, "leaf certificate");
		return hm_err_prefix(err, "attestation document");
	}
	/*
	 * The signature first: all the certificates are among the signed bytes,
	 * so a changed document costs one verification, not five. The key is
	 * believed only once the chain has been verified as well.
	 */
	rc = hm_cose_verify(&cose, key, err);
	if (rc == HM_OK)
		rc = hm_chain_verify(doc->certificate, doc->cabundle,
				     doc->cabundle_count, root_sha256,
				     (int64_t)doc->timestamp_ms, &proven, err);
	return rc != HM_OK ? hm_err_prefix(err, "attestation document") : HM_OK;
}

bool hm_nitro_is_debug(const struct hm_nitro_document *doc)
{
	static const uint8_t zero[HM_PCR_LEN];

	for (int i = 0; i < 3; i++)
		if (!doc->has_pcr[i] ||
		    memcmp(doc->pcr[i], zero, sizeof(zero)) == 0)
			return true;
	return false;
}
