#!/usr/bin/perl

# The choice of host and route: every route answers with its name, and the table of Test::Routes
# says who must answer.

use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Test::Routes;
use Test::Usherd;

my $usherd = usherd(routes_config());
my ($p1, $p2) = map { $usherd->port($_) } 1, 2;

sub ask {
    my ($listen, $method, $host, $target, @fields) = @_;
    my $r = request($listen == 1 ? $p1 : $p2, join("\r\n", "$method $target HTTP/1.1", "Host: $host",
        @fields, 'Content-Length: 0', 'Connection: close', '', ''), method => $method);
    return 'no answer' unless $r;
    return $r->{body} if $r->{status} == 200;
    return join ' ', $r->{status}, split /, */, field($r, 'allow') // '';
}

my @table = @ROUTES;
while (@table) {
    my $row = shift @table;
    if (!ref $row) {
        note $row;
        next;
    }
    my $who = shift @table;
    is ask(@$row), $who, join ' ', @$row[1 .. $#$row];
}

for my $from (['127.0.0.2', 'ip two'], ['127.9.8.7', 'ip two'], ['127.0.0.3', 'root two']) {
    my $r = request($p1, "GET /ip/ HTTP/1.1\r\nHost: one.test\r\nConnection: close\r\n\r\n",
        from => $from->[0]);
    is $r->{body}, $from->[1], "from $from->[0]";
}

my $r = request($p1, "GET /everywhere HTTP/1.0\r\n\r\n");
is $r->{status}, 421, 'HTTP/1.0 without a Host';
$r = request($p2, "GET /both HTTP/1.0\r\n\r\n");
is $r->{body}, 'both spare', 'HTTP/1.0 without a Host, with a default_host';

$usherd->stop;

# ---- without any host

my $plain = usherd(<<'END' . routes(['all', 'path = /*'], ['x', 'path = /x/*']));
[listen web]
bind = 127.0.0.1:%%PORT1%%
END
is get($plain->port(1), '/y', 'Host: whatever.test')->{body}, 'all ', 'no [host] at all: any name';
is get($plain->port(1), '/x', 'Host: whatever.test')->{body}, 'x ', 'and prefixes still count';
$plain->stop;

# ---- names beyond ASCII

my $names = usherd(<<'END' . routes(['book', 'host = book', 'path = /*'], ['all', 'host = below', 'path = /*']));
[listen web]
bind = 127.0.0.1:%%PORT1%%
[host book]
names = BÜCHER.test
[host below]
names = *.straße.test
END
is get($names->port(1), '/', 'Host: xn--bcher-kva.test')->{body}, 'book book', 'a name beyond ASCII';
is get($names->port(1), '/', 'Host: a.b.xn--strae-oqa.test')->{body}, 'all below', '... below a wildcard';
is get($names->port(1), '/', 'Host: bücher.test')->{status}, 400, '... never as such in a request';
$names->stop;

# ---- a pattern that would take for ever

my $greedy = usherd(<<'END' . routes(['all', 'path = /*'],
[listen web]
bind = 127.0.0.1:%%PORT1%%
END
    ['greedy', 'path_regex = ^/(([a-z])+.)+[A-Z]([a-z])+$']));
is get($greedy->port(1), '/' . 'a' x 60)->{status}, 500, 'a pattern is stopped at its limit';
is get($greedy->port(1), '/1')->{body}, 'all ', 'others are served';
$greedy->expect_log(qr/regex-limit/);
$greedy->stop;

done_testing;
