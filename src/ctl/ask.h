/*
 * ask.h - one request over the control socket, and its answer.
 */
#ifndef USHERD_CTL_ASK_H
#define USHERD_CTL_ASK_H

#include "base/buf.h"

/*
 * Sends the request, a line, and waits for the answer, which goes to `text`.  Returns an enum
 * control_result, or -1 after a message on standard error.
 */
int ask(const char *path, struct str request, struct buf *text);

#endif
