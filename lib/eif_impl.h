/* What eif.c, eif_signature.c and eif_write.c share. Nobody else includes this. */
#pragma once

#include "lib/eif.h"

/* Offsets in the header; the tables have 8 bytes a slot. */
enum hm_eif_field {
	HM_EIF_AT_VERSION = 4,
	HM_EIF_AT_FLAGS = 6,
	HM_EIF_AT_MEM = 8,
	HM_EIF_AT_CPUS = 16,
	HM_EIF_AT_RESERVED = 24,
	HM_EIF_AT_COUNT = 26,
	HM_EIF_AT_OFFSETS = 28,
	HM_EIF_AT_SIZES = 284,
	HM_EIF_AT_UNUSED = 540,
	HM_EIF_AT_CRC = 544,
};
#define HM_EIF_MAGIC ".eif"
#define HM_EIF_FLAG_ARM64 1U

/* Copied at a time: memory does not grow with the image. */
#define HM_EIF_CHUNK (64U << 10)

/* PCR0, PCR1 and PCR2 while section data passes by, in the order of the file. */
struct hm_eif_measure {
	struct hm_digest *pcr[HM_EIF_PCRS];
	unsigned int ramdisks;	/* begun so far */
};
int hm_eif_measure_init(struct hm_eif_measure *m,
			struct hm_err *err) HM_MUST_CHECK;
void hm_eif_measure_release(struct hm_eif_measure *m);
/* Before the data of each section, and for the data. */
void hm_eif_measure_begin(struct hm_eif_measure *m, enum hm_eif_type type);
int hm_eif_measure_add(struct hm_eif_measure *m, enum hm_eif_type type,
		       const void *data, size_t len,
		       struct hm_err *err) HM_MUST_CHECK;
int hm_eif_measure_end(struct hm_eif_measure *m,
		       uint8_t pcr[HM_EIF_PCRS][HM_SHA384_LEN],
		       struct hm_err *err) HM_MUST_CHECK;
/* SHA-384 over 48 zero bytes and SHA-384(data). */
int hm_eif_extend(const uint8_t digest[HM_SHA384_LEN],
		  uint8_t pcr[HM_SHA384_LEN], struct hm_err *err) HM_MUST_CHECK;

/* Fills pcr8, signer and signer_key; pcr[0] must be there. */
int hm_eif_signature_check(struct hm_slice section, struct hm_eif *e,
			   struct hm_err *err) HM_MUST_CHECK;
/* Appends the section's data. */
int hm_eif_signature_make(const struct hm_key *key, struct hm_slice cert_pem,
			  const uint8_t pcr0[HM_SHA384_LEN], struct hm_buf *out,
			  struct hm_err *err) HM_MUST_CHECK;
