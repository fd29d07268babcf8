#include "ccurl.h"

#include <clibrary.h>
#include <pthread.h>

struct sluice_curl {
  int (*global_init)(long);
  char *(*version)(void);
  void *(*easy_init)(void);
  void (*easy_cleanup)(void *);
  int (*easy_setopt)(void *, int, ...);
  int (*easy_getinfo)(void *, int, ...);
  const char *(*easy_strerror)(int);
  sluice_curl_list *(*slist_append)(sluice_curl_list *, const char *);
  void (*slist_free_all)(sluice_curl_list *);
  void *(*multi_init)(void);
  int (*multi_cleanup)(void *);
  int (*multi_add_handle)(void *, void *);
  int (*multi_remove_handle)(void *, void *);
  int (*multi_perform)(void *, int *);
  int (*multi_poll)(void *, void *, unsigned, int, int *);
  int (*multi_wakeup)(void *);
  int (*multi_setopt)(void *, int, ...);
  struct curl_message *(*multi_info_read)(void *, int *);
};

struct curl_message {
  int kind;
  void *easy;
  union {
    void *pointer;
    int result;
  } data;
};

enum {
  global_default = 3,
  option_write_data = 10001,
  option_header_data = 10029,
  option_private = 10103,
  option_http_header = 10023,
  option_write_function = 20011,
  option_header_function = 20079,
  option_post_size = 30120,
  option_max_total_connections = 13,
  info_private = 0x100000 + 21,
  info_size_upload = 0x600000 + 7,
  message_done = 1,
};

static sluice_curl library;
static int found;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void open_library(void) {
  static const char *const names[] = {
    "libcurl.so.4", "libcurl-gnutls.so.4", "libcurl-nss.so.4", "libcurl.4.dylib", "/usr/lib/libcurl.4.dylib",
    "/opt/homebrew/opt/curl/lib/libcurl.4.dylib", "/usr/local/opt/curl/lib/libcurl.4.dylib",
  };
  const sluice_symbol wanted[] = {
    {&library.global_init, "curl_global_init"},
    {&library.version, "curl_version"},
    {&library.easy_init, "curl_easy_init"},
    {&library.easy_cleanup, "curl_easy_cleanup"},
    {&library.easy_setopt, "curl_easy_setopt"},
    {&library.easy_getinfo, "curl_easy_getinfo"},
    {&library.easy_strerror, "curl_easy_strerror"},
    {&library.slist_append, "curl_slist_append"},
    {&library.slist_free_all, "curl_slist_free_all"},
    {&library.multi_init, "curl_multi_init"},
    {&library.multi_cleanup, "curl_multi_cleanup"},
    {&library.multi_add_handle, "curl_multi_add_handle"},
    {&library.multi_remove_handle, "curl_multi_remove_handle"},
    {&library.multi_perform, "curl_multi_perform"},
    {&library.multi_poll, "curl_multi_poll"},
    {&library.multi_wakeup, "curl_multi_wakeup"},
    {&library.multi_setopt, "curl_multi_setopt"},
    {&library.multi_info_read, "curl_multi_info_read"},
  };
  int is_open =
      sluice_library_open(names, sizeof names / sizeof *names, wanted, sizeof wanted / sizeof *wanted);
  found = is_open && library.global_init(global_default) == 0;
}

const sluice_curl *sluice_curl_open(void) {
  pthread_once(&once, open_library);
  return found ? &library : NULL;
}

const char *sluice_curl_version(const sluice_curl *curl) { return curl->version(); }

void *sluice_curl_easy(const sluice_curl *curl) { return curl->easy_init(); }
void sluice_curl_easy_free(const sluice_curl *curl, void *easy) { curl->easy_cleanup(easy); }

int sluice_curl_set_long(const sluice_curl *curl, void *easy, int option, long value) {
  return curl->easy_setopt(easy, option, value);
}
int sluice_curl_set_size(const sluice_curl *curl, void *easy, int64_t value) {
  return curl->easy_setopt(easy, option_post_size, value);
}
int sluice_curl_set_string(const sluice_curl *curl, void *easy, int option, const char *value) {
  return curl->easy_setopt(easy, option, value);
}
int sluice_curl_set_pointer(const sluice_curl *curl, void *easy, int option, const void *value) {
  return curl->easy_setopt(easy, option, value);
}
int sluice_curl_set_headers(const sluice_curl *curl, void *easy, sluice_curl_list *list) {
  return curl->easy_setopt(easy, option_http_header, list);
}
int sluice_curl_set_sinks(const sluice_curl *curl, void *easy, sluice_curl_sink body, sluice_curl_sink header, void *context) {
  int result = curl->easy_setopt(easy, option_write_function, body);
  if (!result) result = curl->easy_setopt(easy, option_header_function, header);
  if (!result) result = curl->easy_setopt(easy, option_write_data, context);
  if (!result) result = curl->easy_setopt(easy, option_header_data, context);
  if (!result) result = curl->easy_setopt(easy, option_private, context);
  return result;
}
void *sluice_curl_context(const sluice_curl *curl, void *easy) {
  void *context = NULL;
  return curl->easy_getinfo(easy, info_private, &context) == 0 ? context : NULL;
}
long sluice_curl_get_long(const sluice_curl *curl, void *easy, int info) {
  long value = 0;
  return curl->easy_getinfo(easy, info, &value) == 0 ? value : 0;
}
int64_t sluice_curl_sent(const sluice_curl *curl, void *easy) {
  int64_t value = 0;
  return curl->easy_getinfo(easy, info_size_upload, &value) == 0 ? value : 0;
}
const char *sluice_curl_get_string(const sluice_curl *curl, void *easy, int info) {
  char *value = NULL;
  return curl->easy_getinfo(easy, info, &value) == 0 ? value : NULL;
}
const char *sluice_curl_error(const sluice_curl *curl, int result) { return curl->easy_strerror(result); }

sluice_curl_list *sluice_curl_list_append(const sluice_curl *curl, sluice_curl_list *list, const char *line) {
  return curl->slist_append(list, line);
}
void sluice_curl_list_free(const sluice_curl *curl, sluice_curl_list *list) { curl->slist_free_all(list); }

void *sluice_curl_multi(const sluice_curl *curl) { return curl->multi_init(); }
void sluice_curl_multi_free(const sluice_curl *curl, void *multi) { curl->multi_cleanup(multi); }
int sluice_curl_multi_add(const sluice_curl *curl, void *multi, void *easy) { return curl->multi_add_handle(multi, easy); }
int sluice_curl_multi_remove(const sluice_curl *curl, void *multi, void *easy) {
  return curl->multi_remove_handle(multi, easy);
}
int sluice_curl_multi_perform(const sluice_curl *curl, void *multi) {
  int running = 0;
  return curl->multi_perform(multi, &running);
}
int sluice_curl_multi_poll(const sluice_curl *curl, void *multi, int timeout_ms) {
  return curl->multi_poll(multi, NULL, 0, timeout_ms, NULL);
}
int sluice_curl_multi_limit(const sluice_curl *curl, void *multi, long connections) {
  return curl->multi_setopt(multi, option_max_total_connections, connections);
}
int sluice_curl_multi_wake(const sluice_curl *curl, void *multi) { return curl->multi_wakeup(multi); }
int sluice_curl_multi_next(const sluice_curl *curl, void *multi, sluice_curl_done *done) {
  int left = 0;
  struct curl_message *message;
  while ((message = curl->multi_info_read(multi, &left))) {
    if (message->kind != message_done) continue;
    done->easy = message->easy;
    done->result = message->data.result;
    return 1;
  }
  return 0;
}
