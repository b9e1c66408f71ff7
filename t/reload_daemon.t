# All of reload.t once more, with daemons in the place of processes in the foreground.

use strict;
use warnings;
use FindBin '$Bin';

local $ENV{USHERD_BACKGROUND} = 1;
defined do "$Bin/reload.t" or die $@ || $!;
