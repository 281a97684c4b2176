/*
 * The evidence as a tree for people. It shows what is there whether or not it
 * verified, so its first lines say which of the two it is, and every name is
 * escaped: a claim must not be able to draw itself a "verified".
 */
#include <stdio.h>

#include "lib/hex.h"
#include "lib/log.h"
#include "lib/when.h"
#include "verifier/view.h"

/* Trees of 50,000 files are for --format json. */
#define SHOWN_MAX 40U

static const uint8_t zero_pcr[HM_PCR_LEN];

static int row(struct hm_buf *b, const char *name, const char *value,
	       struct hm_err *err)
{
	return hm_buf_addf(b, err, "  %-20s %s\n", name, value);
}

static int row_text(struct hm_buf *b, const char *name, const char *untrusted,
		    struct hm_err *err)
{
	return row(b, name, untrusted && untrusted[0] != '\0' ?
		   HM_ESC(hm_slice_str(untrusted)) : "(none)", err);
}

static int row_hex(struct hm_buf *b, const char *name, const void *p,
		   size_t len, struct hm_err *err)
{
	char hex[2 * HM_PCR_LEN + 1];

	hm_hex(p, len > HM_PCR_LEN ? HM_PCR_LEN : len, hex);
	return row(b, name, hex, err);
}

static int row_commit(struct hm_buf *b, const char *name,
		      const struct hm_git_id *id, struct hm_err *err)
{
	char hex[HM_GIT_HEX_MAX];

	hm_git_id_hex(id, hex);
	return row(b, name, hex, err);
}

static int add_certificate(struct hm_buf *b, size_t i, struct hm_slice der,
			   struct hm_err *err)
{
	char from[HM_WHEN_MAX], until[HM_WHEN_MAX];
	struct hm_cert_info info;
	struct hm_err ignored;

	if (hm_cert_info(der, &info, &ignored) != HM_OK)
		return hm_buf_addf(b, err, "  %zu %*s(not a certificate)\n", i,
				   (int)(2 * i), "");
	return hm_buf_addf(b, err, "  %zu %*s%s\n    %*s%s to %s\n", i,
			   (int)(2 * i), "", HM_ESC(hm_slice_str(info.subject)),
			   (int)(2 * i), "", hm_when(info.not_before_ms, from),
			   hm_when(info.not_after_ms, until));
}

static int add_document(struct hm_buf *b, const struct hm_verdict *v,
			struct hm_err *err)
{
	const struct hm_nitro_document *d = &v->document;
	char when[HM_WHEN_MAX], name[64], hex[2 * HM_PCR_LEN + 1];
	int rc = hm_buf_add_str(b, "\nAttestation document\n", err);

	if (rc == HM_OK)
		rc = row(b, "enclave", HM_ESC(d->module_id), err);
	if (rc == HM_OK)
		rc = row(b, "time", hm_when((int64_t)d->timestamp_ms, when), err);
	if (rc == HM_OK)
		rc = row_hex(b, "sha256", v->document_sha256, HM_SHA256_LEN, err);
	if (rc == HM_OK)
		rc = row(b, "nonce", !d->nonce.present ? "(none)" : "present",
			 err);
	for (size_t i = 0; rc == HM_OK && i < HM_NITRO_PCRS; i++) {
		if (!d->has_pcr[i] ||
		    (i > 2 && memcmp(d->pcr[i], zero_pcr, HM_PCR_LEN) == 0))
			continue;
		snprintf(name, sizeof(name), "PCR%zu %s", i, hm_pcr_name(i));
		hm_hex(d->pcr[i], HM_PCR_LEN, hex);
		rc = hm_buf_addf(b, err, "  %-20s %s\n", name, hex);
	}
	if (rc == HM_OK)
		rc = hm_buf_add_str(b, "\nCertificates, root first\n", err);
	for (size_t i = 0; rc == HM_OK && i < d->cabundle_count; i++)
		rc = add_certificate(b, i, d->cabundle[i], err);
	return rc == HM_OK ? add_certificate(b, d->cabundle_count,
					     d->certificate, err) : rc;
}

static int add_source(struct hm_buf *b, const struct hm_build_facts *f,
		      struct hm_err *err)
{
	int rc = hm_buf_add_str(b, "\nSource\n", err);

	if (rc == HM_OK)
		rc = row_text(b, "repository", f->repository, err);
	if (rc == HM_OK)
		rc = row_text(b, "ref", f->ref, err);
	if (rc == HM_OK)
		rc = row_commit(b, "commit", &f->commit, err);
	if (rc == HM_OK)
		rc = row_commit(b, "tree", &f->tree, err);
	if (rc == HM_OK)
		rc = row_hex(b, "tree sha256", f->tree_sha256, HM_SHA256_LEN,
			     err);
	for (size_t i = 0; rc == HM_OK && i < f->submodule_count; i++) {
		rc = row_text(b, "submodule", f->submodules[i].path, err);
		if (rc == HM_OK)
			rc = row_commit(b, "  at commit",
					&f->submodules[i].commit, err);
	}
	if (rc == HM_OK)
		rc = row_text(b, "build file", f->config_path, err);
	return rc;
}

static int add_build(struct hm_buf *b, const struct hm_provenance *p,
		     struct hm_err *err)
{
	const struct hm_build_facts *f = &p->facts;
	char when[HM_WHEN_MAX], image[520];
	int rc = hm_buf_add_str(b, "\nBuild\n", err);

	snprintf(image, sizeof(image), "%s%s%s", f->image_name,
		 f->image_version[0] != '\0' ? "@" : "", f->image_version);
	if (rc == HM_OK)
		rc = row_text(b, "builder", p->builder_id, err);
	if (rc == HM_OK)
		rc = row_text(b, "image", image, err);
	if (rc == HM_OK && f->has_layer)
		rc = row_hex(b, "toolchain layer", f->layer_sha256,
			     HM_SHA256_LEN, err);
	if (rc == HM_OK)
		rc = row_text(b, "sandbox", f->runtime, err);
	if (rc == HM_OK)
		rc = row(b, "network", strcmp(f->network, "none") == 0 ? "none" :
			 !f->network_recorded ? "open, not recorded" :
			 f->network_complete ? "recorded, complete" :
			 "recorded, not complete", err);
	if (rc == HM_OK)
		rc = row(b, "started", hm_when(f->started_ms, when), err);
	if (rc == HM_OK)
		rc = row(b, "finished", hm_when(f->finished_ms, when), err);
	for (size_t i = 0; rc == HM_OK && i < f->phase_count; i++)
		rc = hm_buf_addf(b, err, "    %-18s %lld ms\n",
				 HM_ESC(hm_slice_str(f->phases[i].name)),
				 (long long)f->phases[i].ms);
	return rc;
}

static int add_files(struct hm_buf *b, const struct hm_artifacts *a,
		     struct hm_err *err)
{
	char hex[2 * HM_SHA256_LEN + 1];
	int rc = hm_buf_addf(b, err, "\nFiles (%zu)\n", a->count);

	for (size_t i = 0; rc == HM_OK && i < a->count && i < SHOWN_MAX; i++) {
		hm_hex(a->items[i].sha256, HM_SHA256_LEN, hex);
		rc = hm_buf_addf(b, err, "  %s %04o %10llu %s\n", hex,
				 a->items[i].mode,
				 (unsigned long long)a->items[i].size,
				 HM_ESC(hm_slice_str(a->items[i].name)));
	}
	if (rc == HM_OK && a->count > SHOWN_MAX)
		rc = hm_buf_addf(b, err, "  and %zu more (--format json lists "
				 "all)\n", a->count - SHOWN_MAX);
	return rc;
}

static int add_downloads(struct hm_buf *b, const struct hm_json *list,
			 struct hm_err *err)
{
	size_t count = list ? hm_json_count(list) : 0;
	int rc = hm_buf_addf(b, err, "\nDownloads (%zu)\n", count);

	for (size_t i = 0; rc == HM_OK && i < count && i < SHOWN_MAX; i++) {
		const struct hm_json *d = hm_json_at(list, i);
		const char *uri = hm_json_get_string(d, "uri");
		const char *sha = hm_json_get_string(hm_json_get(d, "digest"),
						     "sha256");

		rc = hm_buf_addf(b, err, "  %s\n    sha256 %s\n",
				 uri ? HM_ESC(hm_slice_str(uri)) : "(no uri)",
				 sha ? HM_ESC(hm_slice_str(sha)) : "(none)");
	}
	if (rc == HM_OK && count > SHOWN_MAX)
		rc = hm_buf_addf(b, err, "  and %zu more\n", count - SHOWN_MAX);
	return rc;
}

static int add_logs(struct hm_buf *b, const struct hm_verdict *v,
		    struct hm_err *err)
{
	const struct hm_json *e = v->evidence_bundle.log_entries;

	return hm_buf_addf(b, err, "\nLog entries\n  with the evidence     %zu\n"
			   "  with the provenance   %zu\n",
			   e ? hm_json_count(e) : 0,
			   v->provenance_bundle.log_entries ?
			   hm_json_count(v->provenance_bundle.log_entries) : 0);
}

int hm_inspect_text(const struct hm_view *r, struct hm_buf *b,
		    struct hm_err *err)
{
	const struct hm_verdict *v = r->v;
	int rc = HM_OK;

	if (hm_view_no_hardware(r))
		rc = hm_buf_add_str(b, "No hardware vouches for this build: it is "
				    "signed under a development root.\n", err);
	if (rc == HM_OK)
		rc = v->accepted ?
		     hm_buf_addf(b, err, "%s: authentic and consistent. Nothing "
				 "was demanded of its source.\n", r->in->label) :
		     hm_buf_addf(b, err, "%s: NOT VERIFIED (%s). What follows is "
				 "only what the evidence claims.\n",
				 r->in->label, v->message);
	if (rc == HM_OK && v->has_document)
		rc = add_document(b, v, err);
	if (rc == HM_OK && v->has_provenance)
		rc = add_source(b, &v->provenance.facts, err);
	if (rc == HM_OK && v->has_provenance)
		rc = add_build(b, &v->provenance, err);
	if (rc == HM_OK && v->has_provenance)
		rc = add_files(b, &v->provenance.artifacts, err);
	if (rc == HM_OK && v->has_provenance)
		rc = add_downloads(b, v->provenance.facts.downloads, err);
	if (rc == HM_OK && v->has_document)
		rc = add_logs(b, v, err);
	return rc;
}
