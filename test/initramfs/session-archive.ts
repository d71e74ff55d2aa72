// A session file, and the cpio archive (newc) that brings it to a node.

/** Lines NAME='value' for POSIX sh. */
export function sessionFile(values: Record<string, string | number>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}='${String(value).replaceAll("'", "'\\''")}'\n`)
    .join('');
}

export function sessionArchive(session: string): Buffer {
  return Buffer.concat([
    member('etc', 0o040755, Buffer.alloc(0)),
    member('etc/muster', 0o040700, Buffer.alloc(0)),
    member('etc/muster/session', 0o100600, Buffer.from(session)),
    member('TRAILER!!!', 0, Buffer.alloc(0)),
  ]);
}

/** Linux, Documentation/driver-api/early-userspace/buffer-format: 13 fields of 8 hex digits, name and data padded to 4. */
function member(name: string, mode: number, data: Buffer): Buffer {
  const fields = [0, mode, 0, 0, 1, 0, data.length, 0, 0, 0, 0, name.length + 1, 0];
  const header = `070701${fields.map(value => value.toString(16).padStart(8, '0')).join('')}${name}\0`;
  return Buffer.concat([padded(Buffer.from(header)), padded(data)]);
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}
