/* Omega IPC: System V IPC in userspace, for C programs. Link with -lomega.
 *
 * Each function takes the same arguments and returns the same results as the call it is named after
 * (semget(2), msgget(2) and so on): -1 and errno on failure. Types and constants are those of
 * <sys/ipc.h>, <sys/sem.h>, <sys/msg.h> and <sys/shm.h>. The objects are those of the namespace in OMEGA_IPC_NAMESPACE, a
 * directory, or else of the user's own in /dev/shm; the kernel's are not touched. */
#ifndef OMEGA_IPC_H
#define OMEGA_IPC_H

#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
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

/* The identifier of the message queue with this key, made if asked for. msgget(2). */
int omega_msgget(key_t key, int flags);

/* Sends `size` bytes behind a long, the type, which is above 0. May block; a cancellation point. msgsnd(2). */
int omega_msgsnd(int msqid, const void *message, size_t size, int flags);

/* Receives a message of a type, at most `size` bytes; their number. May block; a cancellation point.
 * msgrcv(2). */
ssize_t omega_msgrcv(int msqid, void *message, size_t size, long type, int flags);

/* Control commands. msgctl(2). */
int omega_msgctl(int msqid, int command, struct msqid_ds *buffer);

/* The identifier of the memory segment with this key, made if asked for. shmget(2). */
int omega_shmget(key_t key, size_t size, int flags);

/* Attaches a segment; its address, or (void *)-1. shmat(2). */
void *omega_shmat(int shmid, const void *address, int flags);

/* Detaches what begins at this address. shmdt(2). */
int omega_shmdt(const void *address);

/* Control commands. shmctl(2). */
int omega_shmctl(int shmid, int command, struct shmid_ds *buffer);

#ifdef __cplusplus
}
#endif

#endif
