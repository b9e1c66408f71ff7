/*
 * status.c - reason phrases: RFC 9110, section 15, and the registry.
 */
#include "http/message.h"

struct reason {
	int status;
	struct str text;
};

static const struct reason reasons[] = {
	{ 100, STR("Continue") },
	{ 101, STR("Switching Protocols") },
	{ 103, STR("Early Hints") },
	{ 200, STR("OK") },
	{ 201, STR("Created") },
	{ 202, STR("Accepted") },
	{ 204, STR("No Content") },
	{ 206, STR("Partial Content") },
	{ 301, STR("Moved Permanently") },
	{ 302, STR("Found") },
	{ 303, STR("See Other") },
	{ 304, STR("Not Modified") },
	{ 307, STR("Temporary Redirect") },
	{ 308, STR("Permanent Redirect") },
	{ 400, STR("Bad Request") },
	{ 401, STR("Unauthorized") },
	{ 403, STR("Forbidden") },
	{ 404, STR("Not Found") },
	{ 405, STR("Method Not Allowed") },
	{ 406, STR("Not Acceptable") },
	{ 408, STR("Request Timeout") },
	{ 409, STR("Conflict") },
	{ 410, STR("Gone") },
	{ 411, STR("Length Required") },
	{ 412, STR("Precondition Failed") },
	{ 413, STR("Content Too Large") },
	{ 414, STR("URI Too Long") },
	{ 415, STR("Unsupported Media Type") },
	{ 416, STR("Range Not Satisfiable") },
	{ 417, STR("Expectation Failed") },
	{ 418, STR("I'm a teapot") },
	{ 421, STR("Misdirected Request") },
	{ 422, STR("Unprocessable Content") },
	{ 426, STR("Upgrade Required") },
	{ 428, STR("Precondition Required") },
	{ 429, STR("Too Many Requests") },
	{ 431, STR("Request Header Fields Too Large") },
	{ 451, STR("Unavailable For Legal Reasons") },
	{ 500, STR("Internal Server Error") },
	{ 501, STR("Not Implemented") },
	{ 502, STR("Bad Gateway") },
	{ 503, STR("Service Unavailable") },
	{ 504, STR("Gateway Timeout") },
	{ 505, STR("HTTP Version Not Supported") },
	{ 507, STR("Insufficient Storage") },
};

struct str
status_reason(int status)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].status == status)
			return reasons[i].text;
	return STR_OF("Unknown");
}

bool
response_is_event_stream(const struct response *r)
{
	const struct field *f = fields_find(&r->fields, FIELD_CONTENT_TYPE);
	struct str type, rest;

	if (f == NULL)
		return false;
	rest = f->value;
	str_cut(&rest, ';', &type);
	return str_ieq(str_trim(type), STR_OF("text/event-stream"));
}

bool
response_has_no_body(int status, enum method method)
{
	return status < 200 || status == 204 || status == 304 || method == METHOD_HEAD;
}
