# Ranges and conditional requests as clients send them: what each gets.

use strict;
use warnings;
use POSIX 'strftime';
use Test::More;
use Test::Certs 'certs';
use Test::Usherd;
use Time::HiRes qw(time);

my $dir  = scratch();
my $root = "$dir/www";
my $then = 784111777;
my $date = 'Sun, 06 Nov 1994 08:49:37 GMT';
my $early = 'Sun, 06 Nov 1994 08:49:36 GMT';
my $late  = 'Sun, 06 Nov 1994 08:49:38 GMT';
my $pki  = certs();
my $cert = $pki->leaf(site => names => ['a.test']);

mkdir $root or die $!;
my $text = join '', map { chr(33 + $_ % 90) } 0 .. 999;
my $big  = join '', map { pack 'N', $_ } 0 .. 262_143;

sub file {
    my ($name, $content) = @_;
    spew("$root/$name", $content);
    utime $then, $then, "$root/$name";
    return;
}
file('thousand.txt', $text);
file('one.txt', 'x');
file('empty.txt', '');
file('big.bin', $big);
spew("$root/new.txt", $text);
open my $huge, '>', "$root/huge.bin" or die $!;
truncate $huge, 5 << 30 or die $!;
seek $huge, (5 << 30) - 5, 0;
print {$huge} 'the-end';
close $huge;
utime $then, $then, "$root/huge.bin";

my $usherd = usherd(<<"END");
[global]
workers = 1
[listen web]
bind = 127.0.0.1:%%PORT1%%
[listen tls]
bind = 127.0.0.1:%%PORT2%%
tls = on
certificate = $cert->{pair}
[route all]
path = /*
files = $root
END
my $port = $usherd->port(1);
my $tag  = field(get($port, '/thousand.txt'), 'etag');
like $tag, qr/^"[0-9a-f]+-3e8"$/, 'a strong tag';
is field(get($port, '/thousand.txt'), 'last-modified'), $date, 'Last-Modified';
is field(get($port, '/thousand.txt'), 'accept-ranges'), 'bytes', 'Accept-Ranges';

# The bytes of $text from first to last.
sub cut { return substr $text, $_[0], $_[1] - $_[0] + 1 }

# fields, status, body as the ranges it holds ([first, last]; several make a multipart; undef: all)
my @rows = (
    [['Range: bytes=0-0'], 206, [0, 0]],
    [['Range: bytes=0-9'], 206, [0, 9]],
    [['Range: bytes=990-'], 206, [990, 999]],
    [['Range: bytes=990-5000'], 206, [990, 999]],
    [['Range: bytes=-10'], 206, [990, 999]],
    [['Range: bytes=-5000'], 206, [0, 999]],
    [['Range: bytes=0-'], 206, [0, 999]],
    [['Range: BYTES=5-6'], 206, [5, 6]],
    [['Range: bytes=0-0,-1'], 206, [0, 0], [999, 999]],
    [['Range: bytes=0-9, 20-29 ,900-'], 206, [0, 9], [20, 29], [900, 999]],
    [['Range: bytes=20-29,0-9'], 206, [20, 29], [0, 9]],
    [['Range: bytes=0-9,5000-'], 206, [0, 9]],
    [['Range: bytes=0-499,500-999'], 206, [0, 499], [500, 999]],
    [['Range: bytes=' . join ',', map { "$_-$_" } 1 .. 64], 206, map { [$_, $_] } 1 .. 64],
    [['Range: bytes=' . join ',', map { "$_-$_" } 1 .. 65], 200],
    [['Range: bytes=' . join ',', map { $_ % 10 . '-' } 1 .. 10_000], 200],
    [['Range: bytes=' . '0-,' x 10_000], 200],
    [['Range: bytes=' . ',' x 20_000], 200],
    [['Range: bytes=0-,0-'], 200],
    [['Range: bytes=0-600,400-999'], 200],
    [['Range: bytes=1000-'], 416],
    [['Range: bytes=-0'], 416],
    [['Range: bytes=1000-1001,-0'], 416],
    [['Range: bytes=99999999999999999999-'], 416],
    [['Range: bytes=9-1'], 200],
    [['Range: bytes=a-b'], 200],
    [['Range: bytes='], 200],
    [['Range: bytes'], 200],
    [['Range: lines=1-2'], 200],
    [['Range: bytes=1-2', 'Range: bytes=3-4'], 200],
    [['Range: bytes=0-9', "If-Range: $tag"], 206, [0, 9]],
    [['Range: bytes=0-9', "If-Range: W/$tag"], 200],
    [['Range: bytes=0-9', 'If-Range: "x"'], 200],
    [['Range: bytes=0-9', "If-Range: $date"], 206, [0, 9]],
    [['Range: bytes=0-9', "If-Range: $late"], 200],
    [['Range: bytes=0-9', "If-Range: $early"], 200],
    [['Range: bytes=5000-', 'If-Range: "x"'], 200],
    [["If-Range: $tag"], 200],
    [["If-None-Match: $tag"], 304],
    [["If-None-Match: W/$tag"], 304],
    [["If-None-Match: \"x\", $tag"], 304],
    [['If-None-Match: "x"', "If-None-Match: $tag"], 304],
    [['If-None-Match: *'], 304],
    [['If-None-Match: "x"'], 200],
    [['If-None-Match: x'], 200],
    [["If-Modified-Since: $date"], 304],
    [["If-Modified-Since: $late"], 304],
    [["If-Modified-Since: $early"], 200],
    [['If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT'], 304],
    [['If-Modified-Since: Sun Nov  6 08:49:37 1994'], 304],
    [['If-Modified-Since: soon'], 200],
    [["If-Modified-Since: $late", 'If-None-Match: "x"'], 200],
    [["If-Modified-Since: $early", "If-None-Match: $tag"], 304],
    [["If-Match: $tag"], 200],
    [['If-Match: *'], 200],
    [["If-Match: \"x\", $tag"], 200],
    [["If-Match: W/$tag"], 412],
    [['If-Match: "x"'], 412],
    [['If-Match: x'], 412],
    [["If-Unmodified-Since: $date"], 200],
    [["If-Unmodified-Since: $late"], 200],
    [["If-Unmodified-Since: $early"], 412],
    [["If-Unmodified-Since: $early", "If-Match: $tag"], 200],
    [['If-Match: "x"', "If-None-Match: $tag"], 412],
    [["If-Match: $tag", "If-None-Match: $tag"], 304],
    [["If-Match: $tag", 'Range: bytes=0-9'], 206, [0, 9]],
    [['If-Match: "x"', 'Range: bytes=0-9'], 412],
    [["If-None-Match: $tag", 'Range: bytes=0-9'], 304],
    [["If-Modified-Since: $early", 'Range: bytes=0-9'], 206, [0, 9]],
    [["If-Unmodified-Since: $early", 'Range: bytes=5000-'], 412],
);

# The parts of a multipart body: [type, content range, bytes].
sub parts {
    my ($r) = @_;
    my ($boundary) = (field($r, 'content-type') // '') =~ m{^multipart/byteranges; boundary=(\w+)$} or return;
    my $body = "\r\n$r->{body}";
    my @parts;
    while ($body =~ s/\A\r\n--$boundary\r\n((?:[^\r\n]+\r\n)+)\r\n//) {
        my %head = $1 =~ /^([^:]+): ([^\r]*)\r$/mg;
        my ($first, $last) = ($head{'Content-Range'} // '') =~ /^bytes (\d+)-(\d+)\/\d+$/ or return;
        push @parts, [$head{'Content-Type'}, $head{'Content-Range'}, substr $body, 0, $last - $first + 1, ''];
    }
    return $body eq "\r\n--$boundary--\r\n" ? @parts : ();
}

my $c = client($port);
my $n = 0;
for my $row (@rows) {
    my ($fields, $status, @ranges) = @$row;
    my $name = join ' | ', map { length > 50 ? substr($_, 0, 47) . '...' : $_ } @$fields;
    if (++$n % 50 == 0) { $c->close; $c = client($port); }
    $c->send(join "\r\n", 'GET /thousand.txt HTTP/1.1', 'Host: a.test', @$fields, '', '');
    my $r = $c->response;
    is $r->{status}, $status, "$name: $status";
    if ($status == 206 && @ranges == 1) {
        is $r->{body}, cut(@{$ranges[0]}), "$name: bytes";
        is field($r, 'content-range'), "bytes $ranges[0][0]-$ranges[0][1]/1000", "$name: Content-Range";
    } elsif ($status == 206) {
        is_deeply [parts($r)], [map { ['text/plain; charset=utf-8', "bytes $_->[0]-$_->[1]/1000", cut(@$_)] }
            @ranges], "$name: parts";
        is field($r, 'content-range'), undef, "$name: no Content-Range";
    } elsif ($status == 200) {
        is $r->{body}, $text, "$name: all of it";
        is field($r, 'content-range'), undef, "$name: no Content-Range";
    } elsif ($status == 416) {
        is field($r, 'content-range'), 'bytes */1000', "$name: Content-Range";
    } elsif ($status == 304) {
        is field($r, 'etag'), $tag, "$name: ETag";
        is field($r, 'last-modified'), $date, "$name: Last-Modified";
        is field($r, 'content-type'), undef, "$name: nothing about a body";
    }
    is field($r, 'etag'), $tag, "$name: ETag" if $status =~ /^20/;
}
$c->close;

# Other files: target, range, status, body
for my $row (
    ['/one.txt', 'bytes=0-0', 206, 'x'],
    ['/one.txt', 'bytes=-1', 206, 'x'],
    ['/one.txt', 'bytes=1-', 416],
    ['/empty.txt', 'bytes=0-0', 200, ''],
    ['/empty.txt', 'bytes=-1', 200, ''],
    ['/nothing.txt', 'bytes=0-0', 404],
    ) {
    my ($target, $range, $status, $body) = @$row;
    my $r = get($port, $target, "Range: $range");
    is $r->{status}, $status, "$target $range: $status";
    is $r->{body}, $body, "$target $range: body" if defined $body;
}

subtest 'a huge file' => sub {
    my $size = -s "$root/huge.bin";
    my $r = get($port, '/huge.bin', 'Range: bytes=-7');
    is $r->{body}, 'the-end', 'its end';
    is field($r, 'content-range'), sprintf('bytes %d-%d/%d', $size - 7, $size - 1, $size), 'where it is';
    is get($port, '/huge.bin', 'Range: bytes=' . ($size - 7) . '-')->{body}, 'the-end', 'by its first byte';
    my $head = request($port, "HEAD /huge.bin HTTP/1.1\r\nHost: a.test\r\n\r\n");
    is field($head, 'content-length'), $size, 'its length';
    my $slow = client($port, rcvbuf => 16384);
    $slow->send("GET /huge.bin HTTP/1.1\r\nHost: a.test\r\n\r\n");
    ok $slow->read_until(qr/\r\n\r\n/), 'all of it begins';
    is length($slow->take(1 << 20)), 1 << 20, 'and goes on';
    $slow->close;
};

subtest 'large ranges' => sub {
    for my $where (1, 2) {
        my %opt = $where == 2 ? (tls => {SSL_hostname => 'a.test'}) : ();
        my $name = $where == 2 ? 'TLS' : 'plain';
        my $r = get($usherd->port($where), '/big.bin', 'Range: bytes=1-1000000', {%opt});
        ok $r->{body} eq substr($big, 1, 1_000_000), "$name: one";
        $r = get($usherd->port($where), '/big.bin', 'Range: bytes=0-399999,500000-999999,1000000-1000009',
            {%opt});
        my @parts = parts($r);
        is scalar @parts, 3, "$name: three";
        ok $parts[0][2] eq substr($big, 0, 400_000), "$name: the first";
        ok $parts[1][2] eq substr($big, 500_000, 500_000), "$name: the second";
        ok $parts[2][2] eq substr($big, 1_000_000, 10), "$name: the third";
        is $parts[0][0], 'application/octet-stream', "$name: the type";
    }
};

subtest 'HEAD' => sub {
    for my $row (['Range: bytes=0-9', 200], ["If-None-Match: $tag", 304], ['If-Match: "x"', 412],
        ['Range: bytes=5000-', 200]) {
        my ($field, $status) = @$row;
        my $r = request($port, "HEAD /thousand.txt HTTP/1.1\r\nHost: a.test\r\n$field\r\n\r\n");
        is $r->{status}, $status, "$field: $status";
        is field($r, 'content-length'), 1000, "$field: the whole length" if $status == 200;
        is $r->{body}, '', "$field: no body";
    }
};

subtest 'a file that may change unseen has no strong validator' => sub {
    utime time + 3600, time + 3600, "$root/new.txt";    # later than just now
    my $r    = get($port, '/new.txt');
    my $weak = field($r, 'etag');
    my $d    = field($r, 'last-modified');
    like $weak, qr{^W/"}, 'a weak tag';
    is get($port, '/new.txt', "If-None-Match: $weak")->{status}, 304, 'good enough for If-None-Match';
    is get($port, '/new.txt', "If-Match: $weak")->{status}, 412, 'but not for If-Match';
    is get($port, '/new.txt', 'Range: bytes=0-9', "If-Range: $weak")->{status}, 200, 'nor for a range';
    is get($port, '/new.txt', 'Range: bytes=0-9', "If-Range: $d")->{status}, 200, 'no more than the date';
};

$usherd->stop;
done_testing;
