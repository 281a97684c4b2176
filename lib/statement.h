/*
 * What is signed (schema/statement.md), in one include: the artifact list and
 * its digest A, the user_data of the attestation, the value of PCR16, the
 * provenance statement S, the evidence statement E, and their names in the tar.
 */
#pragma once

#include "lib/artifact_list.h"
#include "lib/evidence.h"
#include "lib/latch.h"
#include "lib/provenance.h"
#include "lib/user_data.h"

/* Names inside the release tar. */
#define HM_TAR_DIR "attestation/"
#define HM_TAR_PROVENANCE HM_TAR_DIR "provenance.sigstore.json"
#define HM_TAR_EVIDENCE HM_TAR_DIR "evidence.sigstore.json"
#define HM_TAR_DOCUMENT HM_TAR_DIR "nitro.cbor"
#define HM_TAR_NETWORK HM_TAR_DIR "network.json"
#define HM_TAR_LOG HM_TAR_DIR "build.log"
