# Peers that do what they should not, or what is allowed but rare: nothing may be lost or stand still.

use strict;
use warnings;
use Test::More;
use Test::Usherd;
use Time::HiRes qw(sleep time);

my $HOST = "Host: a.test\r\n";
my $ASK  = join "\r\n", 'GET /chat HTTP/1.1', 'Host: a.test', 'Connection: Upgrade', 'Upgrade: echo', '', '';
my $YES  = join "\r\n", 'HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: echo', '', '';

# Reads to the end and tells how much came, slowly at first so that bytes queue up on their way.
sub count_rest {
    my (undef, $c) = @_;
    sleep 0.3;
    my $n = length $c->{buf};
    while (my $got = sysread $c->{sock}, my $data, 65536) { $n += $got }
    $c->event("counted $n");
    return;
}

subtest 'a tunnel whose server says no more' => sub {
    for my $size (5, 70_000, 3_000_000) {
        my $origin = origin(['head', [send => "${YES}bye"], 'shut', \&count_rest, 'close']);
        my $usherd = proxy($origin);
        my $c = client($usherd->port(1));
        $c->send($ASK);
        $c->response;
        is $c->end, 'closed', 'its end is passed on';
        is $c->rest, 'bye', 'after its last bytes';
        $c->send('x' x $size);
        $c->close;
        ok $origin->await_event(qr/^1 counted $size$/), "$size bytes of the client still arrive"
            or diag $origin->events;
        $usherd->stop;
    }
};

subtest 'a tunnel whose client says no more' => sub {
    my $size = 3_000_000;
    my $origin = origin(['head', [send => $YES], 'eof', [send => 'y' x $size], 'close']);
    my $usherd = proxy($origin);
    my $c = client($usherd->port(1));
    $c->send($ASK);
    $c->response;
    $c->shut;
    sleep 0.3;
    is length($c->take($size)), $size, 'the bytes of the server still arrive';
    is $c->end, 'closed', 'and its end';
    $usherd->stop;
};

subtest 'a server that answers at once and resets' => sub {
    my $origin = origin(['head', [send => "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 7\r\n\r\nenough\n"], 'close']);
    my $usherd = proxy($origin);
    my %seen;
    my $body = 'x' x 4_000_000;
    for (1 .. 60) {
        my $r = request($usherd->port(1), "POST / HTTP/1.1\r\n${HOST}Content-Length: 4000000\r\n\r\n$body");
        $seen{$r ? "$r->{status} $r->{body}" : 'nothing'}++;
    }
    is_deeply \%seen, {"413 enough\n" => 60}, 'its answer reaches the client' or diag explain \%seen;
    $usherd->stop;
};

subtest 'a switch of protocols with websocket = off' => sub {
    my $usherd = proxy(origin(['head', [send => "${YES}secret"], 'eof']), route => 'websocket = off');
    is request($usherd->port(1), $ASK)->{status}, 502, 'is a bad answer';
    $usherd->allow_log(qr/\[warn\].*101 that nobody asked for/);
    $usherd->stop;
};

subtest 'requests behind the last one that is served' => sub {
    my $usherd = proxy(origin(answer('z')), listen => 'keepalive_requests = 2');
    my $get = "GET / HTTP/1.1\r\n${HOST}\r\n";
    my $c = client($usherd->port(1));
    $c->send($get x 3);
    $c->response for 1 .. 2;
    $c->send($get);
    sleep 0.1;
    local $SIG{PIPE} = 'IGNORE';
    ok syswrite($c->{sock}, $get), 'cause no reset, which could destroy the answers on their way';
    is $c->end, 'closed', 'the connection ends';
    $usherd->stop;
};

subtest 'connections that begin with a PROXY header' => sub {
    my $origin = origin(['head', [send => answer('one')], 'eof', 'close']);
    my $usherd = proxy($origin, backend => 'proxy_protocol = v1');
    is get($usherd->port(1), '/')->{body}, 'one', 'serve one request';
    ok $origin->await_event(qr/^1 eof/), 'and are not kept, as no other client may use them';
    $usherd->stop;
};

done_testing;
