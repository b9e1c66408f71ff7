# Compression: who gets what, by real decoders; and that streams stream, bodies end, and nothing that
# must stay as it is gets changed.

use strict;
use warnings;
use Compress::Raw::Zlib qw(WANT_GZIP Z_OK Z_STREAM_END);
use Test::More;
use Test::Usherd;

for my $tool (qw(brotli zstd)) {
    plan skip_all => "$tool is not installed (contrib/deps installs it)"
        unless grep { -x "$_/$tool" } split /:/, $ENV{PATH};
}

my $dir = scratch();

# What coded bytes hold; undef if they are not one whole stream.
sub decode {
    my ($coding, $bytes) = @_;
    return $bytes unless $coding;
    if ($coding eq 'gzip') {
        my ($text, $more, $status) = inflate($bytes);
        return $status == Z_STREAM_END && $more eq '' ? $text : undef;
    }
    my $tool = $coding eq 'br' ? 'brotli' : 'zstd';
    my $file = spew("$dir/coded", $bytes);
    my $text = qx($tool -dc < $file 2>/dev/null);
    return $? == 0 ? $text : undef;
}

# What a part of a gzip stream holds, what is behind it, and zlib's verdict.
sub inflate {
    my ($bytes) = @_;
    my ($z, $status) = Compress::Raw::Zlib::Inflate->new(-WindowBits => WANT_GZIP);
    my $text = '';
    $status = $z->inflate($bytes, $text) if length $bytes;
    return ($text, $bytes, $status);
}

sub text_of {
    my ($n) = @_;
    my $text = '';
    for (my $i = 0; length $text < $n; $i++) {
        $text .= "<li class=\"row\">line $i of a page: " . $i * 7919 % 10007 . "</li>\n";
    }
    return substr $text, 0, $n;
}

# ---- who gets what

# The origin answers with the fields and the size that the request's X- fields name.
my $origin = origin(sub {
    my ($r) = @_;
    my $status = field($r, 'x-status') // 200;
    my $n = field($r, 'x-size') // 5000;
    my @fields = map { $_->[0] =~ /^x-r-(.*)/ ? "$1: $_->[1]" : () } @{$r->{fields}};
    my $body = text_of($n);
    if ((field($r, 'x-framing') // '') eq 'chunked') {
        push @fields, 'Transfer-Encoding: chunked';
        $body = sprintf "%x\r\n%s\r\n0\r\n\r\n", length $body, $body if length $body;
    } elsif ($status != 204 && $status != 304) {
        push @fields, "Content-Length: $n";
    }
    $body = '' if $r->{method} eq 'HEAD' || $status == 204 || $status == 304;
    return join "\r\n", "HTTP/1.1 $status X", @fields, '', $body;
});

my $page = join ' ', map { "word$_" } 1 .. 300;
mkdir "$dir/www";
my $usherd = proxy($origin, route => 'compress = br zstd gzip', more => <<"END");
[route gzip]
path = /gzip/*
backend = app
compress = gzip
[route off]
path = /off/*
backend = app
compress = off
[route default]
path = /default/*
backend = app
[route zero]
path = /zero/*
backend = app
compress = gzip
compress_min = 0
[route events]
path = /events/*
backend = app
compress = gzip
compress_types = text/event-stream application/json
[route types]
path = /types/*
backend = app
compress = gzip
compress_types = Image/*
[route fixed]
path = /fixed
respond = 200 "$page"
compress = gzip
[route short]
path = /short
respond = 200 "short"
compress = gzip
[route broken]
path = /broken
files = $dir/www
compress = gzip
error_page = 404 "<p>$page</p>"
[route files]
path = /files/*
strip_prefix = /files
files = $dir/www
compress = gzip br
precompressed = br
[headers h]
response_set = Content-Type: text/html
[route typed]
path = /typed/*
backend = app
headers = h
compress = gzip
[headers keep]
response_set = Cache-Control: no-transform
[route keep]
path = /keep/*
backend = app
headers = keep
compress = gzip
END
my $port = $usherd->port(1);

# What, target, Accept-Encoding (undef: no such field), what the origin is told to answer, then the
# coding, and whether Vary names Accept-Encoding. No type is text/html.
my @rows = (
    ['nothing accepted', '/', undef, [], '', 1],
    ['an empty field', '/', '', [], '', 1],
    ['gzip', '/', 'gzip', [], 'gzip', 1],
    ['br', '/', 'br', [], 'br', 1],
    ['zstd', '/', 'zstd', [], 'zstd', 1],
    ['as browsers say it', '/', 'gzip, deflate, br, zstd', [], 'br', 1],
    ['in our order', '/', 'gzip, zstd', [], 'zstd', 1],
    ['in the order of weights', '/', 'br;q=0.5, zstd;q=0.6, gzip;q=0.7', [], 'gzip', 1],
    ['equal weights', '/', 'gzip;q=0.5, br;q=0.5', [], 'br', 1],
    ['another case', '/', 'GZip', [], 'gzip', 1],
    ['an old name', '/', 'x-gzip', [], 'gzip', 1],
    ['anything', '/', '*', [], 'br', 1],
    ['anything else', '/', 'br;q=0, *', [], 'zstd', 1],
    ['nothing else', '/', 'gzip, *;q=0', [], 'gzip', 1],
    ['nothing at all', '/', '*;q=0', [], '', 1],
    ['refused', '/', 'gzip;q=0', [], '', 1],
    ['refused with digits', '/', 'gzip;q=0.000, br;q=0.0', [], '', 1],
    ['one refused', '/', 'br;q=0, gzip', [], 'gzip', 1],
    ['identity', '/', 'identity', [], '', 1],
    ['identity preferred', '/', 'identity, gzip;q=0.5', [], '', 1],
    ['identity refused', '/', 'identity;q=0, gzip;q=0.1', [], 'gzip', 1],
    ['only identity refused', '/', 'identity;q=0', [], '', 1],
    ['what we do not have', '/', 'deflate, compress', [], '', 1],
    ['a weight that is none', '/', 'gzip;q=2', [], '', 1],
    ['one coding here', '/gzip/', 'br, zstd', [], '', 1],
    ['one coding here, accepted', '/gzip/', 'br, gzip;q=0.1', [], 'gzip', 1],

    ['off', '/off/', 'gzip', [], '', 0],
    ['off by default', '/default/', 'gzip', [], '', 0],

    ['HTML with parameters', '/', 'gzip', ['Content-Type: text/html; charset=utf-8'], 'gzip', 1],
    ['a type in capitals', '/', 'gzip', ['Content-Type: TEXT/HTML;charset=utf-8'], 'gzip', 1],
    ['JSON', '/', 'gzip', ['Content-Type: application/json'], 'gzip', 1],
    ['SVG', '/', 'gzip', ['Content-Type: image/svg+xml'], 'gzip', 1],
    ['wasm', '/', 'gzip', ['Content-Type: application/wasm'], 'gzip', 1],
    ['a picture', '/', 'gzip', ['Content-Type: image/png'], '', 0],
    ['an archive', '/', 'gzip', ['Content-Type: application/zip'], '', 0],
    ['bytes', '/', 'gzip', ['Content-Type: application/octet-stream'], '', 0],
    ['a longer name', '/', 'gzip', ['Content-Type: application/jsonx'], '', 0],
    ['no type', '/', 'gzip', ['Content-Type:'], '', 0],
    ['half a type', '/', 'gzip', ['Content-Type: text'], '', 0],
    ['events, not listed', '/', 'gzip', ['Content-Type: text/event-stream'], '', 0],
    ['events, listed', '/events/', 'gzip', ['Content-Type: text/event-stream'], 'gzip', 1],
    ['only what is listed', '/events/', 'gzip', ['Content-Type: text/html'], '', 0],
    ['all of a kind', '/types/', 'gzip', ['Content-Type: image/png'], 'gzip', 1],
    ['a type of ours', '/typed/', 'gzip', ['Content-Type: image/png'], 'gzip', 1],

    ['too short', '/', 'gzip', ['size 1023'], '', 0],
    ['long enough', '/', 'gzip', ['size 1024'], 'gzip', 1],
    ['short and chunked', '/', 'gzip', ['size 10', 'framing chunked'], 'gzip', 1],
    ['any length', '/zero/', 'gzip', ['size 1'], 'gzip', 1],
    ['nothing', '/zero/', 'gzip', ['size 0'], '', 0],
    ['a large one', '/', 'gzip', ['size 300000'], 'gzip', 1],
    ['a large one, br', '/', 'br', ['size 300000', 'framing chunked'], 'br', 1],
    ['a large one, zstd', '/', 'zstd', ['size 300000', 'framing chunked'], 'zstd', 1],

    ['coded already', '/', 'gzip', ['Content-Encoding: br'], '', 0],
    ['coded somehow', '/', 'gzip', ['Content-Encoding: aes128gcm'], '', 0],
    ['no-transform', '/', 'gzip', ['Cache-Control: max-age=1, No-Transform'], '', 0],
    ['no-transform of ours', '/keep/', 'gzip', [], '', 0],
    ['other directives', '/', 'gzip', ['Cache-Control: public, max-age=1'], 'gzip', 1],
    ['the client forbids it', '/', 'gzip', ['request Cache-Control: no-transform'], '', 1],
    ['a part', '/', 'gzip', ['status 206', 'Content-Range: bytes 0-4999/9000'], '', 1],
    ['a short part', '/', 'gzip', ['status 206', 'size 5', 'Content-Range: bytes 0-4/9000'], '', 1],
    ['a part of a picture', '/', 'gzip', ['status 206', 'Content-Type: image/png'], '', 0],
    ['several parts', '/', 'gzip', ['status 206', 'Content-Type: multipart/byteranges; boundary=a'], '', 0],
    ['a Content-Range', '/', 'gzip', ['Content-Range: bytes 0-4999/9000'], '', 1],
    ['a digest to come', '/', 'gzip', ['Trailer: X, Repr-Digest', 'framing chunked'], '', 0],
    ['another trailer', '/', 'gzip', ['Trailer: X', 'framing chunked'], 'gzip', 1],
    ['created', '/', 'gzip', ['status 201'], 'gzip', 1],
    ['an error of the server', '/', 'gzip', ['status 500'], 'gzip', 1],
    ['a redirect', '/', 'gzip', ['status 302'], 'gzip', 1],
    ['no content', '/', 'gzip', ['status 204'], '', 0],
    ['Vary stays', '/', 'gzip', ['Vary: Origin'], 'gzip', 1],
    ['Vary once', '/', 'gzip', ['Vary: accept-encoding'], 'gzip', 1],
    ['Vary of all', '/', 'gzip', ['Vary: *'], 'gzip', '*'],

    ['a text of ours', '/fixed', 'gzip', [], 'gzip', 1],
    ['a short one', '/short', 'gzip', [], '', 0],
    ['an error page', '/broken', 'gzip', [], 'gzip', 1],
);

# The fields that tell the origin what to answer with.
sub orders {
    my ($want) = @_;
    my @fields;
    for (@$want) {
        push @fields, /^(status|size|framing) (.*)/ ? "X-$1: $2" : s/^request // ? $_ : "X-R-$_";
    }
    push @fields, 'X-R-Content-Type: text/html' unless grep { /^X-R-Content-Type:/ } @fields;
    return @fields;
}

for my $row (@rows) {
    my ($name, $target, $accept, $want, $coding, $vary) = @$row;
    my @fields = (defined $accept ? "Accept-Encoding: $accept" : (), orders([@$want]));
    my ($size) = map { /^size (.*)/ } @$want;
    my $r = get($port, $target, @fields) // {fields => [], body => 'no response'};
    my $body = $target eq '/fixed' ? $page : $target eq '/short' ? 'short' : $target eq '/broken'
        ? "<p>$page</p>" : grep({ $_ eq 'status 204' } @$want) ? '' : text_of($size // 5000);
    my @vary = grep { lc eq 'accept-encoding' || $_ eq '*' } map { split /\s*,\s*/ } fields($r, 'vary');
    my ($theirs) = map { /^Content-Encoding: (.*)/ } @$want;
    is field($r, 'content-encoding') // '', $coding || $theirs || '', "$name: coding";
    is lc "@vary", $vary eq '*' ? '*' : $vary ? 'accept-encoding' : '', "$name: Vary";
    ok((decode($coding, $r->{body}) // "broken") eq $body, "$name: body");
    is $r->{how}, $coding ? 'chunked' : 'cl', "$name: framing" unless $body eq '' || "@$want" =~ /chunked/;
}

# ---- the rest of the head

subtest 'fields' => sub {
    my @have = ('ETag: "v1"', 'Accept-Ranges: bytes', 'Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==',
        'Digest: sha-256=x', 'Content-Digest: sha-256=:x:', 'Repr-Digest: sha-256=:x:',
        'Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT', 'X-Own: a');
    my $r = get($port, '/', 'Accept-Encoding: gzip', orders([@have]));
    is field($r, 'etag'), 'W/"v1"', 'the tag is weak';
    is field($r, $_), undef, "no $_" for qw(accept-ranges content-md5 digest content-digest repr-digest content-length);
    is field($r, 'last-modified'), 'Sun, 06 Nov 1994 08:49:37 GMT', 'the date is the same';
    is field($r, 'x-own'), 'a', 'other fields stay';
    $r = get($port, '/', orders([@have]));
    is field($r, 'etag'), '"v1"', 'for others the tag is as it was';
    is field($r, $_) ? 1 : 0, 1, "$_ stays" for qw(accept-ranges content-md5 repr-digest content-length);
    is field(get($port, '/', 'Accept-Encoding: gzip', orders(['ETag: W/"v1"'])), 'etag'), 'W/"v1"', 'a weak tag';
    is field(get($port, '/', 'Accept-Encoding: gzip', orders(['ETag: v1'])), 'etag'), undef, 'no tag at all';
};

subtest 'HEAD' => sub {
    for my $accept ('gzip', 'identity') {
        my @orders = ("Accept-Encoding: $accept", orders(['ETag: "v1"', 'Accept-Ranges: bytes']));
        my $get = get($port, '/', @orders);
        my $head = request($port, join "\r\n", 'HEAD / HTTP/1.1', 'Host: a.test', @orders, 'Connection: close', '', '');
        for my $name (qw(content-encoding content-length etag vary accept-ranges content-type)) {
            is field($head, $name), field($get, $name), "$accept: $name";
        }
        is $head->{body}, '', "$accept: no body";
    }
};

subtest 'a 304' => sub {
    my $ask = sub { return get($port, $_[0], "If-None-Match: $_[1]", 'X-Status: 304', @_[2 .. $#_]) };
    my $r = $ask->('/', 'W/"v1"', 'X-R-ETag: "v1"');
    is $r->{status}, 304, 'reaches the client';
    is field($origin->last_request, 'if-none-match'), 'W/"v1"', 'the server was asked with its tag';
    is field($r, 'etag'), 'W/"v1"', 'which is in the answer';
    is field($r, 'vary'), 'Accept-Encoding', 'with Vary';
    is field($ask->('/', '"v0", W/"a,b", W/"v1"', 'X-R-ETag: "v1"'), 'etag'), 'W/"v1"', 'one of several';
    is field($ask->('/', '"v1"', 'X-R-ETag: "v1"'), 'etag'), '"v1"', 'who has the original keeps its tag';
    is field($ask->('/', '*', 'X-R-ETag: "v1"'), 'etag'), '"v1"', 'a star says nothing';
    is field($ask->('/', 'W/"v1"', 'X-R-ETag: "v1"', 'X-R-Content-Type: image/png'), 'vary'), undef, 'never compressed';
    is field($ask->('/off/', 'W/"v1"', 'X-R-ETag: "v1"'), 'etag'), '"v1"', 'off';
};

subtest 'files' => sub {
    my $text = text_of(40000);
    spew("$dir/www/page.html", $text);
    spew("$dir/www/page.html.br", 'not really br');
    spew("$dir/www/plain.txt", $text);
    spew("$dir/www/large.txt", my $large = text_of(400_000));
    spew("$dir/www/picture.png", $text);
    my $old = time - 100;
    utime $old, $old, glob "$dir/www/*";
    my $r = get($port, '/files/page.html', 'Accept-Encoding: gzip, br');
    is $r->{body}, 'not really br', 'a compressed neighbour goes out as it is';
    is field($r, 'content-encoding'), 'br', 'in its coding';
    $r = get($port, '/files/page.html', 'Accept-Encoding: gzip');
    is decode('gzip', $r->{body}), $text, 'without one, it is compressed';
    is join(', ', fields($r, 'vary')), 'Accept-Encoding', 'Vary, once';
    my $tag = field($r, 'etag');
    like $tag, qr/^W\//, 'a weak tag';
    $r = get($port, '/files/page.html', 'Accept-Encoding: gzip', "If-None-Match: $tag");
    is $r->{status}, 304, 'which can be asked for';
    is field($r, 'etag'), $tag, 'and stays';
    $r = get($port, '/files/plain.txt', 'Accept-Encoding: gzip', 'Range: bytes=0-9');
    is "$r->{status} $r->{body}", '206 ' . substr($text, 0, 10), 'a range is not compressed';
    $tag = field(get($port, '/files/plain.txt', 'Accept-Encoding: gzip'), 'etag');
    $r = get($port, '/files/plain.txt', 'Accept-Encoding: gzip', 'Range: bytes=0-9', "If-Range: $tag");
    is $r->{status}, 200, 'nor one of what is compressed';
    is decode('gzip', $r->{body}), $text, 'which comes whole';
    $r = get($port, '/files/large.txt', 'Accept-Encoding: gzip');
    ok decode('gzip', $r->{body}) eq $large, 'one that would be sent by the kernel';
    is get($port, '/files/picture.png', 'Accept-Encoding: gzip')->{body}, $text, 'a picture';
};

subtest 'connections' => sub {
    my @orders = ('Host: a.test', 'Accept-Encoding: gzip', orders([]));
    my $c = client($port);
    $c->send(join '', map { join "\r\n", "$_ / HTTP/1.1", @orders, '', '' } qw(GET HEAD GET GET));
    is decode('gzip', $c->response->{body}), text_of(5000), 'the first of a pipeline';
    is $c->response->{body}, '', 'HEAD';
    is decode('gzip', $c->response->{body}), text_of(5000), 'the next' for 1 .. 2;
    $c = client($port);
    $c->send(join "\r\n", 'GET / HTTP/1.0', 'Connection: keep-alive', @orders, '', '');
    my $r = $c->response;
    is $r->{how}, 'close', 'to an HTTP/1.0 client, up to the end of the connection';
    is decode('gzip', $r->{body}), text_of(5000), 'whole';
};

$usherd->stop;

# ---- streams

# All that a gzip response, of which `rest` is what came so far, holds; and whether it has ended.
sub so_far {
    my ($c) = @_;
    my (undef, $body) = split /\r\n\r\n/, $c->rest, 2;
    my ($coded, $ended) = ('', 0);
    $body //= '';
    while ($body =~ /\A([0-9a-f]+)\r\n/) {
        my ($n, $at) = (hex $1, $+[0]);
        $ended = 1 if $n == 0;
        last if $n == 0 || length $body < $at + $n + 2;
        $coded .= substr $body, $at, $n;
        substr $body, 0, $at + $n + 2, '';
    }
    my ($text, undef, $status) = inflate($coded);
    return ($text, $ended && $status == Z_STREAM_END);
}

sub await_text {
    my ($c, $text) = @_;
    return wait_for { $c->quiet(0.01); (so_far($c))[0] eq $text };
}

sub awaits {
    my ($name) = @_;
    return sub { wait_for { -e "$dir/$name" }; return };
}

sub let { my ($name) = @_; return spew("$dir/$name", '') }

sub ask {
    my ($u, $coding) = @_;
    my $c = client($u->port(1));
    $c->send(join "\r\n", 'GET / HTTP/1.1', 'Host: a.test', 'Accept-Encoding: ' . ($coding // 'gzip'), '', '');
    return $c;
}

my $step = 0;
for my $row (['events', 'text/event-stream', ''], ['events, buffered', 'text/event-stream', 'response_buffering = on'],
    ['a page', 'text/html', ''], ['a page, buffered', 'text/html', 'response_buffering = on']) {
    my ($name, $type, $route) = @$row;
    subtest "$name: what is there can be read" => sub {
        my ($two, $three) = map { 'go-' . $step++ } 1 .. 2;
        my $o = origin(['head', [send => "HTTP/1.1 200 OK\r\nContent-Type: $type\r\n\r\ndata: 1\n\n"], awaits($two),
            [send => "data: 2\n\n"], awaits($three), [send => "data: 3\n\n"], 'close']);
        my $u = proxy($o, route => "compress = gzip\ncompress_types = text/event-stream text/html\n$route");
        my $c = ask($u);
        ok await_text($c, "data: 1\n\n"), 'the first part while the server waits';
        let($two);
        ok await_text($c, "data: 1\n\ndata: 2\n\n"), 'the second';
        let($three);
        ok wait_for { $c->quiet(0.01); (so_far($c))[1] }, 'a proper end';
        is((so_far($c))[0], "data: 1\n\ndata: 2\n\ndata: 3\n\n", 'and all of it');
        $u->stop;
    };
}

subtest 'flushes cost little' => sub {
    my $text = text_of(2_000_000);
    my $o = origin(['head', [send => "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n$text"], 'close']);
    my $u = proxy([$o], route => 'compress = gzip');
    my $r = get($u->port(1), '/', 'Accept-Encoding: gzip');
    my $once = Compress::Raw::Zlib::Deflate->new(-Level => 4, -WindowBits => WANT_GZIP, -AppendOutput => 1);
    $once->deflate($text, my $coded);
    $once->flush($coded);
    ok decode('gzip', $r->{body}) eq $text, 'the body';
    cmp_ok length $r->{body}, '<', 1.05 * length $coded, 'is hardly longer than in one piece';
    $u->stop;
};

subtest '10 MB' => sub {
    my $text = text_of(10_000_000);
    my $o = origin(answer($text, 'Content-Type: text/plain'));
    my $u = proxy($o, route => 'compress = gzip br zstd');
    for my $coding (qw(gzip br zstd)) {
        my $r = get($u->port(1), '/', "Accept-Encoding: $coding");
        is field($r, 'content-encoding'), $coding, $coding;
        ok decode($coding, $r->{body}) eq $text, "$coding: complete";
    }
    $u->stop;
};

subtest 'a client that does not read' => sub {
    srand 7;
    my $noise = join '', map { pack 'N', int rand 2**32 } 1 .. 250_000;
    my $o = origin(['head', [send => "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"],
        map({ [send => $noise] } 1 .. 20), 'close']);
    my $u = proxy($o, route => 'compress = gzip');
    my ($worker) = $u->workers;
    my $size = sub { return slurp("/proc/$worker/statm") =~ /^\d+ (\d+)/ ? $1 * 4096 : 0 };
    my $before = $size->();
    my $c = client($u->port(1), rcvbuf => 100_000);
    $c->send("GET / HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding: gzip\r\n\r\n");
    ok !defined $o->await_event(qr/^1 done/, 1), 'holds up the server';
    cmp_ok $size->() - $before, '<', 8e6, 'and takes no memory' unless sanitized;
    my $r = $c->response(timeout => 30);
    ok $r && decode('gzip', $r->{body}) eq $noise x 20, 'until it has read everything';
    $u->stop;
};

subtest 'what is cut is seen to be' => sub {
    my $text = text_of(200_000);
    my $o = origin(
        ['head', [send => "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 300000\r\n\r\n$text"], 'close'],
        ['head', [send => "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"],
            'reset']);
    my $u = proxy($o, route => 'compress = gzip');
    $u->expect_log(qr/502 server-closed/);
    for my $which ('a known length', 'chunks') {
        my $c = ask($u);
        is $c->end, 'closed', "$which: the connection ends";
        unlike $c->rest, qr/\r\n0\r\n\r\n\z/, "$which: without an end of the body";
        ok !(so_far($c))[1], "$which: nor of the coding";
    }
    $u->stop;
};

SKIP: {
    my $library = "$dir/broken.so";
    spew("$dir/broken.c", <<'END');
int deflate(void *z, int flush);
int deflate(void *z, int flush) { (void)z; (void)flush; return -2; }
END
    skip 'no library can be put in between', 1
        if sanitized || system(($ENV{CC} || 'cc') . " -shared -fPIC -o $library $dir/broken.c 2>/dev/null");
    subtest 'a coder that fails' => sub {
        my $u = proxy($origin, route => 'compress = gzip', options => {env => {LD_PRELOAD => $library}});
        $u->expect_log(qr/500 compress-error/);
        my $c = client($u->port(1));
        $c->send(join "\r\n", 'GET / HTTP/1.1', 'Host: a.test', 'Accept-Encoding: gzip', orders([]), '', '');
        is $c->end, 'closed', 'cuts the response';
        unlike $c->rest, qr/\r\n0\r\n/, 'visibly';
        is get($u->port(1), '/', orders([]))->{body}, text_of(5000), 'others are served';
        $u->stop;
    };
}

subtest 'clients that leave' => sub {
    my $noise = join '', map { pack 'N', int rand 2**32 } 1 .. 100_000;
    my $o = origin(['head', [send => "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"],
        map({ [send => $noise] } 1 .. 50), 'close']);
    my $u = proxy($o, route => 'compress = br zstd gzip');
    for my $i (1 .. 12) {
        my $c = ask($u, (qw(gzip br zstd))[$i % 3]);
        ok $c->read_until(qr/\r\n\r\n.{1000}/s), "$i has begun";
        $i % 2 ? $c->close : $c->reset;
        ok $o->await_event(qr/^$i done/), 'and the server hears that it left';
    }
    is scalar $u->workers, 1, 'the worker is there';
    $u->stop;
};

subtest 'a server that writes byte by byte' => sub {
    my $o = origin(['head', [send => "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"],
        [slow => 'x' x 200, 0.001], 'close']);
    my $u = proxy($o, route => "compress = gzip br zstd\ncompress_types = text/event-stream");
    for my $coding (qw(gzip br zstd)) {
        my $r = ask($u, $coding)->response;
        is decode($coding, $r->{body}), 'x' x 200, $coding;
    }
    $u->stop;
};

like run_usherd('-V')->{out}, qr/^libraries: .*zlib 1\.\S+, brotli 1\.\S+, zstd 1\./m, '-V names the libraries';

done_testing;
