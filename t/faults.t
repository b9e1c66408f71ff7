# What goes wrong around usherd: killed workers, reloads under traffic, no descriptors, full disks.

use strict;
use warnings;
use POSIX ();
use Test::More;
use Test::Usherd;
use Time::HiRes qw(sleep time);

my $GET = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";

# Starts processes that send requests until told to stop; returns a function that stops them and
# returns how many were answered, and a list of what failed. Fresh connections every so often.
sub traffic {
    my ($port, $processes) = @_;
    my @jobs;
    for (1 .. $processes // 4) {
        pipe my $read, my $write or die $!;
        my $pid = fork // die $!;
        if (!$pid) {
            close $read;
            my ($stop, $n, @failed) = (0, 0);
            $SIG{TERM} = sub { $stop = 1 };
            my ($c, $on_it) = (undef, 0);
            until ($stop) {
                my $r = eval {
                    ($c, $on_it) = (client($port), 0) unless $c;
                    $c->send("GET /$n HTTP/1.1\r\nHost: a.test\r\n\r\n");
                    $c->response(lax => 1);
                };
                if ($r && $r->{status} == 200) {
                    $n++;
                    $on_it++;
                    undef $c if $r->{close} || $on_it >= 20;
                } else {
                    push @failed, $r ? $r->{status} : $@ ? "connect $@" : "$c->{state} after $on_it";
                    undef $c;
                }
            }
            print {$write} join "\n", $n, @failed;
            close $write;
            POSIX::_exit(0);
        }
        close $write;
        push @jobs, [$pid, $read];
    }
    return sub {
        my ($answered, @failed) = (0);
        for my $job (@jobs) {
            kill TERM => $job->[0];
            my ($n, @f) = split /\n/, do { local $/; readline $job->[1] } // '';
            waitpid $job->[0], 0;
            $answered += $n // 0;
            push @failed, @f;
        }
        return ($answered, @failed);
    };
}

# Waits until so many more have come.
sub more_requests {
    my ($origin, $n) = @_;
    my $before = $origin->requests;
    return wait_for { $origin->requests > $before + $n };
}

subtest 'a worker that is killed' => sub {
    my $origin = origin();
    my $usherd = proxy($origin, options => {args => ['-g', 'global.workers=2']});
    my @before = $usherd->workers;
    is scalar @before, 2, 'two workers';
    my $stop = traffic($usherd->port(1));
    ok more_requests($origin, 50), 'requests are under way';
    kill KILL => $before[0];
    ok wait_for { my @now = $usherd->workers; @now == 2 && !grep { $_ == $before[0] } @now }, 'another one takes its place';
    ok more_requests($origin, 50), 'requests go on';
    my ($answered, @failed) = $stop->();
    cmp_ok scalar @failed, '<=', 4, 'only those of the dead worker failed' or diag "@failed";
    $usherd->expect_log(qr/\[error\].*worker \d+ \(pid $before[0]\b[^)]*\) died/);
    $usherd->stop;
};

subtest 'a worker that keeps dying' => sub {
    my $usherd = proxy(origin());
    my %killed;
    for (1 .. 3) {
        my ($pid) = wait_for { my ($p) = grep { !$killed{$_} } $usherd->workers; $p };
        ($pid) = grep { !$killed{$_} } $usherd->workers;
        $killed{$pid} = 1;
        kill KILL => $pid;
        ok wait_for { grep { !$killed{$_} } $usherd->workers }, 'comes back';
    }
    ok wait_for { my $r = eval { get($usherd->port(1), '/') }; $r && $r->{status} == 200 }, 'and serves';
    $usherd->allow_log(qr/\[error\].*worker/, qr/\[warn\]/);
    $usherd->stop;
};

subtest 'in-flight counts after a death' => sub {
    my $origin = origin(['request', [stall => 20]], answer('free'));
    my $usherd = proxy("$origin->{address} max_conns=1", backend => 'queue = off');
    my $c = client($usherd->port(1));
    $c->send($GET);
    $origin->await_requests(1);
    is get($usherd->port(1), '/')->{status}, 503, 'the server is full';
    my ($worker) = $usherd->workers;
    kill KILL => $worker;
    ok wait_for { my $r = eval { get($usherd->port(1), '/') }; $r && $r->{status} == 200 }, 'its place is free again after the death of who held it';
    $usherd->expect_log(qr/\[error\].*died/);
    $usherd->allow_log(qr/\[warn\]/);
    $usherd->stop;
};

subtest 'reloads under traffic' => sub {
    my $origin = origin();
    my $usherd = proxy($origin, options => {args => ['-g', 'global.workers=2']});
    my $stop = traffic($usherd->port(1));
    for my $n (1 .. 5) {
        ok $usherd->reload, "reload $n";
        ok more_requests($origin, 20), 'requests go on';
    }
    my ($answered, @failed) = $stop->();
    is_deeply \@failed, [], 'none failed' or diag "$answered answered";
    ok wait_for { $usherd->workers == 2 }, 'the old workers are gone';
    $usherd->stop;
};

subtest 'a reload takes the new file' => sub {
    my ($old, $new) = (origin(answer('old')), origin(answer('new')));
    my $usherd = proxy($old);
    my $idle = client($usherd->port(1));
    $idle->send($GET);
    is $idle->response->{body}, 'old', 'before';
    ok $usherd->reload($usherd->{text} =~ s/\Q$old->{address}\E/$new->{address}/r), 'reload';
    is get($usherd->port(1), '/')->{body}, 'new', 'after';
    $idle->send($GET);
    my $r = $idle->response;
    is $r->{body}, 'old', 'an idle connection is still answered by its worker';
    is $r->{close}, 1, 'which then lets it go';
    $usherd->stop;
};

subtest 'a listener that comes and one that goes' => sub {
    my $usherd = proxy(origin());
    my $text = $usherd->{text};
    my ($one, $two) = ($usherd->port(1), $usherd->port(2));
    ok $usherd->reload($text . "[listen two]\nbind = 127.0.0.1:$two\n"), 'add one';
    is get($two, '/')->{status}, 200, 'it answers';
    ok $usherd->reload($text =~ s/\Q:$one\E\b/:$two/r), 'remove the first';
    is get($two, '/')->{status}, 200, 'the other one stays';
    ok wait_for { !eval { client($one) } }, 'it is closed';
    $usherd->stop;
};

subtest 'a reload of a broken file' => sub {
    my $usherd = proxy(origin(answer('old')));
    my $text = $usherd->{text};
    my @before = $usherd->workers;
    spew($usherd->{ini}, $text . "[route x]\nnonsense = 1\n");
    $usherd->signal('HUP');
    ok $usherd->await_log(qr/usherd\.ini:\d+: \[route x\] nonsense: unknown key/), 'the error log says what is wrong';
    is get($usherd->port(1), '/')->{body}, 'old', 'the old configuration goes on';
    is_deeply [$usherd->workers], \@before, 'with the same workers';

    my $taken = origin();
    spew($usherd->{ini}, $text . "[listen x]\nbind = $taken->{address}\n");
    $usherd->signal('HUP');
    ok $usherd->await_log(qr/\Q$taken->{address}\E.*in use/i), 'an address that is taken';
    is get($usherd->port(1), '/')->{body}, 'old', 'changes nothing either';
    is_deeply [$usherd->workers], \@before, 'with the same workers';
    spew($usherd->{ini}, $text);
    ok $usherd->reload, 'and a good file can be loaded afterwards';
    $usherd->allow_log(qr/\[(?:warn|error)\]/);
    $usherd->stop;
};

subtest 'quit waits for what is running' => sub {
    my $origin = origin(['request', [stall => 0.7], [send => answer('late')]]);
    my $usherd = proxy($origin);
    my $c = client($usherd->port(1));
    $c->send($GET);
    $origin->await_requests(1);
    $usherd->signal('QUIT');
    ok wait_for { !eval { client($usherd->port(1)) } }, 'nobody is let in any more';
    my $r = $c->response;
    is $r && $r->{body}, 'late', 'the last answer is finished';
    $usherd->stop(0);
};

subtest 'quit has an end' => sub {
    my $origin = origin(['request', 'eof']);
    my $usherd = proxy($origin, options => {args => ['-g', 'global.shutdown_timeout=500ms']});
    my $c = client($usherd->port(1));
    $c->send($GET);
    $origin->await_requests(1);
    my $start = time;
    $usherd->allow_log(qr/\[warn\]/);
    $usherd->stop('QUIT');
    cmp_ok time - $start, '<', 25, 'shutdown_timeout';
};

subtest 'no descriptors left' => sub {
    my $usherd = proxy(origin(['request', [send => answer('ok')], 'loop']), global => 'max_connections = 1000');
    my ($worker) = $usherd->workers;
    my ($highest) = sort { $b <=> $a } map { m{(\d+)$} } glob "/proc/$worker/fd/*";
    my $limit = $highest + 40;
    system('prlimit', "--pid=$worker", "--nofile=$limit:$limit") == 0 or plan skip_all => 'prlimit does not work here';
    my @c = map { client($usherd->port(1)) } 1 .. 100;
    $_->send($GET) for @c;
    my $n = grep { my $r = $_->response(timeout => 0.05); $r && $r->{status} == 200 } @c;
    cmp_ok $n, '>', 5, "some are served ($n)";
    my ($u) = (slurp("/proc/$worker/stat") =~ /\) (.*)/s)[0];
    my $before = (split ' ', $u)[11] + (split ' ', $u)[12];
    sleep 0.5;
    ($u) = (slurp("/proc/$worker/stat") =~ /\) (.*)/s)[0];
    cmp_ok((split ' ', $u)[11] + (split ' ', $u)[12] - $before, '<', 25, 'it does not spin');
    $_->close for @c;
    ok wait_for { my $r = eval { get($usherd->port(1), '/') }; $r && $r->{status} == 200 }, 'and it recovers';
    is_deeply [$usherd->workers], [$worker], 'with the same worker';
    $usherd->allow_log(qr/\[(?:warn|error)\].*(?:descriptor|Too many open files|connections)/);
    $usherd->stop;
};

subtest 'a master that dies' => sub {
    my $origin = origin();
    my $usherd = proxy($origin);
    my ($worker) = $usherd->workers;
    kill KILL => $usherd->{pid};
    waitpid $usherd->{pid}, 0;
    is get($usherd->port(1), '/')->{status}, 200, 'its workers go on';
    $usherd->_ended(9);
    $usherd->start;
    ok wait_for { !-d "/proc/$worker" || slurp("/proc/$worker/stat") =~ /\) Z/ }, 'the next master sends them away';
    is get($usherd->port(1), '/')->{status}, 200, 'and serves';
    $usherd->allow_log(qr/\[warn\]/);
    $usherd->stop;
};

# What the workers know is in memory that they share, and outlives who made it.
subtest 'balancing without a master' => sub {
    my $dir = scratch();
    my ($down, $bad) = (free_port(), origin("HTTP/1.1 503 Busy\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbad"));
    my $held = origin(['request', sub { wait_for { -e "$dir/go" } 20; return answer('served') }, 'loop']);
    my $good = origin(answer('good'));
    my $usherd = proxy(["127.0.0.1:$down", $good], options => {args => ['-g', 'global.workers=2']},
        backend => "check = tcp interval=50ms\n",
        more => "[admin]\nlisten = 127.0.0.1:%%PORT9%%\nnames = a.test\n"
        . "[route held]\npath = /held\nbackend = held\n[backend held]\nqueue = 20 timeout=20s\nserver = $held->{address} max_conns=1\n"
        . "[route bad]\npath = /bad\nbackend = bad\n[backend bad]\ncheck = off\neject = errors=2 time=500ms max=100%\nretries = 0\nserver = $bad->{address}\n");
    ok $usherd->await_log(qr/127\.0\.0\.1:$down: down/), 'a check finds a server down';
    ok wait_for { get($usherd->port(9), '/metrics')->{body} =~ /^usherd_server_checks_total\{[^}]*\Q$good->{address}\E[^}]*result="good"\} [1-9]/m },
        'and the other one up';
    my @workers = $usherd->workers;
    kill KILL => $usherd->{pid};
    waitpid $usherd->{pid}, 0;
    $usherd->_ended(9);

    my $late = origin({port => $down}, answer('late'));
    is get($usherd->port(1), '/')->{body}, 'good', 'what was down stays down, and what was up serves' for 1 .. 8;
    is $late->connections, 0, 'nobody looks any more';
    my $ejected = sub { get($usherd->port(9), '/metrics')->{body} =~ /^usherd_server_state\{backend="bad"[^}]*state="ejected"/m };
    my $sees = sub { get($usherd->port(1), '/bad')->{body} eq 'bad' };
    ok wait_for { $sees->(); $ejected->() }, 'a server that fails is taken out';
    ok wait_for { $sees->() }, 'and comes back after its time';

    my @c = map { client($usherd->port(1)) } 1 .. 9;
    $_->send("GET /held HTTP/1.1\r\nHost: a.test\r\n\r\n") for @c;
    ok wait_for { get($usherd->port(9), '/metrics')->{body} =~ /^usherd_backend_queue\{backend="held"\} 8$/m }, 'requests wait for places';
    kill QUIT => @workers;
    ok wait_for { !eval { client($usherd->port(1)) } }, 'told to end, the workers accept no more';
    spew("$dir/go", '');
    is scalar(grep { ($_->response // {})->{body} eq 'served' } @c), 9, 'they finish what they have';
    $_->close for @c;
    ok wait_for { !grep { -d "/proc/$_" && slurp("/proc/$_/stat") !~ /\) Z/ } @workers }, 'and are gone';
    is scalar($held->requests), 9, 'each request was sent once';
    $usherd->allow_log(qr/\[warn\]/);
    $usherd->judge;
};

# Workers that are in no list yet would keep the addresses, and nobody would know of them.
subtest 'a master that dies while it forks' => sub {
    my ($dir, $port) = (scratch(), free_port());
    my $config = "[listen web]\nbind = 127.0.0.1:$port\n[route all]\npath = /*\nrespond = 200 ok\n";
    pipe my $from, my $to;
    my $killer = fork // die "fork: $!";
    if (!$killer) {
        my $end = time + 15;
        my ($pid, $children) = (0, '');
        while ($children eq '' && time < $end) {
            ($pid) = (slurp("$dir/usherd.pid") // '') =~ /^(\d+)$/ or next;
            $children = slurp("/proc/$pid/task/$pid/children") // '';
        }
        kill KILL => $pid if $pid;
        syswrite $to, $children;
        POSIX::_exit(0);
    }
    my $usherd = usherd($config, dir => $dir, fails => 1, args => ['-g', 'global.workers=60']);
    waitpid $killer, 0;
    sysread $from, my $first, 4096;
    is $usherd->{status}, 'signal 9', 'it was killed when it had forked';
    like $first, qr/^\d+ /, 'a worker or more';
    ok wait_for { !grep { (slurp("/proc/$_/comm") // '') =~ /usherd/ } split ' ', $first }, 'which end';
    $usherd->allow_log(qr/\[warn\]/);
    $usherd->start;
    is get($port, '/')->{status}, 200, 'the next master serves';
    $usherd->stop;
};

subtest 'a second master' => sub {
    my $usherd = proxy(origin());
    my $r = run_usherd('-f', '-c', $usherd->{ini}, '-g', "global.pid_file=$usherd->{pidfile}", '-g', "global.error_log=%%DIR%%/second.log");
    is $r->{status}, 1, 'is refused';
    like $r->{err}, qr/\b$usherd->{pid}\b|running|in use/, 'and says why';
    is get($usherd->port(1), '/')->{status}, 200, 'the first one does not care';
    $usherd->stop;
};

subtest 'in the background' => sub {
    my $origin = origin();
    my $port = free_port();
    my $r = run_usherd({config => <<"END"});
[global]
pid_file = %%DIR%%/usherd.pid
error_log = %%DIR%%/error.log
workers = 1
[listen web]
bind = 127.0.0.1:$port
[route all]
path = /*
backend = app
[backend app]
server = $origin->{address}
END
    is $r->{status}, 0, 'the command returns' or diag $r->{err};
    is get($port, '/')->{status}, 200, 'when it serves';
    my $pid = slurp("$r->{dir}/usherd.pid");
    like $pid, qr/^\d+\n$/, 'the pid file';
    chomp $pid;
    for my $step (['reload', sub { 1 }], ['reopen', sub { 1 }], ['quit', sub { wait_for { !kill 0 => $pid } }]) {
        my $s = run_usherd({dir => $r->{dir}}, '-c', '%%DIR%%/usherd.ini', '-s', $step->[0]);
        is $s->{status}, 0, "-s $step->[0]" or diag $s->{err};
        ok $step->[1]->(), 'it obeys';
    }
    ok !-e "$r->{dir}/usherd.pid", 'the pid file is gone';
    ok !eval { client($port) }, 'and so is the listener';
};

subtest 'socket activation' => sub {
    my $port = free_port();
    my $origin = origin();
    my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 16, ReuseAddr => 1);
    my $dir = scratch();
    spew("$dir/usherd.ini", <<"END");
[listen web]
bind = 127.0.0.1:$port
[route all]
path = /*
backend = app
[backend app]
server = $origin->{address}
END
    my $pid = fork // die $!;
    if (!$pid) {
        POSIX::dup2(fileno $listener, 3);
        @ENV{qw(LISTEN_FDS LISTEN_PID)} = (1, $$);
        open STDERR, '>', "$dir/stderr";
        my $binary = $ENV{USHERD} || 'build/usherd';
        exec {$binary} $binary, '-f', '-c', "$dir/usherd.ini", '-g', "global.pid_file=$dir/pid", '-g', "global.error_log=$dir/error.log"
            or POSIX::_exit(127);
    }
    close $listener;
    is eval { get($port, '/')->{status} }, 200, 'a socket that was passed in is used' or diag slurp("$dir/stderr");
    ok wait_for { (slurp("$dir/error.log") // '') =~ /is ready/ }, 'it says that it is ready';
    kill TERM => $pid;
    waitpid $pid, 0;
    is $?, 0, 'a clean end';
};

done_testing;
