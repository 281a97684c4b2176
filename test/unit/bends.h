/*
 * One thing wrong at a time: how to bend a release of the kit, by name. Used by
 * the table test, which says which refusal must follow, and by make_release
 * (--bend NAME) for tests of the program.
 */
#pragma once

#include "test/unit/release.h"

/* --- the tar and its files --- */

static void bend_no_document(struct rk *k)
{
	for (size_t i = 0; i < k->side_count; i++)
		if (strcmp(k->side[i].name, HM_TAR_DOCUMENT) == 0)
			k->side[i] = k->side[--k->side_count];
}

static void bend_no_network(struct rk *k)
{
	for (size_t i = 0; i < k->side_count; i++)
		if (strcmp(k->side[i].name, HM_TAR_NETWORK) == 0)
			k->side[i] = k->side[--k->side_count];
}

static void bend_no_log(struct rk *k)
{
	for (size_t i = 0; i < k->side_count; i++)
		if (strcmp(k->side[i].name, HM_TAR_LOG) == 0)
			k->side[i] = k->side[--k->side_count];
}

static void bend_no_attestation(struct rk *k)
{
	k->side_count = 0;
}

static void bend_no_provenance(struct rk *k)
{
	for (size_t i = 0; i < k->side_count; i++)
		if (strcmp(k->side[i].name, HM_TAR_PROVENANCE) == 0)
			k->side[i] = k->side[--k->side_count];
}

static void bend_stray_attestation(struct rk *k)
{
	rk_side(k, HM_TAR_DIR "extra.json", hm_slice_str("{}"));
}

static void bend_side_mode(struct rk *k)
{
	k->side[0].mode = 0755;
}

static void bend_cut(struct rk *k)
{
	k->tar.len -= 512;
}

static void bend_side_content(struct rk *k, const char *name)
{
	for (size_t i = 0; i < k->side_count; i++)
		if (strcmp(k->side[i].name, name) == 0)
			k->side[i].data = hm_slice_str("something else\n");
}

static void bend_network_content(struct rk *k)
{
	bend_side_content(k, HM_TAR_NETWORK);
}

static void bend_log_content(struct rk *k)
{
	bend_side_content(k, HM_TAR_LOG);
}

/* Of the same length, so that only the digest tells. */
static void bend_log_byte(struct rk *k)
{
	for (size_t i = 0; i < k->side_count; i++)
		if (strcmp(k->side[i].name, HM_TAR_LOG) == 0)
			k->side[i].data = hm_slice_str("cc -o hello hellO.c\n");
}

static void bend_document_file(struct rk *k)
{
	bend_side_content(k, HM_TAR_DOCUMENT);
}

static void bend_file_content(struct rk *k)
{
	k->files[1].data = hm_slice_str("\x7f""ELF hellO\n");
}

static void bend_file_size(struct rk *k)
{
	k->files[1].data = hm_slice_str("short");
}

static void bend_file_mode(struct rk *k)
{
	k->files[1].mode = 0644;
}

static void bend_file_missing(struct rk *k)
{
	k->file_count--;
}

static void bend_file_extra(struct rk *k)
{
	k->files[k->file_count++] = (struct rk_file){
		"zz", 0644, hm_slice_str("extra") };
}

static void bend_file_renamed(struct rk *k)
{
	k->files[1].name = "hellp";
}

static void bend_mtime(struct rk *k)
{
	k->mtime_s = 1;
}

/* --- document --- */

static void bend_evidence_garbage(struct rk *k)
{
	bend_side_content(k, HM_TAR_EVIDENCE);
}

static void bend_provenance_garbage(struct rk *k)
{
	bend_side_content(k, HM_TAR_PROVENANCE);
}

static void bend_evidence_not_intoto(struct rk *k)
{
	hm_dsse_release(&k->de);
	RK_MUST(hm_dsse_sign(k->key, HM_PAYLOAD_INTOTO,
			     hm_slice_str("{\"a\":1}"), &k->de, err));
}

static void bend_evidence_type(struct rk *k)
{
	hm_dsse_release(&k->de);
	RK_MUST(hm_dsse_sign(k->key, "application/other", hm_buf_slice(&k->e),
			     &k->de, err));
}

static void bend_provenance_type(struct rk *k)
{
	hm_dsse_release(&k->ds);
	RK_MUST(hm_dsse_sign(k->key, "application/other", hm_buf_slice(&k->s),
			     &k->ds, err));
}

/* The bundle as another program would lay it out. */
static void bend_bundle_blank(struct rk *k)
{
	static struct hm_buf blank;

	hm_buf_release(&blank);
	hm_buf_init(&blank, HM_BUNDLE_MAX);
	RK_MUST(hm_buf_add_slice(&blank, hm_buf_slice(&k->eb), err));
	RK_MUST(hm_buf_add_str(&blank, "\n", err));
	for (size_t i = 0; i < k->side_count; i++)
		if (strcmp(k->side[i].name, HM_TAR_EVIDENCE) == 0)
			k->side[i].data = hm_buf_slice(&blank);
}

static void bend_timestamp(struct rk *k)
{
	static struct hm_buf with;
	struct hm_json *stamps = NULL;

	hm_buf_release(&with);
	hm_buf_init(&with, HM_BUNDLE_MAX);
	RK_MUST(hm_json_parse(hm_slice_str("[{\"signedTimestamp\":\"AAAA\"}]"),
			      100, &stamps, err));
	RK_MUST(hm_bundle_write(&k->de, k->key, NULL, stamps, &with, err));
	hm_json_free(stamps);
	for (size_t i = 0; i < k->side_count; i++)
		if (strcmp(k->side[i].name, HM_TAR_EVIDENCE) == 0)
			k->side[i].data = hm_buf_slice(&with);
}

static void bend_document_garbage(struct rk *k)
{
	k->ef.document = hm_slice_str("not a document");
}

/* As QEMU's: algorithm -1 in the protected header, and no signature. */
static void bend_document_unsigned(struct rk *k)
{
	static const uint8_t head[] = { 0x84, 0x43, 0xa1, 0x01, 0x20 };
	static uint8_t copy[HM_NITRO_DOCUMENT_MAX];
	/* Behind 84 44 A1013822, before 58 60 and the signature. */
	size_t n = k->at.len - 6 - 98;

	memcpy(copy, head, sizeof(head));
	memcpy(copy + sizeof(head), k->at.data + 6, n);
	copy[sizeof(head) + n] = 0x40;
	k->ef.document = hm_slice(copy, sizeof(head) + n + 1);
}

static void bend_leaf_expired(struct rk *k)
{
	k->leaf_until_ms = RK_NOW - 60000;
}

static void bend_signature(struct rk *k)
{
	k->at.data[k->at.len - 1] ^= 1;
}

static void bend_debug(struct rk *k)
{
	memset(k->pcr, 0, 3 * sizeof(k->pcr[0]));
}

static void bend_pcr2_zero(struct rk *k)
{
	memset(k->pcr[2], 0, sizeof(k->pcr[2]));
}

static void bend_other_image(struct rk *k)
{
	k->pcr[0][0] ^= 1;
}

/* --- keys and binding --- */

static struct hm_key *bend_other_key(enum hm_key_kind kind)
{
	static struct hm_key *keys[HM_KEY_OTHER + 1];

	if (!keys[kind])
		RK_MUST(hm_key_generate(kind, &keys[kind], err));
	return keys[kind];
}

static void bend_no_key(struct rk *k)
{
	k->no_public_key = true;
}

static void bend_key_garbage(struct rk *k)
{
	k->spki.data[0] ^= 0xff;
}

static void bend_key_p384(struct rk *k)
{
	hm_buf_release(&k->spki);
	RK_MUST(hm_key_spki(bend_other_key(HM_KEY_P384), &k->spki, err));
}

static void bend_s_signer(struct rk *k)
{
	k->s_key = bend_other_key(HM_KEY_P256);
}

static void bend_e_signer(struct rk *k)
{
	k->e_key = bend_other_key(HM_KEY_P256);
}

static void bend_hint(struct rk *k)
{
	k->hint_key = bend_other_key(HM_KEY_P256);
}

static void bend_no_user_data(struct rk *k)
{
	k->no_user_data = true;
}

static void bend_user_data_garbage(struct rk *k)
{
	RK_MUST(hm_buf_add_str(&k->user_data, "not CBOR", err));
}

static void bend_user_commit(struct rk *k)
{
	k->user.commit.bytes[0] ^= 1;
}

static void bend_user_tree(struct rk *k)
{
	k->user.tree_sha256[0] ^= 1;
}

static void bend_user_files(struct rk *k)
{
	k->user.artifacts_sha256[0] ^= 1;
}

static void bend_user_statement(struct rk *k)
{
	k->user.statement_sha256[0] ^= 1;
}

/* S and the document name different images. */
static void bend_statement_pcr(struct rk *k)
{
	k->pcr[0][0] ^= 1;
}

static void bend_latch(struct rk *k)
{
	k->pcr[HM_LATCH_PCR][0] ^= 1;
}

static void bend_no_latch(struct rk *k)
{
	k->has_pcr[HM_LATCH_PCR] = false;
}

static void bend_e_commit(struct rk *k)
{
	k->ef.commit.bytes[0] ^= 1;
}

static void bend_e_pcr(struct rk *k)
{
	k->ef.pcr[1][0] ^= 1;
}

static void bend_e_statement(struct rk *k)
{
	k->ef.provenance_sha256[0] ^= 1;
}

static void bend_e_file(struct rk *k)
{
	static struct hm_artifacts other;
	uint8_t sha256[HM_SHA256_LEN] = {0};

	hm_artifacts_release(&other);
	other = (struct hm_artifacts){0};
	for (size_t i = 0; i < k->artifacts.count; i++)
		RK_MUST(hm_artifacts_add(&other,
					 hm_slice_str(k->artifacts.items[i].name),
					 0644, 1, sha256, err));
	k->ef.artifacts = &other;
}

static void bend_e_fewer(struct rk *k)
{
	static struct hm_artifacts fewer;

	fewer = k->artifacts;
	fewer.count--;
	k->ef.artifacts = &fewer;
}

static void bend_e_name(struct rk *k)
{
	static struct hm_artifacts other;

	hm_artifacts_release(&other);
	other = (struct hm_artifacts){0};
	for (size_t i = 0; i < k->artifacts.count; i++)
		RK_MUST(hm_artifacts_add(&other, hm_slice_str(i ? "b" : "a"),
					 0644, 1, k->artifacts.items[i].sha256,
					 err));
	k->ef.artifacts = &other;
}

/* --- times --- */

static void bend_late_document(struct rk *k)
{
	k->facts.started_ms = RK_NOW - 3 * RK_HOUR;
	k->facts.finished_ms = RK_NOW - 2 * RK_HOUR;
}

static void bend_early_document(struct rk *k)
{
	k->facts.finished_ms = RK_NOW + 2 * RK_HOUR;
}

static void bend_nameless(struct rk *k)
{
	k->facts.repository = "";
	k->facts.ref = "";
}

static void bend_repository_name(struct rk *k)
{
	k->facts.repository = "nothing";
}

static void bend_nonce(struct rk *k)
{
	k->nonce = hm_slice_str("nonce");
}

static void bend_nonce_other(struct rk *k)
{
	k->nonce = hm_slice_str("nonc3");
}

/* --- environment --- */

static void bend_layer(struct rk *k)
{
	k->facts.has_layer = true;
	memset(k->facts.layer_sha256, 0x44, HM_SHA256_LEN);
}

static void bend_layer_other(struct rk *k)
{
	k->facts.has_layer = true;
	memset(k->facts.layer_sha256, 0x45, HM_SHA256_LEN);
}

static void bend_qemu(struct rk *k)
{
	k->facts.backend = "qemu";
	k->facts.attester = "dev";
}

static void bend_development(struct rk *k)
{
	k->facts.attester = "dev";
}

static void bend_backend(struct rk *k)
{
	k->facts.backend = "qemu";
}

static void bend_local(struct rk *k)
{
	k->facts.backend = "local";
	k->facts.attester = "dev";
	k->facts.image_name = "host";
	k->facts.image_version = "";
}

static void bend_unrecorded(struct rk *k)
{
	k->facts.network_recorded = false;
	k->facts.network_complete = false;
}

static void bend_offline(struct rk *k)
{
	k->facts.network = "none";
	k->facts.network_recorded = false;
	k->facts.network_complete = false;
}

static void bend_incomplete(struct rk *k)
{
	k->facts.network_complete = false;
}

static const struct rk_bend {
	const char *name;
	enum rk_step step;
	void (*bend)(struct rk *k);
} rk_bends[] = {
	{ "nonce", RK_DOCUMENT, bend_nonce },
	{ "nonce-other", RK_DOCUMENT, bend_nonce_other },
	{ "layer", RK_PROVENANCE, bend_layer },
	{ "layer-other", RK_PROVENANCE, bend_layer_other },
	{ "qemu", RK_PROVENANCE, bend_qemu },
	{ "log-byte", RK_TAR, bend_log_byte },
	{ "no-document", RK_TAR, bend_no_document },
	{ "no-network", RK_TAR, bend_no_network },
	{ "no-log", RK_TAR, bend_no_log },
	{ "no-attestation", RK_TAR, bend_no_attestation },
	{ "no-provenance", RK_TAR, bend_no_provenance },
	{ "stray-attestation", RK_TAR, bend_stray_attestation },
	{ "side-mode", RK_TAR, bend_side_mode },
	{ "cut", RK_DONE, bend_cut },
	{ "network-content", RK_TAR, bend_network_content },
	{ "log-content", RK_TAR, bend_log_content },
	{ "document-file", RK_TAR, bend_document_file },
	{ "file-content", RK_TAR, bend_file_content },
	{ "file-size", RK_TAR, bend_file_size },
	{ "file-mode", RK_TAR, bend_file_mode },
	{ "file-missing", RK_TAR, bend_file_missing },
	{ "file-extra", RK_TAR, bend_file_extra },
	{ "file-renamed", RK_TAR, bend_file_renamed },
	{ "mtime", RK_TAR, bend_mtime },
	{ "evidence-garbage", RK_TAR, bend_evidence_garbage },
	{ "provenance-garbage", RK_TAR, bend_provenance_garbage },
	{ "evidence-not-intoto", RK_BUNDLES, bend_evidence_not_intoto },
	{ "evidence-type", RK_BUNDLES, bend_evidence_type },
	{ "provenance-type", RK_DOCUMENT, bend_provenance_type },
	{ "bundle-blank", RK_TAR, bend_bundle_blank },
	{ "timestamp", RK_TAR, bend_timestamp },
	{ "document-garbage", RK_EVIDENCE, bend_document_garbage },
	{ "document-unsigned", RK_EVIDENCE, bend_document_unsigned },
	{ "leaf-expired", RK_DOCUMENT, bend_leaf_expired },
	{ "signature", RK_EVIDENCE, bend_signature },
	{ "debug", RK_PROVENANCE, bend_debug },
	{ "pcr2-zero", RK_PROVENANCE, bend_pcr2_zero },
	{ "other-image", RK_PROVENANCE, bend_other_image },
	{ "no-key", RK_DOCUMENT, bend_no_key },
	{ "key-garbage", RK_DOCUMENT, bend_key_garbage },
	{ "key-p384", RK_DOCUMENT, bend_key_p384 },
	{ "s-signer", RK_PROVENANCE, bend_s_signer },
	{ "e-signer", RK_EVIDENCE, bend_e_signer },
	{ "hint", RK_BUNDLES, bend_hint },
	{ "no-user-data", RK_DOCUMENT, bend_no_user_data },
	{ "user-data-garbage", RK_DOCUMENT, bend_user_data_garbage },
	{ "user-commit", RK_DOCUMENT, bend_user_commit },
	{ "user-tree", RK_DOCUMENT, bend_user_tree },
	{ "user-files", RK_DOCUMENT, bend_user_files },
	{ "user-statement", RK_DOCUMENT, bend_user_statement },
	{ "statement-pcr", RK_DOCUMENT, bend_statement_pcr },
	{ "latch", RK_DOCUMENT, bend_latch },
	{ "no-latch", RK_DOCUMENT, bend_no_latch },
	{ "e-commit", RK_EVIDENCE, bend_e_commit },
	{ "e-pcr", RK_EVIDENCE, bend_e_pcr },
	{ "e-statement", RK_EVIDENCE, bend_e_statement },
	{ "e-file", RK_EVIDENCE, bend_e_file },
	{ "e-fewer", RK_EVIDENCE, bend_e_fewer },
	{ "e-name", RK_EVIDENCE, bend_e_name },
	{ "late-document", RK_PROVENANCE, bend_late_document },
	{ "early-document", RK_PROVENANCE, bend_early_document },
	{ "nameless", RK_PROVENANCE, bend_nameless },
	{ "repository-name", RK_PROVENANCE, bend_repository_name },
	{ "development", RK_PROVENANCE, bend_development },
	{ "backend", RK_PROVENANCE, bend_backend },
	{ "local", RK_PROVENANCE, bend_local },
	{ "unrecorded", RK_PROVENANCE, bend_unrecorded },
	{ "offline", RK_PROVENANCE, bend_offline },
	{ "incomplete", RK_PROVENANCE, bend_incomplete },
};

static inline const struct rk_bend *rk_find_bend(const char *name)
{
	for (size_t i = 0; i < HM_ARRAY_LEN(rk_bends); i++)
		if (strcmp(rk_bends[i].name, name) == 0)
			return &rk_bends[i];
	return NULL;
}
