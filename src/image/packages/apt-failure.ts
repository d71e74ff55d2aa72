// Why apt could not make an image: the repository at fault, the reason in apt's words, and the remedy.
import { MusterError } from '../../errors.ts';
import { type RunResult, toolFailed } from '../../process/run.ts';
import type { Recipe, Source } from './recipe.ts';

/** Messages of apt and mmdebstrap that report a failure without the reason. */
const EMPTY =
  /^E: (?:apt-get .* failed|setup failed: .*|mmdebstrap failed to run|Some index files failed to download.*|run_\w+ failed.*)$/;

interface Rule {
  says: RegExp;
  remedy(repo: string, distro: string): string;
}

/** By apt's message; the first match counts. */
const RULES: readonly Rule[] = [
  {
    says: /is expired/,
    remedy: repo =>
      `The mirror is outdated, or the release is archived. Use another mirror: muster repo -i ${repo} update urls=URL; or accept it unchecked: muster repo -i ${repo} update check=false`,
  },
  {
    says: /NOSPLIT|require authentication/,
    remedy: () => 'Something else answers, such as a proxy or a login page. Check the URL with curl.',
  },
  { says: /is not valid yet/, remedy: () => "Its date is in the future. Check this machine's clock." },
  {
    says: /EXPKEYSIG|NO_PUBKEY|BADSIG|is not signed/,
    remedy: repo =>
      `Give the key that signs it: muster repo -i ${repo} update keys=URL; or accept unchecked packages: muster repo -i ${repo} update check=false`,
  },
  {
    says: /does not have a Release file|404 /,
    remedy: (repo, distro) =>
      `Its URL and the release must match: muster repo -i ${repo} update urls=URL; muster distro -i ${distro} update release=SUITE`,
  },
  {
    says: /Unable to locate package|has no installation candidate/,
    remedy: (_repo, distro) =>
      `Give the distro a repo that has it: muster distro -i ${distro} update repos=NAMES; other components than main: urls=URL#SUITE/main+contrib`,
  },
  {
    says: /Failed to fetch|Hash Sum mismatch|unexpected size/,
    remedy: repo => `Try again later, or use another mirror: muster repo -i ${repo} update urls=URL`,
  },
];

/** The error of an image that mmdebstrap could not make. */
export function aptFailure({ release, distro, sources }: Recipe, result: RunResult): MusterError {
  const text = `${result.stderr}\n${result.stdout}`;
  const reasons = [...text.matchAll(/^(?:E|W): .*$/gm)].map(([line]) => line).filter(line => !EMPTY.test(line));
  // A warning may be intended, as for a repo that is not checked.
  const rule = RULES.find(({ says }) => reasons.some(line => line.startsWith('E:') && says.test(line)));
  const told = rule ? reasons.filter(line => rule.says.test(line)) : [];
  if (!rule || /No space left on device/i.test(text)) return toolFailed(`mmdebstrap ${release}`, result);
  const repo = told.map(line => sourceIn(line, sources)).find(source => source !== undefined);
  const words = [...new Set(told.map(line => line.replace(/^[EW]: /, '')))].slice(0, 4).join('; ');
  const whose = repo
    ? `The repository ${repo.name} cannot be used`
    : `The repos of the distro ${distro} are not enough`;
  return new MusterError('tool-failed', `${whose}: ${words}`, {
    hint: rule.remedy(repo?.name ?? sources[0]?.name ?? 'NAME', distro),
  });
}

function sourceIn(line: string, sources: readonly Source[]): Source | undefined {
  const isIn = (url: string): boolean => line.includes((url.split('#')[0] ?? url).replace(/\/+$/, ''));
  return sources.find(({ urls }) => urls.some(isIn));
}
