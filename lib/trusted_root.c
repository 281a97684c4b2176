/*
 * TrustedRoot JSON in and out. The file is the user's own choice of whom to
 * trust, so keys that we do not know are skipped, but what we do use must be
 * consistent: a log's id has to be the one that its name and key give, or the
 * checkpoint of one log could be shown as another's.
 */
#include "lib/trusted_root.h"

#include <stdio.h>

#include "lib/tlog_fields.h"
#include "lib/when.h"

#define SPKI_MAX 1024

void hm_log_keys_init(struct hm_log_keys *k)
{
	k->count = 0;
}

void hm_log_keys_release(struct hm_log_keys *k)
{
	for (size_t i = 0; i < k->count; i++)
		hm_note_key_release(&k->items[i].note);
	k->count = 0;
}

static int room(const struct hm_log_keys *k, struct hm_err *err)
{
	if (k->count == HM_LOG_KEYS_MAX)
		return hm_fail(err, HM_E_TOO_LARGE, 0, "more than %d logs",
			       HM_LOG_KEYS_MAX);
	return HM_OK;
}

int hm_log_keys_add_vkey(struct hm_log_keys *k, struct hm_slice vkey,
			 struct hm_err *err)
{
	struct hm_log_key *key = &k->items[k->count];
	int rc = room(k, err);

	if (rc == HM_OK)
		rc = hm_note_vkey_parse(vkey, &key->note, err);
	if (rc != HM_OK)
		return rc;
	if (key->note.type != HM_NOTE_ED25519) {
		hm_note_key_release(&key->note);
		return hm_fail(err, HM_E_POLICY, 0,
			       "verifier key of a witness where a log's is wanted");
	}
	key->valid_from_ms = 0;
	key->valid_until_ms = INT64_MAX;
	k->count++;
	return HM_OK;
}

/* The host of "https://host[:port][/path]". */
static bool url_host(const char *url, struct hm_slice *ret_host)
{
	static const char *const schemes[] = {"https://", "http://"};

	for (size_t i = 0; i < HM_ARRAY_LEN(schemes); i++) {
		size_t len = strlen(schemes[i]);

		if (strncmp(url, schemes[i], len) != 0)
			continue;
		*ret_host = hm_slice(url + len, strcspn(url + len, ":/?#"));
		return true;
	}
	return false;
}

static int time_field(const struct hm_json *object, const char *key,
		      int64_t *ret_ms, struct hm_err *err)
{
	const struct hm_json *v = hm_json_get(object, key);
	const char *text = hm_json_string(v);

	if (!v)
		return HM_OK;
	if (!text || !hm_when_parse(hm_slice_str(text), ret_ms))
		return hm_fail(err, HM_E_FORMAT, 0, "validFor.%s is not a time",
			       key);
	return HM_OK;
}

/* False in *ret_known: a key of a kind that we cannot check. */
static int parse_key(const struct hm_json *public_key, struct hm_slice name,
		     struct hm_note_key *ret_key, bool *ret_known,
		     struct hm_err *err)
{
	AUTO_BUF struct hm_buf spki;
	struct hm_key *key = NULL;
	enum hm_key_kind kind;
	int rc;

	hm_buf_init(&spki, SPKI_MAX);
	rc = hm_tlog_bytes(public_key, "rawBytes", &spki, err);
	if (rc == HM_OK)
		rc = hm_key_from_spki(hm_buf_slice(&spki), &key, err);
	if (rc != HM_OK)
		return hm_err_prefix(err, "publicKey");
	kind = hm_key_kind(key);
	*ret_known = kind != HM_KEY_OTHER;
	if (kind == HM_KEY_OTHER) {
		hm_key_free(key);
		return HM_OK;
	}
	return hm_note_key_init(ret_key, name, false, key, err);
}

static int check_log_id(const struct hm_json *tlog, const struct hm_note_key *k,
			struct hm_err *err)
{
	AUTO_BUF struct hm_buf id;
	int rc;

	hm_buf_init(&id, HM_SHA256_LEN);
	rc = hm_tlog_bytes(hm_json_get(tlog, "logId"), "keyId", &id, err);
	if (rc != HM_OK)
		return rc;
	if (id.len != HM_SHA256_LEN || memcmp(id.data, k->id, id.len) != 0)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "logId.keyId is not the id of '%s' and its key",
			       k->name);
	return HM_OK;
}

static int add_tlog(struct hm_log_keys *keys, const struct hm_json *tlog,
		    struct hm_err *err)
{
	struct hm_log_key k = {.valid_from_ms = 0, .valid_until_ms = INT64_MAX};
	const struct hm_json *public_key = hm_json_get(tlog, "publicKey");
	const struct hm_json *valid = hm_json_get(public_key, "validFor");
	const char *url = hm_json_get_string(tlog, "baseUrl");
	const char *alg = hm_json_get_string(tlog, "hashAlgorithm");
	struct hm_slice host;
	bool known = false;
	int rc = room(keys, err);

	if (rc != HM_OK)
		return rc;
	if (!url || !url_host(url, &host))
		return hm_fail(err, HM_E_FORMAT, 0, "baseUrl is not an http URL");
	if (!alg || strcmp(alg, "SHA2_256") != 0)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "hashAlgorithm is not SHA2_256");
	rc = time_field(valid, "start", &k.valid_from_ms, err);
	if (rc == HM_OK)
		rc = time_field(valid, "end", &k.valid_until_ms, err);
	if (rc == HM_OK)
		rc = parse_key(public_key, host, &k.note, &known, err);
	if (rc != HM_OK || !known)
		return rc;
	rc = check_log_id(tlog, &k.note, err);
	if (rc != HM_OK) {
		hm_note_key_release(&k.note);
		return rc;
	}
	keys->items[keys->count++] = k;
	return HM_OK;
}

int hm_log_keys_add_trusted_root(struct hm_log_keys *k, struct hm_slice json,
				 struct hm_err *err)
{
	AUTO_JSON struct hm_json *root = NULL;
	const struct hm_json *tlogs;
	size_t before = k->count;
	int rc = hm_json_parse(json, HM_TRUSTED_ROOT_MAX, &root, err);

	if (rc != HM_OK)
		return hm_err_prefix(err, "trusted root");
	tlogs = hm_json_get(root, "tlogs");
	if (!tlogs || hm_json_type(tlogs) != HM_JSON_ARRAY)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "trusted root: tlogs is missing");
	for (size_t i = 0; i < hm_json_count(tlogs); i++) {
		rc = add_tlog(k, hm_json_at(tlogs, i), err);
		if (rc != HM_OK)
			return hm_err_prefix(err, "trusted root: tlogs.%zu", i);
	}
	if (k->count == before)
		return hm_fail(err, HM_E_POLICY, 0,
			       "trusted root: no log with a key that we can check");
	return HM_OK;
}

/* --- writing -------------------------------------------------------------- */

static const char *key_details(enum hm_key_kind kind)
{
	switch (kind) {
	case HM_KEY_P256:
		return "PKIX_ECDSA_P256_SHA_256";
	case HM_KEY_P384:
		return "PKIX_ECDSA_P384_SHA_384";
	case HM_KEY_P521:
		return "PKIX_ECDSA_P521_SHA_512";
	case HM_KEY_ED25519:
		return "PKIX_ED25519";
	case HM_KEY_OTHER:
		break;
	}
	return NULL;
}

static struct hm_json *tlog_json(const struct hm_log_key *k)
{
	struct hm_json *tlog = hm_json_new_object();
	struct hm_json *key = hm_json_new_object();
	struct hm_json *valid = hm_json_new_object();
	struct hm_json *id = hm_json_new_object();
	AUTO_BUF struct hm_buf spki;
	char when[HM_WHEN_MAX], url[HM_NOTE_NAME_MAX + 16];
	bool good;

	hm_buf_init(&spki, SPKI_MAX);
	(void)snprintf(url, sizeof(url), "https://%s", k->note.name);
	good = hm_key_spki(k->note.key, &spki, NULL) == HM_OK;
	good &= hm_json_set(tlog, "baseUrl", hm_json_new_str(url));
	good &= hm_json_set(tlog, "hashAlgorithm", hm_json_new_str("SHA2_256"));
	good &= hm_json_set(key, "rawBytes", hm_tlog_base64(hm_buf_slice(&spki)));
	good &= hm_json_set(key, "keyDetails",
			    hm_json_new_str(key_details(hm_key_kind(k->note.key))));
	/* Others want a start; 1970 says "always". */
	good &= hm_json_set(valid, "start",
			    hm_json_new_str(hm_when(k->valid_from_ms, when)));
	if (k->valid_until_ms != INT64_MAX)
		good &= hm_json_set(valid, "end",
				    hm_json_new_str(hm_when(k->valid_until_ms,
							    when)));
	good &= hm_json_set(key, "validFor", valid);
	good &= hm_json_set(tlog, "publicKey", key);
	good &= hm_json_set(id, "keyId",
			    hm_tlog_base64(hm_slice(k->note.id, HM_SHA256_LEN)));
	good &= hm_json_set(tlog, "logId", id);
	if (good)
		return tlog;
	hm_json_free(tlog);
	return NULL;
}

int hm_trusted_root_write(const struct hm_log_key *keys, size_t count,
			  struct hm_buf *json, struct hm_err *err)
{
	static const char *const empty[] = {
		"certificateAuthorities", "ctlogs", "timestampAuthorities",
	};
	AUTO_JSON struct hm_json *root = hm_json_new_object();
	struct hm_json *tlogs = hm_json_new_array();
	bool good = true;

	for (size_t i = 0; i < count; i++)
		good &= hm_json_append(tlogs, tlog_json(&keys[i]));
	good &= hm_json_set(root, "mediaType",
			    hm_json_new_str(HM_TRUSTED_ROOT_TYPE));
	good &= hm_json_set(root, "tlogs", tlogs);
	for (size_t i = 0; i < HM_ARRAY_LEN(empty); i++)
		good &= hm_json_set(root, empty[i], hm_json_new_array());
	if (!good)
		return hm_fail(err, HM_E_NOMEM, 0, "trusted root");
	return hm_json_write(root, HM_JSON_PRETTY, json, err);
}
