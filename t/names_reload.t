# Names of servers at reloads, and signals while a start or a reload waits for them.

use strict;
use warnings;
use POSIX ();
use Test::More;
use Test::Dns 'dns';
use Test::Names;
use Test::Usherd;

subtest 'reload, check, stop' => sub {
    my $origin = at(2);
    my ($dns, $other) = map { dns('old.test' => {A => ['127.0.0.2']}, 'new.test' => {A => ['127.0.0.2']}, 'dead.test' => 'silence') } 1, 2;
    my @old = (old => "server = old.test:$PORT");
    my $test = run_usherd({config => config($dns, @old, dead => "server = dead.test:$PORT")}, '-t');
    is $test->{status}, 0, '-t has nothing against a name that does not resolve';
    is $dns->asked('old.test', 'A') + $dns->asked('dead.test', 'A'), 0, 'as it does not ask';
    my $usherd = usherd(config($dns, @old, dead => "server = dead.test:$PORT"));
    $usherd->allow_log(qr/name dead\.test/);
    ok $usherd->reload(config($dns, @old, new => "server = new.test:$PORT")), 'a reload brings new names';
    is body($usherd, "/$_"), '2', "$_ serves" for qw(old new);
    my $asked = $dns->asked('dead.test', 'A');
    ok $dns->await_asked('old.test', 'A', 2), 'names that stay are followed';
    ok $dns->asked('dead.test', 'A') <= $asked + 1, 'those that went are not';
    ok $usherd->reload(config($other, new => "server = new.test:$PORT", dead => "server = dead.test:$PORT")),
        'a reload waits for no name';
    is body($usherd, '/new'), '2', 'what is known serves at once';
    ok $other->await_asked('new.test', 'A'), 'the new name server is asked';
    # Signals while a reload waits for a name that is new.
    # A machine that stands still for longer than the wait needs another name.
    my $waits = 0;
    for my $name (map { "slow$_.test" } 1 .. 5) {
        $other->set($name => 'silence');
        spew($usherd->{ini}, $usherd->{text} = config($other, slow => "server = $name:$PORT") =~ s/%%PORT(\d)%%/free_port_at($1)/ger);
        $usherd->signal('HUP');
        $other->await_asked($name, 'A') or last;
        $usherd->signal('HUP');
        $asked = () = $usherd->log_text =~ /reading the configuration/g;
        wait_for { $waits = $usherd->log_text =~ /another one is under way/ or $asked < (() = $usherd->log_text =~ /reading the configuration/g) } 5;
        last if $waits;
    }
    ok $waits, 'a reload that asks makes another one wait';
    ok((wait_for { $usherd->log_text =~ /another one is under way.*generation \d+ serves.*generation \d+ serves/s } 10), 'which then comes');
    spew($usherd->{ini}, $usherd->{text} =~ s/slow\d\.test/slower.test/r);
    $other->set('slower.test' => 'silence');
    $usherd->signal('HUP');
    ok $other->await_asked('slower.test', 'A'), 'asked for once more';
    $usherd->allow_log(qr/name slow/);
    $usherd->stop;
};

subtest 'a reload that fails leaves the name servers alone' => sub {
    my $origin = at(2);
    my ($dns, $other) = (dns('app.test' => {A => ['127.0.0.2']}, 'late.test' => 'SERVFAIL'), dns('new.test' => {A => ['127.0.0.2']}));
    my @app = (app => "server = app.test:$PORT", late => "server = late.test:$PORT");
    my $usherd = usherd(config($dns, @app));
    $usherd->expect_log(qr/name late\.test/, qr/name new\.test|name slow/, qr/\[error\].*address already in use/i, qr/\[error\].*reload failed/);
    my $taken = IO::Socket::INET->new(LocalAddr => '127.0.0.1:0', Listen => 1);
    my $bind  = '[listen taken]' . "\nbind = 127.0.0.1:" . $taken->sockport . "\n";
    for my $i (1 .. 3) {
        $other->set("slow$i.test" => 'silence');
        my $wait = $dns->asked('app.test', 'A');
        $usherd->reload($bind . config($other, @app, new => "server = new.test:$PORT", slow => "server = slow$i.test:$PORT"));
        is scalar(() = $usherd->log_text =~ /reload failed/g), $i, "$i: a reload waits for names and fails";
        ok wait_for { $dns->asked('app.test', 'A') > $wait }, '... names that are in use are asked for where they were';
    }
    cmp_ok $other->asked('new.test', 'A'), '>', 0, 'the new name server was asked for the names that are new';
    is $dns->asked('new.test', 'A'), 0, '... and the old one was not';
    is $other->asked('app.test', 'A'), 0, '... nor the new one for those that are in use';
    is body($usherd, '/app'), '2', 'the old configuration serves';
    $other->set('app.test' => {A => ['127.0.0.2']}, 'late.test' => {A => ['127.0.0.2']});
    ok $usherd->reload(config($other, @app)), 'a reload that succeeds';
    await_addresses($usherd, 'late', '127.0.0.2');
    ok $other->await_asked('app.test', 'A'), 'now the new name server is asked for all';
    my $asked = $dns->asked('app.test', 'A');
    ok $other->await_asked('app.test', 'A', 2), '... again and again';
    is $dns->asked('app.test', 'A'), $asked, '... and the old one no more';
    $usherd->stop;
};

subtest 'the end comes while a start waits' => sub {
    my ($dns, $dir) = (dns('dead.test' => 'silence'), scratch());
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        $dns->await_asked('dead.test', 'A');
        kill TERM => slurp("$dir/usherd.pid");
        POSIX::_exit(0);
    }
    my $usherd = usherd(config($dns, dead => "server = dead.test:$PORT"), dir => $dir, fails => 1);
    waitpid $pid, 0;
    is $usherd->{status}, 0, 'it ends at once';
    unlike $usherd->log_text, qr/is ready/, 'without having begun';
    $usherd->stop;
};

done_testing;
