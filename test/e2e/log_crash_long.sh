#!/bin/bash
# suite: slow
# The log after 1,200 crashes (or HM_CRASH_RUNS).
HM_CRASH_RUNS=${HM_CRASH_RUNS:-1200} HM_CRASH_SEED=${HM_CRASH_SEED:-$$} exec "$(dirname "$0")/log_crash.sh"
