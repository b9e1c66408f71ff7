#!/usr/bin/perl

# The choice of host and route: every route answers with its name, and a table says who must answer.

use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Test::Usherd;

# Every route says which one it is.
sub routes {
    my $text = '';
    while (my ($name, @lines) = @{shift @_ // last}) {
        $text .= join "\n", "[route $name]", @lines, 'respond = 200 "$route $host_name"', '', '';
    }
    return $text;
}

my $usherd = usherd(<<'END' . routes(
[global]
workers = 1
[listen web]
bind = 127.0.0.1:%%PORT1%%
[listen other]
bind = 127.0.0.1:%%PORT2%%
default_host = spare

[host shop]
names = shop.example.com
[host any]
names = *.example.com
[host deep]
names = *.eu.example.com
[host two]
names = one.test *.two.test
[host spare]
names = spare.test
[host inner]
names = inner.test
listen = other
[host short]
names = short.test
respond = 200 "$route $host_name"
END
    ['everywhere',  'path = /everywhere/*'],
    ['everyexact',  'path = /api/v1/exact'],
    ['shop-root',   'host = shop', 'path = /shop/*'],
    ['shop-exact',  'host = shop', 'path = /shop/exact'],
    ['shop-api',    'host = shop', 'path = /api/*'],
    ['any-root',    'host = any',  'path = /*'],
    ['deep-root',   'host = deep', 'path = /*'],
    ['inner-root',  'host = inner', 'path = /*'],
    ['both',        'host = two spare', 'path = /both/*'],

    # paths
    ['root',        'host = two', 'path = /*'],
    ['slash',       'host = two', 'path = /'],
    ['a',           'host = two', 'path = /a/*'],
    ['a-b',         'host = two', 'path = /a/b/*'],
    ['a-b-exact',   'host = two', 'path = /a/b'],
    ['a-b-dir',     'host = two', 'path = /a/b/'],
    ['php',         'host = two', 'path_regex = \.php$'],
    ['php-in-a',    'host = two', 'path = /a/*', 'path_regex = \.php$'],
    ['php-exact',   'host = two', 'path = /exact.php'],
    ['several',     'host = two', 'path = /s1/* /s2'],
    ['space',       'host = two', 'path = "/with blank/*"'],
    ['umlaut',      'host = two', 'path = /%C3%BC/*'],

    # conditions, each kind on a path of its own
    ['m-any',       'host = two', 'path = /m/*'],
    ['m-get',       'host = two', 'path = /m/*', 'method = GET HEAD'],
    ['m-post',      'host = two', 'path = /m/*', 'method = POST', 'header = X-One'],
    ['only-put',    'host = spare', 'path = /put/*', 'method = PUT'],
    ['only-patch',  'path = /put/*', 'method = PATCH DELETE'],
    ['h-name',      'host = two', 'path = /h/*', 'header = X-Here'],
    ['h-value',     'host = two', 'path = /h2/*', 'header = X-Color: red', 'header = X-Color: green'],
    ['h-prefix',    'host = two', 'path = /h3/*', 'header = Accept: text/*'],
    ['q-name',      'host = two', 'path = /q/*', 'query = debug'],
    ['q-value',     'host = two', 'path = /q2/*', 'query = "v=a b"'],
    ['q-prefix',    'host = two', 'path = /q3/*', 'query = v=1*'],
    ['c-name',      'host = two', 'path = /c/*', 'cookie = sid'],
    ['c-value',     'host = two', 'path = /c2/*', 'cookie = canary=yes'],
    ['ip',          'host = two', 'path = /ip/*', 'client = 127.0.0.2', 'client = 127.9.0.0/16'],
    ['k-three',     'host = two', 'path = /k/*', 'method = GET', 'header = X-K'],
    ['k-two',       'host = two', 'path = /k/*', 'method = GET'],
    ['k-first',     'host = two', 'path = /k/*', 'query = q'],
    ['no-path',     'host = two', 'header = X-No-Path'],
));

my ($p1, $p2) = map { $usherd->port($_) } 1, 2;

# What is asked: [listener, method, host, target, fields...], then who must answer: the names of the
# route and the host, or a status.
my @table = (
    '# exact names, wildcards, ports, dots, letters',
    [1, 'GET', 'shop.example.com', '/shop/x'],                  'shop-root shop',
    [1, 'GET', 'SHOP.Example.COM', '/shop/x'],                  'shop-root shop',
    [1, 'GET', 'shop.example.com:8080', '/shop/x'],             'shop-root shop',
    [1, 'GET', 'shop.example.com.', '/shop/x'],                 'shop-root shop',
    [1, 'GET', 'www.example.com', '/shop/x'],                   'any-root any',
    [1, 'GET', 'a.b.example.com', '/'],                         'any-root any',
    [1, 'GET', 'a.eu.example.com', '/'],                        'deep-root deep',
    [1, 'GET', 'a.b.eu.example.com', '/'],                      'deep-root deep',
    [1, 'GET', 'eu.example.com', '/'],                          'any-root any',
    [1, 'GET', 'example.com', '/everywhere/'],                  421,
    [1, 'GET', 'notexample.com', '/everywhere/'],               421,
    [1, 'GET', 'one.test', '/both/x'],                          'both two',
    [1, 'GET', 'x.two.test', '/both/x'],                        'both two',
    [1, 'GET', 'spare.test', '/both/x'],                        'both spare',
    [1, 'GET', 'inner.test', '/'],                              421,
    [2, 'GET', 'inner.test', '/'],                              'inner-root inner',
    [2, 'GET', 'unknown.test', '/both'],                        'both spare',
    [1, 'GET', 'short.test', '/any/thing'],                     'short short',
    [1, 'GET', 'short.test', '/everywhere/x'],                  'short short',

    '# routes of the host, then of a wildcard that covers it, then of all hosts',
    [1, 'GET', 'shop.example.com', '/shop/exact'],              'shop-exact shop',
    [1, 'GET', 'shop.example.com', '/api/v1/exact'],            'shop-api shop',
    [1, 'GET', 'shop.example.com', '/nothing'],                 'any-root any',
    [1, 'GET', 'spare.test', '/api/v1/exact'],                  'everyexact spare',
    [1, 'GET', 'spare.test', '/everywhere'],                    'everywhere spare',
    [1, 'GET', 'spare.test', '/nothing'],                       404,

    '# exact path, pattern, longest prefix; whole segments',
    [1, 'GET', 'one.test', '/'],                                'slash two',
    [1, 'GET', 'one.test', '/x'],                               'root two',
    [1, 'GET', 'one.test', '/a'],                               'a two',
    [1, 'GET', 'one.test', '/a/'],                              'a two',
    [1, 'GET', 'one.test', '/a/x/y/z'],                         'a two',
    [1, 'GET', 'one.test', '/ab'],                              'root two',
    [1, 'GET', 'one.test', '/a/b'],                             'a-b-exact two',
    [1, 'GET', 'one.test', '/a/b/'],                            'a-b-dir two',
    [1, 'GET', 'one.test', '/a/b/c'],                           'a-b two',
    [1, 'GET', 'one.test', '/a/bc'],                            'a two',
    [1, 'GET', 'one.test', '/A/b'],                             'root two',
    [1, 'GET', 'one.test', '/x.php'],                           'php two',
    [1, 'GET', 'one.test', '/a/b/x.php'],                       'php-in-a two',
    [1, 'GET', 'one.test', '/exact.php'],                       'php-exact two',
    [1, 'GET', 'one.test', '/x.php?a=b'],                       'php two',
    [1, 'GET', 'one.test', '/s1/x'],                            'several two',
    [1, 'GET', 'one.test', '/s2'],                              'several two',
    [1, 'GET', 'one.test', '/s2/x'],                            'root two',

    '# paths are compared in their normal form',
    [1, 'GET', 'one.test', '//a///b'],                          'a-b-exact two',
    [1, 'GET', 'one.test', '/a/./x/../b'],                      'a-b-exact two',
    [1, 'GET', 'one.test', '/%61/%62'],                         'a-b-exact two',
    [1, 'GET', 'one.test', '/a%2Fb'],                           'root two',
    [1, 'GET', 'one.test', '/with%20blank/x'],                  'space two',
    [1, 'GET', 'one.test', '/%c3%bc/x'],                        'umlaut two',
    [1, 'GET', 'one.test', '/a/../../x'],                       400,
    [1, 'GET', 'one.test', 'http://spare.test/both/x'],         'both spare',
    [1, 'OPTIONS', 'one.test', '*'],                            'root two',

    '# methods',
    [1, 'GET', 'one.test', '/m/'],                              'm-get two',
    [1, 'PUT', 'one.test', '/m/'],                              'm-any two',
    [1, 'POST', 'one.test', '/m/'],                             'm-any two',
    [1, 'POST', 'one.test', '/m/', 'X-One: 1'],                 'm-post two',
    [1, 'PUT', 'spare.test', '/put/x'],                         'only-put spare',
    [1, 'GET', 'spare.test', '/put/x'],                         '405 PUT PATCH DELETE',
    [1, 'put', 'spare.test', '/put/x'],                         '405 PUT PATCH DELETE',
    [1, 'GET', 'one.test', '/put/x'],                           'root two',

    '# headers, queries, cookies, clients',
    [1, 'GET', 'one.test', '/h/', 'x-here:'],                   'h-name two',
    [1, 'GET', 'one.test', '/h/'],                              'root two',
    [1, 'GET', 'one.test', '/h2/', 'X-Color: green'],           'h-value two',
    [1, 'GET', 'one.test', '/h2/', 'X-Color: blue', 'X-Color: red'], 'h-value two',
    [1, 'GET', 'one.test', '/h2/', 'X-Color: Red'],             'root two',
    [1, 'GET', 'one.test', '/h2/', 'X-Color: reddish'],         'root two',
    [1, 'GET', 'one.test', '/h3/', 'Accept: text/html'],        'h-prefix two',
    [1, 'GET', 'one.test', '/h3/', 'Accept: image/png'],        'root two',
    [1, 'GET', 'one.test', '/q/?x=1&debug'],                    'q-name two',
    [1, 'GET', 'one.test', '/q/?debugger=1'],                   'root two',
    [1, 'GET', 'one.test', '/q2/?v=a%20b'],                     'q-value two',
    [1, 'GET', 'one.test', '/q2/?%76=x&v=a+b'],                 'q-value two',
    [1, 'GET', 'one.test', '/q2/?v=a'],                         'root two',
    [1, 'GET', 'one.test', '/q3/?v=123'],                       'q-prefix two',
    [1, 'GET', 'one.test', '/q3/?v=2'],                         'root two',
    [1, 'GET', 'one.test', '/c/', 'Cookie: a=b; sid=1'],        'c-name two',
    [1, 'GET', 'one.test', '/c/', 'Cookie: xsid=1'],            'root two',
    [1, 'GET', 'one.test', '/c2/', 'Cookie: canary=yes'],       'c-value two',
    [1, 'GET', 'one.test', '/c2/', 'Cookie: canary=yesno'],     'root two',
    [1, 'GET', 'one.test', '/ip/'],                             'root two',

    '# more kinds of conditions, then the order in the file',
    [1, 'GET', 'one.test', '/k/?q', 'X-K: 1'],                  'k-three two',
    [1, 'GET', 'one.test', '/k/?q'],                            'k-two two',
    [1, 'PUT', 'one.test', '/k/?q'],                            'k-first two',
    [1, 'GET', 'one.test', '/zzz', 'X-No-Path: 1'],             'root two',
);

sub ask {
    my ($listen, $method, $host, $target, @fields) = @_;
    my $r = request($listen == 1 ? $p1 : $p2, join("\r\n", "$method $target HTTP/1.1", "Host: $host",
        @fields, 'Content-Length: 0', 'Connection: close', '', ''), method => $method);
    return 'no answer' unless $r;
    return $r->{body} if $r->{status} == 200;
    return join ' ', $r->{status}, split /, */, field($r, 'allow') // '';
}

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
