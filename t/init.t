# The init script and the rotation of logs, with a daemon that runs, that does not, and whose file is
# broken.

use strict;
use warnings;
use Test::More;
use Test::Usherd;

my $dir = scratch();
my $ini = "$dir/usherd.ini";
my $bin = scratch();
my $USHERD = $ENV{USHERD};
symlink $USHERD, "$bin/usherd";

my $port = free_port_at(1);
my $good = <<"END";
[global]
workers = 1
max_connections = 1000
pid_file = $dir/usherd.pid
error_log = $dir/error.log
[listen web]
bind = 127.0.0.1:$port
[route all]
path = /*
respond = 200 text/plain "x"
END

# The script of the package, with its settings from here.
my $script = slurp('contrib/usherd.init') =~ s{/etc/default/usherd}{$dir/default}gr;
spew("$dir/init", $script);
spew("$dir/default", "DAEMON=$USHERD\nCONFIG=$ini\n");

sub sh {
    my @command = @_;
    my $out = "$dir/out";
    local $ENV{PATH} = "$bin:$ENV{PATH}";
    my $pid = fork // die;
    if (!$pid) {
        open STDOUT, '>', $out;
        open STDERR, '>&', \*STDOUT;
        exec 'sh', @command;
    }
    waitpid $pid, 0;
    return ($? >> 8, slurp($out));
}

sub init { return sh("$dir/init", @_) }
sub pid { return (slurp("$dir/usherd.pid") // '') =~ /\A(\d+)\n\z/ ? $1 : undef }
sub serves { my $r = eval { get($port, '/') }; return $r && $r->{body} eq 'x' }

sub expect {
    my ($action, $status, $said, $name) = @_;
    my ($got, $out) = init($action);
    is $got, $status, "$action: $name" or diag $out;
    like $out, $said, '... and what it says';
    return;
}

my $running = qr/\Ausherd is running, pid \d+\n\z/;

for my $case (['', $good], ['broken file: ', $good =~ s/respond/rspond/r]) {
    my ($what, $text) = @$case;
    spew($ini, $good);
    expect('status', 3, qr/\Ausherd is not running\n\z/, 'nothing runs');
    expect('stop', 0, qr/\AStopping usherd\n\z/, 'is no error then');
    expect('start', 0, qr/\AStarting usherd\n\z/, 'starts it');
    my $pid = pid();
    ok serves(), 'it serves';
    spew($ini, $text);
    expect('start', 0, qr/\A\z/, "${what}a second time does nothing");
    expect('status', 0, $running, "${what}it runs");
    is pid(), $pid, 'the same one';
    expect('reload', $what ? 6 : 0, $what ? qr/rspond/ : qr/\A\z/, "${what}a reload");
    expect('restart', 6, qr/rspond/, "${what}no restart without a configuration") if $what;
    expect('status', 0, $running, "${what}it runs on");

    rename "$dir/error.log", "$dir/error.log.1";
    my ($postrotate) = slurp('contrib/usherd.logrotate') =~ /postrotate\n(.*?)\n\s*endscript/s;
    # Where the file is, the package's own need not say.
    $postrotate =~ s{/usr/local/sbin/usherd -s}{usherd -c $ini -s}g;
    is +(sh('-c', $postrotate))[0], 0, "${what}logs are rotated";
    ok wait_for { -e "$dir/error.log" }, 'a new one is there';

    expect('stop', 0, qr/\AStopping usherd\n\z/, "${what}it is stopped");
    ok !serves(), 'and serves no more';
    expect('status', 3, qr/is not running/, "${what}nothing runs");
    is_deeply [sh('-c', $postrotate)], [0, ''], "${what}logs are rotated without it";
}

spew($ini, $good);
expect('start', 0, qr/Starting/, 'starts it');
my $before = pid();
expect('restart', 0, qr/Restarting/, 'restarts it');
isnt pid(), $before, 'as another process';
expect('try-restart', 0, qr/\A\z/, 'again');
spew($ini, $good =~ s/^pid_file = .*/pid_file = x/mr);
expect('status', 4, qr/pid_file/, 'where the pid file is not known');
expect('stop', 1, qr/pid_file/, 'it is not said to be stopped');
ok serves(), 'it still serves';
spew($ini, $good);
expect('stop', 0, qr/Stopping/, 'stops it');
expect('try-restart', 0, qr/\A\z/, 'does not start it');
ok !serves(), 'nothing serves';
is +(init('dance'))[0], 2, 'an unknown action';

unlike slurp("$dir/error.log"), qr/\[(?:warn|error)\]/, 'no errors';

done_testing;
