# Reload: a transaction that loses no request, and changes nothing where it fails.

use strict;
use warnings;
use IO::Socket::INET;
use POSIX ();
use Test::More;
use Test::Usherd;
use Time::HiRes qw(sleep time);

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

sub ask { return "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n" }
sub body { my $r = get($_[0]->port($_[1] // 1), '/'); return $r ? $r->{body} : undef }
sub count { my @pids = $_[0]->workers; return scalar @pids }
sub open_to { return IO::Socket::INET->new(PeerAddr => '127.0.0.1:' . $_[0]->port($_[1])) ? 1 : 0 }

subtest 'a new configuration' => sub {
    my $usherd = usherd(saying('one'));
    my @before = $usherd->workers;
    ok $usherd->reload(saying('two', 'workers = 3') =~ s/workers = 2\n//r), 'reload';
    is body($usherd), 'two', 'serves';
    ok wait_for { count($usherd) == 3 }, 'as many workers as it says';
    my %old = map { $_ => 1 } @before;
    ok !grep({ $old{$_} } $usherd->workers), 'none of them from before';
    $usherd->reload(saying('three'));
    is body($usherd), 'three', 'and again';
    $usherd->stop;
};

subtest 'addresses come and go' => sub {
    my $usherd = usherd(saying('one'));
    my $more = "[listen more]\nbind = 127.0.0.1:%%PORT2%%\nbind = unix:%%DIR%%/u.sock\n";
    $usherd->reload(saying('two', '', $more));
    is body($usherd, $_), 'two', "port $_" for 1, 2;
    is get($usherd->dir . '/u.sock', '/')->{body}, 'two', 'the Unix socket';
    $usherd->reload(saying('three'));
    is body($usherd, 1), 'three', 'the first one stays';
    ok wait_for { !open_to($usherd, 2) }, 'the second one is closed';
    ok !-e $usherd->dir . '/u.sock', 'the file of the Unix socket is gone';
    $usherd->reload(saying('four') =~ s/%%PORT1%%/%%PORT2%%/r);
    is body($usherd, 2), 'four', 'from one port to the other';
    ok wait_for { !open_to($usherd, 1) }, 'leaving the first one';
    $usherd->stop;
};

# Each is written over the good file; nothing about the running usherd may change.
my $taken = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1);
my %broken = (
    'an unknown key'             => [saying('bad') =~ s/respond/rspond/r, qr/usherd\.ini:\d+: \[route all\] rspond: unknown key/],
    'no such backend'            => [saying('bad') =~ s/respond.*/backend = nope/r, qr/nope/],
    'a pattern that is none'     => [saying('bad') =~ s/path = .*/path_regex = (/r, qr/path_regex/],
    'an address that is taken'   => [saying('bad', '', "[listen more]\nbind = 127.0.0.1:%%PORT3%%\nbind = 127.0.0.1:" . $taken->sockport), qr/bind 127\.0\.0\.1:\d+: Address already in use/],
    'a log that cannot be made'  => [saying('bad', '', "[log l]\npath = %%DIR%%/none/l") =~ s/respond/access_log = l\nrespond/r, qr{log \S+/none/l: No such file}],
);

subtest 'a broken configuration' => sub {
    my $usherd = usherd(saying('good'));
    my @before = $usherd->workers;
    my $c = client($usherd->port(1));
    for my $name (sort keys %broken) {
        my ($text, $pattern) = @{$broken{$name}};
        $usherd->reload($text);
        ok $usherd->await_log($pattern), "$name is told";
        is body($usherd), 'good', 'the one before serves on';
        $usherd->expect_log($pattern);
    }
    is_deeply [$usherd->workers], \@before, 'with the same workers';
    ok !open_to($usherd, 3), 'what was opened is closed again';
    is $c->send(ask())->response->{body}, 'good', 'a connection from before was not disturbed';
    unlike $c->send(ask())->response->{head}, qr/^Connection: close/mi, 'at all';
    my $failures = () = $usherd->log_text =~ /reload failed: all goes on with the configuration before/g;
    is $failures, scalar keys %broken, 'each failure is logged';
    $usherd->expect_log(qr/reload failed/);
    $usherd->allow_log(qr/usherd\.ini:\d+: /);
    $usherd->reload(saying('better'));
    is body($usherd), 'better', 'a good one is taken after that';
    $usherd->stop;
};

SKIP: {
    skip 'only root can change the root directory', 1 if $>;
    subtest 'workers that do not start' => sub {
        my $usherd = usherd(saying('good'));
        my @before = $usherd->workers;
        my $dir = $usherd->dir;
        # A directory that no check of the file finds fault with, but that nobody can enter.
        $usherd->reload(saying('bad', 'chroot = /proc/self/task/1'));
        ok $usherd->await_log(qr/reload failed/), 'the reload is rolled back';
        is body($usherd), 'good', 'the ones before serve on';
        ok wait_for { "@{[$usherd->workers]}" eq "@before" }, 'no others are left';
        $usherd->expect_log(qr/chroot/, qr/reload failed/);
        $usherd->allow_log(qr/died: exit status 70/);
        $usherd->stop;
    };
}

subtest 'a reload during a reload' => sub {
    my $usherd = usherd(saying('one'));
    spew($usherd->{ini}, slurp($usherd->{ini}) =~ s/"one"/"two"/r);
    $usherd->signal('HUP') for 1 .. 5;
    ok $usherd->await_log(qr/generation \d serves/), 'serves';
    # In one step, as a reload may be reading it.
    spew("$usherd->{ini}.new", slurp($usherd->{ini}) =~ s/"two"/"three"/r);
    rename "$usherd->{ini}.new", $usherd->{ini};
    $usherd->signal('HUP');
    ok wait_for { body($usherd) eq 'three' }, 'the last one wins';
    my $last;
    # No more than the first, one remembered, and the one after: signals of a kind are one.
    wait_for { my $n = () = $usherd->log_text =~ /generation \d serves/g; my $same = defined $last && $n == $last; $last = $n; sleep 0.1; $same };
    cmp_ok $last, '<=', 4, 'signals do not pile up';
    $usherd->stop;
};

subtest 'what the old workers do' => sub {
    my $origin = origin(['request', [stall => 1], [send => answer('late')], 'loop'], ['request', [send => answer('quick')], 'loop']);
    my $usherd = proxy($origin);
    my $busy = client($usherd->port(1));
    $busy->send("GET /busy HTTP/1.1\r\nHost: a.test\r\n\r\n");
    ok wait_for { $origin->requests > 0 }, 'a request under way';
    my $idle = client($usherd->port(1));
    $idle->send("OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n");
    ok $idle->response, 'a connection that becomes idle';
    my ($old) = $usherd->workers;
    ok $usherd->reload(slurp($usherd->{ini}) =~ s/backend = app/respond = 200 text\/plain "new"/r =~ s/\[backend.*//sr), 'reload';
    is body($usherd), 'new', 'new connections see the new configuration';
    is $busy->response->{body}, 'late', 'the request is answered as it began';
    ok $idle->quiet(0.2), 'the idle connection is not closed under its client';
    $idle->send("OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n");
    is field($idle->response, 'connection'), 'close', 'its next request is answered and is the last';
    ok wait_for { !grep { $_ == $old } $usherd->workers }, 'then the old worker ends';
    $usherd->stop;
};

subtest 'drain_timeout' => sub {
    my $usherd = usherd(saying('one', 'drain_timeout = 300ms'));
    my $c = client($usherd->port(1));
    is $c->send(ask())->response->{body}, 'one', 'a connection';
    my @before = $usherd->workers;
    ok $usherd->reload(saying('two', 'drain_timeout = 300ms')), 'reload';
    isnt $c->end, 'open', 'is closed in the end';
    ok wait_for { my %now = map { $_ => 1 } $usherd->workers; !grep { $now{$_} } @before }, 'and the old workers go';
    $usherd->stop;
};

# Asks on and on, over connections of many requests and of one, and reports what did not succeed.
sub load {
    my ($port, $seconds) = @_;
    pipe my $out, my $in or die;
    my $pid = fork // die;
    if (!$pid) {
        close $out;
        my ($n, @bad) = 0;
        my $end = time + $seconds;
        while (time < $end) {
            my $c = eval { client($port) };
            push @bad, "connect: $@" if !$c;
            for my $more (reverse 0 .. ($n % 3 ? 20 : 0)) {
                $c->send(ask());
                my $r = $c->response;
                $n++;
                push @bad, 'no answer, ' . $c->end(0) if !$r;
                push @bad, "status $r->{status}" if $r && $r->{status} != 200;
                last if !$r || $r->{close};
            }
            $c->close;
        }
        syswrite $in, "$n\n" . join '', map { "$_\n" } @bad;
        POSIX::_exit(0);
    }
    close $in;
    return sub { local $/; my ($n, @bad) = split /\n/, scalar <$out>; waitpid $pid, 0; return ($n, @bad) };
}

subtest 'no request is lost' => sub {
    my $usherd = usherd(saying('x', 'drain_timeout = 5s'));
    my @loads = map { load($usherd->port(1), 3) } 1 .. 3;
    my $reloads = 0;
    my $end = time + 2.5;
    while (time < $end) {
        $reloads++ if $usherd->reload;
    }
    cmp_ok $reloads, '>', 2, "$reloads reloads";
    for my $load (@loads) {
        my ($n, @bad) = $load->();
        cmp_ok $n, '>', 50, "$n requests";
        is_deeply \@bad, [], 'all of them answered';
    }
    $usherd->stop;
};

SKIP: {
    skip 'too many processes under a sanitizer', 1 if sanitized();
    subtest 'no free slots' => sub {
        my $most   = sub { saying($_[0]) =~ s/workers = 2/workers = 128/r };
        my $usherd = usherd($most->('one'));
        my $c      = client($usherd->port(1));
        is $c->send(ask())->response->{body}, 'one', 'a connection that keeps a worker of generation 1';
        ok $usherd->reload($most->('two')), 'two generations fit';
        is body($usherd), 'two', 'the second one serves';
        ok $c->quiet(0.1), 'the first one still has the connection';
        ok $usherd->reload($most->('three')), 'three do not';
        is body($usherd), 'three', 'the third one serves';
        ok $usherd->await_log(qr/no free slots for workers: ending generation 1 early/), 'the oldest one had to go';
        isnt $c->end, 'open', 'with its connection';
        $usherd->expect_log(qr/no free slots for workers: ending generation 1 early/);
        $usherd->stop;
    };
}

done_testing;
