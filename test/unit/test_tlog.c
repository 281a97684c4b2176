/*
 * Log evidence of an envelope: entries of both kinds made here and by real
 * servers, every bit of them changed, and trusted roots in and out.
 */
#include <stdlib.h>

#include "lib/hex.h"
#include "lib/path.h"
#include "lib/tlog.h"
#include "lib/tlog_fields.h"
#include "lib/tlog_leaf.h"
#include "test/unit/tap.h"

static struct hm_err err;

struct world {	/* a signer, an envelope, a log and its entry */
	struct hm_key *signer;
	struct hm_buf spki;
	struct hm_dsse dsse;
	struct hm_log_keys logs;
	struct hm_buf leaf;
	struct hm_json *entry;
};

static void world_release(struct world *w)
{
	hm_key_free(w->signer);
	hm_buf_release(&w->spki);
	hm_dsse_release(&w->dsse);
	hm_log_keys_release(&w->logs);
	hm_buf_release(&w->leaf);
	hm_json_free(w->entry);
}
#define AUTO_WORLD HM_CLEANUP(world_release)

static void world_init(struct world *w, enum hm_key_kind signer,
		       const char *log, enum hm_key_kind log_kind)
{
	struct hm_key *key = NULL;

	memset(w, 0, sizeof(*w));
	hm_buf_init(&w->spki, 1024);
	hm_buf_init(&w->leaf, HM_LOG_ENTRY_MAX);
	hm_dsse_init(&w->dsse);
	hm_log_keys_init(&w->logs);
	HM_BUG_ON(hm_key_generate(signer, &w->signer, &err) != HM_OK);
	HM_BUG_ON(hm_key_spki(w->signer, &w->spki, &err) != HM_OK);
	HM_BUG_ON(hm_dsse_sign(w->signer, HM_PAYLOAD_INTOTO,
			       hm_slice_str("{\"_type\":\"x\"}"), &w->dsse,
			       &err) != HM_OK);
	HM_BUG_ON(hm_key_generate(log_kind, &key, &err) != HM_OK);
	HM_BUG_ON(hm_note_key_init(&w->logs.items[0].note, hm_slice_str(log),
				   false, key, &err) != HM_OK);
	w->logs.items[0].valid_until_ms = INT64_MAX;
	w->logs.count = 1;
}

/* The third of five leaves; returns the path and the signed note. */
static void world_log(struct world *w, const char *origin,
		      struct hm_merkle_path *path, struct hm_buf *note)
{
	struct hm_hash l[5], n01, n23, root;
	AUTO_BUF struct hm_buf text;
	int rc = HM_OK;

	for (size_t i = 0; i < 5; i++)
		rc |= hm_merkle_leaf_hash(hm_slice(&i, 1), &l[i], &err);
	rc |= hm_merkle_leaf_hash(hm_buf_slice(&w->leaf), &l[2], &err);
	rc |= hm_merkle_node_hash(&l[0], &l[1], &n01, &err);
	rc |= hm_merkle_node_hash(&l[2], &l[3], &n23, &err);
	rc |= hm_merkle_node_hash(&n01, &n23, &root, &err);
	rc |= hm_merkle_node_hash(&root, &l[4], &root, &err);
	*path = (struct hm_merkle_path){{l[3], n01, l[4]}, 3};
	hm_buf_init(&text, 4096);
	hm_buf_init(note, HM_NOTE_MAX);
	rc |= hm_checkpoint_write(hm_slice_str(origin), 5, &root, &text, &err);
	rc |= hm_note_sign(hm_buf_slice(&text), &w->logs.items[0].note, note,
			   &err);
	HM_BUG_ON(rc != HM_OK);
}

static void make_v2(struct world *w, enum hm_key_kind signer)
{
	struct hm_log_entry e = {.index = 2};
	AUTO_BUF struct hm_buf note;

	world_init(w, signer, "log.example.org", HM_KEY_ED25519);
	HM_BUG_ON(hm_tlog_leaf(&w->dsse, hm_buf_slice(&w->spki), &w->leaf,
			       &err) != HM_OK);
	world_log(w, "log.example.org", &e.path, &note);
	e.log = &w->logs.items[0].note;
	e.leaf = hm_buf_slice(&w->leaf);
	e.checkpoint = hm_buf_slice(&note);
	ok_call(hm_tlog_entry_write(&e, &w->entry, &err), &err, "write entry");
}

static int verify(const struct world *w, const struct hm_json *entry,
		  struct hm_log_proof *proof)
{
	return hm_tlog_verify(entry, &w->dsse, hm_buf_slice(&w->spki), &w->logs,
			      proof, &err);
}

/* Changes text and verifies what it then says. */
static int verify_text(const struct world *w, struct hm_slice text)
{
	AUTO_JSON struct hm_json *entry = NULL;
	struct hm_log_proof proof;
	int rc = hm_json_parse(text, HM_LOG_ENTRY_MAX, &entry, &err);

	return rc == HM_OK ? verify(w, entry, &proof) : rc;
}

static void flip_everything(const struct world *w, const char *what)
{
	AUTO_BUF struct hm_buf text;
	size_t survived = 0;

	hm_buf_init(&text, HM_LOG_ENTRY_MAX);
	HM_BUG_ON(hm_json_write(w->entry, HM_JSON_COMPACT, &text, &err) != 0);
	ok_call(verify_text(w, hm_buf_slice(&text)), &err, "%s as text", what);
	for (size_t i = 0; i < text.len; i++) {
		for (unsigned int bit = 0; bit < 8; bit++) {
			text.data[i] ^= (uint8_t)(1U << bit);
			if (verify_text(w, hm_buf_slice(&text)) == HM_OK) {
				survived++;
				printf("# byte %zu bit %u: %.*s\n", i, bit, 40,
				       (const char *)text.data + i -
				       (i < 20 ? i : 20));
			}
			text.data[i] ^= (uint8_t)(1U << bit);
		}
	}
	ok(survived == 0, "%s: no bit of an entry can change", what);
}

static void test_v2(void)
{
	static const enum hm_key_kind kinds[] = {
		HM_KEY_P256, HM_KEY_P384, HM_KEY_P521,
	};

	for (size_t i = 0; i < HM_ARRAY_LEN(kinds); i++) {
		AUTO_WORLD struct world w;
		struct hm_log_proof p = {.size = 0};

		make_v2(&w, kinds[i]);
		ok_call(verify(&w, w.entry, &p), &err, "verify entry");
		ok(p.index == 2 && p.size == 5 && p.integrated_ms == 0 &&
		   p.kind == HM_LOG_HASHEDREKORD_2 &&
		   p.log == &w.logs.items[0], "what it proves");
		if (i == 0)
			flip_everything(&w, "hashedrekord 0.0.2");
	}
}

static struct hm_json *number(uint64_t v)
{
	return hm_tlog_number(v);
}

/* As Rekor v1 answers, in the form of a bundle. */
static void make_v1(struct world *w, const char *origin)
{
	static const char body[] =
		"{\"spec\":{\"envelopeHash\":{\"value\":\""
		"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
		"\"}}}";
	char id[2 * HM_SHA256_LEN + 1];
	struct hm_log_entry e = {.index = 2};
	const struct hm_note_key *log = &w->logs.items[0].note;
	AUTO_BUF struct hm_buf note;
	AUTO_BUF struct hm_buf set;
	AUTO_BUF struct hm_buf sig;
	struct hm_json *promise = hm_json_new_object();
	struct hm_json *kind = hm_json_new_object();

	world_init(w, HM_KEY_P256, "rekor.example.org", HM_KEY_P256);
	HM_BUG_ON(hm_tlog_leaf_dsse1(&w->dsse, hm_buf_slice(&w->spki),
				     hm_slice_str(body), &w->leaf, &err) != 0);
	world_log(w, origin, &e.path, &note);
	e.log = log;
	e.leaf = hm_buf_slice(&w->leaf);
	e.checkpoint = hm_buf_slice(&note);
	HM_BUG_ON(hm_tlog_entry_write(&e, &w->entry, &err) != HM_OK);

	hm_buf_init(&set, HM_LOG_ENTRY_MAX);
	hm_buf_init(&sig, 1024);
	hm_hex(log->id, HM_SHA256_LEN, id);
	HM_BUG_ON(hm_buf_add_str(&set, "{\"body\":\"", &err) != 0);
	HM_BUG_ON(hm_base64_add(&set, e.leaf, &err) != 0);
	HM_BUG_ON(hm_buf_addf(&set, &err, "\",\"integratedTime\":1795312381,"
			      "\"logID\":\"%s\",\"logIndex\":777}", id) != 0);
	HM_BUG_ON(hm_key_sign(log->key, hm_buf_slice(&set), &sig, &err) != 0);
	HM_BUG_ON(!hm_json_set(promise, "signedEntryTimestamp",
			       hm_tlog_base64(hm_buf_slice(&sig))));
	HM_BUG_ON(!hm_json_set(kind, "kind", hm_json_new_str("dsse")));
	HM_BUG_ON(!hm_json_set(kind, "version", hm_json_new_str("0.0.1")));
	HM_BUG_ON(!hm_json_set(w->entry, "inclusionPromise", promise));
	HM_BUG_ON(!hm_json_set(w->entry, "kindVersion", kind));
	HM_BUG_ON(!hm_json_set(w->entry, "logIndex", number(777)));
	HM_BUG_ON(!hm_json_set(w->entry, "integratedTime", number(1795312381)));
}

static void test_v1(void)
{
	AUTO_WORLD struct world w;
	AUTO_WORLD struct world other;
	struct hm_log_proof p = {.size = 0};

	make_v1(&w, "rekor.example.org - 4183124433903378646");
	ok_call(verify(&w, w.entry, &p), &err, "verify entry of Rekor v1");
	ok(p.integrated_ms == 1795312381000 && p.index == 2 &&
	   p.kind == HM_LOG_DSSE_1, "it has a time");
	flip_everything(&w, "dsse 0.0.1");
	w.logs.items[0].valid_until_ms = 1795312380999;
	fails(verify(&w, w.entry, &p), &err, HM_E_POLICY,
	      "outside the time in which log 'rekor.example.org' is trusted",
	      "after the key's end");
	make_v1(&other, "rekor.example.org");
	fails(verify(&other, other.entry, &p), &err, HM_E_CRYPTO,
	      "its origin is not the log", "v1 needs its tree id");
}

static struct hm_json *parse(const char *text)
{
	struct hm_json *v = NULL;

	HM_BUG_ON(hm_json_parse(hm_slice_str(text), 65536, &v, &err) != HM_OK);
	return v;
}

static void test_refusals(void)
{
	static const struct {
		const char *key;	/* of the entry */
		const char *value;	/* JSON that replaces it */
		enum hm_code code;
		const char *message;
	} cases[] = {
		{"surprise", "1", HM_E_FORMAT, "surprise"},
		{"logIndex", "2", HM_E_FORMAT, "logIndex is not a number in a string"},
		{"logIndex", "\"3\"", HM_E_CRYPTO, "differs from that of the proof"},
		{"logId", "{}", HM_E_FORMAT, "logId: keyId is not base64"},
		{"logId", "{\"keyId\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"}",
		 HM_E_POLICY, "is not trusted"},
		{"kindVersion", "{}", HM_E_FORMAT, "kindVersion is missing"},
		{"kindVersion", "{\"kind\":\"hashedrekord\",\"version\":\"0.0.1\"}",
		 HM_E_FORMAT, "'hashedrekord' '0.0.1' are not known"},
		{"integratedTime", "\"1\"", HM_E_FORMAT, "a time that nobody signed"},
		{"inclusionPromise", "{\"signedEntryTimestamp\":\"AAAA\"}",
		 HM_E_FORMAT, "a time that nobody signed"},
		{"canonicalizedBody", "\"e30=\"", HM_E_CRYPTO,
		 "not the entry of this envelope"},
		{"canonicalizedBody", "\"e30\"", HM_E_FORMAT, "is not base64"},
		{"inclusionProof", "null", HM_E_FORMAT, "inclusionProof is missing"},
		{"inclusionProof", "{}", HM_E_FORMAT, "checkpoint: envelope is missing"},
		{"inclusionProof", "{\"checkpoint\":{\"envelope\":\"x\"}}",
		 HM_E_FORMAT, "no blank line"},
	};
	AUTO_WORLD struct world w;
	struct hm_log_proof p;

	make_v2(&w, HM_KEY_P256);
	for (size_t i = 0; i < HM_ARRAY_LEN(cases); i++) {
		AUTO_JSON struct hm_json *e = hm_json_copy(w.entry);

		HM_BUG_ON(!hm_json_set(e, cases[i].key, parse(cases[i].value)));
		fails(verify(&w, e, &p), &err, cases[i].code, cases[i].message,
		      "%s = %s", cases[i].key, cases[i].value);
	}
	fails(verify(&w, NULL, &p), &err, HM_E_FORMAT, "not an object",
	      "no entry");
}

/* Changes one field of inclusionProof. */
static int with_proof(const struct world *w, const char *key, const char *value)
{
	AUTO_JSON struct hm_json *e = hm_json_copy(w->entry);
	struct hm_json *proof = hm_json_copy(hm_json_get(e, "inclusionProof"));
	struct hm_log_proof p;

	HM_BUG_ON(!hm_json_set(proof, key, parse(value)));
	HM_BUG_ON(!hm_json_set(e, "inclusionProof", proof));
	return verify(w, e, &p);
}

/* A log that lies, in each of its ways, is refused by name. */
static void test_lies(void)
{
	static const char zero[] =
		"\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"";
	AUTO_WORLD struct world w;
	AUTO_WORLD struct world twin;
	struct hm_log_proof p;

	make_v2(&w, HM_KEY_P256);
	fails(with_proof(&w, "rootHash", zero), &err, HM_E_CRYPTO,
	      "rootHash is not that of the checkpoint", "wrong root");
	fails(with_proof(&w, "treeSize", "\"4\""), &err, HM_E_CRYPTO,
	      "treeSize is not that of the checkpoint", "smaller tree");
	fails(with_proof(&w, "hashes", "[]"), &err, HM_E_CRYPTO,
	      "inclusion proof is too short", "truncated proof");
	fails(with_proof(&w, "hashes", "{}"), &err, HM_E_FORMAT,
	      "not an array", "no path");
	fails(with_proof(&w, "hashes", "[\"AA==\"]"), &err, HM_E_FORMAT,
	      "hashes.0 is not base64 of 32", "a short hash");
	fails(with_proof(&w, "more", "1"), &err, HM_E_FORMAT, "more",
	      "unknown key");
	make_v2(&twin, HM_KEY_P256);
	fails(hm_tlog_verify(w.entry, &twin.dsse, hm_buf_slice(&twin.spki),
			     &w.logs, &p, &err), &err, HM_E_CRYPTO,
	      "not the entry of this envelope", "another envelope's entry");
	/* The id of our log, the note of another one of that name. */
	{
		const struct hm_json *theirs = hm_json_get(twin.entry,
							   "inclusionProof");
		AUTO_JSON struct hm_json *e = hm_json_copy(w.entry);

		HM_BUG_ON(!hm_json_set(e, "inclusionProof",
				       hm_json_copy(theirs)));
		fails(verify(&w, e, &p), &err, HM_E_POLICY,
		      "checkpoint: not signed by 'log.example.org'",
		      "a checkpoint of somebody else");
	}
}

static void test_all(void)
{
	AUTO_WORLD struct world w;
	AUTO_WORLD struct world twin;
	AUTO_JSON struct hm_json *list = hm_json_new_array();
	struct hm_log_proof p[HM_LOG_ENTRIES_MAX];
	struct hm_slice spki;
	size_t n = 0;

	make_v2(&w, HM_KEY_P256);
	make_v2(&twin, HM_KEY_P256);
	spki = hm_buf_slice(&w.spki);
	fails(hm_tlog_verify_all(NULL, &w.dsse, spki, &w.logs, p, &n, &err),
	      &err, HM_E_POLICY, "not in any log", "no entries");
	fails(hm_tlog_verify_all(w.entry, &w.dsse, spki, &w.logs, p, &n, &err),
	      &err, HM_E_FORMAT, "not an array", "an object");
	HM_BUG_ON(!hm_json_append(list, hm_json_copy(twin.entry)));
	fails(hm_tlog_verify_all(list, &w.dsse, spki, &w.logs, p, &n, &err),
	      &err, HM_E_POLICY, "not in any log that is trusted",
	      "an unknown log");
	HM_BUG_ON(!hm_json_append(list, hm_json_copy(w.entry)));
	ok_call(hm_tlog_verify_all(list, &w.dsse, spki, &w.logs, p, &n, &err),
		&err, "an unknown log and a known one");
	ok(n == 1 && p[0].index == 2, "the known one counts");
	HM_BUG_ON(!hm_json_set(w.entry, "logIndex", number(1)));
	HM_BUG_ON(!hm_json_append(list, hm_json_copy(w.entry)));
	fails(hm_tlog_verify_all(list, &w.dsse, spki, &w.logs, p, &n, &err),
	      &err, HM_E_CRYPTO, "logIndex", "a good one excuses no bad one");
	while (hm_json_count(list) <= HM_LOG_ENTRIES_MAX)
		HM_BUG_ON(!hm_json_append(list, hm_json_copy(twin.entry)));
	fails(hm_tlog_verify_all(list, &w.dsse, spki, &w.logs, p, &n, &err),
	      &err, HM_E_TOO_LARGE, "more than 16", "17 entries");
}

static void test_leaf(void)
{
	struct hm_key *key = NULL;
	AUTO_BUF struct hm_buf spki;
	AUTO_BUF struct hm_buf leaf;
	AUTO_WORLD struct world w;

	make_v2(&w, HM_KEY_P256);
	hm_buf_init(&spki, 1024);
	hm_buf_init(&leaf, 65536);
	HM_BUG_ON(hm_key_generate(HM_KEY_ED25519, &key, &err) != HM_OK);
	HM_BUG_ON(hm_key_spki(key, &spki, &err) != HM_OK);
	fails(hm_tlog_leaf(&w.dsse, hm_buf_slice(&spki), &leaf, &err), &err,
	      HM_E_POLICY, "P-256, P-384 and P-521 keys only",
	      "Ed25519 cannot be a hashedrekord");
	fails(hm_tlog_leaf_dsse1(&w.dsse, hm_buf_slice(&w.spki),
				 hm_slice_str("{}"), &leaf, &err), &err,
	      HM_E_FORMAT, "no SHA-256 in spec.envelopeHash",
	      "a v1 body without the hash that we need");
	hm_key_free(key);
}

static void test_trusted_root(void)
{
	static const struct {
		const char *json;
		enum hm_code code;
		const char *message;
	} bad[] = {
		{"{", HM_E_FORMAT, "trusted root: line 1"},
		{"{}", HM_E_FORMAT, "tlogs is missing"},
		{"{\"tlogs\":[]}", HM_E_POLICY, "no log with a key"},
		{"{\"tlogs\":[{\"baseUrl\":\"ftp://x\",\"hashAlgorithm\":\"SHA2_256\"}]}",
		 HM_E_FORMAT, "tlogs.0: baseUrl is not an http URL"},
		{"{\"tlogs\":[{\"baseUrl\":\"https://x\",\"hashAlgorithm\":\"SHA2_512\"}]}",
		 HM_E_FORMAT, "hashAlgorithm is not SHA2_256"},
		{"{\"tlogs\":[{\"baseUrl\":\"https://x\",\"hashAlgorithm\":\"SHA2_256\"}]}",
		 HM_E_FORMAT, "publicKey: rawBytes is missing"},
		{"{\"tlogs\":[{\"baseUrl\":\"https://x\",\"hashAlgorithm\":\"SHA2_256\","
		 "\"publicKey\":{\"rawBytes\":\"AAAA\",\"validFor\":{\"start\":\"now\"}}}]}",
		 HM_E_FORMAT, "validFor.start is not a time"},
		{"{\"tlogs\":[{\"baseUrl\":\"https://nitro-log.example.com\",\"hashAlgorithm\":\"SHA2_256\","
		 "\"publicKey\":{\"rawBytes\":\"MCowBQYDK2VwAyEAA6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=\"},"
		 "\"logId\":{\"keyId\":\"+SLylvce06XqaVBqAAkApEtWRwXKVXRYw8vhGCpY7fU=\"}}]}",
		 HM_E_FORMAT, "logId.keyId is not the id of 'nitro-log.example.com'"},
	};
	AUTO_WORLD struct world w;
	AUTO_LOG_KEYS struct hm_log_keys keys;
	AUTO_BUF struct hm_buf json;
	AUTO_BUF struct hm_buf vkey;

	hm_log_keys_init(&keys);
	hm_buf_init(&json, HM_TRUSTED_ROOT_MAX);
	hm_buf_init(&vkey, 4096);
	for (size_t i = 0; i < HM_ARRAY_LEN(bad); i++)
		fails(hm_log_keys_add_trusted_root(&keys,
						   hm_slice_str(bad[i].json),
						   &err), &err, bad[i].code,
		      bad[i].message, "trusted root %zu", i);
	ok(keys.count == 0, "nothing of those is trusted");
	make_v2(&w, HM_KEY_P256);
	ok_call(hm_trusted_root_write(w.logs.items, 1, &json, &err), &err,
		"write a trusted root");
	ok_call(hm_log_keys_add_trusted_root(&keys, hm_buf_slice(&json), &err),
		&err, "read it");
	ok(keys.count == 1 && strcmp(keys.items[0].note.name,
				     "log.example.org") == 0 &&
	   memcmp(keys.items[0].note.id, w.logs.items[0].note.id, 32) == 0,
	   "it is the same log");
	HM_BUG_ON(hm_note_vkey_write(&w.logs.items[0].note, &vkey, &err) != 0);
	ok_call(hm_log_keys_add_vkey(&keys, hm_buf_slice(&vkey), &err), &err,
		"the same by its verifier key");
	ok(keys.count == 2, "two keys");
	vkey.len = 0;
	HM_BUG_ON(hm_buf_add_str(&vkey, "witness.test/omni+24515f7e+BIvx40TG7SHRS9wpGZKk/pJkfG5eiAxVL4OOfn4BDmE5",
				 &err) != 0);
	fails(hm_log_keys_add_vkey(&keys, hm_buf_slice(&vkey), &err), &err,
	      HM_E_POLICY, "of a witness", "a witness is no log");
}

static const char *vectors;

static bool load(const char *name, struct hm_buf *b)
{
	char path[4096];

	(void)snprintf(path, sizeof(path), "%s/log/%s", vectors, name);
	hm_buf_init(b, HM_BUNDLE_MAX);
	return hm_file_read_user(path, b, &err) == HM_OK;
}

/* As `hallmark log verify-bundle` does it, without the artifact. */
static int verify_bundle(const char *bundle, const char *key, const char *root,
			 struct hm_log_proof *proof, struct hm_err *e)
{
	AUTO_BUNDLE struct hm_bundle b;
	AUTO_LOG_KEYS struct hm_log_keys keys;
	AUTO_KEY struct hm_key *k = NULL;
	AUTO_BUF struct hm_buf json;
	AUTO_BUF struct hm_buf pem;
	AUTO_BUF struct hm_buf tr;
	AUTO_BUF struct hm_buf spki;
	size_t n = 0;
	int rc;

	hm_bundle_init(&b);
	hm_log_keys_init(&keys);
	hm_buf_init(&spki, 1024);
	HM_BUG_ON(!load(bundle, &json) || !load(key, &pem) || !load(root, &tr));
	rc = hm_bundle_parse(hm_buf_slice(&json), &b, e);
	if (rc == HM_OK)
		rc = hm_key_from_public_pem(hm_buf_slice(&pem), &k, e);
	if (rc == HM_OK)
		rc = hm_key_spki(k, &spki, e);
	if (rc == HM_OK)
		rc = hm_log_keys_add_trusted_root(&keys, hm_buf_slice(&tr), e);
	if (rc == HM_OK)
		rc = hm_dsse_verify(&b.dsse, k, e);
	if (rc == HM_OK)
		rc = hm_tlog_verify_all(b.log_entries, &b.dsse,
					hm_buf_slice(&spki), &keys, proof, &n,
					e);
	return rc;
}

static void test_vectors(void)
{
	static const struct {
		const char *bundle, *key, *root;
		enum hm_code code;
		const char *message;
		uint64_t index;
		int64_t time_ms;
	} cases[] = {
		{"bundle/bundle-mylog.json", "bundle/pub.pem",
		 "bundle/tr-mylog.json", HM_OK, "", 137, 0},
		{"bundle/bundle-v2.json", "bundle/pub.pem", "bundle/tr.json",
		 HM_OK, "", 0, 0},
		{"bundle/bundle-v1-dsse.json", "bundle/pub.pem",
		 "bundle/tr-v1.json", HM_OK, "", 0, 1795312381000},
		{"bundle/sp256e.sigstore.json", "bundle/sp256e.pub",
		 "bundle/tr-mylog.json", HM_OK, "", 777, 0},
		{"bundle/bad-hash.json", "bundle/pub.pem",
		 "bundle/tr-mylog.json", HM_E_CRYPTO, "another root", 0, 0},
		{"bundle/bad-sig.json", "bundle/pub.pem",
		 "bundle/tr-mylog.json", HM_E_CRYPTO, "", 0, 0},
		{"bundle/bundle-mylog.json", "bundle/sp256e.pub",
		 "bundle/tr-mylog.json", HM_E_CRYPTO, "", 0, 0},
		{"bundle/bundle-mylog.json", "bundle/pub.pem",
		 "bundle/tr.json", HM_E_POLICY, "not in any log that", 0, 0},
	};
	AUTO_BUF struct hm_buf probe;

	vectors = getenv("HM_VECTORS");
	vectors = vectors ? vectors : "../shared/vectors";
	if (!load("bundle/bundle-mylog.json", &probe)) {
		skip("NO VECTORS under '%s' (HM_VECTORS): bundles of real servers",
		     vectors);
		return;
	}
	for (size_t i = 0; i < HM_ARRAY_LEN(cases); i++) {
		struct hm_log_proof p[HM_LOG_ENTRIES_MAX] = {{.size = 0}};
		int rc = verify_bundle(cases[i].bundle, cases[i].key,
				       cases[i].root, p, &err);

		ok(rc == cases[i].code &&
		   (rc == HM_OK ? p[0].index == cases[i].index &&
				  p[0].integrated_ms == cases[i].time_ms :
				  strstr(err.msg, cases[i].message) != NULL),
		   "%s with %s gives %s", cases[i].bundle, cases[i].root,
		   cases[i].code == HM_OK ? "ok" :
					    hm_code_name(cases[i].code));
		if (rc != cases[i].code)
			printf("# %d %s\n", rc, err.msg);
	}
}

int main(void)
{
	test_v2();
	test_v1();
	test_refusals();
	test_lies();
	test_all();
	test_leaf();
	test_trusted_root();
	test_vectors();
	return tap_done();
}
