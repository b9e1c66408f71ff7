# The command line, signals, the pid file, logs, deaths and orphans.

use strict;
use warnings;
use Fcntl ':flock';
use IO::Socket::INET;
use POSIX ();
use Test::More;
use Test::Usherd;
use Time::HiRes qw(CLOCK_MONOTONIC clock_gettime sleep time);

# A configuration whose answer says which one it is.
sub saying {
    my ($text, $global, $more) = @_;
    $global //= '';
    $more   //= '';
    return <<"END";
[global]
workers = 2
max_connections = 1000
$global
[listen web]
bind = 127.0.0.1:%%PORT1%%
[route all]
path = /*
respond = 200 text/plain "$text"
$more
END
}

sub count { my @pids = $_[0]->workers; return scalar @pids }

sub body { my $r = get($_[0]->port(1), '/'); return $r ? $r->{body} : undef }

# ---- the command line

subtest 'the command line' => sub {
    my $good = saying('x');
    my $r = run_usherd({config => $good}, '-t');
    is $r->{status}, 0, '-t of a good file';
    like $r->{err}, qr/^configuration \S+usherd\.ini is fine$/m, 'says so';
    is run_usherd({config => $good}, '-t', '-q')->{err}, '', 'and with -q it does not';
    $r = run_usherd({config => $good =~ s/path =/pth =/r}, '-t');
    is $r->{status}, 1, '-t of a bad file';
    like $r->{err}, qr/usherd\.ini:\d+: \[route all\] pth: unknown key/, 'says where';
    $r = run_usherd({config => $good =~ s/path =/pth =/r}, '-f');
    is $r->{status}, 1, 'it does not start with a bad file';
    $r = run_usherd({config => $good}, '-T');
    is $r->{status}, 0, '-T';
    like $r->{out}, qr/^\[listen web\]$/m, 'prints the values';
    $r = run_usherd('-V');
    is $r->{status}, 0, '-V';
    like $r->{out}, qr/\Ausherd \d+\.\d+\.\d+\n/, 'prints the version';
    is run_usherd('-h')->{status}, 0, '-h';
    like run_usherd('-h')->{out}, qr/-c FILE/, 'prints the options';

    my %wrong = (
        '-x'           => qr/unknown option -x/,
        '--explian'    => qr/unknown option --explian/,
        'more'         => qr/unexpected argument more/,
        '-c'           => qr/-c needs a value/,
        '-t -T'        => qr/only one of/,
        '-s up'        => qr/-s up: there are reload, quit, stop, reopen and status$/,
        '-s upgrade'   => qr/-s upgrade: there are reload, quit, stop, reopen and status$/,
        '-b http://x'  => qr/-b needs -l/,
        '-l 80'        => qr/-l needs at least one -b/,
        '-l 80 -b http://x -c y' => qr/exclude each other/,
    );
    for my $args (sort keys %wrong) {
        $r = run_usherd(split / /, $args);
        is $r->{status}, 2, "$args is wrong";
        like $r->{err}, qr/\Ausherd: .*$wrong{$args}/, 'and says why';
    }
    $r = run_usherd('-c', '/nonexistent/usherd.ini', '-t');
    is $r->{status}, 1, 'no file';
    like $r->{err}, qr{/nonexistent/usherd\.ini.*No such file}, 'is told';
};

subtest 'what ps shows' => sub {
    my $title = sub { return slurp("/proc/$_[0]/cmdline") =~ s/\0+\z//r };
    my $comm  = sub { return slurp("/proc/$_[0]/comm") };
    my $usherd = usherd("[global]\nworkers = 2\nmax_connections = 1000\n[listen web]\nbind = 127.0.0.1:%%PORT1%%\n"
        . "[route all]\npath = /*\nrespond = 200 text/plain \"x\"\n", env => {ROOM => 'x' x 500});
    is $title->($usherd->{pid}), "usherd: master $usherd->{ini}", 'the master';
    is $comm->($usherd->{pid}), "usherd/master\n", 'its short name';
    is_deeply [sort map { $title->($_) } $usherd->workers],
        ['usherd: worker 0, generation 1', 'usherd: worker 1, generation 1'], 'the workers';
    is_deeply [sort map { $comm->($_) } $usherd->workers], ["usherd/0\n", "usherd/1\n"], 'their short names';
    ok $usherd->reload, 'reload';
    ok wait_for { join("\n", sort map { $title->($_) } $usherd->workers)
            eq "usherd: worker 0, generation 2\nusherd: worker 1, generation 2" }, 'the next generation';
    $usherd->stop;


    $usherd = usherd("[global]\nworkers = 1\nmax_connections = 1000\n[listen web]\nbind = 127.0.0.1:%%PORT1%%\n"
        . "[route all]\npath = /*\nrespond = 200 text/plain \"%%DIR%% \${HOME}\"\n", args => ['-g', 'defaults.max_body=1m'],
        env => {HOME => 'home'});
    is get($usherd->port(1), '/')->{body}, "$usherd->{dir} home", 'arguments and environment are read as before';
    $usherd->stop;
};

subtest '-s without a master' => sub {
    my $config = saying('x', 'pid_file = %%DIR%%/usherd.pid');
    my $r = run_usherd({config => $config}, '-s', 'stop');
    is $r->{status}, 1, 'no pid file';
    like $r->{err}, qr/usherd\.pid: No such file/, 'is told';
    $r = run_usherd({config => $config, files => {'usherd.pid' => "$$\n"}}, '-s', 'stop');
    is $r->{status}, 1, 'the file of a dead master, whose number somebody else has';
    like $r->{err}, qr/does not run/, 'is told';
};

subtest 'quick mode' => sub {
    my $origin = origin(answer('from the origin'));
    my $usherd = usherd('', quick => ['-l', free_port_at(1), '-b', "http://$origin->{address}"]);
    is body($usherd), 'from the origin', 'proxies';
    ok wait_for { slurp($usherd->dir . '/stdout') =~ m{"GET / HTTP/1\.1" 200} }, 'logs to standard output';
    $usherd->stop;
};

# ---- the background

sub daemonize {
    my ($config) = @_;
    my $r = run_usherd({config => $config}, '-g', 'global.pid_file=%%DIR%%/u.pid', '-g', 'global.error_log=%%DIR%%/error.log');
    $r->{pid} = slurp("$r->{dir}/u.pid");
    $r->{command} = sub { run_usherd({dir => $r->{dir}}, '-c', "$r->{dir}/usherd.ini", '-g', 'global.pid_file=%%DIR%%/u.pid', @_) };
    return $r;
}

subtest 'a daemon' => sub {
    my $r = daemonize(saying('one'));
    is $r->{status}, 0, 'the command ends with 0';
    is get(free_port_at(1), '/')->{body}, 'one', 'and then it serves';
    is $r->{err}, '', 'without a word';
    like $r->{pid}, qr/\A\d+\n\z/, 'the pid file';
    chomp(my $pid = $r->{pid});
    my @stat = split / /, slurp("/proc/$pid/stat") =~ s/\A.*\) //sr;
    is $stat[3], $pid, 'it leads a session';
    is readlink("/proc/$pid/fd/$_"), '/dev/null', "descriptor $_" for 0 .. 2;

    my $second = $r->{command}->();
    is $second->{status}, 1, 'a second one does not start';
    like $second->{err}, qr/usherd is running already, pid $pid/, 'and says why';
    is get(free_port_at(1), '/')->{body}, 'one', 'the first one serves on';
    is slurp("$r->{dir}/u.pid"), "$pid\n", 'and has its pid file';

    spew("$r->{dir}/usherd.ini", slurp("$r->{dir}/usherd.ini") =~ s/"one"/"two"/r);
    is $r->{command}->('-s', 'reload')->{status}, 0, '-s reload';
    ok wait_for { get(free_port_at(1), '/')->{body} eq 'two' }, 'reloads';
    is $r->{command}->('-s', 'stop')->{status}, 0, '-s stop';
    ok wait_for { !-e "$r->{dir}/u.pid" }, 'the pid file is gone';
    ok !-e "$r->{dir}/u.pid.workers", 'and the list of workers';
    ok -e "$r->{dir}/u.pid.lock", 'not what was locked';
    unlike slurp("$r->{dir}/error.log"), qr/\[(?:error|warn)\]/, 'no errors';
};

subtest 'a daemon that cannot start' => sub {
    my $taken = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1);
    my $r = daemonize(saying('x') =~ s/127\.0\.0\.1:%%PORT1%%/'127.0.0.1:' . $taken->sockport/er);
    is $r->{status}, 1, 'the command ends with 1';
    like $r->{err}, qr/^\S+\.ini:\d+: bind 127\.0\.0\.1:\d+: Address already in use \(/m, 'and says why';
    is $r->{pid}, undef, 'no pid file is left';

    $r = run_usherd({config => saying('x')}, '-g', 'global.pid_file=%%DIR%%/none/u.pid');
    is $r->{status}, 1, 'no place for the pid file';
    like $r->{err}, qr{pid file \S+/none/u\.pid: No such file}, 'is told';

    $r = run_usherd({config => saying('x')}, '-g', 'global.pid_file=%%DIR%%/u.pid', '-g', 'global.error_log=%%DIR%%/none/log');
    is $r->{status}, 1, 'no place for the error log';
    like $r->{err}, qr{log \S+/none/log: No such file}, 'is told';

    my $dir = scratch();
    spew("$dir/target");
    symlink "$dir/target", "$dir/log";
    $r = run_usherd({dir => $dir, config => saying('x')}, '-g', 'global.pid_file=%%DIR%%/u.pid', '-g', 'global.error_log=%%DIR%%/log');
    is $r->{status}, 1, 'a log that is a symbolic link';
    like $r->{err}, qr{/log: is a symbolic link}, 'is told';
};

# ---- signals to the master

subtest 'a stale pid file' => sub {
    my $dir = scratch();
    spew("$dir/usherd.pid", "999999999\nmore than it should be\n");
    my $usherd = usherd(saying('x'), dir => $dir);
    is slurp("$dir/usherd.pid"), "$usherd->{pid}\n", 'is taken over';
    $usherd->stop;
    ok !-e "$dir/usherd.pid", 'and removed at the end';
};

subtest 'USR1 opens all logs anew' => sub {
    my $usherd = usherd(saying('x', '', <<'END') =~ s/(path = .*)/$1\naccess_log = main/r);
[log main]
path = %%DIR%%/access.log
flush = 10ms
END
    my $dir = $usherd->dir;
    body($usherd);
    ok wait_for { length(slurp("$dir/access.log") // '') }, 'the access log has a line';
    rename "$dir/access.log", "$dir/access.log.1";
    rename "$dir/error.log",  "$dir/error.log.1";
    $usherd->signal('USR1');
    ok wait_for { -e "$dir/access.log" && -e "$dir/error.log" }, 'new files';
    # Each worker has the new file once nobody has the old one.
    ok wait_for { !grep { /\.log\.1$/ } map { readlink($_) // '' } map { glob "/proc/$_/fd/*" } $usherd->workers, $usherd->{pid} },
        'the old ones are closed in every process';
    body($usherd);
    ok wait_for { length(slurp("$dir/access.log") // '') }, 'lines go to the new one';
    my ($worker) = $usherd->workers;
    $usherd->signal('USR2');
    ok $usherd->await_log(qr/upgrade is not available in this version/), 'and USR2 is refused in the new error log';
    $usherd->expect_log(qr/upgrade is not available in this version/);
    $usherd->stop;
};

subtest 'WINCH drains the workers and keeps the master' => sub {
    my $usherd = usherd(saying('x'));
    is body($usherd), 'x', 'it serves';
    $usherd->signal('WINCH');
    ok wait_for { count($usherd) == 0 }, 'the workers go';
    my $c = client($usherd->port(1));
    $c->send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    ok $c->quiet(0.1), 'a connection waits';
    ok $usherd->reload(saying('y')), 'a reload';
    is $c->response->{body}, 'y', 'brings workers, which answer it';
    $usherd->stop;
};

subtest 'QUIT lets requests finish' => sub {
    my $origin = origin(['request', [stall => 0.5], [send => answer('late')], 'loop']);
    my $usherd = proxy($origin);
    my $c = client($usherd->port(1));
    $c->send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    ok wait_for { $origin->requests > 0 }, 'a request is under way';
    $usherd->signal('QUIT');
    ok wait_for { !IO::Socket::INET->new(PeerAddr => '127.0.0.1:' . $usherd->port(1)) }, 'new connections are refused';
    my $r = $c->response;
    is $r->{body}, 'late', 'it is answered';
    is field($r, 'connection'), 'close', 'for the last time';
    is $usherd->stop('CONT'), 0, 'then usherd ends';
};

subtest 'QUIT ends after shutdown_timeout' => sub {
    my $origin = origin(['request', 'eof']);
    my $usherd = proxy($origin, global => 'shutdown_timeout = 300ms');
    my $c = client($usherd->port(1));
    $c->send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    ok wait_for { $origin->requests > 0 }, 'a request is under way';
    my $start = time;
    $usherd->stop('QUIT');
    cmp_ok time - $start, '<', 25, 'in time';
    cmp_ok time - $start, '>=', 0.25, 'but not before';
    isnt $c->end, 'open', 'and the client is not left waiting';
};

subtest 'TERM ends at once' => sub {
    my $origin = origin(['request', 'eof']);
    my $usherd = proxy($origin);
    my $c = client($usherd->port(1));
    $c->send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    ok wait_for { $origin->requests > 0 }, 'a request is under way';
    my $start = time;
    $usherd->stop('TERM');
    cmp_ok time - $start, '<', 25, 'whatever is under way';
};

# ---- workers

subtest 'signals to a worker' => sub {
    my $usherd = usherd(saying('x'));
    for my $signal (qw(QUIT TERM)) {
        my ($one, $two) = $usherd->workers;
        kill $signal => $one;
        ok wait_for { my @now = $usherd->workers; @now == 2 && !grep { $_ == $one } @now }, "$signal: it ends and is replaced";
        is body($usherd), 'x', 'usherd serves';
        ok $usherd->await_log(qr/\[info\] .* worker \d \(pid $one, generation 1\) ended$/), 'that is no error';
    }
    my @before = $usherd->workers;
    for my $signal (qw(HUP USR1 USR2 WINCH INT)) {
        kill $signal => $_ for @before;
    }
    is body($usherd), 'x', 'others are ignored';
    is_deeply [$usherd->workers], \@before, 'the workers are the same';
    $usherd->stop;
};

subtest 'a worker that is killed is replaced' => sub {
    my $usherd = usherd(saying('x'));
    my ($one, $two) = $usherd->workers;
    kill KILL => $one;
    ok $usherd->await_log(qr/\[error\] .* worker \d \(pid $one, generation 1\) died: signal 9 \(Killed\)$/), 'it is told';
    ok wait_for { count($usherd) == 2 }, 'there are two again';
    is body($usherd), 'x', 'usherd serves';
    ok grep({ $_ == $two } $usherd->workers), 'the other one is the same';
    ok wait_for { my %listed = map { (split)[0] => 1 } split /\n/, slurp($usherd->dir . '/usherd.pid.workers');
        join(' ', sort keys %listed) eq join(' ', sort $usherd->{pid}, $usherd->workers) }, 'PIDFILE.workers names the living ones and the master';
    $usherd->expect_log(qr/died: signal 9/);
    $usherd->stop;
};

# Kills the worker in slot 0, which is all but $other, as soon as there is one; true once it has a
# successor.
sub replaced {
    my ($usherd, $signal, $other) = @_;
    my $in_slot = sub { (grep { $_ != ($other // 0) } $usherd->workers)[0] };
    my $pid = wait_for { $in_slot->() };
    kill $signal => $pid;
    return wait_for { my $now = $in_slot->(); $now && $now != $pid };
}

subtest 'all workers are killed' => sub {
    my $usherd = usherd(saying('x'));
    $usherd->expect_log(qr/died: signal 9/);
    for (1 .. 8) {
        my %old = map { $_ => 1 } $usherd->workers;
        kill KILL => keys %old;
        ok wait_for { my @new = grep { !$old{$_} } $usherd->workers; @new == 2 }, "$_: they are replaced";
        is body($usherd), 'x', '... and serve';
    }
    unlike $usherd->log_text, qr/starts in/, 'none of them had to wait';
    $usherd->stop;
};

subtest 'workers that crash early come back more and more slowly' => sub {
    my $usherd = usherd(saying('x'));
    $usherd->expect_log(qr/worker 0 .* died: signal 6/, qr/\[warn\].*worker 0: [456] early crashes in a row: the next one starts in 0\.[124] s$/);
    my ($other) = $usherd->log_text =~ /worker 1 \(pid (\d+),/;
    ok replaced($usherd, 'ABRT', $other), "$_: it is replaced" for 1 .. 6;
    is_deeply [$usherd->log_text =~ /early crashes in a row: the next one starts in (\S+) s$/mg], [0.1, 0.2, 0.4],
        'from the fourth crash on after a while';
    is body($usherd), 'x', 'usherd serves';
    $usherd->stop;
};

subtest 'half of the workers, rounded down, wait at most' => sub {
    my $usherd = usherd(saying('x') =~ s/workers = 2/workers = 1/r);
    $usherd->expect_log(qr/died: signal 6/);
    ok replaced($usherd, 'ABRT'), "$_: it is replaced" for 1 .. 8;
    unlike $usherd->log_text, qr/starts in/, 'the only one never waits';
    is body($usherd), 'x', 'usherd serves';
    $usherd->stop;
};

subtest 'at most twenty forks a second' => sub {
    my $usherd = usherd(saying('x') =~ s/workers = 2/workers = 1/r);
    $usherd->expect_log(qr/died: signal 9/);
    my $begin = clock_gettime(CLOCK_MONOTONIC);
    my $replaced = grep { replaced($usherd, 'KILL') } 1 .. 41;
    is $replaced, 41, 'a worker that is killed again and again is replaced each time';
    cmp_ok clock_gettime(CLOCK_MONOTONIC) - $begin, '>=', 2, '... but not without end';
    is body($usherd), 'x', 'usherd serves';
    $usherd->stop;
};

# Root has no limit of processes, and the limits of others may not be root's to change.
subtest 'a worker that cannot be started' => sub {
    my @user = $> == 0 ? qw(setpriv --reuid=65534 --regid=65534 --clear-groups) : ();
    plan skip_all => 'prlimit does not work here' if system(@user, qw(prlimit --nproc=0: true));
    my $dir = scratch();
    chmod 0777, $dir;
    my $usherd = usherd(saying('x', '', "[admin]\nlisten = 127.0.0.1:%%PORT9%%\nnames = a.test\n") =~ s/workers = 2/workers = 1/r, dir => $dir,
        prefix => \@user);
    my ($pid) = $usherd->workers;
    my ($hard) = slurp("/proc/$usherd->{pid}/limits") =~ /^Max processes\s+\S+\s+(\S+)/m;
    is system(@user, 'prlimit', "--pid=$usherd->{pid}", '--nproc=0:'), 0, 'no more processes';
    $usherd->expect_log(qr/died: signal 9/, qr/\[error\].*worker 0: cannot be started: fork: Resource temporarily unavailable$/,
        qr/\[warn\].*worker 0: the next try to start it comes in 0\.[124] s$/);
    $usherd->allow_log(qr/\[warn\].*worker 0: the next try to start it comes in \d\S* s$/);
    kill KILL => $pid;
    ok $usherd->await_log(qr/comes in 0\.4 s$/), 'it is tried again, more and more slowly';
    is system(@user, 'prlimit', "--pid=$usherd->{pid}", "--nproc=$hard:"), 0, 'as many as before';
    ok wait_for { $usherd->workers == 1 }, 'until there is one';
    unlike $usherd->log_text, qr/in a row/, 'which is no death';
    like get($usherd->port(9), '/metrics')->{body}, qr/^usherd_worker_deaths_total 1$/m, '... nor counted as one';
    is body($usherd), 'x', 'usherd serves';
    $usherd->stop;
};

subtest 'a worker that does not listen' => sub {
    my $usherd = usherd(saying('x') =~ s/workers = 2/workers = 1/r);
    my ($pid) = $usherd->workers;
    $usherd->freeze($pid);
    $usherd->expect_log(qr/worker 0 \(pid $pid, generation 1\) does not end: killing it/);
    $usherd->stop('TERM');
    ok !-e "/proc/$pid", 'is killed after a while';
};

# ---- a dead master

# A process that has the number that a pid file names, and one that locks the pid file: any user can.
subtest 'a stale pid file, and another user' => sub {
    my $usherd = usherd(saying('x'));
    my ($worker) = $usherd->workers;
    my @list = split /\n/, slurp("$usherd->{pidfile}.workers");
    kill KILL => $usherd->{pid};
    ok $usherd->await_log(qr/the master is gone/), 'the master was killed';
    my $stranger = fork // die;
    if (!$stranger) {
        open my $f, '<', $usherd->{pidfile} or POSIX::_exit(1);
        flock $f, LOCK_EX or POSIX::_exit(1);
        spew("$usherd->{dir}/locked");
        exec 'sleep', 100;
    }
    ok wait_for { -e "$usherd->{dir}/locked" }, 'somebody locks the pid file';
    my @command = ('-c', $usherd->{ini}, '-g', "global.pid_file=$usherd->{pidfile}");
    is run_usherd(@command, '-s', 'status')->{status}, 3, 'that is no sign of life';
    my ($start) = (slurp("/proc/$stranger/stat") =~ s/.*\) //sr =~ /^(?:\S+ ){19}(\S+)/);
    spew($usherd->{pidfile}, "$stranger\n");
    for my $line ("$stranger 5", "$stranger $start") {
        spew("$usherd->{pidfile}.workers", map { "$_\n" } $line, @list);
        is run_usherd(@command, '-s', 'status')->{status}, 3, 'nor is a stranger with the number';
        is run_usherd(@command, '-s', 'stop')->{status}, 1, '... which is not stopped';
    }
    is waitpid($stranger, POSIX::WNOHANG), 0, 'nor hurt';
    waitpid $usherd->{pid}, 0 if !$usherd->{background};
    $usherd->start;
    is body($usherd), 'x', 'a new master starts';
    ok wait_for { !-e "/proc/$worker" }, 'and the worker of the dead one ends';
    is waitpid($stranger, POSIX::WNOHANG), 0, 'while the stranger lives';
    kill TERM => $stranger;
    waitpid $stranger, 0;
    $usherd->expect_log(qr/the master is gone/);
    $usherd->stop;
};

# In a container the master is process 1.
subtest 'as process 1' => sub {
    my @alone = qw(unshare --pid --fork --mount-proc);
    plan skip_all => 'needs root and namespaces' if $> || system("@alone true 2>/dev/null");
    my $usherd = usherd(saying('x'), prefix => \@alone, background => 0);
    my ($master) = $usherd->workers;
    is slurp($usherd->{pidfile}), "1\n", 'it is';
    local @Test::Usherd::under = ('nsenter', '--pid', '--mount', "--target=$master");
    my @command = ('-c', $usherd->{ini}, '-g', "global.pid_file=$usherd->{pidfile}", '-s');
    my $r = run_usherd(@command, 'status');
    is "$r->{status} $r->{out}", "0 1\n", '-s status';
    is run_usherd(@command, 'reopen')->{status}, 0, '-s reopen';
    ok $usherd->await_log(qr/reopening logs/), 'which it does';
    run_usherd(@command, 'stop');    # the end of process 1 may be that of the command too
    $usherd->stop(0);
};

subtest 'a lock of another user' => sub {
    plan skip_all => 'needs root' if $>;
    my $dir = scratch();
    spew("$dir/u.pid.lock");
    chown 65534, -1, "$dir/u.pid.lock";
    my $r = run_usherd({dir => $dir, config => saying('x')}, '-g', 'global.pid_file=%%DIR%%/u.pid', '-g', 'global.error_log=%%DIR%%/error.log');
    is $r->{status}, 1, 'is no reason to believe that usherd runs';
    like $r->{err}, qr{pid file \S+/u\.pid: \S+/u\.pid\.lock is no plain file of this user alone \(remove it\)}, 'and told';
};

# An error in the file is no obstacle to ending what runs, or to asking whether it does.
subtest '-s with a broken file' => sub {
    my $usherd = usherd(saying('x', 'pid_file = %%DIR%%/usherd.pid'));
    my @command = ('-c', $usherd->{ini}, '-s');
    my $good = slurp($usherd->{ini});
    my $r = run_usherd(@command, 'status');
    is $r->{status}, 0, '-s status';
    is $r->{out}, "$usherd->{pid}\n", 'prints the pid';
    is $r->{err}, '', 'and nothing else';
    my %broken = (
        'an unknown key'         => $good =~ s/path =/pth =/r,
        'a bad value in [global]' => $good =~ s/workers = 2/workers = many/r,
        'a missing certificate'  => $good . "[listen tls]\nbind = 127.0.0.1:1\ntls = on\ncertificate = /nonexistent /nonexistent\n",
        'a missing variable'     => $good =~ s/"x"/"\${NO_SUCH_VARIABLE}"/r,
        'no other section'       => $good =~ s/\[listen.*//sr,
        'a missing include'      => "include = /nonexistent.ini\n$good",
        'bytes of another kind'  => "\0\1\2\n$good\xff\n[",
        'a section that stands twice' => "$good\n[global]\nworkers = 3\n",
    );
    for my $name (sort keys %broken) {
        spew($usherd->{ini}, $broken{$name});
        is run_usherd('-c', $usherd->{ini}, '-t')->{status}, 1, "$name is an error";
        $r = run_usherd(@command, 'status');
        is "$r->{status} $r->{out}$r->{err}", "0 $usherd->{pid}\n", '... which -s status overlooks';
    }
    spew($usherd->{ini}, $good =~ s/^pid_file = /pid_file = nowhere /mr);
    $r = run_usherd(@command, 'status');
    is $r->{status}, 1, 'a wrong pid_file';
    like $r->{err}, qr/usherd\.ini:\d+: \[global\] pid_file: /, 'is told';
    is run_usherd(@command, 'status', '-g', "global.pid_file=$usherd->{pidfile}")->{status}, 0, 'and can be overridden';
    $r = run_usherd('-c', '/nonexistent.ini', '-s', 'status');
    is $r->{status}, 1, 'a file that cannot be read';
    like $r->{err}, qr/nonexistent\.ini: cannot be read: No such file/, 'is told';
    is run_usherd('-c', '/nonexistent.ini', '-s', 'status', '-g', "global.pid_file=$usherd->{pidfile}")->{status}, 0, '... and can be done without';
    spew($usherd->{ini}, $good =~ s/^pid_file = .*/pid_file = off/mr);
    $r = run_usherd(@command, 'status');
    is $r->{status}, 1, 'no pid_file';
    like $r->{err}, qr/names no pid_file/, 'is told';

    spew($usherd->{ini}, $broken{'an unknown key'});
    is run_usherd(@command, 'quit')->{status}, 0, '-s quit';
    $usherd->stop(0);
    $r = run_usherd(@command, 'status');
    is $r->{status}, 3, '-s status without a master';
    is $r->{out}, '', 'prints no pid';
    like $r->{err}, qr/usherd\.pid: No such file or directory \(is usherd running, with this pid_file\?\)$/, 'and says why';
    spew($usherd->{ini}, $broken{'a missing include'});
    $r = run_usherd(@command, 'status');
    is $r->{status}, 3, 'nor where an included file is missing';
    like $r->{err}, qr/the configuration has errors, .*another pid_file/, '... which may have another pid_file';
    is run_usherd(@command, 'stop')->{status}, 1, 'nothing to stop';
};

subtest 'a master that was killed' => sub {
    my $origin = origin(['request', [stall => 1.5], [send => answer('late')], 'loop'], ['request', [send => answer('quick')], 'loop']);
    my $usherd = proxy($origin, global => 'shutdown_timeout = 10s');
    my $c = client($usherd->port(1));
    $c->send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    ok wait_for { $origin->requests > 0 }, 'a request is under way';
    my ($orphan) = $usherd->workers;
    kill KILL => $usherd->{pid};
    ok $usherd->await_log(qr/the master is gone, going on without it/), 'the worker goes on';
    waitpid $usherd->{pid}, 0;
    is body($usherd), 'quick', 'and serves';

    $usherd->start;
    is body($usherd), 'quick', 'a new master starts beside it';
    isnt +($usherd->workers)[0], $orphan, 'with a worker of its own';
    my $r = $c->response;
    is $r->{body}, 'late', 'what the orphan had begun it finishes';
    $c->close;
    ok wait_for { !-e "/proc/$orphan" }, 'and ends';
    ok $usherd->await_log(qr/1 workers of a master that died were told to finish/), 'it is told';
    $usherd->expect_log(qr/the master is gone/);
    $usherd->stop;
};

subtest 'strangers with the numbers of workers are left alone' => sub {
    my $dir = scratch();
    spew("$dir/usherd.pid.workers", "$$ 12345\n1 1\nnonsense\n\n99999999999 5\n-1 3\n");
    local $SIG{QUIT} = sub { fail 'got SIGQUIT' };
    my $usherd = usherd(saying('x'), dir => $dir);
    is body($usherd), 'x', 'it starts';
    unlike $usherd->log_text, qr/told to finish/, 'and tells nobody to finish';
    $usherd->stop;
};

# ---- systemd

subtest 'sd_notify' => sub {
    my $usherd = usherd(saying('x'));
    $usherd->signal('HUP');
    ok $usherd->await_notify(qr/^RELOADING=1\nMONOTONIC_USEC=\d+$/m), 'RELOADING';
    ok $usherd->await_notify(qr/^READY=1\nSTATUS=serving, generation 2$/m), 'READY';
    $usherd->signal('TERM');
    ok $usherd->await_notify(qr/^STOPPING=1$/m), 'STOPPING';
    $usherd->stop('CONT');
};

subtest 'socket activation' => sub {
    my $handed = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => free_port_at(1), Listen => 5, ReuseAddr => 1);
    my $waiting = client(free_port_at(1));
    $waiting->send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    my $dir = scratch();
    # What systemd does between fork and exec.
    my $wrapper = spew("$dir/usherd", "#!/bin/sh\nLISTEN_PID=\$\$ LISTEN_FDS=1 exec $ENV{USHERD} \"\$\@\" 3<&0 </dev/null\n");
    chmod 0755, $wrapper;
    spew("$dir/usherd.ini", saying('x') =~ s/%%PORT1%%/free_port_at(1)/er);
    my $pid = fork // die;
    if (!$pid) {
        open STDIN, '<&', $handed or POSIX::_exit(1);
        open STDERR, '>', "$dir/stderr";
        exec $wrapper, '-f', '-c', "$dir/usherd.ini", '-g', "global.pid_file=$dir/u.pid", '-g', 'global.error_log=stderr';
    }
    close $handed;
    is $waiting->response->{body}, 'x', 'a connection that waited is answered';
    is get(free_port_at(1), '/')->{body}, 'x', 'and new ones';
    kill TERM => $pid;
    waitpid $pid, 0;
    is $?, 0, 'it ends';
    unlike slurp("$dir/stderr"), qr/\[(?:warn|error)\]/, 'without errors' or diag slurp("$dir/stderr");
};

done_testing;
