/*
 * `hallmark log prove`, `check`, `trusted-root` and `verify-proof`: the verbs
 * that only read a log. They need its public part and its verifier key.
 */
#include <stdio.h>
#include <stdlib.h>

#include "lib/hex.h"
#include "lib/log.h"
#include "lib/log_dir.h"
#include "lib/path.h"
#include "lib/tlog_proof.h"
#include "lib/when.h"
#include "verifier/commands.h"
#include "verifier/log_cli.h"

/* A public log, opened: its key, its newest checkpoint, its tiles. */
struct view {
	struct hm_log_keys keys;
	struct hm_signed_tree tree;
	struct hm_tiles *tiles;
	int dir;
};

static void view_init(struct view *v)
{
	hm_log_keys_init(&v->keys);
	hm_signed_tree_init(&v->tree);
	v->tiles = NULL;
	v->dir = -1;
}

static void view_release(struct view *v)
{
	hm_log_keys_release(&v->keys);
	hm_signed_tree_release(&v->tree);
	free(v->tiles);
	hm_cleanup_fd(&v->dir);
}
#define AUTO_VIEW HM_CLEANUP(view_release)

static int view_open(struct view *v, const char *path, const char *log_key,
		     struct hm_err *err)
{
	int rc = hm_log_find_vkey(path, log_key, &v->keys, err);

	if (rc == HM_OK)
		rc = hm_log_public_open(path, &v->dir, err);
	if (rc == HM_OK)
		rc = hm_tiles_checkpoint(v->dir, &v->keys.items[0].note,
					 &v->tree, err);
	if (rc != HM_OK)
		return rc;
	v->tiles = malloc(sizeof(*v->tiles));
	if (!v->tiles)
		return hm_fail(err, HM_E_NOMEM, 0, "log");
	hm_tiles_init(v->tiles, v->dir, v->tree.size);
	return HM_OK;
}

static int leaf_of_file(const char *path, struct hm_hash *ret,
			struct hm_err *err)
{
	AUTO_BUF struct hm_buf b;
	int rc;

	hm_buf_init(&b, HM_LEAF_MAX);
	rc = hm_file_read_user(path, &b, err);
	return rc == HM_OK ? hm_merkle_leaf_hash(hm_buf_slice(&b), ret, err) :
			     rc;
}

/* --- prove ------------------------------------------------------------------- */

static const char prove_help[] =
"Usage: hallmark log prove DIR --index N | --leaf HEX | --entry FILE\n"
"\n"
"Prints the proof that an entry is in the log: a c2sp.org/tlog-proof@v1 file\n"
"with the newest checkpoint, which anybody can check without network.\n";

static int find_index(struct view *v, uint64_t index, const char *leaf_hex,
		      const char *entry, uint64_t *ret_index,
		      struct hm_err *err)
{
	struct hm_hash leaf;
	int rc = HM_OK;

	*ret_index = index;
	if (!leaf_hex && !entry)
		return HM_OK;
	if (entry)
		rc = leaf_of_file(entry, &leaf, err);
	else if (!hm_unhex(hm_slice_str(leaf_hex), leaf.bytes,
			   sizeof(leaf.bytes)))
		rc = hm_fail(err, HM_E_USAGE, 0,
			     "--leaf: not 64 lower-case hex digits");
	if (rc == HM_OK)
		rc = hm_tiles_find(v->tiles, 0, &leaf, ret_index, err);
	return rc;
}

int hm_log_cmd_prove(int argc, char **argv)
{
	const char *key = NULL, *leaf_hex = NULL, *entry = NULL;
	uint64_t index = UINT64_MAX;
	bool help = false;
	const struct hm_cli_option options[] = {
		{"index", 0, HM_CLI_U64, "N", "index of the entry", &index, 0,
		 INT64_MAX},
		{"leaf", 0, HM_CLI_STRING, "HEX", "leaf hash of the entry",
		 &leaf_hex, 0, 0},
		{"entry", 0, HM_CLI_STRING, "FILE", "the entry itself", &entry,
		 0, 0},
		{"log-key", 0, HM_CLI_STRING, "VKEY|FILE",
		 "the log's verifier key; default DIR/log.vkey", &key, 0, 0},
		{"help", 'h', HM_CLI_FLAG, NULL, "this text", &help, 0, 0},
	};
	AUTO_VIEW struct view v;
	AUTO_BUF struct hm_buf out;
	struct hm_tlog_proof proof;
	struct hm_hash leaf;
	struct hm_err err = {0};
	size_t n;
	int rc;

	view_init(&v);
	hm_buf_init(&out, HM_TLOG_PROOF_MAX);
	rc = hm_log_args(prove_help, options, HM_ARRAY_LEN(options), &help,
			 argc, argv, 1, 1, &n, &err);
	if (rc == HM_OK && help)
		return 0;
	if (rc == HM_OK && (index != UINT64_MAX) + !!leaf_hex + !!entry != 1)
		rc = hm_fail(&err, HM_E_USAGE, 0,
			     "name the entry by one of --index, --leaf, --entry");
	if (rc == HM_OK)
		rc = view_open(&v, argv[0], key, &err);
	if (rc == HM_OK)
		rc = find_index(&v, index, leaf_hex, entry, &proof.index, &err);
	if (rc == HM_OK)
		rc = hm_tiles_prove(v.tiles, proof.index, &v.tree.root, &leaf,
				    &proof.path, &err);
	proof.checkpoint = hm_buf_slice(&v.tree.note);
	if (rc == HM_OK)
		rc = hm_tlog_proof_write(&proof, &out, &err);
	if (rc == HM_OK)
		rc = hm_cmd_print(hm_buf_slice(&out), &err);
	return rc == HM_OK ? 0 : hm_cmd_fail("log prove", &err);
}

/* --- check ------------------------------------------------------------------- */

static const char check_help[] =
"Usage: hallmark log check DIR [--since CHECKPOINT] [OPTIONS]\n"
"\n"
"Audits a log: hashes every entry again, compares every tile of every level\n"
"with what follows from the entries, and the root with the signed checkpoint.\n"
"With --since, also that the log still begins with the tree of an older\n"
"checkpoint, so that nothing was removed or changed since. Exit status: 0 all\n"
"is well, 1 the log lies, 4 it is damaged.\n";

static int check_since(struct view *v, const char *path, struct hm_err *err)
{
	AUTO_SIGNED_TREE struct hm_signed_tree old;
	AUTO_BUF struct hm_buf note;
	int rc;

	hm_signed_tree_init(&old);
	hm_buf_init(&note, HM_NOTE_MAX);
	rc = hm_file_read_user(path, &note, err);
	if (rc == HM_OK)
		rc = hm_signed_tree_parse(&note, &v->keys.items[0].note, &old,
					  err);
	if (rc != HM_OK)
		return hm_err_prefix(err, "--since");
	rc = hm_tiles_consistent(v->tiles, &old, &v->tree, err);
	if (rc != HM_OK)
		return hm_err_prefix(err, "not the log of the older checkpoint");
	printf("begins with the %llu entries of the older checkpoint\n",
	       (unsigned long long)old.size);
	return HM_OK;
}

int hm_log_cmd_check(int argc, char **argv)
{
	const char *key = NULL, *since = NULL;
	bool help = false;
	const struct hm_cli_option options[] = {
		{"since", 0, HM_CLI_STRING, "FILE", "an older checkpoint",
		 &since, 0, 0},
		{"log-key", 0, HM_CLI_STRING, "VKEY|FILE",
		 "the log's verifier key; default DIR/log.vkey", &key, 0, 0},
		{"help", 'h', HM_CLI_FLAG, NULL, "this text", &help, 0, 0},
	};
	char root[2 * HM_SHA256_LEN + 1];
	AUTO_VIEW struct view v;
	struct hm_err err = {0};
	size_t n;
	int rc;

	view_init(&v);
	rc = hm_log_args(check_help, options, HM_ARRAY_LEN(options), &help,
			 argc, argv, 1, 1, &n, &err);
	if (rc == HM_OK && help)
		return 0;
	if (rc == HM_OK)
		rc = view_open(&v, argv[0], key, &err);
	if (rc == HM_OK)
		rc = hm_tiles_audit(v.tiles, &v.tree.root, NULL, NULL, &err);
	if (rc == HM_OK && since)
		rc = check_since(&v, since, &err);
	if (rc != HM_OK)
		return hm_cmd_fail("log check", &err);
	hm_hex(v.tree.root.bytes, HM_SHA256_LEN, root);
	printf("%s: %llu entries, root %s: every hash follows from the entries\n",
	       v.keys.items[0].note.name, (unsigned long long)v.tree.size, root);
	return fflush(stdout) == 0 ? 0 : 3;
}

/* --- trusted-root ------------------------------------------------------------- */

static const char trusted_root_help[] =
"Usage: hallmark log trusted-root DIR|VKEY... [--since TIME]\n"
"\n"
"Prints the TrustedRoot JSON with which cosign, sigstore-go and @sigstore/verify\n"
"accept bundles of these logs.\n";

static int add_root(const char *arg, struct hm_log_keys *keys,
		    struct hm_err *err)
{
	if (strchr(arg, '+'))
		return hm_log_read_vkey(arg, keys, err);
	return hm_log_find_vkey(arg, NULL, keys, err);
}

int hm_log_cmd_trusted_root(int argc, char **argv)
{
	const char *since = NULL;
	bool help = false;
	const struct hm_cli_option options[] = {
		{"since", 0, HM_CLI_STRING, "TIME",
		 "trust from here on (2026-05-03T00:00:00Z); default: always",
		 &since, 0, 0},
		{"help", 'h', HM_CLI_FLAG, NULL, "this text", &help, 0, 0},
	};
	AUTO_LOG_KEYS struct hm_log_keys keys;
	AUTO_BUF struct hm_buf json;
	struct hm_err err = {0};
	int64_t since_ms = 0;
	size_t n = 0;
	int rc;

	hm_log_keys_init(&keys);
	hm_buf_init(&json, HM_TRUSTED_ROOT_MAX);
	rc = hm_log_args(trusted_root_help, options, HM_ARRAY_LEN(options),
			 &help, argc, argv, 1, HM_LOG_KEYS_MAX, &n, &err);
	if (rc == HM_OK && help)
		return 0;
	if (rc == HM_OK && since &&
	    !hm_when_parse(hm_slice_str(since), &since_ms))
		rc = hm_fail(&err, HM_E_USAGE, 0,
			     "--since: not a time like 2026-05-03T00:00:00Z");
	for (size_t i = 0; rc == HM_OK && i < n; i++) {
		rc = add_root(argv[i], &keys, &err);
		if (rc == HM_OK)
			keys.items[i].valid_from_ms = since_ms;
	}
	if (rc == HM_OK)
		rc = hm_trusted_root_write(keys.items, keys.count, &json, &err);
	if (rc == HM_OK)
		rc = hm_buf_add(&json, "\n", 1, &err);
	if (rc == HM_OK)
		rc = hm_cmd_print(hm_buf_slice(&json), &err);
	return rc == HM_OK ? 0 : hm_cmd_fail("log trusted-root", &err);
}

/* --- verify-proof -------------------------------------------------------------- */

static const char verify_proof_help[] =
"Usage: hallmark log verify-proof PROOF --log-key VKEY|FILE --leaf HEX | --entry FILE\n"
"\n"
"Checks a c2sp.org/tlog-proof@v1 file: that the log of this key has signed a\n"
"tree that holds the entry. No network, no log directory.\n";

int hm_log_cmd_verify_proof(int argc, char **argv)
{
	const char *key = NULL, *leaf_hex = NULL, *entry = NULL;
	bool help = false;
	const struct hm_cli_option options[] = {
		{"log-key", 0, HM_CLI_STRING, "VKEY|FILE",
		 "the log's verifier key", &key, 0, 0},
		{"leaf", 0, HM_CLI_STRING, "HEX", "leaf hash of the entry",
		 &leaf_hex, 0, 0},
		{"entry", 0, HM_CLI_STRING, "FILE", "the entry itself", &entry,
		 0, 0},
		{"help", 'h', HM_CLI_FLAG, NULL, "this text", &help, 0, 0},
	};
	AUTO_LOG_KEYS struct hm_log_keys keys;
	AUTO_BUF struct hm_buf text;
	struct hm_tlog_proof proof;
	struct hm_err err = {0};
	struct hm_hash leaf;
	uint64_t size = 0;
	size_t n;
	int rc;

	hm_log_keys_init(&keys);
	hm_buf_init(&text, HM_TLOG_PROOF_MAX);
	rc = hm_log_args(verify_proof_help, options, HM_ARRAY_LEN(options),
			 &help, argc, argv, 1, 1, &n, &err);
	if (rc == HM_OK && help)
		return 0;
	if (rc == HM_OK && (!key || !!leaf_hex + !!entry != 1))
		rc = hm_fail(&err, HM_E_USAGE, 0,
			     "--log-key and one of --leaf, --entry are needed");
	if (rc == HM_OK)
		rc = hm_log_read_vkey(key, &keys, &err);
	if (rc == HM_OK && entry)
		rc = leaf_of_file(entry, &leaf, &err);
	else if (rc == HM_OK && !hm_unhex(hm_slice_str(leaf_hex), leaf.bytes,
					  sizeof(leaf.bytes)))
		rc = hm_fail(&err, HM_E_USAGE, 0,
			     "--leaf: not 64 lower-case hex digits");
	if (rc == HM_OK)
		rc = hm_file_read_user(argv[0], &text, &err);
	if (rc == HM_OK)
		rc = hm_tlog_proof_parse(hm_buf_slice(&text), &proof, &err);
	if (rc == HM_OK)
		rc = hm_tlog_proof_verify(&proof, &keys.items[0].note, &leaf,
					  &size, &err);
	if (rc != HM_OK)
		return hm_cmd_fail("log verify-proof", &err);
	printf("entry %llu of %llu in %s\n", (unsigned long long)proof.index,
	       (unsigned long long)size, keys.items[0].note.name);
	return fflush(stdout) == 0 ? 0 : 3;
}
