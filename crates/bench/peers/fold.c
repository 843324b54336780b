/* The least that counts: such a program is what the target of row udp-redis was set by. One thread: drain the socket with recvmmsg, sleep
 * 5 ms, find the name between the last quotes, add it up in a table, and once a second one Lua call for a thousand
 * names. Nothing is checked, decoded, kept for a retry, numbered or expired.
 * Usage: fold PORT REDIS-PORT DATE. Says "ready". */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SLOTS 256
#define BYTES 2048
#define TABLE 65536 /* a power of two, far more than there are names */
#define NAME 64
#define BATCH 1000
#define WORD "$%zu\r\n%s\r\n"

struct name {
    char text[NAME];
    unsigned length, count;
};

static char buffers[SLOTS][BYTES];
static struct name table[TABLE];
static unsigned dirty[TABLE], dirty_count;
static char script_sha[41], request[BATCH * 128 + 256];
static int redis;

static int dial(int type, int port, int (*use)(int, const struct sockaddr *, socklen_t))
{
    struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons(port) };
    int fd = socket(AF_INET, type, 0);
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (use(fd, (struct sockaddr *)&here, sizeof here)) {
        perror("socket");
        exit(1);
    }
    return fd;
}

/* Sends a request and reads one short answer. */
static void ask(size_t length, char *answer, size_t room)
{
    size_t got = 0;
    ssize_t step = 1;
    for (size_t sent = 0; sent < length && step > 0; sent += step > 0 ? step : 0)
        step = write(redis, request + sent, length - sent);
    while (step > 0 && (!got || answer[got - 1] != '\n'))
        if ((step = read(redis, answer + got, room - 1 - got)) > 0)
            got += step;
    answer[got] = 0;
    if (step <= 0 || answer[0] == '-') {
        fprintf(stderr, "Redis: %s", step > 0 ? answer : "gone\n");
        exit(1);
    }
}

static void load_script(const char *date)
{
    char script[1024], answer[256];
    snprintf(script, sizeof script,
        "local sum = 0 for i = 1, #ARGV, 2 do local name, n = ARGV[i], ARGV[i + 1] "
        "redis.call('INCRBY', 'repo:' .. name, n) redis.call('INCRBY', 'repo:%s:' .. name, n) "
        "redis.call('HINCRBY', 'track:' .. name .. ':hit:%s', '12', n) "
        "redis.call('HINCRBY', 'track:' .. name .. ':hit:%s:12', '30', n) "
        "sum = sum + n end "
        "redis.call('INCRBY', 'counted', sum) redis.call('XADD', 'changes', 'MAXLEN', '~', '3600', '*', 'sum', sum)",
        date, date, date);
    ask(sprintf(request, "*3\r\n$6\r\nSCRIPT\r\n$4\r\nLOAD\r\n" WORD, strlen(script), script), answer, sizeof answer);
    /* $40, and on a line of its own the hash. */
    memcpy(script_sha, strchr(answer, '\n') + 1, 40);
}

static void flush_names(void)
{
    char answer[256];
    for (unsigned from = 0; from < dirty_count; from += BATCH) {
        unsigned to = from + BATCH < dirty_count ? from + BATCH : dirty_count;
        char *at = request;
        at += sprintf(at, "*%u\r\n$7\r\nEVALSHA\r\n" WORD "$1\r\n0\r\n", 3 + 2 * (to - from), (size_t)40, script_sha);
        for (unsigned i = from; i < to; i++) {
            struct name *name = &table[dirty[i]];
            char count[16];
            int digits = sprintf(count, "%u", name->count);
            name->count = 0;
            at += sprintf(at, "$%u\r\n", name->length);
            at = mempcpy(at, name->text, name->length);
            at += sprintf(at, "\r\n$%d\r\n%s\r\n", digits, count);
        }
        ask(at - request, answer, sizeof answer);
    }
    dirty_count = 0;
}

static void count(const char *line, unsigned length)
{
    const char *end = line + length - 1, *start;
    unsigned hash = 2166136261u, at, size;
    if (length < 3 || *end != '"' || !(start = memrchr(line, '"', length - 1)))
        return;
    size = end - ++start;
    if (size >= NAME)
        return;
    for (unsigned i = 0; i < size; i++)
        hash = (hash ^ (unsigned char)start[i]) * 16777619u;
    for (at = hash % TABLE; table[at].length; at = (at + 1) % TABLE)
        if (table[at].length == size && !memcmp(table[at].text, start, size))
            break;
    if (!table[at].length) {
        memcpy(table[at].text, start, size);
        table[at].length = size;
    }
    if (!table[at].count++)
        dirty[dirty_count++] = at;
}

int main(int argc, char **argv)
{
    struct mmsghdr headers[SLOTS];
    struct iovec vectors[SLOTS];
    struct timespec pause = { 0, 5000000 }, now;
    int wanted = 8 << 20, fd;
    time_t flushed = 0;
    if (argc != 4)
        return 2;
    fd = dial(SOCK_DGRAM, atoi(argv[1]), bind);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &wanted, sizeof wanted);
    redis = dial(SOCK_STREAM, atoi(argv[2]), connect);
    load_script(argv[3]);
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
        int n = recvmmsg(fd, headers, SLOTS, MSG_DONTWAIT, NULL);
        for (int i = 0; i < n; i++)
            count(buffers[i], headers[i].msg_len);
        clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
        if (now.tv_sec != flushed) {
            flushed = now.tv_sec;
            flush_names();
        }
        if (n < SLOTS)
            nanosleep(&pause, NULL);
    }
}
