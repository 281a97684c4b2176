/* Which subordinate ids a user has. */
#include "runner-hook/id_map.h"

#include "tap.h"

static uint64_t find(const char *text, const char *name)
{
	return hm_id_map_find(hm_slice_str(text), name, 1000);
}

int main(void)
{
	ok(find("", "me") == 0, "an empty file grants nothing");
	ok(find("me:100000:65536\n", "me") == 100000, "by name");
	ok(find("1000:231072:65536\n", "me") == 231072, "by number");
	ok(find("me:100000:65536", "me") == 100000, "without a newline at the end");
	ok(find("you:1:65536\nme:7:99999\n", "me") == 7, "another's line is passed over");
	ok(find("me:5:100\nme:300000:65536\n", "me") == 300000, "too few, then enough");
	ok(find("me:100000:65535\n", "me") == 0, "one too few");
	ok(find("me:0:65536\n", "me") == 0, "root is not subordinate");
	ok(find("me:100000\n", "me") == 0, "a line without a count");
	ok(find("me:100000:65536:1\n", "me") == 0, "a line with a field too many");
	ok(find("me:-1:65536\nme:1e5:65536\n", "me") == 0, "numbers that are none");
	ok(find("me:99999999999:65536\n", "me") == 0, "a number over 32 bits");
	ok(find("meme:1:65536\nm:2:65536\n", "me") == 0, "a name is compared whole");
	ok(find("\n\n:::\nme:9:65536\n", "me") == 9, "odd lines are passed over");
	ok(hm_id_map_find(hm_slice_str("x:1:65536\n1000:2:65536\n"), NULL, 1000) == 2,
	   "a user without a name");
	return tap_done();
}
