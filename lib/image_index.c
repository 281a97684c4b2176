/*
 * Reads and signs the image index. Distrusts all of it until enough pinned
 * endorsers have signed these very bytes; after that it still refuses what the
 * schema does not allow, so that an endorser's typing error cannot widen what a
 * verifier accepts (a missing date is not "for ever", a zero PCR is not a value).
 */
#include "lib/image_index.h"

#include <stdlib.h>

#include "lib/dsse.h"
#include "lib/gitid.h"
#include "lib/hex.h"
#include "lib/log.h"
#include "lib/when.h"

void hm_image_index_init(struct hm_image_index *x)
{
	*x = (struct hm_image_index){0};
}

void hm_image_index_release(struct hm_image_index *x)
{
	free(x->images);
	hm_json_free(x->root);
	hm_image_index_init(x);
}

/* A line of text without controls, 1..255 bytes. */
static int get_text(const struct hm_json *o, const char *key, const char **ret,
		    struct hm_err *err)
{
	const char *s = hm_json_get_string(o, key);

	if (!s || s[0] == '\0' || strlen(s) > 255 ||
	    !hm_slice_is_text(hm_slice_str(s)))
		return hm_fail(err, HM_E_FORMAT, 0,
			       "%s must be a short line of text", key);
	*ret = s;
	return HM_OK;
}

static int get_time(const struct hm_json *o, const char *key, int64_t *ret,
		    struct hm_err *err)
{
	const char *s = hm_json_get_string(o, key);

	if (!s || !hm_when_parse(hm_slice_str(s), ret))
		return hm_fail(err, HM_E_FORMAT, 0,
			       "%s must be a time like 2026-05-03T10:00:00Z", key);
	return HM_OK;
}

static int get_hex(const struct hm_json *o, const char *key, uint8_t *out,
		   size_t len, struct hm_err *err)
{
	const char *s = hm_json_get_string(o, key);

	if (!s || !hm_unhex(hm_slice_str(s), out, len))
		return hm_fail(err, HM_E_FORMAT, 0,
			       "%s must be %zu lower-case hex digits", key,
			       2 * len);
	return HM_OK;
}

/* {"sha256", "size", "urls"}: the EIF or the toolchain layer. */
static int get_blob(const struct hm_json *o, uint8_t sha256[HM_SHA256_LEN],
		    uint64_t *ret_size, const struct hm_json **ret_urls,
		    struct hm_err *err)
{
	static const char *const keys[] = { "sha256", "size", "urls", NULL };
	const struct hm_json *urls = hm_json_get(o, "urls");
	int64_t size;
	int rc;

	if (!o || hm_json_type(o) != HM_JSON_OBJECT)
		return hm_fail(err, HM_E_FORMAT, 0, "must be an object");
	rc = hm_json_only_keys(o, keys, err);
	if (rc == HM_OK)
		rc = get_hex(o, "sha256", sha256, HM_SHA256_LEN, err);
	if (rc != HM_OK)
		return rc;
	if (!hm_json_integer(hm_json_get(o, "size"), &size) || size < 1)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "size must be a positive number of bytes");
	if (urls && hm_json_type(urls) != HM_JSON_ARRAY)
		return hm_fail(err, HM_E_FORMAT, 0, "urls must be an array");
	for (size_t i = 0; urls && i < hm_json_count(urls); i++) {
		const char *u = hm_json_string(hm_json_at(urls, i));

		if (!u || !hm_slice_is_text(hm_slice_str(u)) ||
		    strncmp(u, "https://", 8) != 0)
			return hm_fail(err, HM_E_FORMAT, 0,
				       "urls holds something that is not https");
	}
	*ret_size = (uint64_t)size;
	*ret_urls = urls;
	return HM_OK;
}

static int get_status(const struct hm_json *o, struct hm_image *im,
		      struct hm_err *err)
{
	const char *status = hm_json_get_string(o, "status");

	if (status && strcmp(status, "active") == 0) {
		if (hm_json_get(o, "reason"))
			return hm_fail(err, HM_E_FORMAT, 0,
				       "reason belongs to a revoked image");
		return HM_OK;
	}
	if (!status || strcmp(status, "revoked") != 0)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "status must be \"active\" or \"revoked\"");
	im->revoked = true;
	return get_text(o, "reason", &im->reason, err);
}

static int get_recipe(const struct hm_json *o, struct hm_image *im,
		      struct hm_err *err)
{
	static const char *const keys[] = { "repository", "commit", NULL };
	const struct hm_json *r = hm_json_get(o, "recipe");
	struct hm_git_id id;
	int rc;

	if (!r)
		return HM_OK;
	if (hm_json_type(r) != HM_JSON_OBJECT)
		return hm_fail(err, HM_E_FORMAT, 0, "recipe must be an object");
	rc = hm_json_only_keys(r, keys, err);
	if (rc == HM_OK)
		rc = get_text(r, "repository", &im->recipe_repository, err);
	if (rc == HM_OK)
		rc = get_text(r, "commit", &im->recipe_commit, err);
	if (rc == HM_OK)
		rc = hm_git_id_parse(hm_slice_str(im->recipe_commit), &id, err);
	return rc;
}

static int get_names(const struct hm_json *o, struct hm_image *im,
		     struct hm_err *err)
{
	int rc = get_text(o, "name", &im->name, err);

	if (rc == HM_OK)
		rc = get_text(o, "version", &im->version, err);
	if (rc == HM_OK)
		rc = get_text(o, "language", &im->language, err);
	if (rc == HM_OK)
		rc = get_text(o, "arch", &im->arch, err);
	/* "name@version" must read back one way only. */
	if (rc == HM_OK && (strchr(im->name, '@') || strchr(im->version, '@')))
		rc = hm_fail(err, HM_E_FORMAT, 0, "'@' in a name or version");
	return rc;
}

static int get_pcrs(const struct hm_json *o, struct hm_image *im,
		    struct hm_err *err)
{
	static const char *const key[HM_IMAGE_PCRS] = { "pcr0", "pcr1", "pcr2" };
	static const uint8_t zero[HM_PCR_LEN];

	for (size_t i = 0; i < HM_IMAGE_PCRS; i++) {
		int rc = get_hex(o, key[i], im->pcr[i], HM_PCR_LEN, err);

		if (rc != HM_OK)
			return rc;
		/* Zeros are what a debug enclave shows: never a reference. */
		if (memcmp(im->pcr[i], zero, HM_PCR_LEN) == 0)
			return hm_fail(err, HM_E_FORMAT, 0, "%s is all zero",
				       key[i]);
	}
	return HM_OK;
}

static int get_image(const struct hm_json *o, struct hm_image *im,
		     struct hm_err *err)
{
	static const char *const keys[] = {
		"name", "version", "language", "arch", "eif", "layer", "pcr0",
		"pcr1", "pcr2", "recipe", "not_before", "not_after", "status",
		"reason", NULL,
	};
	const struct hm_json *layer = hm_json_get(o, "layer");
	int rc;

	if (hm_json_type(o) != HM_JSON_OBJECT)
		return hm_fail(err, HM_E_FORMAT, 0, "must be an object");
	rc = hm_json_only_keys(o, keys, err);
	if (rc == HM_OK)
		rc = get_names(o, im, err);
	if (rc == HM_OK)
		rc = get_pcrs(o, im, err);
	if (rc == HM_OK)
		rc = get_recipe(o, im, err);
	if (rc == HM_OK)
		rc = get_time(o, "not_before", &im->not_before_ms, err);
	if (rc == HM_OK)
		rc = get_time(o, "not_after", &im->not_after_ms, err);
	if (rc == HM_OK)
		rc = get_status(o, im, err);
	if (rc != HM_OK)
		return rc;
	if (im->not_after_ms <= im->not_before_ms)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "not_after is not after not_before");
	rc = get_blob(hm_json_get(o, "eif"), im->eif_sha256, &im->eif_size,
		      &im->eif_urls, err);
	if (rc != HM_OK)
		return hm_err_prefix(err, "eif");
	if (!layer)
		return HM_OK;
	im->has_layer = true;
	rc = get_blob(layer, im->layer_sha256, &im->layer_size,
		      &im->layer_urls, err);
	return rc == HM_OK ? rc : hm_err_prefix(err, "layer");
}

static int get_head(struct hm_image_index *x, struct hm_err *err)
{
	static const char *const keys[] = {
		"version", "name", "serial", "created", "expires", "images", NULL,
	};
	int64_t version, serial;
	int rc;

	if (hm_json_type(x->root) != HM_JSON_OBJECT)
		return hm_fail(err, HM_E_FORMAT, 0, "not a JSON object");
	rc = hm_json_only_keys(x->root, keys, err);
	if (rc != HM_OK)
		return rc;
	if (!hm_json_integer(hm_json_get(x->root, "version"), &version) ||
	    version != 1)
		return hm_fail(err, HM_E_FORMAT, 0, "version must be 1");
	if (!hm_json_integer(hm_json_get(x->root, "serial"), &serial) ||
	    serial < 1)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "serial must be a positive number");
	x->serial = (uint64_t)serial;
	rc = get_text(x->root, "name", &x->name, err);
	if (rc == HM_OK)
		rc = get_time(x->root, "created", &x->created_ms, err);
	if (rc == HM_OK)
		rc = get_time(x->root, "expires", &x->expires_ms, err);
	if (rc == HM_OK && x->expires_ms <= x->created_ms)
		rc = hm_fail(err, HM_E_FORMAT, 0, "expires is not after created");
	return rc;
}

static int parse(struct hm_slice json, struct hm_image_index *x,
		 struct hm_err *err)
{
	const struct hm_json *images;
	int rc = hm_json_parse(json, HM_INDEX_MAX, &x->root, err);

	if (rc == HM_OK)
		rc = get_head(x, err);
	if (rc != HM_OK)
		return rc;
	images = hm_json_get(x->root, "images");
	if (!images || hm_json_type(images) != HM_JSON_ARRAY)
		return hm_fail(err, HM_E_FORMAT, 0, "images must be an array");
	x->count = hm_json_count(images);
	if (x->count == 0 || x->count > HM_INDEX_IMAGES)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "images holds %zu entries, must be 1 to %u",
			       x->count, HM_INDEX_IMAGES);
	x->images = calloc(x->count, sizeof(*x->images));
	if (!x->images)
		return hm_fail(err, HM_E_NOMEM, 0, "image index");
	for (size_t i = 0; i < x->count; i++) {
		rc = get_image(hm_json_at(images, i), &x->images[i], err);
		if (rc != HM_OK)
			return hm_err_prefix(err, "images[%zu]", i);
	}
	return HM_OK;
}

int hm_image_index_parse(struct hm_slice json, struct hm_image_index *ret_x,
			 struct hm_err *err)
{
	AUTO_IMAGE_INDEX struct hm_image_index x = {0};
	int rc = parse(json, &x, err);

	if (rc != HM_OK)
		return hm_err_prefix(err, "image index");
	*ret_x = x;
	hm_image_index_init(&x);	/* transferred */
	return HM_OK;
}

/* Two PEM files may hold one key: an endorser has one voice. */
static int is_repeated(const struct hm_key *const *keys, size_t i, bool *ret,
		       struct hm_err *err)
{
	AUTO_BUF struct hm_buf mine, other;
	int rc;

	hm_buf_init(&mine, 4096);
	hm_buf_init(&other, 4096);
	*ret = false;
	rc = hm_key_spki(keys[i], &mine, err);
	for (size_t k = 0; rc == HM_OK && k < i; k++) {
		hm_buf_release(&other);
		rc = hm_key_spki(keys[k], &other, err);
		if (rc == HM_OK &&
		    hm_slice_eq(hm_buf_slice(&mine), hm_buf_slice(&other)))
			*ret = true;
	}
	return rc;
}

static int decode(const struct hm_json *o, const char *key, struct hm_buf *b,
		  struct hm_err *err)
{
	const char *s = hm_json_get_string(o, key);

	if (!s || s[0] == '\0')
		return hm_fail(err, HM_E_FORMAT, 0, "%s is missing", key);
	return hm_base64_decode_any(b, hm_slice_str(s), err);
}

/* Did this key make one of the signatures? Wrong ones may be other people's. */
static int signed_by(const struct hm_key *key, const struct hm_json *sigs,
		     struct hm_slice pae, bool *ret, struct hm_err *err)
{
	static const char *const keys[] = { "sig", "keyid", NULL };

	*ret = false;
	for (size_t i = 0; i < hm_json_count(sigs); i++) {
		AUTO_BUF struct hm_buf sig;
		const struct hm_json *o = hm_json_at(sigs, i);
		struct hm_err ignored;
		int rc = HM_OK;

		hm_buf_init(&sig, 1024);
		if (hm_json_type(o) != HM_JSON_OBJECT)
			return hm_fail(err, HM_E_FORMAT, 0,
				       "a signature is not an object");
		rc = hm_json_only_keys(o, keys, err);
		if (rc == HM_OK)
			rc = decode(o, "sig", &sig, err);
		if (rc != HM_OK)
			return rc;
		if (hm_key_verify(key, pae, hm_buf_slice(&sig), &ignored) ==
		    HM_OK)
			*ret = true;
	}
	return HM_OK;
}

static int count_endorsers(const struct hm_json *sigs, struct hm_slice pae,
			   const struct hm_key *const *keys, size_t key_count,
			   size_t *ret_count, struct hm_err *err)
{
	size_t n = 0;

	for (size_t i = 0; i < key_count; i++) {
		bool repeated, good;
		int rc = is_repeated(keys, i, &repeated, err);

		if (rc == HM_OK)
			rc = signed_by(keys[i], sigs, pae, &good, err);
		if (rc != HM_OK)
			return rc;
		if (good && !repeated)
			n++;
	}
	*ret_count = n;
	return HM_OK;
}

static int open_envelope(const struct hm_json *root,
			 const struct hm_key *const *keys, size_t key_count,
			 size_t threshold, struct hm_image_index *x,
			 struct hm_err *err)
{
	static const char *const known[] = { "payload", "payloadType",
					     "signatures", NULL };
	const struct hm_json *sigs = hm_json_get(root, "signatures");
	const char *type = hm_json_get_string(root, "payloadType");
	AUTO_BUF struct hm_buf payload, pae;
	size_t n = 0;
	int rc;

	hm_buf_init(&payload, HM_INDEX_MAX);
	hm_buf_init(&pae, HM_INDEX_MAX + 256);
	if (hm_json_type(root) != HM_JSON_OBJECT)
		return hm_fail(err, HM_E_FORMAT, 0, "not a DSSE envelope");
	rc = hm_json_only_keys(root, known, err);
	if (rc != HM_OK)
		return rc;
	if (!type || strcmp(type, HM_INDEX_PAYLOAD) != 0)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "payloadType is not " HM_INDEX_PAYLOAD);
	if (!sigs || hm_json_type(sigs) != HM_JSON_ARRAY ||
	    hm_json_count(sigs) == 0 ||
	    hm_json_count(sigs) > HM_INDEX_SIGNATURES)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "signatures must hold 1 to %u",
			       HM_INDEX_SIGNATURES);
	rc = decode(root, "payload", &payload, err);
	if (rc == HM_OK)
		rc = hm_dsse_pae(hm_slice_str(type), hm_buf_slice(&payload),
				 &pae, err);
	if (rc == HM_OK)
		rc = count_endorsers(sigs, hm_buf_slice(&pae), keys, key_count,
				     &n, err);
	if (rc != HM_OK)
		return rc;
	if (n < threshold)
		return hm_fail(err, HM_E_CRYPTO, 0,
			       "signed by %zu of the %zu endorsers given, and "
			       "%zu must have signed", n, key_count, threshold);
	rc = parse(hm_buf_slice(&payload), x, err);
	x->endorsed_by = n;
	return rc;
}

int hm_image_index_open(struct hm_slice envelope,
			const struct hm_key *const *keys, size_t key_count,
			size_t threshold, struct hm_image_index *ret_x,
			struct hm_err *err)
{
	AUTO_IMAGE_INDEX struct hm_image_index x = {0};
	AUTO_JSON struct hm_json *root = NULL;
	int rc;

	/* A threshold of nothing would make an unsigned index a good one. */
	HM_BUG_ON(threshold == 0);
	rc = hm_json_parse(envelope, HM_INDEX_MAX, &root, err);
	if (rc == HM_OK)
		rc = open_envelope(root, keys, key_count, threshold, &x, err);
	if (rc != HM_OK)
		return hm_err_prefix(err, "image index");
	*ret_x = x;
	hm_image_index_init(&x);	/* transferred */
	return HM_OK;
}

const struct hm_image *hm_image_index_find(const struct hm_image_index *x,
	const uint8_t pcr[HM_IMAGE_PCRS][HM_PCR_LEN], int64_t at_ms)
{
	const struct hm_image *found = NULL;

	for (size_t i = 0; i < x->count; i++) {
		const struct hm_image *im = &x->images[i];

		if (memcmp(im->pcr, pcr, sizeof(im->pcr)) != 0)
			continue;
		if (im->revoked)
			return im;
		if (!found || (at_ms >= im->not_before_ms &&
			       at_ms <= im->not_after_ms))
			found = im;
	}
	return found;
}

static int add_signature(const struct hm_key *key, struct hm_slice pae,
			 struct hm_json *sigs, struct hm_err *err)
{
	AUTO_BUF struct hm_buf sig, text;
	struct hm_json *o = hm_json_new_object();
	int rc;

	hm_buf_init(&sig, 1024);
	hm_buf_init(&text, 2048);
	rc = hm_key_sign(key, pae, &sig, err);
	if (rc == HM_OK)
		rc = hm_base64_add(&text, hm_buf_slice(&sig), err);
	if (rc == HM_OK && !hm_json_set(o, "sig",
					hm_json_new_string(hm_buf_slice(&text))))
		rc = hm_fail(err, HM_E_NOMEM, 0, "signature");
	if (rc != HM_OK) {
		hm_json_free(o);
		return rc;
	}
	return hm_json_append(sigs, o) ? HM_OK
		: hm_fail(err, HM_E_NOMEM, 0, "signature");
}

int hm_image_index_sign(struct hm_slice payload,
			const struct hm_key *const *keys, size_t key_count,
			struct hm_buf *envelope, struct hm_err *err)
{
	AUTO_IMAGE_INDEX struct hm_image_index x = {0};
	AUTO_JSON struct hm_json *root = hm_json_new_object();
	AUTO_BUF struct hm_buf pae, text;
	struct hm_json *sigs = hm_json_new_array();
	int rc;

	hm_buf_init(&pae, HM_INDEX_MAX + 256);
	hm_buf_init(&text, HM_INDEX_MAX);
	/* Nobody should sign what no verifier would read. */
	rc = hm_image_index_parse(payload, &x, err);
	if (rc == HM_OK)
		rc = hm_dsse_pae(hm_slice_str(HM_INDEX_PAYLOAD), payload, &pae,
				 err);
	if (rc == HM_OK)
		rc = hm_base64_add(&text, payload, err);
	for (size_t i = 0; rc == HM_OK && i < key_count; i++)
		rc = add_signature(keys[i], hm_buf_slice(&pae), sigs, err);
	if (rc != HM_OK) {
		hm_json_free(sigs);
		return rc;
	}
	(void)hm_json_set(root, "payload",
			  hm_json_new_string(hm_buf_slice(&text)));
	(void)hm_json_set(root, "payloadType",
			  hm_json_new_str(HM_INDEX_PAYLOAD));
	if (!hm_json_set(root, "signatures", sigs))
		return hm_fail(err, HM_E_NOMEM, 0, "image index");
	return hm_json_write(root, HM_JSON_COMPACT, envelope, err);
}
