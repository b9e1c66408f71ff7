# Names of servers: every address is a server, and they are followed while usherd runs.

use strict;
use warnings;
use IO::Socket::IP;
use Test::More;
use Test::Dns 'dns';
use Test::Names;
use Test::Usherd;

my $IPV6 = IO::Socket::IP->new(LocalHost => '::1', LocalPort => $PORT, Listen => 1) ? 1 : 0;

subtest 'addresses come and go' => sub {
    my $gate    = scratch();
    my @origins = (at(2), at(3, ['request', sub { wait_for { -e "$gate/open" }; return answer('late') }, 'close']), at(4));
    my $dns     = dns('app.test' => {A => ['127.0.0.3', '127.0.0.2']});
    my $usherd  = usherd(config($dns, app => "server = app.test:$PORT weight=3 max_conns=7\ncheck = off"));
    is addresses($usherd, 'app'), '127.0.0.2 127.0.0.3', 'each address of the name is a server, at once';
    is $_->{name}, "app.test:$PORT", 'which has the name of its line' for servers($usherd, 'app');
    is "$_->{weight} $_->{max_conns}", '3 7', 'and its options' for servers($usherd, 'app');
    # One of two is slow: its request is under way when the address goes.
    my @clients = map { client($usherd->port(1)) } 1 .. 2;
    $_->send("GET /app HTTP/1.1\r\nHost: a.test\r\n\r\n") for @clients;
    $origins[1]->await_event(qr/^1 request/);
    $dns->set('app.test' => {A => ['127.0.0.4', '127.0.0.2']});
    await_addresses($usherd, 'app', '127.0.0.2 127.0.0.4');
    like $usherd->await_log(qr/is now/), qr/\[notice\] \d+: name app\.test: is now 127\.0\.0\.2, 127\.0\.0\.4$/, 'one line tells';
    is_deeply answers($usherd, '/app', 4), {2 => 2, 4 => 2}, 'requests follow';
    spew("$gate/open", '');
    is join(' ', sort map { $_->response->{body} } @clients), '2 late', 'what was under way ends well';
    my $lines = () = $usherd->log_text =~ /name app/g;
    $dns->set('app.test' => {A => ['127.0.0.2', '127.0.0.4', '127.0.0.2']});
    $dns->await_asked('app.test', 'A', 2);
    is addresses($usherd, 'app'), '127.0.0.2 127.0.0.4', 'another order is no change';
    is scalar(() = $usherd->log_text =~ /name app/g), $lines, 'nor worth a line';
    $usherd->stop;
};

subtest 'services' => sub {
    my @origins = (at(2), at(3), at(4));
    my $srv     = '_http._tcp.app.test';
    my $dns     = dns(
        $srv => {SRV => [[10, 300, $PORT, 'A.app.test'], [10, 900, $PORT, 'b.app.test'], [20, 0, $PORT, 'c.app.test'],
                [30, 0, 1, '.']]},
        map { +"$_->[0].app.test" => {A => [$_->[1]]} } ['a', '127.0.0.2'], ['b', '127.0.0.3'], ['c', '127.0.0.4']);
    my $usherd = usherd(config($dns, app => "server = srv:$srv\ncheck = off\nhost_header = server", none => 'server = srv:_x._tcp.none.test'));
    $usherd->expect_log(qr/name srv:_x\._tcp\.none\.test: does not resolve/, qr/lookup failed|no server is up/);
    my %seen = map { $_->{address} => $_ } servers($usherd, 'app');
    is join(' ', map { "$_ " . $seen{$_}{weight} . ($seen{$_}{backup} ? ' backup' : '') } sort keys %seen),
        "127.0.0.2:$PORT 85 127.0.0.3:$PORT 256 127.0.0.4:$PORT 1 backup", 'weights in proportion, priorities are backups';
    my $times = answers($usherd, '/app', 40);
    is_deeply [sort keys %$times], [2, 3], 'the best priority serves';
    ok $times->{2} >= 9 && $times->{2} <= 11, 'by its weights' or diag explain $times;
    is field($origins[0]->last_request, 'host'), "a.app.test:$PORT", 'a server is called by its target';
    is get($usherd->port(1), '/none')->{status}, 503, 'a service that is not there is down';
    $dns->set($srv => {SRV => [[5, 1, $PORT, 'c.app.test']]});
    await_addresses($usherd, 'app', '127.0.0.4');
    is_deeply answers($usherd, '/app', 2), {4 => 2}, 'services change';
    my $asked = $dns->asked('a.app.test', 'A');
    $dns->set('c.app.test' => {A => ['127.0.0.2']});
    await_addresses($usherd, 'app', '127.0.0.2');
    ok $dns->asked('a.app.test', 'A') <= $asked + 1, 'targets are followed, and those that were, are not any more';
    $dns->set($srv => {records => "\xc0\x0c\0\x21\0\1\0\0\0\1\0\1\0"});
    ok $usherd->await_log(qr/name srv:$srv: lookup failed, .*malformed/), 'garbage is none';
    is body($usherd, '/app'), '2', 'what was known serves';
    $usherd->stop;
};

subtest 'many, twice, and both families' => sub {
    my $all = origin({address => '0.0.0.0', port => $PORT}, answer('all'));
    my $dns = dns('many.test' => {A => [map { "127.0.1.$_" } 1 .. 100]},
        'more.test' => {A => [map { my $n = $_; map { "127.0.$n.$_" } 1 .. 100 } 1 .. 3]},
        'local.test' => {A => ['127.0.0.1'], AAAA => ['::1']}, 
        localhost => {A => ['127.0.0.9']}, map { ("$_.test" => {A => ['127.0.0.1', '127.0.0.5']}) } qw(alias other));
    my $usherd = usherd(config($dns, many => "server = many.test:$PORT\ncheck = off",
        more => "server = more.test:$PORT\ncheck = off", hosts => "server = localhost:$PORT\ncheck = off", local => "server = local.test:$PORT\ncheck = tcp interval=200ms",
        twice => "server = 127.0.0.1:$PORT weight=5\nserver = alias.test:$PORT\nserver = other.test:$PORT backup"));
    is scalar(servers($usherd, 'many')), 100, 'a name with 100 addresses is as many servers';
    is_deeply answers($usherd, '/many', 5), {all => 5}, 'that serve';
    is scalar(servers($usherd, 'more')), 256, 'one with 300 is cut';
    $usherd->expect_log(qr/name more\.test: only 256 of its addresses are used/);
    like addresses($usherd, 'hosts'), qr/^127\.0\.0\.1( \[::1\])?$/, 'a name of the system';
    is $dns->asked('localhost', 'A') + $dns->asked('localhost', 'AAAA'), 0, 'is nothing to ask about';
    is addresses($usherd, 'twice'), '127.0.0.1 127.0.0.5', 'an address is one server of a backend';
    is((grep { $_->{address} =~ /^127\.0\.0\.1:/ } servers($usherd, 'twice'))[0]{weight}, 5, 'as its first line says');
    is addresses($usherd, 'local'), '127.0.0.1 [::1]', 'both families are servers';
    is join(' ', map { $_->{address} } grep { $_->{backup} } servers($usherd, 'local')), "[::1]:$PORT",
        'of loopback addresses those of IPv6 are backups';
    is_deeply answers($usherd, '/local', 4), {all => 4}, 'a server of one family makes no trouble';
    undef $all;
    SKIP: {
        skip 'no IPv6 here', 1 unless $IPV6;
        my $pid = fork // die "fork: $!";
        if (!$pid) {
            my $sock = IO::Socket::IP->new(LocalHost => '::1', LocalPort => $PORT, Listen => 9, ReuseAddr => 1) or POSIX::_exit(1);
            while (my $c = $sock->accept) { sysread $c, my $head, 9999 and syswrite $c, answer('six'); close $c }
            POSIX::_exit(0);
        }
        $usherd->allow_log(qr/127\.0\.[01]\.\d|no server|local/);
        my $got;
        wait_for { ($got = body($usherd, '/local') // '') eq 'six' };
        is $got, 'six', 'if nobody listens on IPv4, IPv6 serves';
        kill KILL => $pid;
        waitpid $pid, 0;
    }
    $usherd->stop;
};

done_testing;
