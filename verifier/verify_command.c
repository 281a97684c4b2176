/*
 * `hallmark verify`: flags, intake, verdict, report, exit status. Says nothing
 * of its own about the build; that is verify.c's.
 */
#include <stdio.h>

#include "lib/io.h"
#include "lib/log.h"
#include "lib/path.h"
#include "verifier/commands.h"
#include "verifier/view.h"
#include "verifier/settings.h"

#define KEY_MAX (64U << 10)

static const char help[] =
"Usage: hallmark verify RELEASE.tar|DIR|- EXPECTATION...\n"
"       hallmark verify FILE --bundle FILE EXPECTATION...\n"
"       hallmark verify --digest sha256:HEX --bundle FILE EXPECTATION...\n"
"\n"
"Checks, without network, that files were built from a commit inside a known\n"
"enclave image and by nothing else. Needs at least one expectation about the\n"
"source: --repo, --source-digest, --source-ref, or --policy with repositories.\n"
"Exit status: 0 verified; 2 usage; 3 could not check; 4 and 10 to 27 refused,\n"
"one number per reason (see hallmark-verify(1)).\n";

struct arguments {
	struct hm_flags f;
	const char *format, *vsa, *vsa_key, *export_key;
	bool quiet, help;
};

static const char no_expectation[] =
	"nothing is expected of the source, so nothing would be proved: add "
	"-R OWNER/NAME (or a full URL), --source-digest COMMIT, --source-ref "
	"REF, or --policy FILE with repositories; or say --any-source";

static int write_key(const struct hm_verdict *v, const char *path,
		     struct hm_err *err)
{
	AUTO_BUF struct hm_buf pem;
	int rc;

	hm_buf_init(&pem, KEY_MAX);
	rc = hm_key_public_pem(v->key, &pem, err);
	return rc == HM_OK ? hm_cmd_write_file(path, hm_buf_slice(&pem), err)
			   : rc;
}

/* The statement alone, or in an envelope when there is a key to sign with. */
static int write_vsa(const struct hm_view *r, const struct arguments *a,
		     struct hm_err *err)
{
	AUTO_BUF struct hm_buf json, pem, envelope;
	AUTO_DSSE struct hm_dsse dsse;
	AUTO_KEY struct hm_key *key = NULL;
	int rc;

	hm_buf_init(&json, HM_STATEMENT_MAX);
	hm_buf_init_secret(&pem, KEY_MAX);
	hm_buf_init(&envelope, HM_BUNDLE_MAX);
	hm_dsse_init(&dsse);
	rc = hm_vsa_write(r, &json, err);
	if (rc != HM_OK || !a->vsa_key)
		return rc == HM_OK ? hm_cmd_write_file(a->vsa,
				hm_buf_slice(&json), err) : rc;
	rc = hm_file_read_user(a->vsa_key, &pem, err);
	if (rc == HM_OK)
		rc = hm_key_from_private_pem(hm_buf_slice(&pem), &key, err);
	if (rc == HM_OK)
		rc = hm_dsse_sign(key, HM_PAYLOAD_INTOTO, hm_buf_slice(&json),
				  &dsse, err);
	if (rc == HM_OK)
		rc = hm_dsse_write(&dsse, &envelope, err);
	if (rc != HM_OK)
		return hm_err_prefix(err, "--vsa-key");
	return hm_cmd_write_file(a->vsa, hm_buf_slice(&envelope), err);
}

static int print_report(const struct hm_view *r, const struct arguments *a,
			struct hm_err *err)
{
	AUTO_BUF struct hm_buf out;
	int rc;

	hm_buf_init(&out, HM_REPORT_MAX);
	if (a->quiet) {
		if (!r->v->accepted)
			hm_log(HM_LOG_ERROR, "FAILED: %s", r->v->message);
		return HM_OK;
	}
	rc = strcmp(a->format, "json") == 0 ? hm_view_json(r, &out, err) :
					      hm_view_text(r, &out, err);
	return rc == HM_OK ? hm_cmd_print(hm_buf_slice(&out), err) : rc;
}

static int verify(const struct arguments *a, const char *path,
		  struct hm_err *err)
{
	struct hm_intake_request req = {
		.path = path,
		.bundles = a->f.bundles.items,
		.bundle_count = a->f.bundles.count,
		.digest = a->f.digest,
	};
	AUTO_SETTINGS struct hm_settings s;
	AUTO_INTAKE struct hm_intake in;
	AUTO_VERDICT struct hm_verdict v;
	struct hm_view r = { .in = &in, .want = &s.want, .v = &v };
	int rc;

	hm_settings_init(&s);
	hm_intake_init(&in);
	hm_verdict_init(&v);
	rc = hm_settings_load(&a->f, hm_wall_ms(), &s, err);
	if (rc == HM_OK && !hm_expect_names_source(&s.want))
		rc = hm_fail(err, HM_E_USAGE, 0, "%s", no_expectation);
	if (rc == HM_OK)
		rc = hm_intake_read(&req, &in, err);
	if (rc == HM_OK)
		rc = hm_verify(&in, &s.want, &v, err);
	if (rc == HM_OK)
		rc = print_report(&r, a, err);
	if (rc == HM_OK && a->vsa)
		rc = write_vsa(&r, a, err);
	/* A refusal stays that refusal, whatever happens to its summary. */
	if (rc != HM_OK && v.reason != HM_R_NONE) {
		hm_log(HM_LOG_ERROR, "verify: %s", err->msg);
		return hm_reason_exit(v.reason);
	}
	if (rc == HM_OK && a->export_key && v.accepted)
		rc = write_key(&v, a->export_key, err);
	return rc == HM_OK ? hm_reason_exit(v.reason) : rc;
}

int hm_cmd_verify(int argc, char **argv)
{
	struct arguments a = { .format = "text" };
	const struct hm_cli_option options[] = {
		{ "repo", 'R', HM_CLI_LIST, "OWNER/NAME",
		  "repository that it must come from (or https://HOST/PATH)",
		  &a.f.repositories, 0, 0 },
		{ "source-uri", 0, HM_CLI_LIST, "URL", "the same",
		  &a.f.repositories, 0, 0 },
		{ "owner", 'o', HM_CLI_LIST, "NAME",
		  "any repository of this owner on github.com",
		  &a.f.owners, 0, 0 },
		{ "source-digest", 0, HM_CLI_STRING, "COMMIT",
		  "commit that it must be built from", &a.f.source_digest, 0, 0 },
		{ "source-ref", 0, HM_CLI_STRING, "REF",
		  "ref, like refs/heads/main", &a.f.source_ref, 0, 0 },
		{ "source-tag", 0, HM_CLI_STRING, "TAG",
		  "the same as --source-ref refs/tags/TAG",
		  &a.f.source_tag, 0, 0 },
		{ "config-path", 0, HM_CLI_STRING, "PATH",
		  "file of the commit that says what to run (build.json)",
		  &a.f.config_path, 0, 0 },
		{ "any-source", 0, HM_CLI_FLAG, NULL,
		  "expect nothing of the source; only look what it is",
		  &a.f.any_source, 0, 0 },
		{ "policy", 0, HM_CLI_STRING, "FILE",
		  "policy to hold as well (schema/policy.schema.json)",
		  &a.f.policy, 0, 0 },
		{ "bundle", 'b', HM_CLI_LIST, "FILE",
		  "evidence: release tar, Sigstore bundle or .intoto.jsonl",
		  &a.f.bundles, 0, 0 },
		{ "digest", 0, HM_CLI_STRING, "sha256:HEX",
		  "check this digest in place of a file", &a.f.digest, 0, 0 },
		{ "trust-root", 0, HM_CLI_LIST, "PEM",
		  "trust this root in place of AWS's (a development root)",
		  &a.f.trust_roots, 0, 0 },
		{ "image-index", 0, HM_CLI_STRING, "FILE",
		  "signed index of good enclave images",
		  &a.f.image_index, 0, 0 },
		{ "endorser-key", 0, HM_CLI_LIST, "PEM",
		  "key that must have signed the index",
		  &a.f.endorser_keys, 0, 0 },
		{ "endorser-threshold", 0, HM_CLI_U64, "N",
		  "how many of the keys must have (default: all)",
		  &a.f.endorser_threshold, 1, HM_ENDORSERS_MAX },
		{ "image", 0, HM_CLI_LIST, "NAME@VERSION",
		  "endorsed image that must have built it", &a.f.images, 0, 0 },
		{ "pcr0", 0, HM_CLI_STRING, "HEX", "pin PCR0",
		  &a.f.pcr[0], 0, 0 },
		{ "pcr1", 0, HM_CLI_STRING, "HEX", "pin PCR1",
		  &a.f.pcr[1], 0, 0 },
		{ "pcr2", 0, HM_CLI_STRING, "HEX", "pin PCR2",
		  &a.f.pcr[2], 0, 0 },
		{ "builder-id", 0, HM_CLI_STRING, "URI",
		  "builder.id that the provenance must name",
		  &a.f.builder_id, 0, 0 },
		{ "nonce", 0, HM_CLI_STRING, "HEX",
		  "nonce that the document must carry", &a.f.nonce, 0, 0 },
		{ "require-log", 0, HM_CLI_FLAG, NULL,
		  "it must be in a log named by --log-key or the policy",
		  &a.f.require_log, 0, 0 },
		{ "log-key", 0, HM_CLI_LIST, "KEY",
		  "log to believe: verifier key, or file with one, or a\n"
		  "Sigstore trusted root", &a.f.log_keys, 0, 0 },
		{ "format", 0, HM_CLI_STRING, "text|json", "form of the report",
		  &a.format, 0, 0 },
		{ "vsa", 0, HM_CLI_STRING, "FILE",
		  "write a SLSA verification summary", &a.vsa, 0, 0 },
		{ "vsa-key", 0, HM_CLI_STRING, "PEM",
		  "private key to sign the summary with", &a.vsa_key, 0, 0 },
		{ "export-key", 0, HM_CLI_STRING, "FILE",
		  "write the attested key, for cosign and others",
		  &a.export_key, 0, 0 },
		{ "quiet", 'q', HM_CLI_FLAG, NULL,
		  "print nothing but a reason for refusing", &a.quiet, 0, 0 },
		{ "help", 'h', HM_CLI_FLAG, NULL, "this text", &a.help, 0, 0 },
	};
	struct hm_err err = {0};
	size_t operands = 0;
	int rc = hm_cli_parse(options, HM_ARRAY_LEN(options), argc, argv,
			      &operands, &err);

	if (rc == HM_OK && a.help)
		return hm_cmd_help(help, options, HM_ARRAY_LEN(options));
	if (rc == HM_OK && operands > 1)
		rc = hm_fail(&err, HM_E_USAGE, 0, "one file or directory at a "
			     "time; a directory may hold many");
	if (rc == HM_OK && strcmp(a.format, "text") != 0 &&
	    strcmp(a.format, "json") != 0)
		rc = hm_fail(&err, HM_E_USAGE, 0, "--format is text or json");
	if (rc == HM_OK && a.vsa_key && !a.vsa)
		rc = hm_fail(&err, HM_E_USAGE, 0, "--vsa-key needs --vsa FILE");
	if (rc == HM_OK)
		rc = verify(&a, operands == 1 ? argv[0] : NULL, &err);
	return rc < 0 ? hm_cmd_fail("verify", &err) : rc;
}
