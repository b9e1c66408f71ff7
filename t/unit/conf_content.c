/* Keys of rewriting, splits, headers, files, buckets and compression: values and errors. */

#include <stdio.h>
#include <unistd.h>

#include "conf_text.h"
#include "unit.h"

#define BEGIN \
	"[listen web]\nbind = 8080\n[backend app]\nserver = a:1\n[backend b]\nserver = b:1\n" \
	"[route uses]\npath = /uses\nsplit = 1:app 1:b\n"

/* Lines of `[route r]` in text:10 and on, or of another section; the message without its place. */
static const struct {
	const char *lines;
	const char *error;
} wrong[] = {
	{ "rewrite = ^/a$", "rewrite: \"^/a$\" is no pattern with its replacement (use ^/old/(.*)$"
	    " /new/$1, with double quotes around blanks)" },
	{ "rewrite = ^/a /b last", "rewrite: \"^/a /b last\" is no pattern with its replacement"
	    " (use ^/old/(.*)$ /new/$1, with double quotes around blanks)" },
	{ "rewrite = ( /b", "rewrite: \"(\": missing closing parenthesis at offset 1" },
	{ "rewrite = a http://b.test/", "rewrite: \"http://b.test/\" is no path (begin with / or a"
	    " variable; for other hosts use redirect or backend)" },
	{ "rewrite = a /${NOT_THERE}", "rewrite: ${NOT_THERE} is not set in the environment" },
	{ "rewrite_location = maybe", "rewrite_location: \"maybe\" is neither on nor off (use on,"
	    " yes, true, off, no or false)" },
	{ "request_trailers = on", "request_trailers: \"on\" is not one of drop, pass" },
	{ "encoded_dots = on", "encoded_dots: \"on\" is not one of reject, pass" },
	{ "mirror = apt", "mirror: \"apt\": there is no [backend apt] (did you mean app?)" },
	{ "mirror = b sample=0%", "mirror: \"b sample=0%\" is no mirror (use NAME, or NAME"
	    " sample=10%, from 0.1% to 100%)" },
	{ "mirror = b sample=10", "mirror: \"b sample=10\" is no mirror (use NAME, or NAME"
	    " sample=10%, from 0.1% to 100%)" },
	{ "mirror = b sample=100.1%", "mirror: \"b sample=100.1%\" is no mirror (use NAME, or NAME"
	    " sample=10%, from 0.1% to 100%)" },
	{ "mirror = b sample=0.05%", "mirror: \"b sample=0.05%\" is no mirror (use NAME, or NAME"
	    " sample=10%, from 0.1% to 100%)" },
	{ "mirror = b sample=1.25%", "mirror: \"b sample=1.25%\" is no mirror (use NAME, or NAME"
	    " sample=10%, from 0.1% to 100%)" },
	{ "maintenance = page.html", "maintenance: \"page.html\" is none of off, on and the path of"
	    " a page (begin it with /)" },
	{ "maintenance = /page.html", "maintenance: /page.html: cannot be read: not here" },
	{ "error_page = 404 missing.html", "error_page: \"404 missing.html\" is no error page (use"
	    " 404 /path/to/file or 404 \"text\")" },
	{ "error_page = 404", "error_page: \"404\" is no error page (use 404 /path/to/file or 404"
	    " \"text\")" },
	{ "error_page = 200 \"fine\"", "error_page: \"200\" is no status of an error (use 400 to"
	    " 599)" },
	{ "error_page = 404 404 \"x\"", "error_page: 404 has a page already" },
	{ "cors = app.example.com", "cors: \"app.example.com\" is no origin (use"
	    " https://app.example.com, https://*.example.com, or * for all)" },
	{ "cors = https://a.test/", "cors: \"https://a.test/\" is no origin (use"
	    " https://app.example.com, https://*.example.com, or * for all)" },
	{ "cors = https://*", "cors: \"https://*\" is no origin (use https://app.example.com,"
	    " https://*.example.com, or * for all)" },
	{ "cors = null", "cors: \"null\" is no origin (use https://app.example.com,"
	    " https://*.example.com, or * for all)" },
	{ "compress = gzip deflate", "compress: \"deflate\" is none of gzip, br, zstd and off" },
	{ "compress = gzpi", "compress: \"gzpi\" is none of gzip, br, zstd and off (did you mean"
	    " gzip?)" },
	{ "compress = gzip off", "compress: \"off\" is none of gzip, br, zstd and off" },
	{ "compress = br br", "compress: br stands here twice" },
	{ "compress_types = text", "compress_types: \"text\" is no media type (use"
	    " application/json,"
	    " or text/* for all of a kind)" },
	{ "compress_types = */*", "compress_types: \"*/*\" is no media type (use application/json,"
	    " or text/* for all of a kind)" },
	{ "compress_types = text/html;x", "compress_types: \"text/html;x\" is no media type (use"
	    " application/json, or text/* for all of a kind)" },
	{ "compress_min = 1x", "compress_min: \"1x\" is no size (use bytes, or a number and k, m or"
	    " g: 16m)" },
	{ "index = /index.html", "index: \"/index.html\" is no name of a file (use index.html,"
	    " without / and no dot file)" },
	{ "index = .htaccess", "index: \".htaccess\" is no name of a file (use"
	    " index.html, without /"
	    " and no dot file)" },
	{ "try_files = index.html", "try_files: \"index.html\" is neither a path nor a status (use"
	    " $uri $uri/ /index.html, or =404 or @BACKEND as the last)" },
	{ "try_files = =200", "try_files: \"=200\" is neither a path nor a status (use $uri $uri/"
	    " /index.html, or =404 or @BACKEND as the last)" },
	{ "try_files = =404 $uri", "try_files: \"$uri\" is never tried (a status or a backend is"
	    " the last one)" },
	{ "try_files = $uri @b =404", "try_files: \"=404\" is never tried (a status or a backend"
	    " is the last one)" },
	{ "try_files = $uri @b\ntry_files = /b", "try_files: \"/b\" is never tried (a status or a"
	    " backend is the last one)" },
	{ "try_files = $uri @ap", "try_files: \"ap\": there is no [backend ap] (did you mean"
	    " app?)" },
	{ "try_files = $uri @", "try_files: \"@\" is neither a path nor a status (use $uri $uri/"
	    " /index.html, or =404 or @BACKEND as the last)" },
	{ "try_files = @b", "try_files: no file is tried before the backend (add $uri before it, or"
	    " use backend instead of files)" },
	{ "precompressed = gz", "precompressed: \"gz\" is none of gzip, br, zstd and off" },
	{ "expires = 5", "expires: \"5\" has no unit (use 5s or 5000ms)" },
	{ "expires = never", "expires: \"never\" is no duration (use a number and ms, s, m, h or d:"
	    " 30s, or off)" },
	{ "files = /srv", "files: there is an action already, respond at text:12 (choose one)" },
	{ "bucket = x", "bucket: \"x\": there is no [bucket x]" },
};

/* The message of the only error, without `text:14: [route r] `. */
START_TEST(errors)
{
	struct buf ini;
	struct loaded l;
	char *message;

	buf_init(&ini);
	buf_printf(&ini, BEGIN "[route r]\npath = /r\nrespond = 204\n%s\n", wrong[_i].lines);
	l = conf_text_load(buf_view(&ini));
	ck_assert_ptr_null(l.s);
	message = strstr(buf_text(&l.messages), "[route r] ");
	ck_assert_msg(message != NULL, "%s: %s", wrong[_i].lines, buf_text(&l.messages));
	message[strcspn(message, "\n")] = '\0';
	ck_assert_str_eq(message + strlen("[route r] "), wrong[_i].error);
	conf_text_free(&l);
	buf_fini(&ini);
}
END_TEST

START_TEST(policy)
{
	const struct conf_route *r;
	const struct conf_policy *p;
	struct loaded l = conf_text_load(STR_OF(BEGIN
	    "[defaults]\ncompress = br gzip\ntry_files = $uri =404\n"
	    "[route r]\npath = /r\nfiles = /srv/x\n"
	    "rewrite = \"^/a b(\\d+)$\" /c$1?x=$$\nrewrite = ^/(?<id>.*) $id\n"
	    "mirror = b sample=0.5%\nmaintenance = on\n"
	    "error_page = 404 410 \"gone\"\nerror_page = 500 \"<b>oh</b>\"\n"
	    "cors = HTTPS://App.example.com:443 http://[::1]:8080\ncors = *\n"
	    "compress = zstd\ncompress_types = Text/* image/svg+xml\ncompress_min = 0\n"
	    "index = a.html b.html\nautoindex = on\nprecompressed = gzip zstd\nexpires = no-cache\n"
	    "response_buffering = on\nrewrite_location = off\nencoded_dots = pass\n"
	    "request_trailers = pass\n"));

	ck_assert_str_eq(buf_text(&l.messages), "");
	r = l.s->routes[1];
	p = r->policy;
	ck_assert_int_eq(r->action, ACTION_FILES);
	ck_assert_str_eq(r->files.p, "/srv/x");
	ck_assert_uint_eq(r->nrewrites, 2);
	ck_assert_str_eq(r->rewrites[0].pattern.p, "^/a b(\\d+)$");
	ck_assert_str_eq(r->rewrites[0].replacement.p, "/c$1?x=$$");
	ck_assert_str_eq(r->rewrites[1].replacement.p, "$id");
	ck_assert_str_eq(p->mirror.backend->name.p, "b");
	ck_assert_uint_eq(p->mirror.sample_permille, 5);
	ck_assert_int_eq(p->maintenance, MAINTENANCE_ON);
	ck_assert_uint_eq(p->nerror_pages, 3);
	ck_assert_int_eq(p->error_pages[1]->status, 410);
	ck_assert_str_eq(p->error_pages[1]->content.p, "gone");
	ck_assert_str_eq(p->error_pages[1]->content_type.p, "text/plain; charset=utf-8");
	ck_assert_str_eq(p->error_pages[2]->content_type.p, "text/html; charset=utf-8");
	ck_assert_uint_eq(p->cors.n, 3);
	ck_assert(str_eq(p->cors.v[0], STR_OF("https://app.example.com")));
	ck_assert(str_eq(p->cors.v[1], STR_OF("http://[::1]:8080")));
	ck_assert(str_eq(p->cors.v[2], STR_OF("*")));
	ck_assert_int_eq(p->compress[0], CODING_ZSTD);
	ck_assert_int_eq(p->compress[1], CODING_NONE);
	ck_assert_uint_eq(p->compress_types.n, 2);
	ck_assert_str_eq(p->compress_types.v[0].p, "text/*");
	ck_assert_int_eq(p->compress_min, 0);
	ck_assert_uint_eq(p->index.n, 2);
	ck_assert(p->autoindex);
	ck_assert_uint_eq(p->try_files.n, 2);
	ck_assert_str_eq(p->try_files.v[0].path.p, "$uri");
	ck_assert_ptr_null(p->try_files.v[1].path.p);
	ck_assert_int_eq(p->try_files.v[1].status, 404);
	ck_assert_ptr_null(r->files_backend);
	ck_assert_int_eq(p->precompressed[0], CODING_GZIP);
	ck_assert_int_eq(p->precompressed[1], CODING_ZSTD);
	ck_assert_int_eq(p->precompressed[2], CODING_NONE);
	ck_assert_int_eq(p->expires_ms, -1);
	ck_assert(p->response_buffering);
	ck_assert(!p->rewrite_location);
	ck_assert(p->encoded_dots);
	ck_assert(p->request_trailers);

	/* What others have that say nothing. */
	p = l.s->routes[0]->policy;
	ck_assert_int_eq(p->compress[0], CODING_BR);
	ck_assert_int_eq(p->compress[1], CODING_GZIP);
	ck_assert_ptr_null(p->mirror.backend);
	ck_assert_int_eq(p->expires_ms, CONF_OFF);
	ck_assert_int_eq(p->compress_min, 1024);
	ck_assert_uint_gt(p->compress_types.n, 10);
	ck_assert_str_eq(p->index.v[0].p, "index.html");
	ck_assert(p->rewrite_location);
	ck_assert(!p->encoded_dots);
	ck_assert(!p->request_trailers);
	conf_text_free(&l);
}
END_TEST

/* Routes with equal values share their policy, with the new keys too. */
START_TEST(policies_are_shared)
{
	struct loaded l = conf_text_load(STR_OF(BEGIN
	    "[defaults]\nmirror = b sample=10%\ncors = *\nmaintenance = on\ncompress = gzip\n"
	    "[route r]\npath = /r\nrespond = 204\n[route s]\npath = /s\nrespond = 204\n"));

	ck_assert_ptr_nonnull(l.s);
	ck_assert_ptr_eq(l.s->routes[1]->policy, l.s->routes[2]->policy);
	ck_assert_ptr_eq(l.s->routes[1]->policy, l.s->fallback->policy);
	conf_text_free(&l);
}
END_TEST

START_TEST(splits)
{
	const struct conf_route *r;
	struct loaded l = conf_text_load(STR_OF(BEGIN
	    "[host h]\nnames = h.test\nsplit = 90:app key=$cookie_id-$$ 10:b\n"));

	ck_assert_ptr_nonnull(l.s);
	r = l.s->routes[1];
	ck_assert_str_eq(r->name.p, "h");
	ck_assert_int_eq(r->action, ACTION_SPLIT);
	ck_assert_uint_eq(r->nsplits, 2);
	ck_assert_uint_eq(r->splits[1].weight, 10);
	ck_assert_str_eq(r->splits[1].backend->name.p, "b");
	ck_assert_str_eq(r->split_key.p, "$cookie_id-$$");
	conf_text_free(&l);
}
END_TEST

START_TEST(headers)
{
	const struct conf_headers *h;
	struct loaded l = conf_text_load(STR_OF(BEGIN
	    "[headers h]\nrequest_set = X-A: $remote_addr\nrequest_add = X-B: 1\nrequest_add = X-B:"
	    " 2\nrequest_remove = X-Internal-* Cookie\nresponse_set = Server:\nresponse_add ="
	    " Set-Cookie: a=b\nresponse_remove = X-Debug\n"
	    "[route r]\npath = /r\nrespond = 204\nheaders = h\n"));

	ck_assert_str_eq(buf_text(&l.messages), "");
	h = l.s->headers[0];
	ck_assert_uint_eq(h->request.nset, 1);
	ck_assert_uint_eq(h->request.nadd, 2);
	ck_assert_uint_eq(h->request.nremove, 2);
	ck_assert(h->request.remove[0].prefix);
	ck_assert(str_eq(h->request.remove[0].name, STR_OF("X-Internal-")));
	ck_assert(!h->request.remove[1].prefix);
	ck_assert_uint_eq(h->response.nset, 1);
	ck_assert_uint_eq(h->response.set[0].value.n, 0);
	ck_assert_uint_eq(h->response.nadd, 1);
	ck_assert_uint_eq(h->response.nremove, 1);
	conf_text_free(&l);
	ck_messages(STR_OF(BEGIN "[headers h]\nrequest_remove = * A*b X:\nresponse_set ="
	    " Content-Length: 1\nresponse_remove = transfer-encoding\nrequest_add = X\n"
	    "[route r]\nrespond = 204\nheaders = h\n"),
	    "text:11: [headers h] request_remove: \"*\" is no name of a header (use X-Name, or"
	    " X-Internal-* for all that begin so)\n"
	    "text:11: [headers h] request_remove: \"A*b\" is no name of a header (use X-Name, or"
	    " X-Internal-* for all that begin so)\n"
	    "text:11: [headers h] request_remove: \"X:\" is no name of a header (use X-Name, or"
	    " X-Internal-* for all that begin so)\n"
	    "text:12: [headers h] response_set: Content-Length cannot be set (usherd writes it"
	    " itself)\n"
	    "text:13: [headers h] response_remove: transfer-encoding cannot be removed (usherd"
	    " writes it itself)\n"
	    "text:14: [headers h] request_add: \"X\" is no header (use Name: value)\n");
}
END_TEST

START_TEST(buckets)
{
	const struct conf_bucket *b;
	struct loaded l = conf_text_load(STR_OF(BEGIN
	    "[defaults]\nkeepalive = 7\ntls_verify = off\n"
	    "[bucket store]\nendpoint = https://S3.example.com/\nname ="
	    " my.bucket\naccess_key = AK\n"
	    "secret_key = s\nwrite = on\nindex = /index.html\n"
	    "[route r]\npath = /r\nbucket = store\n"));

	ck_assert_str_eq(buf_text(&l.messages), "");
	ck_assert_uint_eq(l.s->nbuckets, 1);
	b = l.s->buckets[0];
	ck_assert_ptr_eq(l.s->routes[1]->bucket, b);
	ck_assert_str_eq(b->endpoint_host.p, "s3.example.com");
	ck_assert_str_eq(b->region.p, "us-east-1");
	ck_assert_str_eq(b->bucket.p, "my.bucket");
	ck_assert_str_eq(b->index_object.p, "index.html");
	ck_assert(b->write && !b->virtual_style);
	/* A backend like any other, behind the written ones. */
	ck_assert_uint_eq(l.s->nbackends, 3);
	ck_assert_ptr_eq(l.s->backends[2], b->backend);
	ck_assert_uint_eq(b->backend->index, 2);
	ck_assert_str_eq(b->backend->name.p, "bucket:store");
	ck_assert_uint_eq(b->backend->nservers, 1);
	ck_assert_int_eq(b->backend->servers[0].port, 443);
	ck_assert_int_eq(b->backend->keepalive, 7);
	ck_assert(!b->backend->tls_verify);
	conf_text_free(&l);
}
END_TEST

static const struct {
	const char *lines;
	const char *message;
} wrong_buckets[] = {
	{ "secret_key = x", "has no access_key for its secret_key (add access_key = ID)" },
	{ "access_key = x", "has no secret_key for its access_key (add secret_key = @/path)" },
	{ "session_token = x", "has no access_key for its session_token (add access_key = ID)" },
	{ "session_token = a b", "session_token: is no session token (use one word, as it came"
	    " with the key)" },
	{ "secret_key = x\nendpoint = https://s3.test\nname = a.b\nstyle = virtual", "style: no"
	    " wildcard certificate is for a.b.s3.test, as the bucket's name has a dot (use style ="
	    " path)" },
	{ "", "has no address of the store (add endpoint = https://s3.example.com)" },
	{ "", "has no bucket (add name = BUCKET)" },
	{ "", "nothing uses it" },
	{ "endpoint = s3.test", "endpoint: \"s3.test\" is no URL of a store (use"
	    " https://s3.example.com)" },
	{ "endpoint = https://s3.test/path", "endpoint: \"https://s3.test/path\" is no server (use"
	    " HOST:PORT, http://HOST, https://HOST or unix:/path)" },
	{ "name = a/b", "name: \"a/b\" is no name of a bucket (use letters, digits, . and -)" },
	{ "name = .a", "name: \".a\" is no name of a bucket (at most 255 bytes, and no dot"
	    " first)" },
	{ "access_key = a/b", "access_key: \"a/b\" is no access key (use letters, digits and"
	    " -_.+@:)" },
	{ "region = a,b", "region: \"a,b\" is no region (use us-east-1)" },
	{ "style = dns", "style: \"dns\" is not one of path, virtual" },
	{ "index = /", "index: \"/\" is no name of an object (use index.html)" },
	{ "endpoint = http://s3.test:9000\nwrite = on", "write: what is written passes unprotected,"
	    " as bodies are not signed (use an endpoint with https://)" },
};

START_TEST(bucket_errors)
{
	struct buf ini;
	struct loaded l;

	buf_init(&ini);
	buf_printf(&ini, BEGIN "[bucket a]\n%s\n", wrong_buckets[_i].lines);
	l = conf_text_load(buf_view(&ini));
	ck_assert_ptr_null(l.s);
	ck_assert_msg(strstr(buf_text(&l.messages), wrong_buckets[_i].message) != NULL, "%s",
	    buf_text(&l.messages));
	conf_text_free(&l);
	buf_fini(&ini);
}
END_TEST

/* Leaves out the comments, which say where a value stands. */
static void
values_of(const struct conf_snapshot *s, struct buf *values)
{
	struct str rest, line;
	struct buf text;

	buf_init(&text);
	buf_init(values);
	conf_dump(s, &text);
	rest = buf_view(&text);
	while (rest.n > 0 && str_cut(&rest, '\n', &line))
		if (!str_starts(line, STR_OF("#")))
			buf_printf(values, "%.*s\n", STR_ARG(line));
	buf_fini(&text);
}

/* What -T prints means the same, also where a split inherits from its backends. */
START_TEST(dumped_and_read_again)
{
	struct loaded once = conf_text_load(STR_OF(BEGIN
	    "[backend c]\nserver = c:1\nread_timeout = 9s\n"
	    "[backend d]\nserver = d:1\nread_timeout = 8s\n"
	    "[defaults]\nretries = 3\nmirror = b sample=2%\nrewrite = \"a b\" /$1-$$\n"
	    "[bucket s]\nendpoint = http://s3.test\nname = x\n"
	    "[headers h]\nrequest_remove = A B-*\nresponse_set = X: $$1\n"
	    "[route r]\npath = /r\nsplit = 1:c 2:d key=$$x\nheaders = h\nerror_page = 404"
	    " \"a \\\"b\\\"\"\ncors = *\n"
	    "[route s]\npath = /s\nbucket = s\n")), again;
	struct buf first, second;

	ck_assert_str_eq(buf_text(&once.messages), "");
	values_of(once.s, &first);
	again = conf_text_load(buf_view(&first));
	ck_assert_str_eq(buf_text(&again.messages), "");
	values_of(again.s, &second);
	ck_assert(str_eq(buf_view(&first), buf_view(&second)));
	ck_assert_ptr_nonnull(strstr(buf_text(&second), "split = 1:c 2:d key=$$x\n"));
	ck_assert_int_eq(again.s->routes[1]->splits[0].policy->read_timeout_ms, 9000);
	ck_assert_int_eq(again.s->routes[1]->splits[1].policy->read_timeout_ms, 8000);
	buf_fini(&first);
	buf_fini(&second);
	conf_text_free(&once);
	conf_text_free(&again);
}
END_TEST

/* Outside a sandbox, directories have to be there. */
START_TEST(directories)
{
	char path[] = "/tmp/usherd-conf-XXXXXX", text[256];
	struct loaded l;
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	snprintf(text, sizeof(text), "[listen web]\nbind = 8080\n[route a]\npath = /a\nfiles = /\n"
	    "[route b]\npath = /b\nfiles = %s\n[route c]\nfiles = /not/there\n", path);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	l = conf_text_load_file(path);
	snprintf(text, sizeof(text), "%s:8: [route b] files: %s is no directory\n"
	    "%s:10: [route c] files: /not/there: cannot be used: No such file or directory\n",
	    path, path, path);
	ck_assert_str_eq(buf_text(&l.messages), text);
	conf_text_free(&l);
	close(fd);
	unlink(path);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conf_content");
	TCase *c = tcase_create("content");

	tcase_add_loop_test(c, errors, 0, ARRAY_LEN(wrong));
	tcase_add_test(c, policy);
	tcase_add_test(c, policies_are_shared);
	tcase_add_test(c, splits);
	tcase_add_test(c, headers);
	tcase_add_test(c, buckets);
	tcase_add_loop_test(c, bucket_errors, 0, ARRAY_LEN(wrong_buckets));
	tcase_add_test(c, dumped_and_read_again);
	tcase_add_test(c, directories);
	suite_add_tcase(s, c);
	return unit_run(s);
}
