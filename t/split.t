# A split of requests over backends: their shares, keys that stay, retries, names in the log.

use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Test::Usherd;

my ($app, $canary) = map { origin(answer($_)) } qw(app canary);
my $dead = '127.0.0.1:' . free_port();

my $usherd = usherd(<<"END");
[global]
workers = 2
[listen web]
bind = 127.0.0.1:%%PORT1%%
keepalive_requests = off
[log main]
path = %%DIR%%/access.log
format = \$request_uri \$backend \$upstream_status
buffer = 0
[defaults]
access_log = main
retries = 3
[route half]
path = /half
split = 3:app 1:canary
[route sticky]
path = /sticky
split = 50:app 50:canary key=\$cookie_id
[route again]
path = /again
split = 500:app 500:canary key=\$cookie_id
[route most]
path = /most
split = 90:app 10:canary key=\$cookie_id
[route path]
path_regex = ^/user/(?<user>\\w+)
split = 1:app 1:canary key=\$user
[route none]
path = /none
split = 0:app 1:canary
[route broken]
path = /broken
split = 1:broken 0:app
[backend app]
server = $app->{address}
[backend canary]
server = $canary->{address}
[backend broken]
server = $dead
server = 127.0.0.1:1
check = off
END
my $c = client($usherd->port(1));

# Who answers, over a connection that stays open.
sub who {
    my ($path, $id) = @_;
    my $cookie = defined $id ? "Cookie: id=$id\r\n" : '';
    $c->send("GET $path HTTP/1.1\r\nHost: a.test\r\n$cookie\r\n");
    my $r = $c->response;
    return $r->{status} == 200 ? $r->{body} : $r->{status};
}

# 400 draws at 3 to 1: 300 are expected, and 8 standard deviations are 70.
my %seen;
$seen{who('/half')}++ for 1 .. 400;
cmp_ok $seen{app}, '>', 230, 'three of four requests go to app';
cmp_ok $seen{app}, '<', 370, 'but not all';
is $seen{app} + $seen{canary}, 400, 'and the others to canary';

my %first = map { $_ => who('/sticky', $_) } 1 .. 200;
my $apps = grep { $_ eq 'app' } values %first;
cmp_ok $apps, '>', 40, 'keys are spread';
cmp_ok $apps, '<', 160, 'over both';
is scalar(grep { who('/sticky', $_) ne $first{$_} } 1 .. 200), 0, 'a key stays with its backend';
is scalar(grep { who('/again', $_) ne $first{$_} } 1 .. 200), 0, 'on other routes with the same shares too';
my @moved = grep { who('/most', $_) ne $first{$_} } 1 .. 200;
is scalar(grep { $first{$_} eq 'app' } @moved), 0, 'a backend with a larger share loses no key';
cmp_ok scalar(@moved), '<', 200 - $apps + 1, 'and gets some of the others';

%seen = ();
$seen{who('/sticky')}++ for 1 .. 100;
is_deeply [sort keys %seen], ['app', 'canary'], 'without a cookie chance decides';
%seen = ();
$seen{who('/sticky', '')}++ for 1 .. 100;
is_deeply [sort keys %seen], ['app', 'canary'], 'and with an empty one';

my %users = map { $_ => who("/user/$_") } map { "u$_" } 1 .. 60;
is scalar(grep { who("/user/$_/x") ne $users{$_} } keys %users), 0, 'what a path_regex took can be the key';
%seen = map { $_ => 1 } values %users;
is_deeply [sort keys %seen], ['app', 'canary'], 'of both backends';

%seen = ();
$seen{who('/none')}++ for 1 .. 50;
is_deeply \%seen, {canary => 50}, 'with weight 0 a backend gets nothing';

is who('/broken'), 502, 'retries stay within the backend that was chosen';
my $log = $usherd->dir . '/access.log';
wait_for { (slurp($log) // '') =~ m{^/broken }m } 10;
like slurp($log), qr{^/broken broken - ?,? ?-?}m, 'which the log names';
like slurp($log), qr{^/none canary 200$}m, 'for each request';

$usherd->allow_log(qr/\[warn\]/);
$usherd->allow_log(qr/\[error\].*broken/);
$usherd->stop;

my @wrong = (
    ['90:app 10:canery'        => qr/split: "canery": there is no \[backend canery\] \(did you mean canary\?\)/],
    ['app'                     => qr/"app" is no weight with a backend \(use 90:app 10:canary/],
    ['-1:app'                  => qr/"-1:app" is no weight/],
    ['10001:app'               => qr/"10001:app" is no weight/],
    ['0:app 0:canary'          => qr/no backend gets anything/],
    ['1:app 2:app'             => qr/app has a weight already/],
    ['1:app key=$cooky_id'     => qr/split: \$cooky_id: unknown variable/],
    ['1:app key='              => qr/"key=" is no weight/],
    ['1:app key=$nouser'       => qr/split: \$nouser: unknown variable/],
    ['key=$uri'                => qr/no backend gets anything/],
);
while (my ($value, $error) = @{shift @wrong // last}) {
    my $r = run_usherd({config => <<"END"}, '-t');
[listen web]
bind = 127.0.0.1:%%PORT1%%
[route a]
path = /a
split = $value
[route b]
path_regex = ^/(?<user>.*)
split = 1:app 1:canary
[backend app]
server = 127.0.0.1:1
check = off
[backend canary]
server = 127.0.0.1:1
check = off
END
    like $r->{err}, $error, "split = $value";
}

my $r = run_usherd({config => <<'END'}, '-t');
[listen web]
bind = 127.0.0.1:%%PORT1%%
[route a]
split = 1:app 1:canary
[backend app]
server = 127.0.0.1:1
check = off
read_timeout = 5s
[backend canary]
server = 127.0.0.1:1
check = off
END
like $r->{err}, qr/\[route a\] read_timeout: its backends app and canary differ \(write it here\)/, 'backends that differ';

done_testing;
