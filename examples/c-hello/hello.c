#include <stdio.h>

int main(void)
{
	puts("Hello from a binary whose origin can be proved.");
	return 0;
}
