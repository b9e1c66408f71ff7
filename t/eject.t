# Servers that fail again and again are left alone for a while; never too many of them at once.

use strict;
use warnings;
use JSON::PP 'decode_json';
use Test::More;
use Test::Usherd;
use Time::HiRes qw(sleep time);

my $ADMIN = "[admin]\nlisten = 127.0.0.1:%%PORT9%%\nnames = a.test\n";
my $BAD   = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 3\r\n\r\nbad";

# What a bad server does, by name.
my %FAULTS = (
    'refuses'            => undef,
    'answers 502'        => [$BAD =~ s/503/502/r],
    'answers 503'        => [$BAD],
    'answers 504'        => [$BAD =~ s/503/504/r],
    'resets'             => [['request', 'reset']],
    'closes at once'     => [['close']],
    'resets in the body' => [['request', [send => "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"], [stall => 0.05], 'reset']],
    'sends garbage'      => [['request', [send => "garbage\r\n\r\n"], 'close']],
    'stalls'             => [['request', [stall => 10]]],
);

sub ejecting {
    my ($servers, $backend, $workers) = @_;
    return proxy($servers, options => {args => ['-g', 'global.workers=' . ($workers // 1)]}, more => $ADMIN,
        backend => "check = off\nretry_budget = off\nslow_start = off\n$backend");
}

sub servers {
    my ($usherd) = @_;
    my $status = decode_json(get($usherd->port(9), '/status.json')->{body});
    return @{$status->{backends}[0]{servers}};
}

sub states { return join ' ', map { $_->{state} } servers($_[0]) }
sub finish { my ($usherd) = @_; $usherd->allow_log(qr/\[warn\]/); $usherd->stop; return }

for my $fault (sort keys %FAULTS) {
    subtest "a server that $fault" => sub {
        my $bad  = $FAULTS{$fault} && origin(@{$FAULTS{$fault}});
        my $good = origin(answer('good'));
        my $usherd = ejecting([$bad // '127.0.0.1:' . free_port(), $good],
            "eject = errors=3 time=60s\nretries = 1\nretry_on = connect reset timeout 502 503 504\n"
            . "first_byte_timeout = 200ms\n");
        my $tries = 0;
        get($usherd->port(1), '/') while states($usherd) ne 'ejected up' && $tries++ < 20;
        is states($usherd), 'ejected up', "ejected after $tries requests";
        cmp_ok $tries, '>=', 3, 'not before three errors';
        like $usherd->await_log(qr/ejected/),
            qr/\[notice\] \d+: backend app: server 127\.0\.0\.1:\d+: ejected for 60 s after 3 errors in a row/,
            'one line says so';
        is get($usherd->port(1), '/')->{body}, 'good', 'the other serves' for 1 .. 6;
        like get($usherd->port(9), '/metrics')->{body}, qr/^usherd_server_ejections_total\{[^}]*\} 1$/m, 'a metric counts it';
        is((servers($usherd))[0]{ejections}, 1, 'status.json too');
        ok $bad->await_event(qr/^1 eof/), 'its idle connections are closed' if $fault =~ /answers/;
        finish($usherd);
    };
}

subtest 'errors that are not in a row' => sub {
    my $bad = origin(['request', [send => $BAD], 'request', [send => answer('ok')], 'loop']);
    my $usherd = ejecting($bad, 'eject = errors=2 time=60s max=100%');
    my $c = client($usherd->port(1));
    my %seen;
    for (1 .. 12) {
        $c->send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        $seen{$c->response->{status}}++;
    }
    is_deeply \%seen, {200 => 6, 503 => 6}, 'every second one fails';
    is states($usherd), 'up', 'which ejects nobody';
    finish($usherd);
};

subtest 'all workers at once, and back after its time' => sub {
    my $bad = origin(['request', [send => $BAD], 'close']);
    my $good = origin(answer('good'));
    my $usherd = ejecting([$bad, $good], "eject = errors=4 time=700ms\nretries = 0\n", 3);
    my @c = map { client($usherd->port(1)) } 1 .. 60;
    my $failed = 0;
    for my $c (@c) {
        $c->send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        $failed++ if $c->response->{status} != 200;
    }
    # While it is out nobody sees it; it comes back every now and then and fails again.
    cmp_ok $failed, '>=', 4, 'four errors';
    ok $usherd->await_log(qr/ejected for 0.7 s/), 'ejected';
    ok wait_for { get($usherd->port(1), '/')->{status} == 503 } , 'it is tried again after its time';
    ok wait_for { get($usherd->port(1), '/'); (servers($usherd))[0]{ejections} >= 2 }, 'and ejected again';
    finish($usherd);
};

subtest 'never more than max' => sub {
    my @bad = map { origin($BAD) } 1 .. 4;
    my $usherd = ejecting(\@bad, "eject = errors=2 time=60s max=50%\nretries = 0\n", 3);
    my $most = 0;
    for (1 .. 60) {
        get($usherd->port(1), '/');
        my $out = grep { $_->{state} eq 'ejected' } servers($usherd);
        $most = $out if $out > $most;
    }
    is $most, 2, 'two of four';
    is get($usherd->port(1), '/')->{body}, 'bad', 'the others go on as well as they can';
    finish($usherd);

    $usherd = ejecting($bad[0], "eject = errors=2 time=60s max=50%\nretries = 0\n");
    get($usherd->port(1), '/') for 1 .. 10;
    is states($usherd), 'up', 'a server that is alone stays';
    finish($usherd);
};

subtest 'all_down' => sub {
    my $bad = origin($BAD);
    for my $policy (qw(fail try_all)) {
        my $usherd = ejecting($bad, "eject = errors=2 time=60s max=100%\nretries = 0\nall_down = $policy\n");
        get($usherd->port(1), '/') for 1 .. 2;
        is states($usherd), 'ejected', 'ejected';
        my $r = get($usherd->port(1), '/');
        is $r->{status}, 503, "$policy: 503";
        if ($policy eq 'fail') {
            isnt $r->{body}, 'bad', 'of our own';
        } else {
            is $r->{body}, 'bad', 'of the server';
        }
        finish($usherd);
    }
};

# Nobody fails if clients do not want all of a response; that it began well ends a row of errors.
subtest 'clients that leave' => sub {
    my $head = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n";
    my $origin = origin(map { (["request", [send => $BAD], 'close'], ['request', [send => $head], 'eof']) } 1 .. 4);
    my $usherd = ejecting($origin, "eject = errors=2 time=60s max=100%\nretries = 0\nkeepalive = 0\n");
    for my $n (1 .. 4) {
        is get($usherd->port(1), '/')->{status}, 503, 'an error';
        my $c = client($usherd->port(1));
        $c->send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        ok $c->read_until(qr/200 OK/), 'a response begins';
        $c->reset;
        ok wait_for { !(servers($usherd))[0]{requests_in_flight} }, 'its client leaves';
    }
    is states($usherd), 'up', 'the server stays';
    finish($usherd);
};

subtest 'off' => sub {
    my ($bad, $good) = (origin($BAD), origin(answer('good')));
    my $usherd = ejecting([$bad, $good], "eject = off\nretries = 0\n");
    get($usherd->port(1), '/') for 1 .. 30;
    is states($usherd), 'up up', 'nobody is ejected';
    finish($usherd);
};

done_testing;
