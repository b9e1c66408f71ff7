# --explain: agrees with traffic about every row of the table, and says why; nothing is sent.

use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Test::Certs 'certs';
use Test::Routes;
use Test::Usherd;

sub ask {
    my ($config, $request, @args) = @_;
    return run_usherd({config => $config}, '-q', '--explain', $request, @args);
}

# ---- the table of t/routing.t

my $config = routes_config();

# What the answer of the route would be, from the text; else the status, and Allow.
sub verdict {
    my ($r) = @_;
    my ($route) = $r->{out} =~ /^route +(\S+)/m;
    my ($host)  = $r->{out} =~ /^host +(\S+)/m;
    my ($status) = $r->{out} =~ /^answer +(\d+)/m;
    my ($allow)  = $r->{out} =~ /^ +Allow: (.*)/m;
    return join ' ', $route, $host // '' if $route && $status == 200;
    return join ' ', $status // 'nothing', split /, */, $allow // '';
}

my @table = @ROUTES;
while (@table) {
    my $row = shift @table;
    next if !ref $row;
    my ($listen, $method, $host, $target, @fields) = @$row;
    my $who  = shift @table;
    my $port = free_port_at($listen);
    my $url  = $target =~ m{^http://[^/]*$|^http://([^/:]+)(/.*)} ? "http://$1:$port$2" :
        "http://127.0.0.1:$port$target";
    push @fields, "Host: $host" if $target !~ /^http:/;
    $url = '*' if $target eq '*';
    my $r = ask($config, "$method $url", map { ('-H', $_) } @fields);
    is verdict($r) . ", exit $r->{status}", $who . ($who =~ /^\d/ ? ', exit 1' : ', exit 0'),
        join ' ', @$row[1 .. $#$row];
}
for my $from (['127.0.0.2', 'ip two'], ['127.9.8.7', 'ip two'], ['127.0.0.3', 'root two']) {
    my $p = free_port_at(1);
    is verdict(ask($config, "GET http://one.test:$p/ip/", '--from', $from->[0])), $from->[1],
        "from $from->[0]";
}

# ---- the reasons

my $odd = {config => "$config\n[backend lonely]\nserver = 127.0.0.1:1\n"};
like run_usherd($odd, '-t')->{err}, qr/lonely/, 'a warning';
is run_usherd($odd, '--explain', 'GET http://one.test/a')->{err}, '', '... is for -t alone';
my @reasons = (
    ['http://shop.example.com:PORT/shop/exact', qr/an exact path goes before a prefix/],
    ['http://one.test:PORT/x.php',              qr/a pattern goes before a prefix/],
    ['http://one.test:PORT/a/b/c',              qr{its prefix /a/\* is shorter than /a/b/\*}],
    ['http://one.test:PORT/m/',                 qr/3 kinds of conditions go before 2/],
    ['http://www.example.com:PORT/everywhere/', qr/routes that name the host go before those for all hosts/],
    ['http://a.eu.example.com:PORT/x',          qr/the name of \[host any\] fits less exactly/],
    ['http://short.test:PORT/everywhere/',      qr/runner-up   everywhere \(.*usherd.ini:\d+\)/],
);
for (@reasons) {
    my ($url, $why) = @$_;
    my $port = free_port_at(1);
    like ask($config, 'GET ' . $url =~ s/PORT/$port/r)->{out}, qr/^runner-up .*$why|$why/m, $url;
}
my $p1 = free_port_at(1);
like ask($config, "GET http://one.test:$p1/a")->{out}, qr/^host +two .*, by its name$/m, 'a name';
like ask($config, "GET http://x.two.test:$p1/a")->{out}, qr/^host +two .*, by a wildcard$/m, 'a wildcard';
my $p2 = free_port_at(2);
like ask($config, "GET http://who.test:$p2/both/x")->{out}, qr/^host +spare .*, as default_host$/m, 'default_host';
like ask($config, "GET http://spare.test:$p1/put/x")->{out}, qr/^answer +405 Method Not Allowed, why=method$/m, 'a method';
like ask($config, "GET http://one.test:$p1/%00")->{out}, qr/^answer +400 Bad Request, why=bad-request: .*\w/m, 'a refusal has its reason';

# ---- all that happens on the way

my $dir  = scratch();
my $pki  = certs();
my $shop = $pki->leaf(shop => names => ['shop.example.com']);

my $site = <<"END";
[listen http]
bind = 127.0.0.1:%%PORT3%%
trusted_proxies = 10.0.0.0/8
[listen https]
bind = 127.0.0.1:%%PORT4%%
tls = on
[defaults]
read_timeout = 5s
headers = base
[headers base]
response_set = X-Base: 1
[headers more]
request_set = X-Item: \$item
request_remove = X-Internal-*
[host shop]
names = shop.example.com
certificate = $shop->{pair}
redirect_https = on
connect_timeout = 1500ms
[route api]
host = shop
path_regex = ^/api/(?<item>\\w+)
strip_prefix = /api
rewrite = ^/(\\w+)\$ /v2/\$1
headers = more
split = 90:app 0:canary
[route files]
host = shop
path = /files/*
files = $dir
strip_prefix = /files
[route pages]
host = shop
path = /pages/*
files = $dir
try_files = \$uri /index.html
[route away]
host = shop
path = /away
redirect = 302 https://other.test/\$arg_to
[route closed]
host = shop
path = /closed
maintenance = on
backend = app
[route small]
host = shop
path = /small
max_body = 10
backend = app
[backend app]
server = 127.0.0.1:1 weight=3
server = https://127.0.0.2:2 backup max_conns=7
server = 127.0.0.3:3 down
[backend canary]
server = 127.0.0.1:4
END
my $https = 'https://shop.example.com:' . free_port_at(4);
my $http  = 'http://shop.example.com:' . free_port_at(3);

my $r = ask($site, "GET $https/api/x7?y=1", '-H', 'X-Internal-Id: 5', '-H', 'Connection: close', '--from', '192.0.2.7');
is $r->{status}, 0, 'a route was found';
is $r->{err}, '', 'without complaints';
for (
    [qr/^request +GET \/api\/x7\?y=1$/m,                     'the request'],
    [qr/^listen +https \(.*:4\)$/m,                          'the listener'],
    [qr/^client +192\.0\.2\.7$/m,                            'the client'],
    [qr/^route +api \(.*:\d+\)$/m,                           'the route'],
    [qr/^split +90:app, chosen for this request$/m,          'the split'],
    [qr/^sends +GET \/v2\/x7\?y=1$/m,                        'the rewritten URI'],
    [qr/^ +- X-Internal-Id: 5$/m,                            'a header that is removed'],
    [qr/^ +- Connection: close$/m,                           'hop by hop too'],
    [qr/^ +\+ X-Item: x7$/m,                                 'a header that is set, from a group'],
    [qr/^ +\+ X-Forwarded-For: 192\.0\.2\.7$/m,              'who the client is'],
    [qr/^ +\+ X-Forwarded-Proto: https$/m,                   'and how it came'],
    [qr/^ +127\.0\.0\.1:1 weight=3 \(.*:\d+\)$/m,            'a server'],
    [qr/^ +https:\/\/127\.0\.0\.2:2 max_conns=7 backup /m,   'a spare one'],
    [qr/^ +127\.0\.0\.3:3 down /m,                           'one that is down'],
    [qr/^ +read_timeout: 5s$/m,                              'a time'],
    [qr/^ +connect_timeout: 1500ms$/m,                       'another time'],
    [qr/^ +read_timeout = 5s \(.*usherd\.ini:8\)$/m,         'where it stands, in [defaults]'],
    [qr/^ +connect_timeout = 1500ms \(.*usherd\.ini:\d+\)$/m, 'in [host]'],
    [qr/^ +headers = base .*\n +headers = more /m,           'lists that add up'],
    [qr/^ +response_set = X-Base: 1 \(/m,                    'what they say'],
    [qr/^ +redirect_https = on \(/m,                         'the host'],
    [qr/^ +trusted_proxies|^ +tls = on \(/m,                 'the listener'],
) {
    like $r->{out}, $_->[0], $_->[1];
}

like ask($site, "GET $http/api/x")->{out}, qr/^answer +308 .*\n(?: .*\n)*? +Location: \Q$https\E\/api\/x$/m, 'a redirect to https';
like ask($site, "GET $http/api/x", '-H', 'X-Forwarded-Proto: https', '-H', 'X-Forwarded-For: 203.0.113.5', '--from', '10.1.2.3')->{out},
    qr/^client +203\.0\.113\.5, by https, as the trusted proxy 10\.1\.2\.3 says$/m, 'a trusted proxy';
like ask($site, "GET $http/api/x", '-H', 'X-Forwarded-For: 203.0.113.5', '--from', '11.1.2.3')->{out},
    qr/^client +11\.1\.2\.3$/m, 'and one that is not';
like ask($site, "GET $https/files/a/b.css")->{out}, qr{^file +\Q$dir\E/a/b\.css$}m, 'a file';
like ask($site, "GET $https/pages/a")->{out}, qr{^file +the first there is of \$uri /index\.html below \Q$dir\E, where \$uri is /pages/a$}m,
    'files to try';
like ask($site, "GET $https/away?to=x%20y")->{out}, qr{^answer +302 .*\n(?: .*\n)*? +Location: https://other\.test/x%20y$}m, 'a redirect with variables';
like ask($site, "GET $https/closed")->{out}, qr/^answer +503 .*\n(?: .*\n)*? +Retry-After: \d+$/m, 'maintenance';
like ask($site, "PUT $https/files/a/b.css")->{out}, qr/^answer +405 .*\n +Allow: GET, HEAD$/m, 'files are only read';
like ask($site, "POST $https/small", '-H', 'Content-Length: 11')->{out}, qr/^answer +413 /m, 'a body that is too large';
like ask($site, "GET $https/nothing")->{out}, qr/^answer +404 Not Found, why=no-route$/m, 'no route';
like ask($site, "GET $https/api/x", '-H', 'Host: other.test')->{out}, qr/^answer +421 /m, 'another host than the handshake named';
$r = ask($site, 'GET https://other.test:' . free_port_at(4) . '/');
like $r->{out}, qr/^refused +in the TLS handshake/m, 'no certificate for the name';
is $r->{status}, 1, 'is no route';
like ask($site, 'GET /api/x', '-H', 'Host: shop.example.com')->{out}, qr/^listen +http /m, 'a path alone is asked over plain HTTP';

# ---- answers of its own, and all that may change them on their way out

my $page = "$dir/error.html";
spew($page, 'sorry ' x 1000);
my $text = 'word ' x 1000;
my $local = <<"END";
[listen http]
bind = 127.0.0.1:%%PORT3%%
[defaults]
compress = br zstd gzip
compress_min = 1
compress_types = text/* application/json
cors = https://*.example.com
headers = own
response_buffering = on
response_request_id = on
error_page = 404 405 413 503 $page
[headers own]
response_set = X-Id: \$request_id
[route text]
path = /text
respond = 200 text/plain "$text"
[route away]
path = /away
redirect = 302 https://other.test/
[route closed]
path = /closed
maintenance = on
backend = app
[route small]
path = /small
max_body = 10
backend = app
[route files]
path = /files/*
files = $dir
[backend app]
server = 127.0.0.1:1
END
my $at = 'http://a.test:' . free_port_at(3);
for my $coding (qw(gzip br zstd)) {
    my $answer = ask($local, "GET $at/text", '-H', "Accept-Encoding: $coding");
    is $answer->{status}, 0, "$coding: answered";
    like $answer->{out}, qr/^answer +200 OK.*\n(?: .*\n)*? +Content-Encoding: $coding$/m, '... compressed';
}
for my $path (qw(/text /away /closed /small /files/x /files/ /nothing /%00)) {
    my @answers = map { my $method = $_; map { ask($local, "$method $at$path", @$_) } (
        ['-H', 'Accept-Encoding: gzip, br, zstd'],
        ['-H', 'Accept-Encoding: gzip', '-H', 'Origin: https://a.example.com', '-H', 'Content-Length: 11'],
        ['-H', 'Accept-Encoding: gzip', '-H', 'Range: bytes=1-5', '-H', 'If-None-Match: "a"'],
        ['-H', 'Origin: https://a.example.com', '-H', 'Access-Control-Request-Method: GET'],
        ['-H', 'Connection: upgrade', '-H', 'Upgrade: websocket', '-H', 'Expect: 100-continue', '-H', 'Transfer-Encoding: chunked'],
    ) } qw(GET HEAD POST OPTIONS);
    is_deeply [grep { $_->{status} > 1 || $_->{err} ne '' } @answers], [], "$path: each question has its answer";
}

# ---- a split whose backends differ: what holds is what the chosen one says

my $split = <<"END";
[listen http]
bind = 127.0.0.1:%%PORT3%%
[defaults]
read_timeout = 9s
[route r]
path = /r
split = 1:app 0:canary
connect_timeout = 4s
[route c]
path = /c
split = 0:app 1:canary
connect_timeout = 4s
[backend app]
server = 127.0.0.1:1
connect_timeout = 1s
first_byte_timeout = 8s
retries = 2
[backend canary]
server = 127.0.0.1:2
retries = 0
first_byte_timeout = 250ms
read_timeout = 7s
END
for (
    ['/r', qr/^split +1:app, chosen/m, 2, '8s', '9s'],
    ['/c', qr/^split +1:canary, chosen/m, 0, '250ms', '7s'],
) {
    my ($path, $chosen, $retries, $first_byte, $read) = @$_;
    my $text = ask($split, "GET http://a.test:" . free_port_at(3) . $path)->{out};
    like $text, $chosen, "$path: the backend";
    like $text, qr/^retries +$retries$/m, '... its retries';
    like $text, qr/^ +connect_timeout: 4s\n +first_byte_timeout: $first_byte\n +read_timeout: $read$/m, '... and times';
    like $text, qr/^ +retries = $retries \(.*usherd\.ini:\d+\)$/m, '... with their places';
    like $text, qr/^ +connect_timeout = 4s \(/m, '... but the route goes before it';
}

# ---- questions that are none

for (
    [[''],                                        qr/is no request/],
    [['GET'],                                     qr/is no request/],
    [['GET ftp://a.test/'],                       qr/is no URL/],
    [['GET http://a b/'],                         qr/is no host/],
    [["GET http://b\xfccher.test/"],              qr/is no host/],
    [['GET http:///x'],                           qr/is no host/],
    [['GET http://a.test:0x/'],                   qr/is no host/],
    [['GET /', '--from', 'nobody'],               qr/"nobody" is no address/],
    [['GET /', '-H', 'X-A'],                      qr/is no header/],
    [['GET /', '-H', "X-A: 1\r\nX-B: 2"],         qr/is no header/],
    [['GET /', '-t'],                             qr/only one of/],
) {
    my ($args, $error) = @$_;
    $r = ask($site, @$args);
    like $r->{err}, $error, "@$args";
    is $r->{status}, 2, 'exit status';
}
like run_usherd('--from', '10.0.0.1')->{err}, qr/-H and --from need --explain/, '--from alone';
like run_usherd('--explain')->{err}, qr/--explain needs a value/, '--explain alone';

done_testing;
