# Event streams, long polls, and responses that come in pieces: nothing waits that can go.

use strict;
use warnings;
use Test::More;
use Test::Usherd;

my $dir = scratch();

# A step of an origin: waits until the test creates the file, or for the deadline.
sub awaits {
    my ($name) = @_;
    return sub { wait_for { -e "$dir/$name" }; return };
}

sub let { my ($name) = @_; spew("$dir/$name", ''); return }

my $HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n";

sub ask {
    my ($usherd, $version, @fields) = @_;
    my $c = client($usherd->port(1));
    $c->send(join "\r\n", "GET /events HTTP/$version", 'Host: a.test', 'Accept: text/event-stream', @fields, '', '');
    return $c;
}

my %settings = (
    'by default' => {},
    'with response_buffering' => {route => 'response_buffering = on'},
    'with headers and cors' => {
        route => "headers = h\ncors = *\nrewrite_location = on\nstrip_prefix = /x",
        more => "[headers h]\npreset = security\nresponse_set = X-A: b"
    },
);
for my $name (sort keys %settings) {
    subtest "events pass at once: $name" => sub {
        (my $mark = $name) =~ tr/ /-/;
        my $origin = origin(['head', [send => "${HEAD}\r\ndata: 1\n\n"], awaits("$mark-2"), [send => "data: 2\n\n"],
            awaits("$mark-3"), [send => ": the end\n\n"], 'close']);
        my $usherd = proxy($origin, %{$settings{$name}});
        my $c = ask($usherd, '1.1', 'Origin: https://b.test');
        ok $c->read_until(qr/data: 1\n\n/), 'the first is here while the stream goes on';
        let("$mark-2");
        ok $c->read_until(qr/data: 2\n\n/), 'the second';
        let("$mark-3");
        ok $c->read_until(qr/the end\n\n.*0\r\n\r\n/s), 'and a proper end';
        $usherd->stop;
    };
}

subtest 'to an HTTP/1.0 client' => sub {
    my $origin = origin(['head', [send => "${HEAD}Transfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n"], awaits('old-2'),
        [send => "9\r\ndata: 2\n\n\r\n0\r\n\r\n"]]);
    my $usherd = proxy($origin);
    my $c = ask($usherd, '1.0');
    ok $c->read_until(qr/\r\n\r\ndata: 1\n\n/), 'as it is';
    let('old-2');
    is $c->end, 'closed', 'until the connection ends';
    is $c->rest, "data: 2\n\n", 'complete';
    $usherd->stop;
};

subtest 'byte by byte' => sub {
    my $origin = origin(['head', [send => "$HEAD\r\n"], [slow => "data: one\n\ndata: two\n\n", 0.005], 'close']);
    my $usherd = proxy($origin);
    is ask($usherd, '1.1')->response->{body}, "data: one\n\ndata: two\n\n", 'arrives whole';
    $usherd->stop;
};

subtest 'a quiet stream' => sub {
    my $origin = origin(['head', [send => "$HEAD\r\ndata: 1\n\n"], 'eof'],
        ['head', [send => "$HEAD\r\n"], [slow => ':' x 25 . "\n", 0.1], 'close']);
    my $usherd = proxy($origin, route => 'read_timeout = 1s');
    $usherd->expect_log(qr/504 read-timeout/);
    my $c = ask($usherd, '1.1');
    ok $c->read_until(qr/data: 1\n\n/), 'has begun';
    is $c->end, 'closed', 'silence for longer than read_timeout ends it';
    unlike $c->rest, qr/0\r\n\r\n/, 'visibly';
    is ask($usherd, '1.1')->response->{body}, ':' x 25 . "\n", 'comments keep it alive, however long it takes';
    $usherd->stop;

    $origin = origin(['head', [send => "$HEAD\r\ndata: 1\n\n"], awaits('late'), [send => "data: 2\n\n"], 'close']);
    $usherd = proxy($origin, route => "read_timeout = off\nsend_timeout = 500ms\nbody_timeout = 500ms\nfirst_byte_timeout = 500ms");
    $c = ask($usherd, '1.1');
    ok $c->read_until(qr/data: 1\n\n/), 'no other clock runs';
    ok $c->quiet(1), 'while nothing is to be sent';
    let('late');
    ok $c->read_until(qr/data: 2\n\n/), 'the stream goes on';
    $usherd->stop;
};

subtest 'a long poll' => sub {
    my $origin = origin(['head', awaits('poll'), [send => "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nnew"]]);
    my $usherd = proxy($origin, route => "read_timeout = 200ms\nsend_timeout = 200ms\nbody_timeout = 200ms");
    my $c = ask($usherd, '1.1');
    ok $c->quiet(0.6), 'only first_byte_timeout limits the wait for a response';
    let('poll');
    is $c->response->{body}, 'new', 'which comes';
    $usherd->stop;
};

subtest 'a client that leaves' => sub {
    for my $route ('response_buffering = off', 'response_buffering = on', 'read_timeout = off') {
        my $origin = origin(['head', [send => "$HEAD\r\ndata: 1\n\n"], 'eof']);
        my $usherd = proxy($origin, route => "$route\nhalf_close_timeout = 100ms\naccess_log = log",
            more => "[log log]\npath = %%DIR%%/access.log\nformat = \$status \$why");
        my $c = ask($usherd, '1.1');
        ok $c->read_until(qr/data: 1\n\n/), "$route: the stream has begun";
        $c->close;
        ok $origin->await_event(qr/^1 done/), 'the server hears of it after half_close_timeout';
        $usherd->stop;
        is slurp($usherd->dir . '/access.log'), "200 client-closed\n", 'and nobody blames it';
    }
    my $origin = origin(['head', [send => "$HEAD\r\ndata: 1\n\n"], awaits('left'), (map { ([stall => 0.01], [send => "data: 2\n\n"]) } 1 .. 500), 'eof']);
    my $usherd = proxy($origin, route => 'half_close_timeout = off');
    my $c = ask($usherd, '1.1');
    ok $c->read_until(qr/data: 1\n\n/), 'half_close_timeout = off: the stream has begun';
    $c->close;
    let('left');
    ok $origin->await_event(qr/^1 (reset|done)/), 'an event that reaches nobody ends it';
    $usherd->stop;

    $origin = origin(['head', awaits('half'), [send => answer('late')]]);
    $usherd = proxy($origin);
    $c = ask($usherd, '1.1')->shut;
    let('half');
    is $c->response->{body}, 'late', 'who only has no more to send still gets other responses';
    $usherd->stop;
};

subtest 'a server that dies' => sub {
    my $origin = origin(['head', [send => "${HEAD}Transfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n"], 'reset']);
    my $usherd = proxy($origin);
    $usherd->expect_log(qr/502 server-closed/);
    my $c = ask($usherd, '1.1');
    is $c->end, 'closed', 'the stream ends';
    unlike $c->rest, qr/0\r\n\r\n/, 'but not as if it were complete: the browser comes again';
    $usherd->stop;
};

subtest 'responses without a body' => sub {
    my $origin = origin(sub {
        my ($r) = @_;
        return "HTTP/1.1 $1 X\r\nContent-Type: text/event-stream\r\n\r\n" if $r->{target} =~ /(204|304)/;
        return "${HEAD}Content-Length: 100\r\n\r\n" if $r->{method} eq 'HEAD';
        return answer('next');
    });
    for my $buffering (qw(off on)) {
        my $usherd = proxy($origin, route => "response_buffering = $buffering");
        my $c = client($usherd->port(1));
        for (['GET', '/204', 204], ['GET', '/304', 304], ['HEAD', '/', 200], ['GET', '/', 200]) {
            my ($method, $target, $status) = @$_;
            $c->send("$method $target HTTP/1.1\r\nHost: a.test\r\n\r\n");
            my $r = $c->response(method => $method);
            is $r->{status}, $status, "$method $target";
            is $r->{body}, $method eq 'GET' && $status == 200 ? 'next' : '', 'nothing follows the head';
        }
        $usherd->stop;
    }
};

done_testing;
