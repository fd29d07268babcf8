//! CEdit: libedit's own interface, as Swift can call it. Its setters take a variable number of arguments, which Swift cannot
//! pass, so each one in use has an inline function here. Not its `readline` interface, whose state belongs to the process.
#ifndef SLUICE_CEDIT_H
#define SLUICE_CEDIT_H
#include <histedit.h>
#include <stddef.h>
#include <wchar.h>

typedef char *(*sluice_edit_prompt)(EditLine *);
typedef unsigned char (*sluice_edit_key)(EditLine *, int);
typedef int (*sluice_edit_read)(EditLine *, wchar_t *);

enum {
  sluice_edit_redisplay = CC_REDISPLAY,
  sluice_edit_refresh = CC_REFRESH,
  sluice_edit_error = CC_ERROR,
};

/// Emacs keys, no signal handlers of its own, `data` for the callbacks, and what the user's ~/.editrc says.
static inline void sluice_edit_set_up(EditLine *edit, History *history_of, void *data, sluice_edit_prompt prompt) {
  el_set(edit, EL_EDITOR, "emacs");
  el_set(edit, EL_SIGNAL, 0);
  el_set(edit, EL_CLIENTDATA, data);
  el_set(edit, EL_PROMPT, prompt);
  el_set(edit, EL_HIST, history, history_of);
  el_set(edit, EL_BIND, "^R", "em-inc-search-prev", NULL);
  el_set(edit, EL_BIND, "\033[H", "ed-move-to-beg", NULL);
  el_set(edit, EL_BIND, "\033[F", "ed-move-to-end", NULL);
  el_set(edit, EL_BIND, "\033[3~", "ed-delete-next-char", NULL);
  // What is typed ahead of a prompt is for the editor: shown by it, and not cut at the length of a terminal's line.
  el_set(edit, EL_SETTY, "-x", "-echo", "-icanon", NULL);
  el_source(edit, NULL);
}

/// Declared by the system's header only to those who ask for X/Open's functions.
extern int wcwidth(wchar_t);

/// Where characters come from: gives 1, 0 at the end, -1 to give up the line.
static inline void sluice_edit_read_by(EditLine *edit, sluice_edit_read read) { el_wset(edit, EL_GETCFN, read); }

/// Takes the terminal over for editing (1), or leaves it to what runs between two lines (0).
static inline void sluice_edit_prepare(EditLine *edit, int editing) { el_set(edit, EL_PREP_TERM, editing); }

/// Shows prompt and line again from where the cursor of the terminal is.
static inline void sluice_edit_show(EditLine *edit) { el_set(edit, EL_REFRESH); }

static inline void sluice_edit_bind_tab(EditLine *edit, sluice_edit_key complete) {
  el_set(edit, EL_ADDFN, "sluice-complete", "complete the word before the cursor", complete);
  el_set(edit, EL_BIND, "\t", "sluice-complete", NULL);
}

static inline void *sluice_edit_data(EditLine *edit) {
  void *data = NULL;
  el_get(edit, EL_CLIENTDATA, &data);
  return data;
}

static inline void sluice_history_limit(History *of, int entries) {
  HistEvent event;
  history(of, &event, H_SETSIZE, entries);
  history(of, &event, H_SETUNIQUE, 1);
}

static inline void sluice_history_add(History *of, const char *line) {
  HistEvent event;
  history(of, &event, H_ENTER, line);
}
#endif
