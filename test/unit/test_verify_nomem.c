/*
 * Out of memory at every allocation, one after another, ours, jansson's and
 * OpenSSL's: the verifier must come back without a crash or leak of judgement. A
 * release that is bent must not be accepted because something could not be
 * allocated on the way to finding out.
 */
#include <errno.h>

#include "test/unit/bends.h"
#include "test/unit/tap.h"
#include "verifier/verify.h"

#if defined(__SANITIZE_ADDRESS__)
#define HAVE_SEAM 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAVE_SEAM 0
#endif
#endif
#ifndef HAVE_SEAM
#define HAVE_SEAM 1
#endif

static bool armed;
static size_t calls, fail_at;

#if HAVE_SEAM
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);

static bool fails_now(void)
{
	if (!armed || ++calls != fail_at)
		return false;
	errno = ENOMEM;
	return true;
}

void *malloc(size_t n)
{
	return fails_now() ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	return fails_now() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
	return fails_now() ? NULL : __libc_realloc(p, n);
}

void *reallocarray(void *p, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes) || fails_now())
		return NULL;
	return __libc_realloc(p, bytes);
}
#endif

struct outcome {
	size_t accepted, refused, errors;
};

static void once(int fd, const struct hm_expect *want, struct outcome *o)
{
	AUTO_VERDICT struct hm_verdict v;
	AUTO_INTAKE struct hm_intake in;
	struct hm_err err = {0};
	int rc;

	HM_BUG_ON(lseek(fd, 0, SEEK_SET) != 0);
	hm_intake_init(&in);
	hm_verdict_init(&v);
	calls = 0;
	armed = true;
	rc = hm_intake_tar(fd, &in, &err);
	if (rc == HM_OK)
		rc = hm_verify(&in, want, &v, &err);
	armed = false;
	o->accepted += rc == HM_OK && v.accepted ? 1 : 0;
	o->refused += rc == HM_OK && !v.accepted ? 1 : 0;
	o->errors += rc != HM_OK ? 1 : 0;
	/* An error must say something, and a refusal must have its reason. */
	HM_BUG_ON(rc != HM_OK && err.msg[0] == '\0');
	HM_BUG_ON(rc == HM_OK && v.accepted != (v.reason == HM_R_NONE));
}

/* A verification allocates thousands of times, mostly in one JSON parser. */
static void sweep(const char *name, size_t runs)
{
	const struct rk_bend *bend = rk_find_bend(name);
	struct hm_expect want = { .any_source = true, .now_ms = RK_NOW };
	struct outcome o = {0}, plain = {0};
	size_t total;
	struct rk k;
	int fd;

	rk_init(&k);
	rk_make(&k, bend ? bend->step : RK_DONE, bend ? bend->bend : NULL);
	rk_root_sha256(&k, want.roots[0].sha256);
	want.roots[0].kind = HM_ROOT_NITRO;
	want.root_count = 1;
	for (size_t i = 0; i < HM_IMAGE_PCRS; i++) {
		want.pin.has[i] = true;
		memcpy(want.pin.pcr[i], k.pcr[i], HM_PCR_LEN);
	}
	fd = rk_memfd(hm_buf_slice(&k.tar));
	fail_at = 0;
	once(fd, &want, &plain);	/* warms OpenSSL up */
	plain = (struct outcome){0};
	once(fd, &want, &plain);
	total = calls;
	ok(plain.accepted == (bend ? 0U : 1U), "%s: %zu allocations",
	   bend ? name : "good", total);
	for (fail_at = 1; fail_at <= total; 
	     fail_at += total / runs + 1)
		once(fd, &want, &o);
	ok(!bend || o.accepted == 0, "%s: accepted %zu, refused %zu, errors %zu",
	   bend ? name : "good", o.accepted, o.refused, o.errors);
	ok(o.errors > 0 || total == 0, "and some of them were noticed as errors");
	(void)close(fd);
	rk_release(&k);
}

int main(void)
{
	if (!HAVE_SEAM) {
		skip("the sanitizer owns the allocator");
		return tap_done();
	}
	sweep("", 1500);
	sweep("file-content", 300);
	sweep("user-commit", 300);
	sweep("s-signer", 300);
	sweep("signature", 300);
	return tap_done();
}
