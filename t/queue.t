# Requests that wait for a place: who goes first, how long, how many; servers and workers that go.

use strict;
use warnings;
use Test::More;
use Test::Certs 'certs';
use Test::Usherd;
use Time::HiRes qw(sleep time);

my $pki = certs();
my $site = $pki->leaf(site => names => ['a.test']);
my $GET = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";

# One server with one place, which it gives back when the test says so: each answer waits for a file.
sub held {
    my ($dir) = @_;
    return origin(['request', sub {
        my ($request) = @_;
        my ($name) = $request->{target} =~ m{(\w+)$};
        wait_for { -e "$dir/$name" || -e "$dir/all" } 20;
        return answer($name);
    }, 'loop']);
}

sub let_go { my ($dir, $name) = @_; spew("$dir/$name", ''); return }

# Sends GET /NAME on a connection of its own.
sub ask {
    my ($usherd, $name) = @_;
    my $c = client($usherd->port(1));
    $c->send("GET /$name HTTP/1.1\r\nHost: a.test\r\n\r\n");
    return $c;
}

# The same, from a client whose end arrives with its request.
sub shut_with {
    my ($usherd, $name) = @_;
    my $c = client($usherd->port(1));
    return $c->together(sub { $c->send("GET /$name HTTP/1.1\r\nHost: a.test\r\n\r\n")->shut });
}

sub queued {
    my ($usherd) = @_;
    my ($n) = get($usherd->port(9), '/metrics')->{body} =~ /^usherd_backend_queue\{backend="app"\} (\d+)/m;
    return $n // -1;
}

sub await_queued { my ($usherd, $n) = @_; return wait_for { queued($usherd) == $n } }

sub queue_proxy {
    my ($servers, $backend, %more) = @_;
    return proxy($servers, backend => "check = off\neject = off\nfirst_byte_timeout = 30s\n" . ($backend // ''), %more,
        more => "[admin]\nlisten = 127.0.0.1:%%PORT9%%\nnames = a.test\n" . ($more{more} // ''),
        route => ($more{route} // '') . "access_log = a\n",
        more => "[admin]\nlisten = 127.0.0.1:%%PORT9%%\nnames = a.test\n[log a]\npath = %%DIR%%/access.log\nbuffer = 0\n"
        . "format = \$request_uri \$status tries=\$tries why=\$why\n");
}

# Waits for a line in the access log.
sub logged { my ($usherd, $pattern) = @_; return wait_for { (slurp($usherd->dir . '/access.log') // '') =~ $pattern } }

sub finish { my ($usherd, @more) = @_; $usherd->allow_log(qr/\[warn\]/, @more); $usherd->stop; return }

subtest 'first come, first served' => sub {
    my $dir = scratch();
    my $origin = held($dir);
    my $usherd = queue_proxy("$origin->{address} max_conns=1");
    my @c = ask($usherd, 'r0');
    $origin->await_requests(1);
    for my $n (1 .. 5) {
        push @c, ask($usherd, "r$n");
        ok await_queued($usherd, $n), "$n wait";
    }
    is scalar($origin->requests), 1, 'the server sees one';
    let_go($dir, 'all');
    is $_->response->{status}, 200, 'each is answered' for @c;
    is_deeply [map { $_->{target} } $origin->requests], [map { "/r$_" } 0 .. 5], 'in the order in which they came';
    is queued($usherd), 0, 'nobody waits any more';
    like get($usherd->port(9), '/metrics')->{body}, qr/^usherd_backend_queued_total\{backend="app"\} 5$/m, 'five had to wait';
    $usherd->stop;
};

subtest 'nobody overtakes' => sub {
    my $dir = scratch();
    my $origin = held($dir);
    my $usherd = queue_proxy("$origin->{address} max_conns=2");
    my @c = map { ask($usherd, "r$_") } 0 .. 1;
    $origin->await_requests(2);
    push @c, ask($usherd, 'r2'), ask($usherd, 'r3');
    await_queued($usherd, 2);
    let_go($dir, 'r0');
    is $c[0]->response->{body}, 'r0', 'a place is free';
    my $keep = $c[0];
    $keep->send("GET /r4 HTTP/1.1\r\nHost: a.test\r\n\r\n");
    $origin->await_requests(3);
    await_queued($usherd, 2);
    let_go($dir, 'all');
    $_->response for @c[1 .. 3], $keep;
    my @order = map { $_->{target} } sort { $a->{conn} <=> $b->{conn} } $origin->requests;
    my ($third) = grep { /[234]/ } map { /request GET (\S+)/ } $origin->events;
    is $third, '/r2', 'it is for who waits, not for who comes';
    $usherd->stop;
};

subtest 'full, and too long' => sub {
    my $dir = scratch();
    my $origin = held($dir);
    my $usherd = queue_proxy("$origin->{address} max_conns=1", 'queue = 2 timeout=1500ms');
    my $c = ask($usherd, 'r0');
    $origin->await_requests(1);
    my @waiting = map { ask($usherd, "r$_") } 1, 2;
    await_queued($usherd, 2);
    my $r = ask($usherd, 'r3')->response;
    is $r->{status}, 503, 'who finds the queue full gets 503';
    is field($r, 'retry-after'), 2, 'with Retry-After in seconds';
    for my $waiting (@waiting) {
        $r = $waiting->response;
        is $r->{status}, 503, 'so does who waits too long';
        is field($r, 'retry-after'), 2, 'with Retry-After';
    }
    let_go($dir, 'all');
    is $c->response->{body}, 'r0', 'the others are not disturbed';
    ok logged($usherd, qr{^/r3 503 tries=0 why=queue-full$}m), 'why: queue-full';
    ok logged($usherd, qr{^/r1 503 tries=0 why=queue-timeout$}m), 'why: queue-timeout';
    like get($usherd->port(9), '/metrics')->{body}, qr/^usherd_backend_queue_timeouts_total\{backend="app"\} 2$/m, 'counted';
    finish($usherd);

    $usherd = queue_proxy("127.0.0.1:" . free_port() . ' down');
    $r = get($usherd->port(1), '/');
    is $r->{status}, 503, 'no server is up';
    ok field($r, 'retry-after'), 'Retry-After here too';
    ok logged($usherd, qr/why=no-server$/m), 'why: no-server';
    finish($usherd);
};

# Each request that is turned away is a warning, but a flood of them is not a flood of lines.
subtest 'the error log when many are turned away' => sub {
    my $dir = scratch();
    my $origin = held($dir);
    my $usherd = queue_proxy("$origin->{address} max_conns=1", 'queue = off', options => {level => 'notice'});
    my $held = ask($usherd, 'r0');
    $origin->await_requests(1);
    my $c = client($usherd->port(1));
    my ($n, $lines, $left_out) = (0, 0, 0);
    my $tell = sub {
        $c->send($GET);
        $n++ if $c->response->{status} == 503;
        my @lines = $usherd->log_text =~ /\[warn\].*503 no-server: .*/g;
        ($lines, $left_out) = (scalar @lines, 0);
        /\((\d+) more were left out\)$/ and $left_out += $1 for @lines;
        return $left_out;
    };
    $tell->() for 1 .. 200;
    my $before = $lines;
    ok wait_for { $tell->(); $lines > $before }, 'a line tells of those that were left out';
    cmp_ok $left_out, '>', 100, 'most';
    is $lines + $left_out, $n, 'none is forgotten';
    let_go($dir, 'all');
    is $held->response->{status}, 200, 'the server goes on';
    finish($usherd);
};

subtest 'clients that leave' => sub {
    my $dir = scratch();
    my $origin = held($dir);
    my $usherd = queue_proxy("$origin->{address} max_conns=1", '', route => "half_close_timeout = 100ms\n");
    my $c = ask($usherd, 'r0');
    $origin->await_requests(1);
    my ($closes, $resets, $stays) = map { ask($usherd, "r$_") } 1 .. 3;
    await_queued($usherd, 3);
    $resets->reset;
    ok await_queued($usherd, 2), 'a reset leaves the queue at once';
    $closes->close;
    ok await_queued($usherd, 1), 'who closes leaves it after half_close_timeout';
    let_go($dir, 'all');
    is $stays->response->{body}, 'r3', 'the last one is served';
    is_deeply [map { $_->{target} } $origin->requests], [qw(/r0 /r3)], 'the server never hears of the others';
    ok logged($usherd, qr{^/r1 499 tries=0 why=client-closed$}m), 'the log says what happened';
    $usherd->stop;
};

subtest 'clients that have no more to say' => sub {
    my $dir = scratch();
    my $origin = held($dir);
    my $usherd = queue_proxy("$origin->{address} max_conns=1", 'queue = 100 timeout=20s', route => "half_close_timeout = 30s\n");
    my $c = ask($usherd, 'r0');
    $origin->await_requests(1);
    my $waits = shut_with($usherd, 'r1');
    await_queued($usherd, 1);
    let_go($dir, 'r0');
    let_go($dir, 'r1');
    is +($waits->response // {})->{body}, 'r1', 'are answered within half_close_timeout';
    $c->close;
    $usherd->stop;

    $usherd = queue_proxy("$origin->{address} max_conns=1", 'queue = 100 timeout=20s', route => "half_close_timeout = 100ms\n");
    $c = ask($usherd, 'r2');
    $origin->await_event(qr{request GET /r2});
    $waits = shut_with($usherd, 'r3');
    ok logged($usherd, qr{^/r3 499 tries=0 why=client-closed$}m), 'a wait in the queue counts as nothing sent';
    is queued($usherd), 0, 'they leave the queue';
    let_go($dir, 'r2');
    $usherd->stop;

    $usherd = queue_proxy("$origin->{address} max_conns=1", 'queue = 100 timeout=500ms');
    $c = ask($usherd, 'r4');
    $origin->await_event(qr{request GET /r4});
    is +(shut_with($usherd, 'r5')->response // {})->{status}, 503, 'or hear that they wait in vain';
    let_go($dir, 'r4');
    finish($usherd);

    $usherd = queue_proxy("$origin->{address} max_conns=1", 'queue = 100 timeout=20s', route => "half_close_timeout = off\n");
    $c = ask($usherd, 'r6');
    $origin->await_event(qr{request GET /r6});
    $waits = ask($usherd, 'r7');
    await_queued($usherd, 1);
    $waits->shut;
    is queued($usherd), 1, 'half_close_timeout = off: they wait';    # the worker has seen the end before this question
    let_go($dir, 'all');
    is +($waits->response // {})->{body}, 'r7', 'and are answered';
    $usherd->stop;
};

subtest 'a client that closes its side before a retry' => sub {
    my $dir = scratch();
    my $origin = origin(
        ['request', sub { wait_for { -e "$dir/first" } 20; return answer('r0') }],
        ['request', sub { wait_for { -e "$dir/second" } 20; return }, 'close']);
    my $other = origin(answer('again'));
    my $usherd = queue_proxy(["$origin->{address} max_conns=1", "$other->{address} backup"], "queue = 100 timeout=20s\nkeepalive = 0",
        route => "half_close_timeout = 30s\n");
    my $first = ask($usherd, 'r0');
    $origin->await_requests(1);
    my $c = ask($usherd, 'r1');
    await_queued($usherd, 1);
    let_go($dir, 'first');
    is $first->response->{body}, 'r0', 'its turn';
    $origin->await_requests(2);
    $c->shut;
    is queued($usherd), 0, 'it does not wait when it ends';    # the worker has seen the end before this question
    let_go($dir, 'second');
    is +($c->response // {})->{body}, 'again', 'another server answers';
    ok logged($usherd, qr{^/r1 200 tries=2 why=-$}m), 'the log says it';
    finish($usherd);
};

subtest 'clients that end with their body' => sub {
    for my $tls (0, 1) {
        for my $together (0, 1) {
            my $dir = scratch();
            my $origin = held($dir);
            my $usherd = queue_proxy("$origin->{address} max_conns=1", 'queue = 100 timeout=20s',
                listen => $tls ? "tls = on\ncertificate = $site->{pair}" : '');
            my @c = map { client($usherd->port(1), $tls ? (tls => {SSL_hostname => 'a.test'}) : ()) } 0 .. 1;
            $c[0]->send("GET /r0 HTTP/1.1\r\nHost: a.test\r\n\r\n");
            $origin->await_requests(1);
            $c[1]->send("PUT /r1 HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\n12345");
            await_queued($usherd, 1);
            my $rest = sub { $c[1]->send('67890'); $tls ? $c[1]->notify : $c[1]->shut };
            $together ? $c[1]->together($rest) : $rest->();
            is queued($usherd), 1, ($tls ? 'TLS' : 'plain') . ($together ? ', together' : '') . ': waits';
            let_go($dir, 'all');
            is +($c[1]->response(method => 'PUT') // {})->{body}, 'r1', 'and is answered';
            $usherd->stop;
        }
    }
};

subtest 'clients that leave over TLS' => sub {
    my $dir = scratch();
    my $origin = held($dir);
    my $usherd = queue_proxy("$origin->{address} max_conns=1", '', listen => "tls = on\ncertificate = $site->{pair}",
        route => "half_close_timeout = 100ms\n");
    my @c = map { client($usherd->port(1), tls => {SSL_hostname => 'a.test'}) } 0 .. 1;
    $c[0]->send("GET /r0 HTTP/1.1\r\nHost: a.test\r\n\r\n");
    $origin->await_requests(1);
    $c[1]->send("GET /r1 HTTP/1.1\r\nHost: a.test\r\n\r\n");
    await_queued($usherd, 1);
    $c[1]->notify;
    ok await_queued($usherd, 0), 'close_notify is enough';
    ok logged($usherd, qr{^/r1 499 tries=0 why=client-closed$}m), 'the log says what happened';
    let_go($dir, 'all');
    is $c[0]->response->{body}, 'r0', 'others are not disturbed';
    $usherd->stop;
};

subtest 'the body of a request that waits' => sub {
    my $dir = scratch();
    my $origin = held($dir);
    my $usherd = queue_proxy("$origin->{address} max_conns=1");
    my $first = ask($usherd, 'r0');
    $origin->await_requests(1);
    my $body = join '', map { chr(65 + $_ % 26) x 1000 } 0 .. 299;
    my $c = client($usherd->port(1));
    $c->send("POST /r1 HTTP/1.1\r\nHost: a.test\r\nContent-Length: 300000\r\n\r\n" . substr $body, 0, 100_000);
    await_queued($usherd, 1);
    let_go($dir, 'r0');
    $origin->await_event(qr/ open/);
    $c->send(substr $body, 100_000);
    let_go($dir, 'all');
    is $c->response->{body}, 'r1', 'is sent when its turn comes';
    is $origin->last_request->{body}, $body, 'whole';

    let_go($dir, 'x');
    unlink "$dir/all";
    $first = ask($usherd, 'r2');
    $origin->await_requests(3);
    $c = client($usherd->port(1));
    $c->send("POST /r3 HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    await_queued($usherd, 1);
    ok !$c->response(interim => 1, timeout => 1.3), 'nobody says 100 while it waits';
    let_go($dir, 'all');
    is $c->response(interim => 1)->{status}, 100, 'but then';
    $c->send('ok');
    is $c->response->{body}, 'r3', 'and it goes on';
    $usherd->stop;
};

subtest 'several workers' => sub {
    my $dir = scratch();
    my $origin = held($dir);
    my $usherd = queue_proxy("$origin->{address} max_conns=1", 'queue = 60 timeout=20s', options => {args => ['-g', 'global.workers=3']});
    my @c = ask($usherd, 'r0');
    $origin->await_requests(1);
    push @c, map { ask($usherd, "r$_") } 1 .. 60;
    await_queued($usherd, 60);
    # One connection may be that of this question.
    my @busy = grep { $_ > 1 } get($usherd->port(9), '/metrics')->{body} =~ /^usherd_worker_connections\{.*?\} (\d+)$/mg;
    cmp_ok scalar @busy, '>', 1, 'they wait in several workers';
    is ask($usherd, 'r61')->response->{status}, 503, 'the limit counts all of them';
    let_go($dir, 'all');
    is scalar(grep { $_->response->{status} == 200 } @c), 61, 'a place freed by one worker goes to the next';
    is scalar($origin->requests), 61, 'each once';
    finish($usherd);
};

subtest 'a worker that is killed' => sub {
    my $dir = scratch();
    my $origin = held($dir);
    my $usherd = queue_proxy("$origin->{address} max_conns=1", 'queue = 100 timeout=20s', options => {args => ['-g', 'global.workers=2']});
    my @c = ask($usherd, 'r0');
    $origin->await_requests(1);
    push @c, map { ask($usherd, "r$_") } 1 .. 50;
    await_queued($usherd, 50);
    my @workers = $usherd->workers;
    kill KILL => $workers[0];
    ok wait_for { my $n = eval { queued($usherd) } // -1; $n >= 0 && $n < 50 }, 'its requests are not counted any more';
    let_go($dir, 'all');
    my $served = grep { my $r = $_->response; $r && $r->{status} == 200 } @c;
    cmp_ok $served, '>', 0, "those of the other one are served ($served)";
    ok await_queued($usherd, 0), 'nobody waits';
    is ask($usherd, 'r99')->response->{status}, 200, 'and the place is free';
    finish($usherd, qr/\[error\].*died/);
};

subtest 'a restart of the only server is no error' => sub {
    my $port = free_port();
    my $origin = origin({port => $port}, ['request', [send => answer('before', 'Connection: close')], 'close']);
    my $usherd = queue_proxy("127.0.0.1:$port", 'queue = 50 timeout=20s');
    is get($usherd->port(1), '/')->{body}, 'before', 'it answers';
    $origin->stop;
    my @c = map { my $c = client($usherd->port(1)); $c->send($GET); $c } 1 .. 10;
    my $post = client($usherd->port(1));
    $post->send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nbody");
    ok await_queued($usherd, 11), 'while it is gone, requests wait';
    sleep 0.5;
    $origin = origin({port => $port}, answer('after'));
    is $_->response->{body}, 'after', 'and are answered when it is back' for @c;
    is $post->response->{body}, 'after', 'a POST that it never saw too';
    is +($origin->requests)[-1]{body} // '', 'body', 'with its body' if ($origin->requests)[-1]{method} eq 'POST';
    my @tries = map { /tries=(\d+)/ } split /\n/, slurp($usherd->dir . '/access.log');
    my $all = 0;
    $all += $_ for @tries;
    cmp_ok $all, '<', 70, "the dead one was not stormed ($all tries)";
    finish($usherd);

    $usherd = queue_proxy("127.0.0.1:" . free_port(), 'queue = 50 timeout=300ms');
    my $r = get($usherd->port(1), '/');
    is $r->{status}, 503, 'one that does not come back: 503';
    ok logged($usherd, qr/why=queue-timeout$/m), 'queue-timeout';
    finish($usherd);

    $usherd = queue_proxy("127.0.0.1:" . free_port(), 'queue = 50 timeout=300ms when=full');
    is get($usherd->port(1), '/')->{status}, 502, 'when=full: nobody waits for that';
    finish($usherd);
};

# when=full, which is also what holds without a line, or when=always, which a line without `when` means.
for my $case (['', 0], ["queue = 50 timeout=20s when=full", 0], ['queue = 50 timeout=20s when=always', 1], ['queue = 50 timeout=20s', 1]) {
    my ($line, $always) = @$case;
    subtest($line || 'no line' => sub {
        my $dir    = scratch();
        my $origin = held($dir);
        my $usherd = queue_proxy("$origin->{address} max_conns=1", $line,
            options => {args => ['-g', 'admin.socket=%%DIR%%/control']});
        my $ctl = sub { is $usherd->usherctl($_[0], 'app', $origin->{address})->{status}, 0, $_[0] };
        my @c = ask($usherd, 'r0');
        $origin->await_requests(1);
        push @c, ask($usherd, 'r1');
        ok await_queued($usherd, 1), 'a request waits for a place';
        $ctl->('disable');
        push @c, ask($usherd, 'r2');
        if ($always) {
            ok await_queued($usherd, 2), 'those that wait stay, and others come, while no server is up';
            $ctl->('enable');
            let_go($dir, 'all');
            is $_->response->{status}, 200, 'all are served' for @c;
        } else {
            is $c[$_]->response->{status}, 503, "r$_ fails when no server is up" for 1, 2;
            ok logged($usherd, qr{^/r$_ 503 tries=0 why=no-server$}m), '... for that' for 1, 2;
            let_go($dir, 'all');
            is $c[0]->response->{status}, 200, 'the one under way ends as it would';
            is get($usherd->port(1), '/r3')->{status}, 503, 'nobody waits';
        }
        finish($usherd);
    });
}

subtest 'a reload' => sub {
    my $dir = scratch();
    my $origin = held($dir);
    my $usherd = queue_proxy("$origin->{address} max_conns=1", 'queue = 100 timeout=20s');
    my @c = ask($usherd, 'r0');
    $origin->await_requests(1);
    push @c, map { ask($usherd, "r$_") } 1 .. 3;
    await_queued($usherd, 3);
    ok $usherd->reload, 'while requests wait';
    push @c, map { ask($usherd, "r$_") } 4 .. 5;
    ok await_queued($usherd, 5), 'those of old and new workers';
    let_go($dir, 'all');
    is $_->response->{status}, 200, 'all are served' for @c;
    is scalar($origin->requests), 6, 'each once';
    ok wait_for { $usherd->workers == 1 }, 'the old worker ends';
    $usherd->stop;

    # The new configuration has the server that they wait for.
    $usherd = queue_proxy("127.0.0.1:" . free_port() . ' down', 'queue = 100 timeout=20s');
    my $c = ask($usherd, 'r9');
    await_queued($usherd, 1);
    ok $usherd->reload($usherd->{text} =~ s/^server = .*/server = $origin->{address}/mr), 'a reload';
    is ask($usherd, 'r10')->response->{status}, 200, 'new requests are served';
    $c->close;
    finish($usherd);
};


subtest 'a graceful stop' => sub {
    my $dir = scratch();
    my $origin = held($dir);
    my $usherd = queue_proxy("$origin->{address} max_conns=1", 'queue = 100 timeout=20s');
    my @c = ask($usherd, 'r0');
    $origin->await_requests(1);
    push @c, map { ask($usherd, "r$_") } 1 .. 3;
    await_queued($usherd, 3);
    $usherd->signal('QUIT');
    ok wait_for { !eval { client($usherd->port(1)) } }, 'nobody is let in any more';
    let_go($dir, 'all');
    is scalar(grep { ($_->response // {})->{status} == 200 } @c), 4, 'those that wait are still served';
    $usherd->stop(0);
};

subtest 'a server that comes back' => sub {
    my ($origin, $more) = (origin(answer('ok')), origin(answer('more')));
    my $usherd = queue_proxy($origin, "queue = 100 timeout=20s\nkeepalive = 0", options => {args => ['-g', 'global.workers=2', '-g', 'admin.socket=%%DIR%%/control']});
    my $ctl = sub { is $usherd->usherctl(@_)->{status}, 0, "@_" };
    $ctl->('disable', 'app', $origin->{address});
    my @c = map { ask($usherd, "r$_") } 1 .. 20;
    ok await_queued($usherd, 20), 'requests wait while none is enabled';
    $ctl->('enable', 'app', $origin->{address});
    is scalar(grep { $_->response->{body} eq 'ok' } @c), 20, 'and go on at once when one is';
    $ctl->('disable', 'app', $origin->{address});
    @c = map { ask($usherd, "r$_") } 1 .. 20;
    await_queued($usherd, 20);
    $ctl->('add', 'app', $more->{address});
    is scalar(grep { $_->response->{body} eq 'more' } @c), 20, 'or when one is added';
    $usherd->stop;
};

done_testing;
