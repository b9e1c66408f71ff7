# Object storage against servers that are not ours, as far as PATH has them: moto_server (pip install
# 'moto[server]'), which verifies signatures, and s3rver (npm install s3rver), which does not.

use strict;
use warnings;
use Test::More;
use Test::Usherd;

my %found;
for my $name (qw(moto_server s3rver)) {
    ($found{$name}) = grep { -x } map { "$_/$name" } split /:/, $ENV{PATH};
}
plan skip_all => 'neither moto_server nor s3rver here: signatures were verified by t/bucket.t alone (pip install'
    . " 'moto[server]', npm install s3rver)"
    unless grep { defined } values %found;

my @pids;

END {
    local $?;
    for (@pids) {
        kill TERM => $_;
        waitpid $_, 0;
    }
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
    return wait_for { IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port") } 60;
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

sub config {
    my ($store, $id, $secret) = @_;
    return <<"END";
[listen web]
bind = 127.0.0.1:%%PORT1%%
[defaults]
check = off
[route all]
path = /*
bucket = media
[route wrong]
path = /wrong/*
strip_prefix = /wrong
bucket = wrong
[bucket media]
endpoint = http://127.0.0.1:$store
name = media
access_key = $id
secret_key = $secret
write = on
index = index.html
error_document = missing.html
[bucket wrong]
endpoint = http://127.0.0.1:$store
name = media
access_key = $id
secret_key = wrong
END
}

sub send_request {
    my ($port, $method, $target, $body, @fields) = @_;
    unshift @fields, 'Content-Length: ' . length $body if defined $body;
    return request($port, join("\r\n", "$method $target HTTP/1.1", 'Host: a.test', @fields, 'Connection: close', '',
        $body // ''));
}

# Those that moto_server signs as they were sent come first; the others it decodes and quotes anew.
my @names = ('/plain.txt', '/index.html', '/missing.html', '/a%20b.txt', '/q%3Fh%23', '/deep/er/x.txt');
my @hard  = ('/a+b.txt', '/gr%C3%BC%C3%9Fe/%E2%82%AC.txt', q{/!*'()$&,;=:@~-_.txt}, '/100%25.txt', '/%2541',
    '/[x]{y}|^%60%22%3C%3E');

sub check {
    my ($port, @objects) = @_;
    my $n = 0;
    for my $object (@objects) {
        my $text = 'object ' . $n++;
        is send_request($port, PUT => $object, $text, 'Content-Type: text/x-test')->{status}, 200, "PUT $object";
        my $r = get($port, $object);
        is $r->{body}, $text, "GET $object";
        is field($r, 'content-type'), 'text/x-test', '... of that type';
        unlike join(' ', map { $_->[0] } @{$r->{fields}}), qr/x-amz|server/, '... without fields of the store';
    }
    my $etag = field(get($port, '/plain.txt'), 'etag');
    is get($port, '/')->{body}, 'object 1', 'the index';
    my $r = get($port, '/nothing');
    is $r->{status}, 404, 'a missing object';
    is $r->{body}, 'object 2', '... gets the error document';
    is get($port, '/plain.txt', 'Range: bytes=0-2')->{body}, 'obj', 'a range';
    is get($port, '/plain.txt', 'Range: bytes=99-')->{status}, 416, 'a range behind the end';
    is get($port, '/plain.txt', "If-None-Match: $etag")->{status}, 304, 'a condition';
    is get($port, '/plain.txt', 'Range: bytes=0-2', 'If-Range: "x"')->{body}, 'object 0', 'a part of another';
    is field(send_request($port, 'HEAD', '/plain.txt'), 'content-length'), 8, 'HEAD';
    my $big = join '', map { chr(65 + $_ * 7 % 26) } 1 .. 10_000_000;
    is send_request($port, PUT => '/big', $big)->{status}, 200, 'PUT of 10 MB';
    ok get($port, '/big')->{body} eq $big, '... comes back';
    is send_request($port, DELETE => '/big')->{status}, 204, 'DELETE';
    is get($port, '/big')->{status}, 404, '... and it is gone';
    return;
}

for my $name (sort grep { $found{$_} } keys %found) {
    subtest $name => sub {
        my $dir   = scratch();
        my $store = free_port();
        my ($id, $secret) = main->can("start_$name")->($dir, $store);
        ok $id, 'the server runs' or return diag(slurp("$dir/log"));
        my $usherd = usherd(config($store, $id, $secret));
        $usherd->allow_log(qr/passes unprotected/);
        my $port = $usherd->port(1);
        check($port, @names, $name eq 's3rver' ? @hard : ());
        if ($name eq 'moto_server') {
            $usherd->expect_log(qr/with 403 SignatureDoesNotMatch/);
            my $r = get($port, '/wrong/plain.txt');
            is $r->{status}, 502, 'a wrong secret';
            unlike $r->{body}, qr/<Code>/, '... without the text of the store';
        }
        $usherd->stop;
    };
}

done_testing;
