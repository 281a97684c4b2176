/*
 * build.json on anything at all. Properties: a refusal has a line and one line
 * of plain text; what is taken holds what the header promises, above all no
 * path that leaves the source root.
 */
#include "lib/buildspec.h"
#include "lib/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct hm_buildspec *s)
{
	struct hm_err err;

	HM_BUG_ON(!s->language || !s->cmd || *s->cmd == '\0');
	HM_BUG_ON(s->file_count == 0 || s->file_count > HM_BUILDSPEC_FILES);
	HM_BUG_ON(s->env_count > HM_BUILDSPEC_ENV);
	HM_BUG_ON(s->timeout_minutes > HM_TIMEOUT_MINUTES_MAX);
	HM_BUG_ON(s->memory_mib != 0 && s->memory_mib < HM_MEMORY_MIB_MIN);
	HM_BUG_ON(s->dir && hm_path_check(hm_slice_str(s->dir), &err) != HM_OK);
	for (size_t i = 0; i < s->file_count; i++)
		HM_BUG_ON(hm_path_check(hm_slice_str(s->files[i]), &err) !=
			  HM_OK);
	for (size_t i = 0; i < s->env_count; i++)
		HM_BUG_ON(strchr(s->env_name[i], '=') || !s->env_value[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_BUILDSPEC struct hm_buildspec s;
	struct hm_err err;
	unsigned int line = 0;
	int rc;

	hm_buildspec_init(&s);
	rc = hm_buildspec_parse(hm_slice(data, size), &s, &line, &err);
	if (rc == HM_OK) {
		check(&s);
	} else {
		HM_BUG_ON(rc == HM_E_FORMAT && line == 0);
		HM_BUG_ON(!hm_slice_is_text(hm_slice_str(err.msg)));
	}
	return 0;
}
