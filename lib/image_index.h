/*
 * The image index (schema/image-index.schema.json): which enclave images exist,
 * what they measure to, and whether they may still be used. Endorsers sign it as
 * a DSSE envelope with one or more signatures; a reader counts each pinned key at
 * most once. A revocation is an entry of a newer index with status "revoked" and
 * a reason: it wins over any other entry with the same measurements.
 */
#pragma once

#include "lib/crypto.h"
#include "lib/json.h"
#include "lib/nitro_document.h"

#define HM_INDEX_PAYLOAD "application/vnd.hallmark.image-index+json"
/* 4,096 images of about 1.5 KiB; base64 and signatures around them. */
#define HM_INDEX_MAX (8U << 20)
#define HM_INDEX_IMAGES 4096U
#define HM_INDEX_SIGNATURES 16U
#define HM_ENDORSERS_MAX 16U
#define HM_IMAGE_PCRS 3U	/* PCR0 to PCR2 are the image; the rest is not */

struct hm_image {	/* strings live as long as the index */
	const char *name;	/* "rust" */
	const char *version;	/* "1.85" */
	const char *language;
	const char *arch;	/* "x86_64" */
	uint8_t pcr[HM_IMAGE_PCRS][HM_PCR_LEN];
	uint8_t eif_sha256[HM_SHA256_LEN];
	uint64_t eif_size;
	bool has_layer;
	uint8_t layer_sha256[HM_SHA256_LEN];
	uint64_t layer_size;
	const struct hm_json *eif_urls;		/* array; NULL if none */
	const struct hm_json *layer_urls;	/* array; NULL if none */
	const char *recipe_repository;
	const char *recipe_commit;
	int64_t not_before_ms, not_after_ms;
	bool revoked;
	const char *reason;	/* NULL unless revoked */
};

struct hm_image_index {
	struct hm_json *root;		/* owned */
	struct hm_image *images;	/* owned */
	size_t count;
	const char *name;
	uint64_t serial;		/* grows with every issue */
	int64_t created_ms, expires_ms;
	size_t endorsed_by;		/* keys whose signature verified */
};
void hm_image_index_init(struct hm_image_index *x);
void hm_image_index_release(struct hm_image_index *x);
#define AUTO_IMAGE_INDEX HM_CLEANUP(hm_image_index_release)

/* The payload alone. Strict: unknown keys, missing keys, bad dates. */
int hm_image_index_parse(struct hm_slice json, struct hm_image_index *ret_x,
			 struct hm_err *err) HM_MUST_CHECK;

/*
 * The signed form. HM_E_CRYPTO unless at least `threshold` of the keys (distinct
 * by content; Ed25519 or ECDSA) signed it; expiry is the caller's to judge.
 */
int hm_image_index_open(struct hm_slice envelope,
			const struct hm_key *const *keys, size_t key_count,
			size_t threshold, struct hm_image_index *ret_x,
			struct hm_err *err) HM_MUST_CHECK;

/*
 * The entry with these measurements: a revoked one if there is any, else the one
 * whose validity holds at_ms, else any, else NULL.
 */
const struct hm_image *hm_image_index_find(const struct hm_image_index *x,
	const uint8_t pcr[HM_IMAGE_PCRS][HM_PCR_LEN], int64_t at_ms);

/* Signs a payload with every key, in order. */
int hm_image_index_sign(struct hm_slice payload,
			const struct hm_key *const *keys, size_t key_count,
			struct hm_buf *envelope, struct hm_err *err) HM_MUST_CHECK;
