# Names of servers when name servers fail, lie or say nothing, also at a start.

use strict;
use warnings;
use POSIX ();
use Test::More;
use Test::Dns 'dns';
use Test::Names;
use Test::Usherd;
use Time::HiRes qw(sleep time);

subtest 'what was known stays over failures' => sub {
    my %broken = (servfail => 'SERVFAIL', refused => 'REFUSED', silence => 'silence',
        short   => {garbage => ''}, random => {garbage => "\x81\x80" . "\xff" x 40},
        pointer => {records => "\xc0\x0c" x 20}, cut => {records => "\xc0\x0c\0\1\0\1\0\0\0\1\0\4\x7f"});
    my $origin = at(2);
    my $dns    = dns(map { ("$_.test" => {A => ['127.0.0.2']}) } keys %broken, 'half', 'gone');
    my $usherd = usherd(config($dns, map { ($_ => "server = $_.test:$PORT") } keys %broken, 'half', 'gone'));
    $usherd->allow_log(qr/name \w+\.test: lookup failed, what was known stays: /);
    is body($usherd, "/$_"), '2', "$_ resolves" for keys %broken;
    $dns->set(map { ("$_.test" => $broken{$_}) } keys %broken);
    $dns->set('half.test' => {A => ['127.0.0.2'], AAAA => 'SERVFAIL'}, 'gone.test' => undef);
    # A definite answer is believed when it came twice.
    $usherd->expect_log(qr/name gone\.test: does not resolve, so its servers are down: no such name/,
        qr/backend gone: no server is up/);
    await_addresses($usherd, 'gone', 'unresolved');
    is((servers($usherd, 'gone'))[0]{state_by}, 'dns', 'it is down for the reason dns');
    is get($usherd->port(1), '/gone')->{status}, 503, 'nobody is left';
    for my $name (sort keys %broken) {
        ok $usherd->await_log(qr/name $name\.test: lookup failed/, 30), "$name: the log tells";
        is addresses($usherd, $name), '127.0.0.2', 'the address stays';
        is body($usherd, "/$name"), '2', 'and serves';
    }
    unlike $usherd->log_text, qr/\[(?:warn|notice)\].*name half/, 'one family without an answer hurts nobody';
    my @told = $usherd->log_text =~ /name servfail\.test/g;
    $dns->await_asked('servfail.test', 'A', 2);
    is scalar(() = $usherd->log_text =~ /name servfail\.test/g), @told, 'it is told once';
    $dns->set(map { ("$_.test" => {A => ['127.0.0.2']}) } keys %broken, 'gone');
    like $usherd->await_log(qr/name servfail\.test: resolves/), qr/\[notice\].* resolves again: 127\.0\.0\.2$/, 'and so is its end';
    await_addresses($usherd, 'gone', '127.0.0.2');
    is body($usherd, '/gone'), '2', 'a name that comes back serves';
    $usherd->stop;
};

subtest 'a start waits for nobody' => sub {
    my $origin = at(2);
    my $dns    = dns('dead.test' => 'silence', 'good.test' => {A => ['127.0.0.2']});
    my $usherd = usherd(config($dns, good => "server = good.test:$PORT", dead => "server = dead.test:$PORT",
            none => "server = none.test:$PORT\nserver = 127.0.0.2:$PORT backup"));
    $usherd->expect_log(qr/name none\.test: does not resolve, so its servers are down: no such name/,
        qr/backend dead: no server is up/);
    ok $dns->asked('dead.test', 'A'), 'a name was asked for';
    unlike $usherd->log_text, qr/name dead/, 'that has no answer when others are served';
    is addresses($usherd, 'dead'), 'unresolved', 'its server is down';
    is get($usherd->port(1), '/dead')->{status}, 503, 'so there is none';
    is body($usherd, '/good'), '2', 'another backend serves';
    is body($usherd, '/none'), '2', 'one with another server does too';
    $dns->set('dead.test' => {A => ['127.0.0.2']}, 'none.test' => {A => ['127.0.0.3']});
    await_addresses($usherd, 'dead', '127.0.0.2');
    is body($usherd, '/dead'), '2', 'the name comes, and serves';
    await_addresses($usherd, 'none', '127.0.0.2 127.0.0.3');
    $usherd->allow_log(qr/127\.0\.0\.3/);
    $usherd->stop;
};

subtest 'a start that is to stop' => sub {
    for my $signal (qw(QUIT TERM)) {
        my $dns = dns('dead.test' => 'silence');
        my $dir = scratch();
        my $killer = fork // die "fork: $!";
        if (!$killer) {
            my $end = time + 15;
            sleep 0.01 until $dns->asked('dead.test', 'A') || time > $end;
            kill $signal => slurp("$dir/usherd.pid") =~ /(\d+)/;
            POSIX::_exit(0);
        }
        my $usherd = usherd(config($dns, dead => "server = dead.test:$PORT"), dir => $dir, fails => 1);
        waitpid $killer, 0;
        is $usherd->{status}, 0, "SIG$signal ends it at once";
        unlike $usherd->log_text, qr/is ready/, 'before it served';
        ok !-e "$dir/usherd.pid", 'the pid file is gone';
        $usherd->stop;
    }
};

done_testing;
