/*
 * The interceptor: the process in which the build's network ends. It is this
 * program executed again, wires the namespaces, gives up every privilege, and
 * then answers DNS, takes each TCP connection of the sandbox, reaches the real
 * server over a lane, and reports what passed.
 *
 * It must not: parse anything of the sandbox or a server with privileges, open
 * a file or a socket after that, wait for the session.
 */
#pragma once

/*
 * main() of `enclave-worker --interceptor ARGS`: argc/argv are what follows.
 * Only hm_network_start() knows the arguments.
 */
#define HM_INTERCEPTOR_FLAG "--interceptor"
int hm_interceptor_main(int argc, char **argv);
