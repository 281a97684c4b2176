/*
 * Enclave images (EIF, schema/eif.md): strict reader, measurement, signature
 * section, writer. Sections are streamed from a descriptor: memory is flat
 * whatever the image weighs, and no length is believed before the bytes are
 * there. Nothing here looks at the clock: whether the signing certificate has
 * expired is for the caller to say, from the dates.
 */
#pragma once

#include "lib/x509.h"

#define HM_EIF_HEADER_LEN 548U
#define HM_EIF_SECTION_HEADER_LEN 12U
/* Slots in the header's two tables. */
#define HM_EIF_SECTIONS_MAX 32U
/* Linux keeps 2 KiB of it on every architecture that has enclaves. */
#define HM_EIF_CMDLINE_MAX (64U << 10)
/* AWS's has about 300 bytes, and what Docker says of its image, some KiB. */
#define HM_EIF_METADATA_MAX (1U << 20)
/* AWS's limit. */
#define HM_EIF_SIGNATURE_MAX 32768U

/* The format's own numbers; 0 is invalid. */
enum hm_eif_type {
	HM_EIF_KERNEL = 1,
	HM_EIF_CMDLINE = 2,
	HM_EIF_RAMDISK = 3,
	HM_EIF_SIGNATURE = 4,	/* since version 3 */
	HM_EIF_METADATA = 5,	/* since version 4, which demands it */
};
#define HM_EIF_VERSION_MIN 2U
#define HM_EIF_VERSION_SIGNATURE 3U
#define HM_EIF_VERSION_METADATA 4U
#define HM_EIF_VERSION_MAX 4U

/* "kernel", "cmdline", ... */
const char *hm_eif_type_name(enum hm_eif_type type);

struct hm_eif_section {
	enum hm_eif_type type;
	uint64_t offset;	/* of the data, behind the section's header */
	uint64_t size;
};

#define HM_EIF_PCRS 3U	/* PCR0, PCR1, PCR2 */

struct hm_eif {
	uint16_t version;
	bool arm64;
	uint64_t default_mem, default_cpus;	/* nobody uses them */
	struct hm_eif_section sections[HM_EIF_SECTIONS_MAX];
	size_t section_count;
	uint64_t size;		/* of the file */
	uint32_t crc32;
	uint8_t pcr[HM_EIF_PCRS][HM_SHA384_LEN];
	struct hm_buf cmdline;
	struct hm_buf metadata;	/* a JSON object; not measured, never trusted */
	bool has_signature;	/* all below: only then */
	uint8_t pcr8[HM_SHA384_LEN];
	struct hm_cert_info signer;
	enum hm_key_kind signer_key;
};

void hm_eif_release(struct hm_eif *e);
#define AUTO_EIF HM_CLEANUP(hm_eif_release)

/*
 * Reads the image from the current offset of fd (a pipe will do) to its end,
 * measures it and checks its signature when it has one. HM_E_FORMAT: a rule of
 * the format is broken; HM_E_CRYPTO: the signature is not by the certificate;
 * HM_E_POLICY: it is for another image. The message names section and rule.
 */
int hm_eif_read(int fd, struct hm_eif *ret, struct hm_err *err) HM_MUST_CHECK;

/* --- writing ----------------------------------------------------------------- */

struct hm_eif_part {
	enum hm_eif_type type;
	int fd;			/* -1: take bytes */
	uint64_t offset, size;	/* in fd */
	struct hm_slice bytes;
};

/* Borrows descriptors, slices and the key until the image is written. */
struct hm_eif_plan {
	uint16_t version;
	bool arm64;
	uint64_t default_mem, default_cpus;
	struct hm_eif_part parts[HM_EIF_SECTIONS_MAX];
	size_t part_count;
	const struct hm_key *key;	/* NULL: no signature */
	struct hm_slice cert_pem;
};

/* Version 4, and the default memory and processors of AWS's own builder. */
void hm_eif_plan_init(struct hm_eif_plan *p);
/* HM_E_TOO_LARGE when there are too many. */
int hm_eif_plan_bytes(struct hm_eif_plan *p, enum hm_eif_type type,
		      struct hm_slice bytes, struct hm_err *err) HM_MUST_CHECK;
/* The whole of a regular file. */
int hm_eif_plan_file(struct hm_eif_plan *p, enum hm_eif_type type, int fd,
		     struct hm_err *err) HM_MUST_CHECK;
/* Everything of an image that hm_eif_read() read from fd, less its signature. */
int hm_eif_plan_image(struct hm_eif_plan *p, const struct hm_eif *e, int fd,
		      struct hm_err *err) HM_MUST_CHECK;

/*
 * Writes to fd: an empty regular file, open for reading too. The same plan gives
 * the same bytes, but for an ECDSA signature. What was written is read again
 * with hm_eif_read(), which also finds everything wrong with a plan.
 */
int hm_eif_write(const struct hm_eif_plan *p, int fd, struct hm_eif *ret,
		 struct hm_err *err) HM_MUST_CHECK;
