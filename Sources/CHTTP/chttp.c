#include "chttp.h"

#include <arpa/inet.h>
#include <clibrary.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct daemon;
struct connection;
struct response;

typedef int (*access_handler)(
    void *, struct connection *, const char *, const char *, const char *, const char *, size_t *, void **);
typedef size_t (*unescape_handler)(void *, struct connection *, char *);
typedef void (*completion_handler)(void *, struct connection *, void **, int);

static struct {
  struct daemon *(*start)(unsigned, uint16_t, void *, void *, access_handler, void *, ...);
  void (*stop)(struct daemon *);
  int (*quiesce)(struct daemon *);
  const void *(*info)(struct daemon *, int, ...);
  struct response *(*make)(size_t, void *, int);
  int (*add_header)(struct response *, const char *, const char *);
  int (*queue)(struct connection *, unsigned, struct response *);
  void (*destroy)(struct response *);
  void (*suspend)(struct connection *);
  void (*resume)(struct connection *);
  const char *(*lookup)(struct connection *, int, const char *);
} library;

static int found;
static pthread_once_t once = PTHREAD_ONCE_INIT;

enum {
  no = 0,
  yes = 1,
  use_polling_thread = 8,
  allow_suspend = 8192 | 1024,
  use_auto = 65536,
  option_end = 0,
  option_connection_limit = 2,
  option_connection_timeout = 3,
  option_notify_completed = 4,
  option_address = 6,
  option_unescape = 16,
  info_listen_socket = 2,
  info_connections = 4,
  header_kind = 1,
  must_copy = 2,
};

static void open_library(void) {
  static const char *const names[] = {
    "libmicrohttpd.so.12", "libmicrohttpd.12.dylib", "/opt/homebrew/opt/libmicrohttpd/lib/libmicrohttpd.12.dylib",
    "/usr/local/opt/libmicrohttpd/lib/libmicrohttpd.12.dylib",
  };
  const sluice_symbol wanted[] = {
    {&library.start, "MHD_start_daemon"},
    {&library.stop, "MHD_stop_daemon"},
    {&library.quiesce, "MHD_quiesce_daemon"},
    {&library.info, "MHD_get_daemon_info"},
    {&library.make, "MHD_create_response_from_buffer"},
    {&library.add_header, "MHD_add_response_header"},
    {&library.queue, "MHD_queue_response"},
    {&library.destroy, "MHD_destroy_response"},
    {&library.suspend, "MHD_suspend_connection"},
    {&library.resume, "MHD_resume_connection"},
    {&library.lookup, "MHD_lookup_connection_value"},
  };
  int is_open =
      sluice_library_open(names, sizeof names / sizeof *names, wanted, sizeof wanted / sizeof *wanted);
  found = is_open;
}

struct sluice_http_server {
  struct daemon *daemon;
  int socket;
  uint16_t port;
  size_t body_limit;
  sluice_http_handler handler;
  void *context;
};

struct sluice_http_request {
  sluice_http_server *server;
  struct connection *connection;
  char *method;
  char *path;
  uint8_t *body;
  size_t length;
  size_t capacity;
  int too_large;
  int is_answered;
  /// Written by whoever answers, before the connection is resumed, and read by the server's thread after.
  struct response *response;
  unsigned status;
};

static void release(sluice_http_request *request) {
  if (request->response) library.destroy(request->response);
  free(request->method);
  free(request->path);
  free(request->body);
  free(request);
}

static int append(sluice_http_request *request, const char *bytes, size_t count) {
  if (request->too_large) return yes;
  if (count > request->server->body_limit - request->length) {
    request->too_large = 1;
    request->length = 0;
    return yes;
  }
  if (request->length + count > request->capacity) {
    size_t capacity = request->capacity ? request->capacity * 2 : 4096;
    while (capacity < request->length + count) capacity *= 2;
    uint8_t *bigger = realloc(request->body, capacity);
    if (!bigger) return no;
    request->body = bigger;
    request->capacity = capacity;
  }
  memcpy(request->body + request->length, bytes, count);
  request->length += count;
  return yes;
}

static int access_connection(
    void *context, struct connection *connection, const char *path, const char *method, const char *version,
    const char *bytes, size_t *count, void **slot) {
  (void)version;
  sluice_http_request *request = *slot;
  if (!request) {
    request = calloc(1, sizeof *request);
    if (!request) return no;
    *slot = request;
    request->server = context;
    request->connection = connection;
    request->method = strdup(method);
    request->path = strdup(path);
    return request->method && request->path ? yes : no;
  }
  if (*count > 0) {
    int result = append(request, bytes, *count);
    *count = 0;
    return result;
  }
  if (request->is_answered) {
    return request->response ? library.queue(connection, request->status, request->response) : no;
  }
  library.suspend(connection);
  request->server->handler(request->server->context, request, request->too_large);
  return yes;
}

static int hex(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  int letter = digit | 0x20;
  return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

// Decodes in place what is percent-encoded, but for NUL, where a path would seem to end for who reads it as a string.
static size_t unescape(void *context, struct connection *connection, char *text) {
  (void)context;
  (void)connection;
  char *out = text;
  for (const char *in = text; *in;) {
    int high = *in == '%' ? hex(in[1]) : -1, low = high >= 0 ? hex(in[2]) : -1;
    if (low >= 0 && (high | low)) {
      *out++ = (char)(high << 4 | low);
      in += 3;
    } else {
      *out++ = *in++;
    }
  }
  *out = 0;
  return (size_t)(out - text);
}

static void complete(void *context, struct connection *connection, void **slot, int why) {
  (void)context;
  (void)connection;
  (void)why;
  if (*slot) release(*slot);
  *slot = NULL;
}

sluice_http_server *sluice_http_start(
    uint16_t port, size_t body_limit, unsigned connection_limit, unsigned idle_seconds, sluice_http_handler handler,
    void *context, int *reason) {
  pthread_once(&once, open_library);
  *reason = 1;
  if (!found) return NULL;
  *reason = 2;
  sluice_http_server *server = calloc(1, sizeof *server);
  if (!server) return NULL;
  server->body_limit = body_limit;
  server->handler = handler;
  server->context = context;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  completion_handler completed = complete;
  unescape_handler decode = unescape;
  errno = 0;
  server->daemon = library.start(
      use_polling_thread | use_auto | allow_suspend, port, NULL, NULL, access_connection, server, option_address,
      &address, option_connection_limit, connection_limit, option_connection_timeout, idle_seconds,
      option_notify_completed, completed, server, option_unescape, decode, NULL, option_end);
  if (!server->daemon) {
    free(server);
    return NULL;
  }
  const int *listening = library.info(server->daemon, info_listen_socket);
  socklen_t size = sizeof address;
  server->port = port;
  if (listening && getsockname(*listening, (struct sockaddr *)&address, &size) == 0) {
    server->port = ntohs(address.sin_port);
  }
  server->socket = -1;
  return server;
}

uint16_t sluice_http_port(const sluice_http_server *server) { return server->port; }

void sluice_http_quiesce(sluice_http_server *server) { server->socket = library.quiesce(server->daemon); }

unsigned sluice_http_connections(const sluice_http_server *server) {
  const unsigned *count = library.info(server->daemon, info_connections);
  return count ? *count : 0;
}

void sluice_http_stop(sluice_http_server *server) {
  library.stop(server->daemon);
  // A daemon that was quiesced leaves its socket to us.
  if (server->socket >= 0) close(server->socket);
  free(server);
}

const char *sluice_http_method(const sluice_http_request *request) { return request->method; }
const char *sluice_http_path(const sluice_http_request *request) { return request->path; }

const char *sluice_http_header(const sluice_http_request *request, const char *name) {
  return library.lookup(request->connection, header_kind, name);
}

const uint8_t *sluice_http_body(const sluice_http_request *request, size_t *length) {
  *length = request->length;
  return request->body;
}

void sluice_http_answer(
    sluice_http_request *request, unsigned status, const char *const *headers, const void *body, size_t length) {
  struct response *response = library.make(length, (void *)body, must_copy);
  if (response) {
    for (; headers[0]; headers += 2) library.add_header(response, headers[0], headers[1]);
  }
  request->status = status;
  request->response = response;
  request->is_answered = 1;
  library.resume(request->connection);
}
