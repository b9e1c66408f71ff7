package Test::S3;

# A small store that speaks the S3 protocol, for origin(): it verifies signatures (AWS Signature
# Version 4) by a computation of its own, and keeps its objects as files.
#
#	my $store  = Test::S3->new(bucket => 'media', access => 'ID', secret => 'key');
#	my $origin = origin($store->handler);
#	$store->put('a b.txt', 'text', 'Content-Type' => 'text/plain');
#
# Options: region (us-east-1), virtual (the bucket stands in the Host), open (requests need no
# signature), no_if_range (knows none), token (that requests must have, of a key for a while). Keys
# that end with error/CODE/STATUS answer with that error.

use strict;
use warnings;
use Digest::MD5 'md5_hex';
use Digest::SHA qw(sha256_hex hmac_sha256 hmac_sha256_hex);
use File::Temp ();
use POSIX 'strftime';
use Test::Wire qw(field fields);
use Time::Local 'timegm';

my %REASON = (200 => 'OK', 204 => 'No Content', 206 => 'Partial Content', 304 => 'Not Modified');

sub new {
    my ($class, %opt) = @_;
    my $self = bless {region => 'us-east-1', dir => File::Temp->newdir('usherd-s3-XXXXXX', TMPDIR => 1), %opt},
        $class;
    return $self;
}

sub _file { my ($self, $key) = @_; return "$self->{dir}/" . sha256_hex($key) }

sub put {
    my ($self, $key, $body, %fields) = @_;
    my $head = join '', map { "$_: $fields{$_}\r\n" } sort keys %fields;
    Test::Usherd::spew($self->_file($key) . '.new', "$head\r\n$body");
    rename $self->_file($key) . '.new', $self->_file($key) or die "rename: $!";
    return;
}

sub object {
    my ($self, $key) = @_;
    my $text = Test::Usherd::slurp($self->_file($key)) // return;
    my ($head, $body) = split /(?<=\n)\r\n|\A\r\n/, $text, 2;
    return {head => $head, body => $body, etag => '"' . md5_hex($body) . '"'};
}

sub handler {
    my ($self) = @_;
    return sub {
        my ($r) = @_;
        my $answer = eval { $self->_answer($r) } // $@;
        return $r->{method} eq 'HEAD' ? $answer =~ s/(?<=\r\n\r\n).*//sr : $answer;
    };
}

# ---- responses

sub _respond {
    my ($status, $body, @fields) = @_;
    return join "\r\n", "HTTP/1.1 $status " . ($REASON{$status} // 'Error'),
        ($status == 204 || $status == 304 ? () : 'Content-Length: ' . length $body),
        'Server: AmazonS3', 'x-amz-request-id: 7', 'X-Amz-Meta-Color: red', 'Set-Cookie: store=1',
        'Strict-Transport-Security: max-age=1', 'Date: ' . strftime('%a, %d %b %Y %H:%M:%S GMT', gmtime),
        @fields, '', $body;
}

sub _error {
    my ($status, $code, $more) = @_;
    return _respond($status, qq{<?xml version="1.0"?>\n<Error><Code>$code</Code><Message>store secret</Message>}
        . ($more // '') . '</Error>', 'Content-Type: application/xml');
}

# ---- signatures

sub _decode { return $_[0] =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ger }
sub _encode { return $_[0] =~ s{([^A-Za-z0-9\-._~/])}{sprintf '%%%02X', ord $1}ger }

sub _time_of {
    my ($date) = @_;
    my @part = $date =~ /\A(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z\z/ or return 0;
    return timegm(@part[5, 4, 3, 2], $part[1] - 1, $part[0]);
}

# Of a canonical request; the scope is of the form REGION/s3/aws4_request.
sub signature {
    my ($secret, $date, $scope, $canonical) = @_;
    my $day = substr $date, 0, 8;
    my $key = "AWS4$secret";
    $key = hmac_sha256($_, $key) for $day, split m{/}, $scope;
    return hmac_sha256_hex(join("\n", 'AWS4-HMAC-SHA256', $date, "$day/$scope", sha256_hex($canonical)), $key);
}

# Dies with an error response.
sub _verify {
    my ($self, $r, $path) = @_;
    my $given = field($r, 'authorization') // die _error(403, 'AccessDenied');
    my ($id, $day, $scope, $names, $signature) = $given =~ m{\AAWS4-HMAC-SHA256\ Credential=([^/]+)/(\d{8})/
        ([^,]+),\ SignedHeaders=([a-z0-9;-]+),\ Signature=([0-9a-f]{64})\z}x or die _error(400, 'AuthorizationHeaderMalformed');
    die _error(400, 'AuthorizationHeaderMalformed') if $scope ne "$self->{region}/s3/aws4_request";
    die _error(403, 'InvalidAccessKeyId') if $id ne $self->{access};
    die _error(400, 'InvalidToken') if (field($r, 'x-amz-security-token') // '') ne ($self->{token} // '');
    my ($date, $hash) = map { field($r, $_) // '' } 'x-amz-date', 'x-amz-content-sha256';
    die _error(403, 'RequestTimeTooSkewed') if abs(_time_of($date) - time) > 900 || $date !~ /\A$day/;
    die _error(400, 'XAmzContentSHA256Mismatch') if $hash ne 'UNSIGNED-PAYLOAD' && $hash ne sha256_hex($r->{body} // '');
    my %signed = map { $_ => 1 } split /;/, $names;
    my @missing = grep { !$signed{$_} } 'host', grep { /\A(?:x-amz-|if-|range\z)/ } map { $_->[0] } @{$r->{fields}};
    die _error(403, 'AccessDenied', "unsigned @missing") if @missing;
    my $canonical = join "\n", $r->{method}, _encode(_decode($path)), '',
        (map { "$_:" . join ',', map { s/\A\s+|\s+\z//gr =~ s/\s+/ /gr } fields($r, $_) } split /;/, $names),
        '', $names, $hash;
    die _error(403, 'SignatureDoesNotMatch', $canonical)
        if signature($self->{secret}, $date, $scope, $canonical) ne $signature;
    return;
}

# ---- requests

sub _answer {
    my ($self, $r) = @_;
    my $path = $r->{target};
    return _error(400, 'InvalidArgument') if $path =~ /\?/ || @{$r->{problems} // []};
    $self->_verify($r, $path) unless $self->{open};
    my ($bucket, $key) = $self->{virtual} ? (field($r, 'host') =~ /\A([^.]+)\./, substr $path, 1)
        : $path =~ m{\A/([^/]*)/(.*)\z}s;
    return _error(404, 'NoSuchBucket') if ($bucket // '') ne $self->{bucket};
    $key = _decode($key);
    return _error(500, 'ListingsAreForbidden') if $key eq '';
    return _error($2, $1, 'x' x ($3 // 0)) if $key =~ m{(?:\A|/)error/(\w+)/(\d+)(?:/(\d+))?\z};
    my $method = "_$r->{method}";
    return $self->can($method) ? $self->$method($r, $key) : _error(405, 'MethodNotAllowed');
}

sub _GET {
    my ($self, $r, $key) = @_;
    my $o = $self->object($key) or return _error(404, 'NoSuchKey');
    my @fields = ("ETag: $o->{etag}", 'Last-Modified: Mon, 01 Jan 2024 00:00:00 GMT', 'Accept-Ranges: bytes',
        split /\r\n/, $o->{head});
    my $match = field($r, 'if-match');
    return _error(412, 'PreconditionFailed') if defined $match && $match ne $o->{etag};
    return _respond(304, '', @fields) if (field($r, 'if-none-match') // '') =~ /(?:\A|, )\Q$o->{etag}\E\z/;
    my $if_range = field($r, 'if-range');
    my $stale    = defined $if_range && $if_range ne $o->{etag} && !$self->{no_if_range};
    my ($from, $to) = $stale ? () : (field($r, 'range') // '') =~ /\Abytes=(\d+)-(\d*)\z/;
    return _respond(200, $o->{body}, @fields) unless defined $from;
    my $size = length $o->{body};
    return _respond(416, '<Error><Code>InvalidRange</Code></Error>', "Content-Range: bytes */$size") if $from >= $size;
    $to = $size - 1 if $to eq '' || $to >= $size;
    return _respond(206, substr($o->{body}, $from, $to - $from + 1), @fields, "Content-Range: bytes $from-$to/$size");
}

sub _HEAD { my ($self, @rest) = @_; return $self->_GET(@rest) }

sub _PUT {
    my ($self, $r, $key) = @_;
    return _error(411, 'MissingContentLength') if $r->{framing} ne 'cl';
    return _error(412, 'PreconditionFailed') if (field($r, 'if-none-match') // '') eq '*' && $self->object($key);
    my $type = field($r, 'content-type');
    $self->put($key, $r->{body} // '', defined $type ? ('Content-Type' => $type) : ());
    return _respond(200, '', 'ETag: "' . md5_hex($r->{body} // '') . '"');
}

sub _DELETE {
    my ($self, $r, $key) = @_;
    unlink $self->_file($key);
    return _respond(204, '');
}

1;
