# A page in a real browser, with a WebSocket, an EventSource and a request of another origin: what the
# page's script reports is what must come through the proxy. Skipped where there is no Chromium.

use strict;
use warnings;
use Digest::SHA 'sha1_base64';
use File::Temp ();
use POSIX ':sys_wait_h';
use Test::More;
use Test::Usherd;

my ($chromium) = grep { -x } map { my $dir = $_; map { "$dir/$_" } qw(chromium chromium-browser google-chrome) } split /:/,
    $ENV{PATH};
plan skip_all => 'no Chromium here: the browser test did not run (install Debian\'s package chromium)' unless $chromium;

my $dir = scratch();
my $SECONDS = 60;    # for what takes two or three, also where all else runs at once

my $PAGE = <<'END';
<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>waiting</title><link rel="stylesheet" href="style.css"></head>
<body><img src="hold" alt=""><pre id="out"></pre><script>
const out = document.getElementById("out"), other = "OTHER";
const say = text => { out.textContent += text + ";\n"; };
const tasks = {
	style: async () => getComputedStyle(document.body).marginLeft,
	script: async () => (await (await fetch("data.json")).json()).answer,
	post: async () => (await fetch("echo", { method: "POST", body: "x".repeat(200000) })).text(),
	socket: () => new Promise((done, fail) => {
		const s = new WebSocket(location.href.replace(/^http/, "ws").replace(/[^/]*$/, "socket"));
		s.onopen = () => s.send("hello");
		s.onmessage = e => { done(e.data); s.close(); };
		s.onerror = () => fail("error");
	}),
	events: () => new Promise((done, fail) => {
		const got = [], s = new EventSource("events");
		s.onmessage = e => { got.push(e.data); if (got.length == 3) { s.close(); done(got.join(",")); } };
		s.onerror = () => fail("error after " + got.length);
	}),
	cors: async () => (await (await fetch(other + "/api/put", { method: "PUT", headers: { "X-Own": "1" },
		credentials: "include" })).text()),
	refused: () => fetch(other + "/closed/x").then(() => "let through", () => "refused"),
};
(async () => {
	for (const name in tasks)
		try { say(name + "=" + await tasks[name]()); } catch (e) { say(name + " failed: " + e); }
	say("done");
	fetch("finished");
})();
</script></body></html>
END

# Both directions of a WebSocket with one short text message.
sub web_socket {
    my ($connection) = @_;
    my $sock = $connection->{sock};
    $connection->until(qr/\A.{6}.{5}/s) =~ /\A\x81\x85(.{4})(.{5})/s or return;
    my $text = $2 ^ substr($1 x 2, 0, 5);
    $connection->send("\x81" . chr(6 + length $text) . "echo: $text");
    eval { $connection->until(qr/\A\x88/) };
    return;
}

sub serve {
    my ($request, $connection) = @_;
    my ($path) = $request->{target} =~ m{^/([a-z.]*)};
    return answer($PAGE, 'Content-Type: text/html') if $path eq '';
    return answer('body { margin-left: 17px }', 'Content-Type: text/css') if $path eq 'style.css';
    return answer('{"answer":42}', 'Content-Type: application/json') if $path eq 'data.json';
    return answer(length $request->{body}) if $path eq 'echo';
    return answer("$request->{method} " . (field($request, 'x-own') // '')) if $path eq 'put';
    return "HTTP/1.1 204 No Content\r\n\r\n" if $path eq 'favicon.ico';
    # The browser shows the page when all of it is loaded: this picture waits for the script.
    return spew("$dir/finished", '') && answer('') if $path eq 'finished';
    if ($path eq 'hold') {
        wait_for { -e "$dir/finished" } $SECONDS / 2;
        return answer('', 'Content-Type: image/png');
    }
    if ($path eq 'events') {
        $connection->send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n\r\n");
        $connection->send("data: $_\n\n: ping\n\n"), select undef, undef, undef, 0.05 for 1 .. 3;
        eval { $connection->fill while 1 };
        die "end\n";
    }
    if ($path eq 'socket') {
        my $accept = sha1_base64(field($request, 'sec-websocket-key') . '258EAFA5-E914-47DA-95CA-C5AB0DC85B11') . '=';
        $connection->send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: $accept\r\n\r\n");
        web_socket($connection);
        die "end\n";
    }
    return "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
}

# The page after its script has run: the text that the script has written.
sub browse {
    my ($url) = @_;
    my $home = File::Temp->newdir('usherd-browser-XXXXXX', TMPDIR => 1);
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        setpgrp;
        open STDIN,  '<', '/dev/null'   or POSIX::_exit(126);
        open STDOUT, '>', "$home/dom"   or POSIX::_exit(126);
        open STDERR, '>', "$home/error" or POSIX::_exit(126);
        $ENV{HOME} = "$home";
        exec {$chromium} $chromium, qw(--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run
            --disable-background-networking --disable-component-update --disable-sync --no-proxy-server
            --dump-dom), "--user-data-dir=$home/profile",
            '--host-resolver-rules=MAP *.test 127.0.0.1', $url
            or POSIX::_exit(127);
    }
    my $ended = wait_for { waitpid($pid, WNOHANG) == $pid } $SECONDS;
    kill KILL => -$pid;
    waitpid $pid, 0 unless $ended;
    my $text = slurp("$home/dom") // '';
    diag('no answer from the browser: ', substr slurp("$home/error") // '', -2000) unless $text =~ /done;/;
    return $text;
}

my $port = free_port_at(1);
$PAGE =~ s{OTHER}{http://other.test:$port};
my $origin = origin(\&serve);
my $usherd = usherd(<<"END" =~ s/OTHERPORT/$port/gr);
[global]
workers = 1
[listen web]
bind = 127.0.0.1:%%PORT1%%
[headers safe]
preset = security
[route api]
path = /api/*
strip_prefix = /api
cors = http://page.test:OTHERPORT
backend = app
headers = safe
[route app]
path = /app/*
strip_prefix = /app
backend = app
headers = safe
response_buffering = on
[route rest]
path = /*
strip_prefix = /closed
backend = app
[backend app]
server = $origin->{address}
END
my $dom = browse("http://page.test:$port/app/");
my %want = (
    style  => '17px',
    script => 42,
    post   => 200_000,
    socket => 'echo: hello',
    events => '1,2,3',
    cors   => 'PUT 1',
    refused => 'refused',
);
like $dom, qr/^(?:.*>)?$_=\Q$want{$_}\E;$/m, "$_: $want{$_}" for sort keys %want;
like $dom, qr/^done;/m, 'the script ran to its end';
diag($dom) unless $dom =~ /done;/;
$usherd->stop;

done_testing;
