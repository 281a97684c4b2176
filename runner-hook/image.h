/* `runner-hook image`: enclave images on the command line. */
#pragma once

#include "lib/eif.h"
#include "lib/json.h"

/* Each returns the exit status; argv begins behind the name. */
int hm_cmd_image(int argc, char **argv);
int hm_image_cmd_measure(int argc, char **argv);
int hm_image_cmd_inspect(int argc, char **argv);
int hm_image_cmd_assemble(int argc, char **argv);
int hm_image_cmd_sign(int argc, char **argv);

/* What all of them end with: prints err, returns the exit status. */
int hm_image_end(int rc, const char *verb, const struct hm_err *err);
/* --format: "text" or "json". */
int hm_image_format(const char *format, bool *ret_json,
		    struct hm_err *err) HM_MUST_CHECK;
/* Opens and reads an image, wholly checked; the caller keeps the descriptor. */
int hm_image_open(const char *path, int *ret_fd, struct hm_eif *ret,
		  struct hm_err *err) HM_MUST_CHECK;

/* PCR0, PCR1, PCR2 and, of a signed image, PCR8. */
struct hm_json *hm_image_pcrs(const struct hm_eif *e);
int hm_image_print_pcrs(const struct hm_eif *e, bool json,
			struct hm_err *err) HM_MUST_CHECK;
int hm_image_print_json(const struct hm_json *v, struct hm_err *err) HM_MUST_CHECK;

/*
 * NULL when the signing certificate is valid at that time; else "expired" or
 * "not yet valid": the hypervisor then refuses to start the image.
 */
const char *hm_image_signer_problem(const struct hm_eif *e, int64_t at_ms);
