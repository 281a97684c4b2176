/*
 * Log evidence, offline. The entry comes with the bundle and is the word of
 * whoever made the file; the log's operator is believed only what its key
 * signed. So: the key is picked among the caller's by the entry's logId, the
 * leaf is rebuilt, the checkpoint's signature is checked, and the proof must
 * lead from our leaf to the checkpoint's root at the checkpoint's size. Every
 * other field is either compared with what this gave or refused: a byte that
 * nothing covers must not be able to say anything.
 */
#include "lib/tlog.h"

#include "lib/hex.h"
#include "lib/num.h"
#include "lib/tlog_fields.h"
#include "lib/tlog_leaf.h"

#define SIG_MAX 1024	/* a SET is ECDSA (<= 141 bytes) or Ed25519 */

static const char *const kinds[][2] = {
	[HM_LOG_HASHEDREKORD_2] = {"hashedrekord", "0.0.2"},
	[HM_LOG_DSSE_1] = {"dsse", "0.0.1"},
};

struct check {	/* one entry on its way */
	const struct hm_json *entry;
	const struct hm_json *inclusion;	/* entry.inclusionProof */
	struct hm_buf leaf;
	struct hm_log_proof proof;
};

static int find_kind(const struct hm_json *entry, enum hm_log_kind *ret_kind,
		     struct hm_err *err)
{
	const struct hm_json *v = hm_json_get(entry, "kindVersion");
	const char *kind = hm_json_get_string(v, "kind");
	const char *version = hm_json_get_string(v, "version");

	if (!kind || !version)
		return hm_fail(err, HM_E_FORMAT, 0, "kindVersion is missing");
	for (size_t i = 0; i < HM_ARRAY_LEN(kinds); i++) {
		if (strcmp(kind, kinds[i][0]) != 0 ||
		    strcmp(version, kinds[i][1]) != 0)
			continue;
		*ret_kind = (enum hm_log_kind)i;
		return HM_OK;
	}
	return hm_fail(err, HM_E_FORMAT, 0,
		       "entries of kind '%.32s' '%.32s' are not known", kind,
		       version);
}

static int find_log(const struct hm_json *entry, const struct hm_log_keys *keys,
		    const struct hm_log_key **ret_log, struct hm_err *err)
{
	struct hm_hash id;
	char hex[2 * HM_SHA256_LEN + 1];
	int rc = hm_tlog_hash(hm_json_get(entry, "logId"), "keyId", &id, err);

	if (rc != HM_OK)
		return hm_err_prefix(err, "logId");
	for (size_t i = 0; i < keys->count; i++) {
		if (memcmp(keys->items[i].note.id, id.bytes, sizeof(id)) != 0)
			continue;
		*ret_log = &keys->items[i];
		return HM_OK;
	}
	hm_hex(id.bytes, sizeof(id), hex);
	return hm_fail(err, HM_E_POLICY, 0, "log %s is not trusted", hex);
}

/* A key that we do not read could say anything: none is passed over. */
static int check_keys(const struct hm_json *entry, struct hm_err *err)
{
	static const char *const of_entry[] = {
		"logIndex", "logId", "kindVersion", "integratedTime",
		"inclusionPromise", "inclusionProof", "canonicalizedBody", NULL,
	};
	static const char *const of_id[] = {"keyId", NULL};
	static const char *const of_kind[] = {"kind", "version", NULL};
	static const char *const of_promise[] = {"signedEntryTimestamp", NULL};
	static const char *const of_proof[] = {
		"logIndex", "rootHash", "treeSize", "hashes", "checkpoint",
		NULL,
	};
	static const struct {
		const char *key;
		const char *const *inner;
	} objects[] = {
		{"logId", of_id},
		{"kindVersion", of_kind},
		{"inclusionPromise", of_promise},
		{"inclusionProof", of_proof},
	};
	int rc;

	if (!entry || hm_json_type(entry) != HM_JSON_OBJECT)
		return hm_fail(err, HM_E_FORMAT, 0, "not an object");
	rc = hm_json_only_keys(entry, of_entry, err);
	for (size_t i = 0; rc == HM_OK && i < HM_ARRAY_LEN(objects); i++) {
		const struct hm_json *v = hm_json_get(entry, objects[i].key);

		if (v && hm_json_type(v) == HM_JSON_OBJECT)
			rc = hm_json_only_keys(v, objects[i].inner, err);
	}
	return rc;
}

static int rebuild_leaf(struct check *c, const struct hm_dsse *dsse,
			struct hm_slice spki, struct hm_err *err)
{
	const struct hm_json *shown = hm_json_get(c->entry, "canonicalizedBody");
	AUTO_BUF struct hm_buf body;
	int rc = HM_OK;

	hm_buf_init(&body, HM_LOG_ENTRY_MAX);
	if (shown)
		rc = hm_tlog_bytes(c->entry, "canonicalizedBody", &body, err);
	else if (c->proof.kind == HM_LOG_DSSE_1)
		rc = hm_fail(err, HM_E_FORMAT, 0,
			     "canonicalizedBody is missing");
	if (rc == HM_OK && c->proof.kind == HM_LOG_DSSE_1)
		rc = hm_tlog_leaf_dsse1(dsse, spki, hm_buf_slice(&body),
					&c->leaf, err);
	else if (rc == HM_OK)
		rc = hm_tlog_leaf(dsse, spki, &c->leaf, err);
	if (rc != HM_OK)
		return rc;
	if (shown && !hm_slice_eq(hm_buf_slice(&body), hm_buf_slice(&c->leaf)))
		return hm_fail(err, HM_E_CRYPTO, 0,
			       "canonicalizedBody is not the entry of this envelope");
	return hm_merkle_leaf_hash(hm_buf_slice(&c->leaf), &c->proof.leaf, err);
}

/*
 * The origin is the log's host; Rekor v1 appends " - <tree id>" to it. Where
 * both stand under one key, a tree must not pass for another one.
 */
static bool is_origin(struct hm_slice origin, const struct hm_log_key *log,
		      enum hm_log_kind kind)
{
	size_t len = strlen(log->note.name);
	uint64_t tree_id;

	if (kind == HM_LOG_HASHEDREKORD_2)
		return hm_slice_eq_str(origin, log->note.name);
	return origin.len > len + 3 &&
	       memcmp(origin.ptr, log->note.name, len) == 0 &&
	       memcmp(origin.ptr + len, " - ", 3) == 0 &&
	       hm_parse_u64(hm_slice(origin.ptr + len + 3, origin.len - len - 3),
			    UINT64_MAX, &tree_id);
}

static int check_checkpoint(struct check *c, struct hm_err *err)
{
	const struct hm_json *v = hm_json_get(c->inclusion, "checkpoint");
	const char *envelope = hm_json_get_string(v, "envelope");
	struct hm_log_proof *p = &c->proof;
	AUTO_FREE struct hm_note *note = calloc(1, sizeof(*note));
	struct hm_checkpoint cp;
	int rc;

	if (!envelope || hm_json_count(v) != 1)
		return hm_fail(err, HM_E_FORMAT, 0, "envelope is missing");
	if (!note)
		return hm_fail(err, HM_E_NOMEM, 0, "checkpoint");
	p->checkpoint = hm_slice_str(envelope);
	rc = hm_note_parse(p->checkpoint, note, err);
	if (rc == HM_OK)
		rc = hm_note_verify(note, &p->log->note, NULL, err);
	if (rc == HM_OK)
		rc = hm_checkpoint_parse(note->text, &cp, err);
	if (rc != HM_OK)
		return rc;
	if (!is_origin(cp.origin, p->log, p->kind))
		return hm_fail(err, HM_E_CRYPTO, 0,
			       "its origin is not the log '%s'",
			       p->log->note.name);
	p->size = cp.size;
	p->root = cp.root;
	return HM_OK;
}

static int check_inclusion(struct check *c, struct hm_err *err)
{
	struct hm_merkle_path path;
	struct hm_hash root;
	uint64_t size, global;
	int rc = check_checkpoint(c, err);

	if (rc != HM_OK)
		return hm_err_prefix(err, "checkpoint");
	rc = hm_tlog_u64(c->inclusion, "logIndex", &c->proof.index, err);
	if (rc == HM_OK)
		rc = hm_tlog_u64(c->inclusion, "treeSize", &size, err);
	if (rc == HM_OK)
		rc = hm_tlog_hash(c->inclusion, "rootHash", &root, err);
	if (rc == HM_OK)
		rc = hm_tlog_path(c->inclusion, "hashes", &path, err);
	if (rc == HM_OK)
		rc = hm_tlog_u64(c->entry, "logIndex", &global, err);
	if (rc != HM_OK)
		return rc;
	if (size != c->proof.size)
		return hm_fail(err, HM_E_CRYPTO, 0,
			       "treeSize is not that of the checkpoint");
	if (!hm_hash_equal(&root, &c->proof.root))
		return hm_fail(err, HM_E_CRYPTO, 0,
			       "rootHash is not that of the checkpoint");
	/* Rekor v1 counts over all its trees there, and signs it in the SET. */
	if (c->proof.kind == HM_LOG_HASHEDREKORD_2 && global != c->proof.index)
		return hm_fail(err, HM_E_CRYPTO, 0,
			       "logIndex differs from that of the proof");
	return hm_merkle_inclusion_verify(c->proof.index, size, &c->proof.leaf,
					  &path, &root, err);
}

/* What Rekor v1 signs: RFC 8785 of body, time, log and (global) index. */
static int set_message(const struct check *c, uint64_t time_s, uint64_t index,
		       struct hm_buf *b, struct hm_err *err)
{
	char id[2 * HM_SHA256_LEN + 1];
	int rc = hm_buf_add_str(b, "{\"body\":\"", err);

	hm_hex(c->proof.log->note.id, HM_SHA256_LEN, id);
	if (rc == HM_OK)
		rc = hm_base64_add(b, hm_buf_slice(&c->leaf), err);
	if (rc == HM_OK)
		rc = hm_buf_addf(b, err, "\",\"integratedTime\":%llu,"
				 "\"logID\":\"%s\",\"logIndex\":%llu}",
				 (unsigned long long)time_s, id,
				 (unsigned long long)index);
	return rc;
}

static int check_time(struct check *c, struct hm_err *err)
{
	const struct hm_json *promise = hm_json_get(c->entry, "inclusionPromise");
	const struct hm_log_key *log = c->proof.log;
	AUTO_BUF struct hm_buf msg;
	AUTO_BUF struct hm_buf sig;
	uint64_t time_s, index;
	int rc;

	hm_buf_init(&msg, 2 * HM_LOG_ENTRY_MAX);
	hm_buf_init(&sig, SIG_MAX);
	rc = hm_tlog_u64(c->entry, "integratedTime", &time_s, err);
	if (rc == HM_OK)
		rc = hm_tlog_u64(c->entry, "logIndex", &index, err);
	if (rc != HM_OK)
		return rc;
	if (c->proof.kind == HM_LOG_HASHEDREKORD_2) {
		if (time_s != 0 ||
		    (promise && hm_json_type(promise) != HM_JSON_NULL))
			return hm_fail(err, HM_E_FORMAT, 0,
				       "a time that nobody signed");
		return HM_OK;
	}
	rc = hm_tlog_bytes(promise, "signedEntryTimestamp", &sig, err);
	if (rc == HM_OK)
		rc = set_message(c, time_s, index, &msg, err);
	if (rc == HM_OK)
		rc = hm_key_verify(log->note.key, hm_buf_slice(&msg),
				   hm_buf_slice(&sig), err);
	if (rc != HM_OK)
		return hm_err_prefix(err, "signed entry timestamp");
	if (time_s > (uint64_t)(INT64_MAX / 1000))
		return hm_fail(err, HM_E_FORMAT, 0, "integratedTime is absurd");
	c->proof.integrated_ms = (int64_t)time_s * 1000;
	if (c->proof.integrated_ms < log->valid_from_ms ||
	    c->proof.integrated_ms > log->valid_until_ms)
		return hm_fail(err, HM_E_POLICY, 0,
			       "integrated outside the time in which log '%s' is trusted",
			       log->note.name);
	return HM_OK;
}

int hm_tlog_verify(const struct hm_json *entry, const struct hm_dsse *dsse,
		   struct hm_slice spki, const struct hm_log_keys *keys,
		   struct hm_log_proof *ret, struct hm_err *err)
{
	struct check c = {.entry = entry};
	int rc = check_keys(entry, err);

	if (rc != HM_OK)
		goto out;
	rc = find_log(entry, keys, &c.proof.log, err);
	if (rc == HM_OK)
		rc = find_kind(entry, &c.proof.kind, err);
	if (rc != HM_OK)
		goto out;
	c.inclusion = hm_json_get(entry, "inclusionProof");
	if (!c.inclusion || hm_json_type(c.inclusion) != HM_JSON_OBJECT) {
		rc = hm_fail(err, HM_E_FORMAT, 0, "inclusionProof is missing");
		goto out;
	}
	hm_buf_init(&c.leaf, HM_LOG_ENTRY_MAX);
	rc = rebuild_leaf(&c, dsse, spki, err);
	if (rc == HM_OK)
		rc = check_inclusion(&c, err);
	if (rc == HM_OK)
		rc = check_time(&c, err);
	if (rc == HM_OK)
		*ret = c.proof;
	hm_buf_release(&c.leaf);
out:
	return rc == HM_OK ? rc : hm_err_prefix(err, "log entry");
}

int hm_tlog_verify_all(const struct hm_json *entries,
		       const struct hm_dsse *dsse, struct hm_slice spki,
		       const struct hm_log_keys *keys,
		       struct hm_log_proof *ret, size_t *ret_count,
		       struct hm_err *err)
{
	size_t total = entries ? hm_json_count(entries) : 0, good = 0;

	if (entries && hm_json_type(entries) != HM_JSON_ARRAY)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "log entries: not an array");
	if (total > HM_LOG_ENTRIES_MAX)
		return hm_fail(err, HM_E_TOO_LARGE, 0,
			       "log entries: more than %d", HM_LOG_ENTRIES_MAX);
	for (size_t i = 0; i < total; i++) {
		const struct hm_json *entry = hm_json_at(entries, i);
		const struct hm_log_key *log;
		int rc;

		if (find_log(entry, keys, &log, err) == HM_E_POLICY)
			continue;
		rc = hm_tlog_verify(entry, dsse, spki, keys, &ret[good], err);
		if (rc != HM_OK)
			return rc;
		good++;
	}
	if (good == 0)
		return hm_fail(err, HM_E_POLICY, 0, total == 0 ?
			       "not in any log" :
			       "not in any log that is trusted");
	*ret_count = good;
	return HM_OK;
}

/* --- writing -------------------------------------------------------------- */

static struct hm_json *proof_json(const struct hm_log_entry *e,
				  const struct hm_checkpoint *cp)
{
	struct hm_json *proof = hm_json_new_object();
	struct hm_json *hashes = hm_json_new_array();
	struct hm_json *note = hm_json_new_object();
	bool good = true;

	for (size_t i = 0; i < e->path.count; i++)
		good &= hm_json_append(hashes,
				       hm_tlog_base64(hm_slice(e->path.hashes[i].bytes,
							       HM_SHA256_LEN)));
	good &= hm_json_set(proof, "logIndex", hm_tlog_number(e->index));
	good &= hm_json_set(proof, "rootHash",
			    hm_tlog_base64(hm_slice(cp->root.bytes,
						    HM_SHA256_LEN)));
	good &= hm_json_set(proof, "treeSize", hm_tlog_number(cp->size));
	good &= hm_json_set(proof, "hashes", hashes);
	good &= hm_json_set(note, "envelope",
			    hm_json_new_string(e->checkpoint));
	good &= hm_json_set(proof, "checkpoint", note);
	if (good)
		return proof;
	hm_json_free(proof);
	return NULL;
}

static struct hm_json *entry_json(const struct hm_log_entry *e,
				  const struct hm_checkpoint *cp)
{
	const char *const *kind = kinds[HM_LOG_HASHEDREKORD_2];
	struct hm_json *entry = hm_json_new_object();
	struct hm_json *id = hm_json_new_object();
	struct hm_json *version = hm_json_new_object();
	bool good;

	good = hm_json_set(entry, "logIndex", hm_tlog_number(e->index));
	good &= hm_json_set(id, "keyId",
			    hm_tlog_base64(hm_slice(e->log->id, HM_SHA256_LEN)));
	good &= hm_json_set(entry, "logId", id);
	good &= hm_json_set(version, "kind", hm_json_new_str(kind[0]));
	good &= hm_json_set(version, "version", hm_json_new_str(kind[1]));
	good &= hm_json_set(entry, "kindVersion", version);
	good &= hm_json_set(entry, "integratedTime", hm_json_new_str("0"));
	good &= hm_json_set(entry, "inclusionProof", proof_json(e, cp));
	good &= hm_json_set(entry, "canonicalizedBody", hm_tlog_base64(e->leaf));
	if (good)
		return entry;
	hm_json_free(entry);
	return NULL;
}

int hm_tlog_entry_write(const struct hm_log_entry *e, struct hm_json **ret_entry,
			struct hm_err *err)
{
	AUTO_FREE struct hm_note *note = calloc(1, sizeof(*note));
	struct hm_checkpoint cp;
	struct hm_json *entry;
	int rc;

	if (!note)
		return hm_fail(err, HM_E_NOMEM, 0, "log entry");
	rc = hm_note_parse(e->checkpoint, note, err);
	if (rc == HM_OK)
		rc = hm_checkpoint_parse(note->text, &cp, err);
	if (rc != HM_OK)
		return rc;
	entry = entry_json(e, &cp);
	if (!entry)
		return hm_fail(err, HM_E_NOMEM, 0, "log entry");
	*ret_entry = entry;
	return HM_OK;
}
