/*
 * `hallmark verify-document`: a bare attestation document, for people who build
 * or debug verifiers. Says whether the document is authentic and what it holds;
 * that it vouches for any file is another question. A document whose chain or
 * signature is wrong is never shown: its fields are just somebody's words.
 *
 * A debug-mode document is authentic and still refused: whoever had the host
 * could write the enclave's memory, so its statements are the host's. The fields
 * are shown, with "authentic", since they are AWS's word; --allow-debug asks for
 * exactly that.
 */
#include <stdio.h>

#include "lib/hex.h"
#include "lib/io.h"
#include "lib/log.h"
#include "lib/path.h"
#include "lib/when.h"
#include "verifier/commands.h"
#include "verifier/view.h"
#include "verifier/settings.h"

/* Base64 is a third longer, and wrapped lines a little more. */
#define INPUT_MAX (2U * HM_NITRO_DOCUMENT_MAX)

static const char help[] =
"Usage: hallmark verify-document FILE|- [OPTIONS]\n"
"\n"
"Checks one AWS Nitro Enclaves attestation document (COSE_Sign1, as bytes or in\n"
"base64): structure, certificates at the document's own time, signature.\n";

struct outcome {
	enum hm_reason reason;
	bool authentic, hardware;
	char message[HM_CHECK_TEXT_MAX];
	struct hm_nitro_document doc;
};

struct arguments {
	struct hm_cli_list trust_roots;
	const char *format;
	bool allow_debug, quiet, help;
};

/* A COSE_Sign1 begins with an array of four, or with its tag before that. */
static bool is_cose(struct hm_slice s)
{
	return s.len > 0 && (s.ptr[0] == 0x84 || s.ptr[0] == 0xd2 ||
			     s.ptr[0] == 0x9f);
}

static int decode_base64(struct hm_slice text, struct hm_buf *out,
			 struct hm_err *err)
{
	AUTO_BUF struct hm_buf packed;
	int rc = HM_OK;

	hm_buf_init(&packed, INPUT_MAX);
	for (size_t i = 0; rc == HM_OK && i < text.len; i++)
		if (!strchr(" \t\r\n", text.ptr[i]) || text.ptr[i] == '\0')
			rc = hm_buf_add(&packed, &text.ptr[i], 1, err);
	if (rc == HM_OK)
		rc = hm_base64_decode_any(out, hm_buf_slice(&packed), err);
	if (rc == HM_E_FORMAT)
		return hm_fail(err, HM_E_FORMAT, 0,
			       "neither a COSE_Sign1 nor base64 of one");
	return rc;
}

static int refuse(struct outcome *o, enum hm_reason why,
		  const struct hm_err *err)
{
	o->reason = why;
	snprintf(o->message, sizeof(o->message), "%s", err->msg);
	return HM_OK;
}

static bool is_refusal(int rc)
{
	return rc == HM_E_FORMAT || rc == HM_E_POLICY || rc == HM_E_CRYPTO ||
	       rc == HM_E_TOO_LARGE;
}

static int check_root(const struct hm_nitro_document *doc,
		      const struct hm_root *roots, size_t count,
		      const struct hm_root **ret_root, struct hm_err *err)
{
	uint8_t sha256[HM_SHA256_LEN];
	struct hm_cert_info info;
	int rc = hm_sha256(doc->cabundle[0], sha256, err);

	*ret_root = NULL;
	for (size_t i = 0; rc == HM_OK && i < count; i++)
		if (memcmp(roots[i].sha256, sha256, sizeof(sha256)) == 0)
			*ret_root = &roots[i];
	if (rc != HM_OK || *ret_root)
		return rc;
	rc = hm_cert_info(doc->cabundle[0], &info, err);
	return hm_fail(err, HM_E_POLICY, 0, "the chain ends at %s, which is not "
		       "a root that you trust", rc == HM_OK ?
		       HM_ESC(hm_slice_str(info.subject)) :
		       "something that is no certificate");
}

static int examine(struct hm_slice document, const struct arguments *a,
		   struct outcome *o, struct hm_err *err)
{
	struct hm_root roots[HM_ROOTS_MAX] = {{ .kind = HM_ROOT_NITRO }};
	const struct hm_root *root;
	size_t count = 0;
	int rc;

	memcpy(roots[0].sha256, hm_nitro_root_g1, HM_SHA256_LEN);
	rc = hm_settings_roots(&a->trust_roots, roots, &count, err);
	if (rc != HM_OK)
		return rc;
	rc = hm_nitro_parse(document, &o->doc, err);
	if (is_refusal(rc))
		return refuse(o, rc == HM_E_POLICY ? HM_R_NOT_NITRO :
			      HM_R_MALFORMED, err);
	if (rc == HM_OK)
		rc = check_root(&o->doc, roots, count > 0 ? count : 1, &root,
				err);
	if (rc == HM_E_POLICY)
		return refuse(o, HM_R_FOREIGN_ROOT, err);
	if (rc == HM_OK)
		rc = hm_nitro_verify(&o->doc, root->sha256, err);
	if (is_refusal(rc))
		return refuse(o, rc == HM_E_POLICY ? HM_R_FOREIGN_ROOT :
			      HM_R_NOT_AUTHENTIC, err);
	if (rc != HM_OK)
		return rc;
	o->authentic = true;
	o->hardware = root->kind == HM_ROOT_NITRO;
	if (!hm_document_is_debug(&o->doc) || a->allow_debug)
		return HM_OK;
	(void)hm_fail(err, HM_E_POLICY, 0, "the enclave ran in debug mode (PCR0, "
		      "PCR1 and PCR2 are zero): its host could read and change "
		      "its memory");
	return refuse(o, HM_R_DEBUG, err);
}

static int write_json(const struct outcome *o, struct hm_buf *b,
		      struct hm_err *err)
{
	struct hm_json *fields = hm_json_new_object();
	AUTO_JSON struct hm_json *root = NULL;
	bool good = o->reason == HM_R_NONE;
	int rc;

	if (o->authentic) {
		hm_json_free(fields);
		fields = hm_document_json(&o->doc);
	}
	root = fields;
	(void)hm_json_set(root, "result",
			  hm_json_new_str(good ? "PASSED" : "FAILED"));
	(void)hm_json_set(root, "reason",
			  hm_json_new_str(hm_reason_name(o->reason)));
	(void)hm_json_set(root, "exit_code",
			  hm_json_new_integer(hm_reason_exit(o->reason)));
	(void)hm_json_set(root, "message", good ? hm_json_new_null() :
			  hm_json_new_str(o->message));
	(void)hm_json_set(root, "authentic", hm_json_new_bool(o->authentic));
	(void)hm_json_set(root, "hardware", hm_json_new_bool(o->hardware));
	rc = hm_json_write(root, HM_JSON_PRETTY, b, err);
	return rc == HM_OK ? hm_buf_add_str(b, "\n", err) : rc;
}

static int add_field(struct hm_buf *b, const char *name,
		     const struct hm_nitro_optional *f, struct hm_err *err)
{
	char hex[2 * 1024 + 1] = "(not set)";

	if (f->present && f->bytes.len <= 1024)
		hm_hex(f->bytes.ptr, f->bytes.len, hex);
	return hm_buf_addf(b, err, "%-11s %s\n", name,
			   f->present && f->bytes.len == 0 ? "(empty)" : hex);
}

static int write_text(const struct outcome *o, struct hm_buf *b,
		      struct hm_err *err)
{
	const struct hm_nitro_document *d = &o->doc;
	char when[HM_WHEN_MAX], hex[2 * HM_PCR_LEN + 1];
	int rc = HM_OK;

	if (!o->authentic)
		return hm_buf_addf(b, err, "FAILED: %s\n", o->message);
	if (!o->hardware)
		rc = hm_buf_add_str(b, "NO HARDWARE VOUCHES FOR THIS DOCUMENT: "
				    "its root is not AWS's.\n", err);
	if (rc == HM_OK)
		rc = hm_buf_addf(b, err, "%-11s %s\n%-11s %s\n", "module_id",
				 HM_ESC(d->module_id), "timestamp",
				 hm_when((int64_t)d->timestamp_ms, when));
	for (size_t i = 0; rc == HM_OK && i < HM_NITRO_PCRS; i++) {
		if (!d->has_pcr[i])
			continue;
		hm_hex(d->pcr[i], HM_PCR_LEN, hex);
		rc = hm_buf_addf(b, err, "PCR%-8zu %s %s\n", i, hex,
				 hm_pcr_name(i));
	}
	if (rc == HM_OK)
		rc = add_field(b, "public_key", &d->public_key, err);
	if (rc == HM_OK)
		rc = add_field(b, "user_data", &d->user_data, err);
	if (rc == HM_OK)
		rc = add_field(b, "nonce", &d->nonce, err);
	if (rc != HM_OK)
		return rc;
	return o->reason == HM_R_NONE ? hm_buf_add_str(b, "PASSED\n", err) :
	       hm_buf_addf(b, err, "FAILED: %s\n", o->message);
}

static int read_input(const char *path, struct hm_buf *b, struct hm_err *err)
{
	if (strcmp(path, "-") == 0)
		return hm_io_read_to_end(STDIN_FILENO, b, HM_NO_DEADLINE, err);
	return hm_file_read_user(path, b, err);
}

static int run(const struct arguments *a, const char *path, struct hm_err *err)
{
	AUTO_BUF struct hm_buf input, decoded, out;
	struct outcome o = {0};
	struct hm_slice document;
	int rc;

	hm_buf_init(&input, INPUT_MAX);
	hm_buf_init(&decoded, INPUT_MAX);
	hm_buf_init(&out, 1U << 20);
	rc = read_input(path, &input, err);
	document = hm_buf_slice(&input);
	if (rc == HM_OK && !is_cose(document)) {
		rc = decode_base64(document, &decoded, err);
		document = hm_buf_slice(&decoded);
	}
	if (is_refusal(rc))
		rc = refuse(&o, HM_R_MALFORMED, err);
	else if (rc == HM_OK)
		rc = examine(document, a, &o, err);
	if (rc == HM_OK && !a->quiet)
		rc = strcmp(a->format, "json") == 0 ? write_json(&o, &out, err) :
						      write_text(&o, &out, err);
	if (rc == HM_OK)
		rc = hm_cmd_print(hm_buf_slice(&out), err);
	if (rc == HM_OK && a->quiet && o.reason != HM_R_NONE)
		hm_log(HM_LOG_ERROR, "FAILED: %s", o.message);
	return rc == HM_OK ? hm_reason_exit(o.reason) : rc;
}

int hm_cmd_verify_document(int argc, char **argv)
{
	struct arguments a = { .format = "text" };
	const struct hm_cli_option options[] = {
		{ "trust-root", 0, HM_CLI_LIST, "PEM",
		  "trust this root in place of AWS's", &a.trust_roots, 0, 0 },
		{ "format", 0, HM_CLI_STRING, "text|json", "form of the report",
		  &a.format, 0, 0 },
		{ "allow-debug", 0, HM_CLI_FLAG, NULL,
		  "let an authentic document of a debug enclave pass",
		  &a.allow_debug, 0, 0 },
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
	if (rc == HM_OK && operands != 1)
		rc = hm_fail(&err, HM_E_USAGE, 0, "name one document, or \"-\"");
	if (rc == HM_OK && strcmp(a.format, "text") != 0 &&
	    strcmp(a.format, "json") != 0)
		rc = hm_fail(&err, HM_E_USAGE, 0, "--format is text or json");
	if (rc == HM_OK)
		rc = run(&a, argv[0], &err);
	return rc < 0 ? hm_cmd_fail("verify-document", &err) : rc;
}
