# Clients that have closed their side: those that wait for their answer get it, those that have gone
# cost the server no more work.

use strict;
use warnings;
use POSIX ();
use Test::More;
use Test::Certs 'certs';
use Test::Usherd;
use Time::HiRes 'sleep';

my $pki = certs();
my $site = $pki->leaf(site => names => ['a.test']);
my $dir = scratch();
my $GET = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
my $CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

# A step of an origin: waits until the test creates the file, or for the deadline.
sub awaits {
    my ($name) = @_;
    return sub { wait_for { -e "$dir/$name" }; return };
}

sub let { my ($name) = @_; spew("$dir/$name", ''); return }

# A proxy whose access log has lines as "499 client-closed tries=1".
sub logged {
    my ($origin, $route, %text) = @_;
    return proxy($origin, %text, route => "access_log = log\n$route",
        more => "[log log]\npath = %%DIR%%/access.log\nbuffer = 0\nformat = \$status \$why tries=\$tries\n" . ($text{more} // ''));
}

sub await_log {
    my ($usherd, $text) = @_;
    my $path = $usherd->dir . '/access.log';
    wait_for { (slurp($path) // '') eq $text };
    return is slurp($path), $text, 'the log says it';
}

my $GONE = "499 client-closed tries=1\n";

subtest 'nothing comes' => sub {
    my %leave = (
        'close' => sub { $_[0]->close },
        'shut' => sub { $_[0]->shut },
    );
    for my $how (sort keys %leave) {
        for my $route ('', 'request_buffering = on', 'response_buffering = on', 'compress = gzip', 'retries = 5') {
            my $origin = origin(['head', 'eof']);
            my $usherd = logged($origin, "half_close_timeout = 100ms\nread_timeout = off\n$route",
                backend => 'retry_on = connect reset timeout');
            my $c = client($usherd->port(1));
            $c->send("GET / HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding: gzip\r\n\r\n");
            $origin->await_event(qr/^1 open/);
            $leave{$how}->($c);
            ok $origin->await_event(qr/^1 eof/), "$how, $route: the server's connection is closed";
            await_log($usherd, $GONE);
            is $c->end, 'closed', 'and the client\'s';
            is $c->rest, '', 'without a word';
            is $origin->connections, 1, 'nothing is tried again';
            $usherd->stop;
        }
    }
};

subtest 'request and end come together' => sub {
    my $origin = origin(['head', 'eof']);
    my $usherd = logged($origin, 'half_close_timeout = 100ms');
    client($usherd->port(1))->send($GET)->shut;
    ok $origin->await_event(qr/^1 eof/), 'the clock runs';
    await_log($usherd, $GONE);
    $usherd->stop;
};

subtest 'a body in front of the end' => sub {
    for my $route ('request_buffering = off', 'request_buffering = on') {
        my $origin = origin(['request', [send => answer('first')], 'request', 'eof']);
        my $usherd = logged($origin, "half_close_timeout = 100ms\n$route");
        my $c = client($usherd->port(1));
        $c->send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\n\r\nx");
        is +($c->response // {})->{body}, 'first', "$route: an answer";
        $c->send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100000\r\n\r\n" . 'b' x 100000)->shut;
        ok $origin->await_event(qr/^1 eof/), "$route: gone when nothing follows";
        is length +($origin->last_request // {})->{body}, 100000, 'the server had it whole';
        is $origin->connections, 1, 'on a connection that was used before';
        await_log($usherd, "200 - tries=1\n$GONE");
        $usherd->stop;
    }
    my $usherd = logged(origin(['request', 'eof']), 'half_close_timeout = off');
    my $c = client($usherd->port(1));
    $c->send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\n12345")->shut;
    is +($c->response // {})->{status}, 400, 'one that is cut is refused at once';
    $usherd->allow_log(qr/./);
    $usherd->stop;
};

subtest 'a response that breaks off' => sub {
    my $origin = origin(['head', [send => "${CHUNKED}5\r\nhello\r\n"], 'eof']);
    my $usherd = logged($origin, "half_close_timeout = 100ms\nread_timeout = off");
    my $c = client($usherd->port(1))->send($GET)->shut;
    ok $c->read_until(qr/hello\r\n/), 'what there was arrives';
    ok $origin->await_event(qr/^1 eof/), 'the server\'s connection is closed';
    is $c->end, 'closed', 'the client\'s too';
    is $c->rest, '', 'not as if the response were complete';
    await_log($usherd, "200 client-closed tries=1\n");
    $usherd->stop;

    $origin = origin(['head', [send => "${CHUNKED}5\r\nhello\r\n"], 'eof']);
    $usherd = logged($origin, "half_close_timeout = 100ms\nread_timeout = off");
    $c = client($usherd->port(1))->send("GET / HTTP/1.0\r\nHost: a.test\r\n\r\n")->shut;
    ok $c->read_until(qr/hello/), 'HTTP/1.0';
    is $c->end, 'reset', 'a body without a length ends with a reset';
    $usherd->stop;
};

subtest 'an answer that comes' => sub {
    for my $time ('off', '30s') {
        my $origin = origin(['head', awaits("answer-$time"), [send => answer('late')]]);
        my $usherd = logged($origin, "half_close_timeout = $time");
        my $c = client($usherd->port(1))->send($GET)->shut;
        ok $c->quiet(0.3), "$time: nothing happens before";
        let("answer-$time");
        is +($c->response // {})->{body}, 'late', 'goes out';
        is $c->end, 'closed', 'then the connection ends';
        await_log($usherd, "200 - tries=1\n");
        $usherd->stop;
    }
};

subtest 'a response that flows' => sub {
    my $pieces = join '', map { "1\r\n$_\r\n" } 1 .. 9;
    my $script = ['head', [send => $CHUNKED], (map { ([stall => 0.3], [send => "1\r\n$_\r\n"]) } 1 .. 9), [send => "0\r\n\r\n"]];
    my $usherd = logged(origin($script), 'half_close_timeout = 1500ms');
    my $c = client($usherd->port(1))->send($GET)->shut;
    $c->{timeout} = 20;
    is +($c->response // {})->{body}, '123456789', 'goes on for longer than the time';
    await_log($usherd, "200 - tries=1\n");
    $usherd->stop;

    # Whoever closed altogether answers the first piece with a reset.
    my $origin = origin(['head', awaits('closed'), [send => $CHUNKED], (map { ([stall => 0.05], [send => "1\r\na\r\n"]) } 1 .. 400)]);
    $usherd = logged($origin, 'half_close_timeout = off');
    $c = client($usherd->port(1))->send($GET);
    $origin->await_event(qr/^1 open/);
    $c->close;
    let('closed');
    ok $origin->await_event(qr/^1 (reset|done)/, 10), 'not to a client that is not there';
    await_log($usherd, "200 client-closed tries=1\n");
    $usherd->stop;
};

subtest 'a client that takes its time' => sub {
    my $files = scratch();
    my $size = 12 << 20;
    spew("$files/big", 'f' x $size);
    my $usherd = proxy(origin(answer('z' x $size)), route => 'half_close_timeout = 100ms',
        more => "[route files]\npath = /files/*\nstrip_prefix = /files\nfiles = $files\nhalf_close_timeout = 100ms\n");
    for my $path ('/', '/files/big') {
        my $c = client($usherd->port(1), rcvbuf => 32768);
        $c->send("GET $path HTTP/1.1\r\nHost: a.test\r\n\r\n")->shut;
        sleep 0.6;
        is length +($c->response // {body => ''})->{body}, $size, "$path: what waits for it is no silence";
    }
    $usherd->stop;
};

subtest 'a reset' => sub {
    for my $first ('at once', 'after the end') {
        my $origin = origin(['head', 'eof']);
        my $usherd = logged($origin, 'half_close_timeout = off');
        my $c = client($usherd->port(1))->send($GET);
        $origin->await_event(qr/^1 open/);
        $c->shut if $first eq 'after the end';
        $c->reset;
        ok $origin->await_event(qr/^1 eof/), "$first: leaves no doubt";
        await_log($usherd, $GONE);
        $usherd->stop;
    }
};

subtest 'pipelined requests' => sub {
    my $origin = origin(['head', [send => answer('first')], 'head', 'eof']);
    my $usherd = logged($origin, 'half_close_timeout = 100ms');
    my $c = client($usherd->port(1))->send($GET x 3)->shut;
    is +($c->response // {})->{body}, 'first', 'an answer';
    ok $origin->await_event(qr/^1 eof/), 'the next one is not answered in time';
    is $c->end, 'closed', 'and none after it';
    is $c->rest, '', 'at all';
    await_log($usherd, "200 - tries=1\n$GONE");
    $usherd->stop;

    $usherd = logged(origin(), 'half_close_timeout = 30s');
    $c = client($usherd->port(1))->send($GET x 20)->shut;
    is scalar(grep { ($c->response // {body => ''})->{body} eq 'ok' } 1 .. 20), 20, 'all are answered';
    is $c->end, 'closed', 'before the connection ends';
    $usherd->stop;
};

subtest 'a tunnel' => sub {
    my $origin = origin(['head', [send => "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"], 'eof',
        awaits('tunnel'), [send => 'bye'], 'close']);
    my $usherd = proxy($origin, route => 'half_close_timeout = 100ms');
    my $c = client($usherd->port(1));
    $c->send("GET / HTTP/1.1\r\nHost: a.test\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n");
    ok $c->read_until(qr/101.*\r\n\r\n/s), 'is open';
    $c->shut;
    ok $origin->await_event(qr/^1 eof/), 'passes the end on';
    ok $c->quiet(0.5), 'and knows no such time';
    let('tunnel');
    ok $c->read_until(qr/bye/), 'the other direction goes on';
    $usherd->stop;
};

subtest 'TLS' => sub {
    for my $how (qw(close cut reset)) {
        my $origin = origin(['head', 'eof']);
        my $usherd = logged($origin, 'half_close_timeout = 100ms', listen => "tls = on\ncertificate = $site->{pair}");
        my $c = client($usherd->port(1), tls => {SSL_hostname => 'a.test'})->send($GET);
        $origin->await_event(qr/^1 open/);
        $c->$how;
        ok $origin->await_event(qr/^1 eof/), "$how: is seen";
        await_log($usherd, $GONE);
        $usherd->stop;
    }
    my $origin = origin(['head', awaits('tls'), [send => answer('late')]]);
    my $usherd = logged($origin, 'half_close_timeout = 30s', listen => "tls = on\ncertificate = $site->{pair}");
    my $c = client($usherd->port(1), tls => {SSL_hostname => 'a.test'})->send($GET);
    Net::SSLeay::shutdown($c->{sock}->_get_ssl_object);
    $c->shut;
    let('tls');
    is +($c->response // {})->{body}, 'late', 'close_notify is no reason not to answer';
    $usherd->stop;
};

# close_notify is the end of the client's side; the socket stays open.
subtest 'TLS: close_notify alone' => sub {
    my $open = sub {
        my ($origin, $route, $version) = @_;
        my $usherd = logged($origin, $route, listen => "tls = on\ncertificate = $site->{pair}");
        return $usherd, client($usherd->port(1), tls => {SSL_hostname => 'a.test', SSL_version => $version // 'TLSv1_3'});
    };
    # One head fills a block of input, so that the end is left in the socket's buffer.
    my $long = "GET / HTTP/1.1\r\nHost: a.test\r\nX: \r\n\r\n" =~ s/X: \K/'x' x (16384 - length "${GET}X: \r\n")/er;
    my %ask = (
        'at once' => sub { my ($c) = @_; $c->together(sub { $c->send($GET)->notify }) },
        'behind a long head' => sub { my ($c) = @_; $c->together(sub { $c->send($long)->notify }) },
        'behind a body' => sub {
            my ($c) = @_;
            my $n = 100_000;
            $c->together(sub { $c->send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: $n\r\n\r\n" . 'b' x $n)->notify });
        },
        'later' => sub { my ($c, $origin) = @_; $c->send($GET); $origin->await_event(qr/^1 request/); $c->notify },
    );
    for my $version (qw(TLSv1_3 TLSv1_2)) {
        for my $when (sort keys %ask) {
            my $origin = origin(['request', 'eof']);
            my ($usherd, $c) = $open->($origin, 'half_close_timeout = 100ms', $version);
            $ask{$when}->($c, $origin);
            ok $origin->await_event(qr/^1 eof/), "$version, $when: gone when nothing follows";
            await_log($usherd, $GONE);
            is $c->end, 'closed', 'the client\'s connection ends properly';
            is $c->rest, '', 'without a word';
            $usherd->stop;
        }
    }

    my $origin = origin(['head', awaits('notify'), [send => answer('late')]]);
    my ($usherd, $c) = $open->($origin, 'half_close_timeout = 30s');
    $c->send($GET)->notify;
    ok $c->quiet(0.3), 'a client that waits';
    let('notify');
    is +($c->response // {})->{body}, 'late', 'gets its answer';
    is $c->end, 'closed', 'then the end';
    await_log($usherd, "200 - tries=1\n");
    $usherd->stop;

    $origin = origin(['head', [send => $CHUNKED], (map { ([stall => 0.3], [send => "1\r\n$_\r\n"]) } 1 .. 9), [send => "0\r\n\r\n"]]);
    ($usherd, $c) = $open->($origin, 'half_close_timeout = 1500ms');
    $c->send($GET)->notify;
    $c->{timeout} = 20;
    is +($c->response // {})->{body}, '123456789', 'a response goes on for longer than the time';
    await_log($usherd, "200 - tries=1\n");
    $usherd->stop;

    $origin = origin(['head', [send => "${CHUNKED}5\r\nhello\r\n"], 'eof']);
    ($usherd, $c) = $open->($origin, "half_close_timeout = 100ms\nread_timeout = off");
    $c->send($GET)->notify;
    ok $c->read_until(qr/hello\r\n/), 'one that breaks off';
    ok $origin->await_event(qr/^1 eof/), 'is given up';
    await_log($usherd, "200 client-closed tries=1\n");
    $usherd->stop;

    ($usherd, $c) = $open->(origin(), 'half_close_timeout = off');
    $c->send($GET);
    is +($c->response // {})->{body}, 'ok', 'an idle connection';
    $c->notify;
    is $c->end, 'closed', 'is closed';
    $c = client($usherd->port(1), tls => {SSL_hostname => 'a.test'});
    $c->send($GET x 20)->notify;
    is scalar(grep { ($c->response // {body => ''})->{body} eq 'ok' } 1 .. 20), 20, 'pipelined requests are all answered';
    is $c->end, 'closed', 'before the connection ends';
    $usherd->stop;
};

# Whether our end of the connection from a client has seen the client's.
sub end_is_seen {
    my ($usherd) = @_;
    my $port = sprintf ':%04X', $usherd->port(1);
    return scalar grep { /^\s*\d+: \S+$port \S+ 08 / } split /\n/, slurp('/proc/net/tcp');
}

# Sends from a process of its own: a server that does not read makes it stand still.
sub send_and_shut {
    my ($c, $bytes) = @_;
    my $pid = fork // die "fork: $!";
    return $pid if $pid;
    $c->{timeout} = 60;
    $c->send($bytes)->shut;
    POSIX::_exit(0);
}

sub upload { my ($n) = @_; return "PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: $n\r\n\r\n" . 'b' x ($n - 3) . 'END' }

subtest 'an upload that the server does not read, and the end behind it' => sub {
    # The end arrives behind the smaller one, which is buffered, and cannot behind the rest of the larger one.
    for ([12 << 20, 'off'], [500_000, 'on']) {
        my ($size, $buffered) = @$_;
        my ($small, $name) = ($size < 1 << 20, "$size-$buffered");
        my $time = $small ? '30s' : '2s';    # the time runs once all is taken
        my $script = ['head', awaits("read-$name"), [until => qr/END\z/], [send => answer('stored')]];
        my $origin = origin({path => "$dir/read-$name.sock"}, $script);
        my $usherd = logged($origin, "half_close_timeout = $time\nrequest_buffering = $buffered");
        my $c = client($usherd->port(1));
        my $pid = send_and_shut($c, upload($size));
        ok wait_for { end_is_seen($usherd) }, 'the end has arrived' if $small;
        ok $c->quiet(2.5), "$size bytes, request_buffering = $buffered: the time does not run before all is taken";
        let("read-$name");
        is +($c->response(method => 'PUT', timeout => 30) // {})->{body}, 'stored', 'it is stored, and answered';
        waitpid $pid, 0;
        await_log($usherd, "200 - tries=1\n");
        $usherd->stop;

        $origin = origin({path => "$dir/never-$name.sock"}, ['head', awaits("never-$name"), 'eof']);
        $usherd = logged($origin, "half_close_timeout = 30s\nwrite_timeout = 500ms\nretries = 5\nrequest_buffering = $buffered");
        $c = client($usherd->port(1));
        $pid = send_and_shut($c, upload($size));
        is +($c->response(method => 'PUT') // {})->{status}, 504, 'a server that never reads: write_timeout';
        isnt $c->end, 'open', 'the connection ends';
        let("never-$name");
        ok $origin->await_event(qr/^1 (eof|reset)/), 'the server\'s too';
        waitpid $pid, 0;
        await_log($usherd, "504 write-timeout tries=1\n");
        $usherd->allow_log(qr/write-timeout/);
        $usherd->stop;
    }
};

# write_timeout ends with the head of the answer.
subtest 'an upload that the server answers and does not read' => sub {
    my $origin = origin({path => "$dir/unread.sock"},
        ['head', [send => "${CHUNKED}5\r\nhello\r\n"], awaits('unread'), 'eof']);
    my $usherd = logged($origin, "half_close_timeout = 500ms\nread_timeout = off\nwrite_timeout = 500ms");
    my $c = client($usherd->port(1));
    my $pid = send_and_shut($c, upload(100_000));
    ok $c->read_until(qr/hello\r\n/), 'the answer begins';
    await_log($usherd, "200 client-closed tries=1\n");
    isnt $c->end, 'open', 'a client that has sent all does not wait for ever';
    let('unread');
    waitpid $pid, 0;
    $usherd->stop;
};

subtest 'the end within a body' => sub {
    my %part = (
        length => "PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\n12345",
        chunked => "PUT / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n",
    );
    for my $how ('FIN', 'close_notify') {
        my $tls = $how ne 'FIN';
        for my $kind (sort keys %part) {
            for my $when ('together', 'later') {
                my $origin = origin([[until => qr/12345/], 'eof'], ['request', [send => answer('second')], 'loop']);
                my $usherd = logged($origin, 'retries = 5', backend => 'retry_on = connect reset timeout',
                    listen => $tls ? "tls = on\ncertificate = $site->{pair}" : '');
                my %tls = $tls ? (tls => {SSL_hostname => 'a.test'}) : ();
                my $c = client($usherd->port(1), %tls);
                my $end = sub { $tls ? $c->notify : $c->shut };
                if ($when eq 'together') {
                    $c->together(sub { $c->send($part{$kind}); $end->() });
                } else {
                    $c->send($part{$kind});
                    wait_for { $origin->raw(1) =~ /12345/ };
                    $end->();
                }
                is +($c->response(method => 'PUT') // {})->{status}, 400, "$how $when, $kind: refused";
                is $c->end, 'closed', 'then the connection ends';
                await_log($usherd, "400 client-closed tries=1\n");
                ok $origin->await_event(qr/^1 (eof|reset)/), 'that of the server as well';
                is get($usherd->port(1), '/', {%tls})->{body}, 'second', 'so it is not used again';
                is $origin->connections, 2, 'and nothing was tried again';
                $usherd->allow_log(qr/client-closed/);
                $usherd->stop;
            }
        }
    }
};

subtest 'the counters' => sub {
    my $origin = origin(['head', 'eof']);
    my $usherd = logged($origin, '',
        more => "[defaults]\nhalf_close_timeout = 100ms\n[admin]\nlisten = 127.0.0.1:%%PORT9%%\nnames = a.test\n");
    client($usherd->port(1))->send($GET)->shut;
    ok $origin->await_event(qr/^1 eof/), 'the time of [defaults] holds';
    await_log($usherd, $GONE);
    my $text = get($usherd->port(9), '/metrics')->{body};
    like $text, qr/^usherd_listen_responses_total\{listen="web",status="4xx"\} 1$/m, 'the listener counts a 4xx';
    like $text, qr/^usherd_backend_responses_total\{backend="app",status="none"\} 1$/m, 'the backend no response';
    like $text, qr/^usherd_server_requests_in_flight\{.*\} 0$/m, 'nothing is in flight';
    unlike $text, qr/^usherd_server_failures_total\{.*\} [1-9]/m, 'and the server is not to blame';
    $usherd->stop;
};

subtest 'values that are none' => sub {
    for (['5' => qr/half_close_timeout: "5" has no unit/], ['0s' => qr/half_close_timeout: /], ['on' => qr/half_close_timeout: /]) {
        my ($value, $error) = @$_;
        spew("$dir/bad.ini", "[route all]\npath = /*\nrespond = 200 \"x\"\nhalf_close_timeout = $value\n");
        my $r = run_usherd('-t', '-c', "$dir/bad.ini");
        is $r->{status}, 1, "$value is refused";
        like $r->{err}, $error, 'with its reason';
    }
};

done_testing;
