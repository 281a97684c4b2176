/*
 * Usage: dev_document DIR USER_DATA NONCE
 * Writes a document of the development attester to DIR/document.bin, its root to
 * DIR/root.pem and its key (the bytes of public_key) to DIR/public_key.der, for
 * programs that we did not write.
 */
#include <fcntl.h>

#include "enclave-worker/attester.h"
#include "lib/dev_root.h"
#include "lib/path.h"

static int make(const char *dir, const char *user_data, const char *nonce,
		struct hm_err *err)
{
	const char *const measured[] = {"/proc/self/exe"};
	AUTO_CLOSE int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_BUF struct hm_buf cert, secret, doc, spki;
	AUTO_KEY struct hm_key *key = NULL;
	struct hm_attester_dev_spec spec = {.measured = measured,
					    .measured_count = 1};
	struct hm_attester *a = NULL;
	uint8_t latched[HM_SHA384_LEN] = {1};
	char root[4096];
	int rc;

	hm_buf_init(&cert, 4096);
	hm_buf_init_secret(&secret, 4096);
	hm_buf_init(&doc, HM_NITRO_DOCUMENT_MAX);
	hm_buf_init(&spki, 1024);
	(void)snprintf(root, sizeof(root), "%s/root", dir);
	rc = hm_dev_root_load(root, &cert, &secret, err);
	if (rc == HM_OK)
		rc = hm_key_generate(HM_KEY_P256, &key, err);
	if (rc == HM_OK)
		rc = hm_key_spki(key, &spki, err);
	if (rc != HM_OK)
		return rc;
	spec.root_cert_pem = hm_buf_slice(&cert);
	spec.root_key_pem = hm_buf_slice(&secret);
	rc = hm_attester_dev(&spec, &a, err);
	if (rc != HM_OK)
		return rc;
	rc = a->ops->latch(a, 16, latched, err);
	if (rc == HM_OK)
		rc = a->ops->attest(a, hm_buf_slice(&spki),
				    hm_slice_str(user_data),
				    hm_slice_str(nonce), &doc, err);
	a->ops->free(a);
	if (rc == HM_OK)
		rc = hm_file_write_atomic(fd, "document.bin",
					  hm_buf_slice(&doc), 0644, err);
	if (rc == HM_OK)
		rc = hm_file_write_atomic(fd, "root.pem", hm_buf_slice(&cert),
					  0644, err);
	return rc != HM_OK ? rc :
			     hm_file_write_atomic(fd, "public_key.der",
						  hm_buf_slice(&spki), 0644,
						  err);
}

int main(int argc, char **argv)
{
	struct hm_err err;

	if (argc != 4) {
		fprintf(stderr, "usage: dev_document DIR USER_DATA NONCE\n");
		return 2;
	}
	if (make(argv[1], argv[2], argv[3], &err) != HM_OK) {
		fprintf(stderr, "dev_document: %s\n", err.msg);
		return 1;
	}
	return 0;
}
