# The configuration: what is accepted, what every mistake is called, and what -T gives back.

use strict;
use warnings;
use Test::More;
use Test::Usherd;

my $GOOD = <<'END';
[listen web]
bind = 127.0.0.1:%%PORT1%%
[route all]
path = /*
backend = app
[backend app]
server = 127.0.0.1:3000
END

sub check { my ($config, %opt) = @_; return run_usherd({%opt, config => $config}, '-t', @{$opt{args} // []}) }

subtest 'good files' => sub {
    my $r = check($GOOD);
    is $r->{status}, 0, 'the smallest one' or diag $r->{err};
    my %more = (
        'comments'                => "# one\n; two\n   # three\n\n" . $GOOD,
        'CR LF'                   => $GOOD =~ s/\n/\r\n/gr,
        'a byte order mark'       => "\xef\xbb\xbf$GOOD",
        'no newline at the end'   => $GOOD =~ s/\n\z//r,
        'blanks around'           => $GOOD =~ s/^(\w+) = (.*)$/  $1\t=   $2  /mgr,
        'no blanks'               => $GOOD =~ s/ = /=/gr,
        'forward references'      => "[route first]\npath = /x\nbackend = late\n$GOOD\n[backend late]\nserver = 127.0.0.1:1\n",
        'a semicolon in a value'  => $GOOD . "[route r]\npath = /r\nrespond = 200 text/plain \"a ; b # c\"\n",
        'a very long line'        => $GOOD . "[route r]\npath = /r\nrespond = 200 text/plain \"" . 'x' x 5000 . "\"\n",
        'a very long list'        => $GOOD . "[host h]\nnames = " . join(' ', map { "h$_.test" } 1 .. 500) . "\n",
        'colons in values'        => $GOOD . "[listen six]\nbind = [::1]:%%PORT2%%\n",
        'units'                   => "[defaults]\nheader_timeout = 500ms\nkeepalive_timeout = 5m\nmax_body = 1g\ntunnel_timeout = 12h\nbody_timeout = off\n$GOOD",
    );
    for my $name (sort keys %more) {
        $r = check($more{$name});
        is $r->{status}, 0, $name or diag $r->{err};
    }
};

subtest 'mistakes' => sub {
    # Text that is appended to the good file, the line it is reported on (from the end of the good
    # file), and what the message says.
    my @cases = (
        ["[headers h]\nrequest_set = Host: x\n", 2, qr/\[headers h\] request_set: Host cannot be set \(use host_header/],
        ["[headers h]\nrequest_set = X-A\n", 2, qr/\[headers h\] request_set: "X-A" is no header/],
        ["[headers h]\nrequest_set = X-A: \$nope\n", 2, qr/\[headers h\] request_set: .*unknown variable/],
        ["[backend b]\nbalance = hash \$uriq\nserver = 127.0.0.1:1\n", 2, qr/\[backend b\] balance: \$uriq: unknown variable \(did you mean \$uri\?\)/],
        ["[route api]\npath = /a\nbackend = app\nread_timeout = 30\n", 4, qr/\[route api\] read_timeout: "30" has no unit \(use 30s or 30000ms\)/],
        ["[route api]\npath = /a\nbacknd = app\n", 3, qr/\[route api\] backnd: unknown key \(did you mean backend\?\)/],
        ["[upstream u]\nserver = 127.0.0.1:1\n", 1, qr/\[upstream u\]: unknown section \(here it is \[backend\]\)/],
        ["[route api]\npath = /a\nproxy_pass = app\n", 3, qr/\[route api\] proxy_pass: unknown key \(here it is backend\)/],
        ["[route api]\npath = /a\nbackend = app # the app\n", 3, qr/\[route api\] backend: .* is not one word \(a comment is a line of its own\)/],
        ["[rout api]\npath = /a\n", 1, qr/\[rout api\].*unknown.*did you mean route\?/],
        ["[route api]\npath = /a\nbackend = ap\n", 3, qr/\[route api\] backend: .*"?ap"?.*(?:did you mean|does not exist|no such)/],
        ["[route api]\npath = /a\npath_regex = (\nbackend = app\n", 3, qr/\[route api\] path_regex: /],
        ["[route api]\npath = /a\nbackend = app\nbackend = app\n", 4, qr/\[route api\] backend: .*line 10\b|:10\b/],
        ["[route all]\npath = /b\nbackend = app\n", 1, qr/\[route all\].*(?:twice|again|already|also)/],
        ["[route api]\npath = /a\nbackend = app\nvia = maybe\n", 4, qr/\[route api\] via: "maybe"/],
        ["[route api]\npath = /a\nbackend = app\nretries = -1\n", 4, qr/\[route api\] retries: "-1"/],
        ["[route api]\npath = /a\nbackend = app\nretries = 99999999999999999999\n", 4, qr/\[route api\] retries: /],
        ["[route api]\npath = /a\nbackend = app\nmax_body = 10x\n", 4, qr/\[route api\] max_body: "10x"/],
        ["[route api]\npath = a\nbackend = app\n", 2, qr/\[route api\] path: "a"/],
        ["[route api]\npath = /a\n", 1, qr/\[route api\].*(?:backend|action|respond)/],
        ["[route api]\npath = /a\nbackend = app\nredirect = 301 /x\n", 4, qr/\[route api\] redirect: /],
        ["[backend b]\nbalance = round_robin\n", 1, qr/\[backend b\].*server/],
        ["[backend b]\nserver = 127.0.0.1:99999\n", 2, qr/\[backend b\] server: .*99999/],
        ["[backend b]\nserver = 127.0.0.1:80 wieght=2\n", 2, qr/\[backend b\] server: .*wieght.*did you mean weight\?/],
        ["[listen l]\nbind = 300.1.1.1:80\n", 2, qr/\[listen l\] bind: .*300\.1\.1\.1/],
        ["[listen l]\nbind =\n", 2, qr/\[listen l\] bind/],
        ["[host bad name]\nnames = a\n", 1, qr/bad name/],
        ["[host " . 'x' x 33 . "]\nnames = a\n", 1, qr/x{33}/],
        ["[route\npath = /a\n", 1, qr/\]/],
        ["just words\n", 1, qr/just words/],
        ["[route api]\npath = /a\nrespond = 200 text/plain \"open\n", 3, qr/\[route api\] respond: .*(?:quote|not closed)/],
        ["[route api]\npath = /a\nrespond = 200 text/plain \$nosuch\n", 3, qr/\[route api\] respond: .*nosuch/],
        ["[route api]\npath = /a\nrespond = 999 text/plain x\n", 3, qr/\[route api\] respond: .*999/],
        ["[route api]\npath = /*\nbackend = app\n", 1, qr/\[route api\].*\[?route all|same|identical/],
        ["[route api]\npath = /a\nbackend = \${NO_SUCH_VARIABLE}\n", 3, qr/NO_SUCH_VARIABLE/],
        ["[route api]\npath = /a\nbackend = app\nerror_page = 404 /no/such/file\n", 4, qr{\[route api\] error_page: .*/no/such/file}],
        ["[global]\nworkers = many\n", 2, qr/\[global\] workers: "many" is no number of workers \(use digits, or auto\)/],
        ["[global]\nlog_level = warning\n", 2, qr/log_level: "warning" is not one of .*\(did you mean warn\?\)/],
        ["[global]\nworkers = 0\n", 2, qr/workers: "0" is too small \(at least 1\)/],
        ["[listen l]\nport = 80\n", 2, qr/\[listen l\] port: unknown key \(here it is bind\)/],
        ["[listen l]\nlisten = 80\n", 2, qr/\[listen l\] listen: unknown key \(here it is bind\)/],
        ["[listen l]\naddress = 0.0.0.0\n", 2, qr/\[listen l\] address: unknown key \(here it is bind\)/],
        ["[backend b]\nserver = 127.0.0.1:1\nport = 80\n", 3, qr/port: unknown key \(here it is server = HOST:PORT\)/],
        ["[backend b]\nserver = 127.0.0.1:1\nmax_conns = 8\n", 3, qr/max_conns: unknown key \(here it is server = HOST:PORT max_conns=NUMBER\)/],
        ["[backend b]\nserver = 127.0.0.1:1\nqueue_size = 8\n", 3, qr/queue_size: unknown key \(did you mean queue\?\)/],
        ["[backend b]\nserver = 127.0.0.1:1\nslow_start = 0s\n", 3, qr/slow_start: "0s" is too small \(at least 1ms, or off\)/],
        ["[backend b]\nserver = 127.0.0.1:1\nslow_start = 0\n", 3, qr/slow_start: "0" is too small \(at least 1ms, or off\)/],
        ["[backend b]\nserver = 127.0.0.1:1 max_conns=0\n", 2, qr/max_conns: "0" is too small \(at least 1, or off\)/],
        ["[defaults]\nkeepalive_timeout = 0\n", 2, qr/keepalive_timeout: "0" has no unit \(use 0s, or off\)/],
        ["[defaults]\nbody_min_rate = 0/s\n", 2, qr{body_min_rate: "0/s" is too small \(at least 1/s, or off\)}],
        ["[defaults]\nbody_min_rate = 9000000000/s\n", 2, qr{body_min_rate: "9000000000/s" is too big \(at most 1024m/s, or off\)}],
        ["[defaults]\nretries = off\n", 2, qr/retries: "off" is no number \(use digits: 0 for none\)/],
        ["[defaults]\naccess_log = on\n", 2, qr/access_log: "on" is not the name of a section \(write that of a \[log\]\)/],
        ["[defaults]\naccess_log = /var/log/x\n", 2, qr/access_log: "\/var\/log\/x" is not the name of a section \(write that of a \[log\]\)/],
        ["[route api]\npath = /a\nbackend = 10.0.0.1:80\n", 3, qr/backend: "10\.0\.0\.1:80" is not the name of a section \(write that of a \[backend\]\)/],
        ["[global]\nlog_level = loud\n", 2, qr/\[global\] log_level: "loud"/],
        ["[admin]\nlisten = nowhere\n", 2, qr/\[admin\] listen: /],
    );
    my $lines = () = $GOOD =~ /\n/g;
    for my $case (@cases) {
        my ($text, $line, $message) = @$case;
        my $r = check($GOOD . $text);
        my $name = join ' / ', split /\n/, $text;
        is $r->{status}, 1, "exit 1: $name";
        my $at = $lines + $line;
        my @errors = grep { !/: warning: / } split /\n/, $r->{err};
        ok scalar(grep { m{^\S*usherd\.ini:$at: } && /$message/ } @errors), "line $at: $message" or diag $r->{err};
    }
};

subtest 'all errors of a run at once' => sub {
    my $r = check($GOOD . "[route a]\npath = x\nbackend = nobody\nread_timeout = 3\n[bogus b]\n[backend c]\nservr = x\n");
    is $r->{status}, 1, 'exit 1';
    my @at = $r->{err} =~ /usherd\.ini:(\d+): /g;
    my %at = map { $_ => 1 } @at;
    ok $at{$_}, "line $_ is reported" for 9, 10, 11, 12, 14;
    is_deeply \@at, [sort { $a <=> $b } @at], 'in the order of the file';
};

subtest 'a file of nonsense' => sub {
    my %files = (
        'lines without a section' => "x = 1\n" x 5000,
        'lines without ='         => $GOOD . "x\n" x 5000,
        'unknown sections'        => $GOOD . join('', map { "[x a$_]\n" } 1 .. 5000),
        'unknown keys'            => $GOOD . join('', map { "x$_ = 1\n" } 1 .. 5000),
        'bad values'              => $GOOD . "[headers h]\n" . "request_set = x\n" x 5000,
        'bad references'          => $GOOD . join('', map { "[route r$_]\npath = /r$_\nbackend = b\n" } 1 .. 5000),
        'bad templates'           => $GOOD . join('', map { "[route r$_]\npath = /r$_\nrespond = 200 text/plain \$nope\n" } 1 .. 5000),
    );
    for my $name (sort keys %files) {
        my $r = check($files{$name});
        is $r->{status}, 1, "$name: exit 1";
        my @lines = split /\n/, $r->{err};
        my @errors = grep { !/: warning: / } @lines;
        is scalar(@errors), 101, '... 100 errors';
        like $errors[-1], qr/^and 49\d\d more errors$/, '... and how many more';
    }
    my $r = check("$GOOD$GOOD" . '[route long]' . "\npath = " . 'x' x 1_000_000 . "\n");
    cmp_ok length $r->{err}, '<', 3000, 'a long value is not printed whole';
    like $r->{err}, qr/\[route long\] path: "xx.* \[\.\.\.\] .*\)$/m, 'its message has the beginning and the remedy';
};

subtest 'warnings' => sub {
    my $r = check($GOOD . "[backend lonely]\nserver = 127.0.0.1:1\n");
    is $r->{status}, 0, 'an object that nothing uses is no error';
    like $r->{err}, qr/usherd\.ini:8: .*lonely/, 'but a warning';
    for my $key ('try_files = $uri', 'autoindex = on', 'expires = 1h', 'precompressed = br', 'index = a.html') {
        my ($name) = $key =~ /(\w+)/;
        $r = check("$GOOD\n[route r]\npath = /r\nbackend = app\n$key\n");
        is $r->{status}, 0, "$name on a route without files is no error";
        like $r->{err}, qr/:12: warning: \[route r\] $name: has no effect \(it is for routes with files/, 'but a warning';
    }
    $r = check("$GOOD\n[route r]\npath = /r\nbackend = app\nautoindex = off\n[host h]\nnames = h.test\ntry_files = \$uri\n");
    unlike $r->{err}, qr/warning/, 'none for a default, nor for what a host hands down';
};

subtest 'files that are not there' => sub {
    my $r = run_usherd('-t', '-c', '%%DIR%%/none.ini');
    is $r->{status}, 1, 'exit 1';
    like $r->{err}, qr{none\.ini.*No such file}, 'says why';
    $r = run_usherd('-t', '-c', '/');
    is $r->{status}, 1, 'a directory: exit 1';
    $r = check('');
    is $r->{status}, 1, 'an empty file has nothing to listen on';
    $r = check("\0\0\0");
    is $r->{status}, 1, 'binary';
};

subtest 'includes' => sub {
    my %files = ('conf.d/a.ini' => "[backend a]\nserver = 127.0.0.1:1\n[route a]\npath = /a\nbackend = a\n",
        'conf.d/b.ini' => "[route b]\npath = /b\nbackend = a\n");
    my $dir = scratch();
    mkdir "$dir/conf.d";
    my $r = check("[global]\ninclude = conf.d/*.ini\n$GOOD", files => \%files, dir => $dir);
    is $r->{status}, 0, 'relative to the including file' or diag $r->{err};
    $r = check("[global]\ninclude = conf.d/*.ini\n$GOOD", files => {%files, 'conf.d/b.ini' => "[route b]\npath = /b\nbackend = c\n"}, dir => $dir);
    is $r->{status}, 1, 'an error in one';
    like $r->{err}, qr{conf\.d/b\.ini:3: \[route b\] backend}, 'names the file it is in';
    $r = check("[global]\ninclude = missing.ini\n$GOOD", dir => $dir);
    is $r->{status}, 1, 'a file that does not exist';
    like $r->{err}, qr/usherd\.ini:2: .*missing\.ini/, 'is an error';
    $r = check("[global]\ninclude = usherd.ini\n$GOOD", dir => $dir);
    is $r->{status}, 1, 'a file that includes itself';
};

subtest 'secrets and the environment' => sub {
    my $config = $GOOD . "[route s]\npath = /s\nrespond = 200 text/plain \"\${SHOP_TEXT}\"\n[route f]\npath = /f\nrespond = 200 text/plain \@%%DIR%%/secret\n";
    my %opt = (env => {SHOP_TEXT => 'from the environment'}, files => {secret => "hush\n"});
    my $r = run_usherd({config => $config, %opt}, '-T');
    is $r->{status}, 0, 'are read' or diag $r->{err};
    unlike $r->{out}, qr/from the environment|hush/, '-T does not show what they hold';
    like $r->{out}, qr/SHOP_TEXT/, 'but where they come from';
};

subtest '-T' => sub {
    my $config = <<"END";
[defaults]
read_timeout = 7s
$GOOD
[route api]
path = /api/* /v2/*
method = GET POST
backend = app
retries = 2
max_body = 2m
error_page = 404 %%DIR%%/404.html
[host shop]
names = shop.test *.shop.test
read_timeout = 9s
[route shop]
host = shop
path = /*
respond = 200 text/plain "a; \\"b\\" \$uri \$\$5"
[host both]
names = both.test
backend = app
[route canary]
host = both
path = /canary/*
split = 9:app 1:next
[backend next]
server = 127.0.0.1:3001
retries = 0
END
    my %opt = (files => {'404.html' => 'gone'});
    my $first = run_usherd({%opt, config => $config}, '-T');
    is $first->{status}, 0, 'prints the effective values' or diag $first->{err};
    like $first->{out}, qr/usherd\.ini:\d+/, 'with their places';
    like $first->{out}, qr/default/, 'or default';
    like $first->{out}, qr/^read_timeout = 7s$/m, 'inherited ones too';
    my ($host)   = $first->{out} =~ /^\[host both\]\n(.*?)^$/ms;
    my ($canary) = $first->{out} =~ /^\[route canary\]\n(.*?)^$/ms;
    unlike $host, qr/^(?:retries|read_timeout)/m, 'but a host says nothing for the backends of its routes';
    like $host, qr/usherd\.ini:2\n# read_timeout = 7s$/m, '... except to readers';
    unlike $canary, qr/^(?:retries|read_timeout)/m, 'nor does a split';
    like $canary, qr/^# for backend app:\n# default\n# retries = 1\n# for backend next:\n# .*:\d+\n# retries = 0$/m,
        '... which shows them one by one';
    my $second = run_usherd({dir => $first->{dir}, config => $first->{out}}, '-T');
    is $second->{status}, 0, 'its output is a configuration' or diag $second->{err};
    my ($a, $b) = map { join "\n", grep { !/^\s*[#;]/ } split /\n/, $_->{out} } $first, $second;
    is $b, $a, 'with the same values';
};

subtest '-g' => sub {
    my $r = run_usherd({config => $GOOD}, '-T', '-g', 'global.workers=3', '-g', 'backend app:retries=4', '-g', 'route all:path=/only');
    is $r->{status}, 0, 'overrides' or diag $r->{err};
    like $r->{out}, qr/^workers = 3$/m, 'a global setting';
    like $r->{out}, qr/^retries = 4$/m, 'one of a section';
    like $r->{out}, qr{^path = /only$}m, 'and a list';
    $r = run_usherd({config => $GOOD}, '-t', '-g', 'global.wrkers=3');
    is $r->{status}, 1, 'a mistake there';
    like $r->{err}, qr/wrkers.*did you mean workers\?/, 'is reported too';
};

subtest 'the command line' => sub {
    my $r = run_usherd('-V');
    is $r->{status}, 0, '-V';
    like $r->{out}, qr/^usherd \d+\.\d+/, 'the version';
    like $r->{out}, qr/OpenSSL \d.*llhttp \d.*PCRE2 \d/, 'libraries';
    $r = run_usherd('-h');
    is $r->{status}, 0, '-h';
    like $r->{out}, qr/^usage: usherd/, 'the usage on stdout';
    $r = run_usherd('-Z');
    isnt $r->{status}, 0, 'an unknown option';
    like $r->{err}, qr/-h/, 'points to the help';
    is $r->{out}, '', 'on stderr only';
    $r = run_usherd({config => $GOOD}, '-s', 'dance');
    isnt $r->{status}, 0, 'an unknown signal';
    $r = run_usherd({config => "[global]\npid_file = %%DIR%%/none.pid\n$GOOD"}, '-s', 'reload');
    is $r->{status}, 1, 'a master that does not run';
    like $r->{err}, qr/none\.pid/, 'says where it looked';
};

subtest 'a file with an error starts nothing' => sub {
    my $r = run_usherd({config => $GOOD . "[route x]\nfoo = bar\n"}, '-f');
    is $r->{status}, 1, 'exit 1';
    like $r->{err}, qr/usherd\.ini:9: \[route x\] foo: unknown key/, 'the error is on stderr';
};

subtest 'an address that is taken' => sub {
    my $taken = origin();
    my $r = run_usherd({config => $GOOD =~ s/127\.0\.0\.1:%%PORT1%%/$taken->{address}/r}, '-f');
    is $r->{status}, 1, 'exit 1';
    like $r->{err}, qr/\Q$taken->{address}\E.*in use/i, 'says which address and why';
};

subtest 'quick mode' => sub {
    my @origins = map { origin(answer($_)) } qw(one two);
    my $port = free_port();
    my $usherd = usherd('', quick => ['-l', "127.0.0.1:$port", map { ('-b', "http://$_->{address}") } @origins]);
    is join(' ', sort map { get($port, '/')->{body} } 1 .. 2), 'one two', 'no file at all';
    $usherd->stop;
    like slurp($usherd->dir . '/stdout'), qr{^127\.0\.0\.1 .*"GET / HTTP/1\.1" 200}, 'the access log is on stdout';
};

done_testing;
