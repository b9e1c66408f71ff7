# Requests that are tried again: after which failures, which requests, where, how often.

use strict;
use warnings;
use Test::Certs 'certs';
use Test::More;
use Test::Usherd;

my $HOST = "Host: a.test\r\n";
my $GET  = "GET / HTTP/1.1\r\n$HOST\r\n";
my $BARE = "check = off\neject = off\n";

sub post { my ($body, $method) = @_; return ($method // 'POST') . " / HTTP/1.1\r\n${HOST}Content-Length: " . length($body) . "\r\n\r\n$body" }

# A proxy that logs what became of each request, and a function that returns the lines so far.
sub logged {
    my ($origins, $backend, %more) = @_;
    return proxy($origins, route => "access_log = a\n" . (delete $more{route} // ''), backend => $BARE . ($backend // ''),
        more => (delete $more{admin} ? "[admin]\nlisten = 127.0.0.1:%%PORT9%%\nnames = a.test\n" : '')
        . "[log a]\npath = %%DIR%%/access.log\nbuffer = 0\n"
        . "format = \$status tries=\$tries addr=\$upstream_addr status=\$upstream_status time=\$upstream_response_time why=\$why\n", %more);
}

sub await_lines {
    my ($usherd, $n) = @_;
    my @lines;
    wait_for { (@lines = split /\n/, slurp($usherd->dir . '/access.log') // '') >= $n };
    return @lines;
}

sub finish { my ($usherd, @more) = @_; $usherd->allow_log(qr/\[warn\]/, @more); $usherd->stop; return }

# An address that never answers a connection attempt: a listener whose queue is full.
sub blackhole {
    my $full = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => free_port()) or die $!;
    listen $full, 0;
    my @fill = map { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $full->sockport, Blocking => 0) } 1 .. 4;
    return {address => '127.0.0.1:' . $full->sockport, keep => [$full, @fill]};
}

# A script that spoils one connection, and what a GET and a POST get when there is a good server too.
my %bad = (
    'closes at once'        => [['close'], 'good', qr/good|server-closed/],
    'resets in the head'    => [['request', [send => "HTTP/1.1 200 OK\r\nContent-"], 'reset'], 'good', 'server-closed'],
    'closes after the request' => [['request', 'close'], 'good', 'server-closed'],
    'sends garbage'         => [['request', [send => "hello\r\n\r\n"], 'close'], 'bad-response', 'bad-response'],
    'stalls'                => [['request', [stall => 3]], 'first-byte-timeout', 'first-byte-timeout'],
    'says 503'              => [['request', [send => "HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbusy"], 'close'], 'busy', 'busy'],
);

subtest 'the defaults' => sub {
    for my $name (sort keys %bad) {
        my ($script, $get, $post) = @{$bad{$name}};
        my ($wrong, $good) = (origin($script), origin(answer('good')));
        my $usherd = logged(["$wrong->{address} weight=100", $good], "first_byte_timeout = 300ms");
        for my $case ([GET => $GET, $get], [POST => post('body'), $post]) {
            my ($method, $request, $want) = @$case;
            my $before = () = split /\n/, slurp($usherd->dir . '/access.log') // '';
            my $r = request($usherd->port(1), $request);
            my $line = (await_lines($usherd, $before + 1))[-1];
            my $got = $r && $r->{body} =~ /^(good|busy)$/ ? $1 : $line =~ /why=(\S+)/ ? $1 : '?';
            ref $want ? like($got, $want, "a server that $name: $method") : is($got, $want, "a server that $name: $method");
            is $r->{status}, 504, 'with 504' if $got =~ /timeout/;
            is $r->{status}, 502, 'with 502' if $got =~ /closed|bad/;
        }
        finish($usherd);
    }
};

subtest 'a response that has begun' => sub {
    my $wrong = origin(['request', [send => "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"], 'reset']);
    my $usherd = logged(["$wrong->{address} weight=100", origin(answer('good'))]);
    my $c = client($usherd->port(1));
    $c->send($GET);
    ok !$c->response, 'is never continued by another server';
    like +(await_lines($usherd, 1))[0], qr/^200 tries=1 .*why=server-closed/, 'one try';
    finish($usherd);
};

subtest 'refused and unreachable' => sub {
    my ($good, $hole) = (origin(answer('good')), blackhole());
    my $nowhere = '127.0.0.1:' . free_port();
    for my $bad ($nowhere, $hole->{address}) {
        my $usherd = logged(["$bad weight=100", $good], 'connect_timeout = 300ms');
        is request($usherd->port(1), $GET)->{body}, 'good', 'GET';
        is request($usherd->port(1), post('x' x 1000))->{body}, 'good', 'POST, as nobody has seen it';
        is $good->last_request->{body}, 'x' x 1000, 'with its body';
        my ($line) = await_lines($usherd, 2);
        like $line, qr/^200 tries=2 addr=\Q$bad\E, \Q$good->{address}\E status=-, 200 time=\d\.\d+, \d\.\d+ why=-$/, 'the log lists each try';
        finish($usherd);
    }
    my $usherd = logged("$hole->{address}", "connect_timeout = 200ms\nretry_on = reset");
    is request($usherd->port(1), $GET)->{status}, 504, 'without connect in retry_on: 504';
    like +(await_lines($usherd, 1))[0], qr/^504 tries=1 .*why=connect-timeout/, 'after one try';
    finish($usherd);
};

subtest 'how often' => sub {
    my @nowhere = map { '127.0.0.1:' . free_port() } 1 .. 4;
    for my $case ([0, 1], [2, 3], [3, 4], [6, 4]) {
        my ($retries, $tries) = @$case;
        my $usherd = logged(\@nowhere, "retries = $retries\nretry_budget = off");
        is request($usherd->port(1), $GET)->{status}, 502, "retries = $retries";
        my ($line) = await_lines($usherd, 1);
        like $line, qr/^502 tries=$tries .*why=connect$/, "$tries tries";
        my ($addrs) = $line =~ /addr=(.*) status=/;
        my @order = split /, /, $addrs;
        my %asked = map { $_ => 1 } @order;
        is keys %asked, $tries, 'each server once, and none a second time';
        finish($usherd);
    }
    my $usherd = logged(\@nowhere, "retries = 2", route => "retries = 0\n");
    request($usherd->port(1), $GET);
    like +(await_lines($usherd, 1))[0], qr/tries=1 /, 'a route says it for itself';
    finish($usherd);
};

subtest 'statuses and timeouts' => sub {
    my $busy = sub { my ($status) = @_; return origin("HTTP/1.1 $status X\r\nContent-Length: 4\r\nX-Mark: mine\r\n\r\nbusy") };
    my $good = origin(answer('good'));
    for my $status (502, 503, 504) {
        my $bad = $busy->($status);
        my $usherd = logged(["$bad->{address} weight=100", $good], "retry_on = $status");
        is request($usherd->port(1), $GET)->{body}, 'good', "$status: GET goes to the next server";
        is request($usherd->port(1), post('x'))->{body}, 'busy', 'POST does not';
        is request($usherd->port(1), post('x', 'PUT'))->{body}, 'good', 'PUT does';
        like +(await_lines($usherd, 3))[0], qr/^200 tries=2 .* status=$status, 200 /, 'both are logged';
        finish($usherd);
    }
    my @bad = map { $busy->(503) } 1 .. 2;
    my $usherd = logged(\@bad, "retry_on = 503\nretries = 3");
    my $r = request($usherd->port(1), $GET);
    is $r->{status}, 503, 'the response of the last try';
    is $r->{body}, 'busy', 'is passed on with its body';
    is field($r, 'x-mark'), 'mine', 'and its fields';
    like +(await_lines($usherd, 1))[0], qr/^503 tries=2 .* status=503, 503 .*why=-/, 'each server once';
    is request($usherd->port(1), $GET)->{body}, 'busy', 'the next request works like it';
    finish($usherd);

    my $slow = origin(['request', [stall => 3]]);
    $usherd = logged(["$slow->{address} weight=100", $good], "retry_on = timeout\nfirst_byte_timeout = 300ms");
    is request($usherd->port(1), $GET)->{body}, 'good', 'timeout: GET';
    is request($usherd->port(1), post('x'))->{status}, 504, 'timeout: POST';
    finish($usherd);
};

# Of servers that cannot help now the last whole answer is kept, should the others not answer at all.
subtest 'an answer in reserve' => sub {
    my $nowhere = '127.0.0.1:' . free_port();
    my $head = "HTTP/1.1 503 Busy\r\nX-Mark: mine\r\n";
    my %answers = (
        'with a length' => [[[send => "${head}Content-Length: 4\r\n\r\nbusy"]], 503, 'busy'],
        'in chunks, piece by piece' => [[[slow => "${head}Transfer-Encoding: chunked\r\n\r\n2\r\nbu\r\n2\r\nsy\r\n0\r\n\r\n", 0.002]], 503, 'busy'],
        'up to the end of the connection' => [[[send => "${head}Connection: close\r\n\r\nbusy"], 'close'], 503, 'busy'],
        'empty' => [[[send => "${head}Content-Length: 0\r\n\r\n"]], 503, ''],
        'of 64 KiB' => [[[send => "${head}Content-Length: 65536\r\n\r\n" . 'b' x 65536]], 503, 'b' x 65536],
        'that is longer' => [[[send => "${head}Content-Length: 65537\r\n\r\n" . 'b' x 65537]], 502],
        'that breaks off' => [[[send => "${head}Content-Length: 5\r\n\r\nbusy"], 'close'], 502],
    );
    for my $name (sort keys %answers) {
        my ($script, $status, $body) = @{$answers{$name}};
        my $busy = origin(['request', @$script]);
        my $usherd = logged(["$busy->{address} weight=100", "$nowhere backup"], "retries = 3\nretry_on = connect reset 503");
        my $r = request($usherd->port(1), $GET);
        is $r->{status}, $status, "an answer $name";
        is $r->{body}, $body, '... is the last resort, whole' if defined $body;
        is field($r, 'x-mark'), defined $body ? 'mine' : undef, '... with its fields';
        my $why = defined $body ? '-' : 'connect';
        like +(await_lines($usherd, 1))[0], qr/^$status tries=2 .* status=503, - .*why=$why$/, '... after both were asked';
        finish($usherd);
    }
    my @busy = map { origin(['request', [send => "HTTP/1.1 503 Busy\r\nContent-Length: 1\r\n\r\n$_"]]) } 1 .. 2;
    my $usherd = logged(["$busy[0]{address} weight=100", "$busy[1]{address} backup", $nowhere . ' backup'], "retries = 3\nretry_on = connect 503");
    my $r = request($usherd->port(1), $GET);
    my ($line) = await_lines($usherd, 1);
    my ($last) = $line =~ /status=503, (?:-, )?503/ ? 2 : 1;
    is $r->{body}, $last, 'the last of two answers';
    $r = request($usherd->port(1), "HEAD / HTTP/1.1\r\n$HOST\r\n", method => 'HEAD');
    is $r->{status}, 503, 'HEAD';
    finish($usherd);

    my $one = origin(['request', [send => "${head}Content-Length: 4\r\n\r\nbusy"]]);
    $usherd = logged(["$one->{address} weight=100", "$nowhere backup"], "retry_on = connect 503\nqueue = 10");
    is request($usherd->port(1), $GET)->{body}, 'busy', 'behind a queue for servers that are down';
    like +(await_lines($usherd, 1))[0], qr/^503 tries=2 .* status=503, - /, '... the server that answered is not asked again';
    finish($usherd);
};

subtest 'an answer in reserve that is refused' => sub {
    my $prefix = '/' . 'p' x 60;
    my $busy = origin(['request', [send => "HTTP/1.1 503 Busy\r\nSet-Cookie: a=b" . ';Path=/' x 8000 . "\r\nContent-Length: 4\r\n\r\nbusy"]]);
    my $usherd = logged(["$busy->{address} weight=100", '127.0.0.1:' . free_port() . ' backup'], 'retry_on = connect 503', route => "strip_prefix = $prefix\n");
    my $r = request($usherd->port(1), "GET $prefix/x HTTP/1.1\r\n$HOST\r\n");
    is $r->{status}, 502, 'its fields are too long for rewrite_location: 502';
    unlike $r->{body}, qr/busy/, 'its body is not sent behind the error page';
    like +(await_lines($usherd, 1))[0], qr/^502 tries=2 .* status=503, - .*why=bad-response$/, 'the log says why';
    finish($usherd);
};

# What a held answer says is of the server that gave it, whoever was asked after it.
subtest 'where an answer in reserve leads' => sub {
    my $port = free_port();
    my $busy = origin({port => $port}, ['request', [send => "HTTP/1.1 503 Busy\r\nLocation: http://127.0.0.1:$port/there\r\nContent-Length: 0\r\n\r\n"]]);
    my $usherd = logged(["$busy->{address} weight=100", '127.0.0.1:' . free_port() . ' backup'],
        "host_header = server\nretry_on = connect 503");
    my $r = request($usherd->port(1), $GET);
    is $r->{status}, 503, 'it is delivered';
    is field($r, 'location'), 'http://a.test/there', 'no address of a server comes through';
    finish($usherd);
};

subtest 'an answer that comes too slowly to be held' => sub {
    my $slow = origin(['request', [send => "HTTP/1.1 503 Busy\r\nContent-Length: 9\r\n\r\nb"], 'eof']);
    my $good = origin(answer('good'));
    my $usherd = logged(["$slow->{address} weight=100", "$good->{address} backup"], "retry_on = 503\nread_timeout = off");
    is request($usherd->port(1), $GET)->{body}, 'good', 'is not waited for';
    ok $slow->await_event(qr/^1 eof/), 'its connection is closed';
    finish($usherd);
    $usherd = logged(["$slow->{address} weight=100", '127.0.0.1:' . free_port() . ' backup'], "retry_on = connect 503\nretries = 2");
    is request($usherd->port(1), $GET)->{status}, 502, 'nor is it the last resort';
    finish($usherd);
};

subtest 'a queue is for servers that nobody could reach' => sub {
    my $resets = origin(['request', 'close'], ['request', 'close']);
    my $usherd = logged(["$resets->{address} weight=100", '127.0.0.1:' . free_port() . ' backup'],
        "retry_on = connect reset\nqueue = 10 timeout=20s");
    is request($usherd->port(1), $GET)->{status}, 502, 'one of them was reached: the request ends';
    like +(await_lines($usherd, 1))[0], qr/^502 tries=2 .*why=connect$/, 'each was asked once';
    is $resets->connections, 1, 'and none again';
    finish($usherd);
};

subtest 'a kept connection that has ended' => sub {
    my $origin = origin(['request', [send => answer('one')], 'head', 'close'], answer('two'));
    my $usherd = logged($origin, 'retries = 0');
    is request($usherd->port(1), $GET)->{body}, $_, "answer $_" for qw(one two);
    like +(await_lines($usherd, 2))[1], qr/^200 tries=1 addr=\S+ status=200 /, 'is replaced, and no attempt';
    $usherd->stop;
};

subtest 'a body is sent again' => sub {
    my $good = origin(answer('good'));
    my ($small, $large) = ('s' x 60_000, 'l' x 70_000);
    for my $case ([$small, 'good', 200], [$large, undef, 502]) {
        my ($text, $body, $status) = @$case;
        my $wrong = origin(['request', 'close']);
        my $usherd = logged(["$wrong->{address} weight=100", $good]);
        my $r = request($usherd->port(1), post($text, 'PUT'));
        is $r->{status}, $status, length($text) . ' bytes';
        is $good->last_request->{body}, $text, 'arrive whole at the second server' if $body;
        finish($usherd);
    }
    my $wrong = origin(['request', 'close']);
    my $usherd = logged(["$wrong->{address} weight=100", $good]);
    my $chunks = join '', map { sprintf "%x\r\n%s\r\n", length, $_ } ('a' x 1000) x 20;
    my $r = request($usherd->port(1), "PUT / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n${chunks}0\r\nX-T: end\r\n\r\n");
    is $r->{body}, 'good', 'chunks';
    is $good->last_request->{body}, 'a' x 20_000, 'too';
    finish($usherd);

    # Part of the body comes while the second retry waits.
    my @cut = map { origin(['head', 'reset']) } 1 .. 2;
    my $last = origin(answer('later'));
    $usherd = logged([(map { "$_->{address} weight=100" } @cut), "$last->{address} backup"], 'retries = 2');
    my $c = client($usherd->port(1));
    $c->send("PUT / HTTP/1.1\r\n${HOST}Content-Length: 3000\r\n\r\n" . 'b' x 1000);
    $_->await_event(qr/^1 done/) for @cut;
    $c->send('b' x 2000);
    is +($c->response // {})->{body}, 'later', 'a body that comes during the pause';
    is $last->last_request->{body}, 'b' x 3000, 'is whole';
    finish($usherd);

    # The same with all of it kept by request_buffering.
    $wrong = origin(['request', 'close']);
    $usherd = logged(["$wrong->{address} weight=100", $good], '', route => "request_buffering = on\n");
    is request($usherd->port(1), post($large, 'PUT'))->{body}, 'good', 'request_buffering: 70000 bytes';
    is $good->last_request->{body}, $large, 'whole';
    finish($usherd);
};

subtest 'a client that leaves during the pause' => sub {
    my $usherd = logged([map { '127.0.0.1:' . free_port() } 1 .. 16], "retries = 100\nretry_budget = off", route => "half_close_timeout = 100ms\n");
    my $c = client($usherd->port(1));
    $c->send($GET);
    wait_for { $usherd->log_text =~ /trying again.*trying again/s };
    $c->close;
    my ($line) = await_lines($usherd, 1);
    like $line, qr/^499 .*why=client-closed/, 'ends it';
    my ($tries) = $line =~ /tries=(\d+)/;
    finish($usherd);
    my $n = () = $usherd->log_text =~ /trying again/g;
    is $n, $tries, 'nothing is tried after that';
    cmp_ok $tries, '<', 16, 'although there are other servers';
};

subtest 'the budget' => sub {
    my @nowhere = map { '127.0.0.1:' . free_port() } 1 .. 2;
    my $usherd = logged(\@nowhere, 'retry_budget = 10%');
    my $c = client($usherd->port(1));
    for (1 .. 100) {
        $c->send($GET);
        $c->response;
    }
    my ($once, $twice) = (0, 0);
    /tries=1 / ? $once++ : $twice++ for await_lines($usherd, 100);
    cmp_ok $twice, '>', 2, "a few are tried again ($twice)";
    cmp_ok $once, '>', 30, "most are not ($once)";
    my @warnings = $usherd->log_text =~ /\[warn\] .*retry_budget: \d+ failed requests? were not tried again/g;
    cmp_ok scalar @warnings, '>', 0, 'it is said';
    cmp_ok scalar @warnings, '<', 4, 'but not each time';
    finish($usherd);

    # Half of the requests need a retry, but none of them is sent twice.
    my $good = origin(answer('good'));
    $usherd = logged([$nowhere[0], $good], 'retry_budget = 10%');
    $c = client($usherd->port(1));
    for (1 .. 60) {
        $c->send($GET);
        $c->response;
    }
    is scalar(grep { /^200 / } await_lines($usherd, 60)), 60, 'as long as there is a good server, none fails to be connected';
    finish($usherd);

    # The same where the bad one takes the requests.
    my $bad = origin(['request', 'close']);
    $usherd = logged([$bad, $good], 'retry_budget = 10%');
    $c = client($usherd->port(1));
    for (1 .. 60) {
        $c->send($GET);
        $c->response;
    }
    cmp_ok scalar(grep { /^502 .*server-closed/ } await_lines($usherd, 60)), '>', 3, 'but if it takes them and fails, the budget ends';
    finish($usherd);

    $usherd = logged(\@nowhere, 'retry_budget = off');
    $c = client($usherd->port(1));
    for (1 .. 30) {
        $c->send($GET);
        $c->response;
    }
    is scalar(grep { /tries=2 / } await_lines($usherd, 30)), 30, 'off: all are';
    finish($usherd);
};

subtest 'a server that is not who it should be' => sub {
    my $pki = certs();
    my $wrong = origin({tls => $pki->leaf(fake => names => ['b.test'])}, answer('stolen'));
    my $right = origin({tls => $pki->leaf(real => names => ['a.test'])}, answer('good'));
    my $tls = 'tls_ca = ' . $pki->file('root') . "\ntls_name = a.test\nretries = 3\n";
    my $usherd = logged(["https://$wrong->{address} weight=100", "https://$right->{address}"], $tls);
    is get($usherd->port(1), '/')->{body}, 'good', 'another server may answer';
    like +(await_lines($usherd, 1))[0], qr/^200 tries=2 /, 'it was tried once';
    finish($usherd, qr/\[error\] .*tls/);

    $usherd = logged("https://$wrong->{address}", $tls);
    is get($usherd->port(1), '/')->{status}, 502, 'alone';
    like +(await_lines($usherd, 1))[0], qr/^502 tries=1 .*why=tls-verify/, 'it is not asked again';
    is scalar($wrong->requests), 0, 'nor ever sent a request';
    finish($usherd, qr/\[error\] .*tls/);

    # More at once than a second's budget for few requests.
    $usherd = logged("https://$wrong->{address}", "${tls}retry_budget = 0%", admin => 1);
    my @c = map { client($usherd->port(1))->send($GET) } 1 .. 20;
    is scalar(grep { ($_->response // {status => 0})->{status} == 502 } @c), 20, 'however often';
    my $metrics = get($usherd->port(9), '/metrics')->{body};
    for my $name (qw(retries retries_refused)) {
        like $metrics, qr/^usherd_backend_${name}_total\{backend="app"\} 0$/m, "nothing is counted as $name";
    }
    unlike $usherd->log_text, qr/retry_budget/, 'and the budget is not to blame';
    finish($usherd, qr/\[error\] .*tls/);
};

done_testing;
