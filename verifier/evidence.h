/*
 * Intake: what the user gave, in any of its forms, as hashed files and the bytes
 * of the evidence. Nothing is judged here and nothing is trusted: bytes that are
 * not in their format are kept as a `problem` for the verdict, so that a damaged
 * release is "FAILED" and not "could not check". One pass, memory flat: files
 * are hashed as they stream by and never kept.
 */
#pragma once

#include "lib/dsse.h"
#include "lib/statement.h"

/* A statement or bundle file; its own parser has the same limit. */
#define HM_INTAKE_BUNDLE_MAX HM_BUNDLE_MAX
/* Two of them on two lines. */
#define HM_INTAKE_JSONL_MAX (2 * HM_BUNDLE_MAX)

struct hm_signed_text {
	bool present;
	bool bare;		/* a DSSE envelope without a bundle around it */
	struct hm_buf json;	/* owned */
};

struct hm_side_file {	/* hashed on the way, not kept */
	bool present;
	uint64_t size;
	uint8_t sha256[HM_SHA256_LEN];
};

struct hm_intake {
	char label[256];	/* what the user named, escaped, for people */
	/* A release tar: these are all of its output files, and no others. */
	bool has_tar;
	int64_t mtime_s;	/* the one that every entry has */
	struct hm_artifacts tar_files;	/* owned */
	/*
	 * Files or digests asked about; each must be a subject. Names are for
	 * people (escaped); modes mean nothing.
	 */
	struct hm_artifacts wanted;	/* owned */

	struct hm_signed_text provenance, evidence;	/* S and E */
	struct hm_buf document;		/* attestation/nitro.cbor; owned */
	bool has_document;
	struct hm_side_file network, build_log;

	bool malformed;		/* problem says what is not as it must be */
	struct hm_err problem;
	char problem_about[256];	/* the file that has it, escaped */
};
void hm_intake_init(struct hm_intake *in);
void hm_intake_release(struct hm_intake *in);
#define AUTO_INTAKE HM_CLEANUP(hm_intake_release)

struct hm_intake_request {
	const char *path;	/* operand: tar, file, directory, "-" for stdin */
	const char *const *bundles;	/* --bundle, in any number */
	size_t bundle_count;
	const char *digest;	/* "sha256:HEX" in place of a path; or NULL */
};
/*
 * HM_E_SYSTEM and HM_E_USAGE mean that nothing could be checked. Anything wrong
 * with the bytes themselves is HM_OK with in->malformed.
 */
int hm_intake_read(const struct hm_intake_request *req, struct hm_intake *ret_in,
		   struct hm_err *err) HM_MUST_CHECK;

/* The tar alone, from a descriptor: for tests, which verify from memory. */
int hm_intake_tar(int fd, struct hm_intake *in, struct hm_err *err) HM_MUST_CHECK;
/*
 * A text that may be a bundle, an envelope, or a line of either per statement:
 * S and E are recognised by predicate type and kept.
 */
int hm_intake_bundle(struct hm_slice text, struct hm_intake *in,
		     struct hm_err *err) HM_MUST_CHECK;
