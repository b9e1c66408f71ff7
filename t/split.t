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

# ---- backends that differ: each request is treated as the one that it goes to says

my $closes = ['request', 'close'];
my $dir    = scratch();
my $waits  = ['request', sub { wait_for { -e "$dir/go" }; return answer('app') }, 'loop'];
my $silent = ['request', 'eof'];
my %servers = (
    quick => [origin($closes), origin(answer('app'))], once => [origin($closes, answer('canary'))],
    (map { $_ => [map { origin($closes) } 0 .. 4] } qw(bad worse)),
    patient => [origin($waits)], hasty => [origin($silent)],
);
my $own = "check = off\neject = off\nretry_budget = off\n";
my $differ = <<"END";
[global]
workers = 1
[listen web]
bind = 127.0.0.1:%%PORT1%%
[log main]
path = %%DIR%%/access.log
format = \$request_uri \$backend \$tries \$status \$why
buffer = 0
[defaults]
access_log = main
[route retries]
path = /retries
split = 50:quick 50:once key=\$cookie_id
[route bad]
path = /bad
split = 50:bad 50:worse key=\$cookie_id
[route two]
path = /two
split = 50:bad 50:worse key=\$cookie_id
retries = 2
[host h]
names = h.test
retries = 3
[host hurried]
names = hurried.test
first_byte_timeout = 100ms
[host other]
names = a.test
[route three]
path = /three
host = h
split = 50:bad 50:worse key=\$cookie_id
[route four]
path = /four
host = h
split = 50:bad 50:worse key=\$cookie_id
retries = 4
[route slow]
path = /slow
host = other
split = 50:patient 50:hasty key=\$cookie_id
[route soon]
path = /soon
host = hurried
split = 50:patient 50:hasty key=\$cookie_id
END
my %says = (
    quick => 'retries = 1', once => 'retries = 0', bad => 'retries = 1', worse => 'retries = 0',
    patient => "retries = 0\nfirst_byte_timeout = 1m", hasty => "retries = 0\nfirst_byte_timeout = 50ms",
);
for my $name (sort keys %servers) {
    my ($first, @others) = map { $_->{address} } @{$servers{$name}};
    $differ .= "[backend $name]\n" . join('', map { "server = $_\n" } "$first weight=100", @others) . "$own$says{$name}\n";
}

# Shares are the same everywhere, and so is where a key leads.
my %id = reverse %first;

sub ask {
    my ($path, $backend, $host) = @_;
    return "GET $path HTTP/1.1\r\nHost: " . ($host // 'a.test') . "\r\nCookie: id=$id{$backend}\r\nConnection: close\r\n\r\n";
}

# What the log says of the last request for the path.
sub logged {
    my ($path) = @_;
    my @lines;
    wait_for { @lines = (slurp($usherd->dir . '/access.log') // '') =~ /^\Q$path\E (.*)$/mg };
    return $lines[-1];
}

# This text, and what -T makes of it, which must mean the same.
my $dumped = run_usherd({config => $differ}, '-T');
is $dumped->{status}, 0, 'backends that differ are no error' or diag $dumped->{err};
for my $what ('as written', 'as -T shows it') {
    unlink "$dir/go";
    $usherd = usherd($what eq 'as written' ? $differ : $dumped->{out} =~ s/\Q$dumped->{dir}\E/%%DIR%%/gr);
    my $port = $usherd->port(1);
    if ($what eq 'as written') {
        is request($port, ask('/retries', 'app'))->{body}, 'app', 'a backend with retries = 1: a second attempt';
        is request($port, ask('/retries', 'canary'))->{status}, 502, 'one with retries = 0: none';
        is request($port, ask('/retries', 'canary'))->{body}, 'canary', '... but with the next request';
    }
    for (
        ['/bad?app',      'app',    'a.test', 'bad 2 502 server-closed',   'retries of the one'],
        ['/bad?canary',   'canary', 'a.test', 'worse 1 502 server-closed', 'and of the other'],
        ['/two?app',      'app',    'a.test', 'bad 3 502 server-closed',   'the route overrides the one'],
        ['/two?canary',   'canary', 'a.test', 'worse 3 502 server-closed', 'and the other'],
        ['/three?app',    'app',    'h.test', 'bad 4 502 server-closed',   'the host overrides the one'],
        ['/three?canary', 'canary', 'h.test', 'worse 4 502 server-closed', 'and the other'],
        ['/four?canary',  'canary', 'h.test', 'worse 5 502 server-closed', 'the route overrides the host'],
        ['/soon?app',     'app',    'hurried.test', 'patient 1 504 first-byte-timeout', 'with times, too'],
    ) {
        my ($target, $backend, $host, $want, $name) = @$_;
        request($port, ask($target, $backend, $host));
        is logged($target), $want, "$name, $what";
    }
    my $app = client($port);
    my $before = $servers{patient}[0]->requests;
    $app->send(ask('/slow?app', 'app'));
    $servers{patient}[0]->await_requests($before + 1);
    is request($port, ask('/slow?canary', 'canary'))->{status}, 504, "a canary that is slow gets 504, $what";
    is logged('/slow?canary'), 'hasty 1 504 first-byte-timeout', '... by its own first_byte_timeout';
    spew("$dir/go", '');
    is $app->response->{body}, 'app', '... while the app is waited for';
    $usherd->allow_log(qr/\[(?:warn|error)\]/);
    $usherd->stop;
}

done_testing;
