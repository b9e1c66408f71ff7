# Object storage against servers that are not ours, as far as they are here. Signatures are verified by OpenStack
# Swift (Debian's python3-swift) and by moto_server (pip install 'moto[server]'), not by s3rver (npm install s3rver).

use strict;
use warnings;
use Digest::SHA 'sha256_hex';
use POSIX qw(strftime :sys_wait_h);
use Test::More;
use Test::S3;
use Test::Usherd;

sub in_path {
    my ($name) = @_;
    return grep { -x } map { "$_/$name" } split /:/, $ENV{PATH};
}

# The first in PATH may be one that does not see Debian's packages.
sub python_with_swift {
    for my $python (in_path('python3'), '/usr/bin/python3') {
        my $probe = 'import importlib.util as i, sys; sys.exit(not i.find_spec("swift.obj"))';
        return $python if -x $python && system("'$python' -c '$probe' 2>/dev/null") == 0;
    }
    return;
}

my %found = (swift => scalar python_with_swift());
($found{$_}) = in_path($_) for qw(moto_server s3rver);
plan skip_all => 'neither swift nor moto_server nor s3rver here: signatures were verified by t/bucket.t alone (apt-get'
    . " install python3-swift, pip install 'moto[server]', npm install s3rver)"
    unless grep { defined } values %found;

my @pids;

sub stop_servers {
    kill TERM => @pids;
    waitpid $_, 0 for splice @pids;
    return;
}

END {
    local $?;
    stop_servers();
}

# Starts a server in the background; true when it listens.
sub start {
    my ($dir, $port, @command) = @_;
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        @pids = ();
        open STDOUT, '>', "$dir/log" or die $!;
        open STDERR, '>&', \*STDOUT or die $!;
        exec {$command[0]} @command or POSIX::_exit(127);
    }
    push @pids, $pid;
    my $ended;
    my $listens = wait_for {
        $ended = waitpid($pid, WNOHANG) == $pid;
        $ended || IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port");
    } 60;
    @pids = grep { $_ != $pid } @pids if $ended;
    return !$ended && $listens;
}

sub start_swift {
    my ($dir, $port) = @_;
    my @key = ('test:tester', 'testing');
    start($dir, $port, $found{swift}, 't/lib/swift_node.py', "$dir", $port) or return;
    return create_bucket($port, @key) == 200 ? @key : ();
}

# The status of a signed request.
sub create_bucket {
    my ($port, $id, $secret) = @_;
    my $date   = strftime('%Y%m%dT%H%M%SZ', gmtime);
    my $hash   = sha256_hex('');
    my @signed = ("host:127.0.0.1:$port", "x-amz-content-sha256:$hash", "x-amz-date:$date");
    my $names  = 'host;x-amz-content-sha256;x-amz-date';
    my $scope  = 'us-east-1/s3/aws4_request';
    my $signature = Test::S3::signature($secret, $date, $scope, join "\n", 'PUT', '/media', '', @signed, '', $names, $hash);
    my $day = substr $date, 0, 8;
    return request($port, join("\r\n", 'PUT /media HTTP/1.1', @signed, "Authorization: AWS4-HMAC-SHA256"
        . " Credential=$id/$day/$scope, SignedHeaders=$names, Signature=$signature", 'Content-Length: 0',
        'Connection: close', '', ''))->{status};
}

sub start_s3rver {
    my ($dir, $port) = @_;
    start($dir, $port, $found{s3rver}, qw(-a 127.0.0.1 --configure-bucket media -p), $port, '-d', "$dir/data")
        or return;
    return qw(S3RVER S3RVER);
}

# One request of the service, which is not signed.
sub ask {
    my ($port, $service, $method, $target, %form) = @_;
    my $body = join '&', map { "$_=" . $form{$_} =~ s/([^A-Za-z0-9])/sprintf '%%%02X', ord $1/ger } sort keys %form;
    return request($port, join("\r\n", "$method $target HTTP/1.1", "Host: 127.0.0.1:$port", 'Content-Length: ' . length $body,
        'Content-Type: application/x-www-form-urlencoded', "Authorization: AWS4-HMAC-SHA256"
        . " Credential=x/20260101/us-east-1/$service/aws4_request, SignedHeaders=host, Signature=0",
        'Connection: close', '', $body))->{body};
}

# The first four requests, which make a key, need none.
sub start_moto_server {
    my ($dir, $port) = @_;
    local $ENV{INITIAL_NO_AUTH_ACTION_COUNT} = 4;
    start($dir, $port, $found{moto_server}, qw(-H 127.0.0.1 -p), $port) or return;
    my %user = (UserName => 'u', Version => '2010-05-08');
    ask($port, 's3', PUT => '/media');
    ask($port, 'iam', POST => '/', Action => 'CreateUser', %user);
    ask($port, 'iam', POST => '/', Action => 'PutUserPolicy', PolicyName => 'p', %user, PolicyDocument =>
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}');
    return ask($port, 'iam', POST => '/', Action => 'CreateAccessKey', %user)
        =~ m{<AccessKeyId>(.*)</AccessKeyId>.*<SecretAccessKey>(.*)</SecretAccessKey>}s;
}

# ---- usherd in front of it

# What each store says to a bucket whose configuration is wrong in one value, as far as it minds.
my %refusals = (
    swift => {
        secret_key => '403 SignatureDoesNotMatch', access_key => '403 SignatureDoesNotMatch',
        region => '400 AuthorizationHeaderMalformed', name => '404 NoSuchBucket',
    },
    moto_server => {
        secret_key => '403 SignatureDoesNotMatch', access_key => '403 InvalidAccessKeyId', name => '404 NoSuchBucket',
    },
    s3rver => {name => '404 NoSuchBucket'},
);

sub bucket {
    my ($name, $prefix, $route, %values) = @_;
    return join "\n", "[route $name]", "path = $prefix/*", ($prefix ? "strip_prefix = $prefix" : ()), "bucket = $name",
        $route, "[bucket $name]", (map { "$_ = $values{$_}" } sort keys %values), '';
}

sub config {
    my ($name, $store, $id, $secret) = @_;
    my %media = (endpoint => "http://127.0.0.1:$store", name => 'media', access_key => $id, secret_key => $secret,
        write => 'on');
    return join "\n", '[listen web]', 'bind = 127.0.0.1:%%PORT1%%', '[defaults]', 'check = off',
        '[headers noted]', 'request_set = X-Amz-Meta-Note: several   words  "and   quotes"',
        'request_add = X-Amz-Meta-Note: twice', 'request_set = X-Amz-Meta-Note-2: x', 'request_set = X-Amz-Meta-N: x',
        'response_set = X-Note: $upstream_http_x_amz_meta_note',
        bucket('all', '', '', %media, index => 'index.html', error_document => 'missing.html'),
        bucket('noted', '/noted', 'headers = noted', %media),
        bucket('virtual', '/virtual', '', %media, style => 'virtual'),
        bucket('guest', '/guest', '', %media, access_key => 'test:guest', secret_key => 'guessing'),
        map { bucket("wrong_$_", "/wrong/$_", '', %media, $_ => 'wrong') } keys %{$refusals{$name}};
}

# All of it may be slow where sanitizers and other tests share the machine.
sub send_request {
    my ($port, $method, $target, $body, @fields) = @_;
    unshift @fields, 'Content-Length: ' . length $body if defined $body;
    return request($port, join("\r\n", "$method $target HTTP/1.1", 'Host: a.test', @fields, 'Connection: close', '',
        $body // ''), timeout => 60);
}

sub get_object { my ($port, $target, @fields) = @_; return get($port, $target, @fields, {timeout => 60}) }

# Those that moto_server signs as they were sent come first; the others it decodes and quotes anew.
my @names = ('/plain.txt', '/index.html', '/missing.html', '/a%20b.txt', '/q%3Fh%23', '/deep/er/x.txt');
my @hard  = ('/a+b.txt', '/gr%C3%BC%C3%9Fe/%E2%82%AC.txt', q{/!*'()$&,;=:@~-_.txt}, '/100%25.txt', '/%2541',
    '/[x]{y}|^%60%22%3C%3E');
# Those that s3rver takes for others, or that are too long for its files.
my @odd = ('/%252F', '/a%5Cb', '/%20a%20', '/tab%09', '/%F0%9F%98%80', '/' . '%C3%BC' x 512);

sub check_names {
    my ($port, @objects) = @_;
    my $n = 0;
    for my $object (@objects) {
        my $text = 'object ' . $n++;
        my $name = substr $object, 0, 60;
        is send_request($port, PUT => $object, $text, 'Content-Type: text/x-test')->{status}, 200, "PUT $name";
        my $r = get_object($port, $object);
        is $r->{body}, $text, "GET $name";
        is field($r, 'content-type'), 'text/x-test', '... of that type';
        unlike join(' ', map { $_->[0] } @{$r->{fields}}), qr/x-amz|server/, '... without fields of the store';
    }
    return;
}

sub check {
    my ($port) = @_;
    my $r    = get_object($port, '/plain.txt');
    my $etag = field($r, 'etag');
    my $when = field($r, 'last-modified');
    is get_object($port, '/')->{body}, 'object 1', 'the index';
    $r = get_object($port, '/nothing');
    is $r->{status}, 404, 'a missing object';
    is $r->{body}, 'object 2', '... gets the error document';
    is get_object($port, '/plain.txt', 'Range: bytes=0-2')->{body}, 'obj', 'a range';
    is get_object($port, '/plain.txt', 'Range: bytes=99-')->{status}, 416, 'a range behind the end';
    is get_object($port, '/plain.txt', "If-None-Match: $etag")->{status}, 304, 'a condition';
    is get_object($port, '/plain.txt', "If-Modified-Since: $when")->{status}, 304, '... of time';
    is get_object($port, '/plain.txt', 'Range: bytes=0-2', "If-Range: $etag")->{body}, 'obj', 'a part of the same';
    is get_object($port, '/plain.txt', 'Range: bytes=0-2', 'If-Range: "x"')->{body}, 'object 0', 'a part of another';
    is field(send_request($port, 'HEAD', '/plain.txt'), 'content-length'), 8, 'HEAD';
    return;
}

# What s3rver does not know.
sub check_rare {
    my ($port) = @_;
    is get_object($port, '/plain.txt', 'Range: bytes=-3')->{body}, 't 0', 'a range from the end';
    is get_object($port, '/plain.txt', 'If-Match: "x"')->{status}, 412, 'a condition that does not hold';
    return;
}

my $big = substr join('', 'A' .. 'Z', 'a' .. 'y') x 200_000, 0, 10_000_000;

sub check_big {
    my ($port) = @_;
    is send_request($port, PUT => '/big', $big)->{status}, 200, 'PUT of 10 MB';
    ok get_object($port, '/big')->{body} eq $big, '... comes back';
    is send_request($port, DELETE => '/big')->{status}, 204, 'DELETE';
    is get_object($port, '/big')->{status}, 404, '... and it is gone';
    is send_request($port, PUT => '/waits', 'patience', 'Expect: 100-continue')->{status}, 200, 'PUT that waits';
    is get_object($port, '/waits')->{body}, 'patience', '... comes back';
    is send_request($port, PUT => '/empty', '')->{status}, 200, 'PUT of nothing';
    is get_object($port, '/empty')->{body}, '', '... comes back';
    return;
}

sub check_refusals {
    my ($usherd, $port, %refusal) = @_;
    for my $what (sort keys %refusal) {
        $usherd->expect_log(qr/bucket wrong_$what: the store answers .* with $refusal{$what}/);
        my $r = get_object($port, "/wrong/$what/plain.txt");
        is $r->{status}, 502, "a wrong $what: $refusal{$what}";
        unlike $r->{body}, qr/<Code>/, '... without the text of the store';
        is send_request($port, PUT => "/wrong/$what/plain.txt", $big)->{status}, 502, '... for PUT of 10 MB too';
    }
    is get_object($port, '/plain.txt')->{body}, 'object 0', '... and nothing was written';
    return;
}

# What only Swift does, or does as AWS does it.
sub check_swift {
    my ($port) = @_;
    is send_request($port, PUT => '/noted/n.txt', 'x')->{status}, 200, 'values with runs of blanks, names that stand twice';
    is field(get_object($port, '/noted/n.txt'), 'x-note'), 'several   words  "and   quotes",twice', '... were understood';
    is send_request($port, PUT => '/virtual/v%20+.txt', 'x')->{status}, 200, 'PUT in virtual style';
    is get_object($port, '/v%20+.txt')->{body}, 'x', '... is the same bucket';
    is get_object($port, '/virtual/v%20+.txt')->{body}, 'x', '... for GET too';
    is get_object($port, '/guest/plain.txt')->{status}, 404, 'an object that the key may not read';
    is send_request($port, PUT => '/guest/plain.txt', 'x')->{status}, 403, '... nor write';
    is get_object($port, '/latin%E4')->{body}, 'object 2', 'a name that is not UTF-8: no such object';
    is send_request($port, PUT => '/latin%E4', 'x')->{status}, 400, '... nor will there be';
    is send_request($port, PUT => '/md5', 'x', 'Content-MD5: nd1OkpKoWlasEwIJ8uOY3w==')->{status}, 400, 'a wrong Content-MD5';
    is send_request($port, PUT => '/md5', 'x', 'Content-MD5: ndTkYSaMgDT1yFZOFVxnpg==')->{status}, 200, 'the right one';
    return;
}

for my $name (sort grep { $found{$_} } keys %found) {
    subtest $name => sub {
        my $dir   = scratch();
        my $store = free_port();
        my ($id, $secret) = main->can("start_$name")->($dir, $store);
        ok $id, 'the server runs' or return diag(slurp("$dir/log"));
        my $usherd = usherd(config($name, $store, $id, $secret));
        $usherd->allow_log(qr/passes unprotected/);
        my $port = $usherd->port(1);
        check_names($port, @names, $name ne 'moto_server' ? @hard : (), $name eq 'swift' ? @odd : ());
        check($port);
        check_rare($port) if $name ne 's3rver';
        check_big($port);
        check_refusals($usherd, $port, %{$refusals{$name}});
        check_swift($port) if $name eq 'swift';
        $usherd->stop;
        stop_servers();
    };
}

done_testing;
