// The thread of the TFTP server, which falls over in the middle of a file of a certain length, or by a promise in the middle of another.
const { copy } = Buffer.prototype;

Buffer.prototype.copy = function (this: Buffer, into: Uint8Array, at?: number, start?: number, end?: number) {
  if (this.length === 1013 && (start ?? 0) > 0) throw new Error('this file is too much');
  if (this.length === 1019 && (start ?? 0) > 0) void Promise.reject(new Error('this file was promised too much'));
  return copy.call(this, into, at, start, end);
};

await import('../../src/tftp/thread.ts');
