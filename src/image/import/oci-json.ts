// The JSON documents of OCI layouts and of `docker save` (OCI image specification: image-index.md, manifest.md, descriptor.md). Words
// that are unknown are ignored, as the specification requires; words that change the meaning of the image are supported or refused.
import { z } from 'zod';
import { own } from '../../own.ts';

const digest = z.string().regex(/^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/, 'is not a digest');

const descriptor = z.object({
  mediaType: z.string().optional(),
  digest,
  size: z.number().int().nonnegative().optional(),
  platform: z.object({ architecture: z.string(), os: z.string(), variant: z.string().optional() }).optional(),
  annotations: z.record(z.string(), z.string()).nullish(),
});
export type Descriptor = z.infer<typeof descriptor>;

/** An index, or a manifest: an index names manifests, a manifest layers. */
export const document = z.object({
  schemaVersion: z.literal(2, 'must be 2').optional(),
  mediaType: z.string().optional(),
  artifactType: z.string().optional(),
  manifests: z.array(descriptor).optional(),
  config: descriptor.optional(),
  layers: z.array(descriptor).optional(),
});
export type Document = z.infer<typeof document>;

/** The part of an image's configuration with the digests of its unpacked layers. */
export const configuration = z.object({
  os: z.string().optional(),
  rootfs: z.object({ type: z.literal('layers', "must be 'layers'"), diff_ids: z.array(digest) }).optional(),
});

/** `manifest.json` of `docker save`: one entry per image. */
export const dockerList = z.array(
  z.object({
    Config: z.string().optional(),
    RepoTags: z.array(z.string()).nullish(),
    Layers: z.array(z.string()).nullish(),
  }),
);

/** Media types of layers that are tar archives; the first bytes show their compression. */
const LAYERS =
  /^application\/vnd\.(?:oci\.image\.layer\.(?:nondistributable\.)?v1\.tar(?:\+(?:gzip|zstd))?|docker\.image\.rootfs\.(?:diff|foreign\.diff)\.tar(?:\.(?:gzip|zstd))?)$/;

const CONFIGS = /^application\/vnd\.(?:oci\.image\.config\.v1|docker\.container\.image\.v1)\+json$/;

/** Returns why a manifest does not describe an image that muster can unpack; undefined when it does. */
export function manifestProblem({ artifactType, config, layers = [] }: Document): string | undefined {
  if (config?.mediaType !== undefined && !CONFIGS.test(config.mediaType))
    return `it is an artifact of the type ${artifactType ?? config.mediaType}, not an image`;
  for (const { mediaType } of layers)
    if (mediaType !== undefined && !LAYERS.test(mediaType))
      return `a layer is of the type ${mediaType}${mediaType.includes('encrypted') ? ': it must be decrypted first' : ', which is unknown'}`;
  return undefined;
}

/** Variants of a processor that every machine of its type supports, best first. */
const VARIANTS: Readonly<Record<string, readonly string[]>> = { amd64: ['v1'], arm64: ['v8'] };

/** Returns the manifests for a machine; those for a variant of its processor only when there is no plain one. */
export function forMachine(manifests: readonly Descriptor[], architecture: string): Descriptor[] {
  const fits = manifests.filter(
    ({ platform }) => !platform || (platform.architecture === architecture && platform.os === 'linux'),
  );
  if (fits.length < 2) return fits;
  const plain = fits.filter(({ platform }) => platform?.variant === undefined);
  if (plain.length > 0) return plain;
  for (const variant of own(VARIANTS, architecture) ?? []) {
    const those = fits.filter(({ platform }) => platform?.variant === variant);
    if (those.length > 0) return those;
  }
  return fits;
}
