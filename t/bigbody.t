# A body of 1 GiB in each direction: memory stays bounded, whichever side is slow.

use strict;
use warnings;
use Test::More;
use Test::Usherd;
use Time::HiRes qw(sleep time);

plan skip_all => 'memory is asserted on the release build only' if sanitized();
plan skip_all => 'USHERD_QUICK is set' if $ENV{USHERD_QUICK};

my $GIB   = 1 << 30;
my $BLOCK = 'x' x (1 << 20);
my $LIMIT = 64 << 10;    # KiB

sub memory_kib {
    my ($usherd) = @_;
    my $max = 0;
    for my $pid ($usherd->workers) {
        my ($peak) = (slurp("/proc/$pid/status") // '') =~ /^VmHWM:\s+(\d+)/m;
        $max = $peak if ($peak // 0) > $max;
    }
    return $max;
}

sub download {
    my ($how, $send) = @_;
    my $origin = origin(['request', sub {
        my (undef, $c) = @_;
        $c->send("HTTP/1.1 200 OK\r\n" . ($how eq 'chunked' ? 'Transfer-Encoding: chunked' : "Content-Length: $GIB") . "\r\n\r\n");
        $send->($c);
        return;
    }, 'close']);
    my $usherd = proxy($origin);
    my $c = client($usherd->port(1));
    $c->send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    $c->read_until(qr/\r\n\r\n/);
    # Slow at first, so that the server runs ahead as far as it is let.
    sleep 0.5;
    my $got = length $c->rest;
    while (1) {
        my $n = sysread $c->{sock}, my $piece, 1 << 20;
        last if !$n;
        $got += $n;
        last if $how ne 'chunked' && $got >= $GIB;
    }
    cmp_ok $got, '>=', $GIB, "$how: everything arrives";
    my $peak = memory_kib($usherd);
    cmp_ok $peak, '<', $LIMIT, "in bounded memory ($peak KiB)";
    $usherd->stop;
    return;
}

subtest 'from a server, with a length' => sub {
    download('length', sub { my ($c) = @_; $c->send($BLOCK) for 1 .. $GIB / length $BLOCK });
};

subtest 'from a server, in chunks' => sub {
    my $chunk = sprintf("%x\r\n%s\r\n", length $BLOCK, $BLOCK);
    download('chunked', sub { my ($c) = @_; $c->send($chunk) for 1 .. $GIB / length $BLOCK; $c->send("0\r\n\r\n") });
};

sub upload {
    my ($name, $fields, $block, $end) = @_;
    my $origin = origin(['head', sub {
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
    my $usherd = proxy($origin, route => 'max_body = off');
    my $c = client($usherd->port(1));
    $c->{timeout} = 120;
    $c->send("POST / HTTP/1.1\r\nHost: a.test\r\n$fields\r\n\r\n");
    $c->send($block) for 1 .. $GIB / length $BLOCK;
    $c->send($end);
    my $r = $c->response(method => 'POST');
    is $r && $r->{body}, 'all', "$name: everything arrives";
    my $peak = memory_kib($usherd);
    cmp_ok $peak, '<', $LIMIT, "in bounded memory ($peak KiB)";
    $usherd->stop;
    return;
}

subtest 'to a server, with a length' => sub { upload('length', "Content-Length: $GIB", $BLOCK, '') };
subtest 'to a server, in chunks' => sub {
    upload('chunked', 'Transfer-Encoding: chunked', sprintf("%x\r\n%s\r\n", length $BLOCK, $BLOCK), "0\r\n\r\n");
};

done_testing;
