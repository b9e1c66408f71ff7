# -T gives back what a configuration means: the same values, as a file that has nothing to warn of.

use strict;
use warnings;
use Test::Certs 'certs';
use Test::More;
use Test::Usherd;

my $pki = certs();
my $ca  = $pki->file('root');
my $us  = $pki->leaf(us => names => ['us.test'])->{pair};

# Something other than the default for every group of keys that routes and backends inherit.
my %KEYS = (
    rewriting => "strip_prefix = /a\nadd_prefix = /b\nrewrite = ^/x /y\nrewrite_location = off\n",
    mirroring => "mirror = other sample=10%\n",
    limits    => "max_body = 2m\nbody_timeout = 5s\nbody_min_rate = 10/s\nsend_timeout = 5s\nhalf_close_timeout = 5s\n",
    times     => "connect_timeout = 2s\nfirst_byte_timeout = 5s\nread_timeout = 7s\nwrite_timeout = 7s\ntunnel_timeout = 7s\n",
    forwarding => "retries = 2\nrequest_buffering = on\nresponse_buffering = off\nwebsocket = off\nforwarded_headers = off\n"
        . "hide_server = on\nresponse_request_id = on\nvia = off\n",
    headers  => "headers = set\n",
    cors     => "cors = https://b.test\n",
    answers  => "maintenance = on\nerror_page = 404 %%DIR%%/404.html\nerror_page = 503 %%DIR%%/404.html\n",
    log      => "access_log = log\n",
    coding   => "compress = gzip\ncompress_types = text/html\ncompress_types = text/css\ncompress_min = 2k\n",
    files    => "index = a.html\nautoindex = on\ntry_files = \$uri =404\nprecompressed = gzip\nexpires = 1h\n",
    balance  => "balance = least_conn\nslow_start = 5s\nqueue = 5 when=full\nall_down = try_all\nretry_on = connect\n",
    sticky   => "sticky_secret = 0123456789abcdef0123\n",
    checks   => "check = off\neject = off\nresolve = 10s\n",
    keeping  => "keepalive_timeout = 5s\nkeepalive_requests = 5\nhost_header = server\n",
    tls      => "tls_verify = off\n",
    tls_ours => "tls_ca = $ca\ntls_certificate = $us\n",
    clients  => "tls_client_ca = $ca\nredirect_https = off\nhandshake_timeout = 5s\n",
    listener => "trusted_proxies = 10.0.0.1\nheader_timeout = 5s\nmax_header_size = 8k\n",
);

# Routes of every action, with a host and without; hosts that are routes; what they refer to.
my $SECTIONS = <<'END';
[listen web]
bind = 127.0.0.1:8080
[host plain]
names = plain.test
[host itself]
names = itself.test
backend = app
[host pages]
names = pages.test
files = %%DIR%%
[route forward]
host = plain
path = /forward
backend = app
[route split]
path = /split
split = 9:app 1:other
[route redirect]
host = plain
path = /redirect
redirect = 301 /new
[route respond]
path = /respond
respond = 200 text/plain "x"
[route files]
path = /files/*
files = %%DIR%%
[route bucket]
path = /bucket/*
bucket = store
[route copied]
path = /copied
backend = other
mirror = app
[backend app]
server = 127.0.0.1:3000
[backend other]
server = 127.0.0.1:3001
[bucket store]
endpoint = http://127.0.0.1:3002
name = media
[route set]
path = /set
headers = set
access_log = log
respond = 200 text/plain "x"
[headers set]
response_set = X-A: b
[log log]
path = %%DIR%%/access.log
format = json
member = env $$ of $http_x_env
member = port $remote_port
redact = Token cookie
END

sub values_of { return join "\n", grep { !/^\s*#/ } split /\n/, $_[0] }

# That what -T prints is fit, free of warnings, and prints itself.
sub holds {
    my ($name, $config) = @_;
    subtest $name => sub {
        my %opt   = (files => {'404.html' => 'gone'});
        my $check = run_usherd({%opt, config => $config}, '-t');
        like $check->{err}, qr/\Aconfiguration \S+ is fine\n\z/, '-t has nothing to say';
        my $first = run_usherd({%opt, dir => $check->{dir}, config => $config}, '-T');
        is $first->{status}, 0, '-T prints it' or diag $first->{err};
        my $again = run_usherd({dir => $check->{dir}, config => $first->{out}}, '-t');
        like $again->{err}, qr/\Aconfiguration \S+ is fine\n\z/, '-t has nothing to say of that';
        my $second = run_usherd({dir => $check->{dir}, config => $first->{out}}, '-T');
        is values_of($second->{out}), values_of($first->{out}), 'which prints itself';
    };
    return;
}

holds('defaults alone', $SECTIONS);
holds("$_ in [defaults]", "[defaults]\n$KEYS{$_}$SECTIONS") for sort keys %KEYS;
holds('all of them', join '', "[defaults]\n", @KEYS{sort keys %KEYS}, $SECTIONS);
holds("$_ in a host", $SECTIONS =~ s/^(names = plain.test\n)/$1$KEYS{$_}/mr)
    for qw(rewriting mirroring limits times forwarding headers cors answers log coding files);
holds("$_ in a backend", $SECTIONS =~ s/^(server = 127.0.0.1:3000\n)/$1$KEYS{$_}/mr)
    for qw(balance checks keeping);
holds('a host that clears what is in [defaults]',
    "[defaults]\n$KEYS{files}$KEYS{answers}" . $SECTIONS =~ s/^(names = plain.test\n)/$1try_files =\nerror_page =\n/mr);

# What is written in vain is told of still.
for my $vain (['route' => 'respond = 200', 'try_files = $uri =404'], ['backend' => 'server = 127.0.0.1:3001', "tls_certificate = $us"],
    ['backend' => 'server = 127.0.0.1:3001', 'sticky_secret = 0123456789abcdef0123']) {
    my ($kind, $before, $line) = @$vain;
    my ($key) = split / /, $line;
    my $r = run_usherd({config => $SECTIONS =~ s/^(\Q$before\E.*\n)/$1$line\n/mr}, '-t');
    like $r->{err}, qr/warning: \[$kind \S+\] $key: has no effect/, "$key in a $kind";
}

done_testing;
