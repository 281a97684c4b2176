/* Force-included everywhere: functions with a better way in lib/. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Some of them are macros of the C library; poisoning wants plain names. */
#undef alloca
#undef sprintf
#undef vsprintf
#undef strncpy
#undef strncat
#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok
#pragma GCC poison atoi atol strtol strtoul gets alloca system popen mktemp
#pragma GCC poison tmpnam localtime ctime asctime gmtime srand
/* Not rand: OpenSSL's headers name parameters so. Without srand it is no use. */
