// Written granules of an overlay in memory: limited, and gone when the daemon ends.
import { NoSpaceError } from './block-device.ts';
import { OVERLAY_GRANULE, type OverlayStore } from './overlay-device.ts';

/** @param limit bytes that may be written in total; more is `NoSpaceError` */
export function memoryStore(limit: number): OverlayStore {
  const granules = new Map<number, Buffer>();
  return {
    has: granule => granules.has(granule),
    ready: () => true,
    load: async () => {},
    read(target, at, length, position) {
      for (let done = 0; done < length; ) {
        const offset = (position + done) % OVERLAY_GRANULE;
        const count = Math.min(length - done, OVERLAY_GRANULE - offset);
        granules.get(Math.floor((position + done) / OVERLAY_GRANULE))?.copy(target, at + done, offset, offset + count);
        done += count;
      }
    },
    async write(data, position) {
      const first = Math.floor(position / OVERLAY_GRANULE);
      const count = data.length / OVERLAY_GRANULE;
      let fresh = 0;
      for (let index = 0; index < count; index += 1) if (!granules.has(first + index)) fresh += 1;
      if ((granules.size + fresh) * OVERLAY_GRANULE > limit) {
        throw new NoSpaceError(`the overlay in memory is full: it may have ${limit} bytes`);
      }
      for (let index = 0; index < count; index += 1) {
        const kept = granules.get(first + index) ?? Buffer.allocUnsafeSlow(OVERLAY_GRANULE);
        data.copy(kept, 0, index * OVERLAY_GRANULE, (index + 1) * OVERLAY_GRANULE);
        granules.set(first + index, kept);
      }
    },
    flush: async () => {},
    close: async () => granules.clear(),
  };
}
