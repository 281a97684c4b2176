/*
 * `runner-hook image assemble` and `sign`. Nothing of the day, the machine or
 * the directory goes into an image: the same inputs give the same bytes, but for
 * the signature. The output appears under its name when it is complete.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "lib/cli.h"
#include "lib/io.h"
#include "lib/log.h"
#include "lib/num.h"
#include "lib/path.h"
#include "lib/when.h"
#include "runner-hook/image.h"

/* Linux cuts the command line at 2,048 with its NUL, on both architectures. */
#define CMDLINE_MAX 2047U
/* A private key or certificate in PEM. */
#define PEM_FILE_MAX 16384U
/* Year 9999: the last that RFC 3339 can write. */
#define EPOCH_MAX 253402300799ULL

struct arguments {
	const char *kernel, *cmdline, *name, *version, *arch, *output;
	const char *sign_key, *sign_cert, *format;
	struct hm_cli_list ramdisks;
	bool json, help;
};

/* --- the output file --------------------------------------------------------- */

struct output {
	char *temp;
	int fd;
};

static void output_release(struct output *o)
{
	if (o->temp)
		(void)unlink(o->temp);
	free(o->temp);
	hm_cleanup_fd(&o->fd);
}

static int output_open(const char *path, struct output *o, struct hm_err *err)
{
	struct stat st;

	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return hm_fail(err, HM_E_POLICY, 0,
			       "--output %s exists and is not a regular file",
			       HM_ESC(hm_slice_str(path)));
	if (asprintf(&o->temp, "%s.partial.%d", path, getpid()) < 0) {
		o->temp = NULL;
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "output");
	}
	o->fd = open(o->temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
		     0644);
	if (o->fd < 0) {
		int error = errno;

		free(HM_TAKE_PTR(o->temp));	/* not ours to remove */
		return hm_fail(err, HM_E_SYSTEM, error, "create %s",
			       HM_ESC(hm_slice_str(path)));
	}
	return HM_OK;
}

static int output_finish(const char *path, struct output *o, struct hm_err *err)
{
	if (fsync(o->fd) < 0 || rename(o->temp, path) < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "write %s",
			       HM_ESC(hm_slice_str(path)));
	free(HM_TAKE_PTR(o->temp));
	return HM_OK;
}

/* --- signing ----------------------------------------------------------------- */

struct signing {
	struct hm_key *key;
	struct hm_buf cert;
};

static void signing_release(struct signing *s)
{
	hm_key_cleanup(&s->key);
	hm_buf_release(&s->cert);
}

static int read_signing(const struct arguments *a, struct signing *s,
			struct hm_err *err)
{
	AUTO_BUF struct hm_buf pem;
	int rc;

	hm_buf_init(&s->cert, PEM_FILE_MAX);
	hm_buf_init_secret(&pem, PEM_FILE_MAX);
	rc = hm_file_read_user(a->sign_key, &pem, err);
	if (rc == HM_OK)
		rc = hm_key_from_private_pem(hm_buf_slice(&pem), &s->key, err);
	if (rc != HM_OK)
		return hm_err_prefix(err, "--sign-key");
	rc = hm_file_read_user(a->sign_cert, &s->cert, err);
	return rc != HM_OK ? hm_err_prefix(err, "--sign-cert") : HM_OK;
}

/* Writes the plan, signed when there is a key; prints what it measures to. */
static int make_image(const struct arguments *a, struct hm_eif_plan *plan,
		      const struct hm_eif *same, struct hm_err *err)
{
	HM_CLEANUP(output_release) struct output out = {.temp = NULL, .fd = -1};
	HM_CLEANUP(signing_release) struct signing s = {.key = NULL};
	AUTO_EIF struct hm_eif e = {.version = 0};
	const char *problem;
	int rc = HM_OK;

	if (a->sign_key) {
		rc = read_signing(a, &s, err);
		plan->key = s.key;
		plan->cert_pem = hm_buf_slice(&s.cert);
	}
	if (rc == HM_OK)
		rc = output_open(a->output, &out, err);
	if (rc == HM_OK)
		rc = hm_eif_write(plan, out.fd, &e, err);
	if (rc != HM_OK)
		return rc;
	if (same && memcmp(same->pcr, e.pcr, sizeof(e.pcr)) != 0)
		return hm_fail(err, HM_E_SYSTEM, 0,
			       "the image changed while it was read");
	problem = hm_image_signer_problem(&e, hm_wall_ms());
	if (problem)
		return hm_fail(err, HM_E_POLICY, 0,
			       "the signing certificate is %s: no enclave would start",
			       problem);
	rc = output_finish(a->output, &out, err);
	return rc != HM_OK ? rc : hm_image_print_pcrs(&e, a->json, err);
}

/* --- assemble ---------------------------------------------------------------- */

static const char assemble_help[] =
"Usage: runner-hook image assemble --kernel FILE --cmdline TEXT --ramdisk FILE...\n"
"           [--sign-key FILE --sign-cert FILE] [OPTIONS] -o FILE\n"
"\n"
"Makes an enclave image (version 4) and prints its PCRs. The same inputs give the\n"
"same bytes anywhere and at any time, but for the signature. The time in the\n"
"metadata is SOURCE_DATE_EPOCH, or 1970.\n";

static int epoch_ms(int64_t *ret_ms, struct hm_err *err)
{
	const char *text = getenv("SOURCE_DATE_EPOCH");
	uint64_t s = 0;

	if (text && !hm_parse_u64(hm_slice_str(text), EPOCH_MAX, &s))
		return hm_fail(err, HM_E_USAGE, 0,
			       "SOURCE_DATE_EPOCH: not seconds since 1970");
	*ret_ms = (int64_t)s * 1000;
	return HM_OK;
}

/* The keys that AWS's reader wants, in its order. */
static int metadata_write(const struct arguments *a, struct hm_buf *b,
			  struct hm_err *err)
{
	AUTO_JSON struct hm_json *v = hm_json_new_object();
	struct hm_json *build = hm_json_new_object();
	const struct {
		const char *key, *value;
	} fields[] = {
		{"BuildTool", "runner-hook"},
		{"BuildToolVersion", HM_VERSION},
		{"OperatingSystem", "Linux"},
		{"KernelVersion", "unknown"},
	};
	char when[HM_WHEN_MAX];
	int64_t ms = 0;
	int rc = epoch_ms(&ms, err);

	(void)hm_json_set(build, "BuildTime", hm_json_new_str(hm_when(ms, when)));
	for (size_t i = 0; i < HM_ARRAY_LEN(fields); i++)
		(void)hm_json_set(build, fields[i].key,
				  hm_json_new_str(fields[i].value));
	(void)hm_json_set(v, "ImageName", hm_json_new_str(a->name));
	(void)hm_json_set(v, "ImageVersion", hm_json_new_str(a->version));
	(void)hm_json_set(v, "BuildMetadata", build);
	(void)hm_json_set(v, "DockerInfo", hm_json_new_object());
	(void)hm_json_set(v, "CustomMetadata", hm_json_new_object());
	return rc != HM_OK ? rc : hm_json_write(v, HM_JSON_COMPACT, b, err);
}

static int check_assemble(struct arguments *a, size_t operands,
			  struct hm_err *err)
{
	struct hm_slice cmdline = hm_slice_str(a->cmdline);
	int rc = hm_image_format(a->format, &a->json, err);

	if (rc != HM_OK)
		return rc;
	if (operands != 0)
		return hm_fail(err, HM_E_USAGE, 0, "there are no operands");
	if (!a->kernel || !a->cmdline || a->ramdisks.count == 0 || !a->output)
		return hm_fail(err, HM_E_USAGE, 0,
			       "--kernel, --cmdline, --ramdisk and --output are needed");
	if (!a->sign_key != !a->sign_cert)
		return hm_fail(err, HM_E_USAGE, 0,
			       "--sign-key and --sign-cert go together");
	if (!hm_slice_is_text(cmdline))
		return hm_fail(err, HM_E_USAGE, 0,
			       "--cmdline: control characters, or not UTF-8");
	if (cmdline.len > CMDLINE_MAX)
		return hm_fail(err, HM_E_USAGE, 0,
			       "--cmdline: %zu bytes; Linux cuts it at %u",
			       cmdline.len, CMDLINE_MAX);
	if (strcmp(a->arch, "x86_64") != 0 && strcmp(a->arch, "aarch64") != 0)
		return hm_fail(err, HM_E_USAGE, 0, "--arch is x86_64 or aarch64");
	if (!hm_slice_is_text(hm_slice_str(a->name)) ||
	    !hm_slice_is_text(hm_slice_str(a->version)))
		return hm_fail(err, HM_E_USAGE, 0,
			       "--name, --version: control characters, or not UTF-8");
	return HM_OK;
}

static int add_file(struct hm_eif_plan *plan, enum hm_eif_type type,
		    const char *path, int *ret_fd, struct hm_err *err)
{
	int rc;

	/* O_NONBLOCK: a FIFO must not hang us before it is refused. */
	*ret_fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (*ret_fd < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "%s",
			       HM_ESC(hm_slice_str(path)));
	rc = hm_eif_plan_file(plan, type, *ret_fd, err);
	return rc != HM_OK ?
	       hm_err_prefix(err, "%s", HM_ESC(hm_slice_str(path))) : HM_OK;
}

static int assemble(const struct arguments *a, struct hm_err *err)
{
	AUTO_BUF struct hm_buf metadata;
	struct hm_eif_plan plan;
	int fds[1 + HM_CLI_LIST_MAX];
	size_t count = 0;
	int rc;

	hm_buf_init(&metadata, HM_EIF_METADATA_MAX);
	hm_eif_plan_init(&plan);
	plan.arm64 = strcmp(a->arch, "aarch64") == 0;
	rc = metadata_write(a, &metadata, err);
	if (rc == HM_OK)
		rc = add_file(&plan, HM_EIF_KERNEL, a->kernel, &fds[count++],
			      err);
	if (rc == HM_OK)
		rc = hm_eif_plan_bytes(&plan, HM_EIF_CMDLINE,
				       hm_slice_str(a->cmdline), err);
	if (rc == HM_OK)
		rc = hm_eif_plan_bytes(&plan, HM_EIF_METADATA,
				       hm_buf_slice(&metadata), err);
	for (size_t i = 0; rc == HM_OK && i < a->ramdisks.count; i++)
		rc = add_file(&plan, HM_EIF_RAMDISK, a->ramdisks.items[i],
			      &fds[count++], err);
	if (rc == HM_OK)
		rc = make_image(a, &plan, NULL, err);
	for (size_t i = 0; i < count; i++)
		hm_cleanup_fd(&fds[i]);
	return rc;
}

int hm_image_cmd_assemble(int argc, char **argv)
{
	struct arguments a = {.name = "hallmark", .version = "0",
			      .arch = "x86_64", .format = "text"};
	const struct hm_cli_option options[] = {
		{"kernel", 0, HM_CLI_STRING, "FILE", "bzImage, or Image for aarch64",
		 &a.kernel, 0, 0},
		{"cmdline", 0, HM_CLI_STRING, "TEXT", "kernel command line",
		 &a.cmdline, 0, 0},
		{"ramdisk", 0, HM_CLI_LIST, "FILE",
		 "cpio archive (repeatable; the first is in PCR1, the others in PCR2)",
		 &a.ramdisks, 0, 0},
		{"output", 'o', HM_CLI_STRING, "FILE", "the image", &a.output, 0,
		 0},
		{"arch", 0, HM_CLI_STRING, "ARCH", "x86_64 (default) or aarch64",
		 &a.arch, 0, 0},
		{"name", 0, HM_CLI_STRING, "TEXT", "name in the metadata", &a.name,
		 0, 0},
		{"version", 0, HM_CLI_STRING, "TEXT", "version in the metadata",
		 &a.version, 0, 0},
		{"sign-key", 0, HM_CLI_STRING, "FILE", "private key (PEM) to sign with",
		 &a.sign_key, 0, 0},
		{"sign-cert", 0, HM_CLI_STRING, "FILE", "its certificate (PEM)",
		 &a.sign_cert, 0, 0},
		{"format", 0, HM_CLI_STRING, "text|json", "form of the output",
		 &a.format, 0, 0},
		{"help", 'h', HM_CLI_FLAG, NULL, "show this help", &a.help, 0, 0},
	};
	struct hm_err err = {0};
	size_t operands = 0;
	int rc = hm_cli_parse(options, HM_ARRAY_LEN(options), argc, argv,
			      &operands, &err);

	if (rc == HM_OK && a.help) {
		(void)printf("%s\n", assemble_help);
		hm_cli_print_options(options, HM_ARRAY_LEN(options));
		return 0;
	}
	if (rc == HM_OK)
		rc = check_assemble(&a, operands, &err);
	if (rc == HM_OK)
		rc = assemble(&a, &err);
	return hm_image_end(rc, "assemble", &err);
}

/* --- sign -------------------------------------------------------------------- */

static const char sign_help[] =
"Usage: runner-hook image sign --sign-key FILE --sign-cert FILE -o FILE IMAGE\n"
"\n"
"Copies a good image and signs it; an older signature is replaced. PCR0, PCR1 and\n"
"PCR2 stay what they were. Input and output may be the same file.\n";

static int sign(const struct arguments *a, const char *path, struct hm_err *err)
{
	AUTO_EIF struct hm_eif e = {.version = 0};
	AUTO_CLOSE int fd = -1;
	struct hm_eif_plan plan;
	int rc = hm_image_open(path, &fd, &e, err);

	hm_eif_plan_init(&plan);
	if (rc == HM_OK)
		rc = hm_eif_plan_image(&plan, &e, fd, err);
	return rc != HM_OK ? rc : make_image(a, &plan, &e, err);
}

int hm_image_cmd_sign(int argc, char **argv)
{
	struct arguments a = {.format = "text"};
	const struct hm_cli_option options[] = {
		{"sign-key", 0, HM_CLI_STRING, "FILE", "private key (PEM)",
		 &a.sign_key, 0, 0},
		{"sign-cert", 0, HM_CLI_STRING, "FILE", "its certificate (PEM)",
		 &a.sign_cert, 0, 0},
		{"output", 'o', HM_CLI_STRING, "FILE", "the signed image",
		 &a.output, 0, 0},
		{"format", 0, HM_CLI_STRING, "text|json", "form of the output",
		 &a.format, 0, 0},
		{"help", 'h', HM_CLI_FLAG, NULL, "show this help", &a.help, 0, 0},
	};
	struct hm_err err = {0};
	size_t operands = 0;
	int rc = hm_cli_parse(options, HM_ARRAY_LEN(options), argc, argv,
			      &operands, &err);

	if (rc == HM_OK && a.help) {
		(void)printf("%s\n", sign_help);
		hm_cli_print_options(options, HM_ARRAY_LEN(options));
		return 0;
	}
	if (rc == HM_OK)
		rc = hm_image_format(a.format, &a.json, &err);
	if (rc == HM_OK && (operands != 1 || !a.sign_key || !a.sign_cert ||
			    !a.output))
		rc = hm_fail(&err, HM_E_USAGE, 0,
			     "--sign-key, --sign-cert, --output and one IMAGE are needed");
	if (rc == HM_OK)
		rc = sign(&a, argv[0], &err);
	return hm_image_end(rc, "sign", &err);
}
