/*
 * The development root: a self-signed P-384 certificate whose subject says that
 * no hardware vouches for what it signs. Made on the host at first use; key 0600.
 */
#pragma once

#include "lib/x509.h"

/* Its common name, which every reader of a chain gets to see. */
#define HM_DEV_ROOT_NAME "hallmark development root: no hardware vouches for this"

/*
 * Loads dir/root.pem and dir/root-key.pem, making both (and dir, 0700) when
 * neither exists. Two processes at once agree on one root (lock file). Refuses
 * (HM_E_POLICY) a directory or key that others can reach, a certificate without
 * its key, and two that do not belong together. key_pem must be secret.
 */
int hm_dev_root_load(const char *dir, struct hm_buf *cert_pem,
		     struct hm_buf *key_pem, struct hm_err *err) HM_MUST_CHECK;

/* The certificate is one, and this key is its. Appends its DER. */
int hm_dev_root_check(struct hm_slice cert_pem, const struct hm_key *key,
		      struct hm_buf *der, struct hm_err *err) HM_MUST_CHECK;
