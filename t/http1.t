# HTTP/1 in and out: persistence, framing, methods, target forms, fields that end here.

use strict;
use warnings;
use Digest::MD5 'md5_hex';
use Test::More;
use Test::Usherd;

# What the origin got, as its answer.
sub echo {
    my ($r) = @_;
    return answer($r->{method} eq 'HEAD' ? '' : "$r->{method} $r->{target} [$r->{body}]");
}

my $HOST = "Host: a.test\r\n";

subtest 'a plain request and its answer' => sub {
    my $origin = origin(answer('hello', 'Content-Type: text/plain', 'X-Own: 1', 'Server: secret/1.0', 'X-Powered-By: magic'));
    my $usherd = proxy($origin);
    my $r = get($usherd->port(1), '/a/b?c=d%20e&f', 'Host: www.example.com', 'X-Mine: some value');
    is $r->{status}, 200, 'status';
    is $r->{body}, 'hello', 'body';
    is field($r, 'x-own'), 1, 'fields of the server pass';
    is field($r, 'server'), undef, 'Server does not';
    is field($r, 'x-powered-by'), undef, 'nor does X-Powered-By';
    like field($r, 'date'), qr/^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/, 'Date is added';
    is field($r, 'via'), undef, 'no Via';
    my $seen = $origin->last_request;
    is $seen->{target}, '/a/b?c=d%20e&f', 'the target arrives as it was sent';
    is $seen->{version}, 'HTTP/1.1', 'version';
    is_deeply [fields($seen, 'host')], ['www.example.com'], 'Host';
    is field($seen, 'x-mine'), 'some value', 'fields of the client';
    is_deeply $seen->{problems}, [], 'nothing about it is odd';
    $usherd->stop;
};

subtest 'fields of the answer that a configuration keeps' => sub {
    my $date   = 'Sun, 06 Nov 1994 08:49:37 GMT';
    my $origin = origin(answer('x', 'Server: mine/1.0', "Date: $date"));
    my $usherd = proxy($origin, route => "hide_server = off\nvia = on");
    my $r = get($usherd->port(1), '/');
    is field($r, 'server'), 'mine/1.0', 'Server with hide_server = off';
    is_deeply [fields($r, 'date')], [$date], 'a Date of the server stays';
    like field($origin->last_request, 'via'), qr/^1\.1 \S+/, 'via = on adds Via towards the server';
    $usherd->stop;
};

subtest 'one connection serves many requests' => sub {
    my $origin = origin(\&echo);
    my $usherd = proxy($origin);
    my $c = client($usherd->port(1));
    for my $n (1 .. 5) {
        $c->send("GET /$n HTTP/1.1\r\n$HOST\r\n");
        is $c->response->{body}, "GET /$n []", "request $n";
    }
    is $origin->connections, 1, 'over one connection to the server';

    $c->send(join '', map { "POST /p$_ HTTP/1.1\r\n${HOST}Content-Length: 2\r\n\r\n0$_" } 1 .. 6);
    is $c->response->{body}, "POST /p$_ [0$_]", "pipelined request $_ is answered in its turn" for 1 .. 6;

    $c->send("GET /last HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n");
    my $r = $c->response;
    is $r->{body}, 'GET /last []', 'the last one';
    is $r->{close}, 1, 'is answered with Connection: close';
    is $c->end, 'closed', 'and the connection is closed';
    $usherd->stop;
};

subtest 'pipelined requests in small pieces' => sub {
    my $usherd = proxy(origin(\&echo));
    my $c = client($usherd->port(1));
    $c->send(join('', map { "GET /$_ HTTP/1.1\r\n$HOST\r\n" } 1 .. 4), step => 7);
    is $c->response->{body}, "GET /$_ []", "answer $_" for 1 .. 4;
    $usherd->stop;
};

subtest 'HTTP/1.0 clients' => sub {
    my $origin = origin(\&echo);
    my $usherd = proxy($origin);
    my $c = client($usherd->port(1));
    $c->send("GET /old HTTP/1.0\r\n\r\n");
    my $r = $c->response;
    is $r->{body}, 'GET /old []', 'an answer, without Host';
    is $r->{close}, 1, 'the connection ends with it';
    is $c->end, 'closed', 'at once';
    is $origin->last_request->{version}, 'HTTP/1.1', 'towards the server it is HTTP/1.1';

    $c = client($usherd->port(1));
    for my $n (1, 2) {
        $c->send("GET /keep$n HTTP/1.0\r\n${HOST}Connection: keep-alive\r\n\r\n");
        $r = $c->response;
        is $r->{body}, "GET /keep$n []", "Connection: keep-alive, request $n";
        like field($r, 'connection') // '', qr/keep-alive/i, 'is granted';
    }
    $usherd->stop;
};

subtest 'an answer without a length' => sub {
    my $origin = origin(['request', [send => "HTTP/1.1 200 OK\r\n\r\nuntil "], [stall => 0.05], [send => 'the end'], 'close']);
    my $usherd = proxy($origin);
    my $c = client($usherd->port(1));
    $c->send("GET / HTTP/1.1\r\n$HOST\r\n");
    my $r = $c->response;
    is $r->{body}, 'until the end', 'arrives';
    is $r->{how}, 'chunked', 'chunked for HTTP/1.1';
    $c->send("GET / HTTP/1.1\r\n$HOST\r\n");
    is $c->response->{body}, 'until the end', 'and the connection goes on';
    $c = client($usherd->port(1));
    $c->send("GET / HTTP/1.0\r\n$HOST\r\n");
    $r = $c->response;
    is $r->{body}, 'until the end', 'arrives at HTTP/1.0';
    is $r->{how}, 'close', 'ended by the close';
    $usherd->stop;
};

subtest 'chunks towards the server' => sub {
    my $origin = origin(\&echo);
    my $usherd = proxy($origin);
    my $c = client($usherd->port(1));
    my $request = "POST /c HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n";
    $c->send($request);
    is $c->response->{body}, 'POST /c [abc0123456789]', 'the body arrives';
    $c->send($request, step => 1);
    is $c->response->{body}, 'POST /c [abc0123456789]', 'byte by byte too';
    $c->send("POST /z HTTP/1.1\r\n${HOST}Content-Length: 0\r\n\r\n");
    is $c->response->{body}, 'POST /z []', 'an empty body';
    is field($origin->last_request, 'content-length'), '0', 'keeps its length';
    is_deeply [map { @{$_->{problems}} } $origin->requests], [], 'all well-formed, no chunk extension passes';
    $usherd->stop;
};

subtest 'trailers' => sub {
    my $origin = origin("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 42\r\n\r\n");
    my $usherd = proxy($origin);
    my $c = client($usherd->port(1));
    $c->send("GET / HTTP/1.1\r\n${HOST}TE: trailers\r\nConnection: TE\r\n\r\n");
    my $r = $c->response;
    is $r->{body}, 'ok', 'body';
    is_deeply $r->{trailers}, [['x-sum', '42']], 'a client that asks for them gets the trailers';
    is field($r, 'x-sum'), undef, 'not as a field of the head';
    $usherd->stop;
};

subtest 'HEAD and answers without a body' => sub {
    my $origin = origin(sub {
        my ($r) = @_;
        return "HTTP/1.1 204 No Content\r\n\r\n" if $r->{target} eq '/204';
        return "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nContent-Length: 99\r\n\r\n" if $r->{target} eq '/304';
        return "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n" if $r->{method} eq 'HEAD';
        return answer('next');
    });
    my $usherd = proxy($origin);
    my $c = client($usherd->port(1));
    $c->send("HEAD /h HTTP/1.1\r\n$HOST\r\nGET /n HTTP/1.1\r\n$HOST\r\n");
    my $r = $c->response;
    is field($r, 'content-length'), 1234, 'HEAD keeps the length';
    is $c->response->{body}, 'next', 'and no body follows';
    for my $status (204, 304) {
        $c->send("GET /$status HTTP/1.1\r\n$HOST\r\nGET /n HTTP/1.1\r\n$HOST\r\n");
        is $c->response->{status}, $status, "status $status";
        is $c->response->{body}, 'next', "and no body follows";
    }
    is $origin->connections, 1, 'the connection to the server was good all the time';
    $usherd->stop;
};

subtest 'interim answers' => sub {
    my $final  = answer('done');
    my $origin = origin("HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 103 Early Hints\r\nX-Two: 2\r\n\r\n$final");
    my $usherd = proxy($origin);
    my $c = client($usherd->port(1));
    $c->send("GET / HTTP/1.1\r\n$HOST\r\n");
    my $r = $c->response;
    is $r->{body}, 'done', 'the final answer';
    is scalar @{$r->{interim}}, 2, 'both hints come first';
    is field($r->{interim}[0], 'link'), '</a.css>; rel=preload', 'with their fields';
    $c->send("GET / HTTP/1.0\r\n$HOST\r\n");
    $r = $c->response;
    is_deeply [$r->{body}, @{$r->{interim}}], ['done'], 'HTTP/1.0 gets none of them';
    $usherd->stop;
};

subtest 'forms of the target' => sub {
    my $origin = origin(\&echo);
    my $usherd = proxy($origin);
    my $port = $usherd->port(1);
    my $r = request($port, "GET http://other.test/abs?x HTTP/1.1\r\n$HOST\r\n");
    is $r->{body}, 'GET /abs?x []', 'absolute-form becomes origin-form';
    is field($origin->last_request, 'host'), 'other.test', 'its host replaces Host (RFC 9112 3.2.2)';
    $r = request($port, "GET http://other.test HTTP/1.1\r\n$HOST\r\n");
    is $r->{body}, 'GET / []', 'an empty path becomes /';
    $r = request($port, "OPTIONS * HTTP/1.1\r\n$HOST\r\n");
    is $r->{body}, 'OPTIONS * []', 'OPTIONS * stays';
    $r = request($port, "OPTIONS http://other.test HTTP/1.1\r\n$HOST\r\n");
    is $r->{body}, 'OPTIONS * []', 'and so it is called in origin-form (RFC 9112 3.2.4)';
    is request($port, "GET * HTTP/1.1\r\n$HOST\r\n")->{status}, 400, 'GET * is refused';
    is request($port, "GET a HTTP/1.1\r\n$HOST\r\n")->{status}, 400, 'a relative target is refused';
    is request($port, "GET /a#b HTTP/1.1\r\n$HOST\r\n")->{status}, 400, 'a fragment is refused';
    $usherd->stop;
};

subtest 'a redirect to the same path, for all forms of the target' => sub {
    my $usherd = proxy('127.0.0.1:1', more => "[host moved]\nnames = moved.test\n"
        . "redirect = 301 https://www.example.com\$request_uri\n");
    my %want = (
        '/red/x?y'                    => 'https://www.example.com/red/x?y',
        'http://moved.test/red/x'     => 'https://www.example.com/red/x',
        'http://moved.test/red/./x?y' => 'https://www.example.com/red/./x?y',
        'http://moved.test'           => 'https://www.example.com/',
        'http://moved.test?y=/'       => 'https://www.example.com/?y=/',
        'https://moved.test/a%20b?'   => 'https://www.example.com/a%20b?',
    );
    for my $target (sort keys %want) {
        my $r = request($usherd->port(1), "GET $target HTTP/1.1\r\nHost: moved.test\r\n\r\n");
        is field($r, 'location'), $want{$target}, $target;
    }
    my $r = request($usherd->port(1), "OPTIONS * HTTP/1.1\r\nHost: moved.test\r\n\r\n");
    is_deeply [$r->{status}, fields($r, 'location')], [204], 'OPTIONS * asks about no path that could be elsewhere';
    $usherd->stop;
};

subtest 'methods' => sub {
    my $origin = origin(\&echo);
    my $usherd = proxy($origin);
    my $port = $usherd->port(1);
    is request($port, "$_ /m HTTP/1.1\r\n$HOST\r\n")->{body}, "$_ /m []", "$_ is forwarded"
        for qw(GET DELETE OPTIONS PROPFIND QUERY M-SEARCH FOOBAR get), 'X!#%';
    is request($port, "$_ /m HTTP/1.1\r\n${HOST}Content-Length: 3\r\n\r\nabc")->{body}, "$_ /m [abc]", "$_ with a body"
        for qw(POST PUT PATCH QUERY GET DELETE FOOBAR);
    my $r = request($port, "CONNECT a.test:443 HTTP/1.1\r\n$HOST\r\n");
    is $r->{status}, 405, 'CONNECT is refused';
    $r = request($port, "TRACE / HTTP/1.1\r\n$HOST\r\n");
    is $r->{status}, 405, 'TRACE is refused';
    $usherd->stop;
};

subtest 'fields that concern one connection go no further' => sub {
    my $origin = origin(answer('x', 'Connection: X-Hop, keep-alive', 'X-Hop: 1', 'Keep-Alive: timeout=5', 'Proxy-Connection: x', 'X-End: 2'));
    my $usherd = proxy($origin);
    my $r = request($usherd->port(1), join "\r\n", 'GET / HTTP/1.1', 'Host: a.test', 'Connection: keep-alive, x-gone, X-Also',
        'X-Gone: 1', 'X-Also: 2', 'Keep-Alive: timeout=1', 'Proxy-Connection: keep-alive', 'TE: gzip', 'Upgrade: h2c',
        'X-Stays: 3', '', '');
    my $seen = $origin->last_request;
    is field($seen, $_), undef, "$_ does not reach the server" for qw(x-gone x-also keep-alive proxy-connection te upgrade);
    is field($seen, 'x-stays'), 3, 'others do';
    is field($r, $_), undef, "$_ does not reach the client" for qw(x-hop keep-alive proxy-connection);
    is field($r, 'x-end'), 2, 'others do';
    $usherd->stop;
};

subtest 'Host cannot be named in Connection' => sub {
    my $origin = origin(\&echo);
    my $usherd = proxy($origin);
    my $r = request($usherd->port(1), "POST / HTTP/1.1\r\n${HOST}Connection: host, content-length\r\nContent-Length: 2\r\n\r\nab");
    if ($r->{status} == 200) {
        is field($origin->last_request, 'host'), 'a.test', 'Host stays';
        is $origin->last_request->{body}, 'ab', 'and so does the body';
    } else {
        is $r->{status}, 400, 'or the request is refused';
    }
    $usherd->stop;
};

subtest 'big bodies both ways' => sub {
    my $big = join '', map { pack 'N', $_ * 2654435761 % 4294967296 } 1 .. 700_000;
    my $origin = origin(sub { answer($_[0]{body}) });
    my $usherd = proxy($origin, route => 'max_body = 10m');
    my $c = client($usherd->port(1));
    $c->send("POST / HTTP/1.1\r\n${HOST}Content-Length: " . length($big) . "\r\n\r\n$big");
    is md5_hex($c->response->{body}), md5_hex($big), 'with a length';
    $c->send("POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n"
        . join('', map { sprintf "%x\r\n%s\r\n", length $_, $_ } unpack '(a77777)*', $big) . "0\r\n\r\n");
    is md5_hex($c->response->{body}), md5_hex($big), 'chunked';
    $usherd->stop;
};

subtest 'a server that sends byte by byte' => sub {
    my $origin = origin(['request', [slow => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nslow!\r\n0\r\n\r\n", 0.001], 'loop']);
    my $usherd = proxy($origin);
    my $c = client($usherd->port(1));
    for (1 .. 2) {
        $c->send("GET / HTTP/1.1\r\n$HOST\r\n");
        is $c->response->{body}, 'slow!', 'arrives';
    }
    is $origin->connections, 1, 'over one connection';
    $usherd->stop;
};

subtest 'answers whose lines end with LF alone' => sub {
    my $bare   = "HTTP/1.1 103 Early Hints\nLink: </a>\n\nHTTP/1.1 200 OK\nX-A: b \nTransfer-Encoding: chunked\n\n";
    my $origin = origin(sub { $bare . ($_[0]{target} eq '/chunk' ? "5\nhello\n0\n\n" : "5\r\nhello\r\n0\r\n\r\n") });
    my $usherd = proxy($origin);
    is get($usherd->port(1), '/')->{status}, 502, 'are bad';
    $usherd->expect_log(qr/server \S+: a line that ends without CR \(bare_lf = accept would take it\)/);
    $usherd->stop;

    $usherd = proxy($origin, backend => "bare_lf = accept\ncheck = GET /check expect=200 interval=1s", more => "[admin]\nlisten = 127.0.0.1:%%PORT2%%\nnames = a.test\n");
    my $r = get($usherd->port(1), '/');
    is "$r->{status} $r->{body}", '200 hello', 'or taken';
    is field($r, 'x-a'), 'b', 'with their fields';
    is_deeply [map { field($_, 'link') } @{$r->{interim}}], ['</a>'], 'interim ones too';
    my $check = qr/"finding":"ok"/;
    ok wait_for { get($usherd->port(2), '/status.json')->{body} =~ $check }, 'checks take them';
    ok !get($usherd->port(1), '/chunk'), 'but no such chunks';
    $usherd->expect_log(qr/a malformed chunked body/);
    $usherd->stop;
};

subtest 'bad requests' => sub {
    my $origin = origin(\&echo);
    my $usherd = proxy($origin);
    my %cases = (
        'no Host'                 => ["GET / HTTP/1.1\r\n\r\n", 400],
        'two Hosts'               => ["GET / HTTP/1.1\r\n$HOST$HOST\r\n", 400],
        'a version of the future' => ["GET / HTTP/3.0\r\n$HOST\r\n", 505],
        'length and chunks'       => ["POST / HTTP/1.1\r\n${HOST}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400],
        'an unknown coding'       => ["POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: gzip\r\n\r\n", 501],
        'two lengths'             => ["POST / HTTP/1.1\r\n${HOST}Content-Length: 3\r\nContent-Length: 3\r\n\r\n", 400],
        'a length that is none'   => ["POST / HTTP/1.1\r\n${HOST}Content-Length: x\r\n\r\n", 400],
        'chunked, and then gzip'  => ["POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked, gzip\r\n\r\n", 400],
        'a line without a name'   => ["GET / HTTP/1.1\r\n${HOST}: x\r\n\r\n", 400],
        'a line without a colon'  => ["GET / HTTP/1.1\r\n${HOST}x\r\n\r\n", 400],
        'garbage'                 => ["\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400],
    );
    for my $name (sort keys %cases) {
        my ($bytes, $status) = @{$cases{$name}};
        my $c = client($usherd->port(1));
        $c->send($bytes . "GET /next HTTP/1.1\r\n$HOST\r\n");
        my $r = $c->response(method => 'GET');
        is $r->{status}, $status, "$name is refused";
        is $r->{close}, 1, 'with Connection: close';
        like field($r, 'content-type'), qr{^text/html}, 'and a small page';
        like $r->{body}, qr/$r->{status}/, 'that says so';
        unlike $r->{body}, qr/`|callback|Invalid|Unexpected|Duplicate/, 'in words of our own';
        isnt $c->end, 'open', 'and the connection ends';
        is $c->rest, '', 'with nothing after it';
    }
    is scalar $origin->requests, 0, 'nothing reached the server';
    unlike $usherd->log_text, qr/`|callback|Invalid|Unexpected|Duplicate/, 'the log too says it in words of our own';
    like $usherd->log_text, qr/501 transfer-coding: a Transfer-Encoding other than chunked/, 'and why';
    $usherd->stop;
};

done_testing;
