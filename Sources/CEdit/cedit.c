#include "cedit.h"

#include <clibrary.h>
#include <histedit.h>
#include <pthread.h>

const unsigned char sluice_edit_redisplay = CC_REDISPLAY;
const unsigned char sluice_edit_refresh = CC_REFRESH;
const unsigned char sluice_edit_error = CC_ERROR;

static struct {
  __typeof__(el_init) *init;
  __typeof__(el_end) *end;
  __typeof__(el_gets) *gets;
  __typeof__(el_set) *set;
  __typeof__(el_wset) *wset;
  __typeof__(el_get) *get;
  __typeof__(el_source) *source;
  __typeof__(el_line) *line;
  __typeof__(el_insertstr) *insertstr;
  __typeof__(el_resize) *resize;
  __typeof__(history_init) *history_init;
  __typeof__(history_end) *history_end;
  __typeof__(history) *history;
} library;
static int found;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void open_library(void) {
  static const char *const names[] = {"libedit.so.2", "libedit.so.0", "libedit.3.dylib", "/usr/lib/libedit.3.dylib"};
  const sluice_symbol wanted[] = {
    {&library.init, "el_init"},
    {&library.end, "el_end"},
    {&library.gets, "el_gets"},
    {&library.set, "el_set"},
    {&library.wset, "el_wset"},
    {&library.get, "el_get"},
    {&library.source, "el_source"},
    {&library.line, "el_line"},
    {&library.insertstr, "el_insertstr"},
    {&library.resize, "el_resize"},
    {&library.history_init, "history_init"},
    {&library.history_end, "history_end"},
    {&library.history, "history"},
  };
  int is_open =
      sluice_library_open(names, sizeof names / sizeof *names, wanted, sizeof wanted / sizeof *wanted);
  found = is_open;
}

int sluice_edit_open(void) {
  pthread_once(&once, open_library);
  return found;
}

EditLine *sluice_edit_begin(const char *program, FILE *input, FILE *output, FILE *errors) {
  return library.init(program, input, output, errors);
}
void sluice_edit_end(EditLine *edit) { library.end(edit); }

void sluice_edit_set_up(EditLine *edit, History *of, void *data, sluice_edit_prompt prompt) {
  library.set(edit, EL_EDITOR, "emacs");
  library.set(edit, EL_SIGNAL, 0);
  library.set(edit, EL_CLIENTDATA, data);
  library.set(edit, EL_PROMPT, prompt);
  library.set(edit, EL_HIST, library.history, of);
  library.set(edit, EL_BIND, "^R", "em-inc-search-prev", NULL);
  library.set(edit, EL_BIND, "\033[H", "ed-move-to-beg", NULL);
  library.set(edit, EL_BIND, "\033[F", "ed-move-to-end", NULL);
  library.set(edit, EL_BIND, "\033[3~", "ed-delete-next-char", NULL);
  // What is typed ahead of a prompt is for the editor: shown by it, and not cut at the length of a terminal's line.
  library.set(edit, EL_SETTY, "-x", "-echo", "-icanon", NULL);
  library.source(edit, NULL);
}

void sluice_edit_read_by(EditLine *edit, sluice_edit_read read) { library.wset(edit, EL_GETCFN, read); }

void sluice_edit_bind_tab(EditLine *edit, sluice_edit_key complete) {
  library.set(edit, EL_ADDFN, "sluice-complete", "complete the word before the cursor", complete);
  library.set(edit, EL_BIND, "\t", "sluice-complete", NULL);
}

void *sluice_edit_data(EditLine *edit) {
  void *data = NULL;
  library.get(edit, EL_CLIENTDATA, &data);
  return data;
}

const char *sluice_edit_line(EditLine *edit, int *count) { return library.gets(edit, count); }

size_t sluice_edit_before_cursor(EditLine *edit, const char **start) {
  const LineInfo *line = library.line(edit);
  *start = line ? line->buffer : NULL;
  return line ? (size_t)(line->cursor - line->buffer) : 0;
}
void sluice_edit_insert(EditLine *edit, const char *text) { library.insertstr(edit, text); }

void sluice_edit_prepare(EditLine *edit, int editing) { library.set(edit, EL_PREP_TERM, editing); }
void sluice_edit_show(EditLine *edit) { library.set(edit, EL_REFRESH); }
void sluice_edit_resize(EditLine *edit) { library.resize(edit); }

History *sluice_history_begin(int entries) {
  History *made = library.history_init();
  HistEvent event;
  library.history(made, &event, H_SETSIZE, entries);
  library.history(made, &event, H_SETUNIQUE, 1);
  return made;
}
void sluice_history_end(History *of) { library.history_end(of); }

void sluice_history_add(History *of, const char *line) {
  HistEvent event;
  library.history(of, &event, H_ENTER, line);
}
