/*
 * The development attester: documents of exactly the form that /dev/nsm gives,
 * signed under a root that says in its name that no hardware vouches for them.
 * Five certificates with AWS's lives and constraints, PCRs by the formula of an
 * image file, PCRs that lock. What it distrusts: the untrusted build that runs
 * later in the same machine; so the root's key is used once, at birth, to sign
 * the chain down to the instance, and nothing of it is kept.
 *
 * With an NSM under it (QEMU's, which signs nothing) the PCRs are the NSM's,
 * and latching goes there: what is locked is locked outside this process.
 */
#include "enclave-worker/attester.h"

#include <fcntl.h>

#include "lib/dev_root.h"
#include "lib/hex.h"
#include "lib/io.h"
#include "lib/num.h"

/* Locked from birth, as the hypervisor does it. */
#define PCRS_OF_THE_IMAGE 16
#define PCRS_MEASURED 3

#define SECOND_MS 1000LL
#define HOUR_MS (3600 * SECOND_MS)
#define DAY_MS (24 * HOUR_MS)
/* AWS backdates a leaf by three seconds; so does a clock that was set back. */
#define LEAF_SKEW_MS (3 * SECOND_MS)
#define LEAF_LIFE_MS (3 * HOUR_MS)

#define CERT_MAX 4096
#define READ_CHUNK (64 * 1024)
#define CAS 4	/* root, region, zone, instance */

struct dev {
	struct hm_attester base;
	struct hm_attester *under;
	struct hm_key *instance_key;
	struct hm_buf ca[CAS];	/* DER, root first */
	char instance_id[20];	/* i-<17 hex> */
	char module_id[40];	/* i-<17 hex>-enc<16 hex> */
	uint8_t pcr[HM_NITRO_PCRS][HM_PCR_LEN];
	bool locked[HM_NITRO_PCRS];
};

static struct dev *dev_of(struct hm_attester *a)
{
	return (struct dev *)a;
}

/* --- PCRs -------------------------------------------------------------------- */

/* new = SHA384(old || data), what ExtendPCR does. */
static int extend(uint8_t pcr[HM_PCR_LEN], const uint8_t data[HM_SHA384_LEN],
		  struct hm_err *err)
{
	uint8_t both[HM_PCR_LEN + HM_SHA384_LEN];

	memcpy(both, pcr, HM_PCR_LEN);
	memcpy(both + HM_PCR_LEN, data, HM_SHA384_LEN);
	return hm_sha384(hm_slice(both, sizeof(both)), pcr, err);
}

static int measure_file(const char *path, struct hm_digest *d,
			struct hm_err *err)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	AUTO_FREE uint8_t *chunk = malloc(READ_CHUNK);
	size_t n = 0;
	int rc;

	if (!chunk)
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "measure");
	if (fd < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "measure '%s'", path);
	do {
		rc = hm_io_read_some(fd, chunk, READ_CHUNK, HM_NO_DEADLINE, &n,
				     err);
		if (rc == HM_OK)
			rc = hm_digest_update(d, chunk, n, err);
	} while (rc == HM_OK && n > 0);
	return rc;
}

/* PCR0 over all files, PCR1 over the first, PCR2 over the others. */
static int measure(struct dev *d, const struct hm_attester_dev_spec *spec,
		   struct hm_err *err)
{
	uint8_t digest[HM_SHA384_LEN];

	for (int pcr = 0; pcr < PCRS_MEASURED; pcr++) {
		size_t from = pcr == 2 ? 1 : 0;
		size_t to = pcr == 1 ? 1 : spec->measured_count;
		AUTO_DIGEST struct hm_digest *h = NULL;
		int rc = hm_digest_new(HM_SHA384, &h, err);

		for (size_t i = from; rc == HM_OK && i < to; i++)
			rc = measure_file(spec->measured[i], h, err);
		if (rc == HM_OK)
			rc = hm_digest_final(h, digest, err);
		if (rc == HM_OK)
			rc = extend(d->pcr[pcr], digest, err);
		if (rc != HM_OK)
			return rc;
	}
	return HM_OK;
}

static int dev_pcr(struct hm_attester *a, unsigned int index,
		   uint8_t out[HM_PCR_LEN], struct hm_err *err)
{
	struct dev *d = dev_of(a);

	if (index >= HM_NITRO_PCRS)
		return hm_fail(err, HM_E_POLICY, 0, "there is no PCR%u", index);
	if (d->under)
		return d->under->ops->pcr(d->under, index, out, err);
	memcpy(out, d->pcr[index], HM_PCR_LEN);
	return HM_OK;
}

static int dev_latch(struct hm_attester *a, unsigned int index,
		     const uint8_t data[HM_SHA384_LEN], struct hm_err *err)
{
	struct dev *d = dev_of(a);
	int rc;

	if (index >= HM_NITRO_PCRS)
		return hm_fail(err, HM_E_POLICY, 0, "there is no PCR%u", index);
	if (d->locked[index])
		return hm_fail(err, HM_E_POLICY, 0, "PCR%u is locked", index);
	rc = d->under ? d->under->ops->latch(d->under, index, data, err) :
			extend(d->pcr[index], data, err);
	if (rc == HM_OK)
		d->locked[index] = true;
	return rc;
}

/* --- the chain --------------------------------------------------------------- */

struct link {
	const char *common_name;
	int64_t life_ms;
	int path_len;
};

/* Signs the next certificate under ca[i] and makes its key the issuer's. */
static int add_ca(struct dev *d, size_t i, const struct link *link,
		  struct hm_key **issuer_key, int64_t now, struct hm_err *err)
{
	AUTO_KEY struct hm_key *key = NULL;
	struct hm_cert_request req = {
		.common_name = link->common_name,
		.organization = "Hallmark",
		.unit = "development",
		.not_before_ms = now - HOUR_MS,
		.not_after_ms = now + link->life_ms,
		.is_ca = true,
		.path_len = link->path_len,
		.issuer_key = *issuer_key,
		.issuer_der = hm_buf_slice(&d->ca[i - 1]),
	};
	int rc = hm_key_generate(HM_KEY_P384, &key, err);

	if (rc != HM_OK)
		return rc;
	req.key = key;
	rc = hm_cert_make(&req, &d->ca[i], err);
	if (rc != HM_OK)
		return rc;
	hm_key_free(*issuer_key);
	*issuer_key = HM_TAKE_PTR(key);
	return HM_OK;
}

/* i-<17 hex>, and behind "-enc" the birth in milliseconds, as AWS has it. */
static int make_names(struct dev *d, int64_t now, struct hm_err *err)
{
	uint8_t rnd[11], birth[8];
	char hex[2 * sizeof(rnd) + 1], birth_hex[2 * sizeof(birth) + 1];
	int rc = hm_random(rnd, sizeof(rnd), err);

	if (rc != HM_OK)
		return rc;
	hm_hex(rnd, sizeof(rnd), hex);
	hm_put_u64be(birth, (uint64_t)now);
	hm_hex(birth, sizeof(birth), birth_hex);
	(void)snprintf(d->instance_id, sizeof(d->instance_id), "i-%.17s", hex);
	(void)snprintf(d->module_id, sizeof(d->module_id), "%s-enc%.12s%.4s",
		       d->instance_id, birth_hex + 4, hex + 18);
	return HM_OK;
}

/* Takes over *key, the root's; on success the instance's is what is kept. */
static int make_chain(struct dev *d, struct hm_key **key, int64_t now,
		      struct hm_err *err)
{
	char instance[64];
	const struct link links[CAS] = {
		[1] = {"local.hallmark-development", 20 * DAY_MS, 2},
		[2] = {"zonal.local.hallmark-development", 6 * DAY_MS, 1},
		[3] = {instance, DAY_MS, 0},
	};

	(void)snprintf(instance, sizeof(instance),
		       "%s.local.hallmark-development", d->instance_id);
	for (size_t i = 1; i < CAS; i++) {
		int rc = add_ca(d, i, &links[i], key, now, err);

		if (rc != HM_OK)
			return rc;
	}
	d->instance_key = HM_TAKE(*key, NULL);
	return HM_OK;
}

/* --- the document ------------------------------------------------------------ */

static int make_leaf(struct dev *d, int64_t now, struct hm_key **ret_key,
		     struct hm_buf *der, struct hm_err *err)
{
	AUTO_KEY struct hm_key *key = NULL;
	char name[64];
	struct hm_cert_request req = {
		.common_name = name,
		.organization = "Hallmark",
		.unit = "development",
		.not_before_ms = now - LEAF_SKEW_MS,
		.not_after_ms = now + LEAF_LIFE_MS,
		.issuer_key = d->instance_key,
		.issuer_der = hm_buf_slice(&d->ca[CAS - 1]),
	};
	int rc = hm_key_generate(HM_KEY_P384, &key, err);

	if (rc != HM_OK)
		return rc;
	(void)snprintf(name, sizeof(name), "%s.hallmark", d->module_id);
	req.key = key;
	rc = hm_cert_make(&req, der, err);
	if (rc == HM_OK)
		*ret_key = HM_TAKE_PTR(key);
	return rc;
}

static struct hm_nitro_optional optional(struct hm_slice s)
{
	return (struct hm_nitro_optional){.present = s.len > 0, .bytes = s};
}

static int dev_attest(struct hm_attester *a, struct hm_slice public_key,
		      struct hm_slice user_data, struct hm_slice nonce,
		      struct hm_buf *document, struct hm_err *err)
{
	struct dev *d = dev_of(a);
	int64_t now = hm_wall_ms();
	AUTO_KEY struct hm_key *key = NULL;
	AUTO_BUF struct hm_buf leaf;
	struct hm_nitro_document doc = {
		.module_id = hm_slice_str(d->module_id),
		.timestamp_ms = (uint64_t)now,
		.cabundle_count = CAS,
		.public_key = optional(public_key),
		.user_data = optional(user_data),
		.nonce = optional(nonce),
	};
	int rc;

	hm_buf_init(&leaf, CERT_MAX);
	if (public_key.len > HM_NITRO_FIELD_MAX ||
	    user_data.len > HM_NITRO_FIELD_MAX ||
	    nonce.len > HM_NITRO_FIELD_MAX)
		return hm_fail(err, HM_E_TOO_LARGE, 0,
			       "attestation: a field has more than %d bytes",
			       HM_NITRO_FIELD_MAX);
	for (unsigned int i = 0; i < HM_NITRO_PCRS; i++) {
		doc.has_pcr[i] = d->locked[i];
		rc = d->locked[i] ? dev_pcr(a, i, doc.pcr[i], err) : HM_OK;
		if (rc != HM_OK)
			return rc;
	}
	for (size_t i = 0; i < CAS; i++)
		doc.cabundle[i] = hm_buf_slice(&d->ca[i]);
	rc = make_leaf(d, now, &key, &leaf, err);
	if (rc != HM_OK)
		return rc;
	doc.certificate = hm_buf_slice(&leaf);
	return hm_nitro_build(&doc, key, document, err);
}

static void dev_free(struct hm_attester *a)
{
	struct dev *d = dev_of(a);

	if (!a)
		return;
	if (d->under)
		d->under->ops->free(d->under);
	hm_key_free(d->instance_key);
	for (size_t i = 0; i < CAS; i++)
		hm_buf_release(&d->ca[i]);
	free(d);
}

static const struct hm_attester_ops dev_ops = {
	.name = "dev",
	.pcr = dev_pcr,
	.latch = dev_latch,
	.attest = dev_attest,
	.free = dev_free,
};

static int dev_init(struct dev *d, const struct hm_attester_dev_spec *spec,
		    struct hm_err *err)
{
	AUTO_KEY struct hm_key *key = NULL;
	int64_t now = hm_wall_ms();
	int rc = hm_key_from_private_pem(spec->root_key_pem, &key, err);

	if (rc == HM_OK)
		rc = hm_dev_root_check(spec->root_cert_pem, key, &d->ca[0],
				       err);
	if (rc == HM_OK)
		rc = make_names(d, now, err);
	if (rc == HM_OK)
		rc = make_chain(d, &key, now, err);
	if (rc != HM_OK || spec->under)
		return rc;
	/* Zero PCRs are what a debug enclave has: refused by every verifier. */
	if (spec->measured_count == 0)
		return hm_fail(err, HM_E_BUG, 0, "nothing to measure");
	return measure(d, spec, err);
}

int hm_attester_dev(const struct hm_attester_dev_spec *spec,
		    struct hm_attester **ret_a, struct hm_err *err)
{
	struct dev *d = calloc(1, sizeof(*d));

	if (!d)
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "attester");
	d->base.ops = &dev_ops;
	for (size_t i = 0; i < CAS; i++)
		hm_buf_init(&d->ca[i], CERT_MAX);
	for (size_t i = 0; i < PCRS_OF_THE_IMAGE; i++)
		d->locked[i] = true;
	if (dev_init(d, spec, err) != HM_OK) {
		dev_free(&d->base);
		return hm_err_prefix(err, "development attester");
	}
	d->under = spec->under;	/* transferred, on success only */
	*ret_a = &d->base;
	return HM_OK;
}
