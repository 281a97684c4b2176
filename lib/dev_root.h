/*
 * The development root: a self-signed P-384 certificate whose subject says that
 * no hardware vouches for what it signs. Made on the host at first use; key 0600.
 */
#pragma once

#include "lib/x509.h"

/*
 * Loads dir/root.pem and dir/root-key.pem, making both (and dir, 0700) when
 * neither exists. Two processes at once agree on one root (lock file).
 */
int hm_dev_root_load(const char *dir, struct hm_buf *cert_pem,
		     struct hm_buf *key_pem, struct hm_err *err) HM_MUST_CHECK;
