# Who workers run as, what they may do, what they keep open, and how much.

use strict;
use warnings;
use Test::More;
use Test::Usherd;

my $CONFIG = <<'END';
[global]
workers = 2
max_connections = 1000
%s
[listen web]
bind = 127.0.0.1:%%%%PORT1%%%%
[route all]
path = /*
respond = 200 text/plain "x"
END

sub with { return sprintf $CONFIG, join "\n", @_ }
sub body { my $r = get($_[0]->port(1), '/'); return $r ? $r->{body} : undef }

# A field of /proc/PID/status.
sub status { my ($pid, $name) = @_; return slurp("/proc/$pid/status") =~ /^$name:\s*(.*)$/m ? $1 : '' }

subtest 'descriptors of a worker' => sub {
    open my $leak, '<', '/etc/passwd' or die;
    fcntl $leak, 2, 0;    # F_SETFD: no close-on-exec
    my $usherd = usherd(with());
    for my $pid ($usherd->workers) {
        my @targets = map { readlink($_) // '' } glob "/proc/$pid/fd/*";
        ok !grep({ m{/etc/passwd|memfd|\.pid$} } @targets), 'nothing of others, nor the pid file, nor segments' or diag "@targets";
        is scalar(grep { /eventpoll/ } @targets), 1, 'one loop';
        cmp_ok scalar(grep { /^socket:/ } @targets), '<=', 3, 'no sockets of other workers';
        is status($pid, 'NoNewPrivs'), 1, 'no new privileges';
    }
    $usherd->stop;
};

subtest 'too few descriptors' => sub {
    my $usherd = usherd(with('worker_priority = 1') =~ s/1000/5000/r, prefix => ['sh', '-c', 'ulimit -n 1024; exec "$@"', 'sh']);
    is body($usherd), 'x', 'it serves';
    like $usherd->log_text, qr/max_connections: 5000 need \d+ descriptors, but the limit is 1024: \d+ connections per worker/, 'and tells how many';
    $usherd->expect_log(qr/max_connections: 5000 need/);
    $usherd->stop;
};

subtest 'the default fits itself to the descriptors' => sub {
    # Without the limit that the tests put on every command line.
    my $without = 'my ($i) = grep { $ARGV[$_] =~ /^global.max_connections/ } 0 .. $#ARGV; splice @ARGV, $i - 1, 2; exec @ARGV';
    my $usherd = usherd(with() =~ s/max_connections = 1000\n//r,
        prefix => ['sh', '-c', 'ulimit -n 1024; exec "$@"', 'sh', 'perl', '-e', $without]);
    is body($usherd), 'x', 'it serves';
    unlike $usherd->log_text, qr/max_connections/, 'without a warning';
    $usherd->stop;
};

subtest 'priority and CPUs' => sub {
    my $usherd = usherd(with('worker_priority = 5', 'worker_cpu_affinity = on'));
    my @workers = $usherd->workers;
    is getpriority(0, $_), 5, 'priority' for @workers;
    my @cpus = map { status($_, 'Cpus_allowed_list') } @workers;
    like $_, qr/^\d+$/, 'one CPU' for @cpus;
    isnt $cpus[0], $cpus[1], 'not the same one' if status($$, 'Cpus_allowed_list') =~ /[-,]/;
    $usherd->stop;
};

subtest 'an ordinary user' => sub {
    plan skip_all => 'needs root, to become somebody else' if $>;
    my $dir = scratch();
    chmod 0755, $ENV{USHERD};
    my $usherd = usherd(with('user = www-data'), dir => $dir, prefix => ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']);
    is body($usherd), 'x', 'can run it';
    is status($_, 'Uid'), join("\t", (65534) x 4), 'workers are the same user' for $usherd->workers;
    like slurp("$dir/stderr"), qr/\[global\] user: has no effect/, 'and `user` has no effect';
    $usherd->stop;
};

SKIP: {
    skip 'needs root', 4 if $>;

    my @nobody = getpwnam 'nobody';
    my ($uid, $gid) = @nobody[2, 3];

    subtest 'user' => sub {
        my $usherd = usherd(with('user = nobody'));
        is body($usherd), 'x', 'it serves';
        for my $pid ($usherd->workers) {
            is status($pid, 'Uid'), join("\t", ($uid) x 4), 'every user id';
            is status($pid, 'Gid'), join("\t", ($gid) x 4), 'every group id';
            is join(' ', split ' ', status($pid, 'Groups')), $gid, 'its groups and no more';
            is hex status($pid, $_), 0, "no $_" for qw(CapInh CapPrm CapEff CapAmb);
        }
        # Bits of capability.h; what no proxy needs.
        my %never = (chown => 0, fowner => 3, net_admin => 12, net_raw => 13, sys_module => 16, sys_ptrace => 19, sys_admin => 21, mknod => 27);
        my $master = hex status($usherd->{pid}, 'CapPrm');
        ok !($master & 1 << $never{$_}), "the master has given up $_" for sort keys %never;
        ok $master & 1 << 10, 'and kept net_bind_service';
        is hex(status($usherd->{pid}, 'CapBnd')) & ~$master, 0, 'it cannot have more by running a program';

        ok $usherd->reload(with('user = nobody', 'group = daemon')), 'reload with another group';
        my $daemon = getgrnam 'daemon';
        ok wait_for { !grep { status($_, 'Gid') ne join("\t", ($daemon) x 4) } $usherd->workers }, 'which workers have';
        ok $usherd->signal('USR1'), 'logs can be opened anew';
        is $usherd->stop, 0, 'and workers ended';
    };

    subtest 'the default' => sub {
        my $usherd = usherd(with(), default_user => 1);
        my $default = getpwnam('usherd') // $uid;
        is body($usherd), 'x', 'it serves';
        is status($_, 'Uid'), join("\t", ($default) x 4), 'as usherd or nobody' for $usherd->workers;
        ok $usherd->reload(with('group = daemon')), 'reload with a group alone';
        my $daemon = getgrnam 'daemon';
        ok wait_for { !grep { status($_, 'Gid') ne join("\t", ($daemon) x 4) } $usherd->workers }, 'which workers have';
        is status($_, 'Uid'), join("\t", ($default) x 4), 'and the same user' for $usherd->workers;
        unlike slurp($usherd->dir . '/stderr'), qr/warning/, 'nothing to warn of';
        $usherd->stop;
    };

    subtest 'a list of users with usherd, or with nobody at all' => sub {
        for (["usherd:x:4711:4712::/:/bin/false\n", 4711, 4712], ['', 65534, 65534], ["usherd:x:0:0::/:/bin/false\n", 65534, 65534]) {
            my ($line, $user, $group) = @$_;
            my $dir = scratch();
            spew("$dir/passwd", "root:x:0:0::/:/bin/sh\n$line");
            my $usherd = usherd(with(), default_user => 1, prefix => ['unshare', '-m', 'sh', '-c', "mount --bind $dir/passwd /etc/passwd && exec \"\$@\"", 'sh']);
            is body($usherd), 'x', 'it serves';
            is status($_, 'Uid'), join("\t", ($user) x 4), "as $user" for $usherd->workers;
            is status($_, 'Gid'), join("\t", ($group) x 4), '... and its group' for $usherd->workers;
            $usherd->stop;
        }
    };

    subtest 'root' => sub {
        my $usherd = usherd(with('user = root'));
        is status($_, 'Uid'), join("\t", (0) x 4), 'where it is written' for $usherd->workers;
        like slurp($usherd->dir . '/stderr'), qr/usherd\.ini:\d+: warning: \[global\] user: workers run as root/, 'with a warning';
        ok $usherd->reload(with('user = root', 'group = daemon')), 'reload';
        unlike $usherd->log_text, qr/run as root/, '... says it not again';
        $usherd->stop;
        like run_usherd({config => with('user = root')}, '-t')->{err}, qr/warning: \[global\] user: workers run as root/, '-t warns too';
    };

    subtest 'names that do not exist' => sub {
        my $r = run_usherd({config => with('user = no-such-user')}, '-t');
        is $r->{status}, 1, 'user';
        like $r->{err}, qr/\[global\] user: .*no-such-user/, 'is told';
        $r = run_usherd({config => with('group = no-such-group')}, '-t');
        is $r->{status}, 1, 'group';
        like $r->{err}, qr/\[global\] group: .*no-such-group/, 'is told';
    };

    subtest 'chroot' => sub {
        my $dir = scratch();
        mkdir "$dir/root";
        # The leak checker reads /proc, which is not there.
        my $usherd = usherd(with('user = nobody', "chroot = $dir/root"), env => {LSAN_OPTIONS => 'detect_leaks=0'});
        is body($usherd), 'x', 'it serves';
        is readlink("/proc/$_/root"), "$dir/root", 'from there' for $usherd->workers;
        is readlink("/proc/$_/cwd"),  "$dir/root", 'and with nothing outside' for $usherd->workers;
        is readlink("/proc/$usherd->{pid}/root"), '/', 'the master sees all';
        ok $usherd->reload, 'so it can reload';
        is body($usherd), 'x', 'and serves';
        $usherd->stop;
    };

    subtest 'a log that only root may write' => sub {
        my $dir = scratch();
        mkdir "$dir/logs";
        chmod 0700, "$dir/logs";
        my $usherd = usherd(with('user = nobody') =~ s/(path = .*)/$1\naccess_log = main/r . "[log main]\npath = $dir/logs/access\nflush = 10ms\n");
        body($usherd);
        ok wait_for { -s "$dir/logs/access" }, 'is written by workers without rights';
        is sprintf('%o', (stat "$dir/logs/access")[2] & 07777), '640', 'and not for everybody to read';
        rename "$dir/logs/access", "$dir/logs/old";
        $usherd->signal('USR1');
        ok wait_for { -e "$dir/logs/access" }, 'opened anew';
        ok wait_for { body($usherd); -s "$dir/logs/access" }, 'and written again';
        $usherd->stop;
    };
}

done_testing;
