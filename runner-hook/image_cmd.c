/*
 * `runner-hook image`: the table of verbs, what they share, and the measuring
 * one. Images come from anywhere: lib/eif.c distrusts them, and what is printed
 * of them is escaped.
 */
#include <fcntl.h>
#include <stdio.h>

#include "lib/cli.h"
#include "lib/hex.h"
#include "lib/io.h"
#include "lib/log.h"
#include "runner-hook/image.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *about;
} verbs[] = {
	{"measure", hm_image_cmd_measure, "print the PCRs of an image"},
	{"inspect", hm_image_cmd_inspect, "show what an image is made of"},
	{"assemble", hm_image_cmd_assemble,
	 "make an image of kernel, command line and ramdisks"},
	{"sign", hm_image_cmd_sign, "sign an image, or sign it again"},
};

static int usage(void)
{
	(void)printf("Usage: runner-hook image VERB [OPTIONS] ...\n\n"
		     "Enclave images (EIF): what they measure to, and making "
		     "them.\n\n");
	for (size_t i = 0; i < HM_ARRAY_LEN(verbs); i++)
		(void)printf("  %-14s %s\n", verbs[i].name, verbs[i].about);
	(void)printf("\nrunner-hook image VERB --help says more.\n");
	return 0;
}

int hm_cmd_image(int argc, char **argv)
{
	const char *name = argc > 0 ? argv[0] : NULL;

	if (name && (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0))
		return usage();
	if (!name) {
		hm_log(HM_LOG_ERROR,
		       "image: name a verb; see runner-hook image --help");
		return 2;
	}
	for (size_t i = 0; i < HM_ARRAY_LEN(verbs); i++)
		if (strcmp(name, verbs[i].name) == 0)
			return verbs[i].run(argc - 1, argv + 1);
	hm_log(HM_LOG_ERROR,
	       "image: there is no verb '%s'; see runner-hook image --help",
	       HM_ESC(hm_slice_str(name)));
	return 2;
}

int hm_image_end(int rc, const char *verb, const struct hm_err *err)
{
	if (rc == HM_OK)
		return 0;
	hm_log(HM_LOG_ERROR, "image %s: %s", verb, err->msg);
	if (rc == HM_E_USAGE)
		(void)fprintf(stderr, "see runner-hook image %s --help\n", verb);
	return hm_code_exit(err->code);
}

int hm_image_format(const char *format, bool *ret_json, struct hm_err *err)
{
	bool json = strcmp(format, "json") == 0;

	if (!json && strcmp(format, "text") != 0)
		return hm_fail(err, HM_E_USAGE, 0, "--format is text or json");
	*ret_json = json;
	return HM_OK;
}

int hm_image_open(const char *path, int *ret_fd, struct hm_eif *ret,
		  struct hm_err *err)
{
	/* O_NONBLOCK: wait for a FIFO's writer in poll(2), where signals end it. */
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int rc;

	if (fd < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "%s",
			       HM_ESC(hm_slice_str(path)));
	rc = hm_eif_read(fd, ret, err);
	if (rc != HM_OK)
		return hm_err_prefix(err, "%s", HM_ESC(hm_slice_str(path)));
	*ret_fd = HM_TAKE_FD(fd);
	return HM_OK;
}

const char *hm_image_signer_problem(const struct hm_eif *e, int64_t at_ms)
{
	if (!e->has_signature)
		return NULL;
	if (at_ms > e->signer.not_after_ms)
		return "expired";
	return at_ms < e->signer.not_before_ms ? "not yet valid" : NULL;
}

struct hm_json *hm_image_pcrs(const struct hm_eif *e)
{
	struct hm_json *v = hm_json_new_object();
	char hex[2 * HM_SHA384_LEN + 1], key[8];

	for (size_t i = 0; v && i < HM_EIF_PCRS; i++) {
		(void)snprintf(key, sizeof(key), "PCR%zu", i);
		hm_hex(e->pcr[i], HM_SHA384_LEN, hex);
		(void)hm_json_set(v, key, hm_json_new_str(hex));
	}
	if (v && e->has_signature) {
		hm_hex(e->pcr8, HM_SHA384_LEN, hex);
		(void)hm_json_set(v, "PCR8", hm_json_new_str(hex));
	}
	return v;
}

int hm_image_print_json(const struct hm_json *v, struct hm_err *err)
{
	AUTO_BUF struct hm_buf text;
	int rc;

	/* Metadata at their largest, escaped, and a little around them. */
	hm_buf_init(&text, 8U * HM_EIF_METADATA_MAX);
	rc = hm_json_write(v, HM_JSON_PRETTY, &text, err);
	if (rc == HM_OK)
		(void)printf("%.*s\n", (int)text.len, (const char *)text.data);
	return rc;
}

int hm_image_print_pcrs(const struct hm_eif *e, bool json, struct hm_err *err)
{
	AUTO_JSON struct hm_json *v = hm_image_pcrs(e);
	const struct hm_json *pcr;
	const char *key = NULL;

	if (json || !v)
		return hm_image_print_json(v, err);
	for (pcr = hm_json_next(v, &key); pcr; pcr = hm_json_next(v, &key))
		(void)printf("%s: %s\n", key, hm_json_string(pcr));
	return HM_OK;
}

/* --- measure ----------------------------------------------------------------- */

static const char measure_help[] =
"Usage: runner-hook image measure [--format json] FILE\n"
"\n"
"Checks every rule of the format (schema/eif.md) and prints PCR0, PCR1, PCR2,\n"
"and PCR8 when the image is signed. A bad image is refused with the reason. An\n"
"expired signing certificate is warned about: it does not change what the image\n"
"measures to, but enclaves do not start with it.\n";

static int measure(const char *path, const char *format, struct hm_err *err)
{
	AUTO_EIF struct hm_eif e = {.version = 0};
	AUTO_CLOSE int fd = -1;
	const char *problem;
	bool json = false;
	int rc = hm_image_format(format, &json, err);

	if (rc == HM_OK)
		rc = hm_image_open(path, &fd, &e, err);
	if (rc != HM_OK)
		return rc;
	problem = hm_image_signer_problem(&e, hm_wall_ms());
	if (problem)
		hm_log(HM_LOG_WARN,
		       "%s: the signing certificate is %s, ignoring that",
		       HM_ESC(hm_slice_str(path)), problem);
	return hm_image_print_pcrs(&e, json, err);
}

int hm_image_cmd_measure(int argc, char **argv)
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
		(void)printf("%s\n", measure_help);
		hm_cli_print_options(options, HM_ARRAY_LEN(options));
		return 0;
	}
	if (rc == HM_OK && operands != 1)
		rc = hm_fail(&err, HM_E_USAGE, 0, "one FILE is needed");
	if (rc == HM_OK)
		rc = measure(argv[0], format, &err);
	return hm_image_end(rc, "measure", &err);
}
