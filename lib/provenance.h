/*
 * Statement S: in-toto Statement v1 with SLSA provenance v1 (schema/statement.md
 * says where each fact stands). Pure: facts in, bytes out, and back.
 */
#pragma once

#include "lib/build_facts.h"

#define HM_PREDICATE_SLSA "https://slsa.dev/provenance/v1"
#define HM_BUILD_TYPE "https://hallmark.dev/build/v1"
/* builder.id = prefix + "<backend>-<attester>/v1", e.g. ".../nitro-nsm/v1" */
#define HM_BUILDER_ID_PREFIX "https://hallmark.dev/builder/"
/* URI of an enclave image = prefix + name [+ "@" + version]. */
#define HM_IMAGE_URI_PREFIX "https://hallmark.dev/image/"

/*
 * Compact JSON, fixed key order: these bytes are signed and shipped.
 * HM_E_POLICY when a fact cannot be said in JSON or is out of its range.
 */
int hm_provenance_write(const struct hm_build_facts *f, struct hm_buf *json,
			struct hm_err *err) HM_MUST_CHECK;

/* S as a verifier reads it back; strings and facts live as long as it does. */
struct hm_provenance {
	struct hm_json *root;			/* owned */
	struct hm_build_facts facts;		/* borrowed from what is owned */
	struct hm_artifacts artifacts;		/* owned */
	struct hm_submodule *submodules;	/* owned */
	struct hm_lfs_object *lfs;		/* owned */
	const char **toolchain_dirs;		/* owned */
	struct hm_json *downloads;		/* owned */
	const char *builder_id;
};
void hm_provenance_init(struct hm_provenance *p);
void hm_provenance_release(struct hm_provenance *p);
#define AUTO_PROVENANCE HM_CLEANUP(hm_provenance_release)
/*
 * Strict: an unknown key anywhere is HM_E_FORMAT, and so is a text that
 * hm_provenance_write() of the parsed facts would not have written. ret_p must
 * have been initialised; on failure it is as after hm_provenance_init(). facts
 * points into ret_p: do not copy the struct.
 */
int hm_provenance_parse(struct hm_slice json, struct hm_provenance *ret_p,
			struct hm_err *err) HM_MUST_CHECK;
