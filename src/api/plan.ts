// What one boot needs, as `explain` returns it.
import type { Zod } from '../issue.ts';

const file = (z: Zod) => ({
  blob: z.string().describe('the stored file'),
  offset: z.number().describe('first byte in the stored file'),
  size: z.number().describe('bytes'),
  sha256: z.string().describe('of those bytes'),
});

export const bootPlan = (z: Zod) =>
  z.object({
    node: z.object({ uid: z.string(), name: z.string(), mac: z.string(), ip: z.string(), hostname: z.string() }),
    style: z.string(),
    styleSource: z.string().describe('where the style comes from'),
    rwLayer: z.string(),
    bootConfig: z.object({ uid: z.string(), name: z.string(), release: z.string(), source: z.string() }),
    kernel: z.object(file(z)).nullable().describe("null for a style that boots the node's own disk"),
    initramfs: z.object(file(z)).nullable(),
    cmdline: z.string(),
    image: z.object({ ...file(z), uid: z.string(), name: z.string(), unpacked: z.number() }).nullable(),
    sanboot: z
      .object({ words: z.string().optional(), image: z.boolean().optional(), iscsi: z.boolean() })
      .optional()
      .describe('style sanboot: what iPXE boots'),
    disk: z
      .object({ cache: z.string(), root: z.string(), wipe: z.boolean() })
      .optional()
      .describe("style disked: the node's own disks"),
    layout: z
      .object({
        disks: z.array(z.string()).describe('a line per disk to partition when it is empty'),
        mounts: z.array(z.string()).describe('a line per partition that the system uses, in order'),
      })
      .optional()
      .describe("what _disk_layout says for this boot's style"),
    iscsiOverlay: z.string().optional().describe("where the head keeps the node's writes to its iSCSI disk"),
    install: z
      .object({
        kind: z.string(),
        repo: z
          .object({
            uid: z.string(),
            name: z.string(),
            url: z.string(),
            iso: z.object({ blob: z.string(), size: z.number() }).optional(),
          })
          .optional(),
        kickstart: z.string().optional().describe('the file with its answers'),
      })
      .optional()
      .describe("style live: the installer's tree and answers"),
    once: z.string().optional().describe('the value of `_boot_once` that chose the style'),
    iscsiDigests: z.boolean(),
    statusSeconds: z.number().describe('seconds between heartbeats'),
  });
