/*
 * Sigstore bundles for tests: bundle_tool keygen KEY.pem PUB.pem
 *                             bundle_tool sign KEY.pem STATEMENT >BUNDLE
 */
#include <stdio.h>

#include "lib/dsse.h"
#include "lib/io.h"
#include "lib/path.h"

static struct hm_err err;

static int write_file(const char *path, const struct hm_buf *b)
{
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
				 0600);

	if (fd < 0)
		return hm_fail(&err, HM_E_SYSTEM, errno, "%s", path);
	return hm_io_write_all(fd, b->data, b->len, HM_NO_DEADLINE, &err);
}

static int keygen(const char *private_path, const char *public_path)
{
	AUTO_KEY struct hm_key *k = NULL;
	AUTO_BUF struct hm_buf pem, pub;
	int rc = hm_key_generate(HM_KEY_P256, &k, &err);

	hm_buf_init_secret(&pem, 4096);
	hm_buf_init(&pub, 4096);
	if (rc == HM_OK)
		rc = hm_key_private_pem(k, &pem, &err);
	if (rc == HM_OK)
		rc = hm_key_public_pem(k, &pub, &err);
	if (rc == HM_OK)
		rc = write_file(private_path, &pem);
	return rc == HM_OK ? write_file(public_path, &pub) : rc;
}

static int sign(const char *key_path, const char *statement_path)
{
	AUTO_KEY struct hm_key *k = NULL;
	AUTO_BUF struct hm_buf pem, statement, json;
	AUTO_DSSE struct hm_dsse d;
	int rc;

	hm_buf_init_secret(&pem, 4096);
	hm_buf_init(&statement, HM_STATEMENT_MAX);
	hm_buf_init(&json, HM_BUNDLE_MAX);
	hm_dsse_init(&d);
	rc = hm_file_read_user(key_path, &pem, &err);
	if (rc == HM_OK)
		rc = hm_key_from_private_pem(hm_buf_slice(&pem), &k, &err);
	if (rc == HM_OK)
		rc = hm_file_read_user(statement_path, &statement, &err);
	if (rc == HM_OK)
		rc = hm_dsse_sign(k, HM_PAYLOAD_INTOTO, hm_buf_slice(&statement),
				  &d, &err);
	if (rc == HM_OK)
		rc = hm_bundle_write(&d, k, NULL, NULL, &json, &err);
	return rc == HM_OK ? hm_io_write_all(STDOUT_FILENO, json.data, json.len,
					     HM_NO_DEADLINE, &err) : rc;
}

int main(int argc, char **argv)
{
	int rc = HM_E_USAGE;

	if (argc == 4 && strcmp(argv[1], "keygen") == 0)
		rc = keygen(argv[2], argv[3]);
	else if (argc == 4 && strcmp(argv[1], "sign") == 0)
		rc = sign(argv[2], argv[3]);
	if (rc != HM_OK)
		fprintf(stderr, "bundle_tool: %s\n", err.msg);
	return rc == HM_OK ? 0 : 1;
}
