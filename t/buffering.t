# request_buffering: a server hears of a request when all of it is here.

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

done_testing;
