/*
 * The tar reader on anything at all. Property: what it accepts, the writer
 * writes again, byte for byte.
 */
#include <sys/mman.h>

#include "lib/tar_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct copy {
	struct hm_tar_writer *w;
	struct hm_buf out;
};

static int to_buf(void *ctx, const void *p, size_t len, struct hm_err *err)
{
	return hm_buf_add(ctx, p, len, err);
}

static int on_entry(void *ctx, const struct hm_tar_entry *e, struct hm_err *err)
{
	struct copy *c = ctx;
	int rc;

	if (!c->w) {
		rc = hm_tar_writer_new(to_buf, &c->out, e->mtime_s, &c->w, err);
		if (rc < 0)
			return rc;
	}
	return hm_tar_writer_file(c->w, e->name, e->mode, e->size, err);
}

static int on_data(void *ctx, const void *p, size_t len, struct hm_err *err)
{
	return hm_tar_writer_data(((struct copy *)ctx)->w, p, len, err);
}

static int on_end(void *ctx, struct hm_err *err)
{
	(void)ctx, (void)err;
	return HM_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct hm_tar_events events = {on_entry, on_data, on_end};
	struct copy c = {.w = NULL};
	AUTO_CLOSE int fd = memfd_create("tar", MFD_CLOEXEC);
	struct hm_err err;

	if (fd < 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
		return 0;
	hm_buf_init(&c.out, size + (1 << 20));
	if (hm_tar_read(fd, &events, &c, &err) == HM_OK && c.w) {
		HM_BUG_ON(hm_tar_writer_finish(c.w, &err) != HM_OK);
		HM_BUG_ON(!hm_slice_eq(hm_buf_slice(&c.out),
				       hm_slice(data, size)));
	}
	hm_tar_writer_free(c.w);
	hm_buf_release(&c.out);
	return 0;
}
