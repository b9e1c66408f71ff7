package Test::Certs;

# Certificates made at test time, in a directory of the test's own.
#
#	my $pki = certs();                             # with a certificate authority "root"
#	my $shop = $pki->leaf(shop => names => ['shop.test', '*.shop.test'], type => 'rsa');
#	"certificate = $shop->{pair}"                  # two paths: chain and key
#	$pki->file('root')                             # the CA's certificate, for clients
#
# Every certificate is a hash: name, cert and key (paths), pair (both), fingerprint (SHA-256 of the
# leaf, in hexadecimal), serial. What is made under a name that exists replaces its files, each of
# them in one step.

use strict;
use warnings;
use Digest::SHA 'sha256_hex';
use Exporter 'import';
use File::Temp ();
use IO::Socket::SSL::Utils;
use MIME::Base64 'decode_base64';
use Net::SSLeay;
use POSIX ();

our @EXPORT_OK = qw(certs fingerprint_of);

my $DAY = 86400;

# certs(%options): options are dir (where the files go; default: one of their own).
sub certs {
    my (%opt) = @_;
    my $dir = $opt{dir} // File::Temp->newdir('usherd-certs-XXXXXX', TMPDIR => 1);
    chmod 0755, "$dir";
    my $self = bless {dir => $dir, made => {}, serial => 0x1000 + int rand 0x10000000}, __PACKAGE__;
    $self->ca('root');
    return $self;
}

sub dir  { return "$_[0]{dir}" }
sub file { my ($self, $name) = @_; return $self->{made}{$name}{cert} }

# Makes an authority; options as those of leaf(). Without `issuer` it is self-signed.
sub ca {
    my ($self, $name, %opt) = @_;
    return $self->_make($name, days => 3650, %opt, authority => 1);
}

# Makes a certificate for servers and clients. Options: names (subject alternative names, an address
# becomes one of type IP), issuer (the name of an authority, default root; 'self': self-signed), type
# (ec | rsa | p384 | ed25519), days (from now until the end, may be negative or a fraction), since
# (days before now that it begins, default 1), subject (hash), mode (of the key file, default 0600),
# passphrase (of the key file), chain (names of the authorities that follow in the file), key (of the
# certificate of that name instead of a new one), purpose (server | client; default both).
sub leaf {
    my ($self, $name, %opt) = @_;
    return $self->_make($name, days => 90, issuer => 'root', %opt);
}

sub _make {
    my ($self, $name, %opt) = @_;
    my $issuer = $opt{issuer} && $opt{issuer} ne 'self' ? $self->{made}{$opt{issuer}} : undef;
    my $handle = $opt{key} ? $self->{made}{$opt{key}}{handle}[1] : _new_key($opt{type} // 'ec');
    my $serial = $self->{serial}++;
    my ($cert) = CERT_create(
        serial     => $serial,
        key        => $handle,
        not_before => int(time - ($opt{since} // 1) * $DAY),
        not_after  => int(time + $opt{days} * $DAY),
        subject    => $opt{subject} // {commonName => ($opt{names} // [$name])->[0]},
        $issuer ? (issuer => $issuer->{handle}) : (),
        $opt{names} ? (subjectAltNames => [map { [_is_address($_) ? 'IP' : 'DNS', $_] } @{$opt{names}}]) : (),
        $opt{authority} ? (purpose => 'ca,crlsign') : (purpose => $opt{purpose} // 'server,client'),
    );
    my $made = $self->{made}{$name} = {
        name => $name, handle => [$cert, $handle], serial => sprintf('%X', $serial),
        cert => "$self->{dir}/$name.pem", key => "$self->{dir}/$name.key", issuer => $opt{issuer}};
    $made->{pair} = "$made->{cert} $made->{key}";
    $made->{pem}  = PEM_cert2string($cert);
    $made->{fingerprint} = _fingerprint($made->{pem});
    my $chain = join '', map { $self->{made}{$_}{pem} } @{$opt{chain} // []};
    _write($made->{cert}, $made->{pem} . $chain, 0644);
    _write($made->{key}, PEM_key2string($handle), $opt{mode} // 0600);
    _encrypt($made->{key}, $opt{passphrase}) if defined $opt{passphrase};
    return $made;
}

sub _is_address { return $_[0] =~ /\A[0-9.]+\z|:/ }

sub _new_key {
    my ($type) = @_;
    return KEY_create_rsa(2048)         if $type eq 'rsa';
    return KEY_create_ec('prime256v1')  if $type eq 'ec';
    return KEY_create_ec('secp384r1')   if $type eq 'p384';
    my $pem = `openssl genpkey -algorithm $type 2>/dev/null`;
    die "openssl genpkey: $type\n" if $?;
    return PEM_string2key($pem);
}

sub _write {
    my ($path, $text, $mode) = @_;
    open my $f, '>:raw', "$path.new" or die "$path.new: $!";
    chmod $mode, "$path.new" or die "$path.new: $!";
    print $f $text or die "$path.new: $!";
    close $f or die "$path.new: $!";
    rename "$path.new", $path or die "$path: $!";
    return;
}

sub _encrypt {
    my ($path, $passphrase) = @_;
    _run('openssl', 'pkcs8', '-topk8', '-v2', 'aes-256-cbc', '-in', $path, '-out', "$path.new",
        '-passout', "pass:$passphrase");
    rename "$path.new", $path or die "$path: $!";
    return;
}

sub _run {
    my (@command) = @_;
    open my $out, '-|', 'sh', '-c', 'exec "$@" 2>&1', 'sh', @command or die "$command[0]: $!";
    my $text = do { local $/; <$out> };
    close $out or die "@command: $text";
    return;
}

# The SHA-256 of the first certificate in a PEM text, or of an X509 handle.
sub fingerprint_of {
    my ($x509) = @_;
    return _fingerprint(ref $x509 || $x509 =~ /^\d+$/ ? PEM_cert2string($x509) : $x509);
}

sub _fingerprint {
    my ($pem) = @_;
    my ($base64) = $pem =~ /-----BEGIN CERTIFICATE-----(.*?)-----END/s or die 'no certificate';
    return sha256_hex(decode_base64($base64));
}

# crl($issuer, @revoked): writes the list of revoked certificates (by name) of an authority; returns
# its path.
sub crl {
    my ($self, $issuer, @revoked) = @_;
    my $base = "$self->{dir}/$issuer-crl";
    my $expiry = POSIX::strftime('%y%m%d%H%M%SZ', gmtime time + 30 * $DAY);
    my $when   = POSIX::strftime('%y%m%d%H%M%SZ', gmtime time - $DAY / 2);
    _write("$base.index", join('', map {
        my $serial = $self->{made}{$_}{serial};
        $serial = "0$serial" if length($serial) % 2;
        "R\t$expiry\t$when\t$serial\tunknown\t/CN=$_\n";
    } @revoked), 0644);
    _write("$base.cnf", "[ca]\ndefault_ca=x\n[x]\ndatabase=$base.index\ndefault_md=sha256\n"
        . "default_crl_days=30\n", 0644);
    my $ca = $self->{made}{$issuer};
    _run('openssl', 'ca', '-gencrl', '-config', "$base.cnf", '-cert', $ca->{cert}, '-keyfile', $ca->{key},
        '-out', "$base.pem.new");
    rename "$base.pem.new", "$base.pem" or die "$base.pem: $!";
    return "$base.pem";
}

1;
