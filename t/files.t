# Static files: what is found, what is never found, and what happens when files change or are missing.

use strict;
use warnings;
use IO::Select;
use IO::Socket::UNIX;
use Errno ();
use IO::Uncompress::Gunzip ();
use POSIX qw(mkfifo);
use Test::More;
use Test::Certs 'certs';
use Test::Usherd;
use Time::HiRes qw(time);

my $dir  = scratch();
my $root = "$dir/www";
my $old  = time - 3600;
my $pki  = certs();
my $cert = $pki->leaf(site => names => ['a.test']);
my $is_root = $> == 0;

# Makes a file whose tag is settled.
sub file {
    my ($path, @text) = @_;
    spew("$root/$path", @text);
    utime $old, $old, "$root/$path";
    return;
}

sub gunzip {
    my ($bytes) = @_;
    my $text = '';
    IO::Uncompress::Gunzip::gunzip(\$bytes => \$text);
    return $text;
}

mkdir $_ or die "$_: $!" for $root, map { "$root/$_" }
    'd ir', qw(docs empty list .git a a/b .well-known two spa spa/known);
mkdir "$dir/outside";
spew("$dir/outside/secret.txt", 'secret');
spew("$dir/wwwsecret.txt", 'secret');
file('index.html', 'the index');
file('docs/index.html', 'docs');
file('two/second.html', 'second');
file('.hidden', 'hidden');
file('.git/config', 'hidden');
file('.well-known/security.txt', 'well known');
file('a/b/deep.txt', 'deep');
file('a/b/.dot', 'hidden');
file('a b.txt', 'blank');
file('100%.txt', 'percent');
file('%41.txt', 'percent again');
file("gr\xc3\xbc\xc3\x9fe.txt", 'utf-8');
file("latin\xe4.txt", 'latin');
file('question?.txt', 'question');
file('back\\slash.txt', 'backslash');
file('zero.bin', '');
file('page.HTML', 'upper');
file('noending', 'x');
file('script.mjs', 'x');
file('tail.', 'x');
file('denied.txt', 'x');
file('spa/index.html', 'app');
file('spa/real.txt', 'real');
file('spa/page.html', 'page');
file('spa/known/index.html', 'known');
chmod 0, "$root/denied.txt";
symlink 'a/b/deep.txt', "$root/inside.txt";
symlink '../docs/index.html', "$root/a/up.txt";
symlink '../outside/secret.txt', "$root/outside.txt";
symlink "$dir/outside/secret.txt", "$root/absolute.txt";
symlink '../outside', "$root/outdir";
symlink '/proc/self/root', "$root/magic";
symlink 'loop.txt', "$root/loop.txt";
symlink 'nowhere', "$root/dangling.txt";
mkfifo("$root/fifo", 0666) or die $!;
my $socket = IO::Socket::UNIX->new(Local => "$root/socket", Listen => 1) or die $!;
system 'mknod', "$root/device", qw(c 1 5) if $is_root;    # reads as endless zeroes
my $bytes = join '', map { chr(65 + $_ % 26) } 0 .. 99_999;
file('100k.bin', $bytes);
file('1m.bin', $bytes x 10);

sub config {
    my (%more) = @_;
    $more{$_} //= '' for qw(global routes);
    my $user = $is_root && $more{user} ? "user = nobody\n" : '';
    return <<"END";
[global]
workers = 1
$user$more{global}
[listen web]
bind = 127.0.0.1:%%PORT1%%
[listen tls]
bind = 127.0.0.1:%%PORT2%%
tls = on
certificate = $cert->{pair}
$more{routes}
[log files]
path = %%DIR%%/access.log
format = \$status \$why \$uri
[route all]
path = /*
files = $root
access_log = files
END
}

my $usherd = usherd(config(user => 1, routes => <<"END"));
[route list]
path = /list/*
files = $root
autoindex = on
access_log = files
[route small]
path = /small/*
files = $root
strip_prefix = /small
autoindex = on
compress = gzip
[route long]
path = /long/*
files = $root
rewrite = ^ /list/sub/
autoindex = on
[route stripped]
path = /static/*
files = $root
strip_prefix = /static
index = index.html second.html
[route rewritten]
path = /old/*
files = $root
rewrite = ^/old/(.*)\$ /a/b/\$1.txt
[route named]
path_regex = ^/named/(?<what>\\w+)\$
files = $root
try_files = /\$what.txt
[route spa]
path = /app/*
files = $root/spa
strip_prefix = /app
try_files = \$uri \$uri.html \$uri/ /index.html
[route picky]
path = /picky/*
files = $root/spa
strip_prefix = /picky
try_files = /\$arg_f.txt \$uri =410
[route cached]
path = /cached/*
files = $root
strip_prefix = /cached
expires = 1h
[route never]
path = /never/*
files = $root
strip_prefix = /never
expires = no-cache
END
my $port = $usherd->port(1);

# target, status, body or Location (undef: not looked at), type
my @paths = (
    ['/', 200, 'the index', 'text/html; charset=utf-8'],
    ['/index.html', 200, 'the index'],
    ['/?query', 200, 'the index'],
    ['/index.html?a=/../x', 200, 'the index'],
    ['//index.html', 200, 'the index'],
    ['/docs', 301, '/docs/'],
    ['/docs?a=b&c', 301, '/docs/?a=b&c'],
    ['//docs', 301, '/docs/'],
    ['/./docs', 301, '/docs/'],
    ['/d%20ir', 301, '/d%20ir/'],
    ['/%64ocs', 301, '/docs/'],
    ['/docs%0d%0aX-Evil:y', 404],
    ['/docs/', 200, 'docs'],
    ['/docs//', 200, 'docs'],
    ['/docs/index.html', 200, 'docs'],
    ['/docs/index.html/', 404],
    ['/docs/index.html/x', 404],
    ['/docs/nothing', 404],
    ['/empty', 301, '/empty/'],
    ['/empty/', 403],
    ['/nothing', 404],
    ['/nothing/', 404],
    ['/a/b/deep.txt', 200, 'deep', 'text/plain; charset=utf-8'],
    ['/a/./b/../b/deep.txt', 200, 'deep'],
    ['/a%2fb/deep.txt', 404],
    ['/a%5cb%5cdeep.txt', 404],
    ['/back%5cslash.txt', 404],
    ['/a%20b.txt', 200, 'blank'],
    ['/100%25.txt', 200, 'percent'],
    ['/%2541.txt', 200, 'percent again'],
    ['/%41.txt', 404],
    ['/gr%c3%bc%c3%9fe.txt', 200, 'utf-8'],
    ['/latin%E4.txt', 200, 'latin'],
    ['/question%3F.txt', 200, 'question'],
    ['/question?.txt', 404],
    ['/zero.bin', 200, '', 'application/octet-stream'],
    ['/page.HTML', 200, 'upper', 'text/html; charset=utf-8'],
    ['/noending', 200, 'x', 'application/octet-stream'],
    ['/tail.', 200, 'x', 'application/octet-stream'],
    ['/script.mjs', 200, 'x', qr{^text/javascript}],
    ['/.hidden', 404],
    ['/%2ehidden', 404],
    ['/.git', 404],
    ['/.git/', 404],
    ['/.git/config', 404],
    ['/a/b/.dot', 404],
    ['/a/.well-known/x', 404],
    ['/...', 404],
    ['/.well-known/security.txt', 200, 'well known'],
    ['/inside.txt', 200, 'deep'],
    ['/a/up.txt', 200, 'docs'],
    ['/outside.txt', 404],
    ['/absolute.txt', 404],
    ['/outdir/', 404],
    ['/outdir/secret.txt', 404],
    ['/magic/etc/passwd', 404],
    ['/loop.txt', 404],
    ['/dangling.txt', 404],
    ['/fifo', 404],
    ['/fifo/', 404],
    ['/socket', 404],
    ['/device', 404],
    ['/../wwwsecret.txt', 400],
    ['/..%2fwwwsecret.txt', 404],
    ['/%2e%2e/wwwsecret.txt', 400],
    ['/%2e%2e%2fwwwsecret.txt', 404],
    ['/.%2e/wwwsecret.txt', 400],
    ['/..%5cwwwsecret.txt', 404],
    ['/%252e%252e/wwwsecret.txt', 404],
    ['/%252e%252e%252fwwwsecret.txt', 404],
    ['/a/../../wwwsecret.txt', 400],
    ['/a/b/..%2f..%2f..%2fwwwsecret.txt', 404],
    ['/%c0%ae%c0%ae/wwwsecret.txt', 404],
    ['/%c0%ae%c0%ae%c0%afwwwsecret.txt', 404],
    ['/%e0%80%ae%e0%80%ae/wwwsecret.txt', 404],
    ['/%uff0e%uff0e/wwwsecret.txt', 400],
    ['/..;/wwwsecret.txt', 404],
    ['/index.html%00', 400],
    ['/index.html%00.txt', 400],
    ['/%00', 400],
    ['/index.html%20', 404],
    ['/index.html%0a', 404],
    ['/' . 'x' x 255, 404],
    ['/' . 'x' x 256, 404],
    ['/' . 'x/' x 3000, 404],
    ['/static/index.html', 200, 'the index'],
    ['/static', 200, 'the index'],
    ['/static/', 200, 'the index'],
    ['/static/docs', 301, '/static/docs/'],
    ['/static/two/', 200, 'second'],
    ['/static/.hidden', 404],
    ['/static/%2e%2e/index.html', 200, 'the index'],
    ['/static/..%2f..%2fwwwsecret.txt', 400],
    ['/old/deep', 200, 'deep'],
    ['/named/inside', 200, 'deep'],
    ['/named/nothing', 404],
    ['/old/..%2f..%2fdeep', 400],
    ['/app/', 200, 'app'],
    ['/app/real.txt', 200, 'real'],
    ['/app/page', 200, 'page', 'text/html; charset=utf-8'],
    ['/app/some/where', 200, 'app'],
    ['/app/some/where/', 200, 'app'],
    ['/app/known', 301, '/app/known/'],
    ['/app/known/', 200, 'known'],
    ['/app/.env', 200, 'app'],
    ['/app/..%2f..%2fwwwsecret.txt', 400],
    ['/picky/nothing', 410],
    ['/picky/real.txt', 200, 'real'],
    ['/picky/x?f=real', 200, 'real'],
    ['/picky/x?f=../../wwwsecret', 410],
    ['/picky/x?f=%2e%2e%2fwwwsecret', 410],
    ['/picky/x?f=..%2f..%2f..%2f..%2fetc%2fpasswd', 410],
    ['/picky/x?f=/etc/passwd', 410],
    ['/list/', 200],
    ['/list', 301, '/list/'],
);

subtest 'paths' => sub {
    for my $row (@paths) {
        my ($target, $status, $text, $type) = @$row;
        my $name = length $target > 60 ? substr($target, 0, 57) . '...' : $target;
        my $r = get($port, $target);
        is $r->{status}, $status, "$name: $status";
        is field($r, 'location'), $text, "$name: Location" if $status == 301;
        is $r->{body}, $text, "$name: body" if $status == 200 && defined $text;
        like field($r, 'content-type'), ref $type ? $type : qr/\A\Q$type\E\z/, "$name: type" if $type;
        unlike $r->{body}, qr/secret/, "$name: nothing from outside";
    }
};

SKIP: {
    skip 'rights are tested by root', 5 unless $is_root;
    is get($port, '/denied.txt')->{status}, 403, 'a file that the worker may not read';
    mkdir "$root/closed";
    file('closed/index.html', 'closed');
    chmod 0711, "$root/closed";
    is get($port, '/closed')->{status}, 301, 'a directory that the worker may only pass';
    is get($port, '/closed/')->{body}, 'closed', 'and its index';
    chmod 0700, "$root/closed";
    is get($port, '/closed/')->{status}, 403, 'one that it may not pass';
    is get($port, '/closed/index.html')->{status}, 403, 'and what is in it';
    chmod 0755, "$root/closed";
}

subtest 'methods' => sub {
    for my $method (qw(POST PUT DELETE PATCH OPTIONS PROPFIND)) {
        my $r = request($port, "$method /index.html HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n");
        is $r->{status}, 405, $method;
        is field($r, 'allow'), 'GET, HEAD', "$method: Allow";
    }
    my $get  = get($port, '/1m.bin');
    my $head = request($port, "HEAD /1m.bin HTTP/1.1\r\nHost: a.test\r\n\r\n");
    is $head->{status}, 200, 'HEAD';
    is $head->{body}, '', 'without a body';
    is field($head, $_), field($get, $_), "the same $_"
        for qw(content-length content-type etag last-modified accept-ranges);
};

subtest 'caching' => sub {
    my $r = get($port, '/cached/index.html');
    is field($r, 'cache-control'), 'max-age=3600', 'max-age';
    like field($r, 'expires'), qr/^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/, 'Expires';
    is field($r, 'vary'), undef, 'no Vary';
    my $again = get($port, '/cached/index.html', 'If-None-Match: ' . field($r, 'etag'));
    is $again->{status}, 304, 'unchanged';
    is field($again, 'cache-control'), 'max-age=3600', 'max-age with 304';
    is field($again, 'content-length'), undef, 'no length with 304';
    is field(get($port, '/never/index.html'), 'cache-control'), 'no-cache', 'no-cache';
    is field(get($port, '/index.html'), 'cache-control'), undef, 'nothing without expires';
    is field(get($port, '/cached/nothing'), 'cache-control'), undef, 'nothing for an error';
};

subtest 'a tag is weak while the file may change unseen' => sub {
    spew("$root/fresh.txt", 'fresh');
    utime $old, $old, "$root/fresh.txt";
    like field(get($port, '/fresh.txt'), 'etag'), qr{^"[0-9a-f]+-5"$}, 'long ago';
    utime time + 86400, time + 86400, "$root/fresh.txt";    # later than just now
    my $r = get($port, '/fresh.txt');
    like field($r, 'etag'), qr{^W/"[0-9a-f]+-5"$}, 'just written';
    is field($r, 'last-modified'), field($r, 'date'), 'never in the future';
};

subtest 'a list' => sub {
    mkdir "$root/list/sub";
    symlink '../docs', "$root/list/linked";
    symlink '../../outside', "$root/list/away";
    symlink 'nowhere', "$root/list/gone";
    mkfifo("$root/list/pipe", 0666);
    file("list/$_", 'x' x 2048) for 'b.txt', 'a "q" <b>&lt;.txt', 'c:d.txt', '.no', "e\nf", '50%.txt';
    my $body = get($port, '/list/')->{body};
    like $body, qr{<title>Index of /list/</title>}, 'title';
    my @links = $body =~ m{href="([^"]*)"}g;
    is_deeply \@links, ['../', './linked/', './sub/', './50%25.txt',
        './a%20%22q%22%20%3Cb%3E&#38;lt;.txt', './b.txt', './c:d.txt', './e%0Af'], 'links, sorted'
        or diag explain \@links;
    unlike $body, qr/<b>&lt;/, 'names are escaped';
    like $body, qr{2\.0 KiB}, 'sizes';
    like $body, qr{\d{4}-\d\d-\d\d \d\d:\d\d}, 'dates';
    (my $link = $links[4]) =~ s/&#38;/&/g;
    is get($port, '/list/' . substr $link, 2)->{status}, 200, 'a link leads to its file';
    is get($port, '/list/sub')->{status}, 301, 'and on to a directory';
    like get($port, '/list/sub/')->{body}, qr{Index of /list/sub/}, 'which has a list too';
    is request($port, "HEAD /list/ HTTP/1.1\r\nHost: a.test\r\n\r\n")->{body}, '', 'HEAD of a list';

    # Each byte of the path is five of the page, twice.
    file('list/sub/inner', 'x');
    my $long = '/long/' . '&' x 6000;
    my $r = get($port, $long);
    is $r->{status}, 200, 'a path that fills a piece of the page alone';
    is_deeply [$r->{body} =~ m{(<title>|href="\./\w+|</html>)}g], ['<title>', 'href="./inner', '</html>'],
        'it begins and ends once';
};

subtest 'many entries' => sub {
    mkdir "$root/list/many";
    for my $n (1 .. 10_100) {
        open my $f, '>', sprintf '%s/list/many/f%05d', $root, $n or die $!;
    }
    my $r = get($port, '/list/many/');
    my @names = $r->{body} =~ m{href="\./([^"]*)"}g;
    is scalar @names, 10_000, 'a page is bounded';
    like $r->{body}, qr{</table>\n<p>There is more: this page ends after 10000 entries\.</p>\n</html>\n\z}, 'and says so';
    is_deeply \@names, [sort @names], 'sorted';
    is $r->{how}, 'chunked', 'its length is not known before';
    is request($port, "HEAD /list/many/ HTTP/1.1\r\nHost: a.test\r\n\r\n")->{status}, 200, 'HEAD';
    my $old_client = request($port, "GET /list/many/ HTTP/1.0\r\nHost: a.test\r\n\r\n");
    is $old_client->{how}, 'close', 'HTTP/1.0: until the end';
    ok $old_client->{body} eq $r->{body}, 'the same';
    my $small = get($port, '/small/list/many/', 'Accept-Encoding: gzip');
    is field($small, 'content-encoding'), 'gzip', 'compressed';
    ok gunzip($small->{body}) eq $r->{body} =~ s{/list/many/}{/small/list/many/}gr, 'and the same';
    is get($port, '/list/')->{how}, 'cl', 'a small directory has a length';
};

# The last files in the order of the directory go, so that hidden ones are behind those that stay.
subtest 'as many entries as there may be' => sub {
    my $dir = "$root/list/full";
    mkdir $dir;
    my $make = sub {
        for my $name (@_) {
            open my $f, '>', "$dir/$name" or die $!;
        }
    };
    $make->((map { ".a$_" } 1 .. 250), (map { "f$_" } 1 .. 10_500), (map { ".z$_" } 1 .. 250));
    opendir my $entries, $dir or die $!;
    my @files = grep { /^f/ } readdir $entries;
    unlink map { "$dir/$_" } @files[10_000 .. $#files];
    my $body = get($port, '/list/full/')->{body};
    is scalar(() = $body =~ m{href="\./}g), 10_000, 'all are there';
    unlike $body, qr/There is more/, 'hidden files are not more';
    $make->('g');
    $body = get($port, '/list/full/')->{body};
    is scalar(() = $body =~ m{href="\./}g), 10_000, 'one file too many';
    like $body, qr/There is more/, 'is';
};

subtest 'others have their turn' => sub {
    my ($worker) = $usherd->workers;
    my $log   = sub { return slurp($usherd->dir . '/access.log') // '' };
    my @both  = map { client($port) } 1 .. 2;
    is $_->send("GET /script.mjs HTTP/1.1\r\nHost: a.test\r\n\r\n")->response->{status}, 200, 'connected' for @both;
    ok wait_for { $log->() =~ m{/script\.mjs\n.*/script\.mjs\n\z} }, 'all until here is logged';
    my $first = length $log->();
    # Both are there when it wakes up, the list first.
    $usherd->freeze($worker);
    $both[0]->send("GET /list/many/ HTTP/1.1\r\nHost: a.test\r\n\r\n");
    $both[1]->send("GET /zero.bin HTTP/1.1\r\nHost: a.test\r\n\r\n");
    kill CONT => $worker;
    is $both[1]->response->{status}, 200, 'a file';
    is $both[0]->response->{status}, 200, 'a list';
    my $lines;
    ok wait_for { $lines = substr $log->(), $first; $lines =~ m{/zero\.bin} && $lines =~ m{/list/many/} }, 'both are logged';
    like $lines, qr{/zero\.bin\n.*/list/many/\n}s, 'the file did not wait for the list';
    $_->close for @both;
};

subtest 'a directory that changes while it is read' => sub {
    my $pid = fork // die $!;
    if (!$pid) {
        my $end = time + 20;
        for (my $n = 1; time < $end && getppid != 1; $n++) {
            my $name = sprintf '%s/list/many/f%05d', $root, 1 + $n * 7 % 10_100;
            -e $name ? unlink $name : spew($name, '');
        }
        POSIX::_exit(0);
    }
    for my $n (1 .. 5) {
        my $r = get($port, '/list/many/');
        is $r->{status}, 200, "a list, $n";
        like $r->{body}, qr{</html>\n\z}, 'to its end';
    }
    kill KILL => $pid;
    waitpid $pid, 0;
};

subtest 'clients that leave a list' => sub {
    my ($worker) = $usherd->workers;
    for my $n (1 .. 12) {
        my $c = client($port, rcvbuf => 4096);
        $c->send("GET /list/many/ HTTP/1.1\r\nHost: a.test\r\n\r\n" . ($n % 3 ? '' : "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"));
        $c->read_until(qr/\r\n\r\n/) if $n % 2;
        $n % 4 > 1 ? $c->reset : $c->close;
    }
    ok wait_for { !grep { (readlink($_) // '') =~ m{/list/many\z} } glob "/proc/$worker/fd/*" }, 'no directory stays open';
    is get($port, '/index.html')->{body}, 'the index', 'the worker is well';
    my $c = client($port, rcvbuf => 65536);
    $c->send("GET /list/many/ HTTP/1.1\r\nHost: a.test\r\n\r\n");
    ok(IO::Select->new($c->{sock})->can_read(30), 'one that reads later');
    is get($port, '/index.html')->{body}, 'the index', 'keeps nobody waiting';
    like $c->response->{body}, qr{</html>\n\z}, 'and gets all of it';
    $c->close;
};

subtest 'memory of lists' => sub {
    my ($worker) = $usherd->workers;
    my $memory = sub { (slurp("/proc/$worker/status") // '') =~ /^VmHWM:\s+(\d+) kB/m; return $1 };
    my $log    = sub { scalar(() = (slurp($usherd->dir . '/access.log') // '') =~ m{ /list/longest/$}mg) };
    my $asked  = 0;
    my $ask = sub {
        my $c = client($port, rcvbuf => $_[0] // 4096);
        $c->send("GET /list/longest/ HTTP/1.0\r\nHost: a.test\r\n\r\n");
        $asked++;
        return $c;
    };
    # Only the head is taken: its status.
    my $status = sub { my ($c) = @_; return $c->read_until(qr/\r\n\r\n/) =~ m{^HTTP/1\.\d (\d+)} ? $1 : 'none' };
    # Those that got a list and do not read it, when there is no more.
    my $fill = sub {
        my @held;
        while (@held < 60) {
            my $c = $ask->();
            last if $status->($c) ne '200';
            push @held, $c;
        }
        return @held;
    };

    mkdir "$root/list/longest";
    # 1.4 MB, and 13 MB of a page: more than sockets take.
    for my $n (1 .. 5000) {
        open my $f, '>', sprintf '%s/list/longest/%s%04d', $root, '&' x 246, $n or die $!;
    }
    my $before = $memory->();
    my $reader = $ask->(65536);
    is $status->($reader), 200, 'one that reads later';
    my @held = $fill->();
    cmp_ok scalar(@held), '>', 15, 'as many as there is room for';
    cmp_ok scalar(@held), '<', 30, 'and no more';
    is scalar(grep { (readlink($_) // '') =~ m{/list/longest\z} } glob "/proc/$worker/fd/*"), 0, 'none keeps the directory open';
    my %seen;
    $seen{get($port, '/list/longest/')->{status}}++ for 1 .. 60;
    $asked += 60;
    is_deeply \%seen, {503 => 60}, 'the others are refused';
    my $r = get($port, '/list/longest/');
    $asked++;
    cmp_ok field($r, 'retry-after'), '>', 0, 'and may come back';
    ok wait_for { (slurp($usherd->dir . '/access.log') // '') =~ m{^503 lists-full /list/longest/$}m }, 'the log says why';
    $usherd->expect_log(qr{503 lists-full: .*lists of directories take 32 MB already});
    is get($port, '/index.html')->{body}, 'the index', 'files are sent';
    like get($port, '/list/')->{body}, qr{href="\./sub/"}, 'small directories are listed';
    is $reader->end(60), 'closed', 'who reads on';
    like $reader->rest, qr{</html>\n\z}, 'gets all of it';
    $reader->close;
    my $n = @held;
    $n-- % 2 ? $_->close : $_->reset for @held;
    ok wait_for { $log->() == $asked }, 'all are over';

    # While they are read, and at once.
    $usherd->freeze($worker);
    my @burst = map { $ask->() } 1 .. 60;
    kill CONT => $worker;
    %seen = ();
    $seen{$status->($_)}++ for @burst;
    is_deeply [sort keys %seen], [200, 503], 'some of many at once' or diag explain \%seen;
    $_->reset for @burst;
    ok wait_for { $log->() == $asked }, 'they are over';
    my @again = $fill->();
    is scalar(@again), @held + 1, 'as many as before';
    cmp_ok $memory->() - $before, '<', 60_000, 'memory is bounded' if !sanitized();
    $_->close for @again;
};

subtest 'big files' => sub {
    my $want = $bytes x 10;
    for my $where (1, 2) {
        # Where there is a disk, it has to be asked first.
        system split(' ', "dd of=$root/$_ oflag=nocache conv=notrunc,fdatasync count=0 status=none")
            for qw(1m.bin 100k.bin index.html);
        my %tls = $where == 2 ? (tls => {SSL_hostname => 'a.test'}) : ();
        my $name = $where == 2 ? 'TLS' : 'plain';
        my $c = client($usherd->port($where), %tls);
        my $get = sub { "GET $_[0] HTTP/1.1\r\nHost: a.test\r\n\r\n" };
        $c->send($get->('/1m.bin') . $get->('/zero.bin') . $get->('/100k.bin') . $get->('/index.html')
            . $get->('/nothing') . $get->('/1m.bin'));
        ok $c->response->{body} eq $want, "$name: a megabyte";
        is $c->response->{body}, '', "$name: nothing";
        ok $c->response->{body} eq $bytes, "$name: 100 KB";
        is $c->response->{body}, 'the index', "$name: a page";
        is $c->response->{status}, 404, "$name: a file that is not there";
        ok $c->response->{body} eq $want, "$name: a megabyte again";
        $c->close;
    }
};

subtest 'a slow client' => sub {
    my $n = 24 << 20;
    open my $f, '>', "$root/slow.bin" or die $!;
    print {$f} pack('N', $_) x 256 for 1 .. $n / 1024;
    close $f;
    my @clients = map { client($port, rcvbuf => 16384) } 1 .. 3;
    $_->send("GET /slow.bin HTTP/1.1\r\nHost: a.test\r\n\r\n") for @clients;
    ok $_->read_until(qr/\r\n\r\n/), 'head' for @clients;
    is get($port, '/index.html')->{body}, 'the index', 'others are served meanwhile';
    my $want = slurp("$root/slow.bin");
    my @got  = ('') x @clients;
    for my $step (1 .. $n >> 20) {
        $got[$_] .= $clients[$_]->take(1 << 20) // '' for 0 .. $#clients;
    }
    ok $_ eq $want, 'all of it' for @got;
    $_->close for @clients;
    unlink "$root/slow.bin";
};

subtest 'files that change while they are sent' => sub {
    for my $where (1, 2) {
        my %tls = $where == 2 ? (tls => {SSL_hostname => 'a.test'}) : ();
        my $name = $where == 2 ? 'TLS' : 'plain';
        my $n = 64 << 20;
        spew("$root/change.bin", '');
        truncate "$root/change.bin", $n;
        my $c = client($usherd->port($where), rcvbuf => 16384, %tls);
        $c->send("GET /change.bin HTTP/1.1\r\nHost: a.test\r\n\r\n");
        ok $c->read_until(qr/Content-Length: $n(?=\r\n)/) && $c->read_until(qr/\r\n\r\n/), "$name: the length is told";
        truncate "$root/change.bin", 1000;
        isnt $c->end, 'open', "$name: the connection ends";
        cmp_ok length $c->rest, '<', $n, "$name: with less than was told";
        $c->close;

        truncate "$root/change.bin", $n;
        $c = client($usherd->port($where), rcvbuf => 16384, %tls);
        $c->send("GET /change.bin HTTP/1.1\r\nHost: a.test\r\n\r\n");
        $c->read_until(qr/\r\n\r\n/);
        truncate "$root/change.bin", $n + 1000;
        is length $c->take($n), $n, "$name: a file that grows gives what was told";
        $c->send("GET /index.html HTTP/1.1\r\nHost: a.test\r\n\r\n");
        is $c->response->{body}, 'the index', "$name: and no more";
        $c->close;
        unlink "$root/change.bin";
    }
    $usherd->allow_log(qr/a file became shorter while it was sent/);
    ok wait_for { 2 == (() = (slurp($usherd->dir . '/access.log') // '') =~ m{^200 file-shrank /change}mg) },
        'the access log says why';
};

subtest 'a link that moves in and out' => sub {
    my $pid = fork // die $!;
    if (!$pid) {
        my $end = time + 20;
        while (time < $end && getppid != 1) {
            symlink '../outside/secret.txt', "$root/swap.new";
            rename "$root/swap.new", "$root/swap.txt";
            symlink 'index.html', "$root/swap.new";
            rename "$root/swap.new", "$root/swap.txt";
        }
        POSIX::_exit(0);
    }
    ok wait_for { -l "$root/swap.txt" }, 'it moves';
    my $c = client($port);
    my (%seen, $text);
    for (1 .. 2000) {
        $c->send("GET /swap.txt HTTP/1.1\r\nHost: a.test\r\n\r\n");
        my $r = $c->response // last;
        $seen{$r->{status}}++;
        $text = $r->{body} if $r->{body} =~ /secret/;
        $c = client($port) if $seen{200} && $c->{state} ne 'open';
        if (($_ % 900) == 0) { $c->close; $c = client($port); }
    }
    kill KILL => $pid;
    waitpid $pid, 0;
    is $text, undef, 'never shows what is outside';
    ok $seen{200} && $seen{404}, 'both were seen' or diag explain \%seen;
};

subtest 'directories moved in and out of the root' => sub {
    mkdir "$dir/stage";
    mkdir "$root/moving";
    mkdir "$root/moving/sub";
    symlink '../../docs/index.html', "$root/moving/sub/up.txt";
    my $pid = fork // die $!;
    if (!$pid) {
        my $end = time + 20;
        while (time < $end && getppid != 1) {
            rename "$root/moving/sub", "$dir/stage/sub";
            rename "$dir/stage/sub", "$root/moving/sub";
        }
        POSIX::_exit(0);
    }
    my $c = client($port);
    my (%seen, $bad);
    for (1 .. 500) {
        $c->send("GET /moving/sub/up.txt HTTP/1.1\r\nHost: a.test\r\n\r\n");
        my $r = $c->response // last;
        $seen{$r->{status}}++;
        $bad = $r->{status} unless $r->{status} =~ /^(?:200|404|503)$/;
    }
    kill KILL => $pid;
    waitpid $pid, 0;
    is $bad, undef, 'found or not, and nothing else';
    $usherd->allow_log(qr/renamed all the time/);
};

subtest 'the root is a link that moves' => sub {
    symlink 'www', "$dir/current";
    mkdir "$dir/next";
    spew("$dir/next/index.html", 'next');
    my $u = usherd(<<"END");
[global]
workers = 1
[listen web]
bind = 127.0.0.1:%%PORT3%%
[route all]
path = /*
files = $dir/current
END
    is get($u->port(3), '/')->{body}, 'the index', 'before';
    symlink 'next', "$dir/current.new";
    rename "$dir/current.new", "$dir/current";
    ok wait_for { get($u->port(3), '/')->{body} eq 'next' }, 'after';
    unlink "$dir/current";
    is get($u->port(3), '/')->{body}, 'next', 'a link that is gone changes nothing';
    $u->stop;
};

$usherd->stop;

# As who started it, so that its limits and descriptors are ours to touch.
my $own = usherd(config());

SKIP: {
    my $prlimit = (grep { -x } map { "$_/prlimit" } split /:/, $ENV{PATH})[0];
    skip 'prlimit is not there', 1 unless $prlimit;
    subtest 'no descriptors left' => sub {
        my ($worker) = $own->workers;
        my $c = client($own->port(1));
        my $get = "GET /index.html HTTP/1.1\r\nHost: a.test\r\n\r\n";
        is $c->send($get)->response->{status}, 200, 'before';
        wait_for { !grep { (readlink($_) // '') =~ m{/index\.html$} } glob "/proc/$worker/fd/*" };
        my $open = () = glob "/proc/$worker/fd/*";
        my ($first_free) = grep { !-l "/proc/$worker/fd/$_" } 0 .. 4096;
        system $prlimit, "--pid=$worker", "--nofile=$first_free:";
        is $c->send($get)->response->{status}, 503, 'none left';
        is $c->send($get)->response->{status}, 503, 'and again';
        system $prlimit, "--pid=$worker", '--nofile=1024:';
        is $c->send($get)->response->{status}, 200, 'after';
        $own->expect_log(qr/503 no-descriptors/);
        cmp_ok scalar(() = glob "/proc/$worker/fd/*"), '<=', $open, 'none was lost';
    };
}

subtest 'no descriptor stays open' => sub {
    my ($worker) = $own->workers;
    my $count = sub { scalar grep { (readlink($_) // '') =~ m{^\Q$root\E/} } glob "/proc/$worker/fd/*" };
    for my $n (1 .. 20) {
        my $c = client($own->port(1), rcvbuf => 16384);
        $c->send("GET /1m.bin HTTP/1.1\r\nHost: a.test\r\n\r\n" x 2);
        $c->read_until(qr/\r\n\r\n/);
        $n % 2 ? $c->reset : $c->close;
    }
    ok wait_for { $count->() == 0 }, 'after clients that left';
};

subtest 'reloads' => sub {
    my $count = sub { scalar grep { (readlink($_) // '') eq $root } glob "/proc/$own->{pid}/fd/*" };
    my $before = $count->();
    is $before, 1, 'one descriptor for the root';
    for (1 .. 3) {
        my @old = $own->workers;
        ok $own->reload, 'reloaded';
        ok wait_for { !grep { kill 0 => $_ } @old }, 'the old worker is gone';
        is get($own->port(1), '/index.html')->{body}, 'the index', 'files are there';
    }
    ok wait_for { $count->() == $before }, 'no descriptor was left over';
};

$own->stop;

subtest 'precompressed' => sub {
    file('app.js', 'plain' x 100);
    file("app.js.$_", $_) for qw(br gz zst);
    file('page.css', 'css');
    file('page.css.gz', 'stale');
    utime $old - 1, $old - 1, "$root/page.css.gz";
    file('only.txt', 'x');
    mkdir "$root/dir.txt.gz";
    file('dir.txt', 'dir');
    my $u = usherd(config(routes => <<"END"));
[route pre]
path = /pre/*
files = $root
strip_prefix = /pre
precompressed = br zstd gzip
[route gzip]
path = /gz/*
files = $root
strip_prefix = /gz
precompressed = gzip
[route own]
path = /own/*
files = $root
strip_prefix = /own
precompressed = gzip zstd br
END
    my $p = $u->port(1);
    my $plain = 'plain' x 100;
    for my $row (
        ['/pre/app.js', undef, undef, $plain],
        ['/pre/app.js', 'gzip, deflate, br, zstd', 'br', 'br'],
        ['/pre/app.js', 'gzip, zstd', 'zstd', 'zst'],
        ['/pre/app.js', 'gzip', 'gzip', 'gz'],
        ['/pre/app.js', 'gzip;q=1.0, br;q=0.5', 'gzip', 'gz'],
        ['/pre/app.js', 'br;q=0, *', 'zstd', 'zst'],
        ['/pre/app.js', 'identity', undef, $plain],
        ['/pre/app.js', 'identity, gzip;q=0.5', undef, $plain],
        ['/pre/app.js', 'gzip;q=0', undef, $plain],
        ['/gz/app.js', 'br, gzip', 'gzip', 'gz'],
        ['/own/app.js', 'br, gzip, zstd', 'gzip', 'gz'],
        ['/own/app.js', 'br, zstd', 'zstd', 'zst'],
        ['/gz/app.js', 'br', undef, $plain],
        ['/pre/page.css', 'gzip', undef, 'css'],
        ['/pre/only.txt', 'gzip', undef, 'x'],
        ['/pre/dir.txt', 'gzip', undef, 'dir'],
    ) {
        my ($target, $accept, $coding, $body) = @$row;
        my $r = get($p, $target, defined $accept ? "Accept-Encoding: $accept" : ());
        my $name = "$target for " . ($accept // 'nobody');
        is field($r, 'content-encoding'), $coding, "$name: coding";
        is $r->{body}, $body, "$name: body";
        is field($r, 'vary'), 'Accept-Encoding', "$name: Vary";
    }
    my %tags = map { field(get($p, '/pre/app.js', "Accept-Encoding: $_"), 'etag') => 1 }
        qw(br zstd gzip identity);
    is scalar keys %tags, 4, 'each has a tag of its own';
    my $r = get($p, '/pre/app.js', 'Accept-Encoding: zstd', 'Range: bytes=1-1');
    is $r->{status}, 206, 'a range of a compressed copy';
    is $r->{body}, 's', 'is of its own bytes';
    like field($r, 'content-type'), qr{^text/javascript}, 'the type is that of the original';
    my $tag = field(get($p, '/pre/app.js'), 'etag');
    $r = get($p, '/pre/app.js', 'Accept-Encoding: zstd', 'Range: bytes=1-1', "If-Range: $tag");
    is $r->{status}, 200, 'and not mixed up with the original';
    is field(get($p, '/app.js', 'Accept-Encoding: br'), 'content-encoding'), undef, 'off by default';
    $u->stop;
};

SKIP: {
    skip 'only root can change its root', 1 unless $is_root;
    subtest 'in a chroot' => sub {
        my $u = usherd(config(user => 1, global => "chroot = $dir/outside"),
            env => {LSAN_OPTIONS => 'detect_leaks=0'});
        is get($u->port(1), '/docs/index.html')->{body}, 'docs', 'files are outside of it';
        is get($u->port(1), '/a/up.txt')->{body}, 'docs', 'links within the root work';
        is get($u->port(1), '/outside.txt')->{status}, 404, 'others do not';
        $u->stop;
    };
}

SKIP: {
    my @refuse = ($^X, 't/lib/refuse');
    skip 'no system call can be refused here', 2 if system(@refuse, 'openat2', 'ENOSYS', 'true') != 0;
    subtest 'a kernel without openat2' => sub {
        for my $error (qw(ENOSYS EPERM)) {
            local @Test::Usherd::under = (@refuse, 'openat2', $error);
            my $text = POSIX::strerror(Errno->can($error)->());
            my $r = run_usherd({config => config()}, '-t');
            is $r->{status}, 1, "$error: refused";
            like $r->{err}, qr/:\d+: \[route all\] files: openat2: \Q$text\E \(Linux 5\.6 or later is needed/, "$error: told";
            $r = run_usherd({config => config() =~ s/^files = .*/respond = 204/mr}, '-t');
            is $r->{status}, 0, "$error: without files it is not needed";
        }
    };
    subtest 'a directory that cannot be read' => sub {
        my $u = usherd(config(routes => "[route list]\npath = /list/*\nfiles = $root\nautoindex = on\n"),
            prefix => [@refuse, 'getdents64', 'EIO']);
        is get($u->port(1), '/list/')->{status}, 500, 'an error';
        is get($u->port(1), '/index.html')->{body}, 'the index', 'files are there';
        $u->expect_log(qr/500 file-error.* a directory cannot be read: Input\/output error/);
        $u->stop;
    };
}

subtest 'bad configurations' => sub {
    my $bad = sub {
        my ($what, $line, $pattern) = @_;
        my $r = run_usherd({config => config(routes => "[route bad]\npath = /bad/*\n$line\n")}, '-t');
        is $r->{status}, 1, "$what: refused";
        like $r->{err}, $pattern, "$what: told";
    };
    $bad->('no directory', "files = $dir/nothing", qr/files: .*nothing.*No such file or directory/);
    $bad->('a file', "files = $root/index.html", qr/files: .*(?:no|Not a) directory/);
    $bad->('relative', 'files = www', qr/files: /);
    $bad->('two actions', "files = $root\nredirect = 301 /", qr/files.*redirect|redirect.*files/);
    $bad->('a variable', "files = $root\ntry_files = \$uri \$nonsense", qr/try_files: .*nonsense/);
    $bad->('status first', "files = $root\ntry_files = =404 \$uri", qr/try_files: /);
    $bad->('a coding', "files = $root\nprecompressed = deflate", qr/precompressed: /);
    $bad->('expires', "files = $root\nexpires = 30", qr/expires: /);
    $bad->('an index', "files = $root\nindex = ../x", qr/index: /);
};

done_testing;
