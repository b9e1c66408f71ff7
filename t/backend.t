# Servers that are dead, die at any stage, stall, or say things that nobody asked for.

use strict;
use warnings;
use Test::More;
use Test::Usherd;
use Time::HiRes qw(sleep time);

my $HOST = "Host: a.test\r\n";
my $GET  = "GET / HTTP/1.1\r\n$HOST\r\n";
my $POST = "POST / HTTP/1.1\r\n${HOST}Content-Length: 4\r\n\r\nbody";

sub nowhere { return '127.0.0.1:' . free_port() }

# Stops a proxy whose servers were at fault: that may be logged as a warning, never as an error.
sub finish { my ($usherd) = @_; $usherd->allow_log(qr/\[warn\]/); $usherd->stop; return }

subtest 'no server' => sub {
    my $usherd = proxy(nowhere());
    my $c = client($usherd->port(1));
    $c->send($GET);
    my $r = $c->response;
    is $r->{status}, 502, 'a refused connection is 502';
    is $r->{close}, 0, 'and no reason to close the client\'s';
    $c->send($GET);
    like $c->response->{status}, qr/^50[23]$/, 'which goes on';
    finish($usherd);
};

subtest 'the next server' => sub {
    my $good = origin(answer('good'));
    my $usherd = proxy([nowhere(), $good, nowhere()], backend => "retries = 2");
    is get($usherd->port(1), '/')->{body}, 'good', "request $_" for 1 .. 6;
    is request($usherd->port(1), $POST)->{body}, 'good', 'a POST that was never sent is safe to send elsewhere';
    is $good->last_request->{body}, 'body', 'with its body';
    finish($usherd);
};

subtest 'round robin' => sub {
    my @origins = map { origin(answer($_)) } qw(a b c);
    my $usherd = proxy(\@origins);
    my $c = client($usherd->port(1));
    my %seen;
    for (1 .. 9) {
        $c->send($GET);
        $seen{$c->response->{body}}++;
    }
    is_deeply \%seen, {a => 3, b => 3, c => 3}, 'each server gets its share';
    $usherd->stop;
};

subtest 'weights, backup and down' => sub {
    my ($a, $b, $spare, $off) = map { origin(answer($_)) } qw(a b spare off);
    my $usherd = proxy(["$a->{address} weight=3", $b, "$spare->{address} backup", "$off->{address} down"]);
    my $c = client($usherd->port(1));
    my ($order, %seen) = '';
    for (1 .. 8) {
        $c->send($GET);
        my $body = $c->response->{body};
        $order .= $body;
        $seen{$body}++;
    }
    is_deeply \%seen, {a => 6, b => 2}, 'by weight, no spare one, none that is down';
    unlike $order, qr/bb|aaaa/, 'spread smoothly' or diag $order;
    $usherd->stop;

    my $only = proxy([nowhere(), "$spare->{address} backup"]);
    is get($only->port(1), '/')->{body}, 'spare', 'the backup where nobody else is left';
    finish($only);
};

subtest 'connections are kept and used again' => sub {
    my $origin = origin();
    my $usherd = proxy($origin);
    get($usherd->port(1), '/') for 1 .. 10;
    is $origin->connections, 1, 'ten clients, one connection';
    $usherd->stop;

    $origin = origin();
    $usherd = proxy($origin, backend => 'keepalive = 0');
    get($usherd->port(1), '/') for 1 .. 3;
    is $origin->connections, 3, 'keepalive = 0: one each';
    $usherd->stop;

    $origin = origin();
    $usherd = proxy($origin, backend => 'keepalive_requests = 2');
    get($usherd->port(1), '/') for 1 .. 6;
    is $origin->connections, 3, 'keepalive_requests = 2: every second one';
    $usherd->stop;

    $origin = origin();
    $usherd = proxy($origin, backend => 'keepalive_timeout = 200ms');
    get($usherd->port(1), '/');
    ok $origin->await_event(qr/^1 eof/, 5), 'keepalive_timeout closes an idle one';
    $usherd->stop;

    $origin = origin(answer('x', 'Keep-Alive: timeout=2'));
    $usherd = proxy($origin);
    get($usherd->port(1), '/');
    ok $origin->await_event(qr/^1 eof/), 'a server that says timeout=2 is left before it closes';
    $usherd->stop;

    $origin = origin(answer('x', 'Connection: close'));
    $usherd = proxy($origin);
    is get($usherd->port(1), '/')->{status}, 200, 'Connection: close of the server' for 1 .. 2;
    is $origin->connections, 2, 'is respected';
    $usherd->stop;
};

# Idle connections must not take the descriptors that others need.
subtest 'no more connections than clients may come' => sub {
    my @origins = map { origin(answer($_)) } 1 .. 12;
    my $usherd = proxy(\@origins, global => 'max_connections = 8', backend => 'check = off');
    my %seen;
    $seen{get($usherd->port(1), '/')->{body}}++ for 1 .. 36;
    is_deeply \%seen, {map { $_ => 3 } 1 .. 12}, 'each of many servers has its turn';
    ok wait_for {
        my @events = map { $_->events } @origins;
        grep({ / open/ } @events) - grep({ / eof/ } @events) == 8;
    }, 'eight connections are left';
    $usherd->stop;
};

subtest 'a kept connection that the server has closed' => sub {
    # Closed while idle: noticed before the next request.
    my $origin = origin(['request', [send => answer('one')], 'close'], answer('two'));
    my $usherd = proxy($origin);
    is get($usherd->port(1), '/')->{body}, 'one', 'the first answer';
    $origin->await_event(qr/^1 done/);
    is get($usherd->port(1), '/')->{body}, 'two', 'the next request takes a new connection';
    is request($usherd->port(1), $POST)->{body}, 'two', 'a POST too';
    $usherd->stop;

    # Closed when the next request has arrived, without a byte of an answer.
    $origin = origin(['request', [send => answer('one')], 'head', 'close'], answer('two'));
    $usherd = proxy($origin);
    is get($usherd->port(1), '/')->{body}, 'one', 'the first answer';
    is get($usherd->port(1), '/')->{body}, 'two', 'a GET is sent again over a new connection';
    is $origin->connections, 2, 'once';
    finish($usherd);
};

subtest 'a request that must not be sent twice' => sub {
    my $origin = origin(['head', 'close']);
    my $usherd = proxy($origin, backend => 'retries = 3');
    is request($usherd->port(1), $POST)->{status}, 502, 'a POST whose server closed may have been done';
    is $origin->connections, 1, 'and is not repeated';
    finish($usherd);
};

subtest 'a server that dies' => sub {
    my %stages = (
        'after the request'         => [['request', 'close'], 502],
        'with a reset'              => [['request', 'reset'], 502],
        'in the status line'        => [['request', [send => 'HTTP/1.1 20'], 'close'], 502],
        'in a field'                => [['request', [send => "HTTP/1.1 200 OK\r\nContent-Le"], 'close'], 502],
        'before the empty line'     => [['request', [send => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"], 'close'], 502],
        'after an interim answer'   => [['request', [send => "HTTP/1.1 103 Early Hints\r\n\r\n"], 'close'], 502],
        'before the body'           => [['request', [send => "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"], 'close'], 'cut'],
        'in the body'               => [['request', [send => "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"], 'close'], 'cut'],
        'in a body without length, with a reset' => [['request', [send => "HTTP/1.1 200 OK\r\n\r\nabc"], [stall => 0.05], 'reset'], 'cut'],
        'in a chunk'                => [['request', [send => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc"], 'close'], 'cut'],
        'before the last chunk'     => [['request', [send => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"], 'close'], 'cut'],
        'in the trailers'           => [['request', [send => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n"], 'close'], 'cut'],
        'before anything'           => [['close'], 502],
    );
    for my $stage (sort keys %stages) {
        my ($script, $outcome) = @{$stages{$stage}};
        my $usherd = proxy(origin($script), backend => 'retries = 0');
        my $c = client($usherd->port(1));
        $c->send($GET);
        if ($outcome eq 'cut') {
            is $c->response, undef, "$stage: no answer that looks whole";
            isnt $c->end, 'open', 'the connection is cut';
            unlike $c->rest, qr/\r\n0\r\n\r\n\z/, 'without a last chunk that would be a lie';
        } else {
            my $r = $c->response;
            is $r && $r->{status}, $outcome, "$stage: $outcome";
            $c->send($GET);
            ok $c->response, 'the client\'s connection goes on';
        }
        finish($usherd);
    }
};

subtest 'bad answers' => sub {
    my %cases = (
        'garbage'               => "hello\r\n\r\n",
        'HTTP/0.9'              => "<html>hello</html>",
        'another protocol'      => "SSH-2.0-OpenSSH_9.2\r\n",
        'two lengths'           => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nokx",
        'a status of four digits' => "HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok",
        'a huge head'           => "HTTP/1.1 200 OK\r\nX: " . 'x' x 300_000 . "\r\n\r\n",
    );
    for my $name (sort keys %cases) {
        my $origin = origin($cases{$name});
        my $usherd = proxy($origin, backend => "retries = 0\nfirst_byte_timeout = 1s\nread_timeout = 1s");
        my $r = get($usherd->port(1), '/');
        like $r && $r->{status}, qr/^50[24]$/, $name;
        ok $origin->await_event(qr/^1 (?:eof|reset)/), 'its connection is closed';
        finish($usherd);
    }
};

subtest 'timeouts' => sub {
    my $usherd = proxy(origin(['request', 'eof']), backend => "first_byte_timeout = 300ms\nretries = 0");
    is +(get($usherd->port(1), '/') // {})->{status}, 504, 'first_byte_timeout';
    finish($usherd);

    $usherd = proxy(origin(['request', [send => "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"], 'eof']),
        backend => "read_timeout = 300ms");
    my $c = client($usherd->port(1));
    $c->send($GET);
    isnt $c->end, 'open', 'read_timeout in the body cuts the answer';
    like $c->rest, qr/\r\n\r\nabc\z/, 'what had come was passed on';
    finish($usherd);

    # An address that never answers a connection attempt: a listener whose queue is full.
    my $full = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => free_port());
    listen $full, 0;
    my @fill = map { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $full->sockport, Blocking => 0) } 1 .. 4;
    $usherd = proxy('127.0.0.1:' . $full->sockport, backend => "connect_timeout = 4s\nretries = 0");
    my $start = time;
    is +(get($usherd->port(1), '/') // {})->{status}, 504, 'connect_timeout';
    cmp_ok time - $start, '>', 3.5, 'not before';
    finish($usherd);

    my $big = 'x' x 20_000_000;
    $usherd = proxy(origin(['head', [stall => 5]]), route => "write_timeout = 400ms\nmax_body = off\nbody_timeout = 10s");
    $c = client($usherd->port(1));
    $start = time;
    $c->{sock}->blocking(0);
    $c->send("POST / HTTP/1.1\r\n${HOST}Content-Length: 20000000\r\n\r\n$big", timeout => 1);
    my $r = $c->response;
    is $r && $r->{status}, 504, 'write_timeout: a server that does not read';
    finish($usherd);
};

subtest 'an answer before the end of the request' => sub {
    my $origin = origin(['head', [send => "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"], [stall => 1], 'close'], answer('next'));
    my $usherd = proxy($origin);
    my $c = client($usherd->port(1));
    $c->send("POST / HTTP/1.1\r\n${HOST}Content-Length: 1000\r\n\r\nabc");
    my $r = $c->response;
    is $r->{status}, 403, 'reaches the client at once';
    $c->send('x' x 997) unless $r->{close};
    is get($usherd->port(1), '/')->{body}, 'next', 'that connection to the server is not used again';
    $usherd->stop;
};

subtest 'bytes on an idle connection' => sub {
    my $origin = origin(['request', [send => answer('one')], [stall => 0.1], [send => answer('STRAY')], 'eof'], answer('two'));
    my $usherd = proxy($origin);
    is get($usherd->port(1), '/')->{body}, 'one', 'the first answer';
    ok $origin->await_event(qr/^1 (?:eof|reset)/), 'bytes that nobody asked for close the connection';
    is get($usherd->port(1), '/')->{body}, 'two', 'and are nobody\'s answer';
    finish($usherd);

    $origin = origin(['request', [send => answer('one') . answer('STRAY')], 'eof'], answer('two'));
    $usherd = proxy($origin);
    my $c = client($usherd->port(1));
    $c->send($GET . $GET);
    is $c->response->{body}, 'one', 'an answer that came with another one behind it';
    is $c->response->{body}, 'two', 'the other one is dropped';
    finish($usherd);
};

subtest 'a client that goes away' => sub {
    my $origin = origin(['request', [stall => 0.3], [send => "HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n"], [send => 'x' x 10_000_000], 'eof'], answer('two'));
    my $usherd = proxy($origin);
    my $c = client($usherd->port(1));
    $c->send($GET);
    $origin->await_event(qr/^1 request/);
    $c->reset;
    ok $origin->await_event(qr/^1 (?:eof|reset)/), 'the connection to the server is closed';
    is get($usherd->port(1), '/')->{body}, 'two', 'and not used again';
    $usherd->stop;
};

subtest 'max_conns' => sub {
    my $dir = scratch();
    my $small = origin(['request', sub { wait_for { -e "$dir/go" } 20; return answer('small') }, 'loop']);
    my $other = origin(answer('other'));
    my $usherd = proxy(["$small->{address} max_conns=1", $other]);
    my @c = map { client($usherd->port(1)) } 1 .. 6;
    $_->send($GET) for @c;
    ok wait_for { $small->requests + $other->requests == 6 }, 'six requests are with servers';
    spew("$dir/go", '');
    my %seen;
    $seen{$_->response->{body}}++ for @c;
    is_deeply \%seen, {small => 1, other => 5}, 'a full server is passed over';
    $usherd->stop;

    unlink "$dir/go";
    $usherd = proxy("$small->{address} max_conns=1", backend => 'queue = off');
    @c = map { client($usherd->port(1)) } 1 .. 2;
    $c[0]->send($GET);
    ok $small->await_requests(2), 'its place is taken';
    $c[1]->send($GET);
    is $c[1]->response->{status}, 503, 'where there is no other: 503';
    spew("$dir/go", '');
    is $c[0]->response->{status}, 200, 'who has the place keeps it';
    finish($usherd);
};

subtest 'a server on a Unix socket' => sub {
    my $dir = scratch();
    my $origin = origin({path => "$dir/app.sock"}, answer('unix'));
    my $usherd = proxy($origin);
    is get($usherd->port(1), '/')->{body}, 'unix', 'answers';
    $usherd->stop;
};

subtest 'host_header' => sub {
    for my $case (['preserve', 'a.test'], ['server', undef], ['fixed.test', 'fixed.test']) {
        my ($value, $want) = @$case;
        my $origin = origin();
        my $usherd = proxy($origin, backend => "host_header = $value");
        get($usherd->port(1), '/');
        is field($origin->last_request, 'host'), $want // $origin->{address}, $value;
        $usherd->stop;
    }
};

done_testing;
