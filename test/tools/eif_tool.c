/*
 * Usage: eif_tool DIR
 * Makes enclave images for tests and as seeds of fuzz_eif, without lib/eif's
 * writer: good ones, signed ones, one with an expired certificate, bent ones;
 * and the signing keys and certificates as PEM.
 */
#include <fcntl.h>
#include <time.h>

#include "lib/path.h"
#include "test/unit/eif_fixture.h"

static int dir = -1;
static struct hm_buf image, section;

static void put(const char *name, struct hm_slice s)
{
	FX_MUST(hm_file_write_atomic(dir, name, s, 0644, fx_e));
}

static void put_image(const char *name, const struct fx *f)
{
	fx_build(f, &image);
	put(name, hm_buf_slice(&image));
}

static void put_signed(const char *name, const struct fx_signer *s,
		       struct fx_sig bend)
{
	struct fx f = fx_good();

	fx_sign(&f, s, &bend, &section);
	put_image(name, &f);
}

static void put_signer(const char *key_name, const char *cert_name,
		       const struct fx_signer *s)
{
	AUTO_BUF struct hm_buf pem;

	hm_buf_init_secret(&pem, 8192);
	FX_MUST(hm_key_private_pem(s->key, &pem, fx_e));
	put(key_name, hm_buf_slice(&pem));
	put(cert_name, hm_buf_slice(&s->pem));
}

static void put_unsigned(void)
{
	struct fx f = fx_good();

	put_image("good.eif", &f);
	f.count = 4;
	put_image("one-ramdisk.eif", &f);
	f = fx_good();
	f.flags = 1;
	put_image("arm64.eif", &f);
	f = fx_good();
	f.version = 3;
	f.s[2] = f.s[4];
	f.count = 4;
	put_image("version-3.eif", &f);
	f = fx_good();
	f.s[1] = fx_good().s[0];
	f.s[0] = fx_good().s[1];
	put_image("cmdline-first.eif", &f);
	f = fx_good();
	f.s[2].data = hm_slice_str("{\"ImageName\":\"f\",\"CustomMetadata\":1.5}");
	put_image("fraction.eif", &f);
	f = fx_good();
	f.s[2].offset_by = -12;
	put_image("bad-overlap.eif", &f);
	f = fx_good();
	f.s[3].type = HM_EIF_KERNEL;
	put_image("bad-two-kernels.eif", &f);
	f = fx_good();
	f.crc_xor = 1;
	put_image("bad-crc.eif", &f);
}

int main(int argc, char **argv)
{
	int64_t now_ms = (int64_t)time(NULL) * 1000;
	struct fx_signer now, old, other;

	dir = argc == 2 ? open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (dir < 0) {
		(void)fprintf(stderr, "Usage: eif_tool DIR\n");
		return 2;
	}
	hm_buf_init(&image, FX_MAX);
	hm_buf_init(&section, FX_MAX);
	fx_signer_make(&now, HM_KEY_P384, now_ms - FX_DAY,
		       now_ms + 3650 * FX_DAY);
	fx_signer_make(&other, HM_KEY_P256, now_ms - FX_DAY,
		       now_ms + 3650 * FX_DAY);
	fx_signer_make(&old, HM_KEY_P384, now_ms - 2 * FX_DAY, now_ms - FX_DAY);
	put_unsigned();
	put_signed("signed.eif", &now, (struct fx_sig){.more = 0});
	put_signed("signed-256.eif", &other, (struct fx_sig){.swapped = true});
	put_signed("expired.eif", &old, (struct fx_sig){.more = 0});
	put_signed("bad-key.eif", &now, (struct fx_sig){.key = old.key});
	put_signed("bad-image.eif", &now, (struct fx_sig){.pcr_xor = 1});
	put_signed("bad-register.eif", &now, (struct fx_sig){.index = 8});
	put_signer("key.pem", "cert.pem", &now);
	put_signer("key-256.pem", "cert-256.pem", &other);
	put_signer("old-key.pem", "old-cert.pem", &old);
	fx_signer_release(&now);
	fx_signer_release(&other);
	fx_signer_release(&old);
	hm_buf_release(&image);
	hm_buf_release(&section);
	(void)close(dir);
	return 0;
}
