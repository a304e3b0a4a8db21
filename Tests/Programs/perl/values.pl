# A helper of the test script, itself an ordinary Perl program:
#   values.pl id ID       prints the values of a set
#   values.pl make KEY    makes a set of one semaphore, mode 0600, and prints its id
#   values.pl own         makes a set, uses it, removes it
use strict;
use warnings;
use IPC::SysV qw(IPC_PRIVATE IPC_CREAT IPC_EXCL IPC_RMID GETALL GETVAL);

my ($what, $number) = @ARGV;
if ($what eq 'id') {
  my $values = '';
  semctl($number, 0, GETALL, $values) or die "GETALL: $!\n";
  print join(' ', unpack 's!*', $values), "\n";
} elsif ($what eq 'make') {
  my $id = semget($number, 1, IPC_CREAT | IPC_EXCL | 0600);
  defined $id or die "semget: $!\n";
  print "$id\n";
} elsif ($what eq 'own') {
  my $id = semget(IPC_PRIVATE, 1, IPC_CREAT | 0600);
  defined $id or die "semget: $!\n";
  semop($id, pack('s!3', 0, 3, 0)) or die "semop: $!\n";
  semctl($id, 0, GETVAL, 0) == 3 or die "GETVAL\n";
  semctl($id, 0, IPC_RMID, 0) or die "IPC_RMID: $!\n";
  print "own set works\n";
} else {
  die "usage: values.pl id ID | make KEY | own\n";
}
