/*
 * Enclave images, anything at all: as they are, and with a CRC that fits, so
 * that a fuzzer gets behind it. Properties: errors are of the documented codes;
 * what is taken lies within the file without gaps; and what is not signed is
 * what our writer makes of it, byte for byte.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "lib/crc32.h"
#include "lib/eif.h"
#include "lib/num.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int file_of(const uint8_t *data, size_t size)
{
	int fd = memfd_create("eif", MFD_CLOEXEC);

	HM_BUG_ON(fd < 0);
	HM_BUG_ON(write(fd, data, size) != (ssize_t)size);
	HM_BUG_ON(lseek(fd, 0, SEEK_SET) != 0);
	return fd;
}

static void check_copy(const struct hm_eif *e, int in, const uint8_t *data,
		       size_t size)
{
	AUTO_EIF struct hm_eif copy = {.version = 0};
	AUTO_CLOSE int out = memfd_create("copy", MFD_CLOEXEC);
	AUTO_FREE uint8_t *bytes = malloc(size);
	struct hm_eif_plan p;
	struct hm_err err;

	hm_eif_plan_init(&p);
	HM_BUG_ON(hm_eif_plan_image(&p, e, in, &err) != HM_OK);
	HM_BUG_ON(hm_eif_write(&p, out, &copy, &err) != HM_OK);
	HM_BUG_ON(!bytes || copy.size != size);
	HM_BUG_ON(pread(out, bytes, size, 0) != (ssize_t)size);
	HM_BUG_ON(memcmp(bytes, data, size) != 0);
}

static void try_one(const uint8_t *data, size_t size)
{
	AUTO_CLOSE int fd = file_of(data, size);
	AUTO_EIF struct hm_eif e = {.version = 0};
	uint64_t at = HM_EIF_HEADER_LEN;
	struct hm_err err = {0};
	int rc = hm_eif_read(fd, &e, &err);

	if (rc != HM_OK) {
		HM_BUG_ON(rc != HM_E_FORMAT && rc != HM_E_POLICY &&
			  rc != HM_E_CRYPTO && rc != HM_E_TOO_LARGE);
		HM_BUG_ON(err.code != (enum hm_code)rc || err.msg[0] == 0);
		return;
	}
	for (size_t i = 0; i < e.section_count; i++) {
		at += HM_EIF_SECTION_HEADER_LEN;
		HM_BUG_ON(e.sections[i].offset != at);
		at += e.sections[i].size;
	}
	HM_BUG_ON(at != size || e.size != size);
	if (!e.has_signature)
		check_copy(&e, fd, data, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE uint8_t *copy = NULL;
	struct hm_crc32 crc;

	try_one(data, size);
	if (size < HM_EIF_HEADER_LEN)
		return 0;
	copy = malloc(size);
	HM_BUG_ON(!copy);
	memcpy(copy, data, size);
	hm_crc32_init(&crc);
	hm_crc32_update(&crc, copy, HM_EIF_HEADER_LEN - 4);
	hm_crc32_update(&crc, copy + HM_EIF_HEADER_LEN, size - HM_EIF_HEADER_LEN);
	hm_put_u32be(copy + HM_EIF_HEADER_LEN - 4, hm_crc32_value(&crc));
	try_one(copy, size);
	return 0;
}
