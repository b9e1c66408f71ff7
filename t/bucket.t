# Object storage: what goes to a store and how it is signed, what comes back, and what does not.

use strict;
use warnings;
use Digest::SHA 'sha256_hex';
use Test::More;
use Test::Certs 'certs';
use Test::Dns 'dns';
use Test::S3;
use Test::Usherd;

my $pki  = certs();
my $cert = $pki->leaf(store => names => ['127.0.0.1']);
my %keys = (bucket => 'media', access => 'AKID', secret => 'sec/ret+key');
my $store    = Test::S3->new(%keys);
my $virtual  = Test::S3->new(%keys, virtual => 1, region => 'eu-west-3');
my $open     = Test::S3->new(bucket => 'media', open => 1, no_if_range => 1);
my $session  = Test::S3->new(%keys, token => 'FwoG/Zt+k==');
my $origin   = origin($store->handler);
my $tls      = origin({tls => $cert}, $store->handler);
my $second   = origin($virtual->handler);
my $third    = origin($open->handler);
my $fourth   = origin($session->handler);
my $stalling = origin(['head', 'eof']);
my $ca       = $pki->file('root');

my %objects = (
    'plain.txt' => 'plain', 'a b.txt' => 'blank', 'a+b.txt' => 'plus', "gr\xc3\xbc\xc3\x9fe.txt" => 'utf-8',
    '100%.txt' => 'percent', "b\\s.txt" => 'backslash', 'dir/deep/x.txt' => 'deep', 'dir/index.html' => 'index',
    "!*'()\$&,;=:@.txt" => 'marks', 'a?b#c.txt' => 'question', '%41.txt' => 'percent again', 'index.html' => 'top',
    'missing.html' => '<h1>not here</h1>', 'a/../b' => 'never', 'private/x.txt' => 'private',
    "latin\xe4.txt" => 'latin', 'new/path.txt' => 'rewritten', 'empty' => '',
);
for my $s ($store, $virtual, $open, $session) {
    $s->put($_, $objects{$_}, 'Content-Type' => 'text/x-test', 'Cache-Control' => 'max-age=60') for keys %objects;
}

my $secrets = scratch();
spew("$secrets/token", "FwoG/Zt+k==\n");
local $ENV{STORE_TOKEN} = 'Fwo/other';
my $usherd = usherd(<<"END");
[global]
workers = 1
[listen web]
bind = 127.0.0.1:%%PORT1%%
[defaults]
tls_ca = $ca
access_log = log
[log log]
path = %%DIR%%/access.log
format = \$status \$why \$uri
buffer = 0
[headers color]
response_set = X-Color: \$upstream_http_x_amz_meta_color
[headers class]
request_set = X-Amz-Storage-Class: STANDARD_IA
[route plain]
path = /*
bucket = media
[route indexed]
path = /indexed/*
strip_prefix = /indexed
bucket = indexed
headers = color
[route write]
path = /write/*
bucket = write
headers = class
[route rewritten]
path = /old/*
rewrite = ^/old/(.*)\$ /new/\$1?acl
bucket = media
[route prefixed]
path = /deep/*
add_prefix = /dir
bucket = media
[route wrong]
path = /wrong/*
bucket = wrong
[route virtual]
path = /virtual/*
strip_prefix = /virtual
bucket = virtual
[route open]
path = /open/*
strip_prefix = /open
bucket = open
[route session]
path = /session/*
strip_prefix = /session
bucket = session
[route expired]
path = /expired/*
strip_prefix = /expired
bucket = expired
[route slow]
path = /slow/*
first_byte_timeout = 200ms
bucket = slow
[route buffered]
path = /buffered/*
bucket = write
request_buffering = on
[bucket media]
endpoint = http://$origin->{address}
name = media
access_key = AKID
secret_key = sec/ret+key
[bucket indexed]
endpoint = http://$origin->{address}
name = media
access_key = AKID
secret_key = sec/ret+key
index = index.html
error_document = missing.html
[bucket write]
endpoint = https://$tls->{address}
name = media
access_key = AKID
secret_key = sec/ret+key
write = on
[bucket wrong]
endpoint = http://$origin->{address}
name = media
access_key = AKID
secret_key = another
[bucket virtual]
endpoint = http://$second->{address}
name = media
access_key = AKID
secret_key = sec/ret+key
style = virtual
region = eu-west-3
[bucket open]
endpoint = http://$third->{address}
name = media
[bucket session]
endpoint = http://$fourth->{address}
name = media
access_key = AKID
secret_key = sec/ret+key
session_token = \@$secrets/token
[bucket expired]
endpoint = http://$fourth->{address}
name = media
access_key = AKID
secret_key = sec/ret+key
session_token = \${STORE_TOKEN}
[bucket slow]
endpoint = http://$stalling->{address}
name = media
END
my $port = $usherd->port(1);

# What the store was asked for so far.
sub asked { return map { /^\d+ request \w+ (.*)/ } $origin->events }

# target, status, body (undef: not looked at), what the store was asked for (undef: nothing)
for (
    ['/plain.txt', 200, 'plain', '/media/plain.txt'],
    ['/a%20b.txt', 200, 'blank', '/media/a%20b.txt'],
    ['/a+b.txt', 200, 'plus', '/media/a%2Bb.txt'],
    ['/a%2Bb.txt', 200, 'plus', '/media/a%2Bb.txt'],
    ['/gr%C3%BC%c3%9fe.txt', 200, 'utf-8', '/media/gr%C3%BC%C3%9Fe.txt'],
    ['/latin%e4.txt', 200, 'latin', '/media/latin%E4.txt'],
    ['/100%25.txt', 200, 'percent', '/media/100%25.txt'],
    ['/%2541.txt', 200, 'percent again', '/media/%2541.txt'],
    ['/b%5cs.txt', 200, 'backslash', '/media/b%5Cs.txt'],
    [q{/!*'()$&,;=:@.txt}, 200, 'marks', '/media/%21%2A%27%28%29%24%26%2C%3B%3D%3A%40.txt'],
    ['/a%3Fb%23c.txt', 200, 'question', '/media/a%3Fb%23c.txt'],
    ['/dir/deep/x.txt', 200, 'deep', '/media/dir/deep/x.txt'],
    ['/dir//deep///x.txt', 200, 'deep', '/media/dir/deep/x.txt'],
    ['/dir/./other/../deep/x.txt', 200, 'deep', '/media/dir/deep/x.txt'],
    ['/dir/%2e%2e/plain.txt', 200, 'plain', '/media/plain.txt'],
    ['/../plain.txt', 400, undef, undef],
    ['/a%2f..%2fb', 404, undef, undef],
    ['/private%2Fx.txt', 404, undef, undef],
    ['/plain.txt?acl&versionId=7&response-content-type=text/html', 200, 'plain', '/media/plain.txt'],
    ['/plain.txt?', 200, 'plain', '/media/plain.txt'],
    ['/empty', 200, '', '/media/empty'],
    ['/', 404, undef, undef],
    ['/dir/', 404, undef, '/media/dir/'],
    ['/none', 404, undef, '/media/none'],
    ['/' . 'x' x 1024, 404, undef, '/media/' . 'x' x 1024],
    ['/' . 'x' x 1025, 404, undef, undef],
    ['/indexed/', 200, 'top', '/media/index.html'],
    ['/indexed/dir/', 200, 'index', '/media/dir/index.html'],
    ['/indexed/none', 404, '<h1>not here</h1>', '/media/missing.html'],
    ['/indexed/error/AccessDenied/403', 404, '<h1>not here</h1>', '/media/missing.html'],
    ['/old/path.txt', 200, 'rewritten', '/media/new/path.txt'],
    ['/deep/deep/x.txt', 404, undef, '/media/dir/deep/deep/x.txt'],
    ) {
    my ($target, $status, $body, $asked) = @$_;
    my $before = asked();
    my $r = get($port, $target);
    my $name = substr $target, 0, 60;
    is $r->{status}, $status, "$name: $status";
    is $r->{body}, $body, '... with its body' if defined $body;
    unlike $r->{body}, qr/store secret|<Code>/, '... and nothing of the store';
    my @new = asked();
    is @new > $before ? $new[-1] : undef, $asked, '... asked for at the store';
}

# ---- fields

my $r = get($port, '/plain.txt', 'Cookie: a=1', 'Authorization: Basic eDp5', 'X-Amz-Acl: public-read', 'Accept: */*',
    'X-Forwarded-For: 1.2.3.4', 'Accept-Encoding: gzip', 'User-Agent: me', 'Content-Type: text/x', 'Origin: http://b.test');
is $r->{status}, 200, 'a request with fields of all kinds';
my $q = $origin->last_request;
is_deeply [sort map { $_->[0] } @{$q->{fields}}],
    [qw(authorization host x-amz-content-sha256 x-amz-date)], 'the store gets nothing but what it needs';
is_deeply [sort map { $_->[0] } @{$r->{fields}}],
    [qw(accept-ranges cache-control connection content-length content-type date etag last-modified)],
    'and the client nothing but what concerns the object';
is field(get($port, '/indexed/'), 'x-color'), 'red', 'hidden fields are still variables';
is field(get($port, '/indexed/none'), 'etag'), undef, 'an error document has no tag of its own';
my $etag = field($r, 'etag');

# name, fields, status, body, a field and its value
for (
    ['a range', ['Range: bytes=1-3'], 206, 'lai', 'content-range', 'bytes 1-3/5'],
    ['a range behind the end', ['Range: bytes=9-'], 416, undef, 'content-range', 'bytes */5'],
    ['a condition that holds', ["If-None-Match: $etag"], 304, '', 'etag', $etag],
    ['a weak tag', ["If-None-Match: W/$etag"], 304, '', 'etag', $etag],
    ['several tags', [qq{If-None-Match: "W/", W/"b", W/$etag}], 304, '', 'etag', $etag],
    ['a condition that does not', ['If-Match: "x"'], 412, undef, 'etag', undef],
    ['a part of the same', ['Range: bytes=1-3', "If-Range: $etag"], 206, 'lai', 'etag', $etag],
    ['a part of another', ['Range: bytes=1-3', 'If-Range: "x"'], 200, 'plain', 'etag', $etag],
    ) {
    my ($name, $fields, $status, $body, $field, $value) = @$_;
    for my $prefix ('', '/open') {
        my $x = get($port, "$prefix/plain.txt", @$fields);
        is $x->{status}, $status, "$name: $status";
        is $x->{body}, $body, '... and its body' if defined $body;
        is field($x, $field), $value, "... and its $field";
    }
}
is $third->last_request->{target}, '/media/plain.txt', 'without a key:';
is field($third->last_request, 'authorization'), undef, '... no signature';
is get($port, '/session/plain.txt', 'X-Amz-Security-Token: mine')->{body}, 'plain', 'a session token';
is field($fourth->last_request, 'x-amz-security-token'), 'FwoG/Zt+k==', '... is what its file says';
like field($fourth->last_request, 'authorization'), qr/;x-amz-security-token,/, '... and is signed';
is field($origin->last_request, 'x-amz-security-token'), undef, '... and goes nowhere else';
$usherd->expect_log(qr/bucket expired: the store answers .* with 400 InvalidToken/);
is get($port, '/expired/plain.txt')->{status}, 502, '... a wrong one is our fault';
is field($fourth->last_request, 'x-amz-security-token'), 'Fwo/other', '... from the environment';
unlike $usherd->log_text, qr/Fwo/, '... and no log has it';
is get($port, '/virtual/a%20b.txt')->{body}, 'blank', 'virtual style';
is field($second->last_request, 'host'), "media.$second->{address}", '... has the bucket in the Host';

my $head = request($port, "HEAD /plain.txt HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
is $head->{status}, 200, 'HEAD';
is field($head, 'content-length'), 5, '... says the length';
$head = request($port, "HEAD /none HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
is $head->{status}, 404, 'HEAD of nothing';

# ---- errors of the store: code, its status, the client's, why
for (
    ['NoSuchKey', 404, 404], ['AccessDenied', 403, 404], ['InternalError', 500, 502], ['SlowDown', 503, 503],
    ['PermanentRedirect', 301, 502], ['TooMany', 429, 503], ['BadRequest', 400, 502], ['NoSuchBucket', 404, 502],
    ['InvalidURI', 400, 404], ['InvalidObjectName', 400, 404], ['XMinioInvalidObjectName', 400, 404],
    ['KeyTooLongError', 400, 404], ['NotImplemented', 501, 502], ['NoSuchKey', 404, 404, 200_000], ['Gone', 410, 502], ['Teapot', 204, 204],
    ) {
    my ($code, $theirs, $ours, $more) = @$_;
    $usherd->expect_log(qr/bucket media: the store answers .* with $theirs $code/) if $ours >= 500;
    my $x = get($port, "/error/$code/$theirs" . ($more ? "/$more" : ''));
    is $x->{status}, $ours, "$theirs $code is $ours";
    unlike $x->{body}, qr/store secret|<Code>/, '... without the text of the store';
    wait_for { slurp($usherd->dir . '/access.log') =~ m{^$ours bucket-$theirs /error/$code}m } unless $ours == 204;
    like slurp($usherd->dir . '/access.log'), qr{^$ours bucket-$theirs /error/$code}m, '... and logged' unless $ours == 204;
}
my $connections = $origin->connections;
my $c = client($port);
for (1 .. 5) {
    $c->send("GET /none HTTP/1.1\r\nHost: a.test\r\n\r\n");
    $c->response;
}
cmp_ok $origin->connections, '<=', $connections + 1, 'connections outlive errors';

$usherd->expect_log(qr/bucket wrong: the store answers .* with 403 SignatureDoesNotMatch/);
is get($port, '/wrong/plain.txt')->{status}, 502, 'a wrong secret is our fault';
my $ask_head = sub { return request($port, "HEAD $_[0] HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")->{status} };
$usherd->expect_log(qr/\[warn\].* bucket wrong: the store refuses each HEAD with 403, 10 in a row \(if GET fails too, check access_key/);
is $ask_head->('/wrong/plain.txt'), 404, 'a HEAD that is refused tells nobody why' for 1 .. 12;
is scalar(() = $usherd->log_text =~ /bucket wrong: the store refuses each HEAD/g), 1, '... but ten are told of, once';
for (1 .. 4) {
    $ask_head->('/error/AccessDenied/403') for 1 .. 5;
    is $ask_head->('/plain.txt'), 200, 'a key that is good for anything is above suspicion';
    $ask_head->('/error/AccessDenied/403') for 1 .. 5;
    is $ask_head->('/none'), 404, '... also if all that it gets is nothing';
}
$usherd->expect_log(qr/504 first-byte-timeout/);
is get($port, '/slow/x')->{status}, 504, 'a slow store';

# ---- writing

sub send_request {
    my ($method, $target, $body, @fields) = @_;
    unshift @fields, 'Content-Length: ' . length $body if defined $body && !grep { /^transfer/i } @fields;
    return request($port, join("\r\n", "$method $target HTTP/1.1", 'Host: a.test', @fields, 'Connection: close', '',
        $body // ''), timeout => 60);
}
is send_request(PUT => '/plain.txt', 'x')->{status}, 405, 'PUT without write = on';
my $big = substr join('', 'A' .. 'Z', 'a' .. 'y') x 200_000, 0, 10_000_000;
is send_request(PUT => '/write/big%20one', $big, 'Content-Type: text/y', 'X-Amz-Acl: x')->{status}, 200, 'PUT of 10 MB';
$q = $tls->last_request;
is field($q, 'x-amz-content-sha256'), 'UNSIGNED-PAYLOAD', '... unsigned';
is field($q, 'x-amz-storage-class'), 'STANDARD_IA', '... with fields of [headers], signed too';
is field($q, 'x-amz-acl'), undef, '... not with those of the client';
is sha256_hex($store->object('write/big one')->{body}), sha256_hex($big), '... and it is there';
$r = get($port, '/write/big%20one');
is sha256_hex($r->{body}), sha256_hex($big), '... and comes back';
is field($r, 'content-type'), 'text/y', '... with its type';
is send_request(PUT => '/write/big%20one', 'x', 'If-None-Match: *')->{status}, 412, 'PUT with a condition';
$usherd->expect_log(qr/501 bucket-501: bucket write: .* with 501 NotImplemented: it cannot write on a condition/);
$r = send_request(PUT => '/write/error/NotImplemented/501', 'x', 'If-None-Match: *');
is $r->{status}, 501, 'PUT with a condition that the store does not know';
unlike $r->{body}, qr/<Code>/, '... without the text of the store';
$usherd->expect_log(qr/502 bucket-501/);
is send_request(PUT => '/write/error/NotImplemented/501', 'x')->{status}, 502, '... and 501 without one';
is send_request(PUT => '/write/error/InvalidURI/400', 'x')->{status}, 400, 'PUT of a name that no object can have';
is send_request(PUT => '/write/none')->{status}, 200, 'PUT of nothing';
is $store->object('write/none')->{body}, '', '... and it is there';
is send_request(PUT => '/write/c', "3\r\nabc\r\n0\r\n\r\n", 'Transfer-Encoding: chunked')->{status}, 411, 'PUT of unknown length';
is send_request(PUT => '/buffered/c', "3\r\nabc\r\n0\r\nX: y\r\n\r\n", 'Transfer-Encoding: chunked')->{status}, 200,
    '... is fine with request_buffering';
is $store->object('buffered/c')->{body}, 'abc', '... and it is there';
is send_request(PUT => '/write/d', 'abc', 'Expect: 100-continue')->{status}, 200, 'PUT that waits';
is send_request(DELETE => '/write/d')->{status}, 204, 'DELETE';
is $store->object('write/d'), undef, '... and it is gone';
is send_request(DELETE => '/write/c', 'abc')->{status}, 400, 'DELETE with a body';
is send_request(GET => '/plain.txt', 'abc')->{status}, 400, 'GET with a body';
$r = send_request(POST => '/write/x', 'abc');
is $r->{status}, 405, 'POST';
is field($r, 'allow'), 'GET, HEAD, PUT, DELETE', '... and what is allowed';
is field(send_request(OPTIONS => '/x'), 'allow'), 'GET, HEAD', '... where nothing is written';

is get($port, '/plain.txt', 'Connection: upgrade', 'Upgrade: websocket')->{status}, 200, 'no bucket is a tunnel';
is field($origin->last_request, 'upgrade'), undef, '... nor asked to be one';
$usherd->stop;

# ---- stores that break off, stall, flood, or answer too early

my $start = "HTTP/1.1 404 Not Found\r\nContent-Length: 1000000000\r\n\r\n<Error>";
my %scripts = (
    cut   => ['head', [send => $start], 'close'],
    hang  => ['head', [send => $start], 'eof'],
    flood => ['head', [send => $start . 'x' x 300_000], 'eof'],
    early => ['head', [send => "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"], 'eof'],
    part  => ['request', [send => "HTTP/1.1 206 Partial\r\nContent-Range: bytes 0-999999999/1000000000\r\nETag: \"new\"\r\n"
        . "Content-Length: 1000000000\r\n\r\n" . 'x' x 300_000], 'eof'],
);
my $part = answer('part', 'Content-Range: bytes 0-3/9', 'ETag: "new"') =~ s/200 OK/206 Partial/r;
$scripts{parts} = [('request', [send => $part]) x 9];
my %broken = map { $_ => origin($_ eq 'part' ? ($scripts{part}, ['request', [send => answer('whole')], 'eof']) : $scripts{$_}) }
    keys %scripts;
my $config = "[listen web]\nbind = 127.0.0.1:%%PORT1%%\n";
for (sort keys %broken) {
    $config .= "[route $_]\npath = /$_/*\nbucket = $_\nread_timeout = 200ms\nretries = 0\n"
        . "[bucket $_]\nendpoint = http://$broken{$_}{address}\nname = media\nwrite = on\n";
}
$usherd = usherd($config);
$usherd->allow_log(qr/passes unprotected/);
$port = $usherd->port(1);
$usherd->expect_log(qr/502 server-closed/, qr/504 read-timeout/);
is get($port, '/cut/x')->{status}, 502, 'an error that breaks off';
is get($port, '/hang/x')->{status}, 504, 'an error that stalls';
is get($port, '/flood/x')->{status}, 404, 'an error that is too long';
is send_request(PUT => '/early/x', 'x' x 3_000_000)->{status}, 403, 'an error before the body is there';
is get($port, '/part/x', 'Range: bytes=0-', 'If-Range: "old"')->{body}, 'whole', 'a large part of another object';
$usherd->expect_log(qr/502 bucket-206/);
is get($port, '/parts/x', 'Range: bytes=0-', 'If-Range: "old"')->{status}, 502, 'a store that has nothing but parts';
is scalar(grep { / request / } $broken{parts}->events), 2, '... is asked twice';
$usherd->stop;

# ---- TLS: whom the certificate of a store must be for

my $dns   = dns('store.test' => {A => ['127.0.0.1']});
my %cert  = (wild => ['*.store.test'], plain => ['store.test'], other => ['other.store.test'], address => ['127.0.0.1']);
my %https = map { $_ => origin({tls => $pki->leaf($_ => names => $cert{$_})}, ($_ eq 'plain' ? $store : $virtual)->handler) }
    keys %cert;
# bucket, certificate, style, endpoint, status, the name that the store is asked by (undef: not asked)
my @stores = (
    ['virtual', 'wild', 'virtual', 'store.test', 200, 'media.store.test'],
    ['only-host', 'plain', 'virtual', 'store.test', 502, undef],
    ['another', 'other', 'virtual', 'store.test', 502, undef],
    ['path', 'plain', 'path', 'store.test', 200, 'store.test'],
    ['address', 'address', 'virtual', '127.0.0.1', 200, ''],
);
$config = "[global]\nresolver = $dns->{address}\n[listen web]\nbind = 127.0.0.1:%%PORT1%%\n[defaults]\ntls_ca = $ca\n"
    . "retries = 0\n";
for (@stores) {
    my ($name, $certificate, $style, $host) = @$_;
    my $region = $style eq 'virtual' ? 'eu-west-3' : 'us-east-1';
    $config .= "[route $name]\npath = /$name/*\nstrip_prefix = /$name\nbucket = $name\n[bucket $name]\n"
        . "endpoint = https://$host:$https{$certificate}{port}\nname = media\nstyle = $style\nregion = $region\n"
        . "access_key = AKID\nsecret_key = sec/ret+key\n";
}
$usherd = usherd($config);
$usherd->expect_log(qr/expected a certificate for media\.store\.test, came \S*store\.test/);
$usherd->allow_log(qr/502 tls-verify/);
for (@stores) {
    my ($name, $certificate, $style, $host, $status, $sni) = @$_;
    is get($usherd->port(1), "/$name/plain.txt")->{status}, $status, "a certificate of $cert{$certificate}[0] for $host, $style style";
    next unless defined $sni;
    my ($asked) = map { /^\d+ tls .* sni=(\S*)/ } grep { / tls / } reverse $https{$certificate}->events;
    is $asked, $sni, '... and the name that is asked for';
}
$usherd->stop;

done_testing;
