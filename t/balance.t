# Who gets how many requests, over several workers: each algorithm, weights, backups, max_conns.

use strict;
use warnings;
use JSON::PP 'decode_json';
use Test::More;
use Test::Usherd;
use Time::HiRes qw(sleep time);

my $WORKERS = 3;
my $ADMIN   = "[admin]\nlisten = 127.0.0.1:%%PORT9%%\nnames = a.test\n";

sub get_text { my ($path) = @_; return "GET $path HTTP/1.1\r\nHost: a.test\r\n\r\n" }

# Several workers before servers that answer with their names. A server is a name, or one with options.
sub balanced {
    my ($servers, $backend) = @_;
    my @origins = map { origin(answer((split)[0])) } @$servers;
    my @lines = map { $origins[$_]{address} . ($servers->[$_] =~ s/^\S+//r) } 0 .. $#origins;
    my $usherd = proxy(\@lines, options => {args => ['-g', "global.workers=$WORKERS"]}, backend => "check = off\n$backend",
        more => $ADMIN);
    $usherd->{of_test} = \@origins;
    return $usherd;
}

sub status { my ($usherd) = @_; return decode_json(get($usherd->port(9), '/status.json')->{body}) }
sub servers { return @{(grep { $_->{name} eq 'app' } @{status($_[0])->{backends}})[0]{servers}} }

# Connections to more than one worker: a worker takes several before the next has its turn.
sub connections {
    my ($usherd) = @_;
    my (@c, $busy);
    while (@c < 120 && ($busy // 0) < 2) {
        my @more = map { client($usherd->port(1)) } 1 .. 12;
        $_->send(get_text('/')) for @more;
        $_->response for @more;
        push @c, @more;
        $busy = grep { $_->{requests} > 1 } @{status($usherd)->{workers}};
    }
    cmp_ok $busy, '>', 1, 'more than one worker serves' or diag explain status($usherd)->{workers};
    return @c;
}

# How often each server answers N requests, sent one after the other over all connections.
sub spread {
    my ($n, @c) = @_;
    my %seen;
    for my $i (1 .. $n) {
        my $c = $c[$i % @c];
        $c->send(get_text('/'));
        $seen{$c->response->{body} // 'nothing'}++;
    }
    return \%seen;
}

sub within {
    my ($got, $low, $high, $name) = @_;
    return ok($got >= $low && $got <= $high, "$name: $low to $high") || diag("got $got");
}

subtest 'round_robin' => sub {
    my $usherd = balanced([qw(a b c d)], 'balance = round_robin');
    my @c = connections($usherd);
    is_deeply spread(160, @c), {a => 40, b => 40, c => 40, d => 40}, 'exactly even over all workers';
    $usherd->stop;

    $usherd = balanced(['a weight=5', 'b', 'c weight=2', 'd backup'], 'balance = round_robin');
    @c = connections($usherd);
    is_deeply spread(160, @c), {a => 100, b => 20, c => 40}, 'exactly by weight, no backup';
    $usherd->stop;
};

subtest 'least_conn' => sub {
    my $usherd = balanced(['a weight=3', 'b', 'c'], 'balance = least_conn');
    my @c = connections($usherd);
    my $seen = spread(200, @c);
    within($seen->{a}, 115, 125, 'idle servers: by weight');
    within($seen->{$_}, 35, 45, 'idle servers: by weight') for qw(b c);
    $usherd->stop;

    # One server keeps its requests: the others get what comes.
    my $slow = origin(['request', 'eof']);
    my @fast = map { origin(answer($_)) } qw(b c);
    $usherd = proxy([$slow, @fast], options => {args => ['-g', "global.workers=$WORKERS"]}, more => $ADMIN,
        backend => "check = off\nbalance = least_conn\n");
    my @held = map { client($usherd->port(1)) } 1 .. 30;
    $_->send(get_text('/')) for @held;
    ok wait_for {
        my ($a, $b, $c) = servers($usherd);
        $a->{requests_in_flight} + $b->{requests} + $c->{requests} == 30
            && !$b->{requests_in_flight} && !$c->{requests_in_flight};
    }, 'all but those of the slow one are served';
    cmp_ok((servers($usherd))[0]{requests_in_flight}, '>', 0, 'which keeps some');
    my %seen;
    $seen{get($usherd->port(1), '/')->{body}}++ for 1 .. 40;
    is(($seen{b} // 0) + ($seen{c} // 0), 40, 'a server that keeps its requests gets no more');
    within($seen{$_}, 18, 22, 'the others share') for qw(b c);
    $_->close for @held;
    $slow->stop;
    $usherd->allow_log(qr/\[warn\]/);
    $usherd->stop;
};

subtest 'random' => sub {
    my $usherd = balanced(['a weight=2', 'b', 'c'], 'balance = random');
    my @c = connections($usherd);
    my $seen = spread(400, @c);
    within($seen->{a}, 150, 250, 'by weight');
    within($seen->{$_}, 60, 140, 'by weight') for qw(b c);
    $usherd->stop;
};

subtest 'hash' => sub {
    my $usherd = balanced([qw(a b c d)], 'balance = hash $arg_k');
    my @c = connections($usherd);
    my (%of, %seen, $wrong);
    for my $round (1 .. 3) {
        for my $k (1 .. 60) {
            my $c = $c[($k + $round) % @c];
            $c->send(get_text("/?k=$k"));
            my $body = $c->response->{body};
            $wrong++ if ($of{$k} //= $body) ne $body;
            $seen{$body}++;
        }
    }
    ok !$wrong, 'the same key, the same server, whichever worker';
    within($seen{$_}, 9, 90, 'each has its keys') for qw(a b c d);

    # One of four is taken out by a reload: only its keys move.
    my $text = slurp($usherd->{ini});
    my $gone = (sort { $seen{$b} <=> $seen{$a} } keys %seen)[0];
    my $number = {a => 0, b => 1, c => 2, d => 3}->{$gone};
    my @lines = $text =~ /^(server = .*\n)/mg;
    $text =~ s/^\Q$lines[$number]\E//m;
    ok $usherd->reload($text), 'a reload without one server';
    my ($moved, $stayed) = (0, 0);
    for my $k (1 .. 60) {
        my $body = get($usherd->port(1), "/?k=$k")->{body};
        isnt $body, $gone, "key $k left the server" if $of{$k} eq $gone;
        $moved++ if $of{$k} ne $gone && $body ne $of{$k};
    }
    is $moved, 0, 'no key of another server moved';
    $usherd->stop;
};

subtest 'ip_hash' => sub {
    my $usherd = balanced([qw(a b c d)], 'balance = ip_hash');
    my (%seen, $wrong);
    for my $n (1 .. 30) {
        my %one;
        for (1 .. 3) {
            my $c = client($usherd->port(1), from => "127.0.1.$n");
            $c->send(get_text('/'));
            $one{$c->response->{body}}++;
        }
        $wrong++ if keys %one != 1;
        $seen{$_}++ for keys %one;
    }
    ok !$wrong, 'a client stays with its server';
    is scalar keys %seen, 4, 'clients spread' or diag explain \%seen;
    $usherd->stop;
};

subtest 'least_time' => sub {
    my $slow = origin(['request', [stall => 0.3], [send => answer('slow')], 'loop']);
    my $fast = origin(answer('fast'));
    my $usherd = proxy([$slow, $fast], options => {args => ['-g', "global.workers=$WORKERS"]}, more => $ADMIN,
        backend => "check = off\nbalance = least_time\n");
    my %seen;
    $seen{get($usherd->port(1), '/')->{body}}++ for 1 .. 40;
    within($seen{slow}, 1, 4, 'the slow one is tried') or diag explain \%seen;
    $usherd->stop;
};

subtest 'backups' => sub {
    my ($first, $spare) = map { origin(answer($_, 'Connection: close')) } qw(first spare);
    my $usherd = proxy([$first, "$spare->{address} backup"], options => {args => ['-g', "global.workers=$WORKERS"]}, more => $ADMIN,
        backend => "check = off\neject = off\nretries = 2\nretry_budget = off\n");
    is get($usherd->port(1), '/')->{body}, 'first', 'the primary' for 1 .. 4;
    $first->stop;
    is get($usherd->port(1), '/')->{body}, 'spare', 'what fails there goes to the backup' for 1 .. 4;
    $usherd->allow_log(qr/\[warn\]/);
    $usherd->stop;
};

subtest 'max_conns is exact over all workers' => sub {
    my $dir = scratch();
    my $origin = origin(['request', sub { wait_for { -e "$dir/go" } 20; return answer('served') }, 'loop']);
    my $usherd = proxy("$origin->{address} max_conns=5", options => {args => ['-g', "global.workers=$WORKERS"]}, more => $ADMIN,
        backend => "check = off\nqueue = off\n");
    my @c = map { client($usherd->port(1)) } 1 .. 30;
    $_->send(get_text('/')) for @c;
    ok wait_for { $origin->requests >= 5 }, 'five requests get through';
    is((servers($usherd))[0]{requests_in_flight}, 5, 'five are in flight');
    spew("$dir/go", '');
    my %seen;
    $seen{$_->response->{status}}++ for @c;
    is_deeply \%seen, {200 => 5, 503 => 25}, 'exactly five places';
    is((servers($usherd))[0]{requests_in_flight}, 0, 'and all given back');
    $usherd->allow_log(qr/\[warn\]/);
    $usherd->stop;
};

# A second usherd stands for the servers, because it is fast.
subtest 'workers killed at random leave nothing behind' => sub {
    my $servers = usherd(join '', (map { "[listen l$_]\nbind = 127.0.0.1:%%PORT2$_%%\n" } 1 .. 3),
        "[route all]\npath = /*\nrespond = 200 ok\n");
    my @lines = map { "127.0.0.1:" . free_port_at("2$_") . " max_conns=50" } 1 .. 3;
    my $usherd = proxy(\@lines, options => {args => ['-g', "global.workers=$WORKERS"]}, more => $ADMIN,
        backend => "check = off\neject = off\nbalance = least_conn\n");
    my ($done, $kills, @c) = (0, 0);
    my $end = time + 60;
    while ($done < 10_000 && time < $end) {
        for my $i (0 .. 5) {
            $c[$i] //= eval { client($usherd->port(1)) } // next;
            $c[$i]->send(get_text('/') x 40);
        }
        if ($done > $kills * 1500) {
            my @workers = $usherd->workers;
            kill KILL => $workers[rand @workers] if @workers;
            $kills++;
        }
        for my $c (grep { defined } @c) {
            for (1 .. 40) {
                my $r = eval { $c->response };
                undef $c, last unless $r && $r->{status};
                $done++;
            }
        }
    }
    cmp_ok $done, '>=', 10_000, "10,000 requests, $kills killed workers";
    $_->close for grep { defined } @c;
    ok wait_for { !grep { $_->{requests_in_flight} } eval { servers($usherd) } } , 'nothing is in flight at the end'
        or diag explain [servers($usherd)];
    ok wait_for { 3 == grep { $_->{state} eq 'ready' } @{(eval { status($usherd) } // {workers => []})->{workers}} },
        'all workers are there again';
    $usherd->allow_log(qr/\[(?:warn|error)\]/);
    $usherd->stop;
    $servers->stop;
};

done_testing;
