// Why dnf or yum failed: the repository that is to blame, the reason in their words, and what to do about it.
import { MusterError } from '../../errors.ts';
import { type RunResult, toolFailed } from '../../process/run.ts';
import type { Source } from './recipe.ts';

/** Repositories whose metadata cannot be had, in the words of dnf and of yum. */
export const UNREACHED = /Failed to download metadata for repo '([^']+)'|Cannot find a valid baseurl for repo: (\S+)/;

/** One of yum's variables, whose values are files below /etc/dnf/vars (dnf.conf(5), "Variables"). */
export const VARIABLE = /\$\{?([A-Za-z]\w*)/;

const UNSIGNED = /^.*(?:is not signed|GPG check FAILED|Public key for .* is not installed).*$/m;

/** A package that no mirror of its repository has, or has whole. dnf does not say which repository. */
const NOT_HAD = /^\s*(\S+): Cannot download, all mirrors were already tried/m;

/** Returns the error with the repository to blame first: dnf's last words are seldom the reason. `sources` are those of the distro. */
export function dnfFailure(what: string, result: RunResult, sources: readonly Source[] = []): MusterError {
  const text = `${result.stderr}\n${result.stdout}`;
  return unreached(text) ?? badKey(what, result, sources) ?? notWhole(text, sources) ?? unsigned(what, result);
}

function unreached(text: string): MusterError | undefined {
  const found = UNREACHED.exec(text);
  if (!found) return undefined;
  const why = /^\s*- (.*)$/m.exec(text)?.[1] ?? /^Error: (.*)$/m.exec(text)?.[1] ?? '';
  const name = found[1] ?? found[2];
  const variable = VARIABLE.exec(why)?.[1];
  return new MusterError('tool-failed', `The repository ${name} cannot be read: ${why}`, {
    hint:
      variable === undefined
        ? 'Its URLs: muster repo ls -l; in the image, they stand in /etc/yum.repos.d.'
        : `Nothing gives $${variable} a value: write one to /etc/dnf/vars/${variable} of this machine, or put it into the URL: muster repo ls ${name} -l`,
  });
}

/** A key that cannot be had, or that is not the one which signed a package: dnf names the key, and so the repository. */
function badKey(what: string, result: RunResult, sources: readonly Source[]): MusterError | undefined {
  const text = `${result.stderr}\n${result.stdout}`;
  const source = sources.find(({ keys }) => keys.some(key => text.includes(key)));
  if (!source) return undefined;
  const { message } = unsigned(what, result);
  return new MusterError('tool-failed', `The keys of the repository ${source.name} are no good: ${message}`, {
    hint: `Give those that sign its packages: muster repo -i ${source.name} update keys=URL; or take packages as they come: muster repo -i ${source.name} update check=false`,
  });
}

function notWhole(text: string, sources: readonly Source[]): MusterError | undefined {
  const lost = NOT_HAD.exec(text)?.[1];
  if (lost === undefined || UNSIGNED.test(text)) return undefined;
  const [name, ...more] = sources.map(source => source.name);
  const whose = name === undefined ? 'A repository' : `The repository ${[name, ...more].join(' or ')}`;
  return new MusterError('tool-failed', `${whose} lists ${lost}, and does not have it whole.`, {
    hint: `Its mirror is damaged, or being renewed: try again later, or another mirror: muster repo -i ${name ?? 'NAME'} update urls=URL`,
  });
}

function unsigned(what: string, result: RunResult): MusterError {
  const found = UNSIGNED.exec(`${result.stderr}\n${result.stdout}`);
  const words = found ? `${found[0].trim()}; ` : '';
  return toolFailed(what, { ...result, stderr: words + (result.stderr || result.stdout) });
}
