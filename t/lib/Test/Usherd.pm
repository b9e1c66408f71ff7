package Test::Usherd;

# Starts usherd with a given configuration and judges its behaviour at the end of its life. A test
# reads as data: the configuration, the script of the origin, what the client sees.
#
#	my $origin = origin("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
#	my $usherd = usherd(<<"END");
#	[listen web]
#	bind = 127.0.0.1:%%PORT1%%
#	[route all]
#	path = /*
#	backend = app
#	[backend app]
#	server = $origin->{address}
#	END
#	is get($usherd->port(1), '/')->{body}, 'ok', 'the body arrives';
#	$usherd->stop;
#
# In the text %%PORTn%% is a free port and %%DIR%% a directory of the test's own. The pid file and
# the error log are set from outside, to files in that directory. stop(), or the end of the test,
# fails the test if a worker died, a sanitizer spoke, or a warning or an error was logged that no
# expect_log(qr/.../) announced.

use strict;
use warnings;
use Cwd 'abs_path';
use Exporter 'import';
use Fcntl ':flock';
use File::Basename 'dirname';
use File::Temp ();
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ':sys_wait_h';
use Test::More;
use Time::HiRes qw(sleep time);
use Test::Client qw(client get request);
use Test::Origin qw(origin answer);
use Test::Wire qw(field fields);

our @EXPORT = qw(usherd proxy run_usherd run_usherctl client get request origin answer field fields free_port free_port_at
    wait_for slurp spew scratch sanitized expect_log $IP);

our $IP = '127.0.0.1';

my $ROOT   = abs_path(dirname(__FILE__) . '/../../..');
my $BINARY = $ENV{USHERD} || "$ROOT/build/usherd";
my $PATIENCE = 50;    # seconds for what should take a fraction of one
my @running;
my $main_pid = $$;

sub sanitized { return $ENV{USHERD_SAN} ? 1 : 0 }

# ---- ports, files, waiting

# Tests run side by side: each process takes blocks of ports under a file lock, below the range that
# the kernel gives to outgoing connections.
my (@ports, @locks, %numbered);

sub _take_block {
    my $dir = "/tmp/usherd-test-ports.$>";
    mkdir $dir;
    for my $n (map { ($_ + $$) % 600 } 0 .. 599) {
        open my $lock, '>', "$dir/$n" or die "$dir/$n: $!";
        next unless flock $lock, LOCK_EX | LOCK_NB;
        push @locks, $lock;
        push @ports, 20000 + 20 * $n .. 20000 + 20 * $n + 19;
        return;
    }
    die 'no free block of ports';
}

# A port that nothing listens on; it stays this process's until its end.
sub free_port {
    while (1) {
        _take_block() unless @ports;
        my $port = shift @ports;
        return $port if IO::Socket::INET->new(LocalAddr => '0.0.0.0', LocalPort => $port,
            Listen => 1, ReuseAddr => 1);
    }
}

# The port that %%PORTn%% stands for in every configuration of this test.
sub free_port_at { return $numbered{$_[0]} //= free_port() }

# A directory that is removed at the end; open to all, as workers may run without rights.
sub scratch {
    my $dir = File::Temp->newdir('usherd-test-XXXXXX', TMPDIR => 1);
    chmod 0777, "$dir";
    return $dir;
}

sub slurp {
    my ($path) = @_;
    open my $f, '<:raw', $path or return;
    local $/;
    return scalar <$f> // '';
}

sub spew {
    my ($path, @text) = @_;
    open my $f, '>:raw', $path or die "$path: $!";
    print $f @text or die "$path: $!";
    close $f or die "$path: $!";
    return $path;
}

# Polls a condition until it holds or the seconds are over; returns its last value.
sub wait_for(&;$) {
    my ($condition, $seconds) = @_;
    my $end = time + ($seconds // $PATIENCE);
    my $value;
    until ($value = $condition->()) {
        return $value if time > $end;
        sleep 0.005;
    }
    return $value;
}

# ---- running it

sub _expand {
    my ($text, $dir) = @_;
    $text =~ s/%%PORT(\d+)%%/free_port_at($1)/ge;
    $text =~ s/%%DIR%%/$dir/g;
    $text =~ s/%%ROOT%%/$ROOT/g;
    return $text;
}

sub _environment {
    my ($dir, %more) = @_;
    my %env = (
        %ENV,
        ASAN_OPTIONS  => "log_path=$dir/sanitizer:detect_leaks=1:detect_stack_use_after_return=1",
        UBSAN_OPTIONS => "log_path=$dir/sanitizer:print_stacktrace=1",
        TZ => 'UTC', %more,
    );
    delete @env{grep { !defined $env{$_} } keys %env};
    return %env;
}

# Forks and executes the binary, its output going to files; returns the pid. What is in @under is
# executed instead, with the binary and its arguments as more arguments.
our @under;

sub _spawn { my ($dir, $env, @args) = @_; return _execute($dir, $env, $BINARY, @args) }

sub _execute {
    my ($dir, $env, @args) = @_;
    my $pid = fork // die "fork: $!";
    return $pid if $pid;
    %ENV = %$env;
    open STDIN,  '<',  '/dev/null'   or POSIX::_exit(126);
    open STDOUT, '>>', "$dir/stdout" or POSIX::_exit(126);
    open STDERR, '>>', "$dir/stderr" or POSIX::_exit(126);
    my @command = (@under, @args);
    exec {$command[0]} @command or POSIX::_exit(127);
}

# Waits for a child: its exit status, or undef after the deadline (it is killed then).
sub _reap {
    my ($pid, $seconds) = @_;
    my $gone = wait_for { waitpid($pid, WNOHANG) == $pid } $seconds // $PATIENCE;
    return $? if $gone;
    kill KILL => $pid;
    waitpid $pid, 0;
    return;
}

# run_usherd(@args): runs a command that ends by itself, such as usherd -t. Options first, as a hash
# reference: config (text, written to %%DIR%%/usherd.ini and given with -c), files ({name => text}),
# env, dir. Returns {status, out, err, dir}.
sub run_usherd {
    my %opt  = ref $_[0] ? %{+shift} : ();
    my $dir  = $opt{dir} // scratch();
    my @args = map { _expand($_, $dir) } @_;
    _write_files($dir, \%opt);
    unshift @args, '-c', "$dir/usherd.ini" if defined $opt{config};
    unlink "$dir/stdout", "$dir/stderr";
    my %env    = _environment($dir, %{$opt{env} // {}});
    my $status = _reap(_spawn($dir, \%env, @args), $opt{deadline});
    fail("usherd @args ended in time") unless defined $status;
    _check_sanitizer($dir);
    return {
        status => !defined $status ? -1 : $status & 127 ? "signal " . ($status & 127) : $status >> 8,
        out => slurp("$dir/stdout"), err => slurp("$dir/stderr"), dir => $dir
    };
}

sub _write_files {
    my ($dir, $opt) = @_;
    my %files = %{$opt->{files} // {}};
    $files{'usherd.ini'} = $opt->{config} if defined $opt->{config};
    spew("$dir/$_", _expand($files{$_}, $dir)) for keys %files;
    return;
}

# usherd($config, %options): starts it in the foreground and returns when it says that it is ready.
# Options: args (list), env (hash), files ({name => text}, in %%DIR%%), level (log level), dir,
# quick (arguments instead of a file), fails (it is expected to end before it is ready: then look at {status}), prefix (a command to run
# it under), default_user (for root, workers run as who is the default, else as root), background (start a daemon; USHERD_BACKGROUND=1 in the environment makes it the default).
sub usherd {
    my ($config, %opt) = @_;
    my $dir  = $opt{dir} // scratch();
    my $self = bless {dir => $dir, pidfile => "$dir/usherd.pid", log => "$dir/error.log",
        expected => [], opt => \%opt}, __PACKAGE__;
    _write_files($dir, {%opt, config => $config});
    $self->{ini} = "$dir/usherd.ini";
    $self->{text} = slurp($self->{ini});
    $self->start;
    return $self;
}

# proxy($origin, SECTION => TEXT...): the smallest useful configuration, one worker that listens on
# PORT1 and forwards everything to an origin, with more text for the sections global, listen, route
# and backend, or whole sections as more. An array of origins makes a backend of several servers.
sub proxy {
    my ($origin, %text) = @_;
    my %opt = %{delete $text{options} // {}};
    $text{$_} //= '' for qw(global listen route backend more);
    my $servers = join '', map { 'server = ' . (ref $_ ? $_->{address} : $_) . "\n" }
        ref $origin eq 'ARRAY' ? @$origin : $origin;
    my $config = <<"END";
[global]
workers = 1
$text{global}
[listen web]
bind = 127.0.0.1:%%PORT1%%
$text{listen}
[route all]
path = /*
backend = app
$text{route}
[backend app]
$servers$text{backend}
$text{more}
END
    my $self = usherd($config, %opt);
    $self->{origins} = $origin;    # they live as long as their proxy
    return $self;
}

# Starts it (again) with the files as they are now.
sub start {
    my ($self) = @_;
    my ($dir, %opt) = ($self->{dir}, %{$self->{opt}});
    unlink "$dir/notify";
    my $notify = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => "$dir/notify")
        or die "$dir/notify: $!";
    chmod 0777, "$dir/notify";
    my %env = _environment($dir, NOTIFY_SOCKET => "$dir/notify", %{$opt{env} // {}});
    $self->{notify} = $notify;
    $self->{status} = undef;
    $self->{owner}  = $$;
    $self->{background} = !$opt{quick} && ($opt{background} // $ENV{USHERD_BACKGROUND});
    my @config = $opt{quick} ? @{$opt{quick}} : ($self->{background} ? () : '-f', '-c', $self->{ini});
    # Fewer than the default, which the limits of a test machine may not allow.
    push @config, '-g', 'global.max_connections=1000' unless $self->{text} =~ /^max_connections/m;
    # The directories of tests are closed to others, and so to the user that is the default.
    push @config, '-g', 'global.user=root' unless $> || $opt{default_user} || $self->{text} =~ /^user/m;
    local @under = @{$opt{prefix} // []};
    $self->{pid} = _spawn($dir, \%env, @config, '-g', "global.pid_file=$self->{pidfile}",
        '-g', "global.error_log=$self->{log}", '-g', 'global.log_level=' . ($opt{level} // 'info'),
        map { _expand($_, $dir) } @{$opt{args} // []});
    push @running, $self;
    my $ready = $self->{background} ? $self->_daemon_runs : $self->await_notify(qr/^READY=1/m);
    return $self if $ready || $opt{fails};
    fail('usherd starts');
    diag(slurp("$dir/stderr"), slurp($self->{log}) // '');
    $self->kill_now;
    BAIL_OUT("$BINARY does not exist") unless -x $BINARY;
    die "usherd did not start\n";
}

# The command that starts a daemon ends when it serves; from then on the pid is the daemon's.
sub _daemon_runs {
    my ($self) = @_;
    my $status = _reap($self->{pid});
    if (!defined $status || $status != 0) {
        $self->_ended($status // 9);
        return 0;
    }
    ($self->{pid}) = (slurp($self->{pidfile}) // '') =~ /\A(\d+)\n\z/ or return 0;
    return $self->await_notify(qr/^READY=1/m);
}

# Whether the master has ended; its status is known for a child. A daemon that ended well leaves no
# list of workers behind.
sub _has_ended {
    my ($self) = @_;
    if (!$self->{background}) {
        return 0 unless waitpid($self->{pid}, WNOHANG) == $self->{pid};
        $self->_ended($?);
        return 1;
    }
    return 0 if (slurp("/proc/$self->{pid}/stat") // '') =~ /\A\d+ \(.*\) [^ZX] /s;
    $self->_ended(-e "$self->{pidfile}.workers" ? 1 << 8 : 0);
    return 1;
}

# Waits until usherd has sent a notification of its state that matches; false if it ended or
# the deadline passed.
sub await_notify {
    my ($self, $pattern) = @_;
    my $end    = time + $PATIENCE;
    my $select = IO::Select->new($self->{notify});
    while (time < $end) {
        if ($select->can_read(0.02)) {
            $self->{notify}->recv(my $text, 4096) // next;
            return 1 if $text =~ $pattern;
        } elsif ($self->_has_ended) {
            return 0;
        }
    }
    return 0;
}

sub _ended {
    my ($self, $status) = @_;
    $self->{status} = $status & 127 ? 'signal ' . ($status & 127) : $status >> 8;
    @running = grep { $_ != $self } @running;
    return $self->{status};
}

sub port { return free_port_at($_[1]) }
sub dir  { return "$_[0]{dir}" }

sub signal { my ($self, $signal) = @_; return kill $signal => $self->{pid} }

# Writes a new configuration and reloads; returns true once the new generation is ready.
sub reload {
    my ($self, $config) = @_;
    spew($self->{ini}, _expand($config, $self->{dir})) if defined $config;
    $self->signal('HUP');
    return $self->await_notify(qr/^READY=1/m);
}

# usherctl(@args): commands it over its control socket, which is %%DIR%%/control. Returns {status, out,
# err}. With run_usherctl() all arguments are the caller's.
sub usherctl {
    my ($self, @args) = @_;
    return run_usherctl($self->{dir}, '-s', "$self->{dir}/control", @args);
}

sub run_usherctl {
    my ($dir, @args) = @_;
    my $own    = scratch();
    my %env    = _environment($dir);
    my $status = _reap(_execute($own, \%env, $BINARY =~ s{[^/]+\z}{usherctl}r, @args));
    fail("usherctl @args ended in time") unless defined $status;
    return {
        status => !defined $status ? -1 : $status & 127 ? 'signal ' . ($status & 127) : $status >> 8,
        out => slurp("$own/stdout"), err => slurp("$own/stderr")
    };
}

sub log_text { return slurp($_[0]{log}) // '' }

# Waits until a line of the error log matches; returns the first such line.
sub await_log {
    my ($self, $pattern, $seconds) = @_;
    my $line;
    wait_for { ($line) = grep { /$pattern/ } split /\n/, $self->log_text } $seconds;
    return $line;
}

# Announces warnings and errors that are part of the test; each must appear at least once.
sub expect_log {
    my ($self, @patterns) = @_;
    push @{$self->{expected}}, map { {pattern => $_, seen => 0} } @patterns;
    return;
}

# Lets warnings and errors pass that may appear or not.
sub allow_log {
    my ($self, @patterns) = @_;
    push @{$self->{expected}}, map { {pattern => $_, seen => 1} } @patterns;
    return;
}

# The pids of the processes whose parent is the master.
sub workers {
    my ($self) = @_;
    my @pids;
    for my $stat (glob '/proc/[0-9]*/stat') {
        my $text = slurp($stat) // next;
        push @pids, $1 if $text =~ /\A(\d+) \(.*\) [^Z] (\d+) /s && $2 == $self->{pid};
    }
    @pids = sort { $a <=> $b } @pids;
    return @pids;
}

# Makes one of its processes stand still; returns when each of its threads does. CONT sets it free.
sub freeze {
    my ($self, $pid) = @_;
    kill STOP => $pid;
    my $still = wait_for { !grep { (slurp($_) // 'gone') !~ /\A\d+ \(.*\) T /s } glob "/proc/$pid/task/*/stat" };
    return $still || die "process $pid does not stop\n";
}

# Stops it (with TERM, or the signal given; 0: it is about to end already), and judges exit status,
# logs and sanitizer reports.
sub stop {
    my ($self, $signal) = @_;
    if (!defined $self->{status}) {
        $signal //= 'TERM';
        $self->signal($signal) if $signal;
        my $in_time = wait_for { $self->_has_ended } $PATIENCE;
        ok($in_time, 'usherd ends in time') or diag($self->log_text);
        $self->kill_now;
        is($self->{status}, 0, 'usherd exits with 0') if $in_time;
    }
    $self->judge;
    return $self->{status};
}

sub judge {
    my ($self) = @_;
    return if $self->{judged}++;
    my @bad;
    for my $line (split /\n/, $self->log_text) {
        my @hits = grep { $line =~ $_->{pattern} } @{$self->{expected}};
        $_->{seen}++ for @hits;
        push @bad, $line if !@hits && $line =~ /^\S+ \[(?:warn|error)\]/;
    }
    ok(!@bad, 'nothing unexpected in the error log') or diag(map { "$_\n" } @bad[0 .. ($#bad > 9 ? 9 : $#bad)]);
    ok($_->{seen}, "logged: $_->{pattern}") for @{$self->{expected}};
    _check_sanitizer($self->{dir});
    return;
}

sub _check_sanitizer {
    my ($dir) = @_;
    for my $report (glob "$dir/sanitizer.*") {
        fail('no sanitizer report');
        diag(substr slurp($report), 0, 4000);
        unlink $report;
    }
    return;
}

sub kill_now {
    my ($self) = @_;
    return if defined $self->{status};
    my @pids = $self->workers;
    kill KILL => $self->{pid};
    waitpid $self->{pid}, 0 if !$self->{background};
    kill KILL => @pids;
    $self->_ended(9);
    return;
}

# A test that forgets stop() still gets its verdict, and leaves nothing running.
END {
    my $exit = $?;
    if ($$ == $main_pid) {
        for my $u (@running) {
            eval { $u->kill_now };
        }
    }
    $? = $exit;
}

1;
