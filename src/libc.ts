// The system calls that Node does not have, by libc through koffi (docs/decisions/0003-dhcp-sockets.md and 0008-system-calls.md).
// Calls return the result, not negative, or the code of the system's error; nothing here throws.
import { getSystemErrorName } from 'node:util';
import { ipAt, writeIp } from './wire/ip.ts';

/** Flags of files, as asm-generic/fcntl.h has them; SOCK_ and EFD_ flags are the same. */
const O_CLOEXEC = 0o2000000;
const O_NONBLOCK = 0o4000;
const F_DUPFD_CLOEXEC = 1030;
const RUSAGE_THREAD = 1;
/** The index of ru_nvcsw among the longs of struct rusage. */
const RU_NVCSW = 16;

/** Linux, the same on every architecture of koffi (asm-generic/socket.h); sockets of MIPS and SPARC differ. */
export const SOCKET = {
  AF_UNIX: 1,
  AF_INET: 2,
  AF_NETLINK: 16,
  AF_PACKET: 17,
  NETLINK_ROUTE: 0,
  SOCK_DGRAM_CLOEXEC_NONBLOCK: 2 | O_CLOEXEC | O_NONBLOCK,
  SOCK_RAW_CLOEXEC_NONBLOCK: 3 | O_CLOEXEC | O_NONBLOCK,
  SOL_IP: 0,
  IP_MTU_DISCOVER: 10,
  IP_MTU: 14,
  IP_PMTUDISC_PROBE: 3,
  IPPROTO_ICMP: 1,
  SOL_SOCKET: 1,
  SO_REUSEADDR: 2,
  SO_RCVBUF: 8,
  SO_PEERCRED: 17,
  SO_BINDTODEVICE: 25,
  SOL_TCP: 6,
  TCP_CORK: 3,
  TCP_INFO: 11,
  SOL_UDP: 17,
  UDP_SEGMENT: 103,
} as const;

/** flock(2). */
export const LOCK = { EXCLUSIVE: 2, NONBLOCKING: 4 } as const;

/** epoll_ctl(2) and epoll_wait(2); epoll(7) explains edges. */
export const EPOLL = {
  CTL_ADD: 1,
  CTL_DEL: 2,
  CTL_MOD: 3,
  IN: 0x001,
  OUT: 0x004,
  ET: 0x8000_0000,
} as const;

export type Called = number | { code: string };

export interface Libc {
  socket(domain: number, type: number, protocol: number): Called;
  setsockopt(fd: number, level: number, name: number, value: Uint8Array): Called;
  /** Fills the value; returns 0. */
  getsockopt(fd: number, level: number, name: number, value: Buffer): Called;
  /** @param address a struct sockaddr: see `socketAddress` */
  bind(fd: number, address: Uint8Array): Called;
  /** For a datagram socket: sets where its packets go. */
  connect(fd: number, address: Uint8Array): Called;
  /** Fills the struct sockaddr with the socket's own address. */
  getsockname(fd: number, address: Buffer): Called;
  /** Sends `length` bytes of the buffer as one datagram; `EAGAIN` when the socket does not block and has no room. */
  sendto(fd: number, bytes: Uint8Array, length: number, address: Uint8Array): Called;
  /** Fills the buffer with a datagram, or the part that fits, and the struct sockaddr with its sender; returns the bytes. */
  recvfrom(fd: number, bytes: Uint8Array, address: Uint8Array): Called;
  close(fd: number): Called;
  /** Sets an extended attribute; does not follow a link. @param path its bytes, without the zero at the end */
  lsetxattr(path: Uint8Array, name: string, value: Uint8Array): Called;
  /** The names of the extended attributes; none where they cannot be listed. */
  llistxattr(path: Uint8Array): string[];
  lremovexattr(path: Uint8Array, name: string): Called;
  /** Returns the value of an extended attribute, or the code of the system's error; does not follow a link. */
  lgetxattr(path: Uint8Array, name: string): Buffer | { code: string };
  /** Returns the index of a network interface, which changes when the interface is created again; undefined when there is none. */
  interfaceIndex(name: string): number | undefined;
  /** Sends from a file, at a position, to a socket; returns the bytes that the socket took, 0 at the end of the file, or `EAGAIN`. */
  sendfile(socket: number, file: number, position: number, length: number): Called;
  /** Returns how often this thread has gone to sleep so far: voluntary context switches (getrusage(2), RUSAGE_THREAD). */
  sleeps(): number;
  /** Locks an open file, or unlocks it: `EAGAIN` when another open file has the lock and `NONBLOCKING` is set. */
  flock(fd: number, operation: number): Called;
  /** Returns another descriptor of the same open file or connection, which stays open when the first is closed. */
  duplicate(fd: number): Called;
  /** Returns a descriptor that is readable while its counter is not 0; reads and writes take 8 bytes (eventfd(2)). */
  eventfd(): Called;
  epollCreate(): Called;
  /** @param event a struct epoll_event: see `Readiness` */
  epollControl(epoll: number, operation: number, fd: number, event: Uint8Array): Called;
  /** Fills the buffer with struct epoll_event and returns their number. Waits at most `milliseconds`, and blocks the thread. */
  epollWait(epoll: number, events: Buffer, most: number, milliseconds: number): Called;
}

let loaded: Promise<Libc> | undefined;

/** Loads the library, once; rejects where it is missing. */
export function loadLibc(): Promise<Libc> {
  loaded ??= load();
  return loaded;
}

async function load(): Promise<Libc> {
  const { default: koffi } = await import('koffi');
  const libc = koffi.load(null);
  const makeSocket = libc.func('int socket(int domain, int type, int protocol)');
  const setOption = libc.func('int setsockopt(int fd, int level, int name, const uint8_t *value, uint32_t length)');
  const getOption = libc.func(
    'int getsockopt(int fd, int level, int name, _Out_ uint8_t *value, _Inout_ uint32_t *length)',
  );
  const bind = libc.func('int bind(int fd, const uint8_t *address, uint32_t length)');
  const connectTo = libc.func('int connect(int fd, const uint8_t *address, uint32_t length)');
  const getName = libc.func('int getsockname(int fd, void *address, void *length)');
  const sendTo = libc.func(
    'int64_t sendto(int fd, const void *bytes, size_t length, int flags, const void *address, uint32_t size)',
  );
  const receiveFrom = libc.func(
    'int64_t recvfrom(int fd, void *bytes, size_t length, int flags, void *address, void *size)',
  );
  const listAttributes = libc.func('int64_t llistxattr(const uint8_t *path, void *list, size_t size)');
  const getAttribute = libc.func('int64_t lgetxattr(const uint8_t *path, const char *name, void *value, size_t size)');
  const removeAttribute = libc.func('int lremovexattr(const uint8_t *path, const char *name)');
  const close = libc.func('int close(int fd)');
  const setAttribute = libc.func(
    'int lsetxattr(const uint8_t *path, const char *name, const uint8_t *value, size_t size, int flags)',
  );
  const nameToIndex = libc.func('unsigned int if_nametoindex(const char *name)');
  const sendFile = libc.func('int64_t sendfile(int out, int in, int64_t *position, size_t length)');
  const getUsage = libc.func('int getrusage(int who, void *usage)');
  const fileControl = libc.func('int fcntl(int fd, int command, ...)');
  const lockFile = libc.func('int flock(int fd, int operation)');
  const makeEvent = libc.func('int eventfd(unsigned int value, int flags)');
  const makeEpoll = libc.func('int epoll_create1(int flags)');
  const controlEpoll = libc.func('int epoll_ctl(int epoll, int operation, int fd, const uint8_t *event)');
  const waitEpoll = libc.func('int epoll_wait(int epoll, _Out_ uint8_t *events, int most, int milliseconds)');
  // Belongs to this thread. Read as memory, right after the call: another call in between could meet one of V8's own that fails
  const errno = new Int32Array(koffi.view(libc.func('void *__errno_location()')(), Int32Array.BYTES_PER_ELEMENT));
  const addressSize = new Uint32Array(1);
  const position = new BigInt64Array(1);
  // struct rusage: two times of two longs each, and fourteen longs
  const usage = koffi.sizeof('long') === 8 ? new BigInt64Array(18) : new Int32Array(18);
  const called = (result: number): Called =>
    result >= 0 ? Number(result) : { code: getSystemErrorName(-(errno[0] ?? 0)) };
  return {
    socket: (domain, type, protocol) => called(makeSocket(domain, type, protocol)),
    setsockopt: (fd, level, name, value) => called(setOption(fd, level, name, value, value.length)),
    getsockopt: (fd, level, name, value) => called(getOption(fd, level, name, value, [value.length])),
    bind: (fd, address) => called(bind(fd, address, address.length)),
    connect: (fd, address) => called(connectTo(fd, address, address.length)),
    getsockname(fd, address) {
      addressSize[0] = address.length;
      return called(getName(fd, address, addressSize));
    },
    sendto: (fd, bytes, length, address) => called(sendTo(fd, bytes, length, 0, address, address.length)),
    recvfrom(fd, bytes, address) {
      addressSize[0] = address.length;
      return called(receiveFrom(fd, bytes, bytes.length, 0, address, addressSize));
    },
    close: fd => called(close(fd)),
    llistxattr(path) {
      // Linux has no longer list (XATTR_LIST_MAX).
      const list = Buffer.alloc(65_536);
      const length = Number(listAttributes(Buffer.concat([path, Buffer.alloc(1)]), list, list.length));
      return length > 0 ? list.toString('latin1', 0, length).split('\0').filter(Boolean) : [];
    },
    lgetxattr(path, name) {
      // Linux has no longer value (XATTR_SIZE_MAX).
      const value = Buffer.alloc(65_536);
      const length = called(getAttribute(Buffer.concat([path, Buffer.alloc(1)]), name, value, value.length));
      return typeof length === 'number' ? Buffer.from(value.subarray(0, length)) : length;
    },
    lremovexattr: (path, name) => called(removeAttribute(Buffer.concat([path, Buffer.alloc(1)]), name)),
    lsetxattr: (path, name, value) =>
      called(setAttribute(Buffer.concat([path, Buffer.alloc(1)]), name, value, value.length, 0)),
    interfaceIndex: name => Number(nameToIndex(name)) || undefined,
    sendfile(socket, file, from, length) {
      position[0] = BigInt(from);
      return called(sendFile(socket, file, position, length));
    },
    sleeps() {
      getUsage(RUSAGE_THREAD, usage);
      return Number(usage[RU_NVCSW]);
    },
    flock: (fd, operation) => called(lockFile(fd, operation)),
    duplicate: fd => called(fileControl(fd, F_DUPFD_CLOEXEC, 'int', 0)),
    eventfd: () => called(makeEvent(0, O_CLOEXEC | O_NONBLOCK)),
    epollCreate: () => called(makeEpoll(O_CLOEXEC)),
    epollControl: (epoll, operation, fd, event) => called(controlEpoll(epoll, operation, fd, event)),
    epollWait: (epoll, events, most, milliseconds) => called(waitEpoll(epoll, events, most, milliseconds)),
  };
}

/** Returns the result of a system call; throws the code of its error, as Node does. */
export function check(called: Called): number {
  if (typeof called === 'number') return called;
  const { code } = called;
  throw Object.assign(new Error(code), { code });
}

/** Returns an int as setsockopt takes it. */
export function nativeInt(value: number): Buffer {
  return Buffer.from(Int32Array.of(value).buffer);
}

/** Returns the address and port of a struct sockaddr_in. */
export function readSocketAddress(bytes: Buffer): { address: string; port: number } {
  return { address: ipAt(bytes, 4), port: bytes.readUInt16BE(2) };
}

/** Returns a struct sockaddr_in: family in the machine's order, port and address in the network's. */
export function socketAddress(address: string, port: number): Buffer {
  const bytes = Buffer.alloc(16);
  Buffer.from(Uint16Array.of(SOCKET.AF_INET).buffer).copy(bytes, 0);
  bytes.writeUInt16BE(port, 2);
  writeIp(bytes, 4, address);
  return bytes;
}

/** Returns a struct sockaddr_un (unix(7)). @param path that of a socket, or `@` and the name of an abstract one */
export function unixAddress(path: string): Buffer {
  const family = Buffer.from(Uint16Array.of(SOCKET.AF_UNIX).buffer);
  return Buffer.concat([family, Buffer.from(path.startsWith('@') ? `\0${path.slice(1)}` : `${path}\0`)]);
}
