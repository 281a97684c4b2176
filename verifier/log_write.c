/* `hallmark log init` and `append`: the verbs that write to a log of ours. */
#include <stdio.h>
#include <stdlib.h>

#include "lib/hex.h"
#include "lib/log.h"
#include "lib/log_enter.h"
#include "lib/path.h"
#include "verifier/commands.h"
#include "verifier/log_cli.h"

#define KEY_FILE_MAX (64U << 10)
/* How long another writer is waited for. */
#define LOCK_MS 60000

/* Where signed trees are remembered: the option, else the default. */
static const char *memory_path(const char *option, char *room)
{
	if (option)
		return option;
	hm_log_memory_default(room);
	return room;
}

/* --- init -------------------------------------------------------------------- */

static const char init_help[] =
"Usage: hallmark log init DIR --origin HOST [OPTIONS]\n"
"\n"
"Makes an empty log. DIR/public is what a web server or an object store serves;\n"
"the private key stays in DIR/key.pem. Prints the log's verifier key.\n";

static int init(const char *dir, const char *origin, const char *key_file,
		const char *memory, struct hm_err *err)
{
	char room[HM_PATH_MAX + 1];
	struct hm_key *key = NULL;
	AUTO_LOG_DIR struct hm_log_dir *d = NULL;
	AUTO_BUF struct hm_buf pem, vkey;
	int rc = HM_OK;

	hm_buf_init_secret(&pem, KEY_FILE_MAX);
	hm_buf_init(&vkey, KEY_FILE_MAX);
	memory = memory_path(memory, room);
	if (key_file) {
		rc = hm_file_read_user(key_file, &pem, err);
		if (rc == HM_OK)
			rc = hm_key_from_private_pem(hm_buf_slice(&pem), &key,
						     err);
		if (rc != HM_OK)
			return hm_err_prefix(err, "--key");
	}
	rc = hm_log_dir_create(dir, hm_slice_str(origin), key, memory, err);
	if (rc == HM_OK)
		rc = hm_log_dir_open(dir, memory, &d, err);
	if (rc == HM_OK)
		rc = hm_note_vkey_write(hm_log_dir_key(d), &vkey, err);
	if (rc == HM_OK)
		rc = hm_buf_add(&vkey, "\n", 1, err);
	return rc == HM_OK ? hm_cmd_print(hm_buf_slice(&vkey), err) : rc;
}

int hm_log_cmd_init(int argc, char **argv)
{
	const char *origin = NULL, *key = NULL, *memory = NULL;
	bool help = false;
	const struct hm_cli_option options[] = {
		{"origin", 0, HM_CLI_STRING, "HOST",
		 "the log's name: a bare host name like log.example.org",
		 &origin, 0, 0},
		{"key", 0, HM_CLI_STRING, "FILE",
		 "Ed25519 private key (PEM); default: a new one", &key, 0, 0},
		{"memory", 0, HM_CLI_STRING, "DIR",
		 "where this host remembers what the key has signed\n"
		 "(\"\" = nowhere); default ~/.local/state/hallmark/logs",
		 &memory, 0, 0},
		{"help", 'h', HM_CLI_FLAG, NULL, "this text", &help, 0, 0},
	};
	struct hm_err err = {0};
	size_t n;
	int rc = hm_log_args(init_help, options, HM_ARRAY_LEN(options), &help,
			     argc, argv, 1, 1, &n, &err);

	if (rc == HM_OK && help)
		return 0;
	if (rc == HM_OK && !origin)
		rc = hm_fail(&err, HM_E_USAGE, 0, "--origin is missing");
	if (rc == HM_OK)
		rc = init(argv[0], origin, key, memory, &err);
	return rc == HM_OK ? 0 : hm_cmd_fail("log init", &err);
}

/* --- append ------------------------------------------------------------------ */

static const char append_help[] =
"Usage: hallmark log append DIR --key PUB.pem [--public] BUNDLE...\n"
"       hallmark log append DIR --raw FILE...\n"
"\n"
"Logs the statements of Sigstore bundles that this key has signed, and writes\n"
"the entry with its proof into each bundle. A statement that is in the log\n"
"already is proved again and not added. With --raw, files become entries as\n"
"they are. Prints index and leaf hash of each.\n";

struct append {
	const char *dir, *key, *memory;
	bool raw, public_evidence, help;
};

static int load_log(const struct append *a, struct hm_log_dir **ret_d,
		    struct hm_err *err)
{
	char room[HM_PATH_MAX + 1];

	return hm_log_dir_open(a->dir, memory_path(a->memory, room), ret_d, err);
}

static int print_line(const char *index, const struct hm_hash *leaf,
		      const char *path, struct hm_err *err)
{
	char hex[2 * HM_SHA256_LEN + 1];

	hm_hex(leaf->bytes, HM_SHA256_LEN, hex);
	if (printf("%s\t%s\t%s\n", index, hex, HM_ESC(hm_slice_str(path))) <
	    0 || fflush(stdout) != 0)
		return hm_fail(err, HM_E_SYSTEM, errno,
			       "standard output is not writable");
	return HM_OK;
}

/* One file after the other would be one signature each: all go in one batch. */
static int append_raw(struct hm_log_dir *d, char **paths, size_t count,
		      struct hm_err *err)
{
	AUTO_FREE struct hm_slice *slices = calloc(count, sizeof(*slices));
	struct hm_buf *files = calloc(count, sizeof(*files));
	struct hm_hash hash;
	uint64_t first = 0;
	int rc = slices && files ? HM_OK : hm_fail(err, HM_E_NOMEM, 0, "append");

	for (size_t i = 0; rc == HM_OK && i < count; i++) {
		hm_buf_init(&files[i], HM_LEAF_MAX);
		rc = hm_file_read_user(paths[i], &files[i], err);
		slices[i] = hm_buf_slice(&files[i]);
	}
	if (rc == HM_OK)
		rc = hm_log_dir_append(d, slices, count,
				       hm_deadline_in(LOCK_MS), &first, err);
	for (size_t i = 0; rc == HM_OK && i < count; i++) {
		char index[24];

		(void)snprintf(index, sizeof(index), "%llu",
			       (unsigned long long)(first + i));
		rc = hm_merkle_leaf_hash(slices[i], &hash, err);
		if (rc == HM_OK)
			rc = print_line(index, &hash, paths[i], err);
	}
	for (size_t i = 0; files && i < count; i++) {
		if (files[i].max > 0)
			hm_buf_release(&files[i]);
	}
	free(files);
	return rc;
}

static int load_key(const char *path, struct hm_key **ret_key,
		    struct hm_buf *spki, struct hm_err *err)
{
	AUTO_BUF struct hm_buf pem;
	int rc;

	hm_buf_init(&pem, KEY_FILE_MAX);
	rc = hm_file_read_user(path, &pem, err);
	if (rc == HM_OK)
		rc = hm_key_from_public_pem(hm_buf_slice(&pem), ret_key, err);
	if (rc == HM_OK)
		rc = hm_key_spki(*ret_key, spki, err);
	return rc == HM_OK ? rc : hm_err_prefix(err, "--key");
}

static int append_bundle(const struct append *a, struct hm_log_dir *d,
			 const char *path, const struct hm_key *key,
			 struct hm_slice spki, struct hm_err *err)
{
	AUTO_BUNDLE struct hm_bundle b;
	AUTO_BUF struct hm_buf json, leaf, logged;
	AUTO_JSON struct hm_json *entry = NULL;
	struct hm_slice leaf_slice;
	struct hm_hash hash;
	int rc;

	hm_bundle_init(&b);
	hm_buf_init(&json, HM_BUNDLE_MAX);
	hm_buf_init(&logged, HM_BUNDLE_MAX);
	hm_buf_init(&leaf, HM_LEAF_MAX);
	rc = hm_file_read_user(path, &json, err);
	if (rc == HM_OK)
		rc = hm_bundle_parse(hm_buf_slice(&json), &b, err);
	if (rc == HM_OK)	/* what nobody signed has no place in a log */
		rc = hm_dsse_verify(&b.dsse, key, err);
	if (rc == HM_OK)
		rc = hm_tlog_leaf(&b.dsse, spki, &leaf, err);
	leaf_slice = hm_buf_slice(&leaf);
	if (rc == HM_OK)
		rc = hm_merkle_leaf_hash(leaf_slice, &hash, err);
	/* Before the leaf: monitors must never see it without. */
	if (rc == HM_OK && a->public_evidence)
		rc = hm_log_dir_evidence(d, &hash, hm_buf_slice(&json), err);
	if (rc == HM_OK)
		rc = hm_log_dir_enter(d, &leaf_slice, 1, 0,
				      hm_deadline_in(LOCK_MS), &entry, err);
	if (rc == HM_OK)
		rc = hm_bundle_add_entry(&b, key, entry, &logged, err);
	if (rc == HM_OK)
		rc = hm_cmd_write_file(path, hm_buf_slice(&logged), err);
	if (rc != HM_OK)
		return hm_err_prefix(err, "'%s'", HM_ESC(hm_slice_str(path)));
	return print_line(hm_json_get_string(entry, "logIndex"), &hash, path,
			  err);
}

static int append_bundles(const struct append *a, struct hm_log_dir *d,
			  char **paths, size_t count, struct hm_err *err)
{
	AUTO_KEY struct hm_key *key = NULL;
	AUTO_BUF struct hm_buf spki;
	int rc;

	hm_buf_init(&spki, KEY_FILE_MAX);
	if (!a->key)
		return hm_fail(err, HM_E_USAGE, 0,
			       "--key is missing (or --raw)");
	rc = load_key(a->key, &key, &spki, err);
	for (size_t i = 0; rc == HM_OK && i < count; i++)
		rc = append_bundle(a, d, paths[i], key, hm_buf_slice(&spki),
				   err);
	return rc;
}

int hm_log_cmd_append(int argc, char **argv)
{
	struct append a = {.dir = NULL};
	const struct hm_cli_option options[] = {
		{"key", 0, HM_CLI_STRING, "PUB.pem",
		 "the public key that signed the bundles", &a.key, 0, 0},
		{"public", 0, HM_CLI_FLAG, NULL,
		 "also publish each bundle under DIR/public/evidence",
		 &a.public_evidence, 0, 0},
		{"raw", 0, HM_CLI_FLAG, NULL, "the files are the entries",
		 &a.raw, 0, 0},
		{"memory", 0, HM_CLI_STRING, "DIR", "as for init", &a.memory, 0,
		 0},
		{"help", 'h', HM_CLI_FLAG, NULL, "this text", &a.help, 0, 0},
	};
	AUTO_LOG_DIR struct hm_log_dir *d = NULL;
	struct hm_err err = {0};
	size_t n = 0;
	int rc = hm_log_args(append_help, options, HM_ARRAY_LEN(options),
			     &a.help, argc, argv, 2, SIZE_MAX, &n, &err);

	if (rc == HM_OK && a.help)
		return 0;
	a.dir = argv[0];
	if (rc == HM_OK)
		rc = load_log(&a, &d, &err);
	if (rc == HM_OK && a.raw)
		rc = append_raw(d, argv + 1, n - 1, &err);
	else if (rc == HM_OK)
		rc = append_bundles(&a, d, argv + 1, n - 1, &err);
	return rc == HM_OK ? 0 : hm_cmd_fail("log append", &err);
}
