/*
 * What both of our statements have in common: the in-toto Statement v1 frame,
 * its subjects, and the names and URIs that schema/statement.md fixes.
 */
#pragma once

#include "lib/artifact_list.h"
#include "lib/gitid.h"
#include "lib/json_fields.h"

#define HM_STATEMENT_TYPE "https://in-toto.io/Statement/v1"

/* Lower-case hex as a JSON string. */
struct hm_json *hm_intoto_hex(const void *data, size_t len);
struct hm_json *hm_intoto_git_id(const struct hm_git_id *id);
/* {"alg": hex}: a DigestSet of one. */
struct hm_json *hm_intoto_digest(const char *alg, const void *data, size_t len);

/*
 * {"_type", "subject", "predicateType", "predicate"}. A subject is {"name",
 * "digest": {"sha256"}} and, with_files, "annotations": {"mode", "size"}.
 * Takes predicate over.
 */
struct hm_json *hm_intoto_statement(const struct hm_artifacts *artifacts,
				    bool with_files, const char *predicate_type,
				    struct hm_json *predicate);

/* The frame back; *ret_predicate is for the caller to read. */
void hm_intoto_read(struct hm_json_reading *reading, const struct hm_json *root,
		    bool with_files, const char *predicate_type,
		    struct hm_artifacts *artifacts,
		    struct hm_json_fields *ret_predicate);
/* A git id under key, 40 or 64 digits. */
void hm_intoto_read_git_id(struct hm_json_fields *f, const char *key,
			   struct hm_git_id *ret_id);
/* {"alg": hex} under key "digest", exactly len bytes. */
void hm_intoto_read_digest(struct hm_json_fields *f, const char *alg,
			   uint8_t *out, size_t len);

/*
 * The last step of every strict parse: json must be what our own writer makes
 * of what was read, so that no two texts mean the same statement.
 */
int hm_intoto_same(const char *what, struct hm_slice json,
		   struct hm_slice again, struct hm_err *err) HM_MUST_CHECK;
