// What the JSON documents of OCI layouts and of `docker save` say (OCI image specification: image-index.md, manifest.md, descriptor.md). Words
// that nobody knows are passed over, as the specification wants it; words that change what the image is are understood or refused.
import { z } from 'zod';
import { own } from '../../own.ts';

const digest = z.string().regex(/^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/, 'is no digest');

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

/** The part of an image's configuration that says what its layers are when unpacked. */
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

/** Media types of layers that are tape archives; whether and how they are compressed, their first bytes say. */
const LAYERS =
  /^application\/vnd\.(?:oci\.image\.layer\.(?:nondistributable\.)?v1\.tar(?:\+(?:gzip|zstd))?|docker\.image\.rootfs\.(?:diff|foreign\.diff)\.tar(?:\.(?:gzip|zstd))?)$/;

const CONFIGS = /^application\/vnd\.(?:oci\.image\.config\.v1|docker\.container\.image\.v1)\+json$/;

/** Why a manifest is none of an image that can be unpacked; undefined when it is one. */
export function manifestProblem({ artifactType, config, layers = [] }: Document): string | undefined {
  if (config?.mediaType !== undefined && !CONFIGS.test(config.mediaType))
    return `it is an artifact of the type ${artifactType ?? config.mediaType}, and no image`;
  for (const { mediaType } of layers)
    if (mediaType !== undefined && !LAYERS.test(mediaType))
      return `a layer is of the type ${mediaType}${mediaType.includes('encrypted') ? ': it must be decrypted first' : ', which is not known'}`;
  return undefined;
}

/** Variants of a processor that a machine of its kind certainly has, the best first. */
const VARIANTS: Readonly<Record<string, readonly string[]>> = { amd64: ['v1'], arm64: ['v8'] };

/** The manifests for a machine; those of a variant of its processor only when there is no plainer one. */
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
