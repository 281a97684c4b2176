/* Force-included everywhere: functions with a better way in lib/. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok atoi atol strtol strtoul gets
#pragma GCC poison alloca system popen mktemp tmpnam localtime ctime asctime gmtime rand srand
