# Fields that [headers] sections change, on their way to servers and back.

use strict;
use warnings;
use Test::More;
use Test::Usherd;

# What the server got, and what the client got, of one GET.
sub ask {
    my ($usherd, $origin, $target, @fields) = @_;
    my $r = get($usherd->port(1), $target, @fields);
    return ($origin->last_request, $r);
}

subtest 'towards the server' => sub {
    my $origin = origin();
    my $usherd = proxy($origin, route => 'headers = h', more => <<'END');
[headers h]
request_remove = Authorization X-Internal-*
request_set = X-User: $cookie_user
request_set = X-From: $remote_addr
request_set = X-Client:
request_add = X-Tag: $uri
request_add = X-Tag: two
END
    my ($seen) = ask($usherd, $origin, '/a%20b', 'Authorization: Basic eA==', 'x-internal-admin: 1', 'X-Internal-: 2',
        'X-Client: me', 'X-From: forged', 'X-User: forged', 'Cookie: user=joe', 'X-Tag: mine', 'Accept: */*');
    is field($seen, $_), undef, "$_ is gone" for qw(authorization x-internal-admin x-internal- x-client);
    is_deeply [fields($seen, 'x-from')], ['127.0.0.1'], 'a value of the client is replaced';
    is_deeply [fields($seen, 'x-user')], ['joe'], 'by a cookie';
    is_deeply [fields($seen, 'x-tag')], ['mine', '/a b', 'two'], 'added ones stand behind';
    is field($seen, 'accept'), '*/*', 'others stay';
    ($seen) = ask($usherd, $origin, '/', 'X-User: forged');
    is field($seen, 'x-user'), undef, 'an empty value removes';
    $usherd->stop;
};

subtest 'the memory of a request is bounded' => sub {
    my $origin = origin();
    my $usherd = proxy($origin, route => 'headers = h',
        more => "[headers h]\n" . join '', map { "request_set = X-$_: " . '$http_a' x 20 . "\n" } 1 .. 20);
    is get($usherd->port(1), '/', 'A: ' . 'a' x 5000)->{status}, 200, 'what is made of a request may be large';
    my $r = get($usherd->port(1), '/', 'A: ' . 'a' x 25000);
    is $r->{status}, 502, 'but not without end';
    $usherd->expect_log(qr/bad-response.*take too much memory/);
    $usherd->stop;
};

subtest 'a pattern takes nothing that a request needs' => sub {
    my $origin = origin();
    my $usherd = proxy($origin, route => 'headers = h',
        more => "[headers h]\nrequest_remove = H* C* T* E* U* X-*");
    my $c = client($usherd->port(1));
    $c->send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\nCookie: a=b\r\nUser-Agent: x\r\n\r\nhi");
    is $c->response->{status}, 200, 'answered';
    my $seen = $origin->last_request;
    is field($seen, 'host'), 'a.test', 'Host';
    is $seen->{body}, 'hi', 'the body';
    is field($seen, $_), undef, "$_ is gone" for qw(cookie user-agent x-forwarded-for x-request-id);
    $usherd->stop;
};

subtest 'towards the client' => sub {
    my $origin = origin(answer('ok', 'X-Internal-Node: 7', 'x-internal-time: 1', 'Cache-Control: private', 'Set-Cookie: a=b',
        'Server: brand/1.2', 'X-Powered-By: brand'));
    my $usherd = usherd(<<"END");
[global]
workers = 1
[listen web]
bind = 127.0.0.1:%%PORT1%%
[defaults]
headers = all
[headers all]
preset = security
response_remove = X-Internal-*
response_add = X-Layer: defaults
[headers site]
response_add = X-Layer: host
response_set = X-Frame-Options: DENY
response_set = Referrer-Policy:
[headers page]
response_add = X-Layer: route
response_set = Cache-Control: no-store
response_set = X-Upstream: \$upstream_http_x_internal_node \$upstream_addr
response_add = Set-Cookie: c=d; Path=/
[host site]
names = a.test
headers = site
[route gone]
host = site
path = /gone
redirect = 302 /
headers = page
[route all]
host = site
path = /*
method = GET
backend = app
headers = page
[backend app]
server = $origin->{address}
END
    my ($seen, $r) = ask($usherd, $origin, '/');
    is_deeply [fields($r, 'x-layer')], ['defaults', 'host', 'route'], 'sections of all layers, one after the other';
    is field($r, $_), undef, "no $_" for qw(x-internal-node x-internal-time server x-powered-by referrer-policy);
    is field($r, 'cache-control'), 'no-store', 'set';
    is_deeply [fields($r, 'set-cookie')], ['a=b', 'c=d; Path=/'], 'added';
    is field($r, 'x-frame-options'), 'DENY', 'a field of the preset is overridden';
    is field($r, 'x-content-type-options'), 'nosniff', 'another one stays';
    is field($r, 'x-upstream'), "7 $origin->{address}", 'a value of the server, though it is removed';
    is field($r, 'strict-transport-security'), undef, 'no HSTS without TLS';
    for (['/gone', 302], ['/', 405, 'POST']) {
        my ($target, $status, $method) = @$_;
        my $own = request($usherd->port(1), ($method // 'GET') . " $target HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        is $own->{status}, $status, "$status of our own";
        is field($own, 'x-content-type-options'), 'nosniff', 'has them too';
    }
    $usherd->stop;
};

subtest 'response_request_id' => sub {
    my $origin = origin(answer('ok', 'X-Request-ID: from-server'));
    my $usherd = proxy($origin, route => "response_request_id = off\n", more => <<'END');
[defaults]
response_request_id = on
access_log = log
error_page = 404 "<p>not here</p>"
[route on]
path = /on/*
backend = app
[route moved]
path = /moved
redirect = 301 https://www.test/
[route closed]
path = /closed
backend = app
maintenance = on
[route down]
path = /down
backend = down
[route none]
path = /none
files = %%DIR%%
[backend down]
server = 127.0.0.1:%%PORT8%%
check = off
[log log]
path = %%DIR%%/access.log
format = $uri $request_id
END
    my %got = map { $_ => get($usherd->port(1), $_) } qw(/on/x /moved /closed /down /none);
    my $bad = request($usherd->port(1), "GET / HTTP/1.1\r\n\r\n");
    is field(get($usherd->port(1), '/off'), 'x-request-id'), 'from-server', 'off: what the server says passes';
    isnt field($origin->last_request, 'x-request-id'), undef, 'which got the id';
    $usherd->allow_log(qr/\[warn\]/);
    $usherd->stop;
    my %logged = map { split / / } split /\n/, slurp($usherd->dir . '/access.log');
    is $got{'/none'}{body}, '<p>not here</p>', 'a page of the configuration';
    for (sort keys %got) {
        like $logged{$_}, qr/^[0-9a-f]{32}$/, "$_ $got{$_}{status} is logged";
        is_deeply [fields($got{$_}, 'x-request-id')], [$logged{$_}], 'and the response has the same id';
    }
    is $bad->{status}, 400, 'a bad request';
    is_deeply [fields($bad, 'x-request-id')], [$logged{'/'}], 'has it too';
};

subtest 'hide_server = off' => sub {
    my $origin = origin(answer('ok', 'Server: brand/1.2', 'X-Powered-By: brand'));
    my $usherd = proxy($origin, route => 'hide_server = off');
    my ($seen, $r) = ask($usherd, $origin, '/');
    is field($r, 'server'), 'brand/1.2', 'Server passes';
    is field($r, 'x-powered-by'), 'brand', 'X-Powered-By passes';
    $usherd->stop;
};

subtest 'nothing in a request begins another field' => sub {
    my $origin = origin();
    my $usherd = usherd(<<"END");
[global]
workers = 1
[listen web]
bind = 127.0.0.1:%%PORT1%%
[headers h]
request_set = X-Uri: \$uri
request_set = X-Arg: \$arg_a
response_set = X-Uri: \$uri
response_set = X-All: \$uri|\$args|\$arg_a|\$http_x|\$cookie_a|\$request_uri|\$request|\$host
[route go]
path = /go/*
redirect = 302 https://other.test\$uri?from=\$uri&\$args
headers = h
[route say]
path = /say/*
respond = 200 text/plain "<\$uri>"
headers = h
[route all]
path = /*
backend = app
headers = h
[backend app]
server = $origin->{address}
END
    my $evil = '%0d%0aX-Evil:%201%0d%0a%0d%0a<b>';
    for my $path ('/', '/go/', '/say/') {
        my ($seen, $r) = ask($usherd, $origin, "$path$evil?a=$evil", 'X: a', "Cookie: a=$evil");
        is field($r, 'x-evil'), undef, "$path: to the client";
        is_deeply [grep { $_ ne 'x-uri' && $_ ne 'x-all' } map { $_->[0] } grep { $_->[1] =~ /evil/i } @{$r->{fields}}],
            [$path eq '/go/' ? 'location' : ()], 'in no other place than it should be';
        unlike $r->{head}, qr/^x-evil/im, 'not even at the start of a line';
        next if $path ne '/';
        is field($seen, 'x-evil'), undef, 'to the server';
        is field($seen, 'x-uri'), '/X-Evil: 1<b>', 'what is left';
        is field($seen, 'x-arg'), $evil, 'a query is not decoded';
    }
    my ($seen, $r) = ask($usherd, $origin, "/go/$evil?a=$evil");
    is field($r, 'location'), "https://other.test/go/%0D%0AX-Evil:%201%0D%0A%0D%0A%3Cb%3E"
        . "?from=/go/%0D%0AX-Evil:%201%0D%0A%0D%0A%3Cb%3E&a=%0d%0aX-Evil:%201%0d%0a%0d%0a%3Cb%3E", 'percent-encoded in a URL';
    $usherd->stop;
};

subtest 'values in fixed responses' => sub {
    my $usherd = usherd(<<'END');
[global]
workers = 1
[listen web]
bind = 127.0.0.1:%%PORT1%%
[route html]
path = /html/*
respond = 404 "text/html; charset=utf-8" "<p>$uri</p>"
[route json]
path = /json/*
respond = 200 application/json "{\"uri\":\"$uri\"}"
[route xml]
path = /xml/*
respond = 200 application/atom+xml "<a b=\"$arg_x\"/>"
[route plain]
path = /plain/*
respond = 200 "$uri $$5"
[route none]
path = /none
respond = 200 "$arg_x"
END
    my %want = (
        '/html/%3Cscript%3E%22%26' => '<p>/html/&#60;script&#62;&#34;&#38;</p>',
        '/json/%22%5C%0a%C3%A4%FF' => "{\"uri\":\"/json/\\\"%5C\\n\xc3\xa4\xef\xbf\xbd\"}",
        '/xml/?x="<' => '<a b="&#34;&#60;"/>',
        '/plain/%3C%0d%0a' => '/plain/< $5',
        '/none' => '',
    );
    for my $target (sort keys %want) {
        my $r = get($usherd->port(1), $target);
        is $r->{body}, $want{$target}, "$target: text stays text";
        is field($r, 'content-length'), length $want{$target}, 'of that length';
    }
    $usherd->stop;
};

subtest 'what cannot be changed' => sub {
    my @wrong = (
        ['request_set = Host: a.test', qr/:4: \[headers h\] request_set: Host cannot be set \(use host_header of \[backend\]\)/],
        ['request_set = Transfer-Encoding: chunked', qr/Transfer-Encoding cannot be set/],
        ['request_add = Content-Length: 1', qr/:4: \[headers h\] request_add: Content-Length cannot be set/],
        ['request_set = Expect: 100-continue', qr/Expect cannot be set/],
        ['response_set = Connection: close', qr/Connection cannot be set/],
        ['response_add = upgrade: x', qr/upgrade cannot be set/i],
        ['response_remove = Content-Length', qr/Content-Length cannot be removed/],
        ['request_remove = Host', qr/Host cannot be removed/],
        ['response_set = X-A', qr/"X-A" is no header \(use Name: value\)/],
        ['response_set = X A: 1', qr/"X A: 1" is no header/],
        ["response_set = X-A: \x01", qr/is no header|control/],
        ['response_set = X-A: $nothing', qr/:4: \[headers h\] response_set: \$nothing: unknown variable/],
        ['request_remove = X-*-Y', qr/"X-\*-Y" is no name/],
        ['request_remove = *', qr/"\*" is no name/],
        ['response_remove =', qr/response_remove: has no value/],
        ['preset = secure', qr/"secure" is not one of security/],
    );
    for (@wrong) {
        my ($line, $error) = @$_;
        my $r = run_usherd({config => "[listen web]\nbind = 8080\n[headers h]\n$line\n[route all]\npath = /*\nrespond = 200\nheaders = h\n"}, '-t');
        is $r->{status}, 1, "$line: refused";
        like $r->{err}, $error, 'with the reason';
    }
};

subtest 'host_header' => sub {
    for (['preserve', 'shop.test:81'], ['server', undef], ['app.internal', 'app.internal']) {
        my ($value, $host) = @$_;
        my $origin = origin();
        my $usherd = proxy($origin, backend => "host_header = $value");
        my ($seen) = ask($usherd, $origin, '/', 'Host: shop.test:81');
        is field($seen, 'host'), $host // $origin->{address}, $value;
        is field($seen, 'x-forwarded-host'), 'shop.test:81', 'the client\'s own is told';
        $usherd->stop;
    }
};

subtest 'Forwarded' => sub {
    my $origin = origin();
    my $usherd = proxy($origin, route => 'forwarded_headers = forwarded', listen => 'trusted_proxies = 127.0.0.1');
    my ($seen) = ask($usherd, $origin, '/', 'Forwarded: for="[2001:db8::7]:4711";proto=https', 'Host: shop.test:81');
    is field($seen, 'forwarded'), 'for="[2001:db8::7]:4711";proto=https, for=127.0.0.1;proto=http;host="shop.test:81"',
        'a trusted proxy\'s list is appended to';
    is field($seen, 'x-forwarded-for'), undef, 'nothing else';
    $usherd->stop;
};

done_testing;
