# What a message costs grows no faster than its length, whatever stands in it.  Each row makes a
# request or a response of a given size; it goes in three sizes, each twice the one before, through a
# build of usherd that counts basic blocks, bytes that libc walks over, and allocations
# (t/steps/count.c).  A loop in a loop over what was sent shows: then the second doubling costs more
# than twice the first.  Work that is linear but out of proportion shows in the steps for a byte.

use strict;
use warnings;

BEGIN { $ENV{USHERD} = ($ENV{USHERD} // 'build/usherd') =~ s{usherd\z}{usherd-steps}r }
use Test::More;
use Test::Usherd;

plan skip_all => 'counted in the build without sanitizers' if sanitized;

my $GROWTH = 2.4;    # at most so much more for the second doubling than for the first
my $STEPS  = 40;     # at most so many for a byte, unless a row says `most`
my $MEMORY = 48;     # bytes allocated for a byte
my $SLACK  = 3000;   # steps that other work of the worker may cost meanwhile
my $BLOCKS = 262144; # bytes, likewise: buffers grow by doubling

sub lines   { my ($n, $line) = @_; return map { $line =~ s/%/$_/gr } 1 .. $n }
sub list    { my ($n, $item, $sep) = @_; return join $sep // ', ', lines($n, $item) }
sub chunked { my ($n, $chunk) = @_; return ($chunk x $n) . "0\r\n\r\n" }

my @PACK = (route => 'compress = gzip br zstd', fields => sub { 'Accept-Encoding: gzip' });
my @CHUNKED = (method => 'POST', fields => sub { 'Transfer-Encoding: chunked' });

# Each row: a name, the largest size of three, and what stands where, as a function of the size.
#   target, host, fields, body   of the request; method
#   answer                       of the origin: {fields, body, raw (a body that frames itself), before (the head)}
#   route                        lines of the route; without an action, requests go to the origin
#   listen                       where it is sent: 1, or 2, which trusts the client
#   times                        how many requests follow each other at once
#   status                       of the answer (200); log: what is logged of it
#   pieces                       the bytes come one by one, more or less: only most and memory count then
#   most, memory                 steps and bytes of memory for a byte, where they are more than usual
#   of                           what the size is counted in, if not in bytes: 'answer'
my @rows = (
    # the target
    {name => 'path',        n => 16000, target => sub { '/path/' . 'a' x $_[0] }},
    {name => 'segments',    n => 8000, target => sub { '/segments' . '/a' x $_[0] }},
    {name => 'slashes',     n => 16000, target => sub { '/slashes' . '/' x $_[0] }},
    {name => 'dots',        n => 8000, most => 50, target => sub { '/dots' . '/.' x $_[0] }},
    {name => 'updown',      n => 4000, most => 50, target => sub { '/updown' . '/a/..' x $_[0] . '/a' }},
    {name => 'up',          n => 2000, most => 50, target => sub { '/up' . '/a' x $_[0] . '/..' x $_[0] . '/a'}},
    {name => 'escapes',     n => 6000, target => sub { '/escapes/' . '%41' x $_[0] }},
    {name => 'query',       n => 16000, target => sub { '/query?' . 'a' x $_[0] }},
    {name => 'args',        n => 8000, target => sub { '/args?' . list($_[0], 'a', '&') }},
    {name => 'args match',  n => 8000, target => sub { '/args-match?' . list($_[0], 'q', '&') }, route => 'query = q=z', most => 60},
    {name => 'host',        n => 8000, host => sub { 'a.' x $_[0] . 'wild.test' }},
    {name => 'hostcolons',  n => 8000, host => sub { 'a' x $_[0] . ':80' }},
    {name => 'regex',       n => 8000, target => sub { '/regex/' . 'ab' x $_[0] }},
    # fields of requests
    {name => 'value',       n => 32000, fields => sub { 'X-Long: ' . 'a' x $_[0] }},
    {name => 'blanks',      n => 32000, fields => sub { 'X-Blank: a' . ' ' x $_[0] . 'b' . ' ' x $_[0] }},
    {name => 'names',       n => 2000, fields => sub { lines($_[0], 'X-Name-%: a') }},
    {name => 'odd names',   n => 2000, fields => sub { lines($_[0], 'X_Name_%: a') }},
    {name => 'same name',   n => 2000, fields => sub { lines($_[0], 'X-Same: a') }},
    {name => 'connection',  n => 16000, status => 400, fields => sub { 'Connection: ' . list($_[0], 'a', ',') }},
    {name => 'connection names', n => 4000, status => 400, fields => sub { 'Connection: ' . list($_[0], 'x-%'), lines($_[0] / 2, 'x-%: a') }},
    {name => 'connection lines', n => 2000, status => 400, fields => sub { lines($_[0], 'Connection: a'), lines($_[0], 'x-%: a') }},
    {name => 'connection fields', n => 2000, fields => sub { 'Connection: ' . list(60, 'x-a%'), lines($_[0], 'x-%: a') }, most => 60},
    {name => 'connection commas', n => 16000, status => 400, fields => sub { 'Connection: ' . ',' x $_[0] }},
    {name => 'te',          n => 16000, fields => sub { 'TE: ' . list($_[0], 'a', ',') }},
    {name => 'upgrade',     n => 16000, fields => sub { 'Connection: upgrade', 'Upgrade: ' . list($_[0], 'a', ',') }},
    {name => 'via',         n => 2000, route => 'via = on', fields => sub { lines($_[0], 'Via: 1.1 a') }},
    {name => 'forwarded for', n => 2000, listen => 2, fields => sub { lines($_[0], 'X-Forwarded-For: 127.0.0.1') }},
    {name => 'forwarded for list', n => 4000, listen => 2, fields => sub { 'X-Forwarded-For: ' . list($_[0], '127.0.0.1') }},
    {name => 'forwarded',   n => 2000, listen => 2, fields => sub { lines($_[0], 'Forwarded: for=127.0.0.1') }},
    {name => 'forwarded list', n => 4000, listen => 2, fields => sub { 'Forwarded: ' . list($_[0], 'for=127.0.0.1') }},
    {name => 'forwarded pairs', n => 8000, listen => 2, fields => sub { 'Forwarded: ' . list($_[0], 'a=b', ';') }},
    {name => 'cookies',     n => 8000, fields => sub { 'Cookie: ' . list($_[0], 'a=b', '; ') }},
    {name => 'cookie fields', n => 2000, fields => sub { lines($_[0], 'Cookie: a=b') }},
    {name => 'sticky',      n => 8000, route => 'backend = sticky', fields => sub { 'Cookie: ' . list($_[0], 'srv=b', '; ') }},
    {name => 'accept encoding', n => 8000, route => 'compress = gzip br zstd', fields => sub { 'Accept-Encoding: ' . list($_[0], 'gzip;q=0.1') },
        answer => sub { {fields => ['Content-Type: text/plain'], body => 'x' x 2000} }},
    {name => 'accept encoding fields', n => 1000, route => 'compress = gzip br zstd', fields => sub { lines($_[0], 'Accept-Encoding: br;q=0.%') },
        answer => sub { {fields => ['Content-Type: text/plain'], body => 'x' x 2000} }},
    {name => 'accept',      n => 8000, route => 'respond = 404 "no"', fields => sub { 'Accept: ' . list($_[0], 'text/*;q=0.1') }, status => 404},
    {name => 'error accept', n => 8000, route => 'maintenance = on', status => 503, fields => sub { 'Accept: ' . list($_[0], 'a/b;q=0.1') }},
    {name => 'ranges',      n => 8000, route => 'files = %%DIR%%', fields => sub { 'Range: bytes=' . list($_[0], '0-0', ',') }},
    {name => 'if-none-match', n => 8000, route => 'files = %%DIR%%', fields => sub { 'If-None-Match: ' . list($_[0], '"a"', ',') }},
    {name => 'if-match',    n => 8000, status => 412, route => 'files = %%DIR%%', fields => sub { 'If-Match: ' . list($_[0], '"a"', ',') }},
    {name => 'if-match fields', n => 1000, status => 412, route => 'files = %%DIR%%', fields => sub { lines($_[0], 'If-Match: "%"') }},
    {name => 'origin',      n => 16000, route => 'cors = https://*.a.test', fields => sub { 'Origin: https://' . 'a.' x $_[0] . 'a.test' }},
    {name => 'preflight',   n => 8000, status => 204, route => 'cors = https://a.test', method => 'OPTIONS',
        fields => sub { 'Origin: https://a.test', 'Access-Control-Request-Method: PUT', 'Access-Control-Request-Headers: ' . list($_[0], 'x-%') }},
    {name => 'matched header', n => 2000, route => "header = X-Name: b", fields => sub { lines($_[0], 'X-Name: a') }},
    {name => 'matched cookie', n => 8000, route => "cookie = a=c", fields => sub { 'Cookie: ' . list($_[0], 'a=b', '; ') }},
    {name => 'log',         n => 16000, fields => sub { 'User-Agent: ' . "\"\xff" x $_[0] }},
    {name => 'template',    n => 8000, most => 80, route => 'respond = 200 text/html "$http_x_a $http_x_a $args"', fields => sub { 'X-A: ' . '<' x $_[0] }},
    {name => 'redirect',    n => 8000, route => 'redirect = 302 https://a.test/$http_x_a', fields => sub { 'X-A: ' . '<' x $_[0] }, status => 302},
    {name => 'headers',     n => 2000, route => 'headers = many', fields => sub { lines($_[0], 'X-Name-%: a') }},
    # bodies of requests
    {name => 'chunks',      n => 20000, @CHUNKED, body => sub { chunked($_[0], "1\r\na\r\n") }},
    {name => 'chunks kept', n => 20000, route => 'request_buffering = on', @CHUNKED, body => sub { chunked($_[0], "1\r\na\r\n") }},
    {name => 'extensions',  n => 300, @CHUNKED, body => sub { chunked($_[0], "1;a=b;c=d\r\na\r\n") }},
    {name => 'trailers',    n => 1000, @CHUNKED,
        body => sub { join "\r\n", 0, lines($_[0], 'X-A-%: b'), '', '' }},
    {name => 'chunks copied', n => 10000, route => 'mirror = app', @CHUNKED, body => sub { chunked($_[0], "1\r\na\r\n") }},
    {name => 'pipelined',   n => 1000, most => 200, memory => 200, times => sub { $_[0] }, fields => sub { 'X-Next: a' x 10 }, route => 'respond = 200 "x"'},
    # bytes one by one: each costs a turn of the loop
    {name => 'slow head',   n => 400, pieces => 1, most => 600, memory => 25000, fields => sub { 'X-Slow: ' . 'a' x $_[0] }},
    {name => 'slow chunks', n => 60, pieces => 1, most => 600, memory => 25000, @CHUNKED, body => sub { chunked($_[0], "1\r\na\r\n") }},
    {name => 'slow trailers', n => 80, pieces => 1, most => 600, memory => 25000, @CHUNKED, body => sub { join "\r\n", 0, lines($_[0], 'X: b'), '', '' }},
    # other sources, and what is done on the way to servers
    {name => 'hash',        n => 8000, route => 'backend = hashed', target => sub { '/hash?a=' . 'b' x $_[0] }},
    {name => 'split',       n => 8000, route => 'split = 50:app 50:hashed key=$cookie_a', fields => sub { 'Cookie: ' . list($_[0], 'b=c', '; ') }},
    {name => 'rewrite',     n => 4000, route => "rewrite = ^/rewrite/(.*) /\$1/\$args", target => sub { '/rewrite/' . 'a%20' x $_[0] . '?' . 'b&' x $_[0] }, most => 90},
    {name => 'try files',   n => 4000, route => 'files = %%DIR%%' . "\ntry_files = \$uri /file", target => sub { '/try-files' . '/a' x $_[0] }, most => 80},
    {name => 'directory',   n => 1000, of => 'answer', most => 400, route => 'files = %%DIR%%' . "\nautoindex = on",
        target => sub { "/directory/$_[0]/" }, setup => sub { mkdir "$_[1]/$_[0]"; spew("$_[1]/$_[0]/file$_", '') for 1 .. $_[0] }},
    {name => 'object',      n => 4000, status => 404, route => 'bucket = store', target => sub { '/object/' . 'a%20' x $_[0] }, most => 60},
    {name => 'object query', n => 4000, route => 'bucket = store', target => sub { '/object-query/x?' . list($_[0], 'a%=b', '&') }, most => 60},
    {name => 'object fields', n => 2000, route => 'bucket = store', fields => sub { lines($_[0], 'Range: bytes=0-1'), lines($_[0], 'If-Match: "a"') }, most => 60},
    # responses
    {name => 'cookie domains', n => 3000, answer => sub { {fields => ['Set-Cookie: a=b' . ';Domain=127.0.0.1' x $_[0]]} }},
    {name => 'cookie paths', n => 8000, route => 'strip_prefix = /cookie-paths', answer => sub { {fields => ['Set-Cookie: a=b' . ';Path=/' x $_[0]]} }},
    {name => 'cookie attributes', n => 16000, route => 'strip_prefix = /cookie-attributes', answer => sub { {fields => ['Set-Cookie: a=b' . ';a' x $_[0]]} }},
    {name => 'set-cookies', n => 900, route => 'strip_prefix = /set-cookies', answer => sub { {fields => [lines($_[0], 'Set-Cookie: a%=b;Path=/;Domain=127.0.0.1')]} }},
    {name => 'location',    n => 40000, answer => sub { {fields => ['Location: http://127.0.0.1:%PORT%/' . 'a' x $_[0]]} }},
    {name => 'locations',   n => 900, answer => sub { {fields => [lines($_[0], 'Location: http://127.0.0.1:%PORT%/')]} }},
    {name => 'location authority', n => 40000, answer => sub { {fields => ['Location: http://' . 'a' x $_[0]]} }},
    {name => 'refresh',     n => 40000, answer => sub { {fields => ['Refresh: 5; url=/' . 'a' x $_[0]]} }},
    {name => 'answer names', n => 900, route => 'headers = many', answer => sub { {fields => [lines($_[0], 'X-Name-%: a')]} }},
    {name => 'answer connection', n => 16000, status => 502, log => qr/Connection options/, answer => sub { {fields => ['Connection: ' . list($_[0], 'a', ',')]} }},
    {name => 'answer connection fields', n => 900, most => 120, answer => sub { {fields => ['Connection: ' . list(60, 'x-a%'), lines($_[0], 'x-%: a')]} }},
    {name => 'answer keep-alive', n => 16000, answer => sub { {fields => ['Keep-Alive: ' . list($_[0], 'a', ',')]} }},
    {name => 'vary',        n => 16000, route => "compress = gzip br\ncors = https://a.test", fields => sub { 'Origin: https://a.test', 'Accept-Encoding: gzip' },
        answer => sub { {fields => ['Content-Type: text/plain', 'Vary: ' . list($_[0], 'a', ',')], body => 'x' x 2000} }},
    {name => 'vary fields', n => 900, route => "compress = gzip br\ncors = https://a.test", fields => sub { 'Origin: https://a.test', 'Accept-Encoding: gzip' },
        answer => sub { {fields => ['Content-Type: text/plain', lines($_[0], 'Vary: a%')], body => 'x' x 2000} }},
    {name => 'answer cache-control', n => 16000, @PACK,
        answer => sub { {fields => ['Content-Type: text/plain', 'Cache-Control: ' . list($_[0], 'a', ',')], body => 'x' x 2000} }},
    {name => 'answer type', n => 16000, @PACK,
        answer => sub { {fields => ['Content-Type: text/plain' . ';a=b' x $_[0]], body => 'x' x 2000} }},
    {name => 'answer etag', n => 16000, @PACK,
        answer => sub { {fields => ['Content-Type: text/plain', 'ETag: "' . 'a' x $_[0] . '"'], body => 'x' x 2000} }},
    {name => 'interim',     n => 1500, answer => sub { {before => "HTTP/1.1 103 E\r\nLink: a\r\n\r\n" x $_[0]} }},
    {name => 'answer chunks', n => 20000, answer => sub { {fields => ['Transfer-Encoding: chunked'], raw => chunked($_[0], "1\r\na\r\n")} }},
    {name => 'answer chunks kept', n => 20000, route => 'response_buffering = on', answer => sub { {fields => ['Transfer-Encoding: chunked'], raw => chunked($_[0], "1\r\na\r\n")} }},
    {name => 'answer chunks packed', n => 20000, @PACK,
        answer => sub { {fields => ['Content-Type: text/plain', 'Transfer-Encoding: chunked'], raw => chunked($_[0], "1\r\na\r\n")} }},
    {name => 'answer trailers', n => 1000, answer => sub { {fields => ['Transfer-Encoding: chunked'], raw => join "\r\n", 0, lines($_[0], 'X-A-%: b'), '', ''} }},
);
my %row = map { $_->{key} = $_->{name} =~ tr/ /-/r; $_->{key} => $_ } @rows;

sub message {
    my ($start, $said) = @_;
    my @fields = @{$said->{fields} // []};
    push @fields, 'Content-Length: ' . length($said->{body} // '') unless defined $said->{raw};
    return ($said->{before} // '') . join "\r\n", $start, @fields, '', $said->{raw} // $said->{body} // '';
}

my $origin_port = free_port();
my $origin = origin({port => $origin_port}, sub {
    my ($r) = @_;
    my ($key, $n) = split / /, field($r, 'x-case') // ' ';
    my $said = $row{$key} && $row{$key}{answer} ? $row{$key}{answer}->($n) : {body => 'ok'};
    return message('HTTP/1.1 200 OK', $said) =~ s/%PORT%/$origin_port/gr;
});

sub routes {
    my $text = '';
    for my $row (@rows) {
        my $route = $row->{route} // '';
        $route .= "\nstrip_prefix = /$row->{key}" if $route =~ /^(?:files|bucket)\b/m;
        $route .= "\nbackend = app" unless $route =~ /^(?:backend|files|bucket|respond|redirect|split)\b/m;
        $text .= "[route $row->{key}]\npath = /$row->{key}/* /$row->{key}\n$route\n";
    }
    return $text;
}

my $dir      = scratch();
my $counters = spew("$dir/counters", "\0" x 4096);
my $limits   = "default_host = wild\nmax_header_size = 1m\nmax_header_count = 65536\nmax_uri = 1m\nkeepalive_requests = off\n";
my $many     = join '', map { "request_set = X-Set-$_: \$arg_a\nresponse_set = X-Set-$_: \$arg_a\n" } 1 .. 20;
my $usherd   = usherd(<<"END", dir => $dir, level => 'warn', env => {USHERD_STEPS => $counters});
[global]
workers = 1
[defaults]
access_log = main
[log main]
path = %%DIR%%/access.log
format = json
[listen web]
bind = 127.0.0.1:%%PORT1%%
$limits
[listen trusting]
bind = 127.0.0.1:%%PORT2%%
trusted_proxies = 127.0.0.1
$limits
@{[routes()]}
[host wild]
names = *.wild.test *.a.b.c.d.e.wild.test
[route regexes]
path_regex = ^/regex/(ab)*\$
respond = 200 "x"
[route ping]
path = /ping
respond = 200 "x"
[route rest]
path = /*
backend = app
[headers many]
request_remove = X-Gone-*
response_remove = X-Gone-*
$many
[backend app]
server = $origin->{address}
[backend hashed]
server = $origin->{address}
balance = hash \$arg_a
[backend sticky]
server = $origin->{address}
sticky = cookie srv
sticky_secret = 0123456789abcdef0123456789abcdef0123456789abcdef
[bucket store]
endpoint = http://$origin->{address}
name = store
access_key = key
secret_key = secret
END

my @counted = qw(steps allocations allocated);

# What the workers have done so far, by the counters of t/steps/count.c.
sub counted { my @v = unpack 'Q3', slurp($counters); return map { $counted[$_] => $v[$_] } 0 .. 2 }

sub request_of {
    my ($row, $n) = @_;
    my $target = $row->{target} ? $row->{target}->($n) : "/$row->{key}/file";
    return join "\r\n", ($row->{method} // 'GET') . " $target HTTP/1.1", 'Host: ' . ($row->{host} ? $row->{host}->($n) : 'a.test'),
        "X-Case: $row->{key} $n", $row->{fields} ? $row->{fields}->($n) : (), '', $row->{body} ? $row->{body}->($n) : '';
}

# What one request costs, from its first byte until another one has been answered, on a connection
# of its own, after which nothing of the first is left to do.
sub cost {
    my ($row, $n) = @_;
    my $times   = $row->{times} ? $row->{times}->($n) : 1;
    my $request = request_of($row, $n) x $times;
    my $port    = $usherd->port($row->{listen} // 1);
    my $ping    = "GET /ping HTTP/1.1\r\nHost: a.test\r\n\r\n";
    my ($c, $other) = map { client($_) } $port, $usherd->port(1);
    $other->send($ping)->response;
    my %before = counted();
    $c->send($request, $row->{pieces} ? (step => 1) : ());
    my $r;
    $r = $c->response for 1 .. $times;
    $c->close;
    $other->send($ping)->response;
    my %after = counted();
    my $bytes = length $request;
    $bytes += length message('', $row->{answer}->($n)) if $row->{answer};
    $bytes += length $r->{body} if ($row->{of} // '') eq 'answer';
    return {bytes => $bytes, status => $r ? $r->{status} : 'none', map { $_ => $after{$_} - $before{$_} } @counted};
}

sub judge {
    my ($row, @cost) = @_;
    my @status = map { $_->{status} } @cost;
    my $want = $row->{status} // 200;
    my @by;
    for my $i (0, 1) {
        $by[$i] = {map { $_ => $cost[$i + 1]{$_} - $cost[$i]{$_} } 'bytes', @counted};
    }
    my $last = $row->{pieces} ? $cost[2] : $by[1];
    my %per = map { $_ => $last->{$_} / $last->{bytes} } @counted;
    my @wrong = grep { $_ != $want } @status;
    is "@status", "$want $want $want", "$row->{name}: answered" if @wrong;
    my $steps  = $row->{pieces} || $by[1]{steps} <= $GROWTH * $by[0]{steps} + $SLACK;
    my $memory = $row->{pieces} || $by[1]{allocated} <= $GROWTH * $by[0]{allocated} + $BLOCKS;
    my $most   = $row->{most} // $STEPS;
    my $text   = sprintf '%s: %.1f steps for a byte (%.2f times), %.1f bytes allocated', $row->{name}, $per{steps},
        $by[1]{steps} / ($by[0]{steps} || 1), $per{allocated};
    ok($steps && $memory && !@wrong && $per{steps} <= $most && $per{allocated} <= ($row->{memory} // $MEMORY), $text)
        or diag(explain(\@cost));
    $usherd->expect_log($row->{log}) if $row->{log};
    return;
}

spew("$dir/file", 'x' x 100);
cost($rows[0], 1);    # what is done once
for my $row (@rows) {
    next if @ARGV && !grep { $row->{key} =~ /$_/ } @ARGV;
    my @sizes = map { int $row->{n} / $_ } 4, 2, 1;
    $row->{setup}->($_, $dir) for $row->{setup} ? @sizes : ();
    judge($row, map { cost($row, $_) } @sizes);
}
$usherd->stop;
done_testing;
