/*
 * trailers.h - which fields behind a body go on, in both directions.
 *
 * Who looks at fields mostly does so before the body, so a trailer must not bring in what could not
 * have come through in front of it.  What may never trail is gone already, see h1_parse_trailers().
 */
#ifndef USHERD_PROXY_FILTER_TRAILERS_H
#define USHERD_PROXY_FILTER_TRAILERS_H

#include "http/fields.h"

struct exchange;

/*
 * The trailers of the request that servers get: with request_trailers = pass, those whose names
 * header_names allows, that are not about the client, and that neither a [headers] section of the
 * route changes nor the Connection field lists.  NULL: none.  The result lives in the arena.
 */
const struct fields *trailers_to_server(struct exchange *x, const struct fields *trailers);

/*
 * The trailers of the response, whose head is x->response, that the client gets: those that neither
 * hide_server nor a [headers] section of the route concerns, and that the Connection field of its
 * server does not list.  NULL: none.
 */
const struct fields *trailers_to_client(struct exchange *x, const struct fields *trailers);

#endif
