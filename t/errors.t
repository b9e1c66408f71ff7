# What clients see of errors: pages of the configuration and built-in ones, and maintenance.

use strict;
use warnings;
use Test::More;
use Test::Usherd;

sub config {
    my ($origin) = @_;
    return <<"END";
[global]
workers = 1
[listen web]
bind = 127.0.0.1:%%PORT1%%
[defaults]
error_page = 404 %%DIR%%/404.html
error_page = 502 504 "<p>The application is away.</p>"
[headers h]
response_set = X-Seen: \$status \$why
response_set = Retry-After: 60
[host shop]
names = shop.test
error_page = 404 "nothing here"
error_page = 503 %%DIR%%/503.json
[host plain]
names = plain.test
error_page =
[route shop]
host = shop
path = /app/*
backend = app
[route closed]
host = shop
path = /closed/*
backend = app
maintenance = on
headers = h
[route page]
host = shop
path = /page/*
backend = app
maintenance = %%DIR%%/maintenance.html
[route method]
host = plain
path = /method
method = PUT
respond = 200
[route away]
host = plain
path = /away/*
backend = away
[route built]
host = plain
path = /closed/*
maintenance = on
backend = app
[backend app]
server = $origin->{address}
[backend away]
server = 127.0.0.1:%%PORT2%%
END
}

my %files = (
    '404.html' => "<h1>Not found at all</h1>\n",
    '503.json' => "{\"closed\":true}\n",
    'maintenance.html' => "<h1>Back at noon</h1>\n",
);
my $origin = origin();
my $usherd = usherd(config($origin), files => \%files);
my $port = $usherd->port(1);
$usherd->expect_log(qr/502 connect/);

sub ask {
    my ($host, $target, @fields) = @_;
    return get($port, $target, "Host: $host", @fields);
}

subtest 'pages of the configuration' => sub {
    for (
        ['other.test', '/x', 421],
        ['shop.test', '/x', 404, "nothing here", 'text/plain; charset=utf-8'],
        ['shop.test', '/closed/x', 503, $files{'503.json'}, 'application/json'],
        ['shop.test', '/page/x', 503, $files{'maintenance.html'}, 'text/html; charset=utf-8'],
        ) {
        my ($host, $target, $status, $body, $type) = @$_;
        my $r = ask($host, $target, 'Accept: application/json');
        is $r->{status}, $status, "$host$target: $status";
        next unless defined $body;
        is $r->{body}, $body, 'its page';
        is field($r, 'content-type'), $type, 'its type';
        is field($r, 'vary'), undef, 'the same for all';
    }
};

subtest 'the built-in page, as the client likes it' => sub {
    my @rows = (
        [undef, 'html'], ['*/*', 'html'], ['text/html', 'html'], ['', 'html'],
        ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'html'],
        ['application/json', 'json'], ['application/*', 'json'], ['text/html;q=0.5, application/json', 'json'],
        ['application/json;q=0.5, text/html', 'html'], ['application/json;q=0, */*;q=0.1', 'html'],
        ['text/plain', 'plain'], ['text/plain, text/html;q=0.9', 'plain'], ['image/png', 'html'],
        ['application/problem+json', 'problem'], ['garbage;;;,/', 'html'], ['x' x 5000, 'html'],
    );
    my %type = (html => 'text/html; charset=utf-8', json => 'application/json', problem => 'application/problem+json',
        plain => 'text/plain; charset=utf-8');
    for (@rows) {
        my ($accept, $want) = @$_;
        my $r = ask('plain.test', '/x', defined $accept ? "Accept: $accept" : ());
        my $id = $want eq 'html' ? qr{<small>Request ([0-9a-f]{32})</small>} : qr/([0-9a-f]{32})/;
        is $r->{status}, 404, ($accept // 'nothing') . ' gets 404';
        is field($r, 'content-type'), $type{$want}, "as $want";
        is field($r, 'vary'), 'Accept', 'Vary';
        like $r->{body}, $id, 'with the id of the request';
    }
    my $r = ask('plain.test', '/x', 'Accept: application/json');
    like $r->{body}, qr/\A\{"type":"about:blank","status":404,"title":"Not Found","request_id":"[0-9a-f]{32}"\}\n\z/, 'JSON';
    $r = ask('plain.test', '/x', 'Accept: text/plain');
    like $r->{body}, qr/\A404 Not Found\nRequest [0-9a-f]{32}\n\z/, 'plain';
    $r = ask('plain.test', '/x', 'Accept: text/html');
    unlike $r->{body}, qr/src=|href=|url\(|\@import/, 'HTML without anything from elsewhere';
    cmp_ok length $r->{body}, '<', 1200, 'and small';
};

subtest 'what stays as it is' => sub {
    my $r = ask('plain.test', '/method');
    is $r->{status}, 405, 'the wrong method';
    is field($r, 'allow'), 'PUT', 'with Allow';
    $r = ask('plain.test', '/away/x', 'Accept: text/plain');
    is $r->{status}, 502, 'a server that is not there';
    like $r->{body}, qr/\A502 Bad Gateway\nRequest/, 'says no more than that';
    my $head = request($port, "HEAD /x HTTP/1.1\r\nHost: plain.test\r\nConnection: close\r\n\r\n");
    is $head->{status}, 404, 'HEAD';
    is $head->{body}, '', 'has no body';
    cmp_ok field($head, 'content-length'), '>', 100, 'but its length';
    my $bad = request($port, "GET / HTTP/1.1\r\nHost: a b\r\nAccept: application/json\r\n\r\n");
    is $bad->{status}, 400, 'a bad request';
    like $bad->{body}, qr/"status":400.*"detail":"[^"]+"/, 'is told why';
};

subtest 'maintenance' => sub {
    my $r = ask('shop.test', '/closed/x');
    is field($r, 'retry-after'), 60, 'Retry-After can be set';
    is field($r, 'cache-control'), 'no-store', 'nobody keeps it';
    is field($r, 'x-seen'), '503 maintenance', 'the log word';
    $r = ask('plain.test', '/closed/x', 'Accept: text/plain');
    is $r->{status}, 503, 'built in';
    is field($r, 'retry-after'), 300, 'Retry-After';
    like $r->{body}, qr/\A503 Service Unavailable\n.*maintenance.*\nRequest/, 'text';
    is ask('shop.test', '/app/x')->{status}, 200, 'other routes go on';
    my $c = client($port);
    $c->send("POST /closed/x HTTP/1.1\r\nHost: plain.test\r\nContent-Length: 3\r\n\r\nabcGET /away/../method HTTP/1.1\r\nHost: plain.test\r\n\r\n");
    is $c->response->{status}, 503, 'a body is not waited for';
    is scalar($origin->requests), 1, 'the server heard nothing of it';
};

subtest 'maintenance of everything, and back' => sub {
    my $text = config($origin);
    ok $usherd->reload($text =~ s/^\[defaults\]\n/[defaults]\nmaintenance = on\n/mr), 'on, by a reload';
    is ask('shop.test', '/app/x')->{status}, 503, 'closed';
    ok $usherd->reload($text), 'off';
    is ask('shop.test', '/app/x')->{status}, 200, 'open';
};

$usherd->stop;

subtest 'errors of the configuration' => sub {
    for (
        ['error_page = 404 /no/such/file', qr{/no/such/file: cannot be read}],
        ['error_page = 200 "x"', qr/"200" is no status of an error/],
        ['error_page = 404', qr/is no error page/],
        ["error_page = 404 \"a\"\nerror_page = 404 \"b\"", qr/404 has a page already/],
        ['maintenance = /no/such/file', qr{maintenance: /no/such/file: cannot be read}],
        ['maintenance = soon', qr/"soon" is none of off, on and the path/],
        ) {
        my ($lines, $error) = @$_;
        my $r = run_usherd({config => "[listen web]\nbind = 8080\n[route all]\npath = /*\nrespond = 200\n$lines\n"}, '-t');
        is $r->{status}, 1, "$lines: refused";
        like $r->{err}, $error, 'with the reason';
    }
};

done_testing;
