/*
 * `hallmark log verify-bundle`: a DSSE Sigstore bundle, ours or not, against a
 * key, a trusted root and a file. It says that this key has signed a statement
 * about this file and that the statement is in a log; it does not say who holds
 * the key. For builds, `hallmark verify` does.
 */
#include <stdio.h>
#include <stdlib.h>

#include "lib/hex.h"
#include "lib/log.h"
#include "lib/path.h"
#include "lib/tlog.h"
#include "lib/when.h"
#include "verifier/commands.h"
#include "verifier/log_cli.h"

#define KEY_FILE_MAX (64U << 10)
#define STATEMENT_TYPE "https://in-toto.io/Statement/v1"

static const char help_text[] =
"Usage: hallmark log verify-bundle BUNDLE --key PUB.pem --trusted-root TR.json\n"
"                                  [--type PREDICATE] ARTIFACT\n"
"\n"
"Checks, without network, that the key has signed an in-toto statement about the\n"
"artifact, and that the statement is in every log of the trusted root whose entry\n"
"the bundle carries, in at least one. Says nothing about who holds the key.\n";

struct arguments {
	const char *key, *root, *log_key, *type;
	bool help;
};

/* The artifact's digest is among the subjects; names do not matter. */
static int check_statement(const struct hm_dsse *dsse, const char *artifact,
			   const char *type, struct hm_err *err)
{
	AUTO_JSON struct hm_json *s = NULL;
	AUTO_CLOSE int fd = open(artifact, O_RDONLY | O_CLOEXEC);
	const struct hm_json *subjects;
	char want[2 * HM_SHA256_LEN + 1];
	uint8_t digest[HM_SHA256_LEN];
	const char *text;
	int rc;

	if (fd < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "open '%s'",
			       HM_ESC(hm_slice_str(artifact)));
	rc = hm_sha256_fd(fd, digest, NULL, err);
	if (rc == HM_OK && !hm_slice_eq_str(hm_buf_slice(&dsse->payload_type),
					    HM_PAYLOAD_INTOTO))
		rc = hm_fail(err, HM_E_POLICY, 0,
			     "what is signed is not an in-toto statement");
	if (rc == HM_OK)
		rc = hm_json_parse(hm_buf_slice(&dsse->payload),
				   HM_STATEMENT_MAX, &s, err);
	if (rc != HM_OK)
		return rc;
	text = hm_json_get_string(s, "_type");
	if (!text || strcmp(text, STATEMENT_TYPE) != 0)
		return hm_fail(err, HM_E_POLICY, 0,
			       "_type is not " STATEMENT_TYPE);
	text = hm_json_get_string(s, "predicateType");
	if (type && (!text || strcmp(text, type) != 0))
		return hm_fail(err, HM_E_POLICY, 0,
			       "predicateType is '%s', not that of --type",
			       text ? HM_ESC(hm_slice_str(text)) : "");
	hm_hex(digest, sizeof(digest), want);
	subjects = hm_json_get(s, "subject");
	for (size_t i = 0; subjects && i < hm_json_count(subjects); i++) {
		const struct hm_json *d = hm_json_get(hm_json_at(subjects, i),
						      "digest");

		text = hm_json_get_string(d, "sha256");
		if (text && strcmp(text, want) == 0)
			return HM_OK;
	}
	return hm_fail(err, HM_E_POLICY, 0,
		       "the statement is not about '%s' (sha256 %s)",
		       HM_ESC(hm_slice_str(artifact)), want);
}

static int load_logs(const struct arguments *a, struct hm_log_keys *keys,
		     struct hm_err *err)
{
	AUTO_BUF struct hm_buf json;
	int rc = HM_OK;

	hm_buf_init(&json, HM_TRUSTED_ROOT_MAX);
	if (!a->root && !a->log_key)
		return hm_fail(err, HM_E_USAGE, 0,
			       "--trusted-root (or --log-key) is missing");
	if (a->root)
		rc = hm_file_read_user(a->root, &json, err);
	if (rc == HM_OK && a->root)
		rc = hm_log_keys_add_trusted_root(keys, hm_buf_slice(&json),
						  err);
	if (rc == HM_OK && a->log_key)
		rc = hm_log_read_vkey(a->log_key, keys, err);
	return rc;
}

static int load_key(const char *path, struct hm_key **ret_key,
		    struct hm_buf *spki, struct hm_err *err)
{
	AUTO_BUF struct hm_buf pem;
	int rc;

	hm_buf_init(&pem, KEY_FILE_MAX);
	if (!path)
		return hm_fail(err, HM_E_USAGE, 0, "--key is missing");
	rc = hm_file_read_user(path, &pem, err);
	if (rc == HM_OK)
		rc = hm_key_from_public_pem(hm_buf_slice(&pem), ret_key, err);
	if (rc == HM_OK)
		rc = hm_key_spki(*ret_key, spki, err);
	return rc == HM_OK ? rc : hm_err_prefix(err, "--key");
}

static void print_proofs(const struct hm_log_proof *proofs, size_t count)
{
	char when[HM_WHEN_MAX];

	for (size_t i = 0; i < count; i++) {
		const struct hm_log_proof *p = &proofs[i];

		printf("entry %llu of %llu in %s%s%s\n",
		       (unsigned long long)p->index,
		       (unsigned long long)p->size, p->log->note.name,
		       p->integrated_ms ? ", logged at " : "",
		       p->integrated_ms ? hm_when(p->integrated_ms, when) : "");
	}
}

static int verify(const struct arguments *a, const char *bundle,
		  const char *artifact, struct hm_err *err)
{
	struct hm_log_proof proofs[HM_LOG_ENTRIES_MAX];
	AUTO_LOG_KEYS struct hm_log_keys logs;
	AUTO_KEY struct hm_key *key = NULL;
	AUTO_BUNDLE struct hm_bundle b;
	AUTO_BUF struct hm_buf json, spki;
	size_t count = 0;
	int rc;

	hm_log_keys_init(&logs);
	hm_bundle_init(&b);
	hm_buf_init(&json, HM_BUNDLE_MAX);
	hm_buf_init(&spki, KEY_FILE_MAX);
	rc = load_key(a->key, &key, &spki, err);
	if (rc == HM_OK)
		rc = load_logs(a, &logs, err);
	if (rc == HM_OK)
		rc = hm_file_read_user(bundle, &json, err);
	if (rc == HM_OK)
		rc = hm_bundle_parse(hm_buf_slice(&json), &b, err);
	if (rc == HM_OK)
		rc = hm_dsse_verify(&b.dsse, key, err);
	if (rc == HM_OK)
		rc = check_statement(&b.dsse, artifact, a->type, err);
	if (rc == HM_OK)
		rc = hm_tlog_verify_all(b.log_entries, &b.dsse,
					hm_buf_slice(&spki), &logs, proofs,
					&count, err);
	if (rc == HM_OK)
		print_proofs(proofs, count);
	return rc;
}

int hm_log_cmd_verify_bundle(int argc, char **argv)
{
	struct arguments a = {.key = NULL};
	const struct hm_cli_option options[] = {
		{"key", 0, HM_CLI_STRING, "PUB.pem", "who must have signed",
		 &a.key, 0, 0},
		{"trusted-root", 0, HM_CLI_STRING, "TR.json",
		 "the logs to trust (Sigstore TrustedRoot JSON)", &a.root, 0, 0},
		{"log-key", 0, HM_CLI_STRING, "VKEY|FILE",
		 "a log to trust, by its verifier key", &a.log_key, 0, 0},
		{"type", 0, HM_CLI_STRING, "PREDICATE",
		 "what the predicateType must be", &a.type, 0, 0},
		{"help", 'h', HM_CLI_FLAG, NULL, "this text", &a.help, 0, 0},
	};
	struct hm_err err = {0};
	size_t n;
	int rc = hm_log_args(help_text, options, HM_ARRAY_LEN(options), &a.help,
			     argc, argv, 2, 2, &n, &err);

	if (rc == HM_OK && a.help)
		return 0;
	if (rc == HM_OK)
		rc = verify(&a, argv[0], argv[1], &err);
	if (rc != HM_OK)
		return hm_cmd_fail("log verify-bundle", &err);
	printf("Verified: this key signed a statement about '%s'\n",
	       HM_ESC(hm_slice_str(argv[1])));
	return fflush(stdout) == 0 ? 0 : 3;
}
