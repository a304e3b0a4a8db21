<?php
// PHP's sysvsem extension (a plug-in that PHP loads with RTLD_DEEPBIND). Ends with "checked N".
declare(strict_types=1);

$checked = 0;

function check(string $what, mixed $got, mixed $wanted): void
{
    global $checked;
    if ($got !== $wanted) {
        $words = 'got ' . var_export($got, true) . ', wanted ' . var_export($wanted, true);
        fwrite(STDERR, "$what: $words\n");
        exit(1);
    }
    echo "$what = ", var_export($got, true), "\n";
    $checked++;
}

$key = 0x50000000 | (getmypid() & 0xffffff);
$semaphore = sem_get($key, 2, 0600, true);
check('sem_get', $semaphore instanceof SysvSemaphore, true);
check('first acquire', sem_acquire($semaphore), true);
$second = sem_get($key, 2, 0600, true);
$third = sem_get($key, 2, 0600, true);
check('second acquire without waiting', sem_acquire($second, true), true);
check('third acquire without waiting', @sem_acquire($third, true), false);
check('release', sem_release($second), true);
check('third acquire after the release', sem_acquire($third, true), true);
check('release of what is not held', @sem_release($second), false);
check('release the others', [sem_release($semaphore), sem_release($third)], [true, true]);
check('remove', sem_remove($semaphore), true);
check('gone', @sem_acquire($semaphore, true), false);

// A holder in another process, killed: its acquire is undone.
$key += 2;
$code = '$s = sem_get((int) $argv[1], 1, 0600, true); sem_acquire($s); echo "held\n"; sleep(60);';
$child = proc_open(
    [PHP_BINARY, '-d', 'display_errors=1', '-r', $code, '--', (string) $key],
    [1 => ['pipe', 'w']],
    $pipes
);
check('holder is ready', fgets($pipes[1]), "held\n");
$semaphore = sem_get($key, 1, 0600, true);
check('held by the other process', @sem_acquire($semaphore, true), false);
proc_terminate($child, 9);
check('acquired after its death', sem_acquire($semaphore), true);
proc_close($child);
check('removed', sem_remove($semaphore), true);

echo "checked $checked\n";
