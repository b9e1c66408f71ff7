# What peers that read slowly cost: memory for each of them is bounded, however much there is to
# send, and a worker gives it back when they have gone.

use strict;
use warnings;
use IO::Select;
use IO::Socket::UNIX;
use POSIX ();
use Test::More;
use Test::Usherd;

$SIG{PIPE} = 'IGNORE';
plan skip_all => 'memory is asserted on the release build only' if sanitized();

my $PEERS     = 450;
my $DOWN_KIB  = 67;
my $UP_KIB    = 96;           # a window of 64 KiB in blocks of 16, the first and the last filled in part
my $KEPT_KIB  = 16 << 10;     # a worker keeps 5 MiB for the next requests, and up to 8 MiB that malloc has
my $QUIET     = 0.5;          # seconds
my $BODY      = 'x' x (1 << 20);
my $HEAD      = "HTTP/1.1 200 OK\r\nContent-Length: " . length($BODY) . "\r\n\r\n";
my $dir       = scratch();
my $origin;

# Unix sockets: their buffers do not grow.
sub connect_to {
    my ($path) = @_;
    return IO::Socket::UNIX->new(Peer => $path, Type => SOCK_STREAM) // die "$path: $!";
}

# Writes to all of them until none takes more; the bytes are those at the offsets of %$left.
sub fill_up {
    my ($bytes, @peers) = @_;
    my %left = map { $_ => 0 } @peers;
    my $writers = IO::Select->new(@peers);
    while (my @ready = $writers->can_write($QUIET)) {
        for my $peer (@ready) {
            my $n = syswrite $peer, substr $bytes, $left{$peer}, 65536;
            $left{$peer} += $n if defined $n;
            $writers->remove($peer) if $left{$peer} == length $bytes;
        }
    }
    return;
}

# A server in a process of its own. It takes $PEERS connections, and sends answers as far as they
# are taken (1), or reads nothing (0); then it creates the file `full`, and waits for its end.
sub slow_origin {
    my ($answers, $path) = @_;
    unlink $path, "$dir/full";
    my $listener = IO::Socket::UNIX->new(Local => $path, Type => SOCK_STREAM, Listen => $PEERS)
        or die "$path: $!";
    chmod 0777, $path;
    my $pid = fork // die "fork: $!";
    return $pid if $pid;
    open STDOUT, ">", "/dev/null";
    open STDERR, ">", "/dev/null";
    my @peers;
    while (@peers < $PEERS) {
        my $peer = $listener->accept or next;
        sysread $peer, my $head, 65536 if $answers;
        $peer->blocking(0);
        push @peers, $peer;
    }
    fill_up("$HEAD$BODY", @peers) if $answers;
    spew("$dir/full", '');
    sleep 600;
    POSIX::_exit(0);
}

sub end_origin {
    return unless $origin;
    kill KILL => $origin;
    local $?;
    waitpid $origin, 0;
    undef $origin;
    return;
}

END { end_origin() }

sub status_kib {
    my ($usherd, $field) = @_;
    my ($pid) = $usherd->workers;
    my ($kib) = slurp("/proc/$pid/status") =~ /^$field:\s+(\d+)/m;
    return $kib;
}

sub slow_peers {
    my ($name, $answers, $bound) = @_;
    $origin = slow_origin($answers, "$dir/origin");
    my $usherd = usherd(<<"END");
[global]
workers = 1
[listen web]
bind = unix:$dir/web
[route all]
path = /*
backend = app
max_body = 64m
[backend app]
check = off
server = unix:$dir/origin
END
    my $before = status_kib($usherd, 'VmRSS');
    my @clients = map { connect_to("$dir/web") } 1 .. $PEERS;
    my $head = $answers ? "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n" :
        "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: " . length($BODY) . "\r\n\r\n";
    for my $client (@clients) {
        syswrite $client, $head;
        $client->blocking(0);
    }
    fill_up($BODY, @clients) unless $answers;
    ok wait_for { -e "$dir/full" }, "$name: the server is told to wait";
    my $each = (status_kib($usherd, 'VmHWM') - $before) / $PEERS;
    cmp_ok $each, '<=', $bound, "$name: no more than $bound KiB each";
    diag sprintf '%s: %.1f KiB each', $name, $each if $ENV{USHERD_FIGURES};
    close $_ for @clients;
    ok wait_for { status_kib($usherd, 'VmRSS') < $before + $KEPT_KIB },
        "$name: given back when they have gone" or diag status_kib($usherd, 'VmRSS'), " KiB, before $before";
    $usherd->stop;
    end_origin();
    return;
}

slow_peers('downloads', 1, $DOWN_KIB);
slow_peers('uploads', 0, $UP_KIB);

done_testing;
