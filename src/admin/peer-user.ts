// The user at the other end of the admin socket, as the kernel knows it: SO_PEERCRED (unix(7)), which Node cannot read.
import type { Socket } from 'node:net';
import { userName } from '../accounts.ts';
import { loadLibc, SOCKET } from '../libc.ts';

export interface PeerUsers {
  /** Returns the user's number; undefined when it is not available. */
  uidOf(socket: Socket): number | undefined;
  /** Returns the user's name in /etc/passwd; `uid 1234` for a user who is not in it. */
  nameOf(uid: number): string;
}

/** struct ucred: pid, uid and gid, 32 bits each, in the machine's order. */
const UCRED_BYTES = 12;
const NOBODY = 0xffffffff;

/** Loads the library; without it, no user is known. */
export async function peerUsers(): Promise<PeerUsers> {
  const ask = await credentialsReader().catch(() => undefined);
  const uids = new WeakMap<Socket, number>();
  return {
    uidOf(socket) {
      const known = uids.get(socket);
      if (known !== undefined) return known;
      // Node has no public field for the descriptor; without it the user stays unknown.
      const fd = (socket as { _handle?: { fd?: unknown } | null })._handle?.fd;
      const uid = typeof fd === 'number' && fd >= 0 ? ask?.(fd) : undefined;
      if (uid !== undefined) uids.set(socket, uid);
      return uid;
    },
    nameOf: uid => userName(uid) ?? `uid ${uid}`,
  };
}

async function credentialsReader(): Promise<(fd: number) => number | undefined> {
  const libc = await loadLibc();
  return fd => {
    const value = Buffer.alloc(UCRED_BYTES);
    if (typeof libc.getsockopt(fd, SOCKET.SOL_SOCKET, SOCKET.SO_PEERCRED, value) !== 'number') return undefined;
    const [, uid] = new Uint32Array(value.buffer, value.byteOffset, 3);
    return uid === NOBODY ? undefined : uid;
  };
}

/**
 * Returns the user for the audit trail. Root may act for others: `sudo muster` names its caller. If another user names somebody else,
 * the trail has both names.
 */
export function whoIs(claimed: string, uid: number | undefined, nameOf: (uid: number) => string): string {
  if (uid === undefined || uid === 0) return claimed;
  const name = nameOf(uid);
  return claimed === name || claimed === 'unknown' ? name : `${name} as ${claimed}`;
}
