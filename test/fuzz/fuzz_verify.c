/*
 * The whole verifier on anything at all: intake, every check, every report. Root
 * and image are whichever the input brings along, so that the fuzzer gets past
 * them, and both kinds of root are tried. Properties: nothing is accepted without
 * all its parts; reports are written whatever came in, and the JSON one parses;
 * the page has no markup but ours.
 */
#include <sys/mman.h>

#include "lib/io.h"
#include "verifier/view.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OUT_MAX (64U << 20)

static void must(int rc, const struct hm_err *err)
{
	if (rc != HM_OK && rc != HM_E_NOMEM) {
		fprintf(stderr, "%s\n", err->msg);
		abort();
	}
}

static void views(const struct hm_view *r, struct hm_err *err)
{
	int (*const all[])(const struct hm_view *, struct hm_buf *,
			   struct hm_err *) = {
		hm_view_text, hm_view_json, hm_inspect_text, hm_view_html,
	};

	for (size_t i = 0; i < HM_ARRAY_LEN(all); i++) {
		AUTO_JSON struct hm_json *root = NULL;
		AUTO_BUF struct hm_buf out;

		hm_buf_init(&out, OUT_MAX);
		must(all[i](r, &out, err), err);
		if (all[i] == hm_view_json)
			must(hm_json_parse(hm_buf_slice(&out), OUT_MAX, &root,
					   err), err);
		if (all[i] == hm_view_html)
			HM_BUG_ON(memmem(out.data, out.len, "<script", 7));
		for (size_t k = 0; k < out.len; k++)
			HM_BUG_ON(out.data[k] == 0x1b);
	}
}

static void verify(const struct hm_intake *in, const struct hm_root *root,
		   const struct hm_nitro_document *doc)
{
	struct hm_expect want = {
		.any_source = true,
		.now_ms = 1800000000000,
		.root_count = root ? 1 : 0,
	};
	AUTO_VERDICT struct hm_verdict v;
	struct hm_view view = { .in = in, .want = &want, .v = &v };
	struct hm_root other;
	struct hm_err err = {0};

	hm_verdict_init(&v);
	if (root)
		want.roots[0] = *root;
	for (size_t i = 0; doc && i < HM_IMAGE_PCRS; i++) {
		want.pin.has[i] = true;
		memcpy(want.pin.pcr[i], doc->pcr[i], HM_PCR_LEN);
	}
	must(hm_verify(in, &want, &v, &err), &err);
	HM_BUG_ON(v.accepted != (v.reason == HM_R_NONE));
	HM_BUG_ON(v.accepted && (!v.has_document || !v.has_evidence ||
				 !v.has_provenance || !v.key || !root));
	views(&view, &err);
	if (root || !v.has_document)
		return;
	must(hm_sha256(v.document.cabundle[0], other.sha256, &err), &err);
	other.kind = HM_ROOT_NITRO;
	verify(in, &other, &v.document);
	other.kind = HM_ROOT_DEVELOPMENT;
	verify(in, &other, &v.document);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_INTAKE struct hm_intake in;
	AUTO_CLOSE int fd = -1;
	struct hm_err err = {0};
	uint8_t sha256[HM_SHA256_LEN] = {0};

	hm_intake_init(&in);
	if (size > 0 && data[0] == '{') {
		must(hm_intake_bundle(hm_slice(data, size), &in, &err), &err);
		must(hm_artifacts_add(&in.wanted, hm_slice_str("file"), 0644, 1,
				      sha256, &err), &err);
	} else {
		fd = memfd_create("fuzz", MFD_CLOEXEC);
		HM_BUG_ON(fd < 0);
		must(hm_io_write_all(fd, data, size, HM_NO_DEADLINE, &err),
		     &err);
		HM_BUG_ON(lseek(fd, 0, SEEK_SET) != 0);
		must(hm_intake_tar(fd, &in, &err), &err);
	}
	verify(&in, NULL, NULL);
	return 0;
}
