/*
 * `runner-hook image inspect`: what an image is made of, for people and as JSON.
 * It shows what the image says of itself apart from what is measured: nobody
 * vouches for the metadata.
 */
#include <stdio.h>

#include "lib/cli.h"
#include "lib/hex.h"
#include "lib/io.h"
#include "lib/log.h"
#include "lib/when.h"
#include "runner-hook/image.h"

static const char help_text[] =
"Usage: runner-hook image inspect [--format json] FILE\n"
"\n"
"Shows sections, command line, PCRs, signing certificate and metadata of an image\n"
"that keeps every rule of the format; any other is refused with the reason.\n";

static const char *key_name(enum hm_key_kind kind)
{
	switch (kind) {
	case HM_KEY_P256:
		return "P-256";
	case HM_KEY_P384:
		return "P-384";
	case HM_KEY_P521:
		return "P-521";
	case HM_KEY_ED25519:
	case HM_KEY_OTHER:
		break;
	}
	return "other";	/* no such signature verifies */
}

struct view {
	const struct hm_eif *e;
	const struct hm_json *metadata;	/* NULL before version 4 */
	char sha256[2 * HM_SHA256_LEN + 1];
	int64_t now_ms;
};

static const char *signer_status(const struct view *v)
{
	const char *problem = hm_image_signer_problem(v->e, v->now_ms);

	return problem ? problem : "valid now";
}

/* --- JSON -------------------------------------------------------------------- */

static void set_str(struct hm_json *o, const char *key, const char *s)
{
	(void)hm_json_set(o, key, hm_json_new_str(s));
}

static struct hm_json *json_sections(const struct hm_eif *e)
{
	struct hm_json *list = hm_json_new_array();

	for (size_t i = 0; list && i < e->section_count; i++) {
		const struct hm_eif_section *s = &e->sections[i];
		struct hm_json *o = hm_json_new_object();

		set_str(o, "type", hm_eif_type_name(s->type));
		(void)hm_json_set(o, "offset",
				  hm_json_new_integer((int64_t)s->offset));
		(void)hm_json_set(o, "size",
				  hm_json_new_integer((int64_t)s->size));
		(void)hm_json_append(list, o);
	}
	return list;
}

static struct hm_json *json_signer(const struct view *v)
{
	const struct hm_cert_info *c = &v->e->signer;
	struct hm_json *o = hm_json_new_object();
	char when[HM_WHEN_MAX], hex[2 * HM_SHA256_LEN + 1];

	hm_hex(c->sha256, HM_SHA256_LEN, hex);
	set_str(o, "subject", c->subject);
	set_str(o, "issuer", c->issuer);
	set_str(o, "not_before", hm_when(c->not_before_ms, when));
	set_str(o, "not_after", hm_when(c->not_after_ms, when));
	set_str(o, "key", key_name(v->e->signer_key));
	set_str(o, "sha256", hex);
	set_str(o, "status", signer_status(v));
	return o;
}

/* As it is; numbers that our writer has no form for make it a string. */
static struct hm_json *json_metadata(const struct view *v)
{
	AUTO_BUF struct hm_buf text;

	hm_buf_init(&text, 8U * HM_EIF_METADATA_MAX);
	return hm_json_write(v->metadata, HM_JSON_COMPACT, &text, NULL) == HM_OK ?
	       hm_json_copy(v->metadata) :
	       hm_json_new_string(hm_buf_slice(&v->e->metadata));
}

/* The command line may be any bytes: shown escaped, whatever the form. */
static int cmdline_text(const struct hm_eif *e, struct hm_buf *b,
			const char **ret_text, struct hm_err *err)
{
	int rc = hm_escape_add(b, hm_buf_slice(&e->cmdline), err);

	return rc != HM_OK ? rc : hm_buf_cstr(b, ret_text, err);
}

static int print_json(const struct view *v, const char *cmdline,
		      struct hm_err *err)
{
	AUTO_JSON struct hm_json *o = hm_json_new_object();
	const struct hm_eif *e = v->e;

	(void)hm_json_set(o, "size", hm_json_new_integer((int64_t)e->size));
	set_str(o, "sha256", v->sha256);
	(void)hm_json_set(o, "version", hm_json_new_integer(e->version));
	set_str(o, "arch", e->arm64 ? "aarch64" : "x86_64");
	(void)hm_json_set(o, "sections", json_sections(e));
	set_str(o, "cmdline", cmdline);
	(void)hm_json_set(o, "measurements", hm_image_pcrs(e));
	if (e->has_signature)
		(void)hm_json_set(o, "signer", json_signer(v));
	if (v->metadata)
		(void)hm_json_set(o, "metadata", json_metadata(v));
	return hm_image_print_json(o, err);
}

/* --- text -------------------------------------------------------------------- */

static void print_field(const struct hm_json *o, const char *key,
			const char *label)
{
	const char *s = hm_json_get_string(o, key);

	if (s)
		(void)printf("  %-12s %s\n", label, HM_ESC(hm_slice_str(s)));
}

static void print_metadata(const struct hm_json *m)
{
	const struct hm_json *build = hm_json_get(m, "BuildMetadata");

	(void)printf("what it says of itself (not measured, nobody vouches for it):\n");
	print_field(m, "ImageName", "name");
	print_field(m, "ImageVersion", "version");
	print_field(build, "BuildTime", "built");
	print_field(build, "BuildTool", "tool");
	print_field(build, "BuildToolVersion", "tool version");
	print_field(build, "OperatingSystem", "system");
	print_field(build, "KernelVersion", "kernel");
}

static void print_signer(const struct view *v)
{
	const struct hm_cert_info *c = &v->e->signer;
	char from[HM_WHEN_MAX], to[HM_WHEN_MAX];

	if (!v->e->has_signature) {
		(void)printf("signature: none\n");
		return;
	}
	(void)printf("signature: over PCR0, by the certificate's %s key\n"
		     "  subject      %s\n  issuer       %s\n"
		     "  valid        %s to %s\n  status       %s\n",
		     key_name(v->e->signer_key),
		     HM_ESC(hm_slice_str(c->subject)),
		     HM_ESC(hm_slice_str(c->issuer)),
		     hm_when(c->not_before_ms, from),
		     hm_when(c->not_after_ms, to), signer_status(v));
	if (hm_image_signer_problem(v->e, v->now_ms))
		(void)printf("  enclaves do not start with this certificate: "
			     "sign the image again\n");
}

static int print_text(const struct view *v, const char *cmdline,
		      struct hm_err *err)
{
	const struct hm_eif *e = v->e;
	int rc;

	(void)printf("enclave image, version %u, %s, %llu bytes\nsha256: %s\n"
		     "sections:\n", e->version,
		     e->arm64 ? "aarch64" : "x86_64",
		     (unsigned long long)e->size, v->sha256);
	for (size_t i = 0; i < e->section_count; i++)
		(void)printf("  %-12s %12llu bytes at %llu\n",
			     hm_eif_type_name(e->sections[i].type),
			     (unsigned long long)e->sections[i].size,
			     (unsigned long long)e->sections[i].offset);
	(void)printf("command line: %s\n", cmdline);
	rc = hm_image_print_pcrs(e, false, err);
	if (rc != HM_OK)
		return rc;
	print_signer(v);
	if (v->metadata)
		print_metadata(v->metadata);
	return HM_OK;
}

static int inspect(const char *path, const char *format, struct hm_err *err)
{
	AUTO_JSON struct hm_json *metadata = NULL;
	AUTO_EIF struct hm_eif e = {.version = 0};
	AUTO_CLOSE int fd = -1;
	AUTO_BUF struct hm_buf escaped;
	uint8_t sha256[HM_SHA256_LEN];
	const char *cmdline = "";
	struct view v = {.e = &e, .now_ms = hm_wall_ms()};
	bool json = false;
	int rc = hm_image_format(format, &json, err);

	/* Four characters at most for each byte. */
	hm_buf_init(&escaped, 4U * HM_EIF_CMDLINE_MAX + 1);
	if (rc == HM_OK)
		rc = hm_image_open(path, &fd, &e, err);
	if (rc == HM_OK && lseek(fd, 0, SEEK_SET) < 0)
		rc = hm_fail(err, HM_E_SYSTEM, errno, "seek");
	if (rc == HM_OK)
		rc = hm_sha256_fd(fd, sha256, NULL, err);
	if (rc == HM_OK && e.metadata.len > 0)
		rc = hm_json_parse(hm_buf_slice(&e.metadata),
				   HM_EIF_METADATA_MAX, &metadata, err);
	if (rc == HM_OK)
		rc = cmdline_text(&e, &escaped, &cmdline, err);
	if (rc != HM_OK)
		return rc;
	hm_hex(sha256, sizeof(sha256), v.sha256);
	v.metadata = metadata;
	return json ? print_json(&v, cmdline, err) : print_text(&v, cmdline, err);
}

int hm_image_cmd_inspect(int argc, char **argv)
{
	const char *format = "text";
	bool help = false;
	const struct hm_cli_option options[] = {
		{"format", 0, HM_CLI_STRING, "text|json", "form of the output",
		 &format, 0, 0},
		{"help", 'h', HM_CLI_FLAG, NULL, "show this help", &help, 0, 0},
	};
	struct hm_err err = {0};
	size_t operands = 0;
	int rc = hm_cli_parse(options, HM_ARRAY_LEN(options), argc, argv,
			      &operands, &err);

	if (rc == HM_OK && help) {
		(void)printf("%s\n", help_text);
		hm_cli_print_options(options, HM_ARRAY_LEN(options));
		return 0;
	}
	if (rc == HM_OK && operands != 1)
		rc = hm_fail(&err, HM_E_USAGE, 0, "one FILE is needed");
	if (rc == HM_OK)
		rc = inspect(argv[0], format, &err);
	return hm_image_end(rc, "inspect", &err);
}
