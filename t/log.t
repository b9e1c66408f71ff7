# Access logs in every format, which no client can forge a line of, and the error log.

use strict;
use warnings;
use IO::Socket::INET;
use IO::Socket::UNIX;
use JSON::PP;
use Test::More;
use Test::Usherd;

sub logged {
    my ($usherd, $n, $file) = @_;
    my $path = $usherd->dir . '/' . ($file // 'access.log');
    wait_for { my @lines = split /\n/, slurp($path) // ''; @lines >= $n };
    return split /\n/, slurp($path) // '';
}

sub with_log {
    my ($origin, $log, %text) = @_;
    return proxy($origin, %text, route => "access_log = log\n" . ($text{route} // ''), more => "[log log]\n$log\n" . ($text{more} // ''));
}

subtest 'combined' => sub {
    my $usherd = with_log(origin(answer('hello')), 'path = %%DIR%%/access.log');
    request($usherd->port(1), "GET /a?b HTTP/1.1\r\nHost: a.test\r\nReferer: http://from.test/\r\nUser-Agent: some/1.0 (agent)\r\n\r\n");
    get($usherd->port(1), '/plain');
    $usherd->stop;
    my @lines = logged($usherd, 2);
    like $lines[0], qr{^127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "GET /a\?b HTTP/1\.1" 200 5 "http://from\.test/" "some/1\.0 \(agent\)"$}, 'a line';
    like $lines[1], qr{"GET /plain HTTP/1\.1" 200 5 "-" "-"$}, 'what is missing is a dash';
};

sub number { my ($line, $member) = @_; return $line =~ /"\Q$member\E":(-?\d+(?:\.\d+)?|null)[,}]/ ? $1 : undef }

subtest 'json' => sub {
    my $down   = free_port();
    my $origin = origin(answer('hello'));
    my $usherd = with_log(["127.0.0.1:$down", $origin], "path = %%DIR%%/access.log\nformat = json\nmember = port \$remote_port\nmember = site test",
        backend => "check = off\nall_down = try_all", more => "[defaults]\naccess_log = log\n[route gone]\npath = /gone\nbackend = gone\n[backend gone]\nserver = 127.0.0.1:$down\ncheck = off\n");
    request($usherd->port(1), "GET /plain HTTP/1.1\r\nHost: a.test\r\n\r\n") for 1 .. 2;
    request($usherd->port(1), "GET /u HTTP/1.1\r\nHost: a.test\r\nUser-Agent: \"\\\xe9\tcaf\xc3\xa9\r\n\r\n");
    get($usherd->port(1), '/gone');
    my $c = client($usherd->port(1));
    $c->send("nonsense\r\n\r\n");
    $c->response(method => 'GET', lax => 1);
    $usherd->allow_log(qr/\[warn\]/);
    $usherd->stop;
    my @lines = logged($usherd, 5);
    my @entries = map { eval { decode_json($_) } || do { fail('a line is JSON'); diag $_; {} } } @lines;
    my @members = map { [sort /"([^"]+)":/g] } map { s/"upstream":\[.*?\]/"upstream":0/r } @lines;
    is_deeply $_, $members[0], 'all lines have the same members' for @members;
    for (@lines) {
        isnt number($_, $1), undef, "$1 is a number" while ' status bytes bytes_received request_time upstream_status upstream_time tries port ' =~ / (\w+)(?= )/g;
    }
    like $_->{time}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d$/, 'milliseconds' for @entries;
    my %retried = %{(grep { @{$_->{upstream}} == 2 } @entries)[0]};
    is_deeply [map { $_->{addr} } @{$retried{upstream}}], ["127.0.0.1:$down", $origin->{address}], 'an attempt for each server';
    is_deeply [map { $_->{status} } @{$retried{upstream}}], [undef, 200], 'with its status';
    ok defined $retried{upstream}[1]{$_}, "and its $_" for qw(connect_time time);
    is $retried{upstream_status}, 200, 'the last one counts';
    is $retried{upstream_addr}, $origin->{address}, 'its address too';
    is $retried{tries}, 2, 'two';
    my ($gone) = grep { $_->{uri} eq '/gone' } @entries;
    is $gone->{upstream_status}, undef, 'no response is null';
    is $gone->{status}, 502, 'with our status';
    is_deeply [@{$entries[0]}{qw(listen scheme protocol tls method host uri route backend site)}],
        [qw(web http HTTP/1.1), '', qw(GET a.test /plain all app test)], 'what was asked';
    is_deeply [@{$entries[4]}{qw(protocol method host uri status why)}, scalar @{$entries[4]{upstream}}], ['', '', '', '', 400, 'bad-request', 0], 'what could not be read is empty';
};

subtest 'redact' => sub {
    my @logs = (combined => 'combined', json => 'json', text => '$request_uri $arg_token $http_authorization $http_cookie $sent_http_location $args',
        none => '$request_uri');
    my $usherd = proxy(origin(answer('x', 'Location: https://b.test/?code=SECRET')), more => join '', map {
        my ($name, $format) = @logs[2 * $_, 2 * $_ + 1];
        "[route $name]\npath = /$name/*\nbackend = app\naccess_log = $name\n[log $name]\npath = %%DIR%%/$name.log\nformat = $format\nredact = "
            . ($name eq 'none' ? 'off' : 'password token access_token authorization cookie code') . "\n"
        } 0 .. 3);
    my $ask = sub {
        request($usherd->port(1), "GET $_[0]?token=SECRET&x=1&Access%5fToken=SECRET HTTP/1.1\r\nHost: a.test\r\nReferer: https://a.test/?password=SECRET\r\n"
            . "Authorization: Basic SECRET\r\nCookie: a=SECRET\r\n$_[1]\r\n");
    };
    $ask->("/$_/a", '') for qw(combined json text none);
    $ask->('/text/a', "Transfer-Encoding: none\r\n");
    $ask->('/none/a', "Transfer-Encoding: none\r\n");
    $usherd->stop;
    my $dir = $usherd->dir;
    unlike slurp("$dir/$_"), qr/SECRET/, "no secret in $_" for qw(combined.log json.log text.log error.log);
    like slurp("$dir/combined.log"), qr{"GET /combined/a\?token=-&x=1&Access%5fToken=- HTTP/1\.1" 200 1 "https://a\.test/\?password=-"}, 'but the rest';
    like slurp("$dir/json.log"), qr{"uri":"/json/a\?token=-&x=1&Access%5fToken=-"}, 'in JSON';
    is slurp("$dir/text.log") =~ s/\n.*//sr, '/text/a?token=-&x=1&Access%5fToken=- - - - https://b.test/?code=- token=-&x=1&Access%5fToken=-', 'and in a text';
    like slurp("$dir/error.log"), qr{client 127\.0\.0\.1: GET /none/a\?token=-&x=1&Access%5fToken=-: \d+ }, 'the error log hides what any of them hides';
    like slurp("$dir/none.log"), qr/token=SECRET/, 'off: nothing is hidden';
};

subtest 'a template' => sub {
    my $usherd = with_log(origin(answer('hello', 'X-Out: out')), "path = %%DIR%%/access.log\nformat = " . join '|',
        qw($remote_addr $scheme $host $request_method $request_uri $uri $args $arg_b $http_x_in $cookie_id $status
        $body_bytes_sent $bytes_received $request_length $request_time $request_id $msec $time_iso8601 $upstream_addr $upstream_status
        $upstream_response_time $upstream_connect_time $upstream_http_x_out $sent_http_x_out $route $backend $host_name $worker $why $tries
        $server_port $server_addr $$ literal));
    my $origin_port;
    my $bytes = "POST /p%20q?a=1&b=2 HTTP/1.1\r\nHost: A.test\r\nX-In: in\r\nCookie: x=y; id=42\r\nContent-Length: 3\r\n\r\nabc";
    my $r = request($usherd->port(1), $bytes);
    $usherd->stop;
    my ($line) = logged($usherd, 1);
    my @got = split /\|/, $line, -1;
    my $port = free_port_at(1);
    my @want = ('127.0.0.1', 'http', qr/^a\.test$/i, 'POST', '/p%20q?a=1&b=2', '/p q', 'a=1&b=2', '2', 'in', '42', '200',
        '5', qr/^\d+$/, length $bytes, qr/^\d+\.\d{3}$/, qr/^[0-9A-Za-z-]{16,}$/, qr/^\d+\.\d{3}$/, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/,
        qr/^127\.0\.0\.1:\d+$/, '200', qr/^\d+\.\d{3}$/, qr/^\d+\.\d{3}$/, 'out', 'out', 'all', 'app', qr/^-?$/, qr/^\d+$/, qr/^-?$/, '1',
        $port, '127.0.0.1', '$', 'literal');
    for my $i (0 .. $#want) {
        ref $want[$i] ? like($got[$i], $want[$i], "field $i") : is($got[$i], $want[$i], "field $i");
    }
};

subtest 'bytes that would forge a line' => sub {
    my $usherd = with_log(origin(), 'path = %%DIR%%/access.log', listen => 'header_names = any');
    my $nasty = join '', map { chr } grep { $_ != 10 && $_ != 13 && $_ != 0 } 1 .. 255;
    for my $bytes ("GET / HTTP/1.1\r\nHost: a.test\r\nUser-Agent: $nasty\r\n\r\n",
        "GET /\" HTTP/1.1\r\nHost: a.test\r\nUser-Agent: x\" 200 5 \"y\r\n\r\n",
        "GET /%0a127.0.0.1%20-%20- HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "G\nT / HTTP/1.1\r\nHost: a.test\r\n\r\n", "GET /\x1b[31m HTTP/1.1\r\nHost: a.test\r\n\r\n") {
        my $c = client($usherd->port(1));
        $c->send($bytes);
        $c->response(method => 'GET', lax => 1);
    }
    $usherd->stop;
    my $text = slurp($usherd->dir . '/access.log');
    unlike $text, qr/[^\x20-\x7e\n]/, 'only printable ASCII is written';
    for (split /\n/, $text) {
        like $_, qr/^127\.0\.0\.1 - - \[[^\]]+\] "[^"]*" \d{3} \d+ "[^"]*" "[^"]*"$/, 'the fields keep their places';
    }
};

subtest 'failed requests say why' => sub {
    my $usherd = with_log('127.0.0.1:' . free_port(), "path = %%DIR%%/access.log\nformat = \$status \$why");
    get($usherd->port(1), '/');
    request($usherd->port(1), "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 99999999\r\n\r\n");
    $usherd->allow_log(qr/\[warn\]/);
    $usherd->stop;
    like $_, qr/^[45]\d\d [a-z0-9-]{3,}$/, "a word: $_" for logged($usherd, 2);
};

subtest 'when the client sees the answer, the line is written or soon will be' => sub {
    my $usherd = with_log(origin(), "path = %%DIR%%/access.log\nbuffer = 64k\nflush = 200ms");
    get($usherd->port(1), "/$_") for 1 .. 100;
    my @lines = logged($usherd, 100);
    is scalar @lines, 100, 'a buffer is flushed in time';
    get($usherd->port(1), '/late');
    $usherd->stop;
    @lines = logged($usherd, 101);
    like $lines[100], qr{/late}, 'and at the end';
};

subtest 'reopening' => sub {
    my $usherd = with_log(origin(), 'path = %%DIR%%/access.log');
    my $dir = $usherd->dir;
    get($usherd->port(1), '/before');
    logged($usherd, 1);
    rename "$dir/access.log", "$dir/old.log";
    rename "$dir/error.log", "$dir/old-error.log";
    $usherd->signal('USR1');
    ok wait_for { -e "$dir/access.log" && -e "$dir/error.log" }, 'new files appear';
    wait_for { get($usherd->port(1), '/after'); slurp("$dir/access.log") =~ /after/ };
    like slurp("$dir/old.log"), qr/before/, 'the old one keeps its lines';
    like slurp("$dir/access.log"), qr/after/, 'the new one gets the next';
    unlike slurp("$dir/access.log"), qr/before/, 'and no other';
    $usherd->stop;
};

subtest 'off, and none' => sub {
    my $usherd = proxy(origin(), more => "[log log]\npath = %%DIR%%/access.log\n[route quiet]\npath = /quiet\naccess_log = off\nbackend = app\n",
        route => 'access_log = log');
    get($usherd->port(1), '/quiet');
    get($usherd->port(1), '/loud');
    $usherd->stop;
    my @lines = logged($usherd, 1);
    is scalar @lines, 1, 'off means off';
    like $lines[0], qr{/loud}, 'for that route';
};

subtest 'a disk that is full' => sub {
    plan skip_all => 'no /dev/full' unless -e '/dev/full';
    my $usherd = with_log(origin(answer('ok')), 'path = /dev/full');
    is get($usherd->port(1), '/')->{body}, 'ok', 'requests are answered all the same' for 1 .. 20;
    ok $usherd->await_log(qr{\[(?:warn|error)\].*(?:/dev/full|No space left)}), 'and the error log says so';
    my $lines = () = $usherd->log_text =~ /No space left/g;
    is $lines, 1, 'once';
    unlike $usherd->log_text, qr/\b0 lines/, '... and of no lines that are lost';
    $usherd->allow_log(qr/No space left|lost|dropped/);
    $usherd->stop;
};

subtest 'a pipe that nobody reads' => sub {
    my $dir = scratch();
    POSIX::mkfifo("$dir/fifo", 0666);
    open my $reader, '+<', "$dir/fifo" or die $!;
    my $usherd = with_log(origin(answer('ok')), "path = $dir/fifo\nbuffer = off");
    my $c = client($usherd->port(1));
    for (1 .. 1500) {
        $c->send("GET /" . 'x' x 200 . " HTTP/1.1\r\nHost: a.test\r\n\r\n");
        my $r = $c->response or last;
        $c = client($usherd->port(1)) if $r->{close};
    }
    is get($usherd->port(1), '/')->{body}, 'ok', 'stalls nobody';
    $usherd->allow_log(qr/\[(?:warn|error)\].*(?:lost|dropped|full|unavailable|fifo)/);
    $usherd->stop;
};

subtest 'syslog over UDP' => sub {
    my $sock = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1', LocalPort => free_port());
    my $usherd = with_log(origin(), 'path = syslog:udp:127.0.0.1:' . $sock->sockport);
    get($usherd->port(1), '/to-syslog');
    my $select = IO::Select->new($sock);
    ok $select->can_read(10), 'a datagram';
    $sock->recv(my $line, 8192);
    like $line, qr/^<\d+>1 \d{4}-\d\d-\d\dT\S+ \S+ usherd \S+ \S+ \S+ .*to-syslog/, 'in RFC 5424 form';
    $usherd->stop;
};

subtest 'the error log' => sub {
    my $usherd = proxy('127.0.0.1:' . free_port(), options => {level => 'debug'});
    get($usherd->port(1), '/');
    $usherd->allow_log(qr/\[warn\]/);
    $usherd->stop;
    my @bad = grep { !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \[(?:debug|info|notice|warn|error)\] \d+: \S/ } split /\n/, $usherd->log_text;
    is_deeply \@bad, [], 'time, level and pid in every line';

    $usherd = proxy('127.0.0.1:' . free_port(), options => {level => 'error'});
    get($usherd->port(1), '/');
    $usherd->stop;
    unlike $usherd->log_text, qr/\[(?:debug|info|notice|warn)\]/, 'log_level leaves out what is below';
};

# The lines of the error log about requests that failed, without their stamps.
sub failures { return map { /\[(?:info|warn)\] \d+: (client .*)/ ? $1 : () } split /\n/, $_[0]->log_text }

subtest 'what clients name in the error log' => sub {
    my $usherd = proxy(origin(), more => "[listen proxied]\nbind = 127.0.0.1:%%PORT2%%\nproxy_protocol = on\ntrusted_proxies = 10.0.0.0/8\n");
    my $long = 'x_' x 1000;
    request($usherd->port(1), "GET / HTTP/1.1\r\nHost: a.test\r\n$long: 1\r\nshort_name: 1\r\n\r\n");
    for ("GET / HTTP/1.1\r\n\r\n", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n") {
        my $c = client($usherd->port(2));
        $c->send($_);
        $c->end;
    }
    $usherd->stop;
    my $shown = 'x_' x 100;
    like $usherd->log_text, qr/: request header \Q$shown\E\.\.\. dropped: /, 'a long name is cut';
    like $usherd->log_text, qr/: request header short_name dropped: /, 'a short one is not';
    like $usherd->log_text, qr/: client 127\.0\.0\.1: closed: no PROXY header\n/, 'who sent no PROXY header';
    like $usherd->log_text, qr/: client 127\.0\.0\.1: closed: a PROXY header from an address /, 'and who may not';
};

subtest 'failed requests in the error log' => sub {
    my $usherd = proxy('127.0.0.1:' . free_port(), listen => 'max_uri = 4k', route => 'retries = 0', backend => 'check = off');
    my $send = sub {
        my $c = client($usherd->port(1));
        $c->send($_[0]);
        $c->shut;
        $c->response(method => 'GET', lax => 1);
    };
    my $long = 'x' x 3000;
    $send->("$_\r\nHost: a.test\r\n\r\n") for ' / HTTP/1.1', "\x16\x03\x01", 'GET', "GET /$long HTTP/1.1", "GET /$long$long HTTP/1.1", $long, "$long / HTTP/1.1";
    $send->('G');
    $send->("GET / HTTP/1.1\r\nHost: " . 'h' x 3000 . "\r\n\r\n");
    $send->("GET http://b.test/abs HTTP/1.1\r\nHost: b.test\r\n\r\n");
    $usherd->allow_log(qr/\[warn\] \d+: client/);
    $usherd->stop;
    my @lines = failures($usherd);
    is scalar @lines, 10, 'a line for each' or diag "@lines";
    my @holes = grep { !/^client 127\.0\.0\.1: (?:-|\S+ \S+): \d{3} [a-z-]+: \S/ } @lines;
    is_deeply \@holes, [], 'what could not be read is a dash';
    is scalar(grep { /^client 127\.0\.0\.1: -: 400 bad-request: / } @lines), 4, 'one for a request that could not be taken apart at all';
    my @long = grep { length > 400 } @lines;
    is_deeply \@long, [], 'no line is long';
    my $shown = 'a.test/' . 'x' x 193;
    is scalar(grep { /^client \S+ GET \Q$shown\E\.\.\.: 502 connect: / } @lines), 1, 'a long URI is cut after 200 bytes, the host among them';
    my $refused = '/' . 'x' x 199;
    is scalar(grep { /^client \S+ GET \Q$refused\E\.\.\.: 414 uri-limit: / } @lines), 1, 'also one that is too long';
    my $method = 'x' x 32;
    is scalar(grep { /^client \S+ \Q$method\E\.\.\. / } @lines), 1, 'a method after 32';
    is scalar(grep { /^client \S+ GET h{200}\.\.\.: / } @lines), 1, 'so is a host';
    is scalar(grep { m{^client \S+ GET http://b\.test/abs: } } @lines), 1, 'a target that names its host has it once';
};

done_testing;
