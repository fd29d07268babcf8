//! CCurl: the part of libcurl that `Adapters` uses, opened on first use. In C, because its options take a variable number of
//! arguments, which Swift cannot pass.
#ifndef SLUICE_CCURL_H
#define SLUICE_CCURL_H
#include <stddef.h>
#include <stdint.h>

/// libcurl, opened on first use: linking it would add four milliseconds to every start, needed or not.
///
/// The numbers and prototypes are those of libcurl's documented, frozen ABI (version 4 of the shared library), so that no
/// curl header is needed to build. Handles are opaque pointers.

/// The functions of one opened library.
typedef struct sluice_curl sluice_curl;
typedef struct sluice_curl_list sluice_curl_list;

/// A finished transfer.
typedef struct {
  void *easy;
  int result;
} sluice_curl_done;

typedef size_t (*sluice_curl_sink)(char *bytes, size_t size, size_t count, void *context);

/// Opens the library once for the process (libcurl's own initialisation is process-wide and it cannot be unloaded).
/// NULL when no library, or one older than 7.68, is found.
const sluice_curl *sluice_curl_open(void);
/// `libcurl/7.88.1 OpenSSL/…`
const char *sluice_curl_version(const sluice_curl *curl);

void *sluice_curl_easy(const sluice_curl *curl);
void sluice_curl_easy_free(const sluice_curl *curl, void *easy);
int sluice_curl_set_long(const sluice_curl *curl, void *easy, int option, long value);
int sluice_curl_set_size(const sluice_curl *curl, void *easy, int64_t value);
int sluice_curl_set_string(const sluice_curl *curl, void *easy, int option, const char *value);
int sluice_curl_set_pointer(const sluice_curl *curl, void *easy, int option, const void *value);
int sluice_curl_set_headers(const sluice_curl *curl, void *easy, sluice_curl_list *list);
/// Sends body and header bytes to `body` and `header` with `context`.
int sluice_curl_set_sinks(const sluice_curl *curl, void *easy, sluice_curl_sink body, sluice_curl_sink header, void *context);
/// The bound argument of `set_sinks`.
void *sluice_curl_context(const sluice_curl *curl, void *easy);
long sluice_curl_get_long(const sluice_curl *curl, void *easy, int info);
/// The bytes sent so far.
int64_t sluice_curl_sent(const sluice_curl *curl, void *easy);
/// NULL when absent; valid until the handle's next transfer.
const char *sluice_curl_get_string(const sluice_curl *curl, void *easy, int info);
const char *sluice_curl_error(const sluice_curl *curl, int result);

/// NULL when memory ran out; the old list is then still the caller's.
sluice_curl_list *sluice_curl_list_append(const sluice_curl *curl, sluice_curl_list *list, const char *line);
void sluice_curl_list_free(const sluice_curl *curl, sluice_curl_list *list);

void *sluice_curl_multi(const sluice_curl *curl);
/// Keeps no more connections than this open, idle ones among them.
int sluice_curl_multi_limit(const sluice_curl *curl, void *multi, long connections);
void sluice_curl_multi_free(const sluice_curl *curl, void *multi);
int sluice_curl_multi_add(const sluice_curl *curl, void *multi, void *easy);
int sluice_curl_multi_remove(const sluice_curl *curl, void *multi, void *easy);
int sluice_curl_multi_perform(const sluice_curl *curl, void *multi);
int sluice_curl_multi_poll(const sluice_curl *curl, void *multi, int timeout_ms);
/// May be called from any thread.
int sluice_curl_multi_wake(const sluice_curl *curl, void *multi);
/// 1 and fills `done` when a transfer has finished, else 0.
int sluice_curl_multi_next(const sluice_curl *curl, void *multi, sluice_curl_done *done);

#endif
