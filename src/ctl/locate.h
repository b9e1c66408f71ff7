/*
 * locate.h - where the control socket is, by the configuration.
 */
#ifndef USHERD_CTL_LOCATE_H
#define USHERD_CTL_LOCATE_H

/*
 * The path of the socket that `config` names, for the caller to free; NULL after a message on
 * standard error.  Nothing else in the file need be right.
 */
char *locate_socket(const char *config);

#endif
