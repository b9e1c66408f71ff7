# A body of 1 GiB in each direction over TLS on both sides, and 10,000 certificates: memory and time
# stay bounded.

use strict;
use warnings;
use IO::Socket::SSL ();
use IO::Socket::SSL::Utils;
use Test::More;
use Test::Certs 'certs';
use Test::Usherd;
use Time::HiRes qw(sleep time);

plan skip_all => 'memory is asserted on the release build only' if sanitized();
plan skip_all => 'USHERD_QUICK is set' if $ENV{USHERD_QUICK};

my $GIB   = 1 << 30;
my $BLOCK = 'x' x (1 << 20);
my $LIMIT = 64 << 10;    # KiB

my $pki  = certs();
my $cert = $pki->leaf(site => names => ['a.test', '127.0.0.1']);
my %TLS  = (SSL_cipher_list => 'DEFAULT', SSL_ciphersuites => 'TLS_AES_128_GCM_SHA256');

sub memory_kib {
    my ($usherd, $field) = @_;
    my $max = 0;
    for my $pid ($usherd->workers) {
        my ($kib) = (slurp("/proc/$pid/status") // '') =~ /^$field:\s+(\d+)/m;
        $max = $kib if ($kib // 0) > $max;
    }
    return $max;
}

sub tls_proxy {
    my ($origin) = @_;
    my $usherd = usherd(<<"END");
[global]
workers = 1
[listen secure]
bind = 127.0.0.1:%%PORT1%%
tls = on
certificate = $cert->{pair}
[route all]
path = /*
backend = app
max_body = off
[backend app]
server = https://$origin->{address}
tls_ca = @{[$pki->file('root')]}
check = off
END
    $usherd->{origins} = $origin;
    return $usherd;
}

# IO::Socket::SSL in a program of its own would be faster, but not ours to test.
subtest 'from a server' => sub {
    my $origin = origin({tls => $cert}, ['request', sub {
        my (undef, $c) = @_;
        $c->send("HTTP/1.1 200 OK\r\nContent-Length: $GIB\r\n\r\n");
        $c->send($BLOCK) for 1 .. $GIB / length $BLOCK;
        return;
    }, 'close']);
    my $usherd = tls_proxy($origin);
    my $c = client($usherd->port(1), tls => {%TLS});
    $c->send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    $c->read_until(qr/\r\n\r\n/);
    # Slow at first, so that the server runs ahead as far as it is let.
    sleep 0.5;
    my $got = length $c->rest;
    $c->{sock}->blocking(1);
    while ($got < $GIB) {
        my $n = sysread $c->{sock}, my $piece, 1 << 20;
        last if !$n;
        $got += $n;
    }
    is $got, $GIB, 'everything arrives';
    my $peak = memory_kib($usherd, 'VmHWM');
    cmp_ok $peak, '<', $LIMIT, "in bounded memory ($peak KiB)";
    $usherd->stop;
};

subtest 'to a server' => sub {
    my $origin = origin({tls => $cert}, ['head', sub {
        my (undef, $c) = @_;
        sleep 0.5;
        my $got = length $c->{buf};
        until ($got >= $GIB) {
            my $n = sysread $c->{sock}, my $piece, 1 << 20;
            last if !$n;
            $got += $n;
        }
        $c->send(answer($got >= $GIB ? 'all' : "only $got"));
        return;
    }, [stall => 1], 'close']);
    my $usherd = tls_proxy($origin);
    my $c = client($usherd->port(1), tls => {%TLS});
    $c->{timeout} = 120;
    $c->send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: $GIB\r\n\r\n");
    $c->send($BLOCK) for 1 .. $GIB / length $BLOCK;
    my $r = $c->response(method => 'POST');
    is $r && $r->{body}, 'all', 'everything arrives';
    my $peak = memory_kib($usherd, 'VmHWM');
    cmp_ok $peak, '<', $LIMIT, "in bounded memory ($peak KiB)";
    $usherd->stop;
};

subtest '10,000 certificates' => sub {
    my $n = 10_000;
    my $dir = $pki->dir;
    my ($hosts, @root) = ('', @{$pki->{made}{root}{handle}});
    for my $i (1 .. $n) {
        my ($x509) = CERT_create(key => $cert->{handle}[1], issuer => \@root, serial => $i,
            subject => {commonName => "h$i.test"}, subjectAltNames => [['DNS', "h$i.test"]]);
        spew("$dir/h$i.pem", PEM_cert2string($x509));
        CERT_free($x509);
        $hosts .= "[host h$i]\nnames = h$i.test\ncertificate = $dir/h$i.pem $cert->{key}\n";
    }
    my $text = "[global]\nworkers = 1\n[listen secure]\nbind = 127.0.0.1:%%PORT1%%\ntls = on\n$hosts"
        . "[route all]\npath = /*\nrespond = 200 \"hi\"\n";
    my $usherd = usherd($text);
    my $before = memory_kib($usherd, 'VmRSS');
    for my $i (1, 2, 777, 5000, 9999, 10_000) {
        my $c = client($usherd->port(1), tls => {SSL_hostname => "h$i.test"});
        is $c->{sock}->peer_certificate('commonName'), "h$i.test", "certificate $i is served";
    }
    # Contexts are made at first use, and not kept without a bound.
    for my $i (1 .. 3000) {
        my $c = client($usherd->port(1), tls => {SSL_hostname => "h$i.test"});
        $c->close;
    }
    my $grown = memory_kib($usherd, 'VmRSS') - $before;
    cmp_ok $grown, '<', 48 << 10, "3,000 of them used: $grown KiB more";
    spew("$dir/h1.pem", slurp($pki->leaf(h1new => names => ['h1.test'], key => 'site')->{cert}));
    ok $usherd->reload, 'a reload';
    my $c = client($usherd->port(1), tls => {SSL_hostname => 'h1.test'});
    is unpack('H*', $c->{sock}->get_fingerprint_bin('sha256')), $pki->{made}{h1new}{fingerprint}, 'and serves what has changed';
    $usherd->stop;
};

done_testing;
