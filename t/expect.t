# Expect: 100-continue: forwarded, answered by us where the server stays silent, never in the way.

use strict;
use warnings;
use Test::More;
use Test::Usherd;
use Time::HiRes 'time';

my $HEAD = "POST /up HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";

subtest 'a server that says 100' => sub {
    my $origin = origin(['head', [send => "HTTP/1.1 100 Continue\r\n\r\n"], [until => qr/hello/], [send => answer('got it')], 'loop']);
    my $usherd = proxy($origin);
    my $c = client($usherd->port(1));
    $c->send($HEAD);
    is $c->response(interim => 1)->{status}, 100, 'the client gets its 100';
    $c->send('hello');
    is $c->response(method => 'POST')->{body}, 'got it', 'then the answer';
    like $origin->raw(1), qr/^expect: *100-continue\r$/im, 'the expectation was forwarded';
    $usherd->stop;
};

subtest 'a silent server' => sub {
    my $origin = origin(['request', [send => answer('late')], 'loop']);
    my $usherd = proxy($origin);
    my $c = client($usherd->port(1));
    my $start = time;
    $c->send($HEAD);
    my $r = $c->response(interim => 1);
    is $r->{status}, 100, 'the proxy says 100 itself';
    my $took = time - $start;
    cmp_ok $took, '>', 0.8, 'after a second';
    $c->send('hello');
    is $c->response(method => 'POST')->{body}, 'late', 'the answer follows';
    is $origin->last_request->{body}, 'hello', 'the body arrived';
    $usherd->stop;
};

subtest 'a server that refuses' => sub {
    my $origin = origin(['head', [send => "HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"], 'eof']);
    my $usherd = proxy($origin);
    my $c = client($usherd->port(1));
    $c->send($HEAD);
    my $r = $c->response;
    is $r->{status}, 413, 'the refusal reaches the client';
    is_deeply $r->{interim}, [], 'without a 100 before it';
    # The client has not sent the body, so what it sends next could be either.
    is $r->{close}, 1, 'the connection is not used again';
    isnt $c->end, 'open', 'and is closed';
    $usherd->stop;
};

subtest 'a client that does not wait' => sub {
    my $origin = origin(sub { answer("[$_[0]{body}]") });
    my $usherd = proxy($origin);
    my $c = client($usherd->port(1));
    $c->send("${HEAD}hello");
    my $r = $c->response;
    is $r->{body}, '[hello]', 'gets its answer';
    is_deeply $r->{interim}, [], 'and no 100';
    $c->send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    is $c->response(method => 'GET')->{body}, '[]', 'and the connection goes on';
    $usherd->stop;
};

subtest 'HTTP/1.0 gets no 100' => sub {
    my $origin = origin(sub { answer("[$_[0]{body}]") });
    my $usherd = proxy($origin);
    my $c = client($usherd->port(1));
    $c->send("POST / HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello");
    my $r = $c->response;
    is $r->{body}, '[hello]', 'its answer comes';
    is_deeply $r->{interim}, [], 'and nothing before it (RFC 9110 10.1.1)';
    $usherd->stop;
};

subtest 'an expectation that nobody knows' => sub {
    my $origin = origin(answer('x'));
    my $usherd = proxy($origin);
    is request($usherd->port(1), "GET / HTTP/1.1\r\nHost: a.test\r\nExpect: miracles\r\n\r\n")->{status}, 417, 'is refused with 417';
    is scalar $origin->requests, 0, 'the server is not asked';
    $usherd->stop;
};

done_testing;
