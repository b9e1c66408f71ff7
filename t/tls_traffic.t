# What else happens on connections with TLS: tunnels, PROXY headers, half-closed and slow clients,
# key updates, early data, draining.

use strict;
use warnings;
use IO::Select;
use IPC::Open2;
use Net::SSLeay;
use Test::More;
use Test::Certs 'certs';
use Test::Client qw(over tls_client);
use Test::Usherd;
use Time::HiRes qw(sleep time);

my $pki  = certs();
my $site = $pki->leaf(site => names => ['shop.test']);
my $GET  = "GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n";

# One worker with one TLS listener at PORT1.
sub tls_proxy {
    my ($origin, %text) = @_;
    $text{$_} //= '' for qw(global listen route more);
    my $usherd = usherd(<<"END");
[global]
workers = 1
$text{global}
[listen secure]
bind = 127.0.0.1:%%PORT1%%
tls = on
certificate = $site->{pair}
$text{listen}
[route all]
path = /*
backend = app
$text{route}
[backend app]
server = $origin->{address}
$text{more}
END
    $usherd->{origins} = $origin;
    return $usherd;
}

sub secure { my ($usherd, %opt) = @_; return tls_client($usherd->port(1), 'shop.test', %opt) || die $@ }

my @VERSIONS = qw(TLSv1_3 TLSv1_2);

subtest 'a tunnel' => sub {
    my $origin = origin(['head', [send => "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nwelcome"],
        [until => qr/ping/], [send => 'pong' . 'x' x 500_000], [until => qr/bye/], [send => 'ciao'], 'close']);
    for my $version (@VERSIONS) {
        my $usherd = tls_proxy($origin);
        my $c = secure($usherd, SSL_version => $version);
        $c->send("GET /ws HTTP/1.1\r\nHost: shop.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            . "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
        is $c->response(interim => 1)->{status}, 101, "$version: the upgrade is answered";
        is $c->read_until(qr/welcome/), 'welcome', 'what came with it arrives';
        sleep 0.1;
        $c->send('ping');
        is length $c->take(500_004), 500_004, 'bytes pass both ways';
        $c->send('bye');
        is $c->read_until(qr/ciao/), 'ciao', 'still';
        is $c->end, 'closed', 'to the end';
        $usherd->stop;
    }
};

subtest 'PROXY header before the handshake' => sub {
    my $origin = origin();
    my $usherd = tls_proxy($origin, listen => "proxy_protocol = on\ntrusted_proxies = 127.0.0.1");
    for my $together (0, 1) {
        my $c = client($usherd->port(1));
        my $ctx = Net::SSLeay::CTX_new();
        my $ssl = Net::SSLeay::new($ctx);
        my ($in, $out) = map { Net::SSLeay::BIO_new(Net::SSLeay::BIO_s_mem()) } 1 .. 2;
        Net::SSLeay::set_bio($ssl, $in, $out);
        Net::SSLeay::set_connect_state($ssl);
        Net::SSLeay::do_handshake($ssl);
        my $hello = Net::SSLeay::BIO_read($out);
        my $proxy = "PROXY TCP4 192.0.2.7 127.0.0.1 4711 443\r\n";
        if ($together) {
            $c->send($proxy . $hello);
        } else {
            $c->send($proxy);
            sleep 0.05;
            $c->send(substr $hello, 0, 3);
            sleep 0.05;
            $c->send(substr $hello, 3);
        }
        my ($got, $sent, $end) = ('', 0, time + 10);
        while ($got !~ /ok\z/ && time < $end) {
            my $bytes = '';
            last unless IO::Select->new($c->{sock})->can_read(2) && sysread $c->{sock}, $bytes, 16384;
            Net::SSLeay::BIO_write($in, $bytes);
            if (Net::SSLeay::do_handshake($ssl) == 1) {
                $sent++ or Net::SSLeay::write($ssl, "GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n");
                my $piece = Net::SSLeay::read($ssl);
                $got .= $piece // '';
            }
            $c->send(Net::SSLeay::BIO_read($out)) if Net::SSLeay::BIO_pending($out);
        }
        like $got, qr{\AHTTP/1.1 200 .*ok\z}s, $together ? 'in one piece with the hello' : 'on its own';
        is field($origin->last_request, 'x-forwarded-for'), '192.0.2.7', 'the server hears of the client';
    }
    my $c = client($usherd->port(1));
    $c->send("\x16\x03\x01\x00\x05hello");
    isnt $c->end(5), 'open', 'a hello without the header is closed';
    $usherd->allow_log(qr/proxy/i);
    $usherd->stop;
};

subtest 'a client that has said all it had to say' => sub {
    my $origin = origin(sub { sleep 0.2; return answer('late') });
    my $usherd = tls_proxy($origin);
    for my $version (@VERSIONS) {
        my $c = secure($usherd, SSL_version => $version);
        $c->send($GET);
        Net::SSLeay::shutdown($c->{sock}->_get_ssl_object);    # close_notify, and goes on to read
        my $r = $c->response;
        # As with plain TCP, a client may be taken for gone; what it must not get is half an answer.
        ok !$r || $r->{body} eq 'late', "$version: gets a whole answer or none";
        isnt $c->end, 'open', 'then the end';
    }
    $usherd->stop;
};

subtest 'an answer before the whole request' => sub {
    my $usherd = tls_proxy(origin(), route => 'max_body = 1k');
    for my $version (@VERSIONS) {
        my $c = secure($usherd, SSL_version => $version);
        my $n = 8 << 20;
        $c->send("POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: $n\r\n\r\n");
        $c->send('x' x 4096) for 1 .. 20;
        my $r = $c->response;
        is $r && $r->{status}, 413, "$version: too large a body: the answer arrives";
        $c->send('x' x 65536) for 1 .. 10;
        isnt $c->end, 'open', 'then the connection ends';
    }
    $usherd->allow_log(qr/./);
    $usherd->stop;
};

subtest 'Expect: 100-continue' => sub {
    my $usherd = tls_proxy(origin(sub { answer($_[0]{body}) }));
    my $c = secure($usherd);
    $c->send("POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    is $c->response(interim => 1)->{status}, 100, 'the client is told to go on';
    $c->send('hello');
    is $c->response(method => 'POST')->{body}, 'hello', 'and answered';
    $usherd->stop;
};

subtest 'a client that reads slowly' => sub {
    my $size = 12 << 20;    # more than all buffers on the way
    my $origin = origin(answer('z' x $size));
    my $usherd = tls_proxy($origin, route => 'send_timeout = 5s');
    my $c = client($usherd->port(1), rcvbuf => 65536, tls => {SSL_hostname => 'shop.test'});
    $c->send($GET);
    sleep 0.3;
    my ($got, $end) = ('', time + 60);
    while (length $got < $size && time < $end) {
        sleep 0.02 if length $got < 300_000;
        my $n = sysread $c->{sock}, $got, length $got < 300_000 ? 3000 : 65536, length $got;
        last if defined $n && !$n;
        IO::Select->new($c->{sock})->can_read(1) if !defined $n;
    }
    cmp_ok length $got, '>=', $size, 'gets everything';
    like substr($got, -1000), qr/\Az+\z/, 'as it was sent';
    $usherd->stop;

    $usherd = tls_proxy($origin, route => 'send_timeout = 500ms');
    $c = client($usherd->port(1), rcvbuf => 8192, tls => {SSL_hostname => 'shop.test'});
    $c->send($GET);
    sleep 1.5;
    isnt $c->end, 'open', 'one that does not read is given up';
    cmp_ok length $c->rest, '<', $size, 'before the end';
    isnt $c->{state}, 'closed', 'which does not look like an end';
    $usherd->allow_log(qr/./);
    $usherd->stop;
};

# Runs openssl s_client with commands and requests on its input, at their times.
sub s_client {
    my ($port, $input, @args) = @_;
    open my $out, '-|', 'sh', '-c', "{ $input; } | { shift; timeout 20 openssl s_client -servername shop.test \"\$@\" 2>&1; }",
        'sh', 'x', '-connect', "127.0.0.1:$port", @args or die "s_client: $!";
    local $/;
    return scalar <$out>;
}

subtest 'key updates' => sub {
    my $usherd = tls_proxy(origin());
    my $pid = open2(my $out, my $in, 'sh', '-c', 'exec timeout 100 openssl s_client "$@" 2>&1', 'sh', '-tls1_3',
        '-servername', 'shop.test', '-connect', '127.0.0.1:' . $usherd->port(1)) or die "s_client: $!";
    my $c = over($out);
    for my $command ('', "K\n", "k\n") {
        syswrite $in, $command;
        ok $c->read_until(qr/KEYUPDATE/), $command eq "K\n" ? 'both change their keys' : 'one changes its keys' if $command;
        syswrite $in, "GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n";
        ok $c->read_until(qr{^HTTP/1\.1 200.*\r\n\r\nok}ms), 'and a request is served' or diag $c->rest;
    }
    kill TERM => $pid;
    waitpid $pid, 0;
    $usherd->stop;
};

subtest 'early data' => sub {
    my $dir = scratch();
    my $usherd = tls_proxy(my $origin = origin());
    my $get = 'sleep 0.2; printf "GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n"; sleep 0.3';
    my $text = s_client($usherd->port(1), $get, '-tls1_3', '-sess_out', "$dir/s", '-ign_eof');
    like $text, qr/Max Early Data: 0/, 'a ticket promises none';
    spew("$dir/early", "GET /early HTTP/1.1\r\nHost: shop.test\r\n\r\n");
    $text = s_client($usherd->port(1), $get, '-tls1_3', '-sess_in', "$dir/s", '-early_data', "$dir/early", '-ign_eof');
    is scalar(grep { $_->{target} eq '/early' } $origin->requests), 0, 'none is taken';
    $usherd->stop;
};

subtest 'the end of the daemon' => sub {
    my $origin = origin(sub { sleep 0.5; return answer('done') });
    my $usherd = tls_proxy($origin, listen => 'handshake_timeout = 2s');
    my ($half, $idle, $busy) = (client($usherd->port(1)), secure($usherd), secure($usherd));
    $half->send("\x16\x03\x01");
    $idle->send($GET);
    $idle->response;
    $busy->send($GET);
    $origin->await_requests(2);
    $usherd->signal('QUIT');
    my $r = $busy->response;
    is $r && $r->{body}, 'done', 'a request in flight is answered';
    is $busy->end, 'closed', 'with a clean end';
    $idle->send($GET);
    $r = $idle->response;
    is $r && $r->{body}, 'done', 'an idle connection may ask once more';
    is $idle->end, 'closed', 'and ends clean';
    isnt $half->end, 'open', 'half a handshake ends';
    $usherd->stop(0);
};

subtest 'a reload in the middle' => sub {
    my $origin = origin(sub { sleep 0.3 if $_[0]{target} eq '/slow'; return answer('fine') });
    my $usherd = tls_proxy($origin);
    my ($idle, $busy) = (secure($usherd), secure($usherd));
    $idle->send($GET);
    is $idle->response->{body}, 'fine', 'before';
    $busy->send("GET /slow HTTP/1.1\r\nHost: shop.test\r\n\r\n");
    ok $usherd->reload, 'reloaded';
    is $busy->response->{body}, 'fine', 'a request in flight is answered';
    $idle->send($GET);
    my $r = $idle->response;
    ok $r && $r->{body} eq 'fine', 'an idle connection may ask once more';
    is $idle->end, 'closed', 'and is closed with close_notify';
    is get($usherd->port(1), '/', 'Host: shop.test', {tls => {}})->{body}, 'fine', 'new ones go to the new generation';
    $usherd->stop;
};

subtest 'clients that vanish' => sub {
    my $usherd = tls_proxy(origin(answer('x' x 300_000)));
    for my $n (1 .. 60) {
        my $c = secure($usherd, SSL_version => $VERSIONS[$n % 2]);
        $c->send($GET) if $n % 3;
        $c->send(substr $GET, 0, 10) unless $n % 3;
        sleep 0.002 * ($n % 5);
        if    ($n % 4 == 0) { $c->reset }
        elsif ($n % 4 == 1) { $c->cut }
        elsif ($n % 4 == 2) { $c->shut->cut }
        else                { $c->close }
    }
    is get($usherd->port(1), '/', 'Host: shop.test', {tls => {}})->{status}, 200, 'harm nobody';
    is scalar(my @w = $usherd->workers), 1, 'nor the worker';
    $usherd->allow_log(qr/\[warn\]/);
    $usherd->stop;
};

done_testing;
