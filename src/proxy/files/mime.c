/*
 * mime.c - the media type of a file by the ending of its name.
 */
#include "proxy/files/mime.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/check.h"
#include "base/map.h"
#include "base/mem.h"

enum { FILE_MAX_BYTES = 1 << 20, ENDING_MAX = 16 };

struct mime {
	struct map types;		/* by ending, in lower case: struct str */
	struct arena arena;
};

/* In the format of the file. */
static const struct str own_table = STR(
	"text/html html htm shtml\n"
	"text/css css\n"
	"text/javascript js mjs cjs\n"
	"text/plain txt text log conf ini asc md\n"
	"text/csv csv\n"
	"text/calendar ics\n"
	"text/vcard vcf\n"
	"text/vtt vtt\n"
	"application/json json map\n"
	"application/ld+json jsonld\n"
	"application/manifest+json webmanifest\n"
	"application/geo+json geojson\n"
	"application/xml xml xsd\n"
	"application/xhtml+xml xhtml\n"
	"application/xslt+xml xsl xslt\n"
	"application/rss+xml rss\n"
	"application/atom+xml atom\n"
	"application/wasm wasm\n"
	"application/pdf pdf\n"
	"application/rtf rtf\n"
	"application/postscript ps eps ai\n"
	"application/epub+zip epub\n"
	"application/zip zip\n"
	"application/gzip gz tgz\n"
	"application/zstd zst\n"
	"application/x-bzip2 bz2\n"
	"application/x-xz xz\n"
	"application/x-tar tar\n"
	"application/x-7z-compressed 7z\n"
	"application/vnd.rar rar\n"
	"application/java-archive jar war ear\n"
	"application/vnd.debian.binary-package deb\n"
	"application/vnd.android.package-archive apk\n"
	"application/x-iso9660-image iso\n"
	"application/vnd.ms-excel xls\n"
	"application/vnd.ms-powerpoint ppt\n"
	"application/msword doc\n"
	"application/vnd.openxmlformats-officedocument.wordprocessingml.document docx\n"
	"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet xlsx\n"
	"application/vnd.openxmlformats-officedocument.presentationml.presentation pptx\n"
	"application/vnd.oasis.opendocument.text odt\n"
	"application/vnd.oasis.opendocument.spreadsheet ods\n"
	"application/vnd.oasis.opendocument.presentation odp\n"
	"application/vnd.apple.mpegurl m3u8\n"
	"application/dash+xml mpd\n"
	"image/png png\n"
	"image/jpeg jpg jpeg jpe\n"
	"image/gif gif\n"
	"image/webp webp\n"
	"image/avif avif\n"
	"image/heic heic\n"
	"image/jxl jxl\n"
	"image/apng apng\n"
	"image/bmp bmp\n"
	"image/tiff tif tiff\n"
	"image/svg+xml svg svgz\n"
	"image/vnd.microsoft.icon ico cur\n"
	"font/woff woff\n"
	"font/woff2 woff2\n"
	"font/ttf ttf\n"
	"font/otf otf\n"
	"font/collection ttc\n"
	"application/vnd.ms-fontobject eot\n"
	"audio/mpeg mp3\n"
	"audio/mp4 m4a\n"
	"audio/ogg oga ogg opus\n"
	"audio/flac flac\n"
	"audio/wav wav\n"
	"audio/webm weba\n"
	"audio/aac aac\n"
	"audio/midi mid midi\n"
	"video/mp4 mp4 m4v\n"
	"video/webm webm\n"
	"video/ogg ogv\n"
	"video/mpeg mpg mpeg\n"
	"video/quicktime mov\n"
	"video/x-msvideo avi\n"
	"video/x-matroska mkv\n"
	"video/mp2t ts\n");

static const struct str unknown = STR("application/octet-stream");

static bool
is_type(struct str text)
{
	struct str kind, rest = text;

	return str_cut(&rest, '/', &kind) && kind.n > 0 && rest.n > 0 &&
	    str_all(kind, CHAR_TOKEN) && str_all(rest, CHAR_TOKEN);
}

static struct str
lower(struct arena *a, struct str s)
{
	char *p = arena_alloc(a, s.n);

	for (size_t i = 0; i < s.n; i++)
		p[i] = char_lower[(unsigned char)s.p[i]];
	return str_make(p, s.n);
}

/* A line that is no `type ending ...` says nothing. */
static void
read_line(struct mime *m, struct str line)
{
	struct str type, ending, *value = NULL;

	if (!str_word(&line, &type) || !is_type(type))
		return;
	while (str_word(&line, &ending)) {
		if (ending.n > ENDING_MAX)
			continue;
		if (value == NULL) {
			value = ARENA_NEW(&m->arena, struct str);
			*value = str_starts(type, STR_OF("text/")) ?
			    arena_printf(&m->arena, "%.*s; charset=utf-8", STR_ARG(type)) :
			    arena_str(&m->arena, type);
		}
		(void)map_add(&m->types, lower(&m->arena, ending), value);
	}
}

static void
read_table(struct mime *m, struct str text)
{
	struct str line;

	while (str_cut(&text, '\n', &line)) {
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		if (line.n > 0 && line.p[0] != '#')
			read_line(m, line);
	}
}

/* 0, or errno. */
static int
read_file(const char *path, struct buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), error = 0;
	ssize_t n;

	if (fd == -1)
		return errno;
	do {
		n = read(fd, buf_room(out, 65536), 65536);
		if (n > 0)
			out->n += (size_t)n;
	} while ((n > 0 && out->n <= FILE_MAX_BYTES) || (n < 0 && errno == EINTR));
	if (n < 0)
		error = errno;
	else if (out->n > FILE_MAX_BYTES)
		error = EFBIG;
	close(fd);
	return error;
}

struct mime *
mime_new(const char *path, int *error)
{
	struct mime *m = MEM_NEW(struct mime);
	struct buf file = { NULL, 0, 0 };

	map_init(&m->types);
	arena_init(&m->arena);
	*error = read_file(path, &file);
	if (*error == 0)
		read_table(m, buf_view(&file));
	buf_fini(&file);
	read_table(m, own_table);	/* what stands in the map already stays */
	return m;
}

void
mime_free(struct mime *m)
{
	if (m == NULL)
		return;
	map_fini(&m->types);
	arena_fini(&m->arena);
	mem_free(m);
}

struct str
mime_type(const struct mime *m, struct str name)
{
	const struct str *type;
	char ending[ENDING_MAX];
	size_t n = 0;

	while (n < name.n && name.p[name.n - 1 - n] != '.' && name.p[name.n - 1 - n] != '/')
		n++;
	if (n == 0 || n > ENDING_MAX || n == name.n || name.p[name.n - 1 - n] == '/')
		return unknown;
	for (size_t i = 0; i < n; i++)
		ending[i] = char_lower[(unsigned char)name.p[name.n - n + i]];
	type = map_get(&m->types, str_make(ending, n));
	return type != NULL ? *type : unknown;
}
