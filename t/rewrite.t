# The path on its way to servers, and the places of servers on their way back. The tables of every
# case are in t/unit/rewrite.c and t/unit/location.c.

use strict;
use warnings;
use Test::More;
use Test::Usherd;

subtest 'rewrite' => sub {
    my $origin = origin(sub { answer($_[0]{target}) });
    my $usherd = usherd(<<"END");
[global]
workers = 1
[listen web]
bind = 127.0.0.1:%%PORT1%%
[route item]
path = /item/*
rewrite = ^/item/(\\d+)\$ /get?id=\$1
rewrite = ^/item/(?<name>[a-z]+)\$ /named/\$name/\$request_method
rewrite = (?i)^/item/x/(.*) /other/\$1?\$args&more=\$arg_q
backend = app
[route api]
path = /api/*
strip_prefix = /api
add_prefix = /v1
rewrite = ^/old/(.*) /new/\$1
backend = app
[route trusting]
path = /trusting/*
encoded_dots = pass
backend = app
[route copied]
path = /copied/*
respond = 200 here
mirror = app
[route slow]
path = /slow/*
rewrite = ^/slow/(a|aa)+\$ /x
backend = app
[route move]
path_regex = ^/move/(?<year>\\d{4})/(.*)\$
redirect = 301 /archive/\$2?year=\$year
[route back]
path = /back
redirect = 302 \$arg_to
[route all]
path = /*
rewrite = ^/up\$ /files/\$arg_f
backend = app
[backend app]
server = $origin->{address}
END
    my @rows = (
        ['/item/17?x=1', '/get?id=17'],
        ['/item/17/', '/item/17/'],
        ['/item/abc?x=1', '/named/abc/GET?x=1'],
        ['/ITEM/17', '/ITEM/17'],
        ['/item/X/y%20z?q=%26', '/other/y%20z?q=%26&more=%26'],
        ['/item/x/%0d%0aa', '/other/%0D%0Aa?&more='],
        ['/item/%31', '/get?id=1'],
        ['/item/../item/1', '/get?id=1'],
        ['/api/old/a/b?q', '/v1/new/a/b?q'],
        ['/api/x//y/', '/v1/x/y/'],
        ['/api', '/v1/'],
        ['/x/..%2fadmin', 400],
        ['/x/..%5Cadmin', 400],
        ['/x/%2e%2e/admin', 400],
        ['/x//../admin', 400],
        ['/x/..;/admin', 400], ['/x/..%3b/admin', 400],
        ['/item/..%2fadmin', 400],
        ['/api/..;/admin', 400],
        ['/x/../a%2fb//c?q=/..%2f', '/x/../a%2fb//c?q=/..%2f'],
        ['/trusting/..%2fadmin/%2e%2e', '/trusting/..%2fadmin/%2e%2e'],
        ['/copied/..%2fadmin', 400],
        ['/up?f=a/b', '/files/a/b?f=a/b'],
        ['/up?f=../../etc/passwd', 400],
        ['/up?f=%2e%2e/x', 400],
        ['/up?f=%00', 400],
        ['/up?f=%zz', 400],
        ['/slow/aaa', '/x'],
        ['/slow/' . 'a' x 60 . 'b', 500],
    );
    for (@rows) {
        my ($target, $want) = @$_;
        my $r = get($usherd->port(1), $target);
        if ($want =~ /^\d/) {
            is $r->{status}, $want, "$target is refused";
        } else {
            is $r->{body}, $want, "$target becomes $want";
        }
    }
    $usherd->expect_log(qr/regex-limit/);
    my @urls = (
        ['/move/2024/a/b%20c', '/archive/a/b%20c?year=2024'],
        ['/move/2024//evil.test', '/archive/evil.test?year=2024'],
        ['/move/2024/a%3fb%26', '/archive/a%3Fb&?year=2024'],
        ['/back?to=https://b.test/x', 'https://b.test/x'],
        ['/back?to=//b.test/x', '/b.test/x'],
        ['/back?to=%2f', '%2f'],
    );
    is field(get($usherd->port(1), $_->[0]), 'location'), $_->[1], "$_->[0] is sent to $_->[1]" for @urls;
    $usherd->stop;
};

# What the client is told when the server says this.
sub told {
    my ($text, $host, @fields) = @_;
    my $port = free_port();
    @fields = map { s/%SERVER%/127.0.0.1:$port/r } @fields;
    my $origin = origin({port => $port}, answer('ok', @fields));
    my $usherd = proxy($origin, %$text);
    my $r = get($usherd->port(1), '/api/x', $host ? "Host: $host" : ());
    $usherd->stop;
    return $r;
}

subtest 'rewrite_location' => sub {
    my %strip = (route => "strip_prefix = /api\nadd_prefix = /v1");
    my $r = told(\%strip, 'shop.test', 'Location: http://%SERVER%/v1/next?a=b', 'Content-Location: /v1/here',
        'Refresh: 5; url=/v1/again', 'Set-Cookie: a=b; Path=/v1/x; Domain=127.0.0.1', 'Set-Cookie: c=d; Path=/other',
        'Link: </v1/x>; rel=next');
    is field($r, 'location'), 'http://shop.test/api/next?a=b', 'Location';
    is field($r, 'content-location'), '/api/here', 'Content-Location';
    is field($r, 'refresh'), '5; url=/api/again', 'Refresh';
    is_deeply [fields($r, 'set-cookie')], ['a=b; Path=/api/x; Domain=shop.test', 'c=d; Path=/other'], 'cookies, in their order';
    is field($r, 'link'), '</v1/x>; rel=next', 'nothing else';

    $r = told(\%strip, 'shop.test', 'Location: https://elsewhere.test/v1/x');
    is field($r, 'location'), 'https://elsewhere.test/v1/x', 'another site is none of ours';

    $r = told({%strip, backend => 'host_header = app.internal'}, 'shop.test:8080', 'Location: http://app.internal/v1/x',
        'Set-Cookie: a=b; Domain=.app.internal');
    is field($r, 'location'), 'http://shop.test:8080/api/x', 'the name that the server was told';
    is field($r, 'set-cookie'), 'a=b; Domain=shop.test', 'in cookies too';

    $r = told({route => "strip_prefix = /api\nrewrite = ^/x\$ /y"}, 'shop.test', 'Location: http://%SERVER%/z', 'Content-Location: /y');
    is field($r, 'location'), 'http://shop.test/z', 'after a rewrite only the host is mapped';
    is field($r, 'content-location'), '/y', 'and no path';

    $r = told({route => "strip_prefix = /api\nrewrite_location = off"}, 'shop.test', 'Location: /x');
    is field($r, 'location'), '/x', 'off';

    my @log = (more => "[log log]\npath = %%DIR%%/access.log\nformat = \$upstream_http_location \$sent_http_location");
    my $origin = origin(answer('ok', 'Location: /x'));
    my $usherd = proxy($origin, route => "strip_prefix = /api\naccess_log = log", @log);
    get($usherd->port(1), '/api/x');
    $usherd->stop;
    is slurp($usherd->dir . '/access.log'), "/x /api/x\n", 'the log knows both';
};

subtest 'a short answer that would become a very long one' => sub {
    my $long = '/' . 'p' x 400;
    my $origin = origin(answer('ok', 'Set-Cookie: a=b' . ';Path=/' x 9000));
    my $usherd = proxy($origin, route => "strip_prefix = $long", more => "[route short]\npath = /short/*\nstrip_prefix = /short\nbackend = app");
    my $r = get($usherd->port(1), '/short/x');
    is field($r, 'set-cookie'), 'a=b' . ';Path=/short' x 9000, 'a long one is mapped whole';
    $r = get($usherd->port(1), "$long/x");
    is $r->{status}, 502, 'more than usherd makes of it is refused';
    $usherd->expect_log(qr/bad-response.*rewrite_location makes its fields too long/);
    $usherd->stop;
};

subtest 'errors of the configuration' => sub {
    my @wrong = (
        ['rewrite = ( /x', qr/:5: \[route all\] rewrite: .*parenthesis/],
        ['rewrite = ^/x$', qr/rewrite: .*\(use/],
        ['rewrite = ^/x$ https://b.test/', qr/is no path \(begin with \/ or a variable; for other hosts use redirect or backend\)/],
        ['rewrite = ^/x$ /y#z', qr/leave out the #/],
        ['rewrite = ^/(x)$ /$2', qr/\$2: there is no pattern with such a group/],
        ['rewrite = ^/(?<a>x)$ /$b', qr/\$b: unknown variable/],
        ['rewrite_location = maybe', qr/rewrite_location: "maybe"/],
    );
    for (@wrong) {
        my ($line, $error) = @$_;
        my $r = run_usherd({config => "[listen web]\nbind = 8080\n[route all]\npath = /*\n$line\nbackend = app\n[backend app]\nserver = 127.0.0.1:3000\n"}, '-t');
        is $r->{status}, 1, "$line: refused";
        like $r->{err}, $error, 'with the reason';
    }
};

done_testing;
