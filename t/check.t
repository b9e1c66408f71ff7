# Active health checks: what a server is asked, which answers are good, and when it goes and comes.

use strict;
use warnings;
use JSON::PP;
use Test::More;
use Test::Certs 'certs';
use Test::Usherd;

my $OK  = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
my $BAD = "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n";
my $SLOW = sanitized() ? 3 : 1;    # patience of checks whose servers should answer at once

# checked([NAME, SERVERS, CHECK, MORE]...): a proxy with a backend for each, and the status pages.
sub checked {
    my (@backends) = @_;
    my $opt  = ref $backends[0] eq 'HASH' ? shift @backends : {};
    my $text = config($opt, @backends);
    my $self = usherd($text);
    $self->{origins} = \@backends;
    return $self;
}

sub config {
    my ($opt, @backends) = @_;
    my $text = "[global]\nworkers = " . ($opt->{workers} // 1) . "\n" . ($opt->{global} // '') . "[listen web]\nbind = 127.0.0.1:%%PORT1%%\n"
        . "[admin]\nlisten = 127.0.0.1:%%PORT9%%\nnames = a.test\n";
    for (@backends) {
        my ($name, $servers, $check, $more) = @$_;
        $text .= "[route $name]\npath = /$name\nbackend = $name\n[backend $name]\n"
            . join('', map { 'server = ' . (ref $_ ? $_->{address} : $_) . "\n" } ref $servers eq 'ARRAY' ? @$servers : $servers)
            . (defined $check ? "check = $check\n" : '') . ($more // '');
    }
    return $text;
}

sub status { return decode_json(get($_[0]->port(9), '/status.json')->{body}) }

# The n-th server (from 0) of a backend.
sub server {
    my ($usherd, $backend, $n) = @_;
    my ($found) = grep { $_->{name} eq $backend } @{status($usherd)->{backends}};
    return $found->{servers}[$n // 0];
}

# Waits until a server was looked at, and for a finding if one is given; returns its finding.
sub await_finding {
    my ($usherd, $backend, $want, $n) = @_;
    my $s;
    wait_for { $s = server($usherd, $backend, $n); $s->{check}{at_ms} && (!$want || $s->{check}{finding} eq $want) };
    return $s->{check}{finding};
}

sub await_state {
    my ($usherd, $backend, $state, $n) = @_;
    my $s;
    wait_for { $s = server($usherd, $backend, $n); $s->{state} eq $state };
    return $s->{state};
}

sub changes { my ($usherd) = @_; return [$usherd->log_text =~ /backend \S+ server \S+: ((?:up|down): .*)/g] }

subtest 'tcp' => sub {
    my $port   = free_port();
    my $there  = origin(['eof'], $OK);
    my $usherd = checked(['app', [$there, "127.0.0.1:$port"], "tcp interval=100ms timeout=${SLOW}s"]);
    is await_finding($usherd, 'app', 'ok'), 'ok', 'a connection is enough';
    like $there->await_event(qr/^1 (?:eof|reset)/), qr/eof/, 'which is closed in order';
    is $there->raw(1), '', 'without a word';
    is await_state($usherd, 'app', 'down', 1), 'down', 'nobody listens: down';
    is server($usherd, 'app', 1)->{reason}, 'connect', 'for that reason';
    is server($usherd, 'app', 1)->{state_by}, 'check', 'as the check says';
    like $usherd->await_log(qr/\Q$port\E: down/), qr/\[notice\].* backend app: server 127.0.0.1:$port: down: connect: Connection refused, first look$/, 'one line tells';
    is get($usherd->port(1), '/app')->{status}, 200, 'the one that is there gets the requests' for 1 .. 2;
    my $late = origin({port => $port}, $OK);
    is await_state($usherd, 'app', 'up', 1), 'up', 'somebody listens: up';
    like $usherd->await_log(qr/\Q$port\E: up/), qr/: up: connected, 2 of 2 \(was down \d+\.\d s\)$/, 'after two good looks';
    $usherd->stop;
};

subtest 'what a server is asked' => sub {
    my $origin = origin($OK);
    my $other  = origin($OK);
    my $host   = origin($OK);
    my $path   = scratch();
    my $unix   = origin({path => "$path/s"}, $OK);
    my $usherd = checked(
        ['plain', $origin, 'GET /healthz?deep=1 interval=1h'],
        ['port',  "127.0.0.1:" . free_port(), "GET / port=$other->{port} interval=1h"],
        ['host',  $host,   'GET / host=app.example.com interval=1h'],
        ['unix',  $unix,   'GET /u interval=1h'],
    );
    is await_finding($usherd, $_), 'ok', "$_: good" for qw(plain port host unix);
    my ($r) = $origin->requests;
    is "$r->{method} $r->{target}", 'GET /healthz?deep=1', 'the target';
    is field($r, 'host'), $origin->{address}, 'the host is that of the server';
    like field($r, 'user-agent'), qr{^usherd/\d}, 'who asks';
    is field($r, 'connection'), 'close', 'for one answer';
    is field(($host->requests)[0], 'host'), 'app.example.com', 'another host';
    is scalar(my @r = $other->requests), 1, 'another port';
    is(($unix->requests)[0]{target}, '/u', 'a unix socket');
    is $origin->connections, 1, 'asked once, and again after the interval';
    is server($usherd, 'plain')->{check}{status}, 200, 'the status is shown';
    $usherd->stop;
};

# What the origin does, the check, and what that is.
my $big     = 'x' x 70000;
my $endless = sub { my (undef, $c) = @_; $c->send('X-Filler: ' . 'y' x 3000 . "\r\n") while 1 };
my @answers = (
    ['a 200',           $OK, '', 'ok'],
    ['a redirect',      "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", '', 'ok'],
    ['a 404',           "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", '', 'status'],
    ['a 500',           $BAD, '', 'status'],
    ['a 404 by order',  "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 'expect=200,404', 'ok'],
    ['within a range',  "HTTP/1.1 205 Reset\r\nContent-Length: 0\r\n\r\n", 'expect=200,204-206', 'ok'],
    ['beside it',       "HTTP/1.1 203 Other\r\nContent-Length: 0\r\n\r\n", 'expect=200,204-206', 'status'],
    ['HTTP/1.0',        ['request', [send => "HTTP/1.0 200 OK\r\n\r\nfine"]], 'body=fine', 'ok'],
    ['the text',        answer('so all is well here'), 'body="all is well"', 'ok'],
    ['another text',    answer('nothing is well'), 'body="all is well"', 'body'],
    ['no text',         "HTTP/1.1 204 None\r\n\r\n", 'body=x', 'body'],
    ['text in chunks',  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nall is\r\n5\r\n well\r\n0\r\n\r\n", 'body="all is well"', 'ok'],
    ['text in parts',   ['request', [slow => answer('all well'), 0.002]], 'body="all well"', 'ok'],
    ['text after much', answer("${big}fine"), 'body=fine', 'body'],
    ['text before much', answer("fine$big"), 'body=fine', 'ok'],
    ['interim first',   "HTTP/1.1 103 Hints\r\nLink: </a>\r\n\r\n$OK", '', 'ok'],
    ['garbage',         "HELO there\r\n\r\n", '', 'bad-response'],
    ['two lengths',     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", '', 'bad-response'],
    ['a switch',        "HTTP/1.1 101 Switch\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", '', 'bad-response'],
    ['a bad chunk',     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", '', 'bad-response'],
    ['a close',         ['request', 'close'], '', 'closed'],
    ['a close at once', ['close'], '', 'closed'],
    ['a reset',         ['request', 'reset'], '', 'closed'],
    ['a close in the head', ['request', [send => "HTTP/1.1 200 OK\r\nServer:"], 'close'], '', 'closed'],
    ['a close in the body', ['request', [send => "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok"], 'close'], '', 'closed'],
    ['silence',         ['eof'], 'timeout=200ms', 'timeout'],
    ['half a head',     ['request', [send => "HTTP/1.1 200 OK\r\nA: b\r\n"], 'eof'], 'timeout=200ms', 'timeout'],
    ['half a body',     ['request', [send => "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok"], 'eof'], 'timeout=200ms', 'timeout'],
    ['a slow head',     ['request', [slow => "HTTP/1.1 200 OK\r\n" . "A: b\r\n" x 999, 0.02]], 'timeout=200ms', 'timeout'],
    ['a slow body',     ['request', [send => "HTTP/1.1 200 OK\r\n\r\n"], [slow => 'x' x 999, 0.02]], 'timeout=200ms', 'timeout'],
    ['an endless head', ['request', [send => "HTTP/1.1 200 OK\r\n"], $endless], '', 'bad-response'],
    ['endless interim responses', ['request', sub { my (undef, $c) = @_; $c->send("HTTP/1.1 103 Hints\r\nLink: <" . 'a' x 3000 . ">\r\n\r\n") while 1 }], '', 'bad-response'],
    ['an endless body', ['request', [send => "HTTP/1.1 200 OK\r\n\r\n"], sub { my (undef, $c) = @_; $c->send($big) while 1 }], '', 'ok'],
);
subtest 'answers' => sub {
    my @origins = map { origin($_->[1]) } @answers;
    my $usherd = checked(map { ["b$_", $origins[$_], "GET / interval=1h " . ($answers[$_][2] =~ /timeout/ ? '' : "timeout=${SLOW}s ") . $answers[$_][2]] } 0 .. $#answers);
    for my $i (0 .. $#answers) {
        my ($what, undef, undef, $finding) = @{$answers[$i]};
        is await_finding($usherd, "b$i"), $finding, "$what: $finding";
        is server($usherd, "b$i")->{state}, $finding eq 'ok' ? 'up' : 'down', 'and the first look decides';
    }
    like $usherd->log_text, qr/backend b3: server \S+: down: status 500, first look/, 'the reason is in the log';
    $usherd->expect_log(qr/b3: no server is up/);
    is get($usherd->port(1), '/b3')->{status}, 503, 'a server that is down gets no request';
    is get($usherd->port(1), '/b0')->{status}, 200, 'one that is up does';
    my $metrics = get($usherd->port(9), '/metrics')->{body};
    my $labels  = qr/backend="b3",server="[^"]*",address="[^"]*"/;
    like $metrics, qr/^usherd_server_up\{$labels\} 0$/m, 'metrics: down';
    like $metrics, qr/^usherd_server_state\{$labels,state="down",by="check",reason="status"\} 1$/m, 'and why';
    like $metrics, qr/^usherd_server_checks_total\{$labels,result="bad"\} [1-9]/m, 'how many checks';
    like $metrics, qr/^usherd_server_last_check\{$labels,finding="status"\} [1-9]/m, 'the last one';
    like $metrics, qr/^usherd_server_last_check_seconds\{$labels\} \d\.\d+$/m, 'how long it took';
    like $metrics, qr/^usherd_server_last_check_timestamp_seconds\{$labels\} \d+\.\d+$/m, 'and when it was';
    like get($usherd->port(9), '/')->{body}, qr{>down: status<.*>status&nbsp;500|>down: status</td><td class="l">status 500,}, 'the page shows it';
    $usherd->stop;
};

# The letters are answers to one check after the other, the last one for ever after.
sub pattern {
    my ($letters) = @_;
    return origin(sub {
        my (undef, $c) = @_;
        return substr($letters, $c->{n} < length $letters ? $c->{n} - 1 : -1, 1) eq 'g' ? $OK : $BAD;
    });
}

subtest 'rise and fall' => sub {
    my %cases = (
        defaults => ['gbbgbbbbgbgg', '',              ['first', '3 of 3', '2 of 2']],
        one      => ['gbg',          'rise=1 fall=1', ['first', '1 of 1', '1 of 1']],
        flapping => ['gbgbgbgbggg',  'fall=2',        ['first']],
        lazy     => ['bggbggggg',    'rise=4 fall=2', ['first', '4 of 4']],
    );
    my %origins = map { $_ => pattern($cases{$_}[0]) } keys %cases;
    my $usherd = checked(map { [$_, $origins{$_}, "GET / interval=50ms timeout=${SLOW}s $cases{$_}[1]"] } sort keys %cases);
    for my $name (sort keys %cases) {
        my ($letters, undef, $counts) = @{$cases{$name}};
        $origins{$name}->await_requests(length($letters) + 3);
        my @counts = $usherd->log_text =~ /backend $name: server \S+: (?:up|down): status \d+, (first|\d+ of \d+)/g;
        is_deeply \@counts, $counts, "$name: $letters: changes when it should";
        my $check = server($usherd, $name)->{check};
        is $check->{bad}, ($letters =~ tr/b//), "$name: bad ones are counted";
        cmp_ok $check->{good}, '>=', ($letters =~ tr/g//), "$name: and good ones";
        is server($usherd, $name)->{state}, 'up', "$name: up in the end";
    }
    $usherd->stop;
};

subtest 'workers follow' => sub {
    my $dir = scratch();
    my $a = origin(sub { $_[0]{target} eq '/hc' && -e "$dir/bad" ? $BAD : answer('a') });
    my $b = origin(sub { answer('b') });
    my $usherd = checked({workers => 4}, ['app', [$a, $b], "GET /hc interval=50ms timeout=${SLOW}s fall=2"]);
    await_finding($usherd, 'app', 'ok', $_) for 0, 1;
    my %seen = map { get($usherd->port(1), '/app')->{body} => 1 } 1 .. 40;
    is_deeply [sort keys %seen], [qw(a b)], 'both get requests';
    spew("$dir/bad", 1);
    is await_state($usherd, 'app', 'down'), 'down', 'one fails';
    is get($usherd->port(1), '/app')->{body}, 'b', 'and no worker sends it anything' for 1 .. 12;
    my %kept = map { /^(\d+) request GET \/app/ ? ($1 => 1) : () } $a->events;
    ok keys %kept && wait_for {
        my %ended = map { /^(\d+) eof/ ? ($1 => 1) : () } $a->events;
        !grep { !$ended{$_} } keys %kept;
    }, 'connections that waited for requests are closed';
    unlink "$dir/bad";
    is await_state($usherd, 'app', 'up'), 'up', 'it recovers';
    ok wait_for { get($usherd->port(1), '/app')->{body} eq 'a' }, 'and gets requests again';

    # One checker, whatever the number of workers: one may be under way.
    my ($looks, $asked);
    ok wait_for {
        my $before = server($usherd, 'app')->{check};
        $asked = grep { $_->{target} eq '/hc' } $a->requests;
        my $after = server($usherd, 'app')->{check};
        $looks = "$before->{good}+$before->{bad} .. $after->{good}+$after->{bad}";
        $asked >= $before->{good} + $before->{bad} && $asked <= $after->{good} + $after->{bad} + 1;
    }, 'the master alone checks' or diag "$asked requests, $looks looks";
    $usherd->stop;
};

# Who waits for a server goes on when a check has brought it up.
subtest 'requests that wait' => sub {
    my $port   = free_port();
    my $usherd = checked({workers => 2}, ['app', "127.0.0.1:$port", "tcp interval=50ms timeout=${SLOW}s", "queue = 10 timeout=1m\n"]);
    is await_state($usherd, 'app', 'down'), 'down', 'the only server is not there';
    my @clients = map { client($usherd->port(1))->send("GET /app HTTP/1.1\r\nHost: a.test\r\n\r\n") } 1 .. 4;
    ok wait_for { status($usherd)->{backends}[0]{queue} == 4 }, 'requests wait';
    my $origin = origin({port => $port}, $OK);
    is $_->response->{status}, 200, 'and are answered' for @clients;
    $usherd->stop;
};

subtest 'https' => sub {
    my $pki   = certs();
    my $cert  = $pki->leaf(good => names => ['o.test']);
    my $ca    = "tls_ca = " . $pki->file('root') . "\n";
    my %o     = map { $_ => origin({tls => $cert}, $OK) } qw(good name unknown unverified);
    my $plain = origin([[send => "HTTP/1.1 400 Bad Request\r\n\r\n"], 'eof']);
    my $usherd = checked(
        ['good',       "https://$o{good}{address}",       "GET /h interval=1h timeout=5s host=app.test", "${ca}tls_name = o.test\n"],
        ['name',       "https://$o{name}{address}",       "GET / interval=1h timeout=5s", "${ca}tls_name = p.test\n"],
        ['unknown',    "https://$o{unknown}{address}",    "GET / interval=1h timeout=5s", "tls_ca = " . certs()->file('root') . "\ntls_name = o.test\n"],
        ['unverified', "https://$o{unverified}{address}", "GET / interval=1h timeout=5s", "tls_verify = off\n"],
        ['plain',      "https://$plain->{address}",       "GET / interval=1h timeout=5s", $ca],
        ['tcp',        "https://$plain->{address}",       "tcp interval=1h timeout=5s", $ca],
    );
    is await_finding($usherd, 'good'), 'ok', 'a server that proves its name';
    is field(($o{good}->requests)[0], 'host'), 'app.test', 'is asked';
    like $o{good}->await_event(qr/tls /), qr/sni=o\.test/, 'by the name that it must prove';
    is await_finding($usherd, $_), 'tls-verify', "$_: not believed" for qw(name unknown);
    is scalar(my @r = $o{name}->requests), 0, 'and not asked';
    is await_finding($usherd, 'unverified'), 'ok', 'unless nothing is verified';
    is await_finding($usherd, 'plain'), 'tls-handshake', 'no TLS there';
    is await_finding($usherd, 'tcp'), 'ok', 'tcp asks for no more than a connection';
    $usherd->allow_log(qr/tls_verify/);
    $usherd->stop;
};

# The certificate that the master shows: what is renewed is shown without a reload.
subtest 'our certificate' => sub {
    my $pki    = certs();
    my $ca     = $pki->file('root');
    my $server = $pki->leaf(good => names => ['127.0.0.1']);
    my $ours   = $pki->leaf(ours => subject => {commonName => 'first'});
    my $origin = origin({tls => {SSL_cert_file => $server->{cert}, SSL_key_file => $server->{key}, SSL_ca_file => $ca,
        SSL_verify_mode => 3}}, $OK);
    my $usherd = checked(['app', "https://$origin->{address}", 'GET / interval=50ms timeout=5s', "tls_ca = $ca\ntls_certificate = $ours->{pair}\n"]);
    is await_finding($usherd, 'app', 'ok'), 'ok', 'a server that asks for a certificate';
    like $origin->await_event(qr/tls /), qr/cn=first$/, 'sees ours';
    $pki->leaf(ours => subject => {commonName => 'second'});
    ok $origin->await_event(qr/tls .*cn=second$/), 'and the next one when it is there';
    $usherd->stop;
};

subtest 'with a PROXY header' => sub {
    my %o = map { $_ => origin(/tcp/ ? ['eof'] : [['until', qr/\r\n\r\n.*\r\n\r\n|UNKNOWN\r\n.*\r\n\r\n/s], [send => $OK]]) } qw(tcp1 tcp2 http1 http2);
    my $usherd = checked(map { [$_, $o{$_}, (/tcp/ ? 'tcp' : 'GET /') . " interval=1h timeout=${SLOW}s", 'proxy_protocol = ' . (/1/ ? "v1\n" : "v2\n")] } sort keys %o);
    is await_finding($usherd, $_), 'ok', "$_: good" for sort keys %o;
    $o{$_}->await_event(qr/done/) for sort keys %o;
    my $local = "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
    is $o{tcp1}->raw(1), "PROXY UNKNOWN\r\n", 'tcp, version 1: nobody is behind it';
    is $o{tcp2}->raw(1), $local, 'tcp, version 2: LOCAL';
    like $o{http1}->raw(1), qr/^PROXY UNKNOWN\r\nGET /, 'http, version 1';
    like $o{http2}->raw(1), qr/^\Q$local\EGET /, 'http, version 2';
    $usherd->stop;
};

# Workers find the sockets of servers below their root, and so does the master.
subtest 'chroot' => sub {
    plan skip_all => 'only root may do that' if $> != 0;
    my $root   = scratch();
    my $unix   = origin({path => "$root/s"}, $OK);
    my $usherd = usherd(config({global => "user = nobody\nchroot = $root\n"}, ['app', 'unix:/s', 'GET /u interval=1h']),
        env => {LSAN_OPTIONS => 'detect_leaks=0'});
    is await_finding($usherd, 'app'), 'ok', 'found';
    is get($usherd->port(1), '/app')->{status}, 200, 'by both';
    $usherd->stop;
};

subtest 'who is checked' => sub {
    my @o = map { origin(['eof']) } 0 .. 5;
    my $usherd = checked(
        ['single',  $o[0]],
        ['pair',    [$o[1], $o[2]]],
        ['off',     [$o[3], $o[4]], 'off'],
        ['omitted', ["127.0.0.1:" . free_port(), "$o[5]{address} down"], "tcp interval=50ms"],
    );
    is await_finding($usherd, 'pair', 'ok', $_), 'ok', 'two servers: tcp unless said otherwise' for 0, 1;
    await_finding($usherd, 'omitted', 'connect');
    wait_for { server($usherd, 'omitted')->{check}{bad} > 2 };
    is $o[$_->[0]]->connections, 0, $_->[1] for [0, 'one server: none'], [3, 'off: none'], [4, 'off: none'], [5, 'nor of one that is down by configuration'];
    my $s = server($usherd, 'single');
    is "$s->{state} by $s->{state_by}: $s->{check}{finding}", 'up by config: unchecked', 'it counts as up';
    $s = server($usherd, 'omitted', 1);
    is "$s->{state} by $s->{state_by}", 'down by config', 'as the other as down';
    is server($usherd, 'off')->{check}{at_ms}, 0, 'not looked at';
    $usherd->stop;
};

subtest 'reload' => sub {
    my $bad    = origin($BAD);
    my $good   = origin($OK);
    my @parts  = (['bad', $bad, "GET / interval=50ms timeout=${SLOW}s fall=1000"], ['good', $good, "GET / interval=1h timeout=${SLOW}s"]);
    my $usherd = checked(@parts);
    is await_state($usherd, 'bad', 'down'), 'down', 'a bad server is down';
    await_finding($usherd, 'good');
    wait_for { server($usherd, 'bad')->{check}{in_row} > 3 };
    my $before = server($usherd, 'bad')->{check};
    ok $usherd->reload, 'reload';
    my $s = server($usherd, 'bad');
    is $s->{state}, 'down', 'it is down still';
    cmp_ok $s->{check}{in_row}, '>=', $before->{in_row}, 'its checks go on counting';
    wait_for { server($usherd, 'bad')->{check}{bad} > $s->{check}{bad} + 2 };
    is scalar(my @asked = $good->requests), 1, 'nobody is looked at anew';
    is scalar(grep { /first look/ } @{changes($usherd)}), 2, 'nor told of';

    # Another check begins at once.
    $parts[1][2] = 'GET /other interval=1h';
    $usherd->reload(config({}, @parts));
    my @r = $good->await_requests(2);
    is $r[1]{target}, '/other', 'another check begins at once';
    ok wait_for { server($usherd, 'good')->{check}{good} == 2 }, 'and counts on';

    # No check: nothing is known any more.
    $parts[0][2] = 'off';
    $usherd->reload(config({}, @parts));
    is await_state($usherd, 'bad', 'up'), 'up', 'without a check a server is not down';
    my $n = $bad->requests;
    is get($usherd->port(1), '/bad')->{status}, 500, 'it gets requests';
    is scalar(@r = $bad->requests), $n + 1, 'and nothing else';
    $usherd->stop;
};

subtest 'out of descriptors' => sub {
    plan skip_all => 'no prlimit(1)' unless grep { -x "$_/prlimit" } split /:/, $ENV{PATH};
    my $origin = origin($OK);
    my $usherd = checked(['app', $origin, "GET / interval=50ms timeout=${SLOW}s fall=1"]);
    await_finding($usherd, 'app', 'ok');
    my ($limit) = slurp("/proc/$usherd->{pid}/limits") =~ /^Max open files\s+(\d+)/m;
    system('prlimit', "--pid=$usherd->{pid}", '--nofile=3:');
    is await_finding($usherd, 'app', 'not-checked'), 'not-checked', 'no look is possible';
    is server($usherd, 'app')->{state}, 'up', 'which says nothing about the server';
    is get($usherd->port(1), '/app')->{status}, 200, 'so it gets requests';
    $usherd->expect_log(qr/backend app: server \S+: no check was possible: connect: Too many open files/);
    system('prlimit', "--pid=$usherd->{pid}", "--nofile=$limit:");
    is await_finding($usherd, 'app', 'ok'), 'ok', 'it goes on later';
    is server($usherd, 'app')->{check}{bad}, 0, 'nothing was counted';
    $usherd->stop;
};

done_testing;
