// The thread of the TFTP server, which crashes in the middle of a file of a certain length, by a promise in the middle of another,
// for lack of memory in the middle of a third, and hangs in the middle of a fourth.
const { copy } = Buffer.prototype;

Buffer.prototype.copy = function (this: Buffer, into: Uint8Array, at?: number, start?: number, end?: number) {
  if (this.length === 1013 && (start ?? 0) > 0) throw new Error('this file is too much');
  if (this.length === 1019 && (start ?? 0) > 0) void Promise.reject(new Error('this file was promised too much'));
  if (this.length === 1021 && (start ?? 0) > 0) fillMemory();
  if (this.length === 1009 && (start ?? 0) > 0) for (;;);
  return copy.call(this, into, at, start, end);
};

function fillMemory(): void {
  for (const kept: unknown[] = []; ; ) kept.push(new Array(1000).fill(kept.length));
}

await import('../../src/tftp/thread.ts');
