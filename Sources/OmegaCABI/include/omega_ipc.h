/* Omega IPC: System V semaphores in userspace, for C programs. Link with -lomega.
 *
 * Each function takes the same arguments and returns the same results as the call it is named after
 * (semget(2), semop(2), semctl(2)): -1 and errno on failure. Types and constants are those of
 * <sys/ipc.h> and <sys/sem.h>. The objects are those of the namespace in OMEGA_IPC_NAMESPACE, a
 * directory, or else of the user's own in /dev/shm; the kernel's are not touched. */
#ifndef OMEGA_IPC_H
#define OMEGA_IPC_H

#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/types.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The identifier of the set with this key, made if asked for. semget(2). */
int omega_semget(key_t key, int nsems, int flags);

/* Performs the operations all at once or sleeps until it can. May block. semop(2). */
int omega_semop(int semid, struct sembuf *operations, size_t count);

/* The same, for at most the given time. semtimedop(2). */
int omega_semtimedop(int semid, struct sembuf *operations, size_t count,
                     const struct timespec *timeout);

/* Control commands; the fourth argument is a union semun. semctl(2). */
int omega_semctl(int semid, int semnum, int command, ...);

#ifdef __cplusplus
}
#endif

#endif
