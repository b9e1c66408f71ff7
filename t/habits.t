# What people write who come from nginx, HAProxy or Caddy: each gets a hint, and some of it works.

use strict;
use warnings;
use Test::More;
use Test::Usherd;

my $BASE = "[listen web]\nbind = 127.0.0.1:%%PORT1%%\n[backend app]\nserver = 127.0.0.1:1\n";
my $ALL  = "${BASE}[route all]\npath = /*\nbackend = app\n";

sub check { my ($text) = @_; return run_usherd({config => $text}, '-t') }

# ---- errors with a hint

for (
    ["${BASE}[host h]\nnames = _\nbackend = app\n",              qr/names: "_" is no name of a host .*default_host = HOST/],
    ["${BASE}[route r]\npath = /*\nbackend = http://127.0.0.1:3000\n",
        qr{backend: "http://127\.0\.0\.1:3000": this is the name of a section \(add \[backend app\] with server = http://127\.0\.0\.1:3000}],
    ["[listen web]\nbind = 443 ssl\n",                           qr/bind: "ssl" is no address \(TLS is a key of its own: tls = on\)/],
    ["[listen web]\nbind = 80 default_server\n",                 qr/bind: "default_server" is no address \(use default_host = HOST\)/],
    ["[listen web]\nport = 80\n",                                qr/port: unknown key \(here it is bind\)/],
    ["[backend app]\nserver = 127.0.0.1:1 max_fails=3\n",        qr/"max_fails=3": unknown option \(here it is eject of the backend\)/],
    ["${ALL}headers = h\n[headers h]\nrequest_set = X-Forwarded-For: \$proxy_add_x_forwarded_for\n",
        qr/\$proxy_add_x_forwarded_for: unknown variable \(X-Forwarded-For is sent anyway, see forwarded_headers\)/],
    ["${BASE}[route r]\npath = /*\nbackend = app;\n",            qr/\(values end with their line: leave out the semicolon\)/],
    ["${BASE}[route r]\npath = /*\nbackend = app  # mine\n",     qr/\(a comment is a line of its own\)/],
    ["${ALL}body_timeout = 5s ; quick\n",                        qr/\(a comment is a line of its own\)/],
    ["${ALL}rate_limit = 10/s\n",                                qr/rate_limit: unknown key \(this version has no rate limits\)/],
    ["${ALL}proxy_cache = on\n",                                 qr/proxy_cache: unknown key \(this version has no cache\)/],
    ["${ALL}reverse_proxy = app\n",                              qr/reverse_proxy: unknown key \(here it is backend\)/],
) {
    my ($text, $error) = @$_;
    my $r = check($text);
    is $r->{status}, 1, (split /\n/, $text)[-1];
    like $r->{err}, $error, '... has a hint';
}

# ---- files of others: one line says so, instead of one for each line

for (
    ['an nginx.conf' => "worker_processes auto;\nevents {\n    worker_connections 1024;\n}\nhttp {\n}\n"],
    ['an nginx.conf' => "# comment\nserver {\n    listen 80;\n}\n"],
    ['a Caddyfile'   => "example.com {\n    reverse_proxy localhost:3000\n}\n"],
    ['a haproxy.cfg' => "frontend web\n    bind *:80\n    default_backend app\nbackend app\n    server a 127.0.0.1:3000\n"],
) {
    my ($what, $text) = @$_;
    my $r = check($text);
    is $r->{status}, 1, $what;
    like $r->{err}, qr/: this is $what \(usherd has a language of its own: see EXAMPLES in usherd\.ini\(5\)\)$/m, '... is recognised';
    unlike $r->{err}, qr/no = in the line/, '... and not read on';
}
my $r = check("${ALL}server {\n");
like $r->{err}, qr/"server \{": no = in the line/, 'a line in a file of ours is only a wrong line';

# ---- paths that name a directory alone

sub routes { return $BASE . join '', map { my ($n, @p) = @$_; "[route $n]\n" . (join '', map { "path = $_\n" } @p) . "backend = app\n" } @_ }

for (
    [[['a', '/api/']],                       ['/api/']],
    [[['a', '/']],                           ['/']],
    [[['a', '/', '/x/']],                    ['/', '/x/']],
    [[['a', '/api/'], ['b', '/api/*']],      []],
    [[['a', '/'], ['b', '/*']],              []],
    [[['a', '/'], ['b']],                    []],
    [[['a', '/api']],                        []],
    [[['a', '/api/'], ['b', '/*']],          ['/api/']],
) {
    my ($routes, $paths) = @$_;
    $r = check(routes(@$routes));
    my @warned = $r->{err} =~ m{warning: \[route \w\] path: (\S+) is this path alone, and no route has those below it \(did you mean \S+\*\?\)}g;
    is_deeply \@warned, $paths, 'paths: ' . join(' ', map { @$_[1 .. $#$_] } @$routes);
    is $r->{status}, 0, '... is no error';
}
$r = run_usherd({config => routes(['a', '/api/'])}, '--explain', 'GET http://a.test/api/x');
like $r->{out}, qr{^not +a \(.*\): its path is /api/ alone \(/api/\* has those below it\)$}m, '--explain shows the near miss';

# ---- requests without a method

for my $request ('http://a.test/x', '/x') {
    $r = run_usherd({config => $ALL}, '--explain', $request, '-H', 'Host: a.test');
    is $r->{status}, 0, "--explain $request";
    like $r->{out}, qr{^request +GET /x$}m, '... is a GET';
}

# ---- tls_verify = off

$r = check("[listen web]\nbind = 127.0.0.1:%%PORT1%%\n[backend app]\nserver = https://127.0.0.1:1\ntls_verify = off\n[route r]\nbackend = app\n");
like $r->{err}, qr/:5: warning: \[backend app\] tls_verify: anybody in between can pass for the servers/, 'tls_verify = off warns';

# ---- weight=0: only for its sticky clients, until it is enabled

my ($one, $two) = map { origin(answer($_)) } qw(one two);
my $usherd = usherd(<<"END");
[global]
workers = 1
[admin]
socket = %%DIR%%/socket
[listen web]
bind = 127.0.0.1:%%PORT1%%
[backend app]
server = $one->{address} weight=0
server = $two->{address}
check = off
[route all]
backend = app
END
my $port = $usherd->port(1);
my $ctl = sub { return run_usherctl($usherd->dir, '-s', $usherd->dir . '/socket', @_) };
is_deeply [map { get($port, '/')->{body} } 1 .. 4], [('two') x 4], 'a server with weight=0 gets no requests';
like $ctl->('servers')->{out}, qr/\Q$one->{address}\E +draining/, '... and is shown as draining';
is $ctl->('enable', 'app', $one->{address})->{status}, 0, 'enabled';
my %seen;
wait_for { $seen{get($port, '/')->{body}}++; keys %seen == 2 };
ok $seen{one}, '... it gets some';
$r = $ctl->('status');
like $r->{err}, qr/status: no such command \(use servers; usherd -s status: whether it runs\)/, 'usherctl status has a hint';
$usherd->stop;

done_testing;
