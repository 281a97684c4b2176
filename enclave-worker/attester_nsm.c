/*
 * /dev/nsm as an attester. What it distrusts: its own idea of what the module
 * did. A latch is believed only when the module, asked again, shows the value
 * that we computed and says that it is locked; the module must be the one this
 * tree was written for (SHA384, 32 PCRs, the image's sixteen locked).
 */
#include "enclave-worker/attester.h"

#include <fcntl.h>
#include <sys/ioctl.h>

#include "enclave-worker/nsm.h"
#include "lib/io.h"

/*
 * linux/nsm.h (6.8), which older header packages lack: four 64-bit words,
 * address and length of request and of response.
 */
struct nsm_raw {
	uint64_t request_addr, request_len;
	uint64_t response_addr, response_len;
};
_Static_assert(sizeof(struct nsm_raw) == 32, "the kernel's layout");
#define NSM_RAW _IOWR(0x0A, 0x0, struct nsm_raw)

/* Locked from boot: everything that describes image and parent. */
#define PCRS_OF_THE_IMAGE 16

struct nsm {
	struct hm_attester base;
	struct hm_nsm_transport transport;
	int fd;		/* -1: the transport is the caller's */
};

static struct nsm *nsm_of(struct hm_attester *a)
{
	return (struct nsm *)a;
}

/* The driver waits up to 120 s for the module and cannot be interrupted. */
static int device_call(void *ctx, struct hm_slice request, uint8_t *response,
		       size_t *ret_len, struct hm_err *err)
{
	const int *fd = ctx;
	struct nsm_raw raw = {
		.request_addr = (uintptr_t)request.ptr,
		.request_len = request.len,
		.response_addr = (uintptr_t)response,
		.response_len = HM_NSM_RESPONSE_MAX,
	};

	if (ioctl(*fd, NSM_RAW, &raw) != 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "the device");
	*ret_len = (size_t)raw.response_len;
	return HM_OK;
}

static int nsm_pcr(struct hm_attester *a, unsigned int index,
		   uint8_t out[HM_PCR_LEN], struct hm_err *err)
{
	bool locked;

	return hm_nsm_describe_pcr(&nsm_of(a)->transport, index, &locked, out,
				   err);
}

static int nsm_latch(struct hm_attester *a, unsigned int index,
		     const uint8_t data[HM_SHA384_LEN], struct hm_err *err)
{
	const struct hm_nsm_transport *t = &nsm_of(a)->transport;
	uint8_t both[HM_PCR_LEN + HM_SHA384_LEN] = {0};
	uint8_t want[HM_PCR_LEN], got[HM_PCR_LEN];
	bool locked;
	int rc = hm_nsm_describe_pcr(t, index, &locked, got, err);

	if (rc != HM_OK)
		return rc;
	if (locked)
		return hm_fail(err, HM_E_POLICY, 0, "nsm: PCR%u is locked",
			       index);
	/* Somebody extended it before us: then its value is not ours to state. */
	if (memcmp(got, both, HM_PCR_LEN) != 0)
		return hm_fail(err, HM_E_POLICY, 0, "nsm: PCR%u is not zero",
			       index);
	memcpy(both + HM_PCR_LEN, data, HM_SHA384_LEN);
	rc = hm_sha384(hm_slice(both, sizeof(both)), want, err);
	if (rc == HM_OK)
		rc = hm_nsm_extend_pcr(t, index, hm_slice(data, HM_SHA384_LEN),
				       got, err);
	if (rc == HM_OK)
		rc = hm_nsm_lock_pcr(t, index, err);
	if (rc == HM_OK)
		rc = hm_nsm_describe_pcr(t, index, &locked, got, err);
	if (rc != HM_OK)
		return rc;
	if (!locked || memcmp(got, want, HM_PCR_LEN) != 0)
		return hm_fail(err, HM_E_PROTOCOL, 0,
			       "nsm: PCR%u did not lock at the value it was given",
			       index);
	return HM_OK;
}

static int nsm_attest(struct hm_attester *a, struct hm_slice public_key,
		      struct hm_slice user_data, struct hm_slice nonce,
		      struct hm_buf *document, struct hm_err *err)
{
	return hm_nsm_attest(&nsm_of(a)->transport, public_key, user_data,
			     nonce, document, err);
}

static void nsm_free(struct hm_attester *a)
{
	struct nsm *n = nsm_of(a);

	if (!a)
		return;
	if (n->fd >= 0)
		(void)close(n->fd);
	free(n);
}

static const struct hm_attester_ops nsm_ops = {
	.name = "nsm",
	.pcr = nsm_pcr,
	.latch = nsm_latch,
	.attest = nsm_attest,
	.free = nsm_free,
};

static int check_module(const struct hm_nsm_transport *t, struct hm_err *err)
{
	struct hm_nsm_description d;
	int rc = hm_nsm_describe(t, &d, err);

	if (rc != HM_OK)
		return rc;
	if (strcmp(d.digest, "SHA384") != 0 || d.max_pcrs != HM_NITRO_PCRS)
		return hm_fail(err, HM_E_POLICY, 0,
			       "nsm: %llu PCRs of %s, not 32 of SHA384",
			       (unsigned long long)d.max_pcrs, d.digest);
	for (int i = 0; i < PCRS_OF_THE_IMAGE; i++)
		if (!d.locked[i])
			return hm_fail(err, HM_E_POLICY, 0,
				       "nsm: PCR%d is not locked: this enclave can "
				       "lie about its image",
				       i);
	return HM_OK;
}

/*
 * An enclave has no other devices to be random from. Writing adds to the
 * kernel's pool without being credited: it cannot make things worse.
 */
static int feed_pool(const struct hm_nsm_transport *t, const char *pool,
		     struct hm_err *err)
{
	AUTO_CLOSE int fd = open(pool, O_WRONLY | O_CLOEXEC);
	AUTO_BUF struct hm_buf bytes;
	int rc;

	hm_buf_init_secret(&bytes, HM_NSM_RESPONSE_MAX);
	if (fd < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "open '%s'", pool);
	rc = hm_nsm_random(t, &bytes, err);
	return rc != HM_OK ? rc :
			     hm_io_write_all(fd, bytes.data, bytes.len,
					     HM_NO_DEADLINE, err);
}

int hm_attester_nsm_over(const struct hm_nsm_transport *t, const char *pool,
			 struct hm_attester **ret_a, struct hm_err *err)
{
	struct nsm *n;
	int rc = check_module(t, err);

	if (rc == HM_OK)
		rc = feed_pool(t, pool, err);
	if (rc != HM_OK)
		return rc;
	n = calloc(1, sizeof(*n));
	if (!n)
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "attester");
	n->base.ops = &nsm_ops;
	n->transport = *t;
	n->fd = -1;
	*ret_a = &n->base;
	return HM_OK;
}

int hm_attester_nsm(const char *device, struct hm_attester **ret_a,
		    struct hm_err *err)
{
	AUTO_CLOSE int fd = open(device, O_RDWR | O_CLOEXEC);
	struct hm_nsm_transport t = {.call = device_call, .ctx = &fd};
	struct hm_attester *a = NULL;
	struct nsm *n;
	int rc;

	if (fd < 0)
		return hm_fail(err, HM_E_SYSTEM, errno, "open '%s'", device);
	rc = hm_attester_nsm_over(&t, "/dev/urandom", &a, err);
	if (rc != HM_OK)
		return rc;
	n = nsm_of(a);
	n->fd = HM_TAKE_FD(fd);
	n->transport.ctx = &n->fd;
	*ret_a = a;
	return HM_OK;
}
