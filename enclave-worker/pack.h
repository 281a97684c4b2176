/*
 * Steps 6 to 8: from measured outputs to the release tar. Makes the one-time key
 * K, S, the attestation AT (through the attester), E, both envelopes and
 * bundles, checks that the document binds what we asked, erases K, and streams
 * the deterministic tar; every output is hashed again while it is packed.
 */
#pragma once

#include "attester.h"
#include "lib/archive.h"

struct hm_pack {
	const struct hm_build_facts *facts;	/* log and network digests filled */
	int root_fd;				/* source root with the outputs */
	int log_fd;				/* build.log, readable, from 0 */
	struct hm_slice network_json;
	struct hm_slice nonce;			/* empty = none */
	struct hm_attester *attester;
	/* filled by hm_pack_attest */
	struct hm_buf document, provenance_bundle, evidence_bundle;
};
void hm_pack_init(struct hm_pack *p);
void hm_pack_release(struct hm_pack *p);
/*
 * K, S, AT, E. HM_E_CRYPTO when the document does not bind what was asked,
 * HM_E_POLICY when a fact is not so or cannot be said.
 */
int hm_pack_attest(struct hm_pack *p, struct hm_err *err) HM_MUST_CHECK;
/*
 * The tar, into sink. HM_E_POLICY if an output, its mode or the log changed
 * since it was measured: then what the sink got is not a release.
 */
int hm_pack_write(struct hm_pack *p, hm_tar_sink_fn sink, void *ctx,
		  struct hm_err *err) HM_MUST_CHECK;
