# cors: which pages of other origins may read responses.

use strict;
use warnings;
use Test::More;
use Test::Usherd;

my $origin = origin(sub {
    my ($request) = @_;
    return answer("$request->{method}", 'Access-Control-Allow-Origin: *', 'Access-Control-Allow-Credentials: false', 'Vary: Accept')
        if $request->{target} =~ /own/;
    return answer("$request->{method}");
});
my $usherd = usherd(<<"END");
[global]
workers = 1
[listen web]
bind = 127.0.0.1:%%PORT1%%
[defaults]
cors = https://default.test
[headers h]
response_set = X-Set: yes
[route open]
path = /open/*
backend = app
cors = *
[route api]
path = /api/*
method = GET POST
backend = app
cors = https://a.test https://*.b.test http://localhost:3000
headers = h
[route none]
path = /none/*
backend = app
cors =
[route down]
path = /down/*
backend = app
maintenance = on
[backend app]
server = $origin->{address}
END
my $port = $usherd->port(1);

sub ask {
    my ($method, $target, @fields) = @_;
    return request($port, join("\r\n", "$method $target HTTP/1.1", 'Host: shop.test', 'Content-Length: 0', 'Connection: close', @fields, '', ''));
}

sub preflight {
    my ($target, $origin, $method, @fields) = @_;
    return ask('OPTIONS', $target, "Origin: $origin", "Access-Control-Request-Method: $method", @fields);
}

subtest 'preflights' => sub {
    my @rows = (
        # target, origin, method, status, allowed origin, credentials
        ['/api/x', 'https://a.test', 'POST', 204, 'https://a.test', 'true'],
        ['/api/x', 'https://x.b.test', 'GET', 204, 'https://x.b.test', 'true'],
        ['/api/x', 'http://localhost:3000', 'GET', 204, 'http://localhost:3000', 'true'],
        ['/api/x', 'http://localhost:3001', 'GET', 204, undef, undef],
        ['/api/x', 'https://evil.test', 'GET', 204, undef, undef],
        ['/api/x', 'null', 'GET', 204, undef, undef],
        ['/api/x', 'https://a.test', 'DELETE', 405, undef, undef],
        ['/open/x', 'https://any.test', 'PUT', 204, '*', undef],
        ['/open/x', 'null', 'GET', 204, '*', undef],
        ['/down/x', 'https://default.test', 'GET', 204, 'https://default.test', 'true'],
    );
    for (@rows) {
        my ($target, $from, $method, $status, $allowed, $credentials) = @$_;
        my $r = preflight($target, $from, $method, 'Access-Control-Request-Headers: x-a, content-type');
        my $name = "$method $target from $from";
        is $r->{status}, $status, $name;
        is field($r, 'access-control-allow-origin'), $allowed, 'origin';
        is field($r, 'access-control-allow-credentials'), $credentials, 'credentials';
        is field($r, 'access-control-allow-methods'), defined $allowed ? $method : undef, 'methods';
        is field($r, 'access-control-allow-headers'), defined $allowed ? 'x-a, content-type' : undef, 'fields';
        is field($r, 'access-control-max-age'), defined $allowed ? 7200 : undef, 'how long';
    }
    is scalar($origin->requests), 0, 'the server was not asked';
    my $r = preflight('/api/x', 'https://a.test', 'GET');
    is field($r, 'vary'), 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers', 'Vary';
    is field($r, 'x-set'), 'yes', 'sections of headers are applied too';
    is field($r, 'access-control-allow-headers'), undef, 'no fields asked for, none allowed';
    for my $bad ("x y", "x\xe4", 'x' x 3000, 'x;y') {
        is field(preflight('/api/x', 'https://a.test', 'GET', "Access-Control-Request-Headers: $bad"), 'access-control-allow-headers'),
            undef, 'no list of names is not sent back';
    }
};

subtest 'responses' => sub {
    my @rows = (
        ['GET', '/api/x', 'https://a.test', 'https://a.test', 'true', 'Origin'],
        ['POST', '/api/x', 'https://y.x.b.test', 'https://y.x.b.test', 'true', 'Origin'],
        ['GET', '/api/own', 'https://a.test', 'https://a.test', 'true', 'Accept, Origin'],
        ['GET', '/api/own', 'https://evil.test', undef, undef, 'Accept, Origin'],
        ['GET', '/api/x', undef, undef, undef, 'Origin'],
        ['GET', '/api/own', undef, undef, undef, 'Accept, Origin'],
        ['GET', '/open/x', 'https://any.test', '*', undef, undef],
        ['GET', '/open/own', 'https://any.test', '*', undef, 'Accept'],
        ['GET', '/open/x', undef, undef, undef, undef],
        ['OPTIONS', '/open/x', 'https://any.test', '*', undef, undef],
        ['GET', '/none/own', 'https://any.test', '*', 'false', 'Accept'],
        ['GET', '/none/x', 'https://default.test', undef, undef, undef],
    );
    for (@rows) {
        my ($method, $target, $from, $allowed, $credentials, $vary) = @$_;
        my $r = ask($method, $target, defined $from ? "Origin: $from" : ());
        my $name = "$method $target from " . ($from // 'nowhere');
        is $r->{body}, $method, "$name: answered by the server";
        is_deeply [fields($r, 'access-control-allow-origin')], [$allowed // ()], 'origin';
        is_deeply [fields($r, 'access-control-allow-credentials')], [$credentials // ()], 'credentials';
        is field($r, 'vary'), $vary, 'Vary';
    }
};

subtest 'a page can read errors too' => sub {
    for (['/down/x', 503], ['/nowhere', 404]) {
        my ($target, $status) = @$_;
        my $r = ask('GET', $target, 'Origin: https://default.test', 'Accept: application/json');
        is $r->{status}, $status, "status $status";
        is field($r, 'access-control-allow-origin'), 'https://default.test', 'origin';
        is field($r, 'vary'), 'Accept, Origin', 'Vary';
    }
    my $r = preflight('/none/x', 'https://a.test', 'GET');
    is $r->{body}, 'OPTIONS', 'without cors a preflight is a request like any other';
};

$usherd->stop;

subtest 'origins that are none' => sub {
    for my $bad ('a.test', 'https://a.test/', 'https://a.test/path', 'https://', 'https://*', '*.a.test', 'https://a.*.test', 'https://a b') {
        my $r = run_usherd({config => "[listen web]\nbind = 8080\n[route all]\npath = /*\nrespond = 200\ncors = $bad\n"}, '-t');
        is $r->{status}, 1, "$bad: refused";
        like $r->{err}, qr/:6: \[route all\] cors: ".*" is no origin \(use https:/, 'with the remedy';
    }
};

done_testing;
