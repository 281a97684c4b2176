/*
 * `hallmark inspect`: what a release's evidence says, for reading. It runs the
 * same checks as `verify` with any source accepted, so that the heading can say
 * whether what follows is fact or claim. Where the checks stop early (an image
 * that nobody endorsed), the rest is parsed for show only.
 */
#include <stdio.h>

#include "lib/io.h"
#include "lib/log.h"
#include "verifier/commands.h"
#include "verifier/view.h"
#include "verifier/settings.h"

static const char help[] =
"Usage: hallmark inspect RELEASE.tar|FILE|DIR|- [OPTIONS]\n"
"\n"
"Shows attestation, certificates, source, build, files and downloads of a\n"
"release. This is for reading: `hallmark verify` decides. Exit status 0 when it\n"
"could be shown, verified or not.\n";

struct arguments {
	struct hm_flags f;
	const char *format, *html;
	bool help;
};

/* For show: parses what the checks did not reach. Failures leave it out. */
static void fill_in(const struct hm_intake *in, struct hm_verdict *v)
{
	struct hm_err ignored;
	struct hm_slice json = hm_buf_slice(&in->provenance.json);
	struct hm_dsse *d = &v->provenance_bundle.dsse;
	int rc;

	if (v->has_provenance || !in->provenance.present)
		return;
	if (d->payload.len == 0) {
		rc = in->provenance.bare ?
		     hm_dsse_parse(json, d, &ignored) :
		     hm_bundle_parse(json, &v->provenance_bundle, &ignored);
		if (rc != HM_OK)
			return;
	}
	rc = hm_provenance_parse(hm_buf_slice(&d->payload), &v->provenance,
				 &ignored);
	v->has_provenance = rc == HM_OK;
}

static int write_html(const struct hm_view *r, const char *path,
		      struct hm_err *err)
{
	AUTO_BUF struct hm_buf page;
	int rc;

	hm_buf_init(&page, HM_REPORT_MAX);
	rc = hm_view_html(r, &page, err);
	return rc == HM_OK ? hm_cmd_write_file(path, hm_buf_slice(&page), err)
			   : rc;
}

static int inspect(const struct arguments *a, const char *path,
		   struct hm_err *err)
{
	struct hm_intake_request req = {
		.path = path,
		.bundles = a->f.bundles.items,
		.bundle_count = a->f.bundles.count,
	};
	AUTO_SETTINGS struct hm_settings s;
	AUTO_INTAKE struct hm_intake in;
	AUTO_VERDICT struct hm_verdict v;
	AUTO_BUF struct hm_buf out;
	struct hm_view r = { .in = &in, .want = &s.want, .v = &v };
	int rc;

	hm_settings_init(&s);
	hm_intake_init(&in);
	hm_verdict_init(&v);
	hm_buf_init(&out, HM_REPORT_MAX);
	rc = hm_settings_load(&a->f, hm_wall_ms(), &s, err);
	s.want.any_source = true;
	if (rc == HM_OK)
		rc = hm_intake_read(&req, &in, err);
	if (rc == HM_OK)
		rc = hm_verify(&in, &s.want, &v, err);
	if (rc != HM_OK)
		return rc;
	if (!v.has_document && v.checks[HM_CHECK_DOCUMENT].status !=
	    HM_CHECK_PASSED)
		return hm_fail(err, HM_E_FORMAT, 0, "%s", v.message);
	fill_in(&in, &v);
	rc = strcmp(a->format, "json") == 0 ? hm_view_json(&r, &out, err) :
					      hm_inspect_text(&r, &out, err);
	if (rc == HM_OK && a->html)
		rc = write_html(&r, a->html, err);
	return rc == HM_OK ? hm_cmd_print(hm_buf_slice(&out), err) : rc;
}

int hm_cmd_inspect(int argc, char **argv)
{
	struct arguments a = { .format = "text" };
	const struct hm_cli_option options[] = {
		{ "bundle", 'b', HM_CLI_LIST, "FILE",
		  "evidence: release tar, Sigstore bundle or .intoto.jsonl",
		  &a.f.bundles, 0, 0 },
		{ "trust-root", 0, HM_CLI_LIST, "PEM",
		  "trust this root in place of AWS's (a development root)",
		  &a.f.trust_roots, 0, 0 },
		{ "image-index", 0, HM_CLI_STRING, "FILE",
		  "signed index of good enclave images",
		  &a.f.image_index, 0, 0 },
		{ "endorser-key", 0, HM_CLI_LIST, "PEM",
		  "key that must have signed the index",
		  &a.f.endorser_keys, 0, 0 },
		{ "log-key", 0, HM_CLI_LIST, "KEY",
		  "log to believe: verifier key, or file with one, or a\n"
		  "Sigstore trusted root", &a.f.log_keys, 0, 0 },
		{ "format", 0, HM_CLI_STRING, "text|json", "form of the output",
		  &a.format, 0, 0 },
		{ "html", 0, HM_CLI_STRING, "FILE",
		  "write a page with the picture of the chain as well",
		  &a.html, 0, 0 },
		{ "help", 'h', HM_CLI_FLAG, NULL, "this text", &a.help, 0, 0 },
	};
	struct hm_err err = {0};
	size_t operands = 0;
	int rc = hm_cli_parse(options, HM_ARRAY_LEN(options), argc, argv,
			      &operands, &err);

	if (rc == HM_OK && a.help)
		return hm_cmd_help(help, options, HM_ARRAY_LEN(options));
	if (rc == HM_OK && operands != 1)
		rc = hm_fail(&err, HM_E_USAGE, 0,
			     "name one release, file or directory");
	if (rc == HM_OK && strcmp(a.format, "text") != 0 &&
	    strcmp(a.format, "json") != 0)
		rc = hm_fail(&err, HM_E_USAGE, 0, "--format is text or json");
	if (rc == HM_OK)
		rc = inspect(&a, argv[0], &err);
	return rc < 0 ? hm_cmd_fail("inspect", &err) : 0;
}
