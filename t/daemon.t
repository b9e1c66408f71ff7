# A daemon with every kind of section: what it has open stays the same over reloads, by number and by
# what it is, whatever it was started with.

use strict;
use warnings;
use IO::Socket::INET;
use POSIX ();
use Test::Certs 'certs';
use Test::Dns 'dns';
use Test::More;
use Test::Usherd;

my $ROOTS = 8;

my $pki    = certs();
my $cert   = $pki->leaf(site => names => ['a.test']);
my $ca     = $pki->file('root');
my $origin = origin(answer('from the origin'));
my $store  = origin(answer('from the store'));
my $dns    = dns('app.test' => {A => ['127.0.0.1']});
my $syslog = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1') or die;

sub every_kind {
    my ($text, %more) = @_;
    my $port  = $origin->{address} =~ s/.*://r;
    my $files = join '', map { "[route files$_]\npath = /files$_/*\nstrip_prefix = /files$_\nfiles = %%DIR%%/www$_\n" } 1 .. $ROOTS;
    return <<"END";
[global]
workers = 2
max_connections = 1000
resolver = $dns->{address}
@{[$more{global} // '']}
[defaults]
access_log = file
tls_ca = $ca
[listen web]
bind = 127.0.0.1:%%PORT1%%
bind = unix:%%DIR%%/web.socket
[listen tls]
bind = 127.0.0.1:%%PORT2%%
tls = on
certificate = $cert->{pair}
[host a]
names = a.test
headers = secure
[route said]
path = /said
respond = 200 text/plain "$text"
access_log = far
[route named]
path = /named
backend = named
[route stored]
path = /stored/*
bucket = store
[route all]
path = /*
backend = app
error_page = 404 %%DIR%%/404.html
$files
[headers secure]
preset = security
[backend app]
server = $origin->{address}
check = GET /health interval=100ms
[backend named]
server = app.test:$port
[bucket store]
endpoint = http://$store->{address}
name = media
access_key = AKID
secret_key = secret
[log file]
path = %%DIR%%/access.log
[log far]
path = syslog:udp:127.0.0.1:@{[$syslog->sockport]}
[admin]
listen = 127.0.0.1:%%PORT9%%
names = a.test
socket = %%DIR%%/control
END
}

# The files that the configuration names, in a new directory.
sub directory {
    my $dir = scratch();
    for my $n (1 .. $ROOTS) {
        mkdir "$dir/www$n" or die;
        spew("$dir/www$n/index.html", "file $n");
    }
    spew("$dir/404.html", 'not here');
    return $dir;
}

# ---- what a process has open

# The sockets that a process can see: {inode => what it is}.
sub sockets {
    my ($pid) = @_;
    my %found;
    for my $protocol (qw(tcp tcp6 udp udp6)) {
        for (split /\n/, slurp("/proc/$pid/net/$protocol") // '') {
            my (undef, $local, undef, $state, undef, undef, undef, undef, undef, $inode) = split;
            $found{$inode} = $state eq '0A' ? "$protocol listens at $local" : $protocol if $inode;
        }
    }
    for (split /\n/, slurp("/proc/$pid/net/unix") // '') {
        my (undef, undef, undef, $flags, $type, undef, $inode, $path) = split;
        $found{$inode} = 'unix type ' . ($type // '') . ' ' . ($path // '') if defined $inode;
    }
    return \%found;
}

# Connections come and go: they are left out, as are descriptors that close while we look.
sub descriptors {
    my ($pid) = @_;
    my $sockets = sockets($pid);
    my %open;
    for my $link (glob "/proc/$pid/fd/*") {
        my $what = readlink $link // next;
        my $socket = $what =~ /^socket:\[(\d+)\]$/ ? $sockets->{$1} // '' : undef;
        next if defined $socket && $socket !~ /^unix|listens/;
        $open{$link =~ s{.*/}{}r} = {link => $what, what => $socket // $what};
    }
    return \%open;
}

# What belongs to the process for all its life, by number: it must stay as it is.
my $FOR_LIFE = qr{memfd:|anon_inode:|listens|\.socket$|/control$|\.pid|^/dev/null$};

sub for_life { my ($open) = @_; return {map { $open->{$_}{what} =~ $FOR_LIFE ? ($_ => $open->{$_}{link}) : () } keys %$open} }

sub kinds { my ($open) = @_; return [sort map { $_->{what} } values %$open] }

# What the master has open, once it is the same in two looks: old generations have ended.
sub settled {
    my ($usherd) = @_;
    wait_for { $usherd->workers == 2 };
    my ($before, $open) = ('', undef);
    wait_for {
        $open = descriptors($usherd->{pid});
        my $now  = join ' ', map { "$_ $open->{$_}{link}" } sort keys %$open;
        my $same = $now eq $before;
        $before = $now;
        return $same;
    };
    return $open;
}

sub body { my ($path) = @_; my $r = get(free_port_at(1), $path); return $r ? $r->{body} : undef }

sub everything_is_served {
    my ($text) = @_;
    is body('/said'), $text, "$text: a text";
    is body('/'), 'from the origin', "$text: a backend";
    is body('/named'), 'from the origin', "$text: a backend by name";
    is body('/stored/x'), 'from the store', "$text: a bucket";
    is_deeply [map { body("/files$_/") } 1 .. $ROOTS], [map { "file $_" } 1 .. $ROOTS], "$text: files";
    return;
}

sub ten_reloads {
    my ($usherd) = @_;
    everything_is_served('one');
    ok $usherd->reload(every_kind("turn $_")), "reload $_" for 1 .. 2;
    my $before = settled($usherd);
    my %worker = map { $_ => kinds(descriptors($_)) } $usherd->workers;
    ok $usherd->reload(every_kind("turn $_")), "reload $_" for 3 .. 12;
    my $after = settled($usherd);
    is_deeply for_life($after), for_life($before), 'what the master holds for life has the same numbers';
    is_deeply kinds($after), kinds($before), 'and of the rest there is as much';
    my ($some) = values %worker;
    is_deeply kinds(descriptors($_)), $some, 'a worker has what those before had' for $usherd->workers;
    everything_is_served('turn 12');
    return;
}

for my $background (0, 1) {
    subtest $background ? 'in the background' : 'in the foreground' => sub {
        my $dir    = directory();
        my $usherd = usherd(every_kind('one'), dir => $dir, background => $background);
        ten_reloads($usherd);
        rename "$dir/access.log", "$dir/access.log.1";
        my $before = settled($usherd);
        $usherd->signal('USR1');
        ok wait_for { -e "$dir/access.log" }, 'logs are opened anew';
        is_deeply for_life(settled($usherd)), for_life($before), 'and nothing else';
        $usherd->stop;
        ok !-e "$dir/usherd.pid", 'the pid file is gone';
    };
}

subtest 'a second start is refused, also after reloads' => sub {
    my $usherd = usherd(every_kind('one'), dir => directory(), background => 1);
    my @workers = $usherd->workers;
    ok $usherd->reload, 'a reload' for 1 .. 2;
    @workers = $usherd->workers if wait_for { $usherd->workers == 2 };
    my @again = ('-c', $usherd->{ini}, '-g', "global.pid_file=$usherd->{pidfile}", '-g', "global.error_log=$usherd->{log}");
    my $r = run_usherd(@again);
    is $r->{status}, 1, 'a second one does not start';
    like $r->{err}, qr/usherd is running already, pid $usherd->{pid}\b/, 'and says why';
    is_deeply [$usherd->workers], \@workers, 'the workers of the first one are left alone';
    is run_usherd(@again, '-s', 'reload')->{status}, 0, '-s finds it';
    ok $usherd->await_notify(qr/^READY=1/m), 'and it reloads';
    $usherd->stop;
};

# What a shell leaves open is not kept, and a standard descriptor that is closed is no place for
# something else: going to the background would put /dev/null there.
for my $closed ('0<&-', '1>&-', '2>&-', '0<&- 1>&- 2>&-') {
    subtest "started with $closed" => sub {
        my $usherd = usherd(every_kind('one'), dir => directory(), background => 1,
            prefix => ['sh', '-c', "exec \"\$0\" \"\$@\" 7</etc/passwd $closed"]);
        my $open = descriptors($usherd->{pid});
        is $open->{$_}{what}, '/dev/null', "$_ is nothing" for 0 .. 2;
        ok !grep({ $_->{what} eq '/etc/passwd' } values %$open), 'what was open is not kept';
        everything_is_served('one');
        ok $usherd->reload(every_kind('two')), 'a reload';
        everything_is_served('two');
        $usherd->stop;
    };
}

# There a worker cannot open the directories again itself.
for my $closed ('', '0<&- 1>&- 2>&-') {
    subtest "files under chroot and user $closed" => sub {
        plan skip_all => 'needs root' if $>;
        my $dir = directory();
        chmod 0755, glob "$dir/www*";
        my $global = "chroot = $dir\nuser = nobody\n";
        my $usherd = usherd(every_kind('one', global => $global), dir => $dir, background => 1,
            env => {LSAN_OPTIONS => 'detect_leaks=0'}, prefix => ['sh', '-c', "exec \"\$0\" \"\$@\" $closed"]);
        is_deeply [map { body("/files$_/") } 1 .. $ROOTS], [map { "file $_" } 1 .. $ROOTS], 'are served from the start';
        ok $usherd->reload(every_kind('two', global => $global)), 'a reload';
        is_deeply [map { body("/files$_/") } 1 .. $ROOTS], [map { "file $_" } 1 .. $ROOTS], 'and after it';
        $usherd->stop;
    };
}

done_testing;
