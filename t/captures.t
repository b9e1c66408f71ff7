# What groups of path_regex and rewrite take, as variables: in the keys of the route, in headers that
# routes share, in logs.

use strict;
use warnings;
use Test::More;
use Test::Usherd;

my $origin = origin(sub {
    my ($r) = @_;
    return answer(join ' ', $r->{target}, map { field($r, $_) // '-' } qw(x-shop x-item));
});

my $usherd = usherd(<<"END");
[global]
workers = 1
[listen web]
bind = 127.0.0.1:%%PORT1%%
[log main]
path = %%DIR%%/access.log
format = \$uri shop=\$shop item=\$item
buffer = 0
[defaults]
access_log = main
headers = shared
[headers shared]
request_set = X-Shop: \$shop
request_set = X-Item: \$item
response_set = X-Echo: \$shop/\$item
[route shop]
path_regex = ^/shop/(?<shop>[a-z]+)/(?<item>.*)\$
path_regex = ^/s/(?<shop>[a-z]+)\$
rewrite = ^/shop/([^/]+)/(.*)\$ /\$2/of/\$shop
backend = app
[route id]
path = /id/*
rewrite = ^/id/(?<item>.+)\$ /by-id?id=\$item
backend = app
[route move]
path_regex = ^/old/(\\w+)/(?<rest>.*)\$
redirect = 301 https://new.test/\$1/\$rest
[route say]
path_regex = ^/say/(.)(.)?\$
respond = 200 "<\$1><\$2>"
[route plain]
path = /plain
backend = app
[backend app]
server = $origin->{address}
END
my $p = $usherd->port(1);

is get($p, '/shop/hats/bowler')->{body}, '/bowler/of/hats hats bowler', 'a route, its rewrite, shared headers';
is field(get($p, '/shop/hats/bowler'), 'x-echo'), 'hats/bowler', 'headers of the response';
is get($p, '/shop/hats/a%20b?q=1')->{body}, '/a%20b/of/hats?q=1 hats a b', 'decoded as text, encoded in a path';
is get($p, '/s/caps')->{body}, '/s/caps caps -', 'another pattern of the route, without one of the groups';
is get($p, '/id/x/7')->{body}, '/by-id?id=x/7 - x/7', 'the group of a rewrite';
is get($p, '/plain')->{body}, '/plain - -', 'a route without groups';
is field(get($p, '/old/a/b%2Fc?d=e'), 'location'), 'https://new.test/a/b%2Fc', 'a redirect with number and name';
is field(get($p, '/old/a/%0d%0aX:1'), 'location'), 'https://new.test/a/%0D%0AX:1', 'line ends stay encoded';
is get($p, '/say/hi')->{body}, '<h><i>', 'numbers in a text';
is get($p, '/say/h')->{body}, '<h><>', 'a group that took no part is empty';
my $r = get($p, '/shop/hats/a%0d%0aSet-Cookie:%20x=1');
is $r->{body}, '/a%0D%0ASet-Cookie:%20x=1/of/hats hats aSet-Cookie: x=1', 'a line end makes no header for the server';
is field($r, 'set-cookie'), undef, 'nor for the client';

my $log = $usherd->dir . '/access.log';
wait_for { (slurp($log) // '') =~ /^\/plain /m } 10;
like slurp($log), qr{^/shop/hats/bowler shop=hats item=bowler$}m, 'logs';
like slurp($log), qr{^/plain shop=- item=-$}m, 'without a value';
$usherd->stop;

# ---- errors at load

my @wrong = (
    ['redirect = 301 /$2',                  qr/\[route r\] redirect: \$2: there is no pattern with such a group/],
    ['redirect = 301 /$idd',                qr/\[route r\] redirect: \$idd: unknown variable/],
    ['redirect = 301 /$other',              qr/\[route r\] redirect: \$other: unknown variable/],
    ["respond = 204\nheaders = h",          qr/\[headers h\] response_set: \$idd: unknown variable/],
    ["respond = 204\npath_regex = (?<uri>)", qr/\[route r\] path_regex: \$uri is a variable already \(give the group another name\)/],
    ["respond = 204\nrewrite = (?<host>a) /b", qr/\[route r\] rewrite: \$host is a variable already/],
    ["respond = 204\nrewrite = a /\$1",     qr/\[route r\] rewrite: \$1: there is no pattern with such a group/],
);
while (my ($lines, $error) = @{shift @wrong // last}) {
    my $h = $lines =~ /headers/ ? "[headers h]\nresponse_set = X: \$idd\n" : '';
    $r = run_usherd({config => <<"END"}, '-t');
[listen web]
bind = 127.0.0.1:%%PORT1%%
${h}[route other]
path_regex = ^/(?<other>x)
respond = 204
[route r]
path_regex = ^/(?<id>y)
$lines
END
    like $r->{err}, $error, $lines =~ s/\n/, /r;
}

done_testing;
