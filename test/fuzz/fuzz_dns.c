/* The sandbox's DNS packets, parsed and answered. */
#include "enclave-worker/interceptor/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct hm_names names;
	uint8_t answer[HM_DNS_PACKET_MAX];
	struct hm_err err;

	if (!names.items && hm_names_init(&names, &err) != HM_OK)
		return 0;
	HM_BUG_ON(hm_names_serve(&names, hm_slice(data, size), answer, &err) >
		  sizeof(answer));
	return 0;
}
