# Fields behind a body: they must not bring in what could not have come through in front of it.

use strict;
use warnings;
use Test::More;
use Test::Usherd;

my @TRAILERS = ('X-Sum: 42', 'X-Client-DN: cn=admin', 'X-Internal-Role: root', 'x-added: 2', 'X_Sum: 1', 'X.Sum: 1',
    'X-Named: 1', 'X-Real-IP: 6.6.6.6', 'X-Forwarded-Port: 1', 'CF-Connecting-IP: 6.6.6.6', 'X-Request-ID: forged',
    'Content-Length: 1', 'Host: b.test', 'Authorization: Basic eA==', 'Cookie: a=b',
    'Content-Type: text/x', 'X-Sum: 43');

my $HEADERS = "[headers own]\nrequest_set = X-Client-DN: cn=\$remote_addr\nrequest_add = X-Added: 1\nrequest_remove = X-Internal-*\n"
    . "response_set = X-Cache: no\nresponse_add = X-More: 1\nresponse_remove = X-Secret-* X-Debug\n";

sub post {
    my ($usherd, @fields) = @_;
    my $c = client($usherd->port(1));
    $c->send(join("\r\n", 'POST / HTTP/1.1', 'Host: a.test', 'Transfer-Encoding: chunked', 'Trailer: X-Sum', @fields, '', '2', 'ab', '0',
            @TRAILERS, '', ''));
    my $r = $c->response;
    is $r->{status}, 200, 'answered' or diag $r->{body};
    return;
}

my @all = (['x-sum', '42'], ['x-named', '1'], ['x-sum', '43']);
my @rows = (
    ['by default none passes',   '',                          '',                   [],   []],
    ['drop',                     'request_trailers = drop',   '',                   [],   []],
    ['pass',                     'request_trailers = pass',   '',                   \@all, []],
    ['... with a list of names', 'request_trailers = pass',   '',                   [$all[0], $all[2]], ['Connection: close, x-NAMED ,']],
    ['... of all headers',       'request_trailers = pass',   'header_names = any', [$all[0], ['x_sum', '1'], ['x.sum', '1'], @all[1, 2]], []],
    ['... also when buffered',   "request_trailers = pass\nrequest_buffering = on", '', \@all, []],
);
for (@rows) {
    my ($what, $route, $listen, $want, $fields) = @$_;
    subtest $what => sub {
        my $origin = origin();
        my $usherd = proxy($origin, listen => "client_ip_from = CF-Connecting-IP\n$listen", route => "headers = own\n$route", more => $HEADERS);
        post($usherd, @$fields);
        my $seen = $origin->last_request;
        is $seen->{body}, 'ab', 'the body';
        is_deeply $seen->{trailers}, $want, 'the trailers that the server gets';
        is field($seen, 'trailer'), @$want ? 'X-Sum' : undef, 'and whether they are announced';
        is_deeply [fields($seen, 'x-client-dn')], ['cn=127.0.0.1'], 'what we set is not doubled';
        is field($seen, 'x-internal-role'), undef, 'what we remove does not come in front, either';
        is_deeply $seen->{problems}, [], 'all well-formed';
        $usherd->allow_log(qr/header names/);
        $usherd->stop;
    };
}

subtest 'of responses' => sub {
    my @fields = ('X-Sum: 42', 'X-Cache: HIT', 'x-more: 2', 'X-Secret-Key: k', 'X-Debug: on', 'Server: origin/1', 'X-Powered-By: php', 'X-Hop: 1',
        'Set-Cookie: a=b');
    my $origin = origin(join "\r\n", 'HTTP/1.1 200 OK', 'Transfer-Encoding: chunked', 'Connection: x-hop', '', '2', 'ok', '0', @fields, '', '');
    for my $buffering ('off', 'on') {
        my $usherd = proxy($origin, route => "headers = own\nresponse_buffering = $buffering", more => $HEADERS);
        my $c = client($usherd->port(1));
        $c->send("GET / HTTP/1.1\r\nHost: a.test\r\nTE: trailers\r\nConnection: TE\r\n\r\n");
        my $r = $c->response;
        is $r->{body}, 'ok', "response_buffering = $buffering: the body";
        is_deeply $r->{trailers}, [['x-sum', '42']], 'what we set, add, remove or hide does not come behind the body';
        is_deeply [fields($r, 'x-cache')], ['no'], 'the head has what we set';
        $usherd->stop;
    }
};

done_testing;
