# Copies of requests for another backend: what they are, and that nothing of them reaches the client.

use strict;
use warnings;
use JSON::PP 'decode_json';
use Test::Certs 'certs';
use Test::More;
use Test::Usherd;

my $origin  = origin(sub { answer("$_[0]{method} $_[0]{target} " . length($_[0]{body} // ''), 'X-From: app') });
my $copies  = origin(sub { answer('c' x 1000, 'X-From: copy') });
my $silent  = origin(['request', 'eof']);
my $deaf    = origin([[stall => 4]]);
my $broken  = origin(['head', [send => "no HTTP\r\n\r\n"], 'close']);
my $endless = origin(['request', [send => "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n"],
    'eof']);
my $flood = origin(['request', [send => "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n" . 'x' x 1_000_000],
    'eof']);
my $early = origin(['head', [send => "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"], 'eof']);

my $torn  = origin(['request', [send => "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"], 'reset']);
my $plain = origin([[until => qr/./s], [send => "HTTP/1.1 400 Bad Request\r\n\r\n"], 'close']);
my $stale = origin(['request', [send => answer('kept')], 'request', 'close']);
my $false = origin({tls => certs()->leaf(false => names => ['false.test'])});

my %servers = (copies => $copies->{address}, silent => $silent->{address}, deaf => $deaf->{address},
    broken => $broken->{address}, endless => $endless->{address}, flood => $flood->{address},
    early => $early->{address}, nobody => '127.0.0.1:' . free_port(), torn => $torn->{address},
    stale => $stale->{address}, plain => "https://$plain->{address}", false => "https://$false->{address}");

sub config {
    my (%more) = @_;
    my $text = <<"END";
[global]
workers = 1
log_level = info
[admin]
listen = 127.0.0.1:%%PORT2%%
names = a.test
[listen web]
bind = 127.0.0.1:%%PORT1%%
[route app]
path = /*
backend = app
[route some]
path = /some/*
backend = app
mirror = copies sample=20%
[route rewritten]
path = /old/*
backend = app
mirror = copies
strip_prefix = /old
add_prefix = /new
[route fixed]
path = /fixed/*
respond = 200 "fixed"
mirror = copies
[route buffered]
path = /buffered/*
backend = app
mirror = copies
request_buffering = on
[backend app]
server = $origin->{address}
END
    for my $name (sort keys %servers) {
        my $patience = $name eq 'silent' ? '4s' : '1s';    # many copies shall be in flight there
        $text .= <<"END";
[route $name]
path = /$name/*
backend = app
mirror = $name
first_byte_timeout = $patience
[backend $name]
server = $servers{$name}
check = off
eject = off
END
    }
    return $text;
}

my $usherd = usherd(config());
$usherd->expect_log(qr{backend false: server \S+: tls: expected a certificate for 127\.0\.0\.1, came CN=false\.test});
my ($port, $admin) = map { $usherd->port($_) } 1, 2;

# How many copies were answered, and dropped.
sub counts {
    my ($name) = @_;
    my $text = get($admin, '/metrics')->{body};
    return map { $text =~ /^usherd_backend_${_}_total\{backend="$name"\} (\d+)/m ? $1 : undef } qw(mirrored mirror_drops);
}

sub counted {
    my ($name, $mirrored, $dropped, $what) = @_;
    my @got;
    wait_for { @got = counts($name); $got[0] == $mirrored && $got[1] == $dropped };
    is "@got", "$mirrored $dropped", "$what: answered and dropped";
    return;
}

# What the failures of copies were counted as, for the backend and its server: nothing else.
sub failed {
    my ($name, $why, $n) = @_;
    for my $what (qw(backend server)) {
        my %got;
        wait_for {
            my $text = get($admin, '/metrics')->{body};
            %got = reverse $text =~ /^usherd_${what}_failures_total\{backend="$name"[^}]*,why="([^"]+)"\} ([1-9]\d*)/mg;
            %got = map { $got{$_} => $_ } keys %got;
            keys %got;
        };
        is_deeply \%got, {$why => $n}, "$name: a failure of its $what";
    }
    return;
}

sub post {
    my ($target, $n, @fields) = @_;
    return request($port, join("\r\n", "POST $target HTTP/1.1", 'Host: a.test', "Content-Length: $n", @fields,
        'Connection: close', '', 'x' x $n));
}

# ---- what is copied

my $r = get($port, '/copies/a?b=1', 'X-Mine: yes');
is $r->{body}, 'GET /copies/a?b=1 0', 'the client sees the answer of its backend';
is field($r, 'x-from'), 'app', '... alone';
my ($copy) = $copies->await_requests(1);
my $original = $origin->last_request;
is $copy->{target}, '/copies/a?b=1', 'the copy has the target';
is_deeply [sort map { "@$_" } @{$copy->{fields}}], [sort map { "@$_" } @{$original->{fields}}], '... and the fields';
counted(copies => 1, 0, 'a copy');

is post('/copies/b', 100_000)->{body}, 'POST /copies/b 100000', 'a body';
is +($copies->await_requests(2))[-1]{body}, 'x' x 100_000, '... is copied';
$r = request($port, "POST /copies/c HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    . "3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n");
is $r->{status}, 200, 'chunks';
is +($copies->await_requests(3))[-1]{body}, 'abc', '... are copied';
is post('/buffered/d', 50_000)->{status}, 200, 'a body that is buffered';
is length +($copies->await_requests(4))[-1]{body}, 50_000, '... is copied';
is post('/copies/e', 10, 'Expect: 100-continue')->{status}, 200, 'a client that expects 100';
$copy = ($copies->await_requests(5))[-1];
is $copy->{body}, 'x' x 10, '... is copied';
is field($copy, 'expect'), undef, '... without waiting';
get($port, '/old/x');
is +($copies->await_requests(6))[-1]{target}, '/new/x', 'a path that was rewritten is copied so';
is get($port, '/fixed/x')->{body}, 'fixed', 'a route without a backend';
is +($copies->await_requests(7))[-1]{target}, '/fixed/x', '... is copied too';
$r = request($port, "HEAD /copies/h HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
is +($copies->await_requests(8))[-1]{method}, 'HEAD', 'HEAD is copied';
counted(copies => 8, 0, 'all of these');

# ---- a part of them: 200 of 1000 expected, 12.6 the standard deviation

my $c = client($port);
for (1 .. 1000) {
    $c->send("GET /some/x HTTP/1.1\r\nHost: a.test\r\n\r\n");
    $c->response;
}
$c->close;
my $n;
wait_for { my $before = $n // -1; ($n) = counts('copies'); $n == $before };
$n -= 8;
cmp_ok $n, '>', 120, "sample=20% copies some of 1000 requests ($n)";
cmp_ok $n, '<', 280, '... but not more';

# ---- backends that fail

for my $name (qw(silent deaf broken nobody endless flood early torn plain false)) {
    is get($port, "/$name/x")->{body}, "GET /$name/x 0", "$name: the client does not notice";
}
counted($_ => 1, 0, $_) for qw(endless flood early torn);
counted($_ => 0, 1, $_) for qw(silent deaf broken nobody plain false);
failed(silent => 'timeout', 1);
failed(deaf => 'timeout', 1);
failed(broken => 'bad-response', 1);
failed(nobody => 'connect', 1);
failed(torn => 'reset', 1);
failed(plain => 'tls-handshake', 1);
failed(false => 'tls-verify', 1);
unlike get($admin, '/metrics')->{body}, qr/_failures_total\{backend="(?:app|copies|endless|flood|early)"[^}]*\} [1-9]/,
    'what the proxy ends itself is no failure';
get($port, '/stale/1');
counted(stale => 1, 0, 'a connection is kept');
get($port, '/stale/2');
counted(stale => 1, 1, 'and closed when the next copy comes');
is $stale->connections, 1, '... which used it';
unlike get($admin, '/metrics')->{body}, qr/_failures_total\{backend="stale"[^}]*\} [1-9]/, '... is no failure';
is post("/$_/b", 3_000_000)->{body}, "POST /$_/b 3000000", "$_: nor with a body" for qw(deaf early nobody broken);
counted(deaf => 0, 2, 'a backend that does not read');

# ---- too many in flight

$c = client($port);
for (1 .. 200) {
    $c->send("GET /silent/x HTTP/1.1\r\nHost: a.test\r\n\r\n");
    my $status = $c->response->{status};
    is $status, 200, 'a request while copies pile up' if $_ % 50 == 0;
}
$c->close;
ok wait_for { (counts('silent'))[1] == 201 }, 'copies that wait for nothing go in time';
like $usherd->log_text, qr/too many copies in flight/, '... and there are never too many';

# ---- clients that leave

$c = client($port);
$c->send("POST /copies/cut HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100000\r\n\r\n" . 'x' x 1000);
wait_for { grep { /\/cut|open/ } $copies->events };
$c->reset;
ok wait_for { (counts('copies'))[1] == 1 }, 'a body that is cut is dropped';

# ---- an end in between

get($port, '/silent/last');
$usherd->stop;

# ---- servers that fail are left alone

for my $fault (['refuses' => undef], ['breaks off' => $torn]) {
    my ($what, $bad) = @$fault;
    my $bad_address = $bad ? $bad->{address} : '127.0.0.1:' . free_port();
    $usherd = usherd(<<"END");
[global]
workers = 1
[admin]
listen = 127.0.0.1:%%PORT2%%
names = a.test
[listen web]
bind = 127.0.0.1:%%PORT1%%
[route app]
path = /*
respond = 204
mirror = group
[backend group]
server = $bad_address
server = $copies->{address}
check = off
eject = errors=3 time=60s
END
    my $states = sub {
        my ($group) = @{decode_json(get($usherd->port(2), '/status.json')->{body})->{backends}};
        return join ' ', map { $_->{state} } @{$group->{servers}};
    };
    ok wait_for { get($usherd->port(1), '/'); $states->() eq 'ejected up' }, "a server that $what is ejected";
    my $before = $copies->requests;
    get($usherd->port(1), '/') for 1 .. 4;
    $copies->await_requests($before + 4);
    is scalar $copies->requests, $before + 4, '... and the other gets the copies';
    $usherd->stop;
}

# ---- a tunnel is no request to copy

my $tunnel = origin(['head', [send => "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nhello"],
    'eof']);
my $other = origin();
$usherd = usherd(<<"END");
[listen web]
bind = 127.0.0.1:%%PORT1%%
[route app]
path = /*
backend = app
mirror = copies
[backend app]
server = $tunnel->{address}
[backend copies]
server = $other->{address}
END
$c = client($usherd->port(1));
$c->send("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
$c->read_until(qr/hello/);
$c->close;
is $other->connections, 0, 'a tunnel is not copied';
$usherd->stop;

# ---- but one that cannot become a tunnel is

my $ordinary = origin(answer('plain'));
$usherd = usherd(<<"END");
[listen web]
bind = 127.0.0.1:%%PORT1%%
[defaults]
mirror = copies
[route app]
path = /*
backend = app
websocket = off
[route old]
path = /old
redirect = 301 /new
[backend app]
server = $ordinary->{address}
[backend copies]
server = $copies->{address}
END
for my $path ('/app', '/old') {
    my $before = $copies->requests;
    request($usherd->port(1), "GET $path HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
    $copies->await_requests($before + 1);
    is $copies->last_request->{target}, $path, "$path is answered as an ordinary request, and copied";
    is field($copies->last_request, 'upgrade'), undef, '... as one';
}
$usherd->stop;

# ---- the PROXY header is that of the copy's backend

my $named = origin([[until => qr/\APROXY [^\r]*\r\n/], 'request', [send => answer('ok')], 'eof']);
$usherd = proxy($ordinary, route => 'mirror = named',
    more => "[backend named]\nserver = $named->{address}\nproxy_protocol = v1\n");
is get($usherd->port(1), '/')->{body}, 'plain', 'the server gets none';
ok wait_for { $named->raw(1) =~ m{\APROXY TCP4 127\.0\.0\.1 127\.0\.0\.1 \d+ \d+\r\nGET / HTTP/1\.1\r\n} }, 'the copy begins with it'
    or diag $named->raw(1);
$usherd->stop;

# ---- a copy outlives the connection of its client, and what that still sends

my $dir  = scratch();
my $gate = "$dir/open";
my $certs = certs();
my $locked = origin([sub { wait_for { -e $gate }; return }, [tls => $certs->leaf(late => names => ['late.test'])],
    'request', [send => answer('ok')], 'eof']);
$usherd = usherd(<<"END");
[global]
workers = 1
[admin]
listen = 127.0.0.1:%%PORT2%%
names = a.test
[listen web]
bind = 127.0.0.1:%%PORT1%%
[route app]
path = /*
backend = app
mirror = locked
[backend app]
server = $origin->{address}
[backend locked]
server = https://$locked->{address}
tls_verify = off
check = off
connect_timeout = off
END
my $connections = sub { get($usherd->port(2), '/metrics')->{body} =~ /^usherd_connections (\d+)/m; $1 };
my $idle = $connections->();
$c = client($usherd->port(1));
$c->send("POST /late HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\nContent-Length: 9000\r\n\r\n"
    . 'x' x 9000 . 'y' x 30_000);
is $c->response->{status}, 200, 'a request whose copy waits for the handshake of its server';
$c->shut;
ok wait_for { $connections->() == $idle }, '... and whose client sends more behind it, and leaves';
spew($gate, '');
is +($locked->await_requests(1))[0]{body}, 'x' x 9000, 'the copy is what it was';
$usherd->stop;

# ---- times are those of the copy's backend, unless the route has its own

my $slow = origin(['request', sub { wait_for { counts('hasty') && (counts('hasty'))[1] == 1 }; return answer('late') }, 'loop']);
$usherd = usherd(<<"END");
[admin]
listen = 127.0.0.1:%%PORT2%%
names = a.test
[listen web]
bind = 127.0.0.1:%%PORT1%%
[route app]
path = /*
backend = app
mirror = hasty
[route own]
path = /own
backend = copies
mirror = patient
first_byte_timeout = 1s
[backend app]
server = $slow->{address}
[backend hasty]
server = $silent->{address}
check = off
first_byte_timeout = 100ms
[backend copies]
server = $copies->{address}
[backend patient]
server = $silent->{address}
check = off
first_byte_timeout = off
END
is get($usherd->port(1), '/')->{body}, 'late', 'a request is waited for';
counted(hasty => 0, 1, '... when its copy is given up');
get($usherd->port(1), '/own');
counted(patient => 0, 1, 'times of the route hold for copies too');
$usherd->stop;

done_testing;
