//! CEdit: libedit's own interface, as Swift can call it, opened on first use: only conversations on a terminal need it, and
//! with the four libraries that it brings along it would cost every start a quarter of a millisecond.
//!
//! Its setters take a variable number of arguments, which Swift cannot pass, so each one in use has a function here. Not its
//! `readline` interface, whose state belongs to the process. Nothing here may be called before `sluice_edit_open` gave 1.
#ifndef SLUICE_CEDIT_H
#define SLUICE_CEDIT_H
#include <stddef.h>
#include <stdio.h>
#include <wchar.h>

typedef struct editline EditLine;
typedef struct history History;
typedef char *(*sluice_edit_prompt)(EditLine *);
typedef unsigned char (*sluice_edit_key)(EditLine *, int);
typedef int (*sluice_edit_read)(EditLine *, wchar_t *);

/// What a key's function answers.
extern const unsigned char sluice_edit_redisplay, sluice_edit_refresh, sluice_edit_error;

/// Opens the library; 0 when it is not there. On any thread.
int sluice_edit_open(void);

EditLine *sluice_edit_begin(const char *program, FILE *input, FILE *output, FILE *errors);
void sluice_edit_end(EditLine *edit);

/// Emacs keys, no signal handlers of its own, `data` for the callbacks, and what the user's ~/.editrc says.
void sluice_edit_set_up(EditLine *edit, History *of, void *data, sluice_edit_prompt prompt);

/// Where characters come from: gives 1, 0 at the end, -1 to give up the line.
void sluice_edit_read_by(EditLine *edit, sluice_edit_read read);
void sluice_edit_bind_tab(EditLine *edit, sluice_edit_key complete);
void *sluice_edit_data(EditLine *edit);

/// Reads a line; NULL at the end of input, or when the line was given up.
const char *sluice_edit_line(EditLine *edit, int *count);

/// The bytes of the line before the cursor, and where they begin.
size_t sluice_edit_before_cursor(EditLine *edit, const char **start);
void sluice_edit_insert(EditLine *edit, const char *text);

/// Takes the terminal over for editing (1), or leaves it to what runs between two lines (0).
void sluice_edit_prepare(EditLine *edit, int editing);

/// Shows prompt and line again from where the cursor of the terminal is.
void sluice_edit_show(EditLine *edit);
void sluice_edit_resize(EditLine *edit);

History *sluice_history_begin(int entries);
void sluice_history_end(History *of);
void sluice_history_add(History *of, const char *line);

/// Declared by the system's header only to those who ask for X/Open's functions.
extern int wcwidth(wchar_t);
#endif
