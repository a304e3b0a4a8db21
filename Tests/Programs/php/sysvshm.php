<?php
// Every function of PHP's sysvshm and shmop extensions, with a second process.
// Ends with "checked N".
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

// Runs PHP code with the key as its argument; what it printed.
function elsewhere(string $code, int $key): string
{
    $command = [PHP_BINARY, '-r', $code, '--', (string) $key];
    $child = proc_open($command, [1 => ['pipe', 'w']], $pipes);
    $printed = stream_get_contents($pipes[1]);
    proc_close($child);
    return $printed;
}

// --- sysvshm: PHP values by number ---
$key = 0x52000000 | (getmypid() & 0xffffff);
$memory = shm_attach($key, 20000, 0600);
check('shm_attach', $memory instanceof SysvSharedMemory, true);
check('no value yet', shm_has_var($memory, 1), false);
check('put', shm_put_var($memory, 1, ['Omega' => [1, 2, 3]]), true);
check('put another', shm_put_var($memory, 2, str_repeat('long ', 1000)), true);
check('there', shm_has_var($memory, 1), true);
check('get', shm_get_var($memory, 1), ['Omega' => [1, 2, 3]]);
check('get the other', strlen(shm_get_var($memory, 2)), 5000);
check('no room', @shm_put_var($memory, 3, str_repeat('x', 20000)), false);
$code = '$m = shm_attach((int) $argv[1]); echo json_encode(shm_get_var($m, 1));
    shm_put_var($m, 4, "from " . "elsewhere");';
check('read elsewhere', elsewhere($code, $key), '{"Omega":[1,2,3]}');
check('written elsewhere', shm_get_var($memory, 4), 'from elsewhere');
check('remove a value', shm_remove_var($memory, 1), true);
check('removed', shm_has_var($memory, 1), false);
check('others stay', shm_get_var($memory, 4), 'from elsewhere');
check('detach', shm_detach($memory), true);
$memory = shm_attach($key);
check('attached again', shm_get_var($memory, 4), 'from elsewhere');
check('remove', shm_remove($memory), true);
check('usable until the end', shm_get_var($memory, 4), 'from elsewhere');
check('detach', shm_detach($memory), true);

// --- shmop: bytes ---
$key++;
check('not there', @shmop_open($key, 'a', 0, 0), false);
$segment = shmop_open($key, 'n', 0640, 100);
check('shmop_open', $segment instanceof Shmop, true);
check('exclusive', @shmop_open($key, 'n', 0640, 100), false);
check('shmop_size', shmop_size($segment), 100);
check('write', shmop_write($segment, 'Omega', 95), 5);
check('read', shmop_read($segment, 93, 7), "\0\0Omega");
$reader = shmop_open($key, 'a', 0, 0);
check('read-only', shmop_read($reader, 95, 5), 'Omega');
try {
    shmop_write($reader, 'x', 0);
    check('not reached', true, false);
} catch (Error $error) {
    check('refused', $error->getMessage(), 'Read-only segment cannot be written');
}
$code = '$s = shmop_open((int) $argv[1], "w", 0, 0); shmop_write($s, "elsewhere", 0);
    echo shmop_read($s, 95, 5);';
check('read elsewhere', elsewhere($code, $key), 'Omega');
check('written elsewhere', shmop_read($reader, 0, 10), "elsewhere\0");
check('delete', shmop_delete($segment), true);
check('still readable', shmop_read($segment, 0, 9), 'elsewhere');
check('its key is free', @shmop_open($key, 'a', 0, 0), false);

echo "checked $checked\n";
