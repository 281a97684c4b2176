/*
 * Usage: nitro_seeds DIR
 * Makes the seeds of the fuzz targets cbor, nitro and x509 below DIR (which are
 * in test/fuzz/corpus): good inputs of every shape, and a few bent ones.
 */
#include <fcntl.h>

#include "lib/num.h"
#include "lib/path.h"
#include "test/unit/nitro_fixture.h"

static int base = -1;

static void write_seed(const char *target, const char *name, struct hm_slice s)
{
	AUTO_CLOSE int dir = -1;

	(void)mkdirat(base, target, 0755);
	dir = openat(base, target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	FIX_MUST(hm_file_write_atomic(dir, name, s, 0644, fix_e));
}

/* A seed whose first byte chooses what the target does with the rest. */
static void write_chosen(const char *target, const char *name, uint8_t choice,
			 struct hm_slice s)
{
	AUTO_BUF struct hm_buf b;

	hm_buf_init(&b, 65536);
	FIX_MUST(hm_buf_add(&b, &choice, 1, fix_e));
	fix_raw(&b, s);
	write_seed(target, name, hm_buf_slice(&b));
}

static void nitro_seeds(const struct fix_chain *c)
{
	const struct {
		const char *name;
		struct bend d;
	} seeds[] = {
		{"plain", {.pcr_count = 2}},
		{"indefinite", {.pcr_count = 2, .indefinite = true}},
		{"inside", {.pcr_count = 2, .indefinite_inside = true}},
		{"tagged", {.pcr_count = 2, .front = FIX_RAW("\xd2")}},
		{"long", {.pcr_count = 2, .long_heads = true}},
		{"reversed", {.pcr_count = 32, .reversed = true}},
		{"fields", {.pcr_count = 1, .has_field = {true, true, true},
			    .field_len = {1, 0, 2}}},
		{"unknown", {.pcr_count = 1, .extra = FIX_RAW("\x61x\x00")}},
		{"tpm", {.pcr_count = 1,
			 .extra = FIX_RAW("\x6dnitrotpm_pcrs\xa0")}},
		{"unsigned", {.pcr_count = 1,
			      .protected_item = FIX_RAW("\x43\xa1\x01\x20"),
			      .protected_signed = FIX_RAW("\xa1\x01\x20")}},
		{"small", {.pcr_count = 1, .root_only = 1,
			   .value[FIX_CERTIFICATE] = FIX_RAW("\x41\x30"),
			   .value[FIX_CABUNDLE] = FIX_RAW("\x81\x41\x30")}},
	};
	AUTO_BUF struct hm_buf b;

	hm_buf_init(&b, 65536);
	for (size_t i = 0; i < HM_ARRAY_LEN(seeds); i++) {
		fix_document(&b, &seeds[i].d, c);
		write_seed("nitro", seeds[i].name, hm_buf_slice(&b));
	}
}

static void cbor_seeds(void)
{
	static const struct {
		const char *name;
		uint8_t strict;
		const char *bytes;
		size_t len;
	} seeds[] = {
#define SEED(name, strict, bytes) {name, strict, bytes, sizeof(bytes) - 1}
		SEED("ints", 1, "\x84\x00\x18\x18\x1a\x00\x01\x00\x00\x38\x22"),
		SEED("strings", 1, "\x82\x42\xaa\xbb\x62\xc3\xbc"),
		SEED("map", 1, "\xa2\x61x\xf5\x61y\x82\xf6\xf4"),
		SEED("deep", 1, "\x81\x81\x81\x81\x81\x81\x81\x80"),
		SEED("indef", 0, "\xbf\x61x\x9f\x01\xff\x61y\xbf\xff\xff"),
		SEED("long", 0, "\x98\x02\x18\x01\x59\x00\x01\xaa"),
		SEED("nested", 0, "\x9f\x82\x01\x9f\xff\xa1\x01\x80\xff"),
#undef SEED
	};

	for (size_t i = 0; i < HM_ARRAY_LEN(seeds); i++)
		write_chosen("cbor", seeds[i].name, seeds[i].strict,
			     hm_slice(seeds[i].bytes, seeds[i].len));
}

static void x509_seeds(const struct fix_chain *c)
{
	static const int order[FIX_CERTS] = {4, 0, 1, 2, 3};
	AUTO_BUF struct hm_buf b;
	uint8_t len[2];

	hm_buf_init(&b, 65536);
	for (size_t i = 0; i < FIX_CERTS; i++) {
		const struct hm_buf *der = &c->der[order[i]];

		hm_put_u16be(len, (uint16_t)der->len);
		fix_raw(&b, hm_slice(len, 2));
		fix_raw(&b, hm_buf_slice(der));
		if (i == 1)
			write_chosen("x509", "two", 0, hm_buf_slice(&b));
	}
	write_chosen("x509", "chain", 0, hm_buf_slice(&b));
	write_chosen("x509", "leaf", 1, hm_buf_slice(&c->der[4]));
	write_chosen("x509", "root", 1, hm_buf_slice(&c->der[0]));
	b.len = 0;
	FIX_MUST(hm_key_spki(c->keys[4], &b, fix_e));
	write_chosen("x509", "spki", 2, hm_buf_slice(&b));
	b.len = 0;
	FIX_MUST(hm_cert_der_to_pem(hm_buf_slice(&c->der[0]), &b, fix_e));
	write_chosen("x509", "pem", 3, hm_buf_slice(&b));
	b.len = 0;
	FIX_MUST(hm_key_public_pem(c->keys[4], &b, fix_e));
	write_chosen("x509", "public-pem", 3, hm_buf_slice(&b));
}

int main(int argc, char **argv)
{
	struct fix_chain chain;

	if (argc != 2)
		return 2;
	base = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (base < 0)
		return 1;
	fix_chain_init(&chain);
	fix_make_chain(&chain);
	nitro_seeds(&chain);
	cbor_seeds();
	x509_seeds(&chain);
	fix_chain_release(&chain);
	return 0;
}
