/*
 * The bytes that logs hash for one DSSE envelope, rebuilt from the envelope.
 */
#pragma once

#include "lib/dsse.h"

/* hashedrekord 0.0.2 is hm_tlog_leaf() in lib/tlog.h. */

/*
 * dsse 0.0.1. claimed is the body that the entry shows: the hash of the
 * envelope's JSON as it was once submitted cannot be rebuilt, so those 32 bytes
 * are taken from there; everything else is ours. Nothing depends on them but
 * the leaf hash.
 */
int hm_tlog_leaf_dsse1(const struct hm_dsse *dsse, struct hm_slice spki,
		       struct hm_slice claimed, struct hm_buf *leaf,
		       struct hm_err *err) HM_MUST_CHECK;
