# The PROXY protocol, versions 1 and 2, from a trusted sender and towards a server.

use strict;
use warnings;
use Socket qw(inet_pton AF_INET AF_INET6);
use Test::More;
use Test::Usherd;

my $GET = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
my $SIG = "\r\n\r\n\0\r\nQUIT\n";

sub v2 {
    my ($command, $family, $addresses, $tlvs) = @_;
    my $rest = $addresses . ($tlvs // '');
    return $SIG . pack('CCn', 0x20 | $command, $family, length $rest) . $rest;
}

sub v2_tcp4 {
    my ($from, $to, $from_port, $to_port, $tlvs) = @_;
    return v2(1, 0x11, inet_pton(AF_INET, $from) . inet_pton(AF_INET, $to) . pack('nn', $from_port, $to_port), $tlvs);
}

sub receiver {
    my ($origin, %text) = @_;
    return proxy($origin, listen => "proxy_protocol = on\n" . ($text{listen} // 'trusted_proxies = 127.0.0.1'),
        route => 'access_log = log', more => "[log log]\npath = %%DIR%%/access.log\nformat = \$remote_addr \$remote_port \$peer_addr");
}

subtest 'headers that are accepted' => sub {
    my $origin = origin();
    my $usherd = receiver($origin);
    my $v6 = inet_pton(AF_INET6, '2001:db8::9') . inet_pton(AF_INET6, '::1') . pack('nn', 700, 80);
    my @cases = (
        ["PROXY TCP4 1.2.3.4 5.6.7.8 1111 80\r\n", '1.2.3.4 1111 127.0.0.1'],
        ["PROXY TCP6 2001:db8::1 ::1 2222 80\r\n", '2001:db8::1 2222 127.0.0.1'],
        [v2_tcp4('9.8.7.6', '1.1.1.1', 3333, 80), '9.8.7.6 3333 127.0.0.1'],
        [v2_tcp4('9.8.7.6', '1.1.1.1', 3334, 80, pack('Cn/a*', 0x04, 'padding')), '9.8.7.6 3334 127.0.0.1'],
        [v2(1, 0x21, $v6), '2001:db8::9 700 127.0.0.1'],
        ["PROXY UNKNOWN\r\n", qr/^127\.0\.0\.1 \d+ 127\.0\.0\.1$/],
        [v2(0, 0, ''), qr/^127\.0\.0\.1 \d+ 127\.0\.0\.1$/],
    );
    for my $case (@cases) {
        my $c = client($usherd->port(1));
        $c->send($case->[0] . $GET);
        is $c->response->{status}, 200, 'an answer';
        $c->close;
        $c = client($usherd->port(1));
        $c->send($case->[0] . $GET, step => 1);
        is $c->response(method => 'GET')->{status}, 200, 'an answer, byte by byte';
    }
    is field(($origin->requests)[0], 'x-forwarded-for'), '1.2.3.4', 'the server learns the address';
    $usherd->stop;
    my @lines = split /\n/, slurp($usherd->dir . '/access.log');
    for my $i (0 .. $#cases) {
        my $want = ref $cases[$i][1] ? $cases[$i][1] : qr/^\Q$cases[$i][1]\E$/;
        like $lines[2 * $i + $_] // '', $want, 'the log has the address' for 0, 1;
    }
};

subtest 'headers that are refused' => sub {
    my $origin = origin();
    my $usherd = receiver($origin);
    my %cases = (
        'none at all'         => '',
        'a bad family'        => "PROXY TCP5 1.2.3.4 5.6.7.8 1 2\r\n",
        'a bad address'       => "PROXY TCP4 1.2.3.400 5.6.7.8 1 2\r\n",
        'a bad port'          => "PROXY TCP4 1.2.3.4 5.6.7.8 1 99999\r\n",
        'a missing port'      => "PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n",
        'one that is too long' => 'PROXY TCP4 ' . '1' x 200 . "\r\n",
        'a bare line feed'    => "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n",
        'version 3'           => $SIG . pack('CCn', 0x31, 0x11, 0),
        'addresses cut short' => v2(1, 0x11, 'abc'),
        'an unknown command'  => v2(7, 0x11, 'x' x 12),
    );
    for my $name (sort keys %cases) {
        my $c = client($usherd->port(1));
        $c->send($cases{$name} . $GET);
        isnt $c->end, 'open', "$name: closed";
        is $c->rest, '', 'without an answer';
    }
    is scalar $origin->requests, 0, 'nothing reached the server';
    $usherd->allow_log(qr/\[warn\]/);
    $usherd->stop;
};

subtest 'a sender that is not trusted' => sub {
    my $origin = origin();
    my $usherd = receiver($origin, listen => 'trusted_proxies = 10.0.0.0/8');
    my $c = client($usherd->port(1));
    $c->send("PROXY TCP4 1.2.3.4 5.6.7.8 1111 80\r\n$GET");
    isnt $c->end, 'open', 'is closed';
    is $c->rest, '', 'without an answer';
    $usherd->allow_log(qr/\[warn\]/);
    $usherd->stop;
};

subtest 'a header that does not come' => sub {
    my $usherd = receiver(origin(), listen => "trusted_proxies = 127.0.0.1\nheader_timeout = 300ms");
    my $c = client($usherd->port(1));
    $c->send('PROXY TCP4 1.2');
    isnt $c->end(5), 'open', 'is not waited for longer than header_timeout';
    $usherd->allow_log(qr/\[warn\]/);
    $usherd->stop;
};

subtest 'towards a server' => sub {
    for my $version (qw(v1 v2)) {
        my $header = $version eq 'v1' ? qr/\A[^\r]*\r\n/ : qr/\A\Q$SIG\E..\0\x0c.{12}/s;
        my $origin = origin([[until => $header], 'request', [send => answer('ok')], 'request', [send => answer('ok')], 'eof']);
        my $usherd = proxy($origin, backend => "proxy_protocol = $version");
        my $c = client($usherd->port(1));
        my ($port, $to) = ($c->{sock}->sockport, $usherd->port(1));
        $c->send($GET);
        is +($c->response // {})->{body}, 'ok', "$version: answered";
        if ($version eq 'v1') {
            like $origin->raw(1), qr/\APROXY TCP4 127\.0\.0\.1 127\.0\.0\.1 $port $to\r\n/, 'the header names the client';
        } else {
            my ($verb, $family, $length, $from, $local, $from_port, $to_port) = unpack 'x12 C C n a4 a4 n n', $origin->raw(1);
            is_deeply [$verb, $family, $length, $from_port, $to_port], [0x21, 0x11, 12, $port, $to], 'the header names the client';
            is Socket::inet_ntoa($from), '127.0.0.1', 'with its address';
        }
        $c->send($GET);
        is +($c->response // {})->{body}, 'ok', 'the next request of that client';
        my $before = $origin->connections;
        is +(get($usherd->port(1), '/') // {})->{body}, 'ok', 'another client';
        is $origin->connections, $before + 1, 'is not sent over a connection that names somebody else';
        $usherd->stop;
    }
};

done_testing;
