/* The least that can be done with datagrams: a blocking recvmmsg loop that throws them away.
 * Usage: recv PORT. Says "ready", and on SIGTERM how many came. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SLOTS 128
#define BYTES 2048

static char buffers[SLOTS][BYTES];
static volatile unsigned long received;

static void tell(int signal)
{
    char text[32];
    int length = snprintf(text, sizeof text, "%lu\n", received);
    (void)signal;
    (void)!write(1, text, length);
    _exit(0);
}

int main(int argc, char **argv)
{
    struct mmsghdr headers[SLOTS];
    struct iovec vectors[SLOTS];
    struct sockaddr_in here = { .sin_family = AF_INET };
    int wanted = 8 << 20; /* the kernel grants what rmem_max allows, as to us */
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (argc != 2)
        return 2;
    here.sin_port = htons(atoi(argv[1]));
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &wanted, sizeof wanted);
    if (bind(fd, (struct sockaddr *)&here, sizeof here)) {
        perror("bind");
        return 1;
    }
    signal(SIGTERM, tell);
    memset(headers, 0, sizeof headers);
    for (int i = 0; i < SLOTS; i++) {
        vectors[i].iov_base = buffers[i];
        vectors[i].iov_len = BYTES;
        headers[i].msg_hdr.msg_iov = &vectors[i];
        headers[i].msg_hdr.msg_iovlen = 1;
    }
    puts("ready");
    fflush(stdout);
    for (;;) {
        int n = recvmmsg(fd, headers, SLOTS, MSG_WAITFORONE, NULL);
        if (n > 0)
            received += n;
    }
}
