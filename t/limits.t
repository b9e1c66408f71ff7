# The limits and timeouts of [listen], and those of a route towards the client.

use strict;
use warnings;
use Test::More;
use Test::Usherd;
use Time::HiRes qw(sleep time);

my $GET = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";

sub took(&) { my ($code) = @_; my $start = time; $code->(); return time - $start }

subtest 'header_timeout' => sub {
    my $usherd = proxy(origin(), listen => "header_timeout = 400ms\nkeepalive_timeout = 10s");
    my $c = client($usherd->port(1));
    $c->send("GET / HTTP/1.1\r\nHost:");
    my ($r, $end);
    my $time = took { $r = $c->response; $end = $c->end };
    is $r->{status}, 408, 'half a head gets 408';
    is $r->{close}, 1, 'and is over';
    isnt $end, 'open', 'closed';
    ok $time > 0.3 && $time < 9, 'in time' or diag $time;

    # Each byte in time does not make the whole head in time.
    $c = client($usherd->port(1));
    my $sent = 0;
    $time = took {
        for my $byte (split //, $GET) {
            $c->send($byte);
            $sent++;
            last unless $c->quiet(0.05);
        }
    };
    cmp_ok $sent, '<', length $GET, 'a head that drips does not get through';
    cmp_ok $time, '<', 9, 'for long';
    is $c->response(method => 'GET')->{status}, 408, 'it gets 408';

    $c = client($usherd->port(1));
    isnt $c->end(9), 'open', 'a connection that sends nothing is closed in time';
    is $c->rest, '', 'without an answer';
    $usherd->stop;
};

subtest 'keepalive_timeout' => sub {
    my $usherd = proxy(origin(), listen => 'keepalive_timeout = 400ms');
    my $c = client($usherd->port(1));
    for (1 .. 4) {
        $c->send($GET);
        is $c->response->{status}, 200, 'an answer';
        sleep 0.15;
    }
    my $time = took { is $c->end, 'closed', 'an idle connection is closed' };
    cmp_ok $time, '>', 0.1, 'but not before';
    is $c->rest, '', 'silently';
    $usherd->stop;
};

subtest 'keepalive_requests' => sub {
    my $usherd = proxy(origin(), listen => 'keepalive_requests = 3');
    my $c = client($usherd->port(1));
    for my $n (1 .. 3) {
        $c->send($GET);
        my $r = $c->response;
        is $r->{close}, $n == 3 ? 1 : 0, "answer $n";
    }
    is $c->end, 'closed', 'the last one closes';
    $usherd->stop;
};

subtest 'sizes of the head' => sub {
    my $usherd = proxy(origin(), listen => "max_header_size = 4k\nmax_header_count = 20\nmax_uri = 1k");
    my $port = $usherd->port(1);
    my $fields = sub { join '', map { "X-$_: v\r\n" } 1 .. $_[0] };
    my %cases = (
        'a field of 3 KB'        => ["GET / HTTP/1.1\r\nHost: a.test\r\nX: " . 'x' x 3000 . "\r\n\r\n", 200],
        'a field of 5 KB'        => ["GET / HTTP/1.1\r\nHost: a.test\r\nX: " . 'x' x 5000 . "\r\n\r\n", 431],
        'a field without an end' => ["GET / HTTP/1.1\r\nHost: a.test\r\nX: " . 'x' x 200_000, 431],
        '20 fields'              => ["GET / HTTP/1.1\r\nHost: a.test\r\n" . $fields->(19) . "\r\n", 200],
        '21 fields'              => ["GET / HTTP/1.1\r\nHost: a.test\r\n" . $fields->(20) . "\r\n", 431],
        'a target of 1000 bytes' => ["GET /" . 'a' x 999 . " HTTP/1.1\r\nHost: a.test\r\n\r\n", 200],
        'a target of 1100 bytes' => ["GET /" . 'a' x 1099 . " HTTP/1.1\r\nHost: a.test\r\n\r\n", 414],
        'a target without an end' => ["GET /" . 'a' x 200_000, 414],
    );
    for my $name (sort keys %cases) {
        my ($bytes, $status) = @{$cases{$name}};
        my $c = client($port);
        $c->send($bytes);
        my $r = $c->response(method => 'GET');
        is $r && $r->{status}, $status, "$name: $status";
        isnt $c->end, 'open', 'and the connection is over' if $status != 200;
    }
    $usherd->stop;
};

subtest 'max_body' => sub {
    my $origin = origin(sub { answer(length $_[0]{body}) });
    my $usherd = proxy($origin, route => 'max_body = 100k');
    my $post = "POST / HTTP/1.1\r\nHost: a.test\r\n";
    my $body = 'x' x 102_400;
    is request($usherd->port(1), "${post}Content-Length: 102400\r\n\r\n$body")->{body}, 102_400, 'just as much as allowed';
    is request($usherd->port(1), "${post}Transfer-Encoding: chunked\r\n\r\n19000\r\n$body\r\n0\r\n\r\n")->{body}, 102_400, 'in a chunk';

    my $c = client($usherd->port(1));
    my $before = $origin->connections;
    $c->send("${post}Content-Length: 102401\r\n\r\n");
    my $r = $c->response;
    is $r->{status}, 413, 'a length that is too much is refused before the body';
    is $r->{close}, 1, 'with Connection: close';
    is $origin->connections, $before, 'without asking the server';

    # The client is still sending when it is refused: it must see the answer and no reset.
    $c = client($usherd->port(1));
    $c->send("${post}Content-Length: 8000000\r\n\r\n" . 'x' x 8_000_000);
    is $c->response->{status}, 413, 'a client in the middle of sending gets its 413';

    $c = client($usherd->port(1));
    $c->send("${post}Transfer-Encoding: chunked\r\n\r\n" . ("4000\r\n" . 'x' x 16384 . "\r\n") x 10 . "0\r\n\r\n");
    is $c->response->{status}, 413, 'chunks that are too much in all';
    is scalar(grep { length $_->{body} > 102_400 } $origin->requests), 0, 'never a whole request to the server';

    $usherd->reload($usherd->{text} =~ s/max_body = 100k/max_body = off/r);
    is request($usherd->port(1), "${post}Content-Length: 20000000\r\n\r\n" . 'x' x 20_000_000)->{body}, 20_000_000, 'off: no limit';
    $usherd->stop;
};

subtest 'body_timeout' => sub {
    my $origin = origin(['head', 'eof']);
    my $usherd = proxy($origin, route => 'body_timeout = 300ms');
    my $c = client($usherd->port(1));
    $c->send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100\r\n\r\nabc");
    my ($r, $end);
    my $time = took { $r = $c->response; $end = $c->end };
    is $r->{status}, 408, 'a body that does not come gets 408';
    isnt $end, 'open', 'and the connection ends';
    ok $time > 0.2 && $time < 25, 'in time' or diag $time;
    ok $origin->await_event(qr/^1 (?:eof|reset)/), 'so does the one to the server';

    # A server that thinks for longer than that is no fault of the client.
    my $slow = origin(['request', [stall => 0.8], [send => answer('thought')], 'loop']);
    $usherd->stop;
    $usherd = proxy($slow, route => 'body_timeout = 300ms');
    is request($usherd->port(1), "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n\r\nabc")->{body}, 'thought',
        'the clock stops when the body is complete';
    $usherd->stop;
};

subtest 'send_timeout' => sub {
    my $big = 'x' x 20_000_000;
    my $origin = origin(answer($big));
    my $usherd = proxy($origin, route => 'send_timeout = 400ms');
    my $c = client($usherd->port(1), rcvbuf => 8192);
    $c->send($GET);
    ok $origin->await_event(qr/^1 (?:reset|eof|done)/, 10), 'a client that does not read is given up' or diag $origin->events;

    # A slow reader that keeps reading is not.
    $c = client($usherd->port(1));
    $c->send($GET);
    my $got = 0;
    for (1 .. 8) {
        sleep 0.15;
        $got += sysread $c->{sock}, my $piece, 2_000_000;
    }
    $got += length($_ // '') for $c->take(length($big) - $got);
    cmp_ok $got, '>=', length $big, 'a slow reader gets everything';
    $usherd->stop;
};

subtest 'body_min_rate' => sub {
    my $origin = origin(sub { answer(length $_[0]{body}) });
    my $usherd = proxy($origin, route => "body_min_rate = 1000/s\nbody_timeout = 60s");
    my ($silent, $c, $chunked) = map { client($usherd->port(1)) } 1 .. 3;
    my $post = "POST / HTTP/1.1\r\nHost: a.test\r\n";
    $silent->send("${post}Content-Length: 3\r\n\r\n");
    $c->send("${post}Content-Length: 100000\r\n\r\n");
    $chunked->send("${post}Transfer-Encoding: chunked\r\n\r\n1;");
    my $time = took {
        for (1 .. 150) {
            $_->send('x') for $c, $chunked;
            last unless $c->quiet(0.1);
        }
    };
    cmp_ok $time, '>', 8, 'a body that drips is refused, but not in the 10 s of grace';
    is $c->response(method => 'POST')->{status}, 408, 'with 408';
    is $chunked->response(method => 'POST')->{status}, 408, 'so is one that drips only heads of chunks';
    ok $silent->quiet(0.1), 'one that has not begun is not: only body_timeout counts';
    $silent->send('abc');
    is $silent->response(method => 'POST')->{body}, 3, 'and is taken when it comes';
    $usherd->stop;
};

subtest 'many connections' => sub {
    my $usherd = proxy(origin(), global => 'max_connections = 50');
    my @c = map { client($usherd->port(1)) } 1 .. 60;
    $_->send($GET) for @c;
    my $answered = grep { my $r = $_->response(timeout => 0.5); $r && $r->{status} == 200 } @c;
    cmp_ok $answered, '>=', 40, 'those that fit are answered';
    $_->close for @c;
    ok wait_for { my $r = eval { get($usherd->port(1), '/') }; $r && $r->{status} == 200 }, 'and when they have gone it goes on';
    $usherd->allow_log(qr/max_connections|connections|descriptor/);
    $usherd->stop;
};

done_testing;
