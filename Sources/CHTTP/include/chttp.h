//! CHTTP: the part of libmicrohttpd that `Server` uses, opened on first use. In C, because a daemon's options are a variable
//! number of arguments, which Swift cannot pass.
#ifndef SLUICE_CHTTP_H
#define SLUICE_CHTTP_H
#include <stddef.h>
#include <stdint.h>

/// libmicrohttpd, opened on first use: linking it would add 1.5 milliseconds to every start, needed or not.
///
/// The numbers and prototypes are those of its documented ABI (version 12 of the shared library), so that no header of it is
/// needed to build.

typedef struct sluice_http_server sluice_http_server;
/// One request, from its arrival until its answer was sent.
typedef struct sluice_http_request sluice_http_request;

/// Called on the server's thread with a whole request; `too_large` when its body was longer than the limit and is missing.
typedef void (*sluice_http_handler)(void *context, sluice_http_request *request, int too_large);

/// Serves 127.0.0.1 on a thread of its own; port 0 takes a free one. NULL with `*reason` 1 when there is no library, and 2
/// with `errno` when the port cannot be had.
sluice_http_server *sluice_http_start(
    uint16_t port, size_t body_limit, unsigned connection_limit, unsigned idle_seconds, sluice_http_handler handler,
    void *context, int *reason);
uint16_t sluice_http_port(const sluice_http_server *server);
/// Takes no more connections.
void sluice_http_quiesce(sluice_http_server *server);
/// Connections that are open.
unsigned sluice_http_connections(const sluice_http_server *server);
/// Ends the server; every request must have been answered.
void sluice_http_stop(sluice_http_server *server);

const char *sluice_http_method(const sluice_http_request *request);
const char *sluice_http_path(const sluice_http_request *request);
/// NULL when the request has no such header.
const char *sluice_http_header(const sluice_http_request *request, const char *name);
const uint8_t *sluice_http_body(const sluice_http_request *request, size_t *length);

/// Answers, once, on any thread; the bytes are copied, and the request is gone afterwards. `headers` are names and values in
/// turn, up to a NULL.
void sluice_http_answer(
    sluice_http_request *request, unsigned status, const char *const *headers, const void *body, size_t length);

#endif
