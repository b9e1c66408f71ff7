# Files first, else a backend: what try_files with @NAME sends where, and that a request that no file
# serves goes to the backend as if there were no files.

use strict;
use warnings;
use Digest::MD5 'md5_hex';
use Test::More;
use Test::Usherd;
use Time::HiRes 'time';

my $dir  = scratch();
my $root = "$dir/www";
my $old  = time - 3600;
my $is_root = $> == 0;

sub file {
    my ($path, @text) = @_;
    spew("$root/$path", @text);
    utime $old, $old, "$root/$path";
    return;
}

mkdir "$root$_" for '', qw(/docs /empty /v1);
file('index.html', 'the index');
file('page.html', 'page');
file('here.txt', 'a file');
file('docs/index.html', 'docs');
file('v1/here.txt', 'a file of v1');
file('.env', 'secret');
file('denied.txt', 'secret');
file('big.bin', 'x' x 300_000);
chmod 0, "$root/denied.txt";
symlink "$dir/outside.txt", "$root/outside.txt";
spew("$dir/outside.txt", 'secret');

# Says what it got.
sub echo {
    my ($name) = @_;
    return sub {
        my ($r) = @_;
        return answer(join(' ', $name, @$r{qw(method target)}, length $r->{body}, md5_hex($r->{body})), "X-From: $name",
            'Location: /v1/moved', 'Server: hidden');
    };
}
my ($app, $copies) = map { origin(echo($_)) } qw(app copies);
my @bound = map { origin(echo($_)) } qw(one two);
my $slow = origin(['request', 'eof']);
my $chat = origin(['head', [send => "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
        . "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\nwelcome"], [until => qr/ping/], [send => 'pong'], 'eof', 'close']);
my $nobody = free_port();
my $user = $is_root ? 'user = nobody' : '';

my $config = <<"END";
[global]
workers = 1
$user
[admin]
listen = 127.0.0.1:%%PORT2%%
names = a.test
[listen web]
bind = 127.0.0.1:%%PORT1%%
[log all]
path = %%DIR%%/access.log
format = \$request_method \$uri \$status [\$backend] [\$upstream_status] \$tries \$route
[defaults]
access_log = all
[headers seen]
request_set = X-Seen: \$backend
response_set = X-By: \$backend
[route site]
path = /*
files = $root
try_files = \$uri \$uri.html \$uri/ \@app
headers = seen
[route static]
path = /static/*
files = $root
strip_prefix = /static
add_prefix = /v1
try_files = \$uri
try_files = \@app
[route old]
path = /old/*
files = $root
rewrite = ^/old/(.*)\$ /\$1?was=old
try_files = \$uri \@app
[route buffered]
path = /buffered/*
files = $root
try_files = \$uri \@app
request_buffering = on
[route small]
path = /small/*
files = $root
try_files = \$uri \@app
max_body = 10
[route copied]
path = /copied/*
files = $root
strip_prefix = /copied
try_files = \$uri \@app
mirror = copies
[route dead]
path = /dead/*
files = $root
strip_prefix = /dead
try_files = \$uri \@dead
error_page = 502 "sorry"
[route retried]
path = /retried/*
files = $root
try_files = \$uri \@retried
[route slow]
path = /slow/*
files = $root
try_files = \$uri \@slow
[route bound]
path = /bound/*
files = $root
try_files = \$uri \@bound
[route chat]
path = /chat/*
files = $root
strip_prefix = /chat
try_files = \$uri \@chat
[route listed]
path = /listed/*
files = $root
strip_prefix = /listed
autoindex = on
try_files = \$uri/ \@app
[backend app]
server = $app->{address}
[backend copies]
server = $copies->{address}
[backend dead]
server = 127.0.0.1:$nobody
[backend retried]
server = 127.0.0.1:$nobody
server = $app->{address}
check = off
retries = 3
retry_budget = 100%
[backend slow]
server = $slow->{address}
first_byte_timeout = 150ms
retries = 0
[backend bound]
server = $bound[0]{address}
server = $bound[1]{address}
sticky = cookie srv
[backend chat]
server = $chat->{address}
END

my $usherd = usherd($config);
my $port = $usherd->port(1);

sub ask {
    my ($method, $target, $body, @fields) = @_;
    push @fields, 'Content-Length: ' . length $body if defined $body;
    return request($port, join("\r\n", "$method $target HTTP/1.1", 'Host: a.test', @fields, '', $body // ''));
}

my $none = md5_hex('');

# The latest request for this target that an origin got.
sub seen {
    my ($origin, $target) = @_;
    return (grep { $_->{target} eq $target } $origin->requests)[-1] // {};
}


# method, target, what comes: the text of a file, a status, or what the backend was asked for
for my $row (
    [GET => '/here.txt', 'a file'],
    [GET => '/here.txt?query=1', 'a file'],
    [GET => '/page', 'page'],
    [GET => '/docs/', 'docs'],
    [GET => '/docs', 301],
    [GET => '/', 'the index'],
    [GET => '/empty/', 'app GET /empty/'],
    [GET => '/empty', 'app GET /empty'],
    [GET => '/nothing', 'app GET /nothing'],
    [GET => '/nothing/at/all?q=%20', 'app GET /nothing/at/all?q=%20'],
    [GET => '/here.txt/', 'app GET /here.txt/'],
    [GET => '/.env', 'app GET /.env'],
    [GET => '/a%2fb', 'app GET /a%2fb'],
    [GET => '/outside.txt', 'app GET /outside.txt'],
    [GET => '/../x', 400],
    [GET => '/static/here.txt', 'a file of v1'],
    [GET => '/static/no.txt?a=b', 'app GET /v1/no.txt?a=b'],
    [POST => '/static/here.txt', 'app POST /v1/here.txt'],
    [GET => '/old/here.txt', 'a file'],
    [GET => '/old/no.txt', 'app GET /no.txt?was=old'],
    [POST => '/here.txt', 'app POST /here.txt'],
    [PUT => '/here.txt', 'app PUT /here.txt'],
    [DELETE => '/here.txt', 'app DELETE /here.txt'],
    [OPTIONS => '/here.txt', 'app OPTIONS /here.txt'],
    [PROPFIND => '/here.txt', 'app PROPFIND /here.txt'],
    [GET => '/listed/empty/', qr{Index of /listed/empty/}],
    [GET => '/listed/nothing', 'app GET /nothing'],
    [GET => '/retried/x', 'app GET /retried/x'],
) {
    my ($method, $target, $want) = @$row;
    my $r = ask($method, $target);
    if (ref $want) {
        like $r->{body}, $want, "$method $target";
    } elsif ($want =~ /^\d/) {
        is $r->{status}, $want, "$method $target";
    } else {
        is $r->{body}, $want =~ /^app / ? "$want 0 $none" : $want, "$method $target";
    }
    unlike $r->{body}, qr/secret/, "$method $target: nothing from outside";
}

SKIP: {
    skip 'rights are tested by root', 1 unless $is_root;
    is ask(GET => '/denied.txt')->{status}, 403, 'a file that is there but may not be read does not go on';
}

subtest 'bodies' => sub {
    my $body = join '', map { chr(33 + $_ % 90) } 1 .. 400_000;
    my $want = length($body) . ' ' . md5_hex($body);
    for my $path (qw(/here.txt /nothing /buffered/x)) {
        is ask(POST => $path, $body)->{body}, "app POST $path $want", "$path: with a length";
        my $chunks = join '', map { sprintf "%x\r\n%s\r\n", length, $_ } $body =~ /(.{1,30000})/gs;
        is request($port, "POST $path HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n")->{body},
            "app POST $path $want", "$path: in chunks";
    }
    is ask(GET => '/nothing', 'with a body')->{body}, 'app GET /nothing 11 ' . md5_hex('with a body'), 'of a GET';
    is ask(GET => '/here.txt', 'with a body')->{body}, 'a file', 'of a GET for a file';
    my $c = client($port);
    $c->send("GET /here.txt HTTP/1.1\r\nHost: a.test\r\n\r\n"
        . "POST /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n\r\nhi"
        . "GET /big.bin HTTP/1.1\r\nHost: a.test\r\n\r\n" . "GET /y HTTP/1.1\r\nHost: a.test\r\n\r\n");
    is $c->response->{body}, 'a file', 'a file';
    is $c->response->{body}, 'app POST /x 2 ' . md5_hex('hi'), 'then the backend, on the same connection';
    is length $c->response->{body}, 300_000, 'and a file';
    is $c->response->{body}, "app GET /y 0 $none", 'and the backend';
    $c->close;
    $c = client($port);
    $c->send("POST /buffered/y HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    ok $c->read_until(qr/100 Continue\r\n\r\n/), 'Expect';
    is $c->send('hello')->response->{body}, 'app POST /buffered/y 5 ' . md5_hex('hello'), 'and its body';
    $c->close;
    is ask(POST => '/small/x', 'x' x 11)->{status}, 413, 'max_body';
    is seen($app, '/buffered/x')->{framing}, 'cl', 'request_buffering: the length is known';
};

subtest 'conditions and HEAD' => sub {
    my $file = ask(GET => '/here.txt');
    my $tag  = field($file, 'etag');
    is ask(GET => '/here.txt', undef, "If-None-Match: $tag")->{status}, 304, 'a file that has not changed';
    is ask(GET => '/big.bin', undef, 'Range: bytes=0-4')->{status}, 206, 'a part of a file';
    is ask(HEAD => '/here.txt')->{status}, 200, 'HEAD of a file';
    is field(ask(HEAD => '/here.txt'), 'content-length'), 6, 'has its length';
    ask(GET => '/cond', undef, "If-None-Match: $tag", 'Range: bytes=0-4');
    my $seen = seen($app, '/cond');
    is field($seen, 'if-none-match'), $tag, 'the backend hears of conditions';
    is field($seen, 'range'), 'bytes=0-4', 'and ranges';
    my $r = ask(HEAD => '/head');
    is seen($app, '/head')->{method}, 'HEAD', 'HEAD for the backend';
    is $r->{body}, '', 'has no body';
    is field($r, 'x-from'), 'app', 'but its fields';
    $r = request($port, "OPTIONS /here.txt HTTP/1.1\r\nHost: a.test\r\nMax-Forwards: 0\r\n\r\n");
    is $r->{status}, 204, 'OPTIONS that go no further';
    $r = request($port, "OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n");
    is seen($app, '*')->{method}, 'OPTIONS', 'OPTIONS *';
};

subtest 'what else forwarding is' => sub {
    my $r = ask(GET => '/fields', undef, 'X-Forwarded-For: 192.0.2.1');
    my $seen = seen($app, '/fields');
    is field($seen, 'x-forwarded-for'), '127.0.0.1', 'forwarded fields';
    is field($seen, 'x-seen'), 'app', 'request_set, and $backend';
    is field($r, 'x-by'), 'app', 'response_set';
    is field($r, 'server'), undef, 'hide_server';
    is field(ask(GET => '/here.txt'), 'x-by'), undef, 'a file has no backend';
    is field(ask(GET => '/static/no'), 'location'), '/static/moved', 'rewrite_location';

    is ask(GET => '/copied/here.txt')->{body}, 'a file', 'a copied request for a file';
    like ask(POST => '/copied/x', 'abc')->{body}, qr{^app POST /x 3 }, 'and for the backend';
    my @copies = $copies->await_requests(2);
    is_deeply [sort map { "$_->{method} $_->{target} $_->{body}" } @copies], ['GET /here.txt ', 'POST /x abc'], 'both were copied';

    $r = ask(GET => '/bound/x');
    my ($cookie) = field($r, 'set-cookie') =~ /^(srv=[^;]+)/;
    ok $cookie, 'sticky: a cookie';
    my %names = map { field(ask(GET => "/bound/$_", undef, "Cookie: $cookie"), 'x-from') => 1 } 1 .. 6;
    is_deeply [keys %names], [field($r, 'x-from')], 'which binds';
};

subtest 'servers that are not there' => sub {
    $usherd->expect_log(qr/502 connect/, qr/504 .*timeout/);
    $usherd->allow_log(qr/backend \w+: server /);
    is ask(GET => '/dead/here.txt')->{body}, 'a file', 'files go on';
    my $r = ask(GET => '/dead/nothing');
    is $r->{status}, 502, 'the rest gets 502';
    is $r->{body}, 'sorry', 'with the error page';
    is ask(POST => '/dead/here.txt', 'x')->{status}, 502, 'a POST likewise';
    is ask(GET => '/slow/x')->{status}, 504, 'the times are those of the backend';
};

subtest 'WebSocket' => sub {
    my $ask = sub {
        return join "\r\n", "GET $_[0] HTTP/1.1", 'Host: a.test', 'Connection: Upgrade', 'Upgrade: websocket',
            'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', '', '';
    };
    my $c = client($port);
    $c->send($ask->('/chat/room'));
    is $c->response->{status}, 101, 'switched';
    is $c->read_until(qr/welcome/), 'welcome', 'a word from there';
    is $c->send('ping')->read_until(qr/pong/), 'pong', 'and back';
    $c->shut;
    is $c->end, 'closed', 'closed';
    is request($port, $ask->('/chat/here.txt'))->{body}, 'a file', 'a file is a file';
};

subtest 'logs and metrics' => sub {
    my $log = sub { return slurp($usherd->dir . '/access.log') // '' };
    ok wait_for { $log->() =~ m{^GET /chat/here\.txt 200 }m }, 'all is logged';
    like $log->(), qr{^GET /here\.txt 200 \[-?\] \[-?\] 0 site$}m, 'a file';
    like $log->(), qr{^GET /nothing 200 \[app\] \[200\] 1 site$}m, 'the backend';
    like $log->(), qr{^GET /retried/x 200 \[retried\] \[.*200\] 2 retried$}m, 'retries, those of the backend';
    like $log->(), qr{^GET /dead/nothing 502 \[dead\]}m, 'a dead one';
    my $text = get($usherd->port(2), '/metrics')->{body};
    like $text, qr/^usherd_backend_requests_total\{backend="app"\} [1-9]/m, 'the backend counts'
        or diag grep { /backend/ } map { "$_\n" } split /\n/, $text;
    like get($usherd->port(2), '/status.json')->{body}, qr/"name":\s*"site",\s*"files_backend":\s*"app"/, 'the status page';
};

subtest 'a file that comes and goes' => sub {
    my $pid = fork // die $!;
    if (!$pid) {
        my $end = time + 20;
        while (time < $end && getppid != 1) {
            spew("$root/new.tmp", 'flicker');
            rename "$root/new.tmp", "$root/flicker";
            unlink "$root/flicker";
        }
        POSIX::_exit(0);
    }
    my (%seen, $bad);
    my $c = client($port);
    for (1 .. 5000) {
        $c->send("GET /flicker HTTP/1.1\r\nHost: a.test\r\n\r\n");
        my $r = $c->response // last;
        my $what = $r->{body} =~ /^app GET \/flicker / ? 'backend' : $r->{body} eq 'flicker' ? 'file' : "$r->{status} $r->{body}";
        $seen{$what}++;
        if ($r->{close} || $_ % 900 == 0) { $c->close; $c = client($port) }
        last if $_ > 300 && $seen{file} && $seen{backend};
    }
    kill KILL => $pid;
    waitpid $pid, 0;
    is_deeply [sort keys %seen], ['backend', 'file'], 'is either sent or not there' or diag explain \%seen;
    my ($worker) = $usherd->workers;
    ok wait_for { !grep { (readlink($_) // '') =~ m{^\Q$root\E/} } glob "/proc/$worker/fd/*" }, 'no descriptor stays open';
};

$usherd->stop;

# ---- the configuration

my $base = <<"END";
[listen web]
bind = 127.0.0.1:%%PORT3%%
[backend app]
server = $app->{address}
END

subtest 'bad configurations' => sub {
    for (
        ['$uri @ap',          qr/\[route r\] try_files: "ap": there is no \[backend ap\] \(did you mean app\?\)/],
        ['$uri @app =404',    qr/try_files: "=404" is never tried \(a status or a backend is the last one\)/],
        ['@app $uri',         qr/try_files: no file is tried before the backend/],
        ['$uri @app @app',    qr/try_files: "\@app" is never tried/],
        ['$uri @',            qr/try_files: "@" is neither a path nor a status/],
    ) {
        my $r = run_usherd({config => "$base\[route r]\npath = /*\nfiles = $root\ntry_files = $_->[0]\n"}, '-t');
        is $r->{status}, 1, "$_->[0]: refused";
        like $r->{err}, $_->[1], "$_->[0]: told";
    }
    my $r = run_usherd({config => "$base\[route r]\npath = /*\nbackend = app\ntry_files = \$uri \@app\n"}, '-t');
    like $r->{err}, qr/\[route r\] try_files: has no effect/, 'without files';
};

subtest '-t and -T' => sub {
    my $text = "$base\[route r]\npath = /*\nfiles = $root\ntry_files = \$uri\ntry_files = \$uri.html \@app\n";
    my $r = run_usherd({config => $text}, '-t');
    is $r->{status}, 0, 'good';
    unlike $r->{err}, qr/nothing uses it/, 'the backend is in use';
    my $first = run_usherd({config => $text}, '-T');
    like $first->{out}, qr/^try_files = \$uri\n#.*\ntry_files = \$uri\.html \@app$/m, 'as it is written';
    my $plain = sub { return join '', grep { !/^#/ } split /^/, $_[0] };
    is $plain->(run_usherd({config => $first->{out}}, '-T')->{out}), $plain->($first->{out}), 'again from its own output';
};

subtest 'inherited' => sub {
    my $u = usherd(<<"END");
[global]
workers = 1
[listen web]
bind = 127.0.0.1:%%PORT4%%
[defaults]
try_files = \$uri \@app
[host one]
names = one.test
files = $root
[host two]
names = two.test
try_files = \$uri \@other
[route two]
host = two
path = /*
files = $root
[route own]
host = two
path = /own/*
files = $root
strip_prefix = /own
try_files =
[route plain]
host = two
path = /plain/*
backend = app
[backend app]
server = $app->{address}
[backend other]
server = $copies->{address}
END
    my $p = $u->port(4);
    my $at = sub { my ($host, $path) = @_; return request($p, "GET $path HTTP/1.1\r\nHost: $host\r\n\r\n") };
    is $at->('one.test', '/here.txt')->{body}, 'a file', 'files of a host';
    is field($at->('one.test', '/x'), 'x-from'), 'app', 'the backend of [defaults]';
    is field($at->('two.test', '/x'), 'x-from'), 'copies', 'that of the host';
    is field($at->('two.test', '/plain/here.txt'), 'x-from'), 'app', 'a route with a backend has its own';
    is $at->('two.test', '/own/here.txt')->{body}, 'a file', 'cleared: a file';
    is $at->('two.test', '/own/x')->{status}, 404, 'or 404';
    is request($p, "POST /own/x HTTP/1.1\r\nHost: two.test\r\nContent-Length: 0\r\n\r\n")->{status}, 405, 'or 405';
    $u->stop;
};

subtest '--explain' => sub {
    my $explain = sub { return run_usherd({config => $config}, '-q', '--explain', "$_[0] http://a.test:" . free_port_at(1) . $_[1])->{out} };
    my $out = $explain->('GET', '/static/x?y=1');
    like $out, qr{^file +the first there is of \$uri below \Q$root\E, where \$uri is /v1/x$}m, 'GET: the files';
    like $out, qr{^backend +app \(.*:\d+\), if no file is there$}m, 'then the backend';
    like $out, qr{^sends +GET /v1/x\?y=1$}m, 'what it gets';
    like $out, qr{^    \Q$app->{address}\E }m, 'its server';
    like $explain->('GET', '/slow/x'), qr/^ +first_byte_timeout: 150ms$/m, 'its times';
    $out = $explain->('POST', '/static/x');
    unlike $out, qr/^file /m, 'POST: no file';
    like $out, qr/^backend +app \(.*:\d+\), as files are only read$/m, 'but the backend';
    like $explain->('POST', '/x'), qr/^ +\+ X-Seen: app$/m, 'headers';
};

done_testing;
