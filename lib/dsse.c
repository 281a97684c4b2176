/*
 * DSSE envelopes and Sigstore bundles. Everything outside the payload is
 * unsigned: payloadType is covered by PAE, the rest (base64 spelling, order of
 * keys, hint, keyid) is only transport. Nothing of it is believed; where our own
 * bundles are checked, it must have its one form besides.
 */
#include "lib/dsse.h"

#include "lib/hex.h"
#include "lib/log.h"

int hm_dsse_pae(struct hm_slice payload_type, struct hm_slice payload,
		struct hm_buf *b, struct hm_err *err)
{
	int rc = hm_buf_addf(b, err, "DSSEv1 %zu ", payload_type.len);

	if (rc == HM_OK)
		rc = hm_buf_add_slice(b, payload_type, err);
	if (rc == HM_OK)
		rc = hm_buf_addf(b, err, " %zu ", payload.len);
	return rc < 0 ? rc : hm_buf_add_slice(b, payload, err);
}

void hm_dsse_init(struct hm_dsse *d)
{
	hm_buf_init(&d->payload, HM_STATEMENT_MAX);
	hm_buf_init(&d->payload_type, HM_PAYLOAD_TYPE_MAX);
	hm_buf_init(&d->sig, HM_SIG_MAX);
}

void hm_dsse_release(struct hm_dsse *d)
{
	hm_buf_release(&d->payload);
	hm_buf_release(&d->payload_type);
	hm_buf_release(&d->sig);
}

/* Room for PAE: both lengths have at most 20 digits. */
static void pae_init(struct hm_buf *b)
{
	hm_buf_init(b, HM_STATEMENT_MAX + HM_PAYLOAD_TYPE_MAX + 64);
}

int hm_dsse_sign(const struct hm_key *k, const char *payload_type,
		 struct hm_slice payload, struct hm_dsse *ret_d,
		 struct hm_err *err)
{
	AUTO_DSSE struct hm_dsse d;
	AUTO_BUF struct hm_buf pae;
	int rc;

	hm_dsse_init(&d);
	pae_init(&pae);
	rc = hm_buf_add_slice(&d.payload, payload, err);
	if (rc == HM_OK)
		rc = hm_buf_add_str(&d.payload_type, payload_type, err);
	if (rc == HM_OK)
		rc = hm_dsse_pae(hm_buf_slice(&d.payload_type), payload, &pae,
				 err);
	if (rc == HM_OK)
		rc = hm_key_sign(k, hm_buf_slice(&pae), &d.sig, err);
	if (rc < 0)
		return hm_err_prefix(err, "envelope");
	*ret_d = d;
	hm_dsse_init(&d);	/* transferred */
	return HM_OK;
}

int hm_dsse_verify(const struct hm_dsse *d, const struct hm_key *k,
		   struct hm_err *err)
{
	AUTO_BUF struct hm_buf pae;
	int rc;

	pae_init(&pae);
	rc = hm_dsse_pae(hm_buf_slice(&d->payload_type),
			 hm_buf_slice(&d->payload), &pae, err);
	if (rc == HM_OK)
		rc = hm_key_verify(k, hm_buf_slice(&pae), hm_buf_slice(&d->sig),
				   err);
	return rc < 0 ? hm_err_prefix(err, "envelope") : HM_OK;
}

/* The member must be there and of this type. */
static int need(const struct hm_json *object, const char *key,
		enum hm_json_type type, const struct hm_json **ret_v,
		struct hm_err *err)
{
	const struct hm_json *v = hm_json_get(object, key);

	if (!v || hm_json_type(v) != type)
		return hm_fail(err, HM_E_FORMAT, 0, "%s is %s", key,
			       hm_json_type_name(v));
	*ret_v = v;
	return HM_OK;
}

static int need_base64(const struct hm_json *object, const char *key,
		       struct hm_buf *b, struct hm_err *err)
{
	const struct hm_json *v = NULL;
	int rc = need(object, key, HM_JSON_STRING, &v, err);

	if (rc < 0)
		return rc;
	rc = hm_base64_decode_any(b, hm_slice_str(hm_json_string(v)), err);
	return rc < 0 ? hm_err_prefix(err, "%s", key) : HM_OK;
}

static int read_signature(const struct hm_json *list, struct hm_dsse *d,
			  struct hm_err *err)
{
	static const char *const keys[] = {"sig", "keyid", NULL};
	const struct hm_json *one = hm_json_at(list, 0), *keyid;
	int rc;

	/* with several, "verified" would not say by whom */
	if (hm_json_count(list) != 1)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "%zu signatures; there must be one",
			       hm_json_count(list));
	if (hm_json_type(one) != HM_JSON_OBJECT)
		return hm_fail(err, HM_E_FORMAT, 0, "the signature is %s",
			       hm_json_type_name(one));
	rc = hm_json_only_keys(one, keys, err);
	if (rc < 0)
		return hm_err_prefix(err, "signature");
	keyid = hm_json_get(one, "keyid");
	if (keyid && !hm_json_string(keyid))
		return hm_fail(err, HM_E_FORMAT, 0, "keyid is %s",
			       hm_json_type_name(keyid));
	return need_base64(one, "sig", &d->sig, err);
}

static int read_envelope(const struct hm_json *o, struct hm_dsse *d,
			 struct hm_err *err)
{
	static const char *const keys[] = {"payload", "payloadType",
					   "signatures", NULL};
	const struct hm_json *type = NULL, *list = NULL;
	struct hm_slice text;
	int rc = hm_json_only_keys(o, keys, err);

	if (rc == HM_OK)
		rc = need_base64(o, "payload", &d->payload, err);
	if (rc == HM_OK)
		rc = need(o, "payloadType", HM_JSON_STRING, &type, err);
	if (rc == HM_OK)
		rc = need(o, "signatures", HM_JSON_ARRAY, &list, err);
	if (rc == HM_OK)
		rc = read_signature(list, d, err);
	if (rc < 0)
		return rc;
	text = hm_slice_str(hm_json_string(type));
	if (text.len == 0 || text.len > HM_PAYLOAD_TYPE_MAX ||
	    !hm_slice_is_text(text))
		return hm_fail(err, HM_E_FORMAT, 0,
			       "payloadType is no media type");
	return hm_buf_add_slice(&d->payload_type, text, err);
}

int hm_dsse_parse(struct hm_slice json, struct hm_dsse *ret_d,
		  struct hm_err *err)
{
	AUTO_JSON struct hm_json *root = NULL;
	AUTO_DSSE struct hm_dsse d;
	int rc = hm_json_parse(json, HM_BUNDLE_MAX, &root, err);

	hm_dsse_init(&d);
	if (rc == HM_OK && hm_json_type(root) != HM_JSON_OBJECT)
		rc = hm_fail(err, HM_E_FORMAT, 0, "%s, not an object",
			     hm_json_type_name(root));
	if (rc == HM_OK)
		rc = read_envelope(root, &d, err);
	if (rc < 0)
		return hm_err_prefix(err, "envelope");
	*ret_d = d;
	hm_dsse_init(&d);	/* transferred */
	return HM_OK;
}

/* NULL when it could not be built. */
static struct hm_json *new_base64(struct hm_slice data, size_t max)
{
	AUTO_BUF struct hm_buf text;

	hm_buf_init(&text, max * 2);
	if (hm_base64_add(&text, data, NULL) != HM_OK)
		return NULL;
	return hm_json_new_string(hm_buf_slice(&text));
}

static struct hm_json *new_envelope(const struct hm_dsse *d)
{
	struct hm_json *o = hm_json_new_object(), *one = hm_json_new_object();
	struct hm_json *list = hm_json_new_array();

	/* a failure anywhere makes the final write fail */
	(void)hm_json_set(one, "sig",
			  new_base64(hm_buf_slice(&d->sig), HM_SIG_MAX));
	(void)hm_json_append(list, one);
	(void)hm_json_set(o, "payload", new_base64(hm_buf_slice(&d->payload),
						   HM_STATEMENT_MAX));
	(void)hm_json_set(o, "payloadType",
			  hm_json_new_string(hm_buf_slice(&d->payload_type)));
	(void)hm_json_set(o, "signatures", list);
	return o;
}

int hm_dsse_write(const struct hm_dsse *d, struct hm_buf *json,
		  struct hm_err *err)
{
	AUTO_JSON struct hm_json *o = new_envelope(d);
	int rc = hm_json_write(o, HM_JSON_COMPACT, json, err);

	return rc < 0 ? hm_err_prefix(err, "envelope") : HM_OK;
}

/* base64(SHA-256(SPKI)), as cosign does. */
static int hint_of(const struct hm_key *k, struct hm_buf *hint,
		   struct hm_err *err)
{
	AUTO_BUF struct hm_buf spki;
	uint8_t digest[HM_SHA256_LEN];
	int rc;

	hm_buf_init(&spki, 1024);
	rc = hm_key_spki(k, &spki, err);
	if (rc == HM_OK)
		rc = hm_sha256(hm_buf_slice(&spki), digest, err);
	return rc < 0 ? rc : hm_base64_add(hint, hm_slice(digest, sizeof(digest)),
					   err);
}

static int write_bundle(const struct hm_dsse *d, struct hm_slice hint,
			const struct hm_json *log_entries,
			const struct hm_json *timestamps, struct hm_buf *json,
			struct hm_err *err)
{
	AUTO_JSON struct hm_json *o = hm_json_new_object();
	struct hm_json *material = hm_json_new_object();
	struct hm_json *key = hm_json_new_object();
	struct hm_json *times = timestamps ? hm_json_new_object() : NULL;

	(void)hm_json_set(key, "hint", hm_json_new_string(hint));
	(void)hm_json_set(material, "publicKey", key);
	if (log_entries)
		(void)hm_json_set(material, "tlogEntries",
				  hm_json_copy(log_entries));
	if (timestamps) {
		(void)hm_json_set(times, "rfc3161Timestamps",
				  hm_json_copy(timestamps));
		(void)hm_json_set(material, "timestampVerificationData", times);
	}
	(void)hm_json_set(o, "mediaType", hm_json_new_str(HM_BUNDLE_MEDIA_TYPE));
	(void)hm_json_set(o, "verificationMaterial", material);
	(void)hm_json_set(o, "dsseEnvelope", new_envelope(d));
	return hm_json_write(o, HM_JSON_COMPACT, json, err);
}

int hm_bundle_write(const struct hm_dsse *d, const struct hm_key *k,
		    const struct hm_json *log_entries,
		    const struct hm_json *timestamps, struct hm_buf *json,
		    struct hm_err *err)
{
	AUTO_BUF struct hm_buf hint;
	int rc;

	hm_buf_init(&hint, 64);
	rc = hint_of(k, &hint, err);
	if (rc == HM_OK)
		rc = write_bundle(d, hm_buf_slice(&hint), log_entries,
				  timestamps, json, err);
	return rc < 0 ? hm_err_prefix(err, "bundle") : HM_OK;
}

void hm_bundle_init(struct hm_bundle *b)
{
	*b = (struct hm_bundle){0};
	hm_dsse_init(&b->dsse);
}

void hm_bundle_release(struct hm_bundle *b)
{
	hm_dsse_release(&b->dsse);
	hm_json_free(b->root);
	hm_bundle_init(b);
}

/* An array of objects at key, or NULL when absent. */
static int read_objects(const struct hm_json *o, const char *key,
			const struct hm_json **ret_list, struct hm_err *err)
{
	const struct hm_json *list = hm_json_get(o, key);

	if (!list)
		return HM_OK;
	if (hm_json_type(list) != HM_JSON_ARRAY)
		return hm_fail(err, HM_E_FORMAT, 0, "%s is %s", key,
			       hm_json_type_name(list));
	for (size_t i = 0; i < hm_json_count(list); i++)
		if (hm_json_type(hm_json_at(list, i)) != HM_JSON_OBJECT)
			return hm_fail(err, HM_E_FORMAT, 0, "%s[%zu] is %s", key,
				       i, hm_json_type_name(hm_json_at(list, i)));
	*ret_list = list;
	return HM_OK;
}

static int read_timestamps(const struct hm_json *material, struct hm_bundle *b,
			   struct hm_err *err)
{
	static const char *const keys[] = {"rfc3161Timestamps", NULL};
	static const char *const one[] = {"signedTimestamp", NULL};
	const struct hm_json *data =
		hm_json_get(material, "timestampVerificationData");
	int rc;

	if (!data)
		return HM_OK;
	if (hm_json_type(data) != HM_JSON_OBJECT)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "timestampVerificationData is %s",
			       hm_json_type_name(data));
	rc = hm_json_only_keys(data, keys, err);
	if (rc == HM_OK)
		rc = read_objects(data, keys[0], &b->timestamps, err);
	for (size_t i = 0; rc == HM_OK && i < hm_json_count(b->timestamps); i++) {
		const struct hm_json *t = hm_json_at(b->timestamps, i), *text;

		rc = hm_json_only_keys(t, one, err);
		if (rc == HM_OK)
			rc = need(t, one[0], HM_JSON_STRING, &text, err);
	}
	return rc;
}

static int read_material(const struct hm_json *m, struct hm_bundle *b,
			 struct hm_err *err)
{
	static const char *const keys[] = {"publicKey", "tlogEntries",
					   "timestampVerificationData", NULL};
	static const char *const key_keys[] = {"hint", NULL};
	const struct hm_json *key = NULL, *hint = NULL;
	int rc;

	if (hm_json_get(m, "certificate") ||
	    hm_json_get(m, "x509CertificateChain"))
		return hm_fail(err, HM_E_POLICY, 0,
			       "signed with a certificate; ours are signed with the key "
			       "that the attestation document names");
	rc = hm_json_only_keys(m, keys, err);
	if (rc == HM_OK)
		rc = need(m, "publicKey", HM_JSON_OBJECT, &key, err);
	if (rc == HM_OK)
		rc = hm_json_only_keys(key, key_keys, err);
	if (rc == HM_OK)
		rc = need(key, "hint", HM_JSON_STRING, &hint, err);
	if (rc == HM_OK)
		rc = read_objects(m, "tlogEntries", &b->log_entries, err);
	if (rc == HM_OK)
		rc = read_timestamps(m, b, err);
	if (rc == HM_OK)
		b->hint = hm_json_string(hint);
	return rc;
}

static int read_bundle(const struct hm_json *o, struct hm_bundle *b,
		       struct hm_err *err)
{
	static const char *const keys[] = {"mediaType", "verificationMaterial",
					   "dsseEnvelope", NULL};
	const struct hm_json *type = NULL, *material = NULL, *envelope = NULL;
	int rc;

	if (hm_json_type(o) != HM_JSON_OBJECT)
		return hm_fail(err, HM_E_FORMAT, 0, "%s, not an object",
			       hm_json_type_name(o));
	rc = need(o, "mediaType", HM_JSON_STRING, &type, err);
	if (rc < 0)
		return rc;
	if (strcmp(hm_json_string(type), HM_BUNDLE_MEDIA_TYPE) != 0)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "media type '%s'; only '%s' is read",
			       HM_ESC(hm_slice_str(hm_json_string(type))),
			       HM_BUNDLE_MEDIA_TYPE);
	if (hm_json_get(o, "messageSignature"))
		return hm_fail(err, HM_E_POLICY, 0,
			       "a bare signature over a file; ours carry a statement in a "
			       "DSSE envelope");
	rc = hm_json_only_keys(o, keys, err);
	if (rc == HM_OK)
		rc = need(o, "verificationMaterial", HM_JSON_OBJECT, &material,
			  err);
	if (rc == HM_OK)
		rc = read_material(material, b, err);
	if (rc == HM_OK)
		rc = need(o, "dsseEnvelope", HM_JSON_OBJECT, &envelope, err);
	return rc < 0 ? rc : read_envelope(envelope, &b->dsse, err);
}

int hm_bundle_parse(struct hm_slice json, struct hm_bundle *ret_b,
		    struct hm_err *err)
{
	AUTO_BUNDLE struct hm_bundle b;
	int rc;

	hm_bundle_init(&b);
	rc = hm_json_parse(json, HM_BUNDLE_MAX, &b.root, err);
	if (rc == HM_OK)
		rc = read_bundle(b.root, &b, err);
	if (rc < 0)
		return hm_err_prefix(err, "bundle");
	*ret_b = b;
	hm_bundle_init(&b);	/* transferred */
	return HM_OK;
}

int hm_bundle_check_hint(const struct hm_bundle *b, const struct hm_key *k,
			 struct hm_err *err)
{
	AUTO_BUF struct hm_buf hint;
	int rc;

	hm_buf_init(&hint, 64);
	rc = hint_of(k, &hint, err);
	if (rc == HM_OK && !hm_slice_eq_str(hm_buf_slice(&hint), b->hint))
		rc = hm_fail(err, HM_E_CRYPTO, 0,
			     "publicKey.hint is not the digest of the signing key");
	return rc < 0 ? hm_err_prefix(err, "bundle") : HM_OK;
}

bool hm_bundle_is_canonical(const struct hm_bundle *b, struct hm_slice json)
{
	AUTO_BUF struct hm_buf again;

	hm_buf_init(&again, HM_BUNDLE_MAX);
	return write_bundle(&b->dsse, hm_slice_str(b->hint), b->log_entries,
			    b->timestamps, &again, NULL) == HM_OK &&
	       hm_slice_eq(hm_buf_slice(&again), json);
}
