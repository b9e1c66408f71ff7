# request_buffering: a server hears of a request when all of it is here. response_buffering: a server
# is done with a response when all of it is here.

use strict;
use warnings;
use Test::More;
use Test::Usherd;

my $ON = 'request_buffering = on';

subtest 'the server hears nothing before the end' => sub {
    my $origin = origin(sub { answer("$_[0]{method} " . length $_[0]{body}) });
    my $usherd = proxy($origin, route => $ON);
    my $slow = client($usherd->port(1));
    $slow->send("POST /slow HTTP/1.1\r\nHost: a.test\r\nContent-Length: 6\r\n\r\nabc");
    is request($usherd->port(1), "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")->{body}, 'GET 0', 'others are served';
    is scalar($origin->requests), 1, 'the slow request has not begun for the server';
    $slow->send('def');
    is $slow->response(method => 'POST')->{body}, 'POST 6', 'now it has';
    $usherd->stop;
};

subtest 'a body in chunks gets a length' => sub {
    my $origin = origin(sub { answer($_[0]{body}) });
    my $usherd = proxy($origin, route => $ON);
    my $c = client($usherd->port(1));
    $c->send("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    is $c->response(method => 'POST')->{body}, 'abcde', 'answered';
    like $origin->raw(1), qr/^content-length: 5\r$/im, 'with its length';
    unlike $origin->raw(1), qr/^transfer-encoding/im, 'and no chunks';
    $usherd->stop;
};

subtest '100 at once' => sub {
    my $origin = origin(sub { answer($_[0]{body}) });
    my $usherd = proxy($origin, route => $ON);
    my $c = client($usherd->port(1));
    $c->send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    is $c->response(interim => 1)->{status}, 100, 'the client may send';
    is scalar($origin->requests), 0, 'and the server was not asked';
    $c->send('ok');
    is $c->response(method => 'POST')->{body}, 'ok', 'answered';
    unlike $origin->raw(1), qr/^expect/im, 'the expectation has been met already';
    $usherd->stop;
};

subtest 'a body over max_body' => sub {
    my $origin = origin(sub { answer('never') });
    my $usherd = proxy($origin, route => "$ON\nmax_body = 4");
    my $c = client($usherd->port(1));
    $c->send("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n");
    is $c->response(method => 'POST')->{status}, 413, 'is refused';
    is scalar($origin->requests), 0, 'and no server heard of it';
    $usherd->stop;
};

subtest 'a client that leaves' => sub {
    my $origin = origin(sub { answer('fine') });
    my $usherd = proxy($origin, route => $ON);
    my $c = client($usherd->port(1));
    $c->send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 6\r\n\r\nabc");
    $c->close;
    is request($usherd->port(1), "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")->{body}, 'fine', 'others are served';
    is scalar($origin->requests), 1, 'its request reached nobody';
    $usherd->stop;
};

subtest 'a big body is sent again whole' => sub {
    my $origin = origin(sub { answer(length $_[0]{body}) });
    my $dead = free_port();
    my $usherd = proxy($origin, route => $ON, backend => "server = 127.0.0.1:$dead");
    for (1 .. 2) {
        is request($usherd->port(1), "PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 300000\r\n\r\n" . 'x' x 300_000)->{body},
            300_000, 'by the server that lives';
    }
    $usherd->stop;
};

# Bytes that show when some are missing, doubled or out of order.
sub pattern {
    my ($n) = @_;
    return substr join('', map { sprintf "%07d\n", $_ } 0 .. $n / 8), 0, $n;
}

sub slow_client {
    my ($usherd, $target, $where) = @_;
    my $c = client($where // $usherd->port(1), rcvbuf => 32768);
    $c->send("GET $target HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
    return $c;
}

subtest 'a slow client holds no server' => sub {
    my $body = pattern(900_000);
    my $origin = origin(sub { answer($_[0]{target} eq '/big' ? $body : 'small') });
    # A socket of a file holds some 200 KB at most, however slow the client is.
    my $usherd = proxy({address => "$origin->{address} max_conns=1"}, listen => 'bind = unix:%%DIR%%/sock',
        route => 'response_buffering = on');
    my $slow = slow_client($usherd, '/big', $usherd->dir . '/sock');
    ok $slow->read_until(qr/\r\n\r\n/), 'its response has begun';
    my $r;
    $usherd->allow_log(qr/503/);
    wait_for { $r = get($usherd->port(1), '/'); $r->{status} == 200 };
    is $r->{body}, 'small', 'the only place of the server is free again';
    is $slow->take(length $body), $body, 'and the slow client gets all of it';
    is $slow->end, 'closed', 'and the end';
    $usherd->stop;
};

subtest 'however the server frames it, and however long it is' => sub {
    my $body = pattern(2_000_000);
    my %frames = (
        '/length' => answer($body),
        '/chunks' => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n"
            . join('', map { sprintf "%x\r\n%s\r\n", length, $_ } unpack '(a70001)*', $body) . "0\r\nX-T: v\r\n\r\n",
        '/close' => "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n$body",
    );
    for my $target (sort keys %frames) {
        my $origin = origin($target eq '/close' ? ['request', [send => $frames{$target}], 'close'] : $frames{$target});
        my $usherd = proxy($origin, route => 'response_buffering = on');
        my $c = slow_client($usherd, $target);
        wait_for { $origin->await_event(qr/^1 request/) };
        my $r = $c->response;
        ok $r->{body} eq $body, "$target: every byte";
        $usherd->stop;
    }
};

subtest 'who leaves or dies in the middle' => sub {
    my $body = pattern(2_000_000);
    my $origin = origin(answer($body));
    my $usherd = proxy($origin, route => 'response_buffering = on');
    for (1 .. 3) {
        my $c = slow_client($usherd, '/');
        $c->read_until(qr/\r\n\r\n/);
        $c->reset;
    }
    is length(get($usherd->port(1), '/')->{body}), length $body, 'others are served';
    $usherd->stop;

    $origin = origin(['request', [send => "HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n" . substr $body, 0, 500_000], 'reset']);
    $usherd = proxy($origin, route => 'response_buffering = on');
    $usherd->expect_log(qr/502 server-closed/);
    my $c = slow_client($usherd, '/');
    $c->read_until(qr/\r\n\r\n/);
    ok $usherd->await_log(qr/server-closed/), 'a server that dies';
    isnt $c->end, 'open', 'ends the response';
    cmp_ok length $c->rest, '<', 2_000_000, 'and the client sees that it is not all';
    $usherd->stop;
};

subtest 'over TLS' => sub {
    require Test::Certs;
    my $body = pattern(2_000_000);
    my $origin = origin(answer($body));
    my $pki = Test::Certs::certs();
    my $cert = $pki->leaf('a', names => ['a.test']);
    my $usherd = proxy($origin, route => 'response_buffering = on',
        listen => "tls = on\ncertificate = $cert->{pair}");
    my $c = client($usherd->port(1), rcvbuf => 32768, tls => {SSL_hostname => 'a.test'});
    $c->send("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
    ok $c->response->{body} eq $body, 'every byte';
    $usherd->stop;
};

done_testing;
