/*
 * Patterns over hostile names. fnmatch(3) sees one component at a time, in the
 * C locale, so it works on bytes and its cost is bounded by a name's length.
 */
#include "enclave-worker/glob.h"

#include <fnmatch.h>

#include "lib/log.h"

#define BIT(i) (1ULL << (i))

static bool is_any(const char *component)
{
	return strcmp(component, "**") == 0;
}

int hm_glob_compile(const char *pattern, struct hm_glob *ret_g,
		    struct hm_err *err)
{
	struct hm_glob g = {.text = strdup(pattern)};
	char *rest = g.text;

	if (!g.text)
		return hm_fail(err, HM_E_NOMEM, ENOMEM, "pattern");
	while (rest) {
		char *component = strsep(&rest, "/");

		/* "**" twice in a row says nothing more. */
		if (g.count > 0 && is_any(component) &&
		    is_any(g.components[g.count - 1]))
			continue;
		if (g.count == HM_GLOB_COMPONENTS) {
			hm_glob_release(&g);
			return hm_fail(err, HM_E_POLICY, 0,
				       "output.files: '%s' is more than %u directories deep",
				       HM_ESC(hm_slice_str(pattern)),
				       HM_GLOB_COMPONENTS);
		}
		g.components[g.count++] = component;
		if (!strpbrk(component, "*?["))
			g.after_literal |= BIT(g.count);
	}
	*ret_g = g;
	return HM_OK;
}

void hm_glob_release(struct hm_glob *g)
{
	free(g->text);
	*g = (struct hm_glob){.text = NULL};
}

uint64_t hm_glob_enter(const struct hm_glob *g, uint64_t at)
{
	for (size_t i = 0; i < g->count; i++) {
		if ((at & BIT(i)) && is_any(g->components[i]))
			at |= BIT(i + 1);
	}
	return at;
}

uint64_t hm_glob_start(const struct hm_glob *g)
{
	return hm_glob_enter(g, BIT(0));
}

uint64_t hm_glob_step(const struct hm_glob *g, uint64_t at, const char *name)
{
	/* Inside a matched directory everything matches. */
	uint64_t next = at & BIT(g->count);

	for (size_t i = 0; i < g->count; i++) {
		const char *component = g->components[i];

		if (!(at & BIT(i)))
			continue;
		if (is_any(component))
			next |= name[0] != '.' ? BIT(i) : 0;
		else if (strcmp(component, name) == 0 ||
			 fnmatch(component, name, FNM_PERIOD | FNM_NOESCAPE) == 0)
			next |= BIT(i + 1);
	}
	return next;
}

bool hm_glob_matched(const struct hm_glob *g, uint64_t at)
{
	return at & BIT(g->count);
}
