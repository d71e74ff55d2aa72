// Why dnf or yum failed: the repository at fault, the reason in their words, and the remedy.
import { MusterError } from '../../errors.ts';
import { type RunResult, toolFailed } from '../../process/run.ts';
import type { Source } from './recipe.ts';

/** Repositories without readable metadata, in the words of dnf and of yum. */
export const UNREACHED = /Failed to download metadata for repo '([^']+)'|Cannot find a valid baseurl for repo: (\S+)/;

/** One of yum's variables, whose values are files below /etc/dnf/vars (dnf.conf(5), "Variables"). */
export const VARIABLE = /\$\{?([A-Za-z]\w*)/;

const UNSIGNED = /^.*(?:is not signed|GPG check FAILED|Public key for .* is not installed).*$/m;

/** A package that no mirror of its repository has, or has complete. dnf does not name the repository. */
const NOT_HAD = /^\s*(\S+): Cannot download, all mirrors were already tried/m;

/** Returns the error with the repository at fault first, because dnf's last words are seldom the reason. `sources` belong to the distro. */
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
        ? 'muster repo ls -l shows its URLs; in the image, they are in /etc/yum.repos.d.'
        : `$${variable} has no value: write one to /etc/dnf/vars/${variable} on this machine, or put it into the URL (muster repo ls ${name} -l)`,
  });
}

/** A key that cannot be fetched, or that did not sign a package: dnf names the key, and so the repository. */
function badKey(what: string, result: RunResult, sources: readonly Source[]): MusterError | undefined {
  const text = `${result.stderr}\n${result.stdout}`;
  const source = sources.find(({ keys }) => keys.some(key => text.includes(key)));
  if (!source) return undefined;
  const { message } = unsigned(what, result);
  return new MusterError('tool-failed', `The keys of the repository ${source.name} do not work: ${message}`, {
    hint: `Give the keys that sign its packages: muster repo -i ${source.name} update keys=URL; or accept unchecked packages: muster repo -i ${source.name} update check=false`,
  });
}

function notWhole(text: string, sources: readonly Source[]): MusterError | undefined {
  const lost = NOT_HAD.exec(text)?.[1];
  if (lost === undefined || UNSIGNED.test(text)) return undefined;
  const [name, ...more] = sources.map(source => source.name);
  const whose = name === undefined ? 'A repository' : `The repository ${[name, ...more].join(' or ')}`;
  return new MusterError('tool-failed', `${whose} lists ${lost}, but has only a part of it.`, {
    hint: `Its mirror is damaged or being updated. Try again later, or use another mirror: muster repo -i ${name ?? 'NAME'} update urls=URL`,
  });
}

function unsigned(what: string, result: RunResult): MusterError {
  const found = UNSIGNED.exec(`${result.stderr}\n${result.stdout}`);
  const words = found ? `${found[0].trim()}; ` : '';
  return toolFailed(what, { ...result, stderr: words + (result.stderr || result.stdout) });
}
