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

# What clients send that upgrade with a body.
my %CLIENTS = (
    'kubectl exec' => [join("\r\n", 'POST /api/v1/namespaces/default/pods/web/exec?command=sh&stdin=true&stdout=true HTTP/1.1',
        'Host: a.test', 'User-Agent: kubectl/v1.28.4', 'Content-Length: 0', 'Connection: Upgrade', 'Upgrade: SPDY/3.1',
        'X-Stream-Protocol-Version: v4.channel.k8s.io', 'X-Stream-Protocol-Version: channel.k8s.io', '', ''), 'SPDY/3.1'],
    'docker exec' => [join("\r\n", 'POST /v1.43/exec/0123456789ab/start HTTP/1.1', 'Host: a.test', 'User-Agent: Docker-Client/24.0.7 (linux)',
        'Content-Length: 29', 'Connection: Upgrade', 'Content-Type: application/json', 'Upgrade: tcp', '',
        '{"Detach":false,"Tty":true}' . "\r\n"), 'tcp'],
    'a WebSocket with a length' => [$ASK =~ s/\r\n\r\n/\r\nContent-Length: 0\r\n\r\n/r, 'websocket'],
    'chunks and trailers' => [join("\r\n", 'PUT /x HTTP/1.1', 'Host: a.test', 'Connection: upgrade', 'Upgrade: x',
        'Transfer-Encoding: chunked', '', '3', 'abc', '0', 'X-Sum: 1', '', ''), 'x'],
);

sub agrees { return "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: $_[0]\r\n\r\n" }

for my $name (sort keys %CLIENTS) {
    my ($ask, $protocol) = @{$CLIENTS{$name}};
    my $body = $ask =~ /chunked/ ? 'abc' : ($ask =~ /\r\n\r\n(.*)/s)[0];
    for my $how ('the body', 'the body, all byte by byte') {
        for my $more ('', 'request_buffering = on') {
            subtest "$name: bytes right behind $how" . ($more && ", $more") => sub {
                my $origin = origin(['request', [send => agrees($protocol) . 'welcome'], [until => qr/ping/], [send => 'pong'],
                    'eof', [send => 'bye'], 'close']);
                my $usherd = proxy($origin, route => "max_body = 100\n$more");
                my $c = client($usherd->port(1));
                $c->send("${ask}first ping", $how =~ /byte by/ ? (step => 1) : ());
                my $r = $c->response;
                is $r->{status}, 101, 'the protocol is switched';
                is field($r, 'upgrade'), $protocol, 'to what was asked for';
                is $c->read_until(qr/welcomepong/), 'welcomepong', 'both directions work';
                $c->send('x' x 1000);
                $c->shut;
                is $c->read_until(qr/bye/), 'bye', 'and outlive the limits of a body';
                is $c->end, 'closed', 'to their end';
                my $raw = $origin->raw(1);
                my $seen = ($origin->requests)[0];
                is $seen->{body}, $body, 'the server got the body';
                is field($seen, 'upgrade'), $protocol, 'and was asked';
                like $raw, qr/first pingx{1000}\z/, 'and then what followed, as it was';
                $usherd->stop;
            };
        }
    }
}

subtest 'a server that switches before it has the body' => sub {
    my $origin = origin(['head', [send => agrees('tcp') . 'welcome'], [until => qr/ping/], [send => 'pong'], 'eof', 'close']);
    my $usherd = proxy($origin, more => "[route other]\npath = /other\nrespond = 204\n");
    my $c = client($usherd->port(1));
    $c->send("POST /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 6\r\nConnection: upgrade\r\nUpgrade: tcp\r\n\r\nabc");
    ok wait_for { $origin->raw(1) =~ /\r\n\r\nabc/ }, 'a part of the body arrives';
    get($usherd->port(1), '/other') for 1 .. 3;
    ok $c->quiet(0), 'the client does not hear of it yet';
    $c->send('defping');
    is $c->response->{status}, 101, 'but when its body is complete';
    is $c->read_until(qr/pong/), 'welcomepong', 'and the tunnel is open';
    like $origin->raw(1), qr/\r\n\r\nabcdefping\z/, 'behind the whole body';
    $c->shut;
    is $c->end, 'closed', 'until it ends';
    $usherd->stop;
};

subtest 'a server that switches instead of saying 100' => sub {
    my $origin = origin(['head', [send => agrees('tcp')], [until => qr/bodyping/], [send => 'pong'], 'eof', 'close']);
    my $usherd = proxy($origin);
    my $c = client($usherd->port(1));
    $c->send(join "\r\n", 'POST /x HTTP/1.1', 'Host: a.test', 'Content-Length: 4', 'Expect: 100-continue',
        'Connection: upgrade', 'Upgrade: tcp', '', '');
    is $c->response(interim => 1)->{status}, 100, 'the client may go on';
    $c->send('bodyping');
    is $c->response->{status}, 101, 'and is told of the switch behind its body';
    is $c->read_until(qr/pong/), 'pong', 'the tunnel is open';
    $c->shut;
    is $c->end, 'closed', 'until it ends';
    $usherd->stop;
};

subtest 'a server that resets after it has switched' => sub {
    my $origin = origin(['head', [send => agrees('tcp')], [until => qr/abc/], 'reset']);
    my $usherd = proxy($origin);
    my $c = client($usherd->port(1));
    $c->send("POST /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 6\r\nConnection: upgrade\r\nUpgrade: tcp\r\n\r\nabc");
    is $c->response->{status}, 502, 'before the body was complete';
    $usherd->expect_log(qr/switch of protocols: Connection reset by peer/);
    $usherd->stop;
};

subtest 'a server that does not want to, with a body' => sub {
    my $origin = origin(sub { answer("$_[0]{method} [$_[0]{body}]") });
    my $usherd = proxy($origin);
    my $c = client($usherd->port(1));
    $c->send("$CLIENTS{'docker exec'}[0]GET /next HTTP/1.1\r\nHost: a.test\r\n\r\n");
    is $c->response->{body}, qq(POST [{"Detach":false,"Tty":true}\r\n]), 'its ordinary answer arrives';
    is $c->response->{body}, 'GET []', 'and what follows is the next request';
    $usherd->stop;
};

subtest '426 says what is wanted' => sub {
    my $origin = origin("HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket, a/1\r\nUpgrade: b\r\n"
        . "Connection: Upgrade\r\nContent-Length: 0\r\n\r\n");
    my $usherd = proxy($origin);
    my $c = client($usherd->port(1));
    for my $close ('', "Connection: close\r\n") {
        $c->send("GET / HTTP/1.1\r\nHost: a.test\r\n$close\r\n");
        my $r = $c->response;
        is_deeply [$r->{status}, fields($r, 'upgrade')], [426, 'websocket, a/1', 'b'], 'Upgrade is kept';
        is_deeply [fields($r, 'connection')], [$close ? 'close, Upgrade' : 'Upgrade'], 'with its option';
    }
    is $c->end, 'closed', 'and the connection is closed if that was asked for';
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
