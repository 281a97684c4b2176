/*
 * What the probe and the worker that starts it agree on.
 */
#pragma once

/* How many doors it tries; the worker wants to hear exactly this number. */
#if defined(__x86_64__)
#define HM_PROBE_CHECKS 43
#else
#define HM_PROBE_CHECKS 40
#endif

/* Its only words when all is well. */
#define HM_PROBE_CLOSED "hallmark-probe: all closed: "
/* Before the name of each door that is open. */
#define HM_PROBE_OPEN "hallmark-probe: OPEN: "

/* argv[1]: with this, an interface beside "lo" is an open door. */
#define HM_PROBE_LOOPBACK "loopback"
/*
 * argv[2]: with this, the runtime brings its own kernel (gVisor), whose statfs
 * does not tell about mounts and which always has a /sys of its own invention:
 * then only that nothing there can be written.
 */
#define HM_PROBE_OWN_KERNEL "own-kernel"
