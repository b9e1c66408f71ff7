# The examples of the manual and of etc/ are configurations without an error or a warning.

use strict;
use warnings;
use File::Basename 'dirname';
use File::Path 'make_path';
use Test::More;
use Test::Certs 'certs';
use Test::Usherd;

my $pki  = certs();
my $leaf = $pki->leaf(example => names => ['example.com', '*.example.com']);

my $LIST = qr/^(?:bind|server|include|response_set|rewrite)$/;

# An example that is a part, with what it needs to be a whole.
sub whole {
    my ($text) = @_;
    $text .= "[listen web]\nbind = 8080\n" unless $text =~ /^\[listen /m;
    unless ($text =~ /^(?:backend|split|files|bucket) = /m) {
        my ($backend) = $text =~ /^\[backend (\w+)\]/m;
        $text .= "[route all]\npath = /*\nbackend = " . ($backend // 'app') . "\n";
    }
    $text .= "[backend app]\nserver = 10.0.0.11:8080\n"
        if $text =~ /^(?:backend|split) = .*\bapp\b/m && $text !~ /^\[backend app\]/m;
    return $text;
}

# Paths lead into a directory of the test's own, where the files that are named exist.
sub at_home {
    my ($text, $dir) = @_;
    $text =~ s{^(certificate) = .*}{$1 = $leaf->{pair}}mg;
    $text =~ s{(?<=[ \@])(/(?:etc|srv)/\S+)}{$dir$1}g;
    while ($text =~ m{(\Q$dir\E/\S+)}g) {
        my $path    = $1;
        my $is_file = $path =~ /\.\w+\z/;
        make_path($is_file ? dirname($path) : $path);
        spew($path, $path =~ /\.pem\z/ ? slurp($pki->file('root')) : 'x' x 40 . "\n") if $is_file;
    }
    return $text;
}

sub fine {
    my ($name, $text, %env) = @_;
    my $dir    = scratch();
    mkdir "$dir/conf.d";
    my $config = at_home($text, $dir);
    my $r      = run_usherd({dir => $dir, config => $config, env => \%env}, '-t');
    is $r->{status}, 0, $name or diag "$r->{err}$config";
    unlike $r->{err}, qr/warning/, '... without a warning' or diag $config;
    return;
}

subtest 'usherd.ini(5)' => sub {
    my ($examples) = slurp('man/usherd.ini.5') =~ /^\.Sh EXAMPLES\n(.*?)^\.Sh /ms;
    my @blocks = $examples =~ /^\.Bd -literal.*?\n(.*?)^\.Ed/msg;
    ok @blocks > 10, 'there are examples';
    for my $block (@blocks) {
        $block =~ s/\\e/\\/g;
        fine('[' . join('] [', $block =~ /^\[(.*)\]/mg) . ']', whole($block), IMAGES_KEY => 'key');
    }
};

# The file with the signs before its keys and sections taken away; what a section says once only is
# what it says last.
sub revealed {
    my ($text) = @_;
    my (@lines, %seen);
    my $section = '';
    for my $line (split /\n/, $text) {
        $line =~ s/^#(?=\[|\w+ = )//;
        $section = $line if $line =~ /^\[/;
        my ($key) = $line =~ /^(\w+) = /;
        my $again = defined $key && $key !~ $LIST ? $seen{"$section $key"} : undef;
        $lines[$again] = '' if defined $again;
        $seen{"$section $key"} = @lines if defined $key;
        push @lines, $line;
    }
    return join "\n", @lines, '';
}

subtest 'etc' => sub {
    my %env = (MEDIA_KEY => 'key');
    for my $file (sort glob 'etc/*.ini') { fine($file, slurp($file), %env) }
    fine('what is commented out', revealed(slurp('etc/usherd.ini')), %env);
};

done_testing;
