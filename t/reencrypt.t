# TLS towards servers: who is believed, and what happens when nobody is.

use strict;
use warnings;
use IO::Socket::SSL;
use Test::More;
use Test::Certs 'certs';
use Test::Usherd;
use Time::HiRes 'time';

my $pki = certs();
$pki->ca('mid', issuer => 'root');
$pki->ca('strangers');
my $ca    = $pki->file('root');
my $good  = $pki->leaf(good => names => ['o.test', '*.w.test', '127.0.0.1']);
my $named = $pki->leaf(named => names => ['o.test']);
my $deep  = $pki->leaf(deep => names => ['o.test'], issuer => 'mid', chain => ['mid']);

# A proxy for one https server; text for its [backend]. Each request is logged with its status and
# the reason of a failure.
sub back_proxy {
    my ($origin, $text, %more) = @_;
    return proxy("https://$origin->{address}", backend => "check = off\n$text", route => 'access_log = log',
        more => "[log log]\npath = %%DIR%%/access.log\nformat = \$status \$why\n", %more);
}

sub access_log { my ($usherd) = @_; return [split /\n/, slurp($usherd->dir . '/access.log')] }

sub tls_events { my ($origin) = @_; return grep { /tls |refused/ } $origin->events }

subtest 'a good server' => sub {
    my $origin = origin({tls => $good}, sub { answer("$_[0]{method} $_[0]{target} " . length $_[0]{body}) });
    my $usherd = back_proxy($origin, "tls_ca = $ca");
    is get($usherd->port(1), '/a')->{body}, 'GET /a 0', 'is asked; its address is in its certificate';
    my $mib = 3 << 20;
    is request($usherd->port(1), "POST /b HTTP/1.1\r\nHost: a.test\r\nContent-Length: $mib\r\n\r\n" . 'x' x $mib)->{body},
        "POST /b $mib", 'gets bodies';
    is $origin->connections, 1, 'over one connection';
    like((tls_events($origin))[0], qr{TLSv1_3 full sni= alpn=(?:http/1\.1)? }, 'an address is no server name (RFC 6066, 3)');
    $usherd->stop;

    for my $case ([$named, 'o.test', 'its name'], [$good, 'any.w.test', 'a wildcard'], [$deep, 'o.test', 'an intermediate']) {
        my ($cert, $name, $what) = @$case;
        for my $version (qw(TLSv1_3 TLSv1_2)) {
            $origin = origin({tls => {SSL_cert_file => $cert->{cert}, SSL_key_file => $cert->{key}, SSL_version => $version,
                SSL_alpn_protocols => ['http/1.1']}});
            $usherd = back_proxy($origin, "tls_ca = $ca\ntls_name = $name");
            is get($usherd->port(1), '/')->{status}, 200, "$version: verified by $what";
            is((tls_events($origin))[0], "1 tls $version full sni=$name alpn=http/1.1 cn=", 'which it is asked for, and for HTTP/1.1');
            $usherd->stop;
        }
    }
};

subtest 'servers that nobody should believe' => sub {
    my @cases = (
        ['self-signed', $pki->leaf(self => names => ['o.test'], issuer => 'self'), 'o.test', qr/self.signed/i],
        ['expired', $pki->leaf(expired => names => ['o.test'], days => -1, since => 30), 'o.test', qr/expired/i],
        ['not yet valid', $pki->leaf(early => names => ['o.test'], since => -5), 'o.test', qr/not yet valid/i],
        ['of another name', $named, 'p.test', qr/p\.test/],
        ['of another name, deeper than the wildcard', $good, 'a.b.w.test', qr/a\.b\.w\.test/],
        ['without our address', $named, undef, qr/127\.0\.0\.1/],
        ['of an unknown authority', $pki->leaf(strange => names => ['o.test'], issuer => 'strangers'), 'o.test', qr/issuer/i],
        ['without its intermediate', $pki->leaf(lonely => names => ['o.test'], issuer => 'mid'), 'o.test', qr/issuer/i],
        ['for clients only', $pki->leaf(wrong => names => ['o.test'], purpose => 'client'), 'o.test', qr/purpose/i],
    );
    for my $case (@cases) {
        my ($what, $cert, $name, $reason) = @$case;
        my $origin = origin({tls => $cert});
        my $usherd = back_proxy($origin, "tls_ca = $ca\n" . ($name ? "tls_name = $name" : ''));
        $usherd->expect_log(qr/\[error\].*$reason/);
        $usherd->allow_log(qr/\[warn\].* 502 tls-verify/);
        my $r = get($usherd->port(1), '/');
        is $r->{status}, 502, "$what: 502";
        unlike $r->{body}, qr/o\.test|certificate|issuer/i, 'the client is not told the details';
        $usherd->stop;
        like access_log($usherd)->[0], qr/\A502 tls-verify\z/, 'why=tls-verify';
        is scalar $origin->requests, 0, 'no request reached it';
    }

    my $origin = origin({tls => $good});
    my $usherd = back_proxy($origin, '');
    $usherd->expect_log(qr/\[error\]/);
    $usherd->allow_log(qr/\[warn\].* 502 tls-verify/);
    is get($usherd->port(1), '/')->{status}, 502, 'an authority that the system does not know';
    $usherd->stop;
    is access_log($usherd)->[0], '502 tls-verify', 'why=tls-verify';

    $origin = origin({tls => $named});
    $usherd = back_proxy($origin, "tls_ca = $ca\ntls_name = p.test");
    $usherd->expect_log(qr/\[error\].*p\.test.*o\.test|\[error\].*o\.test.*p\.test/);
    $usherd->allow_log(qr/\[warn\].* 502 tls-verify/);
    get($usherd->port(1), '/');
    $usherd->stop;
};

subtest 'tls_verify = off' => sub {
    for my $cert ($pki->{made}{self}, $pki->{made}{expired}, $named) {
        my $origin = origin({tls => $cert});
        my $usherd = back_proxy($origin, 'tls_verify = off');
        is get($usherd->port(1), '/')->{status}, 200, "$cert->{name}: taken as it is";
        $usherd->stop;
    }
};

subtest 'verification is asked for each connection' => sub {
    # The server shows another certificate after its first connection.
    my ($port) = free_port();
    my $origin = origin({tls => $named, port => $port}, ['request', [send => answer('first')], 'request', [send => answer('second')], 'close']);
    my $usherd = back_proxy($origin, "tls_ca = $ca\ntls_name = o.test");
    is get($usherd->port(1), '/')->{body}, 'first', 'a good server';
    is get($usherd->port(1), '/')->{body}, 'second', 'its pooled connection';
    $origin->stop;
    my $impostor = origin({tls => $pki->{made}{strange}, port => $port});
    $usherd->expect_log(qr/\[error\].*issuer/i);
    $usherd->allow_log(qr/\[warn\].* 502 tls-verify/);
    is get($usherd->port(1), '/')->{status}, 502, 'another one in its place';
    is scalar $impostor->requests, 0, 'learns nothing';
    $usherd->stop;
};

subtest 'our certificate' => sub {
    my $us = $pki->leaf(us => subject => {commonName => 'proxy'});
    for my $version (qw(TLSv1_3 TLSv1_2)) {
        my $origin = origin({tls => {SSL_cert_file => $good->{cert}, SSL_key_file => $good->{key}, SSL_ca_file => $ca,
            SSL_verify_mode => SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, SSL_version => $version}});
        my $usherd = back_proxy($origin, "tls_ca = $ca\ntls_certificate = $us->{pair}");
        is get($usherd->port(1), '/')->{status}, 200, "$version: a server that asks for a certificate";
        like((tls_events($origin))[0], qr/cn=proxy\z/, 'sees ours');
        $usherd->stop;

        $usherd = back_proxy($origin, "tls_ca = $ca");
        $usherd->allow_log(qr/./);
        my $r = get($usherd->port(1), '/');
        is $r->{status}, 502, 'without one it refuses us';
        $usherd->stop;
        isnt access_log($usherd)->[0], '502 tls-verify', 'which is no failed verification of ours';
    }
};

subtest 'sessions are reused' => sub {
    for my $version (qw(TLSv1_3 TLSv1_2)) {
        my $origin = origin({tls => {SSL_cert_file => $good->{cert}, SSL_key_file => $good->{key}, SSL_version => $version}});
        my $usherd = back_proxy($origin, "tls_ca = $ca\nkeepalive = 0");
        is get($usherd->port(1), '/')->{status}, 200, "$version: request $_" for 1 .. 4;
        my @events = tls_events($origin);
        is scalar @events, 4, 'a connection each';
        like $events[0], qr/ full /, 'the first has a full handshake';
        like $events[-1], qr/ resumed /, 'the last is resumed';
        $usherd->stop;
    }
};

subtest 'the end of an answer' => sub {
    my $until_close = "HTTP/1.1 200 OK\r\n\r\nall there is";
    for my $version (qw(TLSv1_3 TLSv1_2)) {
        my %tls = (tls => {SSL_cert_file => $good->{cert}, SSL_key_file => $good->{key}, SSL_version => $version});
        my $origin = origin({%tls}, ['request', [send => $until_close], 'close']);
        my $usherd = back_proxy($origin, "tls_ca = $ca");
        my $c = client($usherd->port(1));
        $c->send("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
        my $r = $c->response;
        is $r->{body}, 'all there is', "$version: with close_notify an answer has ended";
        is $c->end, 'closed', 'and so has ours';
        $usherd->stop;

        for my $http ('1.1', '1.0') {
            $origin = origin({%tls}, ['request', [send => $until_close], 'cut']);
            $usherd = back_proxy($origin, "tls_ca = $ca");
            $usherd->expect_log(qr/\[warn\].* closed without close_notify/);
            $c = client($usherd->port(1));
            $c->send("GET / HTTP/$http\r\nHost: a.test\r\n\r\n");
            my $end = $c->end;
            ok $end eq 'reset' || ($http eq '1.1' && $end eq 'closed' && $c->rest !~ /\r\n0\r\n\r\n\z/),
                "$version, HTTP/$http: without it the client sees no clean end" or diag "$end: ", $c->rest;
            $usherd->stop;
        }

        $origin = origin({%tls}, ['request', [send => answer('whole')], 'cut']);
        $usherd = back_proxy($origin, "tls_ca = $ca");
        is get($usherd->port(1), '/')->{body}, 'whole', 'a length is enough to know the end';
        is get($usherd->port(1), '/')->{body}, 'whole', 'and the lost connection is no error for the next';
        $usherd->stop;

        $origin = origin({%tls}, ['request', [send => "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"], 'close']);
        $usherd = back_proxy($origin, "tls_ca = $ca");
        $usherd->allow_log(qr/./);
        $c = client($usherd->port(1));
        $c->send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        isnt $c->end, 'open', 'a short answer ends the connection';
        like $c->rest, qr/half\z/, 'short';
        $usherd->stop;
    }
};

subtest 'no TLS at the other end' => sub {
    my $origin = origin([[until => qr/./s], [send => "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"], 'close']);
    my $usherd = back_proxy($origin, "tls_ca = $ca");
    $usherd->allow_log(qr/./);
    is get($usherd->port(1), '/')->{status}, 502, 'a server of plain HTTP: 502, never plain';
    unlike $origin->raw(1), qr{HTTP/1}, 'it gets no request';
    $usherd->stop;

    $origin = origin([[until => qr/./s], 'eof']);
    $usherd = back_proxy($origin, "tls_ca = $ca\nconnect_timeout = 4s\nretries = 0");
    $usherd->allow_log(qr/./);
    my $start = time;
    my $r = get($usherd->port(1), '/');
    my $took = time - $start;
    is $r->{status}, 504, 'a server that never shakes hands';
    cmp_ok $took, '>', 3.5, 'has connect_timeout for it';
    $usherd->stop;
    like access_log($usherd)->[0], qr/\A504 connect-timeout\z/, 'why=connect-timeout';

    $origin = origin(['close']);
    $usherd = back_proxy($origin, "tls_ca = $ca");
    $usherd->allow_log(qr/./);
    is get($usherd->port(1), '/')->{status}, 502, 'a server that hangs up';
    $usherd->stop;
};

subtest 'a tunnel' => sub {
    my $origin = origin({tls => $good}, ['head', [send => "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"],
        [until => qr/ping/], [send => 'pong'], [until => qr/bye/], [send => 'ciao'], 'close']);
    my $usherd = back_proxy($origin, "tls_ca = $ca");
    my $c = client($usherd->port(1));
    $c->send("GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        . "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
    is $c->response(interim => 1)->{status}, 101, 'the upgrade is answered';
    $c->send('ping');
    is $c->read_until(qr/pong/), 'pong', 'bytes pass both ways';
    $c->send('bye');
    is $c->read_until(qr/ciao/), 'ciao', 'still';
    is $c->end, 'closed', 'to the end';
    $usherd->stop;
};

subtest 'TLS on both sides' => sub {
    my $origin = origin({tls => $good}, sub { answer($_[0]{body} . ('z' x 300_000)) });
    my $usherd = usherd(<<"END");
[global]
workers = 1
[listen secure]
bind = 127.0.0.1:%%PORT1%%
tls = on
certificate = $named->{pair}
[route all]
path = /*
backend = app
[backend app]
server = https://$origin->{address}
tls_ca = $ca
END
    my $c = client($usherd->port(1), tls => {SSL_hostname => 'o.test'});
    for my $n (1 .. 3) {
        $c->send("POST / HTTP/1.1\r\nHost: o.test\r\nContent-Length: 200000\r\n\r\n" . 'x' x 200_000);
        my $r = $c->response;
        ok $r->{body} eq 'x' x 200_000 . 'z' x 300_000, "body $n went there and back";
    }
    $usherd->stop;
};

done_testing;
