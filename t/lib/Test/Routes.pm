package Test::Routes;

# A configuration with routes of all kinds, and requests with the route that each must get: for
# traffic and for --explain alike.

use strict;
use warnings;
use Exporter qw(import);

our @EXPORT = qw(routes routes_config @ROUTES);

# Every route says which one it is.
sub routes {
    my $text = '';
    while (my ($name, @lines) = @{shift @_ // last}) {
        $text .= join "\n", "[route $name]", @lines, 'respond = 200 "$route $host_name"', '', '';
    }
    return $text;
}

# Two listeners, PORT1 and PORT2.
sub routes_config {
    return <<'END' . routes(
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

    # paths and conditions together
    ['r-one',       'host = two', 'path_regex = ^/r/[0-9]+$', 'path_regex = ^/r/x+$'],
    ['r-id',        'host = two', 'path_regex = ^/r/(?<id>[0-9]+)/edit$', 'method = GET POST'],
    ['r-head',      'host = two', 'path_regex = ^/r/', 'header = X-R'],
    ['v-one',       'host = two', 'path = /v/*', 'query = version=1'],
    ['v-two',       'host = two', 'path = /v/*', 'query = version=2', 'query = v2'],
    ['v-old',       'host = two', 'path = /v/*', 'query = version=0', 'header = X-Old', 'cookie = old'],
    ['e-get',       'host = two', 'path = /e', 'method = GET'],
    ['e-post',      'host = two', 'path = /e', 'method = POST', 'header = Content-Type: application/json*'],
    ['e-tree',      'host = two', 'path = /e/*', 'method = PUT DELETE'],
    ['long',        'host = two', 'path = /l/1/2/3/4/5/6/7/8/9/*'],
    ['long-six',    'host = two', 'path = /l/1/2/3/4/5/6/*'],
    ['tilde',       'host = two', 'path = /~user/*'],
    ['dot',         'host = two', 'path = /file.d/*'],
    ['percent',     'host = two', 'path = /100%25/*'],
    ['semi',        'host = two', 'path = /p;v=1'],
    ['pair',        'host = two spare', 'path = /pair', 'method = GET'],
    ['inner-deep',  'host = inner', 'path = /deep/*', 'client = 127.0.0.0/8'],
    ['inner-far',   'host = inner', 'path = /far/*', 'client = 10.0.0.0/8'],
);
}

# What is asked: [listener, method, host, target, fields...], then who must answer: the names of the
# route and the host, or a status.
our @ROUTES = (
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

    '# several patterns, and what stands beside them',
    [1, 'GET', 'one.test', '/r/12'],                            'r-one two',
    [1, 'GET', 'one.test', '/r/xxx'],                           'r-one two',
    [1, 'GET', 'one.test', '/r/x1'],                            'root two',
    [1, 'GET', 'one.test', '/r/12/edit'],                       'r-id two',
    [1, 'POST', 'one.test', '/r/12/edit'],                      'r-id two',
    [1, 'PUT', 'one.test', '/r/12/edit'],                       'root two',
    [1, 'GET', 'one.test', '/r/12', 'X-R: 1'],                  'r-head two',
    [1, 'GET', 'one.test', '/r/12/edit', 'X-R: 1'],             'r-id two',
    [1, 'PUT', 'one.test', '/r/12/edit', 'X-R: 1'],             'r-head two',
    [1, 'GET', 'one.test', '/r/', 'X-R: 1'],                    'r-head two',
    [1, 'GET', 'one.test', '/R/12'],                            'root two',
    [1, 'GET', 'one.test', '/r//12'],                           'r-one two',
    [1, 'GET', 'one.test', '/r/%31%32'],                        'r-one two',
    [1, 'GET', 'one.test', '/r/12/'],                           'root two',
    [1, 'GET', 'one.test', '/r/12%0A'],                         'root two',
    [1, 'GET', 'one.test', '/x.php%00'],                        400,
    [1, 'GET', 'one.test', '/x.php/y'],                         'root two',

    '# alternatives within a kind, all of the kinds',
    [1, 'GET', 'one.test', '/v/?version=1'],                    'v-one two',
    [1, 'GET', 'one.test', '/v/?version=2'],                    'v-two two',
    [1, 'GET', 'one.test', '/v/?v2'],                           'v-two two',
    [1, 'GET', 'one.test', '/v/?version=1&version=2'],          'v-one two',
    [1, 'GET', 'one.test', '/v/?version=3'],                    'root two',
    [1, 'GET', 'one.test', '/v/?version=0'],                    'root two',
    [1, 'GET', 'one.test', '/v/?version=0', 'X-Old: 1'],        'root two',
    [1, 'GET', 'one.test', '/v/?version=0', 'X-Old: 1', 'Cookie: old=1'], 'v-old two',
    [1, 'GET', 'one.test', '/v/?version=0&v2', 'X-Old: 1', 'Cookie: old=1'], 'v-old two',
    [1, 'GET', 'one.test', '/v/?VERSION=1'],                    'root two',
    [1, 'GET', 'one.test', '/v/?version=1;x'],                  'root two',
    [1, 'GET', 'one.test', '/v/?'],                             'root two',
    [1, 'GET', 'one.test', '/v/?%76ersion=%31'],                'v-one two',

    '# the same path with other conditions',
    [1, 'GET', 'one.test', '/e'],                               'e-get two',
    [1, 'OPTIONS', 'one.test', '/e'],                           'root two',
    [1, 'POST', 'one.test', '/e', 'Content-Type: application/json'], 'e-post two',
    [1, 'POST', 'one.test', '/e', 'Content-Type: application/json; charset=x'], 'e-post two',
    [1, 'POST', 'one.test', '/e', 'content-type: application/json'], 'e-post two',
    [1, 'POST', 'one.test', '/e', 'Content-Type: text/plain'],  'root two',
    [1, 'PUT', 'one.test', '/e'],                               'e-tree two',
    [1, 'DELETE', 'one.test', '/e/1'],                          'e-tree two',
    [1, 'GET', 'one.test', '/e/1'],                             'root two',
    [1, 'PATCH', 'one.test', '/e'],                             'root two',

    '# long, odd and escaped paths',
    [1, 'GET', 'one.test', '/l/1/2/3/4/5/6/7/8/9/10'],          'long two',
    [1, 'GET', 'one.test', '/l/1/2/3/4/5/6/7/8/9'],             'long two',
    [1, 'GET', 'one.test', '/l/1/2/3/4/5/6/7/8/90'],            'long-six two',
    [1, 'GET', 'one.test', '/l/1/2/3/4/5/6'],                   'long-six two',
    [1, 'GET', 'one.test', '/l/1/2/3/4/5'],                     'root two',
    [1, 'GET', 'one.test', '/l/1/2/3/4/5/6/7/8/9/../../../../../5'], 'root two',
    [1, 'GET', 'one.test', '/~user/x'],                         'tilde two',
    [1, 'GET', 'one.test', '/%7Euser/x'],                       'tilde two',
    [1, 'GET', 'one.test', '/%7euser'],                         'tilde two',
    [1, 'GET', 'one.test', '/file.d/x'],                        'dot two',
    [1, 'GET', 'one.test', '/file%2Ed/x'],                      'dot two',
    [1, 'GET', 'one.test', '/fileXd/x'],                        'root two',
    [1, 'GET', 'one.test', '/100%25/x'],                        'percent two',
    [1, 'GET', 'one.test', '/100%2525/x'],                      'root two',
    [1, 'GET', 'one.test', '/p;v=1'],                           'semi two',
    [1, 'GET', 'one.test', '/p%3Bv=1'],                         'semi two',
    [1, 'GET', 'one.test', '/p;v=2'],                           'root two',
    [1, 'GET', 'one.test', '/a/%2e%2e/s2'],                     'several two',
    [1, 'GET', 'one.test', '/a/%2E./s2'],                       'several two',
    [1, 'GET', 'one.test', '/a/..%2Fs2'],                       'a two',
    [1, 'GET', 'one.test', '/a%5Cb'],                           'root two',
    [1, 'GET', 'one.test', '/%2e%2e/x'],                        400,
    [1, 'GET', 'one.test', '/a/%zz'],                           400,
    [1, 'GET', 'one.test', '/a/%'],                             400,
    [1, 'GET', 'one.test', '/?/a/b'],                           'slash two',
    [1, 'GET', 'one.test', '/a?/../b'],                         'a two',

    '# names that are none, and methods that nobody takes',
    [1, 'GET', 'shop.example.com..', '/shop/x'],                421,
    [1, 'GET', '.example.com', '/shop/x'],                      421,
    [1, 'GET', 'x_y.example.com', '/shop/x'],                   'any-root any',
    [1, 'GET', 'a.b', '/shop/x'],                               421,
    [1, 'GET', '192.0.2.1', '/shop/x'],                         421,
    [1, 'GET', '[2001:db8::1]', '/shop/x'],                     421,
    [1, 'GET', 'shop.example.com:99999', '/shop/x'],            400,
    [1, 'GET', 'xn--bcher-kva.two.test', '/a'],                 'a two',
    [1, 'GET', 'two.test', '/a'],                               421,
    [1, 'TRACE', 'one.test', '/a'],                             '405 GET HEAD POST PUT PATCH DELETE OPTIONS',
    [1, 'POST', 'spare.test', '/pair'],                         '405 GET',
    [1, 'GET', 'spare.test', '/pair'],                          'pair spare',
    [2, 'POST', 'other.test', '/pair'],                         '405 GET',
    [2, 'GET', 'inner.test', '/deep/x'],                        'inner-deep inner',
    [2, 'GET', 'inner.test', '/far/x'],                         'inner-root inner',
    [2, 'GET', 'x.inner.test', '/put/x'],                       '405 PUT PATCH DELETE',
    [2, 'GET', 'shop.example.com', '/shop/exact'],              'shop-exact shop',
);

1;
