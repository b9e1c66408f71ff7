# Upgraded connections: a tunnel in both directions, with half-close and a timeout.

use strict;
use warnings;
use Digest::MD5 'md5_hex';
use Test::More;
use Test::Usherd;
use Time::HiRes 'time';

my $ASK = join "\r\n", 'GET /chat HTTP/1.1', 'Host: a.test', 'Connection: keep-alive, Upgrade', 'Upgrade: websocket',
    'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', '', '';
my $YES = join "\r\n", 'HTTP/1.1 101 Switching Protocols', 'Connection: upgrade', 'Upgrade: websocket',
    'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=', '', '';

subtest 'a tunnel' => sub {
    my $origin = origin(['head', [send => "${YES}welcome"], [until => qr/ping/], [send => 'pong'], 'eof', [send => 'bye'], 'close']);
    my $usherd = proxy($origin);
    my $c = client($usherd->port(1));
    $c->send($ASK);
    my $r = $c->response;
    is $r->{status}, 101, 'the protocol is switched';
    is field($r, 'upgrade'), 'websocket', 'Upgrade';
    like field($r, 'connection'), qr/^upgrade$/i, 'Connection';
    is field($r, 'sec-websocket-accept'), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=', 'the answer to the key';
    is $c->read_until(qr/welcome/), 'welcome', 'bytes that came with the head are not lost';
    $c->send('ping');
    is $c->read_until(qr/pong/), 'pong', 'both directions work';
    $c->shut;
    is $c->read_until(qr/bye/), 'bye', 'after a half-close the other direction goes on';
    is $c->end, 'closed', 'until it ends too';
    my ($head) = $origin->raw(1) =~ /\A(.*?)\r\n\r\n/s;
    like $head, qr/^upgrade: websocket\r?$/im, 'Upgrade was forwarded';
    like $head, qr/^connection: upgrade\r?$/im, 'with its Connection';
    $usherd->stop;
};

subtest 'bytes sent with the request' => sub {
    my $origin = origin(['head', [send => $YES], [until => qr/early/], [send => 'ok'], 'eof', 'close']);
    my $usherd = proxy($origin);
    my $c = client($usherd->port(1));
    $c->send("${ASK}early");
    is $c->response->{status}, 101, 'switched';
    is $c->read_until(qr/ok/), 'ok', 'they go through the tunnel';
    $usherd->stop;
};

subtest 'much data both ways' => sub {
    my $big = join '', map { pack 'N', $_ * 2654435761 % 4294967296 } 1 .. 400_000;
    my $origin = origin(['head', [send => $YES], sub {
        my (undef, $c) = @_;
        $c->until(qr/\n/);
        $c->send($big);
        $c->fill while length $c->{buf} < length $big;
        $c->send(md5_hex($c->{buf}));
        return;
    }, 'close']);
    my $usherd = proxy($origin);
    my $c = client($usherd->port(1));
    $c->send($ASK);
    $c->response;
    $c->send("\n");
    my $got = $c->take(length $big);
    is md5_hex($got), md5_hex($big), 'from the server';
    $c->send($big);
    is $c->take(32), md5_hex($big), 'to the server';
    is $c->end, 'closed', 'its end is passed on';
    $usherd->stop;
};

subtest 'a server that does not want to' => sub {
    my $origin = origin(answer('plain'));
    my $usherd = proxy($origin);
    my $c = client($usherd->port(1));
    for (1 .. 2) {
        $c->send($ASK);
        my $r = $c->response;
        is "$r->{status} $r->{body}", '200 plain', 'its ordinary answer arrives';
    }
    is $origin->connections, 1, 'and connections are kept';
    $usherd->stop;
};

subtest 'websocket = off' => sub {
    my $origin = origin(answer('plain'));
    my $usherd = proxy($origin, route => 'websocket = off');
    is request($usherd->port(1), $ASK)->{body}, 'plain', 'an answer';
    is field($origin->last_request, 'upgrade'), undef, 'the server is not asked to upgrade';
    $usherd->stop;
};

subtest 'a switch that nobody asked for' => sub {
    my $origin = origin($YES);
    my $usherd = proxy($origin);
    is get($usherd->port(1), '/')->{status}, 502, 'is a bad answer';
    $usherd->allow_log(qr/\[warn\]/);
    $usherd->stop;
};

subtest 'tunnel_timeout' => sub {
    my $origin = origin(['head', [send => $YES], 'eof', 'close']);
    my $usherd = proxy($origin, route => 'tunnel_timeout = 300ms');
    my $c = client($usherd->port(1));
    $c->send($ASK);
    $c->response;
    my $start = time;
    for (1 .. 3) {
        select undef, undef, undef, 0.2;
        $c->send('x');
    }
    isnt $c->end, 'open', 'a tunnel in which nothing moves is closed';
    my $took = time - $start;
    cmp_ok $took, '>', 0.8, 'and bytes put that off';
    ok $origin->await_event(qr/^1 (?:eof|reset)/), 'towards the server too';
    $usherd->stop;
};

subtest 'a client that goes away' => sub {
    my $origin = origin(['head', [send => $YES], 'eof', 'close']);
    my $usherd = proxy($origin);
    my $c = client($usherd->port(1));
    $c->send($ASK);
    $c->response;
    $c->reset;
    ok $origin->await_event(qr/^1 (?:eof|reset)/), 'ends the connection to the server';
    $usherd->stop;
};

done_testing;
